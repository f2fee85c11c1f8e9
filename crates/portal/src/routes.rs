//! Every route with the least role it needs, and how lately its person must have proved who he is: this table is what is enforced, and what is tested.

use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use repute_database::accounts::Role;
use repute_registry::request::evidence;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use crate::access::{self, Least, Proof};
use crate::api::{self, Access, Endpoint};
use crate::app::App;
use crate::error::AppError;
use crate::{asset, distribution, frame, pages};

#[cfg(test)]
mod promise;

/// A route.
pub(crate) struct Route {
    /// The one method it takes.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the handler knows it; the test of all routes asks")
    )]
    pub(crate) method: Method,
    /// Its path.
    pub(crate) path: &'static str,
    /// Who may use it, at the least.
    pub(crate) least: Least,
    /// How lately he must have proved who he is.
    pub(crate) proof: Proof,
    /// How long an answer may take.
    time: Duration,
    /// What answers.
    handler: MethodRouter<App>,
}

/// All routes.
pub(crate) fn all() -> Vec<Route> {
    use Least::Anonymous;
    use Role::{Administrator, Editor, Member};
    let pages = vec![
        Route::get("/", Anonymous, get(pages::home::show)),
        Route::get("/assets/{name}", Anonymous, get(asset::get)),
        Route::get("/lists/{apex}", Anonymous, get(pages::list::show)),
        Route::get("/lookup", Anonymous, get(pages::lookup::show)),
        Route::get("/lookup/names", Anonymous, get(pages::names::show)),
        Route::get("/api", Anonymous, get(pages::docs::show)),
        Route::get("/api/v1/openapi.json", Anonymous, get(pages::docs::openapi)),
        Route::get("/lookup/elsewhere", Anonymous, get(pages::elsewhere::show)),
        Route::get("/sign-up", Anonymous, get(pages::join::show)),
        Route::post("/sign-up", Anonymous, post(pages::join::submit)),
        Route::get("/join/{secret}", Anonymous, get(pages::join::choose)),
        Route::post("/join/{secret}", Anonymous, post(pages::join::join)),
        Route::get("/sign-in", Anonymous, get(pages::sign_in::show)),
        Route::post("/sign-in", Anonymous, post(pages::sign_in::submit)),
        Route::get("/sign-in/second", Anonymous, get(pages::second::show)),
        Route::post("/sign-in/second", Anonymous, post(pages::second::submit)),
        Route::post("/sign-in/second/passkey/ask", Anonymous, post(pages::passkeys::ask_second)),
        Route::post("/sign-in/second/passkey", Anonymous, post(pages::passkeys::second)),
        Route::post("/sign-in/passkey/ask", Anonymous, post(pages::passkeys::ask_sign_in)),
        Route::post("/sign-in/passkey", Anonymous, post(pages::passkeys::sign_in)),
        Route::get("/forgot", Anonymous, get(pages::reset::show)),
        Route::post("/forgot", Anonymous, post(pages::reset::submit)),
        Route::get("/reset/{secret}", Anonymous, get(pages::reset::choose)),
        Route::post("/reset/{secret}", Anonymous, post(pages::reset::reset)),
        Route::post("/sign-out", Least::Role(Member), post(pages::sign_in::out)),
        Route::get("/account", Least::Role(Member), get(pages::account::show)),
        Route::post("/account/sessions/{id}/end", Least::Role(Member), post(pages::account::end)),
        Route::post(
            "/account/sessions/end-others",
            Least::Role(Member),
            post(pages::account::end_others),
        )
        .fresh_from("/account"),
        Route::get("/confirm", Least::Role(Member), get(pages::confirm::show)),
        Route::post("/confirm", Least::Role(Member), post(pages::confirm::by_password)),
        Route::post("/confirm/code", Least::Role(Member), post(pages::confirm::by_code)),
        Route::post(
            "/confirm/passkey/ask",
            Least::Role(Member),
            post(pages::passkeys::ask_confirm),
        ),
        Route::post("/confirm/passkey", Least::Role(Member), post(pages::passkeys::confirm)),
        Route::get("/account/passkeys", Least::Role(Member), get(pages::passkeys::show)).fresh(),
        Route::post("/account/passkeys/ask", Least::Role(Member), post(pages::passkeys::ask))
            .fresh_from("/account/passkeys"),
        Route::post("/account/passkeys", Least::Role(Member), post(pages::passkeys::add))
            .fresh_from("/account/passkeys"),
        Route::post(
            "/account/passkeys/{id}/remove",
            Least::Role(Member),
            post(pages::passkeys::remove),
        )
        .fresh_from("/account/passkeys"),
        Route::get("/account/tokens", Least::Role(Member), get(pages::tokens::show)).fresh(),
        Route::post("/account/tokens", Least::Role(Member), post(pages::tokens::make))
            .fresh_from("/account/tokens"),
        Route::post("/account/tokens/{id}/end", Least::Role(Member), post(pages::tokens::end))
            .fresh_from("/account/tokens"),
        Route::post("/account/name", Least::Role(Member), post(pages::account::rename)),
        Route::get("/account/mail", Least::Role(Member), get(pages::mail::show)).fresh(),
        Route::post("/account/mail", Least::Role(Member), post(pages::mail::ask))
            .fresh_from("/account/mail"),
        Route::get(
            "/account/mail/{until}/{mail}/{token}",
            Least::Role(Member),
            get(pages::mail::proven),
        ),
        Route::post(
            "/account/mail/{until}/{mail}/{token}",
            Least::Role(Member),
            post(pages::mail::take),
        ),
        Route::get("/account/password", Least::Role(Member), get(pages::password::show)).fresh(),
        Route::post("/account/password", Least::Role(Member), post(pages::password::change))
            .fresh_from("/account/password"),
        Route::get("/organisations", Least::Role(Member), get(pages::organisations::show)),
        Route::post("/organisations", Least::Role(Editor), post(pages::organisations::add)),
        Route::get("/organisations/{id}", Least::Role(Member), get(pages::organisation::show)),
        Route::post(
            "/organisations/{id}/contacts",
            Least::Role(Member),
            post(pages::organisation::add_contact),
        ),
        Route::post(
            "/organisations/{id}/contacts/remove",
            Least::Role(Member),
            post(pages::organisation::remove_contact),
        ),
        Route::post(
            "/organisations/{id}/members",
            Least::Role(Member),
            post(pages::organisation::change_member),
        )
        .fresh_from("/organisations/{id}"),
        Route::post(
            "/organisations/{id}/suspend",
            Least::Role(Editor),
            post(pages::organisation::suspend),
        )
        .fresh_from("/organisations/{id}"),
        Route::post(
            "/organisations/{id}/resume",
            Least::Role(Editor),
            post(pages::organisation::resume),
        )
        .fresh_from("/organisations/{id}"),
        Route::post(
            "/organisations/{id}/domains",
            Least::Role(Editor),
            post(pages::organisation::name_domain),
        )
        .fresh_from("/organisations/{id}"),
        Route::post(
            "/organisations/{id}/domains/remove",
            Least::Role(Editor),
            post(pages::organisation::forget_domain),
        ),
        Route::post(
            "/organisations/{id}/intervene",
            Least::Role(Administrator),
            post(pages::organisation::intervene),
        )
        .fresh_from("/organisations/{id}"),
        Route::post("/claims/{id}/end", Least::Role(Administrator), post(pages::claim::end))
            .fresh_from("/organisations"),
        Route::post(
            "/organisations/{id}/category",
            Least::Role(Editor),
            post(pages::organisation::categorise),
        ),
        Route::post(
            "/organisations/{id}/notes",
            Least::Role(Editor),
            post(pages::organisation::note),
        ),
        Route::get("/organisations/{id}/hints", Least::Role(Member), get(pages::hints::show)),
        Route::get(
            "/organisations/{id}/hints/checks",
            Least::Role(Member),
            get(pages::hints::checks),
        ),
        Route::get("/organisations/{id}/request", Least::Role(Member), get(pages::request::form)),
        Route::post(
            "/organisations/{id}/request",
            Least::Role(Member),
            post(pages::request::submit),
        ),
        Route::get("/claims/new", Least::Role(Member), get(pages::claim::form)),
        Route::post("/claims", Least::Role(Member), post(pages::claim::open)),
        Route::get("/claims/{id}", Least::Role(Member), get(pages::claim::show)),
        Route::post("/claims/{id}/look", Least::Role(Member), post(pages::claim::look)),
        Route::post("/claims/{id}/withdraw", Least::Role(Member), post(pages::claim::withdraw)),
        Route::get("/claims/{id}/prove/{token}", Anonymous, get(pages::prove::ask)),
        Route::post("/claims/{id}/prove/{token}", Anonymous, post(pages::prove::answer)),
        Route::get("/requests/{id}", Least::Role(Member), get(pages::request::show)),
        Route::post("/requests/{id}/answer", Least::Role(Member), post(pages::request::answer)),
        Route::post("/requests/{id}/withdraw", Least::Role(Member), post(pages::request::withdraw)),
        Route::post("/requests/{id}/review", Least::Role(Editor), post(pages::queue::review)),
        Route::post("/requests/{id}/decide", Least::Role(Editor), post(pages::queue::decide)),
        Route::post(
            "/requests/{id}/conflict",
            Least::Role(Editor),
            post(pages::conflict::of_request),
        ),
        Route::post(
            "/queue/removals/{id}/conflict",
            Least::Role(Editor),
            post(pages::conflict::of_removal),
        ),
        Route::post(
            "/proposals/{id}/conflict",
            Least::Role(Editor),
            post(pages::conflict::of_proposal),
        ),
        Route::post("/requests/{id}/undo", Least::Role(Editor), post(pages::queue::undo)),
        Route::get("/queue", Least::Role(Editor), get(pages::queue::show)),
        Route::post("/queue/bulk", Least::Role(Editor), post(pages::bulk::decide))
            .fresh_from("/queue"),
        Route::get("/statistics", Least::Role(Editor), get(pages::statistics::show)),
        Route::get("/unsubscribe/{account}/{token}", Anonymous, get(pages::letters::ask)),
        Route::post("/unsubscribe/{account}/{token}", Anonymous, post(pages::letters::stop)),
        Route::get("/contacts/{organisation}/{token}", Anonymous, get(pages::contact::ask)),
        Route::post("/contacts/{organisation}/{token}", Anonymous, post(pages::contact::confirm)),
        Route::get(
            "/contacts/{organisation}/{token}/stop",
            Anonymous,
            get(pages::contact::ask_to_stop),
        ),
        Route::post("/contacts/{organisation}/{token}/stop", Anonymous, post(pages::contact::stop)),
        Route::post("/account/letters", Least::Role(Member), post(pages::letters::choose)),
        Route::get("/letters/{id}/{token}", Anonymous, get(pages::arrive::ask)),
        Route::post("/letters/{id}/{token}", Anonymous, post(pages::arrive::confirm)),
        Route::post("/account/letters/try", Least::Role(Member), post(pages::arrive::try_own)),
        Route::post(
            "/organisations/{id}/contacts/try",
            Least::Role(Member),
            post(pages::arrive::try_contact),
        ),
        Route::get("/invitations/{secret}", Anonymous, get(pages::invitations::show)),
        Route::post("/invitations/{secret}", Least::Role(Member), post(pages::invitations::join)),
        Route::post(
            "/organisations/{id}/join",
            Least::Role(Member),
            post(pages::invitations::join_by_mail),
        ),
        Route::post(
            "/organisations/{id}/invitations",
            Least::Role(Member),
            post(pages::invitations::invite),
        )
        .fresh_from("/organisations/{id}"),
        Route::post(
            "/organisations/{id}/invitations/revoke",
            Least::Role(Member),
            post(pages::invitations::revoke),
        ),
        Route::post(
            "/organisations/{id}/still-right",
            Least::Role(Member),
            post(pages::organisation::still_right),
        ),
        Route::get("/queue/upkeep", Least::Role(Editor), get(pages::upkeep::show)),
        Route::get("/queue/removals/{id}", Least::Role(Editor), get(pages::removal::review)),
        Route::post("/queue/removals/{id}", Least::Role(Editor), post(pages::removal::decide)),
        Route::get("/r/{list}/{target}", Anonymous, get(pages::entry::unsigned)),
        Route::get("/r/{list}/{target}/{tag}", Anonymous, get(pages::entry::show)),
        Route::post("/r/{list}/{target}/{tag}", Anonymous, post(pages::entry::ask)),
        Route::get("/removals/new", Anonymous, get(pages::removal::form)),
        Route::post("/removals", Anonymous, post(pages::removal::ask)),
        Route::get("/removals/{id}/{token}", Anonymous, get(pages::removal::follow::follow)),
        Route::post("/removals/{id}/{token}", Anonymous, post(pages::removal::follow::confirm)),
        Route::get("/account/totp", Least::Role(Member), get(pages::totp::show)).fresh(),
        Route::post("/account/totp", Least::Role(Member), post(pages::totp::confirm))
            .fresh_from("/account/totp"),
        Route::post("/account/totp/remove", Least::Role(Member), post(pages::totp::remove))
            .fresh_from("/account"),
        Route::post("/account/recovery-codes", Least::Role(Member), post(pages::recovery::make))
            .fresh_from("/account"),
        Route::get("/account/data", Least::Role(Member), get(pages::own_data::show)).fresh(),
        Route::get("/account/data.json", Least::Role(Member), get(pages::own_data::export))
            .fresh_from("/account/data"),
        Route::get("/account/delete", Least::Role(Member), get(pages::own_data::ask)).fresh(),
        Route::post("/account/delete", Least::Role(Member), post(pages::own_data::delete))
            .fresh_from("/account/delete"),
        Route::get("/proposals", Least::Role(Editor), get(pages::proposals::show)),
        Route::post("/proposals", Least::Role(Editor), post(pages::proposals::decide))
            .fresh_from("/proposals"),
        Route::get("/rules", Least::Role(Editor), get(pages::rules::show)),
        Route::get("/rules/{id}", Least::Role(Editor), get(pages::rules::one)),
        Route::post("/rules/{id}/enable", Least::Role(Administrator), post(pages::rules::enable))
            .fresh_from("/rules/{id}"),
        Route::post("/rules/{id}/disable", Least::Role(Administrator), post(pages::rules::disable))
            .fresh_from("/rules/{id}"),
        Route::post("/rules/{id}/replay", Least::Role(Editor), post(pages::rules::replay)),
        Route::get("/work", Least::Role(Editor), get(pages::work::show)),
        Route::get("/work/{id}", Least::Role(Editor), get(pages::work::one)),
        Route::post("/work/{id}/cancel", Least::Role(Editor), post(pages::work::cancel)),
        Route::get("/evidence", Least::Role(Editor), get(pages::evidence::show)),
        Route::get("/evidence/sources/{id}", Least::Role(Editor), get(pages::evidence::source)),
        Route::post(
            "/evidence/sources/{id}/purge",
            Least::Role(Editor),
            post(pages::evidence::purge),
        )
        .fresh_from("/evidence/sources/{id}"),
        Route::get("/people", Least::Role(Administrator), get(pages::people::show)),
        Route::get("/people/{id}", Least::Role(Administrator), get(pages::people::one)),
        Route::post("/people/{id}/role", Least::Role(Administrator), post(pages::people::role))
            .fresh_from("/people/{id}"),
        Route::post("/people/{id}/lock", Least::Role(Administrator), post(pages::people::lock))
            .fresh_from("/people/{id}"),
        Route::post("/people/{id}/unlock", Least::Role(Administrator), post(pages::people::unlock))
            .fresh_from("/people/{id}"),
        Route::post(
            "/people/{id}/reset-factors",
            Least::Role(Administrator),
            post(pages::people::reset_factors),
        )
        .fresh_from("/people/{id}"),
        Route::get(
            "/people/{id}/data.json",
            Least::Role(Administrator),
            get(pages::people::export),
        )
        .fresh_from("/people/{id}"),
        Route::get(
            "/people/{id}/delete",
            Least::Role(Administrator),
            get(pages::people::ask_to_delete),
        )
        .fresh(),
        Route::post("/people/{id}/delete", Least::Role(Administrator), post(pages::people::delete))
            .fresh_from("/people/{id}/delete"),
        Route::get("/lists/new", Least::Role(Administrator), get(pages::list_new::show)).fresh(),
        Route::post("/lists/new", Least::Role(Administrator), post(pages::list_new::add)).fresh(),
        Route::get(
            "/lists/{apex}/settings",
            Least::Role(Administrator),
            get(pages::settings::show),
        )
        .fresh(),
        Route::post(
            "/lists/{apex}/settings",
            Least::Role(Administrator),
            post(pages::settings::change),
        )
        .fresh(),
        Route::get("/lists/{apex}/purge", Least::Role(Administrator), get(pages::purge::show))
            .fresh(),
        Route::post("/lists/{apex}/purge", Least::Role(Administrator), post(pages::purge::order))
            .fresh(),
        Route::get("/lists/{apex}/entries", Least::Role(Editor), get(pages::entries::show)),
        Route::post(
            "/lists/{apex}/entries/give",
            Least::Role(Editor),
            post(pages::entries::give::give),
        ),
        Route::get("/lists/{apex}/entry", Least::Role(Editor), get(pages::entries::one::show)),
        Route::post("/lists/{apex}/entry", Least::Role(Editor), post(pages::entries::one::change)),
        Route::post(
            "/lists/{apex}/entry/undo",
            Least::Role(Editor),
            post(pages::entries::one::undo),
        ),
        Route::get("/lists/{apex}/kept-out", Least::Role(Editor), get(pages::kept_out::show)),
        Route::post("/lists/{apex}/kept-out", Least::Role(Editor), post(pages::kept_out::let_back)),
        Route::get("/queue/motions/{id}", Least::Role(Editor), get(pages::motion::show)),
        Route::post("/queue/motions/{id}", Least::Role(Editor), post(pages::motion::decide))
            .fresh_from("/queue/motions/{id}"),
        Route::post(
            "/queue/motions/{id}/conflict",
            Least::Role(Editor),
            post(pages::conflict::of_motion),
        ),
        Route::get("/queue/versions/{id}", Least::Role(Editor), get(pages::queue::version::show)),
        Route::post(
            "/queue/versions/{id}",
            Least::Role(Editor),
            post(pages::queue::version::approve),
        )
        .fresh_from("/queue/versions/{id}"),
        Route::get("/status", Anonymous, get(pages::status::show)),
        Route::get(
            "/api/v1/distribution/manifests",
            Least::Subscriber,
            get(distribution::manifests),
        ),
        Route::get(
            "/api/v1/distribution/lists/{apex}/{from}/{to}",
            Least::Subscriber,
            get(distribution::parcel),
        ),
    ];
    pages.into_iter().chain(api::endpoints().into_iter().map(Route::from)).collect()
}

impl From<Endpoint> for Route {
    fn from(endpoint: Endpoint) -> Route {
        let Endpoint { method, path, handler, time, .. } = endpoint;
        let least = match endpoint.access {
            Access::Open => Least::Anonymous,
            Access::Token => Least::Token(&[]),
            Access::Scopes(scopes) => Least::Token(scopes),
        };
        Route { method, path, least, proof: Proof::Any, time: time.unwrap_or(TIME), handler }
    }
}

impl Route {
    /// One that changes something.
    fn post(path: &'static str, least: Least, handler: MethodRouter<App>) -> Route {
        Route { method: Method::POST, path, least, proof: Proof::Any, time: TIME, handler }
    }

    /// One that only shows.
    fn get(path: &'static str, least: Least, handler: MethodRouter<App>) -> Route {
        Route { method: Method::GET, path, least, proof: Proof::Any, time: TIME, handler }
    }

    /// The same for whoever has just proved who he is.
    fn fresh(self) -> Route {
        Route { proof: Proof::Fresh { page: None }, ..self }
    }

    /// The same; after he has proved it, he is sent to the page with the form. What stands in braces there is what stands
    /// at its place in the route's own path.
    fn fresh_from(self, page: &'static str) -> Route {
        Route { proof: Proof::Fresh { page: Some(page) }, ..self }
    }
}

/// All of it as one service.
pub(crate) fn router(app: App) -> Router {
    let mut router = Router::new();
    for Route { path, least, proof, time, handler, .. } in all() {
        let admit = from_fn_with_state((app.clone(), least, proof), access::admit);
        let limit = TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, time);
        let handler: MethodRouter<App> = handler.layer(admit);
        router = router.route(path, handler.layer(limit));
    }
    router
        .fallback(async || AppError::NotFound)
        .layer(DefaultBodyLimit::max(BODY))
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(app.clone(), frame::around))
        .with_state(app)
}

/// Most bytes of a form.
const BODY: usize = 256 * 1024;
/// How long an answer may take, where nothing else is said: longer than whoever waits for DNS has patience, so that he is
/// told what was not answered.
const TIME: Duration = Duration::from_secs(evidence::PATIENCE.as_secs() + 10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Site;
    use repute_database::testing::on_each_narrow;

    #[tokio::test]
    async fn every_route_admits_those_it_should_and_nobody_else() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.add_list("bl.example").await;
            let roles = [None, Some(Role::Member), Some(Role::Editor), Some(Role::Administrator)];
            for route in all() {
                let path: Vec<&str> = route
                    .path
                    .split('/')
                    .map(|part| if part.starts_with('{') { "1" } else { part })
                    .collect();
                for role in roles {
                    site.become_role(role).await;
                    let headers = [("sec-fetch-site", "same-origin")];
                    let answer =
                        site.ask(route.method.clone(), &path.join("/"), &headers, &[]).await;
                    let is_sent_off = answer.location().starts_with("/sign-in?next=");
                    let is_refused = answer.status == StatusCode::FORBIDDEN
                        || answer.status == StatusCode::UNAUTHORIZED
                        || is_sent_off;
                    let should = !route.least.admits(role);
                    let what = format!("{} {} as {role:?}: {answer:?}", route.method, route.path);
                    assert_eq!(is_refused, should, "{what}");
                    assert!(!answer.status.is_server_error(), "{what}");
                    // Whoever is signed in is told the truth: signing in again would not help.
                    assert!(!is_sent_off || role.is_none(), "{what}");
                }
            }
        })
        .await;
    }

    #[tokio::test]
    async fn dangerous_routes_ask_first_who_it_is_and_lead_back_to_a_page() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let mut dangerous = Vec::new();
            for route in all() {
                let Proof::Fresh { page } = route.proof else { continue };
                site.become_role(Some(Role::Administrator)).await;
                site.let_time_pass().await;
                let path = route.path.replace("{id}", "1").replace("{apex}", "bl.example");
                let headers = [("sec-fetch-site", "same-origin")];
                let answer = site.ask(route.method.clone(), &path, &headers, &[]).await;
                let next = page.map_or(path.clone(), |page| page.replace("{id}", "1"));
                assert_eq!(answer.location(), format!("/confirm?next={next}"), "{path}");
                // What is sent is not kept, so he has to come to a page.
                let routes = all();
                let mut pages = routes.iter().filter(|other| other.method == Method::GET);
                assert!(pages.any(|other| other.path == page.unwrap_or(route.path)), "{path}");
                dangerous.push(route.path);
            }
            for path in [
                "/account/password",
                "/account/sessions/end-others",
                "/organisations/{id}/members",
                "/organisations/{id}/invitations",
                "/organisations/{id}/suspend",
                "/organisations/{id}/resume",
                "/organisations/{id}/domains",
                "/people/{id}/lock",
                "/queue/bulk",
                "/proposals",
            ] {
                assert!(dangerous.contains(&path), "{path}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn whatever_goes_wrong_is_told_in_the_same_frame_and_with_the_same_headers() {
        let mut site = Site::new().await;
        let answers = [
            (site.get("/nothing-here").await, StatusCode::NOT_FOUND, "Nothing here"),
            (site.get("/lists/no.example").await, StatusCode::NOT_FOUND, "Nothing here"),
            (site.get("/lists/%00..x").await, StatusCode::NOT_FOUND, "Nothing here"),
            (site.get("/lists/%FF").await, StatusCode::BAD_REQUEST, "not understood"),
            (site.post("/", &[]).await, StatusCode::METHOD_NOT_ALLOWED, "Not in this way"),
        ];
        for (answer, status, words) in answers {
            assert_eq!(answer.status, status, "{answer:?}");
            answer.says(&[words, "<!doctype html>", "Example lists"]);
            let policy = answer.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(answer.header("cache-control"), "no-cache");
        }
        let answer = site.get("/api/v1/nothing").await;
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem: serde_json::Value = serde_json::from_str(&answer.text).expect("JSON");
        assert_eq!(problem["status"], 404);
    }

    #[tokio::test]
    async fn the_style_is_loaded_once_and_for_ever() {
        let mut site = Site::new().await;
        let page = site.get("/").await;
        let (_, rest) = page.text.split_once("stylesheet\" href=\"").expect("a style");
        let (path, _) = rest.split_once('"').expect("its end");
        let style = site.get(path).await;
        assert_eq!(style.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
        style.says(&["prefers-color-scheme"]);
        for wrong in ["<script", "<style", " style=", " onclick="] {
            assert!(!page.text.contains(wrong), "{wrong} is in\n{}", page.text);
        }
    }
}
