//! Names as bytes that sort like a tree.
//!
//! In the order of RFC 4034 section 6.1 all that is below a name follows it. A path is a name from the root
//! down, each label ended by a zero, so that comparing bytes is comparing names: paths of names below begin with
//! the path of the name, and a map that is sorted by them answers which names exist between others.

/// The path of a name, on the stack.
#[derive(Clone, Debug)]
pub struct Path {
    bytes: [u8; LONGEST_PATH],
    len: usize,
}

impl Path {
    /// The path of a name in lower-case wire form without the root, of which `labels` are the offsets.
    pub fn of(name: &[u8], labels: &[u8]) -> Path {
        let mut path = Path { bytes: [0; LONGEST_PATH], len: 0 };
        for &at in labels.iter().rev() {
            let Some((&len, rest)) = name.get(usize::from(at)..).and_then(<[u8]>::split_first)
            else {
                break;
            };
            path.push(rest.get(..usize::from(len)).unwrap_or(rest));
        }
        path
    }

    /// The path of a whole name in lower-case wire form, with its root.
    pub fn of_wire(wire: &[u8]) -> Path {
        let (labels, count) = label_offsets(wire);
        Path::of(wire, &labels[..count])
    }

    /// The path of a name in lower-case wire form below an apex of so many labels.
    pub fn of_wire_below(wire: &[u8], depth: usize) -> Path {
        let (labels, count) = label_offsets(wire);
        Path::of(wire, &labels[..count.saturating_sub(depth)])
    }

    /// Goes one label further down.
    pub fn push(&mut self, label: &[u8]) {
        for &byte in label {
            // A zero ends a label and must sort before all that a label can hold.
            match byte {
                0 => self.put(&[1, 1]),
                1 => self.put(&[1, 2]),
                other => self.put(&[other]),
            }
        }
        self.put(&[0]);
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn put(&mut self, bytes: &[u8]) {
        // No name is longer than 255 bytes, so there is always room.
        if let Some(room) = self.bytes.get_mut(self.len..self.len + bytes.len()) {
            room.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }
}

/// Where the labels of a name in wire form begin, and how many there are.
pub(crate) fn label_offsets(wire: &[u8]) -> ([u8; 128], usize) {
    let (mut offsets, mut count, mut at) = ([0; 128], 0, 0);
    while let Some(&len @ 1..=63) = wire.get(at) {
        let (Some(place), Ok(offset)) = (offsets.get_mut(count), u8::try_from(at)) else { break };
        *place = offset;
        count += 1;
        at += 1 + usize::from(len);
    }
    (offsets, count)
}

/// Bytes of the longest path: a name of 255 bytes, each of which may need two.
pub const LONGEST_PATH: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use repute_dnsxl::Name;

    fn path(name: &str) -> Vec<u8> {
        let name: Name = name.parse().expect("a name");
        Path::of_wire(name.as_wire()).as_bytes().to_vec()
    }

    /// "The following names are sorted in canonical DNS name order" (RFC 4034 section 6.1).
    #[test]
    fn paths_sort_as_names_do() {
        let sorted = [
            "example",
            "a.example",
            "yljkjljk.a.example",
            "Z.a.example",
            "zABC.a.EXAMPLE",
            "z.example",
            "\\001.z.example",
            "*.z.example",
            "\\200.z.example",
        ];
        let paths: Vec<_> = sorted.iter().map(|name| path(name)).collect();
        assert!(paths.is_sorted(), "{paths:?}");
        assert!(path("\\000.z.example") < path("\\001.z.example"));
        assert!(path("\\000\\000.z.example") < path("\\001.z.example"));
        assert!(path("a\\000.z.example") > path("a.z.example"));
    }

    #[test]
    fn what_is_below_begins_with_what_is_above() {
        assert!(path("b.a.example").starts_with(&path("a.example")));
        assert!(!path("ba.example").starts_with(&path("a.example")));
        assert_eq!(path("."), b"");
    }
}
