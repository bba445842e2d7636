//! Histograms of durations: buckets whose bounds grow by a constant factor, so that few of them span ms to hours.

use std::f64::consts::SQRT_2;

/// How many bounds there are.
const BOUNDS: usize = 47;

/// How many buckets: one for each bound, and one for what lies above the last.
pub const BUCKETS: usize = BOUNDS + 1;

/// The upper bounds in milliseconds, from 1 ms to 2.3 hours: every second one is a power of two, to the last bit.
pub const BOUNDS_MS: [f64; BOUNDS] = bounds();

const fn bounds() -> [f64; BOUNDS] {
    let mut made = [1.0; BOUNDS];
    let (mut place, mut whole) = (0, 1.0);
    while place < BOUNDS {
        made[place] = if place % 2 == 0 {
            whole
        } else {
            whole * SQRT_2
        };
        if place % 2 == 1 {
            whole *= 2.0;
        }
        place += 1;
    }
    made
}

/// The number of the bucket of a duration: the first whose bound is not below it.
#[must_use]
pub fn bucket_of(duration_ms: f64) -> usize {
    BOUNDS_MS.partition_point(|bound| *bound < duration_ms)
}

/// How many durations fell into each bucket, and their sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; BUCKETS],
    total_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: [0; BUCKETS],
            total_us: 0,
        }
    }
}

impl Histogram {
    /// Count a duration; one that is negative, because a clock was set back, or no number is as good as none.
    pub fn observe(&mut self, duration_ms: f64) {
        let duration_ms = duration_ms.max(0.0);
        self.counts[bucket_of(duration_ms)] += 1;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is not negative, and the cast saturates"
        )]
        let us = (duration_ms * 1000.0) as u64;
        self.total_us = self.total_us.saturating_add(us);
    }

    /// How many are in each bucket.
    #[must_use]
    pub const fn counts(&self) -> &[u64; BUCKETS] {
        &self.counts
    }

    /// The sum of all durations, in microseconds.
    #[must_use]
    pub const fn total_us(&self) -> u64 {
        self.total_us
    }
}
