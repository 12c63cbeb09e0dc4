//! Tables with a header: external camera parameters of `Pix4D`, reference exports of Metashape, and their like.

use super::odm::{Listed, from_nadir};
use super::rotation::Axes;
use super::{KnownPose, Problem, System};
use crate::frame::Attitude;
use crate::units::{Degrees, Metres};

/// Names of columns, as software writes them: in small letters, without units.
const NAME: &[&str] = &[
    "imagename",
    "image name",
    "image",
    "label",
    "filename",
    "file name",
    "name",
];
const X: &[&str] = &[
    "x_est",
    "x",
    "x/longitude",
    "x/easting",
    "longitude",
    "easting",
];
const Y: &[&str] = &[
    "y_est",
    "y",
    "y/latitude",
    "y/northing",
    "latitude",
    "northing",
];
const Z: &[&str] = &["z_est", "z", "z/altitude", "altitude", "height", "z/height"];
/// In `Pix4D`'s geolocation tables: latitude, then longitude.
const FIRST: &[&str] = &["coordinate1"];
const SECOND: &[&str] = &["coordinate2"];

/// Where the columns are.
struct Columns {
    name: usize,
    x: usize,
    y: usize,
    z: Option<usize>,
    angles: Angles,
}

enum Angles {
    OmegaPhiKappa([usize; 3]),
    YawPitchRoll([usize; 3]),
}

/// A table whose header is its first line, or the last of those that start with `#`.
pub(super) fn read(text: &str, system: &System) -> Result<Listed, (usize, Problem)> {
    let mut columns: Option<Columns> = None;
    let mut separator = None;
    let mut listed = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let bare = line.trim();
        if bare.is_empty() {
            continue;
        }
        let is_comment = bare.starts_with('#');
        if is_comment || columns.is_none() {
            let header = bare.trim_start_matches('#');
            let found = separator_of(header);
            if let Some(here) = Columns::of(&fields(header, found), system) {
                (columns, separator) = (Some(here), found);
            } else if !is_comment {
                return Err((number, Problem::Header));
            }
            continue;
        }
        let Some(columns) = &columns else {
            continue;
        };
        let pose = columns.pose(&fields(line, separator), system);
        let pose = pose.map_err(|problem| (number, problem))?;
        listed.extend(pose.map(|(name, pose)| (number, name, pose)));
    }
    Ok(listed)
}

/// What stands between columns; `None` for blanks.
fn separator_of(line: &str) -> Option<char> {
    [',', ';', '\t']
        .into_iter()
        .find(|mark| line.contains(*mark))
}

fn fields(line: &str, separator: Option<char>) -> Vec<&str> {
    match separator {
        Some(mark) => line
            .split(mark)
            .map(|field| field.trim().trim_matches('"').trim())
            .collect(),
        None => line
            .split_whitespace()
            .map(|field| field.trim_matches('"'))
            .collect(),
    }
}

impl Columns {
    fn of(header: &[&str], system: &System) -> Option<Self> {
        let names: Vec<String> = header
            .iter()
            .map(|field| {
                let plain = field.split(['[', '(']).next().unwrap_or_default();
                plain.trim().to_lowercase()
            })
            .collect();
        let at = |wanted: &[&str]| {
            wanted
                .iter()
                .find_map(|name| names.iter().position(|found| found == name))
        };
        let three = |first, second, third| Some([at(first)?, at(second)?, at(third)?]);
        let angles = three(
            &["omega_est", "omega"],
            &["phi_est", "phi"],
            &["kappa_est", "kappa"],
        )
        .map(Angles::OmegaPhiKappa)
        .or_else(|| {
            let turns = three(
                &["yaw_est", "yaw"],
                &["pitch_est", "pitch"],
                &["roll_est", "roll"],
            );
            turns.map(Angles::YawPitchRoll)
        })?;
        let (first, second) = match system {
            System::Geographic => (SECOND, FIRST),
            System::Map(_) => (FIRST, SECOND),
        };
        Some(Self {
            name: at(NAME)?,
            x: at(X).or_else(|| at(first))?,
            y: at(Y).or_else(|| at(second))?,
            z: at(Z),
            angles,
        })
    }

    /// Name and pose of a line; `None` for a frame that the software could not place and left empty.
    fn pose(
        &self,
        fields: &[&str],
        system: &System,
    ) -> Result<Option<(String, KnownPose)>, Problem> {
        let text = |column: usize| fields.get(column).copied().unwrap_or_default();
        let name = text(self.name);
        let (Angles::OmegaPhiKappa(angles) | Angles::YawPitchRoll(angles)) = &self.angles;
        let all = [self.x, self.y].into_iter().chain(*angles).chain(self.z);
        if !name.is_empty() && all.clone().all(|column| text(column).is_empty()) {
            return Ok(None);
        }
        let number = |column: usize| text(column).parse::<f64>().ok().ok_or(Problem::Number);
        if name.is_empty() {
            return Err(Problem::Number);
        }
        let (longitude, latitude, convergence) = system.place(number(self.x)?, number(self.y)?)?;
        let [first, second, third] = *angles;
        let turns = [number(first)?, number(second)?, number(third)?];
        let attitude = match self.angles {
            Angles::OmegaPhiKappa(_) => {
                let found = Axes::from_opk(turns).attitude();
                Attitude {
                    yaw: Degrees(found.yaw.0 - convergence),
                    ..found
                }
            }
            Angles::YawPitchRoll(_) => {
                let [yaw, pitch, roll] = turns;
                from_nadir(yaw, pitch, roll)
            }
        };
        let pose = KnownPose {
            longitude: Degrees(longitude),
            latitude: Degrees(latitude),
            height_in_file: self.z.map(number).transpose()?.map(Metres),
            attitude: Some(attitude),
        };
        Ok(Some((name.to_owned(), pose)))
    }
}
