//! Records, each with every entry that it should and should not have.

use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::state::State;
use redis::Value;

use super::NAME;
use super::entries::job;
use crate::call::Call;
use crate::conversation::Failure;
use crate::keys::{BodyKind, KeySpace, id_bytes, id_of};
use crate::operations::enqueue::digest;
use crate::operations::parts::{number, score, time};
use crate::operations::single::keys_of;
use crate::operations::stats::pairs;
use crate::record::{Record, decode};
use crate::reply::{Reply, bytes};
use crate::script::{Access, Script, compose};

pub(in crate::operations) static SCRIPT: Script = Script::new(
    "check_jobs",
    Access::Reads,
    "shard (ready due request payload result)*",
    "now:time (id:id digest:bytes chunk:number)*",
    compose!("check_jobs": "keys" "words" "chunk"),
);

/// The call that reads a page of jobs with their entries, and what is wrong without it: records that cannot be read.
pub(super) fn look(
    space: &KeySpace,
    page: Value,
    now: Option<u64>,
) -> Result<(Option<Call>, Vec<String>), Failure> {
    let shard = space.shard_keys().len();
    let mut keys = space.shard_keys();
    let mut args = vec![time(now)];
    let mut findings = Vec::new();
    for (id, record) in records(page)? {
        match record {
            Ok((id, record)) => {
                let key = record.names.idempotency.as_deref();
                keys.extend(keys_of(space, id, Some(&record.names.queue)).split_off(shard));
                args.push(id_bytes(id).to_vec());
                args.push(key.map_or_else(Vec::new, |key| digest(key).to_vec()));
                args.push(number(u64::from(record.chunk)));
            }
            Err(damage) => findings.push(format!(
                "the record of {} cannot be read: {damage}",
                job(&id)
            )),
        }
    }
    let call = (args.len() > 1).then_some(Call::Script {
        script: &SCRIPT,
        keys,
        args,
    });
    Ok((call, findings))
}

type Read = Result<(JobId, Record), String>;

fn records(page: Value) -> Result<Vec<(Vec<u8>, Read)>, Failure> {
    let mut records = Vec::new();
    for (field, value) in pairs(NAME, page)? {
        let (field, value) = (bytes(NAME, field)?, bytes(NAME, value)?);
        let read = match id_of(&field) {
            Some(id) => decode(&value)
                .map(|record| (id, record))
                .map_err(|damage| damage.to_string()),
            None => Err("its name is no id".to_owned()),
        };
        records.push((field, read));
    }
    Ok(records)
}

/// What of each job's entries does not fit its record.
pub(super) fn judge(page: Value, value: Value) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    let mut entries = Reply::array(NAME, value)?;
    // Those that cannot be read were not asked about.
    for (id, _) in records(page)?
        .into_iter()
        .filter(|(_, record)| record.is_ok())
    {
        findings.extend(judge_one(&id, entries.nested()?)?);
    }
    Ok(findings)
}

fn judge_one(id: &[u8], mut found: Reply) -> Result<Vec<String>, Failure> {
    // It may have changed or gone since the page was read; then it is judged as it is now.
    let record = match found.value()? {
        Value::Nil => return Ok(Vec::new()),
        value => decode(&bytes(NAME, value)?),
    };
    let Ok(record) = record else {
        return Ok(Vec::new());
    };
    let name = job(id);
    let mut findings = Vec::new();
    for (index, expected) in expected(&record) {
        let score = match found.value()? {
            Value::Nil => None,
            value => Some(score(NAME, &bytes(NAME, value)?)?),
        };
        findings.extend(compare(&name, record.state, index, score, expected));
    }
    let owner = match found.value()? {
        Value::Nil => None,
        value => Some(bytes(NAME, value)?),
    };
    if record.names.idempotency.is_some() && owner.as_deref() != Some(id) {
        findings.push(format!("the idempotency key of {name} does not name it"));
    }
    if found.number()? != 1 {
        findings.push(format!(
            "{name} is not in chunk {} of the listing, which it names",
            record.chunk
        ));
    }
    if found.number()? != 1 {
        findings.push(format!(
            "{name} is in chunk {} of the listing, which is not read",
            record.chunk
        ));
    }
    let out: Vec<BodyKind> = record.out().collect();
    for kind in BodyKind::ALL {
        let is_there = found.number()? == 1;
        if is_there != out.contains(&kind) {
            let what = if is_there {
                "which it does not name"
            } else {
                "which is not there"
            };
            findings.push(format!(
                "{name} has a {} in a key of its own, {what}",
                kind_name(kind)
            ));
        }
    }
    Ok(findings)
}

const fn kind_name(kind: BodyKind) -> &'static str {
    match kind {
        BodyKind::Request => "request",
        BodyKind::Payload => "payload",
        BodyKind::Result => "result",
    }
}

/// What an index should say of a job.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Absent,
    At(u64),
    /// At whatever time: a lease's end stands nowhere else.
    Present,
}

/// What each index should say, in the order of the script's answer.
fn expected(record: &Record) -> [(&'static str, Entry); 6] {
    let at = |is_in: bool, score: Option<u64>| match score {
        Some(score) if is_in => Entry::At(score),
        _ => Entry::Absent,
    };
    let state = record.state;
    let has_ended = state.is_terminal();
    let (expires_at, forgotten_at) = (record.expires_at(), record.forgotten_at());
    let lease = if state == State::InProgress {
        Entry::Present
    } else {
        Entry::Absent
    };
    [
        ("ready", at(state == State::Queued, Some(rank(record)))),
        ("due", at(state == State::Scheduled, Some(record.ready_at))),
        ("lease", lease),
        ("done", at(has_ended, forgotten_at)),
        (
            "strip",
            at(
                has_ended && !record.stripped && forgotten_at > expires_at,
                expires_at,
            ),
        ),
        ("dead", at(state == State::Failed, Some(record.created_at))),
    ]
}

/// The rank by which it is claimed (CLM-2), as `lib/rank.lua` reckons it.
fn rank(record: &Record) -> u64 {
    let step = 1 << 42;
    let below = u64::from((100 - i16::from(record.priority)).unsigned_abs());
    below * step + record.ready_at.min(step - 1)
}

fn compare(
    name: &str,
    state: State,
    index: &str,
    found: Option<u64>,
    expected: Entry,
) -> Option<String> {
    match (found, expected) {
        (Some(_), Entry::Absent) => Some(format!(
            "{name} is {state} and must not be in the index `{index}`, but is"
        )),
        (None, Entry::At(_) | Entry::Present) => Some(format!(
            "{name} is {state} and must be in the index `{index}`, but is not"
        )),
        (Some(found), Entry::At(expected)) if found != expected => Some(format!(
            "{name} is in the index `{index}` at {found} and must be at {expected}"
        )),
        _ => None,
    }
}
