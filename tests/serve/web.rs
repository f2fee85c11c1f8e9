//! A web server of a few lines that has one list.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A list on the web.
pub(crate) struct Feed {
    /// Where it is.
    address: SocketAddr,
    /// What it says now.
    text: Arc<Mutex<Vec<u8>>>,
    /// Whether it is over.
    over: Arc<AtomicBool>,
    /// Its thread.
    thread: Option<JoinHandle<()>>,
}

impl Feed {
    /// Begins to serve a text.
    pub(crate) fn start(text: impl AsRef<[u8]>) -> Feed {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let text = Arc::new(Mutex::new(text.as_ref().to_owned()));
        let over = Arc::new(AtomicBool::new(false));
        let (said, ended) = (Arc::clone(&text), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                // A client that hangs up is its own affair.
                let text = said.lock().unwrap().clone();
                let _ = answer(stream.unwrap(), &text);
            }
        });
        Feed { address, text, over, thread: Some(thread) }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/list.csv", self.address)
    }

    /// Changes what it says.
    pub(crate) fn says(&self, text: impl AsRef<[u8]>) {
        text.as_ref().clone_into(&mut self.text.lock().unwrap());
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // The thread wakes up to see that it is over.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads one request and answers it with the text, unless the client has it.
fn answer(mut stream: TcpStream, text: &[u8]) -> std::io::Result<()> {
    let mut request = String::new();
    let mut lines = BufReader::new(stream.try_clone()?);
    while !request.ends_with("\r\n\r\n") && lines.read_line(&mut request)? > 0 {}
    let (length, etag) = (text.len(), format!("\"{:x}\"", text.iter().fold(7, hash)));
    let known = request.contains(&etag);
    let (status, body) = if known { ("304 Not Modified", &[][..]) } else { ("200 OK", text) };
    let length = if known { 0 } else { length };
    let head = format!("etag: {etag}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(format!("HTTP/1.1 {status}\r\n{head}").as_bytes())?;
    stream.write_all(body)?;
    Ok(())
}

/// One more byte of a text that must be told from others.
fn hash(sum: u64, byte: &u8) -> u64 {
    (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(5)
}
