//! What a check finds, and how what cannot be read is kept.

use std::sync::Arc;

use asyncendpoints_core::answer::{Claims, Settlement};
use asyncendpoints_core::decide::{Facts, RunEvent, decide};
use asyncendpoints_core::job::{Body, NewJob, ResultBody};
use asyncendpoints_core::retry::Backoff;
use asyncendpoints_core::state::State;
use asyncendpoints_redis::keys::id_bytes;
use asyncendpoints_redis::request::{Answer, Operation};
use redis::Value;

use crate::asking::{NOW, id, job, keyed};
use crate::damages::damages;
use crate::server::Server;

const DAY_MS: u64 = 86_400_000;

/// Everything that a check finds, page by page.
pub(crate) fn findings(server: &mut Server, limit: usize) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let answer = server.ask(Operation::Check { cursor, limit }, NOW);
        let Answer::Findings {
            findings,
            cursor: next,
        } = answer
        else {
            panic!("a check is answered with {answer:?}");
        };
        all.extend(findings);
        cursor = next;
        if cursor.is_none() {
            return all;
        }
    }
}

/// Claim one job of a queue at a time.
pub(crate) fn claim(server: &mut Server, queue: &str, now: u64) -> Claims {
    let operation = Operation::Claim {
        worker: "worker".into(),
        claim_id: "claim".into(),
        queues: vec![Arc::from(queue)],
        limit: 1,
        lease_ms: 15_000,
    };
    match server.ask(operation, now) {
        Answer::Claims(claims) => claims,
        other => panic!("{other:?}"),
    }
}

fn settle(server: &mut Server, claims: &Claims, event: RunEvent) {
    let run = &claims.claims[0];
    let verdict = |cancel_requested| {
        let facts = Facts::running(run.attempt, run.max_attempts, cancel_requested);
        decide(facts, event, &Backoff::Fixed { delay_ms: 0 }, 0).expect("a running job")
    };
    let settlement = Settlement {
        id: run.id,
        fence: run.fence,
        queue: Some(Arc::clone(&run.queue)),
        verdict: verdict(false),
        verdict_if_canceled: verdict(true),
        nonce: 7,
        only_expired: false,
        result: Some(ResultBody {
            body: Some(Body::from(vec![3; 4_000])),
            meta: None,
        }),
        error: Some(Body::from(&b"{}"[..])),
    };
    server.ask(Operation::Settle(vec![settlement]), NOW);
}

/// A store with a job in every state: 1 queued, 2 scheduled, 3 running, 4 completed, 5 failed, 6 canceled.
pub(crate) fn populated() -> Server {
    let mut server = Server::start();
    let of = |number: u8, queue: &str| NewJob {
        queue: queue.into(),
        ..keyed(number, &format!("key-{number}"), 1)
    };
    let large = NewJob {
        payload: Some(Body::from(vec![1; 2_000])),
        ..of(1, "default")
    };
    let later = NewJob {
        delay_ms: 60_000,
        origin: Some(id(9)),
        ..of(2, "default")
    };
    let jobs = vec![
        large,
        later,
        of(3, "run"),
        of(4, "done"),
        of(5, "fail"),
        of(6, "cancel"),
    ];
    server.enqueue(jobs, None, NOW);
    let running = claim(&mut server, "run", NOW);
    server.ask(
        Operation::Reserve {
            id: id(3),
            fence: running.claims[0].fence,
            key: "mail".into(),
            nonce: "n".into(),
            takeover: false,
        },
        NOW,
    );
    for (queue, event) in [
        ("done", RunEvent::Returned),
        ("fail", RunEvent::RaisedFinal),
    ] {
        let claims = claim(&mut server, queue, NOW);
        settle(&mut server, &claims, event);
    }
    server.ask(Operation::Cancel(id(6)), NOW);
    server
}

#[test]
fn a_store_that_is_true_to_itself_has_no_findings() {
    let mut server = populated();
    for limit in [1, 2, 1_000] {
        assert_eq!(findings(&mut server, limit), Vec::<String>::new());
    }
}

#[test]
fn whatever_does_not_fit_is_found() {
    for (command, sentence) in damages(Server::start().space()) {
        let mut server = populated();
        let parts: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
        assert!(
            !matches!(server.command(&parts), Value::ServerError(_)),
            "{sentence}"
        );
        let found = findings(&mut server, 1_000);
        assert!(
            found.iter().any(|finding| finding.contains(sentence)),
            "{sentence:?} in {found:#?}"
        );
    }
}

#[test]
fn a_job_whose_record_cannot_be_read_fails_when_it_is_claimed_and_goes_at_its_time() {
    let of_names = |bytes: &mut Vec<u8>| bytes[52] = 0xff;
    let of_head = |bytes: &mut Vec<u8>| bytes[0] = 2;
    let of_end = |bytes: &mut Vec<u8>| bytes.truncate(60);
    for damage in [&of_names as &dyn Fn(&mut Vec<u8>), &of_head, &of_end] {
        let mut server = Server::start();
        let large = NewJob {
            payload: Some(Body::from(vec![1; 2_000])),
            ..job(1)
        };
        server.enqueue(vec![large], None, NOW);
        let key = server.space().key("job");
        let Value::BulkString(mut bytes) = server.command(&[b"HGET", &key, &id_bytes(id(1))])
        else {
            panic!("no record");
        };
        damage(&mut bytes);
        server.command(&[b"HSET", &key, &id_bytes(id(1)), &bytes]);
        assert_eq!(claim(&mut server, "default", NOW).claims, []);
        let Answer::Job(Some(job)) = server.ask(Operation::Get(id(1)), NOW) else {
            panic!("no job");
        };
        assert_eq!((job.state, &*job.queue), (State::Failed, "default"));
        let error = String::from_utf8(job.error.expect("an error").to_vec()).expect("text");
        assert!(error.contains("cannot be read"), "{error}");
        assert_eq!(findings(&mut server, 100), Vec::<String>::new());
        let later = NOW + 400 * DAY_MS;
        assert_eq!(
            server.ask(Operation::Prune { limit: 10 }, later),
            Answer::Count(1)
        );
        let left = server.command(&[b"KEYS", b"*"]);
        assert_eq!(
            left,
            Value::Array(vec![Value::BulkString(server.space().key("ctl"))])
        );
    }
}
