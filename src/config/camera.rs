//! Settings of cameras and of poses that software worked out.

use std::sync::Arc;

use serde::Serialize;

use super::resolve::{crs, out_of_range, within};
use super::{CameraArgs, CameraConfig, Config, ConfigError, GeorefArgs};
use crate::georef::{CameraOverrides, KnownPoses, Lens};
use crate::hex;
use crate::ingest::TiffScale;
use crate::units::Metres;

impl CameraArgs {
    pub(super) fn resolve(self) -> Result<CameraConfig, ConfigError> {
        let positive = |key, value| within(key, value, 1e-3..=1e5, "between 0.001 and 100000");
        let scale = within(
            "camera.tiff-scale",
            self.tiff_scale,
            1e-6..=10.0,
            "between 0 and 10",
        )?;
        let offset = self.tiff_offset;
        let offset = within(
            "camera.tiff-offset",
            offset,
            -1e3..=1e3,
            "between -1000 and 1000",
        )?;
        let offset = offset.unwrap_or(-273.15);
        let axis = |key, value| within(key, value, 0.0..=1e5, "between 0 and 100000");
        Ok(CameraConfig {
            lens: CameraOverrides {
                focal_length_px: positive("camera.focal-length-px", self.focal_length_px)?,
                focal_length_mm: positive("camera.focal-length-mm", self.focal_length_mm)?,
                pixel_pitch_um: positive("camera.pixel-pitch-um", self.pixel_pitch_um)?,
                cx: axis("camera.cx", self.cx)?,
                cy: axis("camera.cy", self.cy)?,
                lens: self
                    .distortion
                    .as_deref()
                    .map(lens)
                    .transpose()?
                    .unwrap_or_default(),
            },
            tiff_scale: scale.map(|scale| TiffScale { scale, offset }),
        })
    }
}

/// `k1, k2, p1, p2` and maybe `k3`, in `OpenCV`'s order.
fn lens(numbers: &[f64]) -> Result<Lens, ConfigError> {
    let refused = || {
        let found = format!("{numbers:?}");
        out_of_range(
            "camera.distortion",
            &found,
            "four or five numbers between -10 and 10: k1, k2, p1, p2, k3",
        )
    };
    let [k1, k2, p1, p2, k3] = match *numbers {
        [k1, k2, p1, p2] => [k1, k2, p1, p2, 0.0],
        [k1, k2, p1, p2, k3] => [k1, k2, p1, p2, k3],
        _ => return Err(refused()),
    };
    if !numbers.iter().all(|number| (-10.0..=10.0).contains(number)) {
        return Err(refused());
    }
    Ok(Lens { k1, k2, p1, p2, k3 })
}

impl GeorefArgs {
    /// Reads the poses, and says how high take-off lies in their datum.
    pub(super) fn resolve_poses(
        &self,
    ) -> Result<(Option<Arc<KnownPoses>>, Option<Metres>), ConfigError> {
        let take_off = within(
            "georef.poses-takeoff-m",
            self.poses_takeoff_m,
            -1000.0..=9000.0,
            "between -1000 and 9000 m",
        )?;
        let system = self
            .poses_crs
            .as_deref()
            .map(|text| crs("georef.poses-crs", text))
            .transpose()?;
        let Some(path) = &self.poses else {
            let alone = take_off.is_some() || system.is_some();
            let refused = || {
                let expected = "used without georef.poses; give that too";
                out_of_range(
                    "georef.poses-takeoff-m or georef.poses-crs",
                    &"this",
                    expected,
                )
            };
            return if alone {
                Err(refused())
            } else {
                Ok((None, None))
            };
        };
        let poses =
            KnownPoses::read(path, system).map_err(|source| ConfigError::Poses { source })?;
        Ok((Some(Arc::new(poses)), take_off.map(Metres)))
    }
}

/// What of these settings decides about published bytes, for the digest.
#[derive(Serialize)]
pub(super) struct PlaceText {
    camera: [Option<f64>; 7],
    distortion: [f64; 5],
    poses: Option<String>,
    poses_epsg: Option<u32>,
    poses_takeoff_m: Option<f64>,
}

impl PlaceText {
    pub(super) fn new(config: &Config) -> Self {
        let (camera, georef) = (&config.camera, &config.georef);
        let lens = camera.lens.lens;
        Self {
            camera: [
                camera.lens.focal_length_px,
                camera.lens.focal_length_mm,
                camera.lens.pixel_pitch_um,
                camera.lens.cx,
                camera.lens.cy,
                camera.tiff_scale.map(|scale| scale.scale),
                camera.tiff_scale.map(|scale| scale.offset),
            ],
            distortion: [lens.k1, lens.k2, lens.p1, lens.p2, lens.k3],
            poses: georef
                .poses
                .as_ref()
                .map(|poses| hex::encode(&poses.sha256())),
            poses_epsg: georef.poses.as_ref().and_then(|poses| poses.epsg()),
            poses_takeoff_m: georef.poses_take_off.map(|level| level.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Args;
    use super::Lens;

    fn resolve(text: &str) -> Result<super::Config, String> {
        let args: Args = toml::from_str(text).map_err(|error| error.to_string())?;
        args.resolve().map_err(|error| error.to_string())
    }

    #[test]
    fn distortion_is_in_the_order_of_opencv() {
        let lens = |text| resolve(text).unwrap().camera.lens.lens;
        let five = lens("[camera]\ndistortion = [-0.3, 0.1, 0.001, -0.002, 0.05]");
        let expected = Lens {
            k1: -0.3,
            k2: 0.1,
            p1: 0.001,
            p2: -0.002,
            k3: 0.05,
        };
        assert_eq!(five, expected);
        let four = lens("[camera]\ndistortion = [-0.3, 0.1, 0.001, -0.002]");
        assert_eq!((four.p2, four.k3), (-0.002, 0.0));
        for wrong in [
            "[-0.3]",
            "[0.1, 0.1, 0.1, 0.1, 0.1, 0.1]",
            "[nan, 0.0, 0.0, 0.0]",
            "[99.0, 0.0, 0.0, 0.0]",
        ] {
            let refused = resolve(&format!("[camera]\ndistortion = {wrong}")).unwrap_err();
            assert!(refused.contains("camera.distortion"), "{refused}");
        }
    }

    #[test]
    fn what_belongs_to_poses_is_refused_without_them() {
        for text in ["poses-takeoff-m = 30", "poses-crs = \"EPSG:32631\""] {
            let refused = resolve(&format!("[georef]\n{text}")).unwrap_err();
            assert!(refused.contains("georef.poses"), "{refused}");
        }
        assert!(resolve("[georef]\nposes = \"absent.csv\"").is_err());
    }

    #[test]
    fn the_digest_of_the_settings_changes_with_lens_and_poses() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("geo.txt");
        let poses = |line: &str| {
            #[expect(clippy::disallowed_methods, reason = "a test's own file")]
            std::fs::write(&file, format!("EPSG:4326\n{line}\n")).unwrap();
            format!("[georef]\nposes = {file:?}")
        };
        let digest = |text: &str| resolve(text).unwrap().policy_sha256();
        let digests = [
            digest(""),
            digest("[camera]\ncx = 300"),
            digest("[camera]\ndistortion = [-0.1, 0, 0, 0]"),
            digest(&poses("a.jpg 1.0 52.0 90.0")),
            digest(&poses("a.jpg 1.0 52.0 91.0")),
        ];
        let distinct: std::collections::BTreeSet<_> = digests.iter().collect();
        assert_eq!(distinct.len(), digests.len());
    }
}
