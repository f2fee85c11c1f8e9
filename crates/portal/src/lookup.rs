//! What our lists say of an address or a name: from the zones in memory, and from the database only why.

use idna::AsciiDenyList;
use repute_database::entries::{self, Entry, Named};
use repute_database::lists::{Criterion, Leaving};
use repute_database::{DatabaseError, Timestamp};
use repute_dnsxl::{KeyKind, ReturnCode, Target, TargetError};

use crate::app::App;
use crate::overview::ListCard;
use crate::zones::Standing;

/// What a list says.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// Which list.
    pub(crate) card: ListCard,
    /// The codes it answers with, with their meanings; none if it does not list the target.
    pub(crate) codes: Vec<(ReturnCode, Option<String>)>,
    /// Why.
    pub(crate) reasons: Vec<Reason>,
}

/// Why something is listed.
#[derive(Clone, Debug)]
pub(crate) struct Reason {
    /// What the entry names: the target, or what is around it.
    pub(crate) key: String,
    /// In words.
    pub(crate) reason: String,
    /// Which criterion of the policy it meets.
    pub(crate) criterion: Option<Met>,
    /// Since when.
    pub(crate) since: Timestamp,
    /// Until when.
    pub(crate) until: Option<Timestamp>,
    /// When somebody looks at it again.
    pub(crate) review: Option<Timestamp>,
    /// The version of the policy that was in force when it was listed.
    pub(crate) policy: Option<i64>,
}

/// A criterion, as it was in force when the entry came to name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Met {
    /// Its short name.
    pub(crate) slug: String,
    /// What it was called.
    pub(crate) title: String,
    /// What it said.
    pub(crate) text: String,
    /// Which version that is.
    pub(crate) version: i64,
    /// Whether it says something else now.
    pub(crate) is_former: bool,
}

impl Finding {
    /// Whether the list has the target.
    pub(crate) fn is_listed(&self) -> bool {
        !self.codes.is_empty()
    }

    /// How it leaves the list for whoever asks.
    pub(crate) fn leaving(&self) -> Leaving {
        self.card.leaving(self.codes.iter().map(|(code, _)| *code))
    }

    /// Whether what lists it ends by itself.
    pub(crate) fn ends(&self) -> bool {
        !self.reasons.is_empty() && self.reasons.iter().all(|reason| reason.until.is_some())
    }

    /// The class that marks it: what is bad on one list is good on another.
    pub(crate) fn mark(&self) -> &'static str {
        match (self.is_listed(), self.card.is_block(), self.card.is_allow()) {
            (true, true, _) => "bad",
            (true, _, true) | (false, true, _) => "good",
            (_, _, _) => "idle",
        }
    }
}

/// Why a text names nothing that lists could have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoTarget {
    /// It is no target.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// DNS could have such a name, but no host has.
    #[error("no host name: those have letters, digits, `-`, `_` and dots")]
    Characters,
}

/// Reads what somebody types: an address, a name in any script, a mail address or a URL for their hosts.
pub(crate) fn parse(text: &str) -> Result<Target, NoTarget> {
    let text = text.trim();
    let text = text
        .split_once("://")
        .map_or(text, |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(rest));
    let text = text.rsplit_once('@').map_or(text, |(_, domain)| domain);
    let text = without_port(text);
    let ascii = match text.is_ascii() {
        true => text.into(),
        false => idna::domain_to_ascii_cow(text.as_bytes(), AsciiDenyList::EMPTY)
            .map_err(|_| NoTarget::Characters)?,
    };
    let target: Target = ascii.parse()?;
    let is_of_hosts = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match &target {
        Target::Name(name) if !name.labels().flatten().copied().all(is_of_hosts) => {
            Err(NoTarget::Characters)
        }
        Target::Name(_) | Target::Ipv4(_) | Target::Ipv6(_) => Ok(target),
    }
}

/// A host without the port behind it, and without the brackets of an address of IPv6 (RFC 3986 section 3.2.2).
fn without_port(text: &str) -> &str {
    let is_port =
        |port: &str| (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit());
    if let Some((inner, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let is_whole = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
        return if is_whole { inner } else { text };
    }
    match text.split_once(':') {
        Some((host, port)) if is_port(port) => host,
        Some(_) | None => text,
    }
}

/// Asks all lists that take such a target.
pub(crate) async fn look_up(app: &App, target: &Target) -> Result<Vec<Finding>, DatabaseError> {
    let kind = match target {
        Target::Ipv4(_) | Target::Ipv6(_) => KeyKind::Ip,
        Target::Name(_) => KeyKind::Name,
    };
    let cards = app.overview.get(&app.database, &*app.zones).await?;
    let mut findings = Vec::new();
    for card in cards.iter().filter(|card| card.list.keys == kind) {
        let standing = app.zones.standing(&card.list.apex, target);
        let (codes, reasons) = match standing {
            Some(Standing::NotListed) => (Vec::new(), Vec::new()),
            // Boxed: half of those who ask have no use for the room that its query takes.
            Some(Standing::Listed(codes)) => (codes, Box::pin(reasons(app, card, target)).await?.1),
            // It is not answered here, so what is registered counts.
            None => Box::pin(reasons(app, card, target)).await?,
        };
        let meaning = |code| (code, card.meaning(code).map(str::to_owned));
        let codes = codes.into_iter().map(meaning).collect();
        findings.push(Finding { card: card.clone(), codes, reasons });
    }
    // What a list has to say comes first.
    findings.sort_by_key(|finding| !finding.is_listed());
    Ok(findings)
}

/// The entries that decide about a target, and their codes.
async fn reasons(
    app: &App,
    card: &ListCard,
    target: &Target,
) -> Result<(Vec<ReturnCode>, Vec<Reason>), DatabaseError> {
    let mut connection = app.database.read().await?;
    let now = Timestamp::now();
    let mut over = entries::over(connection.session(), card.id, target).await?;
    // What is over and still there was not cleared away yet.
    over.retain(|entry| entry.expires.is_none_or(|expires| expires > now));
    let Some(first) = over.first().map(|entry| entry.key.clone()) else {
        return Ok((Vec::new(), Vec::new()));
    };
    let deciding: Vec<Entry> = over.into_iter().filter(|entry| entry.key == first).collect();
    let is_excluded = deciding.iter().any(|entry| entry.code.is_none());
    if is_excluded {
        return Ok((Vec::new(), Vec::new()));
    }
    let codes = deciding.iter().filter_map(|entry| entry.code).collect();
    Ok((codes, explained(card, deciding)))
}

/// Why entries are there.
pub(crate) fn explained(card: &ListCard, deciding: Vec<Entry>) -> Vec<Reason> {
    let reasons = deciding.into_iter().map(|entry| Reason {
        key: entry.key.to_string(),
        reason: entry.reason,
        criterion: met(&card.criteria, entry.criterion, entry.since),
        since: entry.since,
        until: entry.expires,
        review: entry.review,
        policy: card.policy_at(entry.since),
    });
    reasons.collect()
}

/// A criterion as an entry that was listed then names it.
fn met(criteria: &[Criterion], named: Option<Named>, listed: Timestamp) -> Option<Met> {
    let named = named?;
    let known = criteria.iter().find(|known| known.id == named.id)?;
    let said = known.said(named.version, listed)?;
    Some(Met {
        slug: known.slug.clone(),
        title: said.title.clone(),
        text: said.text.clone(),
        version: said.version,
        is_former: known.named().version != Some(said.version),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_becomes_a_target() {
        for (text, expect) in [
            (" 192.0.2.1 ", "192.0.2.1"),
            ("[2001:DB8::1]", "2001:db8::1"),
            ("https://[2001:DB8::1]:8443/x?y#z", "2001:db8::1"),
            ("2001:db8::25", "2001:db8::25"),
            ("http://192.0.2.1:80/x", "192.0.2.1"),
            ("192.0.2.1:25", "192.0.2.1"),
            ("http://example.org:8080?x", "example.org"),
            ("Mail.Example.ORG.", "mail.example.org"),
            ("somebody@spam.example", "spam.example"),
            ("https://spam.example/path?x", "spam.example"),
            ("bücher.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(parse(text).expect(text).to_string(), expect);
        }
        for text in ["", "192.0.2.0/24", "1.2.3", "a..b", "a b\u{0}ü", "<b>.example"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
