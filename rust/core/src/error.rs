//! What can be refused, and why.

use crate::state::{Event, State};

/// The table has no such edge: the event may not happen to a job in this state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} may not happen to a job that is {state}")]
pub struct InvalidTransition {
    /// The state that the job was in.
    pub state: State,
    /// What was to happen to it.
    pub event: Event,
}

/// The parts of a verdict contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVerdict {
    /// A settled run never leaves its job running.
    #[error("a run cannot end in a job that is {0}")]
    NotAnEnd(State),
    /// A delay belongs to `scheduled` alone.
    #[error("a job that is {0} waits for no time, so it takes no delay")]
    DelayWithoutSchedule(State),
    /// A released run is not charged, every other one is (SET-2, SET-3).
    #[error("only a released run is not charged")]
    WrongCharge,
    /// `completed` is both the state and the outcome, or neither.
    #[error("a run completed exactly when its job did")]
    CompletedHalf,
}
