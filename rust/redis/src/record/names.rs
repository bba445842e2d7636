//! The section of what never changes: queue, a byte of bits, handler, timeout, then what the bits announce.
//!
//! The queue comes first, behind one byte of length, so that scripts find it.

use std::sync::Arc;

use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::Idempotency;

use super::pack::{Pack, Reader, text};
use super::parts::{Damage, Names};
use crate::conversation::Failure;
use crate::keys::{id_bytes, id_of};

const OWNER: u8 = 1;
const KEY: u8 = 1 << 1;
const REDRIVE: u8 = 1 << 2;
const ORIGIN: u8 = 1 << 3;
const DELAY: u8 = 1 << 4;

pub(super) fn write(names: &Names, to: &mut Vec<u8>) -> Result<(), Failure> {
    let too_large = |_| Failure::TooLarge {
        part: "the queue's name",
        size: names.queue.len(),
    };
    to.push(u8::try_from(names.queue.len()).map_err(too_large)?);
    to.extend_from_slice(names.queue.as_bytes());
    let bit = |is_there: bool, bit: u8| if is_there { bit } else { 0 };
    to.push(
        bit(names.owner.is_some(), OWNER)
            | bit(names.idempotency.is_some(), KEY)
            | bit(names.redrive_of.is_some(), REDRIVE)
            | bit(names.origin.is_some(), ORIGIN)
            | bit(names.delay_ms > 0, DELAY),
    );
    to.text(&names.handler);
    to.varint(names.timeout_ms);
    if names.delay_ms > 0 {
        to.varint(names.delay_ms);
    }
    if let Some(owner) = &names.owner {
        to.text(owner);
    }
    if let Some(idempotency) = &names.idempotency {
        to.text(&idempotency.scope);
        to.text(&idempotency.key);
        to.extend_from_slice(&idempotency.fingerprint);
    }
    for id in [names.redrive_of, names.origin].into_iter().flatten() {
        to.extend_from_slice(&id_bytes(id));
    }
    Ok(())
}

pub(super) fn read(bytes: &[u8]) -> Result<Names, Damage> {
    let mut from = Reader::new(bytes);
    let length = usize::from(from.byte()?);
    let queue = Arc::from(text(from.bytes(length)?)?);
    let bits = from.byte()?;
    if bits >= DELAY << 1 {
        return Err(Damage::Code(bits));
    }
    let has = |bit: u8| bits & bit != 0;
    let handler = Arc::from(from.text()?);
    let timeout_ms = from.varint()?;
    let delay_ms = if has(DELAY) { from.varint()? } else { 0 };
    let owner = if has(OWNER) {
        Some(Arc::from(from.text()?))
    } else {
        None
    };
    let idempotency = if has(KEY) {
        Some(Box::new(Idempotency {
            scope: Box::from(from.text()?),
            key: Arc::from(from.text()?),
            fingerprint: from.array()?,
        }))
    } else {
        None
    };
    let mut id = |bit: u8| -> Result<Option<JobId>, Damage> {
        if has(bit) {
            id_of(from.bytes(16)?).ok_or(Damage::Unfit).map(Some)
        } else {
            Ok(None)
        }
    };
    let names = Names {
        redrive_of: id(REDRIVE)?,
        origin: id(ORIGIN)?,
        queue,
        handler,
        timeout_ms,
        delay_ms,
        owner,
        idempotency,
    };
    if from.is_empty() {
        Ok(names)
    } else {
        Err(Damage::Unfit)
    }
}
