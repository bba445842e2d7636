//! How fast a job goes through the memory store: enqueue, claim and settle, on one core.
//!
//! Batches of 100, with few and with many jobs queued before them; one element is one job. What is timed includes the
//! verdicts, the answers, and dropping them. Making the new jobs is not timed, nor is pruning, which keeps the store as
//! it is from batch to batch.

#[cfg(unix)]
mod cpu_time;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use asyncendpoints_core::decide::{Facts, RunEvent, decide};
use asyncendpoints_core::ids::JobIds;
use asyncendpoints_core::job::{Body, NewJob, Retention};
use asyncendpoints_core::memory::{Claim, ClaimRequest, MemoryStore, Settlement};
use asyncendpoints_core::retry::Backoff;
#[cfg(unix)]
use cpu_time::CpuTime as Clock;
use criterion::measurement::Measurement;
#[cfg(not(unix))]
use criterion::measurement::WallTime as Clock;
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
            let jobs = caller.new_jobs();
            caller.enqueue(jobs);
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

    fn new_jobs(&mut self) -> Vec<NewJob> {
        self.now += 1;
        (0..BATCH).map(|_| self.new_job()).collect()
    }

    fn enqueue(&mut self, jobs: Vec<NewJob>) {
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
                queue: None,
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

    /// Bring a batch through the store, and return how long that took.
    fn cycle(&mut self) -> Duration {
        let jobs = self.new_jobs();
        let start = Clock.start();
        self.enqueue(jobs);
        let claims = self.claim();
        self.settle(&claims);
        drop(claims);
        let time = Clock.end(start);
        let pruned = self.store.prune(BATCH, self.now);
        assert_eq!(pruned, BATCH, "every job of the batch was run");
        time
    }
}

fn cycle(criterion: &mut Criterion<Clock>) {
    let mut group = criterion.benchmark_group("cycle");
    group.throughput(Throughput::Elements(BATCH as u64));
    for queued in [1_000, 1_000_000] {
        let mut caller = Caller::with_queued(queued);
        group.bench_function(BenchmarkId::from_parameter(queued), |bencher| {
            bencher.iter_custom(|cycles| {
                let timed = (0..cycles).map(|_| caller.cycle());
                timed.fold(Clock.zero(), |sum, time| Clock.add(&sum, &time))
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(Clock);
    targets = cycle
}
criterion_main!(benches);
