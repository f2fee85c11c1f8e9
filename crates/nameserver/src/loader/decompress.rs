//! Unpacks compressed lists on the way, known by their first bytes and not by their name.
//!
//! A few bytes can unpack to terabytes, so the unpacked size is limited. Plain files are not: their
//! size is on the operator's disk already.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

/// Reads a list as text, whatever it is packed with.
///
/// # Errors
/// If the first bytes cannot be read or a zstd header is broken. The reader itself fails when the
/// packed data is broken, cut short, or unpacks to more than `limit` bytes.
pub fn unpack<'a, R: Read + 'a>(mut source: R, limit: u64) -> io::Result<Box<dyn Read + 'a>> {
    let mut first = Vec::with_capacity(MAGIC);
    source.by_ref().take(MAGIC as u64).read_to_end(&mut first)?;
    let packing = Packing::of(&first);
    let whole = Cursor::new(first).chain(source);
    Ok(match packing {
        Packing::None => Box::new(whole),
        Packing::Gzip => {
            let members = MultiGzDecoder::new(BufReader::new(whole));
            Box::new(Limited::new(members, "gzip", limit))
        }
        Packing::Zstd => {
            let frames = ZstdFrames::new(BufReader::new(whole)).map_err(|e| broken("zstd", e))?;
            Box::new(Limited::new(frames, "zstd", limit))
        }
    })
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Packing {
    /// Tells the packing by the first bytes.
    fn of(first: &[u8]) -> Packing {
        match first {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd] => Packing::Zstd,
            _ => Packing::None,
        }
    }
}

/// What is said of packed data that a decoder cannot read on: its own words alone would tell nobody that
/// the file is packed. What the system says of the file stays as it is.
fn broken(packing: &str, error: io::Error) -> io::Error {
    if error.raw_os_error().is_some() {
        return error;
    }
    let text = format!("its {packing} data is cut or corrupt ({error}): pack or copy it again");
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// A reader that fails, rather than ends, once it gave more bytes than allowed.
struct Limited<R> {
    inner: R,
    packing: &'static str,
    limit: u64,
    given: u64,
}

impl<R> Limited<R> {
    /// Allows `limit` bytes of what a decoder of this packing gives.
    fn new(inner: R, packing: &'static str, limit: u64) -> Limited<R> {
        Limited { inner, packing, limit, given: 0 }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer).map_err(|error| broken(self.packing, error))?;
        self.given += n as u64;
        if self.given > self.limit {
            let text =
                format!("unpacks to more than {} bytes (`max-unpacked` in [loader])", self.limit);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        Ok(n)
    }
}

/// All frames of a zstd file, one after the other, as parallel compressors write several.
struct ZstdFrames<R: BufRead> {
    /// The frame being read; `None` after the last or a failure.
    frame: Option<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>,
}

impl<R: BufRead> ZstdFrames<R> {
    /// Begins with the first frame.
    fn new(source: R) -> io::Result<ZstdFrames<R>> {
        let frame = StreamingDecoder::new(source).map_err(io::Error::other)?;
        Ok(ZstdFrames { frame: Some(frame) })
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(frame) = &mut self.frame {
            let n = frame.read(buffer)?;
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            let mut source = self.frame.take().expect("it was there a line above").into_inner();
            if !source.fill_buf()?.is_empty() {
                self.frame = Some(StreamingDecoder::new(source).map_err(io::Error::other)?);
            }
        }
        Ok(0)
    }
}

/// How many bytes tell the packing.
const MAGIC: usize = 4;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// What a packed text unpacks to.
    fn check(packed: &[u8], limit: u64) -> io::Result<String> {
        io::read_to_string(unpack(packed, limit)?)
    }

    /// A gzip member with this text.
    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    /// A zstd frame with this text.
    fn zstd(text: &str) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(
            text.as_bytes(),
            ruzstd::encoding::CompressionLevel::Fastest,
        )
    }

    #[test]
    fn text_passes_as_it_is() {
        assert_eq!(check(b"192.0.2.1\n", 3).unwrap(), "192.0.2.1\n");
        assert_eq!(check(b"", 3).unwrap(), "");
        assert_eq!(check(b"a", 3).unwrap(), "a");
    }

    #[test]
    fn gzip_and_zstd_are_unpacked_with_all_their_parts() {
        assert_eq!(check(&[gzip("one\n"), gzip("two\n")].concat(), 99).unwrap(), "one\ntwo\n");
        assert_eq!(check(&[zstd("one\n"), zstd("two\n")].concat(), 99).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn a_bomb_is_refused() {
        let zeros = "0".repeat(100_000);
        for packed in [gzip(&zeros), zstd(&zeros)] {
            assert!(packed.len() < 5_000);
            let error = check(&packed, 50_000).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        }
    }

    #[test]
    fn a_cut_file_is_an_error_and_not_a_short_list() {
        let text = "192.0.2.1\n192.0.2.2\n";
        for (packing, packed) in [("gzip", gzip(text)), ("zstd", zstd(text))] {
            let says = |packed: &[u8]| {
                let error = check(packed, 99).unwrap_err();
                let expect = format!("its {packing} data is cut or corrupt (");
                assert!(error.to_string().starts_with(&expect), "{error}");
                assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            };
            for length in [MAGIC, packed.len() / 2, packed.len() - 3] {
                says(&packed[..length]);
            }
        }
        let mut corrupt = gzip(text);
        *corrupt.iter_mut().nth_back(6).unwrap() ^= 1;
        assert!(
            check(&corrupt, 99).unwrap_err().to_string().contains("gzip data is cut or corrupt")
        );
    }

    #[test]
    fn what_the_system_says_of_a_file_stays_as_it_is() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::from_raw_os_error(libc::EIO))
            }
        }
        let whole = gzip("192.0.2.1\n");
        let error = io::read_to_string(unpack(whole[..12].chain(Failing), 99).unwrap());
        assert_eq!(error.unwrap_err().raw_os_error(), Some(libc::EIO));
    }
}
