//! The help of `rbldnsd -h`.

/// Returns the help.
///
/// Its lines begin with the option, as in rbldnsd's: programs look there for what is supported.
pub(super) fn usage() -> String {
    let program = super::PROGRAM;
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "{program}: Repute {version} in place of rbldnsd, a name server for DNS lists
Usage is: {program} options zone:type:file,file...

 -b address[/port] - listen here, by UDP and TCP; required, may be repeated
 -4 - listen on IPv4 only
 -6 - listen on IPv6 only
 -u user[:group] - run as this user, by name or number (root becomes rbldns)
 -r folder - make this the root folder before data is read
 -w folder - file names are relative to this one
 -p file - write the process number here
 -n - stay in the foreground
 -q - answer before the data is loaded (SERVFAIL until then); faults do not end the start
 -c time - look for changed files this often (1m, 0 is never)
 -t default[:min[:max]] - time to live of answers (35m) and its limits; units s m h d w
 -e - take networks with bits behind their prefix, such as 127.0.0.1/8
 -C - do not unpack compressed files
 -a - leave name servers out of answers that have records
 -A - put them in (as without -a)
 -v - do not tell the version to version.bind queries; -vv refuses them
 -l [+]file - log queries and answers here; - is standard output
 -s [+]file - write statistics here every -c; + counts from the line before
 -F facility - send messages to this syslog facility (daemon)
 -f - accepted: a reload never keeps queries waiting here
 -d - write all zones as master files to standard output and exit
 -D - load all zones, report faults and exit
 -h - this help

Types of data:
 ip4set - IPv4 addresses, networks and ranges, each with values
 ip4tset - IPv4 addresses with one value
 ip4trie - IPv4 networks, each with a value, the longest decides; IPv6 too
 ip6tset - IPv6 /64 networks with one value
 ip6trie - IPv6 networks, each with a value, the longest decides
 dnset - domain names, each with values
 dnhash - domain names, the last of equal ones decides
 generic - plain records in a simple master format
 combined - several of these in one file
 acl - which clients may ask, by address
 aclkey - which clients may ask, by a key in the name
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_find_the_option_for_ipv6() {
        assert!(usage().lines().any(|line| line.trim_start().starts_with("-6 ")));
    }
}
