//! Flux with its interval for every pixel of a map.
//!
//! In: a way to make the balance for a path through air and a tilt. Out: estimate, low and high from an apparent temperature, a distance
//! and a tilt. Refuses: nothing; no data stays no data.
//!
//! The balance of one pixel costs some microseconds. It is smooth, so it is tabulated every half kelvin, every 10 m of path and every tenth of the
//! hemisphere that a surface may see of the sky, and read by straight lines between: within 0.05 W/m² of the balance itself.

use super::FluxModel;
use crate::units::{Celsius, Degrees, Metres};

/// First temperature of the table, °C; below and above it is worked out pixel by pixel.
const FIRST: f64 = -60.0;
/// Kelvin between two rows.
const STEP: f64 = 0.5;
/// Rows: up to 100 °C.
const ROWS: usize = 321;
/// Metres of path between two tables.
const PATH: f64 = 10.0;
/// Tables: up to 500 m; beyond, the last one is taken.
const PATHS: usize = 51;

/// Share of the hemisphere that is sky over a wall, the first of the table.
const FIRST_VIEW: f64 = 0.5;
/// Of it between two tables.
const VIEW: f64 = 0.1;
/// Tables: up to a flat roof, over which all is sky.
const VIEWS: usize = 6;

/// Heat loss of a map's pixels.
#[derive(Debug, Clone)]
pub struct FluxField {
    /// One a path and share of sky, the shares of a path together: its balance, and estimate and half width by temperature.
    tables: Vec<(FluxModel, Vec<[f64; 2]>)>,
}

impl FluxField {
    /// Tabulates what `model` gives for a path of so many metres and a tilt.
    ///
    /// # Errors
    ///
    /// What `model` says.
    pub fn new<E>(model: impl Fn(Metres, Degrees) -> Result<FluxModel, E>) -> Result<Self, E> {
        let tables = (0..PATHS * VIEWS).map(|table| {
            // The other way of `Surface::sky_view`.
            let view = FIRST_VIEW + VIEW * count(table % VIEWS);
            let tilt = (2.0 * view - 1.0).clamp(-1.0, 1.0).acos().to_degrees();
            let model = model(Metres(PATH * count(table / VIEWS)), Degrees(tilt))?;
            let row = |row| balance(&model, FIRST + STEP * count(row));
            Ok((model, (0..ROWS).map(row).collect()))
        });
        Ok(Self {
            tables: tables.collect::<Result<_, E>>()?,
        })
    }

    /// Estimate, low and high in W/m²; all `NaN` without a temperature. A path that is not known (`NaN`) is taken as the shortest.
    #[must_use]
    pub fn at(&self, apparent: f32, path: Metres, tilt: Degrees) -> [f32; 3] {
        let apparent = f64::from(apparent);
        if !apparent.is_finite() {
            return [f32::NAN; 3];
        }
        let view = (f64::midpoint(1.0, tilt.to_radians().cos()) - FIRST_VIEW) / VIEW;
        let ((path, share), (view, more)) = (place(path.0 / PATH, PATHS), place(view, VIEWS));
        let temperature = (apparent - FIRST) / STEP;
        let of_table = |table: usize| {
            let (model, rows) = self.tables.get(table)?;
            let inside = (0.0..=count(ROWS - 1)).contains(&temperature);
            if !inside {
                return Some(balance(model, apparent));
            }
            let (row, share) = place(temperature, ROWS);
            Some(mix(*rows.get(row)?, *rows.get(row + 1)?, share))
        };
        let of = |path: usize| {
            let (steep, flat) = (
                of_table(path * VIEWS + view)?,
                of_table(path * VIEWS + view + 1)?,
            );
            Some(mix(steep, flat, more))
        };
        match (of(path), of(path + 1)) {
            (Some(near), Some(far)) => {
                let [estimate, half] = mix(near, far, share);
                #[expect(clippy::cast_possible_truncation, reason = "W/m2 need few digits")]
                [estimate, estimate - half, estimate + half].map(|value| value as f32)
            }
            _ => [f32::NAN; 3],
        }
    }
}

fn balance(model: &FluxModel, apparent: f64) -> [f64; 2] {
    let flux = model.flux(Celsius(apparent));
    [flux.estimate, flux.half_width()]
}

fn mix(a: [f64; 2], b: [f64; 2], share: f64) -> [f64; 2] {
    [0, 1].map(|at: usize| {
        a.iter()
            .zip(&b)
            .map(|(a, b)| a + share * (b - a))
            .nth(at)
            .unwrap_or(f64::NAN)
    })
}

/// The row before, at most the last but one, and how far to the next.
fn place(at: f64, rows: usize) -> (usize, f64) {
    let at = at.clamp(0.0, count(rows - 1));
    let at = if at.is_nan() { 0.0 } else { at };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the rows"
    )]
    let row = (at as usize).min(rows - 2);
    (row, at - count(row))
}

#[expect(clippy::cast_precision_loss, reason = "some hundreds")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::super::weather::tests::calm_night;
    use super::super::{Convection, HeatLossError, Spread, Surface, air_transmission};
    use super::*;
    use crate::units::Fraction;

    fn model(path: Metres, tilt: Degrees) -> Result<FluxModel, HeatLossError> {
        let weather = calm_night().complete()?.unwrap();
        let surface = Surface {
            emissivity: Fraction::new(0.91).unwrap(),
            tilt,
        };
        let air = air_transmission(&weather, path);
        FluxModel::new(
            &weather,
            surface,
            air,
            Convection::McAdams,
            &Spread::default(),
        )
    }

    #[test]
    fn the_table_gives_what_the_balance_gives() {
        let field = FluxField::new(model).unwrap();
        for apparent in [-70.0_f32, -13.37, -4.0, 0.61, 7.77, 45.2, 130.0] {
            for (path, tilt) in [(25.0, 0.0), (63.0, 35.0), (118.0, 52.0), (80.0, 90.0)] {
                let (path, tilt) = (Metres(path), Degrees(tilt));
                let flux = model(path, tilt).unwrap().flux(Celsius(apparent.into()));
                let found = field.at(apparent, path, tilt).map(f64::from);
                for (found, expected) in found.iter().zip([flux.estimate, flux.low, flux.high]) {
                    let near = 0.05 + 3e-4 * expected.abs();
                    assert!(
                        (found - expected).abs() < near,
                        "{apparent} {path:?} {tilt:?}: {found} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn no_data_stays_no_data_and_an_unknown_path_costs_no_pixel() {
        let field = FluxField::new(model).unwrap();
        assert!(
            field
                .at(f32::NAN, Metres(60.0), Degrees(35.0))
                .iter()
                .all(|value| value.is_nan())
        );
        assert!(
            field
                .at(1.0, Metres(f64::NAN), Degrees(35.0))
                .iter()
                .all(|value| value.is_finite())
        );
        assert!(
            field
                .at(1.0, Metres(9e9), Degrees(35.0))
                .iter()
                .all(|value| value.is_finite())
        );
    }
}
