//! Where answers wait for an event loop, and the descriptor that wakes it: one wake-up for a whole batch.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::failed::CallFailed;
use super::signal::Signal;
use crate::request::{Answer, Notice};

/// How many notices wait for a loop at most.
const MOST_NOTICES: usize = 10_000;

/// What became of a call.
pub type Outcome = Result<Answer, CallFailed>;

/// What an event loop finds in its mailbox.
#[derive(Debug, Default)]
pub struct Letters {
    /// The numbers of calls, and what became of each.
    pub outcomes: Vec<(u64, Outcome)>,
    /// What the store tells without being asked.
    pub notices: Vec<Notice>,
}

impl Letters {
    fn is_empty(&self) -> bool {
        self.outcomes.is_empty() && self.notices.is_empty()
    }
}

/// The mailbox of one event loop: filled by the I/O thread, emptied by the loop.
#[derive(Debug)]
pub struct Mailbox {
    letters: Mutex<Letters>,
    signal: Signal,
}

impl Mailbox {
    /// Make an empty one.
    ///
    /// # Errors
    ///
    /// The process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            letters: Mutex::default(),
            signal: Signal::new()?,
        })
    }

    /// The descriptor that is readable while there is something to take.
    #[must_use]
    pub fn descriptor(&self) -> i32 {
        self.signal.descriptor()
    }

    /// Take everything out. What is put in meanwhile is either taken too, or makes the descriptor readable again.
    pub fn take(&self) -> Letters {
        self.signal.clear();
        std::mem::take(&mut *self.locked())
    }

    /// Put notices in. Those that a blocked loop leaves lying become one, after which everybody looks for himself.
    pub(crate) fn tell(&self, notices: &[Notice]) {
        self.put(|letters| {
            letters.notices.extend_from_slice(notices);
            if letters.notices.len() > MOST_NOTICES {
                letters.notices.clear();
                letters.notices.push(Notice::Reconnected);
            }
        });
    }

    /// Put letters in, and wake the loop where there were none.
    pub(crate) fn put(&self, fill: impl FnOnce(&mut Letters)) {
        let mut letters = self.locked();
        let was_empty = letters.is_empty();
        fill(&mut letters);
        let is_first = was_empty && !letters.is_empty();
        drop(letters);
        if is_first {
            self.signal.raise();
        }
    }

    fn locked(&self) -> MutexGuard<'_, Letters> {
        // A panic between two pushes leaves a list that is whole.
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The outcomes of one turn of the I/O thread, sorted by mailbox, so that each loop is woken once.
#[derive(Default)]
pub(crate) struct Sorting(Vec<Sorted>);

type Sorted = (Arc<Mailbox>, Vec<(u64, Outcome)>);

impl Sorting {
    pub(crate) fn add(&mut self, mailbox: &Arc<Mailbox>, number: u64, outcome: Outcome) {
        // A process has one loop, or a few.
        let place = self.0.iter().position(|(of, _)| Arc::ptr_eq(of, mailbox));
        match place {
            Some(place) => self.0[place].1.push((number, outcome)),
            None => self.0.push((Arc::clone(mailbox), vec![(number, outcome)])),
        }
    }

    pub(crate) fn deliver(&mut self) {
        for (mailbox, outcomes) in self.0.drain(..) {
            mailbox.put(|letters| letters.outcomes.extend(outcomes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readable(mailbox: &Mailbox) -> bool {
        mailbox.signal.is_raised()
    }

    #[test]
    fn a_loop_is_woken_once_for_a_batch_and_again_after_it_has_taken_it() {
        let mailbox = Arc::new(Mailbox::new().expect("a descriptor is left"));
        assert!(!readable(&mailbox));
        let mut sorting = Sorting::default();
        for number in 1..=3 {
            sorting.add(&mailbox, number, Ok(Answer::Done));
        }
        sorting.deliver();
        assert!(readable(&mailbox));
        let numbers: Vec<u64> = mailbox.take().outcomes.iter().map(|(n, _)| *n).collect();
        assert_eq!(numbers, [1, 2, 3]);
        assert!(!readable(&mailbox));
        mailbox.put(|letters| letters.notices.push(Notice::Reconnected));
        assert!(readable(&mailbox));
        assert_eq!(mailbox.take().notices, [Notice::Reconnected]);
        mailbox.put(|_| ());
        assert!(!readable(&mailbox));
    }

    #[test]
    fn a_loop_that_takes_nothing_is_told_to_look_instead_of_everything_that_it_missed() {
        let mailbox = Mailbox::new().expect("a descriptor is left");
        let ready = Notice::Ready("default".into());
        for _ in 0..MOST_NOTICES {
            mailbox.tell(std::slice::from_ref(&ready));
        }
        assert_eq!(mailbox.take().notices.len(), MOST_NOTICES);
        for _ in 0..=MOST_NOTICES {
            mailbox.tell(std::slice::from_ref(&ready));
        }
        mailbox.tell(std::slice::from_ref(&ready));
        assert_eq!(mailbox.take().notices, [Notice::Reconnected, ready]);
    }
}
