//! Who waits for the answer to a call.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::failed::CallFailed;
use super::mailbox::{Mailbox, Outcome, Sorting};

/// Who waits for an answer. Whoever drops it unanswered tells so: nobody waits for ever.
pub(crate) struct Reply(Option<To>);

enum To {
    Loop { mailbox: Arc<Mailbox>, number: u64 },
    Task(oneshot::Sender<Outcome>),
}

impl Reply {
    pub(crate) fn to_loop(mailbox: &Arc<Mailbox>, number: u64) -> Self {
        Self(Some(To::Loop {
            mailbox: Arc::clone(mailbox),
            number,
        }))
    }

    pub(crate) fn to_task() -> (Self, oneshot::Receiver<Outcome>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Some(To::Task(sender))), receiver)
    }

    /// Answer at the end of the thread's turn.
    pub(crate) fn answer(mut self, outcome: Outcome, sorting: &mut Sorting) {
        match self.0.take() {
            Some(To::Loop { mailbox, number }) => sorting.add(&mailbox, number, outcome),
            // Whoever does not wait any more needs no answer.
            Some(To::Task(sender)) => drop(sender.send(outcome)),
            None => {}
        }
    }

    /// Answer now.
    pub(crate) fn answer_now(self, outcome: Outcome) {
        let mut sorting = Sorting::default();
        self.answer(outcome, &mut sorting);
        sorting.deliver();
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(To::Loop { mailbox, number }) = self.0.take() {
            let lost = CallFailed::Lost("the thread that talks to Redis has failed".into());
            mailbox.put(|letters| letters.outcomes.push((number, Err(lost))));
        }
    }
}
