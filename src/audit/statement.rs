//! The statement of a release: in-toto Statement v1 in a DSSE envelope, signed with the approver's key.
//!
//! In: what the log says of a run. Out: the only bytes that a statement about it can have, so that checking is comparing. Subjects are the
//! published files; resolved dependencies are the signed checkpoint (whole), the policy and the models.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{AuditError, PublishedFile, RunOpened, Signer, canonical, keys};

/// Media type of in-toto statements.
pub(super) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// What the predicate is.
const PREDICATE_TYPE: &str = "https://example.invalid/heatveil/release/v1";

/// What a statement says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statement<'a> {
    pub(super) at: i64,
    pub(super) recipient: &'a str,
    pub(super) approver: &'a str,
    /// The signed note, as it stood in `audit/checkpoint`.
    pub(super) checkpoint: &'a str,
    pub(super) opened: &'a RunOpened,
    pub(super) files: &'a [PublishedFile],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeSignature {
    keyid: String,
    sig: String,
}

impl Statement<'_> {
    /// Canonical JSON of the statement.
    fn payload(&self) -> Result<Vec<u8>, AuditError> {
        let files: BTreeMap<&str, &str> = self
            .files
            .iter()
            .map(|file| (file.path.as_str(), file.sha256.as_str()))
            .collect();
        let subjects: Vec<Value> = files
            .iter()
            .map(|(path, sha256)| json!({"name": path, "digest": {"sha256": sha256}}))
            .collect();
        let mut materials = vec![
            json!({"name": "audit/checkpoint", "content": BASE64_STANDARD.encode(self.checkpoint)}),
            json!({"name": "policy", "digest": {"sha256": self.opened.policy_sha256}}),
        ];
        for model in &self.opened.models {
            materials.push(json!({"name": model.name, "digest": {"sha256": model.sha256}}));
        }
        canonical::to_vec(&json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": subjects,
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "approvedAt": self.at,
                "approver": self.approver,
                "heatveil": self.opened.heatveil,
                "operator": self.opened.operator,
                "purpose": self.opened.purpose,
                "recipient": self.recipient,
                "resolvedDependencies": materials,
            },
        }))
    }

    /// The envelope, signed.
    pub(super) fn sign(&self, approver: &Signer) -> Result<Vec<u8>, AuditError> {
        let payload = self.payload()?;
        let sig = approver.sign_bytes(&pre_authentication(&payload))?;
        canonical::to_vec(&Envelope {
            payload: BASE64_STANDARD.encode(&payload),
            payload_type: PAYLOAD_TYPE.into(),
            signatures: vec![EnvelopeSignature {
                keyid: approver.verifier().to_owned(),
                sig: BASE64_STANDARD.encode(sig),
            }],
        })
    }
}

/// Reads the checkpoint out of an envelope whose signature holds, and the key that signed; the words say what is wrong otherwise.
pub(super) fn open(bytes: &[u8]) -> Result<(String, String), &'static str> {
    let envelope: Envelope = serde_json::from_slice(bytes)
        .ok()
        .ok_or("not a DSSE envelope")?;
    let [EnvelopeSignature { keyid, sig }] = envelope.signatures.as_slice() else {
        return Err("it does not bear one signature");
    };
    let decode = |text: &String| BASE64_STANDARD.decode(text).ok().ok_or("not base64");
    let payload = decode(&envelope.payload)?;
    if envelope.payload_type != PAYLOAD_TYPE
        || !keys::signed_bytes(keyid, &pre_authentication(&payload), &decode(sig)?)
            .unwrap_or_default()
    {
        return Err("its signature does not verify");
    }
    let statement: Value = serde_json::from_slice(&payload)
        .ok()
        .ok_or("not a statement")?;
    let content = statement.pointer("/predicate/resolvedDependencies/0/content");
    let checkpoint = content
        .and_then(Value::as_str)
        .and_then(|text| BASE64_STANDARD.decode(text).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    Ok((checkpoint.ok_or("it names no checkpoint")?, keyid.clone()))
}

/// Whether an envelope says what it should: its payload is compared byte for byte.
pub(super) fn says(bytes: &[u8], statement: &Statement<'_>) -> Result<bool, AuditError> {
    let envelope: Option<Envelope> = serde_json::from_slice(bytes).ok();
    let payload = envelope.and_then(|envelope| BASE64_STANDARD.decode(envelope.payload).ok());
    Ok(payload == Some(statement.payload()?))
}

/// What is signed (DSSE v1, PAE).
pub(super) fn pre_authentication(payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {PAYLOAD_TYPE} {} ",
        PAYLOAD_TYPE.len(),
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::super::example::{GO_VERIFIER, go_signer, whole};
    use super::super::{Entry, PublishedFile};
    use super::*;

    const CHECKPOINT: &str = "log\n1\n";

    fn opened() -> RunOpened {
        match whole().entries().swap_remove(0) {
            Entry::RunOpened(opened) => opened,
            other => panic!("{other:?}"),
        }
    }

    fn files() -> Vec<PublishedFile> {
        // A file may have several entries.
        ["tiles/b", "tiles/a", "tiles/b"]
            .map(|path| PublishedFile {
                path: path.into(),
                sha256: path.replace("tiles/", "0").repeat(32),
                bytes: 9,
            })
            .into()
    }

    fn statement<'a>(opened: &'a RunOpened, files: &'a [PublishedFile]) -> Statement<'a> {
        Statement {
            at: 9,
            recipient: "council",
            approver: "kim",
            checkpoint: CHECKPOINT,
            opened,
            files,
        }
    }

    /// By hand: in-toto Statement v1 with its keys in the order of RFC 8785; the checkpoint by `base64`.
    fn payload() -> String {
        let (a, b, hash) = ("0a".repeat(32), "0b".repeat(32), "5a".repeat(32));
        let materials = format!(
            r#"[{{"content":"bG9nCjEK","name":"audit/checkpoint"}},{{"digest":{{"sha256":"{hash}"}},"name":"policy"}},{{"digest":{{"sha256":"{hash}"}},"name":"a"}},{{"digest":{{"sha256":"{hash}"}},"name":"w"}}]"#
        );
        let predicate = format!(
            r#"{{"approvedAt":9,"approver":"kim","heatveil":"0.1.0","operator":"o","purpose":"p","recipient":"council","resolvedDependencies":{materials}}}"#
        );
        format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","predicate":{predicate},"predicateType":"https://example.invalid/heatveil/release/v1","subject":[{{"digest":{{"sha256":"{a}"}},"name":"tiles/a"}},{{"digest":{{"sha256":"{b}"}},"name":"tiles/b"}}]}}"#
        )
    }

    /// A DSSE envelope around anything.
    fn envelope(payload: &[u8]) -> Value {
        let head = format!("DSSEv1 28 application/vnd.in-toto+json {} ", payload.len());
        let signed = [head.as_bytes(), payload].concat();
        let sig = BASE64_STANDARD.encode(go_signer().sign_bytes(&signed).unwrap());
        json!({"payload": BASE64_STANDARD.encode(payload), "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"keyid": GO_VERIFIER, "sig": sig}]})
    }

    fn changed(pointer: &str, value: impl Into<Value>) -> Vec<u8> {
        let mut envelope = envelope(payload().as_bytes());
        *envelope.pointer_mut(pointer).unwrap() = value.into();
        envelope.to_string().into_bytes()
    }

    #[test]
    fn a_statement_names_each_file_the_checkpoint_and_what_looked_and_is_signed() {
        let (opened, files) = (opened(), files());
        let signed = statement(&opened, &files).sign(&go_signer()).unwrap();
        assert_eq!(
            String::from_utf8(signed.clone()).unwrap(),
            envelope(payload().as_bytes()).to_string()
        );
        let expected = (CHECKPOINT.to_owned(), GO_VERIFIER.to_owned());
        assert_eq!(open(&signed), Ok(expected));
    }

    #[test]
    fn an_envelope_that_does_not_hold_a_signed_statement_is_refused() {
        let signature = envelope(payload().as_bytes())["signatures"][0].clone();
        let other = BASE64_STANDARD.encode(payload().replace("council", "others"));
        let no_checkpoint = payload().replace("bG9nCjEK", "bG9n*jEK");
        let signed = |payload: &str| envelope(payload.as_bytes()).to_string().into_bytes();
        let unsigned = "its signature does not verify";
        for (bytes, expected) in [
            (b"{}".to_vec(), "not a DSSE envelope"),
            (
                changed("/signatures", json!([])),
                "it does not bear one signature",
            ),
            (
                changed("/signatures", json!([signature, signature])),
                "it does not bear one signature",
            ),
            (changed("/payload", "*"), "not base64"),
            (changed("/signatures/0/sig", "*"), "not base64"),
            (changed("/signatures/0/sig", "AA=="), unsigned),
            (changed("/signatures/0/keyid", "somebody"), unsigned),
            (changed("/payload", other), unsigned),
            (changed("/payloadType", "text/plain"), unsigned),
            (signed("statement"), "not a statement"),
            (signed("{}"), "it names no checkpoint"),
            (signed(&no_checkpoint), "it names no checkpoint"),
        ] {
            assert_eq!(open(&bytes), Err(expected));
        }
    }

    #[test]
    fn one_text_alone_is_what_the_log_says() {
        let (opened, files) = (opened(), files());
        let whole = statement(&opened, &files);
        let bytes = changed("/payloadType", PAYLOAD_TYPE);
        assert!(says(&bytes, &whole).unwrap());
        assert!(!says(b"{}", &whole).unwrap());
        let elsewhere = RunOpened {
            operator: "other".into(),
            ..opened.clone()
        };
        for other in [
            Statement { at: 8, ..whole },
            Statement {
                recipient: "kim",
                ..whole
            },
            Statement {
                approver: "council",
                ..whole
            },
            Statement {
                checkpoint: "log\n2\n",
                ..whole
            },
            Statement {
                opened: &elsewhere,
                ..whole
            },
            Statement {
                files: &files[1..2],
                ..whole
            },
        ] {
            assert!(!says(&bytes, &other).unwrap());
        }
    }

    /// The form of the DSSE protocol's example, by hand: "`DSSEv1` SP LEN(type) SP type SP LEN(body) SP body".
    #[test]
    fn what_is_signed_has_both_lengths() {
        assert_eq!(
            pre_authentication(b"{}"),
            b"DSSEv1 28 application/vnd.in-toto+json 2 {}"
        );
    }
}
