//! rbldnsd's list files, of every type, with the types its rspamd fork added and our own two.
//!
//! One reader for all: lines are specials (`$SOA` ...), comments or entries, and an entry is a key of
//! the data set's type and a value. The meaning of each is rbldnsd(8)'s; DESIGN is that an existing
//! file answers as before. `combined` files hold several data sets, each a [`Part`].

mod acl;
pub(super) mod address;
pub(super) mod fault;
mod generic;
pub(super) mod name;
mod special;
pub(super) mod value;

use std::sync::Arc;

use crate::dataset::generic::GenericEntries;
use crate::dataset::ipv4_entries::Ipv4Entries;
use crate::dataset::ipv6::Ipv6Entries;
use crate::dataset::names_entries::{NamesEntries, Repeats};
use crate::dataset::{
    Addresses, Branch, Content, Dataset, DatasetKind, Header, Names, TooMany, distinct,
};
use crate::fault::Problem;
use crate::format::written::{self, Written};
use crate::format::{Input, Loaded, Progress, ReadError, ReadOptions, Trace, for_each_line};
use crate::resolve::Overlap;

use acl::{AclEntries, KeyEntries};
use value::Answers;

/// Reads files as one data set.
///
/// # Errors
/// If a file cannot be read, or says of itself that it must not be used.
pub fn read(
    kind: DatasetKind,
    inputs: Vec<Input<'_>>,
    options: &ReadOptions,
) -> Result<Loaded, ReadError> {
    let (reader, progress) = read_lines(kind, inputs, options)?;
    reader.finish(progress)
}

/// Reads files as entries, at the apex.
///
/// # Errors
/// If a file cannot be read, or says of itself that it must not be used.
pub fn written(
    kind: DatasetKind,
    inputs: Vec<Input<'_>>,
    options: &ReadOptions,
) -> Result<Written, ReadError> {
    let (reader, progress) = read_lines(kind, inputs, options)?;
    Ok(reader.finish_written(progress))
}

/// Reads files.
fn read_lines<'o>(
    kind: DatasetKind,
    inputs: Vec<Input<'_>>,
    options: &'o ReadOptions,
) -> Result<(Reader<'o>, Progress), ReadError> {
    let mut reader = Reader::new(kind, options);
    let mut progress = Progress::new(options);
    for mut input in inputs {
        reader.main.header.modified = reader.main.header.modified.max(input.modified);
        reader.main.answers.start_file();
        reader.in_part = false;
        for_each_line(&mut input, options.dialect, &mut progress, |line, progress| {
            reader.line(line, progress)
        })?;
    }
    Ok((reader, progress))
}

/// A file being read.
struct Reader<'o> {
    options: &'o ReadOptions,
    /// The data set itself; for `combined` only its header counts.
    main: Part,
    /// The data sets inside a `combined` one; the last is the current one.
    parts: Vec<Part>,
    /// Whether lines go to the current part: not before the first `$DATASET` of each file.
    in_part: bool,
    /// Largest IPv4 network, in addresses.
    max_range: Option<u64>,
    trace: Trace,
}

/// A data set being read.
struct Part {
    kind: DatasetKind,
    header: Header,
    /// Names below the apex where it is served, inside `combined`.
    branches: Vec<Box<[u8]>>,
    answers: Answers,
    entries: Entries,
}

/// Entries by kind.
enum Entries {
    Addresses { v4: Ipv4Entries, v6: Ipv6Entries },
    Names(NamesEntries),
    Generic(GenericEntries),
    Combined,
    Acl(AclEntries),
    Keys(KeyEntries),
}

impl Entries {
    /// How many there are.
    fn len(&self) -> usize {
        match self {
            Entries::Addresses { v4, v6 } => v4.len() + v6.len(),
            Entries::Names(names) => names.len(),
            Entries::Generic(records) => records.len(),
            Entries::Combined => 0,
            Entries::Acl(acl) => acl.len(),
            Entries::Keys(keys) => keys.len(),
        }
    }
}

impl<'o> Reader<'o> {
    fn new(kind: DatasetKind, options: &'o ReadOptions) -> Reader<'o> {
        Reader {
            options,
            main: Part::new(kind, options.default_ttl),
            parts: Vec::new(),
            in_part: false,
            max_range: None,
            trace: Trace::new(kind, options.trace.as_ref()),
        }
    }

    #[inline]
    fn line(&mut self, line: &[u8], progress: &mut Progress) -> Result<(), ReadError> {
        match line {
            [] => return Ok(()),
            [b'$', special @ ..] | [b'#' | b';' | b':', b'$', special @ ..] => {
                progress.lines += 1;
                if let Err(Bad { at, problem }) = self.special(line, special, progress)? {
                    progress.fault(line, at, problem);
                }
                return Ok(());
            }
            [b'#' | b';', ..] => return Ok(()),
            _ => {}
        }
        progress.lines += 1;
        self.entry(line, progress)
    }

    #[inline]
    fn entry(&mut self, line: &[u8], progress: &mut Progress) -> Result<(), ReadError> {
        use DatasetKind as Kind;
        let Reader { options, main, parts, in_part, max_range, trace } = self;
        let part = if *in_part { parts.last_mut().unwrap_or(main) } else { main };
        let result = match part.kind {
            Kind::Ip4set | Kind::Ip4trie | Kind::Addresses | Kind::Ip6trie => {
                address::entry(part, line, options, *max_range, trace, progress)
            }
            Kind::Ip4tset | Kind::Ip6tset => address::plain_entry(part, line, trace, progress),
            Kind::Dnset | Kind::Dnhash | Kind::Names => name::entry(part, line, trace, progress),
            Kind::Generic => generic::entry(part, line, options, trace, progress),
            Kind::Acl => acl::address_entry(part, line, options, *max_range, progress),
            Kind::Aclkey => return acl::key_entry(part, line, progress),
            Kind::Combined => {
                let (name, line) = (Arc::clone(&progress.source), progress.line);
                return Err(ReadError::BeforeDataset { name, line });
            }
        };
        if let Err(Bad { at, problem }) = result {
            progress.fault(line, at, problem);
        }
        Ok(())
    }

    /// The entries of the data sets at the apex.
    fn finish_written(self, progress: Progress) -> Written {
        let Progress { faults, lines, .. } = progress;
        let is_combined = self.main.kind == DatasetKind::Combined;
        let parts = if is_combined { self.parts } else { vec![self.main] };
        let (mut written, mut elsewhere) = (Vec::new(), 0);
        for mut part in parts {
            let is_at_apex = !is_combined || part.branches.iter().any(|name| name.is_empty());
            // The one answer of these types may stand anywhere in the file.
            if matches!(part.kind, DatasetKind::Ip4tset | DatasetKind::Ip6tset) {
                part.answers.default_value();
            }
            let (mut v4, mut v6, mut names) = Default::default();
            let count = part.entries.len();
            match part.entries {
                Entries::Addresses { v4: v4_of, v6: v6_of } if is_at_apex => {
                    (v4, v6) = (v4_of, v6_of);
                }
                Entries::Names(names_of) if is_at_apex => names = names_of,
                Entries::Addresses { .. }
                | Entries::Names(_)
                | Entries::Generic(_)
                | Entries::Combined
                | Entries::Acl(_)
                | Entries::Keys(_) => elsewhere += count as u64,
            }
            written.push(written::Part { v4, v6, names, values: part.answers.finish() });
        }
        Written::new(written, faults, lines, elsewhere)
    }

    fn finish(self, progress: Progress) -> Result<Loaded, ReadError> {
        let name = Arc::clone(&progress.source);
        let too_many = |many| ReadError::TooMany { name: Arc::clone(&name), many };
        let mut duplicates = 0;
        let mut main = self.main;
        let modified = main.header.modified;
        let mut branches: Vec<Branch> = Vec::new();
        for mut part in self.parts {
            part.header.modified = modified;
            let suffixes = std::mem::take(&mut part.branches);
            let dataset = Arc::new(part.finish(&mut duplicates).map_err(too_many)?);
            for suffix in suffixes {
                match branches.iter_mut().find(|b| b.suffix == suffix) {
                    Some(branch) => branch.datasets.push(Arc::clone(&dataset)),
                    None => {
                        let labels = crate::dataset::names::label_count(&suffix);
                        let datasets = vec![Arc::clone(&dataset)];
                        branches.push(Branch { suffix, labels, datasets });
                    }
                }
            }
        }
        let dataset = if main.kind == DatasetKind::Combined {
            let entries = distinct(&branches).map(|dataset| dataset.entries).sum();
            let header = std::mem::take(&mut main.header);
            Dataset { kind: main.kind, header, content: Content::Combined(branches), entries }
        } else {
            main.finish(&mut duplicates).map_err(too_many)?
        };
        let Progress { faults, lines, .. } = progress;
        Ok(Loaded { dataset, faults, lines, duplicates, trace: self.trace.finish() })
    }
}

impl Part {
    fn new(kind: DatasetKind, ttl: u32) -> Part {
        use DatasetKind as Kind;
        let entries = match kind {
            Kind::Ip4set
            | Kind::Ip4tset
            | Kind::Ip4trie
            | Kind::Ip6tset
            | Kind::Ip6trie
            | Kind::Addresses => {
                Entries::Addresses { v4: Ipv4Entries::default(), v6: Ipv6Entries::default() }
            }
            Kind::Dnset | Kind::Dnhash | Kind::Names => Entries::Names(NamesEntries::default()),
            Kind::Generic => Entries::Generic(GenericEntries::default()),
            Kind::Combined => Entries::Combined,
            Kind::Acl => Entries::Acl(AclEntries::default()),
            Kind::Aclkey => Entries::Keys(KeyEntries::default()),
        };
        let header = Header { ttl, ..Header::default() };
        Part { kind, header, branches: Vec::new(), answers: Answers::new(), entries }
    }

    /// Builds the data set.
    fn finish(self, duplicates: &mut u64) -> Result<Dataset, TooMany> {
        use DatasetKind as Kind;
        let Part { kind, header, mut answers, entries, .. } = self;
        let count;
        let content = match entries {
            Entries::Addresses { v4, v6 } => {
                count = v4.len() + v6.len();
                if matches!(kind, Kind::Ip4tset | Kind::Ip6tset) {
                    // The one answer of these types may stand anywhere in the file.
                    answers.default_value();
                }
                let overlap = match kind {
                    Kind::Ip4set => Overlap::AllOfClass,
                    Kind::Ip4trie | Kind::Ip6trie => Overlap::FirstOfLongest,
                    _ => Overlap::AllOfLongest,
                };
                let v4 = (v4.len() > 0).then(|| {
                    let (index, dropped) = v4.index(overlap, &mut answers.values);
                    *duplicates += dropped;
                    index
                });
                let mut v6_index = None;
                if v6.len() > 0 {
                    let (index, dropped) = v6.index(overlap, &mut answers.values)?;
                    *duplicates += dropped;
                    v6_index = Some(index);
                }
                answers.values.check_room(0)?;
                Content::Addresses(Box::new(Addresses {
                    v4,
                    v6: v6_index,
                    values: answers.finish(),
                }))
            }
            Entries::Names(names) => {
                count = names.len();
                let repeats = match kind {
                    Kind::Dnhash => Repeats::Last,
                    _ => Repeats::Together,
                };
                let index = names.index(repeats, &mut answers.values)?;
                answers.values.check_room(0)?;
                Content::Names(Box::new(Names { index, values: answers.finish() }))
            }
            Entries::Generic(records) => {
                count = records.len();
                Content::Generic(Box::new(records.index()?))
            }
            Entries::Combined => {
                count = 0;
                Content::Combined(Vec::new())
            }
            Entries::Acl(acl) => {
                count = acl.len();
                Content::Acl(Box::new(acl.finish(answers, duplicates)?))
            }
            Entries::Keys(keys) => {
                count = keys.len();
                Content::Keys(Box::new(keys.finish(answers)))
            }
        };
        Ok(Dataset { kind, header, content, entries: count as u64 })
    }
}

/// Why a line does not count: where, and what is wrong there.
#[derive(Debug)]
pub(super) struct Bad {
    /// The byte from which on it is wrong.
    pub(super) at: usize,
    /// What is wrong.
    pub(super) problem: Problem,
}

impl Bad {
    fn expected(at: usize, what: &'static str) -> Bad {
        Bad { at, problem: Problem::Expected(what) }
    }

    /// The same in a line in which what was looked at begins at a place.
    pub(super) fn at(self, start: usize) -> Bad {
        Bad { at: start + self.at, ..self }
    }
}

/// Whether a byte is a blank of rbldnsd's grammar.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Without blanks at the start.
fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|b| is_blank(**b)).count();
    &text[blanks..]
}

/// Divides at the first blank; blanks after the word are skipped.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| is_blank(*b)).unwrap_or(text.len());
    (&text[..end], skip_blanks(&text[end..]))
}

/// Whether a text is at its end or at a comment.
fn is_over(text: &[u8]) -> bool {
    matches!(text.first(), None | Some(b'#' | b';'))
}
