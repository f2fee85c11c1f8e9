//! DNS cookies (RFC 7873): a client that shows one has received an answer of ours at its address before.
//!
//! The server's half is made as RFC 9018 says, so that several servers of one name, also of other makers,
//! take each other's if they share a secret. It is a digest of the client's half, a time and the
//! client's address; nothing is remembered of any client.
//!
//! Does not read the clock: `now` is an argument. What an answer looks like is in [`crate::respond()`].

use std::fmt::{self, Debug, Formatter};
use std::hash::Hasher;
use std::net::IpAddr;
use std::str::FromStr;

use siphasher::sip::SipHasher24;

/// What is done about cookies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cookies {
    /// The option is one we do not know.
    #[default]
    Off,
    /// Who sends a cookie gets one; all are answered.
    On(Secrets),
    /// By UDP only those are answered who show ours: others get it with BADCOOKIE (RFC 7873 section 5.2.3),
    /// and those who send none are told to come by TCP.
    Require(Secrets),
}

/// The secrets that cookies are made and known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// The one they are made by.
    current: Secret,
    /// One they were made by before, or will be: those of either are known.
    other: Option<Secret>,
}

/// A key of 128 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret([u8; 16]);

/// What a query shows, each time with the option to answer it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// No cookie, or cookies are off.
    Nothing,
    /// An option whose length cannot be: FORMERR.
    Malformed,
    /// The client's half alone.
    Client(Answer),
    /// A server's half that is not ours, or too old.
    Wrong(Answer),
    /// Ours.
    Right(Answer),
}

/// The data of the option in an answer: the client's half and ours.
pub(crate) type Answer = [u8; ANSWER];

impl Cookies {
    /// The secrets, unless cookies are off.
    fn secrets(&self) -> Option<&Secrets> {
        match self {
            Cookies::Off => None,
            Cookies::On(secrets) | Cookies::Require(secrets) => Some(secrets),
        }
    }

    /// Whether queries by UDP have to show one.
    #[inline]
    pub(crate) fn are_required(&self) -> bool {
        matches!(self, Cookies::Require(_))
    }

    /// Judges the data of a query's first COOKIE option.
    pub(crate) fn judge(&self, shown: &[u8], client: IpAddr, now: u32) -> Shown {
        let Some(secrets) = self.secrets() else { return Shown::Nothing };
        let Some((half, server)) = shown.split_first_chunk::<CLIENT>() else {
            return Shown::Malformed;
        };
        if !matches!(server.len(), 0 | 8..=32) {
            return Shown::Malformed;
        }
        let renewed = || secrets.current.cookie(half, [VERSION, 0, 0, 0], now, client);
        if server.is_empty() {
            return Shown::Client(renewed());
        }
        let Ok(server) = <&[u8; SERVER]>::try_from(server) else { return Shown::Wrong(renewed()) };
        let [version @ VERSION, a, b, c, t0, t1, t2, t3, ..] = *server else {
            return Shown::Wrong(renewed());
        };
        let made_at = u32::from_be_bytes([t0, t1, t2, t3]);
        // RFC 1982, as RFC 9018 section 4.3 has it: the difference counts, also where the number ends.
        let age = now.wrapping_sub(made_at).cast_signed();
        if !(-CLOCK_SKEW..=LIFETIME).contains(&age) {
            return Shown::Wrong(renewed());
        }
        let by = |secret: &Secret| secret.cookie(half, [version, a, b, c], made_at, client);
        let is = |secret: &Secret| digest(&by(secret)) == digest_of(server);
        if is(&secrets.current) {
            return Shown::Right(if age > RENEWAL { renewed() } else { by_parts(half, server) });
        }
        match &secrets.other {
            Some(other) if is(other) => Shown::Right(renewed()),
            Some(_) | None => Shown::Wrong(renewed()),
        }
    }
}

impl Secrets {
    /// A secret to make cookies by, and one more by which they are known: the former one, until cookies of
    /// it are an hour old.
    pub fn new(current: Secret, other: Option<Secret>) -> Secrets {
        Secrets { current, other }
    }
}

impl Secret {
    /// A secret of these bytes, which nobody can guess.
    pub fn new(bytes: [u8; 16]) -> Secret {
        Secret(bytes)
    }

    /// The option's data for a client (RFC 9018 section 4): its half, version and reserved bytes, time, digest.
    fn cookie(&self, half: &[u8; CLIENT], start: [u8; 4], made_at: u32, client: IpAddr) -> Answer {
        let mut answer = [0; ANSWER];
        answer[..8].copy_from_slice(half);
        answer[8..12].copy_from_slice(&start);
        answer[12..16].copy_from_slice(&made_at.to_be_bytes());
        let mut hasher = SipHasher24::new_with_key(&self.0);
        let mut input = [0; 32];
        input[..16].copy_from_slice(&answer[..16]);
        let len = match client {
            IpAddr::V4(v4) => {
                input[16..20].copy_from_slice(&v4.octets());
                20
            }
            IpAddr::V6(v6) => {
                input[16..].copy_from_slice(&v6.octets());
                32
            }
        };
        hasher.write(&input[..len]);
        answer[16..].copy_from_slice(&hasher.finish().to_le_bytes());
        answer
    }
}

impl FromStr for Secrets {
    type Err = SecretsError;

    /// Reads lines of 32 hexadecimal digits: the secret, and on the next line another one that is known.
    fn from_str(text: &str) -> Result<Secrets, SecretsError> {
        let mut secrets = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let current = secrets.next().ok_or(SecretsError::None)?.parse()?;
        let other = secrets.next().map(str::parse).transpose()?;
        if secrets.next().is_some() {
            return Err(SecretsError::Many);
        }
        Ok(Secrets { current, other })
    }
}

impl FromStr for Secret {
    type Err = SecretsError;

    fn from_str(text: &str) -> Result<Secret, SecretsError> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let mut bytes = [0; 16];
        if !rest.is_empty() || pairs.len() != bytes.len() {
            return Err(SecretsError::Digits);
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(SecretsError::Digits);
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = (digit(*high)? << 4 | digit(*low)?) as u8;
        }
        Ok(Secret(bytes))
    }
}

impl Debug for Secret {
    /// Without the secret.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Why a text holds no secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// There is nothing in it.
    #[error(
        "there is no secret in it: write a line of 32 hexadecimal digits (`openssl rand -hex 16` makes one)"
    )]
    None,
    /// A line is something else.
    #[error("a secret is a line of 32 hexadecimal digits (`openssl rand -hex 16` makes one)")]
    Digits,
    /// More than two lines.
    #[error(
        "there are more than two secrets: the one in use comes first, one of before or to come behind it"
    )]
    Many,
}

/// The digest in an answer.
fn digest(answer: &Answer) -> u64 {
    u64::from_le_bytes(*answer.last_chunk().expect("24 bytes end with eight"))
}

/// The digest in a server's half.
fn digest_of(server: &[u8; SERVER]) -> u64 {
    u64::from_le_bytes(*server.last_chunk().expect("sixteen bytes end with eight"))
}

/// The option's data as it was shown.
fn by_parts(half: &[u8; CLIENT], server: &[u8; SERVER]) -> Answer {
    let mut answer = [0; ANSWER];
    answer[..CLIENT].copy_from_slice(half);
    answer[CLIENT..].copy_from_slice(server);
    answer
}

/// Bytes of the client's half.
const CLIENT: usize = 8;
/// Bytes of our half.
const SERVER: usize = 16;
/// Bytes of both.
pub(crate) const ANSWER: usize = CLIENT + SERVER;
/// The way in which our half is made.
const VERSION: u8 = 1;
/// How many seconds a cookie is good for.
const LIFETIME: i32 = 3_600;
/// From what age in seconds on another one is given.
const RENEWAL: i32 = 1_800;
/// How far ahead another server's clock may be, in seconds.
const CLOCK_SKEW: i32 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";
    const SECOND: &str = "445536bcd2513298075a5d379663c962\ndd3bdf9344b678b185a6f5cb60fca715";

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let text = |pair: &[u8]| String::from_utf8(pair.to_vec()).unwrap();
        digits.chunks(2).map(|pair| u8::from_str_radix(&text(pair), 16).unwrap()).collect()
    }

    fn answer(hex: &str) -> Answer {
        bytes(hex).try_into().unwrap()
    }

    fn judge(secrets: &str, shown: &str, client: &str, now: u32) -> Shown {
        let cookies = Cookies::On(secrets.parse().unwrap());
        cookies.judge(&bytes(shown), client.parse().unwrap(), now)
    }

    /// RFC 9018 appendix A.
    #[test]
    fn cookies_are_those_of_the_rfc() {
        let (one, two) = ("198.51.100.100", "203.0.113.203");
        // A.1: learning a new one.
        let new = answer("2464c4abcf10c957 010000005cf79f11 1f8130c3eee29480");
        assert_eq!(judge(FIRST, "2464c4abcf10c957", one, 1_559_731_985), Shown::Client(new));
        // A.2: the same client 40 minutes later.
        let renewed = answer("2464c4abcf10c957 010000005cf7a871 d4a564a1442aca77");
        let shown = "2464c4abcf10c957 010000005cf79f11 1f8130c3eee29480";
        assert_eq!(judge(FIRST, shown, one, 1_559_734_385), Shown::Right(renewed));
        // A.3: another client, whose reserved bits are those of another server.
        let shown = "fc93fc62807ddb86 01abcdef5cf78f71 a314227b6679ebf5";
        let Shown::Right(kept) = judge(FIRST, shown, two, 1_559_728_000) else { panic!() };
        assert_eq!(kept, answer(shown));
        let renewed = answer("fc93fc62807ddb86 010000005cf7a9ac f73a7810aca2381e");
        assert_eq!(judge(FIRST, shown, two, 1_559_734_700), Shown::Wrong(renewed), "too old");
        // A.4: IPv6, and a secret that was changed.
        let shown = "22681ab97d52c298 010000005cf7c579 26556bd0934c72f8";
        let client = "2001:db8:220:1:59de:d0f4:8769:82b8";
        let renewed = answer("22681ab97d52c298 010000005cf7c609 a6bb79d16625507a");
        assert_eq!(judge(SECOND, shown, client, 1_559_741_961), Shown::Right(renewed));
        let alone = SECOND.lines().next().unwrap();
        assert_eq!(judge(alone, shown, client, 1_559_741_961), Shown::Wrong(renewed));
    }

    #[test]
    fn a_cookie_is_good_for_an_hour_at_its_address_and_renewed_after_half_of_it() {
        let at = "192.0.2.1";
        let Shown::Client(made) = judge(FIRST, "0001020304050607", at, 1_000_000) else { panic!() };
        let made: String = made.iter().map(|byte| format!("{byte:02x}")).collect();
        let check = |client: &str, now: u32| match judge(FIRST, &made, client, now) {
            Shown::Right(given) if given == answer(&made) => "kept",
            Shown::Right(_) => "renewed",
            Shown::Wrong(_) => "wrong",
            other => panic!("{other:?}"),
        };
        for (seconds, expect) in [
            (-301, "wrong"),
            (-300, "kept"),
            (0, "kept"),
            (1_800, "kept"),
            (1_801, "renewed"),
            (3_600, "renewed"),
            (3_601, "wrong"),
            (i32::MAX, "wrong"),
            (i32::MIN, "wrong"),
        ] {
            let now = 1_000_000_u32.wrapping_add_signed(seconds);
            assert_eq!(check(at, now), expect, "{seconds}");
        }
        assert_eq!(check("192.0.2.2", 1_000_000), "wrong");
        assert_eq!(check("2001:db8::1", 1_000_000), "wrong");
    }

    #[test]
    fn every_byte_counts_and_lengths_are_checked() {
        let at = "192.0.2.1";
        let Shown::Client(made) = judge(FIRST, "0001020304050607", at, 9) else { panic!() };
        let cookies = Cookies::Require(FIRST.parse().unwrap());
        for place in 0..made.len() {
            let mut other = made;
            other[place] ^= 1;
            let shown = cookies.judge(&other, at.parse().unwrap(), 9);
            assert!(matches!(shown, Shown::Wrong(_)), "byte {place}: {shown:?}");
        }
        for len in 0..50 {
            let shown = cookies.judge(&vec![7; len], at.parse().unwrap(), 9);
            match len {
                8 => assert!(matches!(shown, Shown::Client(_))),
                16..=40 => assert!(matches!(shown, Shown::Wrong(_)), "{len}"),
                _ => assert_eq!(shown, Shown::Malformed, "{len}"),
            }
        }
        assert_eq!(Cookies::Off.judge(&made, at.parse().unwrap(), 9), Shown::Nothing);
    }

    #[test]
    fn secrets_are_lines_of_digits() {
        let read = |text: &str| text.parse::<Secrets>();
        let other = |text: &str| read(text).unwrap().other.is_some();
        assert!(!other(FIRST) && other(SECOND) && !other(&format!("\n  {FIRST}  \n\n")));
        assert_eq!(read(" \n"), Err(SecretsError::None));
        assert_eq!(read(&FIRST[1..]), Err(SecretsError::Digits));
        assert_eq!(read(&format!("{FIRST}0")), Err(SecretsError::Digits));
        assert_eq!(read(&"g".repeat(32)), Err(SecretsError::Digits));
        assert_eq!(read(&format!("{FIRST}\n{SECOND}")), Err(SecretsError::Many));
        assert_eq!(
            format!("{:?}", read(FIRST).unwrap()),
            "Secrets { current: Secret, other: None }"
        );
    }
}
