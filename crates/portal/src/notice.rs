//! What happens in the registry, told to those whom it concerns: each notice becomes a letter in the outbox, with the
//! transaction in which it happened.

use repute_database::accounts::{self, AccountId};
use repute_database::consistency::State as Standing;
use repute_database::reviews::Due;
use repute_database::{Key, Timestamp, Transaction, outbox};
use repute_registry::claim::Answer;
use repute_registry::consistency::News;
use repute_registry::notice::{Handed, Notice, Reader, Stepped};
use repute_registry::removal::{Kind, Still};
use repute_registry::request::state::State;

use crate::app::App;
use crate::contact::stop_link;
use crate::error::AppError;
use crate::letter::{self, Words, unpublished};
use crate::letters;
use crate::moment::Moment;
use crate::pages::removal::next_step;

/// Writes the letters for what happened. After the commit the post should be told (`App::mail_waits`).
pub(crate) async fn put(
    app: &App,
    transaction: &mut Transaction,
    notices: &[Notice],
    now: Timestamp,
) -> Result<(), AppError> {
    for notice in notices {
        let to = match whom(notice) {
            Whom::Mail(mail) => mail,
            Whom::Account(id) => {
                let account = accounts::by_id(transaction.session(), AccountId(id)).await?;
                // Who has no account any more wants no letter.
                let Some(account) = account else { continue };
                if is_news(notice) {
                    letters::news(app, transaction, &account, words(app, notice), now).await?;
                    continue;
                }
                account.mail
            }
        };
        let words = Words { stop: stop(app, notice), ..words(app, notice) };
        let letter = letter::write(&to, &words)?;
        match is_asked_for(notice) {
            true => outbox::put(transaction.session(), &letter, now).await?,
            false => letters::tell(transaction, &letter, now).await?,
        }
    }
    Ok(())
}

/// Where a contact says that no such letters shall come.
fn stop(app: &App, notice: &Notice) -> Option<String> {
    match notice {
        Notice::Consistency { reader: Reader::Contact(mail), organisation, .. }
        | Notice::Review { reader: Reader::Contact(mail), organisation, .. } => {
            Some(stop_link(app, *organisation, mail))
        }
        _ => None,
    }
}

/// Whether somebody asked for this letter, so that it goes to an address from which others came back, too.
fn is_asked_for(notice: &Notice) -> bool {
    match notice {
        Notice::ClaimLink { .. } | Notice::RemovalLink { .. } => true,
        Notice::ClaimChallenged { .. }
        | Notice::ClaimFails { .. }
        | Notice::ClaimLost { .. }
        | Notice::ClaimHeld { .. }
        | Notice::ClaimShared { .. }
        | Notice::ClaimAnswered { .. }
        | Notice::Stepped { .. }
        | Notice::Handed { .. }
        | Notice::RequestMoved { .. }
        | Notice::VersionRefused { .. }
        | Notice::MotionWaits { .. }
        | Notice::RemovalDecided { .. }
        | Notice::Consistency { .. }
        | Notice::Review { .. } => false,
    }
}

/// Whether he who is told need not do anything about it himself, so that he may want it later, or not at all.
fn is_news(notice: &Notice) -> bool {
    match notice {
        Notice::ClaimHeld { .. } | Notice::Handed { .. } => true,
        // Any editor who is not partial can agree.
        Notice::MotionWaits { .. } => true,
        Notice::RequestMoved { state, .. } => *state != State::NeedsInfo,
        Notice::Consistency { news, .. } => news.iter().all(|one| one.state == Standing::Ok),
        Notice::ClaimLink { .. }
        | Notice::ClaimChallenged { .. }
        | Notice::ClaimFails { .. }
        | Notice::ClaimLost { .. }
        | Notice::ClaimShared { .. }
        | Notice::ClaimAnswered { .. }
        | Notice::Stepped { .. }
        | Notice::VersionRefused { .. }
        | Notice::RemovalLink { .. }
        | Notice::RemovalDecided { .. }
        | Notice::Review { .. } => false,
    }
}

/// What is said of a decision that the guards of a list keep back; nothing of one that is in DNS at once.
fn behind(held: &Option<String>) -> &'static str {
    match held {
        Some(_) => {
            " It is not in DNS yet: a safeguard of the list holds its changes back until another editor has looked at \
             them. You need not do anything."
        }
        None => "",
    }
}

/// Who is told.
enum Whom {
    /// Who reads this mailbox.
    Mail(String),
    /// Whose account it is.
    Account(i64),
}

/// Who is told of something.
fn whom(notice: &Notice) -> Whom {
    match notice {
        Notice::ClaimLink { domain, mailbox, .. } => {
            Whom::Mail(format!("{}@{domain}", mailbox.local_part()))
        }
        Notice::ClaimChallenged { account, .. }
        | Notice::ClaimFails { account, .. }
        | Notice::ClaimLost { account, .. }
        | Notice::ClaimHeld { account, .. }
        | Notice::ClaimShared { account, .. }
        | Notice::ClaimAnswered { account, .. }
        | Notice::Stepped { account, .. }
        | Notice::Handed { account, .. }
        | Notice::RequestMoved { account, .. }
        | Notice::VersionRefused { account, .. }
        | Notice::MotionWaits { account, .. } => Whom::Account(*account),
        Notice::RemovalLink { mail, .. } | Notice::RemovalDecided { mail, .. } => {
            Whom::Mail(mail.clone())
        }
        Notice::Consistency { reader, .. } | Notice::Review { reader, .. } => match reader {
            Reader::Contact(mail) => Whom::Mail(mail.clone()),
            Reader::Account(account) => Whom::Account(*account),
        },
    }
}

/// What is told.
fn words<'a>(app: &'a App, notice: &Notice) -> Words<'a> {
    let (site, url) = (&*app.config.title, &app.config.public_url);
    let words = |subject, what, action, path: String, otherwise| Words {
        site,
        subject,
        what,
        lines: Vec::new(),
        action,
        link: format!("{url}{path}"),
        otherwise,
        stop: None,
    };
    let claims = || "/organisations".to_owned();
    match notice {
        Notice::ClaimLink { claim, domain, token, .. } => words(
            format!("Who speaks for {domain}?"),
            format!("Somebody with an account at {site} wants to speak there for {domain}."),
            "See who asks for what, and say yes or no",
            format!("/claims/{}/prove/{token}", claim.0),
            "Hand the link on only to whom the domain trusts: it needs no account. Without an answer nothing is proven.",
        ),
        Notice::ClaimChallenged { domain, takes, .. } => words(
            format!("Somebody else proved {domain}"),
            format!(
                "Another account proved {domain} better than yours did. On {} UTC the domain goes over to it.",
                Moment(*takes)
            ),
            "Prove the domain by DNS before then, if it is yours",
            claims(),
            "If the domain is not yours any more, there is nothing to do.",
        ),
        Notice::VersionRefused { list, serial, why, .. } => words(
            format!("{list} stands still: serial {serial} was refused"),
            format!(
                "Serial {serial} of {list} is not published, and neither is what comes after it: {why}. Name servers \
                 answer what was published before."
            ),
            "Look at it: approve it, if you did not make the change yourself, or take the change back",
            "/queue".to_owned(),
            "This is written once, however long the list stands still.",
        ),
        Notice::MotionWaits { motion, list, about, mover, reason, two, .. } => words(
            format!("A change of {list} waits for a second editor: {about}"),
            match mover {
                Some(mover) => format!(
                    "{mover} wants to change {about} ({list}), for which two have to agree: it is {two}. Why: {reason}"
                ),
                None => format!(
                    "{about} ({list}) is to change, for which two have to agree: it is {two}. Why: {reason}"
                ),
            },
            "See what would change, and agree or refuse",
            format!("/queue/motions/{}", motion.0),
            "Any editor but the one who wants it can decide; after two weeks it ends by itself.",
        ),
        Notice::ClaimFails { domain, seen, .. } => words(
            format!("The proof of {domain} is gone"),
            format!(
                "We looked again whether you run {domain}, and did not find the proof: {seen}."
            ),
            "See which record has to be there",
            claims(),
            "If it stays away, your claim ends. You are told before anything else changes.",
        ),
        Notice::ClaimLost { domain, .. } => words(
            format!("You do not speak for {domain} any more"),
            format!(
                "Your claim of {domain} is over: its proof is gone, or somebody else has a better one."
            ),
            "Look at your claims",
            claims(),
            "If the domain is yours, claim it again by DNS.",
        ),
        Notice::ClaimShared { domain, organisation, .. } => words(
            format!("Somebody else speaks for {domain}, too"),
            format!(
                "Another account proved {domain} as you did, and belongs to your organisation from now on. You stay in it."
            ),
            "See who belongs to it",
            format!("/organisations/{}", organisation.0),
            "If you do not know who that is, take the account out of the organisation there.",
        ),
        Notice::ClaimAnswered { claim, domain, mailbox, answer, is_published, .. } => Words {
            lines: match answer {
                Answer::Yes => unpublished(*is_published),
                Answer::No => Vec::new(),
            },
            ..words(
            match answer {
                Answer::Yes => format!("{domain} is proven"),
                Answer::No => format!("{domain} is not proven"),
            },
            match answer {
                Answer::Yes => format!("Whoever reads {mailbox} said that your claim is right."),
                Answer::No => {
                    format!("Whoever reads {mailbox} said that it is not theirs: your claim is over.")
                }
            },
            "See how your claim stands",
            format!("/claims/{}", claim.0),
            match answer {
                Answer::Yes => "If somebody else holds the domain, the page says so.",
                Answer::No => "If that is a mistake, ask them, and claim the domain again; or prove it by DNS.",
            },
        )
        },
        Notice::ClaimHeld { domain, organisation, is_published, .. } => Words {
            lines: unpublished(*is_published),
            ..words(
            format!("You speak for {domain}"),
            format!("The week is over in which others could object: {domain} is yours."),
            "Open your organisation",
            format!("/organisations/{}", organisation.0),
            "Leave the record in DNS where it is: we look for it again.",
        )
        },
        Notice::Stepped { organisation, what, reason, .. } => {
            let id = organisation.0;
            let (subject, happened) = match what {
                Stepped::You => (
                    format!("You speak for organisation {id}"),
                    format!("An administrator made you an owner of organisation {id}: {reason}"),
                ),
                Stepped::Owner => (
                    format!("Organisation {id} has another owner"),
                    format!("An administrator made somebody an owner of it, too: {reason}"),
                ),
                Stepped::Contacts => (
                    format!("Organisation {id} has other contacts"),
                    format!("An administrator changed where it is written to: {reason}"),
                ),
                Stepped::Claim(domain) => (
                    format!("Your claim of {domain} is ended"),
                    format!("An administrator ended your claim of {domain}: {reason}"),
                ),
                Stepped::Domain(domain) => (
                    format!("Organisation {id} is not known by {domain} any more"),
                    format!(
                        "An editor took {domain} away from the domains by which it is known: {reason}"
                    ),
                ),
            };
            words(
                subject,
                happened,
                "Look at the organisation",
                format!("/organisations/{id}"),
                "If that is not right, write to who runs this site.",
            )
        }
        Notice::Handed { organisation, list, what, first, more, reason, .. } => {
            let id = organisation.0;
            let why = match &**reason {
                "" => String::new(),
                reason => format!(" The reason given: {reason}"),
            };
            let (subject, happened) = match what {
                Handed::To => (
                    format!("Your organisation has entries on {list}"),
                    format!("These entries of {list} are organisation {id}'s from now on.{why}"),
                ),
                Handed::From => (
                    format!("Your organisation has fewer entries on {list}"),
                    format!("These entries of {list} are not organisation {id}'s any more.{why}"),
                ),
            };
            Words {
                lines: handed_lines(first, *more),
                ..words(
                    subject,
                    happened,
                    "See what your organisation has",
                    format!("/organisations/{id}"),
                    "DNS answers as before: only who can ask for changes is another. If that is not right, write to the \
                     contact of the list.",
                )
            }
        }
        Notice::RequestMoved { request, state, held, .. } => words(
            format!("Your request {} is {state}", request.0),
            match state {
                State::NeedsInfo => {
                    format!("An editor has a question about your request {}.", request.0)
                }
                state => format!("Your request {} is {state} now.{}", request.0, behind(held)),
            },
            "Read what was decided, and why",
            format!("/requests/{}", request.0),
            "If you do not agree, answer there, or write to the contact of the list.",
        ),
        Notice::RemovalLink { removal, target, kind, token, .. } => words(
            match kind {
                Kind::Removal => format!("Remove {target} from our list?"),
                Kind::Appeal => format!("Appeal about {target} on our list?"),
            },
            match kind {
                Kind::Removal => {
                    format!("Somebody, hopefully you, asked to have {target} removed.")
                }
                Kind::Appeal => format!(
                    "Somebody, hopefully you, wrote why {target} should not be on our list. Once you send that on, an editor reads it and writes to you."
                ),
            },
            match kind {
                Kind::Removal => "Remove it",
                Kind::Appeal => "Send the appeal",
            },
            format!("/removals/{}/{token}", removal.0),
            "The link is good for two days, and says later where this stands. If it was not you, do nothing.",
        ),
        Notice::RemovalDecided { target, is_refused, said, still, held, .. } => Words {
            lines: still.iter().flat_map(still_lines).collect(),
            ..words(
                match (is_refused, still) {
                    (false, None) if held.is_some() => format!("{target} leaves our list"),
                    (false, None) => format!("{target} is off our list"),
                    (false, Some(_)) => format!("Another entry lists {target}"),
                    (true, _) => format!("{target} stays on our list"),
                },
                match (is_refused, still) {
                    (false, None) if said.is_empty() => format!(
                        "An editor took {target} off our list, as you asked.{}",
                        behind(held)
                    ),
                    (false, None) => format!(
                        "An editor took {target} off our list, as you asked.{} The editor says: {said}",
                        behind(held)
                    ),
                    (false, Some(_)) => format!(
                        "An editor took the entry off our list that you asked about. But another one lists {target}:"
                    ),
                    (true, _) => format!("An editor did not take {target} off our list: {said}"),
                },
                "See what our lists say of it now",
                format!("/lookup?target={target}"),
                "If it is still listed, the page says why, and whom to write to.",
            )
        },
        Notice::Consistency { organisation, news, more, .. } => {
            let worst = news.iter().map(|one| one.state).max().unwrap_or(Standing::Ok);
            Words {
                lines: consistency_lines(news, *more),
                ..words(
                    match worst {
                        Standing::Ok => "Your names and addresses agree again".to_owned(),
                        Standing::Suspect | Standing::Bad => {
                            "Names and addresses of yours do not agree".to_owned()
                        }
                    },
                    match worst {
                        Standing::Ok => {
                            "We looked again at what you have on our lists: all of this is well."
                                .to_owned()
                        }
                        Standing::Suspect => {
                            "We looked again at what you have on our lists, and more than once found names that do not \
                             lead back to their addresses. After three days of it an editor is told."
                                .to_owned()
                        }
                        Standing::Bad => {
                            "What you have on our lists has had names for three days and longer that do not lead back \
                             to their addresses. Editors see it now, and may take it off the lists."
                                .to_owned()
                        }
                    },
                    "See all that is to be mended",
                    format!("/organisations/{}", organisation.0),
                    "Once DNS is mended there is nothing else to do: we look again every day.",
                )
            }
        }
        Notice::Review { organisation, due, more, is_over, .. } => Words {
            lines: review_lines(due, *more),
            ..words(
                match is_over {
                    true => "Is this still right?".to_owned(),
                    false => "Please look at your entries within a month".to_owned(),
                },
                "Once a year we ask whether what you have on our lists is still right. These are to be looked at:"
                    .to_owned(),
                "Say that they are still right, or ask for a change",
                format!("/organisations/{}#reviews", organisation.0),
                "If nobody looks, the entries stay, and editors see that they are overdue.",
            )
        },
    }
}

/// What entries name, a line each.
fn handed_lines(first: &[Key], more: usize) -> Vec<String> {
    let mut lines: Vec<String> = first.iter().map(Key::to_string).collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

/// What a letter says of the entry that lists a target after another one went.
fn still_lines(still: &Still) -> Vec<String> {
    let mut lines = vec![still.key.to_string()];
    if !still.reason.is_empty() {
        lines.push(format!("  {}", still.reason));
    }
    lines.push(next_step(&still.outlook));
    lines
}

/// What a letter says of what is to be looked at.
fn review_lines(due: &[Due], more: usize) -> Vec<String> {
    let line = |one: &Due| {
        let moment = Moment(one.review).to_string();
        format!("{}, until {}", one.key, moment.split(' ').next().unwrap_or_default())
    };
    let mut lines: Vec<String> = due.iter().map(line).collect();
    if more > 0 {
        lines.push(format!("and {more} more, which the page shows"));
    }
    lines
}

/// What a letter says of networks: each with why it is not well, and the line that must change.
fn consistency_lines(news: &[News], more: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for News { key, state, reasons } in news {
        lines.push(match state {
            Standing::Ok => format!("{key} is well again"),
            Standing::Suspect => format!("{key} is not as it should be"),
            Standing::Bad => format!("{key} is bad"),
        });
        for reason in reasons {
            let about = match reason.about == key.to_string() {
                true => String::new(),
                false => format!("{}: ", reason.about),
            };
            lines.push(format!("  {about}{}", reason.seen));
            if !reason.mend.is_empty() {
                lines.push(format!("  {}", reason.mend));
            }
        }
    }
    if more > 0 {
        lines.push(format!("and {more} more, which the page shows"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use repute_database::removals::RemovalId;
    use repute_database::requests::RequestId;
    use repute_database::testing::on_each_narrow;

    use super::*;
    use crate::testing::Site;

    #[tokio::test]
    async fn a_letter_says_if_what_was_decided_is_not_in_dns_yet() {
        on_each_narrow(async |database| {
            let site = Site::over(database);
            for held in [None, Some("all of 11.0.0.0/8 would be listed".to_owned())] {
                let moved = Notice::RequestMoved {
                    account: 1,
                    request: RequestId(4),
                    state: State::Approved,
                    held: held.clone(),
                };
                let removed = Notice::RemovalDecided {
                    removal: RemovalId(1),
                    mail: "a@x.example".to_owned(),
                    target: "9.9.9.9".to_owned(),
                    is_refused: false,
                    said: String::new(),
                    still: None,
                    held: held.clone(),
                };
                for notice in [moved, removed] {
                    let words = words(&site.app, &notice);
                    let says_so = words.what.contains("not in DNS yet");
                    assert_eq!(says_so, held.is_some(), "{}", words.what);
                    assert_eq!(words.subject.contains("is off our list"), {
                        matches!(notice, Notice::RemovalDecided { .. }) && held.is_none()
                    });
                }
            }
        })
        .await;
    }
}
