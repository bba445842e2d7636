//! What Python hands in as objects of its own: the filter of a listing, and a report.

use std::sync::Arc;

use asyncendpoints_core::state::State;
use asyncendpoints_redis::request::{self, Filter, Kept};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::convert::{Whole, body, moment};
use crate::words::Named;

/// `stores.base.JobFilter`.
pub(super) struct JobFilter(pub(super) Filter);

impl<'a, 'py> FromPyObject<'a, 'py> for JobFilter {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let name = |field: &str| -> PyResult<Option<Arc<str>>> {
            let name: Option<String> = object.getattr(field)?.extract()?;
            Ok(name.map(Arc::from))
        };
        let time = |field: &str| -> PyResult<Option<u64>> {
            let time: Option<Whole> = object.getattr(field)?.extract()?;
            moment(field, time)
        };
        let state: Option<Named<State>> = object.getattr("state")?.extract()?;
        Ok(Self(Filter {
            state: state.map(|state| state.0),
            queue: name("queue")?,
            handler: name("handler")?,
            owner: name("owner")?,
            request_id: name("request_id")?,
            created_since: time("created_since")?,
            created_before: time("created_before")?,
        }))
    }
}

/// `stores.base.Report`.
#[derive(FromPyObject)]
pub(super) struct Report {
    process: String,
    card: Option<PyBackedBytes>,
    slot: Whole,
    history: Option<PyBackedBytes>,
}

impl Report {
    /// The report, with how long what is told is kept.
    pub(super) fn told(self, kept: (Whole, Whole, Whole)) -> PyResult<request::Report> {
        let (sign_ms, slot_ms, slots) = kept;
        Ok(request::Report {
            process: self.process.into(),
            card: body(self.card.as_deref()),
            slot: self.slot.word("slot")?,
            history: body(self.history.as_deref()),
            kept: Kept {
                sign_ms: sign_ms.milliseconds("sign_ms")?,
                slot_ms: slot_ms.milliseconds("slot_ms")?,
                slots: slots.word("slots")?,
            },
        })
    }
}
