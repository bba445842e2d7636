//! What the server says of itself that concerns durability: the facts that `doctor` judges.

use redis::Value;

use super::stats::pairs;
use crate::call::Call;
use crate::conversation::{Conversation, Failure, Step};
use crate::reply::bytes;
use crate::request::Answer;

const NAME: &str = "inspect";

/// What a server is asked for by name, where it allows that.
const SETTINGS: [&str; 6] = [
    "appendonly",
    "appendfsync",
    "save",
    "maxmemory",
    "maxmemory-policy",
    "min-replicas-to-write",
];

/// What `INFO` tells: its word, and the name of the fact. A setting that was told by name is not told again.
const TOLD: [(&str, &str); 10] = [
    ("redis_version", "redis_version"),
    ("valkey_version", "valkey_version"),
    ("redis_mode", "mode"),
    ("role", "role"),
    ("connected_slaves", "connected_replicas"),
    ("min_slaves_good_slaves", "good_replicas"),
    ("aof_enabled", "appendonly"),
    ("used_memory", "used_memory"),
    ("maxmemory", "maxmemory"),
    ("maxmemory_policy", "maxmemory-policy"),
];

/// `INFO`, and `CONFIG GET` for each setting: one by one, because a server before 7 takes one name at a time.
pub(crate) struct Inspect;

impl Inspect {
    fn facts(replies: Vec<Value>) -> Result<Answer, Failure> {
        let mut replies = replies.into_iter();
        let mut facts = Vec::new();
        let info = replies.next().unwrap_or(Value::Nil);
        // A server that forbids CONFIG, as hosted ones do, answers with an error: then INFO is all there is; or the
        // other way round.
        for (name, reply) in SETTINGS.iter().zip(replies) {
            if matches!(reply, Value::ServerError(_)) {
                continue;
            }
            for (_, value) in pairs(NAME, reply)? {
                facts.push(((*name).to_owned(), text(value)?));
            }
        }
        let info = match info {
            Value::ServerError(_) => String::new(),
            told => text(told)?,
        };
        for line in info.lines() {
            let Some((word, value)) = line.split_once(':') else {
                continue;
            };
            let told = TOLD.iter().find(|(known, _)| *known == word);
            let Some((_, name)) = told else { continue };
            if facts.iter().all(|(known, _)| known != name) {
                facts.push(((*name).to_owned(), as_setting(word, value)));
            }
        }
        Ok(Answer::Facts(facts))
    }
}

impl Conversation for Inspect {
    fn begin(&mut self) -> Step {
        let settings = SETTINGS.map(|name| Call::command(&[b"CONFIG", b"GET", name.as_bytes()]));
        let info = Call::command(&[b"INFO"]);
        Step::Send([info].into_iter().chain(settings).collect())
    }

    fn resume(&mut self, replies: Vec<Value>) -> Step {
        Self::facts(replies).map_or_else(Step::Failed, Step::Done)
    }

    fn takes_errors(&self) -> bool {
        true
    }
}

/// The word that `CONFIG` has for what `INFO` says in a number.
fn as_setting(word: &str, value: &str) -> String {
    match (word, value) {
        ("aof_enabled", "1") => "yes",
        ("aof_enabled", _) => "no",
        (_, value) => value,
    }
    .to_owned()
}

fn text(value: Value) -> Result<String, Failure> {
    if let Value::VerbatimString { text, .. } = value {
        return Ok(text);
    }
    Ok(String::from_utf8_lossy(&bytes(NAME, value)?).into_owned())
}
