//! Notifications: one message to a person or a machine.
//!
//! A [`Message`] is what to tell; a [`Channel`] is how it reaches somebody: by mail, as an HTTP
//! request, or through a program. [`send`] does it once and waits until the other side has taken
//! the message; [`retry()`] says when to try again.
//!
//! A message may come from strangers' data (a list's reason, a host's name), so it is cleaned when
//! it is made: no channel can be given a header, a line or a size that the sender did not mean. A
//! channel comes from the operator and is believed. Whoever lets others name channels must judge
//! addresses himself.
//!
//! ```no_run
//! use repute_notify::{Channel, Message, send};
//!
//! let channel: Channel = toml::from_str(r#"
//!     [smtp]
//!     server = "mail.example.org"
//!     from = "Repute <repute@example.org>"
//!     to = ["postmaster@example.org"]
//! "#)?;
//! let message = Message::new("listed", "192.0.2.25 is listed on bl.example")
//!     .with_text("since 10:42: sends spam\nTo be removed: https://bl.example/remove")
//!     .with_fact("target", "192.0.2.25")
//!     .with_fact("list", "bl.example");
//! send(&channel, &message)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Deliberately not here: who is told what and when, what is still to be sent after a restart,
//! threads. Everything blocks, for as long as the channel's `timeout` allows.

mod command;
mod error;
mod letter;
mod message;
mod retry;
mod secret;
mod signature;
mod smtp;
mod timeout;
mod webhook;

use std::path::Path;

use serde::Deserialize;

pub use command::CommandConfig;
pub use error::{Fault, NotifyError, Step};
pub use letter::{Letter, MailServer};
pub use message::Message;
pub use retry::retry;
pub use smtp::{Mailbox, SmtpConfig, Tls};
pub use timeout::Timeout;
pub use webhook::{WebAddress, WebhookConfig};

/// How messages reach somebody: the table `smtp`, `webhook` or `command` in a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// Mail, handed to a mail server.
    Smtp(SmtpConfig),
    /// An HTTP request with JSON.
    Webhook(WebhookConfig),
    /// A program that reads JSON.
    Command(CommandConfig),
}

impl Channel {
    /// Has files that it names without a `/` at the beginning be in this folder.
    #[must_use]
    pub fn in_folder(self, folder: &Path) -> Channel {
        match self {
            Channel::Smtp(config) => Channel::Smtp(config.in_folder(folder)),
            Channel::Webhook(config) => Channel::Webhook(config.in_folder(folder)),
            Channel::Command(config) => Channel::Command(config),
        }
    }
}

/// Sends a message once, and returns when the other side has taken it.
///
/// # Errors If it was not taken, or nobody knows: a mail server that falls silent after the last
/// byte may have taken it. [`NotifyError::is_permanent`] tells whether to try again; a message sent
/// again has the same [`Message::id`].
pub fn send(channel: &Channel, message: &Message) -> Result<(), NotifyError> {
    let (to, sent) = match channel {
        Channel::Smtp(config) => (config.describe(), smtp::send(config, message)),
        Channel::Webhook(config) => (config.describe(), webhook::send(config, message)),
        Channel::Command(config) => (config.describe(), command::send(config, message)),
    };
    sent.map_err(|fault| NotifyError { to, fault })
}
