//! What became of one frame. Every line of the manifest ends in exactly one of three.

/// What became of one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its redacted pixels may enter tiles.
    Published,
    /// It needs a human: the detector failed, could not be trusted, or found something again.
    Withheld(Cause),
    /// It is not usable: not a thermal frame, damaged, without a position.
    Rejected(Cause),
}

/// Reason of a frame that lies outside what a model was evaluated for: nobody looked.
pub(super) const BEYOND_ENVELOPE: &str = "beyond-envelope";

/// Bytes of a cause's words: a line of the log must hold them, whatever a file made them of.
const LONGEST: usize = 1000;

/// Why a frame was not published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Short machine name, such as `beyond-envelope`.
    pub reason: String,
    /// In words, without file names or positions: it goes to the log.
    pub detail: String,
}

impl Cause {
    /// A cause from its parts; of the words no more than 1,000 bytes, so that a line of the log holds them.
    #[must_use]
    pub fn new(reason: &str, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        detail.truncate(detail.floor_char_boundary(LONGEST));
        Self {
            reason: reason.to_owned(),
            detail,
        }
    }

    /// The one thing to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self.reason.as_str() {
            BEYOND_ENVELOPE => {
                "fly lower or use a longer lens; or publish on purpose: --publish-beyond-envelope \"reason\""
            }
            "self-check" => "look at it: something was still found after the mask had grown",
            "detector-failed" | "internal" => "run again; report it if it stays",
            "out-of-time" => {
                "run again where less else goes on, or with a larger --frame-seconds; it may end in time there"
            }
            "unsupported-family" => {
                "convert it to a temperature TIFF with the maker's software first"
            }
            "unknown-scale" => "say what a count means: --tiff-scale and --tiff-offset",
            "not-thermal" => "leave visible-light pictures out, or ignore this",
            "no-position" | "no-altitude" | "no-attitude" => {
                "the file does not say where the camera was; restore its GPS tags"
            }
            "unknown-camera" => "say what the lens is: --focal-length-px",
            "duplicate" => "nothing: its first copy counts; see what became of that one",
            "above-horizon" => "nothing: the camera looked at the sky",
            "io" | "changed" => "copy the file again from the card; a new run takes it",
            "sealed" => "give the key that it was sealed to: --intake-key",
            "truncated" | "malformed" => "copy the file again from the card; it is damaged",
            _ => "see the detail",
        }
    }
}

/// How many frames ended in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of the manifest.
    pub total: usize,
    /// Published.
    pub published: usize,
    /// Withheld.
    pub withheld: usize,
    /// Rejected.
    pub rejected: usize,
}

impl Counts {
    /// Counts one more.
    pub fn add(&mut self, outcome: &Outcome) {
        self.total += 1;
        match outcome {
            Outcome::Published => self.published += 1,
            Outcome::Withheld(_) => self.withheld += 1,
            Outcome::Rejected(_) => self.rejected += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cause_is_longer_than_a_line_can_hold() {
        assert_eq!(Cause::new("a", "short").detail, "short");
        // Two bytes a letter, and the limit is even; then one before.
        assert_eq!(Cause::new("a", "\u{e9}".repeat(9000)).detail.len(), LONGEST);
        let odd = format!("x{}", "\u{e9}".repeat(9000));
        assert_eq!(Cause::new("a", odd).detail.len(), LONGEST - 1);
    }
}
