//! The section of runs, oldest first.
//!
//! A run is its number (3 bytes), its start (6), the length of its worker's name (1) and the name. One that has ended
//! goes on with its end (6) and its outcome (1); 128 is added to that where there is an error, whose length (3) and bytes
//! follow. One that goes on is the last, and has the mark of its claim instead.

use std::sync::Arc;

use asyncendpoints_core::job::{Body, Run};
use asyncendpoints_core::state::Outcome;

use super::MARK;
use super::pack::{Pack, Reader, text};
use super::parts::Damage;
use crate::conversation::Failure;

/// Added to the outcome of a run that has an error.
pub(super) const HAS_ERROR: u8 = 0x80;

pub(super) fn write(
    runs: &[Run],
    mark: Option<[u8; MARK]>,
    to: &mut Vec<u8>,
) -> Result<(), Failure> {
    for run in runs {
        let number = usize::try_from(run.number).unwrap_or(usize::MAX);
        to.u24("the number of a run", number)?;
        to.time(run.started_at);
        let too_large = |_| Failure::TooLarge {
            part: "the worker's name",
            size: run.worker.len(),
        };
        to.push(u8::try_from(run.worker.len()).map_err(too_large)?);
        to.extend_from_slice(run.worker.as_bytes());
        if let Some(outcome) = run.outcome {
            to.moment(run.finished_at);
            let has_error = if run.error.is_some() { HAS_ERROR } else { 0 };
            to.push(outcome as u8 | has_error);
            if let Some(error) = &run.error {
                to.u24("an error", error.len())?;
                to.extend_from_slice(error);
            }
        }
    }
    to.extend(mark.into_iter().flatten());
    Ok(())
}

/// Read all runs; `goes_on` tells that the last one has not ended.
pub(super) fn read(bytes: &[u8], goes_on: bool) -> Result<(Vec<Run>, Option<[u8; MARK]>), Damage> {
    let mut from = Reader::new(bytes);
    let mut runs = Vec::new();
    while !from.is_empty() {
        let number = from.u24()? as u64;
        let started_at = from.time()?;
        let length = usize::from(from.byte()?);
        let mut run = Run {
            number,
            started_at,
            finished_at: None,
            outcome: None,
            error: None,
            worker: Arc::from(text(from.bytes(length)?)?),
        };
        if goes_on && from.left() == MARK {
            let mark = from.array()?;
            runs.push(run);
            return Ok((runs, Some(mark)));
        }
        run.finished_at = from.moment()?;
        let code = from.byte()?;
        let outcome = Outcome::ALL.get(usize::from(code & !HAS_ERROR));
        run.outcome = Some(*outcome.ok_or(Damage::Code(code))?);
        if code & HAS_ERROR != 0 {
            let length = from.u24()?;
            run.error = Some(Body::from(from.bytes(length)?));
        }
        runs.push(run);
    }
    if goes_on {
        Err(Damage::Unfit)
    } else {
        Ok((runs, None))
    }
}
