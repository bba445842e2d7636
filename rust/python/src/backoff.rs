//! `Backoff`: how long to wait before the next attempt.

use asyncendpoints_core::retry;
use pyo3::prelude::*;

use crate::convert::Whole;
use crate::errors::out_of_bounds;

/// How long to wait before the next attempt; computed in Rust, seeded and reproducible.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct Backoff(pub(crate) retry::Backoff);

#[pymethods]
impl Backoff {
    /// The same delay each time.
    #[staticmethod]
    fn fixed(delay_ms: Whole) -> PyResult<Self> {
        Ok(Self(retry::Backoff::Fixed {
            delay_ms: delay_ms.milliseconds("delay_ms")?,
        }))
    }

    /// Each delay `factor` times the one before, up to a maximum, with or without full jitter.
    #[staticmethod]
    fn exponential(base_ms: Whole, factor: f64, maximum_ms: Whole, jitter: bool) -> PyResult<Self> {
        if !(factor.is_finite() && factor >= 0.0) {
            return Err(out_of_bounds(
                "factor",
                &format!("a finite number that is not negative, not {factor}"),
            ));
        }
        Ok(Self(retry::Backoff::Exponential {
            base_ms: base_ms.milliseconds("base_ms")?,
            factor,
            maximum_ms: maximum_ms.milliseconds("maximum_ms")?,
            jitter,
        }))
    }

    /// An explicit list: the n-th retry waits the n-th delay, later ones the last.
    #[staticmethod]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "extracted arguments are owned"
    )]
    fn delays(delays_ms: Vec<Whole>) -> PyResult<Self> {
        let delays = delays_ms
            .iter()
            .map(|delay| delay.milliseconds("delays_ms"))
            .collect::<PyResult<_>>()?;
        Ok(Self(retry::Backoff::Delays(delays)))
    }

    /// The delay after the given charged attempt (1 is the first).
    fn delay_ms(&self, attempt: Whole, seed: Whole) -> PyResult<u64> {
        let attempt = attempt.within("attempt", 0..=i128::from(u32::MAX))?;
        Ok(self.0.delay_ms(attempt, seed.word("seed")?))
    }

    fn __repr__(&self) -> String {
        match &self.0 {
            retry::Backoff::Fixed { delay_ms } => format!("Backoff.fixed({delay_ms})"),
            retry::Backoff::Exponential {
                base_ms,
                factor,
                maximum_ms,
                jitter,
            } => {
                let jitter = if *jitter { "True" } else { "False" };
                format!("Backoff.exponential({base_ms}, {factor:?}, {maximum_ms}, {jitter})")
            }
            retry::Backoff::Delays(delays) => format!("Backoff.delays({delays:?})"),
        }
    }
}
