//! Texts in a chart: escaped, and cut to the room they have.

/// Returns a text for element content and attribute values (XML 1.0 sections 2.2 and 2.4): markup
/// escaped, and in place of what XML cannot hold, a replacement character.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Returns about how wide a text is in letters of `size` pixels. Nobody knows the reader's font;
/// this is rather too much than too little.
pub(crate) fn width(text: &str, size: u32) -> f64 {
    text.chars().map(advance).sum::<f64>() * f64::from(size)
}

/// About how wide a letter is, as a share of its height.
fn advance(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!'
        | ' ' => 0.4,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 0.95,
        'A'..='Z' => 0.7,
        '\u{0}'..='\u{2ff}' => 0.62,
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' => 0.0,
        '\u{370}'..='\u{10ff}' => 0.7,
        _ => 1.05,
    }
}

/// Returns a text that is no wider than `room`, with an ellipsis where it was cut.
pub(crate) fn fit(text: &str, room: f64, size: u32) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let room = room - width("…", size);
    let mut used = 0.0;
    let mut kept = String::new();
    for c in text.chars() {
        used += advance(c) * f64::from(size);
        if used > room {
            break;
        }
        kept.push(c);
    }
    kept.truncate(kept.trim_end().len());
    kept + "…"
}

/// Joins the first few of many parts, and says how many there are more.
pub(crate) fn join(mut parts: impl ExactSizeIterator<Item = String>) -> String {
    const SHOWN: usize = 8;
    let count = parts.len();
    let first: Vec<String> = parts.by_ref().take(SHOWN).collect();
    let mut text = first.join("; ");
    if count > SHOWN {
        text.push_str(&format!("; and {} more", count - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_what_xml_cannot_hold_is_escaped() {
        assert_eq!(
            escape("<a href='x'>\"&amp;\"\n\u{0}\u{1b}\u{ffff}\u{9f}"),
            "&lt;a href=&#39;x&#39;&gt;&quot;&amp;amp;&quot; \u{fffd}\u{fffd}\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn a_text_is_cut_where_its_room_ends() {
        assert_eq!(fit("bl.example", 100.0, 12), "bl.example");
        assert_eq!(fit("a list with a long name", 100.0, 12), "a list with a…");
        assert_eq!(fit("名前名前名前", 50.0, 12), "名前名…");
        assert_eq!(fit("x", 0.0, 12), "…");
    }
}
