//! What `check_rbl -h`, `-V` and `--usage` print.

/// The version, where scripts look for check_rbl's.
pub(super) fn version() -> String {
    format!("check_rbl (Repute {}) in place of check_rbl 1.8.1\n", env!("CARGO_PKG_VERSION"))
}

/// The usage.
pub(super) const USAGE: &str = "Usage: check_rbl [OPTIONS]\n";

/// The help.
pub(super) fn help() -> String {
    format!(
        "{}
A monitoring plugin: on how many lists is an address, host or domain?

{USAGE}
 -H, --host=STRING
   Address or host to check; of a host all its addresses
 -U, --url=STRING
   Domain, URL or mail address to check by its domain, if there is no --host
 -s, --server=STRING
   Zone of a list; may be repeated. ZONE@ADDRESS asks the list's own server
 -w, --warning=INTEGER
   So many listings are worth a warning (default: 1)
 -c, --critical=INTEGER
   So many listings are critical (default: 1)
 --wl, --whitelistings
   Count the lists that do not have it
 -t, --timeout=INTEGER
   Seconds for everything, looking up the host too; what is known then is told (default: 15)
 --query-timeout=INTEGER
   Seconds for one list (default: 2)
 -r, --retry=INTEGER
   How often a query is sent within that time, 8 at most (default: 8)
 --workers=INTEGER
   How many queries are on the way at once (default: as many as there are)
 -n, --nameserver=STRING
   Ask this resolver: an address, with a port or without (default: those of /etc/resolv.conf)
 -A, --authoritative
   Ask the lists' own servers
 --force-ipv4-resolver
   Ask resolvers over IPv4 only
 -a, --append=STRING
   Add this to the first line
 --extra-opts=[section][@file]
   Read options from an ini file; the command line overrides them
 -d, --debug
   Tell below the first line what became of each list's queries
 -v, --verbose
   Tell below the first line what each list says (-vvv: with which options)
 -?, --usage
   Print usage information
 -h, --help
   Print this help
 -V, --version
   Print version information

Exit code: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. A list that does not answer, blocks the resolver or lists
everything counts neither way; if more than half of them are so, OK is UNKNOWN.
",
        version()
    )
}
