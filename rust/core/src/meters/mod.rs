//! What a process has counted since its start: submissions, runs and ends of jobs, by endpoint and queue.
//!
//! Counters only grow. However many names of handlers and queues strangers invent, there is a bounded number of them.

mod histogram;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use crate::answer::Settled;
use crate::decide::{RunEvent, outcome_of};
use crate::state::{Outcome, State, words};

pub use histogram::{BOUNDS_MS, BUCKETS, Histogram, bucket_of};

/// What jobs of handlers that this process does not know are counted under.
pub const UNKNOWN: &str = "(unknown)";
/// What the jobs of an endpoint are counted under whose queue is one too many.
pub const OTHERS: &str = "(others)";
/// For how many pairs of endpoint and queue there are counters of their own.
pub const MOST_PAIRS: usize = 2_000;

words! {
    /// What a submission came to.
    Submitted {
        /// A job is stored.
        Created = "created",
        /// Its key had been seen: the job is the earlier one.
        Replayed = "replayed",
        /// Nothing is stored.
        Refused = "refused",
    }
}

/// What happened to the jobs of one endpoint in one queue.
#[derive(Clone, Debug)]
pub struct Tally {
    /// The registered name of their handler, or [`UNKNOWN`].
    pub endpoint: Arc<str>,
    /// Their queue, or [`OTHERS`].
    pub queue: Arc<str>,
    /// Submissions, in the order of [`Submitted::ALL`].
    pub submitted: [u64; Submitted::ALL.len()],
    /// Runs that ended, in the order of [`Outcome::ALL`].
    pub attempts: [u64; Outcome::ALL.len()],
    /// Jobs that ended, in the order of [`State::ALL`]; only terminal states are ever counted.
    pub ended: [u64; State::COUNT],
    /// How long runs took.
    pub ran: Histogram,
    /// How long jobs waited from being runnable to the start of a run.
    pub waited: Histogram,
}

impl Tally {
    fn new(endpoint: &str, queue: &str) -> Self {
        Self {
            endpoint: endpoint.into(),
            queue: queue.into(),
            submitted: [0; Submitted::ALL.len()],
            attempts: [0; Outcome::ALL.len()],
            ended: [0; State::COUNT],
            ran: Histogram::default(),
            waited: Histogram::default(),
        }
    }

    fn end(&mut self, state: State) {
        if state.is_terminal() {
            self.ended[state as usize] += 1;
        }
    }
}

/// Whose jobs are counted: a handler's name, and a queue.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    /// The handler's name, as the job has it.
    pub handler: &'a str,
    /// The job's queue.
    pub queue: &'a str,
}

/// The counters of a process.
#[derive(Debug, Default)]
pub struct Meters {
    known: HashSet<Box<str>>,
    tallies: Vec<Tally>,
    places: HashMap<Box<str>, HashMap<Box<str>, usize>>,
    last: usize,
    leases_lost: u64,
    changes: u64,
}

impl Meters {
    /// Count the jobs of this handler under its name from now on.
    pub fn know(&mut self, handler: &str) {
        if !self.known.contains(handler) {
            self.known.insert(handler.into());
        }
    }

    /// Have counters for an endpoint's jobs in a queue, which say zero until something happens.
    pub fn expect(&mut self, whose: Whose<'_>) {
        self.place(whose);
    }

    /// A submission was answered.
    pub fn submitted(&mut self, whose: Whose<'_>, what: Submitted) {
        self.tally(whose).submitted[what as usize] += 1;
    }

    /// A run began. Both times are the store's, in milliseconds.
    pub fn started(&mut self, whose: Whose<'_>, ready_at: u64, started_at: u64) {
        #[allow(
            clippy::cast_precision_loss,
            reason = "a wait of 285,000 years is exact"
        )]
        let waited_ms = started_at.saturating_sub(ready_at) as f64;
        self.tally(whose).waited.observe(waited_ms);
    }

    /// A run ended, and the store has said what became of it.
    ///
    /// One that had lost its lease is counted as an attempt by whoever rescued it.
    pub fn ended(
        &mut self,
        whose: Whose<'_>,
        event: RunEvent,
        settled: Settled,
        ran_ms: Option<f64>,
    ) {
        let Settled::To(state) = settled else {
            self.leases_lost += 1;
            self.changes += 1;
            return;
        };
        let tally = self.tally(whose);
        tally.attempts[outcome_of(event, state == State::Canceled) as usize] += 1;
        tally.end(state);
        if let Some(ran_ms) = ran_ms {
            tally.ran.observe(ran_ms);
        }
    }

    /// A job ended that was not running.
    pub fn ended_waiting(&mut self, whose: Whose<'_>, state: State) {
        self.tally(whose).end(state);
    }

    /// A run whose worker was lost was ended by the sweep, or not: a renewal wins.
    pub fn rescued(&mut self, whose: Whose<'_>, settled: Settled) {
        if let Settled::To(_) = settled {
            self.ended(whose, RunEvent::Lost, settled, None);
        }
    }

    /// What was counted.
    #[must_use]
    pub fn tallies(&self) -> &[Tally] {
        &self.tallies
    }

    /// How many runs had lost their lease when they ended.
    #[must_use]
    pub const fn leases_lost(&self) -> u64 {
        self.leases_lost
    }

    /// How often something was counted: who has seen this number has seen everything.
    #[must_use]
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    fn tally(&mut self, whose: Whose<'_>) -> &mut Tally {
        self.changes += 1;
        let place = self.place(whose);
        &mut self.tallies[place]
    }

    fn place(&mut self, whose: Whose<'_>) -> usize {
        // Jobs come in batches of one kind.
        if let Some(last) = self.tallies.get(self.last)
            && *last.endpoint == *whose.handler
            && *last.queue == *whose.queue
        {
            return self.last;
        }
        let place = self.find(whose).unwrap_or_else(|| self.add(whose));
        self.last = place;
        place
    }

    fn find(&self, whose: Whose<'_>) -> Option<usize> {
        self.places.get(whose.handler)?.get(whose.queue).copied()
    }

    fn add(&mut self, whose: Whose<'_>) -> usize {
        let handler = if self.known.contains(whose.handler) {
            whose.handler
        } else {
            UNKNOWN
        };
        let queue = if self.tallies.len() < MOST_PAIRS {
            whose.queue
        } else {
            OTHERS
        };
        if let Some(place) = self.find(Whose { handler, queue }) {
            return place;
        }
        let place = self.tallies.len();
        self.tallies.push(Tally::new(handler, queue));
        let queues = self.places.entry(handler.into()).or_default();
        queues.insert(queue.into(), place);
        place
    }
}
