//! The chunks of the listing: the newest grows in a key of its own, and joins the others when it is full.

use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::NewJob;
use asyncendpoints_redis::request::{Answer, Filter, Operation};
use redis::Value;

use crate::asking::{NOW, job};
use crate::checking::findings;
use crate::server::Server;

/// How many ids a chunk has.
const CHUNK: u64 = 127;

fn numbered(number: u64) -> NewJob {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    NewJob {
        id: JobId::new(NOW, random),
        ..job(0)
    }
}

fn store(server: &mut Server, numbers: std::ops::Range<u64>) {
    server.enqueue(numbers.map(numbered).collect(), None, NOW);
}

fn delete(server: &mut Server, number: u64) {
    let id = numbered(number).id;
    server.ask(Operation::Cancel(id), NOW);
    assert_eq!(server.ask(Operation::Delete(id), NOW), Answer::Flag(true));
}

/// How many ids are in the newest chunk, and how many chunks there are beside it.
fn chunks(server: &mut Server) -> (i64, i64) {
    let (tail, list) = (server.space().key("tail"), server.space().key("list"));
    let ids = server.command(&[b"STRLEN", &tail]);
    let others = server.command(&[b"HLEN", &list]);
    match (ids, others) {
        (Value::Int(bytes), Value::Int(others)) => (bytes / 16, others),
        other => panic!("{other:?}"),
    }
}

fn listed(server: &mut Server) -> Vec<JobId> {
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let operation = Operation::List {
            filter: Filter::default(),
            cursor,
            limit: 100,
        };
        let Answer::Page(page) = server.ask(operation, NOW) else {
            panic!("no page");
        };
        seen.extend(page.jobs.iter().map(|job| job.id));
        cursor = page.cursor;
        if cursor.is_none() {
            return seen;
        }
    }
}

fn newest_first(numbers: impl DoubleEndedIterator<Item = u64>) -> Vec<JobId> {
    numbers.rev().map(|number| numbered(number).id).collect()
}

#[test]
fn a_chunk_that_is_full_joins_the_others_when_the_next_job_comes() {
    let mut server = Server::start();
    store(&mut server, 0..1);
    assert_eq!(chunks(&mut server), (1, 0));
    store(&mut server, 1..CHUNK);
    assert_eq!(chunks(&mut server), (127, 0));
    store(&mut server, CHUNK..CHUNK + 1);
    assert_eq!(chunks(&mut server), (1, 1));
    assert_eq!(listed(&mut server), newest_first(0..=CHUNK));
    assert_eq!(findings(&mut server, 100), Vec::<String>::new());
}

#[test]
fn one_call_fills_several_chunks() {
    for (first, all) in [
        (0, 200),
        (100, 300),
        (127, 327),
        (50, 177),
        (0, 127),
        (3, 130),
    ] {
        let mut server = Server::start();
        for number in 0..first {
            store(&mut server, number..number + 1);
        }
        store(&mut server, first..all);
        let full = (all - 1) / CHUNK;
        let left = all - full * CHUNK;
        let expected = (i64::try_from(left).unwrap(), i64::try_from(full).unwrap());
        assert_eq!(chunks(&mut server), expected, "{first} and {all}");
        assert_eq!(
            listed(&mut server),
            newest_first(0..all),
            "{first} and {all}"
        );
        assert_eq!(findings(&mut server, 100), Vec::<String>::new());
    }
}

#[test]
fn jobs_go_out_of_the_newest_chunk_and_others_take_their_room() {
    let mut server = Server::start();
    store(&mut server, 0..130);
    delete(&mut server, 128);
    assert_eq!(chunks(&mut server), (2, 1));
    delete(&mut server, 127);
    delete(&mut server, 129);
    assert_eq!(chunks(&mut server), (0, 1));
    let tail = server.space().key("tail");
    assert_eq!(server.command(&[b"EXISTS", &tail]), Value::Int(0));
    assert_eq!(findings(&mut server, 100), Vec::<String>::new());
    store(&mut server, 130..131);
    assert_eq!(chunks(&mut server), (1, 1));
    delete(&mut server, 5);
    let expected = newest_first((0..5).chain(6..127).chain(130..131));
    assert_eq!(listed(&mut server), expected);
    assert_eq!(findings(&mut server, 100), Vec::<String>::new());
}
