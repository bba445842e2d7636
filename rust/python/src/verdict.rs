//! `Verdict`, and the functions that give one.

use asyncendpoints_core::decide::{self as core, Facts, RunEvent};
use asyncendpoints_core::retry;
use asyncendpoints_core::state::{self, Event, Outcome, State};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::backoff::Backoff;
use crate::convert::Whole;
use crate::errors::InvalidTransition;
use crate::words::{Named, Word};

/// What `decide` says: data, to be applied by a store.
#[pyclass(frozen, eq, module = "asyncendpoints._core")]
#[derive(PartialEq)]
pub(crate) struct Verdict(pub(crate) core::Verdict);

#[pymethods]
impl Verdict {
    #[new]
    #[pyo3(signature = (*, to_state, outcome, delay_ms = Whole::of(0), charged = true))]
    fn new(
        to_state: Named<State>,
        outcome: Named<Outcome>,
        delay_ms: Whole,
        charged: bool,
    ) -> PyResult<Self> {
        core::Verdict::new(
            to_state.0,
            outcome.0,
            delay_ms.milliseconds("delay_ms")?,
            charged,
        )
        .map(Self)
        .map_err(|error| PyValueError::new_err(error.to_string()))
    }

    #[getter]
    fn to_state<'py>(&self, py: Python<'py>) -> &Bound<'py, PyString> {
        self.0.to_state().word(py)
    }

    #[getter]
    fn outcome<'py>(&self, py: Python<'py>) -> &Bound<'py, PyString> {
        self.0.outcome().word(py)
    }

    #[getter]
    fn delay_ms(&self) -> u64 {
        self.0.delay_ms()
    }

    #[getter]
    fn charged(&self) -> bool {
        self.0.charged()
    }

    fn __repr__(&self) -> String {
        let (to_state, outcome, delay_ms) =
            (self.0.to_state(), self.0.outcome(), self.0.delay_ms());
        let charged = if self.0.charged() { "True" } else { "False" };
        format!(
            "Verdict(to_state='{to_state}', outcome='{outcome}', delay_ms={delay_ms}, charged={charged})"
        )
    }
}

/// Decide what an ended run makes of its job.
#[pyfunction]
#[pyo3(signature = (
    event, *, attempt, max_attempts, cancel_requested = false, backoff = None, seed = Whole::of(0),
))]
pub(crate) fn decide(
    event: Named<RunEvent>,
    attempt: Whole,
    max_attempts: Whole,
    cancel_requested: bool,
    backoff: Option<&Bound<'_, Backoff>>,
    seed: Whole,
) -> PyResult<Verdict> {
    let facts = Facts::running(
        attempt.attempts("attempt")?,
        max_attempts.attempts("max_attempts")?,
        cancel_requested,
    );
    verdict_of(facts, event.0, backoff, seed.word("seed")?).map(Verdict)
}

/// Ask the core, with its own backoff where Python names none.
pub(crate) fn verdict_of(
    facts: Facts,
    event: RunEvent,
    backoff: Option<&Bound<'_, Backoff>>,
    seed: u64,
) -> PyResult<core::Verdict> {
    let verdict = match backoff {
        Some(backoff) => core::decide(facts, event, &backoff.get().0, seed),
        None => core::decide(facts, event, &retry::Backoff::default(), seed),
    };
    verdict.map_err(|error| InvalidTransition::new_err(error.to_string()))
}

/// The table's row for a cancel: the state to go to (`in_progress` means: set the flag), None where refused.
#[pyfunction]
pub(crate) fn cancel_transition(
    py: Python<'_>,
    state: Named<State>,
) -> Option<&Bound<'_, PyString>> {
    state::next(state.0, Event::Cancel)
        .ok()
        .map(|to| to.word(py))
}
