//! Lists: what they are called, what they mean, where they stand.

use repute_dnsxl::{KeyKind, Name, Polarity, ReturnCode};

use crate::database::DatabaseError;
use crate::entries::{CriterionId, Named};
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;
use crate::turn::{self, Turn};

/// Names a list in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListId(pub i64);

/// What a list is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The name it is asked under.
    pub apex: Name,
    /// What people call it.
    pub title: String,
    /// What it is for, in a few sentences.
    pub description: String,
    /// What being listed means.
    pub polarity: Polarity,
    /// What its entries name.
    pub keys: KeyKind,
    /// Time to live of its answers, in seconds.
    pub ttl: u32,
    /// Where people write about it.
    pub contact: String,
}

/// A list as it stands in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub id: ListId,
    /// What it is.
    pub list: List,
    /// Whether it is in use.
    pub state: State,
    /// The serial of its last change.
    pub serial: u32,
}

/// Whether a list is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is.
    Active,
    /// It is being shut down (RFC 6471 section 3.4).
    Retiring,
    /// It was.
    Retired,
}

impl State {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            State::Active => "active",
            State::Retiring => "retiring",
            State::Retired => "retired",
        }
    }
}

/// Adds a list; its first serial is 1.
///
/// # Errors
/// If there is one with this apex, or the database fails.
pub async fn add(
    mut session: Session<'_>,
    list: &List,
    now: Timestamp,
) -> Result<ListId, DatabaseError> {
    let (id,): (i64,) = on!(session.again(), |c| {
        sqlx::query_as(ADD)
            .bind(list.apex.to_string())
            .bind(&list.title)
            .bind(&list.description)
            .bind(polarity_word(list.polarity))
            .bind(keys_word(list.keys))
            .bind(i64::from(list.ttl))
            .bind(&list.contact)
            .bind(now.0)
            .fetch_one(c)
            .await?
    });
    turn::made(&session, ListId(id));
    Ok(ListId(id))
}

/// All lists, by their names.
///
/// # Errors
/// If the database fails.
pub async fn all(session: Session<'_>) -> Result<Vec<Stored>, DatabaseError> {
    let rows: Vec<Row> = on!(session, |c| sqlx::query_as(LISTS).fetch_all(c).await?);
    rows.into_iter().map(stored).collect()
}

/// A list by its apex.
///
/// # Errors
/// If the database fails.
pub async fn by_apex(session: Session<'_>, apex: &Name) -> Result<Option<Stored>, DatabaseError> {
    let apex = apex.to_string();
    let row: Option<Row> =
        on!(session, |c| sqlx::query_as(BY_APEX).bind(apex).fetch_optional(c).await?);
    row.map(stored).transpose()
}

/// A list by its number.
///
/// # Errors
/// If the database fails.
pub async fn by_id(session: Session<'_>, id: ListId) -> Result<Option<Stored>, DatabaseError> {
    let row: Option<Row> =
        on!(session, |c| sqlx::query_as(BY_ID).bind(id.0).fetch_optional(c).await?);
    row.map(stored).transpose()
}

/// Has whoever else would change a list wait until this transaction is over: for changes that depend on what is on it.
///
/// # Errors
/// [`DatabaseError::Busy`] if too many wait for theirs; if the database fails.
pub async fn lock(session: Session<'_>, id: ListId) -> Result<(), DatabaseError> {
    turn::take(session, Turn::List(id)).await
}

/// The version of a list's policy that is in force, if it has one.
///
/// # Errors
/// If the database fails.
pub async fn policy_version(
    session: Session<'_>,
    id: ListId,
) -> Result<Option<i64>, DatabaseError> {
    let (version,): (Option<i64>,) =
        on!(session, |c| sqlx::query_as(POLICY_VERSION).bind(id.0).fetch_one(c).await?);
    Ok(version)
}

/// Describes a list anew.
///
/// # Errors
/// If the database fails.
pub async fn describe(
    session: Session<'_>,
    list: ListId,
    title: &str,
    description: &str,
    contact: &str,
    ttl: u32,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(DESCRIBE)
            .bind(list.0)
            .bind(title)
            .bind(description)
            .bind(contact)
            .bind(i64::from(ttl))
            .execute(c)
            .await?;
    });
    Ok(())
}

/// Brings a list into a state.
///
/// # Errors
/// If the database fails.
pub async fn set_state(
    session: Session<'_>,
    list: ListId,
    state: State,
) -> Result<(), DatabaseError> {
    on!(session, |c| sqlx::query(SET_STATE)
        .bind(list.0)
        .bind(state.word())
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Gives a return code of a list a meaning, or another one.
///
/// # Errors
/// If the database fails.
pub async fn set_code(
    session: Session<'_>,
    list: ListId,
    code: ReturnCode,
    meaning: &str,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(SET_CODE).bind(list.0).bind(code.to_string()).bind(meaning).execute(c).await?;
    });
    Ok(())
}

/// The return codes of a list with their meanings.
///
/// # Errors
/// If the database fails.
pub async fn codes(
    session: Session<'_>,
    list: ListId,
) -> Result<Vec<(ReturnCode, String)>, DatabaseError> {
    let rows: Vec<(String, String)> =
        on!(session, |c| sqlx::query_as(CODES).bind(list.0).fetch_all(c).await?);
    let mut codes = rows
        .into_iter()
        .map(|(code, meaning)| Ok((read_code(&code)?, meaning)))
        .collect::<Result<Vec<_>, DatabaseError>>()?;
    codes.sort_by_key(|(code, _)| *code);
    Ok(codes)
}

/// Says whether two editors have to agree to entries with a code, which has a meaning by then.
///
/// # Errors
/// If the database fails.
pub async fn set_two_editors(
    session: Session<'_>,
    list: ListId,
    code: ReturnCode,
    is_for_two: bool,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        let query = sqlx::query(SET_TWO_EDITORS).bind(list.0).bind(code.to_string());
        query.bind(i64::from(is_for_two)).execute(c).await?;
    });
    Ok(())
}

/// The codes of a list that two editors have to agree to.
///
/// # Errors
/// If the database fails.
pub async fn codes_for_two(
    session: Session<'_>,
    list: ListId,
) -> Result<Vec<ReturnCode>, DatabaseError> {
    let rows: Vec<String> =
        on!(session, |c| sqlx::query_scalar(CODES_FOR_TWO).bind(list.0).fetch_all(c).await?);
    rows.iter().map(|code| read_code(code)).collect()
}

/// How entries with a code leave a list for whoever asks. Of several codes of an entry the last of these decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leaving {
    /// By the link in a letter.
    #[default]
    Link,
    /// An editor decides.
    Editor,
    /// Not by asking.
    Never,
}

impl Leaving {
    /// All of them.
    pub const ALL: [Leaving; 3] = [Leaving::Link, Leaving::Editor, Leaving::Never];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Leaving::Link => "link",
            Leaving::Editor => "editor",
            Leaving::Never => "none",
        }
    }

    /// The one of a word.
    pub fn by_word(word: &str) -> Option<Leaving> {
        Leaving::ALL.into_iter().find(|leaving| leaving.word() == word)
    }
}

/// Says how entries with a code leave a list for whoever asks; it has a meaning by then.
///
/// # Errors
/// If the database fails.
pub async fn set_leaving(
    session: Session<'_>,
    list: ListId,
    code: ReturnCode,
    leaving: Leaving,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        let query = sqlx::query(SET_LEAVING).bind(list.0).bind(code.to_string());
        query.bind(leaving.word()).execute(c).await?;
    });
    Ok(())
}

/// How entries leave a list for whoever asks, of the codes whose entries do not by a link.
///
/// # Errors
/// If the database fails.
pub async fn leavings(
    session: Session<'_>,
    list: ListId,
) -> Result<Vec<(ReturnCode, Leaving)>, DatabaseError> {
    let rows: Vec<(String, String)> =
        on!(session, |c| sqlx::query_as(LEAVINGS).bind(list.0).fetch_all(c).await?);
    let wrong = || DatabaseError::Content("how entries with a code leave a list");
    let read = |(code, word): (String, String)| {
        Ok((read_code(&code)?, Leaving::by_word(&word).ok_or_else(wrong)?))
    };
    rows.into_iter().map(read).collect()
}

/// How an entry with these codes leaves a list: by the strictest of them.
pub fn leaving_of(
    leavings: &[(ReturnCode, Leaving)],
    codes: impl IntoIterator<Item = ReturnCode>,
) -> Leaving {
    let of = |code| leavings.iter().find(|(known, _)| *known == code).map(|(_, leaving)| *leaving);
    codes.into_iter().filter_map(of).max().unwrap_or_default()
}

/// Adds a category to a list, or renames it.
///
/// # Errors
/// If the database fails.
pub async fn set_category(
    session: Session<'_>,
    list: ListId,
    number: u8,
    name: &str,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(SET_CATEGORY)
            .bind(list.0)
            .bind(i64::from(number))
            .bind(name)
            .execute(c)
            .await?;
    });
    Ok(())
}

/// The categories of a list with their numbers.
///
/// # Errors
/// If the database fails.
pub async fn categories(
    session: Session<'_>,
    list: ListId,
) -> Result<Vec<(u8, String)>, DatabaseError> {
    let rows: Vec<(i64, String)> =
        on!(session, |c| sqlx::query_as(CATEGORIES).bind(list.0).fetch_all(c).await?);
    let category = |(number, name)| {
        let number =
            u8::try_from(number).map_err(|_| DatabaseError::Content("a category's number"))?;
        Ok((number, name))
    };
    rows.into_iter().map(category).collect()
}

/// The rules by which a list decides, as they were published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Which version it is.
    pub version: i64,
    /// What it says.
    pub text: String,
    /// When it was published.
    pub published: Timestamp,
}

/// A reason to list something, as the policy has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Criterion {
    /// Its number.
    pub id: CriterionId,
    /// Its short name.
    pub slug: String,
    /// What it is called.
    pub title: String,
    /// What it says.
    pub text: String,
    /// Since when nothing is listed by it any more, if so.
    pub ended: Option<Timestamp>,
    /// What it said before and says now, the first first.
    pub versions: Vec<CriterionVersion>,
}

/// What a criterion says from a moment on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CriterionVersion {
    /// Which version it is.
    pub version: i64,
    /// What it is called.
    pub title: String,
    /// What it says.
    pub text: String,
    /// Since when.
    pub since: Timestamp,
}

impl Criterion {
    /// Whether something may be listed by it.
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// As something names it now.
    pub fn named(&self) -> Named {
        Named { id: self.id, version: self.versions.last().map(|last| last.version) }
    }

    /// What it said to an entry that names it and was listed then: where the entry does not know, that of the day on
    /// which it was listed, and before the first version as that.
    pub fn said(&self, version: Option<i64>, listed: Timestamp) -> Option<&CriterionVersion> {
        let is_then = |one: &&CriterionVersion| match version {
            Some(version) => one.version <= version,
            None => one.since <= listed,
        };
        self.versions.iter().rev().find(is_then).or(self.versions.first())
    }
}

/// The policy of a list that holds now, if there is one.
///
/// # Errors
/// If the database fails.
pub async fn policy(session: Session<'_>, list: ListId) -> Result<Option<Policy>, DatabaseError> {
    let row: Option<(i64, String, i64)> =
        on!(session, |c| sqlx::query_as(POLICY).bind(list.0).fetch_optional(c).await?);
    let policy =
        |(version, text, published)| Policy { version, text, published: Timestamp(published) };
    Ok(row.map(policy))
}

/// All policies that a list ever had, the one in force first.
///
/// # Errors
/// If the database fails.
pub async fn policies(session: Session<'_>, list: ListId) -> Result<Vec<Policy>, DatabaseError> {
    let rows: Vec<(i64, String, i64)> =
        on!(session, |c| sqlx::query_as(POLICIES).bind(list.0).fetch_all(c).await?);
    let policy =
        |(version, text, published)| Policy { version, text, published: Timestamp(published) };
    Ok(rows.into_iter().map(policy).collect())
}

/// Publishes a policy of a list, which takes the place of the one before; its version.
///
/// # Errors
/// If the database fails.
pub async fn publish_policy(
    session: Session<'_>,
    list: ListId,
    text: &str,
    now: Timestamp,
) -> Result<i64, DatabaseError> {
    let (version,): (i64,) = on!(session, |c| {
        sqlx::query_as(PUBLISH_POLICY).bind(list.0).bind(text).bind(now.0).fetch_one(c).await?
    });
    Ok(version)
}

/// The criteria of a list, those that are ended too.
///
/// # Errors
/// If the database fails.
pub async fn criteria(
    mut session: Session<'_>,
    list: ListId,
) -> Result<Vec<Criterion>, DatabaseError> {
    let rows: Vec<(i64, String, String, String, Option<i64>)> =
        on!(session.again(), |c| sqlx::query_as(CRITERIA).bind(list.0).fetch_all(c).await?);
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let said: Vec<(i64, i64, String, String, i64)> =
        on!(session, |c| sqlx::query_as(CRITERION_VERSIONS).bind(list.0).fetch_all(c).await?);
    let criterion = |(id, slug, title, text, ended): (i64, _, _, _, Option<i64>)| {
        let own = said.iter().filter(|(of, ..)| *of == id);
        let version = |(_, version, title, text, since): &(i64, i64, String, String, i64)| {
            let (title, text) = (title.clone(), text.clone());
            CriterionVersion { version: *version, title, text, since: Timestamp(*since) }
        };
        let versions = own.map(version).collect();
        let ended = ended.map(Timestamp);
        Criterion { id: CriterionId(id), slug, title, text, ended, versions }
    };
    Ok(rows.into_iter().map(criterion).collect())
}

/// A criterion as something names it now.
///
/// # Errors
/// If the database fails.
pub async fn named(session: Session<'_>, id: CriterionId) -> Result<Named, DatabaseError> {
    let (version,): (Option<i64>,) =
        on!(session, |c| sqlx::query_as(LAST_VERSION).bind(id.0).fetch_one(c).await?);
    Ok(Named { id, version })
}

/// Has a criterion say something else from now on; the version that is.
///
/// # Errors
/// If the database fails.
pub async fn change_criterion(
    mut session: Session<'_>,
    id: CriterionId,
    title: &str,
    text: &str,
    now: Timestamp,
) -> Result<i64, DatabaseError> {
    on!(session.again(), |c| {
        sqlx::query(CHANGE_CRITERION).bind(id.0).bind(title).bind(text).execute(c).await?;
    });
    let (version,): (i64,) = on!(session, |c| {
        let query = sqlx::query_as(ADD_CRITERION_VERSION).bind(id.0).bind(title).bind(text);
        query.bind(now.0).fetch_one(c).await?
    });
    Ok(version)
}

/// Has nothing be listed by a criterion any more.
///
/// # Errors
/// If the database fails.
pub async fn end_criterion(
    session: Session<'_>,
    id: CriterionId,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(END_CRITERION).bind(id.0).bind(now.0).execute(c).await?;
    });
    Ok(())
}

/// Adds a criterion to a list's policy of this version.
///
/// # Errors
/// If there is one with this short name, or the database fails.
pub async fn add_criterion(
    mut session: Session<'_>,
    list: ListId,
    version: i64,
    slug: &str,
    (title, text): (&str, &str),
    now: Timestamp,
) -> Result<CriterionId, DatabaseError> {
    let (id,): (i64,) = on!(session.again(), |c| {
        sqlx::query_as(ADD_CRITERION)
            .bind(list.0)
            .bind(slug)
            .bind(title)
            .bind(text)
            .bind(version)
            .fetch_one(c)
            .await?
    });
    on!(session, |c| {
        let query = sqlx::query(ADD_CRITERION_VERSION).bind(id).bind(title).bind(text);
        query.bind(now.0).execute(c).await?;
    });
    Ok(CriterionId(id))
}

/// Reads a stored return code.
pub(crate) fn read_code(text: &str) -> Result<ReturnCode, DatabaseError> {
    text.parse().map_err(|_| DatabaseError::Content("a return code"))
}

/// A row of lists.
type Row = (i64, String, String, String, String, String, i64, String, String, i64);

/// Reads a row.
fn stored(row: Row) -> Result<Stored, DatabaseError> {
    let (id, apex, title, description, polarity, keys, ttl, contact, state, serial) = row;
    let list = List {
        apex: apex.parse().map_err(|_| DatabaseError::Content("the apex of a list"))?,
        title,
        description,
        polarity: match &*polarity {
            "block" => Polarity::Block,
            "allow" => Polarity::Allow,
            "info" => Polarity::Info,
            _ => return Err(DatabaseError::Content("the polarity of a list")),
        },
        keys: match &*keys {
            "addresses" => KeyKind::Ip,
            "names" => KeyKind::Name,
            _ => return Err(DatabaseError::Content("the keys of a list")),
        },
        ttl: u32::try_from(ttl).map_err(|_| DatabaseError::Content("the ttl of a list"))?,
        contact,
    };
    let state = match &*state {
        "active" => State::Active,
        "retiring" => State::Retiring,
        "retired" => State::Retired,
        _ => return Err(DatabaseError::Content("the state of a list")),
    };
    let serial =
        u32::try_from(serial).map_err(|_| DatabaseError::Content("the serial of a list"))?;
    Ok(Stored { id: ListId(id), list, state, serial })
}

/// The stored word of a polarity.
fn polarity_word(polarity: Polarity) -> &'static str {
    match polarity {
        Polarity::Block => "block",
        Polarity::Allow => "allow",
        Polarity::Info => "info",
    }
}

/// The stored word of a kind of keys.
fn keys_word(keys: KeyKind) -> &'static str {
    match keys {
        KeyKind::Ip => "addresses",
        KeyKind::Name => "names",
    }
}

statements! {
    /// Adds a list.
    ADD = "INSERT INTO lists (apex, title, description, polarity, keys, ttl, contact, state, serial, created)
        VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', 1, $8) RETURNING id";
    /// All lists.
    LISTS = "SELECT id, apex, title, description, polarity, keys, ttl, contact, state, serial
        FROM lists ORDER BY apex";
    /// One list.
    BY_APEX = "SELECT id, apex, title, description, polarity, keys, ttl, contact, state, serial
        FROM lists WHERE apex = $1";
    /// One list, by its number.
    BY_ID = "SELECT id, apex, title, description, polarity, keys, ttl, contact, state, serial
        FROM lists WHERE id = $1";
    /// The last policy.
    POLICY_VERSION = "SELECT MAX(version) FROM policies WHERE list = $1";
    /// Describes a list.
    DESCRIBE = "UPDATE lists SET title = $2, description = $3, contact = $4, ttl = $5 WHERE id = $1";
    /// Brings a list into a state.
    SET_STATE = "UPDATE lists SET state = $2 WHERE id = $1";
    /// Adds or renames a code.
    SET_CODE = "INSERT INTO codes (list, code, meaning) VALUES ($1, $2, $3)
        ON CONFLICT (list, code) DO UPDATE SET meaning = excluded.meaning";
    /// Adds or renames a category.
    SET_CATEGORY = "INSERT INTO categories (list, number, name) VALUES ($1, $2, $3)
        ON CONFLICT (list, number) DO UPDATE SET name = excluded.name";
    /// The categories of a list.
    CATEGORIES = "SELECT number, name FROM categories WHERE list = $1 ORDER BY number";
    SET_TWO_EDITORS = "UPDATE codes SET two_editors = $3 WHERE list = $1 AND code = $2";
    CODES_FOR_TWO = "SELECT code FROM codes WHERE list = $1 AND two_editors <> 0 ORDER BY code";
    /// Says how entries with a code leave.
    SET_LEAVING = "UPDATE codes SET removal = $3 WHERE list = $1 AND code = $2";
    /// How they leave, where not by a link.
    LEAVINGS = "SELECT code, removal FROM codes WHERE list = $1 AND removal <> 'link' ORDER BY code";
    /// The codes of a list.
    CODES = "SELECT code, meaning FROM codes WHERE list = $1 ORDER BY code";
    /// The policy that holds.
    POLICY = "SELECT version, text, published FROM policies WHERE list = $1
        ORDER BY version DESC LIMIT 1";
    /// All policies.
    POLICIES = "SELECT version, text, published FROM policies WHERE list = $1 ORDER BY version DESC";
    /// Another policy.
    PUBLISH_POLICY = "INSERT INTO policies (list, version, text, published)
        SELECT $1, COALESCE(MAX(version), 0) + 1, $2, $3 FROM policies WHERE list = $1
        RETURNING version";
    /// The criteria of a list.
    CRITERIA = "SELECT id, slug, title, text, ended FROM criteria WHERE list = $1 ORDER BY slug";
    /// What they said in their time.
    CRITERION_VERSIONS = "SELECT v.criterion, v.version, v.title, v.text, v.since FROM criteria c
        JOIN criterion_versions v ON v.criterion = c.id WHERE c.list = $1 ORDER BY v.criterion, v.version";
    /// What one says from now on.
    CHANGE_CRITERION = "UPDATE criteria SET title = $2, text = $3 WHERE id = $1";
    /// The same, for ever.
    ADD_CRITERION_VERSION = "INSERT INTO criterion_versions (criterion, version, title, text, since)
        VALUES ($1, 1 + COALESCE((SELECT MAX(version) FROM criterion_versions WHERE criterion = $1), 0), $2, $3, $4)
        RETURNING version";
    /// Which version of one is in force.
    LAST_VERSION = "SELECT MAX(version) FROM criterion_versions WHERE criterion = $1";
    /// Ends one.
    END_CRITERION = "UPDATE criteria SET ended = $2 WHERE id = $1";
    /// One more criterion.
    ADD_CRITERION = "INSERT INTO criteria (list, slug, title, text, since)
        VALUES ($1, $2, $3, $4, $5) RETURNING id";
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::testing::on_each;

    /// What a test's list is.
    pub(crate) fn example(apex: &str) -> List {
        List {
            apex: apex.parse().expect("a name"),
            title: "An example".to_owned(),
            description: String::new(),
            polarity: Polarity::Block,
            keys: KeyKind::Ip,
            ttl: 2100,
            contact: "postmaster@example".to_owned(),
        }
    }

    /// Adds a list.
    pub(crate) async fn add(session: &mut Session<'_>, apex: &str) -> ListId {
        let session = session.again();
        super::add(session, &example(apex), Timestamp(1)).await.expect("it is added")
    }

    #[tokio::test]
    async fn a_list_is_stored_as_it_is() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let id = add(&mut transaction.session(), "bl.example").await;
            add(&mut transaction.session(), "a.example").await;
            let code: ReturnCode = "127.0.0.10".parse().expect("a code");
            let two: ReturnCode = "127.0.0.2".parse().expect("a code");
            for (code, meaning) in [(code, "x"), (two, "spam"), (code, "dynamic")] {
                set_code(transaction.session(), id, code, meaning).await.expect("it is set");
            }
            for (is_for_two, expected) in [(true, vec![code]), (false, vec![])] {
                set_two_editors(transaction.session(), id, code, is_for_two)
                    .await
                    .expect("it is set");
                let found = codes_for_two(transaction.session(), id).await.expect("they are read");
                assert_eq!(found, expected);
            }
            for (leaving, expected) in [
                (Leaving::Never, vec![(code, Leaving::Never)]),
                (Leaving::Editor, vec![(code, Leaving::Editor)]),
                (Leaving::Link, vec![]),
            ] {
                set_leaving(transaction.session(), id, code, leaving).await.expect("it is set");
                let found = leavings(transaction.session(), id).await.expect("they are read");
                assert_eq!(found, expected);
                assert_eq!(leaving_of(&found, [two, code]), leaving, "the strictest decides");
                assert_eq!(leaving_of(&found, [two]), Leaving::Link);
            }
            transaction.commit().await.expect("it is committed");
            let mut connection = database.read().await.expect("a connection");
            let apex = "BL.example.".parse().expect("a name");
            let stored = by_apex(connection.session(), &apex).await.expect("it is read");
            let stored = stored.expect("it is there");
            assert_eq!((stored.id, stored.serial, stored.state), (id, 1, State::Active));
            assert_eq!(stored.list, example("bl.example"));
            let none = categories(connection.session(), id).await.expect("they are read");
            assert_eq!(none, []);
            let same = by_id(connection.session(), id).await.expect("it is read");
            assert_eq!(same, Some(stored));
            let codes = codes(connection.session(), id).await.expect("they are read");
            assert_eq!(codes, [(two, "spam".to_owned()), (code, "dynamic".to_owned())]);
            let all = all(connection.session()).await.expect("they are read");
            let names: Vec<_> = all.iter().map(|stored| stored.list.apex.to_string()).collect();
            assert_eq!(names, ["a.example", "bl.example"]);
            let mut transaction = database.begin().await.expect("a transaction");
            let list = example("bl.example");
            let again = super::add(transaction.session(), &list, Timestamp(1)).await;
            assert!(again.is_err(), "an apex is there once");
        })
        .await;
    }

    #[tokio::test]
    async fn the_last_policy_holds_and_criteria_belong_to_one() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = add(&mut transaction.session(), "bl.example").await;
            add(&mut transaction.session(), "a.example").await;
            assert_eq!(policy(transaction.session(), list).await.expect("it is read"), None);
            for (text, version) in [("old", 1), ("new", 2)] {
                let made = publish_policy(transaction.session(), list, text, Timestamp(version));
                assert_eq!(made.await.expect("it is published"), version);
            }
            let holds = policy(transaction.session(), list).await.expect("it is read");
            let expect = Policy { version: 2, text: "new".to_owned(), published: Timestamp(2) };
            assert_eq!(holds, Some(expect));
            let session = transaction.session();
            let said = ("A trap was hit", "Mail to nobody.");
            let id = add_criterion(session, list, 2, "trap", said, Timestamp(5));
            let id = id.await.expect("it is added");
            let all = criteria(transaction.session(), list).await.expect("they are read");
            assert_eq!((all.len(), all[0].id, &*all[0].slug), (1, id, "trap"));
            let (session, now) = (transaction.session(), Timestamp(9));
            let version = change_criterion(session, id, "A trap", "Mail to none.", now).await;
            assert_eq!(version.expect("it is changed"), 2);
            let all = criteria(transaction.session(), list).await.expect("they are read");
            assert_eq!((&*all[0].title, all[0].is_open()), ("A trap", true));
            let (former, now) = ("Mail to nobody.", "Mail to none.");
            for (version, time, text) in [
                (None, 1, former),
                (None, 8, former),
                (None, 9, now),
                (Some(1), 9, former),
                (Some(2), 1, now),
            ] {
                let said = all[0].said(version, Timestamp(time)).expect("it says something");
                assert_eq!(said.text, text, "{version:?} at {time}");
            }
            let last = named(transaction.session(), id).await.expect("it is read");
            assert_eq!((last, last.version), (all[0].named(), Some(2)));
            end_criterion(transaction.session(), id, Timestamp(20)).await.expect("it is ended");
            let all = criteria(transaction.session(), list).await.expect("they are read");
            assert_eq!(all[0].ended, Some(Timestamp(20)));
        })
        .await;
    }
}
