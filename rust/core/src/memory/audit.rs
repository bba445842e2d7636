//! Whether the store is true to itself: every entry of every index has its job, and every job its entries.

use std::collections::HashMap;

use super::MemoryStore;
use super::lane::{Lane, Place};
use super::names::NameId;
use super::record::Record;
use super::slab::Slot;
use crate::ids::JobId;
use crate::state::State;

/// How much the store holds of everything: what must be nothing once the last job is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each names what it counts")]
pub struct Footprint {
    pub jobs: usize,
    pub ids: usize,
    pub keys: usize,
    pub names: usize,
    /// Queues with jobs, paused ones, and those that a claim waits to be told of.
    pub queues: usize,
    pub listed: usize,
    pub failed: usize,
    pub leases: usize,
    pub claims: usize,
    pub strips: usize,
    pub prunes: usize,
    pub families: usize,
    pub watched: usize,
}

impl MemoryStore {
    /// Count what the store holds.
    #[must_use]
    pub fn footprint(&self) -> Footprint {
        Footprint {
            jobs: self.jobs.len(),
            ids: self.ids.len(),
            keys: self.keys.len(),
            names: self.names.len(),
            queues: self.queues.len(),
            listed: self.listing.len(),
            failed: self.failed.len(),
            leases: self.leases.len(),
            claims: self.claims.len(),
            strips: self.strips.len(),
            prunes: self.prunes.len(),
            families: self.families.len(),
            watched: self.bells.watched(),
        }
    }

    /// Compare all indexes with all jobs, for tests and diagnosis: it takes the time of a walk over everything.
    ///
    /// # Errors
    ///
    /// What is wrong, in words.
    pub fn audit(&self) -> Result<(), String> {
        let jobs: Vec<(Slot, &Record)> = self.jobs.iter().collect();
        let states = |state: State| {
            jobs.iter()
                .filter(move |(_, record)| record.state == state)
                .count()
        };
        let footprint = self.footprint();
        same("ids", footprint.ids, jobs.len())?;
        same(
            "keys",
            footprint.keys,
            jobs.iter()
                .filter(|(_, record)| record.idempotency.is_some())
                .count(),
        )?;
        same("listed jobs", footprint.listed, jobs.len())?;
        same("failed jobs", footprint.failed, states(State::Failed))?;
        same("leases", footprint.leases, states(State::InProgress))?;
        same(
            "prunes",
            footprint.prunes,
            jobs.iter()
                .filter(|(_, record)| record.state.is_terminal())
                .count(),
        )?;
        for (slot, record) in &jobs {
            self.audit_job(*slot, record)
                .map_err(|problem| format!("job {}: {problem}", record.id))?;
        }
        self.audit_queues(&jobs)?;
        self.audit_names(&jobs)?;
        self.audit_claims(&jobs)?;
        self.audit_families(&jobs)
    }

    fn audit_job(&self, slot: Slot, record: &Record) -> Result<(), String> {
        same("found by id", self.find(record.id), Some(slot))?;
        if let Some(idempotency) = record.idempotency.as_deref() {
            let found = self
                .keys
                .find(self.key_hash(idempotency), |other| other == slot);
            same("found by key", found, Some(slot))?;
        }
        let in_lane = |lane: &Lane| {
            lane.iter()
                .any(|entry| entry == (Place::listed(record), slot))
        };
        same("listed", in_lane(&self.listing), true)?;
        same(
            "among the failed",
            in_lane(&self.failed),
            record.state == State::Failed,
        )?;
        let lease = self
            .leases
            .iter()
            .find(|(_, other)| *other == slot)
            .map(|(until, _)| until);
        same("lease", lease, record.lease().map(|lease| lease.until))?;
        let prune = self
            .prunes
            .iter()
            .find(|(_, other)| *other == slot)
            .map(|(time, _)| time);
        same(
            "prune",
            prune,
            record.forgotten_at().filter(|_| record.state.is_terminal()),
        )?;
        let strip = self
            .strips
            .iter()
            .find(|(_, other)| *other == slot)
            .map(|(time, _)| time);
        let is_to_strip = record.forgotten_at() > record.expires_at()
            && !record.life.as_ref().is_some_and(|life| life.stripped);
        same("strip", strip, record.expires_at().filter(|_| is_to_strip))?;
        same(
            "finished",
            record.expires_at().is_some(),
            record.state.is_terminal(),
        )?;
        same(
            "at most its attempts",
            record.attempt <= record.max_attempts,
            true,
        )?;
        let newest = record
            .life
            .as_ref()
            .and_then(|life| life.newest_run.as_ref())
            .map_or(0, |run| run.number);
        same("the fence is the newest run", record.fence, newest)
    }

    fn audit_queues(&self, jobs: &[(Slot, &Record)]) -> Result<(), String> {
        for (slot, queue) in self.queues.iter() {
            let of = |state: State| {
                jobs.iter()
                    .filter(move |(_, record)| record.queue == slot && record.state == state)
            };
            for &state in State::ALL {
                same(
                    &format!("{state} in {}", queue.name),
                    queue.count(state),
                    of(state).count(),
                )?;
            }
            let mut ready: Vec<_> = of(State::Queued)
                .map(|(slot, job)| (Place::ready(job), *slot))
                .collect();
            ready.sort_unstable();
            same("ready", queue.ready.iter().collect::<Vec<_>>(), ready)?;
            let mut due: Vec<_> = of(State::Scheduled)
                .map(|(slot, job)| (Place::due(job), *slot))
                .collect();
            due.sort_unstable();
            same("due", queue.due.iter().collect::<Vec<_>>(), due)?;
            let is_kept =
                queue.paused || queue.armed || queue.counts.iter().any(|count| *count > 0);
            same("a queue that is kept for something", is_kept, true)?;
        }
        Ok(())
    }

    fn audit_names(&self, jobs: &[(Slot, &Record)]) -> Result<(), String> {
        let mut uses: HashMap<String, usize> = HashMap::new();
        let mut count = |name: NameId| *uses.entry(format!("{name:?}")).or_default() += 1;
        for (_, record) in jobs {
            count(record.handler);
            record.owner.into_iter().for_each(&mut count);
            record
                .life
                .iter()
                .flat_map(|life| life.runs())
                .for_each(|run| count(run.worker));
        }
        let kept: HashMap<String, usize> = self
            .names
            .uses()
            .map(|(name, uses)| (format!("{name:?}"), uses))
            .collect();
        same("uses of names", kept, uses)
    }

    fn audit_claims(&self, jobs: &[(Slot, &Record)]) -> Result<(), String> {
        let mut running: HashMap<Slot, usize> = HashMap::new();
        for (_, record) in jobs
            .iter()
            .filter(|(_, record)| record.state == State::InProgress)
        {
            *running
                .entry(record.life.as_ref().map_or(Slot::MAX, |life| life.claim))
                .or_default() += 1;
        }
        same(
            "runs of claims",
            self.claims.iter().collect::<HashMap<_, _>>(),
            running,
        )
    }

    fn audit_families(&self, jobs: &[(Slot, &Record)]) -> Result<(), String> {
        let mut redriven: HashMap<JobId, usize> = HashMap::new();
        for (_, record) in jobs {
            if let Some(origin) = record.lineage.as_ref().and_then(|lineage| lineage.origin) {
                *redriven.entry(origin).or_default() += 1;
            }
        }
        for (origin, members, effects) in self.families.iter() {
            same(
                "jobs of an origin",
                members,
                redriven.remove(&origin).unwrap_or(0),
            )?;
            let is_kept = members > 0 || (effects > 0 && self.find(origin).is_some());
            same("effects that a job keeps", is_kept, true)?;
        }
        same("origins without a family", redriven, HashMap::new())
    }
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "an expectation reads better without borrows"
)]
fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: T, should: T) -> Result<(), String> {
    if is == should {
        Ok(())
    } else {
        Err(format!("{what}: is {is:?}, should be {should:?}"))
    }
}
