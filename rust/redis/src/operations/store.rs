//! Submissions that most calls are of: new jobs that are alike, for which a script of few words is enough.
//!
//! It refuses as soon as there is anything to tell apart, before it has written anything; then
//! [`enqueue`](super::enqueue) is asked.

use std::collections::HashSet;

use asyncendpoints_core::job::NewJob;
use asyncendpoints_core::state::State;

use super::parts::{code, number, time};
use crate::call::Call;
use crate::keys::{KeySpace, id_bytes};
use crate::record::{NewRecord, around_times};
use crate::script::{Access, Script, compose};

pub(super) static SCRIPT: Script = Script::new(
    "store",
    Access::Grows,
    "job stat list chunks ctl tail channels ready",
    "now:time max_queued:number? scheduled:state queued:state queue:name facts:packed (id:id)* (record:bytes)*",
    compose!("store": "few_keys" "words" "now" "rank" "wake" "list"),
);

const KEYS: [&str; 6] = ["job", "stat", "list", "chunks", "ctl", "tail"];

/// The call that stores these jobs, where they are alike.
pub(super) fn call(
    space: &KeySpace,
    jobs: &[(&NewJob, NewRecord)],
    max_queued: Option<u64>,
    now: Option<u64>,
) -> Option<Call> {
    let (first, record) = jobs.first()?;
    let [head, base, _] = around_times(&record.bytes);
    let mut ids = HashSet::with_capacity(jobs.len());
    let are_alike = jobs.iter().all(|(job, record)| {
        let is_plain = job.delay_ms == 0
            && job.idempotency.is_none()
            && job.origin.is_none()
            && record.out.is_empty();
        let [its_head, its_base, _] = around_times(&record.bytes);
        is_plain
            && job.queue == first.queue
            && (its_head, its_base) == (head, base)
            && ids.insert(job.id)
    });
    if !are_alike {
        return None;
    }
    let mut keys: Vec<Vec<u8>> = KEYS.iter().map(|name| space.key(name)).collect();
    keys.push(space.channels().to_vec());
    keys.push(space.ready(&first.queue));
    let mut args = Vec::with_capacity(6 + 2 * jobs.len());
    args.push(time(now));
    args.push(max_queued.map_or_else(Vec::new, number));
    args.push(code(State::Scheduled));
    args.push(code(State::Queued));
    args.push(first.queue.as_bytes().to_vec());
    args.push([head, base].concat());
    args.extend(jobs.iter().map(|(job, _)| id_bytes(job.id).to_vec()));
    let rest = |record: &NewRecord| {
        let [_, _, rest] = around_times(&record.bytes);
        rest.to_vec()
    };
    args.extend(jobs.iter().map(|(_, record)| rest(record)));
    Some(Call::Script {
        script: &SCRIPT,
        keys,
        args,
    })
}
