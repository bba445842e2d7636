//! A record to its bytes.

use super::pack::Pack;
use super::parts::{BodyAt, Life, Record};
use super::{BASE, FORMAT, LIFE, NO_STATE, flags, names, runs};
use crate::conversation::Failure;

/// Pack a record.
///
/// # Errors
///
/// [`Failure::TooLarge`] where a part is larger than its place allows.
pub fn encode(record: &Record) -> Result<Vec<u8>, Failure> {
    let mut section = Vec::with_capacity(128);
    names::write(&record.names, &mut section)?;
    let request = here(&record.request);
    let payload = here(&record.payload);
    let mut to = Vec::with_capacity(BASE + LIFE + section.len() + request.len() + payload.len());
    to.push(FORMAT);
    to.push(record.state as u8);
    to.extend_from_slice(&flags_of(record).to_le_bytes());
    to.push(record.attempt);
    to.extend_from_slice(&record.version.to_le_bytes());
    to.time(record.updated_at);
    to.time(record.ready_at);
    to.push(record.max_attempts);
    to.push(record.priority.wrapping_add(100).cast_unsigned());
    to.time(record.created_at);
    to.extend_from_slice(&record.chunk.to_le_bytes());
    to.time(record.retention.completed_ms);
    to.time(record.retention.failed_ms);
    to.u24("the names", section.len())?;
    short(&mut to, "the request", request)?;
    short(&mut to, "the payload", payload)?;
    if let Some(life) = &record.life {
        write_life(life, &mut to)?;
    }
    for part in [&section[..], request, payload] {
        to.extend_from_slice(part);
    }
    if let Some(life) = &record.life {
        to.extend_from_slice(life.progress.as_deref().unwrap_or_default());
        if let Some(result) = &life.result {
            to.extend_from_slice(here(&result.body));
            to.extend_from_slice(result.meta.as_deref().unwrap_or_default());
        }
        runs::write(&life.runs, life.mark, &mut to)?;
    }
    Ok(to)
}

fn write_life(life: &Life, to: &mut Vec<u8>) -> Result<(), Failure> {
    to.u24("the number of its runs", life.fence as usize)?;
    to.moment(life.started_at);
    to.moment(life.finished_at);
    to.moment(life.cancel_requested_at);
    to.extend_from_slice(
        &life
            .settled
            .map_or(0, |settled| settled.nonce)
            .to_le_bytes(),
    );
    to.push(life.settled.map_or(NO_STATE, |settled| settled.to as u8));
    to.u24(
        "the progress",
        life.progress.as_deref().map_or(0, <[u8]>::len),
    )?;
    let result = life.result.as_ref();
    short(
        to,
        "the result",
        result.map_or(&[], |result| here(&result.body)),
    )?;
    let meta = result.and_then(|result| result.meta.as_deref());
    short(to, "the result's meta", meta.unwrap_or_default())
}

fn short(to: &mut Vec<u8>, part: &'static str, bytes: &[u8]) -> Result<(), Failure> {
    let size = bytes.len();
    let length = u16::try_from(size).map_err(|_| Failure::TooLarge { part, size })?;
    to.extend_from_slice(&length.to_le_bytes());
    Ok(())
}

fn here(body: &BodyAt) -> &[u8] {
    match body {
        BodyAt::Here(bytes) => bytes,
        BodyAt::None | BodyAt::Out => &[],
    }
}

fn flags_of(record: &Record) -> u16 {
    let bit = |is_set: bool, bit: u16| if is_set { bit } else { 0 };
    let of_body = |body: &BodyAt, there: u16, out: u16| match body {
        BodyAt::None => 0,
        BodyAt::Here(_) => there,
        BodyAt::Out => there | out,
    };
    let mut all = bit(record.watched, flags::WATCHED)
        | bit(record.stripped, flags::STRIPPED)
        | bit(record.names.idempotency.is_some(), flags::KEYED)
        | bit(record.names.origin.is_some(), flags::ORIGIN)
        | of_body(&record.request, flags::REQUEST, flags::REQUEST_OUT)
        | of_body(&record.payload, flags::PAYLOAD, flags::PAYLOAD_OUT);
    if let Some(life) = &record.life {
        all |= flags::LIFE
            | bit(life.cancel_requested_at.is_some(), flags::CANCEL)
            | bit(life.progress.is_some(), flags::PROGRESS);
        if let Some(result) = &life.result {
            all |= flags::RESULT
                | of_body(&result.body, flags::BODY, flags::BODY_OUT)
                | bit(result.meta.is_some(), flags::META);
        }
    }
    all
}
