//! What each place of a map is made of, and how it lies.
//!
//! In: the surface model, outlines of buildings. Out: emissivity and tilt by pixel, tilt by building. Refuses: to guess a tilt where the model has
//! none.

use std::collections::BTreeSet;

use super::{Run, RunError};
use crate::config::WeatherConfig;
use crate::georef::{Bounds, Patch, Surface, SurfaceError};
use crate::heatloss::{self, Footprint, MapGrid, MapWindow, pixels_of};
use crate::tiles::{Grid, MapBlock, MosaicPixel, TilesError};
use crate::units::Degrees;

/// Places along each side of a building at which its slope is looked up.
const PLACES: u8 = 24;
/// Least share of a pixel that makes it a roof's.
const MOST: f64 = 0.5;

/// Roofs of known emissivity on a surface.
pub(super) struct Surfaces<'a> {
    surface: &'a Surface,
    grid: MapGrid,
    roofs: Vec<(Bounds, Footprint, Percent)>,
    otherwise: (Percent, Degrees),
}

/// An emissivity in whole hundredths: finer than anyone knows it, and few enough to tabulate.
pub(super) type Percent = u8;

/// The pixels of a block.
pub(super) struct Block {
    patch: Option<Patch>,
    emissivity: Vec<Percent>,
}

/// The grid as buildings are measured on it.
pub(super) fn map_grid(grid: &Grid) -> MapGrid {
    MapGrid {
        bounds: grid.bounds(),
        resolution: grid.resolution,
        size: (grid.width, grid.height),
    }
}

impl<'a> Surfaces<'a> {
    /// Reads the outlines that the settings name.
    pub(super) fn of(
        run: &Run,
        config: &WeatherConfig,
        grid: &Grid,
        surface: &'a Surface,
    ) -> Result<Self, RunError> {
        let buildings = &run.config.buildings;
        let mut roofs = Vec::new();
        if let Some(source) = &buildings.footprints {
            for footprint in heatloss::read(source, &grid.crs.projector()?, grid.bounds())? {
                let stated = buildings.options.stated_emissivity(&footprint);
                roofs.extend(
                    footprint
                        .bounds()
                        .zip(stated)
                        .map(|(bounds, emissivity)| (bounds, footprint, percent(emissivity))),
                );
            }
        }
        Ok(Self {
            surface,
            grid: map_grid(grid),
            roofs,
            otherwise: (
                percent(config.surface.emissivity.value()),
                config.surface.tilt,
            ),
        })
    }

    /// All emissivities that occur.
    pub(super) fn emissivities(&self) -> BTreeSet<Percent> {
        let of_roofs = self.roofs.iter().map(|(_, _, emissivity)| *emissivity);
        of_roofs.chain([self.otherwise.0]).collect()
    }

    /// What the pixels of a block need.
    pub(super) fn block(&self, block: MapBlock) -> Result<Block, TilesError> {
        let mut emissivity = vec![self.otherwise.0; block.size.0 * block.size.1];
        for (bounds, footprint, of_roof) in &self.roofs {
            if bounds.intersection(block.area).is_none() {
                continue;
            }
            let Some((window, shares)) = pixels_of(footprint, &self.grid) else {
                continue;
            };
            for (at, share) in shares.iter().enumerate() {
                let pixel = within(block, window, at).and_then(|at| emissivity.get_mut(at));
                if let Some(pixel) = pixel.filter(|_| *share >= MOST) {
                    *pixel = *of_roof;
                }
            }
        }
        let patch = match self.surface.model() {
            Some(_) => self.surface.patch(block.area)?,
            None => None,
        };
        Ok(Block { patch, emissivity })
    }

    /// Emissivity and tilt of a pixel; the settings' tilt at walls, and where no model tells.
    pub(super) fn at(&self, block: &Block, pixel: &MosaicPixel) -> (Percent, Degrees) {
        let emissivity = block.emissivity.get(pixel.index).copied();
        let slope = block.patch.as_ref();
        let slope = slope.and_then(|patch| patch.slope(pixel.place.0, pixel.place.1));
        (
            emissivity.unwrap_or(self.otherwise.0),
            slope.map_or(self.otherwise.1, steepness),
        )
    }
}

/// Gives buildings whose tilt nobody stated the median tilt that the surface model has within their outline.
pub(super) fn tilt(footprints: &mut [Footprint], surface: &Surface) -> Result<(), SurfaceError> {
    // The ground under a roof does not tell how the roof lies.
    if surface.model().is_none() {
        return Ok(());
    }
    for footprint in footprints.iter_mut().filter(|one| one.tilt.is_none()) {
        let Some(bounds) = footprint.bounds() else {
            continue;
        };
        let Some(patch) = surface.patch(bounds)? else {
            return Ok(());
        };
        let side = f64::from(PLACES);
        let cell = bounds.size().0.max(bounds.size().1) / side;
        let grid = MapGrid {
            bounds,
            resolution: cell,
            size: (usize::from(PLACES) + 1, usize::from(PLACES) + 1),
        };
        let Some((window, shares)) = pixels_of(footprint, &grid) else {
            continue;
        };
        let place = |at: usize| {
            #[expect(clippy::cast_precision_loss, reason = "some tens")]
            let (column, row) = (
                (window.x0 + at % window.width) as f64 + 0.5,
                (window.y0 + at / window.width) as f64 + 0.5,
            );
            (bounds.west + cell * column, bounds.north - cell * row)
        };
        let mut tilts: Vec<f64> = (0..shares.len())
            .filter(|at| shares.get(*at).is_some_and(|share| *share >= MOST))
            .filter_map(|at| {
                let (east, north) = place(at);
                patch.slope(east, north)
            })
            .map(|slope| steepness(slope).0)
            .collect();
        tilts.sort_unstable_by(f64::total_cmp);
        footprint.tilt = tilts.get(tilts.len() / 2).copied();
    }
    Ok(())
}

fn steepness((east, north): (f64, f64)) -> Degrees {
    Degrees(east.hypot(north).atan().to_degrees())
}

/// A window's pixel by its number, as a number in the block.
fn within(block: MapBlock, window: MapWindow, at: usize) -> Option<usize> {
    let column = (window.x0 + at % window.width).checked_sub(block.origin.0)?;
    let row = (window.y0 + at / window.width).checked_sub(block.origin.1)?;
    (column < block.size.0 && row < block.size.1).then(|| row * block.size.0 + column)
}

fn percent(emissivity: f64) -> Percent {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 100"
    )]
    let whole = (100.0 * emissivity).round().clamp(0.0, 100.0) as u8;
    whole
}
