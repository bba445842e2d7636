//! A job as it lies in the server: one packed value.
//!
//! Numbers are little endian; a time of all ones is none. `lua/lib/record.lua` reads and writes the same header.
//!
//! | from | bytes | head, which most writes change |
//! | --- | --- | --- |
//! | 0 | 1 | format, 1 |
//! | 1 | 1 | state |
//! | 2 | 2 | flags |
//! | 4 | 1 | attempt |
//! | 5 | 4 | version |
//! | 9 | 6 | `updated_at` |
//! | 15 | 6 | `ready_at` |
//! | | | **base**, fixed from the job's storing |
//! | 21 | 1 | `max_attempts` |
//! | 22 | 1 | priority + 100 |
//! | 23 | 6 | `created_at` |
//! | 29 | 4 | the number of its chunk of the listing |
//! | 33 | 6 | retention if completed, in ms |
//! | 39 | 6 | retention if not |
//! | 45 | 3 | length of the names |
//! | 48 | 2 | length of the request |
//! | 50 | 2 | length of the payload |
//! | | | **life**, from the first claim or the end on, with the flag `LIFE` |
//! | 52 | 3 | fence |
//! | 55 | 6 | `started_at` |
//! | 61 | 6 | `finished_at` |
//! | 67 | 6 | `cancel_requested_at` |
//! | 73 | 4 | the nonce of the newest settlement, folded |
//! | 77 | 1 | the state that it led to, or 255 |
//! | 78 | 3 | length of the progress |
//! | 81 | 2 | length of the result |
//! | 83 | 2 | length of the result's meta |
//!
//! Then come the sections: names (see `names`), request, payload, progress, result, meta, and the runs (see `runs`) up
//! to the end. A newest run that goes on is the last one, and ends in the mark of its claim.
//!
//! The newest settlement is that of the run before the one that goes on, else of the newest run, so its fence needs no
//! place. A body of more than [`INLINE`] bytes lies in a key of its own.

mod decode;
mod encode;
mod names;
mod new;
mod pack;
mod parts;
mod runs;
mod view;

pub use decode::{decode, decode_claimed, decode_head};
pub use encode::encode;
pub(crate) use new::around_times;
pub use new::{NewRecord, new_record, new_view};
pub use parts::{BodyAt, Damage, Life, Names, Record, ResultAt, Settlement};
pub use view::{KEY_MS, View};

/// The first byte of a record of this layout.
pub const FORMAT: u8 = 1;

/// The largest body that lies in the record itself.
pub const INLINE: usize = 1_024;

/// The largest meta of a result, and the largest error of a run: what their lengths have room for.
pub const MOST_META: usize = (1 << 16) - 1;
/// See [`MOST_META`].
pub const MOST_ERROR: usize = (1 << 24) - 1;

/// How long the mark of a claim is.
pub const MARK: usize = 8;

const BASE: usize = 52;
const LIFE: usize = 33;

/// The time that is none.
const NEVER: u64 = (1 << 48) - 1;

/// The state code that is none.
const NO_STATE: u8 = u8::MAX;

/// What is true of a record, as the bits of its flags.
pub mod flags {
    /// Its cancellation was asked for.
    pub const CANCEL: u16 = 1;
    /// Somebody waits to be told of its next change.
    pub const WATCHED: u16 = 1 << 1;
    /// Request, payload and result are gone.
    pub const STRIPPED: u16 = 1 << 2;
    /// It has a life.
    pub const LIFE: u16 = 1 << 3;
    /// It was submitted with a key.
    pub const KEYED: u16 = 1 << 4;
    /// It has a request.
    pub const REQUEST: u16 = 1 << 5;
    /// The request lies in a key of its own.
    pub const REQUEST_OUT: u16 = 1 << 6;
    /// It has a payload.
    pub const PAYLOAD: u16 = 1 << 7;
    /// The payload lies in a key of its own.
    pub const PAYLOAD_OUT: u16 = 1 << 8;
    /// It has a progress.
    pub const PROGRESS: u16 = 1 << 9;
    /// It has a result, be it one without a body.
    pub const RESULT: u16 = 1 << 10;
    /// The result has a body.
    pub const BODY: u16 = 1 << 11;
    /// The body lies in a key of its own.
    pub const BODY_OUT: u16 = 1 << 12;
    /// The result has a meta.
    pub const META: u16 = 1 << 13;
    /// It names an origin, with which it shares its effects.
    pub const ORIGIN: u16 = 1 << 14;
}
