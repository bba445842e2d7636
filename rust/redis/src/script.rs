//! A script: a text composed at compile time, its digest, and its signature, which its header repeats.

use std::fmt;
use std::sync::OnceLock;

use crate::trim::trim;

/// How a server wants to be told what a script may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Servers before 7: nothing is told.
    Plain,
    /// Servers from 7 on: a first line with flags.
    Flagged,
}

/// What a script may do where the server restricts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It stores something new: refused when the memory is full.
    Grows,
    /// It lets work go on, and frees room: it runs also when the memory is full.
    Works,
    /// It writes nothing.
    Reads,
}

impl Access {
    const fn first_line(self) -> &'static str {
        match self {
            Self::Grows => "#!lua\n",
            Self::Works => "#!lua flags=allow-oom\n",
            Self::Reads => "#!lua flags=no-writes,allow-stale\n",
        }
    }
}

/// The text of one dialect with its digest.
struct Text {
    source: Vec<u8>,
    sha: String,
}

/// One operation in Lua.
///
/// `keys` and `args` are its signature. A name that ends in `*` stands for any number of them; in parentheses before a
/// `*` are those that repeat together. `shard` is [`SHARD_KEYS`](crate::keys::SHARD_KEYS).
pub struct Script {
    /// The operation's name, and its file's.
    pub name: &'static str,
    /// What it may do.
    pub access: Access,
    /// The keys that it takes.
    pub keys: &'static str,
    /// The arguments that it takes, as `name:type`.
    pub args: &'static str,
    body: &'static str,
    plain: OnceLock<Text>,
    flagged: OnceLock<Text>,
}

impl Script {
    /// Put a script together.
    #[must_use]
    pub const fn new(
        name: &'static str,
        access: Access,
        keys: &'static str,
        args: &'static str,
        body: &'static str,
    ) -> Self {
        Self {
            name,
            access,
            keys,
            args,
            body,
            plain: OnceLock::new(),
            flagged: OnceLock::new(),
        }
    }

    /// The whole text, for `EVAL` and `SCRIPT LOAD`.
    #[must_use]
    pub fn source(&self, dialect: Dialect) -> &[u8] {
        &self.text(dialect).source
    }

    /// The digest of the text, for `EVALSHA`: forty hexadecimal digits.
    #[must_use]
    pub fn sha(&self, dialect: Dialect) -> &str {
        &self.text(dialect).sha
    }

    /// The signature as the header declares it: what follows `-- KEYS:` and `-- ARGV:`.
    #[must_use]
    pub fn declared(&self) -> (Option<&'static str>, Option<&'static str>) {
        let line = |mark: &str| {
            let lines = self.body.lines();
            lines
                .filter_map(|line| line.strip_prefix(mark))
                .map(str::trim)
                .next()
        };
        (line("-- KEYS:"), line("-- ARGV:"))
    }

    fn text(&self, dialect: Dialect) -> &Text {
        let (cell, first_line) = match dialect {
            Dialect::Plain => (&self.plain, ""),
            Dialect::Flagged => (&self.flagged, self.access.first_line()),
        };
        cell.get_or_init(|| {
            let source = [first_line, &trim(self.body)].concat().into_bytes();
            let sha = sha1_smol::Sha1::from(&source).digest().to_string();
            Text { source, sha }
        })
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Script").field(&self.name).finish()
    }
}

/// Composes a script's text from the sentences in `lua/lib`, named without their ending, and its own file.
macro_rules! compose {
    ($name:literal: $($part:literal)*) => {
        concat!(
            $(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/lua/lib/", $part, ".lua")), "\n",)*
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/lua/", $name, ".lua")),
        )
    };
}
pub(crate) use compose;

/// Every script, so that all can be loaded when a connection begins.
pub static ALL: &[&Script] = crate::operations::SCRIPTS;
