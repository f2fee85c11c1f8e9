//! What is to be checked, with the addresses of one's own mail: `repute check --my-mail`.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use repute_dnsxl::{Name, Network};
use repute_lookup::my_mail::{Found, Mail, Note, find};
use repute_lookup::subject::Subject;

use super::targets;
use crate::cli::check::CheckArgs;
use crate::config::shown;

/// What was typed, and what was found of the domains of `--my-mail`, each once. Says also whether addresses may be
/// missing, as something could not be looked up.
pub(super) fn subjects(
    args: &CheckArgs,
    resolvers: &[SocketAddr],
    timeout: Duration,
) -> anyhow::Result<(Vec<Subject>, bool)> {
    let domains = &args.own.my_mail;
    let is_typed = !args.targets.is_empty() || args.file.is_some() || domains.is_empty();
    let mut subjects = match is_typed {
        true => targets::subjects(&args.targets, args.file.as_deref(), args.yes)?,
        false => Vec::new(),
    };
    let mut is_gap = false;
    for text in domains {
        let domain = domain(text)?;
        let mail = find(&domain, resolvers, timeout).context("no more sockets")?;
        is_gap |= mail.notes.iter().any(Note::is_gap);
        let (taken, left_out): (Vec<&Found>, Vec<&Found>) =
            mail.found.iter().partition(|found| is_taken(&found.subject, args.yes));
        if !args.quiet {
            tell(&domain, &mail, args.yes);
        }
        let taken = taken.iter().map(|found| found.subject.clone());
        let new: Vec<Subject> = taken.filter(|subject| !subjects.contains(subject)).collect();
        if new.is_empty() && subjects.is_empty() {
            match left_out.len() {
                0 => bail!("nothing to check: no address of {domain} was found"),
                _ => {
                    bail!("nothing to check: only large networks of {domain} were found, say --yes")
                }
            }
        }
        subjects.extend(new);
    }
    if !domains.is_empty() && !args.yes {
        let addresses = subjects.iter().fold(0_u128, |sum, s| sum.saturating_add(s.addresses()));
        if addresses > MOST_ASKED {
            bail!("{addresses} addresses: say --yes if all of them are to be looked up");
        }
    }
    Ok((subjects, is_gap))
}

/// The domain somebody means; of a mail address, what stands behind the `@`.
fn domain(text: &str) -> anyhow::Result<Name> {
    match text.parse::<Subject>().with_context(|| format!("--my-mail {text}"))? {
        Subject::Host(name) => Ok(name),
        Subject::Address(_) | Subject::Network(_) => bail!("--my-mail {text}: not a domain"),
    }
}

/// Tells on standard error what was found, where it comes from, and what else is to be known.
fn tell(domain: &Name, mail: &Mail, yes: bool) {
    let width = mail.found.iter().map(|found| found.subject.to_string().len()).max().unwrap_or(0);
    if !mail.found.is_empty() {
        eprintln!("{domain} takes and sends mail by:");
    }
    for found in &mail.found {
        let origins: Vec<String> = found.origins.iter().map(ToString::to_string).collect();
        let addresses = found.subject.addresses();
        let left_out = match (is_taken(&found.subject, yes), yes) {
            (true, _) => String::new(),
            (false, false) => format!(": {addresses} addresses, left out without --yes"),
            (false, true) => format!(": {addresses} addresses, left out"),
        };
        let subject = found.subject.to_string();
        eprintln!("  {subject:<width$}  ({}){left_out}", shown(&origins.join("; ")));
    }
    for note in &mail.notes {
        eprintln!("repute: {}", shown(&note.to_string()));
    }
}

/// Whether something is looked up, address by address.
fn is_taken(subject: &Subject, yes: bool) -> bool {
    match subject {
        Subject::Network(Network::V6(_)) if yes => subject.addresses() <= MOST_OF_IPV6,
        Subject::Network(_) => yes || subject.addresses() <= MOST_ASKED,
        Subject::Address(_) | Subject::Host(_) => true,
    }
}

/// Networks of more addresses are looked up only if that is said to be meant.
const MOST_ASKED: u128 = 1024;
/// IPv6 networks of more addresses are not: nobody would live to see the end.
const MOST_OF_IPV6: u128 = 1 << 24;
