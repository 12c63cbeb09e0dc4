//! Which frames show the same place: they are no independent witnesses.
//!
//! In: file names in the order of the labels. Out: one scene number a frame, which confidence intervals draw
//! by. HIT-UAV's names (`time_altitude_angle_weather_number`) are cut as `models/train/scenes.py` cuts them;
//! other frames are one scene a folder.

use std::collections::BTreeMap;
use std::path::Path;

use crate::units::Metres;

/// Running numbers this far apart are another scene.
const JUMP: u32 = 20;

/// What a file name of HIT-UAV says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HitUav {
    night: bool,
    altitude_m: u32,
    number: u32,
}

impl HitUav {
    /// Reads `1_60_50_0_00319.jpg`; `None` for other names.
    #[must_use]
    pub(super) fn parse(file_name: &str) -> Option<Self> {
        let stem = Path::new(file_name).file_stem()?.to_str()?;
        let parts: Option<Vec<u32>> = stem.split('_').map(|part| part.parse().ok()).collect();
        match parts?.as_slice() {
            &[night @ (0 | 1), altitude_m, _angle, _weather, number] => Some(Self {
                night: night == 1,
                altitude_m,
                number,
            }),
            _ => None,
        }
    }

    /// Metres per pixel straight down, by the length of parked cars (`models/train/resolution.py`); `None` for
    /// altitudes that the set does not have.
    #[must_use]
    pub(super) fn ground_resolution(self) -> Option<Metres> {
        let metres = match self.altitude_m {
            60 => 0.0432,
            70 => 0.048,
            80 => 0.0377,
            90 => 0.0484,
            100 => 0.0479,
            110 => 0.052,
            120 => 0.0579,
            130 => 0.0595,
            _ => return None,
        };
        Some(Metres(metres))
    }
}

/// The scene of every frame, as numbers from 0 without a gap; `given` names win over what is told by the name.
#[must_use]
pub(super) fn scenes(file_names: &[&str], given: &BTreeMap<String, String>) -> Vec<usize> {
    let hit_uav = hit_uav_scenes(file_names);
    let name = |file_name: &str| {
        given.get(file_name).cloned().unwrap_or_else(|| {
            hit_uav.get(file_name).cloned().unwrap_or_else(|| {
                let folder = Path::new(file_name).parent().unwrap_or(Path::new(""));
                format!("folder {}", folder.display())
            })
        })
    };
    let mut numbers = BTreeMap::new();
    file_names
        .iter()
        .map(|file_name| {
            let next = numbers.len();
            *numbers.entry(name(file_name)).or_insert(next)
        })
        .collect()
}

/// A session is a run of numbers of one time of day and an altitude that does not fall; a jump within it is
/// another scene.
fn hit_uav_scenes(file_names: &[&str]) -> BTreeMap<String, String> {
    let mut frames: Vec<(HitUav, &str)> = file_names
        .iter()
        .filter_map(|name| Some((HitUav::parse(name)?, *name)))
        .collect();
    frames.sort_by_key(|(frame, name)| (frame.number, *name));
    let (mut session, mut part) = (0, 0);
    let mut last: Option<HitUav> = None;
    let mut scenes = BTreeMap::new();
    for (frame, name) in frames {
        if let Some(last) = last {
            if last.night != frame.night || frame.altitude_m < last.altitude_m {
                (session, part) = (session + 1, 0);
            } else if frame.number - last.number > JUMP {
                part += 1;
            }
        }
        scenes.insert(name.to_owned(), format!("session-{session:02}-{part}"));
        last = Some(frame);
    }
    scenes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hit_uav_is_cut_where_time_changes_altitude_falls_or_numbers_jump() {
        let names = [
            "0_60_50_0_00010.jpg",
            "0_70_50_0_00030.jpg", // 20 on: the same
            "0_70_50_0_00051.jpg", // 21 on: another
            "0_60_50_0_00052.jpg", // lower: another
            "1_60_50_0_00053.jpg", // night: another
            "1_60_50_0_00054.jpg",
        ];
        assert_eq!(scenes(&names, &BTreeMap::new()), [0, 0, 1, 2, 3, 3]);
    }

    #[test]
    fn other_frames_are_a_scene_a_folder_and_what_is_given_wins() {
        let names = ["a/1.jpg", "b/1.jpg", "a/2.jpg", "c.jpg"];
        assert_eq!(scenes(&names, &BTreeMap::new()), [0, 1, 0, 2]);
        let given = BTreeMap::from([
            ("a/2.jpg".to_owned(), "x".to_owned()),
            ("c.jpg".to_owned(), "x".to_owned()),
        ]);
        assert_eq!(scenes(&names, &given), [0, 1, 2, 2]);
    }

    #[test]
    fn only_its_own_names_are_read_as_hit_uav() {
        let frame = HitUav::parse("1_120_90_0_01343.jpg").unwrap();
        assert_eq!(frame.ground_resolution(), Some(Metres(0.0579)));
        for name in [
            "DJI_20260115223000_0001_T.JPG",
            "1_2_3.jpg",
            "2_60_50_0_00001.jpg",
            "",
        ] {
            assert_eq!(HitUav::parse(name), None, "{name}");
        }
        let high = HitUav::parse("1_500_90_0_01343.jpg").unwrap();
        assert_eq!(high.ground_resolution(), None);
    }
}
