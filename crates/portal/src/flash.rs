//! One sentence on the next page: what was just done. It travels in a cookie as a word, never as text.

/// What the next page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flash {
    /// Somebody signed in.
    SignedIn,
    /// Somebody signed out.
    SignedOut,
    /// An account was made.
    Joined,
    /// Another password holds.
    PasswordChanged,
    /// A session was ended.
    SessionEnded,
}

impl Flash {
    /// All of them.
    const ALL: [Flash; 5] = [
        Flash::SignedIn,
        Flash::SignedOut,
        Flash::Joined,
        Flash::PasswordChanged,
        Flash::SessionEnded,
    ];

    /// Its word in the cookie.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Flash::SignedIn => "signed-in",
            Flash::SignedOut => "signed-out",
            Flash::Joined => "joined",
            Flash::PasswordChanged => "password-changed",
            Flash::SessionEnded => "session-ended",
        }
    }

    /// The one of a word.
    pub(crate) fn from_word(word: &str) -> Option<Flash> {
        Flash::ALL.into_iter().find(|flash| flash.word() == word)
    }

    /// What is said.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Flash::SignedIn => "You are signed in.",
            Flash::SignedOut => "You are signed out.",
            Flash::Joined => "Your account is made, and you are signed in.",
            Flash::PasswordChanged => {
                "Your new password holds. Everywhere else you are signed out."
            }
            Flash::SessionEnded => "Signed out there.",
        }
    }
}
