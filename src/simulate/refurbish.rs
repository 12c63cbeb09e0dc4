//! Roofs that were insulated since an earlier survey of the same neighbourhood.
//!
//! In: a scene, the share of roofs. Out: the scene with those roofs as new ones lose heat, and marked. Refuses: nothing; the share was
//! checked.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::scene::Scene;
use super::thermal::{Behind, NIGHT};

/// U-value of a roof with new insulation, W/(m² K): the limit of Approved Document L for roofs that are renewed.
const INSULATED: f64 = 0.16;
/// What a pitched roof sees of the sky here, as in `houses`.
const SKY_VIEW: f64 = 0.9;

/// Insulates about `share` of all roofs. Which depends on the generator alone: a larger share takes in those of a smaller one.
pub(super) fn refurbish(scene: &mut Scene, share: f64, rng: &mut ChaCha8Rng) {
    for dwelling in &mut scene.dwellings {
        if rng.random_range(0.0..1.0) >= share {
            continue;
        }
        let behind = Behind::element(INSULATED, NIGHT.indoor);
        let celsius = NIGHT.surface(behind, dwelling.roof_emissivity, SKY_VIEW);
        if let Some(surface) = scene.surfaces.get_mut(dwelling.roof.surface) {
            surface.celsius = celsius;
        }
        dwelling.roof_u = INSULATED;
        dwelling.roof_celsius = celsius;
        dwelling.refurbished = true;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::super::houses;
    use super::*;

    fn street(share: f64) -> Scene {
        let rng = ChaCha8Rng::seed_from_u64;
        let mut scene = houses::build(100.0, &mut rng(3));
        refurbish(&mut scene, share, &mut rng(4));
        scene
    }

    #[test]
    fn refurbished_roofs_are_colder_and_the_others_as_they_were() {
        let (before, after) = (street(0.0), street(0.4));
        let mut count = 0_u32;
        for (old, new) in before.dwellings.iter().zip(&after.dwellings) {
            assert!(!old.refurbished);
            let warmer = after.surfaces[new.roof.surface].celsius;
            if new.refurbished {
                count += 1;
                assert!(warmer <= old.roof_celsius + 1e-9 && new.roof_u <= old.roof_u);
            } else {
                assert!((warmer - old.roof_celsius).abs() < 1e-12);
            }
        }
        let all = u32::try_from(after.dwellings.len()).unwrap();
        let share = f64::from(count) / f64::from(all);
        assert!(all > 30 && (share - 0.4).abs() < 0.2, "{count} of {all}");
    }

    #[test]
    fn more_refurbished_roofs_hold_those_of_fewer() {
        let (few, many) = (street(0.2), street(0.6));
        let pairs = few.dwellings.iter().zip(&many.dwellings);
        assert!(
            pairs
                .into_iter()
                .all(|(few, many)| !few.refurbished || many.refurbished)
        );
    }
}
