//! Flies the drone and writes what it brings home.
//!
//! In: [`Options`]. Out: `frames/` and `truth/`, written through `store`. Refuses: no frames, more than
//! 20,000, and surveys out of range.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde_json::Value;

use super::camera::Camera;
use super::flight::{Shot, half_extent, plan};
use super::formats::tiff::{SimulatedFile, encode_cheap};
use super::formats::{Stamp, encode};
use super::geodesy::Site;
use super::render::{View, World};
use super::truth::{self, FrameTruth};
use super::{Options, Preset, SimulateError, Survey, houses, people, refurbish, targets};
use crate::store::Store;

/// Most frames of one flight.
const MAX_FRAMES: usize = 20_000;
/// Pictures in memory at a time.
const BATCH: usize = 8;
/// Streams of randomness of what is the same in all nights.
const HOUSES: u64 = 1;
const REFURBISHED: u64 = 6;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Frames in `frames/`.
    pub frames: usize,
    /// Boxes in `truth/coco.json`.
    pub annotations: usize,
    /// Footprints in `truth/buildings.geojson`.
    pub buildings: usize,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Simulates a flight and writes it; the same options give the same bytes.
///
/// # Errors
///
/// [`SimulateError::Frames`] for a preset without frames or with too many; otherwise what the disk, the
/// encoders or GDAL say.
pub fn run(options: &Options) -> Result<Report, SimulateError> {
    if let Preset::Full { frames } = options.preset
        && !(1..=MAX_FRAMES).contains(&frames)
    {
        return Err(SimulateError::Frames {
            frames,
            max: MAX_FRAMES,
        });
    }
    if !(0.0..=1.0).contains(&options.refurbished) {
        let value = options.refurbished;
        return Err(SimulateError::Refurbished { value });
    }
    // A stream each, so that a change to one part of the world leaves the others as they are; what stands still is the same in all
    // nights.
    let stream = |number| {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        let stands_still = [HOUSES, REFURBISHED].contains(&number);
        let night = if stands_still { 0 } else { options.night };
        rng.set_stream(number + (u64::from(night) << 32));
        rng
    };
    let survey = match options.preset {
        Preset::Survey(survey) => {
            survey.check()?;
            Some(survey)
        }
        Preset::Fixture | Preset::Full { .. } => None,
    };
    let shots = plan(options, &mut stream(3));
    if shots.len() > MAX_FRAMES {
        return Err(SimulateError::Frames {
            frames: shots.len(),
            max: MAX_FRAMES,
        });
    }
    let writer = Writer {
        store: Store::open(&options.out, options.existing)?,
        site: Site::new()?,
        bytes: 0,
    };
    match survey {
        Some(survey) if survey.cheap => writer.headers(shots),
        survey => writer.pictures(options, survey, &shots, &stream),
    }
}

/// Writes a simulation.
struct Writer {
    store: Store,
    site: Site,
    bytes: u64,
}

impl Writer {
    fn write(&mut self, path: &str, content: Vec<u8>) -> Result<(), SimulateError> {
        self.bytes += self
            .store
            .stage(path, &SimulatedFile(content))?
            .commit()?
            .bytes;
        Ok(())
    }

    /// Frames that are real in their headers only.
    fn headers(mut self, shots: Vec<Shot>) -> Result<Report, SimulateError> {
        let mut frames = Vec::with_capacity(shots.len());
        for (number, shot) in (1..).zip(shots) {
            let stamp = Stamp::new(&shot, number, &self.site);
            let file = stamp.file_name(shot.format);
            self.write(&format!("frames/{file}"), encode_cheap(&stamp)?)?;
            frames.push(FrameTruth::unseen(file, shot));
        }
        self.write(
            "truth/poses.json",
            lines(&truth::poses(&frames, &self.site))?,
        )?;
        self.store.clear_work()?;
        Ok(Report {
            frames: frames.len(),
            annotations: 0,
            buildings: 0,
            bytes: self.bytes,
        })
    }

    /// Frames as a camera sees the neighbourhood, and all the truth about it.
    fn pictures(
        mut self,
        options: &Options,
        survey: Option<Survey>,
        shots: &[Shot],
        stream: &impl Fn(u64) -> ChaCha8Rng,
    ) -> Result<Report, SimulateError> {
        let half = half_extent(options.preset);
        let mut scene = houses::build(half, &mut stream(HOUSES));
        let mut people = people::populate(&mut scene, &mut stream(2));
        let mut camera = Camera::new(stream(4), options.ideal);
        let (mut panels, mut offsets) = (Vec::new(), Vec::new());
        if let Some(survey) = survey {
            if !survey.people {
                targets::clear_streets(&mut scene);
                people.clear();
            }
            targets::warm_roofs(&mut scene);
            panels = targets::lay(&mut scene, survey.side.0 / 2.0);
            if !options.ideal {
                offsets = survey.drift(shots, &mut stream(5));
            }
            camera = camera.with_vignetting(survey.vignetting_kelvin);
        }
        refurbish::refurbish(&mut scene, options.refurbished, &mut stream(REFURBISHED));
        let world = World::new(scene, people);
        let mut frames = Vec::with_capacity(shots.len());
        let mut number = 0;
        for batch in shots.chunks(BATCH) {
            let views: Vec<View> = batch.par_iter().map(|shot| world.render(shot)).collect();
            for (shot, view) in batch.iter().zip(views) {
                let drift = match survey {
                    Some(_) => offsets.get(number).copied().unwrap_or(0.0),
                    None => camera.drift(),
                };
                number += 1;
                let celsius = camera.expose(&view.celsius, drift);
                let stamp = Stamp::new(shot, number, &self.site);
                let file = stamp.file_name(shot.format);
                self.write(
                    &format!("frames/{file}"),
                    encode(shot.format, &celsius, &stamp)?,
                )?;
                frames.push(FrameTruth {
                    file,
                    shot: shot.clone(),
                    drift,
                    probes: truth::probes(&celsius),
                    sightings: view.sightings,
                });
            }
        }
        let (margin, cell) = match options.preset {
            Preset::Fixture => (70.0, 0.5),
            Preset::Full { .. } => (half, 1.0),
            Preset::Survey(_) => (half, 0.25),
        };
        let [heights, temperatures] = truth::rasters(&world, &self.site, margin, cell, None)?;
        self.write("truth/dsm.tif", heights.encode()?)?;
        self.write("truth/ground_temperature.tif", temperatures.encode()?)?;
        if let Some(survey) = survey {
            let (margin, up) = (survey.side.0 / 2.0 + 10.0, Some(survey.height.0));
            let [_, apparent] = truth::rasters(&world, &self.site, margin, 0.125, up)?;
            self.write("truth/apparent_temperature.tif", apparent.encode()?)?;
            let slant = survey.height.0 / survey.pitch.to_radians().sin().abs();
            let panels = targets::targets(&panels, &self.site, slant)?;
            self.write("truth/targets.json", lines(&panels)?)?;
            let roofs = targets::roofs(&world, &self.site)?;
            self.write("truth/roofs.json", lines(&roofs)?)?;
        }
        self.write(
            "truth/poses.json",
            lines(&truth::poses(&frames, &self.site))?,
        )?;
        self.write("truth/coco.json", lines(&truth::coco(&frames))?)?;
        let buildings = truth::buildings(&world, &self.site);
        self.write("truth/buildings.geojson", lines(&buildings)?)?;
        self.store.clear_work()?;
        Ok(Report {
            frames: frames.len(),
            annotations: frames.iter().map(|frame| frame.sightings.len()).sum(),
            buildings: world.scene.dwellings.len(),
            bytes: self.bytes,
        })
    }
}

/// JSON as text files end: with a newline.
fn lines(value: &Value) -> Result<Vec<u8>, SimulateError> {
    let mut out = serde_json::to_vec(value)?;
    out.push(b'\n');
    Ok(out)
}
