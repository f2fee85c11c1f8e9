//! Addresses one after the other of which the same is said in a line: two of them are two lines, more are one.
//!
//! Of a network nearly all addresses are on no list, and who looks for the one that is reads no thousand lines.

use repute_dnsxl::Target;

/// Lines that are held back, as the next one may belong to them.
#[derive(Debug, Default)]
pub(super) struct Fold {
    /// The first target and the last one.
    ends: Option<(Target, Target)>,
    /// What is said of each, behind its name.
    said: String,
    /// How many there are.
    count: u64,
}

impl Fold {
    /// Takes a line about a target: what is said of it, behind its name. Returns what was held back and does not go on
    /// with it.
    pub(super) fn push(&mut self, target: &Target, said: &str) -> String {
        if let Some((_, last)) = &mut self.ends
            && self.said == said
            && follows(last, target)
        {
            *last = target.clone();
            self.count += 1;
            return String::new();
        }
        let done = self.take();
        *self =
            Fold { ends: Some((target.clone(), target.clone())), said: said.to_owned(), count: 1 };
        done
    }

    /// What is held back, with line ends.
    pub(super) fn take(&mut self) -> String {
        let Fold { ends, said, count } = std::mem::take(self);
        match (ends, count) {
            (None, _) => String::new(),
            (Some((first, _)), 1) => format!("{first}{said}\n"),
            (Some((first, last)), 2) => format!("{first}{said}\n{last}{said}\n"),
            (Some((first, last)), _) => {
                format!("{first} - {last}, {count} addresses: each{said}\n")
            }
        }
    }
}

/// Whether an address is the next one behind another.
fn follows(last: &Target, next: &Target) -> bool {
    match (last, next) {
        (Target::Ipv4(last), Target::Ipv4(next)) => {
            u32::from(*last).checked_add(1) == Some(u32::from(*next))
        }
        (Target::Ipv6(last), Target::Ipv6(next)) => {
            u128::from(*last).checked_add(1) == Some(u128::from(*next))
        }
        (Target::Ipv4(_) | Target::Ipv6(_) | Target::Name(_), _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of lines, written as target and words.
    fn folded(lines: &[(&str, &str)]) -> String {
        let mut fold = Fold::default();
        let mut shown = String::new();
        for (target, said) in lines {
            shown += &fold.push(&target.parse().expect("a target"), said);
        }
        shown + &fold.take()
    }

    #[test]
    fn three_neighbours_of_whom_the_same_is_said_are_a_line() {
        let clean = " is clean";
        assert_eq!(
            folded(&[("192.0.2.255", clean), ("192.0.3.0", clean), ("192.0.3.1", clean)]),
            "192.0.2.255 - 192.0.3.1, 3 addresses: each is clean\n"
        );
        let six = folded(&[("2001:db8::1", clean), ("2001:db8::2", clean), ("2001:db8::3", clean)]);
        assert_eq!(six, "2001:db8::1 - 2001:db8::3, 3 addresses: each is clean\n");
    }

    #[test]
    fn others_have_a_line_each() {
        let lines = [
            ("192.0.2.1", " is clean"),
            ("192.0.2.2", " is clean"),
            ("192.0.2.3", " is not"),
            ("192.0.2.4", " is clean"),
            ("192.0.2.6", " is clean"),
            ("mail.example", " is clean"),
            ("255.255.255.255", " is clean"),
            ("0.0.0.0", " is clean"),
        ];
        let each: String = lines.iter().map(|(target, said)| format!("{target}{said}\n")).collect();
        assert_eq!(folded(&lines), each);
        assert_eq!(folded(&[]), "");
    }
}
