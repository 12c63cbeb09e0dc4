//! Questions that people ask of a finished run: which frames saw this place, what was found, masked, decided, deleted.
//!
//! In: a folder whose log verifies, the operator's own footprints, a [`Question`]. Out: an [`Answer`] as a table, CSV, JSON lines,
//! Parquet, or a letter; and the whole log as a table. Refuses: a log that does not verify; to let anything out that tells more than
//! the whole second and the web tile of a frame, and any name, address, file name or free text of a reviewer. Never opens a frame.

mod answer;
mod calendar;
mod error;
mod export;
mod facts;
mod geometry;
mod index;
mod letter;
mod parquet;
mod place;
mod quality;
mod question;
mod table;

pub use answer::{Answer, FrameAnswer, Reviewed};
pub use error::AnswersError;
pub use export::{COLUMNS, LogTable};
pub use facts::{Deletion, Release, RunFacts};
pub use index::Index;
pub use letter::{Letter, LetterKind};
pub use parquet::AnswerParquet;
pub use place::{Place, Places};
pub use quality::Quality;
pub use question::{Question, parse_time};
pub use table::{AnswerCsv, AnswerJson, FIELDS, Field, Getter, words};

/// How a table leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, safe to open in a spreadsheet.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}
