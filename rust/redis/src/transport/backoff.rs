//! Growing pauses with jitter between two attempts to reach the server.

use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// When to try again.
#[derive(Debug)]
pub(crate) struct Backoff {
    pause: Duration,
    /// When the last attempt failed.
    failed_at: Option<Instant>,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            pause: FIRST,
            failed_at: None,
        }
    }
}

impl Backoff {
    /// The server answers: the next pause is a short one again.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// An attempt has failed.
    pub(crate) fn failed(&mut self) {
        self.failed_at = Some(Instant::now());
    }

    /// How long to wait now; the next time it is longer.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST);
        pause.mul_f64(0.5 + fraction() / 2.0)
    }

    /// When to try: at once, unless the last attempt has failed.
    pub(crate) fn next_attempt(&mut self) -> Instant {
        match self.failed_at {
            Some(at) => at + self.pause(),
            None => Instant::now(),
        }
    }
}

/// A random number from 0 to 1, so that many processes do not come at the same time.
fn fraction() -> f64 {
    let mut byte = [0];
    // Without randomness they come together, which is slow and not wrong.
    let _ = getrandom::fill(&mut byte);
    f64::from(byte[0]) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_begin_again_after_an_answer() {
        let mut backoff = Backoff::default();
        for bound in [50, 100, 200, 400, 800, 1_600, 2_000, 2_000] {
            let pause = backoff.pause();
            let bound = Duration::from_millis(bound);
            assert!(
                pause <= bound && pause >= bound / 2,
                "{pause:?} of {bound:?}"
            );
        }
        backoff.reset();
        assert!(backoff.pause() <= FIRST);
    }
}
