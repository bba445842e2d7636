//! The only place that chooses a state: what the end of a run makes of its job.
//!
//! A verdict is data. The worker cannot know whether a cancel has arrived meanwhile, so it decides twice, and the store
//! applies the verdict that matches its flag.

use crate::error::{InvalidTransition, InvalidVerdict};
use crate::retry::Backoff;
use crate::state::{self, Event, Outcome, State, words};
use std::fmt;

/// What is known of a job when one of its runs ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The state that the job is in; anything but in progress is an error.
    pub state: State,
    /// Charged runs, the one that ends included.
    pub attempt: u8,
    /// How many charged runs the job may have.
    pub max_attempts: u8,
    /// Whether its cancellation was asked for.
    pub cancel_requested: bool,
}

impl Facts {
    /// The facts of a run that is going on.
    #[must_use]
    pub const fn running(attempt: u8, max_attempts: u8, cancel_requested: bool) -> Self {
        Self {
            state: State::InProgress,
            attempt,
            max_attempts,
            cancel_requested,
        }
    }
}

words! {
    /// How a run ended, in the worker's words.
    RunEvent {
        /// The handler returned.
        Returned = "returned",
        /// The handler raised something that another attempt may mend.
        Raised = "raised",
        /// The handler raised something that no other attempt can mend.
        RaisedFinal = "raised_final",
        /// The handler was still running past its timeout.
        TimedOut = "timed_out",
        /// The lease ran out: the worker is gone.
        Lost = "lost",
        /// The run was given back unfinished, at a drain.
        Released = "released",
        /// The handler ended because cancellation was asked for.
        Stopped = "stopped",
    }
}

/// What becomes of the job, to be applied by a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    to_state: State,
    outcome: Outcome,
    delay_ms: u64,
    charged: bool,
}

impl Verdict {
    /// Put a verdict together that was decided elsewhere (and travelled as data).
    ///
    /// # Errors
    ///
    /// [`InvalidVerdict`] where no decision could have come to it.
    pub fn new(
        to_state: State,
        outcome: Outcome,
        delay_ms: u64,
        charged: bool,
    ) -> Result<Self, InvalidVerdict> {
        if to_state == State::InProgress {
            return Err(InvalidVerdict::NotAnEnd(to_state));
        }
        if delay_ms > 0 && to_state != State::Scheduled {
            return Err(InvalidVerdict::DelayWithoutSchedule(to_state));
        }
        if charged == (outcome == Outcome::Released) {
            return Err(InvalidVerdict::WrongCharge);
        }
        if (to_state == State::Completed) != (outcome == Outcome::Completed) {
            return Err(InvalidVerdict::CompletedHalf);
        }
        Ok(Self {
            to_state,
            outcome,
            delay_ms,
            charged,
        })
    }

    /// The state that the job goes to.
    #[must_use]
    pub const fn to_state(self) -> State {
        self.to_state
    }

    /// How the run ended.
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        self.outcome
    }

    /// How long a scheduled job waits, in milliseconds of the store's clock.
    #[must_use]
    pub const fn delay_ms(self) -> u64 {
        self.delay_ms
    }

    /// Whether the run counts as an attempt (SET-2).
    #[must_use]
    pub const fn charged(self) -> bool {
        self.charged
    }

    /// Whether a job that is queued again keeps its place: the run was cut short, not ended by its handler (CLM-2).
    #[must_use]
    pub const fn keeps_place(self) -> bool {
        matches!(self.outcome, Outcome::Lost | Outcome::Released)
    }
}

/// Decide what an ended run makes of its job. `seed` chooses the jitter of a delay.
///
/// # Errors
///
/// [`InvalidTransition`] where the job is not in progress: no run of it can end.
pub fn decide(
    facts: Facts,
    event: RunEvent,
    backoff: &Backoff,
    seed: u64,
) -> Result<Verdict, InvalidTransition> {
    let outcome = outcome_of(event, facts.cancel_requested);
    let (step, delay_ms) = step_of(facts, event, backoff, seed);
    Ok(Verdict {
        to_state: state::next(facts.state, step)?,
        outcome,
        delay_ms,
        charged: outcome != Outcome::Released,
    })
}

/// How a run ended, as its job's record says it.
#[must_use]
pub const fn outcome_of(event: RunEvent, cancel_requested: bool) -> Outcome {
    match event {
        RunEvent::Returned => Outcome::Completed,
        RunEvent::TimedOut => Outcome::Timeout,
        RunEvent::Lost => Outcome::Lost,
        RunEvent::Released => Outcome::Released,
        RunEvent::Raised | RunEvent::RaisedFinal | RunEvent::Stopped if cancel_requested => {
            Outcome::Canceled
        }
        // A handler that stops itself without having been asked to has failed like any other.
        RunEvent::Raised | RunEvent::RaisedFinal | RunEvent::Stopped => Outcome::Error,
    }
}

/// The event of the table that this end of a run is, and the delay that goes with it.
fn step_of(facts: Facts, event: RunEvent, backoff: &Backoff, seed: u64) -> (Event, u64) {
    match event {
        // What is done is done: a cancel that came too late changes nothing.
        RunEvent::Returned => (Event::Complete, 0),
        _ if facts.cancel_requested => (Event::Abort, 0),
        RunEvent::Released => (Event::Release, 0),
        RunEvent::RaisedFinal => (Event::Fail, 0),
        _ if facts.attempt >= facts.max_attempts => (Event::Fail, 0),
        RunEvent::Lost => (Event::RetryNow, 0),
        RunEvent::Raised | RunEvent::TimedOut | RunEvent::Stopped => {
            match backoff.delay_ms(u32::from(facts.attempt), seed) {
                0 => (Event::RetryNow, 0),
                delay_ms => (Event::RetryLater, delay_ms),
            }
        }
    }
}
