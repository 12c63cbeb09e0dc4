//! Tables of buildings as a `GeoPackage` that QGIS opens styled.
//!
//! In: measured buildings and their roofs' parts, or other rows with outlines. Out: a layer of multipolygons a table, table `uprn`, and
//! styles in `layer_styles`, where QGIS looks for them. Refuses: nothing; what GDAL cannot write is an error.

use std::path::Path;

use gdal::spatial_ref::SpatialRef;
use gdal::vector::{
    Feature, FieldDefn, Geometry, LayerAccess, LayerOptions, OGRFieldType, OGRwkbGeometryType,
};
use gdal::{Dataset, DriverManager};

use super::table::{Getter, Row, Value};
use super::{Building, Part, Ring, TableError};
use crate::georef::Crs;
use crate::store::{FileArtifact, sealed, without_journal};

/// GDAL stamps the file with this instead of the clock, so that equal runs give equal bytes.
const NO_CLOCK: &str = "1970-01-01T00:00:00.000Z";

/// Buildings, to be written as a `GeoPackage` in the system of their outlines.
#[derive(Debug, Clone, Copy)]
pub struct GeoPackage<'a> {
    /// The rows.
    pub buildings: &'a [Building],
    /// Parts of their roofs; without any there is no such layer.
    pub parts: &'a [Part],
    /// System of their outlines.
    pub crs: Crs,
}

impl sealed::Sealed for GeoPackage<'_> {}

impl FileArtifact for GeoPackage<'_> {
    type Error = TableError;

    fn write(&self, partial: &Path) -> Result<(), TableError> {
        Ok(write(partial, self.crs, |dataset, system| {
            write_layer(dataset, system, self.buildings)?;
            if !self.parts.is_empty() {
                write_layer(dataset, system, self.parts)?;
            }
            self.write_uprns(dataset)?;
            write_style(dataset, &DECILES)
        })?)
    }
}

/// Makes the file and closes it.
pub(crate) fn write(
    partial: &Path,
    crs: Crs,
    fill: impl FnOnce(&mut Dataset, &SpatialRef) -> gdal::errors::Result<()>,
) -> gdal::errors::Result<()> {
    gdal::config::set_thread_local_config_option("OGR_CURRENT_DATE", NO_CLOCK)?;
    let driver = DriverManager::get_driver_by_name("GPKG")?;
    let mut dataset = without_journal(|| driver.create_vector_only(partial))?;
    let system = SpatialRef::from_epsg(crs.epsg())?;
    fill(&mut dataset, &system)?;
    dataset.flush_cache()?;
    dataset.close()
}

/// A table as a layer of its name.
pub(crate) fn write_layer<R: Row>(
    dataset: &mut Dataset,
    system: &SpatialRef,
    rows: &[R],
) -> gdal::errors::Result<()> {
    let mut transaction = dataset.start_transaction()?;
    let layer = transaction.create_layer(LayerOptions {
        name: R::TABLE,
        srs: Some(system),
        ty: OGRwkbGeometryType::wkbMultiPolygon,
        ..LayerOptions::default()
    })?;
    for field in R::FIELDS {
        let kind = match field.getter {
            Getter::Text(_) => OGRFieldType::OFTString,
            Getter::Whole(_) => OGRFieldType::OFTInteger64,
            Getter::Number(..) => OGRFieldType::OFTReal,
        };
        FieldDefn::new(field.name, kind)?.add_to_layer(&layer)?;
    }
    let definition = layer.defn();
    for row in rows {
        let mut feature = Feature::new(definition)?;
        for (index, field) in R::FIELDS.iter().enumerate() {
            match field.value(row) {
                Value::Text(text) => feature.set_field_string(index, &text)?,
                Value::Whole(number) => feature.set_field_integer64(index, number)?,
                Value::Number(number) => feature.set_field_double(index, number)?,
                Value::Missing => feature.set_field_null(index)?,
            }
        }
        feature.set_geometry(multi_polygon(row.polygons())?)?;
        feature.create(&layer)?;
    }
    transaction.commit()
}

impl GeoPackage<'_> {
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

/// How QGIS colours a layer.
pub(crate) struct Style {
    /// The layer.
    pub(crate) table: &'static str,
    /// Of the style.
    pub(crate) name: &'static str,
    /// In words.
    pub(crate) description: &'static str,
    /// Expression of QGIS, colour (red, green, blue) and label of each class; what is left is grey.
    pub(crate) classes: &'static [(&'static str, &'static str, &'static str)],
    /// Label of what is left.
    pub(crate) rest: &'static str,
}

/// Deciles in five colours from blue (loses least) to red, grey without a standing (`ColorBrewer`'s `RdYlBu`, 5 classes).
const DECILES: Style = Style {
    table: "buildings",
    name: "index",
    description: "standing among comparable neighbours",
    classes: &[
        (
            "\"decile\" >= 1 AND \"decile\" <= 2",
            "44,123,182",
            "decile 1 to 2 loses least",
        ),
        (
            "\"decile\" >= 3 AND \"decile\" <= 4",
            "171,217,233",
            "decile 3 to 4",
        ),
        (
            "\"decile\" >= 5 AND \"decile\" <= 6",
            "255,255,191",
            "decile 5 to 6 middle",
        ),
        (
            "\"decile\" >= 7 AND \"decile\" <= 8",
            "253,174,97",
            "decile 7 to 8",
        ),
        (
            "\"decile\" >= 9 AND \"decile\" <= 10",
            "215,25,28",
            "decile 9 to 10 loses most",
        ),
    ],
    rest: "no comparison",
};

/// The style, in the table in which QGIS keeps default styles of a `GeoPackage`.
pub(crate) fn write_style(dataset: &mut Dataset, style: &Style) -> gdal::errors::Result<()> {
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
    let qml = style.qml();
    let row = [
        "",
        "",
        style.table,
        "geom",
        style.name,
        &qml,
        "",
        "1",
        style.description,
        "",
        "",
        NO_CLOCK,
    ];
    write_texts(dataset, "layer_styles", &fields, std::iter::once(row))
}

impl Style {
    fn qml(&self) -> String {
        let (mut rules, mut symbols) = (String::new(), String::new());
        let rest = ("ELSE", "190,190,190", self.rest);
        for (number, (filter, colour, label)) in self.classes.iter().chain([&rest]).enumerate() {
            let filter = filter
                .replace('"', "&quot;")
                .replace('<', "&lt;")
                .replace('>', "&gt;");
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
        }
        format!(
            "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'><qgis version=\"3.22\" styleCategories=\"Symbology\">\
             <renderer-v2 type=\"RuleRenderer\" forceraster=\"0\" symbollevels=\"0\" enableorderby=\"0\"><rules key=\"all\">{rules}</rules>\
             <symbols>{symbols}</symbols></renderer-v2></qgis>"
        )
    }
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
            parts: &[],
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
