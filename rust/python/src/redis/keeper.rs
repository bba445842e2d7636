//! `RedisKeeper`: the runs of one worker whose leases the I/O thread renews.

use std::sync::Arc;

use asyncendpoints_core::ids::JobId;
use asyncendpoints_redis::request::Lease;
use asyncendpoints_redis::transport::Keeper;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use crate::convert::{Whole, id_text, list, moment};

/// The runs of one worker whose leases the I/O thread renews, until they are dropped or LSE-4 ends it.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct RedisKeeper(pub(crate) Arc<Keeper>);

#[pymethods]
impl RedisKeeper {
    #[getter]
    fn lease_ms(&self) -> u64 {
        self.0.lease_ms()
    }

    /// Renew runs `(job_id, fence, timeout_ms)`.
    fn hold(&self, runs: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut held = Vec::new();
        for run in runs.try_iter()? {
            let (id, fence, timeout): (Bound<'_, PyString>, Whole, Whole) = run?.extract()?;
            if let Some(lease) = lease(&id, fence)? {
                held.push((lease, timeout.milliseconds("timeout_ms")?));
            }
        }
        self.0.hold(held);
        Ok(())
    }

    /// Renew `(job_id, fence)` no more; harmless where one is not held.
    fn drop(&self, leases: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut dropped = Vec::new();
        for of in leases.try_iter()? {
            let (id, fence): (Bound<'_, PyString>, Whole) = of?.extract()?;
            dropped.extend(lease(&id, fence)?);
        }
        self.0.release(dropped);
        Ok(())
    }

    fn drop_all(&self) {
        self.0.release_all();
    }

    #[pyo3(signature = (now = None))]
    fn beat(&self, now: Option<Whole>) -> PyResult<()> {
        self.0.beat(moment("now", now)?);
        Ok(())
    }

    /// The leases `(job_id, fence)` that LSE-4 lets live.
    #[pyo3(signature = (now = None))]
    fn renewable<'py>(&self, py: Python<'py>, now: Option<Whole>) -> PyResult<Bound<'py, PyList>> {
        let leases = self.0.renewable(moment("now", now)?);
        list(py, leases, |(id, fence)| {
            (id_text(py, id), fence).into_pyobject(py)
        })
    }
}

/// A lease; `None` where no job can have the name.
fn lease(id: &Bound<'_, PyString>, fence: Whole) -> PyResult<Option<Lease>> {
    let fence = fence.word("fence")?;
    Ok(JobId::parse(id.extract()?).map(|id| (id, fence)))
}
