//! A letter to one person: mail with a plain text and the same as HTML.
//!
//! What is *not* here: a queue, templates, whether somebody wants mail.

use std::path::Path;
use std::time::{Duration, SystemTime};

use lettre::address::Envelope;
use lettre::message::MultiPart;
use lettre::message::header::MIME_VERSION_1_0;
use serde::Deserialize;

use crate::error::{Fault, NotifyError, quote};
use crate::smtp::{self, SmtpConfig, WrittenSmtp};
use crate::{Mailbox, Timeout, Tls};

/// A letter to one person.
#[derive(Clone, Debug)]
pub struct Letter {
    /// What names it, in `Message-ID`: letters, digits and `-`. The same for each attempt.
    pub id: String,
    /// To whom.
    pub to: Mailbox,
    /// What it is about.
    pub subject: String,
    /// What it says, as plain text.
    pub plain: String,
    /// The same as HTML.
    pub html: String,
    /// Where it is unsubscribed from by one click (RFC 8058), if it can be.
    pub unsubscribe: Option<String>,
    /// Where it goes back to if it cannot be delivered; none for where it is from.
    pub return_path: Option<Mailbox>,
}

/// A mail server that takes letters to anybody, and who they are from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WrittenServer")]
pub struct MailServer(SmtpConfig);

/// [`MailServer`] as it is written: a table of mail without `to`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct WrittenServer {
    /// Host name or address of the mail server.
    server: String,
    /// Its port.
    port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    tls: Tls,
    /// Certificates to trust in place of the system's.
    ca_file: Option<std::path::PathBuf>,
    /// Who we are to the mail server.
    user: Option<String>,
    /// The file with that user's password.
    password_file: Option<std::path::PathBuf>,
    /// The sender.
    from: Mailbox,
    /// How long it may all take.
    #[serde(default)]
    timeout: Timeout,
}

impl TryFrom<WrittenServer> for MailServer {
    type Error = &'static str;

    fn try_from(written: WrittenServer) -> Result<MailServer, &'static str> {
        let WrittenServer { server, port, tls, ca_file, user, password_file, from, timeout } =
            written;
        // Whom a letter goes to is said by the letter.
        let to = vec![from.clone()];
        let smtp =
            WrittenSmtp { server, port, tls, ca_file, user, password_file, from, to, timeout };
        smtp.try_into().map(MailServer)
    }
}

impl MailServer {
    /// Has its files be in this folder, where they have no `/` at the beginning.
    #[must_use]
    pub fn in_folder(self, folder: &Path) -> MailServer {
        MailServer(self.0.in_folder(folder))
    }

    /// How long handing a letter to the server may take.
    pub fn timeout(&self) -> Duration {
        self.0.timeout()
    }

    /// Hands a letter to the server once, and returns when it was taken.
    ///
    /// # Errors
    /// If it was not taken, or nobody knows.
    pub fn send(&self, letter: &Letter) -> Result<(), NotifyError> {
        let sent = letter.compose(self.0.from()).and_then(|mail| smtp::deliver(&self.0, &mail));
        sent.map_err(|fault| NotifyError { to: self.0.describe(), fault })
    }
}

impl Letter {
    /// The letter as a file of mail (RFC 5322).
    ///
    /// # Errors
    /// If it cannot be written as mail.
    pub fn to_bytes(&self, from: &Mailbox) -> Result<Vec<u8>, NotifyError> {
        let mail =
            self.compose(from).map_err(|fault| NotifyError { to: "a file".into(), fault })?;
        Ok(mail.formatted())
    }

    /// Writes it as mail.
    fn compose(&self, from: &Mailbox) -> Result<lettre::Message, Fault> {
        let domain = from.0.email.domain();
        let return_path = self.return_path.as_ref().unwrap_or(from).0.email.clone();
        let envelope = Envelope::new(Some(return_path), vec![self.to.0.email.clone()])
            .map_err(|error| Fault::Unmailable(quote(&error.to_string())))?;
        let mut builder = lettre::Message::builder().envelope(envelope);
        if let Some(url) = &self.unsubscribe {
            // RFC 8058 section 3.1: both headers, and the second says exactly this.
            let url = url.replace(|c: char| !c.is_ascii_graphic() || c == '>', "");
            builder = builder
                .raw_header(smtp::header("List-Unsubscribe", &format!("<{url}>")))
                .raw_header(smtp::header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
        }
        builder
            .from(from.0.clone())
            .to(self.to.0.clone())
            .subject(self.subject.replace(char::is_control, " "))
            .date(SystemTime::now())
            .message_id(Some(format!("<{}@{domain}>", self.id)))
            // RFC 3834: no out-of-office reply, please.
            .raw_header(smtp::header("Auto-Submitted", "auto-generated"))
            .header(MIME_VERSION_1_0)
            .multipart(MultiPart::alternative_plain_html(self.plain.clone(), self.html.clone()))
            .map_err(|error| Fault::Unmailable(quote(&error.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_has_both_texts_and_no_header_of_others() {
        let letter = Letter {
            id: "1-2".to_owned(),
            to: "you@x.example".parse().expect("an address"),
            subject: "Hello\r\nBcc: all@x.example".to_owned(),
            plain: "plain words".to_owned(),
            html: "<p>html words</p>".to_owned(),
            unsubscribe: Some("https://x.example/a>\r\nBcc: b@x.example".to_owned()),
            return_path: None,
        };
        let from = "Lists <lists@y.example>".parse().expect("an address");
        let bytes = letter.to_bytes(&from).expect("it is mail");
        let text = String::from_utf8(bytes).expect("it is text");
        for words in [
            "Message-ID: <1-2@y.example>",
            "List-Unsubscribe: <https://x.example/aBcc:b@x.example>",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
            "Auto-Submitted: auto-generated",
            "multipart/alternative",
            "text/plain",
            "plain words",
            "<p>html words</p>",
        ] {
            assert!(text.contains(words), "{words} is not in\n{text}");
        }
        assert!(!text.contains("\nBcc:"), "{text}");
    }

    #[test]
    fn a_letter_that_cannot_be_delivered_goes_where_it_says() {
        let from: Mailbox = "Lists <lists@y.example>".parse().expect("an address");
        let own = "b+1-x@z.example";
        for (back, expect) in [(None, "lists@y.example"), (Some(own), own)] {
            let letter = Letter {
                id: "1-2".to_owned(),
                to: "you@x.example".parse().expect("an address"),
                subject: String::new(),
                plain: String::new(),
                html: String::new(),
                unsubscribe: None,
                return_path: back.map(|back| back.parse().expect("an address")),
            };
            let mail = letter.compose(&from).expect("it is mail");
            let sender = mail.envelope().from().expect("it has one").to_string();
            assert_eq!(sender, expect);
            assert_eq!(mail.envelope().to().len(), 1);
            let text = String::from_utf8(mail.formatted()).expect("it is text");
            assert!(text.contains("From: Lists <lists@y.example>") && !text.contains("z.example"));
        }
    }

    #[test]
    fn a_server_needs_no_recipient() {
        let server: MailServer =
            toml::from_str("server = \"mail.x.example\"\nfrom = \"a@x.example\"").expect("one");
        assert_eq!(server.0.describe(), "mail server mail.x.example:587");
        assert!(toml::from_str::<MailServer>("server = \"x\"\nfrom = \"a@b\"\nto = []").is_err());
    }
}
