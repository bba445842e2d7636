//! An operation as a conversation: what to send, and what to make of the replies, without a connection.

use std::sync::Arc;

use redis::Value;

use crate::call::Call;
use crate::keys::KeySpace;
use crate::operations::enqueue::Enqueue;
use crate::request::{Answer, Operation, Request};

/// What a conversation wants next.
#[derive(Debug)]
pub enum Step {
    /// Send these in this order; their replies, in the same order, resume the conversation.
    Send(Vec<Call>),
    /// It is over.
    Done(Answer),
    /// It is over, and there is no answer.
    Failed(Failure),
}

/// Why an operation got no answer, though the server replied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The reply is not one that the script gives: something else answers at this address, or it is damaged.
    #[error("the server's reply to {operation} is not understood: {found}")]
    Reply {
        /// What was asked.
        operation: &'static str,
        /// What was found instead.
        found: String,
    },
    /// The record of a job cannot be read.
    #[error("the record of job {id} cannot be read: {damage}")]
    Record {
        /// The job.
        id: String,
        /// What is wrong with it.
        damage: String,
    },
    /// Something handed in is larger than a record can hold.
    #[error("{part} is too large to be stored: {size} bytes")]
    TooLarge {
        /// What it is.
        part: &'static str,
        /// Its size.
        size: usize,
    },
    /// The namespace was begun by a version, or with a number of shards, that this one does not work with.
    #[error("the namespace does not fit: {0}")]
    Namespace(String),
    /// Other writers came in between each time.
    #[error("{0} was overtaken by other writers too often")]
    Overtaken(&'static str),
    /// The operation is not one of this store.
    #[error("the Redis store does not know the operation {0}")]
    Unknown(String),
}

/// An operation on its way: it asks, is resumed with the replies, and ends with an answer or a failure.
///
/// A server error in place of a reply is not for the conversation: whoever sends the calls ends it with that.
pub trait Conversation: Send {
    /// The first step.
    fn begin(&mut self) -> Step;

    /// The step after the replies to what the last step sent, one for each call.
    fn resume(&mut self, replies: Vec<Value>) -> Step;
}

/// The conversation of a request.
pub fn converse(space: &Arc<KeySpace>, request: Request) -> Box<dyn Conversation> {
    let space = Arc::clone(space);
    let now = request.now;
    match request.operation {
        Operation::Enqueue { jobs, max_queued } => {
            Box::new(Enqueue::new(space, jobs, max_queued, now))
        }
        other => Box::new(Unknown(format!("{other:?}"))),
    }
}

/// An operation that this store does not know.
struct Unknown(String);

impl Conversation for Unknown {
    fn begin(&mut self) -> Step {
        Step::Failed(Failure::Unknown(std::mem::take(&mut self.0)))
    }

    fn resume(&mut self, _replies: Vec<Value>) -> Step {
        self.begin()
    }
}
