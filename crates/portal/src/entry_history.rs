//! The history of an entry as people read it: who, what, why, and whether it can be taken back.

use repute_database::audit;
use repute_database::entries::{Entry, Named, SourceId};
use repute_database::entry_history::{Kind, Step, Turn};
use repute_database::lists::{Criterion, ListId};
use repute_database::{DatabaseError, Session, Timestamp, entries, lists};
use repute_registry::edit;
use serde_json::Value;

use crate::moment::Moment;

/// A step, in words.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// Its number.
    pub(crate) id: i64,
    /// When.
    pub(crate) time: Timestamp,
    /// Who.
    pub(crate) who: String,
    /// What was done.
    pub(crate) what: String,
    /// What changed, a line for each entry.
    pub(crate) lines: Vec<String>,
    /// Why.
    pub(crate) reason: String,
    /// The version of the policy under which it was done.
    pub(crate) policy: Option<i64>,
    /// Why it cannot be taken back; nothing if it can.
    pub(crate) fixed: Option<String>,
}

/// What numbers in entries stand for.
pub(crate) struct Names {
    /// The sources.
    pub(crate) sources: Vec<(SourceId, String)>,
    /// The criteria of the list.
    pub(crate) criteria: Vec<Criterion>,
}

impl Names {
    /// Those of a list.
    pub(crate) async fn of(mut session: Session<'_>, list: ListId) -> Result<Names, DatabaseError> {
        let sources = entries::sources(session.again()).await?;
        let criteria = lists::criteria(session, list).await?;
        Ok(Names { sources, criteria })
    }

    /// The name of a source.
    pub(crate) fn source(&self, id: SourceId) -> &str {
        let found = self.sources.iter().find(|(known, _)| *known == id);
        found.map_or("", |(_, name)| name)
    }

    /// The criteria by which something may be listed.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Criterion> {
        self.criteria.iter().filter(|one| one.is_open())
    }

    /// A criterion that an entry names.
    pub(crate) fn criterion(&self, named: Named) -> Option<&Criterion> {
        self.criteria.iter().find(|known| known.id == named.id)
    }
}

/// A step in words, where there are these entries now.
pub(crate) fn told(step: &Step, there: &[Entry], names: &Names, now: Timestamp) -> Told {
    let detail: Value = serde_json::from_str(&step.detail).unwrap_or_default();
    let lines = match step.kind {
        Kind::Many => counted(&detail),
        Kind::Change | Kind::Renewal => lines(&step.turn, names),
    };
    Told {
        id: step.id.0,
        time: step.time,
        who: who(&step.actor, step.name.as_deref(), step.user),
        what: what(&step.action),
        lines,
        reason: detail["reason"].as_str().unwrap_or_default().to_owned(),
        policy: step.policy,
        fixed: edit::can_be_undone(step, there, now).err().map(|why| why.to_string()),
    }
}

/// Who did it: by the name of the account as long as there is one.
pub(crate) fn who(actor: &str, name: Option<&str>, user: Option<u32>) -> String {
    let is_pseudonym = actor.len() == 32 && actor.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (name, user) {
        (Some(name), _) => name.to_owned(),
        (None, Some(user)) => format!("user {user} at the shell"),
        (None, None) if actor == audit::SYSTEM => "Repute by itself".to_owned(),
        (None, None) if is_pseudonym => {
            format!("somebody who is gone ({})", actor.get(..8).unwrap_or_default())
        }
        (None, None) => actor.to_owned(),
    }
}

/// What the word of the audit log says.
pub(crate) fn what(action: &str) -> String {
    let words = match action {
        "entries.edit" | "entry.add" | "entry.remove" => "edited by hand",
        edit::UNDO => "taken back",
        edit::GIVE => "given to an organisation, or taken from one",
        "entries.expire" => "its time was over",
        "entries.review" => "said to be still right",
        "request.publish" => "a request was approved",
        "removal.grant" => "a removal was granted",
        "rules.apply" => "a rule listed it, or took it off",
        "rules.renew" => "a rule renewed it",
        "proposal.accept" | "proposals.accept" => "a proposal of a rule was accepted",
        "list.import" | "entries.import" => "a file was imported",
        "source.purge" => "a source was purged",
        other => other,
    };
    words.to_owned()
}

/// What became of each entry of a key.
pub(crate) fn lines(turn: &Turn, names: &Names) -> Vec<String> {
    let of = |entries: &[Entry], entry: &Entry| {
        entries.iter().find(|other| other.code == entry.code).cloned()
    };
    let mut lines = Vec::new();
    for entry in &turn.before {
        if of(&turn.after, entry).is_none() {
            lines.push(format!("no longer {}", called(entry)));
        }
    }
    for entry in &turn.after {
        match of(&turn.before, entry) {
            None => lines.push(format!("{}: {}", called(entry), entry.reason)),
            Some(before) if before == *entry => {}
            Some(before) => {
                lines.push(format!("{}: {}", called(entry), differences(&before, entry, names)));
            }
        }
    }
    lines
}

/// An entry by its code.
fn called(entry: &Entry) -> String {
    match entry.code {
        Some(code) => format!("listed with {code}"),
        None => "never listed".to_owned(),
    }
}

/// What is another in an entry than before.
fn differences(before: &Entry, after: &Entry, names: &Names) -> String {
    let day = |time: Option<Timestamp>| time.map_or("never".to_owned(), |t| Moment(t).to_string());
    let criterion = |entry: &Entry| {
        let found = entry.criterion.and_then(|named| Some((named, names.criterion(named)?)));
        match found.map(|(named, found)| (&*found.slug, named.version)) {
            Some((slug, Some(version))) => format!("{slug} (version {version})"),
            Some((slug, None)) => slug.to_owned(),
            None => "none".to_owned(),
        }
    };
    let organisation =
        |entry: &Entry| entry.organisation.map_or("none".to_owned(), |id| id.0.to_string());
    let quoted = |text: &str| format!("“{text}”");
    let source = |entry: &Entry| names.source(entry.source).to_owned();
    let fields = [
        ("reason", quoted(&before.reason), quoted(&after.reason)),
        ("text", quoted(&before.text), quoted(&after.text)),
        ("criterion", criterion(before), criterion(after)),
        ("ends", day(before.expires), day(after.expires)),
        ("review", day(before.review), day(after.review)),
        ("source", source(before), source(after)),
        ("organisation", organisation(before), organisation(after)),
        ("since", day(Some(before.since)), day(Some(after.since))),
    ];
    let differ = fields.iter().filter(|(_, before, after)| before != after);
    let words: Vec<String> =
        differ.map(|(what, before, after)| format!("{what} {before} → {after}")).collect();
    words.join("; ")
}

/// What a change of very many entries says of itself.
pub(crate) fn counted(detail: &Value) -> Vec<String> {
    let number = |name: &str| detail[name].as_u64().unwrap_or(0);
    let mut lines = Vec::new();
    match detail["sha256"].as_str() {
        Some(digest) => {
            lines.push(format!(
                "{} added, {} changed, {} removed, {} said anew",
                number("added"),
                number("changed"),
                number("removed"),
                number("renewed")
            ));
            let text = |name: &str| detail[name].as_str().unwrap_or_default();
            lines.push(format!("source {}, file {}", text("source"), text("file")));
            lines.push(format!("SHA-256 {digest}"));
        }
        None => lines.push(match number("count") {
            1 => "1 entry".to_owned(),
            count => format!("{count} entries"),
        }),
    }
    lines
}
