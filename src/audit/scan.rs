//! Whether bytes are canonical JSON (RFC 8785) of the kind that the log holds, told in one pass and without building anything.
//!
//! In: a line. Out: its `type` and where that member stands. Refuses: blanks, floats, integers beyond ±(2^53 - 1), keys that are not
//! ASCII or not in ascending order, escapes that RFC 8785 does not write, more than [`DEEPEST`] levels. UTF-8 is left to the parser.

use std::ops::Range;

use super::canonical::LARGEST;

/// Members that are objects, and lists of objects: the parser would take an array of values for one as well, a second form of the same.
const OBJECTS: [&[u8]; 4] = [b"manifest", b"retention", b"reviewed", b"self_check"];
const LISTS: [&[u8]; 5] = [b"files", b"found", b"models", b"policies", b"signatures"];
/// A list of texts in one entry, of objects in another.
const LINES: &[u8] = b"lines";

/// Levels of nesting; entries have five.
const DEEPEST: u32 = 16;

/// The `type` of a canonical object.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tagged<'a> {
    /// Its value.
    pub(super) kind: &'a str,
    /// The bytes of the member with the comma that goes when it goes.
    pub(super) member: Range<usize>,
}

/// Reads a line; `None` where it is not canonical or has no `type`.
pub(super) fn scan(line: &[u8]) -> Option<Tagged<'_>> {
    let mut scan = Scan {
        bytes: line,
        at: 0,
        member: None,
    };
    if scan.peek()? != b'{' {
        return None;
    }
    scan.value(0)?;
    if scan.at != line.len() {
        return None;
    }
    let (mut member, value) = scan.member?;
    let kind = std::str::from_utf8(line.get(value)?).ok()?;
    if line.get(member.end) == Some(&b',') {
        member.end += 1;
    } else if member.start > 1 {
        member.start -= 1;
    }
    Some(Tagged { kind, member })
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The `type` of the outermost object: member, and value without quotes.
    member: Option<(Range<usize>, Range<usize>)>,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip(&mut self, expected: &[u8]) -> Option<()> {
        let rest = self.bytes.get(self.at..)?;
        rest.starts_with(expected)
            .then(|| self.at += expected.len())
    }

    fn value(&mut self, depth: u32) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => self.object(depth),
            b'[' => self.array(depth, |_| true),
            b't' => self.skip(b"true"),
            b'f' => self.skip(b"false"),
            b'n' => self.skip(b"null"),
            _ => self.integer(),
        }
    }

    fn object(&mut self, depth: u32) -> Option<()> {
        self.skip(b"{")?;
        if self.peek()? == b'}' {
            return self.skip(b"}");
        }
        let mut last: &[u8] = b"";
        loop {
            let start = self.at;
            let key = self.string()?;
            let key = self.bytes.get(key)?;
            // Empty keys, escapes and letters beyond ASCII are in no entry.
            if key <= last || !key.is_ascii() || key.contains(&b'\\') {
                return None;
            }
            last = key;
            self.skip(b":")?;
            let value = self.at;
            if OBJECTS.contains(&key) && self.peek()? != b'{' {
                return None;
            }
            match self.peek()? {
                b'[' if LISTS.contains(&key) => self.array(depth + 1, |first| first == b'{')?,
                b'[' if key == LINES => self.array(depth + 1, |first| first != b'[')?,
                _ => self.value(depth + 1)?,
            }
            if depth == 0 && key == b"type" {
                let inner = value + 1..self.at.saturating_sub(1);
                self.member = Some((start..self.at, inner));
            }
            match self.peek()? {
                b',' => self.at += 1,
                _ => return self.skip(b"}"),
            }
        }
    }

    /// An array whose items all begin with what `may_begin` takes.
    fn array(&mut self, depth: u32, may_begin: fn(u8) -> bool) -> Option<()> {
        self.skip(b"[")?;
        if self.peek()? == b']' {
            return self.skip(b"]");
        }
        loop {
            if !may_begin(self.peek()?) {
                return None;
            }
            self.value(depth + 1)?;
            match self.peek()? {
                b',' => self.at += 1,
                _ => return self.skip(b"]"),
            }
        }
    }

    fn integer(&mut self) -> Option<()> {
        let negative = self.peek()? == b'-';
        self.at += usize::from(negative);
        let first = self.peek()?;
        let mut value: u64 = 0;
        let start = self.at;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            value = value
                .checked_mul(10)?
                .checked_add(u64::from(digit - b'0'))?;
            self.at += 1;
        }
        let digits = self.at - start;
        let zero = digits == 1 && first == b'0' && !negative;
        (zero || (digits > 0 && first != b'0' && value <= LARGEST)).then_some(())
    }

    /// The bytes between the quotes.
    fn string(&mut self) -> Option<Range<usize>> {
        self.skip(b"\"")?;
        let start = self.at;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(start..self.at - 1);
                }
                b'\\' => self.escape()?,
                byte if byte < 0x20 => return None,
                _ => self.at += 1,
            }
        }
    }

    /// RFC 8785, section 3.2.2.2: two letters where JSON has them, else `\u00` and lower-case digits, for control characters only.
    fn escape(&mut self) -> Option<()> {
        self.at += match self.bytes.get(self.at..)? {
            [b'\\', b'b' | b't' | b'n' | b'f' | b'r' | b'"' | b'\\', ..] => 2,
            [
                b'\\',
                b'u',
                b'0',
                b'0',
                b'0',
                b'0'..=b'7' | b'b' | b'e' | b'f',
                ..,
            ]
            | [b'\\', b'u', b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f', ..] => 6,
            _ => return None,
        };
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_found_and_can_be_cut_out() {
        for (line, rest) in [
            (r#"{"a":1,"type":"x","z":2}"#, r#"{"a":1,"z":2}"#),
            (r#"{"a":1,"type":"x"}"#, r#"{"a":1}"#),
            (r#"{"type":"x","z":2}"#, r#"{"z":2}"#),
            (r#"{"type":"x"}"#, "{}"),
            (r#"{"a":{"type":"y"},"type":"x"}"#, r#"{"a":{"type":"y"}}"#),
        ] {
            let found = scan(line.as_bytes()).unwrap();
            let mut cut = line.to_owned();
            cut.replace_range(found.member, "");
            assert_eq!((found.kind, cut.as_str()), ("x", rest));
        }
    }

    /// What a canonicaliser that others wrote would write otherwise is refused, and nothing else.
    #[test]
    fn it_agrees_with_a_canonicaliser() {
        let good = [
            r#"{"type":""}"#,
            r#"{"lines":["model"],"type":"run.opened"}"#,
            r#"{"lines":[{"air_mk":[1,2]}],"type":"heatloss.parameters"}"#,
            r#"{"a":[],"b":{},"c":[1,-2,0],"d":null,"e":[true,false],"type":"x"}"#,
            r#"{"a":9007199254740991,"b":-9007199254740991,"type":"x"}"#,
            "{\"a\":\"\\b\\t\\n\\f\\r\\\"\\\\/\\u001f\\u0000é\u{7f}\u{1f600}\u{2028}\",\"type\":\"x\"}",
            r#"{"a":"\u0007\u000b\u000e\u000f\u0010\u0018\u0019\u001a ","type":"x"}"#,
        ];
        let bad = [
            r#"{"type":"x"} "#,
            r#" {"type":"x"}"#,
            r#"{"type": "x"}"#,
            r#"{"type":"x","a":1}"#,
            r#"{"a":1,"a":1,"type":"x"}"#,
            r#"{"a":01,"type":"x"}"#,
            r#"{"a":-0,"type":"x"}"#,
            r#"{"a":1.0,"type":"x"}"#,
            r#"{"a":1e3,"type":"x"}"#,
            r#"{"a":9007199254740992,"type":"x"}"#,
            r#"{"a":"\/","type":"x"}"#,
            r#"{"a":-,"type":"x"}"#,
            r#"{"a":,"type":"x"}"#,
            r#"{"a":99999999999999999999,"type":"x"}"#,
            r#"{"a":"\u0020","type":"x"}"#,
            r#"{"a":"\u002f","type":"x"}"#,
            r#"{"a":"\u0008","type":"x"}"#,
            r#"{"a":"\u0009","type":"x"}"#,
            r#"{"a":"\u000c","type":"x"}"#,
            r#"{"a":"\u000d","type":"x"}"#,
            r#"{"a":"\u000g","type":"x"}"#,
            r#"{"a":"\u001g","type":"x"}"#,
            r#"{"a":"\u0a00","type":"x"}"#,
            r#"{"a":"\u001","type":"x"}"#,
            r#"{"a":"\"#,
            r#"{"a":"\u0041","type":"x"}"#,
            r#"{"a":"\u001F","type":"x"}"#,
            r#"{"a":"\u000a","type":"x"}"#,
            "{\"a\":\"\t\",\"type\":\"x\"}",
            r#"{"a":[1,],"type":"x"}"#,
            r#"{"a":1,"type":"x"}}"#,
            r#"{"a":1,"type":"x""#,
            r#"[{"type":"x"}]"#,
            r#"{"self_check":[0,0],"type":"frame.masked"}"#,
            r#"{"manifest":[3,"00"],"type":"run.opened"}"#,
            r#"{"models":[["m","00"]],"type":"run.opened"}"#,
            r#"{"found":[["person",[1,2,3,4],874,true]],"type":"frame.detected"}"#,
            r#"{"found":[{"a":1},["b"]],"type":"frame.detected"}"#,
            r#"{"signatures":[["key","00"]],"type":"review.decided"}"#,
            r#"{"lines":[[[[0,1]],[1,2]]],"type":"heatloss.parameters"}"#,
            r#"{"a":1}"#,
            "",
        ];
        for line in good {
            assert!(scan(line.as_bytes()).is_some(), "{line}");
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(serde_jcs::to_string(&value).unwrap(), line);
        }
        for line in bad {
            assert_eq!(scan(line.as_bytes()), None, "{line}");
        }
    }

    /// They are canonical, and in no entry.
    #[test]
    fn keys_are_ascii_without_escapes() {
        for line in [
            r#"{"":1,"type":"x"}"#,
            r#"{"a\nb":1,"type":"x"}"#,
            r#"{"type":"x","é":1}"#,
        ] {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(serde_jcs::to_string(&value).unwrap(), line);
            assert_eq!(scan(line.as_bytes()), None, "{line}");
        }
    }

    /// The members of the outermost object are of level 1.
    #[test]
    fn values_lie_sixteen_levels_deep_and_no_deeper() {
        for (open, inmost, close, most) in [
            ("[", "1", "]", 15),
            (r#"{"a":"#, "1", "}", 15),
            (r#"{"manifest":"#, "{}", "}", 15),
            // Two levels each: 1 + 2 * 7 = 15.
            (r#"{"files":["#, "{}", "]}", 7),
            (r#"{"lines":["#, "{}", "]}", 7),
        ] {
            for times in [most, most + 1, most + 2, 99] {
                let (open, close) = (open.repeat(times), close.repeat(times));
                let line = format!(r#"{{"a":{open}{inmost}{close},"type":"x"}}"#);
                assert_eq!(scan(line.as_bytes()).is_some(), times == most, "{line}");
            }
        }
    }
}
