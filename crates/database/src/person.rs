//! All that is kept of one person, and how it goes when he does.
//!
//! What he filed stays, as lists rest on it, but no longer says whose it was; the audit log knows him by a pseudonym
//! only, which is cut from him, so that it stays whole. His address goes wherever it is: where he is a contact, too, and
//! from the words of others ([`mentions`]).

mod mentions;

use crate::accounts::{self, Account};
use crate::audit::{self, Deed};
use crate::claims::{self, Claim};
use crate::database::DatabaseError;
use crate::digests::{self, Wanted};
use crate::factors::{self, Factors};
use crate::invitations::{self, Invitation};
use crate::passkeys::{self, Passkey};
use crate::session::{Session, on};
use crate::sessions::{self, SignedIn};
use crate::statement::statements;
use crate::time::Timestamp;
use crate::tokens::{self, Token};
use crate::undelivered;

/// Whose something is when the person is gone: no account has this number.
pub const NOBODY: i64 = -1;

/// What is kept of a person, besides his account.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Where he is signed in.
    pub sessions: Vec<SignedIn>,
    /// By what else than a password he shows who he is.
    pub factors: Factors,
    /// His passkeys.
    pub passkeys: Vec<Passkey>,
    /// The tokens by which programs act for him.
    pub tokens: Vec<Token>,
    /// Organisations that are written to at his address.
    pub contacts: Vec<KeptContact>,
    /// Where he belongs.
    pub memberships: Vec<Membership>,
    /// What he claimed.
    pub claims: Vec<Claim>,
    /// What he asked for.
    pub requests: Vec<Filed>,
    /// What he asked to have removed.
    pub removals: Vec<Filed>,
    /// What he wanted another editor to agree to.
    pub motions: Vec<Filed>,
    /// What he said that he is partial in.
    pub conflicts: Vec<Conflict>,
    /// What he did, as the audit log has it.
    pub deeds: Vec<Deed>,
    /// Letters that wait to be sent to him, and news that is gathered for one: when they were written, and what they are
    /// about.
    pub letters: Vec<(Timestamp, String)>,
    /// Which letters he wants.
    pub wanted: Option<Wanted>,
    /// Where he is invited to, with the names of the organisations.
    pub invitations: Vec<(Invitation, String)>,
    /// When letters went to him lately, for as long as a report about them may come.
    pub sent: Vec<Timestamp>,
    /// Since when letters do not come to him, and what a mail server said, if they do not.
    pub undelivered: Option<(Timestamp, String)>,
}

/// Where somebody belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The organisation's number.
    pub organisation: i64,
    /// What it is called.
    pub name: String,
    /// What he is in it: `owner` or `member`.
    pub role: String,
    /// Since when.
    pub since: Timestamp,
    /// Whether nobody else speaks for it as an owner.
    pub is_alone: bool,
    /// How many others belong to it.
    pub others: i64,
}

/// An organisation that is written to at somebody's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptContact {
    /// The organisation's number.
    pub organisation: i64,
    /// What it is called.
    pub name: String,
    /// For what: `abuse`, `technical` or `general`.
    pub purpose: String,
    /// Since when letters may go there, and since when none shall.
    pub said: (Option<Timestamp>, Option<Timestamp>),
}

/// Something that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filed {
    /// Its number.
    pub id: i64,
    /// The apex of the list.
    pub list: String,
    /// What it is about: an organisation, a target, or what changes.
    pub about: String,
    /// Why, in his words.
    pub reason: String,
    /// What became of it.
    pub state: String,
    /// When.
    pub created: Timestamp,
}

/// Something that somebody said he is partial in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// What: `request`, `removal`, `proposal` or `motion`.
    pub kind: String,
    /// The number of that.
    pub number: i64,
    /// Why, in his words.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// All that is kept of a person.
///
/// # Errors
/// If the database fails.
pub async fn kept(
    mut session: Session<'_>,
    account: &Account,
    now: Timestamp,
) -> Result<Kept, DatabaseError> {
    let id = account.id;
    let letters: Vec<(i64, String)> = on!(session.again(), |c| {
        sqlx::query_as(LETTERS).bind(&account.mail).fetch_all(c).await?
    });
    let sent: Vec<(i64,)> =
        on!(session.again(), |c| sqlx::query_as(SENT).bind(&account.mail).fetch_all(c).await?);
    let requests: Vec<FiledRow> =
        on!(session.again(), |c| sqlx::query_as(REQUESTS).bind(id.0).fetch_all(c).await?);
    let removals: Vec<FiledRow> = on!(session.again(), |c| {
        sqlx::query_as(REMOVALS).bind(&account.mail).fetch_all(c).await?
    });
    let motions: Vec<FiledRow> =
        on!(session.again(), |c| sqlx::query_as(MOTIONS).bind(id.0).fetch_all(c).await?);
    let conflicts: Vec<(String, i64, String, i64)> =
        on!(session.again(), |c| sqlx::query_as(CONFLICTS).bind(id.0).fetch_all(c).await?);
    let conflict = |(kind, number, reason, since): (String, i64, String, i64)| Conflict {
        kind,
        number,
        reason,
        since: Timestamp(since),
    };
    Ok(Kept {
        sessions: sessions::of(session.again(), id, now).await?,
        factors: factors::of(session.again(), id).await?,
        passkeys: passkeys::of(session.again(), id).await?,
        tokens: tokens::of(session.again(), id).await?,
        contacts: contacts(session.again(), &account.mail).await?,
        memberships: memberships(session.again(), account).await?,
        claims: claims::of_account(session.again(), id.0).await?,
        requests: requests.into_iter().map(filed).collect(),
        removals: removals.into_iter().map(filed).collect(),
        motions: motions.into_iter().map(filed).collect(),
        conflicts: conflicts.into_iter().map(conflict).collect(),
        deeds: audit::of_account(session.again(), id.0).await?,
        wanted: digests::wanted(session.again(), id).await?,
        invitations: invitations::of_mail(session.again(), &account.mail, now).await?,
        sent: sent.into_iter().map(|(at,)| Timestamp(at)).collect(),
        undelivered: undelivered::dead(session, &account.mail)
            .await?
            .and_then(|one| one.dead.map(|since| (since, one.words))),
        letters: letters.into_iter().map(|(at, subject)| (Timestamp(at), subject)).collect(),
    })
}

/// Where somebody is a contact.
async fn contacts(session: Session<'_>, mail: &str) -> Result<Vec<KeptContact>, DatabaseError> {
    let rows: Vec<ContactRow> =
        on!(session, |c| sqlx::query_as(CONTACTS).bind(mail).fetch_all(c).await?);
    let contact = |(organisation, name, purpose, confirmed, stopped): ContactRow| {
        let said = (confirmed.map(Timestamp), stopped.map(Timestamp));
        KeptContact { organisation, name, purpose, said }
    };
    Ok(rows.into_iter().map(contact).collect())
}

/// Where somebody belongs.
///
/// # Errors
/// If the database fails.
pub async fn memberships(
    session: Session<'_>,
    account: &Account,
) -> Result<Vec<Membership>, DatabaseError> {
    let rows: Vec<(i64, String, String, i64, i64, i64)> =
        on!(session, |c| { sqlx::query_as(MEMBERSHIPS).bind(account.id.0).fetch_all(c).await? });
    let membership = |(organisation, name, role, since, owners, others)| Membership {
        organisation,
        name,
        role,
        since: Timestamp(since),
        is_alone: owners == 0,
        others,
    };
    Ok(rows.into_iter().map(membership).collect())
}

/// Has somebody have another address: what he asked to have removed goes with him, and what was on its way to the address
/// before is good for nobody. Whether nobody else has it; if somebody does, the transaction is to be dropped.
///
/// # Errors
/// If the database fails.
pub async fn move_to(
    mut session: Session<'_>,
    account: &Account,
    mail: &str,
) -> Result<bool, DatabaseError> {
    if !accounts::set_mail(session.again(), account.id, mail).await? {
        return Ok(false);
    }
    on!(session.again(), |c| {
        let query = sqlx::query(MOVE_REMOVALS).bind(&account.mail).bind(mail);
        query.execute(c).await?.rows_affected()
    });
    for statement in [DROP_LINKS, DROP_INVITATIONS] {
        on!(session.again(), |c| {
            sqlx::query(statement).bind(&account.mail).execute(c).await?.rows_affected()
        });
    }
    Ok(true)
}

/// Erases a person. What he filed is nobody's from then on; claims that are not decided are withdrawn, and what he
/// alone of two agreed to is open again. The organisations that he belongs to are to be held, and nothing behind them.
///
/// # Errors
/// [`DatabaseError::Busy`] if somebody counted his word, or gave him something, at the same moment: then nothing is to be
/// committed. If the database fails.
pub async fn erase(mut session: Session<'_>, account: &Account) -> Result<(), DatabaseError> {
    for room in Room::ALL {
        room.cut(session.again(), account).await?;
        room.cut_address(session.again(), &account.mail).await?;
    }
    // Behind all of that, as everywhere. Whoever counts his word, or makes him an owner, holds him until it is written.
    if !accounts::hold_any(session.again(), account.id).await? {
        return Err(DatabaseError::Missing("account"));
    }
    let (left,): (i64,) =
        on!(session.again(), |c| sqlx::query_as(LEFT).bind(account.id.0).fetch_one(c).await?);
    if left > 0 {
        return Err(DatabaseError::Busy);
    }
    audit::erase(session.again(), account.id.0).await?;
    // Sessions, factors, what browsers were asked, news for him and his invitations go with it.
    on!(session, |c| sqlx::query(DROP_ACCOUNT)
        .bind(account.id.0)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Erases what is kept of an address without an account: removals, contacts, letters. Whether there was anything.
///
/// # Errors
/// If the database fails.
pub async fn erase_address(mut session: Session<'_>, mail: &str) -> Result<bool, DatabaseError> {
    let mail = mail.to_lowercase();
    let mut rows = 0;
    for room in Room::ALL {
        rows += room.cut_address(session.again(), &mail).await?;
    }
    Ok(rows > 0)
}

/// A part of the database, as far as people stand in it. A person is cut out of one after the other, in the order in which
/// transactions take rows: so whoever erases waits for nobody who waits for him.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// Organisations, with their people, contacts and notes.
    Organisations,
    /// Claims.
    Claims,
    /// Requests.
    Requests,
    /// Removals.
    Removals,
    /// What stands beside lists.
    Lists,
    /// What is decided behind a list: proposals, changes for two; and who is partial in what.
    Motions,
    /// Letters, answers, work: what nobody else waits for.
    Letters,
}

impl Room {
    /// All of them, in the order of rows.
    const ALL: [Room; 7] = [
        Room::Organisations,
        Room::Claims,
        Room::Requests,
        Room::Removals,
        Room::Lists,
        Room::Motions,
        Room::Letters,
    ];

    /// Cuts an account from what is in it.
    async fn cut(self, mut session: Session<'_>, account: &Account) -> Result<(), DatabaseError> {
        let (to_nobody, away): (&[&str], &[&str]) = match self {
            Room::Organisations => (&[], &[LEAVE]),
            Room::Claims => (&[WITHDRAW_CLAIMS, CUT_CLAIMS], &[]),
            Room::Requests => (&[CUT_REQUESTS], &[CUT_REVIEWS, CUT_APPROVALS]),
            Room::Removals => (&[], &[CUT_AGREEMENTS]),
            Room::Motions => (&[CUT_MOTIONS], &[CUT_ACCEPTANCES]),
            Room::Lists | Room::Letters => (&[], &[]),
        };
        for statement in to_nobody {
            on!(session.again(), |c| {
                let query = sqlx::query(*statement).bind(account.id.0).bind(NOBODY);
                query.execute(c).await?.rows_affected()
            });
        }
        for statement in away {
            on!(session.again(), |c| {
                sqlx::query(*statement).bind(account.id.0).execute(c).await?.rows_affected()
            });
        }
        Ok(())
    }

    /// Cuts an address from what was filed by it, forgets what is there for it, and strikes it out of words. How many rows
    /// and texts that were.
    async fn cut_address(self, mut session: Session<'_>, mail: &str) -> Result<u64, DatabaseError> {
        let statements: &[&str] = match self {
            Room::Organisations => &[DROP_CONTACTS, DROP_CONTACT_MAILS, DROP_INVITATIONS],
            Room::Removals => &[CUT_REMOVALS],
            Room::Letters => &[DROP_LINKS, DROP_LETTERS, DROP_SENT, DROP_FAILURES, DROP_ANSWERS],
            Room::Claims | Room::Requests | Room::Lists | Room::Motions => &[],
        };
        let mut rows = 0;
        for statement in statements {
            rows += on!(session.again(), |c| {
                sqlx::query(*statement).bind(mail).execute(c).await?.rows_affected()
            });
        }
        Ok(rows + mentions::strike_out(session, self, mail).await?)
    }
}

/// A row of contacts.
type ContactRow = (i64, String, String, Option<i64>, Option<i64>);

/// A row of what was filed.
type FiledRow = (i64, String, String, String, String, i64);

/// Reads a row.
fn filed((id, list, about, reason, state, created): FiledRow) -> Filed {
    Filed { id, list, about, reason, state, created: Timestamp(created) }
}

statements! {
    /// Where somebody belongs, with the count of its owners besides him, and of all besides him.
    MEMBERSHIPS = "SELECT o.id, o.name, m.role, m.since, (SELECT COUNT(*) FROM members other
            WHERE other.organisation = m.organisation AND other.account <> m.account AND other.role = 'owner'),
            (SELECT COUNT(*) FROM members other
            WHERE other.organisation = m.organisation AND other.account <> m.account)
        FROM members m JOIN organisations o ON o.id = m.organisation WHERE m.account = $1 ORDER BY o.id";
    /// Where he is a contact, and what he said about it.
    CONTACTS = "SELECT o.id, o.name, c.purpose, m.confirmed, m.stopped FROM contacts c
        JOIN organisations o ON o.id = c.organisation
        LEFT JOIN contact_mails m ON m.organisation = c.organisation AND m.mail = LOWER(c.mail)
        WHERE LOWER(c.mail) = $1 ORDER BY o.id, c.purpose";
    /// He is none any more.
    DROP_CONTACTS = "DELETE FROM contacts WHERE LOWER(mail) = $1";
    /// Nor is known what he said about it.
    DROP_CONTACT_MAILS = "DELETE FROM contact_mails WHERE mail = $1";
    /// What he asked for.
    REQUESTS = "SELECT r.id, l.apex, o.name, r.reason, r.state, r.created FROM requests r
        JOIN lists l ON l.id = r.list JOIN organisations o ON o.id = r.organisation
        WHERE r.account = $1 ORDER BY r.id";
    /// What he asked to have removed.
    REMOVALS = "SELECT r.id, l.apex, r.target, r.reason, r.state, r.created FROM removals r
        JOIN lists l ON l.id = r.list WHERE r.mail = $1 ORDER BY r.id";
    /// What he wanted of two.
    MOTIONS = "SELECT m.id, l.apex, m.kind, m.reason, m.state, m.created FROM motions m
        JOIN lists l ON l.id = m.list WHERE m.account = $1 ORDER BY m.id";
    /// What he is partial in.
    CONFLICTS = "SELECT kind, subject, reason, since FROM conflicts WHERE account = $1
        ORDER BY since, kind, subject";
    /// What waits to be sent to him.
    LETTERS = "SELECT created, subject FROM outbox WHERE recipient = $1
        UNION ALL SELECT d.created, d.subject FROM digests d JOIN accounts a ON a.id = d.account WHERE a.mail = $1
        ORDER BY 1";
    /// What was sent to him lately.
    SENT = "SELECT sent FROM sent_letters WHERE recipient = $1 ORDER BY 1";
    /// Claims that are not decided end.
    WITHDRAW_CLAIMS = "UPDATE claims SET state = 'withdrawn', takes = NULL, due = NULL, account = $2
        WHERE account = $1 AND state IN ('open', 'waiting')";
    /// Claims are nobody's.
    CUT_CLAIMS = "UPDATE claims SET account = $2 WHERE account = $1";
    /// Requests are nobody's.
    CUT_REQUESTS = "UPDATE requests SET account = $2 WHERE account = $1";
    /// He has none in review.
    CUT_REVIEWS = "UPDATE requests SET editor = NULL WHERE editor = $1";
    /// He agreed to none.
    CUT_APPROVALS = "DELETE FROM request_approvals WHERE account = $1";
    /// He agreed to no removal.
    CUT_AGREEMENTS = "UPDATE removals SET agreed = NULL, agreed_at = NULL WHERE agreed = $1";
    /// Nor to a proposal.
    CUT_ACCEPTANCES = "UPDATE proposals SET agreed = NULL, agreed_at = NULL WHERE agreed = $1";
    /// What he wanted another editor to agree to nobody wants any more.
    CUT_MOTIONS = "UPDATE motions SET account = $2,
        state = CASE WHEN state = 'open' THEN 'withdrawn' ELSE state END WHERE account = $1";
    /// What there is of him all the same.
    LEFT = "SELECT (SELECT COUNT(*) FROM members WHERE account = $1) +
        (SELECT COUNT(*) FROM claims WHERE account = $1) + (SELECT COUNT(*) FROM requests WHERE account = $1) +
        (SELECT COUNT(*) FROM requests WHERE editor = $1) + (SELECT COUNT(*) FROM request_approvals WHERE account = $1) +
        (SELECT COUNT(*) FROM removals WHERE agreed = $1) + (SELECT COUNT(*) FROM proposals WHERE agreed = $1) +
        (SELECT COUNT(*) FROM motions WHERE account = $1)";
    /// He belongs nowhere.
    LEAVE = "DELETE FROM members WHERE account = $1";
    /// Removals say no more who asked; one that waits for an editor is still decided.
    CUT_REMOVALS = "UPDATE removals SET mail = '', network = '',
        reason = CASE WHEN state = 'queued' THEN reason ELSE '' END,
        state = CASE WHEN state = 'sent' THEN 'expired' ELSE state END WHERE mail = $1";
    /// Removals are asked for by another address.
    MOVE_REMOVALS = "UPDATE removals SET mail = $2 WHERE mail = $1";
    /// No link works for him.
    DROP_LINKS = "DELETE FROM links WHERE mail = $1";
    /// He is invited nowhere.
    DROP_INVITATIONS = "DELETE FROM invitations WHERE mail = $1";
    /// No letter goes to him.
    DROP_LETTERS = "DELETE FROM outbox WHERE recipient = $1";
    /// Nor did any.
    DROP_SENT = "DELETE FROM sent_letters WHERE recipient = $1";
    /// Nor fail to come.
    DROP_FAILURES = "DELETE FROM undelivered WHERE mail = $1";
    /// Nor is it known what was answered when somebody asked for him; what looks the same goes too.
    DROP_ANSWERS = "DELETE FROM open_answers WHERE body LIKE '%\"' || $1 || '\"%'";
    /// He is gone.
    DROP_ACCOUNT = "DELETE FROM accounts WHERE id = $1";
}

#[cfg(test)]
mod everywhere;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::accounts::Role;
    use crate::answers::Whose;
    use crate::organisations::{self, Contact, MemberRole};
    use crate::testing::on_each;
    use crate::{
        Transaction, answers, backup, conflicts, contact_mails, links, lists, motions, outbox,
        removals, requests, sign_ins,
    };

    /// Somebody of whom there is something in every table that knows people.
    pub(super) async fn somebody(transaction: &mut Transaction, mail: &str) -> Account {
        let (now, later) = (Timestamp(10), Timestamp(1_000));
        let t = transaction;
        let id = accounts::add(t.session(), mail, "Ada", "$hash", Role::Editor, now).await;
        let id = id.expect("it is added").expect("it is new");
        sessions::begin(t.session(), mail.as_bytes(), id, "here", now, later).await.expect("begun");
        sign_ins::begin(t.session(), mail.as_bytes(), id, later).await.expect("it begins");
        factors::offer_totp(t.session(), id, b"secret").await.expect("it is kept");
        factors::set_recovery(t.session(), id, &[vec![1]]).await.expect("they are set");
        passkeys::add(t.session(), id, mail.as_bytes(), "key", "{}", now).await.expect("added");
        let ceremony = passkeys::Ceremony {
            purpose: passkeys::Purpose::Show,
            account: Some(id),
            state: String::new(),
            expires: later,
        };
        passkeys::ask(t.session(), mail.as_bytes(), &ceremony, now).await.expect("it is asked");
        let new = tokens::New {
            name: "key",
            digest: mail.as_bytes(),
            scopes: "",
            expires: None,
            sources: &[],
        };
        tokens::add(t.session(), id, &new, now).await.expect("it is added");
        for whose in [Whose::Account(id), Whose::Somebody(b"somebody".to_vec())] {
            answers::take(t.session(), &whose, "key", b"asked", now).await.expect("it is taken");
            let body = format!("{{\"sent\":\"{mail}\"}}");
            answers::keep(t.session(), &whose, "key", 200, &body).await.expect("it is kept");
        }
        let link = links::Link {
            purpose: links::Purpose::Reset,
            mail: Some(mail.to_owned()),
            role: Role::Member,
            expires: later,
        };
        links::add(t.session(), mail.as_bytes(), &link).await.expect("it is made");
        let letter = outbox::Letter {
            recipient: mail.to_owned(),
            subject: "about".to_owned(),
            plain: String::new(),
            html: String::new(),
            unsubscribe: String::new(),
        };
        outbox::put(t.session(), &letter, now).await.expect("it is put in");
        loop {
            let lease = Duration::from_micros(1);
            let taken = outbox::take(t.session(), now, lease).await.expect("it is read");
            let taken = taken.expect("one is due");
            if taken.letter.recipient == mail {
                outbox::sent(t.session(), taken.id, now).await.expect("it is sent");
                break;
            }
        }
        outbox::put(t.session(), &letter, now).await.expect("another one waits");
        let failed = undelivered::hold(t.session(), mail, now).await.expect("it is held");
        let failed = undelivered::Undelivered { dead: Some(now), ..failed };
        undelivered::put(t.session(), &failed).await.expect("it is written");
        let organisation = organisations::add(t.session(), "Ada's", now).await.expect("an Id");
        let owner = MemberRole::Owner;
        organisations::put_member(t.session(), organisation, id.0, owner, now).await.expect("put");
        let contact = Contact { mail: mail.to_owned(), purpose: organisations::Purpose::Technical };
        organisations::add_contact(t.session(), organisation, &contact).await.expect("it is added");
        contact_mails::confirm(t.session(), organisation, mail, now).await.expect("confirmed");
        contact_mails::stop(t.session(), organisation, mail, now).await.expect("stopped");
        let actor = audit::actor(t.session(), id.0).await.expect("a pseudonym");
        let text = format!("Ada is <{}>.", mail.to_uppercase());
        let note = organisations::Note { time: now, actor, name: None, text };
        organisations::add_note(t.session(), organisation, &note).await.expect("it is written");
        let invitation = Invitation {
            organisation,
            mail: mail.to_owned(),
            role: owner,
            account: id.0,
            created: now,
            expires: later,
        };
        invitations::put(t.session(), mail.as_bytes(), &invitation).await.expect("he is invited");
        let nonce = [id.0 as u8; 16];
        let claim = claims::New {
            organisation,
            domain: "ada.example".parse().expect("a name"),
            account: id.0,
            proof: claims::Proof::Dns,
            nonce,
            created: now,
            expires: later,
        };
        claims::add(t.session(), &claim).await.expect("it is claimed");
        let list = lists::tests::add(&mut t.session(), &format!("{}.example", id.0)).await;
        let reason = format!("because; write to {mail}");
        let new = requests::New {
            organisation,
            list,
            account: id.0,
            reason,
            undoes: None,
            criterion: None,
            review: None,
        };
        let request = requests::add(t.session(), &new, now).await.expect("it is begun");
        let approval =
            requests::Approval { account: id.0, positions: vec![1], spared: Vec::new(), time: now };
        requests::set_approval(t.session(), request, &approval).await.expect("it is noted");
        let removal = removals::New {
            list,
            key: "192.0.2.1".parse().expect("a key"),
            target: "192.0.2.1".to_owned(),
            mail: mail.to_owned(),
            network: "198.51.100.0/24".to_owned(),
            reason: "repaired".to_owned(),
            kind: removals::Kind::Removal,
            way: removals::Way::Typed,
            control: removals::Control::None,
            nonce,
            created: now,
            expires: later,
        };
        removals::add(t.session(), &removal).await.expect("it is asked for");
        // Somebody else's, with his address in its words.
        let motion = motions::New {
            list,
            what: motions::What::Entries(Vec::new()),
            action: "entries.edit".to_owned(),
            account: 99,
            reason: format!("as agreed with {mail}"),
            two: "wide".to_owned(),
            created: now,
            expires: later,
        };
        motions::add(t.session(), &motion).await.expect("it is wanted");
        let own = motions::New { account: id.0, reason: "his own".to_owned(), ..motion };
        let own = motions::add(t.session(), &own).await.expect("it is wanted");
        let about = conflicts::About::Motion(own);
        let partial =
            conflicts::Declared { account: id, reason: "it is mine".to_owned(), since: now };
        conflicts::put(t.session(), about, &partial).await.expect("it is declared");
        let actor = audit::actor(t.session(), id.0).await.expect("a pseudonym");
        let deed = Deed {
            time: now,
            actor,
            action: "account.join".to_owned(),
            subject: "x".to_owned(),
            detail: "{}".to_owned(),
        };
        audit::append(t.session(), &deed).await.expect("it is written");
        accounts::by_id(t.session(), id).await.expect("it is read").expect("it is there")
    }

    /// How much there is of a person, in each of the places.
    async fn counts(transaction: &mut Transaction, account: &Account) -> [usize; 15] {
        let kept = kept(transaction.session(), account, Timestamp(20)).await.expect("it is read");
        [
            kept.sessions.len(),
            kept.passkeys.len(),
            kept.factors.recovery as usize,
            kept.memberships.len(),
            kept.claims.len(),
            kept.requests.len(),
            kept.removals.len(),
            kept.deeds.len(),
            kept.letters.len(),
            kept.invitations.len(),
            usize::from(kept.undelivered.is_some()),
            kept.sent.len(),
            kept.contacts.len(),
            kept.motions.len(),
            kept.conflicts.len(),
        ]
    }

    #[tokio::test]
    async fn everything_of_a_person_is_shown_and_goes_and_nothing_of_anothers() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let other = somebody(&mut transaction, "other@x.example").await;
            let account = somebody(&mut transaction, "ada@secret.example").await;
            let t = &mut transaction;
            assert_eq!(counts(t, &account).await, [1; 15]);
            let before = counts(t, &other).await;
            erase(t.session(), &account).await.expect("he is erased");
            assert_eq!(counts(t, &account).await, [0; 15]);
            assert_eq!(counts(t, &other).await, before);
            let whole = audit::verify(t.session()).await.expect("it is read");
            assert_eq!(whole, audit::Verified::Whole(2));
            let letter = outbox::take(t.session(), Timestamp(20), Duration::from_secs(1)).await;
            let letter = letter.expect("it is read").expect("the other's");
            assert_eq!(letter.letter.recipient, "other@x.example");
            // SQLite gives the number again: whoever gets it must come into nothing.
            let next =
                accounts::add(t.session(), "n@x.example", "N", "", Role::Member, Timestamp(1));
            let next = next.await.expect("it is added").expect("it is new");
            let next = accounts::by_id(t.session(), next).await.expect("read").expect("there");
            assert_eq!(counts(t, &next).await, [0; 15]);
            transaction.commit().await.expect("it is committed");
            // Whatever table there will be: nothing in the database knows his address.
            let (mut bytes, mut snapshot) = (Vec::new(), database.look().await.expect("a look"));
            backup::write(&mut snapshot, &mut bytes).await.expect("it is written");
            let text = String::from_utf8_lossy(&bytes).to_lowercase();
            assert!(!text.contains("secret.example"), "{text}");
            // Once in each of a dozen tables, in the words of a note and in those of a request.
            let others = text.matches("other@x.example").count();
            assert!(others >= 12, "{others}: {text}");
            for words in [
                "ada is <(erased)>.",
                "write to (erased)",
                "as agreed with (erased)",
                "ada is <other@x.example>.",
            ] {
                assert!(text.contains(words), "{words}: {text}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn somebody_has_another_address_that_nobody_else_has() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let ada = somebody(t, "ada@x.example").await;
            somebody(t, "other@x.example").await;
            transaction.commit().await.expect("it is committed");
            let mut transaction = database.begin().await.expect("a transaction");
            let taken = move_to(transaction.session(), &ada, "other@x.example").await;
            assert!(!taken.expect("it is tried"), "that is another's");
            drop(transaction);
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            assert!(move_to(t.session(), &ada, "new@x.example").await.expect("it is moved"));
            let new = accounts::by_id(t.session(), ada.id).await.expect("read").expect("there");
            assert_eq!(new.mail, "new@x.example");
            let left = kept(t.session(), &new, Timestamp(20)).await.expect("it is read");
            assert_eq!((left.removals.len(), left.sessions.len()), (1, 1));
            let old = accounts::by_mail(t.session(), "ada@x.example").await.expect("it is read");
            assert_eq!(old, None);
            let link = links::find(t.session(), b"ada@x.example", Timestamp(20)).await;
            assert_eq!(link.expect("it is read"), None);
            let others = links::find(t.session(), b"other@x.example", Timestamp(20)).await;
            assert!(others.expect("it is read").is_some());
        })
        .await;
    }

    #[tokio::test]
    async fn an_address_without_an_account_goes_as_well() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            somebody(t, "other@x.example").await;
            let mail = "ada@secret.example";
            let ada = somebody(t, mail).await;
            on!(t.session(), |c| {
                let gone = sqlx::query(DROP_ACCOUNT).bind(ada.id.0).execute(c).await;
                gone.expect("it goes").rows_affected()
            });
            assert!(erase_address(t.session(), "Ada@secret.example").await.expect("it is erased"));
            assert!(!erase_address(t.session(), mail).await.expect("it is tried"), "there is none");
            transaction.commit().await.expect("it is committed");
            let (mut bytes, mut snapshot) = (Vec::new(), database.look().await.expect("a look"));
            backup::write(&mut snapshot, &mut bytes).await.expect("it is written");
            let text = String::from_utf8_lossy(&bytes).to_lowercase();
            assert!(!text.contains("secret.example") && text.contains("other@x.example"), "{text}");
        })
        .await;
    }
}
