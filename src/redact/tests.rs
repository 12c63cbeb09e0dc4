//! Which pixels go, worked out by hand.

use super::*;
use crate::detect::{BoxPx, Class, Detection, Detections, Line, Padding};
use crate::frame::{Calibration, Format, Frame, FrameId, FrameMeta, Samples};
use crate::raster::Raster;
use crate::units::Metres;

fn find(class: Class, [x0, y0, x1, y1]: [f32; 4], fraction: f32, px: f32) -> Detection {
    Detection {
        class,
        bbox: BoxPx { x0, y0, x1, y1 },
        score: 0.9,
        padding: Padding { fraction, px },
        alarm: 0.3,
    }
}

fn look(frame: u32, line: Line, found: Vec<Detection>) -> Detections {
    Detections::completed(FrameId(frame), line, found)
}

/// Left, top, right and bottom of what is hidden in a frame of 64 x 48, which must be one rectangle.
fn hidden(mask: &RedactionMask) -> [usize; 4] {
    let all = (0..48).flat_map(|y| (0..64).map(move |x| (x, y)));
    let (xs, ys): (Vec<usize>, Vec<usize>) = all.filter(|&(x, y)| mask.hides(x, y)).unzip();
    let ends = |places: &[usize]| {
        (
            *places.iter().min().unwrap(),
            places.iter().max().unwrap() + 1,
        )
    };
    let ((x0, x1), (y0, y1)) = (ends(&xs), ends(&ys));
    assert_eq!(mask.masked_pixels(), (x1 - x0) * (y1 - y0), "a rectangle");
    [x0, y0, x1, y1]
}

#[test]
fn a_box_grows_by_the_largest_of_its_paddings_and_outwards_to_the_grid() {
    let tall = [20.0, 10.0, 24.0, 20.0];
    for (bbox, (fraction, px), (ground, resolution), grid_px, expected) in [
        // Half of 4 and of 10 pixels; 3 pixels at least; half a metre is 5 pixels of 0.1 m; nothing is finer than a millimetre.
        (tall, (0.5, 0.0), (0.0, 0.1), 1, [18, 5, 26, 25]),
        (tall, (0.5, 3.0), (0.0, 0.1), 1, [17, 5, 27, 25]),
        (tall, (0.0, 3.0), (0.5, 0.1), 1, [15, 5, 29, 25]),
        (tall, (0.0, 0.0), (0.5, 0.0), 1, [0, 0, 64, 48]),
        (
            [21.2, 10.5, 22.1, 11.2],
            (0.0, 0.0),
            (0.0, 0.1),
            4,
            [20, 8, 24, 12],
        ),
        (
            [21.2, 10.5, 22.1, 11.2],
            (0.0, 0.0),
            (0.0, 0.1),
            0,
            [21, 10, 23, 12],
        ),
        (
            [-3.0, -2.0, 5.0, 6.0],
            (0.0, 0.0),
            (0.0, 0.1),
            1,
            [0, 0, 5, 6],
        ),
        (
            [60.0, 40.0, 99.0, 99.0],
            (0.0, 0.0),
            (0.0, 0.1),
            1,
            [60, 40, 64, 48],
        ),
    ] {
        let config = RedactConfig {
            padding: Metres(ground),
            grid_px,
            ..RedactConfig::default()
        };
        let looks = [look(
            0,
            Line::Model,
            vec![find(Class::Person, bbox, fraction, px)],
        )];
        let mask = mask(
            FrameId(0),
            (64, 48),
            &looks,
            &[],
            Metres(resolution),
            &config,
        )
        .unwrap();
        assert_eq!(
            (hidden(&mask), mask.frame()),
            (expected, FrameId(0)),
            "{bbox:?}"
        );
    }
}

#[test]
fn only_a_model_that_looked_at_this_very_frame_makes_a_mask() {
    let person = || vec![find(Class::Person, [8.0, 8.0, 12.0, 12.0], 0.0, 0.0)];
    let masked = |looks: &[Detections]| {
        let config = RedactConfig {
            padding: Metres(0.0),
            ..RedactConfig::default()
        };
        mask(FrameId(3), (64, 48), looks, &[], Metres(0.1), &config)
    };
    let model = || look(3, Line::Model, vec![]);
    for looks in [
        vec![],
        vec![look(3, Line::WarmSpots, person())],
        vec![
            look(3, Line::WarmSpots, person()),
            look(3, Line::Carry, person()),
        ],
        vec![model(), look(4, Line::Carry, person())],
        vec![look(4, Line::Model, person())],
    ] {
        let refused = masked(&looks).unwrap_err().to_string();
        assert_eq!(
            refused,
            "frame 3 cannot be masked: no detector completed a look at it"
        );
    }
    for line in [Line::WarmSpots, Line::Carry, Line::Model] {
        let mask = masked(&[model(), look(3, line, person())]).unwrap();
        assert_eq!(hidden(&mask), [8, 8, 12, 12], "{line:?}");
    }
}

#[test]
fn a_window_is_levelled_and_what_stands_before_it_is_removed() {
    let meta = FrameMeta::bare(Format::TiffF32);
    let samples = Samples::F32(Raster::new(4, 1, vec![1.0, 3.0, 5.0, 7.0]).unwrap());
    let frame = Frame::raw(FrameId(0), meta, samples)
        .calibrate(&Calibration::Celsius)
        .unwrap();
    let person = find(Class::Person, [2.0, 0.0, 4.0, 1.0], 0.0, 0.0);
    let window = find(Class::Window, [0.0, 0.0, 3.0, 1.0], 0.0, 0.0);
    let config = RedactConfig {
        padding: Metres(0.0),
        grid_px: 1,
        ..RedactConfig::default()
    };
    let looks = [look(0, Line::Model, vec![person, window])];
    let mask = mask(FrameId(0), (4, 1), &looks, &[], Metres(0.1), &config).unwrap();
    let redacted = frame.redact(&mask).unwrap();
    let bits = |values: &[f32]| {
        values
            .iter()
            .map(|value| value.to_bits())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        bits(redacted.celsius().samples()),
        bits(&[2.0, 2.0, f32::NAN, f32::NAN])
    );
}

#[test]
fn every_class_has_the_policy_that_is_set_for_it() {
    use Class::{Bicycle, Person, Vehicle, WarmSpot, Window};
    let classes = [Person, Vehicle, Bicycle, Window, WarmSpot];
    for mean in 0..classes.len() {
        let policy = |number| {
            if number == mean {
                Policy::Mean
            } else {
                Policy::NoData
            }
        };
        let config = RedactConfig {
            person: policy(0),
            vehicle: policy(1),
            bicycle: policy(2),
            window: policy(3),
            warm_spot: policy(4),
            ..RedactConfig::default()
        };
        for (number, class) in classes.into_iter().enumerate() {
            assert_eq!(config.policy(class), policy(number), "{class:?}");
        }
    }
    assert_eq!(
        [Policy::NoData, Policy::Mean].map(Policy::name),
        ["nodata", "mean"]
    );
}

#[test]
fn what_is_hidden_by_decision_is_rounded_outwards_to_the_grid() {
    let mut mask = RedactionMask::new(FrameId(0), 64, 48);
    let decided = Decided {
        hide: &[[9, 13, 11, 15]],
        open: &[],
    };
    decided.draw(&mut mask, 4);
    assert_eq!(hidden(&mask), [8, 12, 12, 16]);
}

#[test]
fn a_find_is_opened_by_one_box_over_four_fifths_of_its_area() {
    let found = find(Class::Person, [10.0, 20.0, 20.0, 30.0], 0.0, 0.0);
    for (open, is_opened) in [
        ([12, 20, 20, 30], true),
        ([13, 20, 20, 30], false),
        ([10, 22, 20, 30], true),
        ([10, 20, 20, 27], false),
        // 9 x 9 of 100 and 8 x 9.
        ([11, 21, 90, 90], true),
        ([12, 21, 90, 90], false),
        ([0, 0, 5, 5], false),
        ([0, 0, 15, 90], false),
    ] {
        let decided = Decided {
            open: &[[60, 40, 64, 48], open],
            hide: &[],
        };
        assert_eq!(decided.opens(&found), is_opened, "{open:?}");
    }
    let nothing = find(Class::Person, [10.0, 20.0, 10.0, 30.0], 0.0, 0.0);
    let all = Decided {
        open: &[[0, 0, 64, 48]],
        hide: &[],
    };
    assert!(
        !all.opens(&nothing),
        "a find without an area is not decided about"
    );
}
