//! An audit as JSON: an object a line.

use std::io::{self, Write};

use repute_audit::Audit;
use serde_json::{Value, json};

/// Writes an audit, and with each finding what its rule says.
pub(super) fn write(out: &mut impl Write, audit: &Audit) -> io::Result<()> {
    let findings = audit.findings.iter().map(|finding| {
        let facts = finding.rule.facts();
        json!({
            "rule": facts.id,
            "state": finding.state.word(),
            "seen": finding.seen,
            "title": facts.title,
            "reference": facts.reference,
            "severity": facts.severity.word(),
            "remedy": facts.remedy,
        })
    });
    let object = json!({
        "zone": audit.zone,
        "grade": audit.grade.map(|grade| grade.letter().to_string()),
        "obstacle": audit.obstacle,
        "servers": audit.servers,
        "findings": findings.collect::<Vec<Value>>(),
    });
    serde_json::to_writer(&mut *out, &object)?;
    writeln!(out)
}
