//! What is stored, and what a repeated submission finds.

use asyncendpoints_core::answer::Enqueued;
use asyncendpoints_core::job::{Body, NewJob};
use asyncendpoints_core::memory::MemoryStore;
use redis::Value;

use crate::asking::{NOW, id, job, keyed};
use crate::server::Server;

fn both(jobs: Vec<NewJob>, max_queued: Option<u64>) -> (Vec<Enqueued>, Vec<Enqueued>) {
    let mut server = Server::start();
    let mut memory = MemoryStore::new();
    let most = max_queued.map(|most| usize::try_from(most).unwrap());
    (
        server.enqueue(jobs.clone(), max_queued, NOW),
        memory.enqueue(jobs, most, NOW),
    )
}

#[test]
fn a_batch_with_repeated_ids_and_keys_is_answered_as_by_memory() {
    let jobs = vec![
        job(1),
        job(1),
        keyed(2, "k", 1),
        keyed(3, "k", 1),
        keyed(4, "k", 2),
        keyed(2, "k", 2),
        NewJob {
            delay_ms: 500,
            origin: Some(id(1)),
            redrive_of: Some(id(1)),
            owner: Some("ada".into()),
            priority: -7,
            ..job(5)
        },
        job(6),
    ];
    for most in [None, Some(3), Some(0)] {
        let (found, expected) = both(jobs.clone(), most);
        assert_eq!(found, expected);
    }
}

#[test]
fn a_repeated_job_comes_back_with_its_large_bodies() {
    let large = NewJob {
        payload: Some(Body::from(vec![1; 5_000])),
        request: Some(Body::from(vec![2; 1_025])),
        ..keyed(1, "k", 1)
    };
    let repeated = NewJob {
        id: id(2),
        ..large.clone()
    };
    let (found, expected) = both(vec![large.clone(), large, repeated], None);
    assert_eq!(found, expected);
}

#[test]
fn a_stored_job_takes_few_bytes() {
    let mut server = Server::start();
    server.enqueue(vec![job(1)], None, NOW);
    let key = server.space().key("job");
    let value = server.command(&[b"HSTRLEN", &key, &id(1).bits().to_be_bytes()]);
    let Value::Int(bytes) = value else {
        panic!("{value:?}")
    };
    assert!(bytes <= 188, "{bytes} bytes");
}
