//! Whose configuration a text is, and several texts read as one.

use super::{Gatherer, Import, check_rbl, postfix, rspamd, spamassassin};
use crate::catalogue::Catalogue;

/// A program whose configuration names lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// check_rbl, and dnsbl_exporter: an ini file.
    CheckRbl,
    /// Postfix: `main.cf`, `master.cf`, or what postconf prints.
    Postfix,
    /// SpamAssassin: rules.
    SpamAssassin,
    /// rspamd: its module rbl.
    Rspamd,
}

impl Program {
    /// Finds out whose configuration a text is: by what stands in it, or else by the name of its file.
    pub fn of(file: &str, text: &str) -> Option<Program> {
        let mut counts = PROGRAMS.map(|program| (0_usize, program));
        for program in text.lines().filter_map(Program::of_line) {
            for (count, _) in counts.iter_mut().filter(|(_, counted)| *counted == program) {
                *count += 1;
            }
        }
        let most = counts.iter().map(|(count, _)| *count).max().unwrap_or(0);
        let mut first = counts.iter().filter(|(count, _)| *count == most && most > 0);
        match (first.next(), first.next()) {
            (Some((_, program)), None) => Some(*program),
            _ => Program::of_name(file),
        }
    }

    /// Whose configuration a line could only be.
    fn of_line(line: &str) -> Option<Program> {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            return None;
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (word, rest) = line.split_at(line.find(|c| !is_word(c)).unwrap_or(line.len()));
        let is_set = rest.trim_start().starts_with(['=', '{', ':']);
        let asks = |name: &str| line.split(|c| !is_word(c)).any(|word| word == name);
        match word {
            "" if ["[rbl]", "[check_rbl]"].contains(&line) => Some(Program::CheckRbl),
            "server" if rest.trim_start().starts_with('=') => Some(Program::CheckRbl),
            "rbl" | "rbls" | "returncodes" | "returnbits" if is_set => Some(Program::Rspamd),
            "header" | "describe" | "tflags" | "score" | "meta" | "body" | "ifplugin"
            | "loadplugin" | "urirhsbl" | "urirhssub" | "uridnsbl" | "uridnssub" | "askdns"
                if rest.starts_with([' ', '\t']) =>
            {
                Some(Program::SpamAssassin)
            }
            postfix::POSTSCREEN => Some(Program::Postfix),
            _ if postfix::RESTRICTIONS.iter().any(|(name, ..)| asks(name)) => {
                Some(Program::Postfix)
            }
            _ => None,
        }
    }

    /// Whose configuration a file is by its name.
    fn of_name(file: &str) -> Option<Program> {
        let name = file.rsplit('/').next().unwrap_or(file);
        // There are main.cf.proto, main.cf.dist and other templates.
        if ["main.cf", "master.cf"].iter().any(|start| name.starts_with(start)) {
            return Some(Program::Postfix);
        }
        match name.rsplit_once('.')?.1 {
            "ini" => Some(Program::CheckRbl),
            "cf" | "pre" => Some(Program::SpamAssassin),
            "conf" | "inc" => Some(Program::Rspamd),
            _ => None,
        }
    }
}

/// Reads the lists of several texts, those of a program as it would read them: a rule of SpamAssassin may
/// refer to one of another file, and a service in `master.cf` to a parameter of `main.cf`. A list that
/// several of them name is one list.
pub fn import(texts: &[(Program, &str)], catalogue: &Catalogue) -> Import {
    let mut gatherer = Gatherer::new(catalogue);
    let mut lines = 0;
    gatherer.starts.clear();
    for (_, text) in texts {
        gatherer.starts.push(lines);
        // A fault at its end may stand in the line behind the last.
        lines += text.lines().count() + 1;
    }
    for program in PROGRAMS {
        if !texts.iter().any(|(of, _)| *of == program) {
            continue;
        }
        gatherer.base = 0;
        match program {
            Program::Postfix => postfix::read(&joined(texts, program), &mut gatherer),
            Program::SpamAssassin => spamassassin::read(&joined(texts, program), &mut gatherer),
            Program::CheckRbl => each(texts, program, &mut gatherer, check_rbl::read),
            Program::Rspamd => each(texts, program, &mut gatherer, rspamd::read),
        }
    }
    gatherer.finish()
}

/// Reads each text of a program by itself.
fn each(
    texts: &[(Program, &str)],
    program: Program,
    gatherer: &mut Gatherer<'_>,
    read: fn(&str, &mut Gatherer<'_>),
) {
    for (at, (_, text)) in texts.iter().enumerate().filter(|(_, (of, _))| *of == program) {
        gatherer.base = gatherer.starts.get(at).copied().unwrap_or(0);
        read(text, gatherer);
    }
}

/// The texts of a program as one, each line at the place it has among the lines of all texts.
fn joined(texts: &[(Program, &str)], program: Program) -> String {
    let mut joined = String::new();
    for (of, text) in texts {
        for line in text.trim_start_matches('\u{feff}').lines() {
            joined.push_str(if *of == program { line } else { "" });
            joined.push('\n');
        }
        joined.push('\n');
    }
    joined
}

/// All of them.
const PROGRAMS: [Program; 4] =
    [Program::CheckRbl, Program::Postfix, Program::SpamAssassin, Program::Rspamd];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_says_whose_it_is_or_its_name_does() {
        use Program::{CheckRbl, Postfix, Rspamd, SpamAssassin};
        for (file, text, program) in [
            ("-", "[rbl]\nserver=bl.example\n", Some(CheckRbl)),
            ("-", "smtpd_client_restrictions =\n  reject_rbl_client bl.example\n", Some(Postfix)),
            ("-", "postscreen_dnsbl_sites = bl.example*2\n", Some(Postfix)),
            ("-", "smtp inet n - y - - smtpd -o x=reject_rbl_client,a.example\n", Some(Postfix)),
            ("-", "header X eval:check_rbl('x', 'bl.example.')\n", Some(SpamAssassin)),
            ("-", "rbls {\n  x { rbl = \"bl.example\"; }\n}\n", Some(Rspamd)),
            ("-", "x {\n  rbl = \"bl.example\";\n}\n", Some(Rspamd)),
            ("-", "# header X\n; server=x\nnothing\n", None),
            ("-", "", None),
            ("/etc/postfix/main.cf", "myhostname = mx.example\n", Some(Postfix)),
            ("main.cf.dist", "", Some(Postfix)),
            ("lists.ini", "", Some(CheckRbl)),
            ("local.cf", "", Some(SpamAssassin)),
            ("/etc/rspamd/local.d/rbl.conf", "", Some(Rspamd)),
            ("main", "", None),
            // What stands there says more than the name.
            ("rules.conf", "header X eval:check_rbl('x', 'bl.example.')\n", Some(SpamAssassin)),
        ] {
            assert_eq!(Program::of(file, text), program, "{file}: {text}");
        }
    }

    #[test]
    fn texts_of_a_program_are_read_as_one_and_faults_know_theirs() {
        let master = "smtp inet n - y - - smtpd\n -o smtpd_client_restrictions=$own,$gone\n";
        let texts = [
            (Program::SpamAssassin, "header A eval:check_rbl_sub('x', '127.0.0.2')\n"),
            (Program::Postfix, master),
            (Program::CheckRbl, "[rbl]\nserver=a.example\nserver=!\n"),
            (
                Program::SpamAssassin,
                "header B eval:check_rbl('x', 'a.example.')\nheader C eval:check_rbl(\n",
            ),
            (Program::Rspamd, "rbls {\n"),
            (Program::Postfix, "own = reject_rbl_client b.example=127.0.0.2\n"),
            (Program::CheckRbl, "server=c.example\n"),
        ];
        let import = import(&texts, &Catalogue::shipped());
        let faults: Vec<String> = import.faults.iter().map(|f| format!("{} {f}", f.text)).collect();
        assert_eq!(
            faults,
            [
                "1 line 2: `$gone` has no value in this text: add the line that sets it, or write it out",
                "2 line 3: `!` is no zone: expected a name such as bl.example",
                "3 line 2: this is no line of such a file: expected a rule such as `header X eval:check_rbl('x', 'bl.example.')`",
                "4 line 2: this is no line of such a file: expected a `}`: one is missing",
                "6 line 1: no lists: expected a section `[rbl]` with lines `server=bl.example`",
            ]
        );
        let lists: Vec<String> = import
            .lists
            .iter()
            .map(|found| format!("{} {} {}", found.text, found.line, found.entry.zone))
            .collect();
        assert_eq!(lists, ["2 2 a.example", "1 2 b.example"]);
        assert_eq!(import.lists[0].list.meanings.len(), 1, "the rules say what its code means");
    }
}
