//! `/removals/{id}/{token}`: the link of a letter. It removes an entry once, or sends an appeal, and says from then on where
//! that stands: whoever looks again, presses twice or comes too late reads what became of it and what to do.

use askama::Template;
use axum::extract::{Path, State};
use repute_database::entries;
use repute_database::lists::{self, List};
use repute_database::removals::{self, Removal, RemovalId, State as Stage};
use repute_database::{Session, Timestamp, Transaction};
use repute_registry::link;
use repute_registry::removal::{self, Answer, Kind, Refusal, RemovalError, Still, Way, Why};

use crate::access::encode;
use crate::app::App;
use crate::error::AppError;
use crate::frame::{Frame, Page};
use crate::limits::{self, Deed, Doer};
use crate::lookup::parse;
use crate::moment::Moment;
use crate::pages::queue::is_held;
use crate::visitor::Visitor;
use crate::zones::Standing;

/// The page to which the link of a letter leads, before and after it is followed.
#[derive(Template)]
#[template(path = "removal.html")]
pub(crate) struct RemovalPage {
    frame: Frame,
    removal: Removal,
    list: List,
    /// What came of the link, if it was followed just now.
    answer: Option<Answer>,
    /// What an editor said against it before, if that is why one decides again.
    refusal: Option<Refusal>,
    /// Whether what was removed waits until an editor has looked at a version of the list.
    is_held: bool,
    /// Whether name servers still answer that it is listed; nothing if that is not known here.
    is_answered: Option<bool>,
    /// Since when it is on the list again that went.
    again: Option<Timestamp>,
    /// Where one asks anew, and where one appeals: at the page of the text that led there, if one did.
    ask: Ask,
    now: Timestamp,
}

/// Where somebody asks anew.
struct Ask {
    /// For a removal.
    removal: String,
    /// For an editor's look.
    appeal: String,
}

impl Ask {
    /// For the target of a removal: who came by a signed link goes on by one, as not every list takes off who is typed.
    async fn of(session: Session<'_>, removal: &Removal, list: &List) -> Result<Ask, AppError> {
        let new = &removal.new;
        if new.way == Way::Link
            && let Some(path) = link::path(session, new.list, &new.target).await?
        {
            return Ok(Ask { removal: path.clone(), appeal: path });
        }
        let typed = format!("/removals/new?list={}&target={}", list.apex, encode(&new.target));
        Ok(Ask { appeal: format!("{typed}&appeal=yes"), removal: typed })
    }
}

/// `GET /removals/{id}/{token}`. Looking removes nothing: scanners of mail look.
pub(crate) async fn follow(
    State(app): State<App>,
    frame: Frame,
    Path((id, token)): Path<(i64, String)>,
) -> Result<Page<RemovalPage>, AppError> {
    standing(&app, frame, RemovalId(id), &token).await
}

/// `POST /removals/{id}/{token}`. A link that was used does nothing more, and says where it stands.
pub(crate) async fn confirm(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    Path((id, token)): Path<(i64, String)>,
) -> Result<Page<RemovalPage>, AppError> {
    limits::take(&app, Deed::Try, Doer::at(visitor.address)).await?;
    let mut transaction = app.database.begin().await?;
    let (id, now) = (RemovalId(id), Timestamp::now());
    let (key, waves) = (&app.means.key, &app.config.waves);
    let answer = match removal::confirm(&mut transaction, id, &token, key, waves, now).await {
        Err(RemovalError::Link) => {
            drop(transaction);
            return standing(&app, frame, id, &token).await;
        }
        answer => answer?,
    };
    let (removal, list) = read(&mut transaction, id).await?;
    let refusal = match answer {
        Answer::ToEditors(Why::Refused) => {
            let new = &removal.new;
            removal::refusal(transaction.session(), new.list, &new.key, now).await?
        }
        Answer::Removed { .. }
        | Answer::Gone { .. }
        | Answer::Locked { .. }
        | Answer::ToEditors(_) => None,
    };
    let ask = Ask::of(transaction.session(), &removal, &list).await?;
    transaction.commit().await?;
    let is_held = match answer {
        Answer::Removed { serial, .. } => is_held(&app, removal.new.list, Some(serial)).await?,
        Answer::Gone { .. } | Answer::Locked { .. } | Answer::ToEditors(_) => false,
    };
    let (answer, is_answered, again) = (Some(answer), None, None);
    Ok(Page(RemovalPage {
        frame,
        removal,
        list,
        answer,
        refusal,
        is_held,
        is_answered,
        again,
        ask,
        now,
    }))
}

/// A removal, and its list.
async fn read(transaction: &mut Transaction, id: RemovalId) -> Result<(Removal, List), AppError> {
    let removal = removals::by_id(transaction.session(), id).await?.ok_or(AppError::StaleLink)?;
    let list = lists::by_id(transaction.session(), removal.new.list).await?;
    Ok((removal, list.ok_or(AppError::NotFound)?.list))
}

/// The page of a removal as it stands.
async fn standing(
    app: &App,
    frame: Frame,
    id: RemovalId,
    token: &str,
) -> Result<Page<RemovalPage>, AppError> {
    let mut look = app.database.look().await?;
    let found = removals::by_id(look.session(), id).await?;
    let removal = found.filter(|found| removal::is_link(found, token, &app.means.key));
    let removal = removal.ok_or(AppError::StaleLink)?;
    let (of, now) = (removal.new.list, Timestamp::now());
    let list = lists::by_id(look.session(), of).await?.ok_or(AppError::NotFound)?.list;
    let refusal = match removal.state {
        Stage::Queued => removal::refusal(look.session(), of, &removal.new.key, now).await?,
        Stage::Sent | Stage::Granted | Stage::Refused | Stage::Expired => None,
    };
    let (mut is_answered, mut again) = (None, None);
    if removal.state == Stage::Granted {
        let entries = entries::at(look.session(), of, &removal.new.key).await?;
        again = entries.iter().filter(|entry| entry.code.is_some()).map(|entry| entry.since).min();
        let target = parse(&removal.new.target).ok();
        let said = target.and_then(|target| app.zones.standing(&list.apex, &target));
        is_answered = said.map(|said| matches!(said, Standing::Listed(_)));
    }
    let ask = Ask::of(look.session(), &removal, &list).await?;
    drop(look);
    let is_held = match (removal.state, removal.serial) {
        (Stage::Granted, Some(serial)) => is_held(app, of, Some(serial)).await?,
        (_, _) => false,
    };
    let answer = None;
    Ok(Page(RemovalPage {
        frame,
        removal,
        list,
        answer,
        refusal,
        is_held,
        is_answered,
        again,
        ask,
        now,
    }))
}

impl RemovalPage {
    /// What lists the target although an entry went, if anything does.
    fn still(&self) -> Option<&Still> {
        match &self.answer {
            Some(Answer::Removed { still, .. } | Answer::Gone { still }) => still.as_ref(),
            Some(Answer::Locked { .. } | Answer::ToEditors(_)) | None => None,
        }
    }

    /// Where it stands.
    fn place(&self) -> Place {
        let Removal { new, state, .. } = &self.removal;
        match (state, new.kind) {
            (Stage::Sent, _) if self.now >= new.expires => Place::Late,
            (Stage::Sent, Kind::Removal) => Place::Open,
            (Stage::Sent, Kind::Appeal) => Place::Appeal,
            (Stage::Expired, _) => Place::Late,
            (Stage::Queued, _) => Place::Queued,
            (Stage::Granted, _) => Place::Done,
            (Stage::Refused, _) => Place::Refused,
        }
    }
}

/// Where a removal stands, for whoever has its link.
enum Place {
    /// The link takes it off.
    Open,
    /// The link sends an appeal.
    Appeal,
    /// The link was not used in time.
    Late,
    /// An editor decides.
    Queued,
    /// It went.
    Done,
    /// It stays.
    Refused,
}
