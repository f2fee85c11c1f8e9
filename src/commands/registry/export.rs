//! `repute registry export`: the entries of a list as they are, not what becomes of them in DNS.

use std::io::{BufWriter, Write};

use repute_database::Database;
use repute_database::entries::{self, Entry};
use repute_dnsxl::Name;

use super::list;
use super::log::time;
use crate::cli::registry::EntryFormat;
use crate::exit::Verdict;

/// Writes them to standard output.
pub(super) async fn run(
    database: &Database,
    apex: &Name,
    format: EntryFormat,
) -> anyhow::Result<Verdict> {
    let mut connection = database.read().await?;
    let stored = list(connection.session(), apex).await?;
    let sources = entries::sources(connection.session()).await?;
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    match format {
        EntryFormat::Rbldnsd => writeln!(out, "# {apex}, serial {}", stored.serial)?,
        EntryFormat::Csv => writeln!(out, "key,code,text,reason,source,since,expires")?,
    }
    let mut after = None;
    loop {
        let page = entries::page(connection.session(), stored.id, None, after.as_ref(), PAGE);
        let page = page.await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        for entry in &page {
            let source = sources.iter().find(|(id, _)| *id == entry.source);
            match format {
                EntryFormat::Rbldnsd => rbldnsd(entry, &mut out)?,
                EntryFormat::Csv => csv(entry, source.map_or("", |(_, name)| name), &mut out)?,
            }
        }
    }
    out.flush()?;
    Ok(Verdict::Yes)
}

/// Writes an entry as a line of a data file.
fn rbldnsd(entry: &Entry, out: &mut impl Write) -> std::io::Result<()> {
    let key = entry.key.to_string();
    match entry.code {
        None => writeln!(out, "!{key}"),
        // A line end would begin another entry.
        Some(code) => {
            let text: String =
                entry.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            writeln!(out, "{key} :{code}:{text}")
        }
    }
}

/// Writes an entry as a row of CSV.
fn csv(entry: &Entry, source: &str, out: &mut impl Write) -> std::io::Result<()> {
    let mark = if entry.code.is_none() { "!" } else { "" };
    let key = format!("{mark}{}", entry.key);
    let code = entry.code.map(|code| code.to_string()).unwrap_or_default();
    let expires = entry.expires.map(time).unwrap_or_default();
    let since = time(entry.since);
    let cells = [&*key, &*code, &*entry.text, &*entry.reason, source, &*since, &*expires];
    let cells = cells.map(cell);
    writeln!(out, "{}", cells.join(","))
}

/// A cell of CSV (RFC 4180). What a table program would take for a formula begins with an apostrophe.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    match !guard.is_empty() || text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{guard}{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// Entries that are read at once.
const PAGE: u32 = 10_000;
