//! Padding of answers within TLS (RFC 7830).
//!
//! Who listens to an encrypted conversation sees how long its answers are, which of a list says nearly all: listed, with
//! which reason, or not. A client that pads its query asks us to pad the answer, which is done up to a multiple of 468
//! bytes, as RFC 8467 section 4.1 advises: nearly all answers are equally long then.
//!
//! Only within TLS: elsewhere everybody reads the answer anyway, and by UDP it would make a better amplifier of us. What
//! others answer, transfers and whatever is signed, is not padded.

use crate::message::{HEADER, OPT, skip_name};

/// Pads an answer of so many bytes if its query is padded; how many bytes it has then. `reply` is as long as an answer may
/// be.
pub(crate) fn pad(query: &[u8], reply: &mut [u8], len: u16) -> u16 {
    let whole = usize::from(len);
    let is_wanted = || {
        let opt = opt(query)?;
        options(query.get(opt.data..opt.end)?).find(|code| *code == PADDING)
    };
    if is_wanted().is_none() {
        return len;
    }
    // Only behind OPT is there room without moving anything.
    let Some(opt) = reply.get(..whole).and_then(opt).filter(|opt| opt.end == whole) else {
        return len;
    };
    let wanted = (whole + OPTION_HEAD).next_multiple_of(BLOCK).min(reply.len());
    let Some(padding) = wanted.checked_sub(whole + OPTION_HEAD) else { return len };
    let data = u16::try_from(wanted - opt.data).ok();
    let (Some(data), Ok(padding), Ok(padded)) =
        (data, u16::try_from(padding), u16::try_from(wanted))
    else {
        return len;
    };
    let Some((head, zeros)) =
        reply.get_mut(whole..wanted).and_then(|room| room.split_first_chunk_mut::<OPTION_HEAD>())
    else {
        return len;
    };
    let ([high, low], [code, kind]) = (padding.to_be_bytes(), PADDING.to_be_bytes());
    *head = [code, kind, high, low];
    zeros.fill(0);
    if let Some(length) = reply.get_mut(opt.data - 2..opt.data) {
        length.copy_from_slice(&data.to_be_bytes());
    }
    padded
}

/// Where the OPT record of a message is.
struct Opt {
    /// Where its data begin.
    data: usize,
    /// Where it ends.
    end: usize,
}

/// Finds the OPT record of a message.
fn opt(message: &[u8]) -> Option<Opt> {
    let header = message.first_chunk::<HEADER>()?;
    let count = |at: usize| usize::from(u16::from_be_bytes([header[at], header[at + 1]]));
    let mut at = HEADER;
    for _ in 0..count(4) {
        at = skip_name(message, at)? + 4;
    }
    for _ in 0..count(6) + count(8) + count(10) {
        at = skip_name(message, at)?;
        let fixed = message.get(at..at + RECORD_FIXED)?;
        let data = at + RECORD_FIXED;
        at = data + usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        if fixed[..2] == OPT.to_be_bytes() {
            return (at <= message.len()).then_some(Opt { data, end: at });
        }
    }
    None
}

/// The codes of the options in the data of an OPT record.
fn options(mut data: &[u8]) -> impl Iterator<Item = u16> {
    std::iter::from_fn(move || {
        let (&[code, kind, high, low], rest) = data.split_first_chunk::<OPTION_HEAD>()?;
        data = rest.get(usize::from(u16::from_be_bytes([high, low]))..)?;
        Some(u16::from_be_bytes([code, kind]))
    })
}

/// The option's code.
const PADDING: u16 = 12;
/// What answers are a multiple of.
const BLOCK: usize = 468;
/// Code and length of an option.
const OPTION_HEAD: usize = 4;
/// A record's type, class, time to live and length.
const RECORD_FIXED: usize = 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A message with a question, answers of so many bytes, and an OPT record with these options.
    fn message(answer: Option<usize>, options: Option<&[u8]>) -> Vec<u8> {
        let counts = [0, 1, 0, u8::from(answer.is_some()), 0, 0, 0, u8::from(options.is_some())];
        let mut message = [&[0xab, 0xcd, 0x84, 0][..], &counts].concat();
        message.extend_from_slice(b"\x01a\x02bl\x00\x00\x10\x00\x01");
        if let Some(len) = answer {
            message.extend_from_slice(b"\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x3c");
            message.extend_from_slice(&(len as u16).to_be_bytes());
            message.resize(message.len() + len, b'x');
        }
        if let Some(options) = options {
            message.extend_from_slice(b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00");
            message.extend_from_slice(&(options.len() as u16).to_be_bytes());
            message.extend_from_slice(options);
        }
        message
    }

    /// An answer as it is padded for a query.
    fn padded(query: &[u8], answer: &[u8]) -> Vec<u8> {
        let mut reply = answer.to_vec();
        reply.resize(usize::from(u16::MAX), 0xee);
        let len = pad(query, &mut reply, answer.len() as u16);
        reply.truncate(len.into());
        reply
    }

    const PADDED: &[u8] = b"\x00\x0c\x00\x02\x00\x00";
    const COOKIE: &[u8] = b"\x00\x0a\x00\x08abcdefgh";

    #[test]
    fn a_padded_query_gets_an_answer_of_whole_blocks() {
        for (options, len) in [(&b""[..], 0), (COOKIE, 0), (b"", 400), (b"", 430), (COOKIE, 3000)] {
            for query in
                [message(None, Some(PADDED)), message(None, Some(&[COOKIE, PADDED].concat()))]
            {
                let answer = message(Some(len), Some(options));
                let padded = padded(&query, &answer);
                assert!(
                    padded.len().is_multiple_of(BLOCK) && padded.len() < answer.len() + 4 + BLOCK
                );
                // It is the same but for the option and the length of all options.
                let opt = opt(&padded).expect("it is there");
                assert_eq!(
                    (opt.end, padded[..opt.data - 2].to_vec()),
                    (padded.len(), answer[..opt.data - 2].to_vec())
                );
                let of_it: Vec<u16> = super::options(&padded[opt.data..opt.end]).collect();
                assert_eq!(of_it.last(), Some(&PADDING));
                assert_eq!(padded[opt.data..opt.data + options.len()], *options);
                assert!(
                    padded[opt.data + options.len() + OPTION_HEAD..].iter().all(|byte| *byte == 0)
                );
            }
        }
    }

    #[test]
    fn the_largest_answer_stays_one() {
        let query = message(None, Some(PADDED));
        // There is a block's end 15 bytes before the largest.
        for spare in 0..15 {
            let head = message(Some(0), Some(b"")).len();
            let answer = message(Some(usize::from(u16::MAX) - spare - head), Some(b""));
            let expect = if spare < OPTION_HEAD { answer.len() } else { usize::from(u16::MAX) };
            assert_eq!(padded(&query, &answer).len(), expect, "{spare} bytes are left");
        }
    }

    #[test]
    fn nobody_else_gets_padding() {
        let answer = message(Some(9), Some(b""));
        for query in [message(None, None), message(None, Some(b"")), message(None, Some(COOKIE))] {
            assert_eq!(padded(&query, &answer), answer);
        }
        let query = message(None, Some(PADDED));
        let without = message(Some(9), None);
        assert_eq!(padded(&query, &without), without);
        // A signature must stay what is last.
        let mut signed = answer.clone();
        signed[11] += 1;
        signed.extend_from_slice(b"\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x00");
        assert_eq!(padded(&query, &signed), signed);
    }

    proptest! {
        #[test]
        fn whatever_comes_an_answer_stays_what_it_is(
            query in proptest::collection::vec(prop_oneof![Just(0_u8), 0_u8..64, any::<u8>()], 0..80),
            answer in proptest::collection::vec(prop_oneof![Just(0_u8), 0_u8..64, any::<u8>()], 0..80),
        ) {
            let padded = padded(&query, &answer);
            prop_assert!(padded.len() >= answer.len());
            let good = message(Some(9), Some(b""));
            prop_assert!(self::padded(&query, &good).starts_with(&good[..good.len() - 2]));
        }
    }
}
