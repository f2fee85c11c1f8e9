//! `/queue/motions/{id}`: what one editor wants and another one has to agree to, with what is there before and
//! afterwards, and what stands around it.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use repute_database::conflicts::About;
use repute_database::entries::{self, Entry};
use repute_database::lists::{self, ListId, Stored};
use repute_database::motions::{self, Motion, MotionId, State as Stage, What};
use repute_database::{Key, Session, Timestamp, Transaction};
use repute_registry::motion::{self, Decided, Verdict};
use repute_registry::publish::{self, Prospect};
use serde::Deserialize;

use crate::app::App;
use crate::entry_history::{Names, lines};
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::moment::Moment;
use crate::notice;
use crate::pages::conflict::{Interest, interest};
use crate::pages::entries::one;
use crate::pages::sign_in::back;
use crate::visitor::Member;

/// The page.
#[derive(Template)]
#[template(path = "motion.html")]
pub(crate) struct MotionPage {
    frame: Frame,
    list: Stored,
    motion: Motion,
    /// Who wants it.
    mover: String,
    /// Why two have to agree.
    two: String,
    /// What changes, each with what becomes of it.
    rows: Vec<(Option<Key>, Vec<String>)>,
    /// What covers the keys, or lies in them.
    around: Vec<Entry>,
    /// Whether more than that does.
    is_more: bool,
    /// Whether whoever looks is partial, and who else is.
    interest: Interest,
    /// Whether he wants it himself.
    is_own: bool,
    is_open: bool,
}

/// One of those that wait, as the queue shows it.
pub(crate) struct Waiting {
    pub(crate) id: MotionId,
    /// What it is about.
    pub(crate) about: String,
    pub(crate) list: String,
    pub(crate) mover: String,
    pub(crate) two: String,
    pub(crate) since: Timestamp,
}

/// What is decided.
#[derive(Debug, Deserialize)]
pub(crate) struct Typed {
    /// `confirm`, `refuse` or `withdraw`.
    act: String,
    #[serde(default)]
    why: String,
}

/// `GET /queue/motions/{id}`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Page<MotionPage>, AppError> {
    let (id, now) = (MotionId(id), Timestamp::now());
    let mut look = app.database.look().await?;
    let motion = motions::by_id(look.session(), id).await?.ok_or(AppError::NotFound)?;
    let list = lists::by_id(look.session(), motion.new.list).await?.ok_or(AppError::NotFound)?;
    let names = Names::of(look.session(), list.id).await?;
    let is_open = motion.state == Stage::Open && now < motion.new.expires;
    let about = About::Motion(id);
    let interest = interest(look.session(), member.person(), about, is_open).await?;
    let rows = rows(&motion.new.what, &names);
    let (around, is_more) = around(look.session(), list.id, &motion.new.what).await?;
    let mover = mover(look.session(), &motion).await?;
    let (two, is_own) = (motion::why(&motion), motion.new.account == member.account.id.0);
    Ok(Page(MotionPage {
        frame,
        list,
        motion,
        mover,
        two,
        rows,
        around,
        is_more,
        interest,
        is_own,
        is_open,
    }))
}

/// `POST /queue/motions/{id}`.
pub(crate) async fn decide(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(Typed { act, why }): Form<Typed>,
) -> Result<Response, AppError> {
    let verdict = match &*act {
        "confirm" => Verdict::Confirm,
        "refuse" => Verdict::Refuse(why),
        "withdraw" => Verdict::Withdraw,
        _ => return Err(AppError::Choice),
    };
    let (id, now) = (MotionId(id), Timestamp::now());
    let mut transaction = app.database.begin().await?;
    let t = &mut transaction;
    let decided = motion::decide(t, member.person(), id, &verdict, now).await?;
    let flash = match &decided {
        Decided::Done(serial) if is_held(t, id, *serial).await? => Flash::RequestHeld,
        Decided::Done(_) => Flash::MotionDone,
        Decided::TakenOver => Flash::MotionTakenOver,
        Decided::Stale(_) => Flash::MotionStale,
        Decided::Refused => Flash::MotionRefused,
        Decided::Withdrawn => Flash::MotionWithdrawn,
    };
    if decided == Decided::TakenOver {
        let notices = motion::notices(t, id).await?;
        notice::put(&app, t, &notices, now).await?;
    }
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(back(&path(id), flash))
}

/// Where the page of a motion is.
pub(crate) fn path(id: MotionId) -> String {
    format!("/queue/motions/{}", id.0)
}

/// What waits for a second editor, the oldest first: it ends first.
pub(crate) async fn waiting(
    mut session: Session<'_>,
    now: Timestamp,
) -> Result<Vec<Waiting>, AppError> {
    let mut all = Vec::new();
    for motion in motions::open(session.again(), MOST).await? {
        if motion.new.expires <= now {
            continue;
        }
        let list = lists::by_id(session.again(), motion.new.list).await?;
        all.push(Waiting {
            id: motion.id,
            about: motion::about(&motion.new.what),
            list: list.map_or_else(String::new, |list| list.list.title),
            mover: mover(session.again(), &motion).await?,
            two: motion::why(&motion),
            since: motion.new.created,
        });
    }
    Ok(all)
}

/// What changes, each with what becomes of it.
pub(crate) fn rows(what: &What, names: &Names) -> Vec<(Option<Key>, Vec<String>)> {
    match what {
        What::Entries(turns) => {
            turns.iter().map(|turn| (turn.key.clone(), lines(turn, names))).collect()
        }
        What::Publishing { before, after } => {
            let mut changed = Vec::new();
            let mut note = |what: &str, before: String, after: String| {
                if before != after {
                    changed.push(format!("{what}: {before} becomes {after}"));
                }
            };
            let off = |number: u8| match number {
                0 => "off".to_owned(),
                number => number.to_string(),
            };
            let words = |all: Vec<String>| match all.is_empty() {
                true => "none".to_owned(),
                false => all.join(", "),
            };
            let canaries =
                |all: &[repute_dnsxl::Target]| words(all.iter().map(ToString::to_string).collect());
            let servers =
                |all: &[repute_dnsxl::Name]| words(all.iter().map(ToString::to_string).collect());
            note("guard of IPv4 prefixes", off(before.ipv4_prefix), off(after.ipv4_prefix));
            note("guard of IPv6 prefixes", off(before.ipv6_prefix), off(after.ipv6_prefix));
            note("largest change in per cent", off(before.max_change), off(after.max_change));
            note("canaries", canaries(&before.canaries), canaries(&after.canaries));
            note("name servers", servers(&before.name_servers), servers(&after.name_servers));
            for (what, before, after) in [
                ("refresh", before.refresh, after.refresh),
                ("retry", before.retry, after.retry),
                ("expire", before.expire, after.expire),
                ("minimum", before.minimum, after.minimum),
                ("time to live of name servers", before.name_server_ttl, after.name_server_ttl),
            ] {
                note(what, before.to_string(), after.to_string());
            }
            let mailbox = |settings: &repute_database::dns::Settings| {
                settings.hostmaster.as_ref().map_or_else(String::new, ToString::to_string)
            };
            note("mailbox", mailbox(before), mailbox(after));
            note("links", before.links.word().to_owned(), after.links.word().to_owned());
            vec![(None, changed)]
        }
        What::Code { code, before, after } => {
            let mut changed = vec![format!("one editor is enough for {code}")];
            if before != after {
                changed.push(format!("it means “{after}” and no longer “{before}”"));
            }
            vec![(None, changed)]
        }
    }
}

/// What covers the keys, or lies in them; and whether there is more than that.
async fn around(
    mut session: Session<'_>,
    list: ListId,
    what: &What,
) -> Result<(Vec<Entry>, bool), AppError> {
    let What::Entries(turns) = what else { return Ok((Vec::new(), false)) };
    let keys: Vec<&Key> = turns.iter().filter_map(|turn| turn.key.as_ref()).collect();
    let mut found: Vec<Entry> = Vec::new();
    for key in keys.iter().take(MOST_LOOKED) {
        let above = entries::above(session.again(), list, key).await?;
        let within = entries::page(session.again(), list, Some(key), None, MOST).await?;
        for entry in above.into_iter().chain(within) {
            if !keys.contains(&&entry.key) && !found.contains(&entry) {
                found.push(entry);
            }
        }
    }
    let is_more = found.len() > SHOWN || keys.len() > MOST_LOOKED;
    found.truncate(SHOWN);
    Ok((found, is_more))
}

/// Who wants a motion.
async fn mover(session: Session<'_>, motion: &Motion) -> Result<String, AppError> {
    let name = motion::mover(session, motion).await?;
    Ok(name.unwrap_or_else(|| "somebody who is gone".to_owned()))
}

/// Whether the guards of a list keep a serial back.
async fn is_held(
    transaction: &mut Transaction,
    id: MotionId,
    serial: Option<u32>,
) -> Result<bool, AppError> {
    let Some(serial) = serial else { return Ok(false) };
    let motion = motions::by_id(transaction.session(), id).await?.ok_or(AppError::NotFound)?;
    let list = lists::by_id(transaction.session(), motion.new.list).await?;
    let list = list.ok_or(AppError::NotFound)?;
    let prospect = publish::prospect(transaction.session(), &list, serial).await?;
    Ok(prospect != Prospect::Soon)
}

impl MotionPage {
    /// The page of a key.
    fn place(&self, key: &Key) -> String {
        one::path(&self.list.list.apex, key)
    }

    /// Where it stands, as a mark and words.
    fn standing(&self) -> (&'static str, &'static str) {
        match self.motion.state {
            Stage::Open if self.is_open => ("warn", "waits for a second editor"),
            Stage::Open | Stage::Expired => ("idle", "nobody agreed in time"),
            Stage::Confirmed => ("good", "confirmed"),
            Stage::Refused => ("bad", "refused"),
            Stage::Withdrawn => ("idle", "taken back"),
            Stage::Stale => ("idle", "out of date"),
        }
    }
}

/// So many wait on a page at most.
pub(crate) const MOST: u32 = 100;
/// Around so many keys is looked.
const MOST_LOOKED: usize = 20;
/// So many entries around are shown.
const SHOWN: usize = 50;
