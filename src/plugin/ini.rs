//! Ini files of monitoring plugins: sections with lines `key=value`, where a key may stand several times.

/// A line of a section: a key, its value, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The number of the line.
    pub(crate) line: usize,
    /// The long name of an option, or its letter.
    pub(crate) key: String,
    /// Its value.
    pub(crate) value: String,
}

/// The lines of a section. Sections of the same name are one.
pub(super) fn section(text: &str, name: &str) -> Result<Vec<Entry>, IniError> {
    let (mut entries, mut names) = (Vec::new(), Vec::new());
    let mut current = None;
    // A line ends with LF, CR LF or CR.
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(found) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let found = found.trim();
            names.push(found);
            current = Some(found);
            continue;
        }
        let (key, value) = line.split_once('=').ok_or(IniError::Syntax(number))?;
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() || current.is_none() {
            return Err(IniError::Syntax(number));
        }
        if current == Some(name) {
            entries.push(Entry { line: number, key: key.to_owned(), value: value.to_owned() });
        }
    }
    if !names.contains(&name) {
        let names = names.iter().map(|name| super::clean_to(name, LONGEST_SHOWN));
        return Err(IniError::NoSection(name.to_owned(), names.take(MOST_SHOWN).collect()));
    }
    Ok(entries)
}

/// Why an ini file has nothing to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum IniError {
    /// The line with this number is neither a section, nor a key with a value, nor a comment.
    Syntax(usize),
    /// There is no such section; those that there are.
    NoSection(String, Vec<String>),
}

/// Characters of a section's name that are shown.
const LONGEST_SHOWN: usize = 40;
/// Sections that are shown.
const MOST_SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a section as `line:key=value`.
    fn read(text: &str, name: &str) -> Vec<String> {
        let entries = section(text, name).expect("the file is right");
        entries.iter().map(|e| format!("{}:{}={}", e.line, e.key, e.value)).collect()
    }

    #[test]
    fn a_section_is_its_lines_in_order() {
        let text = "\u{feff}# lists\n[rbl]\nserver = a.example \nserver=b.example\n; none\n\
                    [other]\nserver=c.example\n [ rbl ] \nappend=x=y\nwl=\n";
        let all = ["3:server=a.example", "4:server=b.example", "9:append=x=y", "10:wl="];
        assert_eq!(read(text, "rbl"), all);
        assert_eq!(read(text, "other"), ["7:server=c.example"]);
    }

    #[test]
    fn lines_end_as_on_any_system() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["[a]", "x=1", "", "y=2", ""].join(end);
            assert_eq!(read(&text, "a"), ["2:x=1", "4:y=2"], "{end:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        assert_eq!(section("[a]\nx\n", "a"), Err(IniError::Syntax(2)));
        assert_eq!(section("[a]\n=x\n", "a"), Err(IniError::Syntax(2)));
        assert_eq!(section("x=1\n[a]\n", "a"), Err(IniError::Syntax(1)));
        let none = IniError::NoSection("b".into(), vec!["a".into()]);
        assert_eq!(section("[a]\n", "b"), Err(none));
    }
}
