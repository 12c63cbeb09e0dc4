//! Rules 6 to 8: how frames and flights were laid on the ground, what was worked out, which files were published.

use super::super::{BuildingsEmitted, FlightEvidence, Placed, TileEmitted, files};
use super::{Looks, Story};

impl Story {
    pub(super) fn placed(&mut self, placed: &Placed) {
        let frame = placed.frame;
        if let Some(Looks { frame: open, .. }) = self.frame {
            self.problem(format!(
                "frame {frame} was placed before the outcome of frame {open}"
            ));
        }
        if !self.emitted.is_empty() {
            self.problem(format!("frame {frame} was placed after a tile"));
        }
        if !self.published.contains(frame) {
            self.problem(format!("frame {frame} was placed and not published"));
        }
        if self.last_placed.replace(frame) >= Some(frame) {
            self.problem(format!("frame {frame} was placed out of order"));
        }
    }

    /// What is told of once, after the last frame.
    pub(super) fn result(&mut self, name: &'static str) {
        if let Some(Looks { frame, .. }) = self.frame {
            self.problem(format!("{name} comes before the outcome of frame {frame}"));
        }
        if !self.results.insert(name) {
            self.problem(format!("{name} stands there twice"));
        }
    }

    pub(super) fn flight(&mut self, flight: &FlightEvidence) {
        if let Some(Looks { frame, .. }) = self.frame {
            self.problem(format!(
                "a flight was placed before the outcome of frame {frame}"
            ));
        }
        if !self.emitted.is_empty() {
            self.problem("a flight was placed after a tile");
        }
        for &[first, last] in &flight.frames {
            if !self.published.holds([first, last]) {
                self.problem(format!(
                    "a flight of frames {first} to {last} was placed, not all of which were published"
                ));
                continue;
            }
            if let Some(frame) = self.flown.insert_all([first, last]) {
                self.problem(format!("frame {frame} is of two flights"));
            }
        }
    }

    pub(super) fn buildings(&mut self, table: &BuildingsEmitted, goes_on: bool) {
        if !goes_on {
            self.result("buildings.emitted");
        }
        for file in &table.files {
            self.shows(&file.path, &["buildings"], &table.source_frames, goes_on);
        }
    }

    pub(super) fn emitted(&mut self, tile: &TileEmitted, goes_on: bool) {
        if let Some(Looks { frame, .. }) = self.frame {
            self.problem(format!("a tile comes before the outcome of frame {frame}"));
        }
        // Its one spelling is checked below.
        if tile.path.starts_with("tiles/heatloss") && !self.results.contains("heatloss.parameters")
        {
            self.problem(format!("{:?} comes before heatloss.parameters", tile.path));
        }
        self.shows(
            &tile.path,
            &["tiles", "frames"],
            &tile.source_frames,
            goes_on,
        );
    }

    /// A file that was published, the folders of which its entry tells, and the frames in it.
    fn shows(&mut self, path: &str, folders: &[&str], source_frames: &[[u32; 2]], goes_on: bool) {
        if !files::lies_below(path, folders) {
            self.problem(format!(
                "{path:?} is not the path of a file below {}",
                folders.join(" or ")
            ));
        }
        if !self.emitted.insert(path.to_owned()) && !goes_on {
            self.problem(format!("{path:?} was published twice"));
        }
        for &[first, last] in source_frames {
            // Ranges are read in ascending order only, so each published frame is looked at once.
            if !self.published.holds([first, last]) {
                self.problem(format!(
                    "{path:?} shows frames {first} to {last}, not all of which were published",
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Entry, PublishedFile};
    use super::*;

    fn tile(path: &str) -> Entry {
        Entry::TileEmitted(TileEmitted {
            path: path.into(),
            sha256: String::new(),
            bytes: 0,
            source_frames: Vec::new(),
        })
    }

    fn table(path: &str) -> Entry {
        Entry::Buildings(BuildingsEmitted {
            files: vec![PublishedFile {
                path: path.into(),
                sha256: String::new(),
                bytes: 0,
            }],
            footprints_sha256: String::new(),
            buildings: 0,
            measured: 0,
            source_frames: Vec::new(),
        })
    }

    /// What is said of an entry's path.
    fn said(entry: &Entry) -> bool {
        let mut story = Story::default();
        story.middle(entry, false);
        let mut problems = story.problems.iter();
        problems.any(|problem| problem.contains("is not the path of a file below"))
    }

    #[test]
    fn each_kind_of_entry_publishes_its_own_folders_in_one_spelling() {
        for path in ["tiles/a", "tiles/heatloss/manifest.jsonl", "frames/a"] {
            assert!(!said(&tile(path)) && said(&table(path)), "{path}");
        }
        let path = "buildings/buildings.csv";
        assert!(said(&tile(path)) && !said(&table(path)));
        for path in [
            "tiles//heatloss.tif",
            "tiles/./a",
            "tiles/../buildings/a",
            "a",
            "",
            "/tiles/a",
        ] {
            assert!(said(&tile(path)), "{path}");
        }
    }

    #[test]
    fn a_table_cannot_stand_for_a_map_of_heat_loss() {
        let mut story = Story::default();
        story.middle(&table("tiles/heatloss.tif"), false);
        assert!(!story.problems.is_empty());
    }
}
