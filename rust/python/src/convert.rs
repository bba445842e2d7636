//! Numbers, texts, bodies, ids and times on their way between Python and the core.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use asyncendpoints_core::ids::{JobId, JobIds};
use asyncendpoints_core::job::{Body, Idempotency};
use pyo3::exceptions::{PyOSError, PyOverflowError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use crate::errors::out_of_bounds;

/// The last moment that Python's `datetime` can name, in UTC milliseconds: 9999-12-31T23:59:59.999Z.
const LATEST_MS: i128 = 253_402_300_799_999;

/// A whole number of any size, to be narrowed with the name of its field.
#[derive(Clone, Copy)]
pub(crate) struct Whole(i128);

impl Whole {
    pub(crate) const fn of(number: i128) -> Self {
        Self(number)
    }

    /// The number, where it lies within the bounds.
    pub(crate) fn within<T: TryFrom<i128>>(
        self,
        field: &str,
        bounds: RangeInclusive<i128>,
    ) -> PyResult<T> {
        bounds
            .contains(&self.0)
            .then(|| T::try_from(self.0).ok())
            .flatten()
            .ok_or_else(|| {
                out_of_bounds(
                    field,
                    &format!(
                        "from {} to {}, not {}",
                        bounds.start(),
                        bounds.end(),
                        self.0
                    ),
                )
            })
    }

    /// A point in time, or a duration, in milliseconds.
    pub(crate) fn milliseconds(self, field: &str) -> PyResult<u64> {
        self.within(field, 0..=LATEST_MS)
    }

    /// A count that is not negative; what does not fit the machine's word is as good as its largest.
    pub(crate) fn count(self, field: &str) -> PyResult<usize> {
        let number: u64 = self.word(field)?;
        Ok(usize::try_from(number).unwrap_or(usize::MAX))
    }

    /// Any number of 64 bits without a sign.
    pub(crate) fn word(self, field: &str) -> PyResult<u64> {
        self.within(field, 0..=i128::from(u64::MAX))
    }

    /// A number of attempts.
    pub(crate) fn attempts(self, field: &str) -> PyResult<u8> {
        self.within(field, 0..=i128::from(u8::MAX))
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Whole {
    type Error = PyErr;

    fn extract(obj: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(number) = obj.extract::<u64>() {
            return Ok(Self(number.into()));
        }
        match obj.extract::<i64>() {
            Ok(number) => Ok(Self(number.into())),
            // Too large for any field, whichever its bounds are: only the sign still matters.
            Err(error) if error.is_instance_of::<PyOverflowError>(obj.py()) => {
                Ok(Self(if obj.lt(0)? { i128::MIN } else { i128::MAX }))
            }
            Err(error) => Err(error),
        }
    }
}

/// Narrow an optional point in time.
pub(crate) fn moment(field: &str, at: Option<Whole>) -> PyResult<Option<u64>> {
    at.map(|at| at.milliseconds(field)).transpose()
}

/// The time of an operation: the caller's `now`, else the system's clock, in UTC milliseconds.
pub(crate) fn time_of(now: Option<Whole>) -> PyResult<u64> {
    if let Some(now) = now {
        return now.milliseconds("now");
    }
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Ok(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

/// A text of the core.
pub(crate) fn text(value: Option<&str>) -> Option<Arc<str>> {
    value.map(Arc::from)
}

/// A body of the core: the one copy of Python's bytes.
pub(crate) fn body(value: Option<&[u8]>) -> Option<Body> {
    value.map(Body::from)
}

/// A job id that must be one.
pub(crate) fn job_id(field: &str, value: &str) -> PyResult<JobId> {
    JobId::parse(value)
        .ok_or_else(|| out_of_bounds(field, &format!("a job id in canonical form, not {value:?}")))
}

/// A job id that may be absent, but not malformed.
pub(crate) fn optional_job_id(field: &str, value: Option<&str>) -> PyResult<Option<JobId>> {
    value.map(|value| job_id(field, value)).transpose()
}

/// The canonical form of a job id, without an allocation in between.
pub(crate) fn id_text(py: Python<'_>, id: JobId) -> Bound<'_, PyString> {
    PyString::new(py, id.write(&mut [0; JobId::TEXT_LEN]))
}

/// The three parts of an idempotent submission, which come together or not at all.
pub(crate) fn idempotency(
    scope: Option<&str>,
    key: (&str, Option<&str>),
    fingerprint: Option<&[u8]>,
) -> PyResult<Option<Box<Idempotency>>> {
    let (key_field, key) = key;
    match (scope, key, fingerprint) {
        (None, None, None) => Ok(None),
        (Some(scope), Some(key), Some(fingerprint)) => {
            let fingerprint = fingerprint.try_into().map_err(|_| {
                out_of_bounds(
                    "fingerprint",
                    &format!("32 bytes, not {}", fingerprint.len()),
                )
            })?;
            Ok(Some(Box::new(Idempotency {
                scope: scope.into(),
                key: key.into(),
                fingerprint,
            })))
        }
        _ => Err(out_of_bounds(
            &format!("scope, {key_field} and fingerprint"),
            "given together or not at all",
        )),
    }
}

/// Make a Python list of answers.
pub(crate) fn list<'py, T, U: pyo3::PyTypeInfo>(
    py: Python<'py>,
    answers: impl IntoIterator<Item = T>,
    convert: impl FnMut(T) -> PyResult<Bound<'py, U>>,
) -> PyResult<Bound<'py, PyList>> {
    let converted = answers
        .into_iter()
        .map(convert)
        .collect::<PyResult<Vec<_>>>()?;
    PyList::new(py, converted)
}

/// The ids of this process; a forked child goes on with its own copy, and other randomness.
static IDS: JobIds = JobIds::new();

/// Make a new job id: a `UUIDv7` in canonical form, from the clock and the system's randomness.
#[pyfunction]
#[pyo3(signature = (*, now = None))]
pub(crate) fn new_job_id(py: Python<'_>, now: Option<Whole>) -> PyResult<Bound<'_, PyString>> {
    Ok(id_text(py, fresh_id(now)?))
}

/// Make the next id of this process.
pub(crate) fn fresh_id(now: Option<Whole>) -> PyResult<JobId> {
    let mut random = [0; 10];
    getrandom::fill(&mut random)
        .map_err(|error| PyOSError::new_err(format!("no randomness: {error}")))?;
    Ok(IDS.make(time_of(now)?, random))
}

/// Tell whether the text is a job id in canonical form (lower case, with hyphens, version 7).
#[pyfunction]
pub(crate) fn is_job_id(text: &str) -> bool {
    JobId::parse(text).is_some()
}
