//! Growing pauses with jitter between two attempts to reach the server.

use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);
/// The pause after a connection that was there: long enough not to spin, and short enough to go on where networks cut
/// connections again and again.
const BREATH: Duration = Duration::from_millis(5);

/// When to try again.
#[derive(Debug)]
pub(crate) struct Backoff {
    pause: Duration,
    /// When the next attempt is to be made; at once where it is none.
    next: Option<Instant>,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            pause: FIRST,
            next: None,
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
        self.next = Some(Instant::now() + self.pause());
    }

    /// A connection was lost.
    pub(crate) fn fell(&mut self) {
        self.next = Some(Instant::now() + BREATH);
    }

    /// How long to wait now; the next time it is longer.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST);
        pause.mul_f64(0.5 + fraction() / 2.0)
    }

    /// When to try.
    pub(crate) fn next_attempt(&self) -> Instant {
        self.next.unwrap_or_else(Instant::now)
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
