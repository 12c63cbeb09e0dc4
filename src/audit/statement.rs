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
    use super::*;

    /// The form of the DSSE protocol's example, by hand: "`DSSEv1` SP LEN(type) SP type SP LEN(body) SP body".
    #[test]
    fn what_is_signed_has_both_lengths() {
        assert_eq!(
            pre_authentication(b"{}"),
            b"DSSEv1 28 application/vnd.in-toto+json 2 {}"
        );
    }
}
