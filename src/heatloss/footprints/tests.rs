//! Outlines in GDAL's memory files, on a map of half a kilometre.

use super::*;
use crate::georef::Crs;

/// A square of 0.0002 degrees at 1.7 E, 52.6 N, shifted east by `step` squares.
fn square(step: f64, uprn: &str) -> String {
    let (west, east) = (1.7 + 0.0003 * step, 1.7002 + 0.0003 * step);
    format!(
        r#"{{"type":"Feature","properties":{{"uprn":"{uprn}","kind":"tile"}},"geometry":{{"type":"Polygon","coordinates":[[[{west},52.6],[{east},52.6],[{east},52.6002],[{west},52.6002],[{west},52.6]]]}}}}"#
    )
}

/// Reads features from GDAL's memory files, so that no test writes to disk.
fn outcome(name: &str, features: &[String]) -> Result<Vec<Footprint>, FootprintError> {
    let path = format!("/vsimem/{name}.geojson");
    gdal::vsi::create_mem_file(&path, collection(&features.join(","))).unwrap();
    let source = FootprintSource {
        uprn: Some("uprn".into()),
        material: Some("kind".into()),
        ..FootprintSource::outlines(Path::new(&path))
    };
    let (projector, area) = place();
    read(&source, &projector, area)
}

fn collection(features: &str) -> Vec<u8> {
    format!(r#"{{"type":"FeatureCollection","features":[{features}]}}"#).into_bytes()
}

/// The map of these tests: half a kilometre around the first square.
fn place() -> (Projector, Bounds) {
    let projector = Crs::from_epsg(32_631).unwrap().projector().unwrap();
    let (east, north) = projector.to_map(1.7, 52.6).unwrap();
    let area = Bounds {
        west: east - 500.0,
        south: north - 500.0,
        east: east + 500.0,
        north: north + 500.0,
    };
    (projector, area)
}

#[test]
fn outlines_come_in_metres_with_their_numbers() {
    let found = outcome("good", &[square(0.0, "1;2"), square(1.0, "")]).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].uprns, ["1", "2"]);
    assert!(found[1].uprns.is_empty());
    assert_eq!(found[0].material.as_deref(), Some("tile"));
    // 0.0002 degrees: 22.26 m of latitude, 13.55 m of longitude at 52.6 N on the ellipsoid.
    let area = super::super::signed_area(&found[0].polygons[0][0]).abs();
    assert!((area - 22.26 * 13.55).abs() < 0.5, "{area}");
}

#[test]
fn a_file_of_another_place_is_refused() {
    let far = square(0.0, "1").replace("52.6", "54.6");
    assert!(matches!(
        outcome("far", &[far]),
        Err(FootprintError::Elsewhere { count: 1, .. })
    ));
}

#[test]
fn a_property_in_two_buildings_is_refused() {
    let found = outcome("twice", &[square(0.0, "7"), square(1.0, "7")]);
    assert!(matches!(
        found,
        Err(FootprintError::DuplicateUprn { count: 1, .. })
    ));
}

#[test]
fn a_name_of_two_buildings_is_refused_before_any_long_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("names.geojson");
    let text = collection(&[square(0.0, "7"), square(1.0, "8")].join(","));
    crate::store::write_secret(&path, &text).unwrap();
    let (projector, area) = place();
    let both = |id: Option<&str>| {
        let source = FootprintSource {
            id: id.map(Into::into),
            ..FootprintSource::outlines(&path)
        };
        (source.check(), read(&source, &projector, area))
    };
    let (checked, read) = both(Some("kind"));
    for refused in [checked.unwrap_err(), read.unwrap_err()] {
        let told = refused.to_string();
        assert!(
            told.contains("1 buildings") && told.contains("first \"tile\""),
            "{told}"
        );
    }
    for apart in [Some("uprn"), None] {
        let (checked, read) = both(apart);
        checked.unwrap();
        assert_eq!(read.unwrap().len(), 2);
    }
}

#[test]
fn outlines_that_cross_themselves_are_refused() {
    let bow = r#"{"type":"Feature","properties":{"uprn":"1","kind":""},"geometry":{"type":"Polygon","coordinates":[[[1.7,52.6],[1.7002,52.6002],[1.7002,52.6],[1.7,52.6002],[1.7,52.6]]]}}"#;
    let found = outcome("bow", &[square(1.0, "2"), bow.into()]);
    assert!(matches!(
        found,
        Err(FootprintError::Invalid { count: 1, .. })
    ));
}

/// An objector's home that is not drawn would be published.
#[test]
fn outlines_that_are_empty_are_refused_before_any_long_work() {
    let folder = tempfile::tempdir().unwrap();
    for (number, geometry) in [
        r#"{"type":"Polygon","coordinates":[]}"#,
        r#"{"type":"Polygon","coordinates":[[]]}"#,
        r#"{"type":"MultiPolygon","coordinates":[]}"#,
        "null",
    ]
    .iter()
    .enumerate()
    {
        let empty = format!(
            r#"{{"type":"Feature","properties":{{"uprn":"1","kind":""}},"geometry":{geometry}}}"#
        );
        let features = [square(1.0, "2"), empty];
        let name = format!("empty-{number}");
        let read = outcome(&name, &features).unwrap_err();
        let path = folder.path().join(format!("{name}.geojson"));
        crate::store::write_secret(&path, &collection(&features.join(","))).unwrap();
        let checked = FootprintSource::outlines(&path).check().unwrap_err();
        for refused in [read, checked] {
            let told = refused.to_string();
            let words = [
                name.as_str(),
                "first of feature 1",
                "draw those that are empty",
            ];
            assert!(words.iter().all(|word| told.contains(word)), "{told}");
        }
    }
}

/// `ogr2ogr -t_srs EPSG:27700` has no OSTN15 here; the corners are those of `Projector`'s own tested vector, moved by 10 m.
#[test]
fn british_outlines_lie_where_ostn15_puts_them() {
    let (east, north) = (651_409.80, 313_177.45);
    let corner = |dx: f64, dy: f64| format!("[{},{}]", east + dx, north + dy);
    let ring = [
        corner(0.0, 0.0),
        corner(10.0, 0.0),
        corner(10.0, 10.0),
        corner(0.0, 10.0),
        corner(0.0, 0.0),
    ];
    let path = "/vsimem/bng.geojson";
    let text = format!(
        r#"{{"type":"FeatureCollection","crs":{{"type":"name","properties":{{"name":"urn:ogc:def:crs:EPSG::27700"}}}},"features":[{{"type":"Feature","properties":{{}},"geometry":{{"type":"Polygon","coordinates":[[{}]]}}}}]}}"#,
        ring.join(",")
    );
    gdal::vsi::create_mem_file(path, text.into_bytes()).unwrap();
    let source = FootprintSource::outlines(Path::new(path));
    let projector = Crs::from_epsg(32_631).unwrap().projector().unwrap();
    let (east, north) = projector.to_map(1.716_073_973, 52.658_007_833).unwrap();
    let area = Bounds {
        west: east - 50.0,
        south: north - 50.0,
        east: east + 50.0,
        north: north + 50.0,
    };
    let found = read(&source, &projector, area).unwrap();
    let corner = found[0].polygons[0][0][0];
    assert!(
        (corner.0 - east).hypot(corner.1 - north) < 0.03,
        "{corner:?} {east} {north}"
    );
}

#[test]
fn a_field_that_is_not_there_is_named_with_those_that_are() {
    let plain = square(0.0, "1").replace("kind", "other");
    let message = outcome("field", &[plain]).unwrap_err().to_string();
    assert!(
        message.contains("\"kind\"") && message.contains("uprn, other"),
        "{message}"
    );
}

#[test]
fn an_outline_that_nobody_can_place_is_no_outline_elsewhere() {
    let far = square(90.0, "2").replace("52.6", "2.6");
    assert_eq!(outcome("far", &[square(0.0, "1"), far]).unwrap().len(), 1);
    // Metres in a file that says degrees.
    let metres = square(0.0, "2").replace("1.7,52.6]", "630000,305000]");
    let metres = metres
        .replace("1.7002", "630010")
        .replace("52.6002", "305010");
    let refused = outcome("metres", &[square(3.0, "1"), metres]).unwrap_err();
    assert!(
        matches!(refused, FootprintError::Unplaced { feature: 1, .. }),
        "{refused}"
    );
}

#[test]
fn a_roof_that_no_roof_is_like_is_refused() {
    for (emissivity, tilt, what) in [("0", "30", "emissivity"), ("0.9", "120", "tilt")] {
        let path = format!("/vsimem/odd-{what}.geojson");
        let text = square(0.0, "1").replace(
            r#""kind":"tile""#,
            &format!(r#""e":{emissivity},"t":{tilt}"#),
        );
        gdal::vsi::create_mem_file(&path, collection(&text)).unwrap();
        let source = FootprintSource {
            emissivity: Some("e".into()),
            tilt: Some("t".into()),
            ..FootprintSource::outlines(Path::new(&path))
        };
        let (projector, area) = place();
        let refused = read(&source, &projector, area).unwrap_err();
        assert!(
            matches!(&refused, FootprintError::Value { what: found, .. } if *found == what),
            "{refused}"
        );
    }
}

#[test]
fn outlines_of_which_nobody_says_where_they_lie_are_refused() {
    let path = "/vsimem/nowhere.gpkg";
    let driver = gdal::DriverManager::get_driver_by_name("GPKG").unwrap();
    let mut file = driver.create_vector_only(path).unwrap();
    let layer = file
        .create_layer(gdal::vector::LayerOptions {
            name: "homes",
            ty: gdal::vector::OGRwkbGeometryType::wkbPolygon,
            ..gdal::vector::LayerOptions::default()
        })
        .unwrap();
    let mut feature = Feature::new(layer.defn()).unwrap();
    feature
        .set_geometry(Geometry::bbox(1.7, 52.6, 1.7002, 52.6002).unwrap())
        .unwrap();
    feature.create(&layer).unwrap();
    drop(feature);
    file.close().unwrap();
    let (projector, area) = place();
    let refused = read(
        &FootprintSource::outlines(Path::new(path)),
        &projector,
        area,
    );
    assert!(
        matches!(refused, Err(FootprintError::NoCrs { .. })),
        "{refused:?}"
    );
}

/// A list that was copied in part must not pass for a shorter one: homes that object would be shown.
#[test]
fn a_file_that_ends_in_the_middle_is_refused() {
    let feature = |step: u8| {
        let (west, east) = (
            1.7 + 0.0003 * f64::from(step),
            1.7002 + 0.0003 * f64::from(step),
        );
        format!(
            "<gml:featureMember><ogr:a fid=\"a.{step}\"><ogr:geometryProperty><gml:Polygon srsName=\"EPSG:4326\"><gml:outerBoundaryIs><gml:LinearRing>\
             <gml:coordinates>{west},52.6 {east},52.6 {east},52.6002 {west},52.6002 {west},52.6</gml:coordinates>\
             </gml:LinearRing></gml:outerBoundaryIs></gml:Polygon></ogr:geometryProperty></ogr:a></gml:featureMember>\n"
        )
    };
    let whole = format!(
        "<ogr:FeatureCollection xmlns:ogr=\"http://ogr.maptools.org/\" xmlns:gml=\"http://www.opengis.net/gml\">\n{}</ogr:FeatureCollection>",
        (0..20).map(feature).collect::<Vec<_>>().concat()
    );
    let (projector, area) = place();
    let found = |name: &str, text: &str| {
        let path = format!("/vsimem/{name}.gml");
        gdal::vsi::create_mem_file(&path, text.as_bytes().to_vec()).unwrap();
        let source = FootprintSource::outlines(Path::new(&path));
        read(&source, &projector, area).map(|found| found.len())
    };
    assert_eq!(found("whole", &whole).unwrap(), 20);
    let cut = found("cut", &whole[..whole.len() / 2]);
    assert!(matches!(cut, Err(FootprintError::Read { .. })), "{cut:?}");
}
