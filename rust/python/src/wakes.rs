//! The call-back of a store: whom an operation concerns.

use asyncendpoints_core::memory::Wakes;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::convert::id_text;

/// Call back: which queues have work, which watched jobs have changed, which runs are to stop.
pub(crate) fn tell(on_wake: &Bound<'_, PyAny>, wakes: &Wakes) -> PyResult<()> {
    let py = on_wake.py();
    let queues = PyList::new(py, wakes.ready_queues.iter().map(|queue| &**queue))?;
    let changed = PyList::new(py, wakes.changed.iter().map(|&id| id_text(py, id)))?;
    let cancels = PyList::new(
        py,
        wakes
            .cancels
            .iter()
            .map(|notice| (&*notice.worker, id_text(py, notice.id), notice.fence)),
    )?;
    on_wake.call1((queues, changed, cancels))?;
    Ok(())
}
