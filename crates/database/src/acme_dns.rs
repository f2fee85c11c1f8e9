//! A database of acme-dns, which is only read: accounts of its challenge service, for ours to take over.
//!
//! It is SQLite or PostgreSQL, as acme-dns was set up, and acme-dns may be at work in it meanwhile. Everything is read in one
//! transaction that cannot write, as texts: what they mean, and whether they are any good, is for others to say. Its Go
//! programs write hashes as bytes into columns of text, and lists of networks into columns of text or JSON, so each is made
//! a text where it is read.

use std::collections::HashMap;
use std::path::PathBuf;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::database::Place;
use crate::statement::statements;

/// An account, with the values of its subdomain from the oldest to the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub username: String,
    /// The bcrypt hash of its password.
    pub password: String,
    /// The label of its values.
    pub subdomain: String,
    /// From where it may be used: a list in JSON, or nothing.
    pub allow_from: String,
    /// Its values; acme-dns begins with two empty ones.
    pub values: Vec<String>,
}

/// Why the accounts cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AcmeDnsError {
    /// The file is not there.
    #[error("there is no database of acme-dns at {}: name its file", .0.display())]
    NoFile(PathBuf),
    /// It is not to be opened, or not to be read.
    #[error("cannot read the database of acme-dns at {place}")]
    Read {
        /// Where it is.
        place: String,
        /// Why.
        source: sqlx::Error,
    },
    /// There are no accounts in it.
    #[error("the database at {0} is none of acme-dns: it has no table `records` with accounts")]
    Other(String),
    /// It is of a later version.
    #[error(
        "the database of acme-dns at {place} has version {version}, and 1 is the last that is known here"
    )]
    Version {
        /// Where it is.
        place: String,
        /// What it says.
        version: String,
    },
}

/// Reads all accounts.
///
/// # Errors
/// If it cannot be read, or is no database of acme-dns that is known.
pub async fn read(place: &Place) -> Result<Vec<Account>, AcmeDnsError> {
    let failed = |source| AcmeDnsError::Read { place: place.to_string(), source };
    let content = match place {
        Place::File(path) if !path.is_file() => return Err(AcmeDnsError::NoFile(path.clone())),
        Place::File(path) => {
            let options = SqliteConnectOptions::new().filename(path).read_only(true);
            let mut c = SqliteConnection::connect_with(&options).await.map_err(failed)?;
            let content = of_file(&mut c).await;
            // What it said counts, and not how it ends.
            let _ = c.close().await;
            content
        }
        Place::Server(options) => {
            let options = options.as_ref().clone().application_name("repute");
            let mut c = PgConnection::connect_with(&options).await.map_err(failed)?;
            let content = of_server(&mut c).await;
            let _ = c.close().await;
            content
        }
    };
    match content.map_err(failed)? {
        Content { accounts: None, .. } => Err(AcmeDnsError::Other(place.to_string())),
        Content { version, .. } if !matches!(version.as_str(), "" | "0" | "1") => {
            Err(AcmeDnsError::Version { place: place.to_string(), version })
        }
        Content { accounts: Some(accounts), values, .. } => Ok(together(accounts, values)),
    }
}

/// What is read of a database.
struct Content {
    /// Its version; a database of before there were versions has none.
    version: String,
    /// Name, hash, subdomain and networks of each account, if there are any.
    accounts: Option<Vec<(String, String, String, String)>>,
    /// Subdomain and value, from the oldest to the newest.
    values: Vec<(String, String)>,
}

/// Reads with either connection; the compiler checks it for both.
macro_rules! content {
    ($connection:expr, $begin:expr, $tables:expr) => {{
        let mut t = $connection.begin_with($begin).await?;
        let tables: Vec<String> = sqlx::query_scalar($tables).fetch_all(&mut *t).await?;
        let has = |name: &str| tables.iter().any(|table| table.eq_ignore_ascii_case(name));
        let version: Option<String> = match has("acmedns") {
            true => sqlx::query_scalar(VERSION).fetch_optional(&mut *t).await?,
            false => None,
        };
        let accounts = match has("records") {
            true => Some(sqlx::query_as(ACCOUNTS).fetch_all(&mut *t).await?),
            false => None,
        };
        // Version 0 had one value in each account, which acme-dns throws away as well.
        let values = match has("txt") {
            true => sqlx::query_as(VALUES).fetch_all(&mut *t).await?,
            false => Vec::new(),
        };
        t.rollback().await?;
        Ok(Content { version: version.unwrap_or_default(), accounts, values })
    }};
}

/// Reads a file.
async fn of_file(c: &mut SqliteConnection) -> Result<Content, sqlx::Error> {
    content!(c, "BEGIN", TABLES_OF_FILE)
}

/// Reads a server.
async fn of_server(c: &mut PgConnection) -> Result<Content, sqlx::Error> {
    content!(c, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", TABLES_OF_SERVER)
}

/// Gives each account its values.
fn together(
    accounts: Vec<(String, String, String, String)>,
    values: Vec<(String, String)>,
) -> Vec<Account> {
    let mut of: HashMap<String, Vec<String>> = HashMap::new();
    for (subdomain, value) in values {
        of.entry(subdomain).or_default().push(value);
    }
    let account = |(username, password, subdomain, allow_from)| {
        let values = of.remove(&subdomain).unwrap_or_default();
        Account { username, password, subdomain, allow_from, values }
    };
    accounts.into_iter().map(account).collect()
}

/// The tables of SQLite.
const TABLES_OF_FILE: &str = "SELECT name FROM sqlite_master WHERE type = 'table'";
/// The tables of PostgreSQL that are found without a schema's name.
const TABLES_OF_SERVER: &str = "SELECT CAST(relname AS TEXT) FROM pg_class WHERE relkind IN ('r', 'p') AND pg_table_is_visible(oid)";

statements! {
    /// The version of the schema.
    VERSION = "SELECT CAST(Value AS TEXT) FROM acmedns WHERE Name = 'db_version'";
    /// The accounts.
    ACCOUNTS = "SELECT CAST(Username AS TEXT), CAST(Password AS TEXT), CAST(Subdomain AS TEXT),
        COALESCE(CAST(AllowFrom AS TEXT), '') FROM records ORDER BY Username";
    /// The values. Seconds are all that acme-dns keeps, so of one second the order is that of the rows.
    VALUES = "SELECT CAST(Subdomain AS TEXT), CAST(Value AS TEXT) FROM txt
        ORDER BY Subdomain, COALESCE(LastUpdate, 0), rowid";
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::acme_dns::{self, Schema};
    use crate::testing::{self, Server};

    /// Two accounts.
    fn accounts() -> Vec<Account> {
        let account = |name: &str, allow_from: &str, values: &[&str]| Account {
            username: name.to_owned(),
            password: format!("$2a$10${name}"),
            subdomain: format!("sub-{name}"),
            allow_from: allow_from.to_owned(),
            values: values.iter().map(|&value| value.to_owned()).collect(),
        };
        vec![
            account("a", r#"["192.0.2.0/24"]"#, &["older", "newer"]),
            account("b", "[]", &["", ""]),
        ]
    }

    /// What is read of what was made.
    async fn check(place: &Place, schema: Schema) {
        acme_dns::make(place, schema, &accounts()).await;
        let mut expect = accounts();
        if schema == Schema::Version0 {
            expect.iter_mut().for_each(|account| account.values.clear());
        }
        for statement in ALL.iter().filter(|_| schema != Schema::Version0) {
            acme_dns::prepare(place, statement.1).await;
        }
        assert_eq!(read(place).await.expect("it is read"), expect, "{schema:?}");
    }

    #[tokio::test]
    async fn files_of_each_version_are_read_and_left_as_they_are() {
        for schema in [Schema::Version0, Schema::Json, Schema::Text] {
            let folder = testing::folder();
            let path = folder.path().join("acme-dns.db");
            check(&Place::File(path.clone()), schema).await;
            let before = fs::read(&path).expect("it is there");
            read(&Place::File(path.clone())).await.expect("it is read again");
            assert!(before == fs::read(&path).expect("it is there"));
            assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
        }
    }

    #[tokio::test]
    async fn servers_of_each_version_are_read() {
        let Some(server) = Server::start() else { return };
        for schema in [Schema::Version0, Schema::Json, Schema::Text] {
            check(&server.place(), schema).await;
            acme_dns::drop_tables(&server.place()).await;
        }
        let error = read(&server.place()).await.expect_err("nothing is left");
        assert!(matches!(error, AcmeDnsError::Other(_)), "{error}");
    }

    #[tokio::test]
    async fn what_is_no_database_of_acme_dns_is_refused() {
        let folder = testing::folder();
        let path = folder.path().join("acme-dns.db");
        let place = Place::File(path.clone());
        let told = async || read(&place).await.expect_err("it is none").to_string();
        assert_eq!(
            told().await,
            format!("there is no database of acme-dns at {}: name its file", path.display())
        );
        assert!(!path.exists(), "none is made");
        fs::write(&path, "no database at all, but long enough to be looked at").expect("written");
        assert!(told().await.starts_with("cannot read the database of acme-dns at "));
        fs::remove_file(&path).expect("it is removed");
        acme_dns::make(&place, Schema::Text, &accounts()).await;
        acme_dns::set_version(&place, "2").await;
        assert!(told().await.contains("has version 2"));
        acme_dns::drop_tables(&place).await;
        assert!(told().await.contains("no table `records`"));
    }
}
