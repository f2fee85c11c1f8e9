//! Links in the texts of listings: whether a list has them, where they lead to, and whose tags are good.
//!
//! A portal says at its start where people reach it. What every process that publishes makes of that, of the list's
//! setting and of its key is the same, and stands in a version of the list: so it changes with a serial only.
//!
//! What is *not* here: the tag itself and how a text is cut for it (`zone`), and the page (`portal`).

use repute_database::audit::{self, Deed};
use repute_database::dns::{self, Links, Settings};
use repute_database::lists::{self, ListId, Stored};
use repute_database::tag_keys::{self, StoredKey};
use repute_database::{DatabaseError, Session, Timestamp, Transaction, changes};
use repute_dnsxl::Polarity;
use repute_zone::{Link, TagKey};
use serde_json::json;

use crate::token::{self, NoRandom};

/// Why links cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No key can be made.
    #[error(transparent)]
    Random(#[from] NoRandom),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Where the texts of a list lead to, if they do.
///
/// # Errors
/// If the database fails.
pub async fn of(
    mut session: Session<'_>,
    list: &Stored,
    settings: &Settings,
) -> Result<Option<Link>, DatabaseError> {
    let Some(url) = tag_keys::portal(session.again()).await? else { return Ok(None) };
    if !is_wanted(list, settings.links, &url) {
        return Ok(None);
    }
    let key = tag_keys::of(session, list.id).await?.into_iter().next();
    // A portal whose address leaves no room for a reason has no links.
    Ok(key.and_then(|key| Link::new(&address(&url, list.id), TagKey::new(key.secret)).ok()))
}

/// Whether a list signed the link of a target: now, or with the key it had before.
///
/// # Errors
/// If the database fails.
pub async fn is_signed(
    session: Session<'_>,
    list: ListId,
    target: &str,
    tag: &str,
) -> Result<bool, DatabaseError> {
    let target = target.to_ascii_lowercase();
    let keys = tag_keys::of(session, list).await?;
    let is_of = |key: StoredKey| TagKey::new(key.secret).is_tag(target.as_bytes(), tag);
    // All are tried, whichever it is.
    Ok(keys.into_iter().map(is_of).fold(false, |found, is_of| found | is_of))
}

/// The path of the page to which the text of a target's listing leads, if the list has a key.
///
/// # Errors
/// If the database fails.
pub async fn path(
    session: Session<'_>,
    list: ListId,
    target: &str,
) -> Result<Option<String>, DatabaseError> {
    let target = target.to_ascii_lowercase();
    let key = tag_keys::of(session, list).await?.into_iter().next();
    Ok(key.map(|key| {
        let tag = TagKey::new(key.secret).tag(target.as_bytes());
        format!("/r/{}/{target}/{}", list.0, String::from_utf8_lossy(&tag))
    }))
}

/// Says where people reach the portal, and gives each list a key that has none. Each list whose links change by that
/// gets a new serial; how many.
///
/// # Errors
/// If there are no random numbers, or the database fails.
pub async fn announce(
    transaction: &mut Transaction,
    url: &str,
    now: Timestamp,
) -> Result<usize, LinkError> {
    let was = tag_keys::portal(transaction.session()).await?;
    let is_news = tag_keys::set_portal(transaction.session(), url).await?;
    let mut led = Vec::new();
    for list in lists::all(transaction.session()).await? {
        let is_new = give_key(transaction, list.id, now).await?;
        if !is_news && !is_new {
            continue;
        }
        let links = dns::of(transaction.session(), list.id).await?.links;
        let had = was.as_ref().is_some_and(|was| !is_new && is_wanted(&list, links, was));
        if had || is_wanted(&list, links, url) {
            led.push(list);
        }
    }
    // Everybody takes lists before the audit log, and lists by their numbers.
    led.sort_by_key(|list| list.id.0);
    for list in &led {
        lists::lock(transaction.session(), list.id).await?;
    }
    for list in &led {
        let serial = changes::next_serial(transaction.session(), list.id).await?;
        let actor = audit::machine(transaction.session(), "portal").await?;
        let deed = Deed {
            time: now,
            actor,
            action: "list.links".to_owned(),
            subject: format!("list/{}", list.list.apex),
            detail: json!({ "portal": url, "serial": serial }).to_string(),
        };
        audit::append(transaction.session(), &deed).await?;
    }
    Ok(led.len())
}

/// Gives a list a key if it has none. Whether it had none.
///
/// # Errors
/// If there are no random numbers, or the database fails.
pub(crate) async fn give_key(
    transaction: &mut Transaction,
    list: ListId,
    now: Timestamp,
) -> Result<bool, LinkError> {
    if !tag_keys::of(transaction.session(), list).await?.is_empty() {
        return Ok(false);
    }
    let key = StoredKey { number: 1, secret: token::nonce()? };
    Ok(tag_keys::add(transaction.session(), list, &key, now).await?)
}

/// Gives a list another key, with which its tags are made from now on; those of the key before stay good until the next
/// time.
///
/// # Errors
/// If there are no random numbers, or the database fails.
pub(crate) async fn renew_key(
    transaction: &mut Transaction,
    list: ListId,
    now: Timestamp,
) -> Result<(), LinkError> {
    let last = tag_keys::of(transaction.session(), list).await?.first().map_or(0, |key| key.number);
    let key = StoredKey { number: last + 1, secret: token::nonce()? };
    tag_keys::add(transaction.session(), list, &key, now).await?;
    Ok(tag_keys::forget(transaction.session(), list, last).await?)
}

/// Whether a list has links to a portal: by itself if it blocks, and others can reach the portal.
fn is_wanted(list: &Stored, links: Links, url: &str) -> bool {
    match links {
        Links::On => true,
        Links::Off => false,
        Links::Auto => list.list.polarity == Polarity::Block && !is_local(url),
    }
}

/// The address of a list's pages, up to the target.
fn address(url: &str, list: ListId) -> String {
    format!("{url}/r/{}/", list.0)
}

/// Whether a portal is reached from its own machine only.
fn is_local(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    };
    match host.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use repute_database::lists::List;
    use repute_database::testing::on_each;
    use repute_dnsxl::KeyKind;

    use super::*;
    use crate::settings::{Hand, Who, configure, renew_links};

    /// Adds a list.
    async fn add(transaction: &mut Transaction, apex: &str, polarity: Polarity) -> Stored {
        let list = List {
            apex: apex.parse().expect("a name"),
            title: "A list".to_owned(),
            description: String::new(),
            polarity,
            keys: KeyKind::Ip,
            ttl: 300,
            contact: String::new(),
        };
        lists::add(transaction.session(), &list, Timestamp(1)).await.expect("it is added");
        let stored = lists::by_apex(transaction.session(), &list.apex).await;
        stored.expect("it is read").expect("it is there")
    }

    /// The link of a list, and its serial.
    async fn now(transaction: &mut Transaction, list: &Stored) -> (Option<Link>, u32) {
        let settings = dns::of(transaction.session(), list.id).await.expect("they are read");
        let link = of(transaction.session(), list, &settings).await.expect("it is read");
        let stored = lists::by_id(transaction.session(), list.id).await.expect("it is read");
        (link, stored.expect("it is there").serial)
    }

    #[tokio::test]
    async fn lists_that_block_lead_to_a_portal_that_others_reach() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let bl = add(t, "bl.example", Polarity::Block).await;
            let wl = add(t, "wl.example", Polarity::Allow).await;
            let time = Timestamp(7);
            for (url, count, serial) in [
                ("http://localhost:8080", 0, 1),
                ("https://lists.example", 1, 2),
                ("https://lists.example", 0, 2),
                ("http://[::1]:80", 1, 3),
                ("https://other.example", 1, 4),
            ] {
                assert_eq!(announce(t, url, time).await.expect("it is said"), count, "{url}");
                let (link, found) = now(t, &bl).await;
                assert_eq!(found, serial, "{url}");
                let address = (!is_local(url)).then(|| format!("{url}/r/{}/", bl.id.0));
                assert_eq!(link.map(|link| link.before().to_owned()), address);
                assert_eq!(now(t, &wl).await, (None, 1));
            }
            // Whoever says so has them on any list, and off.
            let actor = audit::machine(t.session(), "test").await.expect("a name");
            let hand = Hand { who: Who::Shell(&actor), reason: "a test", now: time };
            for (list, links, is_linked) in [(&wl, Links::On, true), (&bl, Links::Off, false)] {
                let settings = Settings { links, ..Settings::default() };
                configure(t, &hand, list, &settings).await.expect("it is set");
                assert_eq!(now(t, list).await.0.is_some(), is_linked);
            }
            assert_eq!(announce(t, "http://localhost", time).await.expect("it is said"), 1);
            assert!(now(t, &wl).await.0.is_some(), "he meant it");
        })
        .await;
    }

    #[tokio::test]
    async fn an_old_link_is_good_until_the_key_after_the_next() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let list = add(t, "bl.example", Polarity::Block).await;
            let other = add(t, "other.example", Polarity::Block).await;
            announce(t, "https://lists.example", Timestamp(7)).await.expect("it is said");
            let actor = audit::machine(t.session(), "test").await.expect("a name");
            let hand = Hand { who: Who::Shell(&actor), reason: "a test", now: Timestamp(8) };
            let mut tags = Vec::new();
            for turn in 0..3 {
                let (link, serial) = now(t, &list).await;
                assert_eq!(serial, 2 + turn);
                let tag = link.expect("it has links").key().tag(b"mail.example.org");
                tags.push(String::from_utf8(tag.to_vec()).expect("letters"));
                for (age, tag) in tags.iter().rev().enumerate() {
                    let signed = is_signed(t.session(), list.id, "Mail.Example.ORG", tag).await;
                    assert_eq!(signed.expect("it is read"), age < 2, "{turn} {age}");
                    let elses = is_signed(t.session(), other.id, "mail.example.org", tag).await;
                    assert!(!elses.expect("it is read"), "the key is that of a list");
                }
                let next = renew_links(t, &hand, &list).await.expect("it is renewed");
                assert_eq!(next, serial + 1);
            }
            let log = audit::of_subject(t.session(), "list/bl.example", 9).await;
            assert_eq!(log.expect("the log")[0].action, "list.links");
        })
        .await;
    }
}
