//! What is promised of pages.

use axum::http::Method;
use repute_database::testing::{Prepared, on_each_prepared};

use super::world::World;
use super::{WHO, anew, is_whole, letter_of, of};
use crate::routes;
use crate::testing::Site;

/// A route, how it is asked for, with which form, and what is promised to whom.
type Row = (&'static str, &'static str, &'static str, &'static str);

/// All routes but those of programs.
const PROMISES: &[Row] = &[
    // For everybody.
    ("GET /", "/", "", "yyyyyy"),
    ("GET /assets/{name}", "/assets/none.css", "", "hhhhhh"),
    ("GET /lists/{apex}", "/lists/bl.example", "", "yyyyyy"),
    ("GET /lookup", "/lookup?target=9.9.9.9", "", "yyyyyy"),
    ("GET /lookup/names", "/lookup/names?target=9.9.9.9", "", "yyyyyy"),
    ("GET /lookup/elsewhere", "/lookup/elsewhere?q=9.9.9.9", "", "hhhhhh"),
    ("GET /api", "/api", "", "yyyyyy"),
    ("GET /api/v1/openapi.json", "/api/v1/openapi.json", "", "yyyyyy"),
    ("GET /status", "/status", "", "yyyyyy"),
    ("GET /r/{list}/{target}", "/r/bl.example/9.9.9.7", "", "yyyyyy"),
    ("GET /r/{list}/{target}/{tag}", "$tagged", "", "yyyyyy"),
    ("GET /r/{list}/{target}/{tag}", "/r/2/9.9.7.7/aaaaaaaaaaaa", "", "hhhhhh"),
    ("POST /r/{list}/{target}/{tag}", "$tagged", "mail=d@b.example", "yyyyyy"),
    ("POST /r/{list}/{target}/{tag}", "/r/2/9.9.7.7/aaaaaaaaaaaa", "mail=d@b.example", "hhhhhh"),
    ("GET /removals/new", "/removals/new?list=bl.example&target=9.9.7.7", "", "yyyyyy"),
    (
        "POST /removals",
        "/removals",
        "list=bl.example&target=9.9.7.7&mail=c@b.example&reason=x",
        "yyyyyy",
    ),
    // Accounts, before there is one or somebody is in it.
    ("GET /sign-up", "/sign-up", "", "yyyyyy"),
    ("POST /sign-up", "/sign-up", "mail=ada@x.example", "yyyyyy"),
    ("GET /sign-in", "/sign-in", "", "yyyyyy"),
    ("POST /sign-in", "/sign-in", "mail=owner@people.example&password=wrong", "wwwwww"),
    ("GET /sign-in/second", "/sign-in/second", "", "yyyyyy"),
    ("POST /sign-in/second", "/sign-in/second", "code=123456", "yyyyyy"),
    ("POST /sign-in/second/passkey/ask", "/sign-in/second/passkey/ask", "", "wwwwww"),
    (
        "POST /sign-in/second/passkey",
        "/sign-in/second/passkey",
        "ceremony=x&credential=x",
        "yyyyyy",
    ),
    ("POST /sign-in/passkey/ask", "/sign-in/passkey/ask", "", "yyyyyy"),
    ("POST /sign-in/passkey", "/sign-in/passkey", "ceremony=x&credential=x", "wwwwww"),
    ("GET /forgot", "/forgot", "", "yyyyyy"),
    ("POST /forgot", "/forgot", "mail=member@people.example", "yyyyyy"),
    // Whoever has the link of a letter, and nobody else.
    ("GET /join/{secret}", "$join", "", "yyyyyy"),
    ("GET /join/{secret}", "/join/nothing", "", "hhhhhh"),
    ("POST /join/{secret}", "$join", "name=Ada&password=the first words", "yyyyyy"),
    ("POST /join/{secret}", "/join/nothing", "name=Ada&password=the first words", "hhhhhh"),
    ("GET /reset/{secret}", "$reset", "", "yyyyyy"),
    ("GET /reset/{secret}", "/reset/nothing", "", "hhhhhh"),
    ("POST /reset/{secret}", "$reset", "password=the second words", "yyyyyy"),
    ("POST /reset/{secret}", "/reset/nothing", "password=the second words", "hhhhhh"),
    ("GET /unsubscribe/{account}/{token}", "$unsubscribe", "", "yyyyyy"),
    ("GET /unsubscribe/{account}/{token}", "/unsubscribe/$owner/x", "", "hhhhhh"),
    ("POST /unsubscribe/{account}/{token}", "$unsubscribe", "", "yyyyyy"),
    ("POST /unsubscribe/{account}/{token}", "/unsubscribe/$owner/x", "", "hhhhhh"),
    ("GET /contacts/{organisation}/{token}", "$contact", "", "yyyyyy"),
    ("GET /contacts/{organisation}/{token}", "/contacts/1/x", "", "hhhhhh"),
    ("POST /contacts/{organisation}/{token}", "$contact", "", "yyyyyy"),
    ("POST /contacts/{organisation}/{token}", "/contacts/1/x", "", "hhhhhh"),
    ("GET /contacts/{organisation}/{token}/stop", "$stop", "", "yyyyyy"),
    ("GET /contacts/{organisation}/{token}/stop", "/contacts/1/x/stop", "", "hhhhhh"),
    ("POST /contacts/{organisation}/{token}/stop", "$stop", "", "yyyyyy"),
    ("POST /contacts/{organisation}/{token}/stop", "/contacts/1/x/stop", "", "hhhhhh"),
    ("GET /letters/{id}/{token}", "$arrive", "", "yyyyyy"),
    ("GET /letters/{id}/{token}", "/letters/1/x", "", "hhhhhh"),
    ("POST /letters/{id}/{token}", "$arrive", "", "yyyyyy"),
    ("POST /letters/{id}/{token}", "/letters/1/x", "", "hhhhhh"),
    ("GET /claims/{id}/prove/{token}", "$prove", "", "yyyyyy"),
    ("GET /claims/{id}/prove/{token}", "/claims/3/prove/x", "", "hhhhhh"),
    ("POST /claims/{id}/prove/{token}", "$prove", "answer=yes", "yyyyyy"),
    ("POST /claims/{id}/prove/{token}", "$prove", "answer=no", "yyyyyy"),
    ("POST /claims/{id}/prove/{token}", "/claims/3/prove/x", "answer=yes", "hhhhhh"),
    ("GET /removals/{id}/{token}", "$removal", "", "yyyyyy"),
    ("GET /removals/{id}/{token}", "/removals/2/x", "", "hhhhhh"),
    ("POST /removals/{id}/{token}", "$removal", "", "yyyyyy"),
    ("POST /removals/{id}/{token}", "/removals/2/x", "", "hhhhhh"),
    ("GET /invitations/{secret}", "$invited", "", "yyyyyy"),
    ("POST /invitations/{secret}", "$invited", "", "syyyyy"),
    ("POST /invitations/{secret}", "/invitations/nothing", "", "shhhhh"),
    // One's own account, and nobody else's.
    ("POST /sign-out", "/sign-out", "", "syyyyy"),
    ("GET /account", "/account", "", "syyyyy"),
    ("POST /account/sessions/{id}/end", "/account/sessions/$session/end", "", "shhyhh"),
    ("POST /account/sessions/end-others", "/account/sessions/end-others", "", "syyyyy"),
    ("GET /confirm", "/confirm", "", "syyyyy"),
    ("POST /confirm", "/confirm", "password=wrong", "swwwww"),
    ("POST /confirm/code", "/confirm/code", "code=123456", "swwwww"),
    ("POST /confirm/passkey/ask", "/confirm/passkey/ask", "", "swwwww"),
    ("POST /confirm/passkey", "/confirm/passkey", "ceremony=x&credential=x", "swwwww"),
    ("GET /account/passkeys", "/account/passkeys", "", "syyyyy"),
    ("POST /account/passkeys/ask", "/account/passkeys/ask", "", "syyyyy"),
    ("POST /account/passkeys", "/account/passkeys", "name=x&ceremony=x&credential=x", "swwwww"),
    ("POST /account/passkeys/{id}/remove", "/account/passkeys/1/remove", "", "shhyhh"),
    ("GET /account/tokens", "/account/tokens", "", "syyyyy"),
    ("POST /account/tokens", "/account/tokens", "name=x&days=30&account=yes", "syyyyy"),
    // The third that was made is the owner's.
    ("POST /account/tokens/{id}/end", "/account/tokens/3/end", "", "shhyhh"),
    ("POST /account/name", "/account/name", "name=Ada", "syyyyy"),
    ("POST /account/name", "/account/name", "name=", "swwwww"),
    ("GET /account/mail", "/account/mail", "", "syyyyy"),
    ("POST /account/mail", "/account/mail", "mail=new@x.example", "syyyyy"),
    // The link is the owner's.
    ("GET /account/mail/{until}/{mail}/{token}", "$newmail", "", "shhyhh"),
    ("GET /account/mail/{until}/{mail}/{token}", "/account/mail/1/new@x.example/x", "", "shhhhh"),
    ("POST /account/mail/{until}/{mail}/{token}", "$newmail", "", "shhyhh"),
    ("POST /account/mail/{until}/{mail}/{token}", "/account/mail/1/new@x.example/x", "", "shhhhh"),
    ("GET /account/password", "/account/password", "", "syyyyy"),
    ("POST /account/password", "/account/password", "password=the third words", "syyyyy"),
    ("POST /account/letters", "/account/letters", "letters=weekly", "syyyyy"),
    ("POST /account/letters/try", "/account/letters/try", "", "syyyyy"),
    ("GET /account/totp", "/account/totp", "", "syyyyy"),
    ("POST /account/totp", "/account/totp", "code=123456", "swwwww"),
    ("POST /account/totp/remove", "/account/totp/remove", "", "syyyyy"),
    ("POST /account/recovery-codes", "/account/recovery-codes", "", "syyyyy"),
    ("GET /account/data", "/account/data", "", "syyyyy"),
    ("GET /account/data.json", "/account/data.json", "", "syyyyy"),
    ("GET /account/delete", "/account/delete", "", "syyyyy"),
    ("POST /account/delete", "/account/delete", "mail=nobody@x.example", "swwwww"),
    ("POST /account/delete", "/account/delete", "mail=member@people.example", "swywww"),
    // Organisations: theirs who belong to them, their owners', and what editors do about them.
    ("GET /organisations", "/organisations", "", "syyyyy"),
    ("POST /organisations", "/organisations", "name=New&domains=new.example", "sfffyy"),
    ("GET /organisations/{id}", "/organisations/1", "", "shyyyy"),
    ("GET /organisations/{id}", "/organisations/2", "", "syhhyy"),
    ("GET /organisations/{id}/hints", "/organisations/1/hints", "", "shyyyy"),
    ("GET /organisations/{id}/hints/checks", "/organisations/1/hints/checks", "", "shyyyy"),
    ("GET /organisations/{id}/request", "/organisations/1/request", "", "shyyff"),
    (
        "POST /organisations/{id}/request",
        "/organisations/1/request",
        "list=1&name=Other&submit=yes",
        "shyyff",
    ),
    (
        "POST /organisations/{id}/contacts",
        "/organisations/1/contacts",
        "mail=x@ours.example&purpose=abuse",
        "shfyff",
    ),
    (
        "POST /organisations/{id}/contacts/remove",
        "/organisations/1/contacts/remove",
        "mail=noc@ours.example&purpose=technical",
        "shfyff",
    ),
    (
        "POST /organisations/{id}/contacts/try",
        "/organisations/1/contacts/try",
        "mail=noc@ours.example",
        "shfyff",
    ),
    (
        "POST /organisations/{id}/members",
        "/organisations/1/members",
        "account=$member&role=owner",
        "shfyff",
    ),
    // Everybody may go, and nobody is sent away but by an owner.
    ("POST /organisations/{id}/members", "/organisations/1/members", "account=$member", "shyyff"),
    ("POST /organisations/{id}/members", "/organisations/1/members", "account=$owner", "shfwff"),
    (
        "POST /organisations/{id}/invitations",
        "/organisations/1/invitations",
        "mail=y@x.example&role=member",
        "shfyff",
    ),
    (
        "POST /organisations/{id}/invitations/revoke",
        "/organisations/1/invitations/revoke",
        "mail=guest@x.example&role=member",
        "shfyff",
    ),
    ("POST /organisations/{id}/join", "/organisations/1/join", "", "syhhhh"),
    ("POST /organisations/{id}/still-right", "/organisations/1/still-right", "", "shyyff"),
    ("POST /organisations/{id}/suspend", "/organisations/1/suspend", "text=x", "sfffyy"),
    ("POST /organisations/{id}/resume", "/organisations/1/resume", "", "sfffyy"),
    (
        "POST /organisations/{id}/domains",
        "/organisations/1/domains",
        "text=other.example",
        "sfffyy",
    ),
    (
        "POST /organisations/{id}/domains/remove",
        "/organisations/1/domains/remove",
        "text=named.example&why=x",
        "sfffyy",
    ),
    (
        "POST /organisations/{id}/intervene",
        "/organisations/1/intervene",
        "act=appoint&mail=stranger@people.example&why=x",
        "sffffy",
    ),
    (
        "POST /organisations/{id}/intervene",
        "/organisations/1/intervene",
        "act=add-contact&mail=x@ours.example&purpose=abuse&why=x",
        "sffffy",
    ),
    (
        "POST /organisations/{id}/intervene",
        "/organisations/1/intervene",
        "act=remove-contact&mail=noc@ours.example&purpose=technical&why=x",
        "sffffy",
    ),
    ("POST /claims/{id}/end", "/claims/1/end", "why=x", "sffffy"),
    ("POST /organisations/{id}/notes", "/organisations/1/notes", "text=x", "sfffyy"),
    (
        "POST /organisations/{id}/category",
        "/organisations/1/category",
        "list=1&category=3&reason=x",
        "sfffyy",
    ),
    // Claims are those of whoever made them.
    ("GET /claims/new", "/claims/new", "", "syyyyy"),
    ("POST /claims", "/claims", "domain=free.example&name=Free&proof=dns", "syyyyy"),
    ("POST /claims", "/claims", "domain=free.example&organisation=1&proof=dns", "swwyww"),
    ("GET /claims/{id}", "/claims/1", "", "shhyhh"),
    ("POST /claims/{id}/look", "/claims/4/look", "", "shhyhh"),
    ("POST /claims/{id}/withdraw", "/claims/1/withdraw", "", "shhyhh"),
    // Requests: those who belong to the organisation ask, editors decide.
    ("GET /requests/{id}", "/requests/1", "", "shyyyy"),
    ("POST /requests/{id}/answer", "/requests/2/answer", "words=ours", "shyyff"),
    ("POST /requests/{id}/withdraw", "/requests/1/withdraw", "", "shyyff"),
    ("POST /requests/{id}/review", "/requests/1/review", "", "sfffyy"),
    (
        "POST /requests/{id}/decide",
        "/requests/4/decide",
        "version=$version&verdict=reject&reason=policy&why=x",
        "sfffyy",
    ),
    ("POST /requests/{id}/conflict", "/requests/1/conflict", "act=declare&why=x", "sfffyy"),
    (
        "POST /queue/removals/{id}/conflict",
        "/queue/removals/1/conflict",
        "act=declare&why=x",
        "sfffyy",
    ),
    ("POST /proposals/{id}/conflict", "/proposals/1/conflict", "act=declare&why=x", "sfffyy"),
    ("POST /requests/{id}/undo", "/requests/3/undo", "why=x", "sfffyy"),
    // The editors' desk.
    ("GET /queue", "/queue", "", "sfffyy"),
    ("POST /queue/bulk", "/queue/bulk", "request-1=$queued&verdict=approve&confirm=yes", "sfffyy"),
    ("GET /queue/motions/{id}", "/queue/motions/1", "", "sfffyy"),
    ("GET /queue/motions/{id}", "/queue/motions/9", "", "sfffhh"),
    ("POST /queue/motions/{id}", "/queue/motions/1", "act=confirm", "sfffyy"),
    // It is another editor's.
    ("POST /queue/motions/{id}", "/queue/motions/1", "act=withdraw", "sfffff"),
    (
        "POST /queue/motions/{id}/conflict",
        "/queue/motions/1/conflict",
        "act=declare&why=x",
        "sfffyy",
    ),
    ("GET /queue/upkeep", "/queue/upkeep", "", "sfffyy"),
    ("GET /statistics", "/statistics", "", "sfffyy"),
    ("GET /queue/removals/{id}", "/queue/removals/1", "", "sfffyy"),
    ("POST /queue/removals/{id}", "/queue/removals/1", "verdict=refuse&why=x", "sfffyy"),
    ("GET /queue/versions/{id}", "/queue/versions/2", "", "sfffyy"),
    ("POST /queue/versions/{id}", "/queue/versions/2", "serial=$serial", "sfffyy"),
    ("GET /proposals", "/proposals", "", "sfffyy"),
    ("POST /proposals", "/proposals", "proposal-1=yes&verdict=accept", "sfffyy"),
    ("GET /evidence", "/evidence?key=9.0.0.1", "", "sfffyy"),
    ("GET /evidence/sources/{id}", "/evidence/sources/1", "", "sfffyy"),
    ("POST /evidence/sources/{id}/purge", "/evidence/sources/1/purge", "why=x", "sfffyy"),
    ("GET /lists/{apex}/entries", "/lists/bl.example/entries", "", "sfffyy"),
    (
        "POST /lists/{apex}/entries/give",
        "/lists/bl.example/entries/give",
        "to=1&key-9.9.7.7=yes&why=x",
        "sfffyy",
    ),
    ("GET /lists/{apex}/entry", "/lists/bl.example/entry?key=9.9.7.7", "", "sfffyy"),
    (
        "POST /lists/{apex}/entry",
        "/lists/bl.example/entry",
        "act=remove&key=9.9.7.7&seen=$seen&why=x",
        "sfffyy",
    ),
    ("POST /lists/{apex}/entry/undo", "/lists/bl.example/entry/undo", "step=$step&why=x", "sfffyy"),
    ("GET /lists/{apex}/kept-out", "/lists/bl.example/kept-out", "", "sfffyy"),
    ("POST /lists/{apex}/kept-out", "/lists/bl.example/kept-out", "key=9.9.6.6&why=x", "sfffyy"),
    ("GET /rules", "/rules", "", "sfffyy"),
    ("GET /rules/{id}", "/rules/1", "", "sfffyy"),
    ("POST /rules/{id}/replay", "/rules/1/replay", "version=1", "sfffyy"),
    ("GET /work", "/work", "", "sfffyy"),
    ("GET /work/{id}", "/work/1", "", "sfffyy"),
    // The editor ordered it, and the administrator may all the same.
    ("POST /work/{id}/cancel", "/work/1/cancel", "", "sfffyy"),
    // Administrators.
    ("POST /rules/{id}/enable", "/rules/1/enable", "", "sffffy"),
    ("POST /rules/{id}/disable", "/rules/1/disable", "", "sffffy"),
    ("GET /people", "/people", "", "sffffy"),
    ("GET /people/{id}", "/people/$owner", "", "sffffy"),
    ("POST /people/{id}/role", "/people/$owner/role", "role=editor", "sffffy"),
    ("POST /people/{id}/lock", "/people/$owner/lock", "why=x", "sffffy"),
    ("POST /people/{id}/unlock", "/people/$owner/unlock", "why=x", "sffffy"),
    ("POST /people/{id}/reset-factors", "/people/$owner/reset-factors", "why=x", "sffffy"),
    ("GET /people/{id}/data.json", "/people/$owner/data.json", "", "sffffy"),
    ("GET /people/{id}/delete", "/people/$owner/delete", "", "sffffy"),
    ("POST /people/{id}/delete", "/people/$owner/delete", "mail=x@x.example", "sffffw"),
    ("POST /people/{id}/delete", "/people/$owner/delete", "mail=owner@people.example", "sffffy"),
    ("GET /lists/new", "/lists/new", "", "sffffy"),
    (
        "POST /lists/new",
        "/lists/new",
        "apex=new.example&template=blocklist&title=New&contact=a@b.example",
        "sffffy",
    ),
    ("GET /lists/{apex}/settings", "/lists/bl.example/settings", "", "sffffy"),
    (
        "POST /lists/{apex}/settings",
        "/lists/bl.example/settings",
        "part=policy&text=other&reason=x",
        "sffffy",
    ),
    ("GET /lists/{apex}/purge", "/lists/bl.example/purge", "", "sffffy"),
    ("POST /lists/{apex}/purge", "/lists/bl.example/purge", "source=test&act=try", "sffffy"),
    // Servers elsewhere, by a token that is nobody's who signs in.
    ("GET /api/v1/distribution/manifests", "/api/v1/distribution/manifests", "", "ssssss"),
    (
        "GET /api/v1/distribution/lists/{apex}/{from}/{to}",
        "/api/v1/distribution/lists/bl.example/1/2",
        "",
        "ssssss",
    ),
];

#[test]
fn every_route_of_pages_has_a_promise() {
    let programs = |path: &str| path.starts_with("/api/v1/");
    let routes = routes::all();
    let endpoints: Vec<_> =
        crate::api::endpoints().iter().map(|one| format!("{} {}", one.method, one.path)).collect();
    let there = routes.iter().map(|route| format!("{} {}", route.method, route.path));
    let there = there.filter(|route| !endpoints.contains(route));
    assert!(routes.iter().any(|route| programs(route.path)));
    is_whole(PROMISES.iter().map(|(route, ..)| (*route).to_owned()), there);
}

/// Asks as somebody for what a row says; the letter of the answer, and the answer.
async fn ask(site: &mut Site, world: &World, who: usize, row: &Row) -> (char, String) {
    let (route, at, fields, _) = row;
    site.cookies = world.cookies[who].clone();
    let (method, _) = route.split_once(' ').expect("a method");
    let method: Method = method.parse().expect("a method");
    let fields: Vec<_> = fields.split('&').filter_map(|field| field.split_once('=')).collect();
    let fields: Vec<_> = fields.into_iter().map(|(name, text)| (name, world.fill(text))).collect();
    let fields: Vec<_> = fields.iter().map(|(name, text)| (*name, &**text)).collect();
    let headers = [("sec-fetch-site", "same-origin")];
    let answer = site.ask(method, &world.fill(at), &headers, &fields).await;
    (letter_of(&answer), format!("{} {}", answer.status, answer.location()))
}

/// What of the promises is not kept.
async fn broken(prepared: &Prepared, world: &World) -> Vec<String> {
    let mut broken = Vec::new();
    let mut hold = |row: &Row, who: usize, (found, answer): (char, String)| {
        let expected = row.3.chars().nth(who).expect("a letter for each");
        if found != expected {
            let (at, fields, who) = (row.1, row.2, WHO[who]);
            broken.push(format!("{at} {fields} as {who}: {found}, not {expected}: {answer}"));
        }
    };
    // What is only looked at, and whatever is refused, changes nothing:
    prepared
        .with(async |database| {
            for row in PROMISES {
                let mut site = anew(&database).await;
                let looks = row.0.starts_with("GET");
                for who in of(row.3, |letter| looks || letter != 'y') {
                    hold(row, who, ask(&mut site, world, who, row).await);
                }
            }
        })
        .await;
    for row in PROMISES.iter().filter(|row| !row.0.starts_with("GET")) {
        for who in of(row.3, |letter| letter == 'y') {
            let answer = prepared
                .with(async |database| ask(&mut Site::over(database), world, who, row).await)
                .await;
            hold(row, who, answer);
        }
    }
    broken
}

#[tokio::test]
async fn every_page_keeps_its_promise_to_everybody() {
    on_each_prepared(World::new, async |prepared, world| {
        let broken = broken(prepared, &world).await;
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    })
    .await;
}
