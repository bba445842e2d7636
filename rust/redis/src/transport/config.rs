//! Where the server is, and how patient its callers are.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use redis::RedisConnectionInfo;

use super::tls::Tls;

/// How to reach the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Over TCP.
    Tcp {
        /// A name or an address.
        host: String,
        /// The port.
        port: u16,
        /// How the connection is encrypted, if it is.
        tls: Option<Tls>,
    },
    /// Over a socket in the file system.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port, .. } => write!(formatter, "{host}:{port}"),
            Self::Unix(path) => write!(formatter, "{}", path.display()),
        }
    }
}

/// What a transport needs to know.
#[derive(Clone)]
pub struct Config {
    /// Where the server is.
    pub address: Address,
    /// As whom to speak to it; `None` is its default user.
    pub username: Option<String>,
    /// The password, where it asks for one.
    pub password: Option<String>,
    /// The number of the database.
    pub database: i64,
    /// Separates applications that share the database.
    pub namespace: String,
    /// After how long a call gives up.
    pub timeout: Duration,
    /// How many replicas must confirm a submission.
    pub wait_replicas: u32,
}

impl fmt::Debug for Config {
    // Without what is secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Config({}/{}, namespace {:?})",
            self.address, self.database, self.namespace
        )
    }
}

impl Config {
    /// As whom to speak, and about which database.
    pub(crate) fn settings(&self) -> RedisConnectionInfo {
        let mut user = RedisConnectionInfo::default()
            .set_db(self.database)
            .set_lib_name("asyncendpoints", env!("CARGO_PKG_VERSION"));
        if let Some(username) = &self.username {
            user = user.set_username(username);
        }
        if let Some(password) = &self.password {
            user = user.set_password(password);
        }
        user
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::tls::Identity;

    #[test]
    fn what_a_configuration_says_of_itself_keeps_what_is_secret() {
        let config = Config {
            address: Address::Tcp {
                host: "redis.example".to_owned(),
                port: 6379,
                tls: Some(Tls {
                    roots: None,
                    identity: Some(Identity {
                        chain: b"chain".to_vec(),
                        key: b"hidden".to_vec(),
                    }),
                }),
            },
            username: Some("app".to_owned()),
            password: Some("secret".to_owned()),
            database: 2,
            namespace: "default".to_owned(),
            timeout: Duration::from_secs(5),
            wait_replicas: 0,
        };
        let text = format!("{config:?}");
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains("redis.example:6379/2"), "{text}");
        let address = format!("{:?}", config.address);
        assert!(!address.contains("104, 105"), "{address}");
    }
}
