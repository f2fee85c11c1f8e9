//! Packet information: which address of ours a query was sent to.
//!
//! An answer must leave from there, or the client takes it for a forgery. A socket bound to one address
//! cannot do otherwise; one bound to the wildcard gets the address with each query as a control message
//! (`IP_PKTINFO`, RFC 3542 section 6) and hands it back with the answer.

use std::net::Ipv6Addr;
use std::ptr;

/// Whether a socket tells which address a query was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PacketInfo {
    /// No: it is bound to one address.
    Bound,
    /// Yes: it is bound to the wildcard.
    Wildcard,
}

/// Room for control messages, aligned for their headers.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Control([u64; CONTROL_WORDS]);

impl Control {
    /// No control message.
    pub(super) const EMPTY: Control = Control([0; CONTROL_WORDS]);
}

/// Writes the control message that makes an answer leave from where its query arrived.
///
/// Returns its length, 0 if the kernel did not say where that was. `arrival` is a header that
/// `recvmmsg` filled.
#[expect(unsafe_code, reason = "control messages are read and written by the C library's macros")]
pub(super) fn depart(arrival: &libc::msghdr, departure: &mut Control) -> usize {
    let mut out = empty_header();
    out.msg_control = departure.0.as_mut_ptr().cast();
    out.msg_controllen = size_of::<Control>() as _;
    // SAFETY: the control pointer and length of `arrival` describe whole control messages inside one
    // `Control`, which is aligned for their headers, and the macros stay inside that length. A payload
    // is read only if its message is long enough for it. `out` describes the whole of `departure`, so
    // its first header is not null and has room for either payload (asserted below).
    unsafe {
        let target = libc::CMSG_FIRSTHDR(&raw const out);
        let mut message = libc::CMSG_FIRSTHDR(arrival);
        while !message.is_null() {
            let kind = ((*message).cmsg_level, (*message).cmsg_type);
            let length = (*message).cmsg_len as u64;
            if kind == (libc::IPPROTO_IP, libc::IP_PKTINFO)
                && length >= u64::from(libc::CMSG_LEN(PKTINFO4))
            {
                let mut info: libc::in_pktinfo =
                    ptr::read_unaligned(libc::CMSG_DATA(message).cast());
                // The route back may lead through another interface than the query came by.
                info.ipi_ifindex = 0;
                return write(target, kind, info);
            }
            if kind == (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO)
                && length >= u64::from(libc::CMSG_LEN(PKTINFO6))
            {
                let mut info: libc::in6_pktinfo =
                    ptr::read_unaligned(libc::CMSG_DATA(message).cast());
                // Only with its interface is a link-local address one.
                if !Ipv6Addr::from_octets(info.ipi6_addr.s6_addr).is_unicast_link_local() {
                    info.ipi6_ifindex = 0;
                }
                return write(target, kind, info);
            }
            message = libc::CMSG_NXTHDR(arrival, message);
        }
    }
    0
}

/// Writes one control message and returns the room it takes.
///
/// # Safety
/// `target` is valid for writes of `CMSG_SPACE` of the payload's size, and aligned for its header.
#[expect(unsafe_code, reason = "control messages are written by the C library's macros")]
unsafe fn write<T>(target: *mut libc::cmsghdr, kind: (i32, i32), payload: T) -> usize {
    let size = size_of::<T>() as u32;
    // SAFETY: the caller vouches for `target`; the payload is written without assuming its alignment.
    unsafe {
        ((*target).cmsg_level, (*target).cmsg_type) = kind;
        (*target).cmsg_len = libc::CMSG_LEN(size) as _;
        ptr::write_unaligned(libc::CMSG_DATA(target).cast(), payload);
        libc::CMSG_SPACE(size) as usize
    }
}

/// A header that names nothing.
#[expect(unsafe_code, reason = "the C library's msghdr has private padding on some targets")]
pub(super) fn empty_header() -> libc::msghdr {
    // SAFETY: a msghdr is plain integers and pointers, for which zero is a valid value.
    unsafe { std::mem::zeroed() }
}

/// Words for the packet information of either family, and whatever a given socket adds.
const CONTROL_WORDS: usize = 16;
/// Size of IPv4's packet information.
const PKTINFO4: u32 = size_of::<libc::in_pktinfo>() as u32;
/// Size of IPv6's packet information.
const PKTINFO6: u32 = size_of::<libc::in6_pktinfo>() as u32;

const _: () = assert!(size_of::<Control>() >= 16 + 24, "a header and the larger payload fit");
