//! What somebody typed into a form, kept in his browser while he shows once more who he is: a policy that took half an
//! hour to write is not lost because the proof of the person has become old meanwhile.
//!
//! It goes to the page that asks who he is and from there to one that sends it again, as hidden fields of their forms.
//! Nothing of it is stored here. Secrets are not kept.

/// A form that was sent, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Where it was sent.
    pub(crate) to: String,
    /// What was in it.
    pub(crate) fields: Vec<(String, String)>,
}

impl Kept {
    /// What was sent to a path, if it is worth it: what is typed again in a moment is better typed with open eyes.
    pub(crate) fn of(to: &str, fields: Vec<(String, String)>) -> Option<Kept> {
        let typed: usize = fields.iter().map(|(_, value)| value.len()).sum();
        let is_secret =
            |name: &str| SECRETS.iter().any(|secret| name == *secret || name.starts_with(secret));
        let holds_secret = fields.iter().any(|(name, _)| is_secret(name));
        (typed > LITTLE && !holds_secret).then(|| Kept { to: to.to_owned(), fields })
    }

    /// What a form of ours carried along.
    pub(crate) fn carried(form: &[(String, String)]) -> Option<Kept> {
        let to = form.iter().find(|(name, _)| name == TO).map(|(_, to)| to.clone())?;
        let typed = form.iter().filter_map(|(name, value)| {
            Some((name.strip_prefix(TYPED)?.to_owned(), value.clone()))
        });
        Some(Kept { to, fields: typed.collect() })
    }

    /// The hidden fields by which a form carries it along.
    pub(crate) fn hidden(&self) -> impl Iterator<Item = (String, &str)> {
        let typed = self.fields.iter().map(|(name, value)| (format!("{TYPED}{name}"), &**value));
        std::iter::once((TO.to_owned(), &*self.to)).chain(typed)
    }
}

/// The field that says where it goes.
const TO: &str = "to";
/// How the names of fields begin that are carried along.
const TYPED: &str = "typed-";
/// So many bytes are typed again.
const LITTLE: usize = 100;
/// Names of fields, or how they begin, that no page shows.
const SECRETS: [&str; 4] = ["password", "code", "secret", "credential"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_carried_along_and_secrets_are_not() {
        let fields = |name: &str, value: &str| {
            vec![("why".to_owned(), "x".to_owned()), (name.to_owned(), value.to_owned())]
        };
        let long = "words & <more>\r\n".repeat(9);
        let kept = Kept::of("/lists/a.example/settings", fields("policy", &long)).expect("long");
        let form: Vec<(String, String)> =
            kept.hidden().map(|(name, value)| (name, value.to_owned())).collect();
        assert_eq!(Kept::carried(&form), Some(kept));
        assert_eq!(Kept::of("/queue", fields("note", "short")), None);
        assert_eq!(Kept::of("/account/password", fields("password", &long)), None);
        assert_eq!(Kept::of("/account/totp", fields("code", &long)), None);
        assert_eq!(Kept::carried(&fields("typed-x", "y")), None);
    }
}
