//! Operations that look before they write, and what they do when somebody comes in between; and what goes, and when.

use std::sync::Arc;

use asyncendpoints_core::answer::{Cancellation, Claim};
use asyncendpoints_core::job::{Body, NewJob, Retention};
use asyncendpoints_core::state::State;
use asyncendpoints_redis::conversation::{Conversation, Step, converse};
use asyncendpoints_redis::request::{Answer, Operation, Request};
use redis::Value;

use crate::asking::{NOW, id, job, keyed};
use crate::checking::findings;
use crate::server::Server;

const DAY_MS: u64 = 86_400_000;

fn claim(server: &mut Server, queue: &str) -> Claim {
    let operation = Operation::Claim {
        worker: "worker".into(),
        claim_id: "claim".into(),
        queues: vec![Arc::from(queue)],
        limit: 1,
        lease_ms: 15_000,
    };
    match server.ask(operation, NOW) {
        Answer::Claims(mut claims) => claims.claims.remove(0),
        other => panic!("{other:?}"),
    }
}

/// Begin an operation, let somebody else change the store behind its first look, and let it end.
fn overtaken(
    server: &mut Server,
    operation: Operation,
    now: u64,
    mut change: impl FnMut(&mut Server, usize),
) -> Answer {
    let space = Arc::new(server.space().clone());
    let request = Request {
        operation,
        now: Some(now),
    };
    let mut conversation: Box<dyn Conversation> = converse(&space, request);
    let mut step = conversation.begin();
    for look in 0.. {
        match step {
            Step::Send(calls) => {
                let replies = calls.iter().map(|call| server.send(call)).collect();
                change(server, look);
                step = conversation.resume(replies);
            }
            Step::Done(answer) => return answer,
            Step::Failed(failure) => panic!("{failure}"),
        }
    }
    unreachable!("an operation ends")
}

#[test]
fn a_cancel_that_is_overtaken_by_a_claim_asks_the_run_to_stop() {
    let mut server = Server::start();
    server.enqueue(vec![job(1)], None, NOW);
    let mut told = server.subscribe(&server.space().worker_channel("worker"));
    let answer = overtaken(
        &mut server,
        Operation::Cancel(id(1)),
        NOW,
        |server, look| {
            if look == 0 {
                claim(server, "default");
            }
        },
    );
    let Answer::Cancellation(cancellation) = answer else {
        panic!("{answer:?}");
    };
    assert!(matches!(*cancellation, Cancellation::Requested(_)));
    assert_eq!(told.messages().len(), 1);
    assert_eq!(findings(&mut server, 100), Vec::<String>::new());
}

#[test]
fn an_operation_on_a_job_that_went_and_came_again_elsewhere_acts_on_what_is_there() {
    for (operation, state) in [
        (Operation::Cancel(id(1)), State::Canceled),
        (Operation::RunNow(id(1)), State::Queued),
    ] {
        let mut server = Server::start();
        let scheduled = |queue: &str| NewJob {
            queue: queue.into(),
            delay_ms: 5_000,
            ..job(1)
        };
        server.enqueue(vec![scheduled("here")], None, NOW);
        overtaken(&mut server, operation, NOW, |server, look| {
            if look == 0 {
                server.ask(Operation::Cancel(id(1)), NOW);
                server.ask(Operation::Delete(id(1)), NOW);
                server.enqueue(vec![scheduled("there")], None, NOW);
            }
        });
        let Answer::Job(Some(found)) = server.ask(Operation::Get(id(1)), NOW) else {
            panic!("no job");
        };
        assert_eq!((&*found.queue, found.state), ("there", state));
        assert_eq!(findings(&mut server, 100), Vec::<String>::new());
    }
}

#[test]
fn a_job_that_went_and_came_again_is_neither_pruned_nor_deleted_for_its_forerunner() {
    for operation in [Operation::Prune { limit: 10 }, Operation::Delete(id(1))] {
        let mut server = Server::start();
        server.enqueue(vec![keyed(1, "k", 1)], None, NOW);
        server.ask(Operation::Cancel(id(1)), NOW);
        let later = NOW + 400 * DAY_MS;
        overtaken(&mut server, operation, later, |server, look| {
            if look == 0 {
                server.ask(Operation::Delete(id(1)), later);
                server.enqueue(vec![keyed(1, "k", 1)], None, later);
            }
        });
        let Answer::Job(Some(found)) = server.ask(Operation::Get(id(1)), later) else {
            panic!("the new job is gone");
        };
        assert_eq!(found.state, State::Queued);
        assert_eq!(findings(&mut server, 100), Vec::<String>::new());
    }
}

#[test]
fn a_job_that_came_again_in_the_same_millisecond_is_only_removed_where_it_has_ended_and_is_due() {
    let again = |server: &mut Server, ends_at: Option<u64>| {
        server.ask(Operation::Delete(id(1)), NOW);
        server.enqueue(vec![job(1)], None, NOW);
        if let Some(now) = ends_at {
            server.ask(Operation::Cancel(id(1)), now);
        }
    };
    let due = NOW + job(1).retention.failed_ms;
    for (operation, now, ends_at, is_left) in [
        (Operation::Delete(id(1)), NOW, None, true),
        (Operation::Delete(id(1)), NOW, Some(NOW), false),
        (Operation::Prune { limit: 10 }, due, Some(NOW + 1), true),
        (Operation::Prune { limit: 10 }, due, Some(NOW), false),
    ] {
        let mut server = Server::start();
        server.enqueue(vec![job(1)], None, NOW);
        server.ask(Operation::Cancel(id(1)), NOW);
        overtaken(&mut server, operation.clone(), now, |server, look| {
            if look == 0 {
                again(server, ends_at);
            }
        });
        let found = server.ask(Operation::Get(id(1)), NOW);
        assert_eq!(found != Answer::Job(None), is_left, "{operation:?}");
        assert_eq!(findings(&mut server, 100), Vec::<String>::new());
    }
}

#[test]
fn a_sweep_of_many_takes_all_of_them_also_behind_others_that_it_leaves_to_prune() {
    let mut server = Server::start();
    let of = |number: u16, completed_ms: u64| {
        let mut random = [0; 10];
        random[..2].copy_from_slice(&number.to_be_bytes());
        NewJob {
            id: asyncendpoints_core::ids::JobId::new(NOW, random),
            retention: Retention {
                completed_ms,
                failed_ms: completed_ms,
            },
            payload: Some(Body::from(vec![1; 2_000])),
            ..keyed(0, &format!("key-{number}"), 1)
        }
    };
    // The first 250 are to be pruned by then, the others to be stripped.
    let old: Vec<NewJob> = (0..250).map(|number| of(number, 0)).collect();
    let new: Vec<NewJob> = (250..750).map(|number| of(number, 1_000)).collect();
    server.enqueue(old.clone(), None, NOW - DAY_MS);
    server.enqueue(new.clone(), None, NOW);
    for (jobs, now) in [(&old, NOW - DAY_MS), (&new, NOW)] {
        for job in jobs {
            server.ask(Operation::Cancel(job.id), now);
        }
    }
    let now = NOW + 1_000;
    assert_eq!(
        server.ask(Operation::Strip { limit: 100 }, now),
        Answer::Count(0)
    );
    assert_eq!(
        server.ask(Operation::Strip { limit: 1_000 }, now),
        Answer::Count(500)
    );
    assert_eq!(
        server.ask(Operation::Strip { limit: 1_000 }, now),
        Answer::Count(0)
    );
    assert_eq!(
        server.ask(Operation::Prune { limit: 225 }, now),
        Answer::Count(225)
    );
    assert_eq!(
        server.ask(Operation::Prune { limit: 1_000 }, now),
        Answer::Count(25)
    );
    assert_eq!(findings(&mut server, 100), Vec::<String>::new());
    let bodies = server.command(&[b"KEYS", b"*:b:*"]);
    assert_eq!(bodies, Value::Array(vec![]));
}

#[test]
fn a_full_server_refuses_new_effects_and_lets_everything_go_on_that_frees_room() {
    let mut server = Server::start();
    let jobs = (1..=5).map(|number| keyed(number, &format!("key-{number}"), 1));
    server.enqueue(jobs.collect(), None, NOW);
    let run = claim(&mut server, "default");
    let reserve = |key: &str| Operation::Reserve {
        id: run.id,
        fence: run.fence,
        key: key.into(),
        nonce: "n".into(),
        takeover: false,
    };
    server.ask(reserve("mail"), NOW);
    server.command(&[b"CONFIG", b"SET", b"maxmemory", b"1"]);
    let refused = server.refusal(reserve("other"), NOW);
    assert!(refused.contains("OOM"), "{refused}");
    let progress = Operation::Progress {
        id: run.id,
        fence: run.fence,
        body: Body::from(&b"half"[..]),
    };
    assert!(server.refusal(progress, NOW).contains("OOM"));
    let record = Operation::Record {
        id: run.id,
        fence: run.fence,
        key: "mail".into(),
        nonce: "n".into(),
        value: Some(Body::from(&b"1"[..])),
    };
    assert_eq!(server.ask(record, NOW), Answer::Flag(true));
    for number in 1..=5 {
        server.ask(Operation::RunNow(id(number)), NOW);
        server.ask(
            Operation::Watch {
                id: id(number),
                version: 9,
            },
            NOW,
        );
        server.ask(Operation::Cancel(id(number)), NOW);
    }
    assert_eq!(
        server.ask(Operation::Delete(id(2)), NOW),
        Answer::Flag(true)
    );
    let later = NOW + 400 * DAY_MS;
    assert_eq!(
        server.ask(Operation::Strip { limit: 10 }, later),
        Answer::Count(0)
    );
    assert_eq!(
        server.ask(Operation::Prune { limit: 10 }, later),
        Answer::Count(3)
    );
    assert_eq!(findings(&mut server, 100), Vec::<String>::new());
}

#[test]
fn where_something_else_lies_in_the_key_of_counters_or_leases_no_run_begins() {
    for name in ["stat", "lease"] {
        let mut server = Server::start();
        server.enqueue(vec![job(1)], None, NOW);
        let key = server.space().key(name);
        server.command(&[b"DEL", &key]);
        server.command(&[b"SET", &key, b"something else"]);
        let operation = Operation::Claim {
            worker: "worker".into(),
            claim_id: "claim".into(),
            queues: vec!["default".into()],
            limit: 10,
            lease_ms: 1_000,
        };
        let said = server.refusal(operation, NOW);
        assert!(said.contains("WRONGTYPE"), "{name}: {said}");
        server.command(&[b"DEL", &key]);
        // It waits as before, and can be claimed.
        assert_eq!(claim(&mut server, "default").fence, 1, "{name}");
    }
}
