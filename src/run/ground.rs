//! The surface that a run's frames are laid on, and what of their walls may be published.
//!
//! In: views above their take-off points, settings. Out: views above one reference level, the surface over all that they
//! see, and redacted rasters with walls as means. Refuses: walls as means where nothing tells them from roofs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::summary::GroundSummary;
use super::{Run, RunError};
use crate::config::{Config, Walls};
use crate::frame::FrameId;
use crate::georef::{Bounds, Crs, Relief, Surface, View, WallOptions};
use crate::hex;
use crate::raster::Raster;
use crate::tiles::{MosaicFrame, MosaicReport};
use crate::units::{Degrees, Metres};

/// Metres around what frames see on flat ground that are opened first: what hides it, and where flights took off.
const MARGIN: Metres = Metres(60.0);
/// Times that the area is widened for ground below the take-off point, which is seen further off.
const ROUNDS: usize = 3;
/// Height of an eave on flat ground, for its expected error; DOMAIN section 2 gives 6 m at 40 degrees of pitch for it.
const TYPICAL_HEIGHT: f64 = 5.0;
/// Degrees that a gimbal's pitch is off; DOMAIN section 2 gives 2.5 m at 40 degrees of pitch and 60 m for it.
const PITCH_ERROR: Degrees = Degrees(1.0);

/// What frames are laid on.
pub(super) struct Ground {
    pub(super) surface: Surface,
    /// Views of each frame whose walls go, with its poses so far, and how; no view where its walls stay.
    walls: Option<(BTreeMap<FrameId, Vec<View>>, WallOptions)>,
    wall_reason: &'static str,
    /// Elevation of each flight's take-off point; empty on flat ground.
    take_offs: Vec<Metres>,
    /// Elevation that heights above `georef.poses-takeoff-m` are above; `None` on flat ground and where there are none.
    stated: Option<Metres>,
    is_set: bool,
}

impl Ground {
    /// Opens the surface under `frames` and raises them above its reference level: the take-off point of the first of the
    /// `flights`, which are given by their frames. Heights of `stated` frames are above one level, whatever their flight.
    pub(super) fn under(
        run: &Run,
        crs: Crs,
        frames: &mut [MosaicFrame],
        flights: &[Vec<FrameId>],
        stated: &BTreeSet<FrameId>,
    ) -> Result<Self, RunError> {
        let config = &run.config;
        let limit = config.georef.max_off_nadir;
        let (mut surface, mut take_offs) = (Surface::Flat, Vec::new());
        let settings = &config.georef.surface;
        if let Some(path) = &settings.dsm {
            let flat = frames.to_vec();
            let mut area = seen(&flat, (0.0, 0.0), limit);
            for frame in &flat {
                let foot = Bounds::around(&[frame.view.centre()]);
                area = area.into_iter().chain(foot).reduce(Bounds::union);
            }
            let mut area = area
                .ok_or(crate::georef::GeorefError::NoPosition)?
                .grown(MARGIN);
            for _ in 0..ROUNDS {
                let opened = Surface::open(path, crs, area)?;
                take_offs = take_off(&opened, settings.takeoff_elevation, &flat, flights)?;
                let reference = take_offs.first().copied().unwrap_or(Metres(0.0));
                surface = opened.with_reference(reference);
                frames.copy_from_slice(&flat);
                raise(frames, flights, &take_offs, stated, reference);
                let needed = seen(frames, surface.range(), limit).map(|seen| seen.grown(MARGIN));
                match needed {
                    Some(needed) if !area.holds(needed) => area = area.union(needed),
                    _ => break,
                }
            }
        }
        let (options, wall_reason) = walls(run, &surface, frames)?;
        let goes = |view: &View| config.walls.walls == Walls::Mean || !view.looks_down();
        let views = frames.iter().map(|frame| {
            let view = Some(frame.view).filter(goes);
            (frame.id, view.into_iter().collect())
        });
        Ok(Self {
            surface,
            walls: options.map(|options| (views.collect(), options)),
            wall_reason,
            stated: level_of(stated, flights, &take_offs),
            take_offs,
            is_set: settings.takeoff_elevation.is_some(),
        })
    }

    /// What of a redacted frame may be published: the frame itself, or with walls as means where any of its poses sees them.
    pub(super) fn publishable(
        &self,
        id: FrameId,
        celsius: Arc<Raster<f32>>,
    ) -> Result<Arc<Raster<f32>>, RunError> {
        let Some((views, options)) = &self.walls else {
            return Ok(celsius);
        };
        let views = views.get(&id).ok_or(RunError::Working { frame: id.0 })?;
        let flattened = |celsius: Arc<Raster<f32>>, view| {
            let cells = self.surface.walls(view, options)?;
            Ok(Arc::new(cells.flatten(&celsius)))
        };
        views.iter().try_fold(celsius, flattened)
    }

    /// Of these frames, the ones whose walls are means.
    pub(super) fn without_walls(&self, frames: &[MosaicFrame]) -> Vec<MosaicFrame> {
        let is_mean = |frame: &&MosaicFrame| {
            let views = self
                .walls
                .as_ref()
                .and_then(|(views, _)| views.get(&frame.id));
            views.is_some_and(|views| !views.is_empty())
        };
        frames.iter().filter(is_mean).copied().collect()
    }

    /// The ground under refined views, on the `surface` that overlaps told, where they told one: walls go where either these views or those before
    /// see them, because neither is sure.
    pub(super) fn refined(mut self, surface: Option<Surface>, frames: &[MosaicFrame]) -> Self {
        self.surface = surface.unwrap_or(self.surface);
        if let Some((views, _)) = &mut self.walls {
            for frame in frames {
                if let Some(known) = views.get_mut(&frame.id)
                    && !known.is_empty()
                    && !known.contains(&frame.view)
                {
                    known.push(frame.view);
                }
            }
        }
        self
    }

    /// For the log: what flight number `flight` lies on, in words.
    pub(super) fn evidence(&self, flight: usize) -> String {
        if let Surface::Relief(relief) = &self.surface {
            let (low, high) = relief.range();
            return format!(
                "ground about the level of take-off, from {:.2} to {:.2} m as overlaps tell at {} places {} m apart, with heights {}",
                low.0,
                high.0,
                relief.count(),
                Relief::SPACING.0,
                hex::encode(&relief.sha256())
            );
        }
        let Some((model, take_off)) = self.surface.model().zip(self.take_offs.get(flight)) else {
            return "flat ground at the level of take-off".into();
        };
        let from = if self.is_set {
            "as the settings say"
        } else {
            "from the surface under its first frame"
        };
        let stated = self.stated.filter(|level| level != take_off);
        let stated = stated.map_or_else(String::new, |level| {
            format!(", heights of the poses above {:.2} m", level.0)
        });
        let walls = match &self.walls {
            Some((views, options)) => format!(
                "walls as means over {} m in {} frames",
                options.cell.0,
                views.values().filter(|views| !views.is_empty()).count()
            ),
            None => "walls as measured".into(),
        };
        format!(
            "surface model with heights {}, take-off at {:.2} m {from}{stated}, {walls}",
            hex::encode(&model.sha256()),
            take_off.0
        )
    }

    /// For the summary, once the map is drawn.
    pub(super) fn summary(&self, frames: &[MosaicFrame], report: &MosaicReport) -> GroundSummary {
        let model = self.surface.model();
        let roof = TYPICAL_HEIGHT * report.mean_tangent;
        let height = mean(frames.iter().map(|frame| frame.view.height().0));
        // A turn by `d` moves the foot of a line of sight by H d / cos^2 of its angle from straight down.
        let tilt = PITCH_ERROR.to_radians() * height * (1.0 + report.mean_tangent.powi(2));
        GroundSummary {
            model: match self.surface {
                Surface::Flat => "flat",
                Surface::Relief(_) => "relief",
                Surface::Model(_) => "surface",
            },
            cell_m: self.surface.cell().map(|cell| cell.0),
            reference_elevation_m: model.map(|model| model.reference().0),
            pixels_without_height: report.unknown_height_pixels,
            expected_roof_error_m: model.is_none().then_some(roof),
            expected_pitch_error_m: tilt,
            in_words: self.in_words(roof, tilt),
            walls: if self.walls.is_some() { "mean" } else { "keep" },
            walls_reason: self.wall_reason,
        }
    }
}

impl Ground {
    /// How wrong the map may be, for people: `roof` and `tilt` are what an eave's height and a degree of pitch move it by.
    fn in_words(&self, roof: f64, tilt: f64) -> String {
        let ground = match &self.surface {
            Surface::Model(_) => {
                return format!(
                    "every pixel lies at the height of the surface model; a pitch off by 1 degree moves it by {tilt:.1} m"
                );
            }
            Surface::Flat => "flat ground at the level of take-off".into(),
            Surface::Relief(relief) => {
                let (low, high) = relief.range();
                format!(
                    "ground as overlaps tell it, {:.1} to {:.1} m about the level of take-off",
                    low.0, high.0
                )
            }
        };
        format!(
            "{ground}: what stands {TYPICAL_HEIGHT} m high is drawn {roof:.1} m from its place on average, a pitch off by 1 degree moves all by \
             {tilt:.1} m; give georef.dsm for a map without the first"
        )
    }
}

/// Refuses before the first frame what would end the run after the last: a surface model that cannot be opened, walls as means
/// without one.
pub(super) fn check(config: &Config) -> Result<(), RunError> {
    match &config.georef.surface.dsm {
        Some(path) => Ok(Surface::check(path)?),
        None if config.walls.walls == Walls::Mean => Err(RunError::NoWalls),
        None => Ok(()),
    }
}

/// The ground that frames see of a surface between two levels.
fn seen(frames: &[MosaicFrame], levels: (f64, f64), limit: Degrees) -> Option<Bounds> {
    let bounds = frames
        .iter()
        .filter_map(|frame| frame.view.bounds_between(levels, limit));
    bounds.reduce(Bounds::union)
}

/// Elevation of each flight's take-off point.
fn take_off(
    surface: &Surface,
    set: Option<Metres>,
    frames: &[MosaicFrame],
    flights: &[Vec<FrameId>],
) -> Result<Vec<Metres>, RunError> {
    let by_id: BTreeMap<FrameId, View> =
        frames.iter().map(|frame| (frame.id, frame.view)).collect();
    let elevation = |flight: &Vec<FrameId>| -> Result<Metres, RunError> {
        let first = flight.iter().min().and_then(|id| by_id.get(id));
        match (set, surface.model(), first) {
            (Some(set), _, _) => Ok(set),
            (None, Some(model), Some(first)) => {
                let (east, north) = first.centre();
                Ok(model.ground_near(east, north)?)
            }
            _ => Ok(Metres(0.0)),
        }
    };
    flights.iter().map(elevation).collect()
}

/// What the heights of `stated` frames are above: the take-off point of the first flight that has any.
fn level_of(
    stated: &BTreeSet<FrameId>,
    flights: &[Vec<FrameId>],
    take_offs: &[Metres],
) -> Option<Metres> {
    let mut pairs = flights.iter().zip(take_offs);
    let first = pairs.find(|(flight, _)| flight.iter().any(|id| stated.contains(id)));
    first.map(|(_, take_off)| *take_off)
}

/// Lifts every flight from its own take-off point to the reference level, and `stated` frames of all flights from the one that theirs are above.
fn raise(
    frames: &mut [MosaicFrame],
    flights: &[Vec<FrameId>],
    take_offs: &[Metres],
    stated: &BTreeSet<FrameId>,
    reference: Metres,
) {
    let level = level_of(stated, flights, take_offs);
    let pairs = flights.iter().zip(take_offs);
    let by: BTreeMap<FrameId, f64> = pairs
        .flat_map(|(flight, own)| flight.iter().map(move |id| (id, own)))
        .map(|(id, own)| {
            let from = level.filter(|_| stated.contains(id)).unwrap_or(*own);
            (*id, from.0 - reference.0)
        })
        .collect();
    for frame in frames {
        frame.view = frame
            .view
            .raised(by.get(&frame.id).copied().unwrap_or_default());
    }
}

/// Whether walls go, and why.
fn walls(
    run: &Run,
    surface: &Surface,
    frames: &[MosaicFrame],
) -> Result<(Option<WallOptions>, &'static str), RunError> {
    let config = &run.config.walls;
    let options = WallOptions {
        cell: config.cell,
        margin: config.margin,
        max_off_nadir: run.config.georef.max_off_nadir,
    };
    let is_oblique = frames.iter().any(|frame| !frame.view.looks_down());
    match config.walls {
        Walls::Keep => Ok((None, "as the settings say")),
        Walls::Mean if surface.shows_walls() => Ok((Some(options), "as the settings say")),
        Walls::Mean => Err(RunError::NoWalls),
        Walls::Auto if surface.model().is_none() => {
            Ok((None, "without georef.dsm nothing tells walls from roofs"))
        }
        Walls::Auto if !surface.shows_walls() => Ok((
            None,
            "the cells of georef.dsm are too coarse to tell walls from roofs",
        )),
        Walls::Auto if is_oblique => Ok((
            Some(options),
            "in frames of cameras that look obliquely at known walls",
        )),
        Walls::Auto => Ok((None, "all cameras look down")),
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "frames are far fewer than 2^52")]
    let count = values.len().max(1) as f64;
    values.sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::georef::made_view;

    /// Four frames 60 m up, of three flights that took off at 10, 30 and 25 m.
    fn heights(stated: &[u32]) -> (Option<Metres>, Vec<f64>) {
        let frame = |id| MosaicFrame {
            id: FrameId(id),
            view: made_view((0.0, 0.0), 60.0, 0.0, -90.0),
        };
        let mut frames = [0, 1, 2, 3].map(frame);
        let flights =
            [vec![0], vec![1, 2], vec![3]].map(|ids| ids.into_iter().map(FrameId).collect());
        let take_offs = [10.0, 30.0, 25.0].map(Metres);
        let stated = stated.iter().copied().map(FrameId).collect();
        raise(&mut frames, &flights, &take_offs, &stated, Metres(10.0));
        (
            level_of(&stated, &flights, &take_offs),
            frames.iter().map(|frame| frame.view.height().0).collect(),
        )
    }

    #[test]
    fn flights_are_lifted_from_their_own_take_off() {
        assert_eq!(heights(&[]), (None, vec![60.0, 80.0, 80.0, 75.0]));
    }

    /// Frame 2 has its height from its own file, above its flight's own take-off.
    #[test]
    fn heights_above_a_stated_level_are_above_the_first_flights_take_off() {
        let first = heights(&[0, 1, 3]);
        assert_eq!(first, (Some(Metres(10.0)), vec![60.0, 60.0, 80.0, 60.0]));
        // The first flight that has any.
        let second = heights(&[1, 3]);
        assert_eq!(second, (Some(Metres(30.0)), vec![60.0, 80.0, 80.0, 80.0]));
    }
}
