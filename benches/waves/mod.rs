//! A picture for benches of networks.

use heatveil::raster::Raster;

/// Waves of several lengths with warm blocks on them, so many pixels further left: no flat ground, some things to find.
pub(crate) fn picture(width: usize, height: usize, shift: usize) -> Raster<u8> {
    let mut samples = Vec::with_capacity(width * height);
    for y in 0..height {
        for x in shift..width + shift {
            let block = x % 80 < 10 && y % 96 < 16;
            let wave = usize::midpoint(x * 7 % 61, y * 5 % 53) + (x / 64 + y / 48) * 3 % 40;
            let value = if block { 220 } else { 60 + wave };
            samples.push(u8::try_from(value).unwrap());
        }
    }
    Raster::new(width, height, samples).unwrap()
}
