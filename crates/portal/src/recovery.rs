//! Recovery codes: for whoever has lost his second factor. Ten, shown once, each good once.

use crate::secret::{NoRandomness, digest_of, random};

/// New codes, as they are shown.
///
/// # Errors
/// If the system gives no random numbers.
pub(crate) fn codes() -> Result<Vec<String>, NoRandomness> {
    (0..COUNT).map(|_| Ok(written(random::<10>()?))).collect()
}

/// What is stored of a code as it is typed; none if it cannot be one.
pub(crate) fn digest(typed: &str) -> Option<Vec<u8>> {
    let plain: String =
        typed.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    (plain.len() == 16).then(|| digest_of(&plain))
}

/// 80 bits as four groups of four letters and digits, none of which looks like another.
fn written(bytes: [u8; 10]) -> String {
    let bits = bytes.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let mut text = String::with_capacity(19);
    for place in 0..16 {
        if place > 0 && place % 4 == 0 {
            text.push('-');
        }
        let letter = bits >> (75 - 5 * place) & 31;
        text.push(char::from(LETTERS[usize::try_from(letter).unwrap_or_default()]));
    }
    text
}

/// How many there are.
const COUNT: usize = 10;
/// What codes are written in: neither `i`, `l`, `o` nor `u`.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_known_however_it_is_typed_and_no_two_are_the_same() {
        let codes = codes().expect("random numbers");
        let distinct: std::collections::HashSet<_> = codes.iter().collect();
        assert_eq!((codes.len(), distinct.len()), (10, 10));
        for code in &codes {
            assert_eq!(code.len(), 19, "{code}");
            let typed = format!("  {} ", code.to_uppercase().replace('-', " "));
            assert_eq!(digest(&typed), digest(code));
            assert!(digest(code).is_some());
        }
        assert_eq!(written([0xff; 10]), "zzzz-zzzz-zzzz-zzzz");
        assert_eq!(written([0, 0, 0, 0, 0, 0, 0, 0, 0, 0x21]), "0000-0000-0000-0011");
        assert_eq!(digest("123456"), None, "that is another kind of code");
    }
}
