//! What a network could answer, and cards of models, as the fuzzer makes them.

use std::path::Path;

use arbitrary::{Result, Unstructured};

use super::postprocess::{Grid, Layout, MOST, ROUNDED, decode};
use super::{Class, ClassCard, model_card};

/// The text of a card.
pub(crate) fn card(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(card) = model_card::parse(Path::new("card"), text) {
        let named = card.files.int8.iter().chain([&card.files.fp32]);
        let leads_out = |file: &str| file.contains('/') || file == "..";
        assert!(!named.into_iter().any(|file| leads_out(&file.file)));
        assert!(card.input.multiple_of > 0 && card.output.stride > 0);
    }
}

/// Grids of any shape with any numbers, NaN and infinity included. Too few bytes are no case.
pub(crate) fn postprocess(bytes: &[u8]) {
    let _ = answer(&mut Unstructured::new(bytes));
}

#[expect(clippy::panic_in_result_fn, reason = "a fault is what is looked for")]
fn answer(from: &mut Unstructured<'_>) -> Result<()> {
    let count = from.int_in_range(1..=3)?;
    let classes: Vec<ClassCard> = (0..count).map(|_| class(from)).collect::<Result<_>>()?;
    let stride = from.int_in_range(1..=8)?;
    let (columns, rows) = (from.int_in_range(0..=12)?, from.int_in_range(0..=12)?);
    let layout = Layout {
        model: "m",
        classes: &classes,
        stride,
        floor: number(from)?,
        input: (columns * stride, rows * stride),
        frame: (from.int_in_range(1..=100)?, from.int_in_range(1..=100)?),
    };
    let scores = values(from, count * rows * columns, score)?;
    let distances = values(from, 4 * rows * columns, number)?;
    let grid = |channels, values| Grid {
        channels,
        rows,
        columns,
        values,
    };
    let all = scores.iter().chain(&distances);
    let sound = all.into_iter().all(|value| value.is_finite())
        && scores
            .iter()
            .all(|score| (-ROUNDED..=1.0 + ROUNDED).contains(score))
        && (scores.len(), distances.len()) == (count * rows * columns, 4 * rows * columns);
    let found = decode(grid(count, &scores), grid(4, &distances), &layout);
    assert!(
        sound || found.is_err(),
        "an answer that means nothing was taken"
    );
    check(&found.unwrap_or_default(), &layout);
    Ok(())
}

/// Every find lies in the frame and has the score that its class asks for; the best come first.
#[expect(clippy::cast_precision_loss, reason = "frames of at most 100 pixels")]
fn check(found: &[super::Detection], layout: &Layout<'_>) {
    assert!(found.len() <= MOST);
    assert!(found.is_sorted_by(|a, b| a.score >= b.score));
    for find in found {
        assert!((0.0..=1.0).contains(&find.score));
        let bbox = find.bbox;
        assert!(0.0 <= bbox.x0 && bbox.x0 < bbox.x1 && bbox.x1 <= layout.frame.0 as f32);
        assert!(0.0 <= bbox.y0 && bbox.y0 < bbox.y1 && bbox.y1 <= layout.frame.1 as f32);
        let mut cards = layout.classes.iter();
        assert!(cards.any(|card| {
            card.name == find.class && find.score >= card.threshold.min(layout.floor)
        }));
    }
}

/// Now and then one value too many.
fn values(
    from: &mut Unstructured<'_>,
    count: usize,
    value: fn(&mut Unstructured<'_>) -> Result<f32>,
) -> Result<Vec<f32>> {
    let extra = usize::from(from.ratio(1_u8, 16)?);
    (0..count + extra).map(|_| value(from)).collect()
}

/// Mostly from 0 to 1.
fn score(from: &mut Unstructured<'_>) -> Result<f32> {
    let number = number(from)?;
    let is_count = (8.0..=64.0).contains(&number);
    Ok(if is_count { number / 64.0 } else { number })
}

/// Mostly what networks say; at times any bits.
fn number(from: &mut Unstructured<'_>) -> Result<f32> {
    let byte: u8 = from.arbitrary()?;
    match byte {
        0..=7 => Ok(f32::from_bits(from.arbitrary()?)),
        8..=64 => Ok(f32::from(byte)),
        _ => Ok(f32::from(byte) / 255.0),
    }
}

fn class(from: &mut Unstructured<'_>) -> Result<ClassCard> {
    let share = |byte: u8| f32::from(byte) / 255.0;
    Ok(ClassCard {
        name: *from.choose(&Class::ALL)?,
        threshold: share(from.arbitrary()?),
        alarm: share(from.arbitrary()?),
        padding: share(from.arbitrary()?),
        padding_px: share(from.arbitrary()?),
    })
}
