//! `/lists/{apex}/kept-out`: what imports do not bring back onto a list, because it was decided so.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use repute_database::kept_out::{self, KeptOut, Spot};
use repute_database::lists::Stored;
use repute_database::{Key, NoKey, Timestamp};
use repute_dnsxl::Name;
use repute_registry::kept_out as rules;
use serde::Deserialize;

use crate::access::encode;
use crate::app::App;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::moment::Moment;
use crate::overview::stored;
use crate::pages::sign_in::back;
use crate::visitor::Member;

/// The page.
#[derive(Template)]
#[template(path = "kept_out.html")]
pub(crate) struct KeptOutPage {
    frame: Frame,
    list: Stored,
    /// How many there are, besides those that are shown.
    count: u64,
    /// For how many days the list keeps something off.
    days: u32,
    rows: Vec<KeptOut>,
    /// What is looked for.
    find: String,
    /// Where more are, if there are more.
    next: Option<String>,
}

/// Which are shown.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Narrowed {
    /// A key.
    #[serde(default)]
    find: String,
    /// The key behind which to go on, maybe with its code.
    #[serde(default)]
    after: String,
}

/// What is let back.
#[derive(Deserialize)]
pub(crate) struct Typed {
    key: String,
    /// With which code alone; nothing for whatever code.
    #[serde(default)]
    code: String,
    #[serde(default)]
    why: String,
}

/// `GET /lists/{apex}/kept-out`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    Path(apex): Path<String>,
    Query(Narrowed { find, after }): Query<Narrowed>,
) -> Result<Page<KeptOutPage>, AppError> {
    let now = Timestamp::now();
    let mut look = app.database.look().await?;
    let list = stored(look.session(), &apex).await?;
    let wrong = |error: NoKey| AppError::Wrong(error.to_string());
    let find = find.trim().to_owned();
    let (found, is_more) = match find.is_empty() {
        false => {
            let key: Key = find.parse().map_err(wrong)?;
            (kept_out::all_at(look.session(), list.id, &key, now).await?, false)
        }
        true => {
            let after = match after.is_empty() {
                true => None,
                false => Some(after.parse::<Spot>().map_err(wrong)?),
            };
            let mut found =
                kept_out::page(look.session(), list.id, after.as_ref(), now, MOST + 1).await?;
            let is_more = found.len() > MOST as usize;
            found.truncate(MOST as usize);
            (found, is_more)
        }
    };
    let last = found.last().filter(|_| is_more).map(|last| last.spot().to_string());
    let next = last.map(|last| format!("{}?after={}", path(&list.list.apex), encode(&last)));
    let count = kept_out::count(look.session(), list.id, now).await?;
    let days = kept_out::days(look.session(), list.id).await?;
    Ok(Page(KeptOutPage { frame, list, count, days, rows: found, find, next }))
}

/// `POST /lists/{apex}/kept-out`: imports may list it again.
pub(crate) async fn let_back(
    State(app): State<App>,
    member: Member,
    Path(apex): Path<String>,
    Form(Typed { key, code, why }): Form<Typed>,
) -> Result<Response, AppError> {
    let spot = format!("{} {}", key.trim(), code.trim());
    let spot: Spot = spot.parse().map_err(|error: NoKey| AppError::Wrong(error.to_string()))?;
    let mut transaction = app.database.begin().await?;
    let list = stored(transaction.session(), &apex).await?;
    let (person, now) = (member.person(), Timestamp::now());
    rules::let_back(&mut transaction, person, &list, &spot, why.trim(), now).await?;
    transaction.commit().await?;
    Ok(back(&path(&list.list.apex), Flash::LetBack))
}

/// Where the page of a list is.
fn path(apex: &Name) -> String {
    format!("/lists/{apex}/kept-out")
}

/// Rows on a page.
const MOST: u32 = 100;

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use repute_database::accounts::Role;
    use repute_database::audit;
    use repute_database::testing::on_each_narrow;
    use repute_registry::kept_out::End;

    use super::*;
    use crate::testing::Site;

    #[tokio::test]
    async fn editors_see_what_is_kept_off_a_list_and_let_it_back() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let list = site.add_list("bl.example").await;
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let actor = audit::actor(t.session(), 0).await.expect("a pseudonym");
            for number in 0..101 {
                let key = format!("192.0.2.{number}").parse().expect("a key");
                let (by, end) = ((&*actor, "removal <7>"), End::AsTheListSays);
                let kept = rules::keep(t, list, &key, by, end, Timestamp::now()).await;
                kept.expect("it is kept off");
            }
            transaction.commit().await.expect("it is committed");
            let place = "/lists/bl.example/kept-out";
            site.become_role(Some(Role::Editor)).await;
            site.get("/lists/bl.example").await.says(&[place]);
            let page = site.get(place).await;
            page.says(&[
                "101",
                "30 days",
                "192.0.2.99",
                "removal &#60;7&#62;",
                "?after=192.0.2.99",
            ]);
            assert!(!page.text.contains("192.0.2.100"));
            site.get(&format!("{place}?after=192.0.2.99")).await.says(&["192.0.2.100"]);
            let found = site.get(&format!("{place}?find=192.0.2.7")).await;
            found.says(&["<code>192.0.2.7</code>"]);
            assert!(!found.text.contains("192.0.2.8"));
            let answer = site.post(place, &[("key", "192.0.2.7"), ("why", "it was right")]).await;
            assert_eq!(answer.location(), place);
            let again = site.post(place, &[("key", "192.0.2.7")]).await;
            assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
            site.get(&format!("{place}?find=192.0.2.7")).await.says(&["Nothing"]);
            // Of some keys only a code is kept off, which is let back alone.
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let spots: Vec<Spot> = ["9.9.9.9 127.0.0.3", "9.9.9.9 127.0.0.4"]
                .map(|spot| spot.parse().expect("a spot"))
                .into();
            let (t, by, end) = (&mut transaction, (&*actor, ""), End::Never);
            let kept = rules::keep_all(t, list, &spots, by, end, Timestamp::now()).await;
            kept.expect("they are kept off");
            transaction.commit().await.expect("it is committed");
            let found = site.get(&format!("{place}?find=9.9.9.9")).await;
            found.says(&["<code>127.0.0.3</code>", "name=\"code\" value=\"127.0.0.4\""]);
            let entry = site.get("/lists/bl.example/entry?key=9.9.9.9").await;
            entry.says(&["no rule gives it 127.0.0.3 again"]);
            site.post(place, &[("key", "9.9.9.9"), ("code", "127.0.0.3")]).await;
            let found = site.get(&format!("{place}?find=9.9.9.9")).await;
            assert!(!found.text.contains("127.0.0.3") && found.text.contains("127.0.0.4"));
            site.become_role(Some(Role::Member)).await;
            assert!(!site.get("/lists/bl.example").await.text.contains(place));
            // The list keeps what it is told to.
            site.become_role(Some(Role::Administrator)).await;
            let settings = "/lists/bl.example/settings";
            for (days, status) in
                [("9999", StatusCode::UNPROCESSABLE_ENTITY), ("7", StatusCode::SEE_OTHER)]
            {
                let answer = site.post(settings, &[("part", "keep-out"), ("days", days)]).await;
                assert_eq!(answer.status, status, "{days}");
            }
            site.get(settings).await.says(&["name=\"days\"", "value=\"7\""]);
            site.get(place).await.says(&["7 days"]);
        })
        .await;
    }
}
