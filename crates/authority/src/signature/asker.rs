//! The other side: requests of ours are signed, and the answers to them checked (RFC 8945 section 5.4).

use std::sync::Arc;

use ring::hmac;

use super::record::{Found, Malformed, Variables, digest_prior, is_prefix, push_record};
use super::{BADKEY, BADSIG, BADTIME, BADTRUNC, FUDGE, Place};
use crate::keys::Key;

/// Signs a request of ours, and checks the answers to it.
#[derive(Clone, Debug)]
pub struct Asker {
    key: Arc<Key>,
    /// What the next signature is made of besides its message: the signature before, then messages without one.
    pending: hmac::Context,
    place: Place,
    /// Messages without a signature since the last that had one.
    unsigned: u32,
}

/// Why an answer is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// It cannot be read.
    #[error("the answer cannot be read")]
    Malformed,
    /// It has no signature, and should have.
    #[error(
        "the answer is not signed: the other side knows no key for us, or its answer was changed"
    )]
    Unsigned,
    /// It is signed with another key, another secret, or was changed.
    #[error("the answer's signature is wrong: compare key and secret on both sides")]
    Wrong,
    /// It is too old, or from the future.
    #[error("the answer was signed at another time: the clocks are {0} s apart")]
    Time(u64),
    /// The other side says why it does not trust us.
    #[error("the other side does not trust our signature: {}", error_name(*.0))]
    Told(u16),
}

impl Asker {
    /// Signs a request, which gets longer by it.
    pub fn sign(key: &Arc<Key>, request: &mut Vec<u8>, now: u64) -> Asker {
        let variables = Variables { time: now, fudge: FUDGE, error: 0, other: &[] };
        let mut digest = key.begin();
        digest.update(request);
        variables.digest(key, &mut digest);
        let mac = digest.sign();
        push_record(request, key, &variables, mac.as_ref());
        let mut pending = key.begin();
        digest_prior(mac.as_ref(), &mut pending);
        Asker { key: Arc::clone(key), pending, place: Place::First, unsigned: 0 }
    }

    /// Checks an answer, and takes its signature off. Of a sequence some may have none (section 5.3.1), which
    /// [`is_settled`](Asker::is_settled) tells afterwards.
    ///
    /// # Errors
    /// If it is not to be believed. A single answer may be followed by the true one; a sequence is over.
    pub fn verify(&mut self, answer: &[u8], now: u64) -> Result<Vec<u8>, Distrust> {
        let Some(found) = Found::read(answer).map_err(|Malformed| Distrust::Malformed)? else {
            // "A client [...] MUST be able to cope with [...] 99 intermediary unsigned messages".
            if self.place == Place::First || self.unsigned >= 99 {
                return Err(Distrust::Unsigned);
            }
            self.unsigned += 1;
            self.pending.update(answer);
            return Ok(answer.to_vec());
        };
        let stripped = found.stripped(answer);
        if matches!(found.error, BADSIG | BADKEY) {
            return Err(Distrust::Told(found.error));
        }
        let is_ours =
            found.key == *self.key.name() && *found.algorithm == *self.key.algorithm().wire();
        if !is_ours || found.mac.len() != self.key.algorithm().len() {
            return Err(Distrust::Wrong);
        }
        let mut digest = self.pending.clone();
        found.digest_message(&stripped, &mut digest);
        match self.place {
            Place::First => found.variables().digest(&self.key, &mut digest),
            Place::Next => found.variables().digest_timers(&mut digest),
        }
        if !is_prefix(digest.sign().as_ref(), &found.mac) {
            return Err(Distrust::Wrong);
        }
        if found.error != 0 {
            return Err(Distrust::Told(found.error));
        }
        let apart = found.time.abs_diff(now);
        if apart > u64::from(found.fudge) {
            return Err(Distrust::Time(apart));
        }
        self.pending = self.key.begin();
        digest_prior(&found.mac, &mut self.pending);
        self.place = Place::Next;
        self.unsigned = 0;
        Ok(stripped)
    }

    /// Whether the last message had a signature: a sequence that ends otherwise is not to be believed.
    pub fn is_settled(&self) -> bool {
        self.place == Place::Next && self.unsigned == 0
    }
}

/// What an error in a signature is called.
fn error_name(error: u16) -> &'static str {
    match error {
        BADSIG => "BADSIG, compare the secret on both sides",
        BADKEY => "BADKEY, compare the key's name and algorithm on both sides",
        BADTIME => "BADTIME, set the clocks right",
        BADTRUNC => "BADTRUNC, it wants longer signatures",
        _ => "an error of no meaning",
    }
}
