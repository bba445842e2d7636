//! What users and sweeps ask for.

use std::collections::BTreeSet;

use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::Job;
use asyncendpoints_core::memory::Cancellation;
use asyncendpoints_core::state::{self, Event, State};

use super::{Model, touch};
use crate::subject::DAY_MS;

impl Model {
    pub(crate) fn cancel(&mut self, id: JobId, now: u64) -> Cancellation {
        let Some(kept) = self.find(id) else {
            return Cancellation::Missing;
        };
        let job = &mut kept.job;
        match state::next(job.state, Event::Cancel) {
            Ok(State::InProgress) => {
                if job.cancel_requested_at.is_none() {
                    job.cancel_requested_at = Some(now);
                    touch(job, now);
                }
                Cancellation::Requested(job.clone())
            }
            Ok(to) => {
                job.state = to;
                job.due_at = None;
                job.cancel_requested_at = Some(now);
                job.finished_at = Some(now);
                job.expires_at = Some(now + job.retention.failed_ms);
                touch(job, now);
                Cancellation::Canceled(job.clone())
            }
            Err(_) if job.state == State::Canceled => Cancellation::Already(job.clone()),
            Err(_) => Cancellation::Refused(job.clone()),
        }
    }

    pub(crate) fn run_now(&mut self, id: JobId, now: u64) -> Option<Job> {
        let kept = self.find(id)?;
        if kept.job.state == State::Scheduled {
            kept.job.state = State::Queued;
            kept.job.due_at = None;
            kept.ready_at = now;
            touch(&mut kept.job, now);
        }
        Some(kept.job.clone())
    }

    pub(crate) fn strip(&mut self, now: u64) -> usize {
        let mut stripped = 0;
        for kept in &mut self.kept {
            let job = &mut kept.job;
            let is_over = job.expires_at.is_some_and(|time| time <= now);
            if is_over && !job.stripped && forgotten_at(job).is_some_and(|time| time > now) {
                job.stripped = true;
                (job.payload, job.request, job.result) = (None, None, None);
                touch(job, now);
                stripped += 1;
            }
        }
        stripped
    }

    pub(crate) fn prune(&mut self, now: u64) -> usize {
        let before = self.kept.len();
        self.kept
            .retain(|kept| forgotten_at(&kept.job).is_none_or(|time| time > now));
        self.forget_effects();
        before - self.kept.len()
    }

    pub(crate) fn delete(&mut self, id: JobId) -> bool {
        let before = self.kept.len();
        self.kept
            .retain(|kept| kept.job.id != id || !kept.job.state.is_terminal());
        self.forget_effects();
        before > self.kept.len()
    }

    fn forget_effects(&mut self) {
        let origins: BTreeSet<JobId> = self
            .jobs()
            .map(|job| job.origin.unwrap_or(job.id))
            .collect();
        self.effects
            .retain(|(origin, _), _| origins.contains(origin));
    }

    pub(crate) fn pause(&mut self, queue: &str, paused: bool) {
        if paused {
            self.paused.insert(queue.to_owned());
        } else {
            self.paused.remove(queue);
        }
    }

    /// Newest first.
    pub(crate) fn list(&self, wanted: impl Fn(&Job) -> bool) -> Vec<Job> {
        let mut jobs: Vec<Job> = self.jobs().filter(|job| wanted(job)).cloned().collect();
        jobs.sort_by_key(|job| std::cmp::Reverse((job.created_at, job.id)));
        jobs
    }
}

/// IDM-4: a record goes with its result, but a key is remembered for a day.
fn forgotten_at(job: &Job) -> Option<u64> {
    let expires_at = job.expires_at?;
    Some(if job.idempotency.is_some() {
        expires_at.max(job.created_at + DAY_MS)
    } else {
        expires_at
    })
}
