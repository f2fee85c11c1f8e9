//! `/organisations/{id}`: who belongs to an organisation, what it has on our lists, and what editors do about it.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use repute_database::accounts::{self, AccountId};
use repute_database::categories::{self, Category};
use repute_database::claims::{self, Claim};
use repute_database::consistency::{self, Counts, State as Dns, Watched};
use repute_database::contact_mails::{self, ContactMail};
use repute_database::entries::{self, Entry, OrganisationId};
use repute_database::invitations::{self, Invitation};
use repute_database::lists::{self, ListId};
use repute_database::organisations::{
    self, Contact, Member as Belonging, MemberRole, Note, Organisation, Purpose, State as Standing,
};
use repute_database::requests::{self, Request};
use repute_database::reviews::{self, Due};
use repute_database::undelivered::{self, Undelivered};
use repute_database::{Session, Timestamp};
use repute_registry::consistency::{Reason, reasons};
use repute_registry::permission::{self, Action, Relation};
use repute_registry::request::state::State as Stage;
use repute_registry::{category, intervention, organisation, review};
use serde::Deserialize;

use crate::app::App;
use crate::contact;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::moment::Moment;
use crate::notice;
use crate::overview::ListCard;
use crate::pages::claim::standing;
use crate::pages::sign_in::back;
use crate::spans::Spans;
use crate::visitor::Member;

/// The page of an organisation.
#[derive(Template)]
#[template(path = "organisation.html")]
pub(crate) struct OrganisationPage {
    frame: Frame,
    organisation: Organisation,
    domains: Vec<String>,
    people: Vec<Person>,
    /// Who is invited; nobody, unless an owner looks.
    invited: Vec<Invitation>,
    contacts: Vec<Contact>,
    /// What whoever reads there said.
    said: Vec<ContactMail>,
    /// Addresses of its contacts and people to which nothing goes.
    undelivered: Vec<Undelivered>,
    claims: Vec<Claim>,
    requests: Vec<(Request, Stage)>,
    lists: Vec<Part>,
    /// What is not well with DNS, the worst first, and why.
    unwell: Vec<(Watched, Vec<Reason>)>,
    /// How much there is in each state.
    dns: Counts,
    /// What is to be looked at again, and on which list.
    due: Vec<(Due, Option<ListCard>)>,
    now: Timestamp,
    notes: Vec<Note>,
    relation: Relation,
    is_editor: bool,
    /// Whether an administrator looks who does not belong to it.
    is_above: bool,
    /// The account of whoever looks.
    me: i64,
}

/// Somebody who belongs to it.
struct Person {
    belonging: Belonging,
    name: String,
    mail: String,
}

/// What it has on a list.
struct Part {
    card: ListCard,
    category: Option<Category>,
    entries: Vec<Entry>,
    /// Whether there are more than are shown.
    is_cut: bool,
}

/// A contact that is typed.
#[derive(Deserialize)]
pub(crate) struct TypedContact {
    mail: String,
    purpose: String,
}

/// A member that is chosen.
#[derive(Deserialize)]
pub(crate) struct TypedMember {
    account: i64,
    /// `owner`, `member`, or nothing to take him out.
    #[serde(default)]
    role: String,
}

/// A category that is chosen.
#[derive(Deserialize)]
pub(crate) struct TypedCategory {
    /// The number of the list.
    list: i64,
    /// The category's number.
    category: u8,
    /// Why.
    reason: String,
}

/// A text that is typed, with a reason.
#[derive(Deserialize)]
pub(crate) struct TypedReason {
    text: String,
    why: String,
}

/// What an administrator does for it.
#[derive(Deserialize)]
pub(crate) struct TypedIntervention {
    /// `appoint`, `add-contact` or `remove-contact`.
    act: String,
    mail: String,
    #[serde(default)]
    purpose: String,
    why: String,
}

/// A text that is typed.
#[derive(Deserialize)]
pub(crate) struct TypedText {
    text: String,
}

/// `GET /organisations/{id}`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Page<OrganisationPage>, AppError> {
    let (id, now) = (OrganisationId(id), Timestamp::now());
    let cards = app.overview.get(&app.database, &*app.zones).await?;
    let mut look = app.database.look().await?;
    let seen = organisation::visible(look.session(), member.person(), id).await?;
    let (organisation, relation) = seen.ok_or(AppError::NotFound)?;
    let domains = organisations::domains(look.session(), id).await?;
    let mut people = Vec::new();
    for belonging in organisations::members(look.session(), id).await? {
        let account = accounts::by_id(look.session(), AccountId(belonging.account)).await?;
        let (name, mail) = account.map(|account| (account.name, account.mail)).unwrap_or_default();
        people.push(Person { belonging, name, mail });
    }
    let invited = match relation {
        Relation::Owner => invitations::of_organisation(look.session(), id, now).await?,
        Relation::Member | Relation::Stranger => Vec::new(),
    };
    let contacts = organisations::contacts(look.session(), id).await?;
    let said = contact_mails::of(look.session(), id).await?;
    let undelivered = undelivered::of_organisation(look.session(), id).await?;
    let claims = claims::of_organisation(look.session(), id).await?;
    let found = requests::of_organisation(look.session(), id, None, MOST_REQUESTS).await?;
    let mut requests = Vec::new();
    for request in found {
        let stage = repute_registry::request::state_of(&request)?;
        requests.push((request, stage));
    }
    let mut lists = Vec::new();
    for card in cards.iter().filter(|card| card.is_of_addresses()) {
        lists.push(part(look.session(), card, id).await?);
    }
    let dns = consistency::counts(look.session(), id).await?;
    let unwell = consistency::unwell(look.session(), id, MOST_UNWELL).await?;
    let with_reasons = |one: Watched| (reasons(&one.standing), one);
    let unwell = unwell.into_iter().map(with_reasons).map(|(why, one)| (one, why)).collect();
    let due = reviews::due(look.session(), id, review::near(now), review::MOST_SHOWN).await?;
    let card = |list| cards.iter().find(|card| card.id == list).cloned();
    let due = due.into_iter().map(|one| (card(one.list), one)).map(|(card, one)| (one, card));
    let due = due.collect();
    let is_editor = member.is_editor();
    let is_above = permission::may(member.person().role, relation, Action::Intervene);
    let notes = match is_editor {
        true => organisations::notes(look.session(), id, MOST_NOTES).await?,
        false => Vec::new(),
    };
    let domains = domains.iter().map(ToString::to_string).collect();
    Ok(Page(OrganisationPage {
        frame,
        organisation,
        domains,
        people,
        invited,
        contacts,
        said,
        undelivered,
        claims,
        requests,
        lists,
        unwell,
        dns,
        due,
        now,
        notes,
        relation,
        is_editor,
        is_above,
        me: member.account.id.0,
    }))
}

/// `POST /organisations/{id}/contacts`.
pub(crate) async fn add_contact(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(typed): Form<TypedContact>,
) -> Result<Response, AppError> {
    let contact = contact(&typed);
    let mut transaction = app.database.begin().await?;
    let (person, now) = (member.person(), Timestamp::now());
    let (t, id_of) = (&mut transaction, OrganisationId(id));
    organisation::add_contact(t, person, id_of, &contact, now).await?;
    contact::ask(&app, t, id_of, &contact.mail, member.account.id, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(back(&path(id), Flash::ContactsChanged))
}

/// `POST /organisations/{id}/contacts/remove`.
pub(crate) async fn remove_contact(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(typed): Form<TypedContact>,
) -> Result<Response, AppError> {
    let contact = contact(&typed);
    let mut transaction = app.database.begin().await?;
    let (person, now) = (member.person(), Timestamp::now());
    organisation::remove_contact(&mut transaction, person, OrganisationId(id), &contact, now)
        .await?;
    transaction.commit().await?;
    Ok(back(&path(id), Flash::ContactsChanged))
}

/// `POST /organisations/{id}/members`: gives somebody who belongs to it another role, or takes him out.
pub(crate) async fn change_member(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(TypedMember { account, role }): Form<TypedMember>,
) -> Result<Response, AppError> {
    let (person, now, id) = (member.person(), Timestamp::now(), OrganisationId(id));
    let mut transaction = app.database.begin().await?;
    // Nobody is made to belong to something that he does not know of.
    if organisations::role_of(transaction.session(), id, account).await?.is_none() {
        return Err(AppError::NotFound);
    }
    let t = &mut transaction;
    match &*role {
        "owner" => organisation::put_member(t, person, id, account, MemberRole::Owner, now).await?,
        "member" => {
            organisation::put_member(t, person, id, account, MemberRole::Member, now).await?;
        }
        _ => organisation::remove_member(t, person, id, account, now).await?,
    }
    transaction.commit().await?;
    let is_gone = role.is_empty() && account == member.account.id.0;
    let path = if is_gone { "/organisations".to_owned() } else { path(id.0) };
    Ok(back(&path, Flash::MembersChanged))
}

/// `POST /organisations/{id}/still-right`: what is to be looked at was looked at.
pub(crate) async fn still_right(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Response, AppError> {
    let (person, now) = (member.person(), Timestamp::now());
    let mut transaction = app.database.begin().await?;
    review::still_right(&mut transaction, person, OrganisationId(id), now).await?;
    transaction.commit().await?;
    Ok(back(&path(id), Flash::StillRight))
}

/// `POST /organisations/{id}/suspend`.
pub(crate) async fn suspend(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(TypedText { text }): Form<TypedText>,
) -> Result<Response, AppError> {
    let (person, now) = (member.person(), Timestamp::now());
    let mut transaction = app.database.begin().await?;
    organisation::suspend(&mut transaction, person, OrganisationId(id), &text, now).await?;
    transaction.commit().await?;
    Ok(back(&path(id), Flash::Suspended))
}

/// `POST /organisations/{id}/resume`.
pub(crate) async fn resume(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Response, AppError> {
    let (person, now) = (member.person(), Timestamp::now());
    let mut transaction = app.database.begin().await?;
    organisation::resume(&mut transaction, person, OrganisationId(id), now).await?;
    transaction.commit().await?;
    Ok(back(&path(id), Flash::Resumed))
}

/// `POST /organisations/{id}/domains`: an editor says by which domain it is known.
pub(crate) async fn name_domain(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(TypedText { text }): Form<TypedText>,
) -> Result<Response, AppError> {
    let domain = text.trim().parse();
    let domain = domain.map_err(|_| AppError::Wrong(format!("`{}` is no domain", text.trim())))?;
    let (person, now) = (member.person(), Timestamp::now());
    let mut transaction = app.database.begin().await?;
    organisation::name_domain(&mut transaction, person, OrganisationId(id), &domain, now).await?;
    transaction.commit().await?;
    Ok(back(&path(id), Flash::DomainNamed))
}

/// `POST /organisations/{id}/domains/remove`: an editor says that it is not known by a domain any more.
pub(crate) async fn forget_domain(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(TypedReason { text, why }): Form<TypedReason>,
) -> Result<Response, AppError> {
    let domain = text.trim().parse();
    let domain = domain.map_err(|_| AppError::Wrong(format!("`{}` is no domain", text.trim())))?;
    let (person, now, of) = (member.person(), Timestamp::now(), OrganisationId(id));
    let mut transaction = app.database.begin().await?;
    let t = &mut transaction;
    let notices = intervention::forget_domain(t, person, of, &domain, &why, now).await?;
    notice::put(&app, t, &notices, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(back(&path(id), Flash::DomainForgotten))
}

/// `POST /organisations/{id}/intervene`: an administrator steps in for its owners.
pub(crate) async fn intervene(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(typed): Form<TypedIntervention>,
) -> Result<Response, AppError> {
    let (person, now, of) = (member.person(), Timestamp::now(), OrganisationId(id));
    let TypedIntervention { act, mail, purpose, why } = typed;
    let contact = contact(&TypedContact { mail: mail.clone(), purpose });
    let mut transaction = app.database.begin().await?;
    let t = &mut transaction;
    let (notices, flash) = match &*act {
        "appoint" => {
            let mail = mail.trim().to_lowercase();
            let (_, notices) = intervention::appoint(t, person, of, &mail, &why, now).await?;
            (notices, Flash::MembersChanged)
        }
        "add-contact" => {
            let notices = intervention::add_contact(t, person, of, &contact, &why, now).await?;
            contact::ask(&app, t, of, &contact.mail, member.account.id, now).await?;
            (notices, Flash::ContactsChanged)
        }
        "remove-contact" => {
            let notices = intervention::remove_contact(t, person, of, &contact, &why, now).await?;
            (notices, Flash::ContactsChanged)
        }
        _ => return Err(AppError::Choice),
    };
    notice::put(&app, t, &notices, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(back(&path(id), flash))
}

/// `POST /organisations/{id}/category`: an editor says in which category of a list it is.
pub(crate) async fn categorise(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(typed): Form<TypedCategory>,
) -> Result<Response, AppError> {
    let (person, now, of) = (member.person(), Timestamp::now(), OrganisationId(id));
    let mut transaction = app.database.begin().await?;
    let t = &mut transaction;
    let list = lists::by_id(t.session(), ListId(typed.list)).await?.ok_or(AppError::NotFound)?;
    category::set(t, person, of, &list, typed.category, &typed.reason, now).await?;
    transaction.commit().await?;
    Ok(back(&path(id), Flash::Categorised))
}

/// `POST /organisations/{id}/notes`.
pub(crate) async fn note(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(TypedText { text }): Form<TypedText>,
) -> Result<Response, AppError> {
    let (person, now) = (member.person(), Timestamp::now());
    let mut transaction = app.database.begin().await?;
    organisation::note(&mut transaction, person, OrganisationId(id), &text, now).await?;
    transaction.commit().await?;
    Ok(back(&path(id), Flash::Noted))
}

/// What an organisation has on a list.
async fn part(
    mut session: Session<'_>,
    card: &ListCard,
    id: OrganisationId,
) -> Result<Part, AppError> {
    let category = categories::of(session.again(), id, card.id).await?;
    let mut entries =
        entries::of_organisation(session, card.id, id, None, MOST_ENTRIES + 1).await?;
    let is_cut = entries.len() > MOST_ENTRIES as usize;
    entries.truncate(MOST_ENTRIES as usize);
    Ok(Part { card: card.clone(), category, entries, is_cut })
}

/// A contact as it is typed.
fn contact(typed: &TypedContact) -> Contact {
    let purpose = match &*typed.purpose {
        "abuse" => Purpose::Abuse,
        "technical" => Purpose::Technical,
        _ => Purpose::General,
    };
    Contact { mail: typed.mail.trim().to_lowercase(), purpose }
}

/// Where an organisation is.
pub(crate) fn path(id: i64) -> String {
    format!("/organisations/{id}")
}

/// The class that marks where a request stands.
pub(crate) fn mark(stage: Stage) -> &'static str {
    match stage {
        Stage::Draft | Stage::Submitted | Stage::Checking | Stage::Queued | Stage::InReview => {
            "idle"
        }
        Stage::NeedsInfo | Stage::PartlyApproved => "warn",
        Stage::AutoApproved | Stage::Approved | Stage::Published => "good",
        Stage::Rejected => "bad",
        Stage::Withdrawn | Stage::Expired => "idle",
    }
}

impl OrganisationPage {
    /// Why and since when nothing goes to an address, if nothing does.
    fn failure(&self, mail: &str) -> Option<&Undelivered> {
        self.undelivered.iter().find(|one| one.mail == mail.to_lowercase())
    }

    /// Whether nothing of it is on any list.
    fn is_empty(&self) -> bool {
        self.lists.iter().all(|part| part.entries.is_empty())
    }

    /// Whether somebody should have looked already.
    fn is_over(&self, due: &Due) -> bool {
        due.review <= self.now
    }

    /// What somebody who is invited becomes.
    fn role(&self, invitation: &Invitation) -> &'static str {
        match invitation.role {
            MemberRole::Owner => "owner",
            MemberRole::Member => "member",
        }
    }

    /// Whether a contact has not said yet that letters may go there.
    fn is_unconfirmed(&self, mail: &str) -> bool {
        self.said.iter().any(|one| one.mail == mail && one.confirmed.is_none())
    }

    /// Since when a contact wants no letters, if so.
    fn stopped(&self, mail: &str) -> Option<Timestamp> {
        self.said.iter().find(|one| one.mail == mail).and_then(|one| one.stopped)
    }

    /// Whether whoever looks belongs to it.
    fn is_own(&self) -> bool {
        self.relation != Relation::Stranger
    }

    /// Whether he says who belongs to it.
    fn is_owner(&self) -> bool {
        self.relation == Relation::Owner
    }

    /// The lists that have categories, with what it has there.
    fn categorised(&self) -> impl Iterator<Item = &Part> {
        self.lists.iter().filter(|part| !part.card.categories.is_empty())
    }

    /// Whether a claim is not over.
    fn is_alive(&self, claim: &Claim) -> bool {
        use claims::State::{Held, Open, Waiting};
        matches!(claim.state, Open | Waiting { .. } | Held { .. })
    }

    /// Why it is suspended, if it is.
    fn suspension(&self) -> Option<&str> {
        match &self.organisation.state {
            Standing::Active => None,
            Standing::Suspended { reason } => Some(reason),
        }
    }
}

impl Part {
    /// Whether a category is that of the organisation.
    fn is_in(&self, category: &Category) -> bool {
        self.category.as_ref() == Some(category)
    }
}

impl Person {
    /// Whether it is whoever looks.
    fn is(&self, account: &i64) -> bool {
        self.belonging.account == *account
    }

    /// Whether he says who belongs to it.
    fn is_owner(&self) -> bool {
        self.belonging.role == MemberRole::Owner
    }
}

/// The word of what a contact is for.
fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Abuse => "abuse",
        Purpose::Technical => "technical",
        Purpose::General => "general",
    }
}

/// How something stands with DNS: the class that marks it, and in words.
pub(crate) fn dns_words(state: Dns) -> (&'static str, &'static str) {
    match state {
        Dns::Ok => ("good", "ok"),
        Dns::Suspect => ("warn", "suspect"),
        Dns::Bad => ("bad", "bad"),
    }
}

/// Networks that are not well which are shown.
const MOST_UNWELL: u32 = 100;
/// Requests that are shown.
const MOST_REQUESTS: u32 = 50;
/// Notes that are shown.
const MOST_NOTES: u32 = 50;
/// Entries of a list that are shown.
const MOST_ENTRIES: u32 = 200;
