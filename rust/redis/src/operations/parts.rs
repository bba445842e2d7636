//! What the arguments of several scripts have in common.

use std::sync::Arc;

use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::Body;
use asyncendpoints_core::state::{self, Event, State};
use redis::Value;

use crate::call::Call;
use crate::conversation::Failure;
use crate::keys::{BodyKind, KeySpace};
use crate::record::MARK;
use crate::reply::{self, Reply};

/// How many jobs one script call takes at most: what bounds how long others wait for it.
pub(crate) const JOBS_A_CALL: usize = 200;

/// How many bytes one script call takes, if it takes more than one job.
pub(crate) const BYTES_A_CALL: usize = 1 << 20;

/// Where the table leads, read while compiling.
pub(crate) const fn row(from: State, event: Event) -> State {
    match state::next(from, event) {
        Ok(to) => to,
        Err(_) => panic!("the table lacks a row that a script goes by"),
    }
}

/// What a due job becomes, and a claimed one: the state of all that run.
pub(crate) const PROMOTED: State = row(State::Scheduled, Event::Promote);
pub(crate) const CLAIMED: State = row(State::Queued, Event::Claim);

/// How many scheduled jobs are promoted at once at most (CLM-6), so that no call takes long.
pub(crate) const PROMOTIONS: u64 = 1_000;

/// What a run keeps of the claim that began it.
pub(crate) fn mark_of(claim_id: &str) -> [u8; MARK] {
    let digest = sha1_smol::Sha1::from(claim_id).digest().bytes();
    std::array::from_fn(|i| digest[i])
}

/// The time, as the first argument of every script.
pub(crate) fn time(now: Option<u64>) -> Vec<u8> {
    now.map_or_else(Vec::new, number)
}

/// A number in digits.
pub(crate) fn number(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}

/// The code of a state, in digits.
pub(crate) fn code(state: State) -> Vec<u8> {
    number(u64::from(state as u8))
}

/// The low 48 bits' worth of a number: what is larger is the largest that fits.
pub(crate) fn six_bytes(number: u64) -> [u8; 6] {
    let bytes = number.min((1 << 48) - 2).to_le_bytes();
    std::array::from_fn(|i| bytes[i])
}

/// The different queues of a call, numbered from one.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    names: Vec<Arc<str>>,
}

impl Queues {
    /// The number of a queue, which is added if it is new.
    pub(crate) fn number(&mut self, name: &Arc<str>) -> u16 {
        let known = self.names.iter().position(|known| known == name);
        let index = known.unwrap_or_else(|| {
            self.names.push(Arc::clone(name));
            self.names.len() - 1
        });
        u16::try_from(index + 1).unwrap_or(u16::MAX)
    }

    pub(crate) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// The keys of the shard, and those of the queues.
    pub(crate) fn keys(&self, space: &KeySpace) -> Vec<Vec<u8>> {
        let mut keys = space.shard_keys();
        space.queue_keys(self.names.iter().map(|name| &**name), &mut keys);
        keys
    }

    /// How many there are, then their names.
    pub(crate) fn arguments(&self, arguments: &mut Vec<Vec<u8>>) {
        arguments.push(number(self.names.len() as u64));
        arguments.extend(self.names.iter().map(|name| name.as_bytes().to_vec()));
    }
}

/// A score that is a time. Redis writes large ones as floats.
pub(crate) fn score(operation: &'static str, digits: &[u8]) -> Result<u64, Failure> {
    let text = std::str::from_utf8(digits).unwrap_or_default();
    let strange = || Failure::Reply {
        operation,
        found: format!("the score {text:?}"),
    };
    if let Ok(time) = text.parse::<u64>() {
        return Ok(time);
    }
    let time = text.parse::<f64>().map_err(|_| strange())?;
    if !(0.0..9.0e15).contains(&time) {
        return Err(strange());
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is in the range in which floats are whole"
    )]
    Ok(time as u64)
}

/// Bodies that lie in keys of their own, still to be read: for which of several records, and which of its bodies.
#[derive(Debug, Default)]
pub(crate) struct Fetch {
    wanted: Vec<(usize, BodyKind)>,
    calls: Vec<Call>,
}

impl Fetch {
    /// Add the bodies of a record with this index.
    pub(crate) fn add(
        &mut self,
        space: &KeySpace,
        index: usize,
        id: JobId,
        kinds: impl Iterator<Item = BodyKind>,
    ) {
        for kind in kinds {
            self.wanted.push((index, kind));
            self.calls
                .push(Call::command(&[b"MGET", &space.body(id, kind)]));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// What to send.
    pub(crate) fn calls(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.calls)
    }

    /// The bodies that were there, each with the index of its record.
    pub(crate) fn bodies(
        self,
        operation: &'static str,
        replies: Vec<Value>,
    ) -> Result<Vec<(usize, BodyKind, Body)>, Failure> {
        let mut bodies = Vec::with_capacity(self.wanted.len());
        for ((index, kind), value) in self.wanted.into_iter().zip(replies) {
            // Where something else lies in the key, MGET has nil where GET has an error.
            let value = Reply::array(operation, value)?.value()?;
            if value != Value::Nil {
                bodies.push((index, kind, Body::from(reply::bytes(operation, value)?)));
            }
        }
        Ok(bodies)
    }
}
