//! How a run ends: settled by its worker, settled by a rescue, or given back with its claim.

use super::MemoryStore;
use super::moment::Moment;
use super::record::SettledRun;
use super::slab::Slot;
use crate::answer::{Settled, Settlement};
use crate::decide::{Facts, RunEvent, Verdict, decide};
use crate::job::{Body, ResultBody};
use crate::retry::Backoff;
use crate::state::State;

/// What a run leaves behind.
struct Ending {
    verdict: Verdict,
    nonce: u64,
    result: Option<ResultBody>,
    error: Option<Body>,
}

impl MemoryStore {
    /// End runs, each by the verdict that matches whether its cancellation was asked for.
    pub fn settle(&mut self, settlements: Vec<Settlement>, now: u64) -> Vec<Settled> {
        // Finding all jobs first lets the processor fetch them side by side, not one after the other.
        let slots: Vec<_> = settlements
            .iter()
            .map(|settlement| self.find(settlement.id))
            .collect();
        let settle = |(settlement, slot): (Settlement, Option<Slot>)| match slot {
            Some(slot) => self.settle_one(slot, settlement, now),
            None => Settled::Stale,
        };
        settlements.into_iter().zip(slots).map(settle).collect()
    }

    fn settle_one(&mut self, slot: Slot, settlement: Settlement, now: u64) -> Settled {
        let record = &self.jobs[slot];
        let Some(lease) = record
            .lease()
            .filter(|lease| lease.is_held_by(settlement.fence))
        else {
            return self.settled_before(slot, settlement.fence, settlement.nonce);
        };
        if settlement.only_expired && !lease.is_past(now) {
            return Settled::Stale;
        }
        let verdict = if record.cancel_requested() {
            settlement.verdict_if_canceled
        } else {
            settlement.verdict
        };
        let Settlement {
            nonce,
            result,
            error,
            ..
        } = settlement;
        Settled::To(self.end_run(
            slot,
            Ending {
                verdict,
                nonce,
                result,
                error,
            },
            now,
        ))
    }

    /// The answer to a settlement whose run is over: as the first time, if it is the same one repeated (SUB-3).
    fn settled_before(&self, slot: Slot, fence: u64, nonce: u64) -> Settled {
        let settled = self.jobs[slot].life.as_ref().and_then(|life| life.settled);
        match settled {
            Some(run) if nonce != 0 && run.fence == fence && run.nonce == nonce => {
                Settled::To(run.to)
            }
            _ => Settled::Stale,
        }
    }

    /// Write state, run, result and error together (SET-4).
    fn end_run(&mut self, slot: Slot, ending: Ending, now: u64) -> State {
        let Ending {
            verdict,
            nonce,
            result,
            error,
        } = ending;
        let to = verdict.to_state();
        let mut forgotten = None;
        self.move_to(slot, to, now, |record| {
            if !verdict.charged() {
                record.attempt = record.attempt.saturating_sub(1);
            }
            if !to.is_terminal() && !verdict.keeps_place() {
                record.ready_at = now.saturating_add(verdict.delay_ms());
            }
            let fence = record.fence;
            let life = record.life_mut();
            if let Some(run) = &mut life.newest_run {
                run.finished_at = Moment::at(now);
                run.outcome = Some(verdict.outcome());
                run.error = error;
            }
            life.settled = Some(SettledRun { fence, nonce, to });
            if to.is_terminal() {
                life.finished_at = Moment::at(now);
            }
            if to == State::Completed {
                life.result = result;
            }
            if !verdict.charged() {
                forgotten = life.forget_released();
            }
        });
        if let Some(worker) = forgotten {
            self.names.release(&self.hashing, worker);
        }
        to
    }

    /// Give back, uncharged, every run that this claim began and that still runs; return how many.
    pub fn release_claim(&mut self, claim_id: &str, now: u64) -> usize {
        let Some((claim, runs)) = self.claims.begun(claim_id) else {
            return 0;
        };
        let mut released = 0;
        for (slot, fence) in runs {
            // The slot may have gone to another job since, but not to one that this claim runs.
            let Some(record) = self
                .jobs
                .get(slot)
                .filter(|record| record.is_held_by(fence))
            else {
                continue;
            };
            if record.life.as_ref().is_none_or(|life| life.claim != claim) {
                continue;
            }
            let facts = Facts {
                state: record.state,
                attempt: record.attempt,
                max_attempts: record.max_attempts,
                cancel_requested: record.cancel_requested(),
            };
            // No delay comes of a release, so any backoff and seed will do.
            let Ok(verdict) = decide(facts, RunEvent::Released, &Backoff::default(), 0) else {
                continue;
            };
            self.end_run(
                slot,
                Ending {
                    verdict,
                    nonce: 0,
                    result: None,
                    error: None,
                },
                now,
            );
            released += 1;
        }
        released
    }
}
