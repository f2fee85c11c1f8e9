//! Numbers of record types, as IANA has them (RFC 6895), and those that no zone holds.

/// An IPv4 address.
pub const A: u16 = 1;
/// A name server.
pub const NS: u16 = 2;
/// Another name for this one.
pub const CNAME: u16 = 5;
/// Start of authority.
pub const SOA: u16 = 6;
/// The name of an address.
pub const PTR: u16 = 12;
/// A mail server.
pub const MX: u16 = 15;
/// A text.
pub const TXT: u16 = 16;
/// An IPv6 address.
pub const AAAA: u16 = 28;
/// Where a service is.
pub const SRV: u16 = 33;
/// Another name for all that is below (RFC 6672).
pub const DNAME: u16 = 39;
/// Keys of a zone below (RFC 4034).
pub const DS: u16 = 43;
/// A signature (RFC 4034).
pub const RRSIG: u16 = 46;
/// What comes next (RFC 4034).
pub const NSEC: u16 = 47;
/// A certificate's digest (RFC 6698).
pub const TLSA: u16 = 52;
/// How a service is reached (RFC 9460).
pub const SVCB: u16 = 64;
/// The same for web servers.
pub const HTTPS: u16 = 65;
/// Who may issue certificates (RFC 8659).
pub const CAA: u16 = 257;
/// A question for anything.
pub const ANY: u16 = 255;

/// Whether a zone may hold records of a type: questions and what concerns a message are no data (RFC 6895
/// section 3.1), the types from 128 to 255 and OPT.
pub fn is_data(rtype: u16) -> bool {
    !matches!(rtype, 0 | 41 | 128..=255 | u16::MAX)
}
