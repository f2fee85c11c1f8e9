//! Names as they stand in a master file: absolute with a dot at the end, else below the origin.

use repute_dnsxl::Name;

/// Reads a name.
pub(super) fn parse(text: &[u8], origin: &Name) -> Result<Name, String> {
    if text == b"@" {
        return Ok(origin.clone());
    }
    let shown = || text.escape_ascii().to_string();
    let text = std::str::from_utf8(text).map_err(|_| format!("`{}` is no name", shown()))?;
    let name: Name = text.parse().map_err(|error| format!("`{}` is no name: {error}", shown()))?;
    if is_absolute(text) || name.label_count() == 0 {
        return Ok(name);
    }
    let whole = [name.relative(), origin.as_wire()].concat();
    Name::from_wire(&whole)
        .map_err(|error| format!("`{}` below {origin} is no name: {error}", shown()))
}

/// Whether a name ends with a dot that is no part of its last label.
pub fn is_absolute(text: &str) -> bool {
    let Some(before) = text.strip_suffix('.') else { return false };
    let escapes = before.bytes().rev().take_while(|byte| *byte == b'\\').count();
    escapes % 2 == 0
}
