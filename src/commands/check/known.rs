//! The catalogue of lists, for people and for programs.

use std::collections::HashSet;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use repute_dnsxl::Target;
use repute_lookup::catalogue::{Catalogue, table};
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
