//! What is sent to the server: one call of a script, or one command. Whoever sends it needs to know no more.

use crate::script::Script;

/// One request to the server, with one reply.
///
/// Calls are whole and repeat themselves in nothing: any client can send them, over any connection.
#[derive(Clone, Debug)]
pub enum Call {
    /// Run a script, by its digest; with its text where the server does not know the digest.
    Script {
        /// Which.
        script: &'static Script,
        /// Every key that it touches.
        keys: Vec<Vec<u8>>,
        /// Its arguments; the first is the time, or empty for the server's clock.
        args: Vec<Vec<u8>>,
    },
    /// A plain command, its name first.
    Command {
        /// The name and the arguments.
        parts: Vec<Vec<u8>>,
    },
}

impl Call {
    /// A plain command.
    #[must_use]
    pub fn command(parts: &[&[u8]]) -> Self {
        Self::Command {
            parts: parts.iter().map(|part| part.to_vec()).collect(),
        }
    }

    /// About how many bytes travel: what bounds a batch.
    #[must_use]
    pub fn size(&self) -> usize {
        let total = |parts: &[Vec<u8>]| parts.iter().map(Vec::len).sum::<usize>();
        match self {
            Self::Script { keys, args, .. } => total(keys) + total(args),
            Self::Command { parts } => total(parts),
        }
    }
}
