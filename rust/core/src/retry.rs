//! When a retry is due: how long to wait after an attempt that failed.
//!
//! The delay depends on its arguments alone, so the same seed gives the same delay on every machine.

/// How long to wait before the next attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Backoff {
    /// The same delay each time.
    Fixed {
        /// The delay, in milliseconds.
        delay_ms: u64,
    },
    /// `base_ms · factor^(attempt − 1)`, never above `maximum_ms`.
    Exponential {
        /// The delay after the first attempt, in milliseconds.
        base_ms: u64,
        /// By how much each delay is longer than the one before.
        factor: f64,
        /// The longest delay, in milliseconds.
        maximum_ms: u64,
        /// Whether to wait a random part of the delay, from nothing to all of it (full jitter), so that jobs that
        /// failed together do not come back together.
        jitter: bool,
    },
    /// The n-th retry waits the n-th delay, later ones the last; none at all is no wait.
    Delays(Box<[u64]>),
}

impl Default for Backoff {
    /// Exponential from 1 s to 300 s, doubled each time, with full jitter.
    fn default() -> Self {
        Self::Exponential {
            base_ms: 1_000,
            factor: 2.0,
            maximum_ms: 300_000,
            jitter: true,
        }
    }
}

impl Backoff {
    /// The delay in milliseconds after the given charged attempt (1 is the first; 0 counts as it).
    #[must_use]
    pub fn delay_ms(&self, attempt: u32, seed: u64) -> u64 {
        let earlier = attempt.max(1) - 1;
        match self {
            Self::Fixed { delay_ms } => *delay_ms,
            Self::Exponential {
                base_ms,
                factor,
                maximum_ms,
                jitter,
            } => {
                let delay_ms = grown(*base_ms, *factor, earlier, *maximum_ms);
                if *jitter {
                    up_to(delay_ms, splitmix64(seed ^ splitmix64(u64::from(attempt))))
                } else {
                    delay_ms
                }
            }
            Self::Delays(delays) => {
                let n = usize::try_from(earlier).unwrap_or(usize::MAX);
                delays.get(n).or(delays.last()).copied().unwrap_or(0)
            }
        }
    }
}

/// `base · factor^exponent`, capped. What is no number, or too large for one, is the cap.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "below the cap, what a float cannot hold is less than a millisecond in 285,000 years; casts saturate"
)]
fn grown(base: u64, factor: f64, exponent: u32, cap: u64) -> u64 {
    if base == 0 {
        return 0;
    }
    let delay = base as f64 * power(factor, exponent);
    if delay < cap as f64 {
        (delay as u64).min(cap)
    } else {
        cap
    }
}

/// `factor^exponent` by squaring: multiplications only, so that every platform comes to the same bits.
fn power(factor: f64, mut exponent: u32) -> f64 {
    let (mut square, mut product) = (factor, 1.0);
    while exponent > 0 {
        if exponent & 1 == 1 {
            product *= square;
        }
        square *= square;
        exponent >>= 1;
    }
    product
}

/// A number from 0 to `maximum`, both included, evenly chosen by 64 random bits.
#[allow(
    clippy::cast_possible_truncation,
    reason = "the high half of the product is below 2^64"
)]
fn up_to(maximum: u64, random: u64) -> u64 {
    let choices = u128::from(maximum) + 1;
    ((choices * u128::from(random)) >> 64) as u64
}

/// Steele, Lea and Flood's splitmix64: one well mixed word from any seed, zero too.
fn splitmix64(seed: u64) -> u64 {
    let mut word = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}
