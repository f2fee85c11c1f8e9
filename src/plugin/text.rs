//! Texts of strangers, so that they stay text: in a plugin's output a bar begins numbers, and a line end a
//! line.

/// A text without what a monitoring system or a terminal would obey, at most so long as a reason needs.
pub(crate) fn clean(text: &str) -> String {
    clean_to(text, LONGEST)
}

/// The same, at most so many characters long.
pub(crate) fn clean_to(text: &str, longest: usize) -> String {
    let mut cleaned: String = text.chars().take(longest).map(harmless).collect();
    if text.chars().nth(longest).is_some() {
        cleaned.push_str("...");
    }
    cleaned
}

/// The character, or what stands for it.
fn harmless(c: char) -> char {
    match c {
        '|' => '/',
        // Line and paragraph separators, and what turns the direction of reading.
        '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{061c}' => ' ',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    }
}

/// Characters of a reason that are shown: a DNS text of one string.
const LONGEST: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_begins_numbers_or_lines() {
        assert_eq!(clean("spam | servers=0;0;0\r\nOK\x1b[2J"), "spam / servers=0;0;0  OK [2J");
        assert_eq!(clean("a\u{202e}b\u{2028}c\u{85}d"), "a b c d");
        assert_eq!(clean(&"é".repeat(300)), format!("{}...", "é".repeat(255)));
        assert_eq!(clean(&"é".repeat(255)), "é".repeat(255));
    }
}
