//! A table of buildings as `GeoParquet`, for columns and clouds.
//!
//! In: rows. Out: a Parquet file with the same fields, outlines as WKB, and the metadata of `GeoParquet` 1.1. Refuses:
//! nothing.

use std::path::Path;
use std::sync::Arc;

use gdal::spatial_ref::SpatialRef;
use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use serde_json::json;

use super::table::{Field, Getter, Row, Value};
use super::{Ring, TableError};
use crate::georef::{Bounds, Crs};
use crate::store::{self, FileArtifact, sealed};

/// Name of the column of outlines.
const GEOMETRY: &str = "geometry";

/// Rows, to be written as `GeoParquet` in the system of their outlines.
#[derive(Debug, Clone, Copy)]
pub struct GeoParquet<'a, R> {
    /// The rows.
    pub rows: &'a [R],
    /// System of their outlines.
    pub crs: Crs,
}

impl<R> sealed::Sealed for GeoParquet<'_, R> {}

impl<R: Row> FileArtifact for GeoParquet<'_, R> {
    type Error = TableError;

    fn write(&self, partial: &Path) -> Result<(), TableError> {
        let properties = WriterProperties::builder()
            .set_created_by(format!("heatveil {}", env!("CARGO_PKG_VERSION")))
            .set_key_value_metadata(Some(vec![KeyValue::new("geo".into(), self.metadata()?)]))
            .build();
        let file = store::create_named(partial)?;
        let mut writer = SerializedFileWriter::new(file, schema::<R>()?, Arc::new(properties))?;
        let mut rows = writer.next_row_group()?;
        for field in R::FIELDS {
            self.write_field(field, &mut rows)?;
        }
        let outlines: Vec<ByteArray> = self
            .rows
            .iter()
            .map(|row| well_known_binary(row.polygons()).into())
            .collect();
        write_column::<ByteArrayType>(&mut rows, &outlines, None)?;
        rows.close()?;
        writer.close()?;
        Ok(())
    }
}

impl<R: Row> GeoParquet<'_, R> {
    /// The column `geo` of the file's metadata (`GeoParquet` 1.1.0).
    fn metadata(&self) -> Result<String, TableError> {
        let system = SpatialRef::from_epsg(self.crs.epsg())?.to_projjson()?;
        let system: serde_json::Value = serde_json::from_str(&system).unwrap_or_default();
        let points: Vec<(f64, f64)> = self
            .rows
            .iter()
            .flat_map(|row| row.polygons().iter().flatten().flatten())
            .copied()
            .collect();
        let mut column = json!({
            "encoding": "WKB",
            "geometry_types": ["MultiPolygon"],
            "crs": system,
        });
        if let (Some(area), Some(column)) = (Bounds::around(&points), column.as_object_mut()) {
            let edges = json!([area.west, area.south, area.east, area.north]);
            column.insert("bbox".into(), edges);
        }
        let geo = json!({
            "version": "1.1.0",
            "primary_column": GEOMETRY,
            "columns": { GEOMETRY: column },
        });
        Ok(geo.to_string())
    }

    fn write_field(
        &self,
        field: &Field<R>,
        rows: &mut SerializedRowGroupWriter<'_, impl std::io::Write + Send>,
    ) -> ParquetResult<()> {
        let values: Vec<Value> = self.rows.iter().map(|row| field.value(row)).collect();
        // Level 1 is a value, 0 is none.
        let levels: Vec<i16> = values
            .iter()
            .map(|value| i16::from(*value != Value::Missing))
            .collect();
        let known = values.into_iter();
        match field.getter {
            Getter::Text(_) => {
                let texts: Vec<ByteArray> = known
                    .filter_map(|value| match value {
                        Value::Text(text) => Some(text.into_bytes().into()),
                        _ => None,
                    })
                    .collect();
                write_column::<ByteArrayType>(rows, &texts, Some(&levels))
            }
            Getter::Whole(_) => {
                let numbers: Vec<i64> = known
                    .filter_map(|value| match value {
                        Value::Whole(number) => Some(number),
                        _ => None,
                    })
                    .collect();
                write_column::<Int64Type>(rows, &numbers, Some(&levels))
            }
            Getter::Number(..) => {
                let numbers: Vec<f64> = known
                    .filter_map(|value| match value {
                        Value::Number(number) => Some(number),
                        _ => None,
                    })
                    .collect();
                write_column::<DoubleType>(rows, &numbers, Some(&levels))
            }
        }
    }
}

fn schema<R: Row>() -> ParquetResult<Arc<Type>> {
    let column = |name: &str, kind, logical, repetition| {
        let builder = Type::primitive_type_builder(name, kind)
            .with_repetition(repetition)
            .with_logical_type(logical);
        builder.build().map(Arc::new)
    };
    let mut columns = R::FIELDS
        .iter()
        .map(|field| {
            let (kind, logical) = match field.getter {
                Getter::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
                Getter::Whole(_) => (Physical::INT64, None),
                Getter::Number(..) => (Physical::DOUBLE, None),
            };
            column(field.name, kind, logical, Repetition::OPTIONAL)
        })
        .collect::<ParquetResult<Vec<_>>>()?;
    columns.push(column(
        GEOMETRY,
        Physical::BYTE_ARRAY,
        None,
        Repetition::REQUIRED,
    )?);
    let schema = Type::group_type_builder(R::TABLE).with_fields(columns);
    schema.build().map(Arc::new)
}

fn write_column<T: DataType>(
    rows: &mut SerializedRowGroupWriter<'_, impl std::io::Write + Send>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> ParquetResult<()> {
    if let Some(mut column) = rows.next_column()? {
        column.typed::<T>().write_batch(values, levels, None)?;
        column.close()?;
    }
    Ok(())
}

/// A multipolygon as WKB (OGC 06-103r4, section 8), little-endian; rings closed.
fn well_known_binary(polygons: &[Vec<Ring>]) -> Vec<u8> {
    fn count(bytes: &mut Vec<u8>, number: usize) {
        bytes.extend(u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
    }
    let mut bytes = vec![1, 6, 0, 0, 0];
    count(&mut bytes, polygons.len());
    for rings in polygons {
        bytes.extend([1, 3, 0, 0, 0]);
        count(&mut bytes, rings.len());
        for ring in rings {
            count(&mut bytes, ring.len() + usize::from(!ring.is_empty()));
            for (east, north) in ring.iter().chain(ring.first()) {
                bytes.extend(east.to_le_bytes());
                bytes.extend(north.to_le_bytes());
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::buildings::tests::row;
    use super::super::table::FIELDS;
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    #[test]
    fn the_table_reads_back_with_its_outlines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.parquet");
        let table = GeoParquet {
            rows: &[row(), row()],
            crs: Crs::from_epsg(27_700).unwrap(),
        };
        table.write(&path).unwrap();
        let reader = SerializedFileReader::try_from(path.as_path()).unwrap();
        let found = reader.get_row_iter(None).unwrap().next().unwrap().unwrap();
        let at = |name: &str| FIELDS.iter().position(|field| field.name == name).unwrap();
        assert_eq!(found.get_string(at("grade")).unwrap(), "A");
        assert!((found.get_double(at("area")).unwrap() - 50.0).abs() < 1e-9);
        assert!(
            found.get_double(at("index")).is_err(),
            "one building has no neighbours"
        );
        // GDAL reads the outline.
        let wkb = found.get_bytes(FIELDS.len()).unwrap().data().to_vec();
        let shape = gdal::vector::Geometry::from_wkb(&wkb).unwrap();
        assert!((shape.area() - 50.0).abs() < 1e-9 && shape.is_valid());
        let metadata = reader
            .metadata()
            .file_metadata()
            .key_value_metadata()
            .unwrap();
        let geo = metadata.iter().find(|entry| entry.key == "geo").unwrap();
        let geo: serde_json::Value = serde_json::from_str(geo.value.as_ref().unwrap()).unwrap();
        assert_eq!(geo["version"], "1.1.0");
        assert_eq!(geo["columns"]["geometry"]["crs"]["id"]["code"], 27_700);
    }
}
