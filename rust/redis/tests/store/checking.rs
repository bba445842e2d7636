//! What a check finds, and how what cannot be read is kept.

use std::sync::Arc;

use asyncendpoints_core::answer::{Claims, Settlement};
use asyncendpoints_core::decide::{Facts, RunEvent, decide};
use asyncendpoints_core::job::{Body, NewJob, ResultBody};
use asyncendpoints_core::retry::Backoff;
use asyncendpoints_core::state::State;
use asyncendpoints_redis::keys::{BodyKind, id_bytes};
use asyncendpoints_redis::request::{Answer, Operation};
use redis::Value;

use crate::asking::{NOW, id, job, keyed};
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

fn claim(server: &mut Server, queue: &str) -> Claims {
    let operation = Operation::Claim {
        worker: "worker".into(),
        claim_id: "claim".into(),
        queues: vec![Arc::from(queue)],
        limit: 1,
        lease_ms: 15_000,
    };
    match server.ask(operation, NOW) {
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
fn populated() -> Server {
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
    let running = claim(&mut server, "run");
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
        let claims = claim(&mut server, queue);
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
    let space = Server::start().space().clone();
    let key = |name: &str| space.key(name);
    let bytes = |number: u8| id_bytes(id(number)).to_vec();
    let ghost = bytes(200);
    let text = |text: &str| text.as_bytes().to_vec();
    let cases: Vec<(Vec<Vec<u8>>, &str)> = vec![
        (
            vec![text("ZREM"), space.ready("default"), bytes(1)],
            "must be in the index `ready`, but is not",
        ),
        (
            vec![text("ZADD"), space.ready("default"), text("5"), bytes(1)],
            "is in the index `ready` at 5 and must be at",
        ),
        (
            vec![text("ZADD"), space.ready("run"), text("5"), bytes(3)],
            "must not be in the index `ready`, but is",
        ),
        (
            vec![text("ZADD"), space.ready("run"), text("5"), bytes(1)],
            "names job 01a3185c-5000-7101-8101-010101010101, which is in queue default",
        ),
        (
            vec![
                text("ZADD"),
                space.ready("default"),
                text("5"),
                ghost.clone(),
            ],
            "the index `ready` of queue default names job",
        ),
        (
            vec![text("ZREM"), space.due("default"), bytes(2)],
            "must be in the index `due`, but is not",
        ),
        (
            vec![text("ZREM"), key("lease"), bytes(3)],
            "must be in the index `lease`, but is not",
        ),
        (
            vec![text("ZADD"), key("lease"), text("5"), bytes(4)],
            "must not be in the index `lease`, but is",
        ),
        (
            vec![text("ZADD"), key("lease"), text("5"), ghost.clone()],
            "the index `lease` names job",
        ),
        (
            vec![text("ZREM"), key("done"), bytes(4)],
            "must be in the index `done`, but is not",
        ),
        (
            vec![text("ZADD"), key("done"), text("5"), bytes(4)],
            "is in the index `done` at 5",
        ),
        (
            vec![text("ZADD"), key("strip"), text("5"), bytes(1)],
            "must not be in the index `strip`",
        ),
        (
            vec![text("ZREM"), key("dead"), bytes(5)],
            "must be in the index `dead`, but is not",
        ),
        (
            vec![text("ZADD"), key("dead"), text("5"), bytes(4)],
            "must not be in the index `dead`",
        ),
        (vec![text("DEL"), key("idem")], "the idempotency key of job"),
        (
            vec![text("HSET"), key("idem"), text("x"), bytes(1)],
            "which was submitted with another or none",
        ),
        (
            vec![text("HSET"), key("idem"), text("x"), ghost.clone()],
            "an idempotency key names job",
        ),
        (
            vec![
                text("HSET"),
                key("once"),
                [&ghost[..], b"=mail"].concat(),
                text("x"),
            ],
            "of whose family no job is left",
        ),
        (
            vec![text("HDEL"), key("once"), bytes(3)],
            "is missing in the list of its family",
        ),
        (
            vec![text("HSET"), key("list"), text("0"), ghost.clone()],
            "is not in chunk 0 of the listing",
        ),
        (
            vec![text("HSET"), key("list"), text("7"), ghost.clone()],
            "the listing names job",
        ),
        (
            vec![text("HSET"), key("list"), text("7"), bytes(1)],
            "is in chunk 7 of the listing and names chunk 0",
        ),
        (vec![text("DEL"), key("chunks")], "which is not read"),
        (
            vec![text("ZADD"), key("chunks"), text("9"), text("9")],
            "the listing has 1 chunks, and 2 are known",
        ),
        (
            vec![text("DEL"), space.body(id(1), BodyKind::Payload)],
            "has a payload in a key of its own, which is not there",
        ),
        (
            vec![text("SET"), space.body(id(4), BodyKind::Payload), text("x")],
            "has a payload in a key of its own, which it does not name",
        ),
        (
            vec![
                text("SET"),
                space.body(id(200), BodyKind::Payload),
                text("x"),
            ],
            "which no record names",
        ),
        (
            vec![text("SET"), key("b:xyz:p"), text("x")],
            "nothing names the key `b:xyz:p`",
        ),
        (
            vec![text("ZADD"), space.ready("elsewhere"), text("5"), bytes(1)],
            "nothing names the key `ready:elsewhere`",
        ),
        (
            vec![text("HSET"), key("job"), bytes(1), text("\u{2}x")],
            "cannot be read: its format is 2",
        ),
        (
            vec![text("HDEL"), key("job"), bytes(1)],
            "6 jobs are counted, and there are 5",
        ),
        (
            vec![
                text("HINCRBY"),
                key("stat"),
                [&[State::Queued as u8][..], b"default"].concat(),
                text("1"),
            ],
            "2 queued jobs of queue default are counted, and there are 1",
        ),
        (
            vec![
                text("HINCRBY"),
                key("stat"),
                [&[State::InProgress as u8][..], b"run"].concat(),
                text("1"),
            ],
            "2 running jobs are counted, and there are 1",
        ),
        (
            vec![
                text("HINCRBY"),
                key("stat"),
                [&[State::Failed as u8][..], b"fail"].concat(),
                text("1"),
            ],
            "2 failed jobs are counted, and there are 1",
        ),
        (
            vec![
                text("HINCRBY"),
                key("stat"),
                [&[State::Completed as u8][..], b"done"].concat(),
                text("1"),
            ],
            "4 ended jobs are counted, and there are 3",
        ),
    ];
    for (command, sentence) in cases {
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
        assert_eq!(claim(&mut server, "default").claims, []);
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
