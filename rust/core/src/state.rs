//! The life of a job, as one table: which event may happen in which state, and what the job is then.
//!
//! An edge that is not in the table is an error, in every store. `docs/states.md` draws it.

use std::fmt;

use crate::error::InvalidTransition;

/// Gives an enum its words: `as_str`, `parse`, `Display` and the list of all.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every one, in the order of the declaration.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word for it, the same in every layer.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The one that this word stands for, if any.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Where a job is in its life.
    State {
        /// It waits for its time: delayed, or between attempts.
        Scheduled = "scheduled",
        /// It waits for a worker.
        Queued = "queued",
        /// A worker holds its lease.
        InProgress = "in_progress",
        /// Its handler returned.
        Completed = "completed",
        /// Its last attempt failed.
        Failed = "failed",
        /// It was canceled.
        Canceled = "canceled",
    }
}

impl State {
    /// How many states there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Whether the job has ended, for ever (SET-1).
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Canceled)
    }
}

words! {
    /// How one run of a job ended.
    Outcome {
        /// The handler returned.
        Completed = "completed",
        /// The handler raised.
        Error = "error",
        /// The handler was still running past its timeout.
        Timeout = "timeout",
        /// The handler ended because cancellation was asked for.
        Canceled = "canceled",
        /// The worker vanished, and the lease ran out.
        Lost = "lost",
        /// The run was given back unfinished.
        Released = "released",
    }
}

words! {
    /// What may happen to a job.
    Event {
        /// Its time has come.
        Promote = "promote",
        /// Somebody does not want to wait for its time.
        RunNow = "run_now",
        /// A worker takes it.
        Claim = "claim",
        /// The handler returned.
        Complete = "complete",
        /// The last attempt failed, or an error that no retry can mend.
        Fail = "fail",
        /// The next attempt waits for its time.
        RetryLater = "retry_later",
        /// The next attempt may start at once.
        RetryNow = "retry_now",
        /// The run is given back, and not charged.
        Release = "release",
        /// Somebody asks for its cancellation.
        Cancel = "cancel",
        /// A run whose cancellation was asked for ends without a result.
        Abort = "abort",
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The state before.
    pub from: State,
    /// What happens.
    pub event: Event,
    /// The state after.
    pub to: State,
}

/// Turns the table, as it reads aloud, into [`TABLE`] and [`next`].
macro_rules! table {
    ($($from:ident --($event:ident)--> $to:ident)+) => {
        /// Every edge there is.
        pub const TABLE: &[Edge] = &[
            $(Edge { from: State::$from, event: Event::$event, to: State::$to },)+
        ];

        /// The state that follows when an event happens.
        ///
        /// # Errors
        ///
        /// [`InvalidTransition`] where the table has no such edge.
        pub const fn next(state: State, event: Event) -> Result<State, InvalidTransition> {
            match (state, event) {
                $((State::$from, Event::$event) => Ok(State::$to),)+
                _ => Err(InvalidTransition { state, event }),
            }
        }
    };
}

table! {
    Scheduled  --(Promote)-->    Queued
    Scheduled  --(RunNow)-->     Queued
    Scheduled  --(Cancel)-->     Canceled

    Queued     --(Claim)-->      InProgress
    Queued     --(Cancel)-->     Canceled

    InProgress --(Cancel)-->     InProgress
    InProgress --(Complete)-->   Completed
    InProgress --(Fail)-->       Failed
    InProgress --(RetryLater)--> Scheduled
    InProgress --(RetryNow)-->   Queued
    InProgress --(Release)-->    Queued
    InProgress --(Abort)-->      Canceled
}

/// The state of a new job: it waits for its time, or for a worker.
#[must_use]
pub const fn first(delay_ms: u64) -> State {
    if delay_ms > 0 {
        State::Scheduled
    } else {
        State::Queued
    }
}
