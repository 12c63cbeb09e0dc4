//! The kernel's numbers, worked out by hand, and what it says of itself.

use super::measured::Measured;
use super::*;
use crate::raster::Raster;
use crate::units::{Celsius, Degrees, Fraction, Metres};

fn meta() -> FrameMeta {
    FrameMeta {
        camera: CameraName {
            make: "Maker".into(),
            model: "Model".into(),
        },
        position: Some(Position {
            latitude: Degrees(52.6),
            longitude: Degrees(1.7),
            source: PositionSource::Xmp,
            accuracy: None,
            vertical_accuracy: None,
        }),
        relative_altitude: Some(Metres(60.0)),
        ..FrameMeta::bare(Format::TiffF32)
    }
}

fn raw(samples: Samples) -> Frame<Raw> {
    Frame::raw(FrameId(7), meta(), samples)
}

fn calibrated(width: usize, height: usize, celsius: &[f32]) -> Frame<Calibrated> {
    let samples = Samples::F32(Raster::new(width, height, celsius.to_vec()).unwrap());
    raw(samples).calibrate(&Calibration::Celsius).unwrap()
}

fn mask(frame: u32, (width, height): (usize, usize), hidden: [usize; 4]) -> RedactionMask {
    let mut mask = RedactionMask::new(FrameId(frame), width, height);
    mask.draw_no_data(rect(hidden));
    mask
}

fn rect([x0, y0, x1, y1]: [usize; 4]) -> PixelRect {
    PixelRect { x0, y0, x1, y1 }
}

/// NaN equals itself here.
fn bits(samples: &[f32]) -> Vec<u32> {
    samples.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn a_frame_says_its_number_and_shape_and_no_sample() {
    let counts = Samples::U16(Raster::new(2, 1, vec![4711, 4712]).unwrap());
    assert_eq!(format!("{counts:?}"), "U16(2x1)");
    let frame = raw(counts);
    assert_eq!((frame.id(), frame.shape()), (FrameId(7), (2, 1)));
    assert_eq!(
        (frame.meta().width, frame.meta().camera.make.as_str()),
        (2, "Maker")
    );
    assert_eq!(
        format!("{frame:?} {:?} {}", frame.stage, frame.id()),
        "Frame(7, 2x1) U16(2x1) 7"
    );
    let frame = calibrated(2, 1, &[47.11, 47.12]);
    assert_eq!(
        format!("{frame:?} {:?}", frame.stage),
        "Frame(7, 2x1) Calibrated(2x1)"
    );
    assert_eq!(format!("{:?}", frame.model_input(32)), "ModelInput(2x1)");
    let frame = frame.redact(&RedactionMask::new(FrameId(7), 2, 1)).unwrap();
    assert_eq!(
        format!("{frame:?} {:?}", frame.stage),
        "Frame(7, 2x1) Redacted(2x1)"
    );
    let floats = Samples::F32(Raster::new(1, 3, vec![47.11; 3]).unwrap());
    assert_eq!(format!("{floats:?}"), "F32(1x3)");
}

#[test]
fn counts_and_kelvin_become_degrees_celsius_and_nothing_else_does() {
    let table = Calibration::from_counts(|count| match count {
        2 => f64::INFINITY,
        count => f64::from(count) / 4.0,
    });
    let counts = || Samples::U16(Raster::new(3, 1, vec![1, 2, 65_535]).unwrap());
    let kelvin = || Samples::F32(Raster::new(3, 1, vec![273.15, f32::INFINITY, 293.65]).unwrap());
    let celsius = |samples: Samples, by: &Calibration| {
        raw(samples)
            .calibrate(by)
            .unwrap()
            .stage
            .celsius
            .into_samples()
    };
    assert_eq!(
        bits(&celsius(counts(), &table)),
        bits(&[0.25, f32::NAN, 16_383.75])
    );
    let found = celsius(kelvin(), &Calibration::Kelvin);
    assert!(
        found[0].abs() < 1e-4 && found[1].is_nan() && (found[2] - 20.5).abs() < 1e-4,
        "{found:?}"
    );
    assert_eq!(
        bits(&celsius(kelvin(), &Calibration::Celsius)),
        bits(&[273.15, f32::NAN, 293.65])
    );
    for (samples, by, words) in [
        (
            kelvin(),
            &table,
            "a table calibration does not fit float samples",
        ),
        (
            counts(),
            &Calibration::Kelvin,
            "a kelvin calibration does not fit 16-bit samples",
        ),
        (
            counts(),
            &Calibration::Celsius,
            "a celsius calibration does not fit 16-bit samples",
        ),
    ] {
        assert_eq!(raw(samples).calibrate(by).unwrap_err().to_string(), words);
    }
    assert_eq!(format!("{table:?}"), "table");
}

#[test]
fn a_summary_is_of_the_measured_pixels() {
    let frame = calibrated(7, 1, &[9.0, 2.0, f32::NAN, -2.0, 16.0, 4.0, 1.0]);
    let summary = frame.summary().unwrap();
    // -2 1 2 4 9 16: the upper of the two in the middle is 4, the sum 30.
    let told = [summary.min, summary.max, summary.mean, summary.median].map(|value| value.0);
    assert_eq!((told, summary.no_data), ([-2.0, 16.0, 5.0, 4.0], 1));
    assert_eq!(calibrated(2, 1, &[f32::NAN; 2]).summary(), None);
}

#[test]
fn a_mask_for_another_frame_ends_the_frame() {
    let other = mask(8, (2, 1), [0, 0, 1, 1]);
    let refused = calibrated(2, 1, &[1.0, 2.0]).redact(&other).unwrap_err();
    let words = "the mask is for frame 8 of 2x1, not for frame 7 of 2x1";
    assert_eq!(refused.to_string(), words);
    let first = calibrated(2, 1, &[1.0, 2.0])
        .redact(&mask(7, (2, 1), [0, 0, 1, 1]))
        .unwrap();
    assert_eq!(first.clone().redact(&other).unwrap_err().to_string(), words);
    assert_eq!(
        bits(first.clone().celsius().samples()),
        bits(&[f32::NAN, 2.0])
    );
    let second = first.redact(&mask(7, (2, 1), [1, 0, 2, 1])).unwrap();
    assert_eq!(bits(second.celsius().samples()), bits(&[f32::NAN; 2]));
    assert_eq!((other.frame(), second.id()), (FrameId(8), FrameId(7)));
}

#[test]
fn a_redacted_frame_keeps_its_contrast_for_the_second_look() {
    // Without the warmest pixel a new stretch would make 20 the white.
    let frame = calibrated(4, 1, &[0.0, 10.0, 20.0, 30.0]);
    let before = frame.model_input(1);
    let after = frame
        .redact(&mask(7, (4, 1), [3, 0, 4, 1]))
        .unwrap()
        .model_input(1);
    assert_eq!(before.grey().samples()[..3], after.grey().samples()[..3]);
    assert_eq!(before.grey().samples()[..3], [0.0, 85.0, 170.0]);
    assert!(after.grey().samples()[3] < 255.0);
}

#[test]
fn a_mask_hides_its_rectangles_and_nothing_beside_them() {
    let mut mask = mask(7, (5, 4), [1, 1, 3, 3]);
    let hidden = |mask: &RedactionMask| {
        let all = (0..5).flat_map(|y| (0..6).map(move |x| (x, y)));
        all.filter(|&(x, y)| mask.hides(x, y)).collect::<Vec<_>>()
    };
    assert_eq!(hidden(&mask), [(1, 1), (2, 1), (1, 2), (2, 2)]);
    mask.draw_keep(rect([2, 0, 9, 2]));
    assert_eq!(hidden(&mask), [(1, 1), (1, 2), (2, 2)]);
    mask.draw_mean(rect([0, 3, 9, 9]));
    assert_eq!(hidden(&mask)[3..], [(0, 3), (1, 3), (2, 3), (3, 3), (4, 3)]);
    assert_eq!(mask.masked_pixels(), 8);
}

/// Python: `sha256(pack("<II", 4, 2) + pack("<8H", 0, 1, 1, 0, 2, 0, 0, 0))`.
#[test]
fn the_hash_of_a_mask_is_over_its_shape_and_cells() {
    let mut mask = mask(7, (4, 2), [1, 0, 3, 1]);
    mask.draw_mean(rect([0, 1, 1, 2]));
    assert_eq!(
        crate::hex::encode(&mask.sha256()),
        "115225c532c46f5eebf03c2f30766cd580bbc8f5b471d60935db3404550010fd"
    );
}

#[test]
fn each_region_has_the_mean_of_its_own_measured_pixels() {
    let mut mask = RedactionMask::new(FrameId(7), 4, 2);
    mask.draw_mean(rect([0, 0, 2, 1]));
    // The first region keeps what it has.
    mask.draw_mean(rect([1, 0, 4, 1]));
    mask.draw_mean(rect([0, 1, 2, 2]));
    mask.draw_no_data(rect([3, 1, 4, 2]));
    let frame = calibrated(4, 2, &[1.0, 4.0, 10.0, 30.0, f32::NAN, f32::NAN, 7.0, 8.0]);
    let redacted = frame.redact(&mask).unwrap();
    let nan = f32::NAN;
    assert_eq!(
        bits(redacted.celsius().samples()),
        bits(&[2.5, 2.5, 20.0, 20.0, nan, nan, 7.0, nan])
    );
    let mut mask = RedactionMask::new(FrameId(7), 3, 1);
    mask.draw_mean(rect([0, 0, 3, 1]));
    let redacted = calibrated(3, 1, &[5.0, f32::NAN, 6.0])
        .redact(&mask)
        .unwrap();
    assert_eq!(redacted.celsius().samples(), [5.5; 3]);
}

/// The mean knew the pixel that is emptied later; and what was emptied once is not counted as flattened by a mask that forgets it.
#[test]
fn a_region_that_loses_a_pixel_after_it_was_flattened_is_emptied() {
    let (nan, row) = (f32::NAN, [1.0, 3.0, 5.0, 7.0, 9.0]);
    let mut first = RedactionMask::new(FrameId(7), 5, 1);
    first.draw_mean(rect([0, 0, 2, 1]));
    first.draw_mean(rect([2, 0, 4, 1]));
    let mut second = first.clone();
    second.draw_no_data(rect([3, 0, 4, 1]));
    let frame = calibrated(5, 1, &row).redact(&first).unwrap();
    assert_eq!(frame.celsius().samples(), [2.0, 2.0, 6.0, 6.0, 9.0]);
    let frame = frame.redact(&second).unwrap();
    assert_eq!(
        bits(frame.celsius().samples()),
        bits(&[2.0, 2.0, nan, nan, 9.0])
    );
    let mut told = RedactionMask::new(FrameId(7), 5, 1);
    told.draw_mean(rect([0, 0, 2, 1]));
    told.draw_no_data(rect([2, 0, 4, 1]));
    let kinds = |mask: &RedactionMask| (0..5).map(|x| mask.hides(x, 0)).collect::<Vec<_>>();
    assert_eq!(kinds(frame.mask()), kinds(&told));
    let mut third = RedactionMask::new(FrameId(7), 5, 1);
    third.draw_mean(rect([1, 0, 5, 1]));
    let frame = frame.redact(&third).unwrap();
    assert_eq!(
        bits(frame.celsius().samples()),
        bits(&[2.0, 5.5, nan, nan, 5.5])
    );
    assert_eq!(frame.mask().masked_pixels(), 4);
}

#[test]
fn regions_that_can_no_longer_be_numbered_are_emptied() {
    let mut mask = RedactionMask::new(FrameId(7), 2, 1);
    for _ in 0..70_000 {
        mask.draw_mean(rect([0, 0, 1, 1]));
    }
    mask.draw_mean(rect([1, 0, 2, 1]));
    let redacted = calibrated(2, 1, &[5.0, 6.0]).redact(&mask).unwrap();
    assert_eq!(bits(redacted.celsius().samples()), bits(&[f32::NAN; 2]));
}

#[test]
fn the_stretch_is_from_the_lowest_to_the_highest_thousandth() {
    // 0, 1 .. 1000: the percentiles are 1 and 999.
    let celsius: Vec<f32> = (0..=1000_u16).map(f32::from).collect();
    let input = calibrated(77, 13, &celsius).model_input(1);
    let grey = input.grey().samples();
    let ends = [grey[0], grey[1], grey[999], grey[1000]];
    assert_eq!(bits(&ends), bits(&[0.0, 0.0, 255.0, 255.0]));
    // 499 / 998 of 255.
    assert!((grey[500] - 127.5).abs() < 1e-3, "{}", grey[500]);
    let level = input.kelvin_per_grey().unwrap();
    assert!((level - 998.0 / 255.0).abs() < 1e-4, "{level}");
    for smaller in [input.reduced(0.5, 1), input.part((3, 3), (4, 4))] {
        assert_eq!(smaller.kelvin_per_grey(), Some(level));
    }
    let of_nothing = Measured::of(&Raster::filled(2, 2, f32::NAN).unwrap()).stretch;
    let measured = Raster::filled(1, 1, 0.5_f32).unwrap();
    assert_eq!(
        model_input::from_celsius(&measured, of_nothing, 1)
            .grey()
            .samples(),
        [127.5]
    );
}

#[test]
fn nothing_is_as_cold_as_absolute_zero() {
    let celsius = |samples: Samples, by: &Calibration| {
        let frame = raw(samples).calibrate(by).unwrap();
        bits(frame.stage.celsius.samples())
    };
    let floats = |samples: [f32; 3]| Samples::F32(Raster::new(3, 1, samples.to_vec()).unwrap());
    let found = celsius(floats([-9999.0, -273.15, -273.0]), &Calibration::Celsius);
    assert_eq!(found, bits(&[f32::NAN, f32::NAN, -273.0]));
    let found = celsius(floats([-9999.0, 0.0, 273.15]), &Calibration::Kelvin);
    assert_eq!(found, bits(&[f32::NAN, f32::NAN, 0.0]));
    let table = Calibration::from_counts(|count| f64::from(count).mul_add(0.25, -273.15));
    let counts = Samples::U16(Raster::new(2, 1, vec![0, 4]).unwrap());
    assert_eq!(celsius(counts, &table), bits(&[f32::NAN, -272.15]));
}

#[test]
fn a_frame_is_summed_up_alike_whether_or_not_more_counts_are_warmer() {
    let measured = |celsius: fn(u16) -> f64| {
        let counts = Raster::new(5, 1, vec![14, 11, 3, 12, 19]).unwrap();
        let table =
            Calibration::from_counts(|count| if count < 10 { f64::NAN } else { celsius(count) });
        let frame = raw(Samples::U16(counts)).calibrate(&table).unwrap();
        (
            frame.summary().unwrap(),
            frame.model_input(1).kelvin_per_grey().unwrap(),
        )
    };
    let summary = |min, median, max, mean| TemperatureSummary {
        min: Celsius(min),
        median: Celsius(median),
        max: Celsius(max),
        mean: Celsius(mean),
        no_data: 1,
    };
    // 1, 2, 4 and 9 degrees; 1, 6, 8 and 9 where more counts are colder.
    for (celsius, expected) in [
        (
            (|count| f64::from(count) - 10.0) as fn(u16) -> f64,
            summary(1.0, 4.0, 9.0, 4.0),
        ),
        (|count| 20.0 - f64::from(count), summary(1.0, 8.0, 9.0, 6.0)),
    ] {
        let (found, level) = measured(celsius);
        assert_eq!(found, expected);
        assert!((level - 8.0 / 255.0).abs() < 1e-6, "{level}");
    }
}

#[test]
fn a_count_is_summed_up_as_often_as_pixels_have_it() {
    let mut table: Box<[f32; 65_536]> = vec![f32::NAN; 65_536].try_into().unwrap();
    // What no pixel has may be colder.
    for (count, celsius) in [(10, 1.0), (11, -5.0), (12, 3.0)] {
        table[count] = celsius;
    }
    let counts = Raster::new(6, 1, vec![12, 12, 10, 12, 9, 9]).unwrap();
    let summary = TemperatureSummary {
        min: Celsius(1.0),
        median: Celsius(3.0),
        max: Celsius(3.0),
        mean: Celsius(2.5),
        no_data: 2,
    };
    let found = Measured::of_counts(&counts, &table).unwrap();
    assert_eq!(found.summary, Some(summary));
}

#[test]
fn a_pixel_of_a_smaller_picture_has_its_share_of_those_it_cuts() {
    // Five columns to two are 2.5 each: (0 + 10 + 20/2) / 2.5 and (20/2 + 30 + 40) / 2.5.
    let picture = Raster::new(5, 1, vec![0_u8, 10, 20, 30, 40]).unwrap();
    let small = ModelInput::from_grey8(&picture, 1).reduced(0.4, 1);
    assert_eq!(
        (small.grey().samples(), small.kelvin_per_grey()),
        (&[8.0, 32.0][..], None)
    );
}

#[test]
fn two_or_four_whole_pixels_become_their_mean_and_parts_of_some_their_share() {
    let small = |width: u8, factor| {
        let row = (0..width).map(|x| 10 * x).collect();
        let picture = Raster::new(width.into(), 1, row).unwrap();
        let small = ModelInput::from_grey8(&picture, 1).reduced(factor, 1);
        small.grey().samples().to_vec()
    };
    assert_eq!(small(8, 0.5), [5.0, 25.0, 45.0, 65.0]);
    assert_eq!(small(8, 0.25), [15.0, 55.0]);
    // Nine columns to two are 4.5 each.
    assert_eq!(small(9, 0.25), [80.0 / 4.5, 280.0 / 4.5]);
}

#[test]
fn a_hole_far_to_the_right_is_filled_from_beside_it() {
    let mut row: Vec<f32> = (0_u16..300).map(f32::from).collect();
    row[250] = f32::NAN;
    let picture = Raster::new(300, 1, row).unwrap();
    let filled = model_input::fill_no_data(&picture);
    let value = filled.get(250, 0).copied().unwrap();
    assert!((value - 250.0).abs() < 3.0, "{value}");
}

#[test]
fn a_hole_has_the_colours_of_the_blocks_around_it() {
    // Four blocks of 0, 16, 32 and 64; by bilinear weights of 9, 3, 3 and 1 sixteenths.
    let row = |left: f32, right: f32| [left, left, right, right];
    let whole = [
        row(0.0, 16.0),
        row(0.0, 16.0),
        row(32.0, 64.0),
        row(32.0, 64.0),
    ]
    .concat();
    for (at, expected) in [
        // (9 * 0 + 3 * 16 + 3 * 32 + 64) / 16, (9 * 16 + 3 * 0 + 3 * 64 + 32) / 16, corners.
        (5, 13.0),
        (6, 23.0),
        (0, 0.0),
        (15, 64.0),
    ] {
        let mut picture = Raster::new(4, 4, whole.clone()).unwrap();
        picture.samples_mut()[at] = f32::NAN;
        let mut filled = model_input::fill_no_data(&picture).into_owned();
        assert_eq!(bits(&filled.samples()[at..=at]), bits(&[expected]), "{at}");
        filled.samples_mut()[at] = whole[at];
        assert_eq!(filled.samples(), whole, "nothing else changes");
    }
    let thin = Raster::new(1, 2, vec![f32::NAN, 6.0]).unwrap();
    assert_eq!(model_input::fill_no_data(&thin).samples(), [6.0, 6.0]);
    let halves = |samples: [f32; 3]| {
        Raster::new(3, 1, samples.to_vec())
            .unwrap()
            .halved()
            .into_samples()
    };
    assert_eq!(bits(&halves([1.0, 3.0, 10.0])), bits(&[2.0, 10.0]));
    assert_eq!(
        bits(&halves([f32::NAN, 3.0, f32::NAN])),
        bits(&[3.0, f32::NAN])
    );
    let tall = Raster::new(2, 3, vec![1.0, 3.0, 5.0, 7.0, 20.0, 30.0]).unwrap();
    assert_eq!(tall.halved().into_samples(), [4.0, 25.0]);
}

/// Names of the log and of `inspect`: docs/audit-log.md, README.md.
#[test]
fn names_stay_as_they_are_documented() {
    use {Datum::*, Format::*, Leak::*, PositionSource::*};
    let formats = [FlirRjpeg, DjiRjpeg, TiffU16, TiffF32].map(Format::name);
    assert_eq!(formats, ["flir-rjpeg", "dji-rjpeg", "tiff-u16", "tiff-f32"]);
    assert_eq!(
        [Ellipsoid, Geoid, Unstated].map(Datum::name),
        ["ellipsoid", "geoid", "unstated"]
    );
    assert_eq!(
        [Xmp, Exif, Poses].map(PositionSource::name),
        ["xmp", "exif", "poses"]
    );
    let leaks = [
        VisiblePhoto,
        ThermalFrame,
        Thumbnail,
        Preview,
        MakerNote,
        SerialNumber,
        Position,
        Time,
        LaserTarget,
        Trailer,
    ];
    let names = [
        "visible-photo",
        "thermal-frame",
        "thumbnail",
        "preview",
        "maker-note",
        "serial-number",
        "position",
        "time",
        "laser-target",
        "trailer",
    ];
    assert_eq!(leaks.map(Leak::name), names);
    assert_eq!(
        [Radiometry::Celsius, Radiometry::Kelvin].map(|radiometry| radiometry.kind()),
        ["apparent"; 2]
    );
    // Corrected with what the camera was told about the object.
    let planck = PlanckConstants {
        r1: 1.0,
        r2: 1.0,
        b: 1.0,
        f: 1.0,
        o: 0.0,
    };
    let object = ObjectParameters {
        emissivity: Fraction::new(0.95).unwrap(),
        distance: Metres(60.0),
        reflected: Celsius(0.0),
        air: Celsius(0.0),
        window: Celsius(0.0),
        window_transmission: Fraction::new(1.0).unwrap(),
        humidity: Fraction::new(0.5).unwrap(),
        atmosphere: Atmosphere {
            alpha1: 0.0,
            alpha2: 0.0,
            beta1: 0.0,
            beta2: 0.0,
            x: 1.0,
        },
    };
    assert_eq!(Radiometry::Planck(planck, object).kind(), "object");
}
