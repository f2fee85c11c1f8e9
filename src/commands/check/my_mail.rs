//! What is to be checked, with the addresses of one's own mail: `repute check --my-mail`.
//!
//! Nothing is written here: a person and a monitoring system are told in different places. What strangers' records
//! say is told without what a terminal or a monitoring system would obey.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use repute_dnsxl::{Name, Network};
use repute_lookup::my_mail::{Found, Mail, find};
use repute_lookup::subject::Subject;

use super::targets;
use crate::cli::check::CheckArgs;
use crate::plugin::clean;

/// What is to be checked, and what there is to say of how it was found.
#[derive(Debug, Default)]
pub(super) struct Subjects {
    /// What is to be checked, each once.
    pub(super) subjects: Vec<Subject>,
    /// What came from where, line by line.
    pub(super) told: Vec<String>,
    /// What could not be looked up, so that addresses may be missing.
    pub(super) gaps: Vec<String>,
}

/// What was typed, and what is found of the domains of `--my-mail`, within a time for an answer and one for all.
pub(super) fn subjects(
    typed: &[String],
    args: &CheckArgs,
    resolvers: &[SocketAddr],
    timeout: Duration,
    until: Instant,
) -> anyhow::Result<Subjects> {
    let domains = &args.own.my_mail;
    let mut all = Subjects::default();
    if !typed.is_empty() || args.file.is_some() || domains.is_empty() {
        let (subjects, faults) = targets::subjects(typed, args.file.as_deref(), args.yes)?;
        all.subjects = subjects;
        all.told.extend(faults.iter().map(|fault| clean(fault)));
        all.gaps.extend(faults);
    }
    for text in domains {
        let domain = domain(text)?;
        let mail = find(&domain, resolvers, timeout, until).context("no more sockets")?;
        all.tell(&domain, &mail, args.yes);
        for found in mail.found {
            if is_taken(&found.subject, args.yes) && !all.subjects.contains(&found.subject) {
                all.subjects.push(found.subject);
            }
        }
    }
    if all.subjects.is_empty() {
        let why = match all.gaps.first() {
            Some(gap) => gap.clone(),
            None if all.told.iter().any(|line| line.contains(LEFT_OUT)) => {
                "only large networks were found, say --yes".to_owned()
            }
            None => format!("no address of {} was found", domains.join(", ")),
        };
        let told: String = all.told.iter().map(|line| format!("\n{line}")).collect();
        bail!("nothing to check: {why}{told}");
    }
    let addresses = all.subjects.iter().fold(0_u128, |sum, s| sum.saturating_add(s.addresses()));
    if !domains.is_empty() && !args.yes && addresses > MOST_ASKED {
        bail!("{addresses} addresses: say --yes if all of them are to be looked up");
    }
    Ok(all)
}

/// The domain somebody means; of a mail address, what stands behind the `@`.
fn domain(text: &str) -> anyhow::Result<Name> {
    match text.parse::<Subject>().with_context(|| format!("--my-mail {text}"))? {
        Subject::Host(name) => Ok(name),
        Subject::Address(_) | Subject::Network(_) => bail!("--my-mail {text}: not a domain"),
    }
}

impl Subjects {
    /// Notes what was found of a domain, where it comes from, and what else is to be known.
    fn tell(&mut self, domain: &Name, mail: &Mail, yes: bool) {
        let width = mail.found.iter().map(|found| found.subject.to_string().len()).max();
        if let Some(width) = width {
            self.told.push(format!("{domain} takes and sends mail by:"));
            self.told.extend(mail.found.iter().map(|found| line(found, width, yes)));
        }
        for note in &mail.notes {
            let text = clean(&note.to_string());
            self.told.push(format!("  {text}"));
            if note.is_gap() {
                self.gaps.push(text);
            }
        }
    }
}

/// The line of an address or network.
fn line(found: &Found, width: usize, yes: bool) -> String {
    let origins: Vec<String> = found.origins.iter().map(ToString::to_string).collect();
    let addresses = found.subject.addresses();
    let left_out = match (is_taken(&found.subject, yes), yes) {
        (true, _) => String::new(),
        (false, false) => format!(": {addresses} addresses, {LEFT_OUT} without --yes"),
        (false, true) => format!(": {addresses} addresses, {LEFT_OUT}"),
    };
    let subject = found.subject.to_string();
    format!("  {subject:<width$}  ({}){left_out}", clean(&origins.join("; ")))
}

/// Whether something is looked up, address by address.
fn is_taken(subject: &Subject, yes: bool) -> bool {
    match subject {
        Subject::Network(Network::V6(_)) if yes => subject.addresses() <= MOST_OF_IPV6,
        Subject::Network(_) => yes || subject.addresses() <= MOST_ASKED,
        Subject::Address(_) | Subject::Host(_) => true,
    }
}

/// What is said of what is not looked up.
const LEFT_OUT: &str = "left out";
/// Networks of more addresses are looked up only if that is said to be meant.
const MOST_ASKED: u128 = 1024;
/// IPv6 networks of more addresses are not: nobody would live to see the end.
const MOST_OF_IPV6: u128 = 1 << 24;
