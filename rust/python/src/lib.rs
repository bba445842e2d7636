//! The Python binding of asyncendpoints: it translates, and decides nothing.
//!
//! Each class of `asyncendpoints/_core.pyi` has its file here. Values live as Rust structs and are converted when an
//! attribute is read; words (states, outcomes, answers) are interned Python strings; bodies cross as `bytes`.

mod answers;
mod backoff;
mod claim;
mod convert;
mod errors;
mod guard;
mod http;
mod interpreter;
mod job;
mod listing;
mod memory;
mod meters;
mod new_job;
#[cfg(unix)]
mod redis;
mod replies;
mod run;
mod settlement;
mod verdict;
mod wakes;
mod words;

/// The Rust core as Python sees it. It translates; every rule it applies is decided in `rust/core`.
#[pyo3::pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::answers::{Cancellation, Claims, Enqueued, Expired, Reservation};
    #[pymodule_export]
    use crate::backoff::Backoff;
    #[pymodule_export]
    use crate::claim::Claim;
    #[pymodule_export]
    use crate::convert::{is_job_id, new_job_id};
    #[pymodule_export]
    use crate::http::fingerprint::fingerprint_of;
    #[pymodule_export]
    use crate::http::head::Head;
    #[pymodule_export]
    use crate::http::key::{is_key, unquoted_key};
    #[pymodule_export]
    use crate::http::resource::job_resource;
    #[pymodule_export]
    use crate::http::stored::pack_request;
    #[pymodule_export]
    use crate::http::urls::JobUrls;
    #[pymodule_export]
    use crate::job::Job;
    #[pymodule_export]
    use crate::listing::Page;
    #[pymodule_export]
    use crate::memory::MemoryStore;
    #[pymodule_export]
    use crate::meters::{Histogram, Meters, Tally};
    #[pymodule_export]
    use crate::new_job::NewJob;
    #[cfg(unix)]
    #[pymodule_export]
    use crate::redis::{keeper::RedisKeeper, mailbox::RedisMailbox, transport::RedisTransport};
    #[pymodule_export]
    use crate::run::Run;
    #[pymodule_export]
    use crate::settlement::Settlement;
    #[pymodule_export]
    use crate::verdict::{Verdict, cancel_transition, decide};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::interpreter::claim(module.py())?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
