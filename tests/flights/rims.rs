//! What cameras read at the rims of their pictures, found without the code under test.

use heatveil::georef::View;
use heatveil::raster::Raster;
use heatveil::units::Degrees;

/// What overlapping frames say of each other's rims, found without the code under test: over places that two frames show, their difference less its
/// mean in that pair, against the difference of the squared distances from the middle of the sensor (2 in the corners).
pub(crate) struct Rims {
    /// What corners read less than the middle, K: least squares.
    pub(crate) corner_kelvin: f64,
    /// Root mean square of the differences, K.
    pub(crate) rms: f64,
    pub(crate) places: usize,
}

impl Rims {
    pub(crate) fn of(frames: &[(View, Raster<f32>)]) -> Self {
        let seen = |(view, raster): &(View, Raster<f32>), (east, north): (f64, f64)| {
            let celsius = view.sample(raster, east, north)?;
            let (u, v) = view.pixel(east, north)?;
            let (x, y) = (u / view.camera().cx - 1.0, v / view.camera().cy - 1.0);
            Some((f64::from(celsius), x * x + y * y))
        };
        let (mut products, mut squares, mut differences, mut places) = (0.0, 0.0, 0.0, 0);
        for (at, first) in frames.iter().enumerate() {
            for second in frames.iter().skip(at + 1) {
                let bounds = |view: &View| view.bounds(Degrees(50.0)).unwrap();
                let Some(shared) = bounds(&first.0).intersection(bounds(&second.0)) else {
                    continue;
                };
                let (width, height) = shared.size();
                let place = |step: u32| {
                    let (column, row) = (f64::from(step % 30) + 0.5, f64::from(step / 30) + 0.5);
                    (
                        shared.west + width * column / 30.0,
                        shared.south + height * row / 30.0,
                    )
                };
                let both: Vec<(f64, f64)> = (0..900)
                    .filter_map(|step| {
                        Some((seen(first, place(step))?, seen(second, place(step))?))
                    })
                    .map(|((a, near), (b, far))| (b - a, far - near))
                    .collect();
                if both.len() < 100 {
                    continue;
                }
                #[expect(clippy::cast_precision_loss, reason = "some hundred places")]
                let count = both.len() as f64;
                let mean = |of: fn(&(f64, f64)) -> f64| both.iter().map(of).sum::<f64>() / count;
                let (kelvin, farther) = (mean(|pair| pair.0), mean(|pair| pair.1));
                for pair in &both {
                    let (difference, distance) = (pair.0 - kelvin, pair.1 - farther);
                    products += difference * distance;
                    squares += distance * distance;
                    differences += difference * difference;
                }
                places += both.len();
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "some thousand places")]
        let rms = (differences / places as f64).sqrt();
        Self {
            corner_kelvin: -2.0 * products / squares,
            rms,
            places,
        }
    }
}
