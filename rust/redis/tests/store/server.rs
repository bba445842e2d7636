//! A real Redis server for a test, which ends with it, and a client that holds conversations with it.

use std::borrow::Cow;
use std::env;
use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use asyncendpoints_redis::call::Call;
use asyncendpoints_redis::conversation::{Failure, Step, converse};
use asyncendpoints_redis::keys::KeySpace;
use asyncendpoints_redis::request::{Answer, Operation, Request};
use asyncendpoints_redis::script::{Dialect, Script};
use redis::{
    Client, Cmd, Connection, ConnectionLike, ErrorKind, RedisError, ServerErrorKind, Value,
};

/// Which program to start; without it, the one in the path.
const PROGRAM: &str = "ASYNCENDPOINTS_TEST_REDIS_SERVER";
const START_WITHIN: Duration = Duration::from_secs(10);
/// What is changed in the scripts, to see whether the tests notice: a file below `lua`, then texts and what stands in
/// their place there, all with a unit separator between them.
const MUTANT: &str = "ASYNCENDPOINTS_TEST_LUA_MUTANT";

/// A server on a free port of the loopback, with nothing on disk.
pub(crate) struct Server {
    process: Child,
    client: Client,
    connection: Connection,
    space: Arc<KeySpace>,
    dialect: Dialect,
}

impl Server {
    pub(crate) fn start() -> Self {
        let deadline = Instant::now() + START_WITHIN;
        loop {
            // Somebody else may take the port in between; then the server ends, and another port is tried.
            if let Some(server) = Self::try_start(free_port(), deadline) {
                return server;
            }
            assert!(
                Instant::now() < deadline,
                "no Redis server came up within {START_WITHIN:?}"
            );
        }
    }

    fn try_start(port: u16, deadline: Instant) -> Option<Self> {
        let program =
            env::var_os(PROGRAM).map_or_else(|| PathBuf::from("redis-server"), PathBuf::from);
        let mut process = Command::new(&program)
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--port", &port.to_string()])
            .current_dir(env::temp_dir())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error: io::Error| {
                panic!("these tests need a Redis server; {} names one, else it is in the path; {}: {error}",
                    PROGRAM, program.display())
            });
        let client = Client::open(format!("redis://127.0.0.1:{port}/")).expect("an address");
        loop {
            if let Ok(mut connection) = client.get_connection() {
                // Another server may have taken the port, and this one could not.
                if !is_answered_by(&mut connection, process.id()) {
                    process.kill().expect("a process to end");
                    process.wait().expect("its end");
                    return None;
                }
                return Some(Self {
                    process,
                    client,
                    connection,
                    space: Arc::new(KeySpace::new("test", 0, 0)),
                    dialect: dialect(),
                });
            }
            let has_ended = process.try_wait().expect("a process").is_some();
            if has_ended || Instant::now() > deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn space(&self) -> &KeySpace {
        &self.space
    }

    /// Ask, at a time.
    pub(crate) fn ask(&mut self, operation: Operation, now: u64) -> Answer {
        self.try_ask(operation, Some(now)).expect("an answer")
    }

    pub(crate) fn try_ask(
        &mut self,
        operation: Operation,
        now: Option<u64>,
    ) -> Result<Answer, Failure> {
        let mut conversation = converse(&self.space, Request { operation, now });
        let mut step = conversation.begin();
        loop {
            match step {
                Step::Send(calls) => {
                    let replies = calls.iter().map(|call| self.send(call)).collect();
                    step = conversation.resume(replies);
                }
                Step::Done(answer) => return Ok(answer),
                Step::Failed(failure) => return Err(failure),
            }
        }
    }

    /// What the server says of an operation whose first call it refuses.
    pub(crate) fn refusal(&mut self, operation: Operation, now: u64) -> String {
        let request = Request {
            operation,
            now: Some(now),
        };
        let Step::Send(calls) = converse(&self.space, request).begin() else {
            panic!("an operation without a call");
        };
        let Some(Call::Script { script, keys, args }) = calls.first() else {
            panic!("an operation that begins with a command");
        };
        let refusal = self.run(b"EVAL", &source(script, self.dialect), keys, args);
        refusal.expect_err("a refusal").to_string()
    }

    /// Hear what is published from now on in channels of this pattern.
    pub(crate) fn subscribe(&self, channels: &[u8]) -> Subscription {
        let mut connection = self.client.get_connection().expect("a connection");
        let command = redis::cmd("PSUBSCRIBE").arg(channels).get_packed_command();
        connection
            .send_packed_command(&command)
            .expect("a subscription");
        connection.recv_response().expect("a subscription");
        Subscription(connection)
    }

    /// Run a plain command.
    pub(crate) fn command(&mut self, parts: &[&[u8]]) -> Value {
        self.send(&Call::command(parts))
    }

    pub(crate) fn send(&mut self, call: &Call) -> Value {
        match call {
            Call::Command { parts } => {
                let mut command = Cmd::new();
                for part in parts {
                    command.arg(&part[..]);
                }
                // What the server refuses is a reply too: some conversations learn from it.
                self.connection.req_command(&command).expect("a reply")
            }
            Call::Script { script, keys, args } => {
                let source = source(script, self.dialect);
                let sha = script.sha(self.dialect).as_bytes();
                let reply = match &source {
                    Cow::Borrowed(_) => match self.run(b"EVALSHA", sha, keys, args) {
                        Err(error) if is_unknown(&error) => self.run(b"EVAL", &source, keys, args),
                        other => other,
                    },
                    Cow::Owned(_) => self.run(b"EVAL", &source, keys, args),
                };
                reply.unwrap_or_else(|error| panic!("{}: {error}", script.name))
            }
        }
    }

    fn run(
        &mut self,
        how: &[u8],
        what: &[u8],
        keys: &[Vec<u8>],
        args: &[Vec<u8>],
    ) -> redis::RedisResult<Value> {
        let mut command = Cmd::new();
        command.arg(how).arg(what).arg(keys.len());
        for part in keys.iter().chain(args) {
            command.arg(&part[..]);
        }
        command.query(&mut self.connection)
    }
}

/// A connection that hears some channels.
pub(crate) struct Subscription(Connection);

impl Subscription {
    /// What was published since it was asked last, each with its channel. The server answers it behind all messages of earlier operations.
    pub(crate) fn messages(&mut self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let ping = redis::cmd("PING").get_packed_command();
        self.0.send_packed_command(&ping).expect("a connection");
        let mut messages = Vec::new();
        loop {
            let Value::Array(parts) = self.0.recv_response().expect("a message") else {
                panic!("a subscription hears nothing but arrays");
            };
            match &parts[..] {
                [_, _, Value::BulkString(channel), Value::BulkString(message)] => {
                    messages.push((channel.clone(), message.clone()));
                }
                _ => return messages,
            }
        }
    }
}

/// How scripts are told; servers before 7 need the plain dialect.
fn dialect() -> Dialect {
    match env::var("ASYNCENDPOINTS_TEST_REDIS_DIALECT").as_deref() {
        Ok("plain") => Dialect::Plain,
        _ => Dialect::Flagged,
    }
}

/// The text of a script, as a mutant has it where there is one.
fn source(script: &'static Script, dialect: Dialect) -> Cow<'static, [u8]> {
    let whole = script.source(dialect);
    let Ok(mutant) = env::var(MUTANT) else {
        return Cow::Borrowed(whole);
    };
    let mut parts = mutant.split('\u{1f}');
    let file = parts.next().unwrap_or_default();
    if !file.starts_with("lib/") && file != format!("{}.lua", script.name) {
        return Cow::Borrowed(whole);
    }
    let mut text = String::from_utf8(whole.to_vec()).expect("a script is text");
    while let (Some(old), Some(new)) = (parts.next(), parts.next()) {
        text = text.replace(old, new);
    }
    if text.as_bytes() == whole {
        return Cow::Borrowed(whole);
    }
    Cow::Owned(text.into_bytes())
}

fn is_unknown(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

fn is_answered_by(connection: &mut Connection, process: u32) -> bool {
    let told: String = redis::cmd("INFO")
        .arg("server")
        .query(connection)
        .expect("a reply");
    told.lines()
        .any(|line| line == format!("process_id:{process}"))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().expect("a process to end");
        self.process.wait().expect("its end");
    }
}
