//! Letters that do not arrive: what a refusal says of an address, and when nothing goes there any more.
//!
//! A refusal is judged by its status code (RFC 3463), as only that tells an address that is not there from a server that
//! does not like us. One that says so ends letters at once; what may pass, a full mailbox or a server that is away, does
//! after failures on three days. Whatever is about us or about the letter says nothing of the address: our server on
//! somebody's list must not cost us all contacts.
//!
//! A report by mail ([`report`]) counts only with the tag of a letter of ours ([`name`]), which nobody knows but those
//! through whose hands that letter went.
//!
//! What is *not* here: which letters go nevertheless, as somebody asked for them himself (`portal`).

pub mod report;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use repute_database::outbox::{self, LetterId};
use repute_database::{DatabaseError, Session, Timestamp, Transaction, undelivered};

use crate::token::{TokenKey, Use};

/// What a refusal says of the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meaning {
    /// Nothing: it is about us, or about the letter.
    Other,
    /// The letter did not arrive; another one may.
    Failing,
    /// There is nobody.
    Gone,
}

/// What a mail server refused while we spoke with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The recipient.
    Recipient,
    /// The letter, which had one recipient.
    Letter,
    /// Something before either.
    Other,
}

/// A status code (RFC 3463): `5.1.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// 2 for success, 4 for what may pass, 5 for what will not.
    class: u8,
    /// What it is about.
    subject: u16,
    /// What exactly.
    detail: u16,
}

/// What became of an address by a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// Nothing: the failure says nothing of it.
    Nothing,
    /// It failed today, and on so many days in all.
    Failed(u32),
    /// Nothing goes there from now on.
    Dead,
    /// Nothing went there any more.
    Known,
}

/// What a mail server's reply says of the recipient.
pub fn of_reply(refused: Refused, code: u16, words: &str) -> Meaning {
    if !(500..600).contains(&code) || refused == Refused::Other {
        return Meaning::Other;
    }
    let status = words.split_whitespace().next().and_then(|word| word.parse().ok());
    match (status, refused) {
        (Some(status), _) => of_status(status),
        // A mailbox that is full (RFC 5321 section 4.2.2), whenever it is said.
        (None, _) if code == 552 => Meaning::Failing,
        // The same section says of 550: not found, no access, or refused for policy reasons. It may well be us, but
        // hardly for days.
        (None, Refused::Recipient) if matches!(code, 550 | 551 | 553) => Meaning::Failing,
        // RFC 5321 section 4.3.2: after the letter, 550 is about policy, and 554 about anything.
        (None, _) => Meaning::Other,
    }
}

/// What a status says of the recipient, where a letter was given up by it.
pub fn of_status(status: Status) -> Meaning {
    match (status.class, status.subject, status.detail) {
        // Of the sender's address: RFC 3463 section 3.2.
        (_, 1, 7 | 8) => Meaning::Other,
        // No such mailbox or domain, no address at all, moved away, takes no mail (RFC 7505); disabled.
        (5, 1, _) | (5, 2, 1) => Meaning::Gone,
        // Too long a letter, and a list that cannot be expanded, are no matter of the mailbox.
        (_, 2, 3 | 4) => Meaning::Other,
        // Full, or something else with the mailbox; who was given up after days of `4.1.x` is not known to be gone.
        (_, 1 | 2, _) => Meaning::Failing,
        // A loop, or too large for the system.
        (_, 4, 6) | (_, 3, 4) => Meaning::Other,
        // The system behind it, or the way there: nobody answers, for days.
        (_, 0 | 3 | 4, _) => Meaning::Failing,
        // The protocol, the content, and policy: authentication, our reputation, our words.
        (_, _, _) => Meaning::Other,
    }
}

/// Writes down that a letter to an address failed. Nothing goes there after one that says there is nobody, or after
/// failures on three days, none of them more than a month after the one before.
///
/// # Errors
/// If the database fails.
pub async fn note(
    transaction: &mut Transaction,
    mail: &str,
    meaning: Meaning,
    words: &str,
    now: Timestamp,
) -> Result<Noted, DatabaseError> {
    if meaning == Meaning::Other {
        return Ok(Noted::Nothing);
    }
    let mut one = undelivered::hold(transaction.session(), mail, now).await?;
    if one.dead.is_some() {
        return Ok(Noted::Known);
    }
    let is_forgotten = one.failures == 0 || one.failed <= now.before(FORGOTTEN);
    // Letters of one day meet the same full mailbox: the first of them counts.
    let is_another_day = one.failed <= now.before(APART);
    if is_forgotten || is_another_day {
        one.failures = if is_forgotten { 1 } else { one.failures.saturating_add(1) };
        one.failed = now;
    }
    let is_dead = meaning == Meaning::Gone || one.failures >= FAILURES;
    one.dead = is_dead.then_some(now);
    one.words = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    undelivered::put(transaction.session(), &one).await?;
    Ok(if is_dead { Noted::Dead } else { Noted::Failed(one.failures) })
}

/// What names a letter in its headers and in the address that it goes back to: its number, and a tag that nobody guesses.
pub fn name(key: &TokenKey, id: LetterId, created: Timestamp) -> String {
    format!("{}-{}", id.0, key.token(Use::Report(id.0), &nonce(created)))
}

/// To whom the letter went that one of these names; none if it is no letter of ours, or too long ago.
///
/// # Errors
/// If the database fails.
pub async fn recipient(
    mut session: Session<'_>,
    key: &TokenKey,
    names: &[(i64, String)],
) -> Result<Option<String>, DatabaseError> {
    for (id, tag) in names {
        for (created, recipient) in outbox::recipients(session.again(), LetterId(*id)).await? {
            if key.is(tag, Use::Report(*id), &nonce(created)) {
                return Ok(Some(recipient));
            }
        }
    }
    Ok(None)
}

/// Forgets what no report will be about any more, and failures that no longer count.
///
/// # Errors
/// If the database fails.
pub async fn forget(transaction: &mut Transaction, now: Timestamp) -> Result<(), DatabaseError> {
    outbox::forget_sent(transaction.session(), now, FORGOTTEN).await?;
    undelivered::forget(transaction.session(), now, FORGOTTEN).await?;
    Ok(())
}

/// The time at which a letter was written, which makes its tag that of no other: numbers are given again.
fn nonce(created: Timestamp) -> [u8; 16] {
    let mut nonce = [0; 16];
    for (place, byte) in nonce.iter_mut().zip(created.0.to_be_bytes()) {
        *place = byte;
    }
    nonce
}

/// A text that is no status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a status code such as 5.1.1 (RFC 3463)")]
pub struct StatusError;

impl Status {
    /// Whether it says no more than that it failed.
    fn is_vague(self) -> bool {
        (self.subject, self.detail) == (0, 0)
    }
}

impl FromStr for Status {
    type Err = StatusError;

    fn from_str(text: &str) -> Result<Status, StatusError> {
        let mut parts = text.split('.');
        let mut next = |most: usize| {
            let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
            let part = parts.next().filter(|part| (1..=most).contains(&part.len()));
            part.filter(is_number).and_then(|part| part.parse::<u16>().ok()).ok_or(StatusError)
        };
        let (class, subject, detail) = (next(1)?, next(3)?, next(3)?);
        let class = u8::try_from(class).map_err(|_| StatusError)?;
        if parts.next().is_some() || !matches!(class, 2 | 4 | 5) {
            return Err(StatusError);
        }
        Ok(Status { class, subject, detail })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// On so many days letters fail before none goes any more.
const FAILURES: u32 = 3;
/// So far apart are two failures that count.
const APART: Duration = Duration::from_secs(24 * 3600);
/// After so long a failure counts no more, and no report about a letter is expected.
const FORGOTTEN: Duration = Duration::from_secs(30 * 24 * 3600);

#[cfg(test)]
mod tests {
    use repute_database::testing::on_each;

    use super::*;

    #[test]
    fn a_reply_is_judged_by_its_status_and_where_it_came() {
        use Meaning::{Failing, Gone, Other};
        use Refused::{Letter, Recipient};
        for (refused, code, words, expect) in [
            (Recipient, 550, "5.1.1 <a@x.example>: User unknown", Gone),
            (Recipient, 553, "5.1.3 bad syntax", Gone),
            (Recipient, 556, "5.1.10 takes no mail", Gone),
            (Recipient, 550, "5.2.1 The account is disabled", Gone),
            (Letter, 550, "5.1.1 no such user here", Gone),
            (Recipient, 552, "5.2.2 mailbox full", Failing),
            (Letter, 552, "too much mail data", Failing),
            (Recipient, 550, "no such user", Failing),
            (Recipient, 550, "5.4.4 host not found", Failing),
            // Of us, or of the letter.
            (Recipient, 550, "5.7.1 blocked by bl.example", Other),
            (Recipient, 554, "5.7.1 Relay access denied", Other),
            (Recipient, 554, "no", Other),
            (Letter, 550, "spam", Other),
            (Letter, 554, "5.6.0 bad content", Other),
            (Letter, 552, "5.3.4 too large", Other),
            (Recipient, 550, "5.1.8 bad sender", Other),
            (Recipient, 503, "5.5.1 MAIL first", Other),
            (Refused::Other, 550, "5.1.1 what?", Other),
            (Recipient, 450, "4.1.1 greylisted", Other),
        ] {
            assert_eq!(of_reply(refused, code, words), expect, "{refused:?} {code} {words}");
        }
    }

    #[test]
    fn a_status_has_three_numbers() {
        for text in ["5.1.1", "4.4.7", "5.1.10", "2.0.0"] {
            let status = text.parse::<Status>().map(|status| status.to_string());
            assert_eq!(status, Ok(text.to_owned()));
        }
        for text in ["", "5", "5.1", "5.1.1.1", "3.1.1", "55.1.1", "5.1000.1", "5.+1.1", "5..1"] {
            assert_eq!(text.parse::<Status>(), Err(StatusError), "{text}");
        }
    }

    #[tokio::test]
    async fn an_address_dies_at_once_or_by_failures_on_three_days() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let hour = |count: i64| Timestamp(count * 3_600_000_000 + 1_000 * 86_400_000_000);
            let words = "5.2.2 full\r\n";
            let mut at = async |mail: &str, meaning, hours: i64| {
                let noted = note(&mut transaction, mail, meaning, words, hour(hours)).await;
                noted.expect("it is noted")
            };
            use Meaning::{Failing, Gone, Other};
            assert_eq!(at("gone@x.example", Gone, 0).await, Noted::Dead);
            assert_eq!(at("gone@x.example", Gone, 1).await, Noted::Known);
            assert_eq!(at("policy@x.example", Other, 0).await, Noted::Nothing);
            for (hours, expect) in [
                (0, Noted::Failed(1)),
                (23, Noted::Failed(1)),
                (24, Noted::Failed(2)),
                (47, Noted::Failed(2)),
                (48, Noted::Dead),
            ] {
                assert_eq!(at("full@x.example", Failing, hours).await, expect, "{hours}");
            }
            for (hours, count) in [(0, 1), (24, 2), (24 * 31, 1), (24 * 33, 2)] {
                assert_eq!(at("seldom@x.example", Failing, hours).await, Noted::Failed(count));
            }
            let read = undelivered::dead(transaction.session(), "Full@x.example").await;
            let read = read.expect("it is read").expect("it is dead");
            assert_eq!((&*read.words, read.dead), ("5.2.2 full  ", Some(hour(48))));
            let policy = undelivered::dead(transaction.session(), "policy@x.example").await;
            assert_eq!(policy.expect("it is read"), None);
        })
        .await;
    }

    #[tokio::test]
    async fn a_name_leads_to_the_recipient_of_that_letter_alone() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let (key, other) = (TokenKey::new(&[1; 32]), TokenKey::new(&[2; 32]));
            let letter = |to: &str| outbox::Letter {
                recipient: to.to_owned(),
                subject: String::new(),
                plain: String::new(),
                html: String::new(),
                unsubscribe: String::new(),
            };
            let t = &mut transaction;
            let lease = Duration::from_secs(1);
            // SQLite gives the second the number of the first.
            for (to, time) in [("a@x.example", Timestamp(5)), ("b@x.example", Timestamp(7))] {
                outbox::put(t.session(), &letter(to), time).await.expect("it is put in");
                let taken = outbox::take(t.session(), time, lease).await.expect("it is read");
                let taken = taken.expect("one is due");
                outbox::sent(t.session(), taken.id, time).await.expect("it is sent");
                let text = name(&key, taken.id, taken.created);
                let (id, tag) = text.split_once('-').expect("it has both");
                let id: i64 = id.parse().expect("a number");
                let wrong = name(&key, taken.id, Timestamp(6));
                let (_, wrong) = wrong.split_once('-').expect("it has both");
                for (key, id, tag, is_known) in [
                    (&key, id, tag.to_uppercase(), true),
                    (&other, id, tag.to_owned(), false),
                    (&key, id + 7, tag.to_owned(), false),
                    (&key, id, wrong.to_owned(), false),
                ] {
                    let names = [(0, tag.clone()), (id, tag)];
                    let found = recipient(t.session(), key, &names).await.expect("it is read");
                    assert_eq!(found, is_known.then(|| to.to_owned()), "{names:?}");
                }
            }
            forget(t, Timestamp(7).after(FORGOTTEN)).await.expect("they are forgotten");
            for id in [1, 2] {
                let known = outbox::recipients(t.session(), LetterId(id)).await.expect("read");
                assert_eq!(known, []);
            }
        })
        .await;
    }
}
