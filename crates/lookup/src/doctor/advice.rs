//! What a diagnosis comes to: one sentence that says what to mend.

use super::{Attitude, Diagnosis, Examined, Manners, Recursion};

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Nothing.
    Fine,
    /// These, what matters most first.
    Mend(Vec<String>),
    /// No resolver answers, so nothing is known.
    CannotTell(String),
}

impl Diagnosis {
    /// What to do.
    pub fn advice(&self) -> Advice {
        let names: Vec<String> = self.resolvers.iter().map(|one| one.address.to_string()).collect();
        if self.resolvers.iter().all(|one| one.manners.is_none()) {
            return Advice::CannotTell(format!(
                "no resolver answers ({}): start one on this machine, or name another with --resolver",
                names.join(", ")
            ));
        }
        let mut mend: Vec<(u8, String)> = Vec::new();
        for one in &self.resolvers {
            match &one.manners {
                Some(manners) => one.complain(manners, &mut mend),
                None => mend.push((
                    LATER,
                    format!(
                        "take {} out of the resolvers: it does not answer, and look-ups wait for it",
                        one.address
                    ),
                )),
            }
        }
        // What was found of one resolver stays in its order.
        mend.sort_by_key(|(weight, _)| *weight);
        match mend.is_empty() {
            true => Advice::Fine,
            false => Advice::Mend(mend.into_iter().map(|(_, text)| text).collect()),
        }
    }
}

impl Examined {
    /// Adds what is wrong with a resolver that answers.
    fn complain(&self, manners: &Manners, mend: &mut Vec<(u8, String)>) {
        let address = self.address;
        match manners.recursion {
            Recursion::Yes => {}
            Recursion::Refused => {
                let text = format!(
                    "have {address} answer this machine (its access list), or ask another: it refuses us"
                );
                return mend.push((FIRST, text));
            }
            Recursion::No => {
                let text =
                    format!("ask another resolver: {address} answers for zones of its own only");
                return mend.push((FIRST, text));
            }
        }
        if let Some(made_up) = manners.rewrites {
            let text = format!(
                "ask another resolver, or have this taken off it: {address} answers {made_up} for names that do \
                 not exist, so that dead lists seem to live"
            );
            mend.push((FIRST, text));
        }
        if let Some(text) = self.not_your_own(manners) {
            mend.push((SECOND, text));
        }
        let silent =
            manners.lists.iter().filter(|says| matches!(says.attitude, Attitude::Silent(_)));
        if !manners.sees_root {
            // A list that answers all the same may be served next door.
            let text = format!(
                "look after the way out of {address}: it does not find the root of the DNS, and {} of {} lists say \
                 nothing of use",
                silent.count(),
                manners.asked
            );
            mend.push((SECOND, text));
        }
        if !manners.tcp {
            let text = format!("let TCP through to {address}: long answers need it");
            mend.push((THIRD, text));
        }
    }

    /// What to do if lists see a resolver that is not one's own, or block the one they see.
    fn not_your_own(&self, manners: &Manners) -> Option<String> {
        let blocked: Vec<(String, &str)> = manners
            .lists
            .iter()
            .filter_map(|says| match &says.attitude {
                Attitude::Blocks(why) => Some((says.zone.to_string(), &**why)),
                Attitude::Answers | Attitude::Silent(_) => None,
            })
            .collect();
        let public = manners.seen_as.iter().find_map(|seen| Some((seen.address, seen.operator?)));
        let seen = manners.seen_as.first().map_or(self.address.ip(), |seen| seen.address);
        let consequence = match &blocked[..] {
            [] => "lists do not answer such".to_owned(),
            [(zone, why)] => format!("{zone} does not answer it: {why}"),
            [(zone, why), ..] => {
                format!("{} lists do not answer it, as {zone}: {why}", blocked.len())
            }
        };
        match (self.operator, public) {
            (Some(operator), _) => Some(format!(
                "run a resolver of your own, such as Unbound on this machine: {} is the public one of {operator}, and \
                 {consequence}",
                self.address
            )),
            (None, Some((address, operator))) => Some(format!(
                "have {} ask by itself and not forward to others: its questions come from {address}, the public \
                 resolver of {operator}, and {consequence}",
                self.address
            )),
            (None, None) if !blocked.is_empty() => Some(format!(
                "run a resolver of your own that does not forward, or get leave to ask so much: {} is seen as {seen}, \
                 and {consequence}",
                self.address
            )),
            (None, None) => None,
        }
    }
}

/// What makes answers wrong.
const FIRST: u8 = 0;
/// What makes them missing.
const SECOND: u8 = 1;
/// What makes some of them missing.
const THIRD: u8 = 2;
/// What makes them late.
const LATER: u8 = 3;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::doctor::{ListSays, SeenAs};

    /// A resolver without fault.
    fn well() -> Manners {
        Manners {
            took: Duration::from_millis(1),
            recursion: Recursion::Yes,
            edns: Some(1232),
            keeps_case: true,
            rewrites: None,
            sees_root: true,
            validates: true,
            tcp: true,
            seen_as: Vec::new(),
            lists: Vec::new(),
            asked: 2,
        }
    }

    /// The resolver at an address, as it was found.
    fn one(address: &str, manners: Option<Manners>) -> Examined {
        let address: std::net::SocketAddr = address.parse().expect("an address");
        let operator = crate::resolver::public_operator(address.ip());
        Examined { address, operator, manners }
    }

    fn advice(resolvers: Vec<Examined>) -> Advice {
        Diagnosis { resolvers }.advice()
    }

    /// The first sentence about a resolver with a fault.
    fn first(address: &str, fault: impl FnOnce(&mut Manners)) -> String {
        let mut manners = well();
        fault(&mut manners);
        match advice(vec![one(address, Some(manners))]) {
            Advice::Mend(mend) => mend[0].clone(),
            other => panic!("{other:?}"),
        }
    }

    fn says(zone: &str, attitude: Attitude) -> ListSays {
        ListSays { zone: zone.parse().expect("a name"), attitude, words: Vec::new() }
    }

    fn blocks(zone: &str) -> ListSays {
        says(zone, Attitude::Blocks("no public resolvers (127.255.255.254)".to_owned()))
    }

    fn seen_as(address: &str) -> SeenAs {
        let address = address.parse().expect("an address");
        let operator = crate::resolver::public_operator(address);
        SeenAs { by: "who.example".parse().expect("a name"), address, host: None, operator }
    }

    #[test]
    fn a_resolver_without_fault_needs_nothing() {
        let mut plain = well();
        // What is good to have but no fault of answers.
        (plain.validates, plain.keeps_case, plain.edns) = (false, false, None);
        plain.lists = vec![says("bl.example", Attitude::Silent("SERVFAIL".to_owned()))];
        plain.seen_as = vec![seen_as("192.0.2.53")];
        assert_eq!(advice(vec![one("127.0.0.1:53", Some(plain))]), Advice::Fine);
    }

    #[test]
    fn each_fault_has_its_remedy() {
        for (found, expect) in [
            (
                first("127.0.0.1:53", |m| m.recursion = Recursion::Refused),
                "have 127.0.0.1:53 answer this machine",
            ),
            (
                first("127.0.0.1:53", |m| m.recursion = Recursion::No),
                "ask another resolver: 127.0.0.1:53",
            ),
            (
                first("127.0.0.1:53", |m| m.rewrites = Some([192, 0, 2, 1].into())),
                "ask another resolver, or have this taken off it: 127.0.0.1:53 answers 192.0.2.1",
            ),
            (first("127.0.0.1:53", |m| m.tcp = false), "let TCP through to 127.0.0.1:53"),
            (
                first("9.9.9.9:53", |_| {}),
                "run a resolver of your own, such as Unbound on this machine: 9.9.9.9:53 is the public one of Quad9, \
                 and lists do not answer such",
            ),
            (
                first("127.0.0.1:53", |m| {
                    m.seen_as = vec![seen_as("8.8.8.8")];
                    m.lists = vec![blocks("bl.example")];
                }),
                "have 127.0.0.1:53 ask by itself and not forward to others: its questions come from 8.8.8.8, the \
                 public resolver of Google, and bl.example does not answer it: no public resolvers (127.255.255.254)",
            ),
            (
                first("127.0.0.1:53", |m| {
                    m.seen_as = vec![seen_as("192.0.2.53")];
                    m.lists = vec![blocks("a.example"), blocks("b.example")];
                }),
                "run a resolver of your own that does not forward, or get leave to ask so much: 127.0.0.1:53 is seen as \
                 192.0.2.53, and 2 lists do not answer it, as a.example: no public",
            ),
            (
                first("127.0.0.1:53", |m| {
                    m.sees_root = false;
                    m.lists = vec![says("a.example", Attitude::Silent("SERVFAIL".to_owned()))];
                }),
                "look after the way out of 127.0.0.1:53: it does not find the root of the DNS, and 1 of 2 lists say \
                 nothing of use",
            ),
        ] {
            assert!(found.starts_with(expect), "{found}");
        }
    }

    #[test]
    fn what_makes_answers_wrong_comes_first() {
        let mut slow = well();
        slow.tcp = false;
        let mut lying = well();
        lying.rewrites = Some([192, 0, 2, 1].into());
        let all = vec![
            one("192.0.2.1:53", None),
            one("127.0.0.1:53", Some(slow)),
            one("127.0.0.2:53", Some(lying)),
        ];
        let Advice::Mend(mend) = advice(all) else { panic!("there is something") };
        let starts: Vec<&str> = mend.iter().map(|text| &text[..14]).collect();
        assert_eq!(starts, ["ask another re", "let TCP throug", "take 192.0.2.1"]);
        let nobody = advice(vec![one("192.0.2.1:53", None)]);
        assert!(matches!(nobody, Advice::CannotTell(why) if why.contains("192.0.2.1:53")));
    }
}
