//! What the HTTP layer writes and reads for each request: translations of a request's head and of a job, in one call.

pub(crate) mod fingerprint;
pub(crate) mod head;
pub(crate) mod key;
mod pairs;
pub(crate) mod resource;
pub(crate) mod stored;
pub(crate) mod urls;
