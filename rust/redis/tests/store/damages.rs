//! Damage that somebody else's commands do to a store, and the sentence that a check has for each.

use asyncendpoints_core::state::State;
use asyncendpoints_redis::keys::{BodyKind, KeySpace, id_bytes};

use crate::asking::id;

/// A command, and what the check then says.
pub(crate) type Damage = (Vec<Vec<u8>>, &'static str);

/// Everything that can be done to the store of [`populated`](crate::checking::populated).
pub(crate) fn damages(space: &KeySpace) -> Vec<Damage> {
    [
        waiting(space),
        running_and_ended(space),
        keys_and_effects(space),
        listing(space),
        bodies(space),
        records_and_counts(space),
    ]
    .concat()
}

fn bytes(number: u8) -> Vec<u8> {
    id_bytes(id(number)).to_vec()
}

fn text(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// A job that is not there.
fn ghost() -> Vec<u8> {
    bytes(200)
}

/// What can be done to the indexes of jobs that wait.
fn waiting(space: &KeySpace) -> Vec<Damage> {
    vec![
        (
            vec![text("ZREM"), space.ready("default"), bytes(1)],
            "must be in the index `ready`, but is not",
        ),
        (
            vec![text("ZADD"), space.ready("default"), text("5"), bytes(1)],
            "is in the index `ready` at 5 and must be at",
        ),
        (
            vec![text("ZADD"), space.ready("run"), text("5"), bytes(3)],
            "must not be in the index `ready`, but is",
        ),
        (
            vec![text("ZADD"), space.ready("run"), text("5"), bytes(1)],
            "names job 01a3185c-5000-7101-8101-010101010101, which is in queue default",
        ),
        (
            vec![text("ZADD"), space.ready("default"), text("5"), ghost()],
            "the index `ready` of queue default names job",
        ),
        (
            vec![text("ZREM"), space.due("default"), bytes(2)],
            "must be in the index `due`, but is not",
        ),
    ]
}

/// What can be done to the indexes of runs and of jobs that have ended.
fn running_and_ended(space: &KeySpace) -> Vec<Damage> {
    vec![
        (
            vec![text("ZREM"), space.key("lease"), bytes(3)],
            "must be in the index `lease`, but is not",
        ),
        (
            vec![text("ZADD"), space.key("lease"), text("5"), bytes(4)],
            "must not be in the index `lease`, but is",
        ),
        (
            vec![text("ZADD"), space.key("lease"), text("5"), ghost()],
            "the index `lease` names job",
        ),
        (
            vec![text("ZREM"), space.key("done"), bytes(4)],
            "must be in the index `done`, but is not",
        ),
        (
            vec![text("ZADD"), space.key("done"), text("5"), bytes(4)],
            "is in the index `done` at 5",
        ),
        (
            vec![text("ZADD"), space.key("strip"), text("5"), bytes(1)],
            "must not be in the index `strip`",
        ),
        (
            vec![text("ZREM"), space.key("dead"), bytes(5)],
            "must be in the index `dead`, but is not",
        ),
        (
            vec![text("ZADD"), space.key("dead"), text("5"), bytes(4)],
            "must not be in the index `dead`",
        ),
    ]
}

/// What can be done to idempotency keys and effects.
fn keys_and_effects(space: &KeySpace) -> Vec<Damage> {
    vec![
        (
            vec![text("DEL"), space.key("idem")],
            "the idempotency key of job",
        ),
        (
            vec![text("HSET"), space.key("idem"), text("x"), bytes(1)],
            "which was submitted with another or none",
        ),
        (
            vec![text("HSET"), space.key("idem"), text("x"), ghost()],
            "an idempotency key names job",
        ),
        (
            vec![
                text("HSET"),
                space.key("once"),
                [&ghost()[..], b"=mail"].concat(),
                text("x"),
            ],
            "of whose family no job is left",
        ),
        (
            vec![text("HDEL"), space.key("once"), bytes(3)],
            "is missing in the list of its family",
        ),
    ]
}

/// What can be done to the listing.
fn listing(space: &KeySpace) -> Vec<Damage> {
    vec![
        (
            vec![text("SET"), space.key("tail"), ghost()],
            "is not in chunk 0 of the listing",
        ),
        (
            vec![text("HSET"), space.key("list"), text("7"), ghost()],
            "the listing names job",
        ),
        (
            vec![text("HSET"), space.key("list"), text("7"), bytes(1)],
            "is in chunk 7 of the listing and names chunk 0",
        ),
        (
            vec![text("APPEND"), space.key("tail"), ghost()],
            "the listing names job",
        ),
        (vec![text("DEL"), space.key("chunks")], "which is not read"),
        (
            vec![text("ZADD"), space.key("chunks"), text("9"), text("9")],
            "the listing has 1 chunks, and 2 are known",
        ),
    ]
}

/// What can be done to bodies, and keys that nothing names.
fn bodies(space: &KeySpace) -> Vec<Damage> {
    vec![
        (
            vec![text("DEL"), space.body(id(1), BodyKind::Payload)],
            "has a payload in a key of its own, which is not there",
        ),
        (
            vec![text("SET"), space.body(id(4), BodyKind::Payload), text("x")],
            "has a payload in a key of its own, which it does not name",
        ),
        (
            vec![
                text("SET"),
                space.body(id(200), BodyKind::Payload),
                text("x"),
            ],
            "which no record names",
        ),
        (
            vec![text("SET"), space.key("b:xyz:p"), text("x")],
            "nothing names the key `b:xyz:p`",
        ),
        (
            vec![text("ZADD"), space.ready("elsewhere"), text("5"), bytes(1)],
            "nothing names the key `ready:elsewhere`",
        ),
    ]
}

/// What can be done to records and counts.
fn records_and_counts(space: &KeySpace) -> Vec<Damage> {
    vec![
        (
            vec![text("HSET"), space.key("job"), bytes(1), text("\u{2}x")],
            "cannot be read: its format is 2",
        ),
        (
            vec![text("HDEL"), space.key("job"), bytes(1)],
            "6 jobs are counted, and there are 5",
        ),
        (
            vec![
                text("HINCRBY"),
                space.key("stat"),
                [&[State::Queued as u8][..], b"default"].concat(),
                text("1"),
            ],
            "2 queued jobs of queue default are counted, and there are 1",
        ),
        (
            vec![
                text("HINCRBY"),
                space.key("stat"),
                [&[State::InProgress as u8][..], b"run"].concat(),
                text("1"),
            ],
            "2 running jobs are counted, and there are 1",
        ),
        (
            vec![
                text("HINCRBY"),
                space.key("stat"),
                [&[State::Failed as u8][..], b"fail"].concat(),
                text("1"),
            ],
            "2 failed jobs are counted, and there are 1",
        ),
        (
            vec![
                text("HINCRBY"),
                space.key("stat"),
                [&[State::Completed as u8][..], b"done"].concat(),
                text("1"),
            ],
            "4 ended jobs are counted, and there are 3",
        ),
    ]
}
