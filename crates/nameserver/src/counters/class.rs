//! Which response codes and query types are counted apart, and what they are called.
//!
//! A fixed few keep a zone's counters in a few cache lines, and the number of metrics bounded whatever
//! clients ask for.

/// Makes an enum of the values that are counted apart, and the name each has in a label.
macro_rules! classes {
    ($(#[$doc:meta])* $name:ident: $($(#[$vdoc:meta])* $variant:ident = $code:literal $label:literal,)*
     | $(#[$odoc:meta])* $other:ident $olabel:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant,)* $(#[$odoc])* $other }

        impl $name {
            /// All of them, in the order in which they are counted.
            pub const ALL: &[$name] = &[$($name::$variant,)* $name::$other];

            /// The class of a number from the wire.
            #[inline]
            pub(crate) fn of(number: impl Into<u16>) -> $name {
                match number.into() { $($code => $name::$variant,)* _ => $name::$other }
            }

            /// Its name in metrics and logs.
            pub fn label(self) -> &'static str {
                match self { $($name::$variant => $label,)* $name::$other => $olabel }
            }
        }
    };
}

classes! {
    /// Response codes that are counted apart.
    Rcode:
    /// The answer is in the message, or there is none of the type.
    NoError = 0 "NOERROR",
    /// The query is malformed.
    FormErr = 1 "FORMERR",
    /// The zone is not loaded or expired.
    ServFail = 2 "SERVFAIL",
    /// Not listed.
    NxDomain = 3 "NXDOMAIN",
    /// An operation or type we do not serve.
    NotImp = 4 "NOTIMP",
    /// Not our zone, or an ACL says no.
    Refused = 5 "REFUSED",
    /// Nobody has the key of the signature, or the client may not make this change.
    NotAuth = 9 "NOTAUTH",
    /// A version of EDNS we do not know.
    BadVers = 16 "BADVERS",
    /// No cookie of ours where one is required.
    BadCookie = 23 "BADCOOKIE",
    |
    /// Any other.
    Other "other"
}

classes! {
    /// Types that are counted apart.
    QueryType:
    /// An IPv4 address: the usual question to a list.
    A = 1 "A",
    /// Name servers.
    Ns = 2 "NS",
    /// Start of authority.
    Soa = 6 "SOA",
    /// A mail exchanger.
    Mx = 15 "MX",
    /// The reason of a listing.
    Txt = 16 "TXT",
    /// An IPv6 address.
    Aaaa = 28 "AAAA",
    /// Anything.
    Any = 255 "ANY",
    |
    /// Any other.
    Other "other"
}
