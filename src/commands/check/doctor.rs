//! `repute check --doctor`: what the resolvers do, and one line that says what to mend.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use repute_dnsxl::Target;
use repute_lookup::catalogue::Catalogue;
use repute_lookup::doctor::{Advice, Attitude, Diagnosis, Examined, Manners, Recursion, examine};
use repute_lookup::list::List;
use serde_json::{Value, json};

use super::lists;
use crate::cli::check::CheckArgs;
use crate::config::shown;
use crate::exit::Verdict;

/// Examines the resolvers by the lists that would be asked. `No` if there is something to mend.
pub(super) fn run(
    args: &CheckArgs,
    catalogue: &Catalogue,
    resolvers: &[SocketAddr],
    timeout: Duration,
) -> anyhow::Result<Verdict> {
    let asked = lists::named(&args.list, catalogue, &of_each_kind())?;
    // What a list's own servers say has nothing to do with a resolver.
    let by_resolver = asked.into_iter().filter(|at| at.servers.is_empty());
    let lists: Vec<List> = by_resolver.map(|at| at.list).collect();
    let diagnosis = examine(resolvers, &lists, timeout).context("no more sockets")?;
    let advice = diagnosis.advice();
    let mut out = io::BufWriter::new(io::stdout().lock());
    if args.json {
        // As an error of the output, so that a closed pipe is known for one.
        serde_json::to_writer(&mut out, &object(&diagnosis, &advice)).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        for one in &diagnosis.resolvers {
            write_resolver(&mut out, one, args.all)?;
        }
        match &advice {
            Advice::Fine => writeln!(out, "Nothing to mend.")?,
            Advice::Mend(mend) => {
                let first = mend.first().map_or("", |text| text);
                writeln!(out, "To mend: {}.", shown(first))?;
            }
            Advice::CannotTell(why) => writeln!(out, "Cannot tell: {}.", shown(why))?,
        }
    }
    out.flush()?;
    Ok(match advice {
        Advice::Fine => Verdict::Yes,
        Advice::Mend(_) => Verdict::No,
        Advice::CannotTell(_) => Verdict::Unknown,
    })
}

/// A target of each kind, so that lists of all kinds are asked.
fn of_each_kind() -> Vec<Target> {
    let name = "bad.example".parse().map(Target::Name);
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let addresses = [Target::Ipv4(Ipv4Addr::new(192, 0, 2, 1)), Target::Ipv6(v6)];
    addresses.into_iter().chain(name).collect()
}

/// Writes what a resolver does, for people.
fn write_resolver(out: &mut impl Write, one: &Examined, all: bool) -> io::Result<()> {
    let whose = one.operator.map(|o| format!(", the public one of {o}")).unwrap_or_default();
    writeln!(out, "Resolver {}{whose}", one.address)?;
    let Some(manners) = &one.manners else {
        return writeln!(out, "  {:<14}no\n", "answers");
    };
    let recursion = match manners.recursion {
        Recursion::Yes => "",
        Recursion::Refused => ", but refuses us",
        Recursion::No => ", but for zones of its own only",
    };
    let edns =
        manners.edns.map_or(", no EDNS".to_owned(), |size| format!(", EDNS of {size} octets"));
    let took = manners.took.as_secs_f64() * 1000.0;
    let rewrites = match manners.rewrites {
        None => "denied".to_owned(),
        Some(address) => format!("answered with {address}, which it makes up"),
    };
    let word = |is: bool, yes: &'static str, no: &'static str| if is { yes } else { no };
    for (what, how) in [
        ("answers", format!("in {took:.1} ms{recursion}{edns}")),
        ("no such name", rewrites),
        ("the root", word(manners.sees_root, "found", "not found").to_owned()),
        ("signatures", word(manners.validates, "checked (DNSSEC)", "not checked").to_owned()),
        ("TCP", word(manners.tcp, "answers", "does not answer").to_owned()),
        ("letters", word(manners.keeps_case, "kept as sent", "not kept as sent").to_owned()),
    ] {
        writeln!(out, "  {what:<14}{how}")?;
    }
    for seen in &manners.seen_as {
        let host = seen.host.as_ref().map(|host| format!(" ({host})")).unwrap_or_default();
        let whose = seen.operator.map(|o| format!(", of {o}")).unwrap_or_default();
        let line = format!("{}{host}{whose}, says {}", seen.address, seen.by);
        writeln!(out, "  {:<14}{}", "is seen as", shown(&line))?;
    }
    write_lists(out, manners, all)?;
    writeln!(out)
}

/// As many lists that are silent are named unless all are wanted.
const MOST_SILENT: usize = 10;

/// Writes what lists do: those that block us, and what they say of it, and those that are silent.
fn write_lists(out: &mut impl Write, manners: &Manners, all: bool) -> io::Result<()> {
    let count =
        |is: fn(&Attitude) -> bool| manners.lists.iter().filter(|says| is(&says.attitude)).count();
    let blocked = count(|attitude| matches!(attitude, Attitude::Blocks(_)));
    let silent = count(|attitude| matches!(attitude, Attitude::Silent(_)));
    let answer = manners.asked - blocked - silent;
    let most = if all { usize::MAX } else { MOST_SILENT };
    let hint = if silent <= most { "" } else { " (--all shows them all)" };
    writeln!(
        out,
        "  {:<14}{answer} of {} answer, {blocked} block us, {silent} say nothing of use{hint}",
        "lists", manners.asked
    )?;
    let mut silent_shown = 0;
    for says in &manners.lists {
        let (word, why) = match &says.attitude {
            Attitude::Blocks(why) => ("blocks us", why.as_str()),
            Attitude::Answers => ("answers", ""),
            Attitude::Silent(_) if silent_shown == most => continue,
            Attitude::Silent(why) => {
                silent_shown += 1;
                ("silent", why.as_str())
            }
        };
        let line = format!("    {word:<10} {}  {}", says.zone, shown(why));
        writeln!(out, "{}", line.trim_end())?;
        for text in &says.words {
            writeln!(out, "               \"{}\"", shown(text))?;
        }
    }
    Ok(())
}

/// The diagnosis for programs.
fn object(diagnosis: &Diagnosis, advice: &Advice) -> Value {
    let (outcome, mend) = match advice {
        Advice::Fine => ("fine", Vec::new()),
        Advice::Mend(mend) => ("mend", mend.clone()),
        Advice::CannotTell(why) => ("unknown", vec![why.clone()]),
    };
    let resolvers: Vec<Value> = diagnosis.resolvers.iter().map(resolver).collect();
    json!({ "outcome": outcome, "mend": mend, "resolvers": resolvers })
}

/// A resolver for programs.
fn resolver(one: &Examined) -> Value {
    let mut object = json!({
        "address": one.address.to_string(),
        "operator": one.operator,
        "answers": one.manners.is_some(),
    });
    let Some(manners) = &one.manners else { return object };
    let seen_as = manners.seen_as.iter().map(|seen| {
        json!({
            "address": seen.address.to_string(),
            "host": seen.host.as_ref().map(ToString::to_string),
            "operator": seen.operator,
            "by": seen.by.to_string(),
        })
    });
    let lists = manners.lists.iter().map(|says| {
        let (attitude, why) = match &says.attitude {
            Attitude::Answers => ("answers", None),
            Attitude::Blocks(why) => ("blocks", Some(why)),
            Attitude::Silent(why) => ("silent", Some(why)),
        };
        json!({ "zone": says.zone.to_string(), "attitude": attitude, "why": why, "texts": says.words })
    });
    object["milliseconds"] = json!((manners.took.as_secs_f64() * 10_000.0).round() / 10.0);
    object["recursion"] = json!(match manners.recursion {
        Recursion::Yes => "yes",
        Recursion::Refused => "refused",
        Recursion::No => "no",
    });
    object["rewrites"] = json!(manners.rewrites.map(|address| address.to_string()));
    object["root"] = json!(manners.sees_root);
    object["dnssec"] = json!(manners.validates);
    object["edns"] = json!(manners.edns);
    object["tcp"] = json!(manners.tcp);
    object["keeps-case"] = json!(manners.keeps_case);
    object["seen-as"] = seen_as.collect();
    object["asked"] = json!(manners.asked);
    object["lists"] = lists.collect();
    object
}
