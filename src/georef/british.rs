//! The British National Grid on both of its datums.
//!
//! In: metres east and north. Out: the same place on the other datum. Refuses (as `None`): places outside OSTN15.
//!
//! The grid's transverse Mercator projection on GRS 80 gives ETRS89 coordinates; OSTN15's shifts, given each kilometre and
//! interpolated bilinearly, lead to OSGB36 (Ordnance Survey, "Transformations and OSGM15 User Guide", section 2).

/// The projection of the grid on the ellipsoid of ETRS89 (same guide, annex B).
pub(super) const ETRS89_GRID: &str = "+proj=tmerc +lat_0=49 +lon_0=-2 +k=0.9996012717 +x_0=400000 +y_0=-100000 +ellps=GRS80 +units=m +no_defs";
/// Kilometres of the table: columns and rows of nodes.
const NODES: (u16, u16) = (701, 1251);
/// OSTN15 as build.rs packs it: by rows from the south-west, each node's shifts east and north in millimetres.
static TABLE: &[u8; NODES.0 as usize * NODES.1 as usize * 8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/ostn15.bin"));
/// Metres between nodes.
const CELL: f64 = 1000.0;

/// OSGB36 of ETRS89 coordinates.
pub(super) fn to_national(east: f64, north: f64) -> Option<(f64, f64)> {
    let (shift_east, shift_north) = shifts(east, north)?;
    Some((east + shift_east, north + shift_north))
}

/// ETRS89 of OSGB36 coordinates, by iteration to 0.1 mm (the guide's section 2.3).
pub(super) fn to_etrs89(east: f64, north: f64) -> Option<(f64, f64)> {
    let (mut shift_east, mut shift_north) = shifts(east, north)?;
    for _ in 0..20 {
        let (better_east, better_north) = shifts(east - shift_east, north - shift_north)?;
        let change = (better_east - shift_east)
            .abs()
            .max((better_north - shift_north).abs());
        (shift_east, shift_north) = (better_east, better_north);
        if change < 1e-4 {
            break;
        }
    }
    Some((east - shift_east, north - shift_north))
}

/// OSTN15's shifts in metres at ETRS89 coordinates.
fn shifts(east: f64, north: f64) -> Option<(f64, f64)> {
    let (x, y) = (east / CELL, north / CELL);
    if !(x >= 0.0 && y >= 0.0 && x < f64::from(NODES.0 - 1) && y < f64::from(NODES.1 - 1)) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the table"
    )]
    let (column, row) = (x as usize, y as usize);
    let (t, u) = (x.fract(), y.fract());
    let mut sum = (0.0, 0.0);
    for (dx, dy, weight) in [
        (0, 0, (1.0 - t) * (1.0 - u)),
        (1, 0, t * (1.0 - u)),
        (0, 1, (1.0 - t) * u),
        (1, 1, t * u),
    ] {
        let (east, north) = node(column + dx, row + dy)?;
        sum = (sum.0 + weight * east, sum.1 + weight * north);
    }
    Some(sum)
}

/// Shifts east and north in metres at a node of the table.
fn node(column: usize, row: usize) -> Option<(f64, f64)> {
    let (values, _) = TABLE.as_chunks::<4>();
    let first = 2 * (column + row * usize::from(NODES.0));
    let metres = |number| Some(f64::from(i32::from_le_bytes(*values.get(number)?)) / 1000.0);
    Some((metres(first)?, metres(first + 1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_is_the_same_place() {
        for (east, north) in [
            (651_307.003, 313_255.686),
            (400_000.0, 400_000.0),
            (250_500.5, 665_432.1),
        ] {
            let (there_east, there_north) = to_national(east, north).unwrap();
            assert!(
                (there_east - east).abs() > 50.0,
                "some 90 to 110 m in Great Britain"
            );
            let back = to_etrs89(there_east, there_north).unwrap();
            assert!((back.0 - east).abs() < 1e-3 && (back.1 - north).abs() < 1e-3);
        }
    }

    #[test]
    fn outside_the_table_there_is_no_shift() {
        for (east, north) in [
            (-1.0, 5e5),
            (5e5, -1.0),
            (7e5, 5e5),
            (5e5, 1.25e6),
            (f64::NAN, 0.0),
        ] {
            assert_eq!(to_national(east, north), None);
        }
    }
}
