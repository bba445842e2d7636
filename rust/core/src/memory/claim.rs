//! Claim: promote what is due, then take jobs in order (CLM-1 to CLM-6).

use std::hint::black_box;
use std::sync::Arc;

use super::MemoryStore;
use super::lane::Place;
use super::moment::Moment;
use super::record::RunRecord;
use super::slab::Slot;
use crate::answer::{Claim, ClaimRequest, Claims};
use crate::state::{self, Event, State};

/// How many scheduled jobs a claim promotes at most (CLM-6), so that no claim takes long.
const PROMOTIONS: usize = 1_000;

/// Where the table leads from the states whose jobs are in a schedule or a ready queue, read while compiling.
const PROMOTED: State = row(State::Scheduled, Event::Promote);
const CLAIMED: State = row(State::Queued, Event::Claim);

const fn row(from: State, event: Event) -> State {
    match state::next(from, event) {
        Ok(to) => to,
        Err(_) => panic!("the table lacks a row that claims go by"),
    }
}

impl MemoryStore {
    /// Begin runs: at most `limit` jobs of the queues, by rank over all of them (CLM-2).
    ///
    /// Each run has a fence above all earlier ones of its job (CLM-4) and counts as an attempt. Queues whose claim came
    /// back short wake the claimer once there is more.
    pub fn claim(&mut self, request: &ClaimRequest<'_>, now: u64) -> Claims {
        let mut queues = Vec::with_capacity(request.queues.len());
        for name in request.queues {
            match self.queues.find(&self.hashing, name) {
                Some(queue) if !queues.contains(&queue) => queues.push(queue),
                _ => {}
            }
        }
        let promoted = self.promote_from(&queues, PROMOTIONS, now);
        let taken = self.take_ready(&queues, request.limit);
        let claims = self.begin_runs(&taken, request, now);
        let next_due = queues
            .iter()
            .filter_map(|queue| self.queues.get(*queue).due.first())
            .min();
        if claims.len() < request.limit {
            for name in request.queues {
                let queue = self
                    .queues
                    .find_or_add(&self.hashing, name, || Arc::from(*name));
                self.queues.get_mut(queue).armed = true;
            }
        } else if promoted > 0 {
            // More came due than this claimer takes: others may wait for it.
            for queue in queues {
                let queue = self.queues.get_mut(queue);
                if !queue.ready.is_empty() {
                    self.bells.ready(queue);
                }
            }
        }
        Claims {
            claims,
            next_due_ms: next_due.map(|place| place.order().saturating_sub(now)),
        }
    }

    /// Make scheduled jobs queued whose time has come, earliest first; return how many.
    ///
    /// A claim does this for its queues. It is for a sweep, which serves queues that nobody claims from.
    pub fn promote(&mut self, limit: usize, now: u64) -> usize {
        let queues: Vec<_> = self.queues.iter().map(|(slot, _)| slot).collect();
        let promoted = self.promote_from(&queues, limit, now);
        for queue in queues.into_iter().take_while(|_| promoted > 0) {
            let queue = self.queues.get_mut(queue);
            if !queue.ready.is_empty() {
                self.bells.ready(queue);
            }
        }
        promoted
    }

    fn promote_from(&mut self, queues: &[Slot], limit: usize, now: u64) -> usize {
        let earliest = |store: &Self| {
            let firsts = queues
                .iter()
                .filter_map(|queue| Some((store.queues.get(*queue).due.first()?, *queue)));
            firsts.min().filter(|(place, _)| place.order() <= now)
        };
        let mut promoted = 0;
        while promoted < limit {
            let Some((_, queue)) = earliest(self) else {
                break;
            };
            let queue = self.queues.get_mut(queue);
            let Some(slot) = queue.due.pop() else { break };
            let record = &mut self.jobs[slot];
            queue.subtract(record.state);
            record.state = PROMOTED;
            queue.add(record.state);
            queue.ready.insert(Place::ready(record), slot);
            self.touch(slot, now);
            promoted += 1;
        }
        promoted
    }

    /// Take jobs out of the ready queues, by rank over all of them.
    fn take_ready(&mut self, queues: &[Slot], limit: usize) -> Vec<Slot> {
        let mut taken = Vec::new();
        if let [queue] = queues {
            let queue = self.queues.get_mut(*queue);
            if !queue.paused {
                taken.reserve_exact(limit.min(queue.ready.len()));
                taken.extend(std::iter::from_fn(|| queue.ready.pop()).take(limit));
            }
            return taken;
        }
        let open = queues
            .iter()
            .filter(|queue| !self.queues.get(**queue).paused);
        let mut firsts: Vec<_> = open
            .map(|queue| (self.queues.get(*queue).ready.first(), *queue))
            .collect();
        while taken.len() < limit {
            let least = firsts.iter_mut().filter(|(first, _)| first.is_some()).min();
            let Some((first, queue)) = least else { break };
            let queue = self.queues.get_mut(*queue);
            taken.extend(queue.ready.pop());
            *first = queue.ready.first();
        }
        taken
    }

    fn begin_runs(&mut self, taken: &[Slot], request: &ClaimRequest<'_>, now: u64) -> Vec<Claim> {
        if taken.is_empty() {
            return Vec::new();
        }
        // Reading all records and bodies first lets the processor fetch them side by side, not one after the other.
        let runs: Vec<_> = taken
            .iter()
            .map(|slot| (*slot, self.jobs[*slot].fence + 1))
            .collect();
        let bodies = taken
            .iter()
            .filter_map(|slot| self.jobs[*slot].payload.as_deref());
        black_box(
            bodies
                .filter_map(|body| body.first())
                .fold(0_u8, |sum, byte| sum ^ byte),
        );
        let begun = self.claims.begin(&request.claim_id, runs);
        let worker = self.names.acquire(&self.hashing, &request.worker);
        let lease_until = now.saturating_add(request.lease_ms);
        let mut claims = Vec::with_capacity(taken.len());
        for &slot in taken {
            let record = &mut self.jobs[slot];
            record.fence += 1;
            // SET-2 holds whatever verdict brought the job back.
            record.attempt = record.attempt.saturating_add(1).min(record.max_attempts);
            let run = RunRecord {
                number: record.fence,
                started_at: now,
                finished_at: Moment::NEVER,
                error: None,
                worker: self.names.acquire_again(worker),
                outcome: None,
            };
            let life = record.life_mut();
            life.begin_run(run);
            life.started_at = life.started_at.or_at(now);
            life.lease_until = lease_until;
            life.claim = begun;
            self.leases.insert(lease_until, slot);
            let queue = self.queues.get_mut(record.queue);
            queue.subtract(record.state);
            record.state = CLAIMED;
            queue.add(record.state);
            self.touch(slot, now);
            claims.push(self.claimed(&self.jobs[slot], now));
        }
        self.names.release(&self.hashing, worker);
        claims
    }
}
