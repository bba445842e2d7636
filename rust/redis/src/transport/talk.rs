//! Calls of the store under way: who waits for the answer, and how far the conversation has come.

use std::sync::Arc;

use redis::Value;
use tokio::time::Instant;

use super::failed::CallFailed;
use super::keeper::Keepers;
use super::mailbox::{Outcome, Sorting};
use super::reply::Reply;
use crate::call::Call;
use crate::conversation::{Conversation, Step, converse};
use crate::keys::KeySpace;
use crate::operations::batch::Merged;
use crate::request::Operation;

/// After how many lost connections a call gets no more time than it was given.
const MOST_FALLS: u32 = 3;

/// A conversation, and those who wait for its answer.
pub(crate) struct Talk {
    pub(crate) deadline: Instant,
    /// Who waits; nobody any more where it took too long.
    waiting: Option<Merged<Reply>>,
    is_repeatable: bool,
    conversation: Box<dyn Conversation>,
    /// The calls of its present step, each with what came back.
    calls: Vec<Asked>,
    was_sent: bool,
    /// How many connections were lost under it.
    falls: u32,
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
    pub(crate) fn new(space: &Arc<KeySpace>, merged: Merged<Reply>, deadline: Instant) -> Self {
        Self {
            deadline,
            conversation: converse(space, merged.request.clone()),
            is_repeatable: is_repeatable(&merged.request.operation),
            waiting: Some(merged),
            calls: Vec::new(),
            was_sent: false,
            falls: 0,
        }
    }

    /// Begin, or begin again; an answer where there is nothing to ask.
    pub(crate) fn begin(mut self) -> Landed {
        let step = self.conversation.begin();
        self.next(step)
    }

    /// Begin again from nothing, after the connection was lost; `None` where nobody waits any more.
    pub(crate) fn restart(mut self, space: &Arc<KeySpace>) -> Option<Landed> {
        let request = self.waiting.as_ref()?.request.clone();
        self.conversation = converse(space, request);
        self.was_sent = false;
        self.falls += 1;
        Some(self.begin())
    }

    /// Whether the calls may be made again where it is not known whether they were done.
    pub(crate) fn may_repeat(&self) -> bool {
        !self.was_sent || self.is_repeatable
    }

    /// The calls of its present step that have no reply, and whether scripts are to be sent whole.
    pub(crate) fn open_calls(&self) -> impl Iterator<Item = (&Call, bool)> {
        let open = self.calls.iter().filter(|asked| asked.reply.is_none());
        open.map(|asked| (&asked.call, asked.whole))
    }

    /// About how many bytes its open calls are.
    pub(crate) fn size(&self) -> usize {
        self.open_calls().map(|(call, _)| call.size()).sum()
    }

    /// Bytes flow: let it have this much time at least. Not for ever, where connections are lost again and again.
    pub(crate) fn prolong(&mut self, deadline: Instant) {
        if self.falls < MOST_FALLS {
            self.deadline = self.deadline.max(deadline);
        }
    }

    pub(crate) fn sent(&mut self) {
        self.was_sent = true;
    }

    /// Take the replies to the open calls, and go on.
    pub(crate) fn land(
        mut self,
        replies: &mut impl Iterator<Item = Value>,
        keepers: &Keepers,
    ) -> Landed {
        let mut refused: Option<redis::ServerError> = None;
        let mut unknown = false;
        let takes_errors = self.conversation.takes_errors();
        for asked in self.calls.iter_mut().filter(|asked| asked.reply.is_none()) {
            match replies.next() {
                Some(Value::ServerError(error)) if error.code() == "NOSCRIPT" => {
                    asked.whole = true;
                    unknown = true;
                }
                Some(Value::ServerError(error)) if !takes_errors => refused = Some(error),
                reply => asked.reply = Some(reply.unwrap_or(Value::Nil)),
            }
        }
        if let Some(error) = refused {
            return self.refused(&error);
        }
        if unknown {
            return self.again();
        }
        let replies = self.calls.drain(..).filter_map(|asked| asked.reply);
        let replies = replies.collect();
        let step = self.conversation.resume(replies);
        // What nobody waits for is given back.
        if self.is_wanted()
            && let Some(begun) = self.conversation.begun()
        {
            keepers.begin(begun);
        }
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

    /// The same calls are to be sent once more. What nobody waits for is not: a claim would begin runs of nobody.
    fn again(self) -> Landed {
        if self.is_wanted() {
            Landed::Again(self)
        } else {
            Landed::Over(self, Err(CallFailed::TimedOut))
        }
    }

    fn refused(self, error: &redis::ServerError) -> Landed {
        let said: Arc<str> = error.to_string().into();
        match error.code() {
            _ if !self.is_wanted() => Landed::Over(self, Err(CallFailed::Refused(said))),
            "OOM" => Landed::Over(self, Err(CallFailed::OutOfMemory)),
            "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "BUSY" => {
                Landed::Later(self, said)
            }
            "READONLY" => Landed::Elsewhere(self, said),
            _ => Landed::Over(self, Err(CallFailed::Refused(said))),
        }
    }

    /// Whether anybody waits for its answer.
    pub(crate) const fn is_wanted(&self) -> bool {
        self.waiting.is_some()
    }

    /// Whether it is this claim.
    pub(crate) fn is_claim(&self, id: &str) -> bool {
        let request = self.waiting.as_ref().map(|merged| &merged.request);
        let operation = request.map(|request| &request.operation);
        matches!(operation, Some(Operation::Claim { claim_id, .. }) if &**claim_id == id)
    }

    /// Whether several wait for its answer.
    pub(crate) fn is_shared(&self) -> bool {
        self.waiting.as_ref().is_some_and(Merged::is_shared)
    }

    /// A conversation for each of those who wait.
    pub(crate) fn apart(self, space: &Arc<KeySpace>) -> impl Iterator<Item = Self> {
        let parts = self.waiting.map(Merged::apart).unwrap_or_default();
        parts
            .into_iter()
            .map(move |part| Self::new(space, part, self.deadline))
    }

    /// Tell those who wait, although the conversation is not over.
    pub(crate) fn give_up(&mut self, failed: &CallFailed, sorting: &mut Sorting) {
        for reply in self.waiting.take().into_iter().flat_map(Merged::waiting) {
            reply.answer(Err(failed.clone()), sorting);
        }
    }

    /// Tell those who wait.
    pub(crate) fn answer(mut self, outcome: Outcome, sorting: &mut Sorting) {
        match outcome {
            Ok(answer) => {
                let shares = self.waiting.take().map(|merged| merged.split(answer));
                for (reply, share) in shares.into_iter().flatten() {
                    reply.answer(Ok(share), sorting);
                }
            }
            Err(failed) => self.give_up(&failed, sorting),
        }
    }
}

/// Whether an operation that is done twice is as good as done once (SUB-3).
///
/// A claim is not: the runs of the first would be nobody's. Nor is a deletion, whose answer would be another.
fn is_repeatable(operation: &Operation) -> bool {
    !matches!(operation, Operation::Claim { .. } | Operation::Delete(_))
}
