//! `repute registry proposal`: what rules would list.

use anyhow::Context as _;
use repute_database::lists::{self, Stored};
use repute_database::rules::{self, Proposal, ProposalId, ProposalState, Proposed};
use repute_database::{Database, Timestamp, Transaction};
use repute_dnsxl::Name;
use repute_registry::rule::proposal::{ProposalError, accept, refuse};
use serde_json::json;

use super::log::time;
use super::{cause, list, plain};
use crate::cli::registry::evidence::{ProposalCommand, StateWord};
use crate::exit::{Verdict, say};

/// Runs one of its commands.
pub(super) async fn run(database: &Database, command: ProposalCommand) -> anyhow::Result<Verdict> {
    match command {
        ProposalCommand::List { list, state, limit, json } => {
            let state = match state {
                StateWord::Open => ProposalState::Open,
                StateWord::Accepted => ProposalState::Accepted,
                StateWord::Refused => ProposalState::Refused,
            };
            show(database, list.as_ref(), state, limit, json).await
        }
        ProposalCommand::Accept { ids, reason } => {
            let mut transaction = database.begin().await?;
            let cause = cause(&mut transaction, "proposal.accept", &reason).await?;
            let mut lines = Vec::new();
            for id in ids {
                let (stored, key) = of(&mut transaction, id).await?;
                let now = Timestamp::now();
                let serial = accept(&mut transaction, &stored, ProposalId(id), &cause, now).await?;
                lines.push(format!("{}: {key} listed, serial {serial}", stored.list.apex));
            }
            transaction.commit().await?;
            for line in &lines {
                say!("{line}");
            }
            Ok(Verdict::Yes)
        }
        ProposalCommand::Refuse { ids, reason } => {
            let mut transaction = database.begin().await?;
            let cause = cause(&mut transaction, "proposal.refuse", &reason).await?;
            let mut lines = Vec::new();
            for id in ids {
                let (stored, key) = of(&mut transaction, id).await?;
                let now = Timestamp::now();
                refuse(&mut transaction, &stored, ProposalId(id), &cause, now).await?;
                lines.push(format!("{}: {key} refused", stored.list.apex));
            }
            transaction.commit().await?;
            for line in &lines {
                say!("{line}");
            }
            Ok(Verdict::Yes)
        }
    }
}

/// The list of a proposal, and what is proposed.
async fn of(transaction: &mut Transaction, id: i64) -> anyhow::Result<(Stored, String)> {
    let proposal = rules::proposal_by_id(transaction.session(), ProposalId(id)).await?;
    let proposal = proposal.ok_or(ProposalError::Unknown(id))?;
    let stored = lists::by_id(transaction.session(), proposal.list).await?;
    Ok((stored.context("the list of the proposal is gone")?, proposal.proposed.key.to_string()))
}

/// Shows proposals.
async fn show(
    database: &Database,
    apex: Option<&Name>,
    state: ProposalState,
    limit: u32,
    is_json: bool,
) -> anyhow::Result<Verdict> {
    let mut look = database.look().await?;
    let lists: Vec<Stored> = match apex {
        Some(apex) => vec![list(look.session(), apex).await?],
        None => lists::all(look.session()).await?,
    };
    for stored in lists {
        let apex = &stored.list.apex;
        for proposal in rules::proposals(look.session(), stored.id, state, None, limit).await? {
            let Proposal { id, rule, version, proposed, reason, created, .. } = proposal;
            let rule = rules::version(look.session(), rule, version).await?;
            let name = rule.map_or_else(String::new, |rule| rule.name);
            let Proposed { key, hits, from_sources, last, expires, note } = proposed;
            if is_json {
                let object = json!({
                    "number": id.0,
                    "list": apex.to_string(),
                    "key": key.to_string(),
                    "rule": name,
                    "version": version,
                    "hits": hits,
                    "sources": from_sources,
                    "last": time(last),
                    "expires": time(expires),
                    "note": note,
                    "state": state.word(),
                    "proposed": time(created),
                    "reason": reason,
                });
                say!("{object}");
                continue;
            }
            let note = if note.is_empty() { note } else { format!("; {}", plain(&note)) };
            let reason = if reason.is_empty() { reason } else { format!(": {}", plain(&reason)) };
            say!(
                "{}  {apex}  {key}  {name}, version {version}: {hits} hits from {from_sources} sources, the last {}, until \
                 {}{note}{reason}",
                id.0,
                time(last),
                time(expires)
            );
        }
    }
    Ok(Verdict::Yes)
}
