//! Which category of a list an organisation is in, and the codes that say so: 127.0.CATEGORY.SCORE.
//!
//! Whoever asks a list reads the category of a sender from the code of its address. So an organisation is in one category
//! of a list, and all that is listed for it there carries that one. A new organisation chooses its own; later an editor
//! decides, by a request or by himself.
//!
//! Not here: which categories a list has ([`crate::settings`]).

use repute_database::audit::{self, Deed};
use repute_database::categories::{self, Category};
use repute_database::entries::OrganisationId;
use repute_database::lists::{self, ListId, Stored};
use repute_database::{DatabaseError, Timestamp, Transaction, organisations};
use repute_dnsxl::ReturnCode;
use serde_json::json;

use crate::organisation::{self, OrganisationError, text};
use crate::permission::{Action, Person};
use crate::request::check::{Check, Finding, Outcome};
use crate::request::item::Item;

/// How the codes that items ask for go with the category of an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit<'a> {
    /// The category in which the organisation is once all of it is approved.
    pub category: Option<&'a Category>,
    /// Where that comes from.
    pub basis: Basis,
    /// What carries another category, with that.
    pub strays: Vec<(&'a Item, &'a Category)>,
}

/// Where the category of an organisation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// It is in it.
    Before,
    /// The request asks for it.
    Asked,
    /// It is in none, and the first code that is asked for carries it.
    Code,
}

/// The category that a code carries on a list with these categories.
pub fn carried(all: &[Category], code: ReturnCode) -> Option<&Category> {
    let [127, 0, number, _] = code.0.octets() else { return None };
    all.iter().find(|category| category.number == number)
}

/// The code of the same score in a category.
pub fn in_category(code: ReturnCode, category: &Category) -> ReturnCode {
    let [.., score] = code.0.octets();
    ReturnCode([127, 0, category.number, score].into())
}

/// Holds items against the category of an organisation on a list with these categories.
pub fn fit<'a>(all: &'a [Category], own: Option<&'a Category>, items: &[&'a Item]) -> Fit<'a> {
    let asked = asked(items.iter().copied());
    let asked = asked.and_then(|number| all.iter().find(|category| category.number == number));
    let of = |item: &'a Item| Some((item, carried(all, item.code()?)?));
    let first = || items.iter().copied().find_map(of).map(|(_, category)| category);
    let (category, basis) = match (asked, own) {
        (Some(asked), _) => (Some(asked), Basis::Asked),
        (None, Some(own)) => (Some(own), Basis::Before),
        (None, None) => (first(), Basis::Code),
    };
    let is_other = |(_, other): &(&Item, &Category)| {
        category.is_some_and(|category| category.number != other.number)
    };
    Fit { category, basis, strays: items.iter().copied().filter_map(of).filter(is_other).collect() }
}

/// The category that items ask for.
pub fn asked<'a>(mut items: impl Iterator<Item = &'a Item>) -> Option<u8> {
    items.find_map(|item| match item {
        Item::Category(number) => Some(*number),
        Item::Add { .. }
        | Item::Remove { .. }
        | Item::Rescore { .. }
        | Item::Name(_)
        | Item::Website(_) => None,
    })
}

/// What the checks say of the categories that items carry; `left` entries of the organisation would carry another one
/// than the request asks for.
pub fn findings(
    all: &[Category],
    own: Option<&Category>,
    items: &[Item],
    left: usize,
) -> Vec<Finding> {
    let fit = fit(all, own, &items.iter().collect::<Vec<_>>());
    let Some(category) = fit.category else { return Vec::new() };
    let words = words(category);
    let finding = |item: &Item| {
        let (about, outcome, seen, mend) = match (item, item.code()) {
            (Item::Category(_), _) => match left {
                0 => (
                    words.clone(),
                    Outcome::Pass,
                    "all that it has goes with it".to_owned(),
                    String::new(),
                ),
                left => (
                    words.clone(),
                    Outcome::Warn,
                    format!("{left} of the organisation's entries carry another category"),
                    format!(
                        "ask for codes of category {} for them in the same request",
                        category.number
                    ),
                ),
            },
            (_, Some(code)) => {
                let carried = carried(all, code)?;
                let about = item.network().map_or_else(String::new, |network| network.to_string());
                match (carried.number == category.number, fit.basis) {
                    (true, Basis::Before | Basis::Asked) => (
                        about,
                        Outcome::Pass,
                        format!("{code} carries the organisation's category, {words}"),
                        String::new(),
                    ),
                    (true, Basis::Code) => (
                        about,
                        Outcome::Warn,
                        format!(
                            "the organisation has no category yet: with {code} it is in {words}"
                        ),
                        "ask for its category in the same request if that is another one"
                            .to_owned(),
                    ),
                    (false, _) => (
                        about,
                        Outcome::Fail,
                        conflict(code, carried, category),
                        format!(
                            "ask for {} instead, or for category {} in the same request",
                            in_category(code, category),
                            carried.number
                        ),
                    ),
                }
            }
            (_, None) => return None,
        };
        Some(Finding { check: Check::Category, outcome, about, seen, mend })
    };
    items.iter().filter_map(finding).collect()
}

/// What stands against each other where a code carries another category than the organisation's.
pub fn conflict(code: ReturnCode, carried: &Category, category: &Category) -> String {
    format!(
        "{code} is of category {}, and the organisation is in {}",
        words(carried),
        words(category)
    )
}

/// Gives an organisation that was just made the categories which its founder chose.
///
/// # Errors
/// If a list has no such category, or the database fails.
pub(crate) async fn choose(
    transaction: &mut Transaction,
    person: Person,
    id: OrganisationId,
    chosen: &[(ListId, u8)],
    now: Timestamp,
) -> Result<(), OrganisationError> {
    for (list, number) in chosen {
        let stored = lists::by_id(transaction.session(), *list).await?;
        let stored = stored.ok_or(OrganisationError::NoList)?;
        be_there(transaction, &stored, *number).await?;
        assign(transaction, person, id, &stored, *number, "chosen with the first claim", now)
            .await?;
    }
    Ok(())
}

/// Puts an organisation into a category of a list, as an editor decides it. What it has on the list keeps its codes.
///
/// # Errors
/// If the person may not, there is no reason, or the list has no such category.
pub async fn set(
    transaction: &mut Transaction,
    person: Person,
    id: OrganisationId,
    list: &Stored,
    number: u8,
    reason: &str,
    now: Timestamp,
) -> Result<(), OrganisationError> {
    organisations::lock(transaction.session(), id).await?;
    organisation::allow(transaction, person, id, Action::Categorise).await?;
    let reason = text("a category", reason)?.to_owned();
    be_there(transaction, list, number).await?;
    assign(transaction, person, id, list, number, &reason, now).await
}

/// Puts an organisation into a category of a list and writes it into the audit log, unless it is there; the number of that
/// in which it was.
pub(crate) async fn assign(
    transaction: &mut Transaction,
    person: Person,
    id: OrganisationId,
    list: &Stored,
    number: u8,
    reason: &str,
    now: Timestamp,
) -> Result<(), OrganisationError> {
    let before = categories::of(transaction.session(), id, list.id).await?;
    let before = before.map(|category| category.number);
    if before == Some(number) {
        return Ok(());
    }
    categories::assign(transaction.session(), id, list.id, number).await?;
    let apex = list.list.apex.to_string();
    let detail = json!({ "list": apex, "category": number, "before": before, "reason": reason });
    let deed = Deed {
        time: now,
        actor: audit::actor(transaction.session(), person.account).await?,
        action: "organisation.category".to_owned(),
        subject: format!("organisation/{}", id.0),
        detail: detail.to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    Ok(())
}

/// Why a code does not go with the category of the organisation whose entry it becomes, if so.
///
/// # Errors
/// If the database fails.
pub(crate) async fn against(
    transaction: &mut Transaction,
    id: OrganisationId,
    list: &Stored,
    code: ReturnCode,
) -> Result<Option<String>, DatabaseError> {
    let all = categories::all(transaction.session(), list.id).await?;
    let own = categories::of(transaction.session(), id, list.id).await?;
    let (Some(own), Some(carried)) = (own, carried(&all, code)) else { return Ok(None) };
    Ok((carried.number != own.number).then(|| {
        format!(
            "{}: take {}, or give organisation {} another category first",
            conflict(code, carried, &own),
            in_category(code, &own),
            id.0
        )
    }))
}

/// A category, by its number and its name.
pub fn words(category: &Category) -> String {
    format!("{} ({})", category.number, category.name)
}

/// Fails if a list has no category of a number.
async fn be_there(
    transaction: &mut Transaction,
    list: &Stored,
    number: u8,
) -> Result<(), OrganisationError> {
    let all = categories::all(transaction.session(), list.id).await?;
    match all.iter().any(|category| category.number == number) {
        true => Ok(()),
        false => Err(OrganisationError::Category(list.list.apex.clone(), number)),
    }
}

#[cfg(test)]
mod tests {
    use repute_database::testing::on_each;

    use super::*;
    use crate::permission::Role;

    /// The categories of a list.
    fn all() -> Vec<Category> {
        let of = |(number, name): (u8, &str)| Category { number, name: name.to_owned() };
        [(3, "senders"), (5, "banks")].map(of).to_vec()
    }

    /// Items of their words.
    fn items(lines: &[&str]) -> Vec<Item> {
        let item = |line: &&str| {
            let mut words = line.split(' ');
            let mut next = || words.next().unwrap_or_default();
            Item::of_words(next(), next(), next()).expect("an item")
        };
        lines.iter().map(item).collect()
    }

    #[test]
    fn an_address_carries_the_category_of_its_organisation() {
        let (all, add3, add5) = (all(), "add 8.8.8.8 127.0.3.1", "add 8.8.4.4 127.0.5.2");
        let (own3, none): (Option<u8>, Option<u8>) = (Some(3), None);
        for (own, lines, left, expected) in [
            (
                own3,
                &[add3][..],
                0,
                &["pass 8.8.8.8 127.0.3.1 carries the organisation's category, 3 (senders) []"][..],
            ),
            (
                own3,
                &[add5],
                0,
                &[
                    "fail 8.8.4.4 127.0.5.2 is of category 5 (banks), and the organisation is in 3 (senders) \
                   [ask for 127.0.3.2 instead, or for category 5 in the same request]",
                ],
            ),
            (
                own3,
                &[add5, "category 5"],
                2,
                &[
                    "pass 8.8.4.4 127.0.5.2 carries the organisation's category, 5 (banks) []",
                    "warn 5 (banks) 2 of the organisation's entries carry another category \
                     [ask for codes of category 5 for them in the same request]",
                ],
            ),
            (
                none,
                &[add5, add3],
                0,
                &[
                    "warn 8.8.4.4 the organisation has no category yet: with 127.0.5.2 it is in 5 (banks) \
                     [ask for its category in the same request if that is another one]",
                    "fail 8.8.8.8 127.0.3.1 is of category 3 (senders), and the organisation is in 5 (banks) \
                     [ask for 127.0.5.1 instead, or for category 3 in the same request]",
                ],
            ),
            // These say nothing of categories.
            (own3, &["add 8.8.8.8 127.0.0.2", "remove 8.8.4.4", "name Example"], 0, &[]),
            (none, &["add 8.8.8.8 127.0.0.2"], 0, &[]),
        ] {
            let own = own.and_then(|number| all.iter().find(|one| one.number == number));
            let found = findings(&all, own, &items(lines), left);
            let word = |one: &Finding| {
                format!("{} {} {} [{}]", one.outcome.word(), one.about, one.seen, one.mend)
            };
            assert_eq!(found.iter().map(word).collect::<Vec<_>>(), expected, "{lines:?}");
        }
        assert_eq!(findings(&[], None, &items(&[add3]), 0), [], "a list without categories");
    }

    #[tokio::test]
    async fn an_editor_puts_an_organisation_into_a_category_and_says_why() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let (member, now) = (Person { account: 1, role: Role::Member }, Timestamp(1));
            let editor = Person { account: 2, role: Role::Editor };
            let id = organisation::found(t, member, "A bank", now).await.expect("an Id");
            let list = lists::List {
                apex: "wl.example".parse().expect("a name"),
                title: "wl".to_owned(),
                description: String::new(),
                polarity: repute_dnsxl::Polarity::Allow,
                keys: repute_dnsxl::KeyKind::Ip,
                ttl: 300,
                contact: String::new(),
            };
            let list = lists::add(t.session(), &list, now).await.expect("it is added");
            for category in all() {
                categories::add(t.session(), list, &category).await.expect("it is added");
            }
            let list = lists::by_id(t.session(), list).await.expect("read").expect("there");
            for (who, number, reason, words) in [
                (member, 5, "a bank", "you may not say which category it is in"),
                (editor, 5, " ", "a category needs a text of at most 2000 characters"),
                (editor, 7, "a bank", "wl.example has no category 7"),
            ] {
                let refused = set(t, who, id, &list, number, reason, now).await.expect_err(words);
                assert!(refused.to_string().starts_with(words), "{refused}");
            }
            for number in [3, 5, 5] {
                set(t, editor, id, &list, number, "as its website says", now).await.expect("set");
            }
            let of = categories::of(t.session(), id, list.id).await.expect("read").expect("one");
            assert_eq!(of.number, 5);
            let against = async |t: &mut Transaction, code: &str| {
                against(t, id, &list, code.parse().expect("a code")).await.expect("told")
            };
            assert_eq!(against(t, "127.0.5.1").await, None);
            assert_eq!(
                against(t, "127.0.3.1").await.as_deref(),
                Some(&*format!(
                    "127.0.3.1 is of category 3 (senders), and the organisation is in 5 (banks): take \
                     127.0.5.1, or give organisation {} another category first",
                    id.0
                ))
            );
            let actor = audit::actor(t.session(), editor.account).await.expect("a pseudonym");
            let subject = format!("organisation/{}", id.0);
            let logged =
                audit::details_since(t.session(), &actor, &subject, Timestamp(0));
            let mut logged = logged.await.expect("read");
            logged.retain(|(action, _)| action == "organisation.category");
            assert_eq!(logged.len(), 2, "the third time nothing changed: {logged:?}");
            assert!(
                logged.iter().any(|(_, detail)| detail.contains(r#""before":3"#)
                    && detail.contains("as its website says")),
                "{logged:?}"
            );
        })
        .await;
    }
}
