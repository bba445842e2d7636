//! The socket of a connection: opened, encrypted where that is asked for, and its bytes counted.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use futures_util::future::select_ok;
use redis::{Client, RedisConnectionInfo, RedisResult};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio_rustls::TlsConnector;

use super::config::Address;
use super::tls::Tls;

/// How many bytes a socket has moved, in both directions.
#[derive(Debug, Default)]
pub(crate) struct Traffic(AtomicU64);

impl Traffic {
    pub(crate) fn moved(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Opens sockets to one server.
#[derive(Clone)]
pub(crate) struct Dialer {
    address: Address,
    client: Client,
}

impl Dialer {
    pub(crate) fn new(address: Address, client: Client) -> Self {
        Self { address, client }
    }

    /// As whom to speak, and about which database.
    pub(crate) fn settings(&self) -> &RedisConnectionInfo {
        self.client.get_connection_info().redis_settings()
    }

    /// Open a socket.
    pub(crate) async fn dial(&self) -> RedisResult<Socket> {
        let stream: Box<dyn Stream> = match &self.address {
            Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
            Address::Tcp { host, port, tls } => {
                let addresses = lookup_host((host.as_str(), *port)).await?;
                let stream = connect(addresses).await?;
                stream.set_nodelay(true)?;
                match tls {
                    None => Box::new(stream),
                    Some(tls) => {
                        let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
                        let connector = TlsConnector::from(Arc::new(trusting(tls)?));
                        Box::new(connector.connect(name, stream).await?)
                    }
                }
            }
        };
        Ok(Socket {
            stream,
            traffic: Arc::default(),
        })
    }
}

/// Connect to whichever address of a name answers first.
async fn connect(addresses: impl Iterator<Item = SocketAddr>) -> io::Result<TcpStream> {
    let attempts: Vec<_> = addresses
        .map(|address| Box::pin(TcpStream::connect(address)))
        .collect();
    if attempts.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the name of the server has no address",
        ));
    }
    select_ok(attempts).await.map(|(stream, _)| stream)
}

/// What an encrypted connection is made with.
fn trusting(tls: &Tls) -> io::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = &tls.roots {
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(io::Error::other)?;
            roots.add(certificate).map_err(io::Error::other)?;
        }
    } else {
        let mut found = rustls_native_certs::load_native_certs();
        // One that is damaged does not take the others away.
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty()
            && let Some(error) = found.errors.pop()
        {
            return Err(io::Error::other(error));
        }
    }
    let config = ClientConfig::builder().with_root_certificates(roots);
    let Some(identity) = &tls.identity else {
        return Ok(config.with_no_client_auth());
    };
    let chain = CertificateDer::pem_slice_iter(&identity.chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_slice(&identity.key).map_err(io::Error::other)?;
    config
        .with_client_auth_cert(chain, key)
        .map_err(io::Error::other)
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// An open socket.
pub(crate) struct Socket {
    stream: Box<dyn Stream>,
    traffic: Arc<Traffic>,
}

impl Socket {
    /// What counts its bytes, for as long as somebody looks.
    pub(crate) fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.traffic)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.traffic.add(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.traffic.add(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
