//! What becomes of a job whose record cannot be read: it is shown, and once it is claimed it is kept, as failed.

use std::sync::Arc;

use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::{Body, Job, Retention, Run};
use asyncendpoints_core::state::{Outcome, State};

use crate::record::{BodyAt, Damage, Life, Names, Record, View, decode_head};

/// How long a job is kept of whose retention nothing can be read: a week, as failed ones are by default.
const WEEK_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

/// What stands where a name cannot be read.
const UNKNOWN: &str = "unknown";

/// The record of a failed job in place of bytes that are none, with what can still be read of them.
pub(crate) fn salvaged(id: JobId, bytes: &[u8], damage: Damage, now: u64) -> Record {
    let error = problem(damage);
    let mut record = decode_head(bytes).unwrap_or_else(|_| nameless(id));
    let fence = record
        .life
        .as_ref()
        .map_or(0, |life| life.fence)
        .saturating_add(1);
    let started_at = record.life.as_ref().and_then(|life| life.started_at);
    let cancel_requested_at = record
        .life
        .as_ref()
        .and_then(|life| life.cancel_requested_at);
    record.state = State::Failed;
    record.watched = false;
    record.stripped = false;
    record.version = record.version.saturating_add(1);
    record.updated_at = now;
    record.attempt = record.attempt.min(record.max_attempts);
    record.request = BodyAt::None;
    record.payload = BodyAt::None;
    record.life = Some(Life {
        fence,
        started_at,
        finished_at: Some(now),
        cancel_requested_at,
        settled: None,
        progress: None,
        result: None,
        runs: vec![Run {
            number: u64::from(fence),
            started_at: now,
            finished_at: Some(now),
            outcome: Some(Outcome::Error),
            error: Some(error),
            worker: Arc::from("the store"),
        }],
        mark: None,
    });
    record
}

/// What readers see in place of a record that cannot be read, or a body of which is gone.
pub(crate) fn shown(id: JobId, bytes: &[u8], damage: Damage) -> Record {
    let since = decode_head(bytes).map_or_else(|_| id.made_at(), |record| record.updated_at);
    salvaged(id, bytes, damage, since)
}

/// How readers see such a job.
pub(crate) fn as_failed(id: JobId, bytes: &[u8], damage: Damage) -> Job {
    let view = View {
        id,
        record: shown(id, bytes, damage),
        lease_until: None,
    };
    // A salvaged record names no body in a key of its own, so none is missing.
    view.job().expect("a salvaged record is whole")
}

fn nameless(id: JobId) -> Record {
    Record {
        state: State::Failed,
        watched: false,
        stripped: false,
        attempt: 0,
        version: 1,
        updated_at: id.made_at(),
        ready_at: id.made_at(),
        max_attempts: 1,
        priority: 0,
        created_at: id.made_at(),
        chunk: 0,
        retention: Retention {
            completed_ms: WEEK_MS,
            failed_ms: WEEK_MS,
        },
        names: Names {
            queue: Arc::from(UNKNOWN),
            handler: Arc::from(UNKNOWN),
            timeout_ms: 0,
            delay_ms: 0,
            owner: None,
            idempotency: None,
            redrive_of: None,
            origin: None,
        },
        request: BodyAt::None,
        payload: BodyAt::None,
        life: None,
    }
}

/// The problem document of such a job. What is said of the damage has no character that JSON escapes.
fn problem(damage: Damage) -> Body {
    let text = format!(
        "{{\"type\":\"https://asyncendpoints.dev/problems/handler-failed\",\"title\":\"The handler failed\",\
         \"status\":500,\"detail\":\"the stored job cannot be read: {damage}\"}}"
    );
    Body::from(text.as_bytes())
}
