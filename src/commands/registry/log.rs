//! `repute registry log` and `repute registry verify`.

use repute_database::audit::{self, Deed, Head, Verified};
use repute_database::{Database, Timestamp};
use repute_dnsxl::Name;
use serde_json::{Value, json};

use super::plain;
use crate::commands::shell_user;
use crate::exit::{Verdict, say};

/// Looks through the audit log, and whether it goes on from a head that was shown before.
pub(super) async fn verify(database: &Database, expect: Option<&Head>) -> anyhow::Result<Verdict> {
    let mut look = database.look().await?;
    let rows = match audit::verify(look.session()).await? {
        Verified::Whole(rows) => rows,
        Verified::BrokenAt(row) => {
            say!("the audit log is not as it was written from row {row} on");
            return Ok(Verdict::No);
        }
    };
    say!("the audit log is whole: {rows} rows");
    say!("{rows} entries, head {}", audit::head(look.session()).await?);
    let Some(expect) = expect else { return Ok(Verdict::Yes) };
    let then = expect.rows;
    match audit::digest_at(look.session(), then).await? {
        Some(digest) if digest == expect.digest => {
            say!("it was only added to since it had {then} rows");
            Ok(Verdict::Yes)
        }
        Some(_) => {
            say!(
                "but its first {then} rows are others than those of the head that was expected: it was written anew, or \
                 is another database's"
            );
            Ok(Verdict::No)
        }
        None => {
            say!("but it had {then} rows: the end is gone, or it is an older copy");
            Ok(Verdict::No)
        }
    }
}

/// Shows the audit log.
pub(super) async fn run(
    database: &Database,
    list: Option<&Name>,
    limit: u32,
    is_json: bool,
) -> anyhow::Result<Verdict> {
    let mut connection = database.read().await?;
    let deeds = match list {
        Some(list) => {
            let subject = format!("list/{list}");
            let deeds = audit::of_subject(connection.session(), &subject, limit).await?;
            // One that is gone may have left rows.
            if deeds.is_empty() {
                super::list(connection.session(), list).await?;
            }
            deeds
        }
        None => {
            let head = audit::head(connection.session()).await?;
            let after = head.rows.saturating_sub(limit.into());
            let rows = audit::rows(connection.session(), after, limit).await?;
            rows.into_iter().rev().map(|(_, deed)| deed).collect()
        }
    };
    let users = shell_user::names(connection.session()).await?;
    for deed in &deeds {
        let user = users.iter().find(|(pseudonym, _)| *pseudonym == deed.actor);
        let user = user.map(|(_, name)| &**name);
        // The rooms write objects; whatever else it is, is shown as text.
        let detail = serde_json::from_str(&deed.detail)
            .unwrap_or_else(|_| Value::String(deed.detail.clone()));
        match is_json {
            true => say!("{}", object(deed, user, &detail)),
            false => {
                let Deed { actor, action, subject, .. } = deed;
                let words = [user.unwrap_or(actor), action, subject].map(plain).join("  ");
                say!("{}  {words}  {}", time(deed.time), plain(&detail.to_string()));
            }
        }
    }
    Ok(Verdict::Yes)
}

/// A deed for machines.
fn object(deed: &Deed, user: Option<&str>, detail: &Value) -> Value {
    json!({
        "time": time(deed.time),
        "actor": deed.actor,
        "user": user,
        "action": deed.action,
        "subject": deed.subject,
        "detail": detail,
    })
}

/// A moment as RFC 3339 writes it, in UTC and whole seconds.
pub(in crate::commands) fn time(time: Timestamp) -> String {
    let seconds = time.0.div_euclid(1_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // The calendar repeats itself every 400 years, and is simplest from March on.
    let from_march = days + 719_468;
    let (era, day) = (from_march.div_euclid(146_097), from_march.rem_euclid(146_097));
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expect) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(time(Timestamp(seconds * 1_000_000)), expect);
        }
    }
}
