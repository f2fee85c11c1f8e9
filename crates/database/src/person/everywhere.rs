//! Each column of the database is told apart: a person's address stands in it and goes with him, or it never comes there,
//! or stays for a reason that is written here. A new column has no place until somebody thought of it.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;

use super::tests::somebody;
use super::{Room, erase, mentions};
use crate::accounts::{self, Role};
use crate::backup::file::Kind;
use crate::backup::schema;
use crate::organisations::{self, MemberRole};
use crate::session::{Session, on};
use crate::testing::on_each;
use crate::time::Timestamp;

#[tokio::test]
async fn an_address_stands_nowhere_when_its_person_is_gone() {
    on_each(async |database| {
        let mut transaction = database.begin().await.expect("a transaction");
        somebody(&mut transaction, "other@x.example").await;
        let ada = somebody(&mut transaction, "ada@secret.example").await;
        let key = match transaction.session() {
            Session::Sqlite(_) => "x'01'",
            Session::Postgres(..) => "'\\x01'",
        };
        for (table, columns, values) in ROWS {
            let values = values.replace("{k}", key);
            say(transaction.session(), format!("INSERT INTO {table} ({columns}) VALUES ({values})"))
                .await;
        }
        let struck: Vec<_> = Room::ALL.into_iter().flat_map(mentions::texts).collect();
        for (table, column) in &struck {
            let text = "\"write to Ada@secret.example.\"";
            let rows =
                say(transaction.session(), format!("UPDATE {table} SET {column} = '{text}'"));
            assert!(rows.await > 0, "{table}.{column} has no row");
        }
        erase(transaction.session(), &ada).await.expect("he is erased");
        let tables = schema::tables(transaction.session()).await.expect("they are read");
        let mut known: BTreeSet<(&str, &str)> =
            struck.iter().map(|(table, column)| (*table, *column)).collect();
        for (table, columns) in GO {
            known.extend(columns.iter().map(|column| (*table, *column)));
        }
        for (table, columns, _) in STAY {
            for column in *columns {
                assert!(known.insert((table, column)), "{table}.{column} is there twice");
            }
        }
        let stays = |table: &str, column: &str| {
            STAY.iter().any(|(name, columns, _)| *name == table && columns.contains(&column))
        };
        for table in &tables {
            for column in table.columns.iter().filter(|column| column.kind == Kind::Text) {
                let (table, column) = (&*table.name, &*column.name);
                assert!(
                    known.remove(&(table, column)),
                    "{table}.{column}: say whether words of people come there, and what becomes of them"
                );
                let like = format!("LOWER({column}) LIKE '%secret.example%'");
                let left = count(transaction.session(), table, &like).await;
                assert!(left == 0 || stays(table, column), "{table}.{column} knows him");
            }
        }
        assert_eq!(known, BTreeSet::new(), "no such columns");
        for (table, column) in struck {
            let like = format!("{column} = '\"write to (erased).\"'");
            let left = count(transaction.session(), table, &like).await;
            assert!(left > 0, "{table}.{column} is struck out, and the rest stays");
        }
        // The other one's are all there.
        let other = count(transaction.session(), "accounts", "mail = 'other@x.example'").await;
        assert_eq!(other, 1);
    })
    .await;
}

#[tokio::test]
async fn who_becomes_an_owner_at_the_same_moment_is_not_erased_in_part() {
    on_each(async |database| {
        let mut transaction = database.begin().await.expect("a transaction");
        let ada = somebody(&mut transaction, "ada@secret.example").await;
        let new = organisations::add(transaction.session(), "New", Timestamp(1)).await;
        let new = new.expect("an Id");
        transaction.commit().await.expect("it is committed");
        let mut giving = database.begin().await.expect("a transaction");
        organisations::lock(giving.session(), new).await.expect("nobody has it");
        let held = accounts::hold(giving.session(), ada.id).await.expect("it is held");
        assert_eq!(held, Some(Role::Editor));
        let owner = MemberRole::Owner;
        let put = organisations::put_member(giving.session(), new, ada.id.0, owner, Timestamp(2));
        put.await.expect("he is put in");
        let giving = async {
            // Longer than it takes to come to his account.
            for _ in 0..400 {
                organisations::by_id(giving.session(), new).await.expect("it is read");
            }
            giving.commit().await.expect("it is committed");
        };
        let erasing = async {
            let mut transaction = database.begin().await.expect("a transaction");
            let erased = erase(transaction.session(), &ada).await;
            if erased.is_ok() {
                transaction.commit().await.expect("it is committed");
            }
            erased
        };
        let ((), erased) = tokio::join!(giving, erasing);
        let mut look = database.look().await.expect("a look");
        let members = organisations::members(look.session(), new).await.expect("they are read");
        let left = accounts::by_id(look.session(), ada.id).await.expect("it is read");
        match erased {
            Ok(()) => assert!(left.is_none() && members.is_empty(), "{members:?}"),
            Err(error) => {
                assert!(error.is_contended(), "{error}");
                assert!(left.is_some() && members.len() == 1, "{members:?}");
            }
        }
    })
    .await;
}

/// Carries out what the test says; how many rows that were.
async fn say(session: Session<'_>, sql: String) -> u64 {
    let said = sql.clone();
    on!(session, |c| {
        let done = sqlx::query(AssertSqlSafe(sql)).execute(c).await;
        done.unwrap_or_else(|error| panic!("{said}: {error}")).rows_affected()
    })
}

/// How many rows of a table are like this.
async fn count(session: Session<'_>, table: &str, like: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM {table} WHERE {like}");
    let said = sql.clone();
    let (count,): (i64,) = on!(session, |c| {
        let found = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(c).await;
        found.unwrap_or_else(|error| panic!("{said}: {error}"))
    });
    count
}

/// Rows of tables in which nobody stands by himself: table, columns, values.
const ROWS: &[(&str, &str, &str)] = &[
    (
        "request_items",
        "request, position, action, subject, code, outcome, before",
        "(SELECT MIN(id) FROM requests), 9, 'name', '', '', 'open', ''",
    ),
    (
        "request_findings",
        "request, number, kind, outcome, about, seen, mend",
        "(SELECT MIN(id) FROM requests), 9, '', '', '', '', ''",
    ),
    (
        "request_history",
        "request, version, time, actor, state, reason, text",
        "(SELECT MIN(id) FROM requests), 9, 1, 'system', 'draft', '', ''",
    ),
    ("evidence_sources", "name, kind, created", "'source', 'trap', 1"),
    ("rules", "list, name, version, created", "(SELECT MIN(id) FROM lists), 'rule', 1, 1"),
    (
        "rule_versions",
        "rule, version, classes, sources, hits, from_sources, from_traps, span, lasts, outcome, code, text, reason, \
         ipv4_prefix, ipv6_prefix, created",
        "(SELECT MIN(id) FROM rules), 1, '', '', 1, 1, 1, 1, 1, 'list', '', '', '', 32, 64, 1",
    ),
    (
        "proposals",
        "rule, version, list, key, hits, from_sources, last, expires, note, state, created, reason",
        "(SELECT MIN(id) FROM rules), 1, (SELECT MIN(id) FROM lists), {k}, 1, 1, 1, 1, '', 'open', 1, ''",
    ),
    (
        "kept_out",
        "list, key, since, actor, reason",
        "(SELECT MIN(id) FROM lists), {k}, 1, 'system', ''",
    ),
    (
        "kept_out_codes",
        "list, key, code, since, actor, reason",
        "(SELECT MIN(id) FROM lists), {k}, '127.0.0.2', 1, 'system', ''",
    ),
    (
        "consistency",
        "organisation, key, state, since, failures, due, reasons",
        "(SELECT MIN(id) FROM organisations), {k}, 'ok', 1, 0, 1, ''",
    ),
    (
        "publications",
        "list, serial, time, entries, audit, outcome, why",
        "(SELECT MIN(id) FROM lists), 1, 1, 1, 1, 'refused', ''",
    ),
    ("subscribers", "name, digest, scope, created", "'mirror', {k}, 'all', 1"),
    (
        "digests",
        "account, subject, what, link, created",
        "(SELECT MIN(id) FROM accounts), '', '', '', 1",
    ),
    ("jobs", "kind, payload, due, attempts", "'publish', '', 1, 0"),
    (
        "work",
        "kind, particulars, actor, state, done, total, created, attempts, result, fault",
        "'import', '', 'system', 'done', 1, 1, 1, 1, '', ''",
    ),
    (
        "conflicts",
        "kind, subject, account, reason, since",
        "'request', 1, (SELECT MIN(id) FROM accounts), '', 1",
    ),
];

/// What is his own, and goes or is emptied with him.
const GO: &[(&str, &[&str])] = &[
    ("accounts", &["mail", "name", "password", "role", "letters"]),
    ("ceremonies", &["purpose", "state"]),
    ("contact_mails", &["mail"]),
    ("contacts", &["mail"]),
    ("invitations", &["mail"]),
    ("links", &["mail"]),
    ("open_answers", &["body"]),
    ("outbox", &["recipient"]),
    ("passkeys", &["content"]),
    ("removals", &["mail", "network"]),
    ("sent_letters", &["recipient"]),
    ("sessions", &["client"]),
    ("undelivered", &["mail"]),
];

/// Words that we chose, and nobody types.
const WORD: &str = "a word of ours, or a pseudonym";
/// What is on the Internet, and not whose it is.
const INTERNET: &str = "a name or address of the Internet, read as such";
/// What is published.
const PUBLISHED: &str =
    "what a list publishes, or did: an editor or administrator changes it, with a reason";
/// What a program chose.
const KEY: &str = "what a program calls its call by; it goes after a day";

/// What stays when somebody goes, and why.
const STAY: &[(&str, &[&str], &str)] = &[
    ("actors", &["pseudonym"], WORD),
    ("answers", &["key"], KEY),
    ("audit", &["actor", "action"], WORD),
    ("audit", &["subject", "detail"], "nobody changes the log, and the manual says so to editors"),
    ("canaries", &["target"], INTERNET),
    ("categories", &["name"], PUBLISHED),
    ("claim_mails", &["domain"], INTERNET),
    ("claims", &["domain"], INTERNET),
    ("claims", &["proof", "mailbox", "state"], WORD),
    ("codes", &["code", "removal"], WORD),
    ("codes", &["meaning"], PUBLISHED),
    ("conflicts", &["kind"], WORD),
    ("consistency", &["state"], WORD),
    ("contacts", &["purpose"], WORD),
    ("criteria", &["slug", "title", "text"], PUBLISHED),
    ("criterion_versions", &["title", "text"], PUBLISHED),
    ("digests", &["link"], "a page of ours"),
    ("domains", &["domain"], INTERNET),
    ("entries", &["code"], WORD),
    ("entries", &["text", "reason"], PUBLISHED),
    ("entry_history", &["kind"], WORD),
    ("entry_history", &["before", "after"], PUBLISHED),
    ("evidence_sources", &["name", "kind"], "what programs are called that bring evidence"),
    ("invitations", &["role"], WORD),
    ("jobs", &["kind", "key", "payload"], WORD),
    ("kept_out", &["actor"], WORD),
    ("kept_out_codes", &["actor", "code"], WORD),
    ("limits", &["deed"], WORD),
    ("links", &["purpose", "role"], WORD),
    ("list_dns", &["name_servers", "hostmaster", "links"], PUBLISHED),
    ("lists", &["apex", "title", "description", "contact"], PUBLISHED),
    ("lists", &["polarity", "keys", "state"], WORD),
    ("members", &["role"], WORD),
    ("motions", &["kind", "action", "two", "state", "decided_by"], WORD),
    ("notes", &["actor"], WORD),
    ("observations", &["class"], WORD),
    (
        "observations",
        &["detail"],
        "what was seen of something that is listed for it; it goes by its time",
    ),
    ("open_answers", &["key"], KEY),
    ("outbox", &["unsubscribe"], "a page of ours"),
    ("policies", &["text"], PUBLISHED),
    ("portal_address", &["url"], INTERNET),
    ("proposals", &["state", "actor"], WORD),
    ("publications", &["outcome", "actor"], WORD),
    ("removals", &["target", "domain"], INTERNET),
    ("removals", &["state", "way", "control", "kind", "decided_by"], WORD),
    ("request_approvals", &["positions", "spared"], WORD),
    ("request_findings", &["kind", "outcome"], WORD),
    ("request_history", &["actor", "state", "reason"], WORD),
    ("request_items", &["action", "code", "outcome"], WORD),
    ("requests", &["state", "criterion"], WORD),
    ("rule_versions", &["classes", "sources", "outcome", "code"], WORD),
    ("rule_versions", &["text", "reason"], PUBLISHED),
    ("rules", &["name"], PUBLISHED),
    ("sources", &["name"], "what is called so by whoever imports from it, once for all"),
    ("subscribers", &["scope"], WORD),
    ("tokens", &["scopes"], WORD),
    ("work", &["kind", "actor", "state", "folder", "claimed"], WORD),
];
