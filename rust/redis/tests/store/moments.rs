//! Leases and due times, to the millisecond, and how much becomes due at once.

use std::sync::Arc;

use asyncendpoints_core::answer::{Settled, Settlement};
use asyncendpoints_core::decide::{Facts, RunEvent, decide};
use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::NewJob;
use asyncendpoints_core::retry::Backoff;
use asyncendpoints_core::state::State;
use asyncendpoints_redis::request::{Answer, Operation};

use crate::asking::{NOW, job};
use crate::checking::claim;
use crate::server::Server;

/// How long `claim` leases for.
const LEASE_MS: u64 = 15_000;

fn expired(server: &mut Server, now: u64) -> usize {
    match server.ask(Operation::Expired { limit: 10 }, now) {
        Answer::Expired(runs) => runs.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lease_has_not_passed_at_its_end_but_a_millisecond_later() {
    let mut server = Server::start();
    server.enqueue(vec![job(1)], None, NOW);
    let claims = claim(&mut server, "default", NOW);
    assert_eq!(expired(&mut server, NOW + LEASE_MS), 0);
    assert_eq!(expired(&mut server, NOW + LEASE_MS + 1), 1);
    let run = &claims.claims[0];
    let verdict = |cancel_requested| {
        let facts = Facts::running(run.attempt, run.max_attempts, cancel_requested);
        decide(facts, RunEvent::Lost, &Backoff::default(), 0).expect("a running job")
    };
    let rescue = Settlement {
        id: run.id,
        fence: run.fence,
        queue: Some(Arc::clone(&run.queue)),
        verdict: verdict(false),
        verdict_if_canceled: verdict(true),
        nonce: 0,
        only_expired: true,
        result: None,
        error: None,
    };
    let mut rescued = |now| match server.ask(Operation::Settle(vec![rescue.clone()]), now) {
        Answer::Settled(answers) => answers,
        other => panic!("{other:?}"),
    };
    assert_eq!(rescued(NOW + LEASE_MS), [Settled::Stale]);
    assert_eq!(rescued(NOW + LEASE_MS + 1), [Settled::To(State::Queued)]);
}

fn delayed(number: u16, queue: &str, delay_ms: u64) -> NewJob {
    let [high, low] = number.to_be_bytes();
    NewJob {
        id: JobId::new(NOW, [high, low, 0, 0, 0, 0, 0, 0, 0, 0]),
        queue: queue.into(),
        delay_ms,
        ..job(1)
    }
}

#[test]
fn a_job_is_claimed_at_its_time_and_not_a_millisecond_sooner() {
    let mut server = Server::start();
    let jobs = vec![delayed(1, "default", 1_000), delayed(2, "default", 1_001)];
    server.enqueue(jobs, None, NOW);
    assert_eq!(claim(&mut server, "default", NOW + 999).claims.len(), 0);
    let mut first = claim(&mut server, "default", NOW + 1_000);
    assert_eq!(first.claims.remove(0).id, delayed(1, "", 0).id);
    assert_eq!(claim(&mut server, "default", NOW + 1_000).claims.len(), 0);
    assert_eq!(claim(&mut server, "default", NOW + 1_001).claims.len(), 1);
}

#[test]
fn no_more_than_a_thousand_jobs_become_due_at_once() {
    let mut server = Server::start();
    for queue in ["one", "two"] {
        let of = |number| delayed(number + 600 * u16::from(queue == "two"), queue, 1_000);
        server.enqueue((0..600).map(of).collect(), None, NOW);
    }
    let operation = Operation::Claim {
        worker: "worker".into(),
        claim_id: "claim".into(),
        queues: vec!["one".into(), "two".into()],
        limit: 1,
        lease_ms: LEASE_MS,
    };
    server.ask(operation, NOW + 1_000);
    let Answer::Stats { counts, .. } = server.ask(Operation::Stats, NOW) else {
        panic!("counts");
    };
    let waiting: usize = counts
        .iter()
        .map(|queue| queue.counts[State::Scheduled as usize])
        .sum();
    assert_eq!(waiting, 200);
}

#[test]
fn claimers_are_told_of_a_job_that_comes_before_all_that_wait_for_their_time() {
    let mut server = Server::start();
    let channels = [server.space().channels(), &b"ready:*"[..]].concat();
    let mut heard = server.subscribe(&channels);
    for (number, delay_ms, is_told) in [(1, 1_000, 1), (2, 500, 1), (3, 2_000, 0)] {
        // Whoever finds nothing waits to be told.
        claim(&mut server, "default", NOW);
        server.enqueue(vec![delayed(number, "default", delay_ms)], None, NOW);
        assert_eq!(heard.messages().len(), is_told, "{delay_ms}");
    }
}
