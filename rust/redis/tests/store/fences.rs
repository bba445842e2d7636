//! Writes that are repeated, late or somebody else's: what recognises them, one condition after the other.

use std::sync::Arc;

use asyncendpoints_core::answer::{Claim, Reservation, Settled, Settlement};
use asyncendpoints_core::decide::Verdict;
use asyncendpoints_core::job::{Body, Job, NewJob};
use asyncendpoints_core::state::{Outcome, State};
use asyncendpoints_redis::request::{Answer, Operation};

use crate::asking::{NOW, id, job};
use crate::checking::{claim, findings};
use crate::server::Server;

/// How many released runs a job keeps.
const RELEASED_RUNS: usize = 20;

fn started(server: &mut Server) -> Claim {
    let mut claims = claim(server, "default", NOW).claims;
    assert_eq!(claims.len(), 1);
    claims.remove(0)
}

fn settle(server: &mut Server, fence: u64, to: State, outcome: Outcome, nonce: u64) -> Settled {
    let is_charged = outcome != Outcome::Released;
    let verdict = Verdict::new(to, outcome, 0, is_charged).expect("a verdict");
    let settlement = Settlement {
        id: id(1),
        fence,
        queue: Some(Arc::from("default")),
        verdict,
        verdict_if_canceled: verdict,
        nonce,
        only_expired: false,
        result: None,
        error: None,
    };
    match server.ask(Operation::Settle(vec![settlement]), NOW) {
        Answer::Settled(answers) => answers[0],
        other => panic!("{other:?}"),
    }
}

fn read(server: &mut Server) -> Job {
    match server.ask(Operation::Get(id(1)), NOW) {
        Answer::Job(Some(job)) => *job,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_older_run_with_the_nonce_of_the_newest_settlement_is_stale() {
    let mut server = Server::start();
    server.enqueue(vec![job(1)], None, NOW);
    let first = started(&mut server).fence;
    settle(&mut server, first, State::Queued, Outcome::Error, 7);
    let second = started(&mut server).fence;
    let done = settle(&mut server, second, State::Completed, Outcome::Completed, 8);
    assert_eq!(done, Settled::To(State::Completed));
    let repeated = settle(&mut server, second, State::Completed, Outcome::Completed, 8);
    assert_eq!(repeated, Settled::To(State::Completed));
    let older = settle(&mut server, first, State::Completed, Outcome::Completed, 8);
    assert_eq!(older, Settled::Stale);
}

#[test]
fn a_settlement_without_a_nonce_is_never_taken_for_the_one_before() {
    let mut server = Server::start();
    server.enqueue(vec![job(1)], None, NOW);
    let fence = started(&mut server).fence;
    let done = settle(&mut server, fence, State::Completed, Outcome::Completed, 0);
    assert_eq!(done, Settled::To(State::Completed));
    let repeated = settle(&mut server, fence, State::Completed, Outcome::Completed, 0);
    assert_eq!(repeated, Settled::Stale);
}

#[test]
fn a_claim_never_counts_more_attempts_than_the_job_may_have() {
    let mut server = Server::start();
    let once = NewJob {
        max_attempts: 1,
        ..job(1)
    };
    server.enqueue(vec![once], None, NOW);
    let first = started(&mut server);
    // No decision puts it back with all its attempts used, and a store does not rely on that.
    settle(&mut server, first.fence, State::Queued, Outcome::Error, 7);
    let second = started(&mut server);
    assert_eq!((first.attempt, second.attempt), (1, 1));
    assert_eq!(second.fence, first.fence + 1);
}

#[test]
fn a_job_that_is_given_back_again_and_again_keeps_the_newest_of_those_runs() {
    let mut server = Server::start();
    server.enqueue(vec![job(1)], None, NOW);
    for nonce in 0..30 {
        let fence = started(&mut server).fence;
        settle(
            &mut server,
            fence,
            State::Queued,
            Outcome::Released,
            nonce + 1,
        );
    }
    assert_eq!(read(&mut server).runs.len(), RELEASED_RUNS);
    assert_eq!(findings(&mut server, 100), Vec::<String>::new());
}

fn reserve(server: &mut Server, fence: u64, nonce: &str, takeover: bool) -> Reservation {
    let operation = Operation::Reserve {
        id: id(1),
        fence,
        key: "mail".into(),
        nonce: nonce.into(),
        takeover,
    };
    match server.ask(operation, NOW) {
        Answer::Reservation(reservation) => reservation,
        other => panic!("{other:?}"),
    }
}

fn record(server: &mut Server, fence: u64, nonce: &str, value: Option<&[u8]>) -> bool {
    let operation = Operation::Record {
        id: id(1),
        fence,
        key: "mail".into(),
        nonce: nonce.into(),
        value: value.map(Body::from),
    };
    match server.ask(operation, NOW) {
        Answer::Flag(flag) => flag,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_effect_belongs_to_whoever_reserved_it_until_it_is_taken_over() {
    let mut server = Server::start();
    server.enqueue(vec![job(1)], None, NOW);
    let fence = started(&mut server).fence;
    assert_eq!(
        reserve(&mut server, fence, "a", false),
        Reservation::Reserved
    );
    // Repeated it is as the first time; another's is uncertain.
    assert_eq!(
        reserve(&mut server, fence, "a", false),
        Reservation::Reserved
    );
    assert_eq!(
        reserve(&mut server, fence, "b", false),
        Reservation::Uncertain
    );
    assert!(!record(&mut server, fence, "b", Some(b"1")));
    assert_eq!(
        reserve(&mut server, fence, "b", true),
        Reservation::Reserved
    );
    assert!(!record(&mut server, fence, "a", Some(b"1")));
    assert!(record(&mut server, fence, "b", Some(b"2")));
    let recorded = Reservation::Recorded(Body::from(&b"2"[..]));
    assert_eq!(reserve(&mut server, fence, "c", true), recorded);
    assert_eq!(findings(&mut server, 100), Vec::<String>::new());
}

#[test]
fn what_was_recorded_cannot_be_given_back() {
    let mut server = Server::start();
    server.enqueue(vec![job(1)], None, NOW);
    let fence = started(&mut server).fence;
    reserve(&mut server, fence, "a", false);
    assert!(record(&mut server, fence, "a", Some(b"1")));
    assert!(!record(&mut server, fence, "a", None));
    let recorded = Reservation::Recorded(Body::from(&b"1"[..]));
    assert_eq!(reserve(&mut server, fence, "b", false), recorded);
    assert_eq!(findings(&mut server, 100), Vec::<String>::new());
}
