//! A connection as it is read and written: TCP itself, or TLS within it (RFC 7858).

use std::future::Future;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A connection.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    /// Waits until something comes, appends what there is and returns how much that is; nothing is the end.
    /// Whoever drops it while it waits loses nothing.
    fn begin(&mut self, inbox: &mut Vec<u8>) -> impl Future<Output = io::Result<usize>> + Send;
}

impl Wire for TcpStream {
    /// Waiting costs no buffer: idle connections are many.
    async fn begin(&mut self, inbox: &mut Vec<u8>) -> io::Result<usize> {
        loop {
            self.readable().await?;
            inbox.reserve(READ_BYTES);
            match self.try_read_buf(inbox) {
                // Nothing came after all.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => release(inbox),
                read => return read,
            }
        }
    }
}

impl Wire for TlsStream<TcpStream> {
    /// A session has buffers of its own, beside which this one is small.
    async fn begin(&mut self, inbox: &mut Vec<u8>) -> io::Result<usize> {
        inbox.reserve(READ_BYTES);
        self.read_buf(inbox).await
    }
}

/// Writes bytes and has them sent: a session would keep some of them until there are more.
pub(super) async fn send_all(
    stream: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// Gives back the memory of a large message.
pub(super) fn release(buffer: &mut Vec<u8>) {
    if buffer.is_empty() && buffer.capacity() > 0 {
        *buffer = Vec::new();
    } else if buffer.capacity() > 2 * READ_BYTES {
        buffer.shrink_to(2 * READ_BYTES);
    }
}

/// Bytes asked of a connection at once: room for a few pipelined queries.
pub(super) const READ_BYTES: usize = 2_048;
