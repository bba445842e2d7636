//! The heart of asyncendpoints: what a job is, which state may follow which, when a retry is due, and a store that
//! keeps jobs in memory.
//!
//! Nothing here does I/O, reads a clock or knows Python: time and randomness are arguments. Every other store applies
//! the verdicts that [`decide`](decide::decide) gives.

pub mod answer;
pub mod decide;
pub mod error;
pub mod ids;
pub mod job;
pub mod lease;
pub mod memory;
pub mod meters;
pub mod retry;
pub mod state;
