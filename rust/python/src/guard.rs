//! A value behind a lock that survives panics: whoever panics inside leaves a sentence behind instead of the value.
//!
//! A panic in the middle of a change may have left the value inconsistent, so it is never used again; callers get an
//! error instead of a wrong answer, until the value is replaced.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// A value that one caller at a time may use.
pub(crate) struct Guard<T>(Mutex<Result<T, String>>);

impl<T> Guard<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(Ok(value)))
    }

    /// Use the value under the lock.
    ///
    /// # Errors
    ///
    /// What the panic said that damaged the value, now or earlier.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> Result<R, String> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let value = slot.as_mut().map_err(|damage| damage.clone())?;
        // The value is thrown away when the work panics, so nothing half-changed is ever seen.
        match catch_unwind(AssertUnwindSafe(|| work(value))) {
            Ok(answer) => Ok(answer),
            Err(panic) => {
                let damage = describe(panic.as_ref());
                let ruined = std::mem::replace(&mut *slot, Err(damage.clone()));
                // Dropping what a panic left half-changed might panic again: it is leaked instead.
                std::mem::forget(ruined);
                Err(damage)
            }
        }
    }

    /// Put a new value in the place of the old one, damaged or not.
    pub(crate) fn replace(&self, value: T) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *slot, Ok(value));
        drop(slot);
        drop(old);
    }
}

fn describe(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
