//! Which options there are: those of check_rbl 1.8.1 by all their names, and `--hostname`, which the guidelines
//! of monitoring plugins want.

use super::getopt::{Spec, Takes};

/// All options.
pub(super) const SPECS: [Spec; 20] = {
    const fn spec(names: &'static [&'static str], takes: Takes) -> Spec {
        Spec { names, takes }
    }
    [
        spec(&["usage", "?"], Takes::Nothing),
        spec(&["help", "h"], Takes::Nothing),
        spec(&["version", "V"], Takes::Nothing),
        spec(&["extra-opts"], Takes::OptionalText),
        spec(&["timeout", "t"], Takes::Number),
        spec(&["verbose", "v"], Takes::Nothing),
        spec(&["critical", "c"], Takes::Number),
        spec(&["warning", "w"], Takes::Number),
        spec(&["debug", "d"], Takes::Nothing),
        spec(&["server", "s"], Takes::Text),
        spec(&["host", "H", "hostname"], Takes::Text),
        spec(&["url", "U"], Takes::Text),
        spec(&["retry", "r"], Takes::Number),
        spec(&["workers"], Takes::Number),
        spec(&["whitelistings", "wl"], Takes::Nothing),
        spec(&["query-timeout"], Takes::Number),
        spec(&["append", "a"], Takes::Text),
        spec(&["nameserver", "n"], Takes::Text),
        spec(&["authoritative", "A"], Takes::Nothing),
        spec(&["force-ipv4-resolver"], Takes::Nothing),
    ]
};
