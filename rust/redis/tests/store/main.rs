//! The operations on a real server, against the memory store.

mod asking;
mod enqueue;
mod server;
mod walk;
