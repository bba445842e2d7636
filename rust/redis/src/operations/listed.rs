//! Jobs as listings read them, where each stands, and the cursor behind one.

use asyncendpoints_core::ids::JobId;
use redis::Value;

use super::parts::score;
use super::unreadable::shown;
use crate::conversation::Failure;
use crate::keys::id_of;
use crate::record::{Damage, Record, View, decode, decode_head};
use crate::reply::{self, Reply, missing};

pub(super) const NAME: &str = "list";

/// Where a job stands in the listing: in its chunk, where that goes by chunks, by age, then by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) chunk: u64,
    pub(super) created_at: u64,
    pub(super) id: JobId,
}

/// A job as it was read.
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) view: View,
    /// Whether only the beginning of its record was read.
    is_cut: bool,
}

impl Entry {
    /// Whether something of it is still to be read: what was cut off, or bodies in keys of their own.
    pub(super) fn is_partial(&self) -> bool {
        self.is_cut || self.view.record.out().next().is_some()
    }
}

/// Jobs as `lib/listed.lua` gives them: id, record or its beginning, and the end of the lease for each.
pub(super) fn read_entries(mut reply: Reply, chunk: u64) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::with_capacity(reply.len() / 3);
    while reply.len() > 0 {
        let id = id_of(&reply.bytes()?).ok_or_else(|| missing(NAME, "id of a job"))?;
        let found = reply.value()?;
        let lease_until = match reply.value()? {
            Value::Nil => None,
            value => Some(score(NAME, &reply::bytes(NAME, value)?)?),
        };
        let is_cut = matches!(found, Value::Array(_));
        let record = read_record(id, found)?;
        let place = Place {
            chunk,
            created_at: record.created_at,
            id,
        };
        let view = View {
            id,
            record,
            lease_until,
        };
        entries.push(Entry {
            place,
            view,
            is_cut,
        });
    }
    Ok(entries)
}

/// A record, or its beginning where it is large: that is in an array, with a second member where it is no record.
fn read_record(id: JobId, found: Value) -> Result<Record, Failure> {
    let (bytes, read) = if let Value::Array(_) = found {
        let mut parts = Reply::array(NAME, found)?;
        let bytes = parts.bytes()?;
        let read = match parts.take() {
            None => decode_head(&bytes),
            Some(_) => Err(Damage::Short),
        };
        (bytes, read)
    } else {
        let bytes = reply::bytes(NAME, found)?;
        let read = decode(&bytes);
        (bytes, read)
    };
    Ok(read.unwrap_or_else(|damage| shown(id, &bytes, damage)))
}

/// The cursor behind a job, which holds when the job is gone.
pub(super) fn write(place: Place, is_by_chunk: bool) -> String {
    let Place {
        chunk,
        created_at,
        id,
    } = place;
    if is_by_chunk {
        format!("{chunk}.{created_at}.{id}")
    } else {
        format!("{created_at}.{id}")
    }
}

/// A cursor that is not one of this listing's is none: the page starts at the newest.
pub(super) fn parse(cursor: &str, is_by_chunk: bool) -> Option<Place> {
    let (chunk, rest) = if is_by_chunk {
        let (chunk, rest) = cursor.split_once('.')?;
        (chunk.parse().ok()?, rest)
    } else {
        (0, cursor)
    };
    let (created_at, id) = rest.split_once('.')?;
    Some(Place {
        chunk,
        created_at: created_at.parse().ok()?,
        id: JobId::parse(id)?,
    })
}
