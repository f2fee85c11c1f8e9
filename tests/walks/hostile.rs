//! What strangers put into DNS comes to pages as text: whoever controls an address writes its PTR record.

use std::net::{SocketAddr, UdpSocket};
use std::thread;

use repute_database::testing::folder;

use crate::dns::until;
use crate::free::free_address;
use crate::pages::Visitor;
use crate::process::{Place, Served};

/// What the PTR record of every address says, in labels.
const LABELS: [&[u8]; 3] = [b"<script>alert(1)</script>", b"\"onload='x\x1b[31m", b"example"];

/// A name server that knows one PTR record, and nothing else. It ends with the test.
fn resolver() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let question = &buffer[..length];
            let end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
            let is_ptr = question[end - 4..end - 2] == [0, 12];
            let mut answer = question[..2].to_vec();
            answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_ptr), 0, 0, 0, 0]);
            answer.extend(&question[12..end]);
            if is_ptr {
                let mut name = Vec::new();
                for label in LABELS {
                    name.push(u8::try_from(label.len()).unwrap());
                    name.extend(label);
                }
                name.push(0);
                answer.extend([0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 60, 0]);
                answer.push(u8::try_from(name.len()).unwrap());
                answer.extend(name);
            }
            socket.send_to(&answer, from).unwrap();
        }
    });
    at
}

#[test]
fn what_a_stranger_puts_into_dns_is_text_on_pages_and_in_the_api() {
    let at = Place::new();
    let data = folder();
    let portal = free_address();
    let config = format!(
        "{}[registry]\ndatabase = \"{}\"\n[portal]\nlisten = \"{portal}\"\n\
         public-url = \"http://localhost:{}\"\nresolvers = [\"{}\"]\nask-other-lists = false\n",
        at.header(),
        data.path().join("registry.db").display(),
        portal.port(),
        resolver(),
    );
    let served = Served::start(&at, &config);
    until("the portal answers", || std::net::TcpStream::connect(portal).is_ok());
    let mut visitor = Visitor::at(portal);
    for path in ["/lookup?target=8.8.8.8", "/lookup/names?target=8.8.8.8"] {
        let page = visitor.get(path).text;
        assert!(!page.contains("<script>alert"), "{path}: {page}");
        assert!(!page.contains('\x1b'), "{path}: {page}");
        assert!(!page.contains("\"onload"), "{path}: {page}");
    }
    // It was told, and not left out.
    visitor.get("/lookup/names?target=8.8.8.8").says(&["&#60;script&#62;alert"]);
    served.stop();
}
