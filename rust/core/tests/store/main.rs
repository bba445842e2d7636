//! The memory store against a naive model, and its rules one by one.

mod asking;
mod model;
mod running;
mod steps;
mod subject;
mod submitting;
mod wakes;
mod walk;
