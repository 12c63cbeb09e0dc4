//! Looks for texts in bytes, in the forms that a program might give them.

use std::io::Read;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::plant::{MARK, NUMBER, utf16};

/// A text as it is, in UTF-16, in hexadecimal, and in base64 wherever in a group of three bytes it begins; a number also rounded and as `f64`.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![
        text.as_bytes().to_vec(),
        utf16(text),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
    ];
    for bytes in [text.as_bytes().to_vec(), utf16(text)] {
        for before in 0..3 {
            let encoded = BASE64_STANDARD.encode([&vec![0; before], &bytes[..]].concat());
            // Letters of six bits that are all the text's own.
            let (first, last) = ((before * 8).div_ceil(6), (before + bytes.len()) * 8 / 6);
            forms.push(encoded.as_bytes()[first..last].to_vec());
        }
    }
    if let Ok(number) = text.parse::<f64>() {
        let rounded = text.as_bytes().get(..NUMBER.len() + 2);
        forms.extend(rounded.map(<[u8]>::to_vec));
        for number in [number, -number] {
            forms.extend([number.to_le_bytes().to_vec(), number.to_be_bytes().to_vec()]);
        }
    }
    forms
}

/// Whether bytes hold a text in any of its forms.
pub(crate) fn holds(bytes: &[u8], text: &str) -> bool {
    let forms = forms(text);
    let mut begins = [false; 256];
    for form in &forms {
        begins[usize::from(form[0])] = true;
    }
    let mut starts = (0..bytes.len()).filter(|&at| begins[usize::from(bytes[at])]);
    starts.any(|at| forms.iter().any(|form| bytes[at..].starts_with(form)))
}

/// Whether bytes hold what all texts end with or all numbers begin with, in any form: then each text is looked for.
pub(crate) fn suspicious(bytes: &[u8]) -> bool {
    // Four of eight bytes are the same in all numbers.
    let number = NUMBER.parse::<f64>().unwrap();
    let shared = [number, -number].map(|number| number.to_be_bytes()[..4].to_vec());
    let mut starts = shared.iter().flat_map(|big| {
        let little: Vec<u8> = big.iter().rev().copied().collect();
        [big.clone(), little]
    });
    holds(bytes, MARK)
        || holds(bytes, NUMBER)
        || starts.any(|form| memchr::memmem::find(bytes, &form).is_some())
}

/// Everything in a file that is compressed with zlib or gzip, wherever it stands: tiles, tags, pages of tables.
pub(crate) fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for at in 0..bytes.len().saturating_sub(2) {
        let rest = &bytes[at..];
        let mut piece = Vec::new();
        if rest.starts_with(&[0x1f, 0x8b, 8]) {
            let _ = flate2::read::GzDecoder::new(rest)
                .take(1 << 24)
                .read_to_end(&mut piece);
        } else if rest[0] & 0x8f == 8 && (u16::from(rest[0]) * 256 + u16::from(rest[1])) % 31 == 0 {
            let _ = flate2::read::ZlibDecoder::new(rest)
                .take(1 << 24)
                .read_to_end(&mut piece);
        }
        out.extend(piece);
    }
    out
}

#[test]
fn the_search_finds_a_number() {
    let text = format!("{NUMBER}0142");
    let number: f64 = text.parse().unwrap();
    assert_eq!(number.to_string(), text);
    for found in [
        format!("{number:.7}").into_bytes(),
        (-number).to_string().into_bytes(),
        number.to_le_bytes().to_vec(),
        (-number).to_be_bytes().to_vec(),
    ] {
        assert!(suspicious(&found) && holds(&found, &text), "{found:?}");
    }
    assert!(!suspicious(b"61.739") && !holds(format!("{NUMBER}0242").as_bytes(), &text));
}

#[test]
fn the_search_finds_what_is_compressed() {
    use flate2::Compression;
    use std::io::Write;
    let mut zlib = flate2::write::ZlibEncoder::new(b"before".to_vec(), Compression::best());
    zlib.write_all(b"a text: D01QXZHVJ").unwrap();
    let packed = zlib.finish().unwrap();
    assert!(!suspicious(&packed) && suspicious(&unpacked(&packed)));
    let mut gzip = flate2::write::GzEncoder::new(b"before".to_vec(), Compression::best());
    gzip.write_all(&utf16("F01QXZHVJ")).unwrap();
    assert!(suspicious(&unpacked(&gzip.finish().unwrap())));
}

/// `printf 'xxxF01QXZHVJyy' | base64`, with one and two bytes less before it, and `printf 'F01QXZHVJ' | iconv -t UTF-16LE | base64`.
#[test]
fn the_search_finds_what_is_in_base64() {
    for encoded in [
        "eHh4RjAxUVhaSFZKeXk=",
        "eHhGMDFRWFpIVkp5eQ==",
        "eEYwMVFYWkhWSnl5",
        "RgAwADEAUQBYAFoASABWAEoA",
    ] {
        assert!(suspicious(encoded.as_bytes()) && holds(encoded.as_bytes(), "F01QXZHVJ"));
        assert!(!holds(encoded.as_bytes(), "F02QXZHVJ"), "{encoded}");
    }
}
