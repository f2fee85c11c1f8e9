//! A line of Postfix's `master.cf`: the parameters that a service sets for itself with `-o`.

/// The parameters of a service, each with its line, if these lines are a service (master(5)).
pub(super) fn overrides(lines: &[(usize, &str)]) -> Option<Vec<(usize, String, String)>> {
    let mut words = words(lines).into_iter();
    let kind = words.nth(1)?.1;
    if !KINDS.contains(&&*kind) || words.len() < COLUMNS_BEHIND_KIND {
        return None;
    }
    let mut words = words.skip(COLUMNS_BEHIND_KIND);
    let mut found = Vec::new();
    while let Some((line, word)) = words.next() {
        let Some(option) = word.strip_prefix("-o") else { continue };
        let (line, setting) = match option {
            "" => words.next().unwrap_or((line, String::new())),
            setting => (line, setting.to_owned()),
        };
        let inner = setting.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
        if let Some((name, value)) = inner.unwrap_or(&setting).split_once('=') {
            found.push((line, name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    Some(found)
}

/// The words of lines; what stands between braces is one, blanks and all.
fn words(lines: &[(usize, &str)]) -> Vec<(usize, String)> {
    let mut words: Vec<(usize, String)> = Vec::new();
    let (mut depth, mut is_in_word) = (0_usize, false);
    for (number, line) in lines {
        for c in line.chars().chain([' ']) {
            if c.is_whitespace() && depth == 0 {
                is_in_word = false;
                continue;
            }
            if !is_in_word {
                words.push((*number, String::new()));
                is_in_word = true;
            }
            let Some((_, word)) = words.last_mut() else { continue };
            // Braces group only where a word begins with one.
            match c {
                '{' if word.starts_with('{') || word.is_empty() => depth += 1,
                '}' if depth > 0 => depth -= 1,
                _ => {}
            }
            word.push(c);
        }
    }
    words
}

/// What a service may listen at: its second column.
const KINDS: [&str; 5] = ["inet", "unix", "unix-dgram", "fifo", "pass"];
/// private, unpriv, chroot, wakeup, maxproc, command.
const COLUMNS_BEHIND_KIND: usize = 6;
