//! What the server says of itself that concerns durability, and what this user may do: the facts that `doctor` judges.

use std::sync::Arc;

use redis::Value;

use super::stats::pairs;
use crate::call::Call;
use crate::conversation::{Conversation, Failure, Step};
use crate::keys::KeySpace;
use crate::reply::bytes;
use crate::request::Answer;

const NAME: &str = "inspect";

/// What this user may not do.
const REFUSED: &str = "refused";

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

/// Whom nobody else listens to: what is published there only shows whether it may be.
const PROBE: &[u8] = b"probe";

type Facts = Vec<(String, String)>;

/// `INFO`, `CONFIG GET` for each setting, one by one, because a server before 7 takes one name at a time; and what a
/// user without rights to channels is told.
pub(crate) struct Inspect {
    space: Arc<KeySpace>,
    /// What is known when only the right to subscribe is asked for.
    facts: Option<Facts>,
}

impl Inspect {
    pub(crate) const fn new(space: Arc<KeySpace>) -> Self {
        Self { space, facts: None }
    }

    fn probe(&self) -> Vec<u8> {
        [self.space.channels(), PROBE].concat()
    }

    fn step(&mut self, replies: Vec<Value>) -> Result<Step, Failure> {
        let mut replies = replies.into_iter();
        if let Some(mut facts) = self.facts.take() {
            // Servers before 7 do not know the question, and not every user may ask it.
            if let Some(Value::BulkString(_) | Value::VerbatimString { .. }) = replies.next() {
                facts.push(("subscribe".to_owned(), REFUSED.to_owned()));
            }
            return Ok(Step::Done(Answer::Facts(facts)));
        }
        let published = replies.next().unwrap_or(Value::Nil);
        let user = replies.next().unwrap_or(Value::Nil);
        let mut facts = settings(replies)?;
        let channels = String::from_utf8_lossy(self.space.channels()).into_owned();
        facts.push(("channels".to_owned(), channels));
        if matches!(published, Value::ServerError(error) if error.code() == "NOPERM") {
            facts.push(("publish".to_owned(), REFUSED.to_owned()));
        }
        if matches!(user, Value::ServerError(_)) {
            return Ok(Step::Done(Answer::Facts(facts)));
        }
        let user = text(user)?;
        let ask = Call::command(&[
            b"ACL",
            b"DRYRUN",
            user.as_bytes(),
            b"SUBSCRIBE",
            &self.probe(),
        ]);
        facts.push(("user".to_owned(), user));
        self.facts = Some(facts);
        Ok(Step::Send(vec![ask]))
    }
}

/// What `INFO` and `CONFIG GET` told.
fn settings(mut replies: impl Iterator<Item = Value>) -> Result<Facts, Failure> {
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
    Ok(facts)
}

impl Conversation for Inspect {
    fn begin(&mut self) -> Step {
        let settings = SETTINGS.map(|name| Call::command(&[b"CONFIG", b"GET", name.as_bytes()]));
        let first = [
            Call::command(&[b"PUBLISH", &self.probe(), b""]),
            Call::command(&[b"ACL", b"WHOAMI"]),
            Call::command(&[b"INFO"]),
        ];
        Step::Send(first.into_iter().chain(settings).collect())
    }

    fn resume(&mut self, replies: Vec<Value>) -> Step {
        self.step(replies).unwrap_or_else(Step::Failed)
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
