//! Answers and failures as people and programs read them.

use std::io::{self, Write};

use super::Exit;
use crate::Error;

/// Prints one answer on stdout. A closed pipe is the reader's choice, not a failure.
pub(super) fn answer(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
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
    let _ = writeln!(io::stderr().lock(), "{text}");
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
