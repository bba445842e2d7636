//! Calls of the store under way: who waits for the answer, and how far the conversation has come.

use std::sync::Arc;

use redis::Value;
use tokio::time::Instant;

use super::failed::CallFailed;
use super::joining::{Joined, Shares};
use super::mailbox::{Outcome, Sorting};
use crate::call::Call;
use crate::conversation::{Conversation, Step, converse};
use crate::keys::KeySpace;
use crate::request::{Operation, Request};

/// A conversation, and those who wait for its answer.
pub(crate) struct Talk {
    shares: Shares,
    pub(crate) deadline: Instant,
    request: Request,
    conversation: Box<dyn Conversation>,
    /// The calls of its present step, each with what came back.
    calls: Vec<Asked>,
    was_sent: bool,
}

struct Asked {
    call: Call,
    reply: Option<Value>,
    /// Whether the server does not know the script by its digest.
    whole: bool,
}

/// What came of a step.
pub(crate) enum Landed {
    /// Calls of the next step, or the same once more, are to be sent.
    Again(Talk),
    /// The server cannot serve it now; nothing was done.
    Later(Talk, Arc<str>),
    /// The connection leads to a server that takes no writes; nothing was done.
    Elsewhere(Talk, Arc<str>),
    /// It is over.
    Over(Talk, Outcome),
}

impl Talk {
    pub(crate) fn new(space: &Arc<KeySpace>, joined: Joined, deadline: Instant) -> Self {
        Self {
            conversation: converse(space, joined.request.clone()),
            shares: joined.shares,
            deadline,
            request: joined.request,
            calls: Vec::new(),
            was_sent: false,
        }
    }

    /// Begin, or begin again; an answer where there is nothing to ask.
    pub(crate) fn begin(mut self) -> Landed {
        let step = self.conversation.begin();
        self.next(step)
    }

    /// Begin again from nothing, after the connection was lost.
    pub(crate) fn restart(mut self, space: &Arc<KeySpace>) -> Landed {
        self.conversation = converse(space, self.request.clone());
        self.was_sent = false;
        self.begin()
    }

    /// Whether the calls may be made again where it is not known whether they were done.
    pub(crate) fn may_repeat(&self) -> bool {
        !self.was_sent || is_repeatable(&self.request.operation)
    }

    /// The calls of its present step that have no reply, and whether scripts are to be sent whole.
    pub(crate) fn open_calls(&self) -> impl Iterator<Item = (&Call, bool)> {
        let open = self.calls.iter().filter(|asked| asked.reply.is_none());
        open.map(|asked| (&asked.call, asked.whole))
    }

    pub(crate) fn sent(&mut self) {
        self.was_sent = true;
    }

    /// Take the replies to the open calls, and go on.
    pub(crate) fn land(mut self, replies: &mut impl Iterator<Item = Value>) -> Landed {
        let mut refused: Option<redis::ServerError> = None;
        let mut unknown = false;
        for asked in self.calls.iter_mut().filter(|asked| asked.reply.is_none()) {
            match replies.next() {
                Some(Value::ServerError(error)) if error.code() == "NOSCRIPT" => {
                    asked.whole = true;
                    unknown = true;
                }
                Some(Value::ServerError(error)) => refused = Some(error),
                reply => asked.reply = Some(reply.unwrap_or(Value::Nil)),
            }
        }
        if let Some(error) = refused {
            return self.refused(&error);
        }
        if unknown {
            return Landed::Again(self);
        }
        let replies = self.calls.drain(..).filter_map(|asked| asked.reply);
        let replies = replies.collect();
        let step = self.conversation.resume(replies);
        self.next(step)
    }

    fn next(mut self, step: Step) -> Landed {
        match step {
            Step::Done(answer) => Landed::Over(self, Ok(answer)),
            Step::Failed(failure) => Landed::Over(self, Err(failure.into())),
            Step::Send(calls) => {
                let asked = calls.into_iter().map(|call| Asked {
                    call,
                    reply: None,
                    whole: false,
                });
                self.calls = asked.collect();
                Landed::Again(self)
            }
        }
    }

    fn refused(self, error: &redis::ServerError) -> Landed {
        let said: Arc<str> = error.to_string().into();
        match error.code() {
            "OOM" => Landed::Over(self, Err(CallFailed::OutOfMemory)),
            "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "BUSY" => {
                Landed::Later(self, said)
            }
            "READONLY" => Landed::Elsewhere(self, said),
            _ => Landed::Over(self, Err(CallFailed::Refused(said))),
        }
    }

    /// Tell those who wait, although the conversation is not over.
    pub(crate) fn give_up(&mut self, outcome: Outcome, sorting: &mut Sorting) {
        self.shares.take().answer(outcome, sorting);
    }

    /// Whether anybody waits for the answer.
    pub(crate) fn is_awaited(&self) -> bool {
        !self.shares.is_empty()
    }

    /// Tell those who wait.
    pub(crate) fn answer(self, outcome: Outcome, sorting: &mut Sorting) {
        self.shares.answer(outcome, sorting);
    }
}

/// Whether an operation that is done twice is as good as done once (SUB-3).
///
/// A claim is not: the runs of the first would be nobody's. Nor is a deletion, whose answer would be another.
fn is_repeatable(operation: &Operation) -> bool {
    !matches!(operation, Operation::Claim { .. } | Operation::Delete(_))
}
