//! The answer: as JSON, as a table, and the finds as COCO results.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::matching::rect;
use crate::detect::{Class, Detection};
use crate::hex;
use crate::store::{Artifact, sealed};

/// What an evaluation found out.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    figures: Map<String, Value>,
    results: CocoResults,
}

/// All finds, as `pycocotools` reads them: a list of `{image_id, category_id, bbox, score}`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CocoResults(Vec<Value>);

impl CocoResults {
    /// Adds the finds of one frame in those classes that the labels have.
    pub(super) fn add(&mut self, frame: i64, classes: &BTreeMap<Class, i64>, finds: &[Detection]) {
        for find in finds {
            if let Some(category) = classes.get(&find.class) {
                let bbox = rect(&find.bbox);
                self.0.push(json!({
                    "image_id": frame,
                    "category_id": category,
                    "bbox": [bbox.x, bbox.y, bbox.width, bbox.height],
                    "score": find.score,
                }));
            }
        }
    }
}

impl sealed::Sealed for CocoResults {}

impl Artifact for CocoResults {
    fn bytes(&self) -> Cow<'_, [u8]> {
        let mut text = Value::from(self.0.clone()).to_string();
        text.push('\n');
        Cow::Owned(text.into_bytes())
    }
}

impl sealed::Sealed for Report {}

impl Artifact for Report {
    fn bytes(&self) -> Cow<'_, [u8]> {
        let mut text = serde_json::to_string_pretty(&self.figures).unwrap_or_default();
        text.push('\n');
        Cow::Owned(text.into_bytes())
    }
}

impl Report {
    pub(super) fn new<'a>(
        mut figures: Map<String, Value>,
        models: impl Iterator<Item = (&'a str, [u8; 32])>,
        errors: &[(String, String)],
        results: CocoResults,
    ) -> Self {
        let models =
            models.map(|(name, sha256)| json!({"name": name, "sha256": hex::encode(&sha256)}));
        let errors = errors
            .iter()
            .map(|(file, error)| json!({"file": file, "error": error}));
        figures.insert("models".into(), models.collect());
        figures.insert("errors".into(), errors.collect());
        Self { figures, results }
    }

    /// The finds, down to scores far below the thresholds.
    #[must_use]
    pub fn results(&self) -> &CocoResults {
        &self.results
    }

    /// Frames that were looked at.
    #[must_use]
    pub fn frames(&self) -> u64 {
        let frames = self.figures.get("frames").and_then(Value::as_u64);
        frames.unwrap_or_default()
    }

    /// Frames that could not be looked at.
    #[must_use]
    pub fn failed(&self) -> usize {
        let errors = self.figures.get("errors").and_then(Value::as_array);
        errors.map_or(0, Vec::len)
    }

    /// The whole answer on one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        Value::from(self.figures.clone()).to_string()
    }

    /// The main figures for a terminal.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut text = format!(
            "{} frames of {} scenes; 95 % intervals by scene; recall, precision and false alarms at IoU 0.3\n",
            self.frames(),
            self.figures.get("scenes").unwrap_or(&Value::Null),
        );
        let classes = self.figures.get("classes").and_then(Value::as_object);
        for (name, class) in classes.into_iter().flatten() {
            let (objects, threshold) = (plain(class, "objects"), plain(class, "threshold"));
            // Writing to a string cannot fail.
            let _ = write!(text, "\n{name}: {objects} objects, threshold {threshold}\n");
            for (label, key) in ROWS {
                let _ = writeln!(text, "  {label:26} {}", with_ends(class, key));
            }
            let at = |key| {
                class
                    .get("recall_at_fp_per_frame")
                    .map(|rates| plain(rates, key))
            };
            let rates = ["1", "2", "4", "8"].map(|key| at(key).unwrap_or_default());
            let _ = writeln!(
                text,
                "  {:26} {}",
                "recall at 1 2 4 8 alarms",
                rates.join("  ")
            );
            let sizes = class.get("recall_by_size").and_then(Value::as_array);
            for row in sizes.into_iter().flatten() {
                if row.get("objects").and_then(Value::as_u64) == Some(0) {
                    continue;
                }
                let most = row.get("max_px").and_then(Value::as_f64);
                let most = most.map_or("more".into(), |most| most.to_string());
                let label = format!(
                    "recall {} to {most} px",
                    row.get("min_px")
                        .and_then(Value::as_f64)
                        .unwrap_or_default()
                );
                let objects = plain(row, "objects");
                let _ = writeln!(
                    text,
                    "  {label:26} {}  of {objects}",
                    with_ends(row, "recall")
                );
            }
        }
        let _ = writeln!(
            text,
            "\npersons at least 80 % masked, and masked share of the frame, by line of defence"
        );
        let lines = self.figures.get("lines").and_then(Value::as_object);
        for (name, line) in lines.into_iter().flatten() {
            let _ = writeln!(text, "  {name:26} {}", self.line(line));
        }
        if self.failed() > 0 {
            let _ = writeln!(
                text,
                "\n{} frames could not be read and are in no figure",
                self.failed()
            );
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// One line of defence in words.
    fn line(&self, line: &Value) -> String {
        if let Some(why) = line.get("not_measured").and_then(Value::as_str) {
            return format!("not measured: {why}");
        }
        let masked = with_ends(line, "objects_80_masked");
        let text = format!("{masked:24} {}", with_ends(line, "masked_area"));
        match line.get("frames").and_then(Value::as_u64) {
            Some(frames) if frames != self.frames() => {
                format!("{text}  in the {frames} frames that overlap another")
            }
            _ => text,
        }
    }
}

const ROWS: [(&str, &str); 8] = [
    ("AP at IoU 0.5", "ap50"),
    ("AP at IoU 0.3", "ap30"),
    ("recall", "recall"),
    ("precision", "precision"),
    ("false alarms a frame", "false_positives_per_frame"),
    ("at least 80 % masked", "objects_80_masked"),
    ("pixels masked", "pixels_masked"),
    ("frame masked for it alone", "masked_area"),
];

fn plain(of: &Value, key: &str) -> String {
    match of.get(key) {
        None | Some(Value::Null) => "-".into(),
        Some(value) => value.to_string(),
    }
}

/// `0.8123 (0.7701 to 0.8459)`.
fn with_ends(of: &Value, key: &str) -> String {
    let Some(value) = of.get(key).and_then(Value::as_f64) else {
        return "-".into();
    };
    let ends = of.get(format!("{key}_ci")).and_then(Value::as_array);
    let ends: Vec<f64> = ends
        .into_iter()
        .flatten()
        .filter_map(Value::as_f64)
        .collect();
    match ends.as_slice() {
        [low, high] => format!("{value:.4} ({low:.4} to {high:.4})"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_shown_with_their_intervals_where_they_have_some() {
        let row = json!({"a": 0.5, "a_ci": [0.25, 0.75], "b": 0.125, "b_ci": null, "c": null});
        assert_eq!(with_ends(&row, "a"), "0.5000 (0.2500 to 0.7500)");
        assert_eq!(with_ends(&row, "b"), "0.1250");
        assert_eq!(with_ends(&row, "c"), "-");
    }
}
