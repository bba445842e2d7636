//! Much is read in bounded parts.

use std::sync::Arc;

use asyncendpoints_core::answer::Settlement;
use asyncendpoints_core::decide::{Facts, RunEvent, decide};
use asyncendpoints_core::job::{Body, NewJob};
use asyncendpoints_core::retry::Backoff;
use asyncendpoints_redis::call::Call;
use asyncendpoints_redis::conversation::{Step, converse};
use asyncendpoints_redis::keys::id_bytes;
use asyncendpoints_redis::request::{Answer, Filter, Operation, Request};
use redis::Value;

use crate::asking::{NOW, id, job};
use crate::checking::claim;
use crate::server::Server;

/// Run the one job of the queue, which then waits again with an error of so many bytes.
fn fail(server: &mut Server, bytes: usize) {
    for run in claim(server, "default", NOW).claims {
        let facts = Facts::running(run.attempt, run.max_attempts, false);
        let backoff = Backoff::Fixed { delay_ms: 0 };
        let verdict = decide(facts, RunEvent::Raised, &backoff, 0).expect("a running job");
        let settlement = Settlement {
            id: run.id,
            fence: run.fence,
            queue: Some(Arc::clone(&run.queue)),
            verdict,
            verdict_if_canceled: verdict,
            nonce: run.fence,
            only_expired: false,
            result: None,
            error: Some(Body::from(vec![b'1'; bytes])),
        };
        server.ask(Operation::Settle(vec![settlement]), NOW);
    }
}

fn list(limit: usize) -> Operation {
    Operation::List {
        filter: Filter::default(),
        cursor: None,
        limit,
    }
}

/// How many bytes are in a reply.
fn size(value: &Value) -> usize {
    match value {
        Value::BulkString(bytes) => bytes.len(),
        Value::Array(members) => members.iter().map(size).sum(),
        _ => 0,
    }
}

#[test]
fn a_page_of_the_listing_does_not_carry_the_errors_of_jobs_that_it_does_not_show() {
    let mut server = Server::start();
    let others = (1..=100).map(|number| NewJob {
        max_attempts: 5,
        ..job(number)
    });
    for other in others {
        server.enqueue(vec![other], None, NOW);
        for _ in 0..4 {
            fail(&mut server, 4_000);
        }
        let done = claim(&mut server, "default", NOW);
        assert_eq!(done.claims.len(), 1);
    }
    let request = Request {
        operation: list(1),
        now: Some(NOW),
    };
    let space = Arc::new(server.space().clone());
    let mut conversation = converse(&space, request);
    let mut step = conversation.begin();
    let mut bytes = 0;
    while let Step::Send(calls) = step {
        let replies: Vec<Value> = calls.iter().map(|call| server.send(call)).collect();
        bytes += replies.iter().map(size).sum::<usize>();
        step = conversation.resume(replies);
    }
    assert!(bytes < 50_000, "{bytes} bytes for one job");
    let Step::Done(Answer::Page(page)) = step else {
        panic!("no page");
    };
    let Answer::Job(whole) = server.ask(Operation::Get(page.jobs[0].id), NOW) else {
        panic!("no job");
    };
    assert!(page.jobs == [*whole.expect("a job")]);
    assert_eq!(page.jobs[0].runs.len(), 5);
}

#[test]
fn a_large_record_that_cannot_be_read_is_listed_as_failed() {
    let mut server = Server::start();
    server.enqueue(vec![job(1)], None, NOW);
    fail(&mut server, 6_000);
    let key = server.space().key("job");
    let Value::BulkString(mut bytes) = server.command(&[b"HGET", &key, &id_bytes(id(1))]) else {
        panic!("no record");
    };
    for (at, harm) in [(0, 7), (bytes.len() - 1, 1)] {
        let whole = bytes.clone();
        bytes[at] = harm;
        bytes.truncate(bytes.len() - usize::from(at > 0));
        server.command(&[b"HSET", &key, &id_bytes(id(1)), &bytes]);
        let Answer::Job(Some(shown)) = server.ask(Operation::Get(id(1)), NOW) else {
            panic!("no job");
        };
        let Answer::Page(page) = server.ask(list(10), NOW) else {
            panic!("no page");
        };
        assert_eq!(page.jobs, [*shown]);
        bytes = whole;
    }
}

#[test]
fn a_claim_is_released_whole_though_no_call_reads_all_leases() {
    let mut server = Server::start();
    for number in 0..150 {
        server.enqueue(vec![job(number)], None, NOW);
        assert_eq!(claim(&mut server, "default", NOW + 60_000).claims.len(), 1);
    }
    let request = Request {
        operation: Operation::ReleaseClaim {
            claim_id: "claim".into(),
        },
        now: Some(NOW),
    };
    let space = Arc::new(server.space().clone());
    let mut conversation = converse(&space, request);
    let Step::Send(calls) = conversation.begin() else {
        panic!("nothing is asked");
    };
    // The server says where to go on; as many leases as these it reads at once.
    let [Value::Array(found)] = &calls
        .iter()
        .map(|call| server.send(call))
        .collect::<Vec<_>>()[..]
    else {
        panic!("no page");
    };
    assert_eq!(found[0], Value::BulkString(b"0".to_vec()));
    // A page may repeat what an earlier one had: here the second is the first, and there is nothing more.
    let mut first = found.clone();
    first[0] = Value::BulkString(b"7".to_vec());
    let step = conversation.resume(vec![Value::Array(first)]);
    assert!(matches!(&step, Step::Send(calls) if calls.len() == 1));
    let mut step = conversation.resume(vec![Value::Array(found.clone())]);
    while let Step::Send(calls) = step {
        let replies = calls.iter().map(|call| server.send(call)).collect();
        step = conversation.resume(replies);
    }
    assert!(matches!(step, Step::Done(Answer::Count(150))), "{step:?}");
    assert_eq!(
        server.command(&[b"ZCARD", &space.key("lease")]),
        Value::Int(0)
    );
}

#[test]
fn lst_2_a_chunk_of_large_records_is_read_in_bounded_parts() {
    let mut server = Server::start();
    let jobs: Vec<NewJob> = (1..=100).map(job).collect();
    let mut ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
    server.enqueue(jobs, None, NOW);
    let (key, junk) = (server.space().key("job"), vec![1; 400_000]);
    for id in &ids {
        server.command(&[b"HSET", &key, &id_bytes(*id), &junk]);
    }
    let space = Arc::new(server.space().clone());
    let (mut found, mut cursor, mut most_pages) = (Vec::new(), None, 100);
    loop {
        let operation = Operation::List {
            filter: Filter::default(),
            cursor,
            limit: 40,
        };
        let request = Request {
            operation,
            now: Some(NOW),
        };
        let mut conversation = converse(&space, request);
        let mut step = conversation.begin();
        while let Step::Send(calls) = step {
            let replies: Vec<Value> = calls.iter().map(|call| server.send(call)).collect();
            for (call, reply) in calls.iter().zip(&replies) {
                // What a page shows is read whole, one by one.
                if matches!(call, Call::Script { script, .. } if script.name == "list") {
                    let records = size(reply) / 4_000;
                    assert!(records <= 32, "{records} records at once");
                }
            }
            step = conversation.resume(replies);
        }
        let Step::Done(Answer::Page(page)) = step else {
            panic!("no page");
        };
        found.extend(page.jobs.iter().map(|job| job.id));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
        most_pages -= 1;
        assert!(most_pages > 0, "the cursors never end");
    }
    found.sort_unstable();
    ids.sort_unstable();
    assert_eq!(found, ids);
}
