//! What oblique frames saw of the walls of buildings.
//!
//! In: buildings, frames in which walls are means over a metre. Out: rows of walls; each place on one is taken from the frame that sees it from nearest
//! and most straight. Refuses: to read a frame whose walls are as measured, and to make any row where people object.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::heat_loss::Seen;
use super::nights::Nights;
use super::{Run, RunError};
use crate::frame::FrameId;
use crate::georef::{Bounds, Surface, View};
use crate::heatloss::{
    self, Building, BuildingOptions, Night, Objections, Part, WallPlace, WallSight,
    air_transmission,
};
use crate::raster::Raster;
use crate::tiles::{MosaicFrame, TilesError};
use crate::units::{Degrees, Metres};

/// Gives what of a frame may be published, its walls as means.
pub(super) type Load<'a> = &'a (dyn Fn(FrameId) -> Result<Arc<Raster<f32>>, RunError> + Sync);

/// Side of a square of places that are looked for together, metres.
const SQUARE: f64 = 32.0;
/// Angle from straight on beyond which a wall is not looked at, whatever the settings say: emissivity falls (DOMAIN section 2).
const MAX_INCIDENCE: Degrees = Degrees(60.0);
/// Metres around a building in which the ground before its walls is looked up.
const AROUND: f64 = 2.0;
/// Metres before a wall, at least, from where a line of sight must be free: the wall itself is in the surface model too.
const BEFORE: f64 = 0.5;

/// A place as one frame sees it, the better the higher.
struct Look {
    place: usize,
    rank: f64,
    frame: FrameId,
    celsius: f32,
    distance: f64,
}

/// How obliquely a frame may look, and from how far.
struct Gates {
    max_off_nadir: Degrees,
    /// Cosine of the angle from straight on.
    least_cosine: f64,
    max_slant_range: Option<Metres>,
}

impl Gates {
    fn of(run: &Run) -> Self {
        let georef = &run.config.georef;
        let incidence = georef.surface.max_incidence.0.min(MAX_INCIDENCE.0);
        Self {
            max_off_nadir: georef.max_off_nadir,
            least_cosine: Degrees(incidence).to_radians().cos(),
            max_slant_range: georef.surface.max_slant_range,
        }
    }
}

/// Rows of the walls that oblique frames saw; none where no frame looks obliquely, and none where people object.
pub(super) fn parts(
    run: &Run,
    rows: &[Building],
    seen: &Seen<'_>,
    objections: Option<&Objections>,
    options: &BuildingOptions,
) -> Result<Vec<Part>, RunError> {
    let (frames, load) = seen.walls;
    // Objections are taken out of the map, not out of frames, and a mean reaches beyond its place: of a neighbour's wall, too.
    if frames.is_empty() || objections.is_some() {
        return Ok(Vec::new());
    }
    let places = places(rows, seen.surface)?;
    let gates = Gates::of(run);
    let sights = look(&places, frames, seen.surface, &gates, seen.nights, load)?;
    let night = |number: usize, distance: Metres| {
        let weather = *seen.nights?.weathers().get(number)?;
        Some(Night {
            weather,
            transmission: air_transmission(&weather, distance),
        })
    };
    Ok(heatloss::wall_parts(rows, &places, &sights, options, night))
}

/// Places on the walls of all buildings.
fn places(rows: &[Building], surface: &Surface) -> Result<Vec<WallPlace>, RunError> {
    let of_building = |(number, row): (usize, &Building)| {
        let polygons = &row.footprint.polygons;
        let (Some(model), Some(area)) = (surface.model(), row.footprint.bounds()) else {
            return Ok(Vec::new());
        };
        let around = Metres(AROUND + 2.0 * model.cell().0);
        let patch = surface.patch(area.grown(around))?;
        let height = |east, north| patch.as_ref()?.height(east, north);
        Ok(heatloss::wall_places(number, polygons, height))
    };
    let places = rows.par_iter().enumerate().map(of_building);
    let places: Vec<Vec<WallPlace>> = places.collect::<Result<_, TilesError>>()?;
    Ok(places.concat())
}

/// What was seen of each place; `None` where no frame saw it unhidden.
fn look(
    places: &[WallPlace],
    frames: &[MosaicFrame],
    surface: &Surface,
    gates: &Gates,
    nights: Option<&Nights>,
    load: Load<'_>,
) -> Result<Vec<Option<WallSight>>, RunError> {
    let squares = Squares::of(places);
    let mut best: Vec<Option<Look>> = places.iter().map(|_| None).collect();
    // A few frames at a time: what they saw is kept only where it is the best.
    for some in frames.chunks(4 * rayon::current_num_threads()) {
        let looks = some
            .par_iter()
            .map(|frame| of_frame(frame, places, &squares, surface, gates, load))
            .collect::<Result<Vec<Vec<Look>>, RunError>>()?;
        for look in looks.into_iter().flatten() {
            if let Some(best) = best.get_mut(look.place)
                && best.as_ref().is_none_or(|best| look.beats(best))
            {
                *best = Some(look);
            }
        }
    }
    let sight = |look: Look| WallSight {
        celsius: look.celsius,
        night: nights.map_or(0, |nights| nights.of_frame(look.frame)),
        distance: Metres(look.distance),
    };
    Ok(best.into_iter().map(|look| look.map(sight)).collect())
}

fn of_frame(
    frame: &MosaicFrame,
    places: &[WallPlace],
    squares: &Squares,
    surface: &Surface,
    gates: &Gates,
    load: Load<'_>,
) -> Result<Vec<Look>, RunError> {
    let view = &frame.view;
    let Some(bounds) = view.bounds_between(surface.range(), gates.max_off_nadir) else {
        return Ok(Vec::new());
    };
    let straight = |at: usize| Some((at, places.get(at)?, straight(view, places.get(at)?, gates)?));
    let faced: Vec<_> = squares.within(bounds).filter_map(straight).collect();
    if faced.is_empty() {
        return Ok(Vec::new());
    }
    let (east, north) = view.centre();
    let seen_from = bounds.union(Bounds {
        west: east,
        south: north,
        east,
        north,
    });
    let patch = surface.patch(seen_from).map_err(TilesError::from)?;
    let (Some(patch), Some(model)) = (patch, surface.model()) else {
        return Ok(Vec::new());
    };
    let raster = load(frame.id)?;
    let before = BEFORE.max(model.cell().0);
    let look = |(at, place, (rank, distance)): (usize, &WallPlace, (f64, f64))| {
        let celsius = view.sample_above(&raster, place.place, place.up)?;
        let (east, north) = (
            place.place.0 + before * place.outward.0,
            place.place.1 + before * place.outward.1,
        );
        let is_seen = celsius.is_finite() && patch.visible(view, east, north, place.up);
        is_seen.then_some(Look {
            place: at,
            rank,
            frame: frame.id,
            celsius,
            distance,
        })
    };
    Ok(faced.into_iter().filter_map(look).collect())
}

/// How well a place is seen (a pixel's share of the wall, but for a factor), and from how far; `None` from behind, too flat or too obliquely.
fn straight(view: &View, place: &WallPlace, gates: &Gates) -> Option<(f64, f64)> {
    let (east, north) = view.centre();
    let (dx, dy) = (east - place.place.0, north - place.place.1);
    let drop = view.height().0 - place.up;
    let distance = (dx * dx + dy * dy + drop * drop).sqrt();
    let cosine = (dx * place.outward.0 + dy * place.outward.1) / distance;
    let is_steep = drop > 0.0 && dx.hypot(dy) <= drop * gates.max_off_nadir.to_radians().tan();
    let is_near = gates.max_slant_range.is_none_or(|most| distance <= most.0);
    (place.is_inner && is_steep && is_near && cosine >= gates.least_cosine)
        .then(|| (cosine / (distance * distance), distance))
}

impl Look {
    /// Of equals the lower frame.
    fn beats(&self, other: &Self) -> bool {
        self.rank > other.rank || (self.rank >= other.rank && self.frame < other.frame)
    }
}

/// Places by square.
struct Squares(BTreeMap<(i64, i64), Vec<usize>>);

impl Squares {
    fn of(places: &[WallPlace]) -> Self {
        let mut squares: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
        for (at, place) in places.iter().enumerate() {
            squares.entry(square(place.place)).or_default().push(at);
        }
        Self(squares)
    }

    fn within(&self, bounds: Bounds) -> impl Iterator<Item = usize> + '_ {
        let (west, south) = square((bounds.west, bounds.south));
        let (east, north) = square((bounds.east, bounds.north));
        (west..=east).flat_map(move |column| {
            self.0
                .range((column, south)..=(column, north))
                .flat_map(|(_, places)| places.iter().copied())
        })
    }
}

fn square((east, north): (f64, f64)) -> (i64, i64) {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "metres on a map; `as` saturates"
    )]
    let whole = |metres: f64| (metres / SQUARE).floor() as i64;
    (whole(east), whole(north))
}
