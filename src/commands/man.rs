//! `repute man` and `repute completions`: what a package installs beside the binary.
//!
//! Both come from the one definition of the command line, so they cannot say anything else than `--help`
//! does. What a manual page has and a help text has not - exit status, files, what to read next - is
//! written here.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

use crate::cli::Cli;
use crate::exit::Verdict;

/// Writes a page for the program and for each of its commands into a folder.
pub(super) fn run(folder: &Path) -> anyhow::Result<Verdict> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    write_pages(&command, &mut |name, page| fs::write(folder.join(name), page))
        .with_context(|| format!("cannot write into {}", folder.display()))?;
    Ok(Verdict::Yes)
}

/// Writes what completes the command line in a shell.
pub(super) fn completions(shell: Shell) -> anyhow::Result<Verdict> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "repute", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(Verdict::Yes)
}

/// Gives the page of a command, and those of its own commands, to whoever writes files.
fn write_pages(
    command: &Command,
    write: &mut impl FnMut(String, Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    let name = page_name(command);
    write(format!("{name}.1"), page(command)?)?;
    commands(command).try_for_each(|command| write_pages(command, write))
}

/// The page of a command.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone())
        .title(page_name(command).to_uppercase())
        .source(concat!("repute ", env!("CARGO_PKG_VERSION")))
        .manual("Repute");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (notes, examples) = notes_and_examples(&help);
    let mut more = Roff::default();
    describe(command, &notes, &mut more);
    more.to_writer(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut more = Roff::default();
    if commands(command).next().is_some() {
        list_commands(command, &mut more);
    }
    show_examples(examples, &mut more);
    if page_name(command) == "repute" {
        about_all(&mut more);
    }
    see_also(command, &mut more);
    more.to_writer(&mut page)?;
    Ok(page)
}

/// The commands below one.
fn list_commands(command: &Command, page: &mut Roff) {
    page.control("SH", ["COMMANDS"]);
    for command in commands(command) {
        page.control("TP", []);
        page.text([bold(page_name(command)), roman("(1)")]);
        page.text([roman(command.get_about().map(ToString::to_string).unwrap_or_default())]);
    }
}

/// What a command is for and does: what its long help says, and the notes.
fn describe(command: &Command, notes: &[&str], page: &mut Roff) {
    page.control("SH", ["DESCRIPTION"]);
    let about = match page_name(command).as_str() {
        "repute" => ABOUT.to_owned(),
        _ => command
            .get_long_about()
            .or(command.get_about())
            .map(ToString::to_string)
            .unwrap_or_default(),
    };
    for (at, paragraph) in about.split("\n\n").chain(notes.iter().copied()).enumerate() {
        if at > 0 {
            page.control("PP", []);
        }
        // The first line of a help text has no full stop, as it stands in lists too.
        let text = paragraph.trim().replace('\n', " ");
        let stop = if text.ends_with('.') { "" } else { "." };
        page.text([roman(format!("{text}{stop}"))]);
    }
}

/// What stands below the options in a help text: notes in sentences, and examples as they are typed.
fn notes_and_examples(help: &str) -> (Vec<&str>, &str) {
    let (notes, examples) = match help.split_once("Examples:\n") {
        Some((before, rest)) => {
            let (examples, after) = rest.split_once("\n\n").unwrap_or((rest, ""));
            ([before, after], examples)
        }
        None => ([help, ""], ""),
    };
    let paragraphs = notes.into_iter().flat_map(|notes| notes.split("\n\n"));
    (paragraphs.filter(|note| !note.trim().is_empty()).collect(), examples)
}

/// Shows each example with what it means.
fn show_examples(examples: &str, page: &mut Roff) {
    if examples.is_empty() {
        return;
    }
    page.control("SH", ["EXAMPLES"]);
    for example in examples.lines() {
        let example = example.trim();
        let (typed, meaning) = example.split_once("  ").unwrap_or((example, ""));
        page.control("TP", []);
        page.text([bold(typed)]);
        page.text([roman(meaning.trim())]);
    }
}

/// What holds for all commands.
fn about_all(page: &mut Roff) {
    page.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT_STATUS {
        page.control("TP", []);
        page.text([bold(*code)]);
        page.text([roman(*meaning)]);
    }
    page.control("SH", ["SIGNALS"]);
    for (signal, meaning) in SIGNALS {
        page.control("TP", []);
        page.text([bold(*signal)]);
        page.text([roman(*meaning)]);
    }
    page.control("SH", ["FILES"]);
    for (file, meaning) in FILES {
        page.control("TP", []);
        page.text([italic(*file)]);
        page.text([roman(*meaning)]);
    }
}

/// The other pages.
fn see_also(command: &Command, page: &mut Roff) {
    page.control("SH", ["SEE ALSO"]);
    let mut line = Vec::new();
    if let Some((above, _)) = page_name(command).rsplit_once('-') {
        line.extend([bold(above), roman("(1), ")]);
    }
    line.push(roman("and the manual that comes with the program, in doc/."));
    page.text(line);
}

/// The commands of a command that are no secret.
fn commands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|command| !command.is_hide_set())
}

/// What the page of a command is called: all of its words, with dashes between.
fn page_name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

/// What the program is for.
const ABOUT: &str = "\
A DNS reputation list tells whether an address or a name is on it, by a code and a text (RFC 5782). \
Repute reads such lists from text files, feeds and snapshots, checks them and serves them by DNS. A changed \
list is served within a second; one that is broken, or lists too much, is refused, and the one before it \
stays.

Without a configuration, `repute serve` serves two example lists and a portal on this machine, to try it.";

/// Exit codes, as `exit` decides them.
const EXIT_STATUS: &[(&str, &str)] = &[
    ("0", "Done; or yes: listed, the same, no faults."),
    ("1", "No: not listed, different, faults, refused. The page of each command says more."),
    (
        "2",
        "It could not be told or not be done; the command line or the configuration is wrong, which \
         standard error shows with line and column.",
    ),
];

/// What a running server does on signals.
const SIGNALS: &[(&str, &str)] = &[
    ("SIGHUP", "Read the configuration and all lists again, and open the query log again."),
    ("SIGTERM, SIGINT", "Stop: answer what has arrived, then end."),
];

/// Files that are there or made without being named.
const FILES: &[(&str, &str)] = &[
    (
        "/etc/repute/repute.toml",
        "The configuration. `repute config example` prints one with every key, its default and what it \
         is for; `repute config check` tells what is wrong with it.",
    ),
    (
        "/var/lib/repute",
        "The data folder, unless the configuration names another: the last good copy of each zone and \
         feed, serials, and the control socket.",
    ),
    ("./repute-data", "The data folder of a server without a configuration."),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// All pages by name.
    fn pages() -> BTreeMap<String, String> {
        let mut pages = BTreeMap::new();
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        write_pages(&command, &mut |name, page| {
            pages.insert(name, String::from_utf8(page).expect("pages are text"));
            Ok(())
        })
        .expect("memory takes all");
        pages
    }

    #[test]
    fn every_command_and_option_has_its_place() {
        let pages = pages();
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        let mut left = vec![&command];
        let mut options = 0;
        while let Some(command) = left.pop() {
            let page = &pages[&format!("{}.1", page_name(command))];
            for argument in command.get_arguments() {
                let name = match argument.get_long() {
                    Some(long) => format!("\\fB\\-\\-{}\\fR", long.replace('-', "\\-")),
                    None => argument.get_value_names().expect("it takes a value")[0].to_string(),
                };
                assert!(page.contains(&name), "{name} is not in {page}");
                options += 1;
            }
            let about = command.get_about().expect("it says what it does").to_string();
            let in_roff = about.replace('-', "\\-").replace('\'', "\\*(Aq");
            assert!(page.contains(&in_roff), "{about} is not in {page}");
            left.extend(commands(command));
        }
        assert!(options > 30 && pages.len() > 12, "{options} options, {} pages", pages.len());
    }

    #[test]
    fn examples_stand_as_they_are_typed() {
        let page = &pages()["repute-zone-check.1"];
        let (_, examples) = page.split_once(".SH EXAMPLES").expect("there are some");
        assert!(
            examples.contains("\\fBrepute zone check\\fR\nall zones of the configuration"),
            "{page}"
        );
    }
}
