//! What is stored, and what a repeated submission finds.

use asyncendpoints_core::answer::Enqueued;
use asyncendpoints_core::job::{Body, NewJob};
use asyncendpoints_core::memory::MemoryStore;
use asyncendpoints_core::state::State;
use asyncendpoints_redis::keys::{BodyKind, id_bytes};
use asyncendpoints_redis::request::{Answer, Operation};
use redis::Value;

use crate::asking::{NOW, id, job, keyed};
use crate::checking::{claim, findings};
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
fn jobs_that_are_alike_are_told_apart_where_one_is_known_or_the_queue_is_full() {
    let batches = [
        (vec![1, 2], None),
        (vec![2, 3], None),
        (vec![4, 5], Some(5)),
        (vec![6], Some(5)),
        (vec![7, 8, 9], Some(7)),
        (vec![7, 7], Some(9)),
        (vec![10, 11, 11], None),
    ];
    let mut server = Server::start();
    let mut memory = MemoryStore::new();
    for (numbers, most) in batches {
        let jobs: Vec<NewJob> = numbers.into_iter().map(job).collect();
        let bound = most.map(|most| usize::try_from(most).unwrap());
        assert_eq!(
            server.enqueue(jobs.clone(), most, NOW),
            memory.enqueue(jobs, bound, NOW)
        );
    }
    assert_eq!(claim(&mut server, "default", NOW).claims.len(), 1);
    assert_eq!(findings(&mut server, 100), Vec::<String>::new());
}

#[test]
fn a_job_that_is_stored_as_one_of_many_alike_is_as_it_would_be_alone() {
    let mut server = Server::start();
    let alike: Vec<NewJob> = (1..=3)
        .map(|number| NewJob {
            priority: 9,
            ..job(number)
        })
        .collect();
    server.enqueue(alike, None, NOW);
    // A key makes it one that is stored by the script for all kinds.
    server.enqueue(
        vec![NewJob {
            priority: 9,
            ..keyed(4, "k", 1)
        }],
        None,
        NOW,
    );
    let read = |server: &mut Server, number| match server.ask(Operation::Get(id(number)), NOW) {
        Answer::Job(Some(job)) => *job,
        other => panic!("{other:?}"),
    };
    let (alike, alone) = (read(&mut server, 2), read(&mut server, 4));
    assert_eq!(
        (alike.created_at, alike.scheduled_at, alike.updated_at),
        (alone.created_at, alone.scheduled_at, alone.updated_at)
    );
    assert_eq!(
        (alike.state, alike.version, alike.priority),
        (alone.state, alone.version, alone.priority)
    );
    let ready = server.space().ready("default");
    let score =
        |server: &mut Server, number| server.command(&[b"ZSCORE", &ready, &id_bytes(id(number))]);
    assert_eq!(score(&mut server, 2), score(&mut server, 4));
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

#[test]
fn a_replayed_job_that_cannot_be_read_is_shown_as_failed_and_fails_no_other_submission() {
    let large = |number| NewJob {
        payload: Some(Body::from(vec![1; 5_000])),
        ..keyed(number, "k", 1)
    };
    let mut server = Server::start();
    server.enqueue(vec![large(1)], None, NOW);
    let key = server.space().key("job");
    let Value::BulkString(whole) = server.command(&[b"HGET", &key, &id_bytes(id(1))]) else {
        panic!("no record");
    };
    let body = server.space().body(id(1), BodyKind::Payload);
    let harm = |server: &mut Server, harm: usize| {
        let mut bytes = whole.clone();
        match harm {
            0 => bytes[0] = 7,
            1 => bytes.truncate(60),
            2 => drop(server.command(&[b"DEL", &body])),
            _ => drop(server.command(&[b"RPUSH", &body, b"something else"])),
        }
        server.command(&[b"HSET", &key, &id_bytes(id(1)), &bytes]);
    };
    for number in 0..4 {
        harm(&mut server, number);
        let other = 10 + u8::try_from(number).unwrap();
        let found = server.enqueue(vec![large(1), job(other), large(2)], None, NOW);
        let [
            Enqueued::Created(known),
            Enqueued::Created(stored),
            Enqueued::Replayed(replayed),
        ] = &found[..]
        else {
            panic!("{found:?}");
        };
        assert_eq!(stored.id, id(other));
        let Answer::Job(Some(read)) = server.ask(Operation::Get(id(1)), NOW) else {
            panic!("no job");
        };
        assert_eq!(read.state, State::Failed);
        assert_eq!((known, replayed), (&*read, &*read));
    }
}

#[test]
fn a_body_that_is_something_else_fails_its_job_and_no_other() {
    let mut server = Server::start();
    let large = NewJob {
        payload: Some(Body::from(vec![1; 5_000])),
        ..job(1)
    };
    server.enqueue(vec![large], None, NOW);
    let body = server.space().body(id(1), BodyKind::Payload);
    server.command(&[b"DEL", &body]);
    server.command(&[b"RPUSH", &body, b"something else"]);
    let Answer::Job(Some(shown)) = server.ask(Operation::Get(id(1)), NOW) else {
        panic!("no job");
    };
    assert_eq!(shown.state, State::Failed);
    assert_eq!(claim(&mut server, "default", NOW).claims, []);
    let Answer::Job(Some(kept)) = server.ask(Operation::Get(id(1)), NOW) else {
        panic!("no job");
    };
    assert_eq!(kept.state, State::Failed);
    assert_eq!(findings(&mut server, 100), Vec::<String>::new());
}
