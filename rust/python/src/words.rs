//! Words between the layers: an enum of the core is an interned Python string, made once and then only counted.

use asyncendpoints_core::decide::RunEvent;
use asyncendpoints_core::state::{Outcome, State};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

use crate::errors::out_of_bounds;

/// An enum of the core whose members have words.
pub(crate) trait Word: Copy + 'static {
    /// What the argument is usually called.
    const FIELD: &'static str;
    /// Every member.
    const ALL: &'static [Self];

    /// The word of a member.
    fn text(self) -> &'static str;

    /// The member that a word stands for.
    fn parse(text: &str) -> Option<Self>;

    /// Where the Python string of a member is kept.
    fn cell(self) -> &'static PyOnceLock<Py<PyString>>;

    /// The interned Python string.
    fn word(self, py: Python<'_>) -> &Bound<'_, PyString> {
        self.cell()
            .get_or_init(py, || PyString::intern(py, self.text()).unbind())
            .bind(py)
    }
}

macro_rules! word {
    ($type:ident, $field:literal) => {
        impl Word for $type {
            const FIELD: &'static str = $field;
            const ALL: &'static [Self] = $type::ALL;

            fn text(self) -> &'static str {
                self.as_str()
            }

            fn parse(text: &str) -> Option<Self> {
                $type::parse(text)
            }

            fn cell(self) -> &'static PyOnceLock<Py<PyString>> {
                static CELLS: [PyOnceLock<Py<PyString>>; $type::ALL.len()] =
                    [const { PyOnceLock::new() }; $type::ALL.len()];
                &CELLS[self as usize]
            }
        }
    };
}

word!(State, "state");
word!(Outcome, "outcome");
word!(RunEvent, "event");

/// A word that Python passes as an argument.
#[derive(Clone, Copy)]
pub(crate) struct Named<T>(pub(crate) T);

impl<'a, 'py, T: Word> FromPyObject<'a, 'py> for Named<T> {
    type Error = PyErr;

    fn extract(obj: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let text: &str = obj.extract()?;
        T::parse(text).map(Self).ok_or_else(|| {
            let words: Vec<&str> = T::ALL.iter().map(|word| word.text()).collect();
            out_of_bounds(
                T::FIELD,
                &format!("one of {}, not {text:?}", words.join(", ")),
            )
        })
    }
}

/// The interned form of an answer's word, where it is one of those that the answer knows.
pub(crate) fn one_of(py: Python<'_>, word: &str, words: &[&str]) -> PyResult<Py<PyString>> {
    if words.contains(&word) {
        return Ok(PyString::intern(py, word).unbind());
    }
    Err(out_of_bounds(
        "word",
        &format!("one of {}, not {word:?}", words.join(", ")),
    ))
}
