//! What lists of others say of a target: asked only when somebody wants to know, and so that nobody can use us to
//! hammer them.
//!
//! A target is asked about once at a time, however many wait for it; what was said is kept for some minutes, and few
//! inquiries run at once. Pages and the checks of requests share all of it. That is why it is here and not in the
//! portal, which so needs to know nothing of DNS.
//!
//! What is *not* here: what a listing is worth to somebody, and how often a person may ask.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use repute_dnsxl::{Ipv4Network, Ipv6Network, Name, Network, Polarity, ReturnCode, Target};
use repute_lookup::health::Memory;
use repute_lookup::inquiry::{Inquiry, Known, ListAt, Rate};
use repute_lookup::survey;
use repute_lookup::verdict::Verdict;
use tokio::sync::{Semaphore, watch};

use crate::reserved::reserved_for;

/// The lists of others, and what they said lately; clones are the same one.
#[derive(Clone)]
pub struct Elsewhere(Arc<Inner>);

/// What clones share.
struct Inner {
    /// What is asked, and how.
    inquiry: Inquiry,
    /// Which of the lists live.
    memory: Mutex<Memory>,
    /// What they said, and what is being asked.
    kept: Mutex<HashMap<Target, Kept>>,
    /// Inquiries that may run at once.
    turns: Semaphore,
}

/// An inquiry about a target, under way or over.
struct Kept {
    /// When it began.
    begun: Instant,
    /// What it found, as soon as it is over.
    report: watch::Receiver<Option<Arc<Report>>>,
}

/// What all lists say of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Of what.
    pub target: Target,
    /// When they were asked, in Unix seconds.
    pub asked: u64,
    /// What each list says that takes such a target.
    pub opinions: Vec<Opinion>,
}

/// What a list says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opinion {
    /// Where the list is asked.
    pub zone: Name,
    /// What it is called.
    pub title: String,
    /// What being listed means there.
    pub polarity: Polarity,
    /// What it says.
    pub says: Says,
    /// Where one asks to be removed: a link that its operator wrote.
    pub way_out: Option<String>,
}

/// What a list says of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// It is listed: with these codes, as far as known with their meanings, and for these reasons in the list's words.
    Listed(Vec<(ReturnCode, Option<String>)>, Vec<String>),
    /// It is not.
    NotListed,
    /// The list did not say, and why.
    Unknown(String),
}

/// Why lists are not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody else can know anything of it.
    #[error("it is reserved for {0}: no list of others has it")]
    Reserved(&'static str),
    /// Too many targets are asked about.
    #[error("too much is being looked up just now: try again in some minutes")]
    Busy,
}

impl Elsewhere {
    /// Asks these lists, by way of these resolvers unless a list has its own servers.
    pub fn new(lists: Vec<ListAt>, resolvers: Vec<SocketAddr>) -> Elsewhere {
        let limit = Some(LIMIT);
        let inquiry = Inquiry { lists, resolvers, timeout: TIMEOUT, limit, rate: Rate::OfList };
        Elsewhere(Arc::new(Inner {
            inquiry,
            memory: Mutex::default(),
            kept: Mutex::default(),
            turns: Semaphore::new(AT_ONCE),
        }))
    }

    /// How many lists there are.
    pub fn count(&self) -> usize {
        self.0.inquiry.lists.len()
    }

    /// What was said of a target lately; nobody is asked.
    pub fn kept(&self, target: &Target) -> Option<Arc<Report>> {
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.get(target).filter(|known| known.counts(Instant::now()))?;
        known.report.borrow().clone()
    }

    /// Asks about a target, unless that was done lately or is being done; waits for it.
    ///
    /// # Errors
    /// If nobody else can know anything of the target, or too much is being asked.
    pub async fn ask(&self, target: &Target) -> Result<Arc<Report>, Refusal> {
        let mut asked = self.ask_all(std::slice::from_ref(target)).await?;
        asked.pop().flatten().ok_or(Refusal::Busy)
    }

    /// Asks about several targets in one inquiry; none for those of which nothing was found in time.
    ///
    /// # Errors
    /// If nobody else can know anything of one of them, or too much is being asked.
    pub async fn ask_all(&self, targets: &[Target]) -> Result<Vec<Option<Arc<Report>>>, Refusal> {
        if let Some(what) = targets.iter().find_map(reserved) {
            return Err(Refusal::Reserved(what));
        }
        let waiting = self.begin(targets)?;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut reports = Vec::new();
        for mut report in waiting {
            let found = tokio::time::timeout_at(deadline, report.wait_for(Option::is_some)).await;
            // An inquiry that ended without a report found none.
            reports.push(found.ok().and_then(Result::ok).and_then(|found| found.clone()));
        }
        Ok(reports)
    }

    /// Begins an inquiry about those targets that need one. It goes on though nobody may wait for it any more.
    fn begin(&self, targets: &[Target]) -> Result<Vec<Waiting>, Refusal> {
        let now = Instant::now();
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() + targets.len() > MOST_KEPT {
            kept.retain(|_, known| known.counts(now));
            if kept.len() + targets.len() > MOST_KEPT {
                return Err(Refusal::Busy);
            }
        }
        let (mut waiting, mut new) = (Vec::new(), Vec::new());
        for target in targets {
            let known = kept.get(target).filter(|known| known.counts(now));
            waiting.push(match known {
                Some(known) => known.report.clone(),
                None => {
                    let (found, report) = watch::channel(None);
                    kept.insert(target.clone(), Kept { begun: now, report: report.clone() });
                    new.push((target.clone(), found));
                    report
                }
            });
        }
        drop(kept);
        if !new.is_empty() {
            tokio::spawn(self.clone().carry_out(new));
        }
        Ok(waiting)
    }

    /// Carries an inquiry out when its turn has come.
    async fn carry_out(self, wanted: Vec<(Target, watch::Sender<Option<Arc<Report>>>)>) {
        let Ok(turn) = self.0.turns.acquire().await else { return };
        let inner = Arc::clone(&self.0);
        let task = tokio::task::spawn_blocking(move || inner.run(&wanted));
        match task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!("other lists cannot be asked: {error}"),
            Err(error) => tracing::error!("other lists cannot be asked: {error}"),
        }
        drop(turn);
    }
}

impl Inner {
    /// Asks all lists about these targets, and tells whoever waits for one as soon as all is said of it.
    fn run(&self, wanted: &[(Target, watch::Sender<Option<Arc<Report>>>)]) -> std::io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut known = Known { memory, ..Known::default() };
        let targets = wanted.iter().map(|(target, _)| target.clone());
        let asked = self.inquiry.run(targets, &mut known, now, |report| {
            if let Some((_, found)) = wanted.iter().find(|(target, _)| *target == report.target) {
                found.send_replace(Some(Arc::new(self.report(report, now))));
            }
            ControlFlow::Continue(())
        });
        // Of two inquiries at once the later one's is kept: it is a memory, and no record.
        *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = known.memory;
        asked.map(drop)
    }

    /// What the lists said, in the words of this room.
    fn report(&self, report: survey::Report, asked: u64) -> Report {
        let lists = self.inquiry.lists.iter().map(|at| &at.list);
        let opinion = |(list, verdict): (&repute_lookup::list::List, Option<Verdict>)| {
            let says = match verdict? {
                Verdict::Listed(listing) => Says::Listed(
                    listing.codes.iter().map(|code| (*code, list.meaning(*code))).collect(),
                    listing.texts.iter().take(MOST_TEXTS).map(|text| list.masked(text)).collect(),
                ),
                Verdict::NotListed => Says::NotListed,
                Verdict::Unknown(reason) => Says::Unknown(reason.to_string()),
            };
            Some(Opinion {
                zone: list.zone.clone(),
                title: list.title.clone().unwrap_or_else(|| list.zone.to_string()),
                polarity: list.polarity,
                says,
                way_out: list.delisting_link(&report.target).filter(|link| is_web(link)),
            })
        };
        let opinions = lists.zip(report.verdicts).filter_map(opinion).collect();
        Report { target: report.target, asked, opinions }
    }
}

/// What somebody waits for.
type Waiting = watch::Receiver<Option<Arc<Report>>>;

impl Kept {
    /// Whether nobody need ask again. What ended without a word is asked again, and soon what no list answered.
    fn counts(&self, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.begun);
        match &*self.report.borrow() {
            Some(report) if report.is_void() => age < KEPT_IF_VOID,
            Some(_) => age < KEPT,
            None => self.report.has_changed().is_ok(),
        }
    }
}

impl Report {
    /// Whether no list said anything.
    pub fn is_void(&self) -> bool {
        self.opinions.iter().all(|one| matches!(one.says, Says::Unknown(_)))
    }

    /// The opinions of lists of a kind that have the target.
    pub fn listed(&self, polarity: Polarity) -> impl Iterator<Item = &Opinion> {
        self.opinions.iter().filter(move |one| one.polarity == polarity && one.is_listed())
    }
}

impl Opinion {
    /// Whether the list has the target.
    pub fn is_listed(&self) -> bool {
        matches!(self.says, Says::Listed(..))
    }
}

impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elsewhere").field("lists", &self.count()).finish_non_exhaustive()
    }
}

/// What a target is reserved for, so that nobody else can know anything of it; none if it is a public one.
pub fn reserved(target: &Target) -> Option<&'static str> {
    match target {
        Target::Ipv4(address) => reserved_for(Network::V4(Ipv4Network::around(*address, 32))),
        Target::Ipv6(address) => match address.to_ipv4_mapped() {
            Some(inner) => reserved(&Target::Ipv4(inner)),
            None => reserved_for(Network::V6(Ipv6Network::around(*address, 128))),
        },
        Target::Name(name) => {
            let is_host = name.label_count() < 2;
            let is_private =
                || PRIVATE.iter().any(|zone| zone.parse().is_ok_and(|z| name.is_within(&z)));
            (is_host || is_private()).then_some("private names")
        }
    }
}

/// The target that an address is.
pub fn target(address: IpAddr) -> Target {
    match address.to_canonical() {
        IpAddr::V4(address) => Target::Ipv4(address),
        IpAddr::V6(address) => Target::Ipv6(address),
    }
}

/// Whether a link leads to a page: the catalogue may hold what is none.
fn is_web(link: &str) -> bool {
    link.starts_with("https://") || link.starts_with("http://")
}

/// Names that have no meaning outside of a network (RFC 6761, RFC 6762, RFC 7686, RFC 8375, RFC 9476), and the tree of
/// addresses.
const PRIVATE: [&str; 8] =
    ["localhost", "local", "internal", "test", "invalid", "onion", "alt", "arpa"];
/// How long what was said is kept.
const KEPT: Duration = Duration::from_secs(600);
/// How long it is kept that no list said anything.
const KEPT_IF_VOID: Duration = Duration::from_secs(30);
/// Targets of which it is kept what was said.
const MOST_KEPT: usize = 10_000;
/// Inquiries that run at once.
const AT_ONCE: usize = 4;
/// Texts of a listing that are shown.
const MOST_TEXTS: usize = 3;
/// How long a list may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long an inquiry may take.
const LIMIT: Duration = Duration::from_secs(6);
/// How long somebody waits for one, its turn included.
const PATIENCE: Duration = Duration::from_secs(12);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_asked_about_what_is_private() {
        for (text, is_reserved) in [
            ("10.0.0.1", true),
            ("192.0.2.7", true),
            ("8.8.8.8", false),
            ("fe80::1", true),
            ("2a00:1450::1", false),
            ("mail", true),
            ("printer.local", true),
            ("db.corp.internal", true),
            ("7.2.0.192.in-addr.arpa", true),
            ("mail.example.org", false),
        ] {
            let target = text.parse().expect("a target");
            assert_eq!(reserved(&target).is_some(), is_reserved, "{text}");
        }
    }
}
