//! Databases of former versions, with something in every table, and what there is in a database now.
//!
//! A version is known by the last of its migrations. What it wrote stands in [`WRITTEN`], behind the migration that made
//! its tables, and is written before the next migration: so each of them runs over tables that are not empty.

use std::collections::BTreeMap;

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};

use crate::accounts::AccountId;
use crate::session::on;
use crate::{Place, Session};

/// The rows of each table, each as its columns in the database's own words; `NULL` is none.
pub type Content = BTreeMap<String, Vec<BTreeMap<String, Option<String>>>>;

/// How many versions of the schema there are.
pub fn versions() -> i64 {
    migrator(&Place::File("x".into())).iter().map(|one| one.version).max().expect("there are some")
}

/// The numbers of all migrations; one that was never released may be left out.
fn steps(place: &Place) -> impl Iterator<Item = i64> + use<> {
    migrator(place).iter().map(|one| one.version).collect::<Vec<_>>().into_iter()
}

/// Makes a database as the version left it whose last migration has this number.
pub async fn make(place: &Place, version: i64) {
    if let Place::File(path) = place {
        std::fs::File::create_new(path).expect("it is a new file");
    }
    for step in steps(place).filter(|step| *step <= version) {
        let written = WRITTEN.iter().filter(|(after, _)| *after == step).map(|(_, sql)| *sql);
        let written: String = written.collect();
        match place {
            Place::File(_) => {
                let mut c = file(place).await;
                migrator(place).run_to(step, &mut c).await.expect("it is brought there");
                sqlx::raw_sql(AssertSqlSafe(written)).execute(&mut c).await.expect("it is written");
                c.close().await.expect("it is closed");
            }
            Place::Server(_) => {
                let mut c = server(place).await;
                migrator(place).run_to(step, &mut c).await.expect("it is brought there");
                let written = written.replace("x'", "'\\x");
                sqlx::raw_sql(AssertSqlSafe(written)).execute(&mut c).await.expect("it is written");
                c.close().await.expect("it is closed");
            }
        }
    }
}

/// The last migration that a database has.
pub async fn version(place: &Place) -> i64 {
    let last = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";
    match place {
        Place::File(_) => sqlx::query_scalar(last).fetch_one(&mut file(place).await).await,
        Place::Server(_) => sqlx::query_scalar(last).fetch_one(&mut server(place).await).await,
    }
    .expect("it is read")
}

/// All that is in a database.
pub async fn content(place: &Place) -> Content {
    let mut content = Content::new();
    match place {
        Place::File(_) => {
            let mut c = file(place).await;
            let tables =
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
                AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'";
            let tables: Vec<String> =
                sqlx::query_scalar(tables).fetch_all(&mut c).await.expect("they are read");
            for table in tables {
                let columns = "SELECT name FROM pragma_table_info($1)";
                let columns: Vec<String> =
                    sqlx::query_scalar(columns).bind(&table).fetch_all(&mut c).await.expect("read");
                let shown: Vec<_> = columns.iter().map(|one| format!("quote(\"{one}\")")).collect();
                let sql = format!("SELECT {} FROM \"{table}\"", shown.join(", "));
                let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut c).await.expect("read");
                let row = |row: &sqlx::sqlite::SqliteRow| {
                    let value = |at: usize| Some(row.get(at)).filter(|text| text != "NULL");
                    columns.iter().enumerate().map(|(at, one)| (one.clone(), value(at))).collect()
                };
                content.insert(table, rows.iter().map(row).collect());
            }
        }
        Place::Server(_) => {
            let mut c = server(place).await;
            let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'
                AND tablename NOT LIKE '\\_sqlx%'";
            let tables: Vec<String> =
                sqlx::query_scalar(tables).fetch_all(&mut c).await.expect("they are read");
            for table in tables {
                let columns = "SELECT column_name::text FROM information_schema.columns
                    WHERE table_schema = 'public' AND table_name = $1";
                let columns: Vec<String> =
                    sqlx::query_scalar(columns).bind(&table).fetch_all(&mut c).await.expect("read");
                let shown: Vec<_> = columns.iter().map(|one| format!("\"{one}\"::text")).collect();
                let sql = format!("SELECT {} FROM \"{table}\"", shown.join(", "));
                let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut c).await.expect("read");
                let row = |row: &sqlx::postgres::PgRow| {
                    columns.iter().enumerate().map(|(at, one)| (one.clone(), row.get(at))).collect()
                };
                content.insert(table, rows.iter().map(row).collect());
            }
        }
    }
    content
}

/// What is in one and not in the other any more, table and row by row; what came in besides does not matter.
pub fn lost(before: &Content, after: &Content) -> Vec<String> {
    let mut lost = Vec::new();
    for (table, rows) in before {
        let there = after.get(table).map(Vec::as_slice).unwrap_or_default();
        for row in rows {
            let is_it =
                |now: &&BTreeMap<_, _>| row.iter().all(|(one, was)| now.get(one) == Some(was));
            if !there.iter().any(|now| is_it(&now)) {
                lost.push(format!("{table}: {row:?}"));
            }
        }
    }
    lost
}

/// Tables, columns, conditions and indexes of a database, as text.
pub async fn schema(place: &Place) -> Vec<String> {
    match place {
        Place::File(_) => {
            let all = "SELECT type || ' ' || name || ': ' || COALESCE(sql, '') FROM sqlite_schema ORDER BY 1";
            sqlx::query_scalar(all).fetch_all(&mut file(place).await).await
        }
        Place::Server(_) => {
            let all = "SELECT 'column ' || table_name || '.' || column_name || ': ' || data_type || ' '
                    || is_nullable || ' ' || COALESCE(column_default, '')
                    FROM information_schema.columns WHERE table_schema = 'public'
                UNION ALL SELECT 'index ' || indexname || ': ' || indexdef FROM pg_indexes
                    WHERE schemaname = 'public'
                UNION ALL SELECT 'condition ' || conrelid::regclass || '.' || conname || ': '
                    || pg_get_constraintdef(oid) FROM pg_constraint
                    WHERE connamespace = 'public'::regnamespace
                ORDER BY 1";
            sqlx::query_scalar(all).fetch_all(&mut server(place).await).await
        }
    }
    .expect("it is read")
}

/// Copies a database of PostgreSQL under another name.
pub async fn copy(place: &Place, name: &str) {
    let Place::Server(options) = place else { panic!("a file is copied as files are") };
    let from = options.get_database().expect("it has a name");
    // Nobody may be in it meanwhile.
    let mut c = PgConnection::connect_with(&options.as_ref().clone().database("template1"))
        .await
        .expect("it answers");
    let sql = format!("CREATE DATABASE \"{name}\" TEMPLATE \"{from}\"");
    sqlx::query(AssertSqlSafe(sql)).execute(&mut c).await.expect("it is copied");
    c.close().await.expect("it is closed");
}

/// Keeps everybody else from a table of PostgreSQL, until it is dropped.
#[derive(Debug)]
pub struct Held(PgConnection);

/// Takes a table for oneself.
pub async fn hold(place: &Place, table: &str) -> Held {
    let mut c = server(place).await;
    let sql = format!("BEGIN; LOCK TABLE \"{table}\" IN ACCESS EXCLUSIVE MODE");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut c).await.expect("it is free");
    Held(c)
}

impl Held {
    /// Whether somebody waits for it.
    pub async fn is_wanted(&mut self) -> bool {
        let sql =
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'relation' AND NOT granted)";
        sqlx::query_scalar(sql).fetch_one(&mut self.0).await.expect("it is read")
    }

    /// Lets the others have it.
    pub async fn free(self) {
        self.0.close().await.expect("it is closed");
    }
}

/// All migrations of a kind of database.
fn migrator(place: &Place) -> Migrator {
    match place {
        Place::File(_) => sqlx::migrate!("./migrations/sqlite"),
        Place::Server(_) => sqlx::migrate!("./migrations/postgres"),
    }
}

/// A connection to a file.
async fn file(place: &Place) -> SqliteConnection {
    let Place::File(path) = place else { panic!("it is no file") };
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).foreign_keys(true);
    SqliteConnection::connect_with(&options).await.expect("it opens")
}

/// A connection to a server.
async fn server(place: &Place) -> PgConnection {
    let Place::Server(options) = place else { panic!("it is no server") };
    PgConnection::connect_with(options).await.expect("it answers")
}

/// What was written behind each migration: a row or more for each table it made, and for what it changed of others.
const WRITTEN: &[(i64, &str)] = &[
    (
        1,
        "INSERT INTO lists (apex, title, description, polarity, keys, ttl, contact, state, serial, created) VALUES
            ('bl.example', 'Blocked', 'Who sends spam', 'block', 'addresses', 300, 'a@x.example', 'active', 7, 1),
            ('wl.example', 'Allowed', 'Who does not', 'allow', 'names', 3600, '', 'retiring', 4294967295, 2);
        INSERT INTO codes (list, code, meaning) VALUES (1, '127.0.0.2', 'spam'), (2, '127.0.4.1', 'ISP');
        INSERT INTO categories (list, number, name) VALUES (1, 0, 'none'), (2, 4, 'banks');
        INSERT INTO policies (list, version, text, published) VALUES (1, 1, 'Be good.', 3);
        INSERT INTO criteria (list, slug, title, text, since) VALUES (1, 'trap', 'Traps', 'It hit one.', 1);
        INSERT INTO organisations (name, created) VALUES ('First', 4), ('Second', 5);
        INSERT INTO sources (name) VALUES ('hand'), ('import');
        INSERT INTO entries (list, key, code, text, reason, criterion, source, organisation, since, expires, review)
            VALUES (1, x'04c0000201', '127.0.0.2', 'see us', 'it hit a trap', 1, 1, NULL, 6, 99, NULL),
            (2, x'0463', '127.0.4.1', '', 'a bank', NULL, 2, 1, 7, NULL, 88);
        INSERT INTO changes (list, serial, key) VALUES (1, 7, x'04c0000201');
        INSERT INTO actors (pseudonym, account) VALUES ('p1', 1), ('p2', NULL);
        INSERT INTO audit (number, time, actor, action, subject, detail, digest)
            VALUES (1, 8, 'p1', 'list.add', 'list/bl.example', '{}', x'0102');
        UPDATE audit_end SET number = 1, digest = x'0102';
        INSERT INTO jobs (kind, key, payload, due, attempts, taken, error)
            VALUES ('publish', 'publish/1', '{}', 9, 1, 10, 'it failed'), ('expire', NULL, '{}', 9, 0, NULL, NULL);",
    ),
    (
        2,
        "INSERT INTO list_dns (list, name_servers, hostmaster, refresh, retry, expire, minimum, name_server_ttl,
            ipv4_prefix, ipv6_prefix, max_change) VALUES (1, 'ns1.example ns2.example', '', 1, 2, 3, 4, 5, 8, 16, 25);
        INSERT INTO canaries (list, target) VALUES (1, '192.0.2.9');
        INSERT INTO publications (list, serial, time, entries, audit, outcome, why, actor)
            VALUES (1, 6, 10, 2, 1, 'approved', 'too much', 'p1'), (1, 7, 11, 3, 1, 'refused', 'a canary', NULL);",
    ),
    (3, "INSERT INTO large_changes (list, serial, keys) VALUES (1, 5, 100000);"),
    (
        4,
        "INSERT INTO accounts (mail, name, password, role, created)
            VALUES ('a@x.example', 'Anna', 'argon', 'administrator', 12), ('b@x.example', 'Bo', 'argon', 'member', 13);
        INSERT INTO sessions (digest, account, client, created, seen, proven, expires)
            VALUES (x'aa', 1, 'a browser', 14, 15, 16, 17);
        INSERT INTO links (digest, purpose, mail, role, expires) VALUES (x'bb', 'join', NULL, 'administrator', 18);
        INSERT INTO outbox (recipient, subject, plain, html, created, due, attempts, error)
            VALUES ('c@x.example', 'Hello', 'words', '<p>words', 19, 20, 2, 'it is away');",
    ),
    (
        5,
        "UPDATE organisations SET website = 'https://x.example', suspension = 'it does not answer' WHERE id = 2;
        INSERT INTO organisation_categories (organisation, list, category) VALUES (1, 2, 4);
        INSERT INTO domains (organisation, domain) VALUES (1, 'x.example');
        INSERT INTO members (organisation, account, role, since) VALUES (1, 2, 'owner', 21);
        INSERT INTO contacts (organisation, mail, purpose) VALUES (1, 'abuse@x.example', 'abuse');
        INSERT INTO notes (organisation, time, actor, text) VALUES (1, 22, 'p1', 'a note');
        INSERT INTO claims (organisation, domain, account, proof, mailbox, nonce, state, created, expires, proven, takes,
            due, failures, seen) VALUES (1, 'x.example', 2, 'dns', '', x'cc', 'held', 23, 24, 25, NULL, 26, 0, ''),
            (2, 'x.example', 1, 'mail', 'postmaster', x'cd', 'open', 23, 24, NULL, NULL, NULL, 0, '');
        INSERT INTO claim_mails (domain, day, count) VALUES ('x.example', 27, 1);",
    ),
    (
        6,
        "INSERT INTO requests (organisation, list, account, reason, state, version, created, submitted, touched, editor,
            policy, serial, undoes) VALUES (1, 2, 2, 'we send mail', 'published', 4, 28, 29, 30, 1, NULL, 5, NULL),
            (1, 2, 2, 'more', 'queued', 2, 31, 32, 33, NULL, NULL, NULL, 1);
        INSERT INTO request_items (request, position, action, subject, code, outcome, before)
            VALUES (2, 1, 'add', 'x.example', '127.0.4.1', 'open', '');
        INSERT INTO request_findings (request, number, kind, outcome, about, seen, mend)
            VALUES (2, 1, 'names', 'good', 'x.example', 'it is', '');
        INSERT INTO request_history (request, version, time, actor, state, reason, text)
            VALUES (2, 2, 34, 'p2', 'queued', '', '');
        INSERT INTO request_approvals (request, account, positions, time) VALUES (2, 1, '1', 35);",
    ),
    (
        7,
        "INSERT INTO removals (list, key, target, mail, network, reason, nonce, state, created, expires, decided, answer)
            VALUES (1, x'04c0000202', '192.0.2.2', 'd@x.example', '198.51.100.0/24', 'mended', x'dd', 'sent', 36, 37,
            NULL, ''), (1, x'04c0000203', '192.0.2.3', '', '', 'mended', x'de', 'granted', 36, 37, 38, 'fine');",
    ),
    (8, "UPDATE removals SET agreed = 39 WHERE state = 'granted';"),
    (
        9,
        "INSERT INTO subscribers (name, digest, scope, created, seen, revoked) VALUES
            ('ns2', x'ee', 'named', 40, 41, NULL), ('gone', x'ef', 'all', 40, NULL, 42);
        INSERT INTO subscriber_lists (subscriber, list) VALUES (1, 1);",
    ),
    (
        10,
        "UPDATE accounts SET locked = 43, seen = 44 WHERE id = 2;
        INSERT INTO sign_ins (digest, account, failures, expires) VALUES (x'f0', 1, 1, 45);
        INSERT INTO totps (account, secret, confirmed, step) VALUES (1, x'f1', 46, 47);
        INSERT INTO recovery_codes (account, digest) VALUES (1, x'f2'), (1, x'f3');
        INSERT INTO passkeys (account, credential, name, content, created, used)
            VALUES (1, x'f4', 'the key', '{}', 48, NULL);
        INSERT INTO ceremonies (digest, account, purpose, state, expires) VALUES (x'f5', NULL, 'sign-in', '{}', 49);",
    ),
    (
        11,
        "INSERT INTO evidence_sources (name, kind, created, closed) VALUES ('traps', 'trap', 50, NULL);
        INSERT INTO observations (source, class, key, seen, received, count, trap, detail)
            VALUES (1, 'spam', x'04c0000204', 51, 52, 3, x'f6', 'it came');
        INSERT INTO evidence_waiting (key, lost) VALUES (x'04c0000204', 1);
        INSERT INTO evidence_turn (one, turns) VALUES (1, 53)
            ON CONFLICT (one) DO UPDATE SET turns = 53;
        INSERT INTO rules (list, name, version, enabled, created) VALUES (1, 'traps', 1, 54, 55);
        INSERT INTO rule_versions (rule, version, classes, sources, hits, from_sources, from_traps, span, lasts, outcome,
            code, text, reason, criterion, ipv4_prefix, ipv6_prefix, created)
            VALUES (1, 1, 'spam', '', 1, 1, 0, 56, 57, 'propose', '127.0.0.2', '', 'traps', 1, 32, 64, 58);
        INSERT INTO proposals (rule, version, list, key, hits, from_sources, last, expires, note, state, created, decided,
            actor, reason) VALUES (1, 1, 1, x'04c0000204', 3, 1, 59, 60, '', 'open', 61, NULL, NULL, '');",
    ),
    (
        12,
        "INSERT INTO tokens (account, name, digest, scopes, created, expires, seen)
            VALUES (1, 'a script', x'f7', 'read write', 62, 63, NULL);
        INSERT INTO answers (account, key, digest, status, body, created) VALUES (1, 'once', x'f8', 201, '{}', 64);",
    ),
    (
        13,
        "UPDATE organisations SET gone_through = 65, told = 66, review_ahead = 67, review_due = 68, review_told = 69
            WHERE id = 1;
        INSERT INTO consistency (organisation, key, state, since, failures, failing, looked, due, reasons, news)
            VALUES (1, x'0463', 'bad', 70, 3, 71, 72, 73, '[]', 74);",
    ),
    (
        14,
        "INSERT INTO list_days (list, day, entries, changed, serial, published) VALUES (1, 20000, 3, 4, 7, 75);",
    ),
    (15, "INSERT INTO evidence_settled (list, key, settled) VALUES (1, x'04c0000205', 76);"),
    (
        16,
        "UPDATE accounts SET letters = 'weekly' WHERE id = 2;
        UPDATE outbox SET unsubscribe = 'https://x.example/unsubscribe';
        INSERT INTO digests (account, subject, what, link, created) VALUES (2, 'News', 'words', '/', 77);
        INSERT INTO invitations (organisation, mail, role, digest, account, created, expires)
            VALUES (1, 'e@x.example', 'member', x'f9', 2, 78, 79);",
    ),
    (17, "UPDATE publications SET told = 80 WHERE serial = 7;"),
    (
        21,
        "INSERT INTO entry_history (list, key, audit, time, kind, before, after)
            VALUES (1, x'04c0000201', 1, 81, 'change', '[]', '[]');",
    ),
    (
        22,
        "INSERT INTO work (kind, list, source, rule, particulars, actor, state, done, total, created, begun, ended,
            folder, claimed, until, attempts, result, fault) VALUES
            ('purge', NULL, 1, NULL, '{}', 'p1', 'running', 1, 2, 81, 82, NULL, NULL, 'one', 83, 1, '', ''),
            ('import', 1, NULL, NULL, '{}', 'p1', 'failed', 0, 0, 81, 82, 84, 'here', NULL, NULL, 5, '', 'it is empty');
        INSERT INTO token_sources (token, source) VALUES (1, 1);",
    ),
    (
        23,
        "INSERT INTO limits (deed, doer, until) VALUES ('letter', x'd1', 91);
        INSERT INTO open_answers (doer, key, digest, status, body, created) VALUES (x'd1', 'k', x'd2', 202, '{}', 92);
        INSERT INTO contact_mails (organisation, mail, confirmed) VALUES (1, 'new@x.example', NULL);",
    ),
    (24, "UPDATE codes SET two_editors = 1;"),
    (
        27,
        "INSERT INTO conflicts (kind, subject, account, reason, since) VALUES ('request', 1, 1, 'a friend', 95);",
    ),
    (29, "UPDATE removals SET joins = 1, kind = 'appeal', serial = 7; UPDATE codes SET removal = 'editor';"),
];

/// Has the secret of an account's codes lie there in clear, as it did before secrets were sealed.
///
/// # Panics
/// If the database fails.
pub async fn unseal(session: Session<'_>, account: AccountId, plain: &[u8]) {
    on!(session, |c| {
        let query = sqlx::query("UPDATE totps SET secret = $2, sealed = 0 WHERE account = $1");
        query.bind(account.0).bind(plain).execute(c).await.expect("it is set");
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Server;
    use crate::{Database, DatabaseError};

    /// Opens old databases of each version at places of a kind.
    async fn opens(at: impl AsyncFn(i64) -> Place) {
        let fresh = at(0).await;
        Database::open(&fresh).await.expect("it is made").close().await;
        let today = schema(&fresh).await;
        for number in steps(&fresh) {
            let place = at(number).await;
            make(&place, number).await;
            let before = content(&place).await;
            if number <= 17 {
                let empty: Vec<_> = before.iter().filter(|(_, rows)| rows.is_empty()).collect();
                assert!(empty.is_empty(), "version {number} has nothing in {empty:?}");
            }
            let database = Database::open(&place).await.expect("it is brought here");
            database.close().await;
            assert_eq!(schema(&place).await, today, "version {number}");
            assert_eq!(lost(&before, &content(&place).await), [""; 0], "version {number}");
        }
    }

    #[tokio::test]
    async fn each_former_version_becomes_this_one_with_all_its_data() {
        let folder = tempfile::tempdir().expect("a folder");
        opens(async |number| Place::File(folder.path().join(format!("{number}.db")))).await;
        let Some(server) = Server::start() else { return };
        let empty = server.place();
        opens(async |number| {
            copy(&empty, &format!("v{number}")).await;
            server.url().replace("/postgres", &format!("/v{number}")).parse().expect("a place")
        })
        .await;
    }

    #[tokio::test]
    async fn a_later_version_is_not_touched() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::File(folder.path().join("x.db"));
        make(&place, versions()).await;
        let later = "UPDATE _sqlx_migrations SET version = 9999 WHERE version = 17";
        sqlx::query(later).execute(&mut file(&place).await).await.expect("it is written");
        let before = content(&place).await;
        let refused = Database::open(&place).await.expect_err("it is of later");
        assert!(matches!(refused, DatabaseError::Migrate { .. }), "{refused}");
        assert_eq!(content(&place).await, before);
    }
}
