//! The parts of buildings: one row a facet of the roof and a side of the walls, with the figures of a building.
//!
//! In: measured buildings, their facets and walls. Out: [`Part`] rows, building by building. Refuses: nothing; a roof without facets has no
//! rows.

use rayon::prelude::*;

use super::table::{Field, Row, number, text, whole};
use super::{Building, Facet, Footprint, Ring, Side};

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// A facet of the roof.
    Roof,
    /// The walls on one side.
    Wall(Side),
}

/// One part's row.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Name of its building in the source.
    pub building: String,
    /// 1 is the largest facet; walls follow the roof.
    pub number: u32,
    /// Direction in which it slopes down, degrees clockwise from the map's north.
    pub azimuth: Option<f64>,
    /// Roof or wall.
    pub face: Face,
    /// Its own figures, by its own tilt.
    pub figures: Building,
}

/// Splits roofs and measures their facets as buildings are measured.
///
/// # Errors
///
/// What `facets` and `measure` say.
pub fn parts<E: Send>(
    buildings: &[Building],
    facets: impl Fn(&Footprint) -> Result<Vec<Facet>, E> + Sync,
    measure: impl FnOnce(Vec<Footprint>) -> Result<Vec<Building>, E>,
) -> Result<Vec<Part>, E> {
    let split: Vec<Vec<Facet>> = buildings
        .par_iter()
        .map(|building| facets(&building.footprint))
        .collect::<Result<_, E>>()?;
    let (mut names, mut outlines) = (Vec::new(), Vec::new());
    for (building, facets) in buildings.iter().zip(split) {
        for (number, facet) in (1..).zip(facets) {
            names.push((building.footprint.id.clone(), number, facet.azimuth));
            outlines.push(Footprint {
                id: building.footprint.id.clone(),
                uprns: Vec::new(),
                polygons: facet.polygons,
                material: building.footprint.material.clone(),
                emissivity: building.footprint.emissivity,
                tilt: Some(facet.tilt),
            });
        }
    }
    let measured = names.into_iter().zip(measure(outlines)?);
    let part = |((building, number, azimuth), figures)| Part {
        building,
        number,
        azimuth,
        face: Face::Roof,
        figures,
    };
    Ok(measured.map(part).collect())
}

/// Parts of roofs and walls, both building by building, in one table: the walls of each building after its roof, numbered on.
#[must_use]
pub fn together(buildings: &[Building], roofs: Vec<Part>, walls: Vec<Part>) -> Vec<Part> {
    let (mut roofs, mut walls) = (roofs.into_iter().peekable(), walls.into_iter().peekable());
    let mut all = Vec::new();
    for building in buildings {
        let id = &building.footprint.id;
        let mut last = 0;
        while let Some(part) = roofs.next_if(|part| part.building == *id) {
            last = part.number;
            all.push(part);
        }
        while let Some(part) = walls.next_if(|part| part.building == *id) {
            last += 1;
            all.push(Part {
                number: last,
                ..part
            });
        }
    }
    all
}

impl Part {
    /// Area of the part itself, in m²: a facet's is larger than that of its outline by its tilt.
    #[must_use]
    pub fn slope_area(&self) -> f64 {
        match self.face {
            Face::Roof => self.figures.area / self.figures.tilt.to_radians().cos(),
            Face::Wall(_) => self.figures.area,
        }
    }
}

impl Row for Part {
    const TABLE: &'static str = "building_parts";
    const FIELDS: &'static [Field<Self>] = PART_FIELDS;

    fn polygons(&self) -> &[Vec<Ring>] {
        &self.figures.footprint.polygons
    }
}

/// All fields of a part, in order.
pub const PART_FIELDS: &[Field<Part>] = &[
    text("id", "the building's name in the source file", |row| {
        row.building.clone()
    }),
    whole(
        "part",
        "number of the part in its building; 1 is the facet with the most area that is surely its own, walls come last",
        |row| Some(row.number.into()),
    ),
    number(
        "tilt",
        "degree",
        1,
        "tilt of the facet, from the surface model; 90 for walls",
        |row| Some(row.figures.tilt),
    ),
    number(
        "azimuth",
        "degree",
        0,
        "direction in which a facet slopes down, clockwise from the map's north; none below 5 degrees of tilt",
        |row| row.azimuth,
    ),
    number(
        "area",
        "m2",
        1,
        "area of the facet's outline from above; none for walls",
        |row| (row.face == Face::Roof).then_some(row.figures.area),
    ),
    number(
        "slope_area",
        "m2",
        1,
        "area of the facet along its slope, or of the wall",
        |row| Some(row.slope_area()),
    ),
    number(
        "visible",
        "",
        3,
        "share of it with a temperature; of walls, of what lies a metre from their edges",
        |row| Some(row.figures.visible),
    ),
    text(
        "grade",
        "confidence, A (best) to E (not to be acted on)",
        |row| row.figures.verdict.grade.to_string(),
    ),
    text(
        "reasons",
        "why the grade is no better, worst first",
        |row| {
            let reasons = row.figures.verdict.reasons.iter();
            let reasons: Vec<&str> = reasons.map(|reason| reason.text.as_str()).collect();
            reasons.join("; ")
        },
    ),
    number("flux", "W/m2", 1, "heat lost per area of the part", |row| {
        row.figures.flux.map(|flux| flux.estimate)
    }),
    number(
        "flux_low",
        "W/m2",
        1,
        "lower end of its 90 % interval",
        |row| row.figures.flux.map(|flux| flux.low),
    ),
    number(
        "flux_high",
        "W/m2",
        1,
        "upper end of its 90 % interval",
        |row| row.figures.flux.map(|flux| flux.high),
    ),
    number(
        "u_indicative",
        "W/m2K",
        2,
        "U-value that the flux would mean in a steady state: indicative only",
        |row| row.figures.u.map(|u| u.estimate),
    ),
    number(
        "u_low",
        "W/m2K",
        2,
        "lower end of its 90 % interval",
        |row| row.figures.u.map(|u| u.low),
    ),
    number(
        "u_high",
        "W/m2K",
        2,
        "upper end of its 90 % interval",
        |row| row.figures.u.map(|u| u.high),
    ),
    number(
        "surface",
        "degC",
        2,
        "temperature of the surface, corrected for emissivity, sky and air",
        |row| row.figures.surface,
    ),
    number(
        "apparent_mean",
        "degC",
        3,
        "mean apparent temperature",
        |row| Some(row.figures.apparent.mean),
    ),
    number(
        "apparent_median",
        "degC",
        3,
        "half of the area looks colder",
        |row| Some(row.figures.apparent.median),
    ),
    number(
        "apparent_p05",
        "degC",
        3,
        "5 % of the area look colder",
        |row| Some(row.figures.apparent.p05),
    ),
    number(
        "apparent_p95",
        "degC",
        3,
        "95 % of the area look colder",
        |row| Some(row.figures.apparent.p95),
    ),
    whole(
        "hot_spots",
        "places of 0.1 m2 and more that are clearly warmer than the rest",
        |row| Some(row.figures.hot_spots.count.into()),
    ),
    number("emissivity", "", 3, "emissivity that was used", |row| {
        Some(row.figures.emissivity)
    }),
    text(
        "face",
        "`roof`, or `wall-` and the side of the compass to which it looks: N, E, S, W",
        |row| match row.face {
            Face::Roof => "roof".into(),
            Face::Wall(side) => format!("wall-{}", side.letter()),
        },
    ),
];

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::super::buildings::tests::row;
    use super::super::signed_area;
    use super::super::table::Value;
    use super::super::table::tests::assert_documented;
    use super::*;

    #[test]
    fn every_facet_has_its_row_with_its_own_tilt() {
        let building = row();
        let half = |west: f64| {
            vec![vec![vec![
                (west, 0.0),
                (west + 4.0, 0.0),
                (west + 4.0, 6.0),
                (west, 6.0),
            ]]]
        };
        let facet = |azimuth, west| Facet {
            tilt: 60.0,
            azimuth,
            polygons: half(west),
        };
        let found = parts(
            &[building.clone(), building],
            |_| Ok::<_, Infallible>(vec![facet(Some(90.0), 4.0), facet(None, 0.0)]),
            |outlines| {
                assert!(
                    outlines
                        .iter()
                        .all(|one| one.tilt == Some(60.0) && one.uprns.is_empty())
                );
                let measured = |footprint: Footprint| Building {
                    area: footprint
                        .polygons
                        .iter()
                        .flatten()
                        .map(|ring| signed_area(ring).abs())
                        .sum(),
                    tilt: footprint.tilt.unwrap(),
                    footprint,
                    ..row()
                };
                Ok(outlines.into_iter().map(measured).collect())
            },
        )
        .unwrap();
        let numbers: Vec<u32> = found.iter().map(|part| part.number).collect();
        assert_eq!(numbers, [1, 2, 1, 2]);
        // 24 m² in plan at 60 degrees are 48 m².
        let value = |name: &str| {
            let field = PART_FIELDS.iter().find(|field| field.name == name).unwrap();
            [&found[0], &found[1]].map(|part| field.value(part))
        };
        assert_eq!(
            value("slope_area"),
            [Value::Number(48.0), Value::Number(48.0)]
        );
        assert_eq!(value("azimuth"), [Value::Number(90.0), Value::Missing]);
    }

    #[test]
    fn every_field_is_documented() {
        assert_documented::<Part>();
    }

    #[test]
    fn walls_follow_the_roof_of_their_building() {
        let house = |id: &str| {
            let mut building = row();
            building.footprint.id = id.into();
            building
        };
        let part = |id: &str, number, face| Part {
            building: id.into(),
            number,
            azimuth: None,
            face,
            figures: row(),
        };
        let south = Face::Wall(Side::South);
        let all = together(
            &[house("a"), house("b"), house("c")],
            vec![
                part("a", 1, Face::Roof),
                part("a", 2, Face::Roof),
                part("c", 1, Face::Roof),
            ],
            vec![part("a", 0, south), part("b", 0, south)],
        );
        let told: Vec<(&str, u32, Face)> = all
            .iter()
            .map(|part| (part.building.as_str(), part.number, part.face))
            .collect();
        let roof = Face::Roof;
        assert_eq!(
            told,
            [
                ("a", 1, roof),
                ("a", 2, roof),
                ("a", 3, south),
                ("b", 1, south),
                ("c", 1, roof)
            ]
        );
        // A wall's area is its own, and it has none from above.
        let field = |name: &str| PART_FIELDS.iter().find(|field| field.name == name).unwrap();
        assert_eq!(field("slope_area").value(&all[2]), Value::Number(50.0));
        assert_eq!(field("area").value(&all[2]), Value::Missing);
        assert_eq!(field("face").value(&all[2]), Value::Text("wall-S".into()));
    }
}
