//! Machine names of the log in plain words, for readers who do not know the program.

/// Why a frame was not published.
pub(super) fn reason(name: &str) -> &'static str {
    match name {
        "beyond-envelope" => {
            "Taken outside the conditions for which the detectors were measured, so nobody knows whom they would miss."
        }
        "self-check" => "After masking, the second look still found something that it was sure of.",
        "reviewed" => "People decided that it is never published.",
        "detector-failed" => "A detector failed, so nobody knows what the frame shows.",
        "out-of-time" => {
            "Work on it took longer than it may, and was ended; on another machine it might not."
        }
        "internal" => "The program met a fault of its own while it worked on the frame.",
        "unsupported-family" => "The camera's format needs tables that only its maker has.",
        "unknown-scale" => "The file does not say which temperature its numbers mean.",
        "not-thermal" => "A picture without temperatures, such as a visible-light photograph.",
        "not-an-image" => "Not a picture that the program reads.",
        "no-position" => "The file does not say where the camera was.",
        "no-altitude" => "The file does not say how high the camera was.",
        "no-attitude" => "The file does not say where the camera looked.",
        "unknown-camera" | "lens" => "The lens of the camera is not known.",
        "duplicate" => "The same bytes as another frame, which was used.",
        "above-horizon" => "The camera looked at the sky.",
        "io" => "The file could not be read.",
        "changed" => "The file changed while the run went on.",
        "truncated" | "malformed" => "The file is damaged.",
        "sealed" => "The file is encrypted, and the key that was given did not open it.",
        "too-large" => "The file is larger than the program accepts.",
        _ => "See the detail.",
    }
}

/// A class of finds, in the plural.
pub(super) fn class(name: &str) -> &str {
    match name {
        "person" => "People",
        "vehicle" => "Vehicles",
        "bicycle" => "Bicycles",
        "window" => "Windows",
        "warm-spot" => "Warm spots",
        other => other,
    }
}

/// Classes in the order in which readers ask for them.
pub(super) const CLASSES: [&str; 5] = ["person", "warm-spot", "vehicle", "bicycle", "window"];

/// What is done with a class, for a table.
pub(super) fn policy(name: &str) -> &str {
    match name {
        "nodata" => "Removed: no temperature is published there",
        "mean" => "Levelled: the whole region becomes one number, its mean",
        other => other,
    }
}

/// What is done with a class, after "are".
pub(super) fn policy_short(name: &str) -> &str {
    match name {
        "nodata" => "removed",
        "mean" => "levelled to one number each",
        other => other,
    }
}

/// What is done with a class, after "were", for residents.
pub(super) fn policy_plain(name: &str) -> &str {
    match name {
        "nodata" => "taken out of the map",
        "mean" => "each turned into one flat colour",
        other => other,
    }
}

/// How wind carries heat away.
pub(super) fn convection(name: &str) -> &str {
    match name {
        "mcadams" => "McAdams (5.7 + 3.8 v)",
        "iso-6946" => "ISO 6946 (4 + 4 v)",
        other => other,
    }
}

/// A line of defence.
pub(super) fn line(name: &str) -> &str {
    match name {
        "model" => "detection models",
        "warm-spots" => "warm spots of a person\u{2019}s size, found without a model",
        "carry" => "what neighbouring frames saw",
        other => other,
    }
}

/// What a person decided about a frame.
pub(super) fn decision(name: &str) -> &str {
    match name {
        "release" => "Override: published with less hidden than the program would",
        "approve" => "Override: published with the program\u{2019}s masks and any added ones",
        "reject" => "Override: never to be published",
        "confirm" => "Published frame looked at and found right",
        other => other,
    }
}

/// The same after "frame 5,".
pub(super) fn decided(name: &str) -> &'static str {
    match name {
        "release" => "published with less hidden",
        "approve" => "published with all that was found hidden",
        "reject" => "never to be published",
        _ => "looked at",
    }
}

/// What was deleted.
pub(super) fn category(name: &str) -> &str {
    match name {
        "raw" => "Raw frames (the input files)",
        "working" => "Working files (masked)",
        "private" => "List of file names",
        "commitment-key" => "Key that links the log to the input files",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Cause;

    #[test]
    fn every_reason_with_a_remedy_of_its_own_has_words_of_its_own() {
        for name in [
            "beyond-envelope",
            "self-check",
            "detector-failed",
            "out-of-time",
            "internal",
            "unsupported-family",
            "unknown-scale",
            "not-thermal",
            "no-position",
            "no-altitude",
            "no-attitude",
            "unknown-camera",
            "duplicate",
            "above-horizon",
            "io",
            "changed",
            "truncated",
            "malformed",
            "sealed",
        ] {
            assert_ne!(Cause::new(name, "").remedy(), "see the detail", "{name}");
            assert_ne!(reason(name), reason("?"), "{name}");
        }
    }
}
