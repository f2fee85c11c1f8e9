//! How a list is published in DNS: its servers, its SOA, its guards. A list that nobody said anything of has
//! defaults, so that a new one needs nothing but an apex.

use repute_dnsxl::{Name, Target};

use crate::database::DatabaseError;
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::statement::statements;

/// How a list is published. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its name servers; none means the apex itself.
    pub name_servers: Vec<Name>,
    /// The mailbox of who is responsible, as a name; none means hostmaster below the apex.
    pub hostmaster: Option<Name>,
    /// How often secondaries look for a new serial.
    pub refresh: u32,
    /// How soon they try again.
    pub retry: u32,
    /// When data that could not be refreshed are served no longer.
    pub expire: u32,
    /// How long a resolver remembers that something is not listed.
    pub minimum: u32,
    /// Time to live of the NS records.
    pub name_server_ttl: u32,
    /// Newly covered IPv4 networks of this length are refused; 0 refuses none.
    pub ipv4_prefix: u8,
    /// The same for IPv6.
    pub ipv6_prefix: u8,
    /// A change of more than so many per cent of the entries is refused; 0 refuses none.
    pub max_change: u8,
    /// Addresses and names that must never be listed.
    pub canaries: Vec<Target>,
    /// Whether its texts lead to the portal.
    pub links: Links,
}

/// Whether the texts of a list lead to the page of each entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// If it blocks, and the portal is reached from elsewhere.
    #[default]
    Auto,
    /// They do.
    On,
    /// They do not.
    Off,
}

impl Links {
    /// All of them.
    pub const ALL: [Links; 3] = [Links::Auto, Links::On, Links::Off];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Links::Auto => "auto",
            Links::On => "on",
            Links::Off => "off",
        }
    }

    /// By its word.
    pub fn by_word(word: &str) -> Option<Links> {
        Links::ALL.into_iter().find(|links| links.word() == word)
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            name_servers: Vec::new(),
            hostmaster: None,
            refresh: 3_600,
            retry: 600,
            expire: 604_800,
            minimum: 150,
            name_server_ttl: 86_400,
            ipv4_prefix: 8,
            ipv6_prefix: 16,
            max_change: 25,
            canaries: Vec::new(),
            links: Links::Auto,
        }
    }
}

/// How a list is published.
///
/// # Errors
/// If the database fails.
pub async fn of(mut session: Session<'_>, list: ListId) -> Result<Settings, DatabaseError> {
    let row: Option<Row> =
        on!(session.again(), |c| sqlx::query_as(OF).bind(list.0).fetch_optional(c).await?);
    let canaries: Vec<(String,)> =
        on!(session, |c| sqlx::query_as(CANARIES).bind(list.0).fetch_all(c).await?);
    let unreadable = |_| DatabaseError::Content("a canary");
    let canaries = canaries
        .into_iter()
        .map(|(target,)| target.parse().map_err(unreadable))
        .collect::<Result<_, _>>()?;
    let settings = row.map_or_else(|| Ok(Settings::default()), settings)?;
    Ok(Settings { canaries, ..settings })
}

/// Has a list published so from its next serial on.
///
/// # Errors
/// If the database fails.
pub async fn set(
    mut session: Session<'_>,
    list: ListId,
    settings: &Settings,
) -> Result<(), DatabaseError> {
    let names: Vec<String> = settings.name_servers.iter().map(ToString::to_string).collect();
    let hostmaster = settings.hostmaster.as_ref().map(ToString::to_string).unwrap_or_default();
    on!(session.again(), |c| {
        sqlx::query(SET)
            .bind(list.0)
            .bind(names.join(" "))
            .bind(hostmaster)
            .bind(i64::from(settings.refresh))
            .bind(i64::from(settings.retry))
            .bind(i64::from(settings.expire))
            .bind(i64::from(settings.minimum))
            .bind(i64::from(settings.name_server_ttl))
            .bind(i64::from(settings.ipv4_prefix))
            .bind(i64::from(settings.ipv6_prefix))
            .bind(i64::from(settings.max_change))
            .bind(settings.links.word())
            .execute(c)
            .await?;
    });
    on!(session.again(), |c| sqlx::query(NO_CANARIES)
        .bind(list.0)
        .execute(c)
        .await?
        .rows_affected());
    for target in &settings.canaries {
        on!(session.again(), |c| {
            sqlx::query(CANARY).bind(list.0).bind(target.to_string()).execute(c).await?;
        });
    }
    Ok(())
}

/// A row of settings.
type Row = (String, String, i64, i64, i64, i64, i64, i64, i64, i64, String);

/// Reads a row.
fn settings(row: Row) -> Result<Settings, DatabaseError> {
    let (names, hostmaster, refresh, retry, expire, minimum, ns_ttl, v4, v6, max_change, links) =
        row;
    let name = |text: &str| text.parse().map_err(|_| DatabaseError::Content("a name server"));
    let span = |value: i64| {
        u32::try_from(value).map_err(|_| DatabaseError::Content("a time of a list's SOA"))
    };
    let small =
        |value: i64| u8::try_from(value).map_err(|_| DatabaseError::Content("a guard of a list"));
    Ok(Settings {
        name_servers: names
            .split(' ')
            .filter(|n| !n.is_empty())
            .map(name)
            .collect::<Result<_, _>>()?,
        hostmaster: (!hostmaster.is_empty()).then(|| name(&hostmaster)).transpose()?,
        refresh: span(refresh)?,
        retry: span(retry)?,
        expire: span(expire)?,
        minimum: span(minimum)?,
        name_server_ttl: span(ns_ttl)?,
        ipv4_prefix: small(v4)?,
        ipv6_prefix: small(v6)?,
        max_change: small(max_change)?,
        canaries: Vec::new(),
        links: Links::by_word(&links).ok_or(DatabaseError::Content("whether a list has links"))?,
    })
}

statements! {
    /// The settings of a list.
    OF = "SELECT name_servers, hostmaster, refresh, retry, expire, minimum, name_server_ttl,
        ipv4_prefix, ipv6_prefix, max_change, links FROM list_dns WHERE list = $1";
    /// Writes them.
    SET = "INSERT INTO list_dns (list, name_servers, hostmaster, refresh, retry, expire, minimum,
        name_server_ttl, ipv4_prefix, ipv6_prefix, max_change, links)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (list) DO UPDATE SET
        name_servers = excluded.name_servers, hostmaster = excluded.hostmaster, refresh = excluded.refresh,
        retry = excluded.retry, expire = excluded.expire, minimum = excluded.minimum,
        name_server_ttl = excluded.name_server_ttl, ipv4_prefix = excluded.ipv4_prefix,
        ipv6_prefix = excluded.ipv6_prefix, max_change = excluded.max_change,
        links = excluded.links";
    /// The canaries of a list.
    CANARIES = "SELECT target FROM canaries WHERE list = $1 ORDER BY target";
    /// Forgets them.
    NO_CANARIES = "DELETE FROM canaries WHERE list = $1";
    /// Adds one.
    CANARY = "INSERT INTO canaries (list, target) VALUES ($1, $2) ON CONFLICT (list, target) DO NOTHING";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists;
    use crate::testing::on_each;

    #[tokio::test]
    async fn a_list_has_defaults_until_somebody_says_otherwise() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = lists::tests::add(&mut transaction.session(), "bl.example").await;
            let read = of(transaction.session(), list).await.expect("they are read");
            assert_eq!(read, Settings::default());
            let name = |text: &str| text.parse::<Name>().expect("a name");
            let other = Settings {
                name_servers: vec![name("ns1.example"), name("ns2.example")],
                hostmaster: Some(name("post\\.master.example")),
                refresh: 1,
                links: Links::On,
                max_change: 0,
                canaries: vec![
                    "192.0.2.1".parse().expect("one"),
                    "a.example".parse().expect("one"),
                ],
                ..Settings::default()
            };
            for settings in [&other, &Settings { retry: 2, canaries: Vec::new(), ..other.clone() }]
            {
                set(transaction.session(), list, settings).await.expect("they are written");
                let read = of(transaction.session(), list).await.expect("they are read");
                assert_eq!(read, *settings);
            }
        })
        .await;
    }
}
