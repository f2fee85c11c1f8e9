//! Databases as acme-dns makes them, by the schema that it documents.

use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqlSafeStr as _, SqliteConnection,
};

use crate::Place;
use crate::acme_dns::Account;

/// Which tables there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// Of before there were versions: the value in the account.
    Version0,
    /// Version 1, with networks as JSON.
    Json,
    /// Version 1, with networks as text.
    Text,
}

/// Makes the tables and fills them, as acme-dns does.
///
/// # Panics
/// If it cannot be done.
pub async fn make(place: &Place, schema: Schema, accounts: &[Account]) {
    let networks = if schema == Schema::Json { "JSON" } else { "TEXT" };
    let more = if schema == Schema::Version0 { ", Value TEXT, LastActive INT" } else { "" };
    let rowid = if let Place::Server(_) = place { "rowid SERIAL," } else { "" };
    let mut sql = format!(
        "CREATE TABLE records (Username TEXT UNIQUE NOT NULL PRIMARY KEY, Password TEXT UNIQUE NOT NULL,
         Subdomain TEXT UNIQUE NOT NULL, AllowFrom {networks}{more});"
    );
    if schema != Schema::Version0 {
        sql += &format!(
            "CREATE TABLE acmedns (Name TEXT, Value TEXT);
             INSERT INTO acmedns (Name, Value) VALUES ('db_version', '1');
             CREATE TABLE txt ({rowid} Subdomain TEXT NOT NULL, Value TEXT NOT NULL DEFAULT '', LastUpdate INT);"
        );
    }
    for Account { username, password, subdomain, allow_from, values } in accounts {
        // Go writes bytes, which SQLite keeps as such in a column of text.
        let password = match place {
            Place::File(_) => {
                let bytes: String = password.bytes().map(|byte| format!("{byte:02x}")).collect();
                format!("x'{bytes}'")
            }
            Place::Server(_) => format!("'{password}'"),
        };
        sql += &format!(
            "INSERT INTO records (Username, Password, Subdomain, AllowFrom)
             VALUES ('{username}', {password}, '{subdomain}', '{allow_from}');"
        );
        // The rows are there from the beginning, and the newest value is not always in the last.
        for (at, value) in values.iter().enumerate().rev().filter(|_| schema != Schema::Version0) {
            sql += &format!(
                "INSERT INTO txt (Subdomain, Value, LastUpdate) VALUES ('{subdomain}', '{value}', {at});"
            );
        }
    }
    say(place, &sql).await;
}

/// Says that the database has another version.
///
/// # Panics
/// If it cannot be done.
pub async fn set_version(place: &Place, version: &str) {
    say(place, &format!("UPDATE acmedns SET Value = '{version}' WHERE Name = 'db_version'")).await;
}

/// Takes all tables away.
///
/// # Panics
/// If it cannot be done.
pub async fn drop_tables(place: &Place) {
    let drop = ["records", "acmedns", "txt"].map(|name| format!("DROP TABLE IF EXISTS {name};"));
    say(place, &drop.concat()).await;
}

/// Prepares a statement, which it must be one for.
///
/// # Panics
/// If it is none.
pub async fn prepare(place: &Place, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned()).into_sql_str();
    match place {
        Place::File(_) => file(place).await.prepare(sql).await.map(drop),
        Place::Server(_) => server(place).await.prepare(sql).await.map(drop),
    }
    .expect("it is a statement");
}

/// Has a database do something.
async fn say(place: &Place, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    match place {
        Place::File(_) => {
            let mut c = file(place).await;
            sqlx::raw_sql(sql).execute(&mut c).await.expect("it is done");
            c.close().await.expect("it is closed");
        }
        Place::Server(_) => {
            let mut c = server(place).await;
            sqlx::raw_sql(sql).execute(&mut c).await.expect("it is done");
            c.close().await.expect("it is closed");
        }
    }
}

/// A connection to a file, which is made if it is not there.
async fn file(place: &Place) -> SqliteConnection {
    let Place::File(path) = place else { panic!("it is a file") };
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    SqliteConnection::connect_with(&options).await.expect("it opens")
}

/// A connection to a server.
async fn server(place: &Place) -> PgConnection {
    let Place::Server(options) = place else { panic!("it is a server") };
    PgConnection::connect_with(options).await.expect("it opens")
}
