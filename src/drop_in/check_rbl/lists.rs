//! The lists that are asked: zones of the command line and of ini files, each once.

use std::collections::HashSet;

use repute_lookup::catalogue::Catalogue;
use repute_lookup::inquiry::ListAt;
use repute_lookup::list::Access;

use crate::commands::check::lists;
use crate::exit;
use crate::plugin::clean_to;

/// Lists, as far as they can be asked.
#[derive(Debug)]
pub(super) struct Lists {
    /// Those that can.
    pub(super) asked: Vec<ListAt>,
    /// The zones that cannot, and why.
    pub(super) unusable: Vec<(String, String)>,
}

/// Finds the lists of some zones. Those that the catalogue knows are what it says; of others nothing is
/// known but that somebody wants them asked.
pub(super) fn find(servers: &[String], catalogue: &Catalogue) -> Lists {
    let mut found = Lists { asked: Vec::new(), unusable: Vec::new() };
    let mut seen = HashSet::new();
    for server in servers {
        match lists::named(std::slice::from_ref(server), catalogue, &[]) {
            Ok(named) => {
                for mut at in named {
                    // So that what is in a list by way of another one counts once, too.
                    at.list.contains = catalogue.contained_in(&at.list);
                    if seen.insert((at.list.zone.clone(), at.servers.clone())) {
                        found.asked.push(at);
                    }
                }
            }
            Err(error) => {
                let server = clean_to(server, LONGEST_SHOWN);
                // The first of the chain is which list, which is said anyway.
                let why = exit::story(error.chain().skip(1));
                if !found.unusable.iter().any(|(known, _)| *known == server) {
                    found.unusable.push((server, why));
                }
            }
        }
    }
    found
}

impl Lists {
    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.asked.len() + self.unusable.len()).unwrap_or(u32::MAX)
    }

    /// A word of the command line without the keys of lists, which no output shows.
    pub(super) fn without_keys(&self, word: &str) -> String {
        self.asked.iter().fold(word.to_owned(), |word, at| match &at.list.access {
            Access::Key(_, Some(key)) => {
                let (key, small) = (key.reveal().to_string(), word.to_ascii_lowercase());
                if small.contains(&key) { small.replace(&key, "***") } else { word }
            }
            Access::Key(_, None) | Access::Open | Access::Registration => word,
        })
    }
}

/// Characters of a zone that are shown.
const LONGEST_SHOWN: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_is_asked_once_and_a_wrong_one_is_no_reason_to_ask_none() {
        let servers = [
            "bl.example",
            "BL.example.",
            "a..b",
            "zen.spamhaus.org",
            "a..b",
            "zen.dq.spamhaus.net",
        ];
        let lists = find(&servers.map(str::to_owned), &Catalogue::shipped());
        let zones: Vec<_> = lists.asked.iter().map(|at| at.list.zone.to_string()).collect();
        assert_eq!(zones, ["bl.example", "zen.spamhaus.org"]);
        assert_eq!(lists.count(), 4);
        assert_eq!(lists.without_keys("-sX.zen.spamhaus.org"), "-sX.zen.spamhaus.org");
        let [(zone, why), (_, key)] = &lists.unusable[..] else { panic!("{:?}", lists.unusable) };
        assert!(zone == "a..b" && !why.is_empty() && key.contains("needs a key"), "{why} {key}");
    }

    #[test]
    fn a_key_in_front_of_a_zone_is_a_key_and_not_shown() {
        let servers = ["SeCret.zen.dq.spamhaus.net".to_owned()];
        let lists = find(&servers, &Catalogue::shipped());
        assert_eq!(lists.asked[0].list.zone.to_string(), "zen.dq.spamhaus.net");
        let word = lists.without_keys("--server=SeCret.zen.dq.spamhaus.net");
        assert_eq!(word, "--server=***.zen.dq.spamhaus.net");
    }
}
