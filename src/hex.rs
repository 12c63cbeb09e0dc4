//! Bytes as lower-case hex digits and back, for digests and keys in text.

use std::fmt::Write;

/// Two digits a byte.
///
/// ```
/// assert_eq!(heatveil::hex::encode(&[0, 171]), "00ab");
/// ```
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The bytes of 64 digits; `None` for anything else.
///
/// ```
/// assert_eq!(heatveil::hex::decode_32(&"0f".repeat(32)), Some([15; 32]));
/// assert_eq!(heatveil::hex::decode_32("0f"), None);
/// ```
#[must_use]
pub fn decode_32(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect();
    if digits.len() == 64 {
        bytes.try_into().ok()
    } else {
        None
    }
}
