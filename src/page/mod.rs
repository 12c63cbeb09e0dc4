//! What every page for people shares: skeleton, style, figures and times in words.
//!
//! In: numbers, seconds, names. Out: text for templates. `skeleton.html` is what a page extends; `style.css` stands in each page, so
//! that a page is one file. Refuses: scripts, other files and the network, by the skeleton's own content policy.
//!
//! Escaping has one place, [`escape`]: askama takes it for every value of a template whose name ends in `.html` (`askama.toml`), and no
//! template turns that off (`tests/report.rs`); pages and letters are written without a template and take it themselves.

mod words;

pub(crate) use words::{Html, bytes, count, day, escape, joined, number, percent, ranges, time};

#[cfg(test)]
mod tests {
    /// `--name: #rrggbb` in the style.
    fn colour(name: &str) -> [u8; 3] {
        let style = include_str!("style.css");
        let found = style.split(&format!("--{name}: #")).nth(1).unwrap();
        let value = u32::from_str_radix(&found[..6], 16).unwrap();
        let [_, red, green, blue] = value.to_be_bytes();
        [red, green, blue]
    }

    /// Contrast of two colours, WCAG 2.2, "contrast ratio" and "relative luminance".
    fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
        let luminance = |colour: [u8; 3]| {
            let linear = colour.map(|value| {
                let share = f64::from(value) / 255.0;
                if share <= 0.04045 {
                    share / 12.92
                } else {
                    ((share + 0.055) / 1.055).powf(2.4)
                }
            });
            0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn every_text_stands_out_from_every_ground_it_stands_on() {
        // Black on white is 21, #777777 on white 4.48: both from the definition's own examples.
        assert!((contrast([0; 3], [255; 3]) - 21.0).abs() < 0.01);
        assert!((contrast([0x77; 3], [255; 3]) - 4.48).abs() < 0.01);
        for text in ["ink", "soft", "accent", "warn", "good"] {
            for ground in ["paper", "tint", "caution"] {
                let found = contrast(colour(text), colour(ground));
                assert!(found >= 4.5, "{text} on {ground}: {found:.2}");
            }
        }
    }
}
