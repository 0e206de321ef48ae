//! The publishes of a channel whose confirm is awaited.
//!
//! They are numbered without gaps, so they stand in a row; a confirm costs no allocation of its
//! own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::Error;

/// What the broker said about a publish.
type Verdict = Result<(), Error>;

/// The publishes of a channel whose confirm is awaited. The leaf of the client's two locks.
#[derive(Clone, Debug, Default)]
pub(super) struct Confirms(Arc<Mutex<Row>>);

#[derive(Debug, Default)]
struct Row {
    /// How many publishes there were before the first in the row.
    gone: u64,
    places: VecDeque<Place>,
}

#[derive(Debug)]
enum Place {
    /// Nothing was said yet. Who is to be woken, if anybody has asked.
    Waiting(Option<Waker>),
    Answered(Verdict),
    /// Nobody asks any more.
    Left,
}

impl Confirms {
    /// The number of one more publish; the first is 1.
    pub(super) fn issue(&self) -> u64 {
        let mut row = self.lock();
        row.places.push_back(Place::Waiting(None));
        row.gone + row.places.len() as u64
    }

    /// The broker has answered a publish, or all up to it.
    pub(super) fn answer(&self, number: u64, is_multiple: bool, verdict: &Verdict) {
        let mut row = self.lock();
        let answered = match is_multiple {
            true => 0..row.distance(number).min(row.places.len()),
            false => match row.at(number) {
                Some(at) => at..at + 1,
                None => return,
            },
        };
        row.places.range_mut(answered).for_each(|place| place.answer(verdict));
    }

    /// Nothing more will be said: answers all that wait.
    pub(super) fn fail(&self, error: &Error) {
        let mut row = self.lock();
        row.places.iter_mut().for_each(|place| place.answer(&Err(error.clone())));
    }

    /// What was said about a publish, once; `Pending` until then.
    pub(super) fn poll(&self, number: u64, context: &mut Context<'_>) -> Poll<Verdict> {
        let mut row = self.lock();
        let lost = Poll::Ready(Err(Error::Protocol("the confirm was taken before".to_owned())));
        let Some(at) = row.at(number) else { return lost };
        let Some(place) = row.places.get_mut(at) else { return lost };
        match std::mem::replace(place, Place::Left) {
            Place::Waiting(_) => {
                *place = Place::Waiting(Some(context.waker().clone()));
                Poll::Pending
            }
            Place::Answered(verdict) => {
                row.shrink();
                Poll::Ready(verdict)
            }
            Place::Left => lost,
        }
    }

    /// Nobody asks about that publish any more.
    pub(super) fn leave(&self, number: u64) {
        let mut row = self.lock();
        let at = row.at(number);
        if let Some(place) = at.and_then(|at| row.places.get_mut(at)) {
            *place = Place::Left;
            row.shrink();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Row> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Row {
    /// Where a publish stands; `None` if it is gone, or was never issued.
    fn at(&self, number: u64) -> Option<usize> {
        let at = self.distance(number).checked_sub(1)?;
        (at < self.places.len()).then_some(at)
    }

    /// How many publishes there are from the first in the row to that one.
    fn distance(&self, number: u64) -> usize {
        usize::try_from(number.saturating_sub(self.gone)).unwrap_or(usize::MAX)
    }

    fn shrink(&mut self) {
        while self.places.pop_front_if(|place| matches!(place, Place::Left)).is_some() {
            self.gone += 1;
        }
    }
}

impl Place {
    fn answer(&mut self, verdict: &Verdict) {
        if let Self::Waiting(waker) = self {
            let waker = waker.take();
            *self = Self::Answered(verdict.clone());
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `.` issues, `+n` and `-n` answer with a `*` for all up to it, `?n` asks, `!n` leaves, `x`
    /// fails. `said` has what each question was told.
    fn check(steps: &str, said: &str) {
        let confirms = Confirms::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut told = Vec::new();
        for step in steps.split_whitespace() {
            let number = || step[1..].trim_end_matches('*').parse::<u64>().unwrap();
            let is_multiple = step.ends_with('*');
            match &step[..1] {
                "." => told.push(confirms.issue().to_string()),
                "+" => confirms.answer(number(), is_multiple, &Ok(())),
                "-" => confirms.answer(number(), is_multiple, &Err(Error::Rejected)),
                "x" => confirms.fail(&Error::Protocol("gone".to_owned())),
                "!" => confirms.leave(number()),
                "?" => told.push(match confirms.poll(number(), &mut context) {
                    Poll::Pending => "wait".to_owned(),
                    Poll::Ready(Ok(())) => "ok".to_owned(),
                    Poll::Ready(Err(error)) => error.to_string(),
                }),
                _ => panic!("{step}"),
            }
        }
        assert_eq!(told.join(", "), said, "{steps}");
    }

    #[test]
    fn each_publish_is_told_what_was_said_of_it() {
        check(". . . ?1 +2* ?2 ?1 ?3 +3 ?3", "1, 2, 3, wait, ok, ok, wait, ok");
        check(". . -1 +2 ?2 ?1", "1, 2, ok, the broker did not take the message");
        check(". +1 -1* ?1", "1, ok");
        check(". +1 x ?1", "1, ok");
        check(". +1 ?1 . ?2", "1, ok, 2, wait");
        check("+1 . ?1", "1, wait");
        check(". +2 ?1 . +9* ?1 ?2", "1, wait, 2, ok, ok");
    }

    #[test]
    fn what_nobody_asks_about_takes_no_room() {
        let confirms = Confirms::default();
        for number in 1..=1000 {
            assert_eq!(confirms.issue(), number);
            confirms.leave(number);
            assert!(confirms.lock().places.is_empty());
        }
        confirms.answer(1000, true, &Ok(()));
        assert_eq!(confirms.issue(), 1001);
        // One that is still asked about holds those behind it.
        let _ = confirms.issue();
        confirms.leave(1002);
        assert_eq!(confirms.lock().places.len(), 2);
        confirms.leave(1001);
        assert!(confirms.lock().places.is_empty());
    }
}
