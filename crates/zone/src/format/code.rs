//! Return codes that the users of a list do not expect: outside 127.0.0.0/8, or not declared.
//!
//! RFC 5782 section 2.1 has lists answer in 127.0.0.0/8, and filters take other answers for a broken
//! list or for a hit on everything. The codes a zone declares are what its users act on: one that is
//! missing there is a slip in the data or in the declaration. Neither takes an entry away, and each is told
//! once, as it is mostly the same in all lines.

use std::collections::HashSet;

use repute_dnsxl::ReturnCode;

use crate::fault::Problem;
use crate::format::{Progress, ReadOptions};
use crate::zone::Dialect;

/// What is known of the codes of a source.
pub(crate) struct Codes {
    /// The code that was judged last: neighbours are often equal. None is 0.0.0.0.
    last: [u8; 4],
    /// Whether anything is told: rbldnsd tells nothing.
    is_native: bool,
    /// Those the zone declares; empty if it declares none.
    declared: HashSet<[u8; 4]>,
    /// Those that are not declared and were told.
    told: HashSet<[u8; 4]>,
    /// Whether one outside 127.0.0.0/8 was told in this file.
    told_outside: bool,
}

impl Codes {
    /// Nothing told yet.
    pub(crate) fn new(options: &ReadOptions) -> Codes {
        Codes {
            last: [0; 4],
            is_native: options.dialect == Dialect::Native,
            declared: options.codes.iter().map(|code| code.0.octets()).collect(),
            told: HashSet::new(),
            told_outside: false,
        }
    }

    /// Begins another file of the source.
    pub(crate) fn start_file(&mut self) {
        (self.last, self.told_outside) = ([0; 4], false);
    }
}

impl Progress {
    /// Looks at the code of an entry, or of an answer for many, that stands at a place in a line.
    #[inline]
    pub(crate) fn judge_code(&mut self, line: &[u8], at: usize, code: [u8; 4]) {
        if self.codes.last != code && self.codes.is_native {
            self.judge_new_code(line, at, code);
        }
    }

    /// The same for a code that the line before did not have.
    #[cold]
    fn judge_new_code(&mut self, line: &[u8], at: usize, code: [u8; 4]) {
        self.codes.last = code;
        let shown = ReturnCode(code.into());
        if !shown.is_conventional() && !self.codes.told_outside {
            self.codes.told_outside = true;
            self.fault(line, at, Problem::CodeOutside(shown));
        }
        let declared = &self.codes.declared;
        if !declared.is_empty() && !declared.contains(&code) && self.codes.told.insert(code) {
            self.fault(line, at, Problem::CodeUndeclared(shown));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::dataset::DatasetKind;
    use crate::format::{Input, rbldnsd};

    /// What is said of the codes of files, by file, line and column.
    fn said(kind: DatasetKind, dialect: Dialect, codes: &[&str], files: &[&str]) -> Vec<String> {
        let codes = codes.iter().map(|code| code.parse().expect("a code")).collect();
        let options = ReadOptions { dialect, codes, ..ReadOptions::default() };
        let inputs = files.iter().enumerate().map(|(n, text)| Input {
            name: Arc::from(format!("{n}")),
            reader: Box::new(text.as_bytes()),
            modified: 0,
        });
        let loaded = rbldnsd::read(kind, inputs.collect(), &options).expect("memory can be read");
        assert_eq!(loaded.faults.errors(), 0, "the entries count");
        loaded.faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn codes_outside_127_are_told_once_a_file() {
        let outside = |place: &str, code: &str| {
            format!(
                "{place}: {code} is outside 127.0.0.0/8, where clients expect return codes (RFC 5782)"
            )
        };
        let files = [
            "192.0.2.1 :192.0.2.9:x\n192.0.2.2 :192.0.2.10:y\n192.0.2.3 :3:",
            "!192.0.2.4\n192.0.2.5 :3:\n:10.0.0.1:default\n192.0.2.6\n192.0.2.7 own text\n192.0.2.8 :4:",
        ];
        for kind in [DatasetKind::Ip4set, DatasetKind::Ip4trie, DatasetKind::Addresses] {
            let expect = [outside("0:1:11", "192.0.2.9"), outside("1:4:1", "10.0.0.1")];
            assert_eq!(said(kind, Dialect::Native, &[], &files), expect, "{kind}");
            assert_eq!(said(kind, Dialect::Rbldnsd, &["2"], &files), [""; 0], "{kind}");
        }
        let only = ":192.0.2.9:x\n192.0.2.1";
        let expect = [outside("0:1:1", "192.0.2.9")];
        assert_eq!(said(DatasetKind::Ip4tset, Dialect::Native, &[], &[only]), expect);
        // A record of a generic data set is any address.
        let records = "www A 192.0.2.1\n";
        assert_eq!(said(DatasetKind::Generic, Dialect::Native, &["2"], &[records]), [""; 0]);
    }

    #[test]
    fn codes_that_are_not_declared_are_told_once_a_source() {
        let missing = |place: &str, code: &str| {
            format!(
                "{place}: {code} is not among the zone's `return-codes`: add it there, or correct it"
            )
        };
        let files = [
            "a.example :3:x\nb.example\n!c.example :9:\nd.example :127.0.0.4:y\ne.example :3:z",
            "f.example\ng.example :3:x\nh.example :6:x",
        ];
        for kind in [DatasetKind::Dnset, DatasetKind::Names] {
            let expect = [
                missing("0:2:1", "127.0.0.2"),
                missing("0:4:11", "127.0.0.4"),
                missing("1:3:11", "127.0.0.6"),
            ];
            assert_eq!(said(kind, Dialect::Native, &["3"], &files), expect);
            assert_eq!(said(kind, Dialect::Native, &[], &files), [""; 0]);
            assert_eq!(said(kind, Dialect::Rbldnsd, &["3"], &files), [""; 0]);
        }
        let combined =
            "$DATASET dnset names\na.example :3:\n$DATASET ip4set @\n1.2.3.4 :4:\n1.2.3.5 :3:";
        let expect = [missing("0:4:9", "127.0.0.4")];
        assert_eq!(said(DatasetKind::Combined, Dialect::Native, &["3"], &[combined]), expect);
    }
}
