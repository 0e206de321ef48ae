//! Publisher confirms: numbers for publishes, and as few answers as say it all.

use std::collections::VecDeque;

/// The publishes of a confirming channel that are not answered. Source: RabbitMQ, "Publisher
/// Confirms".
#[derive(Debug, Default)]
pub(super) struct Confirms {
    issued: u64,
    /// The state of each publish behind `issued - len`.
    states: VecDeque<State>,
    /// What changed since the last flush.
    changed: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Pending,
    Acked,
    Nacked,
    /// The peer knows.
    Answered,
}

/// What the engine said about a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is safe.
    Confirmed,
    /// A queue turned it down.
    Rejected,
}

/// One `basic.ack` or `basic.nack` to the publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The publish.
    pub(super) number: u64,
    /// For all older ones that are not answered, too.
    pub(super) is_multiple: bool,
    /// Ack or nack.
    pub(super) verdict: Verdict,
}

impl Confirms {
    /// The number of the next publish; the first is 1.
    pub(super) fn issue(&mut self) -> u64 {
        self.issued += 1;
        self.states.push_back(State::Pending);
        self.issued
    }

    /// Notes a verdict. Whether it is the first since the last flush.
    pub(super) fn note(&mut self, number: u64, verdict: Verdict) -> bool {
        let oldest = self.oldest();
        let at = number.checked_sub(oldest).and_then(|at| usize::try_from(at).ok());
        match at.and_then(|at| self.states.get_mut(at)) {
            Some(state @ State::Pending) => {
                *state = match verdict {
                    Verdict::Confirmed => State::Acked,
                    Verdict::Rejected => State::Nacked,
                };
                self.changed.push(number);
                self.changed.len() == 1
            }
            _ => false,
        }
    }

    /// Says what was noted since the last flush: one `multiple` for a run without gaps from the
    /// oldest, single answers for the rest.
    pub(super) fn flush(&mut self, mut say: impl FnMut(Answer)) {
        let mut run: Option<Answer> = None;
        while let Some(state) = self.states.front().copied() {
            let number = self.oldest();
            match state {
                State::Pending => break,
                State::Answered => {}
                State::Acked => {
                    let verdict = Verdict::Confirmed;
                    run = Some(Answer { number, is_multiple: run.is_some(), verdict });
                }
                State::Nacked => {
                    run.take().into_iter().for_each(&mut say);
                    say(Answer { number, is_multiple: false, verdict: Verdict::Rejected });
                }
            }
            self.states.pop_front();
        }
        run.into_iter().for_each(&mut say);
        let oldest = self.oldest();
        for number in self.changed.drain(..) {
            let at = number.checked_sub(oldest).and_then(|at| usize::try_from(at).ok());
            let Some(state) = at.and_then(|at| self.states.get_mut(at)) else { continue };
            let verdict = match state {
                State::Acked => Verdict::Confirmed,
                _ => Verdict::Rejected,
            };
            *state = State::Answered;
            say(Answer { number, is_multiple: false, verdict });
        }
    }

    /// The number of the oldest publish that is kept.
    fn oldest(&self) -> u64 {
        self.issued + 1 - self.states.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `said` is the flush after each `;`: `+3*` acks up to 3, `+3` acks 3, `-3` nacks 3.
    fn check(noted: &str, said: &str) {
        let mut confirms = Confirms::default();
        for number in 1..=9 {
            assert_eq!(confirms.issue(), number);
        }
        let mut found = Vec::new();
        for batch in noted.split(';') {
            for word in batch.split_whitespace() {
                let (sign, number) = word.split_at(1);
                let verdict = if sign == "+" { Verdict::Confirmed } else { Verdict::Rejected };
                confirms.note(number.parse().unwrap(), verdict);
            }
            let mut answers = Vec::new();
            confirms.flush(|answer| {
                let sign = if answer.verdict == Verdict::Confirmed { '+' } else { '-' };
                let star = if answer.is_multiple { "*" } else { "" };
                answers.push(format!("{sign}{}{star}", answer.number));
            });
            found.push(answers.join(" "));
        }
        assert_eq!(found.join("; "), said, "{noted}");
    }

    /// §13, 87: every publish is answered exactly once, `multiple` covers the right range.
    #[test]
    fn a_run_from_the_oldest_is_one_answer() {
        check("+1", "+1");
        check("+1 +2 +3", "+3*");
        check("+3 +1 +2", "+3*");
        check("+2 +3; +1", "+2 +3; +1");
        check("+1 +3; +2 +4", "+1 +3; +4*");
        check("+1 +2 -3 +4 +5", "+2* -3 +5*");
        check("-2; +1 +3", "-2; +3*");
        check("-1 -2", "-1 -2");
        check("+1 +1; +1", "+1; ");
        check("+99", "");
        check("", "");
    }
}
