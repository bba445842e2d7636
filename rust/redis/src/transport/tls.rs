//! Whom an encrypted connection trusts, and how it shows who it is.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use redis::RedisError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

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
    /// Read the certificates and the key.
    ///
    /// # Errors
    ///
    /// What is wrong with them, in words.
    pub(crate) fn read(&self) -> Result<Trust, String> {
        let roots = self.roots.as_ref().map(|pem| -> Result<_, String> {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(pem, "ca", "root certificate")? {
                let strange =
                    |error| format!("the file `ca` holds a strange root certificate: {error}");
                roots.add(certificate).map_err(strange)?;
            }
            Ok(roots)
        });
        let identity = self.identity.as_ref().map(|identity| -> Result<_, String> {
            let chain = certificates(&identity.chain, "cert", "certificate")?;
            let key = PrivateKeyDer::from_pem_slice(&identity.key)
                .map_err(|error| format!("the file `key` holds no private key: {error}"))?;
            Ok((chain, key))
        });
        Ok(Trust {
            roots: roots.transpose()?,
            identity: identity.transpose()?.map(Arc::new),
        })
    }
}

fn certificates(
    pem: &[u8],
    file: &str,
    what: &str,
) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("the file `{file}` holds a damaged {what}: {error}"))?;
    if found.is_empty() {
        return Err(format!("the file `{file}` holds no certificate"));
    }
    Ok(found)
}

/// What encrypted connections are made with.
#[derive(Clone)]
pub(crate) struct Trust {
    /// `None` is those that the system trusts by then.
    roots: Option<RootCertStore>,
    identity: Option<Arc<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>>,
}

impl Trust {
    /// Prepare a connection.
    ///
    /// # Errors
    ///
    /// The system trusts nobody, or the key is not the certificate's.
    pub(crate) fn connector(&self) -> io::Result<TlsConnector> {
        let roots = self.roots.clone().map_or_else(roots_of_system, Ok)?;
        let config = ClientConfig::builder().with_root_certificates(roots);
        let config = match self.identity.as_deref() {
            None => config.with_no_client_auth(),
            Some((chain, key)) => config
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .map_err(io::Error::other)?,
        };
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

fn roots_of_system() -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let mut found = rustls_native_certs::load_native_certs();
    // One that is damaged does not take the others away.
    roots.add_parsable_certificates(found.certs);
    match found.errors.pop() {
        Some(error) if roots.is_empty() => Err(io::Error::other(error)),
        _ => Ok(roots),
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
