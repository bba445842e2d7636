//! Bytes to a record. Any bytes may come: what is no record is damage, never a panic.

use asyncendpoints_core::job::{Body, Retention};
use asyncendpoints_core::state::State;

use super::pack::Reader;
use super::parts::{BodyAt, Damage, Life, Record, ResultAt, Settlement};
use super::{FORMAT, NO_STATE, flags, names, runs};

/// How much of a record is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// All of it.
    Whole,
    /// Up to the payload: what a claim is answered with.
    Claimed,
    /// Up to the names: what a rescue needs.
    Head,
}

/// Unpack a record.
///
/// # Errors
///
/// [`Damage`] where the bytes are none.
pub fn decode(bytes: &[u8]) -> Result<Record, Damage> {
    read(bytes, Extent::Whole)
}

/// Unpack a record that was cut off behind its payload; progress, result and runs are absent.
///
/// # Errors
///
/// [`Damage`] where the bytes are none.
pub fn decode_claimed(bytes: &[u8]) -> Result<Record, Damage> {
    read(bytes, Extent::Claimed)
}

/// Unpack a record that was cut off behind its names; bodies are absent too.
///
/// # Errors
///
/// [`Damage`] where the bytes are none.
pub fn decode_head(bytes: &[u8]) -> Result<Record, Damage> {
    read(bytes, Extent::Head)
}

/// The lengths of the sections behind the names.
#[derive(Clone, Copy, Default)]
struct Lengths {
    request: usize,
    payload: usize,
    progress: usize,
    result: usize,
    meta: usize,
}

fn read(bytes: &[u8], extent: Extent) -> Result<Record, Damage> {
    let mut from = Reader::new(bytes);
    let format = from.byte()?;
    if format != FORMAT {
        return Err(Damage::Format(format));
    }
    let state = state(from.byte()?)?;
    let bits = from.u16()?;
    let has = |bit: u16| bits & bit != 0;
    let attempt = from.byte()?;
    let version = from.u32()?;
    let updated_at = from.time()?;
    let ready_at = from.time()?;
    let max_attempts = from.byte()?;
    let steps = from.byte()?;
    let priority = i8::try_from(i16::from(steps) - 100).map_err(|_| Damage::Number)?;
    let created_at = from.time()?;
    let chunk = from.u32()?;
    let retention = Retention {
        completed_ms: from.time()?,
        failed_ms: from.time()?,
    };
    let names_length = from.u24()?;
    let mut lengths = Lengths {
        request: usize::from(from.u16()?),
        payload: usize::from(from.u16()?),
        ..Lengths::default()
    };
    let mut life = if has(flags::LIFE) {
        Some(read_life(&mut from, &mut lengths)?)
    } else {
        None
    };
    let names = names::read(from.bytes(names_length)?)?;
    if names.idempotency.is_some() != has(flags::KEYED)
        || names.origin.is_some() != has(flags::ORIGIN)
    {
        return Err(Damage::Unfit);
    }
    let mut request = BodyAt::None;
    let mut payload = BodyAt::None;
    if extent != Extent::Head {
        request = body(
            &mut from,
            lengths.request,
            has(flags::REQUEST),
            has(flags::REQUEST_OUT),
        )?;
        payload = body(
            &mut from,
            lengths.payload,
            has(flags::PAYLOAD),
            has(flags::PAYLOAD_OUT),
        )?;
    }
    if extent == Extent::Whole {
        match &mut life {
            Some(life) => read_sections(&mut from, life, lengths, bits, state)?,
            None if !from.is_empty() || state == State::InProgress => return Err(Damage::Unfit),
            None => {}
        }
    }
    Ok(Record {
        state,
        watched: has(flags::WATCHED),
        stripped: has(flags::STRIPPED),
        attempt,
        version,
        updated_at,
        ready_at,
        max_attempts,
        priority,
        created_at,
        chunk,
        retention,
        names,
        request,
        payload,
        life,
    })
}

fn read_life(from: &mut Reader<'_>, lengths: &mut Lengths) -> Result<Life, Damage> {
    let fence = from.u24()?;
    let started_at = from.moment()?;
    let finished_at = from.moment()?;
    let cancel_requested_at = from.moment()?;
    let nonce = from.u32()?;
    let settled = match from.byte()? {
        NO_STATE => None,
        code => Some(Settlement {
            nonce,
            to: state(code)?,
        }),
    };
    lengths.progress = from.u24()?;
    lengths.result = usize::from(from.u16()?);
    lengths.meta = usize::from(from.u16()?);
    Ok(Life {
        // Three bytes were read.
        fence: u32::try_from(fence).map_err(|_| Damage::Number)?,
        started_at,
        finished_at,
        cancel_requested_at,
        settled,
        progress: None,
        result: None,
        runs: Vec::new(),
        mark: None,
    })
}

fn read_sections(
    from: &mut Reader<'_>,
    life: &mut Life,
    lengths: Lengths,
    bits: u16,
    state: State,
) -> Result<(), Damage> {
    let has = |bit: u16| bits & bit != 0;
    life.progress = optional(from, lengths.progress, has(flags::PROGRESS))?;
    let body = body(from, lengths.result, has(flags::BODY), has(flags::BODY_OUT))?;
    let meta = optional(from, lengths.meta, has(flags::META))?;
    if has(flags::RESULT) {
        life.result = Some(ResultAt { body, meta });
    } else if body != BodyAt::None || meta.is_some() {
        return Err(Damage::Unfit);
    }
    let rest = from.bytes(from.left())?;
    (life.runs, life.mark) = runs::read(rest, state == State::InProgress)?;
    Ok(())
}

fn body(
    from: &mut Reader<'_>,
    length: usize,
    is_there: bool,
    is_out: bool,
) -> Result<BodyAt, Damage> {
    match (is_there, is_out) {
        (false, false) if length == 0 => Ok(BodyAt::None),
        (true, true) if length == 0 => Ok(BodyAt::Out),
        (true, false) => Ok(BodyAt::Here(Body::from(from.bytes(length)?))),
        _ => Err(Damage::Unfit),
    }
}

fn optional(from: &mut Reader<'_>, length: usize, is_there: bool) -> Result<Option<Body>, Damage> {
    if is_there {
        Ok(Some(Body::from(from.bytes(length)?)))
    } else if length == 0 {
        Ok(None)
    } else {
        Err(Damage::Unfit)
    }
}

/// The state of a code.
fn state(code: u8) -> Result<State, Damage> {
    State::ALL
        .get(usize::from(code))
        .copied()
        .ok_or(Damage::Code(code))
}
