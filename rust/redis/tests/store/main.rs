//! The operations on a real server, against the memory store.

mod asking;
mod changing;
mod checking;
mod damages;
mod enqueue;
mod fences;
mod large;
mod listing;
mod moments;
mod reading;
mod rights;
mod server;
mod unreadable;
mod walk;
