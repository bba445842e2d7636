//! The Redis store: what is asked of the server, how jobs lie in it, and the thread that talks to it.
//!
//! Operations know no connection: they make script calls and read replies. The transport knows no operation: it sends
//! calls, in batches, and brings replies back.

pub mod call;
pub mod conversation;
pub mod keys;
mod operations;
pub mod record;
mod reply;
pub mod request;
pub mod script;

pub use operations::batch;
#[cfg(unix)]
pub mod transport;
mod trim;
