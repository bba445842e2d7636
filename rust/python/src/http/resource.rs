//! The job resource as JSON: the one representation of a job over HTTP (HTTP contract, section 2).

use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::{Job as Stored, Run};
use asyncendpoints_core::state::{Outcome, State};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::urls::{JobUrls, Template};
use crate::job::Job;

/// What a job that came over HTTP without a key warns of.
const NO_KEY: &str =
    "This submission carried no idempotency key; if it is sent again, it runs again.";

/// A job that waits has about so many bytes, so that few buffers grow.
const USUAL: usize = 1280;

const DAY_MS: u64 = 86_400_000;

/// Write the job resource.
///
/// `result` is a completed job's result where it stands in the resource: JSON, which is put in as it is, like a job's
/// progress and errors.
#[pyfunction]
#[pyo3(signature = (job, urls, result = None, /))]
pub(crate) fn job_resource<'py>(
    py: Python<'py>,
    job: &Bound<'py, Job>,
    urls: &Bound<'py, JobUrls>,
    result: Option<&[u8]>,
) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &written(&job.get().0, urls.get(), result))
}

fn written(job: &Stored, urls: &JobUrls, result: Option<&[u8]>) -> Vec<u8> {
    let mut id = [0; JobId::TEXT_LEN];
    let id = job.id.write(&mut id);
    let key = job.idempotency.as_deref().map(|of| &*of.key);
    let due_at = job.due_at.filter(|_| job.state == State::Scheduled);
    let error = job.error.as_deref().filter(|_| job.state == State::Failed);
    let result = result.filter(|_| job.state == State::Completed);
    let mut json = Json::new();
    json.member("jobId").text(id);
    json.member("requestId").maybe(key, Json::text);
    json.member("endpoint").text(&job.handler);
    json.member("status").text(job.state.as_str());
    json.member("done").boolean(job.state.is_terminal());
    json.member("createdAt").time(job.created_at);
    json.member("scheduledAt")
        .maybe(job.scheduled_at, Json::time);
    json.member("startedAt").maybe(job.started_at, Json::time);
    json.member("finishedAt").maybe(job.finished_at, Json::time);
    json.member("updatedAt").time(job.updated_at);
    json.member("expiresAt").maybe(job.expires_at, Json::time);
    json.member("attempt").number(job.attempt.into());
    json.member("maxAttempts").number(job.max_attempts.into());
    json.member("nextAttemptAt").maybe(due_at, Json::time);
    json.member("attempts").list(&job.runs, attempt);
    json.member("progress")
        .maybe(job.progress.as_deref(), Json::raw);
    json.member("result").maybe(result, Json::raw);
    json.member("error").maybe(error, Json::raw);
    json.member("redriveOf").maybe(job.redrive_of, |json, id| {
        json.text(id.write(&mut [0; JobId::TEXT_LEN]));
    });
    json.member("cancelRequestedAt")
        .maybe(job.cancel_requested_at, Json::time);
    let warned = key.is_none() && job.request.is_some();
    json.member("warnings")
        .list(if warned { &[NO_KEY] } else { &[] }, |json, text| {
            json.text(text);
        });
    json.member("statusUrl").url(&urls.status, id);
    json.member("resultUrl").url(&urls.result, id);
    json.member("eventsUrl").url(&urls.events, id);
    json.member("cancelUrl").url(&urls.cancel, id);
    json.end()
}

/// One run of the job.
fn attempt(json: &mut Json, run: &Run) {
    let outer = json.begin();
    json.member("number").number(run.number);
    json.member("startedAt").time(run.started_at);
    json.member("finishedAt").maybe(run.finished_at, Json::time);
    json.member("outcome")
        .maybe(run.outcome.map(Outcome::as_str), Json::text);
    json.member("error").maybe(run.error.as_deref(), Json::raw);
    json.member("worker").text(&run.worker);
    json.leave(outer);
}

/// A JSON object on its way.
struct Json {
    out: Vec<u8>,
    /// What goes before the next member's name.
    before: u8,
}

impl Json {
    fn new() -> Self {
        Self {
            out: Vec::with_capacity(USUAL),
            before: b'{',
        }
    }

    fn end(mut self) -> Vec<u8> {
        self.out.push(b'}');
        self.out
    }

    /// Begin an object within this one; give back what `leave` wants to know.
    fn begin(&mut self) -> u8 {
        std::mem::replace(&mut self.before, b'{')
    }

    fn leave(&mut self, before: u8) {
        self.out.push(b'}');
        self.before = before;
    }

    /// Write the name of the next member, which needs no escapes.
    fn member(&mut self, name: &str) -> &mut Self {
        self.out.extend([self.before, b'"']);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.before = b',';
        self
    }

    fn maybe<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.raw(b"null"),
        }
    }

    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.out.push(b'[');
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                self.out.push(b',');
            }
            write(self, item);
        }
        self.out.push(b']');
    }

    fn raw(&mut self, json: &[u8]) {
        self.out.extend_from_slice(json);
    }

    fn boolean(&mut self, value: bool) {
        self.raw(if value { b"true" } else { b"false" });
    }

    fn number(&mut self, number: u64) {
        self.raw(number.to_string().as_bytes());
    }

    fn text(&mut self, text: &str) {
        self.out.push(b'"');
        self.characters(text);
        self.out.push(b'"');
    }

    fn url(&mut self, template: &Template, id: &str) {
        self.out.push(b'"');
        template.pieces(id, |piece| self.characters(piece));
        self.out.push(b'"');
    }

    /// Write the inside of a string (RFC 8259, section 7).
    fn characters(&mut self, text: &str) {
        if text
            .bytes()
            .all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\')
        {
            return self.raw(text.as_bytes());
        }
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => self.out.extend([b'\\', byte]),
                b' '.. => self.out.push(byte),
                _ => self.raw(format!("\\u{byte:04x}").as_bytes()),
            }
        }
    }

    /// Write UTC milliseconds as RFC 3339 has them.
    fn time(&mut self, at: u64) {
        let (year, month, day) = date(at / DAY_MS);
        let within = at % DAY_MS;
        self.out.push(b'"');
        self.digits(year, 4);
        self.out.push(b'-');
        self.digits(month, 2);
        self.out.push(b'-');
        self.digits(day, 2);
        self.out.push(b'T');
        self.digits(within / 3_600_000, 2);
        self.out.push(b':');
        self.digits(within / 60_000 % 60, 2);
        self.out.push(b':');
        self.digits(within / 1000 % 60, 2);
        self.out.push(b'.');
        self.digits(within % 1000, 3);
        self.raw(b"Z\"");
    }

    /// Write the last so many digits of a number.
    fn digits(&mut self, number: u64, count: u32) {
        for place in (0..count).rev() {
            let digit = number / 10_u64.pow(place) % 10;
            self.out
                .push(b'0' + u8::try_from(digit).unwrap_or_default());
        }
    }
}

/// The year, month and day of the Gregorian calendar, so many days after 1970-01-01.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`: years begin in March, so
/// that leap days are last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (year_of_era + 400 * era + u64::from(month <= 2), month, day)
}
