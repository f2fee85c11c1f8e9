//! Queries in files: dnsperf's text format, for other tools, and bare packets, for the shim.

use std::io::{self, BufRead, Write};

use super::{Edns, Expect, Queries, Type};

impl Queries {
    /// Reads dnsperf's format: a name and a type a line; `;` and `#` begin comments.
    ///
    /// # Errors
    /// If the file cannot be read, or a type is not known.
    pub(crate) fn read(file: impl BufRead, edns: Edns) -> io::Result<Queries> {
        let mut queries = Queries::default();
        for line in file.lines() {
            let line = line?;
            if line.starts_with([';', '#']) {
                continue;
            }
            let mut words = line.split_ascii_whitespace();
            if let (Some(name), Some(word)) = (words.next(), words.next()) {
                queries.push(name, kind(word)?, edns, Expect::Unknown);
            }
        }
        Ok(queries)
    }

    /// Writes dnsperf's format.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for packet in self.packets() {
            let mut rest = &packet[12..];
            while let Some((&len, tail)) = rest.split_first().filter(|(len, _)| **len != 0) {
                let (label, tail) = tail.split_at(usize::from(len));
                out.write_all(label)?;
                out.write_all(b".")?;
                rest = tail;
            }
            let number = u16::from_be_bytes([rest[1], rest[2]]);
            match TYPES.iter().find(|(_, known)| *known == number) {
                Some((word, _)) => writeln!(out, " {word}")?,
                None => writeln!(out, " TYPE{number}")?,
            }
        }
        Ok(())
    }

    /// Reads what [`Queries::write_packets`] has written.
    pub(crate) fn read_packets(mut file: &[u8]) -> Queries {
        let mut queries = Queries::default();
        while let Some((len, rest)) = file.split_first_chunk() {
            let len = usize::from(u16::from_ne_bytes(*len)).min(rest.len());
            queries.pool.extend(&rest[..len]);
            queries.ends.push(queries.pool.len());
            queries.expect.push(Expect::Unknown);
            file = &rest[len..];
        }
        queries
    }

    /// Writes the packets, each behind its length in two bytes, native order.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn write_packets(&self, out: &mut impl Write) -> io::Result<()> {
        for packet in self.packets() {
            out.write_all(&(packet.len() as u16).to_ne_bytes())?;
            out.write_all(packet)?;
        }
        Ok(())
    }
}

/// Reads the word of a question type.
fn kind(word: &str) -> io::Result<Type> {
    let known = TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
    match known.map(|(_, number)| *number) {
        Some(1) => Ok(Type::A),
        Some(16) => Ok(Type::Txt),
        Some(number) => Ok(Type::Other(number)),
        None => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("`{word}` is no type that is known here: A, NS, SOA, MX, TXT, AAAA or ANY"),
        )),
    }
}

/// The question types that files may have.
const TYPES: [(&str, u16); 7] =
    [("A", 1), ("NS", 2), ("SOA", 6), ("MX", 15), ("TXT", 16), ("AAAA", 28), ("ANY", 255)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dnsperf_text_round_trips() {
        let text = "2.0.0.127.bl.test. A\nwww.example.dn.test. TXT\nx.test. ANY\n";
        let queries = Queries::read(text.as_bytes(), Edns::Absent).unwrap();
        let mut out = Vec::new();
        queries.write(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }

    #[test]
    fn an_unknown_type_is_named() {
        let error = Queries::read("x.test NONE".as_bytes(), Edns::Absent).err().unwrap();
        assert!(error.to_string().contains("`NONE`"));
    }
}
