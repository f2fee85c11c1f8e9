//! The catalogue of lists, for people and for programs.

use std::collections::HashSet;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::Context;
use repute_dnsxl::{Name, Target};
use repute_lookup::catalogue::{Catalogue, table};
use repute_lookup::list::{List, PUBLIC_RATE};
use serde_json::json;

use crate::exit::Verdict;

/// Shows all lists, and which of them are asked if nobody names any.
pub(super) fn write(catalogue: &Catalogue, as_json: bool) -> anyhow::Result<Verdict> {
    let asked = asked(catalogue);
    let rows = table(catalogue.lists());
    let mut out = io::BufWriter::new(io::stdout().lock());
    if as_json {
        for row in &rows {
            let object = json!({
                "zone": row.zone,
                "title": row.title,
                "kind": row.kind,
                "polarity": row.polarity,
                "status": row.status,
                "date": row.date,
                "source": row.source,
                "access": row.access,
                "contains": row.contains,
                "asked": asked.contains(&row.zone),
            });
            // As an error of the output, so that a closed pipe is known for one.
            serde_json::to_writer(&mut out, &object).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        out.flush()?;
        return Ok(Verdict::Yes);
    }
    let width = rows.iter().map(|row| row.zone.len()).max().unwrap_or(0);
    let kinds = rows.iter().map(|row| row.kind.len()).max().unwrap_or(0);
    writeln!(
        out,
        "  {:<width$}  {:<kinds$}  {:<8}  {:<10}  {:<10}  access",
        "zone", "takes", "polarity", "status", "known of"
    )?;
    for row in &rows {
        let mark = if asked.contains(&row.zone) { '*' } else { ' ' };
        writeln!(
            out,
            "{mark} {:<width$}  {:<kinds$}  {:<8}  {:<10}  {:<10}  {}",
            row.zone, row.kind, row.polarity, row.status, row.date, row.access
        )?;
    }
    writeln!(
        out,
        "\n* is asked if no list is named. {} lists, of {}.",
        rows.len(),
        catalogue.date()
    )?;
    out.flush()?;
    Ok(Verdict::Yes)
}

/// Shows all that is known of some lists.
///
/// # Errors
/// If one of the names is that of no list.
pub(super) fn write_some(catalogue: &Catalogue, zones: &[String]) -> anyhow::Result<Verdict> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for (place, text) in zones.iter().enumerate() {
        let zone: Name = text.parse().with_context(|| format!("--lists {text}"))?;
        let list = catalogue
            .find(&zone)
            .with_context(|| format!("--lists {text}: the catalogue has no such list"))?;
        if place > 0 {
            writeln!(out)?;
        }
        write_list(&mut out, list)?;
    }
    out.flush()?;
    Ok(Verdict::Yes)
}

/// Shows all that is known of a list.
fn write_list(out: &mut impl Write, list: &List) -> io::Result<()> {
    let Some(row) = table(std::iter::once(list)).into_iter().next() else { return Ok(()) };
    match row.title.is_empty() {
        true => writeln!(out, "{}", row.zone)?,
        false => writeln!(out, "{}: {}", row.zone, row.title)?,
    }
    let known = [&row.date, &row.source].map(ToString::to_string);
    let known: Vec<String> = known.into_iter().filter(|text| !text.is_empty()).collect();
    let status = match known.is_empty() {
        true => row.status.to_string(),
        false => format!("{} ({})", row.status, known.join(", ")),
    };
    let contains: Vec<String> = list.contains.iter().map(ToString::to_string).collect();
    let rate = list.rate.unwrap_or(PUBLIC_RATE);
    let lines = [
        ("takes", row.kind.to_string()),
        ("polarity", row.polarity.to_string()),
        ("status", status),
        ("access", row.access.to_string()),
        ("rate", format!("{rate} queries a second at most")),
        ("contains", contains.join(", ")),
        ("removal", list.delisting.clone().unwrap_or_default()),
        ("terms", list.terms.clone().unwrap_or_default()),
        ("note", list.note.clone().unwrap_or_default()),
    ];
    for (what, text) in lines.iter().filter(|(_, text)| !text.is_empty()) {
        writeln!(out, "  {what:<9}  {text}")?;
    }
    let codes = list.meanings.iter().map(|(codes, meaning)| ("code", codes.to_string(), meaning));
    let errors = list.errors.iter().map(|(codes, meaning)| ("error", codes.to_string(), meaning));
    let codes: Vec<_> = codes.chain(errors).collect();
    let width = codes.iter().map(|(_, codes, _)| codes.len()).max().unwrap_or(0);
    for (what, codes, meaning) in codes {
        writeln!(out, "  {what:<9}  {codes:<width$}  {meaning}")?;
    }
    Ok(())
}

/// The zones that are asked about any kind of target.
fn asked(catalogue: &Catalogue) -> HashSet<String> {
    let name = "bad.example".parse().map(Target::Name);
    let targets = [
        Some(Target::Ipv4(Ipv4Addr::new(192, 0, 2, 1))),
        Some(Target::Ipv6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
        name.ok(),
    ];
    let lists = targets.iter().flatten().flat_map(|target| catalogue.default_set(target));
    lists.map(|list| list.zone.to_string()).collect()
}
