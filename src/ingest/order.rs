//! The order of frames: those of one flight follow each other as the camera numbered them.
//!
//! In: files, however they were given. Out: which comes first. Refuses: nothing.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::path::Path;

/// Which of two files is the earlier frame: by folder, then by name, numbers in names by their value (`IMG_2` before `IMG_10`).
///
/// A frame's neighbours in time are looked for a few lines up and down the manifest: in another order carry would find none.
#[must_use]
pub fn flight_order(one: &Path, other: &Path) -> Ordering {
    let folder = |path| Path::parent(path).unwrap_or(path).components();
    let names = |path| folder(path).map(|part| Name::of(part.as_os_str()));
    let name = |path| Path::file_name(path).map(Name::of);
    let folders = names(one).cmp(names(other));
    folders.then_with(|| name(one).cmp(&name(other)))
}

/// A name of a file or folder. Those with the same numbers, written otherwise (`1`, `01`), stand by their bytes.
#[derive(PartialEq, Eq)]
struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    fn of(name: &'a OsStr) -> Self {
        Self(name.as_encoded_bytes())
    }

    /// Single bytes, and runs of digits: those as a zero, how many digits, and the digits, without leading zeros.
    fn parts(&self) -> impl Iterator<Item = (u8, usize, &'a [u8])> {
        let runs = self
            .0
            .chunk_by(|one, next| one.is_ascii_digit() && next.is_ascii_digit());
        runs.map(|run| match run {
            [byte, ..] if !byte.is_ascii_digit() => (*byte, 0, &[][..]),
            number => {
                let zeros = number.iter().take_while(|digit| **digit == b'0').count();
                let digits = number.get(zeros..).unwrap_or_default();
                (b'0', digits.len(), digits)
            }
        })
    }
}

impl Ord for Name<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let parts = self.parts().cmp(other.parts());
        parts.then_with(|| self.0.cmp(other.0))
    }
}

impl PartialOrd for Name<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_a_folder_stand_together_as_they_were_numbered() {
        let expected = [
            "IMG_3.jpg",
            "a/IMG_1.jpg",
            "a/IMG_2.jpg",
            "a/IMG_10.jpg",
            "a/IMG_0010_T.jpg",
            "a/IMG_99999999999999999999998.jpg",
            "a/IMG_99999999999999999999999.jpg",
            "a/IMG_100000000000000000000000.jpg",
            "a/sub/IMG_1.jpg",
            "flight2/01.jpg",
            "flight2/1.jpg",
            "flight2/2.jpg",
            "flight10/0.jpg",
        ];
        let mut files = expected;
        for by in 0..files.len() {
            files.reverse();
            files.rotate_left(by);
            files.sort_by(|one, other| flight_order(Path::new(one), Path::new(other)));
            assert_eq!(files, expected);
        }
    }

    #[test]
    fn names_that_are_padded_stand_by_their_bytes() {
        let number = |number: u32| format!("f/DJI_20260115{number:06}_{:04}_T.JPG", number / 7);
        let files: Vec<String> = (0..300).map(|at| number(at * 31)).collect();
        let in_order =
            |pair: &[String]| flight_order(Path::new(&pair[0]), Path::new(&pair[1])).is_lt();
        assert!(files.is_sorted() && files.windows(2).all(in_order));
    }
}
