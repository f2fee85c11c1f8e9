//! Entries of access lists: a client's network (`acl`) or key (`aclkey`), and what it is told.

use std::collections::HashMap;
use std::sync::Arc;

use crate::dataset::TooMany;
use crate::dataset::acl::{Acl, Action, Keys};
use crate::dataset::ipv4_entries::Ipv4Entries;
use crate::dataset::ipv6::Ipv6Entries;
use crate::format::rbldnsd::fault::{self, Most};
use crate::format::rbldnsd::value::{Answer, Answers, parse};
use crate::format::rbldnsd::{Bad, Entries, Part, address, is_blank, is_over, skip_blanks};
use crate::format::{Progress, ReadError, ReadOptions};
use crate::resolve::Overlap;
use crate::value::{ValueBuilder, ValueId};

/// An access list by address being read.
pub(super) struct AclEntries {
    v4: Ipv4Entries,
    v6: Ipv6Entries,
    /// Actions; a client's value is the place of its action. Place 0 is none.
    actions: Vec<Action>,
    default: Action,
}

impl Default for AclEntries {
    fn default() -> Self {
        AclEntries {
            v4: Ipv4Entries::default(),
            v6: Ipv6Entries::default(),
            actions: vec![Action::Pass],
            default: Action::Ignore,
        }
    }
}

impl AclEntries {
    /// How many clients have an action.
    pub(super) fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Builds the access list.
    pub(super) fn finish(self, answers: Answers, duplicates: &mut u64) -> Result<Acl, TooMany> {
        let overlap = Overlap::FirstOfLongest;
        let (v4, dropped4) = self.v4.index(overlap, &mut ValueBuilder::default());
        let (v6, dropped6) = self.v6.index(overlap, &mut ValueBuilder::default())?;
        *duplicates += dropped4 + dropped6;
        Ok(Acl { v4, v6, actions: self.actions, values: answers.finish() })
    }
}

/// An access list by key being read.
pub(super) struct KeyEntries {
    keys: HashMap<Box<[u8]>, Action>,
    default: Action,
}

impl Default for KeyEntries {
    fn default() -> Self {
        KeyEntries { keys: HashMap::new(), default: Action::Ignore }
    }
}

impl KeyEntries {
    /// How many keys have an action.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Builds the access list.
    pub(super) fn finish(self, answers: Answers) -> Keys {
        Keys { keys: self.keys, default: self.default, values: answers.finish() }
    }
}

/// Reads an entry or a default line of `acl`.
pub(super) fn address_entry(
    part: &mut Part,
    line: &[u8],
    options: &ReadOptions,
    max_range: Option<u64>,
    progress: &mut Progress,
) -> Result<(), Bad> {
    if is_default_line(line) {
        let default = default_action(&mut part.answers, line, progress)?;
        if let Entries::Acl(acl) = &mut part.entries {
            acl.default = default;
        }
        return Ok(());
    }
    let v4 = address::ipv4(line, false).filter(|(_, rest)| address::is_end_of_key(rest));
    let v6 = || address::ipv6(line).filter(|(_, _, rest)| address::is_end_of_key(rest));
    let (network, rest) = if let Some((key, rest)) = v4 {
        let checked = key.check(options, max_range);
        let (first, _, len) = checked.map_err(|problem| address::at_size(line, 0, problem))?;
        (Ok((first, len.unwrap_or(32))), rest)
    } else if let Some((first, len, rest)) = v6() {
        let host = u128::MAX.checked_shr(u32::from(len)).unwrap_or(0);
        if first & host != 0 && !options.accept_host_bits {
            return Err(address::host_bits6(line, 0, first, len));
        }
        (Err((first & !host, len)), rest)
    } else {
        return Err(
            fault::of_address(line, "an IPv4 or IPv6 address or network", Most::Network).at(0)
        );
    };
    let rest = skip_blanks(rest);
    let Part { answers, entries, .. } = part;
    let Entries::Acl(acl) = entries else { return Ok(()) };
    let action = if is_over(rest) { acl.default } else { action(answers, line, rest, progress)? };
    let place = match acl.actions.iter().skip(1).position(|a| *a == action) {
        Some(place) => place + 1,
        None => {
            acl.actions.push(action);
            acl.actions.len() - 1
        }
    };
    let value = ValueId(place as u32);
    match network {
        Ok((first, len)) => acl.v4.push(first, len, value),
        Err((first, len)) => acl.v6.push(first, len, value),
    }
    Ok(())
}

/// Reads an entry or a default line of `aclkey`.
pub(super) fn key_entry(
    part: &mut Part,
    line: &[u8],
    progress: &mut Progress,
) -> Result<(), ReadError> {
    let Part { answers, entries, .. } = part;
    let Entries::Keys(keys) = entries else { return Ok(()) };
    let result = if is_default_line(line) {
        default_action(answers, line, progress).map(|action| keys.default = action)
    } else {
        let end = line.iter().position(|b| is_blank(*b) || matches!(b, b':' | b'='));
        let (key, rest) = line.split_at(end.unwrap_or(line.len()));
        if key.len() > 63 {
            let (name, line) = (Arc::clone(&progress.source), progress.line);
            return Err(ReadError::LongKey { name, line });
        }
        let rest = skip_blanks(rest);
        let action =
            if is_over(rest) { Ok(keys.default) } else { action(answers, line, rest, progress) };
        action.map(|action| {
            keys.keys.insert(key.to_ascii_lowercase().into_boxed_slice(), action);
        })
    };
    if let Err(Bad { at, problem }) = result {
        progress.fault(line, at, problem);
    }
    Ok(())
}

/// `=word` and `:value`, but not `::1`.
fn is_default_line(line: &[u8]) -> bool {
    matches!(line, [b'=', ..]) || (line[0] == b':' && line.get(1) != Some(&b':'))
}

/// Reads a default line: an action for entries without one, or an answer for those with a part of it.
fn default_action(
    answers: &mut Answers,
    line: &[u8],
    progress: &mut Progress,
) -> Result<Action, Bad> {
    if let Some(action) = keyword(line) {
        return Ok(action);
    }
    if line[0] == b'=' {
        return Err(Bad::expected(1, KEYWORDS));
    }
    let answer = parse(line, line, &Answer::default(), progress)?;
    answers.set_default(answer);
    Ok(Action::Always(answers.default_value()))
}

/// Reads an entry's action.
fn action(
    answers: &mut Answers,
    line: &[u8],
    text: &[u8],
    progress: &mut Progress,
) -> Result<Action, Bad> {
    if let Some(action) = keyword(text) {
        return Ok(action);
    }
    if text[0] == b'=' {
        return Err(Bad::expected(line.len() - text.len() + 1, KEYWORDS));
    }
    let default = answers.default_answer().clone();
    let answer = parse(line, text, &default, progress)?;
    let text = crate::value::Text::written(&answer.text);
    Ok(Action::Always(answers.values.single(answer.code, &text)))
}

/// `:word` or `=word`.
fn keyword(text: &[u8]) -> Option<Action> {
    let text = text.strip_prefix(b":").or_else(|| text.strip_prefix(b"="))?;
    let end = text.iter().position(|b| is_blank(*b) || matches!(b, b':' | b'#' | b';'));
    match text[..end.unwrap_or(text.len())].to_ascii_lowercase().as_slice() {
        b"ignore" | b"blackhole" => Some(Action::Ignore),
        b"refuse" => Some(Action::Refuse),
        b"empty" => Some(Action::Empty),
        b"pass" | b"accept" => Some(Action::Pass),
        _ => None,
    }
}

/// The words for actions.
const KEYWORDS: &str = "ignore, refuse, empty or pass";
