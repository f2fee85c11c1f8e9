//! The manual's way to a list of one's own, and from a backup to a fresh machine: each command is taken from the text and
//! typed as it stands there, and what it prints is held against what the text shows.
//!
//! The machine is a private one: its own network, `/etc`, `/var` and `/usr/local/bin`. What is done in another way than
//! the text says is [`Machine::types`], and says so there.

use std::collections::VecDeque;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::daemon::{Daemon, until};
use crate::list_server::REPUTE;
use crate::network::{cover, on_private_network, run};
use crate::pages::{Letters, Visitor};

#[test]
fn a_list_in_ten_minutes_and_its_backup_work_as_written() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let mut machine = Machine::new(folder.path());
        quick_list(&mut machine);
        somebody_wants_off(&machine);
        backup(&mut machine);
        assert!(machine.faults.is_empty(), "{}", machine.faults.join("\n"));
    });
}

/// doc/quick-list.md, but for its ninth step.
fn quick_list(machine: &mut Machine<'_>) {
    let toml = block_after(QUICK_LIST, "## 1. Configure", "```toml\n");
    fs::write("/etc/repute/repute.toml", toml).expect("it is ours");
    let mut steps = steps(QUICK_LIST);
    let drops = steps.iter().find(|step| step.line.starts_with("cat ")).expect("there is a file");
    let (_, name) = drops.line.split_once(' ').expect("it has a name");
    fs::write(machine.folder.join(name), &drops.shown).expect("it is ours");

    let mut link = String::new();
    while let Some(step) = steps.pop_front() {
        match &*step.line {
            "sudo repute serve" => {
                let join = machine.serves(&step.shown);
                visitor().join(&join, "Anna Admin", "anna@example.org");
            }
            // Ed has followed his link by then.
            "sudo -u repute repute admin list" => {
                visitor().join(&link, "Ed Editor", "");
                machine.types(&step, Loose::Nothing);
            }
            // How much memory it takes, and what a zone does, depends on the machine.
            "sudo repute status" => drop(machine.types(&step, Loose::Numbers)),
            line if line.starts_with("dig ") || line.contains("list status") => {
                machine.waits_for_dns();
                machine.types(&step, Loose::Nothing);
            }
            _ => link = machine.types(&step, Loose::Nothing),
        }
    }

    let line = "repute audit bl.example.org@127.0.0.1:53 --kind addresses";
    assert!(QUICK_LIST.contains(&format!("`{line}`")), "the text names the audit");
    let shown = block_after(QUICK_LIST, line, "```text\n");
    let told = machine.runs(line);
    let tail: Vec<&str> = told.lines().rev().take(shown.lines().count()).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    assert_eq!(settled(&tail.join("\n"), Loose::Nothing), settled(shown, Loose::Nothing));

    // The second line asks for servers that stand nowhere in this network.
    let named = block_after(QUICK_LIST, "## 10. Open it to the world", "```sh\n");
    let line = named.lines().next().expect("it has a line");
    machine.runs(line);
    machine.waits_for_dns();
    assert_eq!(run("dig", &["@127.0.0.1", "bl.example.org", "NS", "+short"]).lines().count(), 2);
    for page in ["/lookup?target=192.0.2.25", "/lists/bl.example.org"] {
        assert!(QUICK_LIST.contains(&format!("<http://localhost:8080{page}>")), "{page}");
    }
    visitor()
        .get("/lookup?target=192.0.2.25")
        .says(&["hit four traps on Sunday", "How to get out"]);
    visitor().get("/lists/bl.example.org").says(&["source of spam", "reject_rbl_client", "rspamd"]);
}

/// The ninth step of doc/quick-list.md: what the text calls by its words on pages is there.
fn somebody_wants_off(machine: &Machine<'_>) {
    let mut letters = Letters::of("/var/lib/repute/mail".into());
    let mut ask = |target: &str| {
        let mut visitor = visitor();
        let page = visitor.get(&format!("/lookup?target={target}"));
        page.says(&["ask for the removal"]);
        let fields = [
            ("list", "bl.example.org"),
            ("target", target),
            ("mail", "postmaster@example.net"),
            ("reason", "the relay is closed"),
        ];
        let asked = visitor.post("/removals", &fields);
        if asked.status != 200 {
            return asked.text;
        }
        let (link, letter) = letters.next_to("postmaster@example.net");
        let shown = block_after(QUICK_LIST, "## 9. Somebody wants off", "```text\n");
        let shown = shown.replace("192.0.2.25", target);
        let is_shown = letter.contains(shown.lines().next().expect("a line"))
            && shown.lines().last().is_some_and(|line| letter.contains(line));
        assert!(is_shown, "the letter is\n{letter}\nand not\n{shown}");
        visitor.get(&link).says(&["Remove it"]);
        visitor.post(&link, &[]).text
    };
    let said = |start: &str| {
        let text = QUICK_LIST.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = text.split('*').find(|words| words.starts_with(start));
        words.unwrap_or_else(|| panic!("the text says nothing that begins with {start}")).to_owned()
    };
    let says = |page: &str, start: &str| {
        let words = said(start);
        let (page, words) = (plain(page), settled(&words, Loose::Numbers));
        assert!(settled(&page, Loose::Numbers).contains(&words), "`{words}` is not in\n{page}");
    };
    says(&ask("192.0.2.25"), "It is off the list");
    machine.waits_for_dns();
    let gone = run("dig", &["@127.0.0.1", "25.2.0.192.bl.example.org", "A"]);
    assert!(gone.contains("NXDOMAIN"), "{gone}");
    let again =
        "sudo -u repute repute registry entry add bl.example.org 192.0.2.25 --reason 'again'";
    machine.runs(again);
    machine.waits_for_dns();
    says(&ask("192.0.2.25"), "It came back onto the list too often");
    says(&ask("192.0.2.201"), "An editor decides this");
}

/// "Backup" in doc/registry.md: the nightly lines, and the way to a fresh machine.
fn backup(machine: &mut Machine<'_>) {
    let key = "sudo -u repute repute registry distribution key";
    let before = machine.runs(key);
    let status = machine.runs("sudo -u repute repute list status");
    machine.runs(block_after(REGISTRY, "### What to keep", "```bash\n"));
    machine.server = None;

    // The fresh machine has the program and its user; `/etc/repute` is put back.
    cover("/var/lib");
    fs::remove_dir_all("/etc/repute").expect("it is ours");
    run("cp", &["-a", "/var/backups/lists/repute", "/etc/"]);
    let (_, chapter) = REGISTRY.split_once("### On a fresh machine").expect("there is one");
    let (chapter, _) = chapter.split_once("\n## ").expect("it ends");
    for step in steps(chapter) {
        match &*step.line {
            "sudo systemctl start repute" => drop(machine.serves("")),
            // The list of the text is another one than this.
            _ if step.line.starts_with("dig ") => {
                machine.waits_for_dns();
                machine.types(&step, Loose::Nothing);
            }
            _ => drop(machine.types(&step, Loose::Numbers)),
        }
    }
    assert_eq!(machine.runs(key), before, "followers need no other key");
    // The same entries, with serials far ahead of what was published before.
    let line = |status: &str| -> Vec<String> {
        let words = status.lines().nth(1).expect("there is a list").split_whitespace();
        words.map(str::to_owned).collect()
    };
    let (was, is) = (line(&status), line(&machine.runs("sudo -u repute repute list status")));
    let serial = |text: &str| text.parse::<u32>().expect("a serial");
    // How far ahead depends on the time.
    assert!(serial(&is[2]) > serial(&was[2]) + 10_000_000, "{was:?} {is:?}");
    let expect = [&was[0], &was[1], &is[2], &is[2], &was[4]].map(String::clone);
    assert_eq!(is, expect);
}

/// A machine as the manual has it.
struct Machine<'f> {
    /// Where commands are typed.
    folder: &'f Path,
    /// The server.
    server: Option<Daemon>,
    /// Where the manual shows something else than what is.
    faults: Vec<String>,
}

/// What need not be the same in what a command prints and what the manual shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loose {
    /// Only moments, secrets and digests.
    Nothing,
    /// Numbers, too.
    Numbers,
}

impl<'f> Machine<'f> {
    /// A Debian on which Repute is installed, with its user.
    fn new(folder: &'f Path) -> Machine<'f> {
        let etc = folder.join("etc");
        run("cp", &["-a", "/etc", &etc.to_string_lossy()]);
        run("mount", &["--bind", &etc.to_string_lossy(), "/etc"]);
        for place in ["/var", "/usr/local/bin"] {
            cover(place);
        }
        for place in ["/etc/repute", "/var/lib", "/var/lib/repute", "/var/backups"] {
            fs::create_dir_all(place).expect("it is ours");
        }
        for (file, line) in [
            ("/etc/passwd", "repute:x:990:990::/var/lib/repute:/usr/sbin/nologin\n"),
            ("/etc/group", "repute:x:990:\n"),
            ("/etc/resolv.conf", ""),
        ] {
            let known = fs::read_to_string(file).expect("there is one");
            let kept = match line {
                // Nobody is there who knows a name.
                "" => "nameserver 127.0.0.1\n".to_owned(),
                line => known + line,
            };
            fs::write(file, kept).expect("it is ours");
        }
        run("chown", &["repute:", "/var/lib/repute"]);
        let program = "/usr/local/bin/repute";
        fs::write(program, "").expect("it is ours");
        run("mount", &["--bind", REPUTE, program]);
        // The text says `sudo`, which needs not be there.
        let sudo = "/usr/local/bin/sudo";
        fs::write(sudo, SUDO).expect("it is ours");
        fs::set_permissions(sudo, Permissions::from_mode(0o755)).expect("it is ours");
        fs::set_permissions(folder, Permissions::from_mode(0o755)).expect("it is ours");
        Machine { folder, server: None, faults: Vec::new() }
    }

    /// Types a command, which must end well; what it prints.
    fn runs(&self, line: &str) -> String {
        let (code, told) = self.ends(line);
        assert_eq!(code, Some(0), "{line}\n{told}");
        told
    }

    /// Types a command; how it ends, and what it prints.
    fn ends(&self, line: &str) -> (Option<i32>, String) {
        let line = format!("exec 2>&1\ncd {}\n{line}", self.folder.display());
        let mut command = Command::new("bash");
        command.args(["-c", &line]).env("PATH", PATH);
        let output = command.output().expect("bash is there");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Types a command of the manual, and holds what it prints against what is shown there; what that is.
    fn types(&mut self, step: &Step, loose: Loose) -> String {
        let (code, told) = self.ends(&step.line);
        // What is not listed is told by the code.
        let expected = if step.line.contains(" entry at ") { 1 } else { 0 };
        let (is, shown) = (settled(&told, loose), settled(&step.shown, loose));
        if code != Some(expected) || is != shown {
            let line = &step.line;
            self.faults
                .push(format!("$ {line}\nends with {code:?} and\n{is}\nand not with\n{shown}"));
        }
        told
    }

    /// Starts the server, which says what the manual shows; the link that makes an administrator, if it prints one.
    fn serves(&mut self, shown: &str) -> String {
        let mut command = Command::new("repute");
        command.arg("serve").env("PATH", PATH).current_dir(self.folder);
        let mut server = Daemon::start(&mut command);
        server.wait_for("ready after");
        for line in shown.lines() {
            // What stands beside columns, moments and secrets.
            let part = line.split("  ").max_by_key(|part| part.len()).unwrap_or_default();
            let part = settled(part, Loose::Nothing);
            server.wait_for(part.split('…').max_by_key(|part| part.len()).unwrap_or_default());
        }
        let link = if shown.contains("/join/") { server.wait_for("/join/") } else { String::new() };
        self.server = Some(server);
        link.trim().to_owned()
    }

    /// Waits until DNS has what the database has.
    fn waits_for_dns(&self) {
        until("what is published", || {
            let status = self.runs("sudo -u repute repute list status");
            let row = status.lines().nth(1)?.split_whitespace().collect::<Vec<_>>();
            (row[2] == row[3]).then_some(())
        });
    }
}

/// A command of the manual.
struct Step {
    /// What is typed.
    line: String,
    /// What it prints.
    shown: String,
}

/// The commands of a text, from its blocks that show what they print.
fn steps(text: &str) -> VecDeque<Step> {
    let mut steps: VecDeque<Step> = VecDeque::new();
    for block in text.split("```console\n").skip(1) {
        let (block, _) = block.split_once("```").expect("a block ends");
        let mut is_whole = true;
        for line in block.lines() {
            match (line.strip_prefix("$ "), steps.back_mut()) {
                (Some(line), _) => {
                    steps.push_back(Step { line: line.to_owned(), shown: String::new() });
                    is_whole = !line.ends_with('\\');
                }
                (None, Some(step)) if !is_whole => {
                    step.line = format!("{}\n{line}", step.line);
                    is_whole = !line.ends_with('\\');
                }
                (None, Some(step)) => step.shown = format!("{}{line}\n", step.shown),
                (None, None) => panic!("a block begins with `{line}`, which is no command"),
            }
        }
    }
    steps
}

/// The block that begins so after some words of a text.
fn block_after<'t>(text: &'t str, words: &str, begin: &str) -> &'t str {
    let (_, rest) = text.split_once(words).unwrap_or_else(|| panic!("nothing says `{words}`"));
    let (_, rest) = rest.split_once(begin).expect("there is a block");
    rest.split_once("```").expect("it ends").0
}

/// A text with `…` for what differs each time: moments, secrets and digests, how long something took, ids of messages, and
/// spaces that follow from them; of loose ones numbers, too.
fn settled(text: &str, loose: Loose) -> String {
    let mut lines = Vec::new();
    for line in text.trim_end().lines() {
        let words = line.split_whitespace().collect::<Vec<_>>();
        let mut settled: Vec<String> = Vec::new();
        for (place, word) in words.iter().enumerate() {
            let before = place.checked_sub(1).map_or("", |place| words[place]);
            settled.push(match before {
                "after" | "id:" => "…".to_owned(),
                _ => settled_word(word, loose),
            });
        }
        lines.push(settled.join(" "));
    }
    lines.join("\n")
}

/// The same of a word.
fn settled_word(word: &str, loose: Loose) -> String {
    let length =
        |text: &str, is_part: fn(char) -> bool| text.find(|c| !is_part(c)).unwrap_or(text.len());
    let (mut settled, mut rest) = (String::new(), word);
    while let Some(first) = rest.chars().next() {
        let run = &rest[..length(rest, |c| c.is_ascii_alphanumeric())];
        let (word, len) = if run.starts_with("20") && run.len() == 4 && rest[4..].starts_with('-') {
            ("…", length(rest, |c| c.is_ascii_digit() || "TZ:.-".contains(c)))
        } else if run.len() >= 16 && run.contains(|c: char| c.is_ascii_digit()) {
            ("…", run.len())
        } else {
            let len = run.len().max(first.len_utf8());
            (&rest[..len], len)
        };
        settled.push_str(word);
        rest = &rest[len..];
    }
    if loose == Loose::Numbers {
        settled.retain(|c| !c.is_ascii_digit());
    }
    settled
}

/// What a page says, in one line.
fn plain(page: &str) -> String {
    let texts = page.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    texts.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Somebody with a browser on that machine.
fn visitor() -> Visitor {
    Visitor::at(([127, 0, 0, 1], 8080).into())
}

/// Where programs are.
const PATH: &str = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin";
/// What does what the manual has `sudo` do.
const SUDO: &str = r#"#!/bin/sh
if [ "$1" = -u ]; then
    user=$2
    shift 2
    exec setpriv --reuid="$user" --regid="$user" --init-groups -- "$@"
fi
exec "$@"
"#;
/// The chapter about a list of one's own.
const QUICK_LIST: &str = include_str!("../../doc/quick-list.md");
/// The chapter with the backup.
const REGISTRY: &str = include_str!("../../doc/registry.md");
