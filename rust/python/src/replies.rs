//! Answers of every store, as the Python objects that its callers get.

use std::sync::Arc;

use asyncendpoints_core::answer;
use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::state::State;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::answers::{Enqueued, Expired};
use crate::convert::{Whole, list};
use crate::words::Word;

/// The answers to enqueues.
pub(crate) fn enqueued(
    py: Python<'_>,
    answers: Vec<answer::Enqueued>,
) -> PyResult<Bound<'_, PyList>> {
    list(py, answers, |answer| {
        Bound::new(py, Enqueued::of(py, answer)?)
    })
}

/// The words for renewals.
pub(crate) fn renewed(
    py: Python<'_>,
    answers: impl IntoIterator<Item = answer::Renewal>,
) -> PyResult<Bound<'_, PyList>> {
    list(py, answers, |answer| {
        Ok(PyString::intern(py, answer.as_str()))
    })
}

/// The words for settlements.
pub(crate) fn settled(
    py: Python<'_>,
    answers: Vec<answer::Settled>,
) -> PyResult<Bound<'_, PyList>> {
    list(py, answers, |answer| match answer {
        answer::Settled::To(state) => Ok(state.word(py).clone()),
        answer::Settled::Stale => Ok(intern!(py, "stale").clone()),
    })
}

/// Runs whose lease has passed.
pub(crate) fn expired(py: Python<'_>, runs: Vec<answer::Expired>) -> PyResult<Bound<'_, PyList>> {
    list(py, runs, |run| Bound::new(py, Expired(run)))
}

/// For each queue, how many jobs are in each state.
pub(crate) fn counts(
    py: Python<'_>,
    counts: Vec<answer::QueueCounts>,
) -> PyResult<Bound<'_, PyDict>> {
    let queues = PyDict::new(py);
    for of in counts {
        let counts = PyDict::new(py);
        for (state, count) in State::ALL.iter().zip(of.counts) {
            counts.set_item(state.word(py), count)?;
        }
        queues.set_item(&*of.queue, counts)?;
    }
    Ok(queues)
}

/// For each queue with jobs waiting to be claimed, the `ready_at` of the oldest.
pub(crate) fn oldest_ready(
    py: Python<'_>,
    ages: Vec<(Arc<str>, u64)>,
) -> PyResult<Bound<'_, PyDict>> {
    let queues = PyDict::new(py);
    for (queue, ready_at) in ages {
        queues.set_item(&*queue, ready_at)?;
    }
    Ok(queues)
}

/// Leases as Python names them: a text that no job can be named by has no id.
pub(crate) fn leases(
    leases: &[(Bound<'_, PyString>, Whole)],
) -> PyResult<Vec<(Option<JobId>, u64)>> {
    let parsed = leases
        .iter()
        .map(|(id, fence)| Ok((JobId::parse(id.extract()?), fence.word("fence")?)));
    parsed.collect()
}
