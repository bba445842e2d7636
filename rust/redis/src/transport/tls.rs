//! Whom an encrypted connection trusts, and how it shows who it is.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use redis::{ClientTlsConfig, ErrorKind, RedisError, RedisResult, TlsCertificates};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// How a connection is encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The authorities that may have signed the server's certificate (PEM); `None` is those that the system trusts.
    pub roots: Option<Vec<u8>>,
    /// What the server is shown, where it asks.
    pub identity: Option<Identity>,
}

/// A client's certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, and those that lead to its authority (PEM).
    pub chain: Vec<u8>,
    /// Its private key (PEM).
    pub key: Vec<u8>,
}

impl fmt::Debug for Identity {
    // Without what is secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Identity")
    }
}

impl Tls {
    pub(crate) fn certificates(&self) -> RedisResult<TlsCertificates> {
        let asked = [
            (self.roots.as_ref(), "the file `ca` holds no certificate"),
            (
                self.identity.as_ref().map(|identity| &identity.chain),
                "the file `cert` holds no certificate",
            ),
        ];
        for (pem, complaint) in asked {
            if pem.is_some_and(|pem| CertificateDer::pem_slice_iter(pem).next().is_none()) {
                return Err((ErrorKind::InvalidClientConfig, complaint).into());
            }
        }
        Ok(TlsCertificates {
            client_tls: self.identity.clone().map(|identity| ClientTlsConfig {
                client_cert: identity.chain,
                client_key: identity.key,
            }),
            root_cert: self.roots.clone(),
        })
    }
}

/// Whether one side did not accept the other's certificate: trying again soon would not help.
pub(crate) fn refused(error: &RedisError) -> bool {
    let Some(source) = error.source() else {
        return false;
    };
    // The client library shares what it was told.
    let source = source
        .downcast_ref::<Arc<dyn Error + Send + Sync>>()
        .map_or(source, |shared| shared.as_ref());
    let told = source
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(
        told,
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::AlertReceived(_))
    )
}
