//! Open and ping: what is fixed for a namespace must be what this version works with.

use std::sync::Arc;

use redis::Value;

use crate::call::Call;
use crate::conversation::{Conversation, Failure, Step};
use crate::keys::KeySpace;
use crate::reply::{Reply, bytes, only};
use crate::request::Answer;
use crate::script::{Access, Script, compose};

/// The layout of the keys, which is not that of the records: those carry their own.
const FORMAT: &str = "1";

/// How many shards a namespace has.
const SHARDS: &str = "1";

pub(super) static SCRIPT: Script = Script::new(
    "open",
    Access::Grows,
    "shard meta",
    "now:time format:text shards:text",
    compose!("open": "keys" "words"),
);

/// Compares what is fixed for the namespace, and writes it where there is nothing yet.
pub(crate) struct Open {
    space: Arc<KeySpace>,
    writes: bool,
}

impl Open {
    pub(crate) const fn new(space: Arc<KeySpace>) -> Self {
        Self {
            space,
            writes: true,
        }
    }

    /// Only compare: a namespace that somebody has emptied is set up by the next to open it.
    pub(crate) const fn ping(space: Arc<KeySpace>) -> Self {
        Self {
            space,
            writes: false,
        }
    }
}

impl Conversation for Open {
    fn begin(&mut self) -> Step {
        let meta = self.space.key("meta");
        if !self.writes {
            return Step::Send(vec![Call::command(&[
                b"HMGET", &meta, b"format", b"shards",
            ])]);
        }
        let mut keys = self.space.shard_keys();
        keys.push(meta);
        Step::Send(vec![Call::Script {
            script: &SCRIPT,
            keys,
            args: vec![Vec::new(), FORMAT.into(), SHARDS.into()],
        }])
    }

    fn resume(&mut self, replies: Vec<Value>) -> Step {
        let fits = only("open", replies).and_then(|value| compare(Reply::array("open", value)?));
        fits.map_or_else(Step::Failed, |()| Step::Done(Answer::Done))
    }
}

fn compare(mut found: Reply) -> Result<(), Failure> {
    for (what, expected) in [("format", FORMAT), ("number of shards", SHARDS)] {
        let value = found.value()?;
        if value == Value::Nil {
            continue;
        }
        let value = bytes("open", value)?;
        if value != expected.as_bytes() {
            let value = String::from_utf8_lossy(&value).into_owned();
            return Err(Failure::Namespace(format!(
                "its {what} is {value}, and this version works with {expected}; use the version that began it, \
                 or another namespace"
            )));
        }
    }
    Ok(())
}
