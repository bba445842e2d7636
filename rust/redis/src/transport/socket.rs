//! The socket of a connection: opened, encrypted where that is asked for, and its bytes counted.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use futures_util::future::select_ok;
use redis::{RedisConnectionInfo, RedisResult};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream, lookup_host};

use super::config::{Address, Config};
use super::tls::{Tls, Trust};

/// How many bytes a socket has moved, as far as they show that the other side takes part: what is read of it, and what
/// can be written again after its buffers were full. What empty buffers take would go on for long towards a server that
/// is gone.
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
    settings: RedisConnectionInfo,
    trust: Option<Trust>,
}

impl Dialer {
    /// Make one.
    ///
    /// # Errors
    ///
    /// What is wrong with a certificate or its key.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        let tls = match &config.address {
            Address::Tcp { tls, .. } => tls.as_ref(),
            Address::Unix(_) => None,
        };
        Ok(Self {
            address: config.address.clone(),
            settings: config.settings(),
            trust: tls.map(Tls::read).transpose()?,
        })
    }

    /// As whom to speak, and about which database.
    pub(crate) const fn settings(&self) -> &RedisConnectionInfo {
        &self.settings
    }

    /// Open a socket.
    pub(crate) async fn dial(&self) -> RedisResult<Socket> {
        let stream: Box<dyn Stream> = match &self.address {
            Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
            Address::Tcp { host, port, .. } => {
                let addresses = lookup_host((host.as_str(), *port)).await?;
                let stream = connect(addresses).await?;
                stream.set_nodelay(true)?;
                match &self.trust {
                    None => Box::new(stream),
                    Some(trust) => {
                        let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
                        Box::new(trust.connector()?.connect(name, stream).await?)
                    }
                }
            }
        };
        Ok(Socket {
            stream,
            traffic: Arc::default(),
            was_full: false,
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

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// An open socket.
pub(crate) struct Socket {
    stream: Box<dyn Stream>,
    traffic: Arc<Traffic>,
    /// Whether the last bytes could not be written at once.
    was_full: bool,
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
        let written = Pin::new(&mut self.stream).poll_write(context, bytes)?;
        let was_full = mem::replace(&mut self.was_full, written.is_pending());
        let written = ready!(written);
        if was_full {
            self.traffic.add(written);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
