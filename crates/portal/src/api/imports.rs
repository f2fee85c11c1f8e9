//! `POST /api/v1/lists/{apex}/imports`: a file is taken into a list, or it is told what that would change; and `…/purge`: a
//! source is, that has nothing any more.

use std::time::Duration;

use axum::extract::{Path, Query, Request, State};
use axum::response::Response;
use repute_database::lists::{self, Criterion};
use repute_database::work::{self, Work};
use repute_database::{Timestamp, audit};
use repute_dnsxl::ReturnCode;
use repute_registry::changes::Cause;
use repute_registry::import::{Import, Mode, Whose};
use repute_registry::permission::{self, Action, Relation};
use repute_registry::work::{self as rules, Layout, Wanted};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::work::{OneWork, begun};
use crate::api::{Call, Caller, Endpoint};
use crate::app::App;
use crate::error::AppError;
use crate::overview::stored;
use crate::pages::entries::one::day_of;
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/api/v1/lists/{apex}/imports", "Entries", take)
            .says(
                "Take a file into a list",
                "The body is the file as it is, of 512 MiB at most, packed by gzip or zstd if you like: rbldnsd's, CSV \
                 with headings, dnswl.org's, or addresses and names a line. It is done as work, all of it as one version \
                 or nothing. With `dry_run` nothing changes, and the result says what would. The list's guards look at \
                 it as at each version; `held` in the result says if they keep it back.",
            )
            .by(SCOPES)
            .query::<Asked>()
            .reads("application/octet-stream")
            .within(LONG)
            .begins::<OneWork>(),
        Endpoint::post("/api/v1/lists/{apex}/purge", "Entries", purge)
            .says(
                "Purge a source of entries",
                "All entries that the source brought leave the list. It is done as work, as one version or nothing: try it \
                 first with `dry_run`. What two editors have to agree to stands against it (`for_two_editors` in the \
                 result), and the list's guards look at it as at each version.",
            )
            .by(SCOPES)
            .takes::<Purge>()
            .begins::<OneWork>(),
    ]
}

/// What is to become of the file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Where its entries come from: a name under which they are replaced and purged.
    source: String,
    /// What becomes of entries that are not in the file: `add` leaves them, `replace-source`, which it is without it,
    /// removes those of the same source, `replace-list` all.
    mode: Option<String>,
    /// Whether nothing is to be changed.
    #[serde(default)]
    dry_run: bool,
    /// How it is laid out: `rbldnsd`, `plain` or `dnswl`; as its first lines look without it.
    layout: Option<String>,
    /// The code of entries of a plain file, or of CSV without a column of codes; 127.0.0.2 without it.
    code: Option<String>,
    /// Pass over lines with a smaller number in the second column.
    minimum: Option<u32>,
    /// List everything below the names of a plain or CSV file, too.
    #[serde(default)]
    subdomains: bool,
    /// List the entries for so many days; for ever without it.
    days: Option<u32>,
    /// The short name of the criterion of the policy that they meet; without it those that are there keep theirs.
    criterion: Option<String>,
    /// The day on which somebody should look at them again, such as 2026-03-01; without it those that are there keep
    /// theirs.
    review_on: Option<String>,
    /// Of a file of dnswl.org's: give entries that are nobody's to the organisations whose Ids stand in the last column. One
    /// that is not there is added, known by the domain before; one that is known by other domains gets nothing.
    #[serde(default)]
    organisations: bool,
    /// Why, for people and the audit log.
    #[serde(default)]
    reason: String,
    /// What the file is called in messages and the audit log.
    name: Option<String>,
}

/// What is to go.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Purge {
    /// The source whose entries go.
    source: String,
    /// Whether nothing is to be changed.
    #[serde(default)]
    dry_run: bool,
    /// Why, for the audit log.
    #[serde(default)]
    reason: String,
}

/// `POST /api/v1/lists/{apex}/purge`.
async fn purge(
    State(app): State<App>,
    Path(apex): Path<String>,
    call: Call,
) -> Result<Response, AppError> {
    permission::check(call.caller.person(), Relation::Stranger, Action::ChangeLists)
        .map_err(|denied| AppError::Refused(denied.to_string()))?;
    let Purge { source, dry_run, reason } = call.read()?;
    if reason.len() > MOST_REASON {
        return Err(AppError::Wrong("the reason has more than 1000 characters".to_owned()));
    }
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let list = stored(t.session(), &apex).await?;
    let cause = Cause {
        actor: audit::actor(t.session(), call.caller.account.id.0).await?,
        action: String::new(),
        reason: reason.trim().to_owned(),
    };
    let what = (source.trim(), dry_run);
    let id = rules::order_clearing(t, list.id, what, &cause, now).await?;
    begun(&app, &call, write, id).await
}

/// `POST /api/v1/lists/{apex}/imports`.
async fn take(
    State(app): State<App>,
    Path(apex): Path<String>,
    Query(asked): Query<Asked>,
    caller: Caller,
    request: Request,
) -> Result<Response, AppError> {
    // What can be said without the file is said before it is sent.
    permission::check(caller.person(), Relation::Stranger, Action::ChangeLists)
        .map_err(|denied| AppError::Refused(denied.to_string()))?;
    let mut connection = app.database.read().await?;
    let list = stored(connection.session(), &apex).await?;
    let slug = asked.criterion.clone().filter(|slug| !slug.trim().is_empty());
    let criterion = match slug {
        Some(slug) => {
            let all = lists::criteria(connection.session(), list.id).await?;
            let is_it = |known: &&Criterion| known.slug == slug.trim() && known.is_open();
            let found = all.iter().find(is_it).map(|known| known.id);
            let unknown = || AppError::Wrong(format!("the list has no criterion `{slug}`"));
            Some(found.ok_or_else(unknown)?)
        }
        None => None,
    };
    let mut wanted = asked.wanted(Timestamp::now())?;
    wanted.import.criterion = criterion;
    let open = work::open(connection.session()).await?;
    drop(connection);
    // Those of another server take no room here.
    let is_here = |work: &&Work| app.means.spool.has(work);
    if open.iter().filter(is_here).count() >= MOST_OPEN {
        let why =
            format!("{MOST_OPEN} imports wait already: wait until one is done, or cancel one");
        return Err(AppError::Conflict(why));
    }
    let (call, file): (Call, _) = Call::spooled(request, &app, MOST).await?;
    // A disk takes its time.
    let synced =
        tokio::task::spawn_blocking(move || file.sync().map(str::to_owned).map(|n| (file, n)));
    let synced = synced.await.map_err(|error| AppError::Disk(std::io::Error::other(error)))?;
    let (file, name) = synced.map_err(AppError::Disk)?;
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let list = stored(t.session(), &apex).await?;
    let actor = audit::actor(t.session(), call.caller.account.id.0).await?;
    let place = (&app.means.spool, &*name);
    let id = rules::order_import(t, list.id, &wanted, place, &actor, now).await?;
    let response = begun(&app, &call, write, id).await?;
    file.keep();
    Ok(response)
}

impl Asked {
    /// What is meant.
    fn wanted(self, now: Timestamp) -> Result<Wanted, AppError> {
        let wrong = |what: &str| Err(AppError::Wrong(what.to_owned()));
        let modes = [Mode::Add, Mode::ReplaceSource, Mode::ReplaceList];
        let mode = self.mode.as_deref().unwrap_or(Mode::ReplaceSource.word());
        let layout = self.layout.as_deref().map(|word| {
            Layout::ALL.into_iter().find(|known| known.word() == word).ok_or(AppError::Choice)
        });
        let code = self.code.as_deref().map(|code| {
            let code = code.trim().parse::<ReturnCode>();
            code.map_err(|error| AppError::Wrong(format!("the code: {error}")))
        });
        let source = self.source.trim();
        if source.is_empty() || source.len() > MOST_SOURCE || source.contains(char::is_control) {
            return wrong("name a source of 100 characters or less");
        }
        if self.reason.len() > MOST_REASON {
            return wrong("the reason has more than 1000 characters");
        }
        let name = self.name.as_deref().unwrap_or("the file sent").trim();
        let name: String = name.chars().filter(|c| !c.is_control()).take(MOST_SOURCE).collect();
        let span = |days: u32| now.after(Duration::from_secs(u64::from(days) * 86_400));
        Ok(Wanted {
            import: Import {
                source: source.to_owned(),
                mode: modes.into_iter().find(|m| m.word() == mode).ok_or(AppError::Choice)?,
                reason: self.reason.trim().to_owned(),
                expires: self.days.map(span),
                // Which one that is the list says.
                criterion: None,
                review: self.review_on.as_deref().map(day_of).transpose()?,
                whose: if self.organisations { Whose::ByNumber } else { Whose::Nobodys },
            },
            is_dry: self.dry_run,
            layout: layout.transpose()?,
            code: code.transpose()?,
            minimum: self.minimum,
            subdomains: self.subdomains,
            name: if name.is_empty() { "the file sent".to_owned() } else { name },
        })
    }
}

/// Who may.
const SCOPES: &[Scope] = &[Scope::EntriesImport];
/// Most bytes of a file.
const MOST: u64 = 512 << 20;
/// So many wait at most.
const MOST_OPEN: usize = 8;
/// How long it may take to come.
const LONG: Duration = Duration::from_secs(900);
/// So long is the name of a source, or of a file.
const MOST_SOURCE: usize = 100;
/// So long is a reason.
const MOST_REASON: usize = 1_000;
