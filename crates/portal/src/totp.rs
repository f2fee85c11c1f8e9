//! Codes that change every half minute (RFC 6238), and the picture by which a telephone learns to make them.
//!
//! Does not read the clock: `now` is an argument. Which codes were taken already is remembered elsewhere.

use qrcodegen::{QrCode, QrCodeEcc};
use repute_database::Timestamp;
use totp_rs::{Builder, Secret, Totp};

use crate::secret::{NoRandomness, random};

/// A secret from which codes are made.
pub(crate) struct Key(Vec<u8>);

impl Key {
    /// A new one: 160 bits, as RFC 4226 section 4 recommends.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub(crate) fn new() -> Result<Key, NoRandomness> {
        Ok(Key(random::<20>()?.to_vec()))
    }

    /// One that is stored.
    pub(crate) fn stored(bytes: Vec<u8>) -> Key {
        Key(bytes)
    }

    /// What is stored of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its text, in groups that are easily typed.
    pub(crate) fn text(&self) -> String {
        let text = Secret::from(self.0.clone()).to_base32();
        let groups = text.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group));
        groups.collect::<Vec<_>>().join(" ")
    }

    /// The half minute whose code was typed: this one, the one before, or the next, as clocks differ.
    pub(crate) fn step_of(&self, typed: &str, now: Timestamp) -> Option<u64> {
        let code: String = typed.chars().filter(char::is_ascii_digit).collect();
        let seconds = u64::try_from(now.0 / 1_000_000).ok()?;
        self.totp("nobody", None)?.check(&code, seconds)
    }

    /// The code of a moment, for tests.
    #[cfg(test)]
    pub(crate) fn code(&self, at: Timestamp) -> String {
        let totp = self.totp("nobody", None).expect("it is long enough");
        totp.generate(at.0.unsigned_abs() / 1_000_000).to_string()
    }

    /// What a telephone reads: the secret, whose it is, and where.
    pub(crate) fn uri(&self, site: &str, mail: &str) -> String {
        // A colon is between the two names.
        let site = site.replace(':', " ");
        self.totp(mail, Some(&site)).and_then(|totp| totp.to_url().ok()).unwrap_or_default()
    }

    /// What makes the codes: six digits of SHA-1 each half minute, which every telephone knows.
    fn totp(&self, name: &str, site: Option<&str>) -> Option<Totp> {
        let totp = Builder::new().with_secret(self.0.clone()).with_skew(1).with_account_name(name);
        totp.with_issuer(site).build().ok()
    }
}

/// A QR code as SVG: black on white in any light, with the margin that readers need.
pub(crate) fn picture(text: &str) -> String {
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Medium) else { return String::new() };
    let size = code.size();
    let mut path = String::new();
    for y in 0..size {
        let mut x = 0;
        while x < size {
            let start = x;
            while x < size && code.get_module(x, y) {
                x += 1;
            }
            if x > start {
                path +=
                    &format!("M{} {}h{}v1h-{}z", start + MARGIN, y + MARGIN, x - start, x - start);
            }
            x += 1;
        }
    }
    let whole = size + 2 * MARGIN;
    format!(
        "<svg class=\"qr\" viewBox=\"0 0 {whole} {whole}\" role=\"img\" aria-label=\"The key as a QR code\" \
         shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{whole}v{whole}H0z\"/>\
         <path fill=\"#000\" d=\"{path}\"/></svg>"
    )
}

/// How many squares are around a QR code (ISO/IEC 18004 asks for four).
const MARGIN: i32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// So many seconds after 1970.
    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B has them with eight digits, of which these are the last six.
        let key = Key::stored(b"12345678901234567890".to_vec());
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")]
        {
            assert_eq!(key.code(at(seconds)), code);
            assert_eq!(key.step_of(code, at(seconds)), Some(seconds.unsigned_abs() / 30));
        }
    }

    #[test]
    fn a_code_is_taken_a_little_early_or_late_however_it_is_typed() {
        let key = Key::stored(b"12345678901234567890".to_vec());
        let code = key.code(at(600));
        for (seconds, is_known) in
            [(569, false), (570, true), (600, true), (659, true), (660, false)]
        {
            assert_eq!(key.step_of(&code, at(seconds)).is_some(), is_known, "{seconds}");
        }
        let (first, last) = code.split_at(3);
        assert_eq!(key.step_of(&format!(" {first} {last}"), at(600)), Some(20));
        for wrong in ["", "1", &code[..5], &format!("{code}0"), "ß∂ƒ©˙∆"] {
            assert_eq!(key.step_of(wrong, at(600)), None, "{wrong}");
        }
    }

    #[test]
    fn a_telephone_learns_whose_key_it_is_and_a_person_can_type_it() {
        let key = Key::stored(b"12345678901234567890".to_vec());
        let uri = key.uri("Lists: ours & co", "a+b@x.example");
        assert!(uri.starts_with("otpauth://totp/"), "{uri}");
        assert!(uri.contains("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"), "{uri}");
        assert!(uri.contains("issuer=Lists%20%20ours%20%26%20co"), "{uri}");
        assert_eq!(key.text(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        let picture = picture(&uri);
        let drawn = picture.matches("h").count();
        assert!(picture.starts_with("<svg") && drawn > 100, "{drawn} runs");
        assert!(!picture.contains("otpauth"), "nothing of it is text");
    }
}
