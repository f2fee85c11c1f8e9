//! A faulty line of a list, shown in its place: the same for every command that reads lists.

use repute_zone::Fault;

use crate::config::Picture;

/// A faulty line with a caret under its column.
pub(super) fn picture(fault: &Fault) -> String {
    // Columns count bytes; the caret stands under characters. Of a long line only the start is kept.
    let bytes = (fault.column as usize).saturating_sub(1);
    let before = fault.text.char_indices().take_while(|(at, _)| *at < bytes).count();
    let beyond = bytes.saturating_sub(fault.text.len());
    let text = if beyond > 0 { format!("{}...", fault.text) } else { fault.text.clone() };
    let message = match fault.problem.is_warning() {
        true => format!("warning: {}", fault.problem),
        false => fault.problem.to_string(),
    };
    let picture = Picture {
        file: &fault.source,
        line: fault.line,
        column: (before + beyond) as u32 + 1,
        text: &text,
        width: 1,
        message: &message,
    };
    picture.to_string()
}
