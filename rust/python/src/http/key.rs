//! The form of an idempotency key: 1 to 255 visible ASCII characters.

use pyo3::prelude::*;

const LONGEST: usize = 255;

/// Return the key that a header or parameter carries, unquoted, or None where it is malformed.
///
/// Sources: draft-ietf-httpapi-idempotency-key-header, whose key is a structured-field string (RFC 9651). Bare keys,
/// which most clients send, are taken as well, but then without a double quote.
#[pyfunction]
#[pyo3(signature = (value, /))]
pub(crate) fn unquoted_key(value: &[u8]) -> Option<String> {
    let key = match trimmed(value) {
        [b'"', inside @ .., b'"'] => unquoted(inside)?,
        bare if bare.contains(&b'"') => return None,
        bare => bare.to_vec(),
    };
    String::from_utf8(key).ok().filter(|key| is_key(key))
}

/// Tell whether the text can be an idempotency key, once unquoted.
#[pyfunction]
#[pyo3(signature = (text, /))]
pub(crate) fn is_key(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Leave out the optional white space around a header's value.
fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Read the inside of a structured-field string.
fn unquoted(inside: &[u8]) -> Option<Vec<u8>> {
    let mut key = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter().copied();
    while let Some(byte) = bytes.next() {
        key.push(match byte {
            b'\\' => bytes.next().filter(|byte| matches!(byte, b'"' | b'\\'))?,
            b'"' => return None,
            other => other,
        });
    }
    Some(key)
}
