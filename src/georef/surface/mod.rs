//! The surface that the frames look at: ground, roofs and trees; without a model the ground alone, flat or as overlaps tell it.
//!
//! In: a surface model (DSM), any raster that GDAL reads from a local file, in any coordinate system; or levels of the ground. Out: a
//! [`Surface`] in the run's coordinate system, read in [`Patch`]es: heights, slopes, what hides what. Refuses: files
//! without a place, heights that are not metres, models of elsewhere.
//!
//! Memory holds the patches in use, the squares used last, the control grid and GDAL's own bounded cache. Heights are metres above the run's
//! reference level, the level 0 of [`View`](super::View); where the model has no data no surface is known (`None`),
//! and callers fall back to level 0 and count it. A cell's height depends on the area opened, never on the patch asked for.

mod error;
mod lattice;
mod patch;
mod relief;
mod source;
mod squares;
mod tops;

use std::path::Path;

use sha2::{Digest, Sha256};

use super::crs::vertical_name;
use super::{Bounds, Crs};
use crate::units::Metres;
use lattice::Lattice;
use source::Source;
use squares::{SIDE, Squares};

pub use error::SurfaceError;
pub use patch::{Hit, Patch};
pub(super) use relief::Node;
pub use relief::Relief;

/// Metres around the first frame of a flight in which the ground is looked for.
const TAKE_OFF_RADIUS: f64 = 10.0;

/// What the frames look at.
#[derive(Debug)]
pub enum Surface {
    /// Flat ground at level 0.
    Flat,
    /// Ground without anything on it, as overlaps tell it.
    Relief(Relief),
    /// A surface model.
    Model(Box<Model>),
}

/// A surface model over the area of a run.
#[derive(Debug)]
pub struct Model {
    squares: Squares,
    /// Elevation of level 0 in the model's datum.
    reference: f64,
    /// Name of that datum, where the file tells.
    vertical: Option<String>,
    /// Elevations of the lowest and the highest cell.
    elevations: (f64, f64),
    unknown: u64,
    sha256: [u8; 32],
}

impl Surface {
    /// Opens the part of a surface model that lies in `area` (metres in `crs`), and looks through it once.
    ///
    /// Level 0 is elevation 0 of the model until [`Surface::with_reference`].
    ///
    /// # Errors
    ///
    /// [`SurfaceError`].
    pub fn open(path: &Path, crs: Crs, area: Bounds) -> Result<Self, SurfaceError> {
        let source = Source::open(path)?;
        let lattice = Lattice::over(crs, &source, area)?;
        let vertical = vertical_name(&source.system()?);
        let (width, height) = lattice.size;
        let squares = Squares::of(source, lattice);
        let mut elevations = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut unknown, mut hash) = (0, Sha256::new());
        for row in (0..height).step_by(SIDE) {
            let rows = SIDE.min(height - row);
            for elevation in squares.elevations((0, row), (width, rows))? {
                let elevation = f64::from(elevation);
                if elevation.is_finite() {
                    elevations = (elevations.0.min(elevation), elevations.1.max(elevation));
                } else {
                    unknown += 1;
                }
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a height in millimetres; NaN becomes 0"
                )]
                hash.update(((elevation * 1000.0).round() as i32).to_le_bytes());
            }
        }
        if elevations.0 > elevations.1 {
            return Err(SurfaceError::Elsewhere {
                path: path.to_path_buf(),
            });
        }
        Ok(Self::Model(Box::new(Model {
            squares,
            reference: 0.0,
            vertical,
            elevations,
            unknown,
            sha256: hash.finalize().into(),
        })))
    }

    /// Whether a file can be a surface model at all, before anybody knows where.
    ///
    /// # Errors
    ///
    /// [`SurfaceError`] as [`Surface::open`], but for [`SurfaceError::Elsewhere`].
    pub fn check(path: &Path) -> Result<(), SurfaceError> {
        Source::open(path).map(drop)
    }

    /// The same surface with level 0 at `elevation` in the model's datum.
    #[must_use]
    pub fn with_reference(mut self, elevation: Metres) -> Self {
        if let Self::Model(model) = &mut self {
            model.reference = elevation.0;
        }
        self
    }

    /// The model; `None` for flat ground and for relief, which knows no roofs.
    #[must_use]
    pub fn model(&self) -> Option<&Model> {
        match self {
            Self::Flat | Self::Relief(_) => None,
            Self::Model(model) => Some(model),
        }
    }

    /// Side of the squares between whose corners it is known; `None` for flat ground.
    #[must_use]
    pub fn cell(&self) -> Option<Metres> {
        match self {
            Self::Flat => None,
            Self::Relief(_) => Some(Relief::SPACING),
            Self::Model(model) => Some(model.cell()),
        }
    }

    /// Levels of the lowest and the highest point, level 0 included where some of the surface is unknown.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        let model = match self {
            Self::Flat => return (0.0, 0.0),
            Self::Relief(relief) => {
                let (low, high) = relief.range();
                return (low.0, high.0);
            }
            Self::Model(model) => model,
        };
        let (low, high) = model.elevations;
        let (low, high) = (low - model.reference, high - model.reference);
        if model.unknown > 0 {
            (low.min(0.0), high.max(0.0))
        } else {
            (low, high)
        }
    }

    /// The surface over `bounds` for many questions; `None` where the ground is flat.
    ///
    /// # Errors
    ///
    /// [`SurfaceError::Gdal`].
    pub fn patch(&self, bounds: Bounds) -> Result<Option<Patch>, SurfaceError> {
        let model = match self {
            Self::Flat => return Ok(None),
            Self::Relief(relief) => return Ok(Some(relief.patch(bounds))),
            Self::Model(model) => model,
        };
        let lattice = &model.squares.lattice;
        let (origin, size) = lattice.cells(bounds);
        let mut heights = model.squares.elevations(origin, size)?;
        for height in &mut heights {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "f32 holds metres to a fraction of a millimetre"
            )]
            let level = (f64::from(*height) - model.reference) as f32;
            *height = level;
        }
        let first = lattice.centre(origin.0, origin.1);
        Ok(Some(Patch::new(first, lattice.cell, size, heights)))
    }

    /// Level of the surface at one place (metres east and north); `None` where it is unknown.
    ///
    /// # Errors
    ///
    /// [`SurfaceError::Gdal`]. For tests alone: others take a [`Patch`].
    pub fn height(&self, east: f64, north: f64) -> Result<Option<f64>, SurfaceError> {
        let spot = Bounds {
            west: east,
            south: north,
            east,
            north,
        };
        Ok(match self.patch(spot)? {
            Some(patch) => patch.height(east, north),
            None => Some(0.0),
        })
    }
}

impl Model {
    /// Side of a cell in the run's coordinate system.
    #[must_use]
    pub fn cell(&self) -> Metres {
        Metres(self.squares.lattice.cell)
    }

    /// SHA-256 of all heights of the area, each in millimetres as i32 little-endian (0 where unknown), row by row.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// Name of the system that its elevations are in (`ODN height`); `None` where its file does not tell.
    #[must_use]
    pub fn vertical_system(&self) -> Option<&str> {
        self.vertical.as_deref()
    }

    /// Elevation of level 0, in the model's own system.
    #[must_use]
    pub fn reference(&self) -> Metres {
        Metres(self.reference)
    }

    /// Elevation of the ground near a place: the lowest quartile within 10 m, because a drone's first picture may be
    /// taken above a roof.
    ///
    /// # Errors
    ///
    /// [`SurfaceError::NoTakeOff`] where nothing is known there.
    pub fn ground_near(&self, east: f64, north: f64) -> Result<Metres, SurfaceError> {
        let around = Bounds {
            west: east - TAKE_OFF_RADIUS,
            south: north - TAKE_OFF_RADIUS,
            east: east + TAKE_OFF_RADIUS,
            north: north + TAKE_OFF_RADIUS,
        };
        let (origin, size) = self.squares.lattice.cells(around);
        let mut read = self.squares.elevations(origin, size)?;
        read.retain(|elevation| elevation.is_finite());
        read.sort_unstable_by(f32::total_cmp);
        read.get(read.len() / 4)
            .map(|&elevation| Metres(f64::from(elevation)))
            .ok_or_else(|| self.squares.source.no_take_off())
    }
}
