//! Messages of a file: one alone, or many in a mailbox (RFC 4155).

use std::io::{self, BufRead, Read as _};

use super::arf;

/// The messages of a file, one after the other. Of one that is too long, or has too long a line, only so much is given
/// that it is seen to be too long.
pub struct Messages<R> {
    /// The file.
    file: R,
    /// Whether the line before the next message was read.
    begun: bool,
    /// Whether messages begin with a line of their own.
    is_mailbox: Option<bool>,
}

impl<R: BufRead> Messages<R> {
    /// Those of a file.
    pub fn new(file: R) -> Messages<R> {
        Messages { file, begun: false, is_mailbox: None }
    }

    /// Reads the next message.
    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let (mut message, mut is_any) = (Vec::new(), std::mem::take(&mut self.begun));
        let mut was_empty = !is_any;
        loop {
            let mut line = Vec::new();
            if self.file.by_ref().take(MOST_LINE).read_until(b'\n', &mut line)? == 0 {
                return Ok(is_any.then_some(message));
            }
            let begins = line.starts_with(b"From ");
            let is_mailbox = *self.is_mailbox.get_or_insert(begins);
            if begins && is_mailbox && was_empty {
                if is_any {
                    self.begun = true;
                    return Ok(Some(message));
                }
                is_any = true;
                was_empty = false;
                continue;
            }
            is_any = true;
            was_empty = line.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
            if message.len() <= arf::MOST {
                message.extend_from_slice(&line);
            }
        }
    }
}

impl<R: BufRead> Iterator for Messages<R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        self.read().transpose()
    }
}

/// So much of a line is read at once.
const MOST_LINE: u64 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages of a file.
    fn messages(file: &[u8]) -> Vec<String> {
        let text = |message: io::Result<Vec<u8>>| {
            String::from_utf8(message.expect("it is in memory")).expect("text")
        };
        Messages::new(file).map(text).collect()
    }

    #[test]
    fn a_mailbox_is_divided_where_messages_begin() {
        let mailbox = b"From a@x Thu Jan  1 00:00:00 2026\nSubject: 1\n\nFrom here on\nbody\n\n\
            From b@x Thu Jan  1 00:00:00 2026\r\nSubject: 2\r\n\r\n>From me\r\n";
        let first = "Subject: 1\n\nFrom here on\nbody\n\n";
        // A line within a body that stands behind an empty one looks like a beginning: writers mask it by `>`.
        assert_eq!(messages(mailbox)[0], "Subject: 1\n\n");
        let masked = String::from_utf8_lossy(mailbox).replace("\nFrom here", "\n>From here");
        assert_eq!(
            messages(masked.as_bytes()),
            [&first.replace("From", ">From"), "Subject: 2\r\n\r\n>From me\r\n"]
        );
        let alone = "Subject: 3\n\nFrom me\n\nFrom you\n";
        assert_eq!(messages(alone.as_bytes()), [alone]);
        assert!(messages(b"").is_empty());
        assert_eq!(messages(b"From a\n"), [""]);
    }

    #[test]
    fn a_message_that_is_too_long_does_not_fill_the_memory() {
        let long =
            [&b"From a\n"[..], &vec![b'x'; 3 * arf::MOST], b"\n\nFrom b\nSubject: 2\n"].concat();
        let found = messages(&long);
        assert_eq!(found.len(), 2);
        assert!(found[0].len() > arf::MOST && found[0].len() < 2 * arf::MOST);
        assert_eq!(found[1], "Subject: 2\n");
    }
}
