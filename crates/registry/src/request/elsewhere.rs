//! What lists of others say of the addresses of a request, as one of its checks.
//!
//! It weighs with editors and decides nothing: a listing elsewhere may be old or wrong, and of a list that does not
//! answer nobody learns anything.

use repute_database::requests::{self, RequestId};
use repute_database::{DatabaseError, Transaction};
use repute_dnsxl::{Polarity, Target};

use super::check::{Check, Finding, Outcome};
use super::evidence::sample;
use super::item::Item;
use super::stored_finding;
use crate::elsewhere::{Elsewhere, Opinion, Report, Says, reserved, target};

/// Asks lists of others about the addresses that items would list, a few of them: one finding for each, and one for those
/// that others are not asked about.
pub async fn gather(elsewhere: &Elsewhere, items: &[Item]) -> Vec<Finding> {
    let mut targets: Vec<Target> = sample(items).into_iter().map(target).collect();
    targets.retain(|target| reserved(target).is_none());
    if targets.is_empty() || elsewhere.count() == 0 {
        return Vec::new();
    }
    let left = targets.split_off(targets.len().min(MOST));
    let mut findings: Vec<Finding> = match elsewhere.ask_all(&targets).await {
        Ok(reports) => targets
            .iter()
            .zip(reports)
            .map(|(target, report)| finding(target, report.as_deref()))
            .collect(),
        // Whoever asks for a change need not wait until others have looked something up.
        Err(_) => targets.iter().map(|target| finding(target, None)).collect(),
    };
    findings.extend(not_asked(&left));
    findings
}

/// What is said of addresses that others are not asked about.
fn not_asked(left: &[Target]) -> Option<Finding> {
    let about = match left {
        [] => return None,
        [one] => one.to_string(),
        [first, .., last] => format!("{} addresses from {first} to {last}", left.len()),
    };
    let seen = format!("not asked: of a request lists of others are asked about {MOST} addresses");
    Some(Finding {
        check: Check::Elsewhere,
        outcome: Outcome::Unclear,
        about,
        seen,
        mend: String::new(),
    })
}

/// Adds what lists of others say to the findings of a request.
///
/// # Errors
/// If the database fails.
pub async fn add(
    transaction: &mut Transaction,
    id: RequestId,
    findings: &[Finding],
) -> Result<(), DatabaseError> {
    if findings.is_empty() {
        return Ok(());
    }
    let mut all = requests::findings(transaction.session(), id).await?;
    all.extend(findings.iter().map(stored_finding));
    requests::set_findings(transaction.session(), id, &all).await
}

/// What lists of others say of an address.
pub fn finding(target: &Target, report: Option<&Report>) -> Finding {
    let finding = |outcome, seen: String, mend: String| {
        let about = target.to_string();
        Finding { check: Check::Elsewhere, outcome, about, seen, mend }
    };
    let said = report.filter(|report| !report.is_void());
    let Some(report) = said else {
        return finding(Outcome::Unclear, "no other list said anything".to_owned(), String::new());
    };
    let of_block = || report.opinions.iter().filter(|one| one.polarity == Polarity::Block);
    let answered = of_block().filter(|one| !matches!(one.says, Says::Unknown(_))).count();
    let silent = of_block().count() - answered;
    let listed: Vec<&Opinion> = report.listed(Polarity::Block).collect();
    let allowed: Vec<&Opinion> = report.listed(Polarity::Allow).collect();
    let mut seen = match listed.len() {
        0 => format!("on none of {answered} other block lists that answered"),
        count => {
            format!("on {count} of {answered} other block lists that answered: {}", named(&listed))
        }
    };
    if silent > 0 {
        seen.push_str(&format!("; {silent} did not say"));
    }
    if !allowed.is_empty() {
        seen.push_str(&format!("; on allow lists: {}", named(&allowed)));
    }
    if listed.is_empty() {
        return finding(Outcome::Pass, seen, String::new());
    }
    let ways: Vec<&str> =
        listed.iter().filter_map(|one| one.way_out.as_deref()).take(MOST_NAMED).collect();
    let mend = match ways.is_empty() {
        true => "mend the cause and ask those lists for the removal".to_owned(),
        false => format!("mend the cause and ask for the removal: {}", ways.join(" ")),
    };
    finding(Outcome::Warn, seen, mend)
}

/// Lists by name, the first few.
fn named(opinions: &[&Opinion]) -> String {
    let names: Vec<String> =
        opinions.iter().take(MOST_NAMED).map(|one| one.zone.to_string()).collect();
    let more = if opinions.len() > MOST_NAMED { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}

/// Addresses of a request that others are asked about.
const MOST: usize = 16;
/// Lists that are named.
const MOST_NAMED: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// An opinion of a list.
    fn opinion(zone: &str, polarity: Polarity, says: Says) -> Opinion {
        let way_out = Some(format!("https://{zone}/out"));
        let zone: repute_dnsxl::Name = zone.parse().expect("a name");
        Opinion { title: zone.to_string(), zone, polarity, says, way_out }
    }

    /// What opinions come to, in words.
    fn found(opinions: Vec<Opinion>) -> String {
        let target: Target = "8.8.8.8".parse().expect("a target");
        let report = Report { target: target.clone(), asked: 0, opinions };
        let found = finding(&target, Some(&report));
        format!("{}: {} [{}]", found.outcome.word(), found.seen, found.mend)
    }

    #[test]
    fn of_whom_others_are_not_asked_is_told() {
        let target = |text: &str| text.parse::<Target>().expect("a target");
        let about = |left: &[Target]| not_asked(left).map(|finding| finding.about);
        assert_eq!(about(&[]), None);
        assert_eq!(about(&[target("9.9.9.9")]).as_deref(), Some("9.9.9.9"));
        let two = [target("9.9.9.9"), target("8.8.8.8")];
        assert_eq!(about(&two).as_deref(), Some("2 addresses from 9.9.9.9 to 8.8.8.8"));
    }

    #[test]
    fn a_listing_elsewhere_is_told_and_silence_is_no_fault() {
        use Polarity::{Allow, Block};
        let listed = || Says::Listed(Vec::new(), Vec::new());
        let silent = || Says::Unknown("no answer in time".to_owned());
        let clean = opinion("a.example", Block, Says::NotListed);
        assert_eq!(
            found(vec![clean.clone(), opinion("b.example", Block, silent())]),
            "pass: on none of 1 other block lists that answered; 1 did not say []"
        );
        assert_eq!(
            found(vec![
                clean,
                opinion("b.example", Block, listed()),
                opinion("w.example", Allow, listed())
            ]),
            "warn: on 1 of 2 other block lists that answered: b.example; on allow lists: w.example [mend the cause and \
             ask for the removal: https://b.example/out]"
        );
        let unclear = "unclear: no other list said anything []";
        assert_eq!(found(vec![opinion("b.example", Block, silent())]), unclear);
        assert_eq!(found(Vec::new()), unclear);
    }
}
