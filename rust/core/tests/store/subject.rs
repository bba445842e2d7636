//! A store with the words that its tests are written in.

use std::sync::Arc;

use asyncendpoints_core::decide::{Facts, RunEvent, decide};
use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::{Body, Idempotency, Job, NewJob, Retention};
use asyncendpoints_core::memory::{
    Claim, ClaimRequest, Claims, Enqueued, MemoryStore, Settled, Settlement,
};
use asyncendpoints_core::retry::Backoff;

pub(crate) const LEASE_MS: u64 = 15_000;
pub(crate) const HOUR_MS: u64 = 3_600_000;
pub(crate) const DAY_MS: u64 = 24 * HOUR_MS;
/// How long results are kept in these tests.
pub(crate) const RETENTION: Retention = Retention {
    completed_ms: HOUR_MS,
    failed_ms: 2 * HOUR_MS,
};

pub(crate) fn body(text: &str) -> Body {
    Body::from(text.as_bytes())
}

/// The n-th id of a test; ids of the same time are in no order.
pub(crate) fn id(n: u64) -> JobId {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    JobId::new(1_800_000_000_000, random)
}

pub(crate) fn new_job(n: u64) -> NewJob {
    NewJob {
        id: id(n),
        handler: Arc::from("work"),
        queue: Arc::from("default"),
        priority: 0,
        delay_ms: 0,
        max_attempts: 3,
        timeout_ms: HOUR_MS,
        retention: RETENTION,
        idempotency: None,
        owner: None,
        request: Some(body("request")),
        payload: Some(body("payload")),
        redrive_of: None,
        origin: None,
    }
}

/// Give a job a key, in the scope that these tests use.
pub(crate) fn keyed(job: &mut NewJob, key: &str, fingerprint: u8) {
    scoped(job, "work", key, fingerprint);
}

pub(crate) fn scoped(job: &mut NewJob, scope: &str, key: &str, fingerprint: u8) {
    job.idempotency = Some(Box::new(Idempotency {
        scope: scope.into(),
        key: Arc::from(key),
        fingerprint: [fingerprint; 32],
    }));
}

/// The end of a run, as its worker writes it.
pub(crate) fn ending(claim: &Claim, event: RunEvent, nonce: u64) -> Settlement {
    ending_after(claim, event, nonce, 1_000)
}

/// The same, with the delay of a retry.
pub(crate) fn ending_after(
    claim: &Claim,
    event: RunEvent,
    nonce: u64,
    delay_ms: u64,
) -> Settlement {
    let verdict = |cancel_requested| {
        let facts = Facts::running(claim.attempt, claim.max_attempts, cancel_requested);
        decide(facts, event, &Backoff::Fixed { delay_ms }, 0).expect("the run is going on")
    };
    Settlement {
        id: claim.id,
        fence: claim.fence,
        queue: Some(Arc::clone(&claim.queue)),
        verdict: verdict(false),
        verdict_if_canceled: verdict(true),
        nonce,
        only_expired: false,
        result: None,
        error: None,
    }
}

/// A store, and the clock that it is told.
pub(crate) struct Subject {
    pub(crate) store: MemoryStore,
    pub(crate) now: u64,
    made: u64,
}

impl Subject {
    pub(crate) fn new() -> Self {
        Self {
            store: MemoryStore::new(),
            now: 1_800_000_000_000,
            made: 0,
        }
    }

    pub(crate) fn try_submit(
        &mut self,
        max_queued: Option<usize>,
        change: impl FnOnce(&mut NewJob),
    ) -> Enqueued {
        self.made += 1;
        let mut job = new_job(self.made);
        change(&mut job);
        self.store
            .enqueue(vec![job], max_queued, self.now)
            .pop()
            .expect("one answer for one job")
    }

    pub(crate) fn submit_with(&mut self, change: impl FnOnce(&mut NewJob)) -> Job {
        match self.try_submit(None, change) {
            Enqueued::Created(job) => job,
            other => panic!("a new job should have been created: {other:?}"),
        }
    }

    pub(crate) fn submit(&mut self) -> Job {
        self.submit_with(|_| {})
    }

    pub(crate) fn claim_as(&mut self, claim_id: &str, queues: &[&str], limit: usize) -> Claims {
        let (worker, claim_id) = (Arc::from("worker-1"), Arc::from(claim_id));
        self.store.claim(
            &ClaimRequest {
                worker,
                claim_id,
                queues,
                limit,
                lease_ms: LEASE_MS,
            },
            self.now,
        )
    }

    pub(crate) fn claim(&mut self, limit: usize) -> Vec<Claim> {
        self.claim_as("claim", &["default"], limit).claims
    }

    pub(crate) fn take(&mut self) -> Claim {
        self.claim(1)
            .pop()
            .expect("a job should have been there to claim")
    }

    /// Submit a job and claim it.
    pub(crate) fn start(&mut self) -> Claim {
        let job = self.submit();
        let claim = self.take();
        assert_eq!(claim.id, job.id);
        claim
    }

    pub(crate) fn settle(&mut self, settlement: Settlement) -> Settled {
        self.store
            .settle(vec![settlement], self.now)
            .pop()
            .expect("one answer for one settlement")
    }

    pub(crate) fn end(&mut self, claim: &Claim, event: RunEvent) -> Settled {
        self.settle(ending(claim, event, 1))
    }

    pub(crate) fn get(&self, id: JobId) -> Job {
        self.store.get(id).expect("the job should be stored")
    }

    pub(crate) fn audit(&self) {
        assert_eq!(self.store.audit(), Ok(()));
    }
}
