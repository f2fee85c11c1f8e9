//! The manual's table of rules says what the code says.

use repute_audit::rule::Rule;

#[test]
fn the_manual_explains_every_rule() {
    let manual = include_str!("../../../doc/audit.md");
    let shown: Vec<&str> = manual
        .lines()
        .skip_while(|line| !line.starts_with("| rule | asked by |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let row = |rule: Rule| {
        let facts = rule.facts();
        let (id, severity) = (facts.id, facts.severity.word());
        format!(
            "| `{id}` | {} | {severity} | {} | {} |",
            facts.reference, facts.title, facts.remedy
        )
    };
    let expected: Vec<String> = Rule::ALL.into_iter().map(row).collect();
    assert_eq!(shown, expected, "doc/audit.md should have\n{}\n", expected.join("\n"));
}
