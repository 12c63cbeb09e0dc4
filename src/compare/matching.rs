//! Which home of one survey is which of the other.
//!
//! In: homes of both. Out: pairs in the order of the first. Refuses: no pair at all, and names that moved.

use std::collections::{BTreeMap, BTreeSet};

use super::CompareError;
use crate::georef::Bounds;
use crate::published::Home;

/// Homes with their other selves, and how many have none: before, after.
type Pairs<'a> = (Vec<[&'a Home; 2]>, [usize; 2]);

/// By UPRN where a home has one that the other survey knows, else by id. A home of which the UPRNs lie in several others is in neither
/// survey the same home, and stays alone.
pub(super) fn pairs<'a>(before: &'a [Home], after: &'a [Home]) -> Result<Pairs<'a>, CompareError> {
    let mut by_uprn: BTreeMap<&str, usize> = BTreeMap::new();
    let mut by_id: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, home) in after.iter().enumerate() {
        by_uprn.extend(home.uprns.iter().map(|uprn| (uprn.as_str(), at)));
        by_id.insert(&home.id, at);
    }
    let partner = |home: &Home| -> Option<usize> {
        let known: BTreeSet<usize> = home
            .uprns
            .iter()
            .filter_map(|uprn| by_uprn.get(uprn.as_str()).copied())
            .collect();
        match known.len() {
            0 => by_id.get(home.id.as_str()).copied(),
            1 => known.first().copied(),
            _ => None,
        }
    };
    let mut taken: BTreeMap<usize, Vec<&Home>> = BTreeMap::new();
    for home in before {
        if let Some(at) = partner(home) {
            taken.entry(at).or_default().push(home);
        }
    }
    let pairs: Vec<[&Home; 2]> = before
        .iter()
        .filter_map(|home| {
            let at = partner(home)?;
            let is_only = taken.get(&at).is_some_and(|homes| homes.len() == 1);
            is_only.then_some(())?;
            Some([home, after.get(at)?])
        })
        .collect();
    let (first, second) = (before.len(), after.len());
    if pairs.is_empty() {
        return Err(CompareError::Strangers {
            before: first,
            after: second,
        });
    }
    let mut moved = pairs.iter().filter(|[a, b]| !is_there(a, b));
    if let Some([first, _]) = moved.next() {
        return Err(CompareError::Moved {
            count: 1 + moved.count(),
            first: first.id.clone(),
        });
    }
    let alone = [first - pairs.len(), second - pairs.len()];
    Ok((pairs, alone))
}

/// Whether both outlines share ground.
fn is_there(a: &Home, b: &Home) -> bool {
    let bounds = |home: &Home| {
        let points: Vec<(f64, f64)> = home.polygons.iter().flatten().flatten().copied().collect();
        Bounds::around(&points)
    };
    matches!((bounds(a), bounds(b)), (Some(a), Some(b)) if a.intersection(b).is_some())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::heatloss::Value;

    /// A home of 8 x 6 m so many metres to the east.
    pub(in crate::compare) fn home(id: &str, uprns: &[&str], west: f64) -> Home {
        let ring = vec![
            (west, 0.0),
            (west + 8.0, 0.0),
            (west + 8.0, 6.0),
            (west, 6.0),
        ];
        let text = |text: &str| Value::Text(text.into());
        let number = Value::Number;
        let values = [
            ("grade", text("A")),
            ("flux", number(40.0)),
            ("flux_low", number(20.0)),
            ("flux_high", number(60.0)),
            ("emissivity", number(0.91)),
            ("tilt", number(35.0)),
        ];
        Home {
            id: id.into(),
            uprns: uprns.iter().map(|&uprn| uprn.into()).collect(),
            polygons: vec![vec![ring]],
            parts: vec![],
            values: values.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }

    #[test]
    fn a_property_number_goes_before_a_name() {
        let before = [home("1", &["100"], 0.0), home("2", &["200"], 10.0)];
        let after = [home("1", &["200"], 10.0), home("2", &["100"], 0.0)];
        let (pairs, alone) = pairs(&before, &after).unwrap();
        let names: Vec<[&str; 2]> = pairs
            .iter()
            .map(|pair| pair.map(|home| home.id.as_str()))
            .collect();
        assert_eq!((names, alone), (vec![["1", "2"], ["2", "1"]], [0, 0]));
    }

    #[test]
    fn a_home_that_was_split_or_joined_stays_alone() {
        let before = [home("a", &["1", "2"], 0.0), home("b", &["3"], 20.0)];
        let after = [
            home("x", &["1"], 0.0),
            home("y", &["2"], 4.0),
            home("z", &["3"], 20.0),
        ];
        let (pairs, alone) = pairs(&before, &after).unwrap();
        assert_eq!((pairs.len(), alone), (1, [1, 2]));
        let (joined, alone) = super::pairs(&after, &before).unwrap();
        assert_eq!((joined.len(), alone), (1, [2, 1]));
    }

    #[test]
    fn numbers_that_mean_other_homes_are_refused() {
        let before = [home("1", &[], 0.0), home("2", &[], 100.0)];
        let after = [home("1", &[], 100.0), home("2", &[], 0.0)];
        let refused = pairs(&before, &after).unwrap_err();
        assert!(
            matches!(refused, CompareError::Moved { count: 2, .. }),
            "{refused}"
        );
        let refused = pairs(&before, &[home("3", &[], 0.0)]).unwrap_err();
        assert!(
            matches!(refused, CompareError::Strangers { .. }),
            "{refused}"
        );
    }
}
