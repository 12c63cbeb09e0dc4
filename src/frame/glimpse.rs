//! What lies under a mask, on the operator's own terminal and nowhere else.
//!
//! In: an unredacted frame. Out: nothing but coarse blocks on a terminal, wiped when the reader is done. Refuses: a standard output that is
//! anything else (a file, a pipe), since what leaves the kernel as a value could be written by whoever holds it. What a terminal
//! program, a recorder or a remote session does with what it shows is beyond us.

use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal, Write as _};

use super::{Calibrated, Frame, RedactionMask};
use crate::raster::Raster;

/// Characters across: of a frame of 640 pixels each half block shows 6 by 6, two of them a character.
const COLUMNS: usize = 107;

/// Why nothing was shown.
#[derive(Debug, thiserror::Error)]
pub enum GlimpseError {
    /// Somebody else would read it.
    #[error(
        "unredacted pixels are shown on a terminal alone; standard output and input are not both one"
    )]
    NotATerminal,
    /// There is nothing there.
    #[error("the part {part:?} does not lie within the frame; give left,top,right,bottom")]
    Part {
        /// Left, top, right, bottom.
        part: [u32; 4],
    },
    /// The terminal failed.
    #[error("the terminal cannot be written to")]
    Io(#[from] io::Error),
}

impl Frame<Calibrated> {
    /// Shows a part of the frame (left, top, right, bottom in whole pixels) on the terminal until the reader presses Enter; what `mask`
    /// hides is tinted. The screen is the terminal's alternate one, which keeps no lines to scroll back to.
    ///
    /// # Errors
    ///
    /// [`GlimpseError`]; nothing was shown then.
    pub fn glimpse(
        self,
        mask: Option<&RedactionMask>,
        part: Option<[u32; 4]>,
    ) -> Result<(), GlimpseError> {
        if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            return Err(GlimpseError::NotATerminal);
        }
        let text = blocks(&self.stage.celsius, mask, part)?;
        let wipe = Wipe;
        let mut terminal = io::stdout().lock();
        write!(
            terminal,
            "\x1b[?1049h\x1b[H{text}\x1b[0munredacted; Enter wipes it "
        )?;
        terminal.flush()?;
        drop(terminal);
        io::stdin().lock().read_line(&mut String::new())?;
        drop(wipe);
        Ok(())
    }
}

/// Wipes the alternate screen and leaves it, whatever ended the showing but a signal.
struct Wipe;

impl Drop for Wipe {
    fn drop(&mut self) {
        let mut terminal = io::stdout().lock();
        let _ = write!(terminal, "\x1b[2J\x1b[?1049l");
        let _ = terminal.flush();
    }
}

/// Lines of half blocks, each the mean of its pixels.
fn blocks(
    celsius: &Raster<f32>,
    mask: Option<&RedactionMask>,
    part: Option<[u32; 4]>,
) -> Result<String, GlimpseError> {
    let (width, height) = celsius.shape();
    let whole = |part: [u32; 4]| part.map(|edge| usize::try_from(edge).unwrap_or(usize::MAX));
    let [x0, y0, x1, y1] = part.map_or([0, 0, width, height], whole);
    if x0 >= x1 || y0 >= y1 || x1 > width || y1 > height {
        return Err(GlimpseError::Part {
            part: part.unwrap_or_default(),
        });
    }
    let side = (x1 - x0).div_ceil(COLUMNS);
    let mean = |x: usize, y: usize| {
        let (mut sum, mut count, mut hidden) = (0.0_f32, 0.0_f32, false);
        for (x, y) in
            (y..(y + side).min(y1)).flat_map(|y| (x..(x + side).min(x1)).map(move |x| (x, y)))
        {
            if let Some(value) = celsius.get(x, y).filter(|value| value.is_finite()) {
                (sum, count) = (sum + value, count + 1.0);
            }
            hidden |= mask.is_some_and(|mask| mask.hides(x, y));
        }
        (sum / count, hidden)
    };
    let rows: Vec<Vec<(f32, bool)>> = (y0..y1)
        .step_by(side)
        .map(|y| (x0..x1).step_by(side).map(|x| mean(x, y)).collect())
        .collect();
    let finite = rows
        .iter()
        .flatten()
        .map(|(mean, _)| *mean)
        .filter(|mean| mean.is_finite());
    let (low, high) = finite.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), mean| {
        (low.min(mean), high.max(mean))
    });
    let colour = |cell: Option<&(f32, bool)>| {
        let &(mean, hidden) = cell.unwrap_or(&(f32::NAN, false));
        let share = ((mean - low) / (high - low).max(f32::EPSILON)).clamp(0.0, 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 255; no data is black"
        )]
        let grey = (share * 255.0) as u8;
        let tinted = if hidden { grey / 2 } else { grey };
        format!("{grey};{tinted};{grey}")
    };
    let mut text = String::new();
    for pair in rows.chunks(2) {
        for x in 0..pair.first().map_or(0, Vec::len) {
            let upper = pair.first().and_then(|row| row.get(x));
            let lower = pair.get(1).and_then(|row| row.get(x));
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "\x1b[38;2;{}m\x1b[48;2;{}m\u{2580}",
                colour(upper),
                colour(lower)
            );
        }
        text.push_str("\x1b[0m\r\n");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::{FrameId, PixelRect};
    use super::*;

    fn raster() -> Raster<f32> {
        let samples = (0..8_u8).map(f32::from).collect();
        Raster::new(4, 2, samples).unwrap()
    }

    #[test]
    fn two_rows_of_pixels_make_one_line_and_what_is_hidden_is_tinted() {
        let mut mask = RedactionMask::new(FrameId(0), 4, 2);
        mask.draw_no_data(PixelRect {
            x0: 3,
            y0: 1,
            x1: 4,
            y1: 2,
        });
        let text = blocks(&raster(), Some(&mask), None).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert_eq!(text.matches('\u{2580}').count(), 4);
        // The coldest and the warmest, the latter hidden.
        assert!(text.starts_with("\x1b[38;2;0;0;0m"), "{text:?}");
        assert!(text.contains("\x1b[48;2;255;127;255m"), "{text:?}");
    }

    #[test]
    fn a_wide_part_is_shown_in_means_from_black_to_white() {
        // 214 columns are 107 means of 2 x 2 pixels: one of 20 with a pixel that was not measured, one of 40, else 30.
        let mut wide = Raster::filled(300, 4, 30.0_f32).unwrap();
        for (x, y, value) in [
            (86, 0, 10.0),
            (87, 0, 30.0),
            (86, 1, 20.0),
            (87, 1, f32::NAN),
        ] {
            *wide.get_mut(x, y).unwrap() = value;
        }
        for (x, y) in [(298, 2), (299, 2), (298, 3), (299, 3)] {
            *wide.get_mut(x, y).unwrap() = 40.0;
        }
        let text = blocks(&wide, None, Some([86, 0, 300, 4])).unwrap();
        assert_eq!(
            (text.lines().count(), text.matches('\u{2580}').count()),
            (1, 107)
        );
        let greys = |code: &str| {
            let parts = text.split(code).skip(1);
            let grey = |part: &str| part.split(';').next().unwrap().parse().unwrap();
            parts.map(grey).collect::<Vec<u8>>()
        };
        let upper = [vec![0], vec![127; 106]].concat();
        let lower = [vec![127; 106], vec![255]].concat();
        assert_eq!((greys("[38;2;"), greys("[48;2;")), (upper, lower));
    }

    #[test]
    fn a_part_is_shown_alone_and_one_outside_is_refused() {
        let text = blocks(&raster(), None, Some([1, 0, 3, 1])).unwrap();
        assert_eq!(text.matches('\u{2580}').count(), 2);
        for part in [[0, 0, 5, 1], [1, 0, 1, 1], [0, 2, 1, 1]] {
            assert!(blocks(&raster(), None, Some(part)).is_err(), "{part:?}");
        }
    }
}
