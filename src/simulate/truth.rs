//! What the frames cannot tell: the answers.
//!
//! In: shots, sightings, the world. Out: `poses.json`, `coco.json`, `buildings.geojson` and two rasters.
//! Refuses: nothing.

use serde::Serialize;
use serde_json::{Value, json};

use super::SimulateError;
use super::flight::{Pose, Shot};
use super::formats::tiff::GeoRaster;
use super::geodesy::{ELEVATION, LATITUDE, LONGITUDE, Site};
use super::render::{HEIGHT, WIDTH, World, corners};

/// Smallest visible part of a thing that is annotated, pixels.
const LEAST_PX: usize = 8;
/// Least share of a thing that nothing hides.
const LEAST_SHARE: f64 = 0.3;

/// A thing in a frame. The box is half-open, pixels.
#[derive(Debug, Clone)]
pub(super) struct Sighting {
    pub category: u8,
    pub thing: u32,
    pub visible_px: usize,
    pub unhidden_px: usize,
    x0: usize,
    y0: usize,
    x1: usize,
    y1: usize,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "pixels are counted in thousands"
)]
impl Sighting {
    pub(super) fn new(category: u8, thing: u32) -> Self {
        Self {
            category,
            thing,
            visible_px: 0,
            unhidden_px: 0,
            x0: WIDTH,
            y0: HEIGHT,
            x1: 0,
            y1: 0,
        }
    }

    pub(super) fn add(&mut self, x: usize, y: usize) {
        self.visible_px += 1;
        (self.x0, self.y0) = (self.x0.min(x), self.y0.min(y));
        (self.x1, self.y1) = (self.x1.max(x + 1), self.y1.max(y + 1));
    }

    fn share(&self) -> f64 {
        (self.visible_px as f64 / self.unhidden_px.max(1) as f64).min(1.0)
    }

    /// Whether enough of the thing is seen to be annotated.
    pub(super) fn counts(&self) -> bool {
        self.visible_px >= LEAST_PX && self.share() >= LEAST_SHARE
    }
}

/// A temperature that a decoder must find: the sample as the camera stored it, before quantisation.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Probe {
    pub x: usize,
    pub y: usize,
    pub celsius: f32,
}

/// What is known about one written frame.
#[derive(Debug)]
pub(super) struct FrameTruth {
    pub file: String,
    pub shot: Shot,
    pub drift: f64,
    pub probes: Vec<Probe>,
    pub sightings: Vec<Sighting>,
}

impl FrameTruth {
    /// Of a frame that shows nothing.
    pub(super) fn unseen(file: String, shot: Shot) -> Self {
        Self {
            file,
            shot,
            drift: 0.0,
            probes: Vec::new(),
            sightings: Vec::new(),
        }
    }
}

/// Every 80th pixel across and down.
pub(super) fn probes(celsius: &[f32]) -> Vec<Probe> {
    let places = (40..HEIGHT)
        .step_by(80)
        .flat_map(|y| (40..WIDTH).step_by(80).map(move |x| (x, y)));
    let probe = |(x, y)| {
        celsius
            .get(y * WIDTH + x)
            .map(|&celsius| Probe { x, y, celsius })
    };
    places.filter_map(probe).collect()
}

pub(super) fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

fn pose(pose: &Pose) -> Value {
    json!({
        "east_m": round(pose.east, 4),
        "north_m": round(pose.north, 4),
        "up_m": round(pose.up, 4),
        "yaw_deg": round(pose.yaw, 4),
        "pitch_deg": round(pose.pitch, 4),
        "roll_deg": round(pose.roll, 4),
    })
}

/// True and recorded poses, drift and probes of every frame.
pub(super) fn poses(frames: &[FrameTruth], site: &Site) -> Value {
    let entries = frames.iter().map(|frame| {
        let shot = &frame.shot;
        let (longitude, latitude) = site.to_geographic(shot.pose.east, shot.pose.north);
        json!({
            "file": frame.file,
            "format": shot.format.name(),
            "seconds": shot.seconds,
            "focal_px": round(shot.focal_px, 4),
            "true": pose(&shot.pose),
            "true_longitude": round(longitude, 9),
            "true_latitude": round(latitude, 9),
            "recorded": pose(&shot.recorded),
            "drift_k": round(frame.drift, 4),
            "probes": frame.probes,
        })
    });
    json!({
        "origin": { "longitude": LONGITUDE, "latitude": LATITUDE, "elevation_m": ELEVATION },
        "frames": entries.collect::<Vec<_>>(),
    })
}

/// Boxes in the format of the COCO data set (`bbox` is x, y, width, height).
pub(super) fn coco(frames: &[FrameTruth]) -> Value {
    let mut annotations = Vec::new();
    for (image, frame) in frames.iter().enumerate() {
        for seen in &frame.sightings {
            let (width, height) = (seen.x1 - seen.x0, seen.y1 - seen.y0);
            annotations.push(json!({
                "id": annotations.len(),
                "image_id": image,
                "category_id": seen.category,
                "bbox": [seen.x0, seen.y0, width, height],
                "area": width * height,
                "iscrowd": 0,
                "track_id": seen.thing,
                "visible_share": round(seen.share(), 3),
            }));
        }
    }
    let image = |(id, frame): (usize, &FrameTruth)| json!({"id": id, "file_name": frame.file, "width": WIDTH, "height": HEIGHT});
    let names = ["person", "vehicle", "bicycle", "window"];
    let category = |(id, name): (i32, &str)| json!({"id": id, "name": name});
    json!({
        "info": { "description": "simulated by heatveil; nobody and nowhere" },
        "images": frames.iter().enumerate().map(image).collect::<Vec<_>>(),
        "categories": (1..).zip(names).map(category).collect::<Vec<_>>(),
        "annotations": annotations,
    })
}

/// Footprints, WGS 84, with the roof's U-value and temperature.
pub(super) fn buildings(world: &World, site: &Site) -> Value {
    let features = world.scene.dwellings.iter().map(|dwelling| {
        let mut ring: Vec<_> = corners(dwelling.footprint)
            .iter()
            .map(|[east, north]| {
                let (longitude, latitude) = site.to_geographic(*east, *north);
                [round(longitude, 8), round(latitude, 8)]
            })
            .collect();
        ring.extend(ring.first().copied());
        let mut properties = json!({
            "uprn": dwelling.uprn.to_string(),
            "roof_u_w_m2k": dwelling.roof_u,
            "roof_celsius": round(dwelling.roof_celsius, 2),
            "roof_emissivity": round(dwelling.roof_emissivity, 3),
        });
        if let (true, Some(properties)) = (dwelling.refurbished, properties.as_object_mut()) {
            properties.insert("refurbished".into(), true.into());
        }
        json!({
            "type": "Feature",
            "properties": properties,
            "geometry": { "type": "Polygon", "coordinates": [ring] },
        })
    });
    json!({ "type": "FeatureCollection", "features": features.collect::<Vec<_>>() })
}

/// Height of the surface and its temperature from straight above, without people and vehicles, on a north-up UTM grid of
/// `cell` metres within `half` metres of the site; the temperature is kinetic, or what a camera so many metres up
/// sees where `seen_from` says it.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "cells are counted in thousands and samples are f32"
)]
pub(super) fn rasters(
    world: &World,
    site: &Site,
    half: f64,
    cell: f64,
    seen_from: Option<f64>,
) -> Result<[GeoRaster; 2], SimulateError> {
    let (x, y) = site.to_utm(0.0, 0.0)?;
    let across = (2.0 * half / cell).round() as usize;
    let (left, top) = ((x - half).round(), (y + half).round());
    let mut heights = Vec::with_capacity(across * across);
    let mut temperatures = Vec::with_capacity(across * across);
    let eastings: Vec<f64> = (0..across)
        .map(|column| left + (column as f64 + 0.5) * cell)
        .collect();
    for row in 0..across {
        let northing = top - (row as f64 + 0.5) * cell;
        for (east, north) in site.row_to_local(eastings.clone(), northing)? {
            let (height, kinetic) = world.top(east, north);
            let celsius = seen_from.map_or(kinetic, |up| world.apparent(east, north, up));
            heights.push(round(ELEVATION + height, 2) as f32);
            temperatures.push(round(celsius, 2) as f32);
        }
    }
    let raster = |samples| GeoRaster {
        width: across,
        left,
        top,
        cell,
        samples,
    };
    Ok([raster(heights), raster(temperatures)])
}
