//! What is promised of the API: by tokens with all scopes that their owners' roles may have, by tokens with only the
//! scope that is named, and by tokens with all but those.

use axum::http::Method;
use repute_database::testing::{Prepared, on_each_prepared};

use super::world::{World, token_of};
use super::{WHO, anew, is_whole, letter_of, of};
use crate::testing::{Answer, Site};

/// An endpoint, how it is asked for, its body, the scopes of which it wants one, and what is promised to whom. `-`
/// wants no token, and `*` any.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// All endpoints, without `/api/v1`.
const PROMISES: &[Row] = &[
    ("GET /lookup", "/lookup?target=9.9.9.9", "", "-", "yyyyyy"),
    ("GET /lists", "/lists", "", "-", "yyyyyy"),
    ("GET /lists/{apex}", "/lists/bl.example", "", "-", "yyyyyy"),
    ("GET /lists/{apex}/history", "/lists/bl.example/history", "", "-", "yyyyyy"),
    (
        "POST /removals",
        "/removals",
        r#"{"list":"bl.example","target":"9.9.7.7","mail":"c@b.example","reason":"x"}"#,
        "-",
        "yyyyyy",
    ),
    // One's own account.
    ("GET /me", "/me", "", "*", "syyyyy"),
    ("PATCH /me", "/me", r#"{"name":"Ada"}"#, "account:write", "syyyyy"),
    ("GET /me/letters", "/me/letters", "", "account", "syyyyy"),
    ("PUT /me/letters", "/me/letters", r#"{"letters":"weekly"}"#, "account", "syyyyy"),
    ("POST /me/letters/try", "/me/letters/try", "", "account", "syyyyy"),
    ("GET /me/sessions", "/me/sessions", "", "account", "syyyyy"),
    ("DELETE /me/sessions", "/me/sessions", "", "account", "syyyyy"),
    ("DELETE /me/sessions/{session}", "/me/sessions/$session", "", "account", "shhyhh"),
    ("GET /me/tokens", "/me/tokens", "", "account", "syyyyy"),
    ("DELETE /me/tokens/{token}", "/me/tokens/3", "", "account", "shhyhh"),
    // Organisations.
    ("GET /organisations", "/organisations", "", "organisations:read", "syyyyy"),
    ("GET /organisations/search", "/organisations/search?find=x", "", "queue:read", "sfffyy"),
    ("POST /organisations", "/organisations", r#"{"name":"New"}"#, "queue:write", "sfffyy"),
    ("GET /organisations/{id}", "/organisations/1", "", "organisations:read queue:read", "shyyyy"),
    (
        "GET /organisations/{id}/entries",
        "/organisations/1/entries?list=wl.example",
        "",
        "organisations:read queue:read",
        "shyyyy",
    ),
    (
        "PUT /organisations/{id}/contacts",
        "/organisations/1/contacts",
        r#"{"mail":"x@ours.example","purpose":"abuse"}"#,
        "organisations:write",
        "shfyff",
    ),
    (
        "DELETE /organisations/{id}/contacts",
        "/organisations/1/contacts",
        r#"{"mail":"noc@ours.example","purpose":"technical"}"#,
        "organisations:write",
        "shfyff",
    ),
    (
        "POST /organisations/{id}/contacts/try",
        "/organisations/1/contacts/try",
        r#"{"mail":"noc@ours.example"}"#,
        "organisations:write",
        "shfyff",
    ),
    (
        "GET /organisations/{id}/consistency",
        "/organisations/1/consistency",
        "",
        "organisations:read queue:read",
        "shyyyy",
    ),
    (
        "PUT /organisations/{id}/members/{account}",
        "/organisations/1/members/$member",
        r#"{"role":"owner"}"#,
        "organisations:write",
        "shfyff",
    ),
    (
        "DELETE /organisations/{id}/members/{account}",
        "/organisations/1/members/$member",
        "",
        "organisations:write",
        "shyyff",
    ),
    (
        "PUT /organisations/{id}/suspension",
        "/organisations/1/suspension",
        r#"{"text":"x"}"#,
        "queue:write",
        "sfffyy",
    ),
    (
        "DELETE /organisations/{id}/suspension",
        "/organisations/1/suspension",
        "",
        "queue:write",
        "sfffyy",
    ),
    (
        "POST /organisations/{id}/domains",
        "/organisations/1/domains",
        r#"{"domain":"other.example"}"#,
        "queue:write",
        "sfffyy",
    ),
    (
        "DELETE /organisations/{id}/domains",
        "/organisations/1/domains",
        r#"{"domain":"named.example","reason":"x"}"#,
        "queue:write",
        "sfffyy",
    ),
    (
        "POST /organisations/{id}/intervene",
        "/organisations/1/intervene",
        r#"{"action":"appoint","mail":"stranger@people.example","reason":"x"}"#,
        "people:write",
        "sffffy",
    ),
    (
        "PUT /organisations/{id}/categories/{apex}",
        "/organisations/1/categories/wl.example",
        r#"{"category":3,"reason":"x"}"#,
        "queue:write",
        "sfffyy",
    ),
    (
        "POST /organisations/{id}/notes",
        "/organisations/1/notes",
        r#"{"text":"x"}"#,
        "queue:write",
        "sfffyy",
    ),
    (
        "GET /organisations/{id}/invitations",
        "/organisations/1/invitations",
        "",
        "organisations:write",
        "shfyff",
    ),
    (
        "POST /organisations/{id}/invitations",
        "/organisations/1/invitations",
        r#"{"mail":"y@x.example"}"#,
        "organisations:write",
        "shfyff",
    ),
    (
        "DELETE /organisations/{id}/invitations",
        "/organisations/1/invitations",
        r#"{"mail":"guest@x.example"}"#,
        "organisations:write",
        "shfyff",
    ),
    ("POST /organisations/{id}/join", "/organisations/1/join", "", "organisations:write", "syhhhh"),
    (
        "POST /organisations/{id}/still-right",
        "/organisations/1/still-right",
        "",
        "organisations:write",
        "shyyff",
    ),
    // Claims.
    ("GET /claims", "/claims", "", "organisations:read", "syyyyy"),
    (
        "POST /claims",
        "/claims",
        r#"{"domain":"free.example","name":"Free","proof":"dns"}"#,
        "organisations:write",
        "syyyyy",
    ),
    ("GET /claims/{id}", "/claims/1", "", "organisations:read", "shhyhh"),
    ("POST /claims/{id}/look", "/claims/4/look", "", "organisations:write", "shhyhh"),
    ("POST /claims/{id}/end", "/claims/1/end", r#"{"reason":"x"}"#, "people:write", "sffffy"),
    ("POST /claims/{id}/withdraw", "/claims/1/withdraw", "", "organisations:write", "shhyhh"),
    // Requests.
    (
        "GET /organisations/{id}/requests",
        "/organisations/1/requests",
        "",
        "organisations:read queue:read",
        "shyyyy",
    ),
    ("POST /organisations/{id}/checks", "/organisations/1/checks", ASK, "requests:write", "shyyff"),
    (
        "POST /organisations/{id}/requests",
        "/organisations/1/requests",
        ASK,
        "requests:write",
        "shyyff",
    ),
    ("GET /requests/{id}", "/requests/1", "", "organisations:read queue:read", "shyyyy"),
    (
        "POST /requests/{id}/answer",
        "/requests/2/answer",
        r#"{"words":"ours"}"#,
        "requests:write",
        "shyyff",
    ),
    ("POST /requests/{id}/withdraw", "/requests/1/withdraw", "", "requests:write", "shyyff"),
    // The editors' desk.
    ("GET /queue", "/queue", "", "queue:read", "sfffyy"),
    ("POST /requests/{id}/review", "/requests/1/review", "", "queue:write", "sfffyy"),
    (
        "POST /requests/{id}/decide",
        "/requests/4/decide",
        r#"{"verdict":"reject","version":$version,"reason":"policy"}"#,
        "queue:write",
        "sfffyy",
    ),
    ("POST /requests/{id}/undo", "/requests/3/undo", r#"{"why":"x"}"#, "queue:write", "sfffyy"),
    ("GET /removals", "/removals", "", "queue:read", "sfffyy"),
    ("GET /removals/{id}", "/removals/1", "", "queue:read", "sfffyy"),
    (
        "POST /removals/{id}/decide",
        "/removals/1/decide",
        r#"{"verdict":"refuse","why":"x"}"#,
        "queue:write",
        "sfffyy",
    ),
    (
        "POST /queue/bulk",
        "/queue/bulk",
        r#"{"verdict":"approve","requests":[{"id":1,"version":$queued}],"why":""}"#,
        "queue:write",
        "sfffyy",
    ),
    ("GET /queue/{kind}/{id}/conflicts", "/queue/request/1/conflicts", "", "queue:read", "sfffyy"),
    (
        "PUT /queue/{kind}/{id}/conflicts",
        "/queue/removal/1/conflicts",
        r#"{"reason":"x"}"#,
        "queue:write",
        "sfffyy",
    ),
    // He has not said so yet.
    (
        "DELETE /queue/{kind}/{id}/conflicts",
        "/queue/proposal/1/conflicts",
        "",
        "queue:write",
        "sfffww",
    ),
    ("GET /motions", "/motions", "", "queue:read", "sfffyy"),
    ("GET /motions/{id}", "/motions/1", "", "queue:read", "sfffyy"),
    (
        "POST /motions/{id}/decide",
        "/motions/1/decide",
        r#"{"verdict":"confirm"}"#,
        // It wants both: one to decide, the other one to change entries.
        "queue:write entries:write",
        "sfffyy",
    ),
    (
        "PUT /queue/{kind}/{id}/conflicts",
        "/queue/motion/1/conflicts",
        r#"{"reason":"x"}"#,
        "queue:write",
        "sfffyy",
    ),
    ("GET /queue/reasons", "/queue/reasons", "", "queue:read", "sfffyy"),
    ("GET /queue/upkeep", "/queue/upkeep", "", "queue:read", "sfffyy"),
    ("GET /statistics", "/statistics", "", "queue:read", "sfffyy"),
    ("GET /proposals", "/proposals", "", "queue:read", "sfffyy"),
    (
        "POST /proposals/decide",
        "/proposals/decide",
        r#"{"verdict":"accept","proposals":[1]}"#,
        "queue:write",
        "sfffyy",
    ),
    ("GET /versions", "/versions", "", "queue:read", "sfffyy"),
    ("GET /lists/{apex}/versions", "/lists/bl.example/versions", "", "queue:read", "sfffyy"),
    (
        "GET /lists/{apex}/versions/waiting",
        "/lists/bl.example/versions/waiting",
        "",
        "queue:read",
        "sfffyy",
    ),
    (
        "POST /lists/{apex}/versions/{serial}/approve",
        "/lists/bl.example/versions/$serial/approve",
        "",
        "queue:write",
        "sfffyy",
    ),
    // Entries.
    ("GET /lists/{apex}/entries", "/lists/bl.example/entries", "", "entries:read", "sfffyy"),
    (
        "POST /lists/{apex}/entries",
        "/lists/bl.example/entries",
        r#"{"reason":"x","changes":[{"action":"remove","key":"9.9.7.7"}]}"#,
        "entries:write",
        "sfffyy",
    ),
    (
        "POST /lists/{apex}/entries/give",
        "/lists/bl.example/entries/give",
        r#"{"organisation":1,"reason":"x","keys":["9.9.7.7"]}"#,
        "entries:write",
        "sfffyy",
    ),
    (
        "GET /lists/{apex}/entries/history",
        "/lists/bl.example/entries/history?key=9.9.7.7",
        "",
        "entries:read",
        "sfffyy",
    ),
    (
        "POST /lists/{apex}/entries/undo",
        "/lists/bl.example/entries/undo",
        r#"{"step":$step,"reason":"x"}"#,
        "entries:write",
        "sfffyy",
    ),
    ("GET /lists/{apex}/kept-out", "/lists/bl.example/kept-out", "", "entries:read", "sfffyy"),
    (
        "POST /lists/{apex}/kept-out/end",
        "/lists/bl.example/kept-out/end",
        r#"{"key":"9.9.6.6","reason":"x"}"#,
        "entries:write",
        "sfffyy",
    ),
    ("GET /lists/{apex}/export", "/lists/bl.example/export", "", "entries:read", "sfffyy"),
    (
        "POST /lists/{apex}/imports",
        "/lists/bl.example/imports?source=feed&code=127.0.0.2&layout=rbldnsd&reason=x",
        "9.8.7.6\n",
        "entries:import",
        "sffffy",
    ),
    (
        "POST /lists/{apex}/purge",
        "/lists/bl.example/purge",
        r#"{"source":"test","dry_run":true,"reason":"x"}"#,
        "entries:import",
        "sffffy",
    ),
    // Evidence, its sources and rules.
    (
        "POST /evidence",
        "/evidence",
        r#"{"source":"traps","observations":[{"target":"9.0.0.2","class":"spam"}]}"#,
        "evidence:write",
        "sfffyy",
    ),
    ("POST /evidence/arf", "/evidence/arf?source=traps", "no report", "evidence:write", "sfffww"),
    ("GET /evidence", "/evidence?target=9.0.0.1", "", "evidence:read", "sfffyy"),
    ("GET /evidence/sources", "/evidence/sources", "", "evidence:read", "sfffyy"),
    ("GET /evidence/sources/{name}", "/evidence/sources/traps", "", "evidence:read", "sfffyy"),
    (
        "POST /evidence/sources",
        "/evidence/sources",
        r#"{"name":"more","kind":"trap","reason":"x"}"#,
        "evidence:purge",
        "sfffyy",
    ),
    (
        "PUT /evidence/sources/{name}/closed",
        "/evidence/sources/traps/closed",
        r#"{"reason":"x"}"#,
        "evidence:purge",
        "sfffyy",
    ),
    (
        "DELETE /evidence/sources/{name}/closed",
        "/evidence/sources/traps/closed",
        r#"{"reason":"x"}"#,
        "evidence:purge",
        "sfffyy",
    ),
    (
        "POST /evidence/sources/{name}/purge",
        "/evidence/sources/traps/purge",
        r#"{"reason":"x"}"#,
        "evidence:purge",
        "sfffyy",
    ),
    ("GET /rules", "/rules", "", "evidence:read rules:write", "sfffyy"),
    ("GET /rules/{id}", "/rules/1", "", "evidence:read rules:write", "sfffyy"),
    (
        "POST /rules/{id}/replay",
        "/rules/1/replay",
        r#"{"version":1}"#,
        "evidence:read rules:write",
        "sfffyy",
    ),
    (
        "PUT /lists/{apex}/rules/{name}",
        "/lists/bl.example/rules/more",
        r#"{"hits":2,"within":86400,"lasts":604800,"reason":"x","code":"127.0.0.2","why":"x"}"#,
        "rules:write",
        "sffffy",
    ),
    ("PUT /rules/{id}/enabled", "/rules/1/enabled", r#"{"reason":"x"}"#, "rules:write", "sffffy"),
    (
        "DELETE /rules/{id}/enabled",
        "/rules/1/enabled",
        r#"{"reason":"x"}"#,
        "rules:write",
        "sffffy",
    ),
    // Work: whoever may order some of it sees it; who ordered it cancels it, and administrators do.
    ("GET /work", "/work", "", "evidence:read evidence:purge rules:write entries:import", "sfffyy"),
    (
        "GET /work/{id}",
        "/work/1",
        "",
        "evidence:read evidence:purge rules:write entries:import",
        "sfffyy",
    ),
    (
        "DELETE /work/{id}",
        "/work/1",
        "",
        "evidence:read evidence:purge rules:write entries:import",
        "sfffyy",
    ),
    // Administrators.
    (
        "POST /lists",
        "/lists",
        r#"{"apex":"new.example","title":"New","polarity":"block","keys":"address","template":"blocklist","reason":"x"}"#,
        "lists:write",
        "sffffy",
    ),
    (
        "GET /lists/{apex}/settings",
        "/lists/bl.example/settings",
        "",
        "lists:read lists:write",
        "sffffy",
    ),
    (
        "PATCH /lists/{apex}/settings",
        "/lists/bl.example/settings",
        r#"{"title":"Other","reason":"x"}"#,
        "lists:write",
        "sffffy",
    ),
    (
        "GET /lists/{apex}/policies",
        "/lists/bl.example/policies",
        "",
        "lists:read lists:write",
        "sffffy",
    ),
    (
        "POST /lists/{apex}/policies",
        "/lists/bl.example/policies",
        r#"{"text":"other","reason":"x"}"#,
        "lists:write",
        "sffffy",
    ),
    (
        "PUT /lists/{apex}/criteria/{slug}",
        "/lists/bl.example/criteria/old",
        r#"{"title":"New","text":"It is new."}"#,
        "lists:write",
        "sffffy",
    ),
    (
        "DELETE /lists/{apex}/criteria/{slug}",
        "/lists/bl.example/criteria/old",
        r#"{"reason":"x"}"#,
        "lists:write",
        "sffffy",
    ),
    (
        "POST /lists/{apex}/criteria",
        "/lists/bl.example/criteria",
        r#"{"slug":"new","title":"New","text":"x","reason":"x"}"#,
        "lists:write",
        "sffffy",
    ),
    (
        "PUT /lists/{apex}/categories/{number}",
        "/lists/bl.example/categories/99",
        r#"{"name":"New","reason":"x"}"#,
        "lists:write",
        "sffffy",
    ),
    (
        "PUT /lists/{apex}/codes/{code}",
        "/lists/bl.example/codes/127.0.0.99",
        r#"{"meaning":"new","reason":"x"}"#,
        "lists:write",
        "sffffy",
    ),
    ("GET /people", "/people", "", "people:read", "sffffy"),
    ("GET /people/{id}", "/people/$owner", "", "people:read", "sffffy"),
    (
        "PUT /people/{id}/role",
        "/people/$owner/role",
        r#"{"role":"editor"}"#,
        "people:write",
        "sffffy",
    ),
    ("PUT /people/{id}/lock", "/people/$owner/lock", "", "people:write", "sffffy"),
    ("DELETE /people/{id}/lock", "/people/$owner/lock", "", "people:write", "sffffy"),
    ("GET /subscribers", "/subscribers", "", "subscribers", "sffffy"),
    ("POST /subscribers", "/subscribers", r#"{"name":"other"}"#, "subscribers", "sffffy"),
    ("DELETE /subscribers/{name}", "/subscribers/mirror", "", "subscribers", "sffffy"),
    ("GET /log", "/log", "", "log:read", "sffffy"),
];

/// What an organisation asks for.
const ASK: &str = r#"{"list":"wl.example","items":[{"action":"name","name":"Other"}]}"#;

#[test]
fn every_endpoint_has_a_promise() {
    let there = crate::api::endpoints().into_iter();
    let there = there.map(|one| format!("{} {}", one.method, one.path.replace("/api/v1", "")));
    is_whole(PROMISES.iter().map(|(endpoint, ..)| (*endpoint).to_owned()), there);
}

/// Asks by a token for what a row says.
async fn ask(site: &mut Site, world: &World, token: &str, row: &Row) -> Answer {
    let (endpoint, at, body, ..) = row;
    let (method, _) = endpoint.split_once(' ').expect("a method");
    let method: Method = method.parse().expect("a method");
    let bearer = format!("Bearer {token}");
    let kind = match *endpoint {
        "POST /evidence/arf" => "message/rfc822",
        "POST /lists/{apex}/imports" => "text/plain",
        _ => "application/json",
    };
    let mut headers = vec![("content-type", kind)];
    if !token.is_empty() {
        headers.push(("authorization", &bearer));
    }
    site.cookies.clear();
    let path = format!("/api/v1{}", world.fill(at));
    site.send(method, &path, &headers, world.fill(body)).await
}

/// What of the promises is not kept.
async fn broken(prepared: &Prepared, world: &World) -> Vec<String> {
    let mut broken = Vec::new();
    let mut hold = |row: &Row, whose: &str, answer: &Answer, expected: char| {
        let found = letter_of(answer);
        if found != expected {
            let (endpoint, _, body, ..) = row;
            let (status, text) = (answer.status, &answer.text);
            let what = format!("{endpoint} {body} by {whose}: {found}, not {expected}");
            broken.push(format!("{what}: {status} {text}"));
        }
    };
    let letter = |row: &Row, who: usize| row.4.chars().nth(who).expect("a letter for each");
    // What is only looked at, and whatever is refused, changes nothing.
    prepared
        .with(async |database| {
            for row in PROMISES {
                let mut site = anew(&database).await;
                let looks = row.0.starts_with("GET");
                for who in of(row.4, |letter| looks || letter != 'y') {
                    let answer = ask(&mut site, world, &world.tokens[who], row).await;
                    hold(row, WHO[who], &answer, letter(row, who));
                }
            }
        })
        .await;
    // Of those who may, the least needs a token with one of the scopes. In parts, as nobody has very many tokens.
    let scoped: Vec<&Row> = PROMISES.iter().filter(|row| !matches!(row.3, "-" | "*")).collect();
    for part in scoped.chunks(MOST_TOKENS) {
        let answers = prepared
            .with(async |database| {
                let mut answers = Vec::new();
                for row in part {
                    let mut site = anew(&database).await;
                    let who = of(row.4, |letter| matches!(letter, 'y' | 'w')).next();
                    let who = who.expect("somebody may");
                    let is_named = |scope: &str| row.3.split(' ').any(|one| one == scope);
                    let account = world.accounts[who - 1];
                    let other = token_of(&site, account, |scope| !is_named(scope.word())).await;
                    answers.push(ask(&mut site, world, &other, row).await);
                }
                answers
            })
            .await;
        for (row, answer) in part.iter().zip(&answers) {
            hold(row, "a token without the scope", answer, 'f');
            if !answer.text.contains("needs the scope") {
                hold(row, "a token without the scope, as the text says", answer, '-');
            }
        }
    }
    for row in PROMISES.iter().filter(|row| !row.0.starts_with("GET")) {
        for (turn, who) in of(row.4, |letter| letter == 'y').enumerate() {
            let answer = prepared
                .with(async |database| {
                    let mut site = Site::over(database);
                    let is_named = |scope: &str| row.3.split(' ').any(|one| one == scope);
                    // The first of them needs no other scope.
                    let token = match turn == 0 && !matches!(row.3, "-" | "*") {
                        true => {
                            let account = world.accounts[who - 1];
                            token_of(&site, account, |scope| is_named(scope.word())).await
                        }
                        false => world.tokens[who].clone(),
                    };
                    ask(&mut site, world, &token, row).await
                })
                .await;
            hold(row, WHO[who], &answer, 'y');
        }
    }
    broken
}

/// So many tokens an account of the tests gets at a time.
const MOST_TOKENS: usize = 25;

#[tokio::test]
async fn every_endpoint_keeps_its_promise_to_everybody() {
    on_each_prepared(World::new, async |prepared, world| {
        let broken = broken(prepared, &world).await;
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    })
    .await;
}
