//! The table of buildings as a `GeoPackage` that QGIS opens styled.
//!
//! In: measured buildings. Out: layer `buildings` (multipolygons), table `uprn`, and the style in `layer_styles`, where QGIS looks
//! for it. Refuses: nothing; what GDAL cannot write is an error.

use std::path::Path;

use gdal::spatial_ref::SpatialRef;
use gdal::vector::{
    Feature, FieldDefn, Geometry, LayerAccess, LayerOptions, OGRFieldType, OGRwkbGeometryType,
};
use gdal::{Dataset, DriverManager};

use super::table::{FIELDS, Getter, Value};
use super::{Building, Ring, TableError};
use crate::georef::Crs;
use crate::store::{FileArtifact, sealed};

/// GDAL stamps the file with this instead of the clock, so that equal runs give equal bytes.
const NO_CLOCK: &str = "1970-01-01T00:00:00.000Z";

/// Buildings, to be written as a `GeoPackage` in the system of their outlines.
#[derive(Debug, Clone, Copy)]
pub struct GeoPackage<'a> {
    /// The rows.
    pub buildings: &'a [Building],
    /// System of their outlines.
    pub crs: Crs,
}

impl sealed::Sealed for GeoPackage<'_> {}

impl FileArtifact for GeoPackage<'_> {
    type Error = TableError;

    fn write(&self, partial: &Path) -> Result<(), TableError> {
        Ok(self.write_all(partial)?)
    }
}

impl GeoPackage<'_> {
    fn write_all(&self, partial: &Path) -> gdal::errors::Result<()> {
        gdal::config::set_thread_local_config_option("OGR_CURRENT_DATE", NO_CLOCK)?;
        let driver = DriverManager::get_driver_by_name("GPKG")?;
        let mut dataset = driver.create_vector_only(partial)?;
        let system = SpatialRef::from_epsg(self.crs.epsg())?;
        self.write_buildings(&mut dataset, &system)?;
        self.write_uprns(&mut dataset)?;
        write_style(&mut dataset)?;
        dataset.flush_cache()?;
        dataset.close()
    }

    fn write_buildings(
        &self,
        dataset: &mut Dataset,
        system: &SpatialRef,
    ) -> gdal::errors::Result<()> {
        let mut transaction = dataset.start_transaction()?;
        let layer = transaction.create_layer(LayerOptions {
            name: "buildings",
            srs: Some(system),
            ty: OGRwkbGeometryType::wkbMultiPolygon,
            ..LayerOptions::default()
        })?;
        for field in FIELDS {
            let kind = match field.getter {
                Getter::Text(_) => OGRFieldType::OFTString,
                Getter::Whole(_) => OGRFieldType::OFTInteger64,
                Getter::Number(..) => OGRFieldType::OFTReal,
            };
            FieldDefn::new(field.name, kind)?.add_to_layer(&layer)?;
        }
        let definition = layer.defn();
        for building in self.buildings {
            let mut feature = Feature::new(definition)?;
            for (index, field) in FIELDS.iter().enumerate() {
                match field.value(building) {
                    Value::Text(text) => feature.set_field_string(index, &text)?,
                    Value::Whole(number) => feature.set_field_integer64(index, number)?,
                    Value::Number(number) => feature.set_field_double(index, number)?,
                    Value::Missing => feature.set_field_null(index)?,
                }
            }
            feature.set_geometry(multi_polygon(&building.footprint.polygons)?)?;
            feature.create(&layer)?;
        }
        transaction.commit()
    }

    fn write_uprns(&self, dataset: &mut Dataset) -> gdal::errors::Result<()> {
        let rows = self.buildings.iter().map(|building| &building.footprint);
        let rows = rows.flat_map(|footprint| {
            footprint
                .uprns
                .iter()
                .map(|uprn| [uprn.as_str(), footprint.id.as_str()])
        });
        write_texts(dataset, "uprn", &["uprn", "id"], rows)
    }
}

/// A table of texts without geometry.
fn write_texts<'a, const N: usize>(
    dataset: &mut Dataset,
    name: &str,
    fields: &[&str; N],
    rows: impl Iterator<Item = [&'a str; N]>,
) -> gdal::errors::Result<()> {
    let mut transaction = dataset.start_transaction()?;
    let layer = transaction.create_layer(LayerOptions {
        name,
        ty: OGRwkbGeometryType::wkbNone,
        ..LayerOptions::default()
    })?;
    for field in fields {
        FieldDefn::new(field, OGRFieldType::OFTString)?.add_to_layer(&layer)?;
    }
    let definition = layer.defn();
    for row in rows {
        let mut feature = Feature::new(definition)?;
        for (index, text) in row.into_iter().enumerate() {
            feature.set_field_string(index, text)?;
        }
        feature.create(&layer)?;
    }
    transaction.commit()
}

/// Polygons, each an outer ring and its holes, as one shape.
pub(super) fn multi_polygon(polygons: &[Vec<Ring>]) -> gdal::errors::Result<Geometry> {
    let mut parts = Geometry::empty(OGRwkbGeometryType::wkbMultiPolygon)?;
    for rings in polygons {
        let mut polygon = Geometry::empty(OGRwkbGeometryType::wkbPolygon)?;
        for ring in rings {
            let mut line = Geometry::empty(OGRwkbGeometryType::wkbLinearRing)?;
            for &point in ring.iter().chain(ring.first()) {
                line.add_point_2d(point);
            }
            polygon.add_geometry(line)?;
        }
        parts.add_geometry(polygon)?;
    }
    Ok(parts)
}

/// The style, in the table in which QGIS keeps default styles of a `GeoPackage`.
fn write_style(dataset: &mut Dataset) -> gdal::errors::Result<()> {
    let fields = [
        "f_table_catalog",
        "f_table_schema",
        "f_table_name",
        "f_geometry_column",
        "styleName",
        "styleQML",
        "styleSLD",
        "useAsDefault",
        "description",
        "owner",
        "ui",
        "update_time",
    ];
    let style = style();
    let row = [
        "",
        "",
        "buildings",
        "geom",
        "index",
        &style,
        "",
        "1",
        "standing among comparable neighbours",
        "",
        "",
        NO_CLOCK,
    ];
    write_texts(dataset, "layer_styles", &fields, std::iter::once(row))
}

/// Deciles in five colours from blue (loses least) to red, grey without a standing (`ColorBrewer`'s `RdYlBu`, 5 classes).
fn style() -> String {
    let classes = [
        ("1", "2", "44,123,182", "loses least"),
        ("3", "4", "171,217,233", ""),
        ("5", "6", "255,255,191", "middle"),
        ("7", "8", "253,174,97", ""),
        ("9", "10", "215,25,28", "loses most"),
    ];
    let mut rules = String::new();
    let mut symbols = String::new();
    let mut add = |filter: String, label: String, colour: &str| {
        let number = rules.matches("<rule ").count();
        let rule = format!(
            "<rule key=\"{number}\" symbol=\"{number}\" filter=\"{filter}\" label=\"{label}\"/>"
        );
        rules += &rule;
        let symbol = format!(
            "<symbol name=\"{number}\" type=\"fill\" alpha=\"0.8\"><layer class=\"SimpleFill\" enabled=\"1\"><Option type=\"Map\">\
             <Option name=\"color\" type=\"QString\" value=\"{colour},255\"/><Option name=\"outline_color\" type=\"QString\" value=\"60,60,60,255\"/>\
             <Option name=\"outline_width\" type=\"QString\" value=\"0.2\"/><Option name=\"style\" type=\"QString\" value=\"solid\"/></Option></layer></symbol>"
        );
        symbols += &symbol;
    };
    for (low, high, colour, label) in classes {
        let filter = format!("&quot;decile&quot; &gt;= {low} AND &quot;decile&quot; &lt;= {high}");
        add(
            filter,
            format!("decile {low} to {high} {label}").trim().to_owned(),
            colour,
        );
    }
    add("ELSE".into(), "no comparison".into(), "190,190,190");
    format!(
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'><qgis version=\"3.22\" styleCategories=\"Symbology\">\
         <renderer-v2 type=\"RuleRenderer\" forceraster=\"0\" symbollevels=\"0\" enableorderby=\"0\"><rules key=\"all\">{rules}</rules>\
         <symbols>{symbols}</symbols></renderer-v2></qgis>"
    )
}

#[cfg(test)]
mod tests {
    use super::super::buildings::tests::row;
    use super::*;

    fn written(name: &str) -> String {
        let path = format!("/vsimem/{name}.gpkg");
        let mut building = row();
        building.footprint.uprns = vec!["100".into(), "200".into()];
        let table = GeoPackage {
            buildings: &[building],
            crs: Crs::from_epsg(27_700).unwrap(),
        };
        table.write(Path::new(&path)).unwrap();
        path
    }

    #[test]
    fn gdal_reads_back_rows_links_and_style() {
        let dataset = Dataset::open(written("rows")).unwrap();
        let mut layer = dataset.layer_by_name("buildings").unwrap();
        assert_eq!(layer.feature_count(), 1);
        assert_eq!(layer.spatial_ref().unwrap().auth_code().unwrap(), 27_700);
        let feature = layer.features().next().unwrap();
        let index = feature.field_index("grade").unwrap();
        assert_eq!(
            feature.field_as_string(index).unwrap().as_deref(),
            Some("A")
        );
        assert!((feature.geometry().unwrap().area() - 50.0).abs() < 1e-9);
        assert_eq!(dataset.layer_by_name("uprn").unwrap().feature_count(), 2);
        let mut styles = dataset.layer_by_name("layer_styles").unwrap();
        let style = styles.features().next().unwrap();
        let index = style.field_index("styleQML").unwrap();
        assert!(
            style
                .field_as_string(index)
                .unwrap()
                .unwrap()
                .matches("<rule ")
                .count()
                == 6
        );
    }

    #[test]
    fn equal_buildings_give_equal_bytes() {
        let bytes = |name: &str| gdal::vsi::get_vsi_mem_file_bytes_owned(written(name)).unwrap();
        assert_eq!(bytes("first"), bytes("second"));
    }
}
