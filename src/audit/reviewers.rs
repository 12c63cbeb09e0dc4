//! Who decided: signatures of reviewers over their decisions.
//!
//! In: a decision and keys, or a decision of a log with the root before it. Out: a signed decision, or what is wrong. Refuses: a
//! decision about another log, a second person who is the first, the log's own key in the place of a reviewer's.
//!
//! A signature is over the canonical entry without `signatures`. The entry holds the root of the log before it, so that a
//! decision cannot be moved to another run, and whoever signs it vouches for having met this log.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tlog_tiles::Hash;

use super::{AuditError, Entry, ReviewDecided, Signature, Signer, canonical, keys};
use crate::hex;

impl ReviewDecided {
    /// The decision with the signatures of `people`, in this order.
    ///
    /// # Errors
    ///
    /// [`AuditError::Entry`] when it is not whole: a release without a reason or a second key, or one key twice.
    pub fn signed(mut self, people: &[&Signer]) -> Result<Self, AuditError> {
        self.signatures.clear();
        for person in people {
            self = self.countersigned(person)?;
        }
        match self.people_problem() {
            Some(problem) => Err(AuditError::Entry { problem }),
            None => Ok(self),
        }
    }

    /// The decision with one more signature, which may not be the last that it needs.
    ///
    /// # Errors
    ///
    /// [`AuditError`] when it cannot be written or signed.
    pub fn countersigned(mut self, person: &Signer) -> Result<Self, AuditError> {
        let bytes = self.signed_bytes()?;
        self.signatures.push(Signature {
            key: person.verifier().to_owned(),
            signature: BASE64_STANDARD.encode(person.sign_bytes(&bytes)?),
        });
        Ok(self)
    }

    /// What is signed.
    fn signed_bytes(&self) -> Result<Vec<u8>, AuditError> {
        let mut value = serde_json::to_value(Entry::Review(self.clone())).map_err(|error| {
            AuditError::Entry {
                problem: error.to_string(),
            }
        })?;
        if let Some(members) = value.as_object_mut() {
            members.remove("signatures");
        }
        canonical::to_vec(&value)
    }

    /// What is wrong with who signed.
    fn people_problem(&self) -> Option<String> {
        let mut public: Vec<&str> = self.signatures.iter().map(Signature::public).collect();
        let signed = public.len();
        public.sort_unstable();
        public.dedup();
        if public.len() < signed {
            return Some("one key signed a decision twice".into());
        }
        (self.decision == "release" && signed < 2).then(|| {
            "less is hidden only with the signatures of two people; give a second key".into()
        })
    }
}

impl Signature {
    /// The public key without its name: two names of one key are one person.
    fn public(&self) -> &str {
        public(&self.key)
    }
}

/// The public key of a verifier key, `name+id+base64`: the last may hold a plus sign itself.
pub(super) fn public(verifier: &str) -> &str {
    verifier.trim().splitn(3, '+').nth(2).unwrap_or_default()
}

/// What is wrong with a decision behind entries of this `root`.
///
/// `log_key` is the key that signs the log; `known` are the reviewers' keys, received by another way: where it is empty, any key will
/// do that signed.
pub(super) fn problems(
    review: &ReviewDecided,
    root: Hash,
    log_key: Option<&str>,
    known: &[String],
) -> Vec<String> {
    let mut problems = Vec::new();
    let about = format!("the decision about frame {}", review.frame);
    if hex::encode(&root.0) != review.root {
        problems.push(format!("{about} was made about another log"));
    }
    problems.extend(review.people_problem());
    let Ok(bytes) = review.signed_bytes() else {
        problems.push(format!("{about} cannot be written as it was signed"));
        return problems;
    };
    for signature in &review.signatures {
        let key = &signature.key;
        let decoded = BASE64_STANDARD.decode(&signature.signature);
        match keys::signed_bytes(key, &bytes, &decoded.unwrap_or_default()) {
            Ok(true) => {}
            Ok(false) => problems.push(format!("{about} was not signed by {key:?}")),
            Err(problem) => problems.push(format!("{about}: {problem}")),
        }
        if log_key.is_some_and(|log| public(log) == signature.public()) {
            problems.push(format!("{about} was signed by the log's own key"));
        }
        if !known.is_empty() && !known.iter().any(|key| public(key) == signature.public()) {
            problems.push(format!("{about} was signed by {key:?}, whom nobody named"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::example::{GO_VERIFIER, go_signer, renamed, signer};
    use super::*;

    fn decision(decision: &str, open: Vec<[u32; 4]>) -> ReviewDecided {
        ReviewDecided {
            at: 5,
            frame: 1,
            decision: decision.into(),
            reason: "a chimney".into(),
            hide: vec![],
            open,
            root: hex::encode(&[7; 32]),
            signatures: vec![],
        }
    }

    fn found(review: &ReviewDecided, log: Option<&str>, known: &[String]) -> Vec<String> {
        problems(review, Hash([7; 32]), log, known)
    }

    #[test]
    fn a_changed_word_box_signer_or_log_is_found() {
        let (jo, kim) = (signer("jo"), signer("kim"));
        let signed = decision("approve", vec![]).signed(&[&jo]).unwrap();
        let known = [jo.verifier().to_owned()];
        assert_eq!(
            found(&signed, Some(kim.verifier()), &known),
            Vec::<String>::new()
        );
        let mut changed = vec![signed.clone(); 5];
        changed[0].reason.push('.');
        changed[1].hide.push([0, 0, 1, 1]);
        changed[2].signatures[0].key = kim.verifier().into();
        changed[3].frame = 2;
        changed[4].signatures[0].signature = "AA==".into();
        for review in &changed {
            assert!(
                found(review, None, &[])[0].contains("not signed by"),
                "{review:?}"
            );
        }
        let mut moved = signed.clone();
        moved.root = hex::encode(&[8; 32]);
        assert!(found(&moved, None, &[])[0].contains("another log"));
        assert!(found(&signed, Some(jo.verifier()), &[])[0].contains("log's own key"));
        let stranger = [kim.verifier().to_owned()];
        assert!(found(&signed, None, &stranger)[0].contains("nobody named"));
    }

    #[test]
    fn less_is_hidden_only_by_two_people() {
        let (jo, kim) = (signer("jo"), signer("kim"));
        let release = || decision("release", vec![[0, 0, 9, 9]]);
        assert!(release().signed(&[&jo]).is_err());
        assert!(release().signed(&[&jo, &jo]).is_err());
        let mut signed = release().signed(&[&jo, &kim]).unwrap();
        assert_eq!(found(&signed, None, &[]), Vec::<String>::new());
        signed.signatures.pop();
        assert!(found(&signed, None, &[])[0].contains("two people"));
    }

    #[test]
    fn a_key_under_two_names_is_one_person() {
        let (go, renamed) = (go_signer(), renamed());
        let release = decision("release", vec![[0, 0, 9, 9]]);
        assert!(release.clone().signed(&[&go, &renamed]).is_err());
        let twice = release.countersigned(&go).unwrap();
        let twice = twice.countersigned(&renamed).unwrap();
        assert!(found(&twice, None, &[])[0].contains("one key signed a decision twice"));
        let signed = decision("approve", vec![]).signed(&[&renamed]).unwrap();
        let known = [GO_VERIFIER.to_owned()];
        assert_eq!(found(&signed, None, &known), Vec::<String>::new());
        assert!(found(&signed, Some(GO_VERIFIER), &[])[0].contains("log's own key"));
    }

    #[test]
    fn one_of_several_that_were_named_may_sign_and_a_key_that_is_none_never_did() {
        let (jo, kim) = (signer("jo"), signer("kim"));
        let known = [jo.verifier().to_owned(), kim.verifier().to_owned()];
        let mut signed = decision("approve", vec![]).signed(&[&kim]).unwrap();
        assert_eq!(found(&signed, None, &known), Vec::<String>::new());
        signed.signatures[0].key = "kim".into();
        assert!(found(&signed, None, &[])[0].contains("the verifier key is not valid"));
    }

    /// Bytes as the page says they are signed, made by hand.
    #[test]
    fn the_signature_is_over_the_canonical_entry_without_signatures() {
        let jo = signer("jo");
        let signed = decision("confirm", vec![]).signed(&[&jo]).unwrap();
        let text = format!(
            r#"{{"at":5,"decision":"confirm","frame":1,"hide":[],"reason":"a chimney","root":"{}","type":"review.decided"}}"#,
            "07".repeat(32)
        );
        let key: Vec<u8> = BASE64_STANDARD.decode(public(jo.verifier())).unwrap();
        let key = ed25519_dalek::VerifyingKey::from_bytes(key[1..].try_into().unwrap()).unwrap();
        let signature = BASE64_STANDARD
            .decode(&signed.signatures[0].signature)
            .unwrap();
        let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
        key.verify_strict(text.as_bytes(), &signature).unwrap();
    }
}
