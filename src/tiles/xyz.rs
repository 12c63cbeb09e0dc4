//! The web pyramid as a folder of pictures, `zoom/column/row.png`, for servers that know nothing but files.
//!
//! In: encoded tiles. Out: one file a tile, rows counted from the north. Refuses: nothing.

use std::borrow::Cow;

use super::{EncodedTiles, TilesError};
use crate::store::{Artifact, Folder, sealed};

/// One picture.
struct Picture<'a>(&'a [u8]);

impl sealed::Sealed for Picture<'_> {}

impl Artifact for Picture<'_> {
    fn bytes(&self) -> Cow<'_, [u8]> {
        self.0.into()
    }
}

impl EncodedTiles {
    /// Writes every tile into `folder`.
    ///
    /// # Errors
    ///
    /// [`TilesError`] when the tiles cannot be read back or written.
    pub fn write_xyz(&self, folder: &mut Folder) -> Result<(), TilesError> {
        self.each(|coord, png| {
            let path = format!("{}/{}/{}.png", coord.z(), coord.x(), coord.y());
            Ok(folder.add(&path, &Picture(png))?)
        })
    }
}
