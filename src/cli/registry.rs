//! `repute registry` as it is typed.

pub(crate) mod evidence;
pub(crate) mod list;

use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use list::{CategoryCommand, CriterionCommand, DnsCommand, PolicyCommand, SetArgs};
use repute_database::Timestamp;
use repute_database::audit::Head;
use repute_database::lists::Leaving;
use repute_dnsxl::{KeyKind, Name, Polarity, ReturnCode, Target};
use repute_zone::DatasetKind;

use crate::config::Span;
use evidence::{EvidenceCommand, ProposalCommand, RuleCommand};

/// Arguments of `repute registry`.
#[derive(Debug, Args)]
pub(crate) struct RegistryArgs {
    /// The database: a file, or a server as postgres://user@host/database. A password is better not written here:
    /// PGPASSWORD and the file PGPASSFILE names are read
    #[arg(long, global = true, value_name = "PLACE")]
    pub(crate) database: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: RegistryCommand,
}

/// What to do with lists that are kept in a database.
#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    /// Show all lists
    Lists {
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Add a list, show one, or say what it is, how it decides and how it is published
    #[command(subcommand)]
    List(ListCommand),
    /// Add, remove and show entries
    #[command(subcommand)]
    Entry(EntryCommand),
    /// Take the entries of a file into a list
    ///
    /// All of it happens at once, with one serial and one row in the audit log, or nothing. An entry belongs to the
    /// source that brought it; entries of other sources stay as they are, except with `--mode replace-list`.
    ///
    /// Exit code: 0 done, 1 done but some lines are faulty (standard error names them), 2 nothing done.
    #[command(after_help = IMPORT_HELP)]
    Import(Box<ImportArgs>),
    /// Remove all entries that a source brought
    Purge(PurgeArgs),
    /// What a decision took off a list, so that no import brings it back: show it, and let it back
    #[command(subcommand)]
    KeptOut(KeptOutCommand),
    /// Look through the whole audit log: each row's digest covers the row before
    ///
    /// It shows the head, the digest of the last row. Kept where nobody who may write the database reaches it, it tells
    /// later whether the log was written anew as a whole, which nothing in the database can tell.
    ///
    /// Exit code: 0 it is as it was written, 1 it is not, 2 could not tell.
    Verify {
        /// A head that was shown before, as NUMBER:DIGEST: since then rows may only have been added
        #[arg(long, value_name = "HEAD")]
        expect: Option<Head>,
    },
    /// Show the audit log, the latest first
    ///
    /// People with an account stand in it as pseudonyms; users of the system by the names they have on this machine.
    Log {
        /// Only of this list
        list: Option<Name>,
        /// So many rows
        #[arg(long, short = 'n', value_name = "ROWS", default_value_t = 20)]
        limit: u32,
        /// Write JSON, an object a line
        #[arg(long)]
        json: bool,
    },
    /// Take and show what was seen of addresses and names
    #[command(subcommand, after_help = evidence::EVIDENCE_HELP)]
    Evidence(EvidenceCommand),
    /// Rules that list by evidence: write, try and turn them on
    #[command(subcommand, after_help = evidence::RULE_HELP)]
    Rule(RuleCommand),
    /// What rules propose: show and decide it
    #[command(subcommand)]
    Proposal(ProposalCommand),
    /// Let servers elsewhere have lists, by a token for each
    #[command(subcommand)]
    Subscriber(SubscriberCommand),
    /// Take a report that a letter did not arrive (RFC 3464) from standard input, for a mail server's pipe
    ///
    /// Only reports about letters of the portal count, which it knows by a tag in their return path and Message-ID. See
    /// `return-path` of the configuration.
    ///
    /// Exit code: 0 taken, or nothing to do; 75 not now, so that the mail server tries again.
    #[command(after_help = BOUNCE_HELP)]
    Bounce,
    /// Show what servers elsewhere need beside their token
    #[command(subcommand)]
    Distribution(DistributionCommand),
    /// Write the entries of a list
    Export {
        /// The list
        list: Name,
        /// The format
        #[arg(long, short, value_enum, default_value_t = EntryFormat::Rbldnsd)]
        format: EntryFormat,
    },
}

/// What to do with servers elsewhere that may have lists.
#[derive(Debug, Subcommand)]
pub(crate) enum SubscriberCommand {
    /// Let a server have lists, and show its token: once, as it is stored nowhere
    #[command(after_help = SUBSCRIBER_HELP)]
    Add {
        /// What it is called, such as its host
        name: String,
        /// A list that it may have; may be given several times [default: all]
        #[arg(long = "list", value_name = "APEX")]
        lists: Vec<Name>,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Show all of them, and when each was here last
    List {
        /// Write JSON, an object a line
        #[arg(long)]
        json: bool,
    },
    /// Make the token of a server useless
    Revoke {
        /// What it is called
        name: String,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
}

/// What servers elsewhere need.
#[derive(Debug, Subcommand)]
pub(crate) enum DistributionCommand {
    /// Show the public keys of those who sign lists, which followers are told as `public-keys`
    ///
    /// The keys that sign lie in the data folder of the configuration; the first one is made at the first need. With
    /// several, each of them signs: so followers can be told of a new one before the old one goes.
    #[command(after_help = KEY_HELP)]
    Key {
        /// Make one more
        #[arg(long)]
        add: bool,
        /// Remove the one of this short name
        #[arg(long, value_name = "ID", conflicts_with = "add")]
        remove: Option<String>,
    },
}

/// What to do with a list.
#[derive(Debug, Subcommand)]
pub(crate) enum ListCommand {
    /// Add a list
    #[command(after_help = ADD_HELP)]
    Add(AddArgs),
    /// Show a list
    Show {
        /// Its apex
        list: Name,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what the codes of a list mean, or say it
    Codes {
        /// The list
        list: Name,
        /// A code and its meaning, such as `2=source of spam`
        #[arg(value_name = "CODE=MEANING")]
        set: Vec<String>,
        /// Whether two editors have to agree to entries with these codes
        #[arg(long, value_name = "YES|NO", requires = "set", value_enum)]
        two_editors: Option<YesNo>,
        /// How entries with these codes are taken off a block list for whoever asks: by the link in a letter, by an
        /// editor, or not by asking
        #[arg(long, value_name = "WAY", requires = "set", value_parser = leaving)]
        removal: Option<Leaving>,
    },
    /// Change what a list says of itself; what is not named stays as it is
    Set(SetArgs),
    /// Show the policy by which a list decides, or publish another one
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Add and show the criteria of a list's policy
    #[command(subcommand)]
    Criterion(CriterionCommand),
    /// Add, rename and show the categories of a list
    #[command(subcommand)]
    Category(CategoryCommand),
    /// Show or change how a list is published: name servers, SOA, canaries, what is held back
    #[command(subcommand)]
    Dns(DnsCommand),
}

/// Arguments of `repute registry list add`.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The name it is asked under
    #[arg(value_name = "APEX")]
    pub(crate) apex: Name,
    /// What people call it [default: the apex]
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// What it is for
    #[arg(long, default_value = "")]
    pub(crate) description: String,
    /// What being listed means [default: block; allow with `--template dnswl`]
    #[arg(long, value_enum)]
    pub(crate) polarity: Option<PolarityWord>,
    /// What its entries name [default: addresses; names with `--template domain-blocklist`]
    #[arg(long, value_enum)]
    pub(crate) keys: Option<KeysWord>,
    /// Time to live of its answers
    #[arg(long, value_name = "TIME", default_value = "5m")]
    pub(crate) ttl: Span,
    /// Where people write about it
    #[arg(long, default_value = "")]
    pub(crate) contact: String,
    /// The codes and categories to begin with
    #[arg(long, value_enum, default_value_t = TemplateWord::Empty)]
    pub(crate) template: TemplateWord,
    /// Why, for the audit log
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
}

/// What to do with what is kept off a list.
#[derive(Debug, Subcommand)]
pub(crate) enum KeptOutCommand {
    /// Show it, in the order of addresses and names
    ///
    /// Exit code: 0 there is some, 1 there is none, 2 could not tell.
    Show {
        /// The list
        list: Name,
        /// Only this network or name
        #[arg(value_name = "NETWORK|NAME")]
        key: Option<String>,
        /// At most so many
        #[arg(long, short = 'n', value_name = "ROWS", default_value_t = 100)]
        limit: u32,
        /// Go on behind this one; with its code if that is shown, in quotes
        #[arg(long, value_name = "NETWORK|NAME", conflicts_with = "key")]
        after: Option<String>,
        /// Write JSON, an object a line
        #[arg(long)]
        json: bool,
    },
    /// Let imports list it again
    LetBack {
        /// The list
        list: Name,
        /// The network or name, as it was listed
        #[arg(value_name = "NETWORK|NAME")]
        key: String,
        /// The code, if only that is kept out
        #[arg(long)]
        code: Option<ReturnCode>,
        /// Why, for the audit log
        #[arg(long)]
        reason: String,
    },
}

/// What to do with entries.
#[derive(Debug, Subcommand)]
pub(crate) enum EntryCommand {
    /// Add an entry, or change the one with the same code
    #[command(after_help = ENTRY_HELP)]
    Add(EntryArgs),
    /// Remove the entries of a network or name
    Remove {
        /// The list
        list: Name,
        /// The network or name, as it is listed
        #[arg(value_name = "NETWORK|NAME")]
        key: String,
        /// Only the one with this code
        #[arg(long, value_name = "CODE")]
        code: Option<ReturnCode>,
        /// Why, for the audit log
        #[arg(long)]
        reason: String,
    },
    /// Show the entries of exactly this network or name
    ///
    /// Exit code: 0 there are some, 1 there are none, 2 could not tell.
    Show {
        /// The list
        list: Name,
        /// The network or name
        #[arg(value_name = "NETWORK|NAME")]
        key: String,
        /// Write JSON, an object a line
        #[arg(long)]
        json: bool,
    },
    /// Show what became of exactly this network or name, the latest first
    ///
    /// Each step has a number, by which `undo` takes it back. A change of very many entries, such as the import of a
    /// large file, names none of them: the audit log has it (`repute registry log`).
    ///
    /// Exit code: 0 there are some steps, 1 there are none, 2 could not tell.
    History {
        /// The list
        list: Name,
        /// The network or name
        #[arg(value_name = "NETWORK|NAME")]
        key: String,
        /// So many steps
        #[arg(long, short = 'n', value_name = "STEPS", default_value_t = 20)]
        limit: u32,
        /// Write JSON, an object a line
        #[arg(long)]
        json: bool,
    },
    /// Take a step back, by a new change: what was there before is there again
    ///
    /// Refused if it has changed since.
    Undo {
        /// The list
        list: Name,
        /// The number of the step, as `history` shows it
        step: i64,
        /// Why, for the audit log
        #[arg(long)]
        reason: String,
    },
    /// Say whose entries are: an organisation's, so that its members can have them changed, or nobody's
    ///
    /// Those that are named, with all their codes; or all that come from a source, have a code, lie within a network or
    /// name, or are an organisation's now. DNS does not see it, and no letter is written: tell those whom it concerns.
    #[command(after_help = GIVE_HELP)]
    Give(GiveArgs),
    /// Show what lists an address or name, the most specific first
    ///
    /// Exit code: 0 listed, 1 not listed, 2 could not tell.
    At {
        /// The list
        list: Name,
        /// The address or name
        target: Target,
        /// Write JSON, an object a line
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `repute registry entry give`.
#[derive(Debug, Args)]
#[command(group(
    ArgGroup::new("which").required(true).multiple(true).args(["keys", "source", "code", "within", "of"])
))]
pub(crate) struct GiveArgs {
    /// The list
    pub(crate) list: Name,
    /// The networks or names, as they are listed
    #[arg(value_name = "NETWORK|NAME", conflicts_with_all = ["source", "code", "within", "of"])]
    pub(crate) keys: Vec<String>,
    /// The Id of the organisation whose they are from now on, or `nobody`
    #[arg(long, value_name = "ID|nobody")]
    pub(crate) to: Receiver,
    /// All that came from this source
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// All with this code
    #[arg(long, value_name = "CODE")]
    pub(crate) code: Option<ReturnCode>,
    /// All within this network, or this name and below
    #[arg(long, value_name = "NETWORK|NAME")]
    pub(crate) within: Option<String>,
    /// All that are this organisation's now
    #[arg(long, value_name = "ID")]
    pub(crate) of: Option<i64>,
    /// Why, for the audit log
    #[arg(long)]
    pub(crate) reason: String,
}

/// Who gets entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// Nobody.
    Nobody,
    /// The organisation with this Id.
    Organisation(i64),
}

impl FromStr for Receiver {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Receiver, &'static str> {
        let id = text.trim_start_matches('#').parse();
        match (text, id) {
            ("nobody", _) => Ok(Receiver::Nobody),
            (_, Ok(id)) => Ok(Receiver::Organisation(id)),
            (_, Err(_)) => Err("an Id is a number; `nobody` takes entries from whom they are"),
        }
    }
}

/// Arguments of `repute registry entry add`.
#[derive(Debug, Args)]
pub(crate) struct EntryArgs {
    /// The list
    pub(crate) list: Name,
    /// What is listed: 192.0.2.0/24, 2001:db8::/32, x.example, with all below it .x.example, all below it *.x.example
    #[arg(value_name = "NETWORK|NAME")]
    pub(crate) key: String,
    /// What it answers
    #[arg(long, value_name = "CODE", default_value = "127.0.0.2")]
    pub(crate) code: ReturnCode,
    /// Never list it, whatever is listed around it
    #[arg(long, conflicts_with_all = ["code", "text"])]
    pub(crate) exclude: bool,
    /// What the list says about it in DNS, as TXT; `$` stands for what is asked about, '' says nothing [default: the
    /// reason]
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// Why, for people: the look-up page shows it, and DNS unless --text says something else
    #[arg(long)]
    pub(crate) reason: String,
    /// The criterion of the policy that it meets, by its short name
    #[arg(long, value_name = "SLUG")]
    pub(crate) criterion: Option<String>,
    /// Have somebody look at it again after so long
    #[arg(long, value_name = "TIME")]
    pub(crate) review: Option<Span>,
    /// Where it comes from
    #[arg(long, default_value = "hand")]
    pub(crate) source: String,
    /// List it so long [default: for ever]
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<Span>,
}

/// Arguments of `repute registry import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The list
    pub(crate) list: Name,
    /// The file, which may be packed (gzip, zstd); `-` is standard input
    pub(crate) file: PathBuf,
    /// Where its entries come from: a name under which they are replaced and purged
    #[arg(long)]
    pub(crate) source: String,
    /// What becomes of entries that are not in the file
    #[arg(long, value_enum, default_value_t = ModeWord::ReplaceSource)]
    pub(crate) mode: ModeWord,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the file is laid out [default: as its first lines look]
    #[arg(long, value_enum)]
    pub(crate) format: Option<ImportFormat>,
    /// Which of rbldnsd's data files it is, such as ip4set [default: addresses or names]
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<DatasetKind>,
    /// The columns of a CSV file without headings: `key`, `code`, `text`, others are passed over
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// The code of entries of a plain file, or of CSV without a column of codes [default: 127.0.0.2]
    #[arg(long, value_name = "CODE")]
    pub(crate) code: Option<ReturnCode>,
    /// Pass over lines with a smaller number in the second column
    #[arg(long, value_name = "NUMBER")]
    pub(crate) minimum: Option<u32>,
    /// List everything below the names of a plain or CSV file, too
    #[arg(long)]
    pub(crate) subdomains: bool,
    /// List the entries so long; an import that brings them again renews it [default: for ever]
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<Span>,
    /// The criterion of the policy that the entries meet, by its short name [default: those that are there keep theirs]
    #[arg(long, value_name = "SLUG")]
    pub(crate) criterion: Option<String>,
    /// Have somebody look at the entries again on this day, such as 2026-03-01 [default: those that are there keep
    /// theirs]
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) review_on: Option<Timestamp>,
    /// Give entries of dnswl.org's files that are nobody's to the organisations whose Ids stand in the last column; those
    /// that are not there are added
    #[arg(long)]
    pub(crate) organisations: bool,
    /// Why, for people and the audit log
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// Write the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `repute registry purge`.
#[derive(Debug, Args)]
pub(crate) struct PurgeArgs {
    /// The list
    pub(crate) list: Name,
    /// The source
    #[arg(long)]
    pub(crate) source: String,
    /// Show what would go, and remove nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Why, for the audit log
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// Write the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What being listed means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolarityWord {
    /// Something bad
    Block,
    /// Something good
    Allow,
    /// Something to know
    Info,
}

impl From<PolarityWord> for Polarity {
    fn from(word: PolarityWord) -> Polarity {
        match word {
            PolarityWord::Block => Polarity::Block,
            PolarityWord::Allow => Polarity::Allow,
            PolarityWord::Info => Polarity::Info,
        }
    }
}

/// What entries name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeysWord {
    /// IPv4 and IPv6 networks
    Addresses,
    /// Domain names
    Names,
}

impl From<KeysWord> for KeyKind {
    fn from(word: KeysWord) -> KeyKind {
        match word {
            KeysWord::Addresses => KeyKind::Ip,
            KeysWord::Names => KeyKind::Name,
        }
    }
}

/// Reads how entries with a code leave a list.
fn leaving(word: &str) -> Result<Leaving, String> {
    Leaving::by_word(word).ok_or_else(|| "it is link, editor or none".to_owned())
}

/// Whether something is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum YesNo {
    /// It is
    Yes,
    /// It is not
    No,
}

/// Codes and categories to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TemplateWord {
    /// None
    Empty,
    /// A code for each reason to block an address
    Blocklist,
    /// A code for each reason to block a domain
    DomainBlocklist,
    /// 127.0.category.score, as dnswl.org has it
    Dnswl,
}

/// What becomes of entries that are not in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeWord {
    /// They stay
    Add,
    /// Those of the same source go
    ReplaceSource,
    /// All others of the list go, and the file's own become those of this source
    ReplaceList,
}

/// How a file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// rbldnsd's data files
    Rbldnsd,
    /// One entry a line, and maybe a number behind it, as ipsum has it
    Plain,
    /// CSV, with headings or --columns
    Csv,
    /// dnswl.org's generic file: network;category;score;domain;number
    Dnswl,
}

/// How entries are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EntryFormat {
    /// A data file of rbldnsd, entry by entry
    Rbldnsd,
    /// CSV with headings: key, code, text, reason, source, since, expires
    Csv,
}

/// Below `repute registry --help`.
pub(crate) const REGISTRY_HELP: &str = "\
Examples:
  repute registry --database lists.db list add bl.example --template blocklist
  repute registry --database lists.db entry add bl.example 192.0.2.0/24 --reason 'traps hit'
  repute registry --database lists.db import bl.example spam.txt --source traps --dry-run
  repute registry --database postgres://repute@localhost/repute lists";

/// Below `repute registry bounce --help`.
const BOUNCE_HELP: &str = "\
Example, a line of Postfix's master.cf:
  bounces unix - n n - 2 pipe flags=Rhu user=repute argv=/usr/bin/repute --config /etc/repute/repute.toml registry bounce";

/// Below `repute registry subscriber add --help`.
const SUBSCRIBER_HELP: &str = "\
Examples:
  repute registry subscriber add ns2.example
  repute registry subscriber add customer.example --list bl.example --list wl.example > token";

/// The beginning of a day.
fn day(text: &str) -> Result<Timestamp, String> {
    Timestamp::of_day(text).ok_or_else(|| format!("`{text}` is no day, such as 2026-03-01"))
}

/// Below `repute registry distribution key --help`.
const KEY_HELP: &str = "\
Examples:
  repute registry distribution key
  repute registry distribution key --add
  repute registry distribution key --remove 5c3f2f0b9e8d7a61";

/// Below `repute registry list add --help`.
const ADD_HELP: &str = "\
Examples:
  repute registry --database lists.db list add bl.example --template blocklist --contact abuse@example.org
  repute registry --database lists.db list add wl.example --template dnswl --title 'Good senders'";

/// Below `repute registry entry add --help`.
const ENTRY_HELP: &str = "\
Examples:
  repute registry --database lists.db entry add bl.example 192.0.2.7 --code 4 --reason 'open proxy' --expires 30d
  repute registry --database lists.db entry add bl.example 192.0.2.9 --exclude --reason 'our own monitor'";

/// Below `repute registry entry give --help`.
const GIVE_HELP: &str = "\
Examples:
  repute registry --database lists.db entry give wl.example 192.0.2.0/24 --to 42 --reason 'their new range'
  repute registry --database lists.db entry give wl.example --source partner --to 42 --reason 'theirs, says the partner'
  repute registry --database lists.db entry give wl.example --of 42 --to nobody --reason 'the company is gone'";

/// Below `repute registry import --help`.
const IMPORT_HELP: &str = "\
Memory is taken for the file, some hundred bytes an entry; the list is read in parts.

Examples:
  repute registry --database lists.db import bl.example spam.txt --source traps --dry-run
  repute registry --database lists.db import bl.example ipsum.txt --source ipsum --minimum 3 --expires 3d
  repute registry --database lists.db import bl.example list.csv --columns key,code,text --source partner
  repute registry --database lists.db import bl.example traps.txt --source traps --criterion trap --review-on 2027-03-01
  zcat old.gz | repute registry --database lists.db import bl.example - --source old --mode add";
