//! How wide a camera sees.
//!
//! In: make, model and focal length of the file, and what the operator says. Out: [`Intrinsics`] in pixels of
//! the thermal raster. Refuses: cameras nobody knows; a guessed focal length would move every pixel.

use super::{GeorefError, Lens};
use crate::frame::FrameMeta;

/// A pinhole camera in pixels of the thermal raster. Pixel (0, 0) spans `0..1` in both directions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intrinsics {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Focal length along a row, in pixels.
    pub fx: f64,
    /// Focal length along a column, in pixels.
    pub fy: f64,
    /// Column of the optical axis.
    pub cx: f64,
    /// Row of the optical axis.
    pub cy: f64,
}

/// What the operator says about the camera; wins over table and file.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CameraOverrides {
    /// Focal length in pixels of the thermal raster; wins over the two below.
    pub focal_length_px: Option<f64>,
    /// Focal length in millimetres.
    pub focal_length_mm: Option<f64>,
    /// Distance of neighbouring pixels on the sensor, in micrometres.
    pub pixel_pitch_um: Option<f64>,
    /// Column of the optical axis; the middle where it is not given.
    pub cx: Option<f64>,
    /// Row of the optical axis.
    pub cy: Option<f64>,
    /// What the lens does to straight lines; straight where it is not given.
    pub lens: Lens,
}

/// A known camera (DOMAIN section 2).
struct Camera {
    /// EXIF models, as the files write them.
    models: &'static [&'static str],
    /// Pixel pitch of the sensor in micrometres.
    pitch_um: f64,
    /// Focal length in millimetres where every one sold has the same lens; else the file's is taken.
    focal_mm: Option<f64>,
    /// Columns of the sensor where the camera may also write interpolated rasters.
    native_width: Option<usize>,
}

const CAMERAS: &[Camera] = &[
    fixed(&["MAVIC2-ENTERPRISE-ADVANCED", "M2EA"], 9.0, 640),
    fixed(&["M3T", "M3TD", "M30T"], 9.1, 640),
    fixed(&["M4T", "M4TD"], 12.0, 640),
    fixed(&["ZH20T", "H20T"], 13.5, 640),
    fixed(&["ZH30T", "H30T"], 24.0, 1280),
    lenses(&["ZH20N", "H20N"], 12.0),
    // Zenmuse XT, XT2 and XT-R were sold with lenses of 6.8 to 30 mm; the older ones call themselves "FLIR".
    lenses(&["XT2", "XT", "FLIR", "Duo Pro R"], 17.0),
];

const fn fixed(models: &'static [&'static str], focal_mm: f64, native_width: usize) -> Camera {
    Camera {
        models,
        pitch_um: 12.0,
        focal_mm: Some(focal_mm),
        native_width: Some(native_width),
    }
}

const fn lenses(models: &'static [&'static str], pitch_um: f64) -> Camera {
    Camera {
        models,
        pitch_um,
        focal_mm: None,
        native_width: None,
    }
}

/// The camera of a frame, from the operator's word, the table of known cameras and the file, in this order.
///
/// # Errors
///
/// [`GeorefError::UnknownCamera`] when no focal length in pixels follows from them, [`GeorefError::Lens`] when the lens folds
/// the frame onto itself.
pub fn intrinsics(
    meta: &FrameMeta,
    overrides: &CameraOverrides,
) -> Result<Intrinsics, GeorefError> {
    let known = CAMERAS.iter().find(|camera| {
        let model = meta.camera.model.trim();
        // "FLIR" is a model only where DJI made the camera; FLIR's handhelds are not drones.
        let maker_fits = model != "FLIR" || meta.camera.make.trim() == "DJI";
        maker_fits
            && camera
                .models
                .iter()
                .any(|name| name.eq_ignore_ascii_case(model))
    });
    let interpolation = match known.and_then(|camera| camera.native_width) {
        Some(native) if overrides.pixel_pitch_um.is_none() => as_f64(meta.width) / as_f64(native),
        _ => 1.0,
    };
    let pitch_um = overrides
        .pixel_pitch_um
        .or(known.map(|camera| camera.pitch_um));
    let focal_mm = overrides
        .focal_length_mm
        .or(known.and_then(|camera| camera.focal_mm))
        .or(meta.focal_length_mm);
    let focal_px = overrides
        .focal_length_px
        .or_else(|| Some(focal_mm? * 1000.0 / pitch_um? * interpolation));
    let camera = match focal_px {
        Some(focal) if focal.is_finite() && focal > 0.0 => Intrinsics {
            width: meta.width,
            height: meta.height,
            fx: focal,
            fy: focal,
            cx: overrides.cx.unwrap_or(as_f64(meta.width) / 2.0),
            cy: overrides.cy.unwrap_or(as_f64(meta.height) / 2.0),
        },
        _ => {
            return Err(GeorefError::UnknownCamera {
                make: meta.camera.make.clone(),
                model: meta.camera.model.clone(),
            });
        }
    };
    if camera.fits(overrides.lens) {
        Ok(camera)
    } else {
        Err(GeorefError::Lens)
    }
}

impl Intrinsics {
    /// Whether every pixel along the edge has one direction behind `lens`.
    fn fits(&self, lens: Lens) -> bool {
        const STEPS: u8 = 8;
        let (width, height) = self.size();
        let edge = (0..=STEPS).flat_map(|step| {
            let share = f64::from(step) / f64::from(STEPS);
            let (u, v) = (share * width, share * height);
            [(u, 0.0), (u, height), (0.0, v), (width, v)]
        });
        edge.map(|(u, v)| ((u - self.cx) / self.fx, (v - self.cy) / self.fy))
            .all(|(x, y)| {
                let back = lens.distort(lens.straighten((x, y)));
                back.is_some_and(|back| (back.0 - x).abs().max((back.1 - y).abs()) < 1e-6)
            })
    }

    /// Columns and rows as coordinates of the far corner.
    pub(super) fn size(&self) -> (f64, f64) {
        (as_f64(self.width), as_f64(self.height))
    }
}

/// A count of pixels or cells.
#[expect(
    clippy::cast_precision_loss,
    reason = "pixels and cells are counted far below 2^52"
)]
pub(super) fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::frame::{Attitude, CameraName, Format, Position, PositionSource};
    use crate::units::{Degrees, Metres};

    pub(crate) fn meta(model: &str) -> FrameMeta {
        let attitude = |yaw, pitch| Attitude {
            yaw: Degrees(yaw),
            pitch: Degrees(pitch),
            roll: Degrees(0.0),
        };
        FrameMeta {
            width: 640,
            height: 512,
            camera: CameraName {
                make: "DJI".into(),
                model: model.into(),
            },
            position: Some(Position {
                latitude: Degrees(52.658_007_833),
                longitude: Degrees(1.716_073_973),
                source: PositionSource::Xmp,
                accuracy: None,
                vertical_accuracy: None,
            }),
            relative_altitude: Some(Metres(60.0)),
            gimbal: Some(attitude(10.0, -90.0)),
            flight: Some(attitude(63.0, -5.0)),
            ..FrameMeta::bare(Format::DjiRjpeg)
        }
    }

    fn focal(meta: &FrameMeta, overrides: CameraOverrides) -> Option<f64> {
        intrinsics(meta, &overrides).ok().map(|camera| camera.fx)
    }

    #[test]
    fn known_cameras_have_the_focal_lengths_of_the_table() {
        let none = CameraOverrides::default();
        assert_eq!(
            focal(&meta("MAVIC2-ENTERPRISE-ADVANCED"), none),
            Some(750.0)
        );
        assert!((focal(&meta("M3T"), none).unwrap() - 758.333).abs() < 0.001);
        assert_eq!(focal(&meta("M4T"), none), Some(1000.0));
        assert_eq!(focal(&meta("ZH20T"), none), Some(1125.0));
        let mut h30t = meta("ZH30T");
        h30t.width = 1280;
        assert_eq!(focal(&h30t, none), Some(2000.0));
    }

    #[test]
    fn a_camera_with_several_lenses_takes_the_focal_length_of_the_file() {
        let mut xt2 = meta("XT2");
        assert_eq!(focal(&xt2, CameraOverrides::default()), None);
        xt2.focal_length_mm = Some(13.0);
        let focal = focal(&xt2, CameraOverrides::default()).unwrap();
        assert!((focal - 764.706).abs() < 0.001);
    }

    #[test]
    fn an_unknown_camera_is_refused_until_the_operator_speaks() {
        let mut unknown = meta("HANDHELD");
        unknown.focal_length_mm = Some(9.0);
        let refused = intrinsics(&unknown, &CameraOverrides::default()).unwrap_err();
        assert_eq!(refused.reason(), "unknown-camera");
        assert!(refused.to_string().contains("focal-length-px"));
        let spoken = CameraOverrides {
            focal_length_px: Some(700.0),
            ..CameraOverrides::default()
        };
        assert_eq!(focal(&unknown, spoken), Some(700.0));
        let pitch = CameraOverrides {
            pixel_pitch_um: Some(12.0),
            ..CameraOverrides::default()
        };
        assert_eq!(focal(&unknown, pitch), Some(750.0));
        let nonsense = CameraOverrides {
            focal_length_px: Some(f64::NAN),
            ..CameraOverrides::default()
        };
        assert_eq!(focal(&unknown, nonsense), None);
    }

    #[test]
    fn axis_and_lens_are_the_operators_and_a_lens_that_folds_the_frame_is_refused() {
        let spoken = |k1| CameraOverrides {
            cx: Some(322.5),
            cy: Some(250.25),
            lens: Lens {
                k1,
                ..Lens::default()
            },
            ..CameraOverrides::default()
        };
        let camera = intrinsics(&meta("M3T"), &spoken(-0.3)).unwrap();
        assert_eq!((camera.cx, camera.cy), (322.5, 250.25));
        // A corner lies 0.54 focal lengths out: beyond 1 / sqrt(3 * 2.5) = 0.37 such a lens folds back.
        let folded = intrinsics(&meta("M3T"), &spoken(-2.5)).unwrap_err();
        assert_eq!(folded.reason(), "lens");
    }
}
