//! The summary in words: what happened to every frame, and what to do about those that were not published.

use std::fmt::Write;
use std::path::Path;

use super::{Cause, Summary};
use crate::store::layout;

impl Summary {
    /// What happened and what to do, for a terminal. `out` is the output folder.
    #[must_use]
    pub fn in_words(&self, out: &Path) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text, out);
        text.truncate(text.trim_end().len());
        text
    }

    /// What was worked out from the map.
    fn write_results(&self, text: &mut String, out: &Path) -> std::fmt::Result {
        match self.objections {
            Some(0) => writeln!(
                text,
                "\nObjections: none of the list touches the map; is it the list of this place?"
            )?,
            Some(count) => writeln!(text, "\nObjections: {count} taken out of the map")?,
            None => {}
        }
        if let Some(heat_loss) = &self.heat_loss {
            let why = heat_loss.reasons.join("; ");
            let colon = if why.is_empty() { "" } else { ": " };
            writeln!(
                text,
                "\nHeat loss: grade {} at best{colon}{why}",
                heat_loss.grade
            )?;
            writeln!(text, "  {}", out.join(layout::HEAT_LOSS_COG).display())?;
        }
        if let Some(table) = &self.buildings {
            writeln!(
                text,
                "\nBuildings: {}, {} with a temperature",
                table.buildings, table.measured
            )?;
            writeln!(text, "  {}", out.join(layout::BUILDINGS_GPKG).display())?;
        }
        Ok(())
    }

    fn write(&self, text: &mut String, out: &Path) -> std::fmt::Result {
        writeln!(
            text,
            "{} in {:.1} s ({:.1} a second, {:.1} s of it inside the networks)",
            plural(self.frames_total, "frame"),
            self.seconds,
            self.frames_per_second,
            self.inference_seconds
        )?;
        writeln!(text, "  {:>6} published", self.frames_published)?;
        writeln!(
            text,
            "  {:>6} withheld: a human must look, or the flight must be flown otherwise",
            self.frames_withheld
        )?;
        writeln!(
            text,
            "  {:>6} rejected: not usable as they are",
            self.frames_rejected
        )?;
        if self.inputs_unreadable > 0 {
            writeln!(
                text,
                "  {:>6} input paths could not be read (named above)",
                self.inputs_unreadable
            )?;
        }
        if self.inputs_ignored > 0 {
            writeln!(
                text,
                "  {:>6} files ignored: not .jpg, .jpeg, .tif, .tiff or .rjpeg",
                self.inputs_ignored
            )?;
        }
        if !self.reasons.is_empty() {
            writeln!(text, "\nWhy, and what to do:")?;
            for (reason, count) in &self.reasons {
                let remedy = Cause::new(reason, "").remedy();
                writeln!(text, "  {count:>6} {reason}: {remedy}")?;
            }
            writeln!(
                text,
                "  each frame by name: {}",
                out.join(layout::FRAME_LIST).display()
            )?;
        }
        if let Some(reason) = &self.beyond_envelope {
            writeln!(
                text,
                "\nPublished beyond what the models were evaluated for, at your word: {reason:?}.\n\
                 People in these frames may have been missed. The log says so."
            )?;
        }
        for flight in &self.flights {
            writeln!(
                text,
                "\nFlight of {}: yaw from the {}; {}",
                plural(flight.frames, "frame"),
                flight.yaw,
                flight.reason
            )?;
        }
        if let Some(why) = &self.no_map {
            writeln!(text, "\nNo map: {why}")?;
        }
        if let Some(mosaic) = &self.mosaic {
            writeln!(
                text,
                "\nMosaic: {} x {} pixels of {:.3} m, {}",
                mosaic.width, mosaic.height, mosaic.resolution_m, mosaic.crs
            )?;
            writeln!(text, "  {}", out.join(layout::TEMPERATURE_COG).display())?;
            writeln!(
                text,
                "  {}",
                out.join(layout::TEMPERATURE_PMTILES).display()
            )?;
        }
        self.write_results(text, out)?;
        writeln!(
            text,
            "\nLog: {} (keep a copy of this file elsewhere)",
            out.join(layout::CHECKPOINT).display()
        )
    }
}

fn plural(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}
