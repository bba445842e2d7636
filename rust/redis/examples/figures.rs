//! Prints what jobs cost a Redis server: time in it for each operation on a job, and memory for each job.
//!
//! It starts a server of its own. `cargo run --release -p asyncendpoints-redis --example figures`

#[path = "../tests/store/server.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod server;

use std::sync::Arc;

use asyncendpoints_core::answer::{Claims, Settlement};
use asyncendpoints_core::decide::{Facts, RunEvent, Verdict, decide};
use asyncendpoints_core::ids::JobIds;
use asyncendpoints_core::job::{Body, NewJob, ResultBody, Retention};
use asyncendpoints_core::retry::Backoff;
use asyncendpoints_redis::request::{Answer, Operation};
use redis::Value;

use server::Server;

const JOBS: u32 = 20_000;
const NOW: u64 = 1_800_000_000_000;
const DAY_MS: u64 = 86_400_000;

fn main() {
    println!("jobs a call   operation   µs a job   cpu µs a job   calls   bytes a job");
    for batch in [1_u32, 50, 100] {
        // Short calls wake the processor late: what was measured is of the second round.
        run(batch, false);
        run(batch, true);
    }
}

fn run(batch: u32, is_told: bool) {
    let mut server = Server::start();
    // The scripts are loaded by one job that goes all the way.
    cycle(&mut server, 1, 1, |_, _| ());
    let empty = memory(&mut server);
    let mut before = used(&mut server);
    cycle(&mut server, JOBS, batch, |server, operation| {
        if !is_told {
            return;
        }
        let bytes = f64::from(memory(server) - empty) / f64::from(JOBS);
        let (microseconds, calls) = time(server);
        let each = microseconds / f64::from(JOBS);
        let now = used(server);
        let all = (now - before) / f64::from(JOBS);
        before = now;
        println!("{batch:11}   {operation:9}   {each:8.2}   {all:12.2}   {calls:5}   {bytes:11.0}");
    });
}

/// Let jobs be stored, run and end; `then` hears of each operation when it is over.
fn cycle(server: &mut Server, jobs: u32, batch: u32, mut then: impl FnMut(&mut Server, &str)) {
    let ids = JobIds::new();
    server.command(&[b"CONFIG", b"RESETSTAT"]);
    for first in (0..jobs).step_by(batch as usize) {
        let new = (first..jobs.min(first + batch))
            .map(|_| job(&ids))
            .collect();
        ask(
            server,
            Operation::Enqueue {
                jobs: new,
                max_queued: None,
            },
        );
    }
    then(server, "enqueue");

    server.command(&[b"CONFIG", b"RESETSTAT"]);
    let mut claimed = Vec::new();
    for _ in (0..jobs).step_by(batch as usize) {
        let Answer::Claims(Claims { claims, .. }) = ask(server, claim(batch)) else {
            panic!("a claim answers with claims")
        };
        claimed.extend(claims);
    }
    then(server, "claim");

    server.command(&[b"CONFIG", b"RESETSTAT"]);
    for claims in claimed.chunks(batch as usize) {
        let leases = claims.iter().map(|claim| (claim.id, claim.fence)).collect();
        ask(
            server,
            Operation::Renew {
                leases,
                lease_ms: 15_000,
            },
        );
    }
    then(server, "renew");

    server.command(&[b"CONFIG", b"RESETSTAT"]);
    let mut nonce = 0;
    for claims in claimed.chunks(batch as usize) {
        let settlements = claims.iter().map(|claim| {
            nonce += 1;
            Settlement {
                id: claim.id,
                fence: claim.fence,
                queue: Some(Arc::clone(&claim.queue)),
                verdict: returned(false),
                verdict_if_canceled: returned(true),
                nonce,
                only_expired: false,
                result: Some(ResultBody {
                    body: Some(Body::from(&br#"{"ok":true,"rows":12345}"#[..])),
                    meta: None,
                }),
                error: None,
            }
        });
        ask(server, Operation::Settle(settlements.collect()));
    }
    then(server, "settle");
}

fn ask(server: &mut Server, operation: Operation) -> Answer {
    server.try_ask(operation, None).expect("an answer")
}

fn job(ids: &JobIds) -> NewJob {
    NewJob {
        id: ids.make(
            NOW,
            std::array::from_fn(|_| getrandom::u32().map_or(0, |word| word.to_le_bytes()[0])),
        ),
        handler: "send_report".into(),
        queue: "default".into(),
        priority: 0,
        delay_ms: 0,
        max_attempts: 3,
        timeout_ms: 3_600_000,
        retention: Retention {
            completed_ms: DAY_MS,
            failed_ms: 7 * DAY_MS,
        },
        idempotency: None,
        owner: None,
        request: None,
        payload: Some(Body::from(&[b'x'; 100][..])),
        redrive_of: None,
        origin: None,
    }
}

fn claim(limit: u32) -> Operation {
    Operation::Claim {
        worker: "host-12345-5f3a9c02".into(),
        claim_id: "5f3a9c02d1e84b67".into(),
        queues: vec!["default".into()],
        limit: limit as usize,
        lease_ms: 15_000,
    }
}

fn returned(cancel_requested: bool) -> Verdict {
    let facts = Facts::running(1, 3, cancel_requested);
    decide(facts, RunEvent::Returned, &Backoff::default(), 0).expect("a running job may return")
}

fn memory(server: &mut Server) -> u32 {
    number(&info(server, "memory"), "used_memory:", '\r')
}

/// The microseconds that the server's main thread has used of its processor.
fn used(server: &mut Server) -> f64 {
    let info = info(server, "cpu");
    let seconds = |name: &str| -> f64 {
        let from = info.find(name).expect("a figure") + name.len();
        let digits = info[from..].split('\r').next().expect("a number");
        digits.parse().expect("a number")
    };
    1e6 * (seconds("used_cpu_user_main_thread:") + seconds("used_cpu_sys_main_thread:"))
}

/// The microseconds and calls of scripts since they were last set to zero.
fn time(server: &mut Server) -> (f64, u32) {
    let info = info(server, "commandstats");
    let line = info
        .lines()
        .find(|line| line.starts_with("cmdstat_evalsha:"))
        .expect("a script ran");
    (
        f64::from(number(line, "usec=", ',')),
        number(line, "calls=", ','),
    )
}

fn number(text: &str, name: &str, end: char) -> u32 {
    let from = text.find(name).expect("a figure") + name.len();
    let digits = text[from..].split(end).next().expect("a number");
    digits.parse().expect("a number")
}

fn info(server: &mut Server, section: &str) -> String {
    match server.command(&[b"INFO", section.as_bytes()]) {
        Value::BulkString(bytes) => String::from_utf8(bytes).expect("text"),
        Value::VerbatimString { text, .. } => text,
        other => panic!("{other:?}"),
    }
}
