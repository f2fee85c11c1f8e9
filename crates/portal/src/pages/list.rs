//! `/lists/{apex}`: what a list is, what its codes mean, and how mail servers use it.

use askama::Template;
use axum::extract::{Path, State};
use repute_chart::Series;
use repute_database::list_days::Day;
use repute_database::{Timestamp, dns, lists};
use repute_dnsxl::{Name, ReturnCode};
use repute_registry::history;

use crate::app::App;
use crate::chart::Chart;
use crate::error::AppError;
use crate::frame::{Frame, Page};
use crate::moment::Moment;
use crate::overview::ListCard;
use crate::snippet::{Asked, Snippet, snippets};

/// The page of a list.
#[derive(Template)]
#[template(path = "list.html")]
pub(crate) struct ListPage {
    frame: Frame,
    card: ListCard,
    /// The policy in force.
    policy: Option<Policy>,
    /// Those before it, the latest first.
    former: Vec<Policy>,
    /// What holds a version back until a second person has looked.
    guards: Vec<String>,
    criteria: Vec<lists::Criterion>,
    snippets: Vec<Snippet>,
    past: Option<Past>,
}

/// How the list has changed.
struct Past {
    /// How large it was, and how much of it changed.
    charts: Vec<Chart>,
    /// The days, the last one first.
    days: Vec<(String, Day)>,
}

/// The rules by which a list decides.
struct Policy {
    /// Paragraphs.
    text: Vec<String>,
    /// Which version.
    version: i64,
    /// Since when.
    published: Moment,
}

/// `GET /lists/{apex}`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    Path(apex): Path<String>,
) -> Result<Page<ListPage>, AppError> {
    let apex: Name = apex.parse().map_err(|_| AppError::NotFound)?;
    let all = app.overview.get(&app.database, &*app.zones).await?;
    let card = all.iter().find(|card| card.list.apex == apex).ok_or(AppError::NotFound)?.clone();
    let mut connection = app.database.read().await?;
    let policies = lists::policies(connection.session(), card.id).await?;
    let mut policies = policies.into_iter().map(|policy| Policy {
        text: policy.text.split("\n\n").map(str::to_owned).collect(),
        version: policy.version,
        published: Moment(policy.published),
    });
    let policy = policies.next();
    let former = policies.collect();
    let guards = guards(&dns::of(connection.session(), card.id).await?, card.is_of_addresses());
    let criteria = lists::criteria(connection.session(), card.id).await?;
    let apex = card.list.apex.to_string();
    let codes: Vec<ReturnCode> = card.codes.iter().map(|(code, _)| *code).collect();
    let snippets = snippets(&Asked {
        apex: &apex,
        polarity: card.list.polarity,
        of_addresses: card.is_of_addresses(),
        codes: &codes,
    });
    let days = history::of(connection.session(), card.id, Timestamp::now()).await?;
    let past = past(days);
    Ok(Page(ListPage { frame, card, policy, former, guards, criteria, snippets, past }))
}

/// What the guards of a list hold back, in words. Which addresses must never be listed is nobody's business who would
/// like to see a list stand still.
pub(crate) fn guards(settings: &dns::Settings, of_addresses: bool) -> Vec<String> {
    let mut words = vec!["it lacks a test entry of RFC 5782, or lists what must not be".to_owned()];
    let (ipv4, ipv6) = (settings.ipv4_prefix, settings.ipv6_prefix);
    let wide = |family: &str, length: u8| {
        (length > 0).then(|| format!("it newly covers a network of {family} as wide as /{length}"))
    };
    if of_addresses {
        words.extend(wide("IPv4", ipv4));
        words.extend(wide("IPv6", ipv6));
    }
    if settings.max_change > 0 {
        words.push(format!("more than {} % of it changes at once", settings.max_change));
    }
    match settings.canaries.len() {
        0 => {}
        1 => words.push("it has an address or name that must never be listed".to_owned()),
        some => words
            .push(format!("it has one of {some} addresses and names that must never be listed")),
    }
    words
}

/// How a list has changed; none as long as there is but one day.
fn past(days: Vec<Day>) -> Option<Past> {
    if days.len() < 2 {
        return None;
    }
    let points = |amount: fn(&Day) -> u64| -> Vec<(i64, f64)> {
        days.iter().map(|day| (day.day * 86_400, amount(day) as f64)).collect()
    };
    let (size, changed) = (points(|day| day.entries), points(|day| day.changed));
    let charts = vec![
        Chart::lines("Entries", &[Series { label: "entries", points: &size }]),
        Chart::lines("Changes a day", &[Series { label: "changes", points: &changed }]),
    ];
    let name = |day: Day| {
        let moment = Moment(Timestamp(day.day * history::DAY)).rfc3339();
        (moment.split('T').next().unwrap_or_default().to_owned(), day)
    };
    let days = days.into_iter().rev().map(name).collect();
    Some(Past { charts, days })
}

#[cfg(test)]
mod tests {
    use repute_database::categories::{self, Category};
    use repute_database::list_days::{self, Day};
    use repute_database::testing::on_each_narrow;
    use repute_database::{Timestamp, dns, lists};
    use repute_registry::history::DAY;

    use crate::testing::Site;

    #[tokio::test]
    async fn a_list_shows_all_versions_of_its_policy_its_categories_and_its_guards() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let list = site.add_list("bl.example").await;
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let t = &mut transaction;
            for (text, time) in [("Spam <only>.", 1), ("Spam\n\nand malware.", 2)] {
                let day = Timestamp(time * 86_400_000_000);
                lists::publish_policy(t.session(), list, text, day).await.expect("published");
            }
            let banks = Category { number: 7, name: "banks <big>".to_owned() };
            categories::add(t.session(), list, &banks).await.expect("it is added");
            let canaries = vec!["192.0.2.25".parse().expect("a target")];
            let settings = dns::Settings { max_change: 12, canaries, ..dns::Settings::default() };
            dns::set(t.session(), list, &settings).await.expect("they are written");
            transaction.commit().await.expect("it is committed");
            let page = site.get("/lists/bl.example").await;
            page.says(&[
                "<div class=\"prose\" id=\"policy-2\"><p>Spam</p><p>and malware.</p></div>",
                "<details id=\"policy-1\"><summary>Version 1, published",
                "1970-01-02",
                "Spam &#60;only&#62;.",
                "banks &#60;big&#62;",
                "it newly covers a network of IPv4 as wide as /8",
                "more than 12 % of it changes at once",
                "it has an address or name that must never be listed",
            ]);
            assert!(!page.text.contains("192.0.2.25"), "which one is told to nobody");
            let told = site.get("/api/v1/lists/bl.example").await;
            let told: serde_json::Value = serde_json::from_str(&told.text).expect("JSON");
            assert_eq!(
                (&told["policy"]["version"], &told["categories"][0]["number"]),
                (&2.into(), &7.into())
            );
            assert_eq!(told["former_policies"][0]["text"], "Spam <only>.");
            assert_eq!(told["guards"].as_array().map(Vec::len), Some(5), "{told}");
        })
        .await;
    }

    #[tokio::test]
    async fn a_list_shows_its_past_as_charts_and_as_a_table() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let list = site.add_list("bl.example").await;
            assert!(!site.get("/lists/bl.example").await.text.contains("<svg"), "there is no past");
            let now = Timestamp::now();
            let today = now.0 / DAY;
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            for (day, entries, changed) in
                [(today - 100, 9, 9), (today - 1, 1200, 7), (today, 1234, 56)]
            {
                let day = Day { day, entries, changed, serial: 2, published: now };
                list_days::begin(transaction.session(), list, &day).await.expect("it begins");
            }
            transaction.commit().await.expect("it is committed");
            let page = site.get("/lists/bl.example").await;
            let says =
                ["<svg ", "aria-label=\"Entries: ", "<td class=\"number\">1234</td>", "from 1,200"];
            page.says(&says);
            assert_eq!(
                page.text.matches("<svg ").count(),
                4,
                "each for a wide page and for a phone"
            );
            assert!(!page.text.contains("<style"), "{}", page.text);
            assert!(!page.text.contains("<td class=\"number\">9</td>"), "that is too long ago");
        })
        .await;
    }
}
