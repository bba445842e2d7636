//! What a queued job costs beyond its payload, in bytes that the store asked the allocator for.
//!
//! It counts, so it needs no repetition and no criterion. Names come one by one with each job, as they do from outside,
//! and the answers are dropped: what is left is what the store keeps.

use std::sync::Arc;

use asyncendpoints_core::ids::JobIds;
use asyncendpoints_core::job::{Body, Idempotency, NewJob, Retention};
use asyncendpoints_core::memory::MemoryStore;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const PAYLOAD: usize = 64;

fn main() {
    for (what, is_full) in [("plain", false), ("with key, owner and request", true)] {
        for jobs in [1_000, 100_000, 1_000_000] {
            println!(
                "{jobs:>9} queued jobs, {what}: {} bytes each beyond their payload",
                bytes_per_job(jobs, is_full)
            );
        }
    }
}

fn bytes_per_job(jobs: usize, is_full: bool) -> usize {
    let mut store = MemoryStore::new();
    let ids = JobIds::new();
    let before = ALLOCATOR.current_usage();
    for batch in 0..jobs / 100 {
        let now = 1_800_000_000_000 + batch as u64;
        let new = (0..100)
            .map(|n| new_job(&ids, now, batch * 100 + n, is_full))
            .collect();
        drop(store.enqueue(new, None, now));
    }
    (ALLOCATOR.current_usage() - before) / jobs - PAYLOAD
}

fn new_job(ids: &JobIds, now: u64, n: usize, is_full: bool) -> NewJob {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&(n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    let idempotency = || Idempotency {
        scope: "build_report\0ada".into(),
        key: Arc::from(format!("9e07d6b8-5ac8-4e0a-9c3e-{n:012}")),
        fingerprint: [7; 32],
    };
    NewJob {
        id: ids.make(now, random),
        handler: Arc::from("build_report"),
        queue: Arc::from("default"),
        priority: 0,
        delay_ms: 0,
        max_attempts: 3,
        timeout_ms: 3_600_000,
        retention: Retention {
            completed_ms: 86_400_000,
            failed_ms: 604_800_000,
        },
        idempotency: is_full.then(|| Box::new(idempotency())),
        owner: is_full.then(|| Arc::from("ada")),
        request: is_full.then(|| Body::from([b'r'; 120].as_slice())),
        payload: Some(Body::from([b'x'; PAYLOAD].as_slice())),
        redrive_of: None,
        origin: None,
    }
}
