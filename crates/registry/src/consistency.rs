//! What organisations have on lists is looked at again about once a day, by the checks of requests: whether names and
//! addresses still lead to each other.
//!
//! A network is `suspect` from the first look that fails, and `bad` when three looks in a row have failed over three
//! days. A look that can tell nothing changes nothing, and is repeated soon. Nothing leaves a list by it: editors see
//! what is bad, and decide.
//!
//! Of a network up to 16 addresses are looked at, from end to end. Not all of them send mail, so it fails only if all of
//! them do: what a request was admitted with is never called bad.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use repute_database::consistency::{self, Standing, State, Watched};
use repute_database::entries::OrganisationId;
use repute_database::organisations::{self, MemberRole, Purpose};
use repute_database::{
    Database, DatabaseError, Key, Session, Timestamp, Transaction, contact_mails, undelivered,
};
use repute_dnsxl::{Name, Network};
use serde_json::{Value, json};
use tracing::warn;

use crate::notice::{Notice, Reader};
use crate::request::check::{self, Check, Evidence, Finding, Outcome};
use crate::request::evidence;

/// What a look at a network came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// All is well.
    Good,
    /// Names and addresses lead to each other, but a name looks like that of a dynamic address.
    Doubtful,
    /// They do not lead to each other.
    Failing,
    /// That cannot be told.
    Silent,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What it is about: an address or a network.
    pub about: String,
    /// What was seen.
    pub seen: String,
    /// How it is mended.
    pub mend: String,
}

/// What is told of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// The network.
    pub key: Key,
    /// How it stands.
    pub state: State,
    /// Why, if it is not well.
    pub reasons: Vec<Reason>,
}

/// Judges a network by what was found out about its sample.
pub fn judge(network: Network, evidence: &[Evidence], domains: &[Name]) -> (Look, Vec<Reason>) {
    let range = check::range(network);
    if range.outcome == Outcome::Fail {
        return (Look::Failing, vec![reason(&range)]);
    }
    let found: Vec<Finding> = evidence.iter().flat_map(|one| check::names(one, domains)).collect();
    let with = |check: Check, outcome: Outcome| {
        found.iter().filter(move |one| one.check == check && one.outcome == outcome)
    };
    let failed = with(Check::Fcrdns, Outcome::Fail);
    let passed = with(Check::Fcrdns, Outcome::Pass).count();
    let unclear = with(Check::Fcrdns, Outcome::Unclear).count();
    let generic = with(Check::Naming, Outcome::Warn);
    let is_generic = passed > 0 && generic.clone().count() == passed;
    match (passed, unclear, is_generic) {
        (1.., _, false) => (Look::Good, Vec::new()),
        (1.., _, true) => (Look::Doubtful, generic.take(MOST_REASONS).map(reason).collect()),
        // One that says nothing may be the one that is well.
        (0, 1.., _) => (Look::Silent, Vec::new()),
        (0, 0, _) => (Look::Failing, failed.take(MOST_REASONS).map(reason).collect()),
    }
}

/// How a network stands after another look.
pub fn after(before: &Standing, look: Look, reasons: &[Reason], now: Timestamp) -> Standing {
    let was_told = before.state == State::Bad || before.failures >= TOLD_AT;
    let (state, failures, failing) = match look {
        // Silence takes nothing from anybody.
        Look::Silent => return Standing { due: now.after(SOON), ..before.clone() },
        Look::Good => (State::Ok, 0, None),
        Look::Doubtful => (State::Suspect, 0, None),
        Look::Failing => {
            let failing = before.failing.unwrap_or(now);
            let failures = before.failures.saturating_add(1);
            let is_bad = before.state == State::Bad
                || (failures >= BAD_AT && failing.after(BAD_AFTER) <= now);
            (if is_bad { State::Bad } else { State::Suspect }, failures, Some(failing))
        }
    };
    let is_news = match look {
        Look::Failing => failures == TOLD_AT || (state == State::Bad && before.state != state),
        Look::Good | Look::Doubtful | Look::Silent => was_told,
    };
    // The first failure is looked at again sooner, to know whether it is one.
    let next = if failures == 1 { SOON } else { DAY };
    Standing {
        state,
        since: if state == before.state && before.looked.is_some() { before.since } else { now },
        failures,
        failing,
        looked: Some(now),
        due: now.after(next),
        reasons: write(reasons),
        news: if is_news { Some(before.news.unwrap_or(now)) } else { before.news },
    }
}

/// The reasons of a network that is not well.
pub fn reasons(standing: &Standing) -> Vec<Reason> {
    // Ours alone write it; if it is none, there is nothing to show.
    let rows: Vec<Value> = serde_json::from_str(&standing.reasons).unwrap_or_default();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let read = |row: &Value| Reason {
        about: text(row, "about"),
        seen: text(row, "seen"),
        mend: text(row, "mend"),
    };
    rows.iter().map(read).collect()
}

/// Looks at what is due, asked of these resolvers and nobody else. Safe to run in several processes at once.
///
/// # Errors
/// If the database fails, or there are no sockets. What was looked at before stands; the rest is looked at again.
pub async fn turn(
    database: &Database,
    resolvers: &[SocketAddr],
    timeout: Duration,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let mut transaction = database.begin().await?;
    consistency::mend(transaction.session(), now, DAY, DAY).await?;
    consistency::go_through(transaction.session(), now, DAY, ORGANISATIONS).await?;
    let taken = consistency::take(transaction.session(), now, LEASE, AT_ONCE).await?;
    transaction.commit().await?;
    let looks = look(database, taken, resolvers, timeout).await?;
    let is_ours = is_our_fault(&looks);
    if is_ours {
        warn!(
            "so many names are gone at once that the resolvers are not believed: all is looked at again"
        );
    }
    let mut transaction = database.begin().await?;
    for (watched, look, reasons) in &looks {
        let look = if is_ours { Look::Silent } else { *look };
        let standing = after(&watched.standing, look, reasons, now);
        // If another process took it meanwhile, what that one saw counts.
        consistency::put(transaction.session(), watched, &standing).await?;
    }
    transaction.commit().await
}

/// What is to be told now: to each organisation once a day at the most, an hour after the first of it was seen, so that one
/// letter tells of all that a change of DNS broke. To be written into the transaction that tells it.
///
/// # Errors
/// If the database fails.
pub async fn tell(
    transaction: &mut Transaction,
    now: Timestamp,
) -> Result<Vec<Notice>, DatabaseError> {
    let (settled, quiet) = (now.before(SETTLE), now.before(QUIET));
    let mut notices = Vec::new();
    for id in consistency::with_news(transaction.session(), settled, quiet, ORGANISATIONS).await? {
        let told = consistency::take_news(transaction.session(), id, quiet, now).await?;
        let more = told.len().saturating_sub(MOST_TOLD);
        let news: Vec<News> = told.iter().take(MOST_TOLD).map(news).collect();
        if news.is_empty() {
            continue;
        }
        for reader in readers(transaction.session(), id).await? {
            let news = news.clone();
            notices.push(Notice::Consistency { reader, organisation: id, news, more });
        }
    }
    Ok(notices)
}

/// Who reads what concerns an organisation's servers: its technical contacts, else those for all else, else those for
/// abuse, else its owners. A contact that has not said that letters may go there, or from which they came back, is none.
///
/// # Errors
/// If the database fails.
pub async fn readers(
    mut session: Session<'_>,
    id: OrganisationId,
) -> Result<Vec<Reader>, DatabaseError> {
    let contacts = organisations::contacts(session.again(), id).await?;
    let dead = undelivered::of_organisation(session.again(), id).await?;
    let said = contact_mails::of(session.again(), id).await?;
    let is_dead = |mail: &str| {
        dead.iter().any(|one| one.mail == mail.to_lowercase())
            || !said.iter().any(|one| one.mail == mail && one.is_written_to())
    };
    for purpose in [Purpose::Technical, Purpose::General, Purpose::Abuse] {
        let of = contacts.iter().filter(|one| one.purpose == purpose && !is_dead(&one.mail));
        let found: Vec<Reader> =
            of.take(MOST_READERS).map(|one| Reader::Contact(one.mail.clone())).collect();
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let members = organisations::members(session, id).await?;
    let owners = members.iter().filter(|member| member.role == MemberRole::Owner);
    Ok(owners.take(MOST_READERS).map(|owner| Reader::Account(owner.account)).collect())
}

/// Looks at networks; those that are none are left out.
async fn look(
    database: &Database,
    taken: Vec<Watched>,
    resolvers: &[SocketAddr],
    timeout: Duration,
) -> Result<Vec<(Watched, Look, Vec<Reason>)>, DatabaseError> {
    let mut samples: Vec<(Watched, Network, Vec<IpAddr>)> = Vec::new();
    for watched in taken {
        let Key::Network(network) = watched.key else { continue };
        samples.push((watched, network, evidence::sample_of(network)));
    }
    let all: Vec<IpAddr> = samples.iter().flat_map(|(_, _, sample)| sample.clone()).collect();
    let mut found = Vec::with_capacity(all.len());
    for part in all.chunks(evidence::MOST) {
        let part = evidence::of_addresses(part.to_vec(), resolvers, timeout).await;
        found.extend(part.map_err(no_socket)?);
    }
    let mut found = &found[..];
    let mut looks = Vec::with_capacity(samples.len());
    let mut connection = database.read().await?;
    for (watched, network, sample) in samples {
        let (own, rest) = found.split_at(sample.len().min(found.len()));
        found = rest;
        let domains = organisations::domains(connection.session(), watched.organisation).await?;
        let (look, reasons) = judge(network, own, &domains);
        looks.push((watched, look, reasons));
    }
    Ok(looks)
}

/// Whether so much fails at once, of so many organisations, that it must be our resolvers.
fn is_our_fault(looks: &[(Watched, Look, Vec<Reason>)]) -> bool {
    let were_well = || {
        let is_known = |watched: &Watched| watched.standing.looked.is_some();
        looks.iter().filter(move |(one, ..)| is_known(one) && one.standing.state == State::Ok)
    };
    let fell: Vec<&Watched> = were_well()
        .filter(|(_, look, _)| *look == Look::Failing)
        .map(|(watched, ..)| watched)
        .collect();
    let whose: BTreeSet<i64> = fell.iter().map(|watched| watched.organisation.0).collect();
    whose.len() >= MANY && fell.len() * 2 > were_well().count()
}

/// What is told of a network.
fn news(watched: &Watched) -> News {
    let reasons = reasons(&watched.standing);
    News { key: watched.key.clone(), state: watched.standing.state, reasons }
}

/// A finding as a reason.
fn reason(finding: &Finding) -> Reason {
    let Finding { about, seen, mend, .. } = finding;
    Reason { about: about.clone(), seen: seen.clone(), mend: mend.clone() }
}

/// Reasons as they are stored.
fn write(reasons: &[Reason]) -> String {
    let row = |one: &Reason| json!({ "about": one.about, "seen": one.seen, "mend": one.mend });
    match reasons.is_empty() {
        true => String::new(),
        false => Value::Array(reasons.iter().map(row).collect()).to_string(),
    }
}

/// What is said when the system gives no sockets.
fn no_socket(_: io::Error) -> DatabaseError {
    DatabaseError::Missing("socket to ask resolvers with")
}

/// A day.
const DAY: Duration = Duration::from_secs(86_400);
/// When a first failure, or a look that told nothing, is repeated.
const SOON: Duration = Duration::from_secs(6 * 3_600);
/// With so many failures in a row it is told.
const TOLD_AT: u32 = 2;
/// With so many it may be bad,
const BAD_AT: u32 = 3;
/// if they fail for so long.
const BAD_AFTER: Duration = Duration::from_secs(72 * 3_600);
/// How long news is gathered before it is told.
const SETTLE: Duration = Duration::from_secs(3_600);
/// An organisation is told of its DNS no sooner again.
const QUIET: Duration = Duration::from_secs(20 * 3_600);
/// Networks that are looked at in a minute: 16 addresses each are some 140 questions a second, and all networks of
/// 350,000 have their turn in a day.
const AT_ONCE: u32 = 256;
/// Organisations that are gone through, or told, in a minute.
const ORGANISATIONS: u32 = 64;
/// How long nobody else looks at a network that somebody took.
const LEASE: Duration = Duration::from_secs(900);
/// Of so many organisations at once it is not theirs.
const MANY: usize = 5;
/// Reasons that are kept of a network.
const MOST_REASONS: usize = 3;
/// Networks that a letter names.
const MOST_TOLD: usize = 20;
/// Addresses that a letter goes to.
const MOST_READERS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::check::Pointers;

    /// What is found of an address: its name, and that name's addresses.
    fn named(address: &str, name: Option<(&str, &str)>) -> Evidence {
        let pointers = name.map_or(Pointers::Unknown, |(name, back)| match name {
            "" => Pointers::Names(Vec::new()),
            name => Pointers::Names(vec![(
                name.parse().expect("a name"),
                Some(vec![back.parse().expect("an address")]),
            )]),
        });
        Evidence { address: address.parse().expect("an address"), pointers }
    }

    #[test]
    fn a_network_fails_if_all_of_it_that_was_seen_does() {
        let judge = |network: &str, evidence: &[Evidence]| {
            let domains = ["example.org".parse().expect("a name")];
            let (look, reasons) = judge(network.parse().expect("one"), evidence, &domains);
            (look, reasons.into_iter().map(|one| one.mend).collect::<Vec<_>>())
        };
        let good = named("8.8.8.8", Some(("mail.example.org", "8.8.8.8")));
        let lost = named("8.8.8.9", Some(("mail.example.org", "8.8.8.8")));
        let bare = named("8.8.8.10", Some(("", "")));
        let pool = named("8.8.8.11", Some(("pool-11.isp.example.net", "8.8.8.11")));
        let silent = named("8.8.8.12", None);
        assert_eq!(judge("8.8.8.8", std::slice::from_ref(&good)), (Look::Good, vec![]));
        let mend = "`dig +short mail.example.org A` must print 8.8.8.9".to_owned();
        assert_eq!(judge("8.8.8.9", std::slice::from_ref(&lost)), (Look::Failing, vec![mend]));
        let few = [lost.clone(), bare.clone(), pool.clone(), good];
        assert_eq!(judge("8.8.8.8/29", &few).0, Look::Good);
        assert_eq!(judge("8.8.8.8/29", &[lost.clone(), bare.clone()]).0, Look::Failing);
        assert_eq!(judge("8.8.8.8/29", &[lost, bare, silent.clone()]).0, Look::Silent);
        assert_eq!(judge("8.8.8.11", &[pool]).0, Look::Doubtful);
        assert_eq!(judge("8.8.8.12", &[silent]).0, Look::Silent);
        assert_eq!(judge("10.0.0.1", &[named("10.0.0.1", None)]).0, Look::Failing, "reserved");
    }

    /// So many hours.
    fn hour(count: i64) -> Timestamp {
        Timestamp(count * 3_600_000_000)
    }

    #[test]
    fn it_takes_three_failures_over_three_days_to_be_bad_and_silence_takes_nothing() {
        use Look::{Doubtful, Failing, Good, Silent};
        // The hour of a look, what it saw; then the state, when it is due, and whether something is to be told.
        type Step = (i64, Look, State, i64, bool);
        let walk = |steps: &[Step]| {
            let mut standing = Standing {
                state: State::Ok,
                since: hour(0),
                failures: 0,
                failing: None,
                looked: None,
                due: hour(0),
                reasons: String::new(),
                news: None,
            };
            for (at, look, state, due, is_news) in steps {
                standing = after(&standing, *look, &[], hour(*at));
                let found = (standing.state, standing.due, standing.news.is_some());
                assert_eq!(found, (*state, hour(*due), *is_news), "hour {at}");
                standing.news = None;
            }
            standing
        };
        let bad = walk(&[
            (0, Good, State::Ok, 24, false),
            (24, Silent, State::Ok, 30, false),
            (30, Failing, State::Suspect, 36, false),
            (36, Failing, State::Suspect, 60, true),
            (60, Silent, State::Suspect, 66, false),
            (66, Failing, State::Suspect, 90, false),
            (90, Failing, State::Suspect, 114, false),
            (114, Failing, State::Bad, 138, true),
            (138, Silent, State::Bad, 144, false),
            (144, Failing, State::Bad, 168, false),
        ]);
        assert_eq!((bad.since, bad.failing), (hour(114), Some(hour(30))));
        let well = after(&bad, Good, &[], hour(168));
        assert_eq!((well.state, well.since, well.news.is_some()), (State::Ok, hour(168), true));
        assert_eq!((well.failures, well.failing), (0, None));
        // One failure is told nobody, and neither is that it was one.
        walk(&[
            (0, Good, State::Ok, 24, false),
            (24, Failing, State::Suspect, 30, false),
            (30, Good, State::Ok, 54, false),
            (54, Doubtful, State::Suspect, 78, false),
            (78, Failing, State::Suspect, 84, false),
            (84, Silent, State::Suspect, 90, false),
        ]);
    }

    #[test]
    fn reasons_are_kept_as_they_are() {
        let reason = Reason {
            about: "8.8.8.8".to_owned(),
            seen: "its name is \"<b>\"".to_owned(),
            mend: "`dig`".to_owned(),
        };
        let standing = Standing {
            state: State::Suspect,
            since: hour(0),
            failures: 1,
            failing: None,
            looked: None,
            due: hour(0),
            reasons: write(std::slice::from_ref(&reason)),
            news: None,
        };
        assert_eq!(reasons(&standing), [reason]);
        assert_eq!(reasons(&Standing { reasons: String::new(), ..standing }), []);
    }
}
