//! Made pictures, to which an accelerator must answer as the processor does.
//!
//! In: a width and a height. Out: three pictures of that size in which a network finds other things each time. Refuses: nothing.

use crate::frame::ModelInput;
use crate::raster::Raster;

/// Three pictures with warm spots of a person's size (7 x 7 pixels) and larger ones, elsewhere in each, on a ground of made-up noise (linear congruential;
/// Knuth, TAOCP volume 2, section 3.3.4).
pub(super) fn made_pictures((width, height): (usize, usize)) -> Vec<ModelInput> {
    let made = (1..=3_u32).zip([0, 17, 31]).map(|(seed, shift)| {
        let mut state = seed;
        let samples = (0..width * height).map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 28) as u8;
            let (x, y) = (at % width, at / width);
            let side = 7 * (1 + 2 * x / width);
            let is_warm = (x + shift) % 40 < side && (y + shift) % 50 < side;
            if is_warm { 220 + noise } else { 90 + noise }
        });
        let picture =
            Raster::new(width, height, samples.collect()).expect("one sample for each pixel");
        // As it is: its sides are what the network is to be shown.
        ModelInput::from_grey8(&picture, 1)
    });
    made.collect()
}

pub(super) fn greys(pictures: &[ModelInput]) -> Vec<Raster<f32>> {
    pictures.iter().map(|one| one.grey().clone()).collect()
}

/// Width and height of the pictures with which an accelerator is tried at the start.
pub(super) const TRIED: (usize, usize) = (320, 256);
