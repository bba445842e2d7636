//! Random walks: after every step the store answers as the model does, and every index has exactly its jobs.

use std::collections::BTreeMap;
use std::sync::Arc;

use asyncendpoints_core::decide::RunEvent;
use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::{Job, ResultBody};
use asyncendpoints_core::memory::{Claim, ClaimRequest, Footprint, JobFilter, MemoryStore};
use asyncendpoints_core::state::State;
use proptest::prelude::*;
use proptest::sample::Index;

use super::model::Model;
use super::steps::{Act, Enqueue, Step, step};
use super::subject::{DAY_MS, LEASE_MS, body, ending_after, id, keyed, new_job};

const QUEUES: [&str; 3] = ["a", "b", "c"];
const PLENTY: usize = 1_000;

/// Store and model side by side.
struct Walk {
    store: MemoryStore,
    model: Model,
    now: u64,
    /// Every id there ever was, and every run: old ones are tried again.
    ids: Vec<JobId>,
    runs: Vec<Claim>,
    /// The queues that somebody waits to be woken for, and by when he will look by himself.
    waiting: BTreeMap<String, u64>,
}

impl Walk {
    fn new() -> Self {
        let (store, model) = (MemoryStore::new(), Model::default());
        Self {
            store,
            model,
            now: DAY_MS,
            ids: vec![id(0)],
            runs: vec![],
            waiting: BTreeMap::new(),
        }
    }

    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        let now = self.now;
        match step {
            Step::Enqueue(enqueue) => self.enqueue(&enqueue)?,
            Step::EnqueueAgain(index) => {
                let mut job = new_job(0);
                job.id = *index.get(&self.ids);
                let answer = self.store.enqueue(vec![job.clone()], None, now);
                prop_assert_eq!(answer, vec![self.model.enqueue(job, None, now)]);
            }
            Step::Claim(queues, limit, claim_id) => self.claim(&queues, limit, claim_id)?,
            Step::ReleaseClaim(claim_id) => {
                let claim_id = format!("claim-{claim_id}");
                let released = self.store.release_claim(&claim_id, now);
                prop_assert_eq!(released, self.model.release_claim(&claim_id, now));
            }
            Step::Act(run, act) if !self.runs.is_empty() => {
                let claim = run.get(&self.runs).clone();
                self.act(&claim, act)?;
            }
            Step::Act(..) => {}
            Step::Cancel(index) => {
                let id = *index.get(&self.ids);
                prop_assert_eq!(self.store.cancel(id, now), self.model.cancel(id, now));
            }
            Step::RunNow(index) => {
                let id = *index.get(&self.ids);
                prop_assert_eq!(self.store.run_now(id, now), self.model.run_now(id, now));
            }
            Step::Promote => {
                prop_assert_eq!(
                    self.store.promote(PLENTY, now),
                    self.model.promote(None, now)
                );
            }
            Step::Strip => prop_assert_eq!(self.store.strip(PLENTY, now), self.model.strip(now)),
            Step::Prune => prop_assert_eq!(self.store.prune(PLENTY, now), self.model.prune(now)),
            Step::Delete(index) => {
                let id = *index.get(&self.ids);
                prop_assert_eq!(self.store.delete(id), self.model.delete(id));
            }
            Step::Pause(index, paused) => {
                let queue = *index.get(&QUEUES);
                self.store.pause(queue, paused);
                self.model.pause(queue, paused);
            }
            Step::Clock(by) => self.now = now.saturating_add_signed(by),
        }
        Ok(())
    }

    fn enqueue(&mut self, step: &Enqueue) -> Result<(), TestCaseError> {
        let mut job = new_job(self.ids.len() as u64);
        self.ids.push(job.id);
        job.queue = Arc::from(*step.queue.get(&QUEUES));
        (job.priority, job.delay_ms) = (step.priority, step.delay_ms);
        job.owner = step.owner.map(|owner| Arc::from(format!("owner-{owner}")));
        if let Some((key, fingerprint)) = step.key {
            keyed(&mut job, &format!("key-{key}"), fingerprint);
        }
        job.redrive_of = step.redrive.as_ref().map(|index| *index.get(&self.ids));
        job.origin = job.redrive_of;
        let answer = self
            .store
            .enqueue(vec![job.clone()], step.max_queued, self.now);
        prop_assert_eq!(
            answer,
            vec![self.model.enqueue(job, step.max_queued, self.now)]
        );
        Ok(())
    }

    fn act(&mut self, claim: &Claim, act: Act) -> Result<(), TestCaseError> {
        let (id, fence, now) = (claim.id, claim.fence, self.now);
        match act {
            Act::Renew(lease_ms) => {
                let answer = self.store.renew(&[(id, fence)], lease_ms, now);
                prop_assert_eq!(answer, vec![self.model.renew(id, fence, lease_ms, now)]);
            }
            Act::Settle {
                event,
                nonce,
                delay_ms,
                only_expired,
            } => {
                let mut settlement = ending_after(claim, event, nonce, delay_ms);
                settlement.only_expired = only_expired;
                settlement.result = Some(ResultBody {
                    body: Some(body("result")),
                    meta: None,
                });
                settlement.error = Some(body(event.as_str()));
                let answer = self.store.settle(vec![settlement.clone()], now);
                prop_assert_eq!(answer, vec![self.model.settle(&settlement, now)]);
            }
            Act::Progress => {
                let done = self.store.progress(id, fence, body("half"), now);
                prop_assert_eq!(done, self.model.progress(id, fence, body("half"), now));
            }
            Act::Reserve {
                key,
                nonce,
                takeover,
            } => {
                let (key, nonce) = (key.to_string(), nonce.to_string());
                let answer = self.store.reserve(id, fence, &key, &nonce, takeover, now);
                prop_assert_eq!(
                    answer,
                    self.model.reserve(id, fence, &key, &nonce, takeover)
                );
            }
            Act::Record { key, nonce, value } => {
                let (key, nonce) = (key.to_string(), nonce.to_string());
                let value = value.map(|value| body(&value.to_string()));
                let done = self
                    .store
                    .record(id, fence, &key, &nonce, value.clone(), now);
                prop_assert_eq!(done, self.model.record(id, fence, &key, &nonce, value));
            }
        }
        Ok(())
    }

    fn claim(&mut self, queues: &[Index], limit: usize, claim_id: u8) -> Result<(), TestCaseError> {
        let queues: Vec<&str> = queues.iter().map(|queue| *queue.get(&QUEUES)).collect();
        let request = ClaimRequest {
            worker: Arc::from(format!("worker-{claim_id}")),
            claim_id: Arc::from(format!("claim-{claim_id}")),
            queues: &queues,
            limit,
            lease_ms: LEASE_MS,
        };
        let claims = self.store.claim(&request, self.now);
        prop_assert_eq!(&claims, &self.model.claim(&request, self.now));
        // Whom this claim wakes is somebody else, who waited before.
        self.hear();
        if claims.claims.len() < limit {
            let until = claims
                .next_due_ms
                .map_or(u64::MAX, |wait_ms| self.now + wait_ms);
            self.waiting
                .extend(queues.iter().map(|queue| ((*queue).to_owned(), until)));
        }
        self.runs.extend(claims.claims);
        Ok(())
    }

    fn hear(&mut self) {
        for queue in self.store.take_wakes().ready_queues {
            self.waiting.remove(&*queue);
        }
    }

    /// Everything that can be asked is answered by both alike.
    fn check(&mut self) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.store.audit(), Ok(()));
        for id in &self.ids {
            let stored = self.store.get(*id);
            prop_assert_eq!(stored.as_ref(), self.model.jobs().find(|job| job.id == *id));
        }
        let mut expired = self.store.expired(PLENTY, self.now);
        let mut expected = self.model.expired(self.now);
        expired.sort_by_key(|run| run.id);
        expected.sort_by_key(|run| run.id);
        prop_assert_eq!(expired, expected);
        self.check_lists()?;
        self.hear();
        for (queue, until) in &self.waiting {
            let jobs = || self.model.jobs().filter(|job| *job.queue == **queue);
            let is_ready =
                jobs().any(|job| job.state == State::Queued) && !self.model.is_paused(queue);
            prop_assert!(
                !is_ready,
                "who waits for {} was told of what is ready",
                queue
            );
            let is_early = jobs().any(|job| job.due_at.is_some_and(|due| due < *until));
            prop_assert!(
                !is_early || self.model.is_paused(queue),
                "who waits for {} was told of what is due",
                queue
            );
        }
        Ok(())
    }

    fn check_lists(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(
            self.listed(&JobFilter::default()),
            self.model.list(|_| true)
        );
        let failed = JobFilter {
            state: Some(State::Failed),
            ..JobFilter::default()
        };
        prop_assert_eq!(
            self.listed(&failed),
            self.model.list(|job| job.state == State::Failed)
        );
        let owned = JobFilter {
            owner: Some("owner-0"),
            queue: Some("a"),
            ..JobFilter::default()
        };
        let is_owned = |job: &Job| job.owner.as_deref() == Some("owner-0") && *job.queue == *"a";
        prop_assert_eq!(self.listed(&owned), self.model.list(is_owned));
        for counts in self.store.counts() {
            let count = |state: &State| {
                self.model
                    .jobs()
                    .filter(|job| job.queue == counts.queue && job.state == *state)
                    .count()
            };
            prop_assert_eq!(
                counts.counts.to_vec(),
                State::ALL.iter().map(count).collect::<Vec<_>>()
            );
        }
        Ok(())
    }

    /// All pages of three.
    fn listed(&self, filter: &JobFilter<'_>) -> Vec<Job> {
        let (mut jobs, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.store.list(filter, cursor.as_deref(), 3);
            jobs.extend(page.jobs);
            match page.cursor {
                Some(next) => cursor = Some(next),
                None => return jobs,
            }
        }
    }

    /// Bring every job to its end, wait for all retention to pass, and see that nothing is left.
    fn end(mut self) -> Result<(), TestCaseError> {
        let ids = self.ids.clone();
        for id in ids {
            self.store.cancel(id, self.now);
        }
        self.now += 400 * DAY_MS;
        for run in self.store.expired(PLENTY, self.now) {
            let claim = self
                .runs
                .iter()
                .find(|claim| (claim.id, claim.fence) == (run.id, run.fence));
            let settlement = claim.map(|claim| ending_after(claim, RunEvent::Lost, 9, 0));
            self.store
                .settle(settlement.into_iter().collect(), self.now);
        }
        self.now += 400 * DAY_MS;
        self.store.prune(PLENTY, self.now);
        for queue in QUEUES {
            self.store.pause(queue, false);
        }
        let queues = self.store.footprint().queues;
        prop_assert!(queues <= self.waiting.len() + QUEUES.len());
        prop_assert_eq!(
            self.store.footprint(),
            Footprint {
                queues,
                ..Footprint::default()
            }
        );
        prop_assert_eq!(self.store.next_due(), None);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn the_store_is_the_model(steps in proptest::collection::vec(step(), 1..80)) {
        let mut walk = Walk::new();
        for step in steps {
            walk.take(step)?;
            walk.check()?;
        }
        walk.end()?;
    }
}
