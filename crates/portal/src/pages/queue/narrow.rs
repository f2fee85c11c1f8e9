//! Which part of the queue is shown: what an editor chose and looks for, and the links to other pages of the same.

use repute_database::accounts::AccountId;
use repute_database::lists::ListId;
use repute_database::removals::RemovalId;
use repute_database::requests::Request;
use repute_database::requests::queue::{Filter, Order, Place};
use repute_database::{Sought, Timestamp};
use repute_registry::decision;
use repute_registry::request::state::State as Stage;
use serde::Deserialize;

use crate::access::encode;

/// What an editor chose.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Narrowed {
    /// A list, by its number; none for all.
    #[serde(default)]
    list: String,
    /// A state, by its word, or `all`; none for the queue or, if something is looked for, for all.
    #[serde(default)]
    state: String,
    /// Only those that wait longer than two days.
    #[serde(default)]
    late: String,
    /// Only what is on his desk, or what he did something with.
    #[serde(default)]
    mine: String,
    /// Only what another editor has to agree to.
    #[serde(default)]
    second: String,
    /// Of which kind only: `requests`, `removals` or `proposals`.
    #[serde(default)]
    kind: String,
    /// What he looks for.
    #[serde(default)]
    pub(super) find: String,
    /// Behind which place requests go on.
    #[serde(default)]
    after: String,
    /// Behind which number removals go on.
    #[serde(default)]
    removals: String,
}

impl Narrowed {
    /// The state of the requests that are shown; none for all.
    pub(super) fn stage(&self) -> Option<Stage> {
        match Stage::of_word(&self.state) {
            Some(stage) => Some(stage),
            // What somebody had in his hands stands in any state, and so does what is looked for.
            None if self.state == ALL || self.sought().is_some() || self.is_mine() => None,
            // One that waits for a second editor may be on somebody's desk.
            None if self.is_for_second() => None,
            None => Some(Stage::Queued),
        }
    }

    /// How requests are sorted: what waits by how long it does, all else by what happened last.
    pub(super) fn order(&self) -> Order {
        match self.stage() {
            Some(stage) if !stage.is_over() => Order::LongestWait,
            Some(_) | None => Order::LatestChange,
        }
    }

    /// Which requests are shown.
    pub(super) fn filter(&self, own: AccountId, now: Timestamp) -> Filter {
        Filter {
            state: self.stage().map(|stage| stage.word().to_owned()),
            list: self.list(),
            organisation: None,
            before: self.before(now),
            editor: self.is_mine().then_some(own),
            for_second: self.is_for_second(),
            sought: self.sought(),
        }
    }

    /// Before when what is shown was asked for, if only late ones are.
    pub(super) fn before(&self, now: Timestamp) -> Option<Timestamp> {
        self.is_late().then_some(Timestamp(now.0 - decision::LATE))
    }

    /// Whether only his own are shown.
    pub(super) fn is_mine(&self) -> bool {
        !self.mine.is_empty()
    }

    /// Whether only those are shown that another editor has to agree to.
    pub(super) fn is_for_second(&self) -> bool {
        !self.second.is_empty()
    }

    /// Whether a kind is the one that is chosen; none for all.
    pub(super) fn is_kind(&self, kind: &str) -> bool {
        self.kind == kind
    }

    /// Whether things of a kind are shown.
    pub(super) fn shows(&self, kind: &str) -> bool {
        let is_known = ["requests", "removals", "proposals"].contains(&&*self.kind);
        !is_known || self.kind == kind
    }

    /// Of which list only.
    pub(super) fn list(&self) -> Option<ListId> {
        self.list.parse().ok().map(ListId)
    }

    /// What is looked for.
    pub(super) fn sought(&self) -> Option<Sought> {
        Sought::read(&self.find)
    }

    /// Behind which request the page begins; a text that is no place begins at the first one.
    pub(super) fn after(&self) -> Option<Place> {
        self.after.parse().ok()
    }

    /// Behind which removal.
    pub(super) fn after_removal(&self) -> Option<RemovalId> {
        self.removals.parse().ok().map(RemovalId)
    }

    /// Whether only late ones are shown.
    pub(super) fn is_late(&self) -> bool {
        !self.late.is_empty()
    }

    /// Whether this is not the first page.
    pub(super) fn is_further(&self) -> bool {
        self.after().is_some() || self.after_removal().is_some()
    }

    /// Whether a state is the one that is chosen.
    pub(super) fn is_state(&self, word: &str) -> bool {
        self.stage().map_or(ALL, Stage::word) == word
    }

    /// Where the same begins anew.
    pub(super) fn first(&self) -> String {
        self.link("", "")
    }

    /// Where requests go on behind the last one that is shown.
    pub(super) fn behind(&self, last: &Request) -> String {
        self.link(&Place::of(last, self.order()).to_string(), &self.removals)
    }

    /// Where removals go on behind the last one that is shown.
    pub(super) fn behind_removal(&self, last: RemovalId) -> String {
        format!("{}#removals", self.link(&self.after, &last.0.to_string()))
    }

    /// A page of the same.
    fn link(&self, after: &str, removals: &str) -> String {
        let fields = [
            ("list", &*self.list),
            ("state", &*self.state),
            ("late", &*self.late),
            ("mine", &*self.mine),
            ("second", &*self.second),
            ("kind", &*self.kind),
            ("find", &*self.find),
            ("after", after),
            ("removals", removals),
        ];
        let fields = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let fields: Vec<String> =
            fields.map(|(name, value)| format!("{name}={}", encode(value))).collect();
        match fields.is_empty() {
            true => "/queue".to_owned(),
            false => format!("/queue?{}", fields.join("&")),
        }
    }
}

/// The word for every state.
pub(super) const ALL: &str = "all";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_chosen_stays_in_links() {
        let chosen = Narrowed {
            list: "2".to_owned(),
            state: "rejected".to_owned(),
            find: "a & b".to_owned(),
            mine: "yes".to_owned(),
            kind: "requests".to_owned(),
            after: "7-8".to_owned(),
            ..Narrowed::default()
        };
        assert_eq!(
            chosen.first(),
            "/queue?list=2&state=rejected&mine=yes&kind=requests&find=a%20%26%20b"
        );
        assert_eq!(
            chosen.behind_removal(RemovalId(3)),
            "/queue?list=2&state=rejected&mine=yes&kind=requests&find=a%20%26%20b&after=7-8&removals=3#removals"
        );
        assert_eq!(Narrowed::default().first(), "/queue");
    }

    #[test]
    fn what_an_editor_had_is_shown_in_all_states_and_a_kind_alone() {
        let mine = Narrowed { mine: "yes".to_owned(), ..Narrowed::default() };
        assert_eq!(mine.stage(), None);
        assert_eq!(mine.filter(AccountId(7), Timestamp(1)).editor, Some(AccountId(7)));
        let second = Narrowed { second: "yes".to_owned(), ..Narrowed::default() };
        assert_eq!(second.stage(), None);
        assert!(second.filter(AccountId(7), Timestamp(1)).for_second);
        for (kind, shown) in [
            ("", [true, true, true]),
            ("nonsense", [true, true, true]),
            ("requests", [true, false, false]),
            ("removals", [false, true, false]),
            ("proposals", [false, false, true]),
        ] {
            let chosen = Narrowed { kind: kind.to_owned(), ..Narrowed::default() };
            assert_eq!(["requests", "removals", "proposals"].map(|one| chosen.shows(one)), shown);
        }
    }

    #[test]
    fn what_is_looked_for_is_looked_for_in_all_states() {
        let of = |state: &str, find: &str| {
            let (state, find) = (state.to_owned(), find.to_owned());
            let chosen = Narrowed { state, find, ..Narrowed::default() };
            (chosen.stage(), chosen.order())
        };
        let (waits, changed) = (Order::LongestWait, Order::LatestChange);
        assert_eq!(of("", ""), (Some(Stage::Queued), waits));
        assert_eq!(of("", "bank"), (None, changed));
        assert_eq!(of("queued", "bank"), (Some(Stage::Queued), waits));
        assert_eq!(of("all", ""), (None, changed));
        assert_eq!(of("rejected", ""), (Some(Stage::Rejected), changed));
        assert_eq!(of("nonsense", ""), (Some(Stage::Queued), waits));
    }
}
