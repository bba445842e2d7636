//! Reads replies: arrays of words, numbers and bytes.

use std::vec;

use redis::Value;

use crate::conversation::Failure;

/// The members of a reply, read one after the other.
pub(crate) struct Reply {
    operation: &'static str,
    members: vec::IntoIter<Value>,
}

impl Reply {
    /// Begin to read an array.
    pub(crate) fn array(operation: &'static str, value: Value) -> Result<Self, Failure> {
        match value {
            Value::Array(members) => Ok(Self {
                operation,
                members: members.into_iter(),
            }),
            other => Err(strange(operation, &other)),
        }
    }

    /// How many members are left.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// The next member, if there is one.
    pub(crate) fn take(&mut self) -> Option<Value> {
        self.members.next()
    }

    /// The next member, which must be there.
    pub(crate) fn value(&mut self) -> Result<Value, Failure> {
        self.members
            .next()
            .ok_or_else(|| missing(self.operation, "another member"))
    }

    /// The next member, which must be an array.
    pub(crate) fn nested(&mut self) -> Result<Self, Failure> {
        let value = self.value()?;
        Self::array(self.operation, value)
    }

    /// The next member, which must be a number that is not negative.
    pub(crate) fn number(&mut self) -> Result<u64, Failure> {
        let value = self.value()?;
        number(self.operation, &value)
    }

    /// The next member, which must be bytes.
    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, Failure> {
        let value = self.value()?;
        bytes(self.operation, value)
    }
}

/// The first of the replies, where one call was sent.
pub(crate) fn only(operation: &'static str, replies: Vec<Value>) -> Result<Value, Failure> {
    replies
        .into_iter()
        .next()
        .ok_or_else(|| missing(operation, "a reply"))
}

/// A number that is not negative.
pub(crate) fn number(operation: &'static str, value: &Value) -> Result<u64, Failure> {
    match value {
        Value::Int(number) => u64::try_from(*number).map_err(|_| strange(operation, value)),
        other => Err(strange(operation, other)),
    }
}

/// Bytes, or a word.
pub(crate) fn bytes(operation: &'static str, value: Value) -> Result<Vec<u8>, Failure> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        Value::SimpleString(word) => Ok(word.into_bytes()),
        other => Err(strange(operation, &other)),
    }
}

/// What the reply should not be.
pub(crate) fn strange(operation: &'static str, value: &Value) -> Failure {
    let found = match value {
        Value::Int(number) => format!("the number {number}"),
        Value::BulkString(bytes) => format!("{} bytes", bytes.len()),
        Value::Array(members) => format!("an array of {}", members.len()),
        Value::SimpleString(word) => format!("the word {word:?}"),
        Value::Nil => "nothing".to_owned(),
        _ => "another kind of reply".to_owned(),
    };
    Failure::Reply { operation, found }
}

pub(crate) fn missing(operation: &'static str, what: &str) -> Failure {
    Failure::Reply {
        operation,
        found: format!("no {what}"),
    }
}
