//! Changes to valid input, as a fuzzer wants them: most of the input stays what it was, so that the
//! change is met deep inside a parser and not at its door.

use std::time::Duration;

/// One change: where, what kind, and with what.
pub(crate) type Mutation = (u16, u8, u8, u16);

/// How long to go on: `FUZZ_SECONDS`, or a second.
pub(crate) fn time() -> Duration {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1))
}

/// Applies changes to a valid input.
pub(crate) fn mutate(valid: &[u8], mutations: &[Mutation]) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for &(place, kind, value, more) in mutations {
        // Half of all places lie near the start, where headers are.
        let len = bytes.len().max(1);
        let place = usize::from(place) % if place & 1 == 0 { len } else { len.min(64) };
        let other = usize::from(more) % len;
        match kind % 9 {
            0 => set(&mut bytes, place, |_| value),
            1 => set(&mut bytes, place, |byte| byte ^ 1 << (value & 7)),
            2 => set(&mut bytes, place, |byte| byte.wrapping_add(value)),
            3 => bytes.truncate(place),
            4 => bytes.insert(place.min(bytes.len()), value),
            5 => {
                bytes.drain(place.min(bytes.len())..(place + usize::from(value)).min(bytes.len()));
            }
            6 => {
                let part = bytes[place.min(other)..place.max(other)].to_vec();
                let part = &part[..part.len().min(4096)];
                let at = usize::from(value) * 7 % (bytes.len() + 1);
                bytes.splice(at..at, part.iter().copied());
            }
            7 => (0..8).for_each(|i| set(&mut bytes, place + i, |_| value)),
            _ => {
                let edge = [0xff, 0, 0x7f, 1][usize::from(value & 3)];
                (0..4).for_each(|i| set(&mut bytes, place + i, |_| edge));
            }
        }
        bytes.truncate(1 << 16);
    }
    bytes
}

fn set(bytes: &mut [u8], place: usize, change: impl FnOnce(u8) -> u8) {
    if let Some(byte) = bytes.get_mut(place) {
        *byte = change(*byte);
    }
}
