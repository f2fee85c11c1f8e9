//! `repute registry export`: the entries of a list as they are, not what becomes of them in DNS.

use std::io::{BufWriter, Write};

use repute_database::Database;
use repute_database::entries;
use repute_dnsxl::Name;
use repute_registry::export::{self, Format};

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
    let format = match format {
        EntryFormat::Rbldnsd => Format::Rbldnsd,
        EntryFormat::Csv => Format::Csv,
    };
    out.write_all(export::head(format, apex, stored.serial).as_bytes())?;
    let (mut after, mut text) = (None, String::new());
    loop {
        let page = entries::page(connection.session(), stored.id, None, after.as_ref(), PAGE);
        let page = page.await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        for entry in &page {
            let source = sources.iter().find(|(id, _)| *id == entry.source);
            export::line(&mut text, format, entry, source.map_or("", |(_, name)| name), time);
        }
        out.write_all(text.as_bytes())?;
        text.clear();
    }
    out.flush()?;
    Ok(Verdict::Yes)
}

/// Entries that are read at once.
const PAGE: u32 = 10_000;
