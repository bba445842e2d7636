//! What is read: one job, the listing, the numbers, and what the server says of itself.

use std::sync::Arc;

use asyncendpoints_core::answer::Page;
use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::{Body, Job, NewJob};
use asyncendpoints_core::state::State;
use asyncendpoints_redis::conversation::Failure;
use asyncendpoints_redis::keys::id_bytes;
use asyncendpoints_redis::request::{Answer, Filter, Operation};
use redis::Value;

use crate::asking::{NOW, id, job};
use crate::server::Server;

fn get(server: &mut Server, id: JobId) -> Option<Box<Job>> {
    match server.ask(Operation::Get(id), NOW) {
        Answer::Job(job) => job,
        other => panic!("{other:?}"),
    }
}

fn page(server: &mut Server, state: Option<State>, cursor: Option<String>, limit: usize) -> Page {
    let operation = Operation::List {
        filter: Filter {
            state,
            ..Filter::default()
        },
        cursor,
        limit,
    };
    match server.ask(operation, NOW) {
        Answer::Page(page) => page,
        other => panic!("{other:?}"),
    }
}

/// A job with an id of its own, so that hundreds can be told apart.
fn numbered(number: u64) -> NewJob {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    NewJob {
        id: JobId::new(NOW, random),
        owner: Some("ada".into()),
        ..job(0)
    }
}

#[test]
fn every_job_is_listed_once_also_where_pages_end_between_chunks_and_jobs_go() {
    let mut server = Server::start();
    let jobs: Vec<NewJob> = (0..300).map(numbered).collect();
    for (at, jobs) in jobs.chunks(50).enumerate() {
        server.enqueue(jobs.to_vec(), None, NOW + at as u64);
    }
    let (mut seen, mut gone, mut cursor) = (Vec::new(), 0, None);
    loop {
        let found = page(&mut server, None, cursor, 7);
        assert!(found.jobs.len() <= 7);
        // The job that the cursor stands behind goes, and another that comes is newer than all that follow.
        if let Some(last) = found.jobs.last() {
            server.ask(Operation::Cancel(last.id), NOW);
            assert_eq!(
                server.ask(Operation::Delete(last.id), NOW),
                Answer::Flag(true)
            );
            server.enqueue(vec![numbered(1_000 + gone)], None, NOW + 10);
            gone += 1;
        }
        seen.extend(found.jobs.into_iter().map(|job| job.id));
        cursor = found.cursor;
        if cursor.is_none() {
            break;
        }
    }
    let mut expected: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    expected.reverse();
    assert_eq!(seen, expected);
}

#[test]
fn a_page_looks_at_a_bounded_number_of_jobs_and_carries_a_cursor() {
    let mut server = Server::start();
    for first in (0..1_500).step_by(500) {
        server.enqueue((first..first + 500).map(numbered).collect(), None, NOW);
    }
    let operation = |cursor| Operation::List {
        filter: Filter {
            owner: Some("nobody".into()),
            ..Filter::default()
        },
        cursor,
        limit: 10,
    };
    let Answer::Page(first) = server.ask(operation(None), NOW) else {
        panic!("no page");
    };
    assert_eq!(first.jobs, []);
    assert!(first.cursor.is_some());
    let Answer::Page(second) = server.ask(operation(first.cursor), NOW) else {
        panic!("no page");
    };
    assert_eq!((second.jobs, second.cursor), (vec![], None));
}

#[test]
fn a_cursor_that_is_none_begins_at_the_newest() {
    let mut server = Server::start();
    server.enqueue(vec![job(1)], None, NOW);
    for cursor in ["", "x", "1.2", "..", "9.9.9"] {
        for state in [None, Some(State::Queued)] {
            let found = page(&mut server, state, Some(cursor.to_owned()), 5);
            assert_eq!(found.jobs.len(), 1, "{cursor:?}");
        }
        assert_eq!(
            page(&mut server, Some(State::Failed), Some(cursor.to_owned()), 5).jobs,
            []
        );
    }
}

#[test]
fn a_job_whose_record_cannot_be_read_is_shown_as_failed() {
    let mut server = Server::start();
    let large = NewJob {
        payload: Some(Body::from(vec![1; 5_000])),
        ..job(1)
    };
    server.enqueue(vec![large, job(2)], None, NOW);
    let key = server.space().key("job");
    for bytes in [&b"\x02of tomorrow"[..], b"", b"\x01", &[0xff; 200]] {
        server.command(&[b"HSET", &key, &id_bytes(id(1)), bytes]);
        let shown = get(&mut server, id(1)).expect("a job");
        assert_eq!(shown.state, State::Failed);
        let error = String::from_utf8(shown.error.expect("an error").to_vec()).expect("text");
        assert!(error.contains("the stored job cannot be read"), "{error}");
        assert_eq!(page(&mut server, None, None, 5).jobs.len(), 2);
        assert!(matches!(
            server.ask(Operation::RunNow(id(1)), NOW),
            Answer::Job(Some(_))
        ));
        server.ask(Operation::Cancel(id(1)), NOW);
        server.ask(
            Operation::Watch {
                id: id(1),
                version: 9,
            },
            NOW,
        );
    }
    // It still waits in its queue: whoever claims it ends it.
    assert_eq!(
        server.ask(Operation::Delete(id(1)), NOW),
        Answer::Flag(false)
    );
}

#[test]
fn a_job_whose_large_body_is_gone_is_shown_as_failed() {
    let mut server = Server::start();
    let large = NewJob {
        payload: Some(Body::from(vec![1; 5_000])),
        ..job(1)
    };
    server.enqueue(vec![large], None, NOW);
    let body = server
        .space()
        .body(id(1), asyncendpoints_redis::keys::BodyKind::Payload);
    server.command(&[b"DEL", &body]);
    let shown = get(&mut server, id(1)).expect("a job");
    assert_eq!(shown.state, State::Failed);
    assert_eq!(page(&mut server, None, None, 5).jobs, vec![*shown]);
}

#[test]
fn a_namespace_of_another_format_or_number_of_shards_is_refused_in_words() {
    let mut server = Server::start();
    assert_eq!(server.ask(Operation::Ping, NOW), Answer::Done);
    for _ in 0..2 {
        assert_eq!(server.ask(Operation::Open, NOW), Answer::Done);
    }
    let meta = server.space().key("meta");
    for (field, value) in [("shards", "4"), ("format", "2")] {
        server.command(&[b"HSET", &meta, field.as_bytes(), value.as_bytes()]);
        for operation in [Operation::Open, Operation::Ping] {
            let Err(Failure::Namespace(reason)) = server.try_ask(operation, None) else {
                panic!("a namespace with {field} {value} is opened");
            };
            assert!(reason.contains(value), "{reason}");
        }
        server.command(&[b"HSET", &meta, field.as_bytes(), b"1"]);
    }
}

#[test]
fn the_server_tells_what_it_does_for_durability() {
    let mut server = Server::start();
    let Answer::Facts(facts) = server.ask(Operation::Inspect, NOW) else {
        panic!("no facts");
    };
    let fact = |name: &str| {
        let found = facts.iter().find(|(fact, _)| fact == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(fact("appendonly"), Some("no"));
    assert_eq!(fact("appendfsync"), Some("everysec"));
    assert_eq!(fact("maxmemory"), Some("0"));
    assert_eq!(fact("maxmemory-policy"), Some("noeviction"));
    assert_eq!(fact("role"), Some("master"));
    assert_eq!(fact("connected_replicas"), Some("0"));
    assert_eq!(fact("min-replicas-to-write"), Some("0"));
    assert!(fact("redis_version").is_some());
    let names: Vec<_> = facts.iter().map(|(name, _)| name).collect();
    let different: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(names.len(), different.len(), "each fact once");
}

#[test]
fn where_config_or_info_is_forbidden_the_server_still_tells_the_rest() {
    let mut server = Server::start();
    server.command(&[b"ACL", b"SETUSER", b"default", b"-config"]);
    let Answer::Facts(facts) = server.ask(Operation::Inspect, NOW) else {
        panic!("no facts");
    };
    let names: Vec<&str> = facts.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "appendonly",
        "maxmemory",
        "maxmemory-policy",
        "role",
        "redis_version",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(!names.contains(&"appendfsync"), "INFO does not tell it");
    server.command(&[b"ACL", b"SETUSER", b"default", b"+config", b"-info"]);
    let Answer::Facts(facts) = server.ask(Operation::Inspect, NOW) else {
        panic!("no facts");
    };
    assert!(
        facts
            .iter()
            .any(|(name, value)| name == "appendfsync" && value == "everysec")
    );
}

#[test]
fn a_watched_job_is_told_of_once() {
    let mut server = Server::start();
    server.enqueue(vec![job(1)], None, NOW);
    let mut told = server.subscribe(&server.space().changed_channel());
    let watch = |version| Operation::Watch { id: id(1), version };
    // Its version is above what is known: there is something to read already.
    server.ask(watch(0), NOW);
    server.ask(Operation::Cancel(id(1)), NOW);
    assert_eq!(told.messages(), []);
    server.enqueue(vec![job(2)], None, NOW);
    for _ in 0..2 {
        server.ask(
            Operation::Watch {
                id: id(2),
                version: 1,
            },
            NOW,
        );
    }
    server.ask(Operation::Cancel(id(2)), NOW);
    server.ask(Operation::Delete(id(2)), NOW);
    let changed = (server.space().changed_channel(), id_bytes(id(2)).to_vec());
    assert_eq!(told.messages(), [changed]);
    // What has ended is not watched any more.
    server.ask(watch(9), NOW);
    server.ask(Operation::Delete(id(1)), NOW);
    assert_eq!(told.messages(), []);
}

#[test]
fn the_worker_of_a_canceled_run_is_told_once() {
    let mut server = Server::start();
    server.enqueue(vec![job(1)], None, NOW);
    let claim = Operation::Claim {
        worker: "w-1".into(),
        claim_id: "c".into(),
        queues: vec![Arc::from("default")],
        limit: 1,
        lease_ms: 15_000,
    };
    server.ask(claim, NOW);
    let mut told = server.subscribe(&server.space().worker_channel("w-1"));
    for _ in 0..2 {
        server.ask(Operation::Cancel(id(1)), NOW);
    }
    let message = [&id_bytes(id(1))[..], b"1"].concat();
    let channel = server.space().worker_channel("w-1");
    assert_eq!(told.messages(), [(channel, message)]);
    assert_eq!(
        server.command(&[b"PING"]),
        Value::SimpleString("PONG".into())
    );
}

#[test]
fn lst_2_a_listing_begins_at_a_time_without_reading_what_is_newer() {
    let mut server = Server::start();
    for number in 0..40 {
        let jobs = (100 * number..100 * (number + 1)).map(numbered).collect();
        server.enqueue(jobs, None, NOW + number);
    }
    let operation = Operation::List {
        filter: Filter {
            created_since: Some(NOW + 10),
            created_before: Some(NOW + 11),
            ..Filter::default()
        },
        cursor: None,
        limit: 100,
    };
    let Answer::Page(page) = server.ask(operation, NOW) else {
        panic!("no page");
    };
    assert_eq!(page.jobs.len(), 100);
    assert!(page.jobs.iter().all(|job| job.created_at == NOW + 10));
}
