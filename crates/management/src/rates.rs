//! Rates: counters sampled now and then, and how fast they move.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use broker::view::TotalsView;
use engine::connections::Churn;

/// The counters of the whole node at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) at: Instant,
    pub(crate) totals: TotalsView,
    pub(crate) churn: Churn,
}

/// Samples of the last seconds.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    samples: VecDeque<Sample>,
}

/// How often a sample is taken. Source: RabbitMQ, `collect_statistics_interval`.
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

/// Samples kept: a rate is that of the last interval, or a little more.
const SAMPLES_MAX: usize = 2;

impl Rates {
    /// Takes a sample in.
    pub(crate) fn take(&mut self, sample: Sample) {
        self.samples.push_back(sample);
        while self.samples.len() > SAMPLES_MAX {
            self.samples.pop_front();
        }
    }

    /// How fast a counter has moved, per second, from the oldest sample kept to `now`; over one
    /// interval at least, so that a young node's first steps are no gallop.
    pub(crate) fn of(&self, now: &Sample, counter: impl Fn(&Sample) -> u64) -> f64 {
        let Some(then) = self.samples.front() else { return 0.0 };
        let seconds = now.at.saturating_duration_since(then.at).max(INTERVAL).as_secs_f64();
        let moved = counter(now) as f64 - counter(then) as f64;
        (moved / seconds * 10.0).round() / 10.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: Instant, published: u64) -> Sample {
        let totals = TotalsView { published, ..TotalsView::default() };
        Sample { at, totals, churn: Churn::default() }
    }

    #[test]
    fn a_rate_is_the_movement_since_the_oldest_sample() {
        let start = Instant::now();
        let mut rates = Rates::default();
        let published = |sample: &Sample| sample.totals.published;
        assert_eq!(rates.of(&sample(start, 7), published), 0.0);
        rates.take(sample(start, 0));
        assert_eq!(rates.of(&sample(start + INTERVAL / 5, 50), published), 10.0);
        rates.take(sample(start + INTERVAL, 50));
        assert_eq!(rates.of(&sample(start + 2 * INTERVAL, 200), published), 20.0);
        rates.take(sample(start + 2 * INTERVAL, 200));
        assert_eq!(rates.of(&sample(start + 3 * INTERVAL, 200), published), 15.0);
    }
}
