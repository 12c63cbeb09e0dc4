//! The whole log as a table, one row an entry, for analysts.
//!
//! In: `audit/entries.jsonl` of a folder that verifies. Out: CSV, JSON lines or Parquet, an entry at a time (Parquet: [`GROUP`] at a time). Every row holds the entry itself
//! and its leaf hash, so that nothing is lost and each can be found again in the tree. Refuses: lines that are not entries.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use super::index::each_line;
use super::{AnswersError, Format, parquet};
use crate::heatloss::{Value, csv_cell};
use crate::hex;
use crate::store::{self, FileArtifact, StoreError, layout, sealed};

/// Entries in a row group of Parquet.
const GROUP: usize = 1 << 16;

/// Columns of the table: name, whether it holds whole numbers, meaning.
pub const COLUMNS: &[(&str, bool, &str)] = &[
    ("entry", true, "number in the log, from 0: the leaf's index"),
    ("type", false, "kind of entry, see `audit-log.md`"),
    ("frame", true, "number in the manifest"),
    (
        "at",
        true,
        "seconds since 1970, of entries that carry a time",
    ),
    ("line", false, "line of defence that looked"),
    ("model", false, "model that looked"),
    ("round", true, "round of the self-check"),
    ("finds", true, "finds of the look"),
    ("sure", true, "sure finds among them"),
    ("classes", false, "finds by class, parted by ';'"),
    ("masked_pixels", true, "pixels that were masked"),
    (
        "reason",
        false,
        "why a frame was not published, or what a reviewer wrote",
    ),
    ("decision", false, "what a reviewer decided"),
    ("path", false, "published file"),
    (
        "leaf_hash",
        false,
        "SHA-256 of a zero byte and the line, hex",
    ),
    ("line_json", false, "the line as it stands in the log"),
];

/// The log of a folder as a table.
#[derive(Debug, Clone)]
pub struct LogTable {
    /// Folder of the run.
    pub folder: PathBuf,
    /// Of the table.
    pub format: Format,
}

impl sealed::Sealed for LogTable {}

impl FileArtifact for LogTable {
    type Error = AnswersError;

    fn write(&self, partial: &Path) -> Result<(), AnswersError> {
        if self.format == Format::Parquet {
            return self.write_parquet(partial);
        }
        let mut file = BufWriter::new(store::create_partial(partial)?);
        let failed = |source| StoreError::Io {
            path: partial.to_path_buf(),
            source,
        };
        Ok(self.lines(&mut file)?.map_err(failed)?)
    }
}

impl LogTable {
    /// Writes it to stdout, `out`, as CSV or JSON lines, to its end. Whoever reads may have had enough before.
    ///
    /// # Errors
    ///
    /// [`AnswersError`] where the log cannot be read, or `out` not written.
    pub fn print(&self, out: &mut impl Write) -> Result<(), AnswersError> {
        match self.lines(out)? {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written.map_err(StoreError::stdout)?),
        }
    }

    /// Writes it as CSV or JSON lines, and says how that went.
    fn lines(&self, out: &mut impl Write) -> Result<io::Result<()>, AnswersError> {
        let mut failure = None;
        let mut line = |text: String| {
            if failure.is_none() {
                failure = out.write_all(text.as_bytes()).err();
            }
        };
        if self.format == Format::Csv {
            let names: Vec<&str> = COLUMNS.iter().map(|(name, ..)| *name).collect();
            line(names.join(",") + "\r\n");
        }
        self.rows(|row| {
            if self.format == Format::Csv {
                let cells: Vec<String> = row.into_iter().map(csv_cell).collect();
                line(cells.join(",") + "\r\n");
            } else {
                line(json(row).to_string() + "\n");
            }
            Ok(())
        })?;
        Ok(failure.map_or_else(|| out.flush(), Err))
    }

    fn write_parquet(&self, partial: &Path) -> Result<(), AnswersError> {
        let columns: Vec<(&str, bool)> = COLUMNS
            .iter()
            .map(|(name, is_whole, _)| (*name, *is_whole))
            .collect();
        let mut writer = parquet::open(partial, "entries", &columns)?;
        let mut group: Vec<Vec<Value>> = vec![Vec::new(); columns.len()];
        let mut flush = |group: &mut Vec<Vec<Value>>| {
            let values = group.iter_mut().map(std::mem::take);
            parquet::write_rows(
                &mut writer,
                columns.iter().map(|(_, whole)| *whole).zip(values),
            )
        };
        self.rows(|row| {
            group
                .iter_mut()
                .zip(row)
                .for_each(|(column, value)| column.push(value));
            if group.first().is_some_and(|column| column.len() >= GROUP) {
                flush(&mut group)?;
            }
            Ok(())
        })?;
        flush(&mut group)?;
        writer.close()?;
        Ok(())
    }

    fn rows(
        &self,
        mut take: impl FnMut(Vec<Value>) -> Result<(), AnswersError>,
    ) -> Result<(), AnswersError> {
        let mut number = 0;
        let mut failure = None;
        each_line(&self.folder.join(layout::LOG), |_, line| {
            let row = row(number, line)?;
            number += 1;
            if failure.is_none() {
                failure = take(row).err();
            }
            Some(())
        })?;
        failure.map_or(Ok(()), Err)
    }
}

/// The row of an entry; `None` where the line is none.
fn row(number: i64, line: &[u8]) -> Option<Vec<Value>> {
    let entry: Map<String, Json> = serde_json::from_slice(line).ok()?;
    let text = |name: &str| entry.get(name).and_then(Json::as_str).map(str::to_owned);
    let whole = |name: &str| entry.get(name).and_then(Json::as_i64);
    let finds = entry.get("found").and_then(Json::as_array);
    let sure = finds.map(|finds| finds.iter().filter(|find| find["sure"] == true).count());
    let mut classes = std::collections::BTreeMap::new();
    for class in finds
        .into_iter()
        .flatten()
        .filter_map(|find| find["class"].as_str())
    {
        *classes.entry(class).or_insert(0_u32) += 1;
    }
    let classes: Vec<String> = classes
        .iter()
        .map(|(class, count)| format!("{class} {count}"))
        .collect();
    let count = |number: Option<usize>| number.and_then(|number| i64::try_from(number).ok());
    let leaf = Sha256::new()
        .chain_update([0])
        .chain_update(line)
        .finalize();
    let value = |name: &str| match name {
        "entry" => Some(Value::Whole(number)),
        "finds" => count(finds.map(Vec::len)).map(Value::Whole),
        "sure" => count(sure).map(Value::Whole),
        "classes" => finds.map(|_| Value::Text(classes.join(";"))),
        "leaf_hash" => Some(Value::Text(hex::encode(&leaf))),
        "line_json" => Some(Value::Text(String::from_utf8_lossy(line).into_owned())),
        _ => None,
    };
    let plain = |name: &str, is_whole: bool| {
        if is_whole {
            whole(name).map(Value::Whole)
        } else {
            text(name).map(Value::Text)
        }
    };
    let columns = COLUMNS.iter().map(|(name, is_whole, _)| {
        value(name)
            .or_else(|| plain(name, *is_whole))
            .unwrap_or(Value::Missing)
    });
    Some(columns.collect())
}

fn json(row: Vec<Value>) -> Json {
    let named = COLUMNS.iter().zip(row).filter_map(|((name, ..), value)| {
        let value: Json = match value {
            // The line is an object of its own in JSON.
            Value::Text(text) if *name == "line_json" => serde_json::from_str(&text).ok()?,
            Value::Text(text) => text.into(),
            Value::Whole(number) => number.into(),
            Value::Number(_) | Value::Missing => return None,
        };
        Some(((*name).to_owned(), value))
    });
    Json::Object(named.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = br#"{"found":[{"box":[312,96,321,118],"class":"person","score":874,"sure":true},{"box":[1,2,3,4],"class":"person","score":200,"sure":false}],"frame":4,"line":"model","model":"hit-uav-s","round":0,"type":"frame.detected"}"#;

    #[test]
    fn a_row_tells_what_an_entry_says_and_which_leaf_it_is() {
        let row = row(9, LINE).unwrap();
        let of = |name: &str| {
            row[COLUMNS
                .iter()
                .position(|(other, ..)| *other == name)
                .unwrap()]
            .clone()
        };
        assert_eq!(
            (of("entry"), of("frame")),
            (Value::Whole(9), Value::Whole(4))
        );
        assert_eq!(
            (of("finds"), of("sure")),
            (Value::Whole(2), Value::Whole(1))
        );
        assert_eq!(of("classes"), Value::Text("person 2".into()));
        assert_eq!(of("at"), Value::Missing);
        // (printf '\0'; printf %s "$line") | sha256sum
        let hash = "7a75ac6b1045b684517f2b2b37acb2eb6a9bca44a39dd6b6bf354b4d178d1128";
        assert_eq!(of("leaf_hash"), Value::Text(hash.into()));
        assert!(super::row(0, b"[1]").is_none());
    }

    #[test]
    fn every_column_is_documented() {
        let documented = include_str!("../../docs/answers.md");
        for (name, _, meaning) in COLUMNS {
            let line = format!("| `{name}` | {meaning} |");
            assert!(documented.contains(&line), "{line}");
        }
    }
}
