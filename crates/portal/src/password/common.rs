//! Passwords that everybody thinks of (NIST SP 800-63B: those that are commonly used or expected are refused).
//!
//! Lists of the most used passwords hold few of twelve characters and more, and those are always made alike: a word
//! from the top of such lists twice, two or three of them, with a row of keys, a count or a year around it, letters
//! written as digits. So what is looked for is not a list but how they are made: a password is common if all of it comes
//! apart into such pieces. One word of one's own in it is enough.

/// Whether a password is made of nothing but what everybody takes.
pub(super) fn is_common(password: &str) -> bool {
    let lower: Vec<char> = password.to_lowercase().chars().collect();
    let plain: Vec<char> = lower.iter().map(|c| letter(*c)).collect();
    // What is reached from the beginning by such pieces.
    let mut reached = vec![false; lower.len() + 1];
    reached[0] = true;
    for at in 0..lower.len() {
        if !reached[at] {
            continue;
        }
        for len in pieces(&lower[at..], &plain[at..]) {
            reached[at + len] = true;
        }
    }
    reached[lower.len()]
}

/// The lengths of the common pieces with which a text begins: as it is typed, and with digits as letters.
fn pieces(typed: &[char], plain: &[char]) -> Vec<usize> {
    let mut lengths = Vec::new();
    for word in WORDS {
        let len = word.chars().count();
        let is_word = |text: &[char]| text.iter().copied().take(len).eq(word.chars());
        if is_word(typed) || is_word(plain) {
            lengths.push(len);
        }
    }
    for row in ROWS {
        lengths.extend(3..=run(typed, row));
    }
    // The same again and again, dates and numbers, and what is put between and behind.
    let same = typed.iter().take_while(|c| **c == typed[0]).count();
    lengths.extend(3..=same);
    let digits = typed.iter().take_while(|c| c.is_ascii_digit()).count();
    lengths.extend(1..=digits);
    let signs = typed.iter().take_while(|c| !c.is_alphanumeric()).count();
    lengths.extend(1..=signs);
    lengths
}

/// How much of a text is a part of a row, forwards or backwards.
fn run(text: &[char], row: &str) -> usize {
    let row: Vec<char> = row.chars().collect();
    let along = |row: &[char]| {
        let starts = (0..row.len()).filter(|at| row[*at] == text[0]);
        let len = |at: usize| row[at..].iter().zip(text).take_while(|(a, b)| a == b).count();
        starts.map(len).max().unwrap_or(0)
    };
    let back: Vec<char> = row.iter().rev().copied().collect();
    along(&row).max(along(&back))
}

/// The letter that a sign is written for.
fn letter(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '8' => 'b',
        other => other,
    }
}

/// Rows of keys, and what is counted up: the alphabet, the digits, the keyboards of English, German and French.
const ROWS: [&str; 13] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertzuiopü",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik",
    "q1w2e3r4t5y6u7i8o9p0",
    "1q2w3e4r5t6y7u8i9o0p",
    "!@#$%^&*()",
];
/// Words that stand at the top of every count of passwords, or are what one is asked for.
const WORDS: [&str; 100] = [
    "access",
    "admin",
    "administrator",
    "allow",
    "amanda",
    "andrew",
    "angel",
    "apple",
    "ashley",
    "austin",
    "baby",
    "bailey",
    "banana",
    "baseball",
    "basketball",
    "batman",
    "block",
    "buster",
    "changeme",
    "charlie",
    "cheese",
    "chelsea",
    "chocolate",
    "computer",
    "cookie",
    "daniel",
    "default",
    "diamond",
    "dnsbl",
    "dragon",
    "email",
    "example",
    "flower",
    "football",
    "freedom",
    "friend",
    "george",
    "ginger",
    "guest",
    "hallo",
    "hannah",
    "harley",
    "hello",
    "hockey",
    "hunter",
    "iloveyou",
    "internet",
    "jennifer",
    "jessica",
    "jordan",
    "joshua",
    "killer",
    "letmein",
    "liverpool",
    "login",
    "love",
    "lovely",
    "maggie",
    "mail",
    "master",
    "matthew",
    "michael",
    "michelle",
    "monkey",
    "mustang",
    "my",
    "naruto",
    "new",
    "nicole",
    "passwort",
    "password",
    "passw",
    "pepper",
    "please",
    "pokemon",
    "princess",
    "purple",
    "ranger",
    "reputation",
    "robert",
    "root",
    "samsung",
    "secret",
    "server",
    "shadow",
    "soccer",
    "spam",
    "starwars",
    "summer",
    "sunshine",
    "superman",
    "system",
    "test",
    "the",
    "thomas",
    "trustno",
    "user",
    "welcome",
    "whatever",
    "winter",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_takes_is_common() {
        for password in [
            "passwordpassword",
            "Password12345",
            "P@ssw0rd2026!",
            "123456789012",
            "qwertyuiop123",
            "1q2w3e4r5t6y",
            "1qaz2wsx3edc",
            "abcdefghijkl",
            "zyxwvutsrqponm",
            "iloveyou iloveyou",
            "letmein!letmein!",
            "Welcome2026!!",
            "admin-admin-admin",
            "football-2025-football",
            "my secret password",
            "99999999999999",
            "01.02.2003 04:05",
        ] {
            assert!(is_common(password), "{password}");
        }
    }

    #[test]
    fn a_word_of_ones_own_is_enough() {
        for password in [
            "three plain words",
            "correct horse battery",
            "zwölf Zeichen",
            "the first words",
            "password of a walrus",
            "kP3!x9_qLm2z",
            "monkeys eat lemons",
        ] {
            assert!(!is_common(password), "{password}");
        }
    }
}
