//! Where a building stands among comparable neighbours.
//!
//! In: a place, a class and a flux a building. Out: an index from 0 (loses least) to 100 and a decile. Refuses: to
//! rank among fewer than [`FEWEST`] neighbours.
//!
//! Ranks survive what one night cannot tell: an error that all roofs of a street share moves none of them.

use std::collections::BTreeMap;

/// Fewer comparable buildings than this give no index.
pub const FEWEST: usize = 10;

/// A building as the ranking sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// Metres east and north of its centre.
    pub place: (f64, f64),
    /// Buildings are compared within their class: material, tilt, flight.
    pub class: String,
    /// What is ranked, W/m² or °C; buildings without are neither ranked nor neighbours.
    pub value: Option<f64>,
}

/// Standing among neighbours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Share of the comparable buildings that lose less, 0 to 100; equals count half.
    pub index: f64,
    /// 1 (loses least) to 10.
    pub decile: u8,
    /// Comparable buildings, itself included.
    pub among: usize,
}

/// Class, column and row of a square as wide as the radius.
type Cell<'a> = (&'a str, i64, i64);

/// The standing of each building among those of its class no further than `radius` metres; in the order given.
#[must_use]
pub fn standings(buildings: &[Ranked], radius: f64) -> Vec<Option<Standing>> {
    let cell = |place: (f64, f64)| {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "`as` saturates; far places share a cell and are measured"
        )]
        let index = |metres: f64| (metres / radius).floor() as i64;
        (index(place.0), index(place.1))
    };
    let mut cells: BTreeMap<Cell<'_>, Vec<(f64, f64, f64)>> = BTreeMap::new();
    for building in buildings {
        if let Some(value) = building.value.filter(|value| value.is_finite()) {
            let (column, row) = cell(building.place);
            let entry = (building.place.0, building.place.1, value);
            cells
                .entry((&building.class, column, row))
                .or_default()
                .push(entry);
        }
    }
    let near = |building: &Ranked| -> Option<Standing> {
        let value = building.value.filter(|value| value.is_finite())?;
        let (column, row) = cell(building.place);
        let (mut below, mut equal, mut among) = (0_u32, 0_u32, 0_usize);
        for (dx, dy) in (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (dx, dy))) {
            let key = (
                building.class.as_str(),
                column.saturating_add(dx),
                row.saturating_add(dy),
            );
            for &(east, north, other) in cells.get(&key).into_iter().flatten() {
                if (east - building.place.0).hypot(north - building.place.1) <= radius {
                    among += 1;
                    below += u32::from(other < value);
                    equal += u32::from((other - value).abs() < f64::EPSILON);
                }
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "buildings within a radius")]
        let index = 100.0 * (f64::from(below) + 0.5 * f64::from(equal)) / among as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 9"
        )]
        let decile = (index / 10.0).floor().clamp(0.0, 9.0) as u8 + 1;
        (among >= FEWEST).then_some(Standing {
            index,
            decile,
            among,
        })
    };
    buildings.iter().map(near).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn street(count: u8) -> Vec<Ranked> {
        (0..count)
            .map(|house| Ranked {
                place: (10.0 * f64::from(house), 0.0),
                class: "tile".into(),
                value: Some(f64::from(house)),
            })
            .collect()
    }

    #[test]
    fn twenty_houses_in_order_stand_in_their_order() {
        let found: Vec<Standing> = standings(&street(20), 1000.0)
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(found.len(), 20);
        assert!((found[0].index - 2.5).abs() < 1e-9 && found[0].decile == 1);
        assert!((found[19].index - 97.5).abs() < 1e-9 && found[19].decile == 10);
        assert!(found.windows(2).all(|pair| pair[0].index < pair[1].index));
    }

    #[test]
    fn an_error_that_all_share_moves_nobody() {
        let shifted: Vec<Ranked> = street(20)
            .into_iter()
            .map(|house| Ranked {
                value: house.value.map(|value| value + 17.0),
                ..house
            })
            .collect();
        assert_eq!(standings(&shifted, 1000.0), standings(&street(20), 1000.0));
    }

    #[test]
    fn neighbours_lie_within_the_radius_and_the_class() {
        assert!(
            standings(&street(20), 30.0).iter().all(Option::is_none),
            "7 within 30 m are too few"
        );
        let found = standings(&street(40), 100.0);
        assert_eq!(found[20].map(|standing| standing.among), Some(21));
        let mut mixed = street(20);
        mixed
            .iter_mut()
            .step_by(2)
            .for_each(|house| house.class = "metal".into());
        assert_eq!(
            standings(&mixed, 1000.0)[0].map(|standing| standing.among),
            Some(10)
        );
    }

    #[test]
    fn buildings_without_a_figure_have_no_standing_and_lend_none() {
        let mut houses = street(11);
        houses[3].value = None;
        houses[4].value = Some(f64::NAN);
        assert!(standings(&houses, 1000.0).iter().all(Option::is_none));
    }
}
