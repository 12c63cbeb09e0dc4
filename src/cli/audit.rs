//! `heatveil audit`: questions about a finished run, and its log as a table. The log is verified first, always.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use super::print::{Shown, answer, product, tell, usage};
use super::verify::read_key;
use super::{Exit, Global, run};
use crate::Error;
use crate::answers::{
    Answer, AnswerCsv, AnswerJson, AnswerParquet, AnswersError, Format, Index, Letter, LetterKind,
    LogTable, Places, Quality, Question, parse_time, words,
};
use crate::audit::{Verification, VerifyOptions, verify};
use crate::detect::{Model, ModelCard};
use crate::store::{self, Artifact, Existing, FileArtifact};
use crate::units::Metres;

/// Arguments of `heatveil audit`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    heatveil audit tonight query --point -2.4501,54.5999\n  \
    heatveil audit tonight query --polygon garden.geojson --format html --signed-by \"A. Name\" --out answer.html\n  \
    heatveil audit tonight query --class person --outcome withheld --format csv\n  \
    heatveil audit tonight export --format parquet --out log.parquet")]
pub(super) struct AuditCommand {
    /// Folder of a run
    dir: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Which frames saw a place, and what was found, masked, decided and deleted
    Query(Box<QueryCommand>),
    /// The whole log as a table, one row an entry
    Export(ExportCommand),
}

/// How the log is checked first.
#[derive(Debug, clap::Args)]
struct Trust {
    /// Verifier key received by another way [default: the folder's own, which proves less]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// A checkpoint of the same log that was kept elsewhere
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct QueryCommand {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    which: WhichArgs,
    /// How the answer looks
    #[arg(long, value_name = "HOW", default_value = "table")]
    format: Shape,
    #[command(flatten)]
    letter: LetterArgs,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    out: OutArgs,
}

/// Frames that saw a place.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Place")]
struct PlaceArgs {
    /// Longitude and latitude in degrees (WGS 84)
    #[arg(long, value_name = "LON,LAT", allow_hyphen_values = true, value_parser = point)]
    point: Vec<(f64, f64)>,
    /// Outlines in any file that GDAL reads, one place together
    #[arg(long, value_name = "FILE")]
    polygon: Vec<PathBuf>,
    /// Property number of a published building
    #[arg(long, value_name = "UPRN")]
    uprn: Vec<String>,
    /// Table with columns lon and lat, or uprn: a place a row
    #[arg(long, value_name = "FILE.csv")]
    addresses: Option<PathBuf>,
    /// Frames that come this near have seen it: positions may be off
    #[arg(long, value_name = "METRES", default_value_t = 5.0, value_parser = margin)]
    margin: f64,
}

/// Other frames that are meant.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Frames")]
struct WhichArgs {
    /// Taken on this day or at this time or later, such as 2026-01-15 or 2026-01-15T22:30:00Z
    #[arg(long, value_name = "TIME", value_parser = first_second)]
    from: Option<i64>,
    /// Taken on this day or at this time or earlier
    #[arg(long, value_name = "TIME", value_parser = last_second)]
    to: Option<i64>,
    /// Number in the manifest, or a range such as 3-7
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = range)]
    frame: Vec<[u32; 2]>,
    /// Something of this class was found: person, vehicle, bicycle, window, warm-spot
    #[arg(long, value_name = "CLASS", value_parser = ["person", "vehicle", "bicycle", "window", "warm-spot"])]
    class: Vec<String>,
    /// What became of it
    #[arg(long, value_name = "OUTCOME", value_parser = ["published", "withheld", "rejected"])]
    outcome: Vec<String>,
    /// A person decided this about it
    #[arg(long, value_name = "DECISION", value_parser = ["approve", "reject", "release", "confirm"])]
    decision: Vec<String>,
}

/// What only `--format html` needs.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Letter")]
struct LetterArgs {
    /// To a person about one place, or to anyone about the survey
    #[arg(long, value_name = "KIND", default_value = "subject-access")]
    letter: Kind,
    /// Who answers for it; without a name it is a draft
    #[arg(long, value_name = "NAME")]
    signed_by: Option<String>,
    /// How to reach you
    #[arg(long, value_name = "TEXT")]
    contact: Option<String>,
    /// Day by which the original pictures are deleted
    #[arg(long, value_name = "DAY", value_parser = first_second)]
    raw_due: Option<i64>,
    /// Card of a model that ran and is not built in, to quote its figures
    #[arg(long, value_name = "CARD.toml")]
    card: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct OutArgs {
    /// File to write instead of stdout
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace it
    #[arg(long, requires = "out")]
    overwrite: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Shape {
    Table,
    Csv,
    Jsonl,
    Parquet,
    Html,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    SubjectAccess,
    Foi,
}

#[derive(Debug, clap::Args)]
struct ExportCommand {
    /// How the table looks
    #[arg(long, value_name = "HOW", default_value = "csv")]
    format: Table,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    out: OutArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Table {
    Csv,
    Jsonl,
    Parquet,
}

impl AuditCommand {
    pub(super) fn execute(self, global: &Global) -> Result<Exit, Error> {
        match self.what {
            What::Query(query) => query.execute(&self.dir, global),
            What::Export(export) => export.execute(&self.dir, global),
        }
    }
}

impl Trust {
    /// The verified log, or the end.
    fn check(self, dir: &Path, global: &Global) -> Result<Result<Verification, Exit>, Error> {
        let options = VerifyOptions {
            checkpoint: self.checkpoint,
            key: read_key(self.key)?,
            ..VerifyOptions::default()
        };
        let found = verify(dir, &options)?;
        if found.ok() {
            return Ok(Ok(found));
        }
        if global.json {
            let problems = serde_json::json!({
                "message_type": "error", "error": "the log does not verify", "problems": found.problems,
            });
            answer(&problems.to_string());
        }
        for problem in &found.problems {
            tell(&format!("problem: {problem}"));
        }
        tell("error: the log does not verify: no question is answered from it");
        Ok(Err(Exit::Unverified))
    }
}

impl QueryCommand {
    fn execute(self, dir: &Path, global: &Global) -> Result<Exit, Error> {
        let shape = match self.format {
            Shape::Table if global.json => Shape::Jsonl,
            shape => shape,
        };
        let is_personal = shape == Shape::Html && self.letter.letter == Kind::SubjectAccess;
        if shape == Shape::Parquet && self.out.out.is_none() {
            return Ok(usage("Parquet goes to a file: give --out FILE"));
        }
        let cards = self.letter.cards(shape)?;
        let found = match self.trust.check(dir, global)? {
            Ok(found) => found,
            Err(exit) => return Ok(exit),
        };
        let index = Index::open(dir, &found.root)?;
        let places = self.place.read(dir, &index)?;
        if is_personal && places.as_ref().is_none_or(|places| places.len() != 1) {
            return Ok(usage(
                "a letter about a home is about one place: give one of --point, --polygon, --uprn, or --letter foi",
            ));
        }
        let question = Question {
            places,
            from: self.which.from,
            to: self.which.to,
            frames: self.which.frame,
            classes: self.which.class,
            outcomes: self.which.outcome,
            decisions: self.which.decision,
        };
        let told = Answer::find(&index, &question)?;
        match shape {
            Shape::Table => self.out.put(&Text(words(&told) + "\n"))?,
            Shape::Csv => self.out.put(&AnswerCsv(&told))?,
            Shape::Jsonl => self.out.put(&AnswerJson(&told))?,
            Shape::Parquet => self.out.put_file(&AnswerParquet(&told))?,
            Shape::Html => {
                let models = told
                    .run
                    .opened
                    .as_ref()
                    .map_or(&[][..], |opened| &opened.models);
                let letter = Letter {
                    kind: match self.letter.letter {
                        Kind::SubjectAccess => LetterKind::SubjectAccess,
                        Kind::Foi => LetterKind::FreedomOfInformation,
                    },
                    answer: &told,
                    margin: self.place.margin,
                    quality: &Quality::of(&cards, models),
                    log: (&found.root, found.entries),
                    signed_by: self.letter.signed_by.as_deref(),
                    contact: self.letter.contact.as_deref(),
                    raw_due: self.letter.raw_due,
                    now: run::now(),
                };
                self.out.put(&letter)?;
            }
        }
        Ok(Exit::Done)
    }
}

impl PlaceArgs {
    /// The places, where any is given.
    fn read(&self, dir: &Path, index: &Index) -> Result<Option<Places>, AnswersError> {
        let is_asked = !(self.point.is_empty() && self.polygon.is_empty() && self.uprn.is_empty())
            || self.addresses.is_some();
        if !is_asked {
            return Ok(None);
        }
        index.check_footprints()?;
        // A run of which no frame has a place saw none.
        let (longitude, latitude) = index.centre().unwrap_or_default();
        let mut places = Places::near(longitude, latitude, Metres(self.margin))?;
        for &(longitude, latitude) in &self.point {
            places.add_point(longitude, latitude)?;
        }
        for path in &self.polygon {
            places.add_outlines(path)?;
        }
        places.add_uprns(dir, &self.uprn)?;
        if let Some(path) = &self.addresses {
            places.add_list(dir, path)?;
        }
        Ok(Some(places))
    }
}

impl LetterArgs {
    /// The cards that may be quoted.
    fn cards(&self, shape: Shape) -> Result<Vec<ModelCard>, Error> {
        if shape != Shape::Html {
            return Ok(Vec::new());
        }
        let mut models = Model::embedded(None)?;
        for path in &self.card {
            models.push(Model::load(path, None)?);
        }
        Ok(models.iter().map(|model| model.card().clone()).collect())
    }
}

/// Text for a terminal.
struct Text(String);

impl store::sealed::Sealed for Text {}

impl Artifact for Text {
    fn bytes(&self) -> std::borrow::Cow<'_, [u8]> {
        self.0.as_bytes().into()
    }
}

impl OutArgs {
    fn existing(&self) -> Existing {
        if self.overwrite {
            Existing::Replace
        } else {
            Existing::Refuse
        }
    }

    fn put(&self, artifact: &impl Artifact) -> Result<(), Error> {
        match &self.out {
            Some(path) => store::write_file(path, artifact, self.existing())?,
            None => product(String::from_utf8_lossy(&artifact.bytes()).trim_end())?,
        }
        Ok(())
    }

    fn put_file(&self, artifact: &impl FileArtifact<Error = AnswersError>) -> Result<(), Error> {
        if let Some(path) = &self.out {
            store::write_large(path, artifact, self.existing())?;
        }
        Ok(())
    }
}

impl ExportCommand {
    fn execute(self, dir: &Path, global: &Global) -> Result<Exit, Error> {
        let format = match self.format {
            Table::Csv => Format::Csv,
            Table::Jsonl => Format::Jsonl,
            Table::Parquet if self.out.out.is_none() => {
                return Ok(usage("Parquet goes to a file: give --out FILE"));
            }
            Table::Parquet => Format::Parquet,
        };
        if let Err(exit) = self.trust.check(dir, global)? {
            return Ok(exit);
        }
        let table = LogTable {
            folder: dir.to_path_buf(),
            format,
        };
        if self.out.out.is_some() {
            self.out.put_file(&table)?;
        } else {
            let stdout = std::io::stdout().lock();
            let is_terminal = stdout.is_terminal();
            let mut out = std::io::BufWriter::new(stdout);
            // A program gets the log's own bytes.
            if is_terminal {
                table.print(&mut Shown(out))?;
            } else {
                table.print(&mut out)?;
            }
        }
        Ok(Exit::Done)
    }
}

fn point(text: &str) -> Result<(f64, f64), String> {
    let parsed = text.split_once(',').and_then(|(longitude, latitude)| {
        Some((
            longitude.trim().parse().ok()?,
            latitude.trim().parse().ok()?,
        ))
    });
    parsed
        .filter(|(x, y): &(f64, f64)| x.abs() <= 180.0 && y.abs() <= 90.0)
        .ok_or_else(|| "give longitude and latitude in degrees, such as -2.45,54.6".into())
}

fn margin(text: &str) -> Result<f64, String> {
    let metres = text
        .parse()
        .ok()
        .filter(|metres: &f64| (0.0..=1000.0).contains(metres));
    metres.ok_or_else(|| "give metres, 0 to 1000".into())
}

fn first_second(text: &str) -> Result<i64, String> {
    parse_time(text, false).ok_or_else(|| TIME.into())
}

fn last_second(text: &str) -> Result<i64, String> {
    parse_time(text, true).ok_or_else(|| TIME.into())
}

const TIME: &str = "give a day such as 2026-01-15, or a time such as 2026-01-15T22:30:00Z";

fn range(text: &str) -> Result<[u32; 2], String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let parsed = first.trim().parse().ok().zip(last.trim().parse().ok());
    parsed
        .filter(|(first, last): &(u32, u32)| first <= last)
        .map(|(first, last)| [first, last])
        .ok_or_else(|| "give a frame's number, or a range such as 3-7".into())
}
