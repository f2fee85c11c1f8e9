//! A follower: serves the lists of a portal, whether that answers or not.
//!
//! One thread asks for manifests, which come when something changed. A manifest counts if a key that we were told of
//! signed it, if its time is not over, and if its serial does not go back. Then the parcels that it names are fetched
//! and held against their digests, the list takes them in, guards look at what that makes, the spool is written, and
//! only then it is served. Whatever is wrong on this way changes nothing of what is served: that goes on, until it is
//! older than it may become.
//!
//! The spool is what the last manifest names, and that manifest. A start reads it as if it came from the portal.

mod error;
mod take;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use repute_dnsxl::Name;
use repute_zone::Zone;
use repute_zone::journal::Editor;
use ring::digest::{SHA256, digest};
use tracing::{info, warn};

use crate::fetch::{Manifests, Portal};
use crate::hex;
use crate::key::PublicKey;
use crate::manifest::{Item, Manifest, split};
use crate::shelf::{told, unix_now};
use crate::store::Store;
use error::FollowError;
use take::build;

/// A portal that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Its address, http or https.
    pub url: String,
    /// The file with the token it knows us by.
    pub token: PathBuf,
    /// The keys of those who may say what lists are.
    pub keys: Vec<PublicKey>,
    /// Which lists; none means all that the token may have.
    pub lists: Vec<Name>,
    /// What nobody has confirmed for so long is served no longer.
    pub max_age: Duration,
    /// A list may have so many bytes.
    pub max_size: u64,
    /// When a fetch is given up.
    pub timeout: Duration,
    /// What a new version must not do, unless a second person approved it at the portal.
    pub ipv4_prefix: Option<u8>,
    /// The same for IPv6.
    pub ipv6_prefix: Option<u8>,
}

/// Who serves zones.
pub trait Outlet: Send + 'static {
    /// Serves a zone, which its publisher confirmed last at a time in Unix seconds.
    fn serve(&self, zone: &Arc<Zone>, confirmed: u64);

    /// What is served under an apex was confirmed.
    fn confirm(&self, apex: &Name, confirmed: u64);

    /// Goes on with what is served, as there is something wrong with what comes after it.
    fn hold(&self, apex: &Name, why: &str);

    /// The portal does not answer.
    fn lost(&self, why: &str);

    /// Much memory was freed.
    fn trim(&self) {}
}

/// A portal is followed as long as this is there.
#[derive(Debug)]
pub struct Follower {
    /// Ends it.
    stop: Arc<AtomicBool>,
    /// Its thread.
    thread: Thread,
}

impl Follower {
    /// Serves what is in the spool, and follows the portal from now on.
    ///
    /// # Errors
    /// If the spool cannot be used.
    pub fn start(config: Config, data_dir: &Path, outlet: Box<dyn Outlet>) -> io::Result<Follower> {
        // The same address finds it again, and never another's.
        let name = digest(&SHA256, config.url.as_bytes());
        let name = hex::encode(name.as_ref().get(..8).unwrap_or_default());
        let spool = data_dir.join("followed").join(name);
        let portal = Portal::new(&config.url, config.token.clone(), config.timeout);
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let mut work =
            Work { config, portal, outlet, spool, lists: BTreeMap::new(), failure: None, is_over };
        work.open()?;
        let thread = thread::Builder::new().name("follow".into()).spawn(move || work.run())?;
        Ok(Follower { stop, thread: thread.thread().clone() })
    }
}

impl Drop for Follower {
    /// Has it end; what it is doing then harms nobody, as a kill does not.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.unpark();
    }
}

/// What the thread has.
struct Work {
    /// What is followed.
    config: Config,
    /// The portal.
    portal: Portal,
    /// Who serves.
    outlet: Box<dyn Outlet>,
    /// The folder of all lists.
    spool: PathBuf,
    /// Each list.
    lists: BTreeMap<Name, Followed>,
    /// The last failure to reach the portal that was told.
    failure: Option<String>,
    /// Whether it is to end.
    is_over: Arc<AtomicBool>,
}

/// A list that is followed.
#[derive(Default)]
struct Followed {
    /// The last manifest that was taken.
    manifest: Option<Manifest>,
    /// The list as it is served.
    editor: Option<Editor>,
    /// What is served.
    served: Option<Arc<Zone>>,
    /// Items whose bytes in the spool are good.
    good: Vec<Item>,
    /// A manifest that was refused, and why: it is not looked at again.
    refused: Option<(Manifest, String)>,
    /// What is wrong now.
    fault: Option<String>,
    /// Whether the portal named it the last time.
    is_named: bool,
}

impl Work {
    /// Opens the spool, and serves what is in it.
    fn open(&mut self) -> io::Result<()> {
        for apex in self.config.lists.clone() {
            self.lists.entry(apex).or_default();
        }
        for store in Store::all(&self.spool)? {
            let text = match store.manifest() {
                Ok(Some(text)) => text,
                Ok(None) => continue,
                Err(error) => {
                    warn!("what was followed before cannot be read: {error}");
                    continue;
                }
            };
            let manifest = match Manifest::open(&text, &self.config.keys) {
                Ok(manifest) => manifest,
                Err(error) => {
                    warn!("what was followed before is not served: {error}");
                    continue;
                }
            };
            let apex = manifest.origin.apex.clone();
            if !self.is_wanted(&apex) {
                continue;
            }
            let mut followed = Followed { is_named: true, ..Followed::default() };
            match build(&store, &manifest) {
                Ok(editor) => {
                    let zone = Arc::clone(editor.zone());
                    if unix_now().saturating_sub(manifest.made) <= self.config.max_age.as_secs() {
                        let entries = zone.entries();
                        info!(zone = %apex, "serving `{apex}` with {entries} entries as it was followed before the start");
                        self.outlet.serve(&zone, manifest.made);
                        followed.served = Some(zone);
                    } else {
                        warn!(zone = %apex, "`{apex}` of before the start is older than `max-age`");
                        self.outlet.hold(
                            &apex,
                            "what was followed before the start is older than `max-age`",
                        );
                    }
                    followed.good = manifest.parts().copied().collect();
                    followed.editor = Some(editor);
                }
                Err(error) => {
                    warn!(zone = %apex, "`{apex}` of before the start cannot be used, it is fetched again: {}", told(&error));
                }
            }
            // Whatever is left of it, its serial does not go back.
            followed.manifest = Some(manifest);
            self.lists.insert(apex, followed);
        }
        for (apex, _) in self.lists.iter().filter(|(_, followed)| followed.editor.is_none()) {
            self.outlet.hold(apex, "waiting for the portal");
        }
        self.outlet.trim();
        Ok(())
    }

    /// Whether a list is followed.
    fn is_wanted(&self, apex: &Name) -> bool {
        self.config.lists.is_empty() || self.config.lists.contains(apex)
    }

    /// Follows until it is stopped.
    fn run(mut self) {
        let (mut tag, mut failures, mut all) = (None, 0, Instant::now());
        while !self.is_over.load(Ordering::Relaxed) {
            let started = Instant::now();
            // What is not handed out any more is seen only by who asks for all.
            if all.elapsed() > ALL {
                tag = None;
            }
            let is_all = tag.is_none();
            let asked = self.portal.manifests(tag.as_deref()).map_err(|error| told(&error));
            if self.is_over.load(Ordering::Relaxed) {
                // Somebody else may have the spool by now.
                return;
            }
            let taken = asked.and_then(|news| match news {
                Some(Manifests { tag, text }) => {
                    self.take_all(&text, is_all).map(|good| Some((tag, good)))
                }
                None => Ok(None),
            });
            if is_all {
                all = Instant::now();
            }
            let nap = match taken {
                Err(why) => {
                    self.lost(&why);
                    tag = None;
                    failures += 1;
                    pause(failures)
                }
                Ok(news) => {
                    if self.failure.take().is_some() {
                        info!("the portal {} can be followed again", self.config.url);
                    }
                    self.state();
                    match news {
                        Some((name, true)) => {
                            (tag, failures) = (name, 0);
                            // Changes come at once, but not more of them than the portal lets us have.
                            let least = if tag.is_some() { LEAST } else { PAUSE };
                            least.saturating_sub(started.elapsed())
                        }
                        Some((_, false)) => {
                            tag = None;
                            failures += 1;
                            pause(failures)
                        }
                        // A portal that does not wait is not asked all the time.
                        None => PAUSE.saturating_sub(started.elapsed()),
                    }
                }
            };
            if !nap.is_zero() {
                thread::park_timeout(nap);
            }
        }
    }

    /// Takes all manifests that a portal handed out; whether none of them is to be tried again. What is no manifest
    /// that may be believed says nothing of any list, and so is the portal's fault.
    fn take_all(&mut self, text: &str, is_all: bool) -> Result<bool, String> {
        for followed in self.lists.values_mut().filter(|_| is_all) {
            followed.is_named = false;
        }
        let texts = split(text);
        if texts.is_empty() && !text.is_empty() {
            let why = "what is handed out is no manifest: is there a portal at this address?";
            return Err(why.to_owned());
        }
        let (mut is_good, mut doubt) = (true, Ok(()));
        for text in texts {
            let manifest = match Manifest::open(text, &self.config.keys) {
                Ok(manifest) => manifest,
                Err(error) => {
                    doubt = Err(error.to_string());
                    continue;
                }
            };
            let apex = manifest.origin.apex.clone();
            if !self.is_wanted(&apex) {
                continue;
            }
            let mut followed = self.lists.remove(&apex).unwrap_or_default();
            followed.is_named = true;
            let taken = self.take(&mut followed, manifest, text);
            is_good &= taken.as_ref().err().is_none_or(|error| !error.may_pass());
            let fault = taken.err().map(|error| told(&error));
            if let Some(why) = fault.as_ref().filter(|why| followed.fault.as_ref() != Some(why)) {
                warn!(zone = %apex, "`{apex}` stays as it is: {why}");
            }
            followed.fault = fault;
            self.lists.insert(apex, followed);
        }
        doubt.map(|()| is_good)
    }

    /// Tells how each list stands, now that the portal answers.
    fn state(&self) {
        let now = unix_now();
        for (apex, followed) in &self.lists {
            let Followed { manifest, fault, is_named, .. } = followed;
            match (manifest, fault) {
                (_, Some(why)) => self.outlet.hold(apex, why),
                (_, None) if !is_named => self.outlet.hold(apex, NOT_NAMED),
                (Some(manifest), None) if now > manifest.expires => {
                    let age = now.saturating_sub(manifest.made);
                    self.outlet.hold(apex, &FollowError::Stale(age).to_string());
                }
                (Some(manifest), None) => self.outlet.confirm(apex, manifest.made),
                (None, None) => {}
            }
        }
    }

    /// Notes that the portal cannot be followed now.
    fn lost(&mut self, why: &str) {
        if self.failure.as_deref() != Some(why) {
            warn!("{}: {why}; what was followed before is served", self.config.url);
        }
        self.failure = Some(why.to_owned());
        self.outlet.lost(&format!("{}: {why}", self.config.url));
    }
}

/// After how long it is tried again, having failed so often.
fn pause(failures: u32) -> Duration {
    PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(5))
}

/// What is said of a list that is not handed out.
const NOT_NAMED: &str = "the portal does not hand it out: `repute registry subscriber list` there shows which lists \
                         this token may have";
/// How often all manifests are asked for.
const ALL: Duration = Duration::from_secs(600);
/// The shortest time between two questions.
const LEAST: Duration = Duration::from_millis(50);
/// The shortest time between two questions that brought nothing.
const PAUSE: Duration = Duration::from_secs(1);
