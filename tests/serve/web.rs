//! A web server of a few lines that has one list, with or without TLS.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A list on the web.
pub(crate) struct Feed {
    /// How it is spoken to.
    scheme: &'static str,
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
        Feed::start_as("http", text.as_ref(), answer)
    }

    /// Begins to serve a text by TLS, with the certificate and the key in these files.
    pub(crate) fn start_tls(text: impl AsRef<[u8]>, certificate: &Path, key: &Path) -> Feed {
        let certificate = CertificateDer::from_pem_file(certificate).unwrap();
        let key = PrivateKeyDer::from_pem_file(key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let config = Arc::new(config);
        Feed::start_as("https", text.as_ref(), move |stream, text| {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(session, stream);
            answer(&mut stream, text)?;
            stream.conn.send_close_notify();
            stream.flush()
        })
    }

    /// Begins to serve a text in some way.
    fn start_as(
        scheme: &'static str,
        text: &[u8],
        answer: impl Fn(TcpStream, &[u8]) -> std::io::Result<()> + Send + 'static,
    ) -> Feed {
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
                let text = said.lock().unwrap().clone();
                let _ = answer(stream.unwrap(), &text);
            }
        });
        Feed { scheme, address, text, over, thread: Some(thread) }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}/list.csv", self.scheme, self.address)
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
fn answer(mut stream: impl Read + Write, text: &[u8]) -> std::io::Result<()> {
    let mut request = String::new();
    let mut lines = BufReader::new(&mut stream);
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
