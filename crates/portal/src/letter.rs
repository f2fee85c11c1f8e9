//! The letters that are written: each as plain text and as HTML, from two templates.

use askama::Template;
use repute_database::outbox::Letter;

use crate::config::Config;
use crate::mail_address::MailAddress;
use crate::secret::Secret;

/// A letter as plain text.
#[derive(Template)]
#[template(path = "mail/letter.txt", escape = "none")]
struct Plain<'a>(&'a Words<'a>);

/// The same as HTML.
#[derive(Template)]
#[template(path = "mail/letter.html")]
struct Html<'a>(&'a Words<'a>);

/// What a letter says.
pub(crate) struct Words<'a> {
    /// What the site is called.
    pub(crate) site: &'a str,
    /// What it is about.
    pub(crate) subject: String,
    /// What happened.
    pub(crate) what: String,
    /// The same in detail, a line each.
    pub(crate) lines: Vec<String>,
    /// What the link does.
    pub(crate) action: &'static str,
    /// The link.
    pub(crate) link: String,
    /// What to do if it comes unexpected.
    pub(crate) otherwise: &'static str,
    /// Where one says that one wants no such letters, if it can be switched off.
    pub(crate) stop: Option<String>,
}

/// For somebody who wants an account.
pub(crate) fn join(
    config: &Config,
    to: &MailAddress,
    secret: &Secret,
) -> Result<Letter, askama::Error> {
    write(
        to.as_str(),
        &Words {
            site: &config.title,
            subject: format!("Your account at {}", config.title),
            what: "Somebody, hopefully you, asked for an account with this address.".to_owned(),
            lines: Vec::new(),
            action: "Choose a name and a password",
            link: format!("{}/join/{}", config.public_url, secret.text()),
            otherwise: "The link works once, for a day. If it was not you, do nothing: there is no account.",
            stop: None,
        },
    )
}

/// For somebody who wants an account and has one.
pub(crate) fn known(config: &Config, to: &MailAddress) -> Result<Letter, askama::Error> {
    write(
        to.as_str(),
        &Words {
            site: &config.title,
            subject: format!("Your account at {}", config.title),
            what: "Somebody, hopefully you, asked for an account with this address. You have one already.".to_owned(),
            lines: Vec::new(),
            action: "Sign in, or choose another password there",
            link: format!("{}/sign-in", config.public_url),
            otherwise: "If it was not you, do nothing: nothing has changed.",
            stop: None,
        },
    )
}

/// For somebody who forgot his password.
pub(crate) fn reset(
    config: &Config,
    to: &MailAddress,
    secret: &Secret,
) -> Result<Letter, askama::Error> {
    write(
        to.as_str(),
        &Words {
            site: &config.title,
            subject: format!("Another password at {}", config.title),
            what: "Somebody, hopefully you, asked for another password for your account."
                .to_owned(),
            lines: Vec::new(),
            action: "Choose another password",
            link: format!("{}/reset/{}", config.public_url, secret.text()),
            otherwise: "The link works once, for a day. If it was not you, do nothing: your password stays.",
            stop: None,
        },
    )
}

/// For somebody who forgot that he has no account.
pub(crate) fn unknown(config: &Config, to: &MailAddress) -> Result<Letter, askama::Error> {
    write(
        to.as_str(),
        &Words {
            site: &config.title,
            subject: format!("Another password at {}", config.title),
            what: "Somebody, hopefully you, asked for another password. There is no account with this address.".to_owned(),
            lines: Vec::new(),
            action: "Make an account",
            link: format!("{}/sign-up", config.public_url),
            otherwise: "If it was not you, do nothing: nothing has changed.",
            stop: None,
        },
    )
}

/// For somebody who wants his account to have this address.
pub(crate) fn new_mail(
    config: &Config,
    to: &MailAddress,
    link: String,
) -> Result<Letter, askama::Error> {
    let words = Words {
        site: &config.title,
        subject: format!("Your new mail address at {}", config.title),
        what: "Somebody, hopefully you, wants his account to have this mail address.".to_owned(),
        lines: Vec::new(),
        action: "Take this address, where you are signed in",
        link,
        otherwise: "The link is good for a day, and for whoever is signed in to that account alone. If it was not you, do nothing.",
        stop: None,
    };
    write(to.as_str(), &words)
}

/// For whoever reads at an address that an account had.
pub(crate) fn moved(config: &Config, to: &str) -> Result<Letter, askama::Error> {
    let words = Words {
        site: &config.title,
        subject: format!("Your account has another mail address at {}", config.title),
        what: "The account that had this mail address has another one from now on. Letters about it go there.".to_owned(),
        lines: Vec::new(),
        action: "If this was not you, tell whoever runs this site at once",
        link: config.public_url.to_string(),
        otherwise: "If it was you, there is nothing to do.",
        stop: None,
    };
    write(to, &words)
}

/// For an address from which letters came back, so that whoever reads there says that they arrive.
pub(crate) fn arrive(
    config: &Config,
    to: &str,
    id: i64,
    token: &str,
) -> Result<Letter, askama::Error> {
    let words = Words {
        site: &config.title,
        subject: format!("Do letters of {} arrive here?", config.title),
        what: "Letters to this address came back, so none was sent any more. Somebody asked us to try again."
            .to_owned(),
        lines: Vec::new(),
        action: "Say that letters arrive",
        link: format!("{}/letters/{id}/{token}", config.public_url),
        otherwise: "If you want no letters from us, do nothing: none will come.",
        stop: None,
    };
    write(to, &words)
}

/// For somebody who is asked to belong to an organisation: by its name, and whether it has anything on any list.
pub(crate) fn invitation(
    config: &Config,
    to: &str,
    (organisation, is_published): (&str, bool),
    secret: &Secret,
) -> Result<Letter, askama::Error> {
    let name = foreign(organisation);
    let words = Words {
        site: &config.title,
        subject: format!("You are invited at {}", config.title),
        what: format!(
            "An owner of the organisation \u{201c}{name}\u{201d} asks you to speak for it at {}.",
            config.title
        ),
        lines: unpublished(is_published),
        action: "See the invitation",
        link: format!("{}/invitations/{}", config.public_url, secret.text()),
        otherwise: "The link is good once, for a week. If you do not know them, do nothing.",
        stop: None,
    };
    write(to, &words)
}

/// What somebody else is called, in a letter of ours: the beginning of it, on one line, and read the way it is written.
pub(crate) fn foreign(name: &str) -> String {
    let turns = |c| matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    name.chars().filter(|c| !c.is_control() && !turns(*c)).take(80).collect()
}

/// What a letter says of an organisation that has nothing on any list.
pub(crate) fn unpublished(is_published: bool) -> Vec<String> {
    match is_published {
        true => Vec::new(),
        false => vec!["Nothing of this organisation is published yet.".to_owned()],
    }
}

/// What happened to an account, for the person to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// It has another password.
    PasswordChanged,
    /// It has another one, by a link.
    PasswordReset,
    /// Codes are asked for when it signs in.
    TotpAdded,
    /// They are not any more.
    TotpRemoved,
    /// A token acts for it.
    TokenMade,
    /// It has one more passkey.
    PasskeyAdded,
    /// It has one passkey less.
    PasskeyRemoved,
    /// It has other recovery codes.
    RecoveryMade,
    /// One of its recovery codes was used.
    RecoveryUsed,
    /// Somebody has its password, and does not have its second factor.
    Guessed,
    /// An administrator has taken all its second factors away.
    FactorsReset,
    /// An administrator has given it another role.
    RoleChanged,
    /// An administrator has locked it.
    Locked,
    /// An administrator has unlocked it.
    Unlocked,
}

impl Event {
    /// What it is about.
    fn subject(self) -> &'static str {
        match self {
            Event::PasswordChanged | Event::PasswordReset => "Your password was changed",
            Event::TotpAdded => "Codes from your app are asked for",
            Event::TotpRemoved => "Codes from your app are not asked for any more",
            Event::TokenMade => "A token was made",
            Event::PasskeyAdded => "A passkey was added",
            Event::PasskeyRemoved => "A passkey was removed",
            Event::RecoveryMade => "You have other recovery codes",
            Event::RecoveryUsed => "A recovery code was used",
            Event::Guessed => "Somebody knows your password",
            Event::FactorsReset => "Your second factors were taken away",
            Event::RoleChanged => "You have another role",
            Event::Locked => "Your account is locked",
            Event::Unlocked => "Your account is open again",
        }
    }

    /// What happened.
    fn what(self) -> &'static str {
        match self {
            Event::PasswordChanged => {
                "Your account has another password, and is signed out everywhere but where that was done."
            }
            Event::PasswordReset => {
                "Your account has another password, by a link that was sent here. It is signed out everywhere else, and its \
                 tokens have ended."
            }
            Event::TotpAdded => {
                "From now on a code from your app is asked for when somebody signs in to your account."
            }
            Event::TotpRemoved => {
                "Codes from your app are not asked for any more when somebody signs in to your account."
            }
            Event::TokenMade => {
                "A token was made for your account. A program that has it acts for you. Choosing another password by a \
                 link ends all tokens."
            }
            Event::PasskeyAdded => {
                "A passkey was added to your account. Whoever has it can sign in."
            }
            Event::PasskeyRemoved => "A passkey was removed from your account.",
            Event::RecoveryMade => {
                "Recovery codes were made for your account. Those from before do not work any more."
            }
            Event::RecoveryUsed => {
                "Somebody signed in to your account with a recovery code, or confirmed by one. It does not work any more."
            }
            Event::Guessed => {
                "Somebody gave the password of your account and then wrong codes of its second factor. He was not let in."
            }
            Event::FactorsReset => {
                "An administrator has taken all second factors of your account away. Your password is enough to sign in, \
                 until you set one up again."
            }
            Event::RoleChanged => "An administrator has given your account another role.",
            Event::Locked => {
                "An administrator has locked your account. You are signed out everywhere, and cannot sign in."
            }
            Event::Unlocked => "An administrator has unlocked your account. You can sign in again.",
        }
    }
}

/// For somebody to whose account something happened.
pub(crate) fn told(config: &Config, to: &str, event: Event) -> Result<Letter, askama::Error> {
    told_with(config, to, event, Vec::new())
}

/// The same with what still lets somebody into the account, if anything does.
pub(crate) fn told_with(
    config: &Config,
    to: &str,
    event: Event,
    mut left: Vec<String>,
) -> Result<Letter, askama::Error> {
    if !left.is_empty() {
        left.insert(0, "This lets somebody in as before:".to_owned());
        left.push("End what is not yours on the page of your account.".to_owned());
    }
    let words = Words {
        site: &config.title,
        subject: format!("{} at {}", event.subject(), config.title),
        what: event.what().to_owned(),
        lines: left,
        action: "Choose another password, if this was not you",
        link: format!("{}/forgot", config.public_url),
        otherwise: "If it was you, there is nothing to do.",
        stop: None,
    };
    write(to, &words)
}

/// Writes a letter.
pub(crate) fn write(to: &str, words: &Words<'_>) -> Result<Letter, askama::Error> {
    Ok(Letter {
        recipient: to.to_owned(),
        subject: words.subject.clone(),
        plain: Plain(words).render()?,
        html: Html(words).render()?,
        unsubscribe: words.stop.clone().unwrap_or_default(),
    })
}
