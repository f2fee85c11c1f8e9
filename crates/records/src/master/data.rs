//! Record data as text: what it means for each type, by the DNS library.

use bytes::Bytes;
use domain::base::iana::{Class, Rtype};
use domain::base::rdata::{ComposeRecordData, ParseRecordData};
use domain::base::zonefile_fmt::{DisplayKind, ZonefileFmt};
use domain::base::{Name as DomainName, ParsedName};
use domain::dep::octseq::Parser;
use domain::rdata::ZoneRecordData;
use domain::zonefile::inplace::{Entry, Zonefile};
use repute_dnsxl::Name;

use super::entry::Token;
use crate::rdata::{Piece, labels, pieces};
use crate::rtype::SOA;

/// The number of a type by its name, or as TYPE65280 (RFC 3597 section 5).
pub fn rtype(text: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse::<Rtype>().ok().map(domain::base::Rtype::to_int)
}

/// The name of a type.
pub fn type_name(rtype: u16) -> String {
    Rtype::from_int(rtype).to_string()
}

/// Reads data of a type; relative names are below `origin`.
pub(super) fn parse(rtype: u16, tokens: &[Token<'_>], origin: &Name) -> Result<Box<[u8]>, String> {
    let has_names = !crate::rdata::parts(rtype).is_empty() && origin.label_count() > 0;
    let rtype = Rtype::from_int(rtype);
    let mut text = format!(". 0 IN {rtype}").into_bytes();
    for (at, token) in tokens.iter().enumerate() {
        text.push(b' ');
        // The numbers of a SOA may be times, which every name server reads.
        let number =
            (rtype.to_int() == SOA && at >= 3).then(|| super::seconds(token.text)).flatten();
        match number {
            Some(number) => text.extend_from_slice(number.to_string().as_bytes()),
            None if token.is_quoted => {
                text.push(b'"');
                text.extend_from_slice(token.text);
                text.push(b'"');
            }
            None if token.text == b"@" && has_names => {
                text.extend_from_slice(origin.to_string().as_bytes());
                text.push(b'.');
            }
            None => text.extend_from_slice(token.text),
        }
    }
    text.push(b'\n');
    let mut file = Zonefile::from(&text[..]);
    let origin = DomainName::from_octets(Bytes::copy_from_slice(origin.as_wire()))
        .map_err(|error| error.to_string())?;
    file.set_origin(origin);
    file.set_default_class(Class::IN);
    let said = |why: &str| format!("the data of the {rtype} record is not understood: {why}");
    let record = match file.next_entry() {
        Ok(Some(Entry::Record(record))) => record,
        Ok(_) => return Err(said("it is missing")),
        Err(error) => {
            // It counts lines and columns of the one line it was given.
            let text = error.to_string();
            let why = text.splitn(3, ':').nth(2).unwrap_or(&text).trim();
            return Err(said(why));
        }
    };
    let mut data = Vec::new();
    record.data().compose_rdata(&mut data).map_err(|_| said("it is too long"))?;
    if u16::try_from(data.len()).is_err() {
        return Err(said("it is longer than 65,535 bytes"));
    }
    if !crate::rdata::is_sound(rtype.to_int(), &data) {
        return Err(said("it is not what the type has"));
    }
    Ok(data.into_boxed_slice())
}

/// Data as text, with names that end with a dot; what its type does not explain in the form of RFC 3597.
pub fn text(rtype: u16, data: &[u8]) -> String {
    known(rtype, data).unwrap_or_else(|| {
        let mut text = format!("\\# {}", data.len());
        if !data.is_empty() {
            text.push(' ');
        }
        data.iter().for_each(|byte| text.push_str(&format!("{byte:02x}")));
        text
    })
}

/// Data whose type the library knows. It writes names without escapes: those that need some are left to the form that
/// every server reads.
fn known(rtype: u16, data: &[u8]) -> Option<String> {
    let is_plain =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'*' | b'/');
    let has_plain_names = pieces(rtype, data).all(|piece| match piece {
        Piece::Bytes(_) => true,
        Piece::Name(name) | Piece::PlainName(name) => labels(name).flatten().all(is_plain),
    });
    if !has_plain_names {
        return None;
    }
    let mut parser = Parser::from_ref(data);
    let parsed = ZoneRecordData::<&[u8], ParsedName<&[u8]>>::parse_rdata(
        Rtype::from_int(rtype),
        &mut parser,
    );
    let parsed = parsed.ok().flatten().filter(|_| parser.remaining() == 0)?;
    match parsed {
        ZoneRecordData::Unknown(_) => None,
        parsed => Some(parsed.display_zonefile(DisplayKind::Simple).to_string()),
    }
}
