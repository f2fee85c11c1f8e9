//! Where a mail address stands in words that people, and servers of theirs, wrote: there it is struck out when its person
//! goes. Only addresses are: what somebody is called, others are called, too.
//!
//! What is *not* here: the audit log, which nobody changes, and into which we write no addresses; what lists publish and
//! what was seen for that, which changes by a decision or goes by its time. Which columns keep what they have, and why,
//! stands in the tests: each column of the database is there or here.

use sqlx::AssertSqlSafe;

use super::Room;
use crate::database::DatabaseError;
use crate::session::{Session, on};

/// Strikes an address out wherever it stands in a room. In how many different texts that was.
pub(super) async fn strike_out(
    mut session: Session<'_>,
    room: Room,
    mail: &str,
) -> Result<u64, DatabaseError> {
    let pattern = pattern(mail);
    let mut struck = 0;
    for (table, column) in texts(room) {
        let sql = find(table, column);
        let texts: Vec<(String,)> = on!(session.again(), |c| {
            sqlx::query_as(AssertSqlSafe(sql)).bind(&pattern).fetch_all(c).await?
        });
        for (text,) in texts {
            let Some(without) = without(&text, mail) else { continue };
            let sql = replace(table, column);
            on!(session.again(), |c| {
                let query = sqlx::query(AssertSqlSafe(sql)).bind(&text).bind(&without);
                query.execute(c).await?.rows_affected()
            });
            struck += 1;
        }
    }
    Ok(struck)
}

/// Finds what may have it in it.
fn find(table: &str, column: &str) -> String {
    format!("SELECT DISTINCT {column} FROM {table} WHERE LOWER({column}) LIKE $1 ESCAPE '\\'")
}

/// Puts another text in the place of one.
fn replace(table: &str, column: &str) -> String {
    format!("UPDATE {table} SET {column} = $2 WHERE {column} = $1")
}

/// What a text is like that has an address in it.
fn pattern(mail: &str) -> String {
    let mut pattern = String::from("%");
    for letter in mail.to_ascii_lowercase().chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// A text without an address; none if it is not in it, or only as a part of somebody else's.
fn without(text: &str, mail: &str) -> Option<String> {
    // Of ASCII letters alone, so that each byte stays where it is.
    let (lower, mail) = (text.to_ascii_lowercase(), mail.to_ascii_lowercase());
    let (mut left, mut done) = (String::new(), 0);
    for (start, found) in lower.match_indices(&mail) {
        let end = start + found.len();
        let goes_on = |letter: char| letter.is_ascii_alphanumeric();
        let before = lower.get(..start).and_then(|part| part.chars().next_back());
        let mut after = lower.get(end..).unwrap_or_default().chars();
        let is_longer = match after.next() {
            Some('.') => after.next().is_some_and(goes_on),
            Some('-') => true,
            next => next.is_some_and(goes_on),
        };
        if is_longer || before.is_some_and(|letter| goes_on(letter) || "._+-".contains(letter)) {
            continue;
        }
        left.push_str(text.get(done..start).unwrap_or_default());
        left.push_str(STRUCK);
        done = end;
    }
    (done > 0).then(|| left + text.get(done..).unwrap_or_default())
}

/// What stands where an address stood.
const STRUCK: &str = "(erased)";
/// Each column of a room whose words may name anybody.
pub(super) fn texts(room: Room) -> &'static [(&'static str, &'static str)] {
    match room {
        Room::Organisations => &[
            ("organisations", "name"),
            ("organisations", "website"),
            ("organisations", "suspension"),
            ("notes", "text"),
        ],
        Room::Claims => &[("claims", "seen")],
        Room::Requests => &[
            ("requests", "reason"),
            ("request_items", "subject"),
            ("request_items", "before"),
            ("request_findings", "about"),
            ("request_findings", "seen"),
            ("request_findings", "mend"),
            ("request_history", "text"),
        ],
        Room::Removals => &[("removals", "reason"), ("removals", "answer")],
        Room::Lists => &[
            ("kept_out", "reason"),
            ("kept_out_codes", "reason"),
            ("consistency", "reasons"),
            ("publications", "why"),
            ("subscribers", "name"),
        ],
        Room::Motions => &[
            ("proposals", "note"),
            ("proposals", "reason"),
            ("motions", "reason"),
            ("motions", "answer"),
            ("motions", "particulars"),
            ("conflicts", "reason"),
        ],
        Room::Letters => &[
            ("digests", "subject"),
            ("digests", "what"),
            ("outbox", "subject"),
            ("outbox", "plain"),
            ("outbox", "html"),
            ("outbox", "error"),
            ("undelivered", "words"),
            ("answers", "body"),
            ("jobs", "error"),
            ("work", "particulars"),
            ("work", "result"),
            ("work", "fault"),
            ("tokens", "name"),
            ("passkeys", "name"),
        ],
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{Executor as _, SqlSafeStr as _};

    use super::*;
    use crate::testing::on_each;

    #[test]
    fn an_address_goes_wherever_it_stands_whole_and_no_other() {
        for (text, expected) in [
            ("write to a_b@x.example.", Some("write to (erased).")),
            ("A_B@X.example, or a_b@x.example", Some("(erased), or (erased)")),
            ("{\"sent\":\"a_b@x.example\"}", Some("{\"sent\":\"(erased)\"}")),
            (
                "<mailto:a_b@x.example>; \u{e4}\u{f6} \u{1f600}",
                Some("<mailto:(erased)>; \u{e4}\u{f6} \u{1f600}"),
            ),
            ("aa_b@x.example", None),
            ("a.a_b@x.example", None),
            ("a_b@x.example.org", None),
            ("a_b@x.example-host", None),
            ("axb@x.example", None),
            ("aa_b@x.example and a_b@x.example", Some("aa_b@x.example and (erased)")),
            ("", None),
        ] {
            assert_eq!(without(text, "a_b@x.example").as_deref(), expected, "{text}");
        }
        assert_eq!(pattern("a_%\\B@x"), "%a\\_\\%\\\\b@x%");
    }

    #[tokio::test]
    async fn every_statement_of_them_prepares() {
        on_each(async |database| {
            let mut connection = database.read().await.expect("a connection");
            let all = Room::ALL
                .into_iter()
                .flat_map(texts)
                .flat_map(|(table, column)| [find(table, column), replace(table, column)]);
            for sql in all {
                let safe = AssertSqlSafe(sql.clone()).into_sql_str();
                let prepared = on!(connection.session(), |c| c.prepare(safe).await.map(drop));
                prepared.unwrap_or_else(|error| panic!("{sql}: {error}"));
            }
        })
        .await;
    }
}
