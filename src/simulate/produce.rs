//! Flies the drone and writes what it brings home.
//!
//! In: [`Options`]. Out: `frames/` and `truth/`, written through `store`. Refuses: no frames, and more than
//! 20,000.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::camera::Camera;
use super::flight::{half_extent, plan};
use super::formats::tiff::SimulatedFile;
use super::formats::{Stamp, encode};
use super::geodesy::Site;
use super::render::World;
use super::truth::{self, FrameTruth};
use super::{Options, Preset, SimulateError, houses, people};
use crate::store::Store;

/// Most frames of one flight.
const MAX_FRAMES: usize = 20_000;

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
    // A stream each, so that a change to one part of the world leaves the others as they are.
    let stream = |number| {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        rng.set_stream(number);
        rng
    };
    let site = Site::new()?;
    let half = half_extent(options.preset);
    let mut scene = houses::build(half, &mut stream(1));
    let people = people::populate(&mut scene, &mut stream(2));
    let shots = plan(options, &mut stream(3));
    let mut camera = Camera::new(stream(4), options.ideal);
    let world = World::new(scene, people);
    let store = Store::open(&options.out, options.existing)?;
    let mut bytes = 0;
    let mut write = |path: &str, content: Vec<u8>| -> Result<(), SimulateError> {
        bytes += store.stage(path, &SimulatedFile(content))?.commit()?.bytes;
        Ok(())
    };
    let mut frames = Vec::with_capacity(shots.len());
    for (number, shot) in (1..).zip(shots) {
        let view = world.render(&shot);
        let drift = camera.drift();
        let celsius = camera.expose(&view.celsius, drift);
        let stamp = Stamp::new(&shot, number, &site);
        let file = stamp.file_name(shot.format);
        write(
            &format!("frames/{file}"),
            encode(shot.format, &celsius, &stamp)?,
        )?;
        frames.push(FrameTruth {
            file,
            shot,
            drift,
            probes: truth::probes(&celsius),
            sightings: view.sightings,
        });
    }
    let cell = if options.preset == Preset::Fixture {
        0.5
    } else {
        1.0
    };
    let margin = if options.preset == Preset::Fixture {
        70.0
    } else {
        half
    };
    let [heights, temperatures] = truth::rasters(&world, &site, margin, cell)?;
    write("truth/dsm.tif", heights.encode()?)?;
    write("truth/ground_temperature.tif", temperatures.encode()?)?;
    write("truth/poses.json", lines(&truth::poses(&frames, &site))?)?;
    write("truth/coco.json", lines(&truth::coco(&frames))?)?;
    write(
        "truth/buildings.geojson",
        lines(&truth::buildings(&world, &site))?,
    )?;
    store.clear_work()?;
    Ok(Report {
        frames: frames.len(),
        annotations: frames.iter().map(|frame| frame.sightings.len()).sum(),
        buildings: world.scene.dwellings.len(),
        bytes,
    })
}

/// JSON as text files end: with a newline.
fn lines(value: &Value) -> Result<Vec<u8>, SimulateError> {
    let mut out = serde_json::to_vec(value)?;
    out.push(b'\n');
    Ok(out)
}
