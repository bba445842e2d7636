//! Keeps jobs as failed whose records cannot be read, so that they fail visibly, and no worker stumbles over them again.

use std::sync::Arc;

use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::state::State;
use redis::Value;

use super::parts::{CLAIMED, code, number};
use super::unreadable::salvaged;
use crate::call::Call;
use crate::conversation::Failure;
use crate::keys::{BodyKind, KeySpace, id_bytes};
use crate::record::{Damage, decode, encode};
use crate::reply;
use crate::script::{Access, Script, compose};

pub(super) static SCRIPT: Script = Script::new(
    "replace",
    Access::Works,
    "shard body*",
    "now:time id:id found:bytes record:bytes running:state failed:state queue:name strip_at:ms? forgotten_at:ms \
     created_at:ms",
    compose!("replace": "keys" "words" "now" "record" "head" "life" "chunk" "writes"),
);

/// A running job whose record cannot be read.
pub(crate) struct Broken {
    pub(crate) id: JobId,
    pub(crate) damage: Damage,
    /// The queue that it was claimed from, where that is known.
    pub(crate) queue: Option<Arc<str>>,
}

/// Read the records as they are stored.
pub(crate) fn look(space: &KeySpace, broken: &[Broken]) -> Vec<Call> {
    let key = space.key("job");
    broken
        .iter()
        .map(|job| Call::command(&[b"HGET", &key, &id_bytes(job.id)]))
        .collect()
}

/// Replace the records that were read.
pub(crate) fn replace(
    operation: &'static str,
    space: &KeySpace,
    broken: &[Broken],
    replies: Vec<Value>,
    now: u64,
) -> Result<Vec<Call>, Failure> {
    let mut calls = Vec::new();
    for (job, value) in broken.iter().zip(replies) {
        if value != Value::Nil {
            let found = reply::bytes(operation, value)?;
            calls.push(replacement(space, job, found, now)?);
        }
    }
    Ok(calls)
}

fn replacement(space: &KeySpace, job: &Broken, found: Vec<u8>, now: u64) -> Result<Call, Failure> {
    // What scripts found too short or too long may have other damage, which readers were told of.
    let damage = decode(&found).err().unwrap_or(job.damage);
    let mut record = salvaged(job.id, &found, damage, now);
    if let Some(queue) = &job.queue {
        record.names.queue = Arc::clone(queue);
    }
    let expires_at = record.expires_at().unwrap_or(now);
    let forgotten_at = record.forgotten_at().unwrap_or(now);
    let mut keys = space.shard_keys();
    keys.extend(BodyKind::ALL.map(|kind| space.body(job.id, kind)));
    let args = vec![
        number(now),
        id_bytes(job.id).to_vec(),
        found,
        encode(&record)?,
        code(CLAIMED),
        code(State::Failed),
        record.names.queue.as_bytes().to_vec(),
        if forgotten_at > expires_at {
            number(expires_at)
        } else {
            Vec::new()
        },
        number(forgotten_at),
        number(record.created_at),
    ];
    Ok(Call::Script {
        script: &SCRIPT,
        keys,
        args,
    })
}
