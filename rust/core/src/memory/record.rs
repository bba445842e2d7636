//! A job as it is kept: what every job has in place, what only some have behind a pointer.

use super::moment::Moment;
use super::names::NameId;
use super::slab::Slot;
use crate::ids::JobId;
use crate::job::{Body, Idempotency, ResultBody, Retention};
use crate::lease::Lease;
use crate::state::{Outcome, State};

/// How long a key is remembered after its job's creation, at least (IDM-4).
pub(super) const KEY_MS: u64 = 24 * 60 * 60 * 1_000;

/// How many released runs a job remembers; all others are remembered, and `max_attempts` bounds them.
const RELEASED_RUNS: usize = 20;

#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: JobId,
    pub(super) created_at: u64,
    pub(super) updated_at: u64,
    /// Since when it may be claimed; while it is scheduled, from when on.
    pub(super) ready_at: u64,
    pub(super) scheduled_at: Moment,
    pub(super) timeout_ms: u64,
    pub(super) retention: Retention,
    pub(super) version: u64,
    pub(super) fence: u64,
    pub(super) payload: Option<Body>,
    pub(super) request: Option<Body>,
    pub(super) idempotency: Option<Box<Idempotency>>,
    pub(super) lineage: Option<Box<Lineage>>,
    /// From the first claim, or the end.
    pub(super) life: Option<Box<Life>>,
    pub(super) handler: NameId,
    pub(super) owner: Option<NameId>,
    pub(super) queue: Slot,
    pub(super) state: State,
    pub(super) priority: i8,
    pub(super) attempt: u8,
    pub(super) max_attempts: u8,
}

/// Whose repetition a job is.
#[derive(Debug)]
pub(super) struct Lineage {
    pub(super) redrive_of: Option<JobId>,
    pub(super) origin: Option<JobId>,
}

/// What a job gathers once it runs.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) started_at: Moment,
    pub(super) finished_at: Moment,
    pub(super) cancel_requested_at: Moment,
    /// The end of the lease, while it runs.
    pub(super) lease_until: u64,
    /// The claim that began the newest run, while it runs.
    pub(super) claim: Slot,
    /// Request, payload and result are gone.
    pub(super) stripped: bool,
    pub(super) progress: Option<Body>,
    pub(super) result: Option<ResultBody>,
    pub(super) newest_run: Option<RunRecord>,
    /// Oldest first.
    pub(super) earlier_runs: Vec<RunRecord>,
    /// The newest settlement, so that its repetition is recognised.
    pub(super) settled: Option<SettledRun>,
}

#[derive(Debug)]
pub(super) struct RunRecord {
    pub(super) number: u64,
    pub(super) started_at: u64,
    pub(super) finished_at: Moment,
    pub(super) error: Option<Body>,
    pub(super) worker: NameId,
    pub(super) outcome: Option<Outcome>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct SettledRun {
    pub(super) fence: u64,
    pub(super) nonce: u64,
    pub(super) to: State,
}

impl Life {
    pub(super) fn new() -> Box<Self> {
        Box::new(Self {
            started_at: Moment::NEVER,
            finished_at: Moment::NEVER,
            cancel_requested_at: Moment::NEVER,
            lease_until: 0,
            claim: 0,
            stripped: false,
            progress: None,
            result: None,
            newest_run: None,
            earlier_runs: Vec::new(),
            settled: None,
        })
    }

    pub(super) fn begin_run(&mut self, run: RunRecord) {
        if let Some(earlier) = self.newest_run.replace(run) {
            self.earlier_runs.push(earlier);
        }
    }

    /// Forget the oldest released run, if there are too many now; its worker's name is to be released.
    pub(super) fn forget_released(&mut self) -> Option<NameId> {
        let released = |run: &RunRecord| run.outcome == Some(Outcome::Released);
        let newest = usize::from(self.newest_run.as_ref().is_some_and(released));
        let kept = self.earlier_runs.iter().filter(|run| released(run)).count() + newest;
        if kept <= RELEASED_RUNS {
            return None;
        }
        let oldest = self.earlier_runs.iter().position(released)?;
        Some(self.earlier_runs.remove(oldest).worker)
    }

    /// What went wrong in the newest run.
    pub(super) fn error(&self) -> Option<Body> {
        self.newest_run.as_ref()?.error.clone()
    }

    pub(super) fn runs(&self) -> impl Iterator<Item = &RunRecord> {
        self.earlier_runs.iter().chain(&self.newest_run)
    }
}

impl Record {
    pub(super) fn life_mut(&mut self) -> &mut Life {
        self.life.get_or_insert_with(Life::new)
    }

    pub(super) fn cancel_requested(&self) -> bool {
        self.life
            .as_ref()
            .is_some_and(|life| life.cancel_requested_at.is_set())
    }

    /// The live lease, while a run holds the job.
    pub(super) fn lease(&self) -> Option<Lease> {
        let life = self
            .life
            .as_ref()
            .filter(|_| self.state == State::InProgress)?;
        Some(Lease {
            fence: self.fence,
            until: life.lease_until,
        })
    }

    /// Whether this run holds the job (LSE-2).
    pub(super) fn is_held_by(&self, fence: u64) -> bool {
        self.lease().is_some_and(|lease| lease.is_held_by(fence))
    }

    /// When payload and result go, once the job has ended.
    pub(super) fn expires_at(&self) -> Option<u64> {
        let finished_at = self.life.as_ref()?.finished_at.get()?;
        let kept_ms = match self.state {
            State::Completed => self.retention.completed_ms,
            _ => self.retention.failed_ms,
        };
        Some(finished_at.saturating_add(kept_ms))
    }

    /// When the record goes, once the job has ended: with its result, but a key is remembered for a day (IDM-4).
    pub(super) fn forgotten_at(&self) -> Option<u64> {
        let expires_at = self.expires_at()?;
        if self.idempotency.is_none() {
            return Some(expires_at);
        }
        Some(expires_at.max(self.created_at.saturating_add(KEY_MS)))
    }

    /// The job whose effects this one shares: the first of a chain of redrives.
    pub(super) fn origin(&self) -> JobId {
        self.lineage
            .as_ref()
            .and_then(|lineage| lineage.origin)
            .unwrap_or(self.id)
    }
}
