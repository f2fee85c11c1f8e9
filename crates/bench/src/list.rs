//! The lists that are measured: which there are, how they are called, made and written.
//!
//! Their shape is that of real feeds: single addresses cluster in few hot /16s, networks lie among them
//! and elsewhere, entries stand in groups under a default line whose text carries the target.
//!
//! Which queries are asked of them is in [`mod@crate::queries`].

mod addresses;
mod names;
mod networks6;

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

pub(crate) use addresses::{Addresses, reversed};
pub(crate) use names::{Names, Reach, domain};
pub(crate) use networks6::Networks6;

/// One of the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    /// 1M IPv4 entries: 70 % single addresses, 30 % networks from /24 to /29.
    Mixed,
    /// 1M single IPv4 addresses: what a general name server can hold too.
    Hosts,
    /// 10M IPv4 entries, mixed as [`List::Mixed`].
    Huge,
    /// 100k IPv6 networks, all /64.
    Networks6,
    /// 200k domain names, 60 % with all names below them.
    Names,
}

impl List {
    /// All lists.
    pub(crate) const ALL: [List; 5] =
        [List::Mixed, List::Hosts, List::Huge, List::Networks6, List::Names];

    /// What the tables call it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            List::Mixed => "IPv4 mixed",
            List::Hosts => "IPv4 /32 only",
            List::Huge => "IPv4 mixed, 10 times as many",
            List::Networks6 => "IPv6 /64",
            List::Names => "names",
        }
    }

    /// The zone it is served as.
    pub(crate) fn apex(self) -> &'static str {
        match self {
            List::Mixed | List::Hosts | List::Huge => "bl.test",
            List::Networks6 => "bl6.test",
            List::Names => "dn.test",
        }
    }

    /// The name of its files, without what follows the dot.
    fn stem(self) -> &'static str {
        match self {
            List::Mixed => "mixed",
            List::Hosts => "hosts",
            List::Huge => "huge",
            List::Networks6 => "networks6",
            List::Names => "names",
        }
    }

    /// rbldnsd's data set type that fits it best.
    pub(crate) fn rbldnsd_type(self) -> &'static str {
        match self {
            List::Mixed | List::Hosts | List::Huge => "ip4trie",
            List::Networks6 => "ip6trie",
            List::Names => "dnset",
        }
    }
}

/// Where lists are kept, and how large they are.
#[derive(Clone, Debug)]
pub(crate) struct Lists {
    /// The folder.
    pub(crate) folder: PathBuf,
    /// The seed of all randomness.
    pub(crate) seed: u64,
    /// Entries of [`List::Mixed`] and of [`List::Hosts`].
    pub(crate) addresses: usize,
    /// Entries of [`List::Huge`].
    pub(crate) huge: usize,
    /// Entries of [`List::Networks6`].
    pub(crate) networks6: usize,
    /// Entries of [`List::Names`].
    pub(crate) names: usize,
}

impl Lists {
    /// How many entries a list has.
    pub(crate) fn entries(&self, list: List) -> usize {
        match list {
            List::Mixed | List::Hosts => self.addresses,
            List::Huge => self.huge,
            List::Networks6 => self.networks6,
            List::Names => self.names,
        }
    }

    /// The list in rbldnsd's format.
    pub(crate) fn text(&self, list: List) -> PathBuf {
        self.folder.join(format!("{}-{}-{}.rbl", list.stem(), self.entries(list), self.seed))
    }

    /// The list of single addresses as a master file, for general name servers.
    pub(crate) fn master(&self) -> PathBuf {
        self.text(List::Hosts).with_extension("zone")
    }

    /// Writes the files of a list that are not there yet.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(crate) fn prepare(&self, list: List) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let text = self.text(list);
        match list {
            List::Mixed | List::Huge => {
                write_once(&text, |out| self.addresses(list).write_text(out))
            }
            List::Hosts => {
                write_once(&text, |out| self.addresses(list).write_text(out))?;
                write_once(&self.master(), |out| self.addresses(list).write_master(out))
            }
            List::Networks6 => write_once(&text, |out| self.networks6().write_text(out)),
            List::Names => write_once(&text, |out| self.names().write_text(out)),
        }
    }

    /// Makes one of the IPv4 lists.
    pub(crate) fn addresses(&self, list: List) -> Addresses {
        let share = if list == List::Hosts { 100 } else { 70 };
        Addresses::generate(self.seed, self.entries(list), share)
    }

    /// Makes the IPv6 list.
    pub(crate) fn networks6(&self) -> Networks6 {
        Networks6::generate(self.seed, self.networks6)
    }

    /// Makes the list of names.
    pub(crate) fn names(&self) -> Names {
        Names::generate(self.seed, self.names)
    }
}

/// Writes a file under another name and renames it, so that a half-written one is never taken for whole.
fn write_once(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<fs::File>) -> io::Result<()>,
) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let unfinished = path.with_extension("unfinished");
    let mut out = BufWriter::with_capacity(1 << 20, fs::File::create(&unfinished)?);
    write(&mut out)?;
    out.into_inner()?.sync_all()?;
    fs::rename(unfinished, path)
}

/// The return codes (the last octet of 127.0.0.N), how many of 100 entries have each, and their texts.
const CODES: [(u8, u64, &str); 5] = [
    (2, 40, "Spam source"),
    (3, 25, "Snowshoe range"),
    (4, 20, "Exploited host"),
    (9, 10, "Dropped network"),
    (11, 5, "Policy listing"),
];

/// The text of a group, before the target.
const SEE: &str = ", see https://www.example.org/query/ip/";

/// Writes what every list begins with, as real feeds do.
fn write_header(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "$SOA 3600 ns1.example.org hostmaster.example.org 0 600 300 86400 300")?;
    writeln!(out, "$NS 3600 ns1.example.org ns2.example.org")?;
    writeln!(out, "$TTL 2100")?;
    write_group(out, CODES[0].0, CODES[0].2)
}

/// Writes the default line of a group.
fn write_group(out: &mut impl Write, code: u8, text: &str) -> io::Result<()> {
    writeln!(out, ":{code}:{text}{SEE}$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_shares_are_as_asked() {
        let lists = Lists {
            folder: PathBuf::new(),
            seed: 1,
            addresses: 10_000,
            huge: 0,
            networks6: 500,
            names: 800,
        };
        let mixed = lists.addresses(List::Mixed);
        assert_eq!(mixed.entries.len(), 10_000);
        assert_eq!(mixed.entries.iter().filter(|entry| entry.len == 32).count(), 7_000);
        assert!(lists.addresses(List::Hosts).entries.iter().all(|entry| entry.len == 32));
        assert_eq!(lists.networks6().entries.len(), 500);
        assert_eq!(lists.names().entries.len(), 800);
        let mut text = Vec::new();
        mixed.write_text(&mut text).unwrap();
        assert_eq!(text.split(|byte| *byte == b'\n').count(), 10_000 + 4 + CODES.len() + 1);
    }
}
