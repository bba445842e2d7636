//! Answers, failures and notices of the transport, as Python objects.

use asyncendpoints_redis::conversation::Failure;
use asyncendpoints_redis::request::{Answer, Notice};
use asyncendpoints_redis::transport::CallFailed;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use pyo3::{BoundObject, IntoPyObjectExt};

use crate::answers::{Cancellation, Claims, Reservation};
use crate::convert::id_text;
use crate::errors::{ConfigurationError, StoreRefused, StoreUnavailable};
use crate::job::Job;
use crate::listing::Page;
use crate::replies;

/// The Python object of an answer.
pub(crate) fn answer(py: Python<'_>, answer: Answer) -> PyResult<Bound<'_, PyAny>> {
    Ok(match answer {
        Answer::Done => py.None().into_bound(py),
        Answer::Enqueued(answers) => replies::enqueued(py, answers)?.into_any(),
        Answer::Claims(claims) => Claims::of(py, claims)?.into_bound_py_any(py)?,
        Answer::Count(count) => count.into_bound_py_any(py)?,
        Answer::Renewed(answers) => replies::renewed(py, answers)?.into_any(),
        Answer::Settled(answers) => replies::settled(py, answers)?.into_any(),
        Answer::Expired(runs) => replies::expired(py, runs)?.into_any(),
        Answer::Cancellation(cancellation) => {
            Cancellation::of(py, *cancellation)?.into_bound_py_any(py)?
        }
        Answer::Job(job) => job.map(|job| Job(*job)).into_bound_py_any(py)?,
        Answer::Page(page) => Page::of(py, page)?.into_bound_py_any(py)?,
        Answer::Stats {
            counts,
            oldest_ready,
            paused,
        } => {
            let counts = replies::counts(py, counts)?;
            let ages = replies::oldest_ready(py, oldest_ready)?;
            let paused: Vec<&str> = paused.iter().map(AsRef::as_ref).collect();
            (counts, ages, paused).into_bound_py_any(py)?
        }
        Answer::Reports(reports) => {
            let signs = reports.signs.iter();
            let signs: Vec<_> = signs
                .map(|sign| (&*sign.process, PyBytes::new(py, &sign.card), sign.seen_at))
                .collect();
            let history = reports.history.iter();
            let history: Vec<_> = history
                .map(|(slot, process, body)| (*slot, &**process, PyBytes::new(py, body)))
                .collect();
            (reports.now, signs, history).into_bound_py_any(py)?
        }
        Answer::Flag(flag) => flag.into_pyobject(py)?.into_bound().into_any(),
        Answer::Reservation(reservation) => {
            Reservation::of(py, reservation).into_bound_py_any(py)?
        }
        Answer::Facts(facts) => PyList::new(py, facts)?.into_any(),
        Answer::Findings { findings, cursor } => (findings, cursor).into_bound_py_any(py)?,
    })
}

/// The exception for a call that got no answer.
pub(crate) fn failure(failed: &CallFailed) -> PyErr {
    let said = failed.to_string();
    match failed {
        CallFailed::Operation(Failure::Namespace(_)) => ConfigurationError::new_err(said),
        CallFailed::Operation(Failure::TooLarge { .. }) => StoreRefused::new_err(said),
        _ => StoreUnavailable::new_err(said),
    }
}

/// A notice as a word and what it is about.
pub(crate) fn notice<'py>(py: Python<'py>, notice: &Notice) -> PyResult<Bound<'py, PyTuple>> {
    match notice {
        Notice::Ready(queue) => ("ready", &**queue).into_pyobject(py),
        Notice::Changed(id) => ("changed", id_text(py, *id)).into_pyobject(py),
        Notice::Cancel { worker, id, fence } => {
            ("cancel", &**worker, id_text(py, *id), *fence).into_pyobject(py)
        }
        Notice::Reconnected => ("reconnected",).into_pyobject(py),
        Notice::Unheard(reason) => ("unheard", &**reason).into_pyobject(py),
    }
}
