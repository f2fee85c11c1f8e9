//! Numbers in words: short at an axis, whole in a title.

/// Returns a number with three digits and a letter for thousands, as in `120k` or `1.5M`.
pub(crate) fn short(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "unknown".to_owned();
    }
    if size != 0.0 && !(1e-3..1e15).contains(&size) {
        return format!("{value:.2e}").replace(".00e", "e").replace("0e", "e");
    }
    let (divisor, letter) = match size {
        s if s >= 999_500_000_000.0 => (1e12, "T"),
        s if s >= 999_500_000.0 => (1e9, "G"),
        s if s >= 999_500.0 => (1e6, "M"),
        s if s >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let scaled = value / divisor;
    let decimals = match scaled.abs() {
        s if s >= 100.0 || s.fract() == 0.0 => 0,
        s if s >= 10.0 => 1,
        s if s >= 1.0 => 2,
        _ => 3,
    };
    trim(&format!("{scaled:.decimals$}")) + letter
}

/// Returns a number with all its digits before the point and three behind it, in groups.
pub(crate) fn exact(value: f64) -> String {
    if !value.is_finite() || (value != 0.0 && !(1e-3..1e15).contains(&value.abs())) {
        return short(value);
    }
    let text = trim(&format!("{value:.3}"));
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut grouped = sign.to_owned();
    for (n, digit) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

/// Takes zeros away behind the point.
fn trim(text: &str) -> String {
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_at_an_axis_and_whole_in_a_title() {
        for (value, at_axis, in_title) in [
            (0.0, "0", "0"),
            (-0.0, "0", "0"),
            (0.25, "0.25", "0.25"),
            (7.0, "7", "7"),
            (1_500.0, "1500", "1,500"),
            (120_437.0, "120k", "120,437"),
            (999_499.0, "999k", "999,499"),
            (999_600.0, "1M", "999,600"),
            (1_500_000.0, "1.5M", "1,500,000"),
            (-2_340_000_000.0, "-2.34G", "-2,340,000,000"),
            (1.0 / 3.0, "0.333", "0.333"),
            (1e300, "1e300", "1e300"),
            (-1.234e-9, "-1.23e-9", "-1.23e-9"),
            (f64::NAN, "unknown", "unknown"),
            (f64::INFINITY, "unknown", "unknown"),
        ] {
            assert_eq!((short(value).as_str(), exact(value).as_str()), (at_axis, in_title));
        }
    }
}
