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
    text: Arc<Mutex<String>>,
    /// Whether it is over.
    over: Arc<AtomicBool>,
    /// Its thread.
    thread: Option<JoinHandle<()>>,
}

impl Feed {
    /// Begins to serve a text.
    pub(crate) fn start(text: &str) -> Feed {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let text = Arc::new(Mutex::new(text.to_owned()));
        let over = Arc::new(AtomicBool::new(false));
        let (said, ended) = (Arc::clone(&text), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                // A client that hangs up is its own affair.
                let _ = answer(stream.unwrap(), &said.lock().unwrap());
            }
        });
        Feed { address, text, over, thread: Some(thread) }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/list.csv", self.address)
    }

    /// Changes what it says.
    pub(crate) fn says(&self, text: &str) {
        text.clone_into(&mut self.text.lock().unwrap());
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

/// Reads one request and answers it with the text.
fn answer(mut stream: TcpStream, text: &str) -> std::io::Result<()> {
    let mut request = String::new();
    let mut lines = BufReader::new(stream.try_clone()?);
    while !request.ends_with("\r\n\r\n") && lines.read_line(&mut request)? > 0 {}
    let length = text.len();
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}")
}
