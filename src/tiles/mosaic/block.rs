//! One block of a map: every pixel from the frame that sees its piece of surface freely and most steeply.

use std::sync::Arc;

use super::options::Limits;
use super::{BLOCK, FootprintIndex, Grid, MARGIN, MosaicFrame, MosaicOptions, TilesError};
use crate::frame::FrameId;
use crate::georef::{Bounds, Patch, Surface};
use crate::raster::Raster;
use crate::units::Metres;

/// Cells of surface around a block in which something may hide it; what stands further off is not asked.
const MAX_REACH_CELLS: f64 = 1000.0;

/// All that a block needs to know.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) grid: Grid,
    pub(super) surface: &'a Surface,
    pub(super) options: &'a MosaicOptions,
    /// Frames that see anything.
    pub(super) frames: Vec<MosaicFrame>,
    /// What each of them sees.
    pub(super) bounds: Vec<Bounds>,
    pub(super) index: FootprintIndex,
}

/// A drawn block: per pixel the best view and the next best.
pub(super) struct Block {
    pub(super) origin: (usize, usize),
    pub(super) size: (usize, usize),
    pub(super) best: Vec<Best>,
    /// Pixels with a temperature whose height the surface model does not know.
    pub(super) unknown: u64,
}

#[derive(Clone, Copy)]
pub(super) struct Best {
    pub(super) celsius: f32,
    pub(super) next_celsius: f32,
    first: Rank,
    next: Rank,
}

/// How well a frame sees a pixel; the lesser is the better.
#[derive(Clone, Copy)]
struct Rank {
    /// Whether something stands so near to the line of sight that a small error would show it instead.
    grazes: bool,
    /// Squared tangent of the off-nadir angle.
    tangent: f64,
    frame: u32,
}

const NOBODY: Rank = Rank {
    grazes: true,
    tangent: f64::INFINITY,
    frame: u32::MAX,
};
const NOTHING: Best = Best {
    celsius: f32::NAN,
    next_celsius: f32::NAN,
    first: NOBODY,
    next: NOBODY,
};

/// A square of a block that asks frames in an order of its own: the fewer pixels it has, the fewer frames are the nearest for any.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// Column and row of its first pixel in the block.
    first: (usize, usize),
    size: (usize, usize),
}

impl Part {
    const SIDE: usize = 64;

    /// The parts of a block of this size, row by row.
    fn all_of((width, height): (usize, usize)) -> impl Iterator<Item = Self> {
        let rows = (0..height).step_by(Self::SIDE);
        rows.flat_map(move |row| {
            let columns = (0..width).step_by(Self::SIDE);
            columns.map(move |column| Self {
                first: (column, row),
                size: (Self::SIDE.min(width - column), Self::SIDE.min(height - row)),
            })
        })
    }
}

/// A part and whom it asks, one after the other.
struct Queue<'a> {
    part: Part,
    /// Frames that may see it with their squared distances in plan, the nearest first.
    near: Vec<(f64, &'a MosaicFrame)>,
    /// What a frame must stay below to take any of its pixels.
    worst: f64,
}

impl<'a> Queue<'a> {
    /// The frame at a place in its order; `None` where there is none, or no pixel of the part is seen more steeply than by those before it: none more
    /// than the nearest corner would be at the lowest level.
    fn frame(&self, number: usize, low: f64) -> Option<&'a MosaicFrame> {
        let (distance, frame) = *self.near.get(number)?;
        let drop = frame.view.height().0 - low;
        let steepest = distance / (drop * drop) * (1.0 - 1e-9);
        (drop > 0.0 && self.worst >= steepest).then_some(frame)
    }
}

/// The surface under a block's pixels.
struct Under {
    patch: Patch,
    /// Level per pixel, `NAN` where unknown.
    levels: Vec<f32>,
    /// Rise per metre east and north, `NAN` where unknown or a wall.
    slopes: Vec<(f32, f32)>,
}

impl Scene<'_> {
    /// Draws the block whose first pixel is `origin`; `None` where no frame reaches.
    pub(super) fn draw<E: From<TilesError>>(
        &self,
        origin: (usize, usize),
        raster: &impl Fn(FrameId) -> Result<Arc<Raster<f32>>, E>,
    ) -> Result<Option<Block>, E> {
        let at = self.index.at(origin).iter();
        let candidates: Vec<(&MosaicFrame, Bounds)> = at
            .filter_map(|&number| {
                let frame = self.frames.get(number as usize)?;
                Some((frame, *self.bounds.get(number as usize)?))
            })
            .collect();
        if candidates.is_empty() {
            return Ok(None);
        }
        let (column, row) = origin;
        let grid = &self.grid;
        let size = (BLOCK.min(grid.width - column), BLOCK.min(grid.height - row));
        let under = self.under(origin, size).map_err(TilesError::from)?;
        let mut block = Block {
            origin,
            size,
            best: vec![NOTHING; size.0 * size.1],
            unknown: 0,
        };
        let mut queues: Vec<Queue<'_>> = Part::all_of(size)
            .map(|part| self.queue(part, origin, &candidates))
            .collect();
        let low = under
            .as_ref()
            .map_or(0.0, |under| under.patch.range().0.min(0.0));
        // Each part's nearest frame, then each one's second: parts lie side by side, so that a frame is asked by most of them at about the same time, and
        // mostly read once, also where more see the block than the cache holds.
        let most = queues.iter().map(|queue| queue.near.len()).max();
        for number in 0..most.unwrap_or(0) {
            for queue in &mut queues {
                let Some(frame) = queue.frame(number, low) else {
                    continue;
                };
                block.compete(self, queue.part, frame, &*raster(frame.id)?, under.as_ref());
                queue.worst = block.worst(queue.part);
            }
        }
        if let Some(under) = &under {
            let pairs = block.best.iter().zip(&under.levels);
            let unknown = pairs.filter(|(best, level)| best.celsius.is_finite() && level.is_nan());
            block.unknown = unknown.count() as u64;
        }
        Ok(Some(block))
    }

    /// The frames that a part of the block at `origin` asks.
    fn queue<'a>(
        &self,
        part: Part,
        origin: (usize, usize),
        candidates: &[(&'a MosaicFrame, Bounds)],
    ) -> Queue<'a> {
        let first = (origin.0 + part.first.0, origin.1 + part.first.1);
        let area = self.area(first, part.size);
        let reach = area.grown(Metres(self.grid.resolution * MARGIN));
        let mut near: Vec<(f64, &MosaicFrame)> = candidates
            .iter()
            .filter(|(_, bounds)| bounds.intersection(reach).is_some())
            .map(|(frame, _)| (distance_squared(frame.view.centre(), area), *frame))
            .collect();
        // The nearest first: those that follow are then mostly turned away by one comparison. The outcome is that of any
        // order, because equal angles go to the lower number.
        near.sort_by(|(a, first), (b, second)| a.total_cmp(b).then(first.id.cmp(&second.id)));
        Queue {
            part,
            near,
            worst: f64::INFINITY,
        }
    }

    /// The middles of the outermost of some pixels.
    fn area(&self, (column, row): (usize, usize), size: (usize, usize)) -> Bounds {
        let (west, north) = self.grid.centre(column, row);
        let (east, south) = self.grid.centre(column + size.0 - 1, row + size.1 - 1);
        Bounds {
            west,
            south,
            east,
            north,
        }
    }

    /// The surface under a block and as far around it as anything can hide it; `None` where the ground is flat.
    fn under(
        &self,
        (column, row): (usize, usize),
        (width, height): (usize, usize),
    ) -> Result<Option<Under>, crate::georef::SurfaceError> {
        let Some(Metres(cell)) = self.surface.cell() else {
            return Ok(None);
        };
        let (low, high) = self.surface.range();
        let reach = ((high - low) * self.options.max_off_nadir.to_radians().tan())
            .clamp(0.0, MAX_REACH_CELLS * cell);
        let around = Metres(reach + self.options.clearance.0 + cell);
        let area = self.area((column, row), (width, height));
        let Some(patch) = self.surface.patch(area.grown(around))? else {
            return Ok(None);
        };
        let (mut levels, mut slopes) = (Vec::new(), Vec::new());
        levels.reserve_exact(width * height);
        slopes.reserve_exact(width * height);
        for at in 0..width * height {
            let (east, north) = self.grid.centre(column + at % width, row + at / width);
            let stand = patch.stand(east, north);
            let slope = stand
                .and_then(|(_, slope)| slope)
                .unwrap_or((f64::NAN, f64::NAN));
            #[expect(
                clippy::cast_possible_truncation,
                reason = "metres and slopes need few digits"
            )]
            {
                levels.push(stand.map_or(f32::NAN, |(level, _)| level as f32));
                slopes.push((slope.0 as f32, slope.1 as f32));
            }
        }
        Ok(Some(Under {
            patch,
            levels,
            slopes,
        }))
    }
}

/// Squared distance in plan from a point to a rectangle.
fn distance_squared((east, north): (f64, f64), area: Bounds) -> f64 {
    let dx = (area.west - east).max(east - area.east).max(0.0);
    let dy = (area.south - north).max(north - area.north).max(0.0);
    dx * dx + dy * dy
}

impl Block {
    /// What a frame must stay below to take any pixel of a part.
    fn worst(&self, part: Part) -> f64 {
        let rows = self.best.chunks_exact(self.size.0);
        let rows = rows.skip(part.first.1).take(part.size.1);
        let pixels = rows.flat_map(|row| row.iter().skip(part.first.0).take(part.size.0));
        pixels.fold(0.0, |worst, best| worst.max(best.next.to_beat()))
    }

    /// Lets one frame take the pixels that it sees better than those before it.
    fn compete(
        &mut self,
        scene: &Scene<'_>,
        part: Part,
        frame: &MosaicFrame,
        raster: &Raster<f32>,
        under: Option<&Under>,
    ) {
        let view = &frame.view;
        let limits = Limits::new(view, scene.options);
        let (camera_east, camera_north) = view.centre();
        let rows = self.best.chunks_exact_mut(self.size.0).enumerate();
        for (row, pixels) in rows.skip(part.first.1).take(part.size.1) {
            let pixels = pixels.iter_mut().enumerate();
            for (column, best) in pixels.skip(part.first.0).take(part.size.0) {
                let (east, north) = scene
                    .grid
                    .centre(self.origin.0 + column, self.origin.1 + row);
                let at = row * self.size.0 + column;
                let level = under.and_then(|under| under.levels.get(at));
                // Where no surface is known the ground is taken as flat.
                let up = level
                    .filter(|level| level.is_finite())
                    .map_or(0.0, |&level| f64::from(level));
                let (dx, dy, drop) = (
                    camera_east - east,
                    camera_north - north,
                    view.height().0 - up,
                );
                let plan = dx * dx + dy * dy;
                let tangent = plan / (drop * drop);
                let within = drop > 0.0
                    && tangent <= limits.tangent_squared
                    && plan + drop * drop <= limits.slant_squared;
                let mut rank = Rank {
                    grazes: false,
                    tangent,
                    frame: frame.id.0,
                };
                if !within || !rank.beats(best.next) {
                    continue;
                }
                if let Some(slope) = under.and_then(|under| under.slopes.get(at))
                    && is_too_oblique(*slope, (dx, dy, drop), limits.cos_incidence)
                {
                    continue;
                }
                let Some(celsius) = view.sample_above(raster, (east, north), up) else {
                    continue;
                };
                if under.is_some_and(|under| !under.patch.visible(view, east, north, up)) {
                    continue;
                }
                let clearance = scene.options.clearance;
                rank.grazes = under.is_some_and(|under| {
                    clearance.0 > 0.0
                        && !under
                            .patch
                            .clearly_visible(view, (east, north, up), clearance)
                });
                if rank.beats(best.next) {
                    best.enter(celsius, rank);
                }
            }
        }
    }
}

impl Rank {
    /// Squared tangent that another frame must stay below to take this one's place; without end where any frame that sees freely does.
    fn to_beat(self) -> f64 {
        if self.grazes {
            f64::INFINITY
        } else {
            self.tangent
        }
    }

    /// Whether this one sees more freely, else more steeply; where both are alike the lower number does.
    fn beats(self, other: Self) -> bool {
        if self.grazes != other.grazes {
            return other.grazes;
        }
        self.tangent < other.tangent || (self.tangent <= other.tangent && self.frame < other.frame)
    }
}

/// Whether the camera lies further from the surface's normal than the limit. Walls (`NAN`) have none: what they show in a
/// map from above is the edge of a roof or of the ground.
fn is_too_oblique(
    (to_east, to_north): (f32, f32),
    (dx, dy, up): (f64, f64, f64),
    cos_limit: f64,
) -> bool {
    let (to_east, to_north) = (f64::from(to_east), f64::from(to_north));
    let slant = (dx * dx + dy * dy + up * up).sqrt();
    let normal = (to_east * to_east + to_north * to_north + 1.0).sqrt();
    up - to_east * dx - to_north * dy < cos_limit * slant * normal
}

impl Best {
    fn enter(&mut self, celsius: f32, rank: Rank) {
        if rank.beats(self.first) {
            (self.next_celsius, self.next) = (self.celsius, self.first);
            (self.celsius, self.first) = (celsius, rank);
        } else {
            (self.next_celsius, self.next) = (celsius, rank);
        }
    }

    /// The frame that is drawn.
    pub(super) fn frame(&self) -> u32 {
        self.first.frame
    }

    /// The next best.
    pub(super) fn next_frame(&self) -> u32 {
        self.next.frame
    }

    /// Tangent of its off-nadir angle.
    pub(super) fn tangent(&self) -> f64 {
        self.first.tangent.sqrt()
    }

    /// How much the best frame weighs against the next (`MosaicOptions::feather`); `feather` is the width as a tangent.
    pub(super) fn weight(&self, feather: Option<f64>) -> f64 {
        match feather {
            Some(feather)
                if self.next_celsius.is_finite() && self.first.grazes == self.next.grazes =>
            {
                let worse = self.next.tangent.sqrt() - self.tangent();
                f64::midpoint(1.0, (worse / feather).min(1.0))
            }
            _ => 1.0,
        }
    }
}
