//! What a run does, and how it ends.

use asyncendpoints_core::decide::{Facts, RunEvent, Verdict, decide};
use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::{Body, Run};
use asyncendpoints_core::memory::{Expired, Renewal, Reservation, Settled, Settlement};
use asyncendpoints_core::retry::Backoff;
use asyncendpoints_core::state::{Outcome, State};

use super::{Kept, Model, touch};

impl Model {
    pub(crate) fn settle(&mut self, settlement: &Settlement, now: u64) -> Settled {
        let Some(kept) = self.held(settlement.id, settlement.fence) else {
            let repeated = (settlement.fence, settlement.nonce);
            return match self.find(settlement.id).and_then(|kept| kept.settled) {
                Some((fence, nonce, to)) if nonce != 0 && (fence, nonce) == repeated => {
                    Settled::To(to)
                }
                _ => Settled::Stale,
            };
        };
        if settlement.only_expired && kept.job.lease_until.is_none_or(|until| until >= now) {
            return Settled::Stale;
        }
        let is_canceled = kept.job.cancel_requested_at.is_some();
        let verdict = if is_canceled {
            settlement.verdict_if_canceled
        } else {
            settlement.verdict
        };
        end(kept, verdict, settlement.nonce, now);
        if let Some(run) = kept.job.runs.last_mut() {
            run.error.clone_from(&settlement.error);
        }
        match kept.job.state {
            State::Completed => kept.job.result.clone_from(&settlement.result),
            State::Failed => kept.job.error.clone_from(&settlement.error),
            _ => {}
        }
        Settled::To(kept.job.state)
    }

    pub(crate) fn release_claim(&mut self, claim_id: &str, now: u64) -> usize {
        let mut released = 0;
        for kept in &mut self.kept {
            let job = &kept.job;
            if job.state == State::InProgress && kept.claim_id == claim_id {
                let facts = Facts::running(
                    job.attempt,
                    job.max_attempts,
                    job.cancel_requested_at.is_some(),
                );
                let verdict = decide(facts, RunEvent::Released, &Backoff::default(), 0)
                    .expect("the run is going on");
                end(kept, verdict, 0, now);
                released += 1;
            }
        }
        released
    }

    pub(crate) fn renew(&mut self, id: JobId, fence: u64, lease_ms: u64, now: u64) -> Renewal {
        let Some(kept) = self.held(id, fence) else {
            return Renewal::Stale;
        };
        kept.job.lease_until = Some(now + lease_ms);
        if kept.job.cancel_requested_at.is_some() {
            Renewal::CancelRequested
        } else {
            Renewal::Renewed
        }
    }

    /// In no particular order.
    pub(crate) fn expired(&self, now: u64) -> Vec<Expired> {
        let past = self
            .jobs()
            .filter(|job| job.lease_until.is_some_and(|until| until < now));
        let facts = past.map(|job| Expired {
            id: job.id,
            fence: job.fence,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            cancel_requested: job.cancel_requested_at.is_some(),
            handler: job.handler.clone(),
            queue: job.queue.clone(),
        });
        facts.collect()
    }

    pub(crate) fn progress(&mut self, id: JobId, fence: u64, body: Body, now: u64) -> bool {
        let Some(kept) = self.held(id, fence) else {
            return false;
        };
        kept.job.progress = Some(body);
        touch(&mut kept.job, now);
        true
    }

    pub(crate) fn reserve(
        &mut self,
        id: JobId,
        fence: u64,
        key: &str,
        nonce: &str,
        takeover: bool,
    ) -> Reservation {
        let Some(kept) = self.held(id, fence) else {
            return Reservation::Stale;
        };
        let effect = (kept.job.origin.unwrap_or(kept.job.id), key.to_owned());
        match self.effects.get(&effect) {
            Some((_, Some(value))) => Reservation::Recorded(value.clone()),
            Some((other, None)) if other != nonce && !takeover => Reservation::Uncertain,
            _ => {
                self.effects.insert(effect, (nonce.to_owned(), None));
                Reservation::Reserved
            }
        }
    }

    pub(crate) fn record(
        &mut self,
        id: JobId,
        fence: u64,
        key: &str,
        nonce: &str,
        value: Option<Body>,
    ) -> bool {
        let Some(kept) = self.held(id, fence) else {
            return false;
        };
        let effect = (kept.job.origin.unwrap_or(kept.job.id), key.to_owned());
        match (self.effects.get_mut(&effect), value) {
            (None, value) => value.is_none(),
            (Some((other, _)), _) if other != nonce => false,
            (Some((_, kept)), Some(value)) => {
                kept.get_or_insert(value);
                true
            }
            (Some((_, Some(_))), None) => false,
            (Some((_, None)), None) => self.effects.remove(&effect).is_some(),
        }
    }
}

fn end(kept: &mut Kept, verdict: Verdict, nonce: u64, now: u64) {
    let job = &mut kept.job;
    let to = verdict.to_state();
    kept.settled = Some((job.fence, nonce, to));
    job.state = to;
    job.lease_until = None;
    job.attempt -= u8::from(!verdict.charged());
    if let Some(run) = job.runs.last_mut() {
        run.finished_at = Some(now);
        run.outcome = Some(verdict.outcome());
    }
    let released = |run: &Run| run.outcome == Some(Outcome::Released);
    if job.runs.iter().filter(|run| released(run)).count() > 20 {
        let oldest = job
            .runs
            .iter()
            .position(released)
            .expect("there are more than 20");
        job.runs.remove(oldest);
    }
    match to {
        State::Scheduled => {
            kept.ready_at = now + verdict.delay_ms();
            job.due_at = Some(kept.ready_at);
        }
        State::Queued if !matches!(verdict.outcome(), Outcome::Lost | Outcome::Released) => {
            kept.ready_at = now;
        }
        State::Queued | State::InProgress => {}
        State::Completed | State::Failed | State::Canceled => {
            let is_completed = to == State::Completed;
            let kept_ms = if is_completed {
                job.retention.completed_ms
            } else {
                job.retention.failed_ms
            };
            job.finished_at = Some(now);
            job.expires_at = Some(now + kept_ms);
        }
    }
    touch(job, now);
}
