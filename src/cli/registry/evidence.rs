//! `repute registry evidence`, `rule` and `proposal` as they are typed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use repute_database::evidence::Kind;
use repute_dnsxl::{Name, Target};

use crate::config::Span;

/// What to do with evidence.
#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceCommand {
    /// Write down that something was seen of an address or name
    Add(ObserveArgs),
    /// Show what was seen of an address, of all of a network, or of a name
    ///
    /// Exit code: 0 something was seen, 1 nothing was, 2 could not tell.
    List {
        /// The address, network or name
        #[arg(value_name = "NETWORK|NAME")]
        key: String,
        /// So many observations, the latest
        #[arg(long, short = 'n', value_name = "ROWS", default_value_t = 50)]
        limit: u32,
        /// Write JSON, an object a line
        #[arg(long)]
        json: bool,
    },
    /// Take what a file or a folder says was seen
    ///
    /// A file is CSV with headings, JSON (objects, one a line or in an array), a target a line, a mail-abuse report
    /// (ARF, RFC 5965) or a mailbox of them; of a folder all files are reports, in its `cur` and `new`, too. All of it
    /// is taken at once, or nothing.
    ///
    /// Exit code: 0 done, 1 done but some lines or messages are no evidence (standard error says why), 2 nothing done.
    #[command(after_help = IMPORT_HELP)]
    Import(TakeArgs),
    /// Remove all that a source brought, and with it what rules listed for that alone
    Purge {
        /// The source
        #[arg(long)]
        source: String,
        /// Show what would go, and remove nothing
        #[arg(long)]
        dry_run: bool,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Show who brings evidence; add, close and open sources
    #[command(args_conflicts_with_subcommands = true)]
    Sources {
        /// What to do with one
        #[command(subcommand)]
        command: Option<SourcesCommand>,
        /// Write JSON, an object a line
        #[arg(long)]
        json: bool,
    },
}

/// What to do with a source.
#[derive(Debug, Subcommand)]
pub(crate) enum SourcesCommand {
    /// Add a source
    Add {
        /// What it is called: lower-case letters, digits, `-`, `_` and `.`
        name: String,
        /// What it brings
        #[arg(long, value_enum)]
        kind: KindWord,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Take nothing more from a source; what it brought stays
    Close {
        /// The source
        name: String,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Take from a closed source again
    Open {
        /// The source
        name: String,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Show a source, and what stands on it
    Show {
        /// The source
        name: String,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `repute registry evidence add`.
#[derive(Debug, Args)]
pub(crate) struct ObserveArgs {
    /// Of which address or name
    pub(crate) target: Target,
    /// Who saw it
    #[arg(long)]
    pub(crate) source: String,
    /// What it was, in a word
    #[arg(long, default_value = "spam")]
    pub(crate) class: String,
    /// How often
    #[arg(long, default_value_t = 1)]
    pub(crate) count: u32,
    /// When, such as 2026-01-31T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) seen: Option<String>,
    /// The trap that was hit; only a digest of it is kept
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) trap: Option<String>,
    /// A few words about it, with no person in them
    #[arg(long, default_value = "")]
    pub(crate) detail: String,
    /// Why, for the audit log
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
}

/// Arguments of `repute registry evidence import`.
#[derive(Debug, Args)]
pub(crate) struct TakeArgs {
    /// The file or folder; `-` is standard input
    pub(crate) file: PathBuf,
    /// Who saw it
    #[arg(long)]
    pub(crate) source: String,
    /// How it is written [default: as its first bytes look]
    #[arg(long, value_enum)]
    pub(crate) format: Option<TakeFormat>,
    /// What it was where that is not written, in a word; reports say it themselves
    #[arg(long, default_value = "spam")]
    pub(crate) class: String,
    /// Show what would be taken, and take nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Why, for the audit log
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// Write the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub(crate) enum RuleCommand {
    /// Write a rule of a list, or its next version; a new one is off
    #[command(after_help = ADD_HELP)]
    Add {
        /// The list
        list: Name,
        /// What it is called: lower-case letters, digits, `-`, `_` and `.`
        name: String,
        /// The file that says it, in TOML; `-` is standard input
        file: PathBuf,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Show a rule as the file that says it
    Show {
        /// The list
        list: Name,
        /// The rule
        name: String,
        /// This version [default: the last]
        #[arg(long)]
        version: Option<i64>,
    },
    /// Turn a rule on: it looks at what was seen in its time, too
    Enable {
        /// The list
        list: Name,
        /// The rule
        name: String,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Turn a rule off: what it listed stays until its time is over
    Disable {
        /// The list
        list: Name,
        /// The rule
        name: String,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Show what a rule would change by past evidence, and change nothing
    ///
    /// Exit code: 0 nothing would change, 1 something would, 2 could not tell.
    Replay(ReplayArgs),
    /// Have all rules look at new evidence now, as `repute serve` does every few seconds
    Run,
    /// Show the rules of a list, or of all
    List {
        /// The list
        list: Option<Name>,
        /// Write JSON, an object a line
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `repute registry rule replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The list
    pub(crate) list: Name,
    /// The rule
    pub(crate) name: String,
    /// This version [default: the last]
    #[arg(long, conflicts_with = "file")]
    pub(crate) version: Option<i64>,
    /// What this file says instead, before it is a version
    #[arg(long)]
    pub(crate) file: Option<PathBuf>,
    /// By what was seen in so long [default: all that matters to the rule now]
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Span>,
    /// So many of each kind are shown, at most 100
    #[arg(long, short = 'n', value_name = "ROWS", default_value_t = 10)]
    pub(crate) limit: usize,
    /// Write JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to do with proposals.
#[derive(Debug, Subcommand)]
pub(crate) enum ProposalCommand {
    /// Show what is proposed, the oldest first
    List {
        /// The list [default: all]
        list: Option<Name>,
        /// Where it stands
        #[arg(long, value_enum, default_value_t = StateWord::Open)]
        state: StateWord,
        /// So many of each list
        #[arg(long, short = 'n', value_name = "ROWS", default_value_t = 100)]
        limit: u32,
        /// Write JSON, an object a line
        #[arg(long)]
        json: bool,
    },
    /// List what is proposed, all of it or nothing
    Accept {
        /// Its numbers
        #[arg(required = true, value_name = "NUMBER")]
        ids: Vec<i64>,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Refuse what is proposed, all of it or nothing: what was seen until now is not proposed again
    Refuse {
        /// Its numbers
        #[arg(required = true, value_name = "NUMBER")]
        ids: Vec<i64>,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// What a source brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindWord {
    /// Mail to addresses that nobody uses
    Trap,
    /// Reports of recipients
    AbuseReport,
    /// Whatever else somebody saw
    Observation,
}

impl From<KindWord> for Kind {
    fn from(word: KindWord) -> Kind {
        match word {
            KindWord::Trap => Kind::Trap,
            KindWord::AbuseReport => Kind::AbuseReport,
            KindWord::Observation => Kind::Observation,
        }
    }
}

/// How evidence is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TakeFormat {
    /// CSV, JSON, or a target a line
    Table,
    /// A mail-abuse report, or a mailbox of them
    Arf,
}

/// Where a proposal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateWord {
    /// Nobody decided yet
    Open,
    /// It became an entry
    Accepted,
    /// It did not
    Refused,
}

/// Below `repute registry evidence --help`.
pub(super) const EVIDENCE_HELP: &str = "\
Examples:
  repute registry evidence sources add traps --kind trap
  repute registry evidence add 192.0.2.7 --source traps --trap old.customer@example.org
  repute registry evidence import hits.csv --source traps
  repute registry evidence list 192.0.2.0/24";

/// Below `repute registry evidence import --help`.
const IMPORT_HELP: &str = "\
Headings, and names in JSON: target, class, seen (2026-01-31T12:00:00Z or seconds since 1970), count, trap, detail, id.

Examples:
  repute registry evidence import hits.csv --source traps
  repute registry evidence import Maildir --source provider-loop
  repute registry evidence import - --source provider-loop < report.eml";

/// Below `repute registry rule --help`.
pub(super) const RULE_HELP: &str = "\
Examples:
  repute registry rule add bl.example traps traps.toml
  repute registry rule replay bl.example traps
  repute registry rule enable bl.example traps --reason 'replayed, 12 new'";

/// Below `repute registry rule add --help`.
const ADD_HELP: &str = "\
A rule needs hits, within, lasts and reason; the others are shown with what they are otherwise:

  hits = 3                # so many hits
  within = \"1d\"           # in so long
  lasts = \"7d\"            # list until so long after the last of them
  reason = \"it hit traps\"
  outcome = \"propose\"     # to an editor; or \"list\" at once
  from-sources = 1        # from so many sources
  from-traps = 0          # at so many traps
  classes = []            # of these classes; none are all
  sources = []            # of these sources; none are all
  code = \"127.0.0.2\"
  text = \"\"               # what DNS says; $ stands for what is asked about
  criterion = \"\"          # of the list, by its short name
  ipv4-prefix = 32        # list the network of this size
  ipv6-prefix = 64

Examples:
  repute registry rule add bl.example traps traps.toml
  repute registry rule show bl.example traps | sed 's/hits = 3/hits = 5/' | repute registry rule add bl.example traps -";
