//! A piece of the surface in memory.
//!
//! Between cell centres the surface is bilinear, except where neighbouring cells differ by more than a slope of
//! [`WALL_SLOPE`]: there it has a vertical face half way between them, as houses have. A map of it from above shows
//! roofs and ground and no walls.
//!
//! Rays are followed in steps of half a cell (ray marching over a height field: Musgrave, Kolb, Mace 1989, without the
//! fractal): from a point to the camera to learn whether something hides it, from the camera to the first hit to learn
//! what a pixel shows. The former stop as soon as the ray is above everything in the patch, and leave out squares that they pass over.

use super::super::View;
use super::tops::Tops;
use crate::georef::camera::as_f64;
use crate::units::Metres;

/// Tangent of 50 degrees. Roofs are pitched up to about 45; a wall of 2.5 m that falls into the middle of a cell of 1 m
/// still rises 1.25 m from each cell to the next.
const WALL_SLOPE: f64 = 1.19;
/// Metres from foot to top of the lowest wall that can have a window in it; garden walls, fences and parked cars are lower.
const WALL_HEIGHT: f64 = 2.0;
/// Share of a wall's least rise that a ray must find at once to have met its face.
const JUMP: f64 = 0.5;
/// Metres by which the surface must stand above a line of sight to hide what lies behind: the noise of a surface model.
const BIAS: f64 = 0.2;
/// Cells along a step of a ray.
const STEP: f64 = 0.5;
/// Halvings of the last step that look for the place of a hit.
const HALVINGS: usize = 4;
/// Steps of one ray at most.
const MAX_STEPS: usize = 20_000;

/// Heights of a rectangle of the surface, metres above level 0.
#[derive(Debug, Clone)]
pub struct Patch {
    /// Centre of the first cell.
    west: f64,
    north: f64,
    cell: f64,
    width: usize,
    height: usize,
    /// `NAN` where unknown.
    heights: Vec<f32>,
    /// Levels of the lowest and the highest cell; level 0 where none is known.
    low: f64,
    high: f64,
    tops: Tops,
}

/// What a pixel shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Hit {
    /// Ground, roof or something low: metres east, north and above level 0.
    Surface(f64, f64, f64),
    /// The face of a wall at least 2 m high.
    Wall(f64, f64, f64),
    /// Nothing that the patch knows: sky, or a way that leads through where no surface is known.
    Unknown,
}

/// Four cells around a place.
struct Quad {
    /// North-west, north-east, south-west, south-east.
    levels: [f64; 4],
    /// Share of the way to the east and to the south.
    share: (f64, f64),
}

impl Patch {
    /// `first` is the centre of the first, north-western cell; `heights` go row by row.
    pub(super) fn new(
        (west, north): (f64, f64),
        cell: f64,
        (width, height): (usize, usize),
        heights: Vec<f32>,
    ) -> Self {
        let known = || {
            heights
                .iter()
                .filter(|height| height.is_finite())
                .map(|&height| f64::from(height))
        };
        let (low, high) = (known().reduce(f64::min), known().reduce(f64::max));
        Self {
            west,
            north,
            cell,
            width,
            height,
            low: low.unwrap_or(0.0),
            high: high.unwrap_or(0.0),
            tops: Tops::of(&heights, (width, height)),
            heights,
        }
    }

    /// Side of a cell.
    #[must_use]
    pub fn cell(&self) -> Metres {
        Metres(self.cell)
    }

    /// Levels of the lowest and the highest cell.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Level of the surface (metres east and north in, metres above level 0 out); `None` where it is unknown.
    #[must_use]
    pub fn height(&self, east: f64, north: f64) -> Option<f64> {
        self.quad(east, north).map(|quad| quad.level(self.cell))
    }

    /// Rise of the surface in metres per metre east and north; `None` where it is unknown or a wall.
    #[must_use]
    pub fn slope(&self, east: f64, north: f64) -> Option<(f64, f64)> {
        let quad = self.quad(east, north)?;
        (!quad.is_wall(self.cell)).then(|| quad.slope(self.cell))
    }

    /// Whether a wall stands within half a cell.
    #[must_use]
    pub fn is_wall(&self, east: f64, north: f64) -> bool {
        self.quad(east, north)
            .is_some_and(|quad| quad.is_wall(self.cell))
    }

    /// Level and slope in one look: what [`Patch::height`] and [`Patch::slope`] say.
    #[must_use]
    pub fn stand(&self, east: f64, north: f64) -> Option<(f64, Option<(f64, f64)>)> {
        let quad = self.quad(east, north)?;
        let slope = (!quad.is_wall(self.cell)).then(|| quad.slope(self.cell));
        Some((quad.level(self.cell), slope))
    }

    /// Whether nothing stands between a point `up` metres above level 0 and the camera. Unknown surface hides nothing.
    #[must_use]
    pub fn visible(&self, view: &View, east: f64, north: f64, up: f64) -> bool {
        let (camera_east, camera_north) = view.centre();
        let to_camera = (
            camera_east - east,
            camera_north - north,
            view.height().0 - up,
        );
        self.is_free((east, north, up), to_camera, BIAS)
    }

    /// Whether it would still be visible with the picture displaced by `clearance` metres: lines of sight as far to the left, to the right
    /// and towards the camera are free too, each from the surface there but for walls. Where they are not, an error of the pose or of
    /// the surface model by that much shows what stands in front.
    #[must_use]
    pub fn clearly_visible(
        &self,
        view: &View,
        (east, north, up): (f64, f64, f64),
        clearance: Metres,
    ) -> bool {
        let (camera_east, camera_north) = view.centre();
        let (dx, dy, rise) = (
            camera_east - east,
            camera_north - north,
            view.height().0 - up,
        );
        let run = dx.hypot(dy);
        // Rays are followed in steps, and an edge is met up to a step late.
        let reach = clearance.0 + STEP * self.cell;
        if run <= reach {
            return true;
        }
        let (ahead, aside) = (dx / run * reach, dy / run * reach);
        let steepest = WALL_SLOPE * reach;
        [(ahead, aside), (-aside, ahead), (aside, -ahead)]
            .into_iter()
            .all(|(by_east, by_north)| {
                let (east, north) = (east + by_east, north + by_north);
                let level = self.height(east, north).unwrap_or(up);
                let level = if (level - up).abs() > steepest {
                    up
                } else {
                    level
                };
                self.is_free((east, north, level), (dx, dy, rise), 0.0)
            })
    }

    /// Whether nothing stands on the way from a point in a direction (metres east, north and up) by more than `bias` metres.
    fn is_free(
        &self,
        (east, north, up): (f64, f64, f64),
        (dx, dy, rise): (f64, f64, f64),
        bias: f64,
    ) -> bool {
        let run = dx.hypot(dy);
        if rise <= 0.0 {
            return false;
        }
        // Above the highest cell nothing hides; straight above neither.
        let highest = ((self.high + bias - up) / rise).min(1.0) * run;
        let step = STEP * self.cell;
        let (to_east, to_north, to_up) = (dx / run, dy / run, rise / run);
        let by_cells = (STEP * to_east, -STEP * to_north);
        let mut along = step;
        while along < highest {
            let (at_east, at_north) = (along * to_east + east, along * to_north + north);
            let clear = along * to_up + up + bias;
            let over = self
                .tops
                .steps_over(self.cells(at_east, at_north), by_cells, clear);
            if over > 0.0 {
                along += over * step;
                continue;
            }
            if self
                .height(at_east, at_north)
                .is_some_and(|level| level > clear)
            {
                return false;
            }
            along += step;
        }
        true
    }

    /// What the pixel at (u, v) shows first.
    #[must_use]
    pub fn hit(&self, view: &View, u: f64, v: f64) -> Hit {
        let (east, north) = view.centre();
        let [ray_east, ray_north, ray_up] = view.ray(u, v);
        let camera = view.height().0;
        if ray_up >= 0.0 || camera <= self.low {
            return Hit::Unknown;
        }
        // Along the ray: 0 at the camera, 1 where its component along the optical axis is 1 m.
        let at = |along: f64| {
            (
                along.mul_add(ray_east, east),
                along.mul_add(ray_north, north),
                along.mul_add(ray_up, camera),
            )
        };
        let level = |(east, north, _): (f64, f64, f64)| self.height(east, north);
        let below = |place: (f64, f64, f64)| Some(place.2 <= level(place)?);
        let mut before = ((self.high + BIAS - camera) / ray_up).max(0.0);
        let last = (self.low - BIAS - camera) / ray_up;
        let step = STEP * self.cell / ray_east.hypot(ray_north).max(-ray_up);
        for _ in 0..MAX_STEPS {
            let mut after = before + step;
            match below(at(after)) {
                Some(true) => {}
                Some(false) if after <= last => {
                    before = after;
                    continue;
                }
                _ => return Hit::Unknown,
            }
            for _ in 0..HALVINGS {
                let middle = f64::midpoint(before, after);
                if below(at(middle)).unwrap_or(true) {
                    after = middle;
                } else {
                    before = middle;
                }
            }
            let (outside, (east, north, up)) = (at(before), at(after));
            // At a face the surface jumps between two places that lie a fraction of a cell apart.
            let jump = level((east, north, up)).unwrap_or(up) - level(outside).unwrap_or(up);
            return if jump > JUMP * WALL_SLOPE * self.cell && self.drop(east, north) >= WALL_HEIGHT
            {
                Hit::Wall(east, north, up)
            } else {
                Hit::Surface(east, north, up)
            };
        }
        Hit::Unknown
    }

    /// Metres between the highest and the lowest of the 4 x 4 cells around a place: a wall may be spread over three.
    fn drop(&self, east: f64, north: f64) -> f64 {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for j in [-1.0, 0.0, 1.0, 2.0] {
            for i in [-1.0, 0.0, 1.0, 2.0] {
                let x = ((east - self.west) / self.cell).floor() + i;
                let y = ((self.north - north) / self.cell).floor() + j;
                if !(x >= 0.0 && y >= 0.0) {
                    continue;
                }
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "not negative; `as` saturates"
                )]
                let (column, row) = (x as usize, y as usize);
                let cell = row.saturating_mul(self.width).saturating_add(column);
                match self.heights.get(cell) {
                    Some(&level) if column < self.width && level.is_finite() => {
                        low = low.min(f64::from(level));
                        high = high.max(f64::from(level));
                    }
                    _ => {}
                }
            }
        }
        high - low
    }

    /// A place in cells from the first one's centre, east and south.
    fn cells(&self, east: f64, north: f64) -> (f64, f64) {
        (
            (east - self.west) / self.cell,
            (self.north - north) / self.cell,
        )
    }

    /// The four cells around a place; `None` where one is missing.
    fn quad(&self, east: f64, north: f64) -> Option<Quad> {
        let (x, y) = self.cells(east, north);
        if !(x >= 0.0 && y >= 0.0) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative; `as` saturates"
        )]
        let (column, row) = (x as usize, y as usize);
        if column + 1 >= self.width || row + 1 >= self.height {
            return None;
        }
        let first = row * self.width + column;
        let level = |at: usize| self.heights.get(at).map(|&level| f64::from(level));
        let below = first + self.width;
        let levels = [
            level(first)?,
            level(first + 1)?,
            level(below)?,
            level(below + 1)?,
        ];
        levels.iter().sum::<f64>().is_finite().then_some(Quad {
            levels,
            // `fract` is a call where the processor may lack SSE4.1.
            share: (x - as_f64(column), y - as_f64(row)),
        })
    }
}

impl Quad {
    fn is_wall(&self, cell: f64) -> bool {
        let [nw, ne, sw, se] = self.levels;
        let limit = WALL_SLOPE * cell;
        let steep = |a: f64, b: f64| (a - b).abs() > limit;
        steep(nw, ne) || steep(sw, se) || steep(nw, sw) || steep(ne, se)
    }

    /// Bilinear, or the nearest cell's at a wall.
    fn level(&self, cell: f64) -> f64 {
        let [nw, ne, sw, se] = self.levels;
        let (east, south) = self.share;
        if self.is_wall(cell) {
            return match (east < 0.5, south < 0.5) {
                (true, true) => nw,
                (false, true) => ne,
                (true, false) => sw,
                (false, false) => se,
            };
        }
        let (above, under) = (nw + east * (ne - nw), sw + east * (se - sw));
        above + south * (under - above)
    }

    fn slope(&self, cell: f64) -> (f64, f64) {
        let [nw, ne, sw, se] = self.levels;
        let (east, south) = self.share;
        let to_east = (ne - nw) * (1.0 - south) + (se - sw) * south;
        let to_south = (sw - nw) * (1.0 - east) + (se - ne) * east;
        (to_east / cell, -to_south / cell)
    }
}
