//! Records that are too short or too long: scripts and readers say the same of them, and counts stay true.

use asyncendpoints_core::answer::QueueCounts;
use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::NewJob;
use asyncendpoints_core::state::State;
use asyncendpoints_redis::keys::id_bytes;
use asyncendpoints_redis::record::decode;
use asyncendpoints_redis::request::{Answer, Operation};
use redis::Value;

use crate::asking::{NOW, id, job};
use crate::checking::{claim, findings, populated};
use crate::server::Server;

/// What scripts go by, as a script of its own.
const IS_RECORD: &str = concat!(
    include_str!("../../lua/lib/words.lua"),
    include_str!("../../lua/lib/record.lua"),
    "return is_record(ARGV[1]) and 1 or 0",
);

fn is_record(server: &mut Server, bytes: &[u8]) -> bool {
    server.command(&[b"EVAL", IS_RECORD.as_bytes(), b"0", bytes]) == Value::Int(1)
}

fn record(server: &mut Server, id: JobId) -> Vec<u8> {
    let key = server.space().key("job");
    match server.command(&[b"HGET", &key, &id_bytes(id)]) {
        Value::BulkString(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

fn damage(server: &mut Server, id: JobId, damage: impl Fn(&mut Vec<u8>)) {
    let mut bytes = record(server, id);
    damage(&mut bytes);
    let key = server.space().key("job");
    server.command(&[b"HSET", &key, &id_bytes(id), &bytes]);
}

fn counts(server: &mut Server) -> Vec<QueueCounts> {
    match server.ask(Operation::Stats, NOW) {
        Answer::Stats { counts, .. } => counts,
        other => panic!("{other:?}"),
    }
}

fn shown(server: &mut Server, id: JobId) -> (State, String) {
    match server.ask(Operation::Get(id), NOW) {
        Answer::Job(Some(job)) => (job.state, job.queue.to_string()),
        other => panic!("{other:?}"),
    }
}

/// How a record may be damaged: cut short, continued, or nothing of it left.
const DAMAGES: [fn(&mut Vec<u8>); 4] = [
    |bytes| bytes.truncate(bytes.len() / 2),
    |bytes| bytes.extend(b"more"),
    |bytes| bytes.fill(0),
    Vec::clear,
];

#[test]
fn scripts_and_readers_agree_on_the_length_of_a_record() {
    let mut server = populated();
    for number in 1..=6 {
        let whole = record(&mut server, id(number));
        assert!(is_record(&mut server, &whole));
        for length in 0..whole.len() {
            let cut = &whole[..length];
            assert_eq!(
                is_record(&mut server, cut),
                decode(cut).is_ok(),
                "job {number} cut to {length} of {}",
                whole.len()
            );
        }
        // More might begin as a run does, and be found out by what it says.
        for length in 1..17 {
            let continued = [&whole[..], &vec![0; length]].concat();
            assert_eq!(
                is_record(&mut server, &continued),
                decode(&continued).is_ok(),
                "job {number} with {length} bytes more"
            );
        }
    }
}

#[test]
fn a_damaged_job_that_waits_is_counted_as_failed_once_it_is_claimed() {
    for harm in DAMAGES {
        for delay_ms in [0, 1_000] {
            let mut server = Server::start();
            let new = NewJob { delay_ms, ..job(1) };
            server.enqueue(vec![new], None, NOW);
            damage(&mut server, id(1), harm);
            assert_eq!(claim(&mut server, "default", NOW + 1_000).claims, []);
            assert_eq!(
                shown(&mut server, id(1)),
                (State::Failed, "default".to_owned())
            );
            assert_eq!(findings(&mut server, 100), Vec::<String>::new());
            let of_queue = &counts(&mut server)[0].counts;
            assert_eq!(of_queue.iter().sum::<usize>(), 1);
            assert_eq!(of_queue[State::Failed as usize], 1);
        }
    }
}

#[test]
fn a_damaged_run_fails_in_its_queue_when_its_lease_has_passed() {
    for harm in DAMAGES {
        let mut server = Server::start();
        let jobs = [(1, "one"), (2, "two"), (3, "three")].map(|(number, queue)| NewJob {
            queue: queue.into(),
            ..job(number)
        });
        server.enqueue(jobs.into(), None, NOW);
        for queue in ["one", "two", "three"] {
            assert_eq!(claim(&mut server, queue, NOW).claims.len(), 1);
        }
        damage(&mut server, id(1), harm);
        damage(&mut server, id(3), harm);
        let expired = Operation::Expired { limit: 10 };
        let Answer::Expired(found) = server.ask(expired, NOW + 60_000) else {
            panic!("no runs");
        };
        assert_eq!(found.iter().map(|run| run.id).collect::<Vec<_>>(), [id(2)]);
        assert_eq!(findings(&mut server, 100), Vec::<String>::new());
        let queues = [1, 3].map(|number| {
            let (state, queue) = shown(&mut server, id(number));
            assert_eq!(state, State::Failed);
            queue
        });
        // Of two runs whose records are gone, nobody can tell which was in which queue.
        assert!(
            queues == ["one", "three"] || queues == ["three", "one"],
            "{queues:?}"
        );
    }
}
