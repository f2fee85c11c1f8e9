//! Syslog facilities by the names that `-F` takes.

/// What kind of program a message comes from (RFC 5424 section 6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facility(u8);

impl Facility {
    /// Finds a facility by its name.
    pub(super) fn from_name(name: &str) -> Option<Facility> {
        let known = NAMES.iter().find(|(known, _)| *known == name);
        known.map(|(_, number)| Facility(*number))
    }

    /// The number a message of a severity begins with.
    pub(super) fn priority(self, severity: u8) -> u8 {
        self.0 << 3 | severity
    }
}

impl Default for Facility {
    /// Daemon.
    fn default() -> Facility {
        Facility(3)
    }
}

/// All names.
const NAMES: [(&str, u8); 20] = [
    ("auth", 4),
    ("authpriv", 10),
    ("cron", 9),
    ("daemon", 3),
    ("ftp", 11),
    ("kern", 0),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
    ("lpr", 6),
    ("mail", 2),
    ("news", 7),
    ("syslog", 5),
    ("user", 1),
    ("uucp", 8),
];
