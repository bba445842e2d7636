//! The stored form of a request, in `MessagePack`: an array of the members of Python's `StoredRequest`, which reads it.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::pairs;

/// A request's stored form has about so many bytes.
const USUAL: usize = 512;

/// Write what is kept of a request.
///
/// Headers are pairs of `str`, or of `bytes` as ASGI has them (Latin-1); those whose names are in `dropped` are left
/// out. `path_params` and `values` are `MessagePack` already.
#[pyfunction]
#[pyo3(signature = (method, path, route, path_params, query, headers, dropped, values, scheme, root_path, embed, /))]
#[allow(
    clippy::too_many_arguments,
    reason = "they are the members of a stored request, in their order"
)]
pub(crate) fn pack_request<'py>(
    py: Python<'py>,
    method: &str,
    path: &str,
    route: &str,
    path_params: &[u8],
    query: &Bound<'py, PyAny>,
    headers: &Bound<'py, PyAny>,
    dropped: &Bound<'py, PyTuple>,
    values: &[u8],
    scheme: &str,
    root_path: &str,
    embed: Option<bool>,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut out = Vec::with_capacity(USUAL);
    array(&mut out, 10);
    text(&mut out, method);
    text(&mut out, path);
    text(&mut out, route);
    out.extend_from_slice(path_params);
    either(&mut out, query)?;
    pack_headers(&mut out, headers, dropped)?;
    out.extend_from_slice(values);
    text(&mut out, scheme);
    text(&mut out, root_path);
    out.push(match embed {
        None => 0xc0,
        Some(false) => 0xc2,
        Some(true) => 0xc3,
    });
    Ok(PyBytes::new(py, &out))
}

fn pack_headers(
    out: &mut Vec<u8>,
    headers: &Bound<'_, PyAny>,
    dropped: &Bound<'_, PyTuple>,
) -> PyResult<()> {
    let mut count = 0;
    let mut packed = Vec::with_capacity(USUAL);
    pairs::each(headers, |name, value| {
        if let Ok(name) = name.cast_exact::<PyBytes>() {
            for known in dropped.iter_borrowed() {
                if known.cast::<PyBytes>()?.as_bytes() == name.as_bytes() {
                    return Ok(());
                }
            }
        }
        count += 1;
        array(&mut packed, 2);
        either(&mut packed, name)?;
        either(&mut packed, value)
    })?;
    array(out, count);
    out.append(&mut packed);
    Ok(())
}

/// Write a text that is a `str`, or Latin-1 in `bytes`.
fn either(out: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let Ok(bytes) = value.cast::<PyBytes>() else {
        text(out, value.extract()?);
        return Ok(());
    };
    match bytes.as_bytes() {
        ascii if ascii.is_ascii() => string(out, ascii),
        latin => text(
            out,
            &latin
                .iter()
                .map(|&byte| char::from(byte))
                .collect::<String>(),
        ),
    }
    Ok(())
}

fn text(out: &mut Vec<u8>, text: &str) {
    string(out, text.as_bytes());
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        length @ 0..32 => out.push(0xa0 | low(length)),
        length @ 32..256 => out.extend([0xd9, low(length)]),
        length => long(out, length, [0xda, 0xdb]),
    }
    out.extend_from_slice(bytes);
}

fn array(out: &mut Vec<u8>, length: usize) {
    match length {
        0..16 => out.push(0x90 | low(length)),
        _ => long(out, length, [0xdc, 0xdd]),
    }
}

/// The lowest byte of a length.
fn low(length: usize) -> u8 {
    u8::try_from(length & 0xff).unwrap_or_default()
}

/// Write a length behind the mark of the shorter form that holds it, of two or of four bytes.
fn long(out: &mut Vec<u8>, length: usize, marks: [u8; 2]) {
    if let Ok(length) = u16::try_from(length) {
        out.push(marks[0]);
        out.extend(length.to_be_bytes());
    } else {
        // No head of a request has four thousand million bytes.
        out.push(marks[1]);
        out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }
}
