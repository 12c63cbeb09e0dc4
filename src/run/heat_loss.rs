//! Heat loss of the map: flux with its interval, pixel by pixel.
//!
//! In: the mosaic, what its frames' heights were, the weather. Out: `tiles/heatloss.*`, logged with every parameter. Refuses:
//! nothing; without weather there is no heat loss.

use std::collections::BTreeMap;

use rayon::ThreadPool;
use serde::Serialize;

use super::journal::Journal;
use super::nights::Nights;
use super::outputs::{Catalog, Forms, Map, Paths};
use super::surfaces::{Percent, Surfaces};
use super::walls::Load;
use super::{Run, RunError};
use crate::audit::{Entry, HeatLossParameters};
use crate::config::WeatherConfig;
use crate::frame::FrameId;
use crate::georef;
use crate::heatloss::{
    FluxField, HeatLossError, Reason, Sky, Surface, Uncertain, Verdict, Weather, air_transmission,
    drift_reason, slant_range,
};
use crate::store::{Store, layout};
use crate::tiles::{Band, Mosaic, MosaicFrame, Qml, Ramp, TileJson};
use crate::units::{Fraction, Metres};

/// Bands of the raster.
const BANDS: &[Band; 3] = &[
    ("heat loss", "W/m\u{b2}"),
    ("heat loss, lower end of the 90 % interval", "W/m\u{b2}"),
    ("heat loss, upper end of the 90 % interval", "W/m\u{b2}"),
];
const PATHS: &Paths = &Paths {
    cog: layout::HEAT_LOSS_COG,
    style: layout::HEAT_LOSS_QML,
    pmtiles: layout::HEAT_LOSS_PMTILES,
    mbtiles: layout::HEAT_LOSS_MBTILES,
    xyz: layout::HEAT_LOSS_XYZ,
    tilejson: layout::HEAT_LOSS_TILEJSON,
};
/// Ends of the colour ramp in W/m²: a good roof on a calm night loses 10, a bad one 100.
const RAMP: (f32, f32) = (0.0, 150.0);
/// Values are kept to 1/8 W/m².
const STEPS_PER_UNIT: f32 = 8.0;

/// Bytes of a grade with its reasons in the log: an entry holds ranges of frames too, and each line of the weather may be a reason.
const LONGEST_GRADE: usize = 8000;

/// Standard deviation in K of the offset of a frame that nothing is known of (DOMAIN section 2: 5 K in flight at worst).
const UNKNOWN_DRIFT: f64 = 2.0;

/// How far the weather lets heat loss be trusted.
#[derive(Debug, Clone, Serialize)]
pub struct HeatLossSummary {
    /// A to E: no figure of the run is better.
    pub grade: String,
    /// Why it is no better.
    pub reasons: Vec<String>,
}

/// How the map was seen.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    /// By which frames.
    pub(super) views: &'a [MosaicFrame],
    /// Standard uncertainty of where it shows a place, along each axis.
    pub(super) place: Metres,
    /// On what.
    pub(super) surface: &'a georef::Surface,
    /// In which weather; `None` where it is not known.
    pub(super) nights: Option<&'a Nights>,
    /// By the frames of which flights.
    pub(super) flights: &'a [Vec<FrameId>],
    /// The views of it in which walls are means, and what of them may be published.
    pub(super) walls: (&'a [MosaicFrame], Load<'a>),
}

/// The settings with what the frames of this map read more or less than each other, and a reason for doubt where that is much.
pub(super) fn conditions(
    config: &WeatherConfig,
    mosaic: &Mosaic,
) -> (WeatherConfig, Option<Reason>) {
    let report = mosaic.report();
    let mut config = config.clone();
    let drift = match report.frame_offset {
        // One frame has no neighbours to differ from.
        None if report.used_frames.len() < 2 => Some(0.0),
        offset => offset,
    };
    config.spread.drift = drift.unwrap_or(UNKNOWN_DRIFT);
    (config, drift_reason(drift))
}

/// Makes and publishes the map of heat loss, where the weather is known.
pub(super) fn publish(
    run: &Run,
    pool: &ThreadPool,
    store: &Store,
    map: &Map<'_>,
    Seen {
        views,
        place,
        surface,
        nights,
        ..
    }: Seen<'_>,
    catalog: &mut Catalog,
    journal: &mut Journal<'_>,
) -> Result<Option<HeatLossSummary>, RunError> {
    let (Some(config), Some(nights)) = (&run.config.weather, nights) else {
        return Ok(None);
    };
    let (config, drift) = conditions(config, map.mosaic);
    let verdict = Verdict::from_reasons(nights.reasons(map.frames)).and(drift);
    let reasons: Vec<String> = verdict
        .reasons
        .iter()
        .map(|reason| reason.text.clone())
        .collect();
    let grade = verdict.grade.to_string();
    let logged = parameters(&config, place, &grade, &reasons);
    let entry = |lines| {
        Entry::HeatLoss(HeatLossParameters {
            lines,
            ..logged.clone()
        })
    };
    journal.note(nights.parts().into_iter().map(entry).collect())?;
    let heights: BTreeMap<_, Metres> = views
        .iter()
        .map(|frame| (frame.id, frame.view.height()))
        .collect();
    let surfaces = Surfaces::of(run, &config, map.mosaic.grid(), surface)?;
    let fields = fields(&config, nights, map.frames, &surfaces)?;
    let work = store.work();
    let layer = pool.install(|| {
        let prepare = |block| surfaces.block(block);
        map.mosaic
            .derive("heatloss", BANDS, &work, prepare, |block, pixel| {
                let (emissivity, tilt) = surfaces.at(block, &pixel);
                // What mirrors the sky looks cold and is not: no data.
                let night = nights.of_frame(pixel.frame);
                let Some(field) = fields.get(&(night, emissivity)) else {
                    return [f32::NAN; 3];
                };
                let height = heights.get(&pixel.frame).copied();
                let range = height.map(|height| slant_range(height, pixel.off_nadir));
                let flux = field.at(pixel.celsius, range.unwrap_or(Metres(f64::NAN)), tilt);
                flux.map(|value| (value * STEPS_PER_UNIT).round() / STEPS_PER_UNIT)
            })
    })?;
    let ramp = Ramp::new(RAMP.0, RAMP.1)?;
    let forms = Forms {
        layer: &layer,
        bands: BANDS.len(),
        style: Qml {
            ramp: &ramp,
            unit: "W/m\u{b2}",
        },
        describe: TileJson::heat_loss,
        is_folder_too: run.config.tiles.xyz,
        paths: PATHS,
    };
    catalog.extend(forms.publish(pool, store, map, journal)?.0);
    Ok(Some(HeatLossSummary { grade, reasons }))
}

/// Heat loss by weather and emissivity; none for surfaces that mirror the sky.
fn fields(
    config: &WeatherConfig,
    nights: &Nights,
    frames: &[FrameId],
    surfaces: &Surfaces<'_>,
) -> Result<BTreeMap<(usize, Percent), FluxField>, HeatLossError> {
    let used = nights.used(frames);
    let known = nights.weathers().iter().enumerate();
    let used = known.filter(|(night, _)| used.contains(night));
    let of = |night: usize, weather: &Weather, percent: Percent| {
        let emissivity = Fraction::new(f64::from(percent) / 100.0).unwrap_or(Fraction::ONE);
        let field = FluxField::new(|path, tilt| {
            let surface = Surface { emissivity, tilt };
            config.model(weather, surface, air_transmission(weather, path))
        });
        match field {
            Ok(field) => Some(Ok(((night, percent), field))),
            Err(HeatLossError::Mirror { .. }) => None,
            Err(error) => Some(Err(error)),
        }
    };
    let all = surfaces.emissivities();
    used.flat_map(|(night, weather)| all.iter().filter_map(move |one| of(night, weather, *one)))
        .collect()
}

/// The log's entry: whole thousandths.
fn parameters(
    config: &WeatherConfig,
    place: Metres,
    grade: &str,
    reasons: &[String],
) -> HeatLossParameters {
    let WeatherConfig {
        weather,
        surface,
        convection,
        spread,
        ..
    } = config;
    let reasons = reasons.join("; ");
    let mut grade = if reasons.is_empty() {
        grade.to_owned()
    } else {
        format!("{grade}: {reasons}")
    };
    grade.truncate(grade.floor_char_boundary(LONGEST_GRADE));
    HeatLossParameters {
        air_mk: pair(weather.air),
        sky_mk: pair(weather.sky),
        sky_source: source(weather.sky_source),
        reflected_mk: pair(weather.reflected),
        reflected_source: source(weather.reflected_source),
        indoor_mk: pair(weather.indoor),
        wind_mm_s: pair(weather.wind),
        humidity_milli: milli(weather.humidity.value()),
        lines: Vec::new(),
        emissivity_milli: [milli(surface.emissivity.value()), milli(spread.emissivity)],
        tilt_millidegrees: [milli(surface.tilt.0), milli(spread.tilt)],
        apparent_mk: milli(spread.apparent),
        drift_mk: milli(spread.drift),
        place_mm: milli(place.0),
        transmission_milli: milli(spread.transmission),
        convection_milli: milli(spread.convection),
        convection: convection.name().into(),
        method: "steady balance of convection and radiation with sky and air; surface temperature by the T^4 law over the slant range, under the sky as the camera sees it, of which steep surfaces mirror all that they see or none; \
                 90 % interval by first-order propagation"
            .into(),
        grade,
        heatveil: env!("CARGO_PKG_VERSION").into(),
    }
}

fn source(sky: Sky) -> String {
    match sky {
        Sky::Measured => "measured",
        Sky::Estimated => "estimated",
        Sky::CloudUnknown => "estimated, cloud unknown",
    }
    .into()
}

/// A value and its standard uncertainty in whole thousandths.
pub(super) fn pair(known: Uncertain) -> [i64; 2] {
    [milli(known.value), milli(known.sigma)]
}

/// Whole thousandths.
pub(super) fn milli(value: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates; settings are small"
    )]
    let whole = (value * 1e3).round() as i64;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{LineWeather, MOST_RANGES};
    use crate::config::Args;

    #[test]
    fn an_entry_holds_a_part_of_the_weathers_whatever_the_reasons_are() {
        let args: Args = toml::from_str("[weather]\nair-celsius = 2\nwind-m-s = 1\n").unwrap();
        let config = args.resolve().unwrap().weather.unwrap();
        let reasons = vec!["no frame was taken in a weather line".to_owned(); 5000];
        let logged = parameters(&config, Metres(0.1), "C", &reasons);
        assert_eq!(logged.grade.len(), LONGEST_GRADE);
        // One weather that comes and goes, and as many as there may be of one range each.
        for (weathers, ranges) in [(1, MOST_RANGES - 10), (MOST_RANGES / 11, 1)] {
            let frame = |at: usize| u32::MAX - 2 * u32::try_from(MOST_RANGES - at).unwrap();
            let line = LineWeather {
                frames: (0..ranges).map(|at| [frame(at); 2]).collect(),
                air_mk: [-100_000; 2],
                sky_mk: [-100_000; 2],
                reflected_mk: [-100_000; 2],
                wind_mm_s: [100_000; 2],
                humidity_milli: 1000,
            };
            let lines = vec![line; weathers];
            let entry = Entry::HeatLoss(HeatLossParameters {
                lines,
                ..logged.clone()
            });
            assert!(entry.to_line().is_ok(), "{weathers} of {ranges}");
        }
    }
}
