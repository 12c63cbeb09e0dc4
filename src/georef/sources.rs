//! How far two sources of one fact lie apart in a flight.

use super::carry::offset;
use super::crs::median;
use crate::frame::{FrameMeta, PositionSource};

/// Metres east and north by which EXIF places the frames of a flight from where XMP does: the middle one of each. XMP is believed
/// (DOMAIN section 2).
///
/// `None` where no file carries both.
#[must_use]
pub fn exif_offset<'a>(flight: impl IntoIterator<Item = &'a FrameMeta>) -> Option<(f64, f64)> {
    let (mut east, mut north): (Vec<f64>, Vec<f64>) = flight
        .into_iter()
        .filter_map(|meta| {
            let xmp = meta
                .position
                .filter(|position| position.source == PositionSource::Xmp);
            Some(offset(xmp?, meta.exif_position?))
        })
        .unzip();
    Some((median(&mut east)?, median(&mut north)?))
}
