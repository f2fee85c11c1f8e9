//! Reports that mail did not arrive: delivery status notifications (RFC 3464 in RFC 3462's multipart/report, and RFC
//! 6533's of international mail).
//!
//! What was returned is looked through for names of our letters, and nothing else of it is read or kept. Whoever only
//! writes about a failure in words, or is away on holiday, reports nothing.

use mail_parser::{MessageParser, MimeHeaders as _, PartType};

use super::{Meaning, Status, of_status};
use crate::evidence::arf::fields;

/// What a report says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What may name the letter: numbers and tags, which are still to be believed.
    pub names: Vec<(i64, String)>,
    /// Whom it is about.
    pub recipients: Vec<Recipient>,
}

/// Whom a report is about, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The address at which delivery failed, in lower case.
    mail: String,
    /// Whether the letter was given up there: neither delayed nor delivered.
    is_failed: bool,
    /// What it says of the address.
    meaning: Meaning,
    /// Why, for people.
    words: String,
}

/// Why a message is no report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// Too long.
    #[error("the message has more than {MOST} bytes")]
    Long,
    /// No report at all.
    #[error(
        "not a report that mail did not arrive (RFC 3464): no part of the type message/delivery-status"
    )]
    None,
}

/// Reads a message.
///
/// # Errors
/// If it is no report.
pub fn read(message: &[u8]) -> Result<Report, ReportError> {
    if message.len() > MOST {
        return Err(ReportError::Long);
    }
    // A pipe may begin with the line that separates messages in a mailbox.
    let message = match message.strip_prefix(b"From ") {
        Some(rest) => rest.splitn(2, |byte| *byte == b'\n').nth(1).unwrap_or_default(),
        None => message,
    };
    let parsed = MessageParser::default().parse(message).ok_or(ReportError::None)?;
    let is_status = |part: &&mail_parser::MessagePart<'_>| {
        part.content_type().is_some_and(|kind| {
            let names = ["delivery-status", "global-delivery-status"];
            kind.ctype().eq_ignore_ascii_case("message")
                && kind
                    .subtype()
                    .is_some_and(|sub| names.iter().any(|name| sub.eq_ignore_ascii_case(name)))
        })
    };
    let part = parsed.parts.iter().find(is_status).ok_or(ReportError::None)?;
    let text = String::from_utf8_lossy(part.contents()).replace("\r\n", "\n");
    // RFC 3464 section 2.1: fields of the message, and then of each recipient, with an empty line between.
    let groups = text.split("\n\n").filter(|group| !group.trim().is_empty());
    let recipients = groups.filter_map(recipient).take(MOST_RECIPIENTS).collect();
    let mut names = Vec::new();
    find(message, &mut names);
    // What is coded does not show in the message as it came.
    for part in &parsed.parts {
        match &part.body {
            PartType::Message(_) | PartType::Multipart(_) => {}
            PartType::Text(_)
            | PartType::Html(_)
            | PartType::Binary(_)
            | PartType::InlineBinary(_) => find(part.contents(), &mut names),
        }
    }
    Ok(Report { names, recipients })
}

impl Report {
    /// What it says of the recipient of the letter, and why; none if the letter was not given up.
    ///
    /// Where delivery failed at another address, that one is behind the recipient's, and others may be behind it as well
    /// to whom letters come: it is no more than a failure.
    pub fn about(&self, mail: &str) -> Option<(Meaning, &str)> {
        let failed = self.recipients.iter().filter(|one| one.is_failed);
        let judged = failed.map(|one| {
            let is_his = one.mail == mail.to_lowercase();
            let most = if is_his { Meaning::Gone } else { Meaning::Failing };
            (one.meaning.min(most), &*one.words)
        });
        judged.max_by_key(|(meaning, _)| *meaning)
    }
}

/// A recipient by his fields; none if they are those of the message.
fn recipient(group: &str) -> Option<Recipient> {
    let fields = fields(group);
    let first = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, v)| &**v);
    let mail = address(first("final-recipient")?);
    let action = first("action").unwrap_or_default().trim().to_ascii_lowercase();
    let diagnostic = first("diagnostic-code").unwrap_or_default();
    let (_, said) = diagnostic.split_once(';').unwrap_or(("", diagnostic));
    let status = first("status").unwrap_or_default();
    let status: Option<Status> =
        status.split_whitespace().next().and_then(|word| word.parse().ok());
    // Some say no more than that it failed, and quote a server that said why.
    let quoted = || said.split_whitespace().take(3).find_map(|word| word.parse::<Status>().ok());
    let status = match status {
        Some(status) if status.is_vague() => Some(quoted().unwrap_or(status)),
        Some(status) => Some(status),
        None => quoted(),
    };
    let words = match (status, said.trim()) {
        (Some(status), "") => status.to_string(),
        (_, said) => said.to_owned(),
    };
    Some(Recipient {
        mail,
        is_failed: action == "failed",
        meaning: status.map_or(Meaning::Other, of_status),
        words,
    })
}

/// An address with its type before it, in lower case: `rfc822; a@x.example`. RFC 6533 section 3 writes what is not ASCII
/// as `\x{E9}` in a report that goes through servers that know nothing else.
fn address(text: &str) -> String {
    let text = text.split_once(';').map_or(text, |(_, address)| address).trim();
    let mut plain = String::new();
    let mut rest = text.trim_matches(['<', '>']);
    while let Some((before, after)) = rest.split_once("\\x{") {
        plain.push_str(before);
        let (digits, behind) = after.split_once('}').unwrap_or_default();
        plain.extend(u32::from_str_radix(digits, 16).ok().and_then(char::from_u32));
        rest = behind;
    }
    plain.push_str(rest);
    plain.to_lowercase()
}

/// Finds what may name a letter: a number, a hyphen, and a tag of 32 letters and digits.
fn find(bytes: &[u8], names: &mut Vec<(i64, String)>) {
    let is_of_tag = |byte: &&u8| matches!(byte.to_ascii_lowercase(), b'a'..=b'z' | b'2'..=b'7');
    for (place, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'-') {
        let before = bytes[..place].iter().rev().take(MOST_DIGITS);
        let number: Vec<u8> = before.take_while(|byte| byte.is_ascii_digit()).copied().collect();
        let number: String = number.iter().rev().map(|byte| char::from(*byte)).collect();
        let Ok(number) = number.parse::<i64>() else { continue };
        let after = bytes[place + 1..].iter().take(TAG + 1).take_while(is_of_tag);
        let tag: String = after.map(|byte| char::from(byte.to_ascii_lowercase())).collect();
        let name = (number, tag);
        if name.1.len() == TAG && !names.contains(&name) && names.len() < MOST_NAMES {
            names.push(name);
        }
    }
}

/// So long is a message at most, with the letter that is returned.
pub const MOST: usize = 1 << 20;
/// So many recipients of a report are read: our letters have one.
const MOST_RECIPIENTS: usize = 50;
/// So many names of letters are tried.
const MOST_NAMES: usize = 16;
/// So long is a tag.
const TAG: usize = 32;
/// So long is the number of a letter.
const MOST_DIGITS: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    /// The tag of the letter in the reports.
    const NAME: &str = "17-abcdefghijklmnopqrstuvwxyz234567";

    /// A report with these fields of a recipient.
    fn dsn(fields: &str) -> String {
        format!(
            "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example\r\nTo: bounces+x@lists.example\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n \
             boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nIt did not work.\r\n--b\r\n\
             Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\
             Arrival-Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n\r\n{fields}\r\n--b\r\n\
             Content-Type: message/rfc822\r\n\r\nMessage-ID: <{NAME}@lists.example>\r\n\
             To: a@x.example\r\n\r\nHello.\r\n--b--\r\n"
        )
    }

    /// What a report says of `a@x.example`.
    fn about(message: &str) -> Option<(Meaning, String)> {
        let report = read(message.as_bytes()).expect("it is a report");
        report.about("a@x.example").map(|(meaning, words)| (meaning, words.to_owned()))
    }

    #[test]
    fn reports_of_several_servers_are_read() {
        for (fields, expect) in [
            // Postfix.
            (
                "Final-Recipient: rfc822; a@x.example\r\nOriginal-Recipient: rfc822;a@x.example\r\n\
                 Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx.x.example\r\n\
                 Diagnostic-Code: smtp; 550 5.1.1 <a@x.example>: Recipient\r\n    unknown\r\n",
                Some((Meaning::Gone, "550 5.1.1 <a@x.example>: Recipient unknown")),
            ),
            // Exim: little more than that it failed, and who said what.
            (
                "Action: failed\r\nFinal-Recipient: rfc822;A@X.example\r\nStatus: 5.0.0\r\n\
                 Remote-MTA: dns; mx.x.example\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n",
                Some((Meaning::Gone, "550 5.1.1 no such user")),
            ),
            (
                "Final-Recipient: rfc822;a@x.example\nAction: FAILED\nStatus: 5.0.0 (gone)\n",
                Some((Meaning::Failing, "5.0.0")),
            ),
            // Sendmail gives up after five days; a mailbox is full.
            (
                "Final-Recipient: RFC822; <a@x.example>\r\nAction: failed\r\nStatus: 4.4.7\r\n",
                Some((Meaning::Failing, "4.4.7")),
            ),
            (
                "Final-Recipient: rfc822; a@x.example\r\nAction: failed\r\nStatus: 5.2.2\r\n",
                Some((Meaning::Failing, "5.2.2")),
            ),
            // Nobody's fault there.
            (
                "Final-Recipient: rfc822; a@x.example\r\nAction: failed\r\nStatus: 5.7.1\r\n",
                Some((Meaning::Other, "5.7.1")),
            ),
            (
                "Final-Recipient: rfc822; a@x.example\r\nAction: failed\r\n",
                Some((Meaning::Other, "")),
            ),
            // It may still come, or did.
            ("Final-Recipient: rfc822; a@x.example\r\nAction: delayed\r\nStatus: 4.4.1\r\n", None),
            (
                "Final-Recipient: rfc822; a@x.example\r\nAction: delivered\r\nStatus: 2.0.0\r\n",
                None,
            ),
            // Somebody behind the address; there may be more behind it.
            (
                "Original-Recipient: rfc822; a@x.example\r\nFinal-Recipient: rfc822; b@y.example\r\n\
                 Action: failed\r\nStatus: 5.1.1\r\n",
                Some((Meaning::Failing, "5.1.1")),
            ),
            // Several: the one that says most.
            (
                "Final-Recipient: rfc822; b@y.example\r\nAction: delayed\r\nStatus: 4.2.0\r\n\r\n\
                 Final-Recipient: rfc822; a@x.example\r\nAction: failed\r\nStatus: 5.1.1\r\n",
                Some((Meaning::Gone, "5.1.1")),
            ),
        ] {
            let expect = expect.map(|(meaning, words)| (meaning, words.to_owned()));
            let message = dsn(fields);
            assert_eq!(about(&message), expect, "{fields}");
            let report = read(message.as_bytes()).expect("it is a report");
            assert_eq!(report.names, [(17, NAME[3..].to_owned())]);
            let in_a_mailbox = format!("From MAILER-DAEMON Tue Nov 14 22:13:20 2023\n{message}");
            assert_eq!(read(in_a_mailbox.as_bytes()), Ok(report));
        }
    }

    #[test]
    fn reports_of_international_mail_are_read() {
        for (recipient, expect) in [
            ("utf-8; j\\x{F6}rg@x.example", "j\u{f6}rg@x.example"),
            ("utf-8; J\u{d6}RG@x.example", "j\u{f6}rg@x.example"),
            ("utf-8; a\\x{110000}@x.example", "a@x.example"),
            ("utf-8; a\\x{", "a"),
        ] {
            let fields =
                format!("Final-Recipient: {recipient}\r\nAction: failed\r\nStatus: 5.1.1\r\n");
            let message = dsn(&fields)
                .replace("message/delivery-status", "message/global-delivery-status")
                .replace("message/rfc822", "message/global-headers");
            let report = read(message.as_bytes()).expect("it is a report");
            let meaning = report.about(expect).map(|(meaning, _)| meaning);
            assert_eq!(meaning, Some(Meaning::Gone), "{recipient}");
            assert_eq!(report.names.len(), 1);
        }
    }

    #[test]
    fn a_name_is_found_wherever_it_stands_and_in_base64() {
        let fields = "Final-Recipient: rfc822; a@x.example\r\nAction: failed\r\nStatus: 5.1.1\r\n";
        let message = dsn(fields);
        let returned =
            format!("Message-ID: <{NAME}@lists.example>\r\nTo: a@x.example\r\n\r\nHello.");
        assert!(message.contains(&returned));
        // The same headers, coded.
        let coded = message.replace(
            &format!("message/rfc822\r\n\r\n{returned}"),
            "text/rfc822-headers\r\nContent-Transfer-Encoding: base64\r\n\r\n\
             TWVzc2FnZS1JRDogPDE3LWFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6MjM0NTY3QGxpc3RzLmV4\r\n\
             YW1wbGU+DQo=",
        );
        assert!(!coded.contains(NAME));
        let in_address = message
            .replace(&returned, "Subject: x")
            .replace("bounces+x@", &format!("bounces+{}@", NAME.to_uppercase()));
        for message in [coded, in_address] {
            let report = read(message.as_bytes()).expect("it is a report");
            assert_eq!(report.names, [(17, NAME[3..].to_owned())], "{message}");
        }
        for other in [&NAME[..NAME.len() - 1], &format!("{NAME}a"), &NAME[2..]] {
            let report = read(message.replace(NAME, other).as_bytes()).expect("it is a report");
            assert_eq!(report.names, [], "{other}");
        }
    }

    #[test]
    fn what_is_no_report_is_refused() {
        let away = "Auto-Submitted: auto-replied\r\nSubject: away\r\n\r\nI am away.\r\n";
        let read_it = dsn("Final-Recipient: rfc822; a@x.example\r\nDisposition: displayed\r\n")
            .replace("message/delivery-status", "message/disposition-notification");
        for (message, error) in [
            (away.to_owned(), ReportError::None),
            (read_it, ReportError::None),
            (String::new(), ReportError::None),
            ("From x".to_owned(), ReportError::None),
            ("x".repeat(MOST + 1), ReportError::Long),
        ] {
            assert_eq!(read(message.as_bytes()), Err(error));
        }
    }
}
