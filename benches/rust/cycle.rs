//! How fast a job goes through the memory store: enqueue, claim, settle, and prune, so that the store stays as it is.
//!
//! Batches of 100, with few and with many jobs queued before them. What is timed includes making the new jobs and
//! dropping all answers. One element is one job through its whole life.

use std::hint::black_box;
use std::sync::Arc;

use asyncendpoints_core::decide::{Facts, RunEvent, decide};
use asyncendpoints_core::ids::JobIds;
use asyncendpoints_core::job::{Body, NewJob, Retention};
use asyncendpoints_core::memory::{Claim, ClaimRequest, MemoryStore, Settlement};
use asyncendpoints_core::retry::Backoff;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const BATCH: usize = 100;

/// A caller of the store, with its clock and its randomness.
struct Caller {
    store: MemoryStore,
    now: u64,
    made: u64,
    ids: JobIds,
    handler: Arc<str>,
    queue: Arc<str>,
    worker: Arc<str>,
    backoff: Backoff,
}

impl Caller {
    /// A store in which this many jobs wait.
    fn with_queued(queued: usize) -> Self {
        let mut caller = Self {
            store: MemoryStore::new(),
            now: 1_800_000_000_000,
            made: 0,
            ids: JobIds::new(),
            handler: Arc::from("build_report"),
            queue: Arc::from("default"),
            worker: Arc::from("worker-1"),
            backoff: Backoff::default(),
        };
        for _ in 0..queued / BATCH {
            caller.enqueue();
        }
        caller
    }

    fn new_job(&mut self) -> NewJob {
        self.made += 1;
        let mut random = [0; 10];
        // Weyl's sequence: every id differs, and all their bits do.
        random[2..].copy_from_slice(&self.made.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
        NewJob {
            id: self.ids.make(self.now, random),
            handler: Arc::clone(&self.handler),
            queue: Arc::clone(&self.queue),
            priority: 0,
            delay_ms: 0,
            max_attempts: 3,
            timeout_ms: 3_600_000,
            retention: Retention {
                completed_ms: 0,
                failed_ms: 604_800_000,
            },
            idempotency: None,
            owner: None,
            request: None,
            payload: Some(Body::from([b'x'; 64].as_slice())),
            redrive_of: None,
            origin: None,
        }
    }

    fn enqueue(&mut self) {
        self.now += 1;
        let jobs = (0..BATCH).map(|_| self.new_job()).collect();
        black_box(self.store.enqueue(jobs, None, self.now));
    }

    fn claim(&mut self) -> Vec<Claim> {
        let request = ClaimRequest {
            worker: Arc::clone(&self.worker),
            claim_id: Arc::from("claim"),
            queues: &["default"],
            limit: BATCH,
            lease_ms: 15_000,
        };
        self.store.claim(&request, self.now).claims
    }

    fn settle(&mut self, claims: &[Claim]) {
        let end = |claim: &Claim| {
            let verdict = |cancel_requested| {
                let facts = Facts::running(claim.attempt, claim.max_attempts, cancel_requested);
                decide(facts, RunEvent::Returned, &self.backoff, 0)
            };
            Some(Settlement {
                id: claim.id,
                fence: claim.fence,
                verdict: verdict(false).ok()?,
                verdict_if_canceled: verdict(true).ok()?,
                nonce: 1,
                only_expired: false,
                result: None,
                error: None,
            })
        };
        let settlements = claims.iter().filter_map(end).collect();
        black_box(self.store.settle(settlements, self.now));
    }

    fn cycle(&mut self) {
        self.enqueue();
        let claims = self.claim();
        self.settle(&claims);
        assert_eq!(
            self.store.prune(BATCH, self.now),
            BATCH,
            "every job of the batch was run"
        );
    }
}

fn cycle(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cycle");
    group.throughput(Throughput::Elements(BATCH as u64));
    for queued in [1_000, 1_000_000] {
        let mut caller = Caller::with_queued(queued);
        group.bench_function(BenchmarkId::from_parameter(queued), |bencher| {
            bencher.iter(|| caller.cycle());
        });
    }
    group.finish();
}

criterion_group!(benches, cycle);
criterion_main!(benches);
