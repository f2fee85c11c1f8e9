//! A text in pieces: bytes that are sent as they are, and places where what is listed goes in.

/// A text in pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Text(Vec<u8>);

impl Text {
    /// The empty text: no TXT record.
    pub fn new() -> Text {
        Text::default()
    }

    /// A text in which `$` stands for what is listed and `$$` for a dollar sign.
    pub fn template(text: &str) -> Text {
        let mut pieces = Text::new();
        let mut rest = text;
        while let Some((literal, tail)) = rest.split_once('$') {
            pieces.push_literal(literal.as_bytes());
            rest = match tail.strip_prefix('$') {
                Some(tail) => {
                    pieces.push_literal(b"$");
                    tail
                }
                None => {
                    pieces.push_target();
                    tail
                }
            };
        }
        pieces.push_literal(rest.as_bytes());
        pieces
    }

    /// A text as it stands in a file, for [`super::ValueBuilder::map_texts`] to take to pieces.
    pub(crate) fn written(text: &[u8]) -> Text {
        Text(text.to_vec())
    }

    /// Appends bytes that are sent as they are.
    pub fn push_literal(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(255) {
            self.0.push(part.len() as u8);
            self.0.extend_from_slice(part);
        }
    }

    /// Appends the place where what is listed goes in.
    pub fn push_target(&mut self) {
        self.0.push(TARGET);
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its pieces as bytes.
    pub(crate) fn pieces(&self) -> &[u8] {
        &self.0
    }

    /// A text of such bytes, if they are pieces.
    pub(crate) fn of_pieces(bytes: &[u8]) -> Option<Text> {
        let mut rest = bytes;
        while let Some((&piece, tail)) = rest.split_first() {
            rest = tail.get(usize::from(piece)..)?;
        }
        Some(Text(bytes.to_vec()))
    }
}

/// In an encoded text: here goes the target. Any other byte is the length of a literal.
const TARGET: u8 = 0;

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'p> {
    /// Here goes what is listed.
    Target,
    /// Sent as it is.
    Literal(&'p [u8]),
}

/// Takes an encoded text to pieces; it ends where it is cut short.
#[inline(always)]
pub(super) fn pieces(encoded: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = encoded;
    std::iter::from_fn(move || {
        let (&head, tail) = rest.split_first()?;
        if head == TARGET {
            rest = tail;
            return Some(Piece::Target);
        }
        let (literal, tail) = tail.split_at_checked(usize::from(head))?;
        rest = tail;
        Some(Piece::Literal(literal))
    })
}
