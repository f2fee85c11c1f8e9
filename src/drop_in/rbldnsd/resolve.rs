//! Which socket addresses `-b address[/port]` means.
//!
//! The C library is asked, as it knows what users rely on: short forms such as `127.2`, names with
//! several addresses, and ports by the names in /etc/services.

#![expect(unsafe_code, reason = "the standard library resolves no service names and no family")]

use std::ffi::{CStr, CString};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::ptr;

use super::options::Family;

/// Returns all addresses one `-b` names.
///
/// # Errors
/// The message for the user, as rbldnsd words it.
pub(super) fn addresses(bind: &str, family: Option<Family>) -> Result<Vec<SocketAddr>, String> {
    let (host, port) = bind.split_once('/').unwrap_or((bind, ""));
    if host.is_empty() {
        return Err(format!("missing host part in bind address `{bind}'"));
    }
    let port = if port.is_empty() { "domain" } else { port };
    let text = |text| CString::new(text).map_err(|_| format!("{bind}: a zero byte"));
    let (host, port) = (text(host)?, text(port)?);

    let hints = libc::addrinfo {
        ai_flags: libc::AI_PASSIVE,
        ai_family: match family {
            None => libc::AF_UNSPEC,
            Some(Family::Ipv4) => libc::AF_INET,
            Some(Family::Ipv6) => libc::AF_INET6,
        },
        ai_socktype: libc::SOCK_DGRAM,
        ai_protocol: 0,
        ai_addrlen: 0,
        ai_addr: ptr::null_mut(),
        ai_canonname: ptr::null_mut(),
        ai_next: ptr::null_mut(),
    };
    let mut list = ptr::null_mut();
    // SAFETY: both strings end with zero and outlive the call, as do the hints, all fields of which
    // are set; `list` is written only on success.
    let code =
        unsafe { libc::getaddrinfo(host.as_ptr(), port.as_ptr(), &raw const hints, &raw mut list) };
    if code != 0 {
        // SAFETY: gai_strerror returns a string that is never freed, for any number.
        let why = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
        return Err(format!("{bind}: {}", why.to_string_lossy()));
    }
    let mut found = Vec::new();
    let mut next = list;
    // SAFETY: the list is as getaddrinfo made it, ends with a null pointer, and is freed below.
    while let Some(entry) = unsafe { next.as_ref() } {
        // SAFETY: `ai_addr` points to an address of the family and length the entry states.
        found.extend(unsafe { socket_address(entry) });
        next = entry.ai_next;
    }
    // SAFETY: the list came from getaddrinfo and nothing refers to it any more.
    unsafe { libc::freeaddrinfo(list) };
    found.dedup();
    if found.is_empty() { Err(format!("{bind}: no available protocols")) } else { Ok(found) }
}

/// Takes the address out of an entry; nothing if it is of a family nobody asked for.
///
/// # Safety
/// `ai_addr` must point to an address of the family that the entry states.
unsafe fn socket_address(entry: &libc::addrinfo) -> Option<SocketAddr> {
    match entry.ai_family {
        libc::AF_INET => {
            // SAFETY: of this family, says the caller; read without regard to alignment.
            let v4: libc::sockaddr_in = unsafe { ptr::read_unaligned(entry.ai_addr.cast()) };
            let ip = u32::from_be(v4.sin_addr.s_addr).into();
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: of this family, says the caller; read without regard to alignment.
            let v6: libc::sockaddr_in6 = unsafe { ptr::read_unaligned(entry.ai_addr.cast()) };
            let port = u16::from_be(v6.sin6_port);
            let ip = v6.sin6_addr.s6_addr.into();
            Some(SocketAddrV6::new(ip, port, v6.sin6_flowinfo, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bind: &str, family: Option<Family>, expect: Result<&str, &str>) {
        let found = addresses(bind, family).map(|found| found[0].to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), expect);
    }

    #[test]
    fn addresses_are_those_users_write() {
        check("127.2", None, Ok("127.0.0.2:53"));
        check("127.0.0.1/5300", None, Ok("127.0.0.1:5300"));
        check("127.0.0.1/domain", Some(Family::Ipv4), Ok("127.0.0.1:53"));
        check("::1/5300", None, Ok("[::1]:5300"));
    }

    #[test]
    fn faults_name_the_argument() {
        check("/53", None, Err("missing host part in bind address `/53'"));
        let service = "127.0.0.1/nosuchservice: Servname not supported for ai_socktype";
        check("127.0.0.1/nosuchservice", None, Err(service));
        let family = "127.0.0.1/53: Address family for hostname not supported";
        check("127.0.0.1/53", Some(Family::Ipv6), Err(family));
    }
}
