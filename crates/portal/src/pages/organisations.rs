//! `/organisations`: for whom somebody speaks, and where he is invited to; for editors, all organisations.
//!
//! Editors come here to look one up, and few of them speak for anybody: the directory stands above what is their own.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use repute_database::claims::{self, Claim};
use repute_database::entries::OrganisationId;
use repute_database::invitations::{self, Invitation};
use repute_database::organisations::{self, Organisation, State as Standing, find};
use repute_database::{Session, Timestamp};
use repute_dnsxl::Name;
use repute_registry::organisation;
use serde::Deserialize;

use crate::access::encode;
use crate::app::App;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::moment::Moment;
use crate::pages::claim::standing;
use crate::pages::organisation::path;
use crate::pages::sign_in::back;
use crate::visitor::Member;

/// The page.
#[derive(Template)]
#[template(path = "organisations.html")]
pub(crate) struct Organisations {
    frame: Frame,
    own: Vec<Row>,
    /// Where he is invited to, with the names, and whether anything of it is published.
    invited: Vec<(Invitation, String, bool)>,
    claims: Vec<Claim>,
    /// All of them; nothing, unless an editor looks.
    directory: Option<Directory>,
}

/// An organisation, and what one line says of it.
struct Row {
    organisation: Organisation,
    domains: Vec<Name>,
    /// Whether it has anything on any list.
    is_published: bool,
}

/// Organisations that an editor looks for.
struct Directory {
    find: String,
    rows: Vec<Row>,
    /// Whether these are not the first.
    is_later: bool,
    /// Where the next ones are.
    next: Option<String>,
}

/// Which organisations are shown.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Narrowed {
    /// An Id, or words of a name, a domain or a contact.
    #[serde(default)]
    find: String,
    /// The Id behind which to go on.
    after: Option<i64>,
}

/// An organisation that is added.
#[derive(Debug, Deserialize)]
pub(crate) struct Typed {
    name: String,
    /// Domains by which it is known, between blanks.
    #[serde(default)]
    domains: String,
}

/// `GET /organisations`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Query(narrowed): Query<Narrowed>,
) -> Result<Page<Organisations>, AppError> {
    let mut look = app.database.look().await?;
    let account = member.account.id.0;
    let own = organisations::of_account(look.session(), account).await?;
    let own = rows(look.session(), own).await?;
    let mut claims = claims::of_account(look.session(), account).await?;
    // The latest first, and what is long over not at all.
    claims.sort_by_key(|claim| std::cmp::Reverse(claim.id.0));
    claims.truncate(MOST_CLAIMS);
    let (mail, now) = (&member.account.mail, Timestamp::now());
    let waiting = invitations::of_mail(look.session(), mail, now).await?;
    let ids: Vec<_> = waiting.iter().map(|(one, _)| one.organisation).collect();
    let published = find::published(look.session(), &ids).await?;
    let is_published = |one: &Invitation| published.contains(&one.organisation);
    let invited = waiting.into_iter().map(|(one, name)| (is_published(&one), one, name));
    let invited = invited.map(|(is_published, one, name)| (one, name, is_published)).collect();
    let directory = match member.is_editor() {
        true => Some(directory(look.session(), &narrowed).await?),
        false => None,
    };
    Ok(Page(Organisations { frame, own, invited, claims, directory }))
}

/// `POST /organisations`: an editor adds one for which nobody speaks yet.
pub(crate) async fn add(
    State(app): State<App>,
    member: Member,
    Form(Typed { name, domains }): Form<Typed>,
) -> Result<Response, AppError> {
    let read =
        |text: &str| text.parse().map_err(|_| AppError::Wrong(format!("`{text}` is no domain")));
    let domains = domains.split([' ', ',', '\r', '\n', '\t']).filter(|text| !text.is_empty());
    let domains = domains.map(read).collect::<Result<Vec<Name>, AppError>>()?;
    let (person, now) = (member.person(), Timestamp::now());
    let mut transaction = app.database.begin().await?;
    let id = organisation::add(&mut transaction, person, &name, &domains, now).await?;
    transaction.commit().await?;
    Ok(back(&path(id.0), Flash::OrganisationAdded))
}

/// Those that an editor looks for.
async fn directory(
    mut session: Session<'_>,
    Narrowed { find: words, after }: &Narrowed,
) -> Result<Directory, AppError> {
    let (words, after) = (words.trim(), after.map(OrganisationId));
    let mut found = find::find(session.again(), words, after, MOST + 1).await?;
    let is_more = found.len() > MOST as usize;
    found.truncate(MOST as usize);
    let last = found.last().filter(|_| is_more).map(|last| last.id.0);
    let next = last.map(|last| format!("/organisations?find={}&after={last}#all", encode(words)));
    let rows = rows(session, found).await?;
    Ok(Directory { find: words.to_owned(), rows, is_later: after.is_some(), next })
}

/// What a line says of each.
async fn rows(mut session: Session<'_>, all: Vec<Organisation>) -> Result<Vec<Row>, AppError> {
    let ids: Vec<_> = all.iter().map(|one| one.id).collect();
    let domains = find::domains_of(session.again(), &ids).await?;
    let published = find::published(session, &ids).await?;
    let row = |organisation: Organisation| {
        let of = domains.iter().filter(|(id, _)| *id == organisation.id);
        let domains = of.map(|(_, domain)| domain.clone()).collect();
        let is_published = published.contains(&organisation.id);
        Row { organisation, domains, is_published }
    };
    Ok(all.into_iter().map(row).collect())
}

impl Row {
    /// Whether it is suspended.
    fn is_suspended(&self) -> bool {
        match self.organisation.state {
            Standing::Active => false,
            Standing::Suspended { .. } => true,
        }
    }
}

/// Claims that are shown.
const MOST_CLAIMS: usize = 50;
/// Organisations on a page of all.
const MOST: u32 = 50;

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use repute_database::accounts::Role;
    use repute_database::testing::on_each_narrow;

    use crate::testing::Site;

    #[tokio::test]
    async fn editors_find_organisations_and_add_some() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.become_role(Some(Role::Editor)).await;
            site.get("/organisations").await.says(&["All organisations", "There are none yet"]);
            let fields = [("name", "Post <AG>"), ("domains", "post.example, mx.post.example")];
            let added = site.post("/organisations", &fields).await;
            assert_eq!(added.location(), "/organisations/1", "{added:?}");
            let page = site.get("/organisations/1").await;
            page.says(&["Post &#60;AG&#62;", "mx.post.example", "Nothing of this organisation"]);
            for fields in [[("name", " "), ("domains", "")], [("name", "X"), ("domains", "a..b")]] {
                let refused = site.post("/organisations", &fields).await;
                assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");
            }
            for number in 2..=52 {
                let name = format!("Number {number}.");
                let added = site.post("/organisations", &[("name", &name)]).await;
                assert_eq!(added.location(), format!("/organisations/{number}"));
            }
            let page = site.get("/organisations").await;
            page.says(&["Number 50.", "nothing is published yet", "after=50#all"]);
            assert!(!page.text.contains("Number 51."));
            site.get("/organisations?find=&after=50").await.says(&["Number 51.", "Number 52."]);
            for words in ["post.ex", "POST", "1"] {
                let page = site.get(&format!("/organisations?find={words}")).await;
                page.says(&["Post &#60;AG&#62;", "<td data-is=\"Id\">1</td>"]);
                assert!(!page.text.contains("Number 2."), "{words}");
            }
            site.get("/organisations?find=zeta").await.says(&["None is like this"]);
            let page = site.get("/organisations").await;
            let at = |words: &str| page.text.find(words).expect(words);
            assert!(at("All organisations</h1>") < at("Number 2."), "{}", page.text);
            for own in ["Your organisations</h2>", "You speak for nobody yet", "Claim a domain</a>"]
            {
                assert!(at("Number 50.") < at(own), "{own}");
            }
            site.become_role(Some(Role::Member)).await;
            let page = site.get("/organisations").await;
            page.says(&["Your organisations</h1>", "You speak for nobody yet"]);
            assert!(!page.text.contains("All organisations"), "{}", page.text);
        })
        .await;
    }
}
