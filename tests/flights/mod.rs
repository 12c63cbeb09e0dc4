//! The two real flights: which yaw assembles them, and how well overlapping frames agree.
//!
//! Skipped, saying so, where the data is absent (`HEATVEIL_DATA`, default `../shared/data`).

mod chart;
mod flight;
mod rims;
mod seams;

use std::sync::Arc;

use chart::lines_apart;
use flight::{Agreement, Failure, Flight, flight};
use heatveil::frame::FrameId;
use heatveil::georef::{
    Radiometric, Surface, View, YawReason, YawSource, exif_offset, match_temperatures,
};
use heatveil::tiles::MosaicReport;
use rims::{Pattern, Rims, pairs};

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

/// The issue asks for half a pixel on overlaps: a pixel is 0.16 m. Squares matched by refinement come to 0.43 px, 0.16 px across the lines between cameras; on flat
/// ground, matched in half the detail, to 0.93 px, 0.34 px across: along those lines heights show (trees of 10 m by the river move by 13 px between frames 25 m apart). Measured once, with one
/// pair in four left out of the solution: half of the squares of these come within 0.66 px, on flat ground within 0.78 px. Measured once outside the repository: a
/// shift along the track in time, rows that are read one after the other, `p1` and `p2`, and yaws as the gimbal's turns say leave 0.57 px or more on flat ground.
#[test]
#[expect(clippy::print_stdout, reason = "the figures are the result")]
fn the_frames_and_lines_of_the_m2ea_flight_come_to_fit() {
    let Some(flight) = flight("m2ea") else { return };
    let found = flight.agree();
    let (before, after) = (found.poses.before.unwrap(), found.poses.after.unwrap());
    println!(
        "squares {:.2} px -> {:.2} px, {:.2} px across, in {} of {} pairs",
        before.median_px,
        after.median_px,
        after.median_across_px.unwrap(),
        found.poses.tied,
        found.poses.pairs
    );
    let flat = found.poses.on_flat.unwrap();
    let relief = found.poses.relief.as_ref().unwrap();
    println!(
        "on flat ground {:.2} px, {:.2} px across; ground {:?} at {} nodes, camera {:?}",
        flat.median_px,
        flat.median_across_px.unwrap(),
        relief.range(),
        relief.count(),
        found.poses.camera
    );
    assert!(
        before.median_px > 5.0 && after.median_px <= 0.5 && after.median_across_px.unwrap() <= 0.25,
        "{before:?} {after:?}"
    );
    // Fields, an orchard, a river with trees on its banks: nothing deeper or higher than that.
    let (low, high) = relief.range();
    assert!(relief.count() >= 40 && low.0 > -3.0 && (3.0..15.0).contains(&high.0));
    // 1305 squares before only those were looked for in all detail that half of it had found: fewer, and nearer to each other.
    assert!(after.matches > 1100 && found.poses.tied * 100 >= found.poses.pairs * 85);
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
    let (apart, pairs) = lines_apart(&flight, &Surface::Flat, stated, (1.0, 20, 2));
    assert!(apart > 6.0 && pairs >= 25, "{apart} m in {pairs} pairs");
    let refined = |at: usize| found.poses.view(at, &found.views[at].1);
    let (apart, pairs) = lines_apart(&flight, &found.ground, refined, (1.0, 20, 2));
    assert!(apart <= 1.0 && pairs >= 25, "{apart} m in {pairs} pairs");
    let (apart, pairs) = lines_apart(&flight, &found.ground, refined, (0.08, 8, 6));
    assert!(apart <= 0.081 && pairs >= 25, "{apart} m in {pairs} pairs");
    let seam = |report: &MosaicReport| report.overlap_disagreement.unwrap();
    let (before, after) = (seam(&found.before), seam(&found.after));
    println!("differences in the map {before:.3} K -> {after:.3} K");
    assert!(after <= 0.6 * before);
    // The issue asks for half: where the map goes from one frame to the next it is that (0.41), over all that two frames see 0.54. The mean there is made
    // by few places, trees that look different from two sides: half of all places differ by less than 0.45 K, 1.06 K before.
    let [before, after] = &found.seams;
    println!("before: {}\nafter: {}", before.line(), after.line());
    assert!(after.borders.mean <= 0.5 * before.borders.mean);
    assert!(after.everywhere.median <= 0.5 * before.everywhere.median);
}

/// Issue 4: vignetting under 1 K peak to peak, on frames that did not tune it, and seams at least halved. Between two frames they are (0.52 K to 0.16 K). In the map the
/// mean over all that two frames see falls from 0.35 K to 0.19 K, but most of what is left is noise and texture of both: means over stretches of 5 m, in which a seam shows,
/// fall from 0.31 K to 0.08 K, and from place to place the map changes by 0.22 K across a seam (0.53 K before), by 0.18 K beside it.
#[test]
#[expect(clippy::print_stdout, reason = "the figures are the result")]
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
    println!(
        "differences {before:?} K -> {after:?} K, in the map {:.3} K -> {:.3} K",
        seam(&found.before),
        seam(&found.after)
    );
    assert!(seam(&found.after) <= 0.6 * seam(&found.before));
    let [before, after] = &found.seams;
    println!("before: {}\nafter: {}", before.line(), after.line());
    assert!(after.stretches.mean <= 0.5 * before.stretches.mean);
    assert!(after.across.mean <= 0.5 * before.across.mean);
    for even in [true, false] {
        vignetting_of_one_half_leaves_the_other(&flight, &found, even);
    }
}

/// Vignetting learnt from each second frame, on those between: corners, and the pattern that overlaps show, lose it; learnt anew, little is found.
///
/// This flight is one straight line without turns: a place moves down the sensor from frame to frame and never across. So overlaps tell the profile along
/// the line, and the one across it comes from the lens being round. Its first frames are no help: their gimbals' yaws differ by 9 degrees, but laid on the others they are
/// turned by 2, and columns fitted to that are off by 8 K.
#[expect(clippy::print_stdout, reason = "the figures are the result")]
fn vignetting_of_one_half_leaves_the_other(flight: &Flight, found: &Agreement, even: bool) {
    let rasters = &flight.rasters;
    let refined = (0..)
        .zip(&found.views)
        .map(|(at, (id, view))| (*id, found.poses.view(at, view)));
    let ground = &found.ground;
    let (tuning, held): (Vec<(FrameId, View)>, Vec<_>) =
        refined.partition(|(id, _)| (id.0 % 2 == 0) == even);
    let terms = |frames: &[(FrameId, View)], radiometric: Radiometric| {
        let corrected =
            |id: FrameId| Ok::<_, Failure>(Arc::new(radiometric.apply(&rasters[id.0 as usize])));
        let found = match_temperatures(frames, ground, corrected).unwrap();
        found.frames[0].vignetting
    };
    let measured = Radiometric::default();
    let corrected = Radiometric {
        offset: 0.0,
        vignetting: terms(&tuning, measured),
    };
    let [(rims_before, pattern_before), (rims, pattern)] =
        [measured, corrected].map(|radiometric| {
            let of = |(id, view): &(FrameId, View)| (*view, radiometric.apply(&flight.raster(*id)));
            let pairs = pairs(&held.iter().map(of).collect::<Vec<_>>());
            (Rims::of(&pairs), Pattern::of(&pairs, held.len()))
        });
    let [was, left] =
        [measured, corrected].map(|radiometric| terms(&held, radiometric).peak_to_peak());
    println!(
        "held out: corners {:.2} K -> {:.2} K, differences {:.2} K -> {:.2} K over {} places; pattern {:.2} K -> {:.2} K peak to peak, a cell within {:.2} K; learnt anew {was:.2} K -> {left:.2} K",
        rims_before.corner_kelvin,
        rims.corner_kelvin,
        rims_before.rms,
        rims.rms,
        rims.places,
        pattern_before.peak_to_peak,
        pattern.peak_to_peak,
        pattern.error
    );
    assert!(rims_before.corner_kelvin > 2.5 && rims.corner_kelvin.abs() < 0.5);
    assert!(rims.rms <= 0.5 * rims_before.rms);
    assert!(pattern_before.peak_to_peak > 1.0 && pattern.peak_to_peak < 0.4 && pattern.error < 0.1);
    assert!(was > 6.0 && left < 1.0);
}
