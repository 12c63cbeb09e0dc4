//! The two real flights: which yaw assembles them, and how well overlapping frames agree.
//!
//! Skipped, saying so, where the data is absent (`HEATVEIL_DATA`, default `../shared/data`).

#![expect(clippy::unwrap_used, reason = "test code: helpers unwrap")]

mod chart;
mod flight;
mod rims;

use std::sync::Arc;

use chart::lines_apart;
use flight::{Failure, flight, stated};
use heatveil::frame::FrameId;
use heatveil::georef::{
    Radiometric, Surface, View, YawReason, YawSource, exif_offset, match_temperatures, refine_poses,
};
use heatveil::tiles::MosaicReport;
use rims::Rims;

#[test]
fn the_m2ea_flight_assembles_with_the_yaw_of_the_airframe() {
    let Some(flight) = flight("m2ea") else { return };
    let choice = flight.choose();
    assert_eq!(
        (choice.source, choice.reason),
        (YawSource::Flight, YawReason::Overlap)
    );
    // Issue 2: a rough mosaic reached 2.71 °C with the right yaw and 3.74 °C with the wrong one.
    assert!(choice.flight_disagreement.unwrap() <= 280, "{choice:?}");
    assert!(choice.gimbal_disagreement.unwrap() >= 340, "{choice:?}");
    // DOMAIN section 2: the gimbal's yaw is about 53 degrees off; the airframe flies along its track.
    assert!(
        choice.gimbal_to_track.unwrap() > 45 && choice.flight_to_track.unwrap() < 15,
        "{choice:?}"
    );
    // DOMAIN section 2: EXIF sits 4.2 m west and 0.9 m south of XMP.
    let (east, north) = exif_offset(&flight.metas).unwrap();
    assert!(
        (east + 4.2).abs() < 0.1 && (north + 0.9).abs() < 0.1,
        "{east} {north}"
    );
    let right = flight.draw(choice.source);
    let wrong = flight.draw(choice.source.other());
    assert_eq!((flight.crs.epsg(), right.used_frames.len()), (32649, 33));
    let disagreement = |report: &MosaicReport| report.overlap_disagreement.unwrap();
    assert!(disagreement(&right) <= 2.8 && disagreement(&right) < disagreement(&wrong) - 0.5);
}

#[test]
fn on_the_xt2_flight_both_yaws_agree() {
    let Some(flight) = flight("xt2") else { return };
    let choice = flight.choose();
    assert_eq!(choice.reason, YawReason::Overlap);
    let (gimbal, flight) = (
        choice.gimbal_disagreement.unwrap(),
        choice.flight_disagreement.unwrap(),
    );
    assert!(gimbal.abs_diff(flight) < 30, "{choice:?}");
}

/// The issue asks for half a pixel on overlaps: a pixel is 0.16 m. The squares that refinement matches, in turns too, come to 0.58 px.
#[test]
fn the_frames_and_lines_of_the_m2ea_flight_come_to_fit() {
    let Some(flight) = flight("m2ea") else { return };
    let found = flight.agree();
    let (before, after) = (found.poses.before.unwrap(), found.poses.after.unwrap());
    assert!(
        before.median_px > 5.0 && after.median_px <= 0.65,
        "{before:?} {after:?}"
    );
    assert!(after.matches > 1200 && found.poses.tied * 100 >= found.poses.pairs * 85);
    // A barrel, as wide thermal lenses are.
    let camera = found.poses.camera;
    assert!((-0.35..-0.15).contains(&camera.lens.k1), "{camera:?}");
    // Nobody's GPS is tens of metres off.
    assert!(
        found
            .poses
            .corrections
            .iter()
            .all(|frame| frame.shift() < 8.0)
    );
    let stated = |at: usize| found.views[at].1;
    let (apart, pairs) = lines_apart(&flight, stated, (1.0, 20, 2));
    assert!(apart > 6.0 && pairs >= 25, "{apart} m in {pairs} pairs");
    let refined = |at: usize| found.poses.view(at, &found.views[at].1);
    let (apart, pairs) = lines_apart(&flight, refined, (1.0, 20, 2));
    assert!(apart <= 1.0 && pairs >= 25, "{apart} m in {pairs} pairs");
    let (apart, pairs) = lines_apart(&flight, refined, (0.08, 8, 6));
    assert!(apart <= 0.081 && pairs >= 25, "{apart} m in {pairs} pairs");
    let seam = |report: &MosaicReport| report.overlap_disagreement.unwrap();
    assert!(
        seam(&found.after) <= 0.75 * seam(&found.before),
        "{:?} {:?}",
        seam(&found.after),
        seam(&found.before)
    );
}

#[test]
fn drift_and_vignetting_leave_the_xt2_flight() {
    let Some(flight) = flight("xt2") else { return };
    let found = flight.agree();
    let (before, after) = (found.temperatures.before, found.temperatures.after);
    assert!(
        after.unwrap() <= 0.5 * before.unwrap(),
        "{before:?} {after:?}"
    );
    // DOMAIN section 2: this camera vignettes by 8.8 C peak to peak.
    let vignetting = found.temperatures.frames[0].vignetting.peak_to_peak();
    assert!((5.0..10.0).contains(&vignetting), "{vignetting}");
    let seam = |report: &MosaicReport| report.overlap_disagreement.unwrap();
    assert!(seam(&found.after) <= 0.65 * seam(&found.before));
}

/// Issue 4: under 1 K peak to peak, on frames that did not tune it. Measured: what corners lose goes from 3.03 K to -0.05 K and differences from 0.90 K to 0.30 K,
/// by the test's own sums. All 14 terms learnt anew from the ten frames held out still span 2.41 K (8.06 K before), rims that few of them share included: by
/// that measure it is not reached.
#[test]
#[expect(clippy::print_stdout, reason = "the figures are the result")]
fn vignetting_learnt_from_half_of_the_xt2_flight_leaves_the_other_half() {
    let Some(flight) = flight("xt2") else { return };
    let source = flight.choose().source;
    let views: Vec<(FrameId, View)> = flight
        .frames
        .iter()
        .map(|(id, located)| (*id, located.view(&flight.projector, source).unwrap()))
        .collect();
    let rasters = &flight.rasters;
    let load = |id: FrameId| Ok::<_, Failure>(Arc::clone(&rasters[id.0 as usize]));
    let poses = refine_poses(&stated(&views), &Surface::Flat, load).unwrap();
    let refined = (0..)
        .zip(&views)
        .map(|(at, (id, view))| (*id, poses.view(at, view)));
    let (tuning, held): (Vec<_>, Vec<_>) = refined.partition(|(id, _)| id.0 % 2 == 0);
    let learnt = match_temperatures(&tuning, &Surface::Flat, load).unwrap();
    let vignetting = learnt.frames[0].vignetting;
    let rims = |radiometric: Radiometric| {
        let corrected =
            |(id, view): &(FrameId, View)| (*view, radiometric.apply(&flight.raster(*id)));
        Rims::of(&held.iter().map(corrected).collect::<Vec<_>>())
    };
    let before = rims(Radiometric::default());
    let after = rims(Radiometric {
        offset: 0.0,
        vignetting,
    });
    let fresh = |radiometric: Radiometric| {
        let corrected =
            |id: FrameId| Ok::<_, Failure>(Arc::new(radiometric.apply(&rasters[id.0 as usize])));
        let found = match_temperatures(&held, &Surface::Flat, corrected).unwrap();
        found.frames[0].vignetting.peak_to_peak()
    };
    let (was, left) = (
        fresh(Radiometric::default()),
        fresh(Radiometric {
            offset: 0.0,
            vignetting,
        }),
    );
    println!(
        "corners {:.2} K -> {:.2} K, differences {:.2} K -> {:.2} K over {} places; learnt anew {was:.2} K -> {left:.2} K peak to peak",
        before.corner_kelvin, after.corner_kelvin, before.rms, after.rms, after.places
    );
    assert!(before.corner_kelvin > 2.5 && after.corner_kelvin.abs() < 0.5);
    assert!(after.rms <= 0.5 * before.rms);
    assert!(was > 7.0 && left < 3.0);
}
