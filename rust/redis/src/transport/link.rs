//! One connection to the server: opened, checked against the namespace, and used by many calls at once.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, Pipeline, RedisError, RedisResult, ServerError, Value,
    cmd,
};
use tokio::task::AbortHandle;

use super::failed::CallFailed;
use super::socket::{Dialer, Traffic};
use super::tls::refused;
use crate::call::Call;
use crate::conversation::{Step, converse};
use crate::keys::KeySpace;
use crate::request::{Operation, Request};
use crate::script::{ALL, Dialect};

/// A connection that has been opened.
#[derive(Clone)]
pub(crate) struct Link {
    connection: MultiplexedConnection,
    dialect: Dialect,
    traffic: Arc<Traffic>,
    _driver: Arc<Driver>,
}

/// The task that reads and writes for a connection: it ends with the last who may ask over it.
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why there is no connection.
pub(crate) enum Broken {
    /// It may come back: wait, and try again.
    Away(Arc<str>),
    /// The server answered, and what it holds or asks for does not fit: whoever waits is told now.
    Unfit(CallFailed),
}

impl From<RedisError> for Broken {
    fn from(error: RedisError) -> Self {
        let for_good = matches!(
            error.kind(),
            ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig
        );
        if for_good || refused(&error) {
            return Self::Unfit(CallFailed::Refused(told(&error)));
        }
        Self::Away(told(&error))
    }
}

impl From<&ServerError> for Broken {
    fn from(error: &ServerError) -> Self {
        let said: Arc<str> = error.to_string().into();
        match error.code() {
            "NOAUTH" | "WRONGPASS" | "NOPERM" | "ERR" => Self::Unfit(CallFailed::Refused(said)),
            _ => Self::Away(said),
        }
    }
}

/// What an error says, without what it knows of the connection.
pub(crate) fn told(error: &RedisError) -> Arc<str> {
    error.to_string().into()
}

impl Link {
    /// Open a connection and check what is fixed for the namespace.
    pub(crate) async fn open(
        dialer: &Dialer,
        space: &Arc<KeySpace>,
        patience: Duration,
    ) -> Result<Self, Broken> {
        // Timeouts are the engine's: it knows how long each call may take.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let opening = async {
            let socket = dialer.dial().await?;
            let traffic = socket.traffic();
            let settings = dialer.settings();
            let (mut connection, driver) =
                MultiplexedConnection::new_with_config(settings, socket, config)
                    .await
                    .map_err(|error| unwelcome(error, settings.db()))?;
            let driver = Driver(tokio::spawn(driver).abort_handle());
            let dialect = dialect(&mut connection).await?;
            let mut link = Self {
                connection,
                dialect,
                traffic,
                _driver: Arc::new(driver),
            };
            link.load().await?;
            link.check(space).await?;
            Ok(link)
        };
        tokio::time::timeout(patience, opening)
            .await
            .unwrap_or_else(|_| Err(Broken::Away("it does not answer".into())))
    }

    /// How many bytes the connection has moved so far.
    pub(crate) fn moved(&self) -> u64 {
        self.traffic.moved()
    }

    /// Load every script, so that no call has to bring its text. Where that is refused, calls bring it all the same.
    async fn load(&mut self) -> RedisResult<()> {
        let mut pipeline = Pipeline::new();
        for script in ALL {
            pipeline
                .cmd("SCRIPT")
                .arg("LOAD")
                .arg(script.source(self.dialect));
        }
        if pipeline.is_empty() {
            return Ok(());
        }
        self.send(&pipeline).await.map(drop)
    }

    async fn check(&mut self, space: &Arc<KeySpace>) -> Result<(), Broken> {
        let request = Request {
            operation: Operation::Open,
            now: None,
        };
        let mut conversation = converse(space, request);
        let mut step = conversation.begin();
        loop {
            step = match step {
                Step::Done(_) => return Ok(()),
                Step::Failed(failure) => return Err(Broken::Unfit(failure.into())),
                Step::Send(calls) => {
                    let mut pipeline = Pipeline::new();
                    for call in &calls {
                        // Not yet known to the server, and called once.
                        pipeline.add_command(self.command(call, true));
                    }
                    let replies = self.send(&pipeline).await?;
                    for reply in &replies {
                        if let Value::ServerError(error) = reply {
                            return Err(error.into());
                        }
                    }
                    conversation.resume(replies)
                }
            }
        }
    }

    /// What is sent for a call: scripts by their digest, or whole where the server does not know it.
    pub(crate) fn command(&self, call: &Call, whole: bool) -> Cmd {
        match call {
            Call::Command { parts } => {
                let mut command = Cmd::new();
                command.arg(parts);
                command
            }
            Call::Script { script, keys, args } => {
                let mut command = if whole {
                    let mut command = cmd("EVAL");
                    command.arg(script.source(self.dialect));
                    command
                } else {
                    let mut command = cmd("EVALSHA");
                    command.arg(script.sha(self.dialect));
                    command
                };
                command.arg(keys.len()).arg(keys).arg(args);
                command
            }
        }
    }

    /// Send commands, and wait for a reply to each.
    pub(crate) async fn send(&mut self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        let count = pipeline.len();
        self.connection
            .send_packed_commands(pipeline, 0, count)
            .await
    }
}

/// Why the server does not let a new connection in.
fn unwelcome(error: RedisError, database: i64) -> Broken {
    let said = told(&error);
    let words = if error.kind() == ErrorKind::AuthenticationFailed {
        "it does not accept the user name and the password of the store's URL".to_owned()
    } else if said.contains("Authentication required") {
        return without_password();
    } else if said.contains("DB index") {
        format!("it has no database {database}")
    } else {
        return error.into();
    };
    Broken::Unfit(CallFailed::Refused(words.into()))
}

fn without_password() -> Broken {
    let words = "it asks for a password, and the store's URL has none";
    Broken::Unfit(CallFailed::Refused(words.into()))
}

/// How the server wants scripts.
async fn dialect(connection: &mut MultiplexedConnection) -> Result<Dialect, Broken> {
    let reply = connection
        .send_packed_command(cmd("INFO").arg("server"))
        .await;
    let text = match &reply {
        Ok(Value::BulkString(bytes)) => String::from_utf8_lossy(bytes),
        Ok(Value::ServerError(error)) if error.code() == "NOAUTH" => return Err(without_password()),
        Err(error) if error.code() == Some("NOAUTH") => return Err(without_password()),
        Err(error) if error.is_unrecoverable_error() => return Err(error.clone().into()),
        // A user that may not ask gets what every server understands.
        Ok(_) | Err(_) => "".into(),
    };
    let major = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("redis_version:"))
        .find_map(|version| version.split('.').next()?.parse::<u32>().ok());
    Ok(match major {
        Some(7..) => Dialect::Flagged,
        _ => Dialect::Plain,
    })
}
