//! Files that an operator gives and GDAL reads, in formats of which a part may be taken for the whole.

use std::path::Path;

use gdal::raster::Buffer;
use gdal::spatial_ref::{AxisMappingStrategy, SpatialRef};
use gdal::vector::{Feature, Geometry, LayerAccess, LayerOptions, OGRFieldType};
use gdal::{Dataset, DriverManager};

/// All outlines of the fixture: of a `GeoJSON` file that cannot be read GDAL gives none.
pub(crate) const OUTLINES: &str = "outlines.geojson";
/// Every tenth outline: of `FlatGeobuf` it gives those that it comes to.
pub(crate) const OPT_OUT: &str = "objections.fgb";
/// A point in every fifth: numbers come from a file beside.
pub(crate) const POINTS: &str = "points.shp";
/// Heights, halved and lowered: without its scale it is another ground.
pub(crate) const SURFACE: &str = "surface.tif";

const SCALE: f64 = 0.5;
const OFFSET: f64 = 100.0;

/// Writes them all into a folder.
pub(crate) fn write(folder: &Path) {
    let truth = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flight/truth");
    let outlines = truth.join("buildings.geojson");
    crate::common::write(&folder.join(OUTLINES), &std::fs::read(&outlines).unwrap());
    let file = Dataset::open(&outlines).unwrap();
    let mut system = SpatialRef::from_epsg(4326).unwrap();
    system.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    let shapes: Vec<Geometry> = file
        .layer(0)
        .unwrap()
        .features()
        .map(|feature| feature.geometry().unwrap().clone())
        .collect();
    let objections = shapes.iter().step_by(10).cloned().collect();
    vectors("FlatGeobuf", &folder.join(OPT_OUT), &system, objections);
    let corner = |shape: &Geometry| {
        let (x, y, _) = shape.get_geometry(0).get_point(0);
        Geometry::from_wkt(&format!("POINT ({x} {y})")).unwrap()
    };
    let points = shapes.iter().step_by(5).map(corner).collect();
    vectors("ESRI Shapefile", &folder.join(POINTS), &system, points);
    surface(&truth.join("dsm.tif"), &folder.join(SURFACE));
}

fn vectors(format: &str, path: &Path, system: &SpatialRef, shapes: Vec<Geometry>) {
    let driver = DriverManager::get_driver_by_name(format).unwrap();
    let mut file = driver.create_vector_only(path).unwrap();
    let layer = file
        .create_layer(LayerOptions {
            name: "all",
            srs: Some(system),
            ty: shapes[0].geometry_type(),
            options: None,
        })
        .unwrap();
    layer
        .create_defn_fields(&[("UPRN", OGRFieldType::OFTString)])
        .unwrap();
    for (number, shape) in (1..).zip(shapes) {
        let mut feature = Feature::new(layer.defn()).unwrap();
        feature.set_field_string(0, &format!("{number}")).unwrap();
        feature.set_geometry(shape).unwrap();
        feature.create(&layer).unwrap();
    }
    file.close().unwrap();
}

#[expect(clippy::cast_possible_truncation, reason = "heights of a little town")]
fn surface(from: &Path, to: &Path) {
    let from = Dataset::open(from).unwrap();
    let size = from.raster_size();
    let heights = from.rasterband(1).unwrap().read_band_as::<f32>().unwrap();
    let values = heights
        .data()
        .iter()
        .map(|height| ((f64::from(*height) - OFFSET) / SCALE) as f32)
        .collect();
    let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
    let mut file = driver
        .create_with_band_type::<f32, _>(to, size.0, size.1, 1)
        .unwrap();
    file.set_geo_transform(&from.geo_transform().unwrap())
        .unwrap();
    file.set_spatial_ref(&from.spatial_ref().unwrap()).unwrap();
    let mut band = file.rasterband(1).unwrap();
    band.set_scale(SCALE).unwrap();
    band.set_offset(OFFSET).unwrap();
    band.write((0, 0), size, &mut Buffer::new(size, values))
        .unwrap();
    file.close().unwrap();
}
