//! What operations on one job have in common: its keys, and how it is read from a reply.

use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::{Body, Job};
use asyncendpoints_core::state::{Event, State, next};
use redis::Value;

use super::parts::score;
use super::unreadable::as_failed;
use crate::conversation::Failure;
use crate::keys::{BodyKind, KeySpace};
use crate::record::{View, decode};
use crate::reply::{self, Reply, only};

/// How often an operation is tried anew that other writers came in between of.
pub(super) const TRIES: usize = 5;

/// The codes of the states that end a job.
pub(super) fn ended() -> Vec<u8> {
    let states = State::ALL.iter().filter(|state| state.is_terminal());
    states.map(|state| *state as u8).collect()
}

/// The table's row for an event: the code of the next state for each state, 255 where there is none.
pub(super) fn row_of(event: Event) -> Vec<u8> {
    let codes = State::ALL
        .iter()
        .map(|state| next(*state, event).map_or(u8::MAX, |to| to as u8));
    codes.collect()
}

/// The keys of the shard, of a job's queue where it is known, and of its bodies.
pub(super) fn keys_of(space: &KeySpace, id: JobId, queue: Option<&str>) -> Vec<Vec<u8>> {
    let mut keys = space.shard_keys();
    space.queue_keys(queue, &mut keys);
    keys.extend(bodies_of(space, id));
    keys
}

/// The keys in which bodies of a job may lie.
pub(super) fn bodies_of(space: &KeySpace, id: JobId) -> [Vec<u8>; 3] {
    BodyKind::ALL.map(|kind| space.body(id, kind))
}

/// The job from the reply of `lib/view.lua`; `None` where there is none.
pub(super) fn job_of(
    operation: &'static str,
    id: JobId,
    value: Value,
) -> Result<Option<Job>, Failure> {
    if value == Value::Nil {
        return Ok(None);
    }
    let mut parts = Reply::array(operation, value)?;
    let bytes = parts.bytes()?;
    let lease = match parts.take() {
        None | Some(Value::Nil) => None,
        Some(value) => Some(score(operation, &reply::bytes(operation, value)?)?),
    };
    let mut bodies = Vec::new();
    for kind in BodyKind::ALL {
        match parts.take() {
            None | Some(Value::Nil) => {}
            Some(value) => bodies.push((kind, Body::from(reply::bytes(operation, value)?))),
        }
    }
    let job = decode(&bytes).and_then(|mut record| {
        for (kind, body) in bodies {
            record.fill(kind, body);
        }
        let view = View {
            id,
            record,
            lease_until: lease,
        };
        view.job()
    });
    Ok(Some(
        job.unwrap_or_else(|damage| as_failed(id, &bytes, damage)),
    ))
}

/// What the reply of a script about one job says first, and the job behind it.
pub(super) fn word_of(
    operation: &'static str,
    replies: Vec<Value>,
) -> Result<(Vec<u8>, Option<Value>), Failure> {
    let mut reply = Reply::array(operation, only(operation, replies)?)?;
    Ok((reply.bytes()?, reply.take()))
}
