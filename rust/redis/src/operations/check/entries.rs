//! Entries of indexes, each with the job that it names.

use redis::Value;

use super::NAME;
use crate::conversation::Failure;
use crate::keys::id_of;
use crate::operations::enqueue::digest;
use crate::record::decode;
use crate::reply::{Reply, bytes, number};
use crate::script::{Access, Script, compose};

const PAGE: &str = "now:time cursor:number count:number";

pub(in crate::operations) static ENTRIES: Script = Script::new(
    "check_entries",
    Access::Reads,
    "shard index",
    PAGE,
    compose!("check_entries": "keys" "words" "record" "head" "life"),
);

pub(in crate::operations) static KEYS: Script = Script::new(
    "check_keys",
    Access::Reads,
    "shard",
    PAGE,
    compose!("check_keys": "keys" "words"),
);

pub(in crate::operations) static EFFECTS: Script = Script::new(
    "check_effects",
    Access::Reads,
    "shard",
    PAGE,
    compose!("check_effects": "keys" "words" "family" "effect"),
);

pub(in crate::operations) static LIST: Script = Script::new(
    "check_list",
    Access::Reads,
    "shard",
    PAGE,
    compose!("check_list": "keys" "words" "record" "head" "life"),
);

/// A job in words, also where the bytes are no id.
pub(super) fn job(id: &[u8]) -> String {
    id_of(id).map_or_else(
        || format!("job {}", id.escape_ascii()),
        |id| format!("job {id}"),
    )
}

/// Every entry has a job, and one of a queue's index a job of that queue. Whether a job belongs into the index at all is
/// judged with the jobs.
pub(super) fn judge_entries(part: &str, queue: &str, page: Value) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    let mut entries = Reply::array(NAME, page)?;
    let index = if queue.is_empty() {
        format!("the index `{part}`")
    } else {
        format!("the index `{part}` of queue {queue}")
    };
    while entries.len() > 0 {
        let id = entries.bytes()?;
        match entries.value()? {
            Value::Nil => {
                findings.push(format!("{index} names {}, which does not exist", job(&id)));
            }
            found => {
                let found = bytes(NAME, found)?;
                if !queue.is_empty() && found != queue.as_bytes() && found != b"?" {
                    let found = String::from_utf8_lossy(&found).into_owned();
                    findings.push(format!(
                        "{index} names {}, which is in queue {found}",
                        job(&id)
                    ));
                }
            }
        }
    }
    Ok(findings)
}

/// Every idempotency key belongs to a job that was submitted with it.
pub(super) fn judge_keys(page: Value) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    let mut entries = Reply::array(NAME, page)?;
    while entries.len() > 0 {
        let (found, id) = (entries.bytes()?, entries.bytes()?);
        let Value::BulkString(record) = entries.value()? else {
            findings.push(format!(
                "an idempotency key names {}, which does not exist",
                job(&id)
            ));
            continue;
        };
        // What cannot be read is found with the jobs.
        let Ok(record) = decode(&record) else {
            continue;
        };
        let key = record.names.idempotency;
        if key.is_none_or(|key| digest(&key)[..] != found[..]) {
            findings.push(format!(
                "an idempotency key names {}, which was submitted with another or none",
                job(&id)
            ));
        }
    }
    Ok(findings)
}

/// Effects stay while a job of their family does.
pub(super) fn judge_effects(page: Value) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    let mut entries = Reply::array(NAME, page)?;
    while entries.len() > 0 {
        let origin = entries.bytes()?;
        let lives = entries.number()? == 1;
        let redriven = entries.number()?;
        let is_known = entries.number()? == 1;
        if !lives && redriven == 0 {
            findings.push(format!(
                "effects of {} stay, of whose family no job is left",
                job(&origin)
            ));
        } else if !is_known {
            findings.push(format!(
                "an effect of {} is missing in the list of its family",
                job(&origin)
            ));
        }
    }
    Ok(findings)
}

/// Every job of the listing exists, and names the chunk that it is in.
pub(super) fn judge_list(page: Value) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    let mut chunks = Reply::array(NAME, page)?;
    while chunks.len() > 0 {
        let mut chunk = chunks.nested()?;
        let name = String::from_utf8_lossy(&chunk.bytes()?).into_owned();
        if chunk.number()? != 1 {
            findings.push(format!(
                "chunk {name} of the listing is not among the chunks that are read"
            ));
        }
        let mut jobs = chunk.nested()?;
        if jobs.len() == 0 {
            findings.push(format!("chunk {name} of the listing is empty"));
        }
        while jobs.len() > 0 {
            let id = jobs.bytes()?;
            match jobs.value()? {
                Value::Nil => findings.push(format!(
                    "the listing names {}, which does not exist",
                    job(&id)
                )),
                found => {
                    let found = number(NAME, &found)?;
                    if found.to_string() != name {
                        findings.push(format!(
                            "{} is in chunk {name} of the listing and names chunk {found}",
                            job(&id)
                        ));
                    }
                }
            }
        }
    }
    Ok(findings)
}
