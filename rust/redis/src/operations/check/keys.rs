//! The keys of the shard: there are none but those that something names.

use std::sync::Arc;

use asyncendpoints_core::ids::JobId;
use redis::Value;

use super::NAME;
use crate::call::Call;
use crate::conversation::Failure;
use crate::keys::{BodyKind, KeySpace, REPORT_KEYS, SHARD_KEYS, id_bytes};
use crate::operations::parts::time;
use crate::record::flags;
use crate::reply::{Reply, number};
use crate::script::{Access, Script, compose};

pub(in crate::operations) static SCRIPT: Script = Script::new(
    "check_bodies",
    Access::Reads,
    "shard body*",
    "now:time id:id*",
    compose!("check_bodies": "keys" "words" "record" "head" "life"),
);

/// The pattern of all keys of a shard; names of namespaces have no character that means anything in one.
pub(super) fn pattern(space: &KeySpace) -> Vec<u8> {
    [space.prefix(), b"*"].concat()
}

/// A page of keys: those that hold bodies, and the names of the others.
#[derive(Default)]
struct Page {
    bodies: Vec<(JobId, BodyKind)>,
    others: Vec<String>,
}

fn read(space: &KeySpace, page: Value) -> Result<Page, Failure> {
    let mut read = Page::default();
    let mut keys = Reply::array(NAME, page)?;
    while keys.len() > 0 {
        let key = keys.bytes()?;
        let name = key.strip_prefix(space.prefix()).unwrap_or(&key);
        let name = String::from_utf8_lossy(name).into_owned();
        match body(space, &name, &key) {
            Some(body) => read.bodies.push(body),
            None => read.others.push(name),
        }
    }
    Ok(read)
}

fn body(space: &KeySpace, name: &str, key: &[u8]) -> Option<(JobId, BodyKind)> {
    let (id, _) = name.strip_prefix("b:")?.split_once(':')?;
    let id = JobId::from_bits(u128::from_str_radix(id, 16).ok()?)?;
    let kind = BodyKind::ALL
        .into_iter()
        .find(|kind| space.body(id, *kind) == key)?;
    Some((id, kind))
}

/// The call that looks at the bodies of a page of keys, and what is wrong without it: keys that nothing names.
pub(super) fn look(
    space: &KeySpace,
    queues: &[Arc<str>],
    page: Value,
    now: Option<u64>,
) -> Result<(Option<Call>, Vec<String>), Failure> {
    let Page { bodies, others } = read(space, page)?;
    let is_named = |name: &str| {
        let queue = name
            .strip_prefix("ready:")
            .or_else(|| name.strip_prefix("due:"));
        SHARD_KEYS.contains(&name)
            || REPORT_KEYS.contains(&name)
            || name == "meta"
            || queue.is_some_and(|queue| queues.iter().any(|counted| **counted == *queue))
    };
    let unnamed = others.iter().filter(|name| !is_named(name));
    let findings = unnamed
        .map(|name| format!("nothing names the key `{name}`"))
        .collect();
    let mut keys = space.shard_keys();
    keys.extend(bodies.iter().map(|(id, kind)| space.body(*id, *kind)));
    let mut args = vec![time(now)];
    args.extend(bodies.iter().map(|(id, _)| id_bytes(*id).to_vec()));
    let call = (!bodies.is_empty()).then_some(Call::Script {
        script: &SCRIPT,
        keys,
        args,
    });
    Ok((call, findings))
}

/// Bodies that no record names.
pub(super) fn judge(space: &KeySpace, page: Value, value: Value) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    let mut found = Reply::array(NAME, value)?;
    for (id, kind) in read(space, page)?.bodies {
        let is_there = found.number()? == 1;
        let flag = match kind {
            BodyKind::Request => flags::REQUEST_OUT,
            BodyKind::Payload => flags::PAYLOAD_OUT,
            BodyKind::Result => flags::BODY_OUT,
        };
        let is_named = match found.value()? {
            Value::Nil => false,
            flags => number(NAME, &flags)? & u64::from(flag) != 0,
        };
        if is_there && !is_named {
            findings.push(format!(
                "a body of job {id} lies in a key of its own, which no record names"
            ));
        }
    }
    Ok(findings)
}
