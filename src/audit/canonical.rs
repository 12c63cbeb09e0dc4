//! Canonical JSON (RFC 8785) for log lines: one value, one sequence of bytes, in every language.
//!
//! In: anything serialisable. Out: canonical bytes. Refuses: floats, and integers that not every JSON
//! reader holds exactly (RFC 8785, section 3.2.2.3; RFC 7493, section 2.2).

use serde::Serialize;
use serde_json::Value;

use super::AuditError;

/// Largest integer that a double holds exactly, as all its smaller neighbours: 2^53 - 1.
pub(super) const LARGEST: u64 = (1 << 53) - 1;

/// Canonical bytes of `value`.
///
/// # Errors
///
/// [`AuditError::Entry`] when it holds a float or an integer beyond ±(2^53 - 1).
pub(super) fn to_vec(value: &impl Serialize) -> Result<Vec<u8>, AuditError> {
    let failed = |error: serde_json::Error| AuditError::Entry {
        problem: error.to_string(),
    };
    let value = serde_json::to_value(value).map_err(failed)?;
    check(&value)?;
    serde_jcs::to_vec(&value).map_err(failed)
}

fn check(value: &Value) -> Result<(), AuditError> {
    match value {
        Value::Number(number) => {
            let magnitude = number
                .as_u64()
                .or_else(|| number.as_i64().map(i64::unsigned_abs));
            if magnitude.is_some_and(|magnitude| magnitude <= LARGEST) {
                return Ok(());
            }
            Err(AuditError::Entry {
                problem: format!("{number} is not an integer within ±{LARGEST}"),
            })
        }
        Value::Array(values) => values.iter().try_for_each(check),
        Value::Object(members) => members.values().try_for_each(check),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn floats_are_refused_at_any_depth() {
        for value in [
            json!(0.5),
            json!({"a": [1, {"b": 2.0}]}),
            json!([1, -0.0]),
            json!(1e300),
        ] {
            assert!(to_vec(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn integers_that_a_double_cannot_hold_are_refused() {
        assert_eq!(
            to_vec(&json!([
                9_007_199_254_740_991_u64,
                -9_007_199_254_740_991_i64
            ]))
            .unwrap(),
            b"[9007199254740991,-9007199254740991]"
        );
        for value in [
            json!(9_007_199_254_740_992_u64),
            json!(u64::MAX),
            json!(i64::MIN),
        ] {
            assert!(to_vec(&value).is_err(), "{value}");
        }
    }

    /// RFC 8785, section 3.2.3: keys sort by UTF-16 code units, so U+1F600 stands before U+FB33.
    #[test]
    fn keys_sort_by_utf16() {
        let value = json!({"\u{fb33}": 1, "\u{1f600}": 2, "\r": 3, "1": 4});
        assert_eq!(
            String::from_utf8(to_vec(&value).unwrap()).unwrap(),
            "{\"\\r\":3,\"1\":4,\"\u{1f600}\":2,\"\u{fb33}\":1}"
        );
    }
}
