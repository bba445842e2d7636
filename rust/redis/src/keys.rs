//! The keys of a shard: the only place that spells them.
//!
//! All keys of a shard carry one hash tag, so that they lie on one node, and every script is passed all of them: it
//! does not know before it looks which jobs it will touch, and it checks everything before its first write.

use asyncendpoints_core::ids::JobId;

/// The keys that each shard has once, in the order in which every script gets them as its first keys.
///
/// | key | type | holds |
/// | --- | --- | --- |
/// | `job` | hash | id → record (see `record`) |
/// | `lease` | sorted set | id by the end of the lease: the runs in flight |
/// | `done` | sorted set | id by the time at which the record goes |
/// | `strip` | sorted set | id by the time at which bodies go before the record does |
/// | `dead` | sorted set | id by creation: failed jobs |
/// | `idem` | hash | digest of scope and key → id |
/// | `once` | hash | origin → its family; origin, `=` and key → an effect |
/// | `stat` | hash | state code and queue → how many jobs |
/// | `list` | hash | chunk number → ids, in the order of their storing, but for the newest chunk |
/// | `chunks` | sorted set | the numbers of the chunks that there are |
/// | `ctl` | hash | `paused:<queue>`, `idle:<queue>`; `chunk`, the newest chunk's number; `last`, the latest time at which a
///   job was stored, and `back`, how many milliseconds before it one was stored later |
/// | `tail` | string | the ids of the newest chunk, which grows where it lies |
pub const SHARD_KEYS: [&str; 12] = [
    "job", "lease", "done", "strip", "dead", "idem", "once", "stat", "list", "chunks", "ctl",
    "tail",
];

/// The keys of what processes tell of themselves, in the order in which the scripts about it get them.
///
/// | key | type | holds |
/// | --- | --- | --- |
/// | `sign` | sorted set | process by the time of its last report |
/// | `card` | hash | process → what it is and does |
/// | `slot` | sorted set | `slot:process` by slot |
/// | `told` | hash | `slot:process` → what it has counted in that slot |
pub const REPORT_KEYS: [&str; 4] = ["sign", "card", "slot", "told"];

/// Which body lies in a key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// The stored request.
    Request,
    /// The payload.
    Payload,
    /// The result's body.
    Result,
}

impl BodyKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Request, Self::Payload, Self::Result];

    const fn letter(self) -> u8 {
        match self {
            Self::Request => b'q',
            Self::Payload => b'p',
            Self::Result => b'r',
        }
    }
}

/// Spells the keys and channels of one shard of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpace {
    prefix: Vec<u8>,
    channels: Vec<u8>,
    shard: u8,
    shard_keys: Vec<Vec<u8>>,
}

impl KeySpace {
    /// The keys of a namespace's shard in a database, whose number channels bear.
    #[must_use]
    pub fn new(namespace: &str, shard: u8, database: i64) -> Self {
        let prefix = format!("{{{namespace}.{shard}}}:").into_bytes();
        let channels = join(&prefix, format!("db{database}:").as_bytes());
        let shard_keys = SHARD_KEYS
            .iter()
            .map(|name| join(&prefix, name.as_bytes()))
            .chain([channels.clone()])
            .collect();
        Self {
            prefix,
            channels,
            shard,
            shard_keys,
        }
    }

    /// Which shard of the namespace it is.
    #[must_use]
    pub const fn shard(&self) -> u8 {
        self.shard
    }

    /// What all keys of the shard begin with.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// The keys of [`SHARD_KEYS`], in their order, and what channels begin with: how every script's keys begin.
    #[must_use]
    pub fn shard_keys(&self) -> Vec<Vec<u8>> {
        self.shard_keys.clone()
    }

    /// One of [`SHARD_KEYS`], or `meta`: what is fixed for the namespace.
    #[must_use]
    pub fn key(&self, name: &str) -> Vec<u8> {
        join(&self.prefix, name.as_bytes())
    }

    /// The sorted set of a queue's jobs that may be claimed, by rank.
    #[must_use]
    pub fn ready(&self, queue: &str) -> Vec<u8> {
        self.named(b"ready:", queue)
    }

    /// The sorted set of a queue's jobs that wait for their time, by it.
    #[must_use]
    pub fn due(&self, queue: &str) -> Vec<u8> {
        self.named(b"due:", queue)
    }

    /// The keys of the queues, ready and due for each: what follows the shard's keys in many scripts.
    pub fn queue_keys<'a>(
        &self,
        queues: impl IntoIterator<Item = &'a str>,
        keys: &mut Vec<Vec<u8>>,
    ) {
        for queue in queues {
            keys.push(self.ready(queue));
            keys.push(self.due(queue));
        }
    }

    /// The key of a body that is too large for the record.
    #[must_use]
    pub fn body(&self, id: JobId, kind: BodyKind) -> Vec<u8> {
        let mut key = self.prefix.clone();
        key.extend_from_slice(format!("b:{:032x}:", id.bits()).as_bytes());
        key.push(kind.letter());
        key
    }

    /// What all channels of the shard begin with. A server has them once for all its databases.
    #[must_use]
    pub fn channels(&self) -> &[u8] {
        &self.channels
    }

    /// The channel that names watched jobs which changed, by their sixteen bytes.
    #[must_use]
    pub fn changed_channel(&self) -> Vec<u8> {
        join(&self.channels, b"changed")
    }

    /// The channel that tells a worker which of its runs to cancel.
    #[must_use]
    pub fn worker_channel(&self, worker: &str) -> Vec<u8> {
        [&self.channels, &b"worker:"[..], worker.as_bytes()].concat()
    }

    /// The channel of a queue in which there is more to claim.
    #[must_use]
    pub fn ready_channel(&self, queue: &str) -> Vec<u8> {
        [&self.channels, &b"ready:"[..], queue.as_bytes()].concat()
    }

    fn named(&self, kind: &[u8], name: &str) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.prefix.len() + kind.len() + name.len());
        key.extend_from_slice(&self.prefix);
        key.extend_from_slice(kind);
        key.extend_from_slice(name.as_bytes());
        key
    }
}

fn join(prefix: &[u8], name: &[u8]) -> Vec<u8> {
    [prefix, name].concat()
}

/// The sixteen bytes by which a job is a member or a field.
#[must_use]
pub const fn id_bytes(id: JobId) -> [u8; 16] {
    id.bits().to_be_bytes()
}

/// The job that sixteen bytes name.
#[must_use]
pub fn id_of(bytes: &[u8]) -> Option<JobId> {
    JobId::from_bits(u128::from_be_bytes(bytes.try_into().ok()?))
}
