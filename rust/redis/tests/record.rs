//! What is packed comes back as it was, and bytes that are no record are told so.

use std::sync::Arc;

use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::{Body, Idempotency, Retention, Run};
use asyncendpoints_core::state::{Outcome, State};
use asyncendpoints_redis::record::{
    BodyAt, Life, Names, Record, ResultAt, Settlement, decode, decode_claimed, decode_head, encode,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// A time that fits: the last one of 48 bits stands for none.
const TIMES: std::ops::Range<u64> = 0..(1 << 48) - 1;

fn name() -> impl Strategy<Value = Arc<str>> {
    "\\PC{0,40}".prop_map(Arc::from)
}

fn id() -> impl Strategy<Value = JobId> {
    (TIMES, any::<[u8; 10]>()).prop_map(|(time, random)| JobId::new(time, random))
}

fn bytes() -> impl Strategy<Value = Body> {
    vec(any::<u8>(), 0..300).prop_map(Body::from)
}

fn body() -> impl Strategy<Value = BodyAt> {
    prop_oneof![
        Just(BodyAt::None),
        Just(BodyAt::Out),
        bytes().prop_map(BodyAt::Here),
    ]
}

fn names() -> impl Strategy<Value = Names> {
    let idempotency = (name(), name(), any::<[u8; 32]>()).prop_map(|(scope, key, fingerprint)| {
        Box::new(Idempotency {
            scope: Box::from(&*scope),
            key,
            fingerprint,
        })
    });
    (
        ("[A-Za-z0-9_.-]{1,64}", name(), any::<u64>(), any::<u64>()),
        (
            option::of(name()),
            option::of(idempotency),
            option::of(id()),
            option::of(id()),
        ),
    )
        .prop_map(
            |((queue, handler, timeout_ms, delay_ms), (owner, idempotency, redrive_of, origin))| {
                Names {
                    queue: Arc::from(queue),
                    handler,
                    timeout_ms,
                    delay_ms,
                    owner,
                    idempotency,
                    redrive_of,
                    origin,
                }
            },
        )
}

fn run() -> impl Strategy<Value = Run> {
    let outcome = select(Outcome::ALL);
    (
        0..1_u64 << 24,
        TIMES,
        option::of(TIMES),
        outcome,
        option::of(bytes()),
        name(),
    )
        .prop_map(
            |(number, started_at, finished_at, outcome, error, worker)| Run {
                number,
                started_at,
                finished_at,
                outcome: Some(outcome),
                error,
                worker,
            },
        )
}

fn life() -> impl Strategy<Value = Life> {
    let settled =
        (any::<u32>(), select(State::ALL)).prop_map(|(nonce, to)| Settlement { nonce, to });
    let result = (body(), option::of(bytes())).prop_map(|(body, meta)| ResultAt { body, meta });
    (
        (
            0..1_u32 << 24,
            option::of(TIMES),
            option::of(TIMES),
            option::of(TIMES),
        ),
        (
            option::of(settled),
            option::of(bytes()),
            option::of(result),
            vec(run(), 0..5),
        ),
    )
        .prop_map(
            |(
                (fence, started_at, finished_at, cancel_requested_at),
                (settled, progress, result, runs),
            )| Life {
                fence,
                started_at,
                finished_at,
                cancel_requested_at,
                settled,
                progress,
                result,
                runs,
                mark: None,
            },
        )
}

prop_compose! {
    fn record()(
        state in select(State::ALL),
        (watched, stripped) in any::<(bool, bool)>(),
        (attempt, max_attempts, version, chunk) in any::<(u8, u8, u32, u32)>(),
        priority in -100..=100_i8,
        times in [TIMES, TIMES, TIMES, TIMES, TIMES],
        names in names(),
        (request, payload) in (body(), body()),
        life in option::of(life()),
        mark in any::<[u8; 8]>(),
    ) -> Record {
        let mut record = Record {
            state,
            watched,
            stripped,
            attempt,
            version,
            updated_at: times[0],
            ready_at: times[1],
            max_attempts,
            priority,
            created_at: times[2],
            chunk,
            retention: Retention { completed_ms: times[3], failed_ms: times[4] },
            names,
            request,
            payload,
            life,
        };
        let running = record.state == State::InProgress;
        match &mut record.life {
            Some(life) if running => {
                life.mark = Some(mark);
                life.runs.push(Run {
                    number: 7,
                    started_at: 1,
                    finished_at: None,
                    outcome: None,
                    error: None,
                    worker: Arc::from("worker"),
                });
            }
            None if running => record.state = State::Queued,
            _ => {}
        }
        record
    }
}

proptest! {
    #[test]
    fn a_record_comes_back_as_it_was_packed(record in record()) {
        let bytes = encode(&record).unwrap();
        prop_assert_eq!(decode(&bytes).unwrap(), record);
    }

    #[test]
    fn a_record_that_is_cut_off_is_damaged_or_has_its_beginning(
        record in record(),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = encode(&record).unwrap();
        let part = &bytes[..cut.index(bytes.len())];
        if let Ok(head) = decode_head(part) {
            prop_assert_eq!(&head.names, &record.names);
        }
        if let Ok(claimed) = decode_claimed(part) {
            prop_assert_eq!(claimed.payload, record.payload);
        }
    }

    #[test]
    fn no_bytes_make_reading_panic(
        record in record(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        noise in vec(any::<u8>(), 0..400),
    ) {
        let mut bytes = encode(&record).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for bytes in [&bytes, &noise] {
            let _ = decode(bytes);
            let _ = decode_claimed(bytes);
            let _ = decode_head(bytes);
        }
    }
}
