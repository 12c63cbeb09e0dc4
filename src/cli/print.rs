//! Answers and failures as people and programs read them.

use std::borrow::Cow;
use std::io::{self, Write};

use super::Exit;
use crate::Error;
use crate::store::StoreError;

/// Prints one answer on stdout. A closed pipe is the reader's choice, not a failure.
pub(super) fn answer(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{}", harmless(text));
}

/// Prints what a command is there to give, and fails where it does not get to its end: whoever sent it to a file must not take half for all.
pub(super) fn product(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{}", harmless(text)).and_then(|()| out.flush());
    match written {
        // As above.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written.map_err(StoreError::stdout)?),
    }
}

/// Text that a terminal shows and does not obey. Names of files may be anything: what would move the cursor, rename the window or turn the
/// direction of writing (Unicode 16, UAX 9) is written as JSON writes it, so that an object stays one.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    let aims = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(aims) {
        return text.into();
    }
    let shown = |shown: String, c: char| {
        if aims(c) {
            format!("{shown}\\u{:04x}", u32::from(c))
        } else {
            shown + c.encode_utf8(&mut [0; 4])
        }
    };
    text.chars().fold(String::new(), shown).into()
}

/// A terminal that is shown whole lines, and obeys none.
pub(super) struct Shown<W>(pub(super) W);

impl<W: Write> Write for Shown<W> {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(lines);
        // So ends a row of CSV.
        let (row, end) = text
            .strip_suffix("\r\n")
            .map_or((&*text, ""), |row| (row, "\r\n"));
        write!(self.0, "{}{end}", harmless(row))?;
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Prints one object on stdout as a JSON line of this type.
pub(super) fn answer_json(message_type: &str, object: &impl serde::Serialize) {
    if let Ok(serde_json::Value::Object(mut object)) = serde_json::to_value(object) {
        object.insert("message_type".into(), message_type.into());
        answer(&serde_json::Value::Object(object).to_string());
    }
}

/// Prints one line on stderr.
pub(super) fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", harmless(text));
}

/// Says on stderr what is wrong with what was asked for.
pub(super) fn usage(problem: &str) -> Exit {
    tell(&format!("error: {problem}"));
    Exit::Usage
}

/// Prints an error with its causes and gives the exit code it stands for.
pub(super) fn failure(error: &Error, json: bool) -> Exit {
    let mut causes = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    if json {
        let message = serde_json::json!({
            "message_type": "error", "error": error.to_string(), "causes": causes, "hint": error.hint(),
        });
        answer(&message.to_string());
    }
    tell(&format!("error: {error}"));
    for cause in &causes {
        tell(&format!("  caused by: {cause}"));
    }
    if let Some(hint) = error.hint() {
        tell(&format!("  hint: {hint}"));
    }
    if error.is_unverified() {
        Exit::Unverified
    } else if error.is_usage() {
        Exit::Usage
    } else {
        Exit::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_obeyed_and_an_object_stays_one() {
        assert_eq!(harmless("plain\n\t\u{e9}"), "plain\n\t\u{e9}");
        let name = "a\u{1b}[2J\u{9b}31m\u{202e}gpj.\r";
        let shown = harmless(name);
        assert_eq!(shown, "a\\u001b[2J\\u009b31m\\u202egpj.\\u000d");
        let object = serde_json::json!({ "file": name }).to_string();
        let read: serde_json::Value = serde_json::from_str(&harmless(&object)).unwrap();
        assert_eq!(read["file"], name);
    }
}
