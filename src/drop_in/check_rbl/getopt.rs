//! Command lines as Perl's Getopt::Long reads them, with letters in clusters and long names by their
//! beginnings: `-w1c3`, `-w 1`, `--warning=1`, `--warn 1`, `-vvv`.

/// An option that is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spec {
    /// All its names, the one it is known by first.
    pub(super) names: &'static [&'static str],
    /// What stands behind it.
    pub(super) takes: Takes,
}

/// What stands behind an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// Nothing: it is there or not.
    Nothing,
    /// A whole number.
    Number,
    /// A text, whatever it looks like.
    Text,
    /// A text that may be left out.
    OptionalText,
}

/// An option as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    /// The name it is known by.
    pub(super) name: &'static str,
    /// What stood behind it.
    pub(super) value: Value,
}

/// What stood behind an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing.
    None,
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

/// Reads words; returns the options in their order, and the words that are none.
pub(super) fn parse(
    words: &[String],
    specs: &[Spec],
) -> Result<(Vec<Given>, Vec<String>), GetoptError> {
    let (mut given, mut rest) = (Vec::new(), Vec::new());
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            rest.extend(words.cloned());
            break;
        }
        if let Some(long) = word.strip_prefix("--").or_else(|| word.strip_prefix('+'))
            && !long.is_empty()
        {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            let spec = long_option(name, specs)?;
            let behind = |word: &&String| !word.starts_with(['-', '+']) || word.len() == 1;
            let value = match (spec.takes, value) {
                (Takes::Nothing, None) => Value::None,
                (Takes::Nothing, Some(_)) => return Err(GetoptError::Needless(name.to_owned())),
                (Takes::Number, value) => {
                    let value = value.map(str::to_owned).or_else(|| words.next().cloned());
                    number(name, value.as_deref())?
                }
                (Takes::Text, value) => {
                    let value = value.map(str::to_owned).or_else(|| words.next().cloned());
                    Value::Text(value.ok_or_else(|| GetoptError::Missing(name.to_owned()))?)
                }
                (Takes::OptionalText, Some(value)) => Value::Text(value.to_owned()),
                (Takes::OptionalText, None) => {
                    Value::Text(words.next_if(|word| behind(word)).cloned().unwrap_or_default())
                }
            };
            given.push(Given { name: spec.names[0], value });
        } else if let Some(mut cluster) = word.strip_prefix('-')
            && !cluster.is_empty()
        {
            while let Some(letter) = cluster.chars().next() {
                let name = &cluster[..letter.len_utf8()];
                let behind = &cluster[letter.len_utf8()..];
                let spec = specs.iter().find(|spec| spec.names.contains(&name));
                let spec = spec.ok_or_else(|| GetoptError::Unknown(name.to_owned()))?;
                let (value, left) = match spec.takes {
                    Takes::Nothing => (Value::None, behind),
                    Takes::Number if behind.is_empty() => {
                        (number(name, words.next().map(String::as_str))?, "")
                    }
                    Takes::Number => {
                        let (digits, left) = behind.split_at(digits(behind));
                        (number(name, Some(if digits.is_empty() { behind } else { digits }))?, left)
                    }
                    Takes::Text | Takes::OptionalText if behind.is_empty() => {
                        let value = words.next().cloned();
                        let value = value.ok_or_else(|| GetoptError::Missing(name.to_owned()))?;
                        (Value::Text(value), "")
                    }
                    Takes::Text | Takes::OptionalText => (Value::Text(behind.to_owned()), ""),
                };
                given.push(Given { name: spec.names[0], value });
                cluster = left;
            }
        } else {
            rest.push(word.clone());
        }
    }
    Ok((given, rest))
}

/// The option of a long name: the one that is called so, else the only one whose name begins so.
pub(super) fn long_option<'s>(name: &str, specs: &'s [Spec]) -> Result<&'s Spec, GetoptError> {
    if let Some(spec) = specs.iter().find(|spec| spec.names.contains(&name)) {
        return Ok(spec);
    }
    let begins = |spec: &&Spec| spec.names.iter().any(|known| known.starts_with(name));
    let mut found = specs.iter().filter(begins);
    match (found.next(), found.next()) {
        _ if name.is_empty() => Err(GetoptError::Unknown(name.to_owned())),
        (None, _) => Err(GetoptError::Unknown(name.to_owned())),
        (Some(spec), None) => Ok(spec),
        (Some(_), Some(_)) => {
            let mut names: Vec<&str> =
                specs.iter().filter(begins).map(|spec| spec.names[0]).collect();
            names.sort_unstable();
            Err(GetoptError::Ambiguous(name.to_owned(), names.join(", ")))
        }
    }
}

/// How many bytes of a text are a number at its beginning.
fn digits(text: &str) -> usize {
    let sign = usize::from(text.starts_with(['-', '+']));
    match text[sign..].bytes().take_while(u8::is_ascii_digit).count() {
        0 => 0,
        digits => sign + digits,
    }
}

/// A number that is all of a text.
fn number(name: &str, text: Option<&str>) -> Result<Value, GetoptError> {
    let text = text.ok_or_else(|| GetoptError::Missing(name.to_owned()))?;
    let error = || GetoptError::NoNumber(name.to_owned(), text.chars().take(40).collect());
    match digits(text) == text.len() && !text.is_empty() {
        true => text.parse().map(Value::Number).map_err(|_| error()),
        false => Err(error()),
    }
}

/// Why a command line cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum GetoptError {
    /// There is no such option.
    #[error("unknown option `{0}`; --help shows all")]
    Unknown(String),
    /// A name that several options begin with.
    #[error("option `{0}` can be several: {1}")]
    Ambiguous(String, String),
    /// Nothing stands behind an option that needs something.
    #[error("option `{0}` needs a value")]
    Missing(String),
    /// Something stands behind an option that takes nothing.
    #[error("option `{0}` takes no value")]
    Needless(String),
    /// What stands behind it is no number.
    #[error("option `{0}` needs a whole number, not `{1}`")]
    NoNumber(String, String),
}

#[cfg(test)]
mod tests {
    use super::super::specs::SPECS;
    use super::*;

    /// What is read, as `name=value`, then the rest behind a bar; or the error.
    fn read(line: &str) -> String {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        match parse(&words, &SPECS) {
            Ok((given, rest)) => {
                let mut shown: Vec<String> = given
                    .iter()
                    .map(|given| match &given.value {
                        Value::None => given.name.to_owned(),
                        Value::Number(number) => format!("{}={number}", given.name),
                        Value::Text(text) => format!("{}={text}", given.name),
                    })
                    .collect();
                if !rest.is_empty() {
                    shown.push(format!("| {}", rest.join(" ")));
                }
                shown.join(" ")
            }
            Err(error) => error.to_string(),
        }
    }

    /// What Getopt::Long 2.52 makes of each line was looked up with Perl.
    #[test]
    fn lines_mean_what_they_mean_in_perl() {
        for (line, meant) in [
            ("-w1c3", "warning=1 critical=3"),
            ("-w3s4", "warning=3 server=4"),
            ("--w 3", "warning=3"),
            ("--warning=+2", "warning=2"),
            ("-w -1", "warning=-1"),
            ("--ur x", "url=x"),
            ("--wh --wor 3", "whitelistings workers=3"),
            ("--wl", "whitelistings"),
            ("-vvv", "verbose verbose verbose"),
            ("-vd -Hx", "verbose debug host=x"),
            ("-H=x", "host==x"),
            ("--host --url", "host=--url"),
            ("-H -s", "host=-s"),
            ("-s --", "server=--"),
            ("+host x", "host=x"),
            ("--extra-opts -s x", "extra-opts= server=x"),
            ("--extra-opts x -s y", "extra-opts=x server=y"),
            ("--extra-opts= -s y", "extra-opts= server=y"),
            ("--extra-opts -", "extra-opts=-"),
            ("--extra-opts -- x", "extra-opts= | x"),
            ("a -s b -- -s c", "server=b | a -s c"),
            ("- -d", "debug | -"),
            ("--verb --v", "verbose verbose"),
            ("--h", "help"),
            ("-?", "usage"),
            ("--?", "usage"),
            ("-hV", "help version"),
        ] {
            assert_eq!(read(line), meant, "{line}");
        }
    }

    #[test]
    fn what_perl_refuses_is_refused_with_the_reason() {
        for (line, why) in [
            ("-c=3", "option `c` needs a whole number, not `=3`"),
            ("-w x", "option `w` needs a whole number, not `x`"),
            ("-w 1.5", "option `w` needs a whole number, not `1.5`"),
            (
                "-w 99999999999999999999",
                "option `w` needs a whole number, not `99999999999999999999`",
            ),
            ("-wl", "option `w` needs a whole number, not `l`"),
            ("--wa 0x10", "option `wa` needs a whole number, not `0x10`"),
            ("--u x", "option `u` can be several: url, usage"),
            ("--ver", "option `ver` can be several: verbose, version"),
            ("--HOST x", "unknown option `HOST`; --help shows all"),
            ("--=3", "unknown option ``; --help shows all"),
            ("-vx", "unknown option `x`; --help shows all"),
            ("-c3x", "unknown option `x`; --help shows all"),
            ("-é", "unknown option `é`; --help shows all"),
            ("--host", "option `host` needs a value"),
            ("-s", "option `s` needs a value"),
            ("--wl=1", "option `wl` takes no value"),
        ] {
            assert_eq!(read(line), why, "{line}");
        }
    }
}
