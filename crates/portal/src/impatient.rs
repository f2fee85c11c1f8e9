//! A connection that does not wait for ever for whoever reads its answers: who asks for something large and takes none of
//! it would keep a place of ours for as long as he likes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A connection of which writing ends with [`io::ErrorKind::TimedOut`] once the other side took nothing for a while.
#[derive(Debug)]
pub(crate) struct Impatient<S> {
    /// The connection.
    stream: S,
    /// When it is enough, while something waits to be written.
    until: Option<Pin<Box<Sleep>>>,
    /// How long that is.
    patience: Duration,
}

impl<S> Impatient<S> {
    /// Of a connection.
    pub(crate) fn new(stream: S) -> Impatient<S> {
        Impatient { stream, until: None, patience: PATIENCE }
    }

    /// What comes of an attempt to write: what waits too long fails.
    fn timed<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.until = None;
            return written;
        }
        let patience = self.patience;
        let until = self.until.get_or_insert_with(|| Box::pin(sleep(patience)));
        match until.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.timed(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.timed(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.timed(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.timed(cx, shut)
    }
}

/// How long the other side may take nothing. A follower that is short of time writes what it gets to its disk meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn who_reads_is_waited_for_and_who_does_not_is_left() {
        let (ours, mut theirs) = duplex(10);
        let mut ours = Impatient { patience: Duration::from_secs(3_600), ..Impatient::new(ours) };
        let mut read = [0; 100];
        let (written, _) = tokio::join!(ours.write_all(&[7; 100]), theirs.read_exact(&mut read));
        written.expect("all of it is taken");
        assert_eq!((read, ours.until.is_none()), ([7; 100], true), "nothing waits any more");
        ours.patience = Duration::from_millis(20);
        let left = ours.write_all(&[7; 100]).await.expect_err("nobody reads");
        assert_eq!(left.kind(), io::ErrorKind::TimedOut);
        let mut read = [0; 10];
        theirs.read_exact(&mut read).await.expect("it was there before");
    }
}
