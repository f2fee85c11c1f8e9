//! The past of lists: how large each was at the end of a day, and how much of it changed that day.

use crate::database::DatabaseError;
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// A day of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Days since 1970, in UTC.
    pub day: i64,
    /// Entries of the last serial that was published by its end.
    pub entries: u64,
    /// How many keys changed that day; one that changed twice counts twice.
    pub changed: u64,
    /// That serial.
    pub serial: u32,
    /// When it was published.
    pub published: Timestamp,
}

/// The last day until one that is known of a list.
///
/// # Errors
/// If the database fails.
pub async fn last(
    session: Session<'_>,
    list: ListId,
    until: i64,
) -> Result<Option<Day>, DatabaseError> {
    let row: Option<Row> =
        on!(session, |c| sqlx::query_as(LAST).bind(list.0).bind(until).fetch_optional(c).await?);
    row.map(day).transpose()
}

/// The days of a list from one on, the first one first.
///
/// # Errors
/// If the database fails.
pub async fn since(
    session: Session<'_>,
    list: ListId,
    from: i64,
) -> Result<Vec<Day>, DatabaseError> {
    let rows: Vec<Row> =
        on!(session, |c| sqlx::query_as(SINCE).bind(list.0).bind(from).fetch_all(c).await?);
    rows.into_iter().map(day).collect()
}

/// Begins a day of a list, unless it is there.
///
/// # Errors
/// If the database fails.
pub async fn begin(session: Session<'_>, list: ListId, day: &Day) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(BEGIN)
            .bind(list.0)
            .bind(day.day)
            .bind(i64::try_from(day.entries).unwrap_or(i64::MAX))
            .bind(i64::try_from(day.changed).unwrap_or(i64::MAX))
            .bind(i64::from(day.serial))
            .bind(day.published.0)
            .execute(c)
            .await?;
    });
    Ok(())
}

/// Writes down what a day has become, if its serial is still the one before: of several processes that see a serial
/// the first counts it.
///
/// # Errors
/// If the database fails.
pub async fn go_on(
    session: Session<'_>,
    list: ListId,
    day: &Day,
    before: u32,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(GO_ON)
            .bind(list.0)
            .bind(day.day)
            .bind(i64::try_from(day.entries).unwrap_or(i64::MAX))
            .bind(i64::try_from(day.changed).unwrap_or(i64::MAX))
            .bind(i64::from(day.serial))
            .bind(day.published.0)
            .bind(i64::from(before))
            .execute(c)
            .await?;
    });
    Ok(())
}

/// Forgets the days of all lists before one.
///
/// # Errors
/// If the database fails.
pub async fn forget(session: Session<'_>, before: i64) -> Result<(), DatabaseError> {
    on!(session, |c| sqlx::query(FORGET).bind(before).execute(c).await?.rows_affected());
    Ok(())
}

/// Forgets the days of all lists behind one: a clock that was ahead made them.
///
/// # Errors
/// If the database fails.
pub async fn forget_behind(session: Session<'_>, last: i64) -> Result<(), DatabaseError> {
    on!(session, |c| sqlx::query(FORGET_BEHIND).bind(last).execute(c).await?.rows_affected());
    Ok(())
}

/// A row.
type Row = (i64, i64, i64, i64, i64);

/// Reads a row.
fn day((day, entries, changed, serial, published): Row) -> Result<Day, DatabaseError> {
    Ok(Day {
        day,
        entries: u64::try_from(entries).unwrap_or(0),
        changed: u64::try_from(changed).unwrap_or(0),
        serial: u32::try_from(serial)
            .map_err(|_| DatabaseError::Content("the serial of a day of a list"))?,
        published: Timestamp(published),
    })
}

statements! {
    /// The last day.
    LAST = "SELECT day, entries, changed, serial, published FROM list_days
        WHERE list = $1 AND day <= $2 ORDER BY day DESC LIMIT 1";
    /// The days from one on.
    SINCE = "SELECT day, entries, changed, serial, published FROM list_days
        WHERE list = $1 AND day >= $2 ORDER BY day";
    /// Begins one.
    BEGIN = "INSERT INTO list_days (list, day, entries, changed, serial, published)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (list, day) DO NOTHING";
    /// Goes on with one.
    GO_ON = "UPDATE list_days SET entries = $3, changed = $4, serial = $5, published = $6
        WHERE list = $1 AND day = $2 AND serial = $7";
    /// Forgets old ones.
    FORGET = "DELETE FROM list_days WHERE day < $1";
    /// Forgets those that are to come.
    FORGET_BEHIND = "DELETE FROM list_days WHERE day > $1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists;
    use crate::testing::on_each;

    #[tokio::test]
    async fn a_day_is_counted_once_and_forgotten_later() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = lists::tests::add(&mut transaction.session(), "bl.example").await;
            let t = &mut transaction;
            let of = |day, changed, serial| Day {
                day,
                entries: 7,
                changed,
                serial,
                published: Timestamp(i64::from(serial)),
            };
            begin(t.session(), list, &of(5, 1, 2)).await.expect("it begins");
            begin(t.session(), list, &of(5, 9, 9)).await.expect("it is there");
            go_on(t.session(), list, &of(5, 3, 4), 2).await.expect("it goes on");
            go_on(t.session(), list, &of(5, 8, 4), 2).await.expect("another was first");
            begin(t.session(), list, &of(6, 0, 4)).await.expect("it begins");
            let all = since(t.session(), list, 0).await.expect("they are read");
            assert_eq!(all, [of(5, 3, 4), of(6, 0, 4)]);
            forget(t.session(), 6).await.expect("they are forgotten");
            assert_eq!(since(t.session(), list, 0).await.expect("they are read"), [of(6, 0, 4)]);
            assert_eq!(last(t.session(), list, 6).await.expect("it is read"), Some(of(6, 0, 4)));
            begin(t.session(), list, &of(9, 0, 4)).await.expect("it begins");
            let known = last(t.session(), list, 8).await.expect("it is read");
            assert_eq!(known, Some(of(6, 0, 4)), "the ninth day is to come");
            forget_behind(t.session(), 8).await.expect("it is forgotten");
            assert_eq!(since(t.session(), list, 0).await.expect("they are read"), [of(6, 0, 4)]);
        })
        .await;
    }
}
