//! Mail-abuse reports (ARF, RFC 5965), as feedback loops of mail providers send them.
//!
//! Only the machine-readable part is read. What was reported, which names people, is neither kept nor looked at.

use mail_parser::{DateTime, MessageParser, MimeHeaders as _};
use repute_database::Timestamp;
use repute_dnsxl::Target;
use ring::digest::{SHA256, digest};

use super::Sighting;

/// Why a message is no evidence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArfError {
    /// Too long.
    #[error("the message has more than {MOST} bytes")]
    Long,
    /// No report at all.
    #[error("not a report of abuse (RFC 5965): no part of the type message/feedback-report")]
    None,
    /// It does not say of what kind it is.
    #[error("the report has no Feedback-Type, which RFC 5965 asks for")]
    NoType,
    /// It tells a domain how its own mail fared.
    #[error(
        "a report of failed authentication (RFC 6591) is for the domain's owner and no evidence of abuse"
    )]
    Authentication,
    /// It says that something is no spam.
    #[error("the report says `not-spam`: that is no evidence of abuse")]
    NotSpam,
    /// It names nobody.
    #[error("the report names neither a Source-IP nor a Reported-Domain")]
    NoTarget,
}

/// What a report says: an observation of its Source-IP, and one of each Reported-Domain. Without a time it was seen
/// now.
///
/// # Errors
/// If the message is no report of abuse.
pub fn read(message: &[u8], now: Timestamp) -> Result<Vec<Sighting>, ArfError> {
    if message.len() > MOST {
        return Err(ArfError::Long);
    }
    let parsed = MessageParser::default().parse(message).ok_or(ArfError::None)?;
    let is_report = |part: &&mail_parser::MessagePart<'_>| {
        part.content_type().is_some_and(|kind| {
            kind.ctype().eq_ignore_ascii_case("message")
                && kind.subtype().is_some_and(|sub| sub.eq_ignore_ascii_case("feedback-report"))
        })
    };
    let part = parsed.parts.iter().find(is_report).ok_or(ArfError::None)?;
    let text = String::from_utf8_lossy(part.contents());
    let fields = fields(&text);
    let first = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, v)| &**v);
    let kind = first("feedback-type").map(|kind| kind.trim().to_ascii_lowercase());
    let class = match kind.as_deref() {
        None | Some("") => return Err(ArfError::NoType),
        Some("auth-failure") => return Err(ArfError::Authentication),
        Some("not-spam") => return Err(ArfError::NotSpam),
        Some(kind @ ("abuse" | "fraud" | "virus" | "opt-out" | "opt-out-list")) => kind,
        // RFC 5965 section 3.1: whatever is not known is `other`.
        Some(_) => "other",
    };
    let date = first("arrival-date").or(first("received-date"));
    let seen = date.and_then(DateTime::parse_rfc822).filter(DateTime::is_valid);
    let seen = seen.map_or(now, |date| {
        Timestamp(date.to_timestamp().clamp(0, i64::MAX / 1_000_000) * 1_000_000).min(now)
    });
    let count = first("incidents").and_then(|n| n.trim().parse::<u32>().ok()).unwrap_or(1);
    let address = first("source-ip").and_then(address);
    let domains = fields.iter().filter(|(name, _)| name == "reported-domain");
    let domains = domains.filter_map(|(_, domain)| domain_of(domain)).take(MOST_DOMAINS);
    let id = digest(&SHA256, message);
    let id: String = id.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let sighting = |target| Sighting {
        target,
        class: class.to_owned(),
        seen,
        count: count.clamp(1, MOST_INCIDENTS),
        trap: None,
        detail: String::new(),
        // Two reports of the same second are two; the same report that comes again is one.
        id: Some(id.clone()),
    };
    let sightings: Vec<Sighting> = address.into_iter().chain(domains).map(sighting).collect();
    match sightings.is_empty() {
        true => Err(ArfError::NoTarget),
        false => Ok(sightings),
    }
}

/// The fields of a report, their names in lower case, folded lines joined.
pub(crate) fn fields(text: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().take(MOST_LINES) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    fields
}

/// An address as it is written, in brackets or with `IPv6:` before it, too (RFC 5321 section 4.1.3).
fn address(text: &str) -> Option<Target> {
    let text = text.split_whitespace().next()?.trim_matches(['[', ']']);
    let tagged = text.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("ipv6:"));
    let text = if tagged { text.get(5..)? } else { text };
    match text.parse::<std::net::IpAddr>().ok()? {
        std::net::IpAddr::V4(address) => Some(Target::Ipv4(address)),
        std::net::IpAddr::V6(address) => Some(Target::Ipv6(address)),
    }
}

/// A domain, or a reporter's address of one.
fn domain_of(text: &str) -> Option<Target> {
    match text.split_whitespace().next()?.parse().ok()? {
        Target::Name(name) if name.label_count() > 1 => Some(Target::Name(name)),
        Target::Name(_) | Target::Ipv4(_) | Target::Ipv6(_) => None,
    }
}

/// So long is a message at most, with the mail that is reported.
pub const MOST: usize = 1 << 20;
/// So many lines of a report are read.
const MOST_LINES: usize = 1_000;
/// So many domains of a report count.
const MOST_DOMAINS: usize = 20;
/// So many incidents of a report count: one report is not to weigh as much as a year.
const MOST_INCIDENTS: u32 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// A report around these fields.
    fn report(fields: &str) -> String {
        format!(
            "From: <fbl@provider.example>\r\nTo: <abuse@sender.example>\r\nSubject: FW: offer\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report;\r\n \
             boundary=\"part_1\"\r\n\r\n--part_1\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
             An abuse report. Source-IP: 203.0.113.9\r\n\r\n--part_1\r\n\
             Content-Type: message/feedback-report\r\n\r\n{fields}\r\n--part_1\r\n\
             Content-Type: message/rfc822\r\nContent-Disposition: inline\r\n\r\n\
             From: <somebody@sender.example>\r\nTo: <person@provider.example>\r\n\
             Subject: offer\r\n\r\nSource-IP: 203.0.113.8\r\n--part_1--\r\n"
        )
    }

    /// What a report says, in words.
    fn words(message: &str) -> Vec<String> {
        let now = Timestamp(2_000_000_000_000_000);
        let word = |seen: Sighting| {
            let Sighting { target, class, seen, count, .. } = seen;
            format!("{target} {class} {count} {}", seen.0 / 1_000_000)
        };
        match read(message.as_bytes(), now) {
            Ok(sightings) => sightings.into_iter().map(word).collect(),
            Err(error) => vec![error.to_string()],
        }
    }

    #[test]
    fn reports_of_several_senders_are_read() {
        for (fields, expect) in [
            // RFC 5965 section 2, the least there is, with an address besides.
            (
                "Feedback-Type: abuse\r\nUser-Agent: SomeGenerator/1.0\r\nVersion: 1\r\nSource-IP: 9.0.0.1\r\n",
                &["9.0.0.1 abuse 1 2000000000"][..],
            ),
            // All fields, folded, in another order and letter case.
            (
                "user-agent: Loop/2\r\nVERSION: 1\r\nArrival-Date: Thu, 8 Mar 2005\r\n 14:00:00 EDT\r\n\
                 Reporting-MTA: dns; mail.example\r\nsource-ip: [9.0.0.2]\r\nIncidents: 12\r\n\
                 Feedback-Type: FRAUD\r\nReported-Domain: bad.example\r\nReported-Domain: worse.example\r\n\
                 Reported-URI: http://bad.example/\r\n",
                &[
                    "9.0.0.2 fraud 12 1110304800",
                    "bad.example fraud 12 1110304800",
                    "worse.example fraud 12 1110304800",
                ],
            ),
            // IPv6 as in mail headers; a type of the sender's own; Received-Date of the first drafts.
            (
                "Feedback-Type: miscategorized\nSource-IP: IPv6:2a00::7\n\
                 Received-Date: Tue, 14 Nov 2023 22:13:20 +0000\n",
                &["2a00::7 other 1 1700000000"],
            ),
            // More than one report may weigh, a time ahead of ours, a domain that is none.
            (
                "Feedback-Type: virus\r\nSource-IP: 9.0.0.3\r\nIncidents: 4000000000\r\n\
                 Arrival-Date: Tue, 14 Nov 2123 22:13:20 +0000\r\nReported-Domain: 9.0.0.4\r\n",
                &["9.0.0.3 virus 1000 2000000000"],
            ),
        ] {
            assert_eq!(words(&report(fields)), expect, "{fields}");
        }
    }

    #[test]
    fn a_report_of_the_whole_base64_is_read() {
        let fields = "Feedback-Type: abuse\r\nSource-IP: 9.0.0.1\r\n";
        let encoded = "RmVlZGJhY2stVHlwZTogYWJ1c2UNClNvdXJjZS1JUDogOS4wLjAuMQ0K";
        let message = report(fields).replace(
            &format!("message/feedback-report\r\n\r\n{fields}"),
            &format!(
                "message/feedback-report\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}"
            ),
        );
        assert!(message.contains(encoded));
        assert_eq!(words(&message), ["9.0.0.1 abuse 1 2000000000"]);
    }

    #[test]
    fn what_is_no_evidence_is_refused_with_the_reason() {
        for (message, error) in [
            (
                report("Feedback-Type: auth-failure\r\nSource-IP: 9.0.0.1\r\n"),
                ArfError::Authentication,
            ),
            (report("Feedback-Type: not-spam\r\nSource-IP: 9.0.0.1\r\n"), ArfError::NotSpam),
            (report("Source-IP: 9.0.0.1\r\n"), ArfError::NoType),
            (report("Feedback-Type: abuse\r\nSource-IP: nowhere\r\n"), ArfError::NoTarget),
            ("Subject: hello\r\n\r\nFeedback-Type: abuse\r\n".to_owned(), ArfError::None),
            (String::new(), ArfError::None),
            ("x".repeat(MOST + 1), ArfError::Long),
        ] {
            assert_eq!(read(message.as_bytes(), Timestamp(1)), Err(error));
        }
    }
}
