//! Tables as Parquet, for columns and clouds.
//!
//! In: columns of text or whole numbers, missing values among them. Out: a Parquet file. Refuses: nothing.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use ::parquet::basic::{LogicalType, Repetition, Type as Physical};
use ::parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use ::parquet::errors::Result as ParquetResult;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::types::Type;

use super::table::{FIELDS, Getter};
use super::{Answer, AnswersError};
use crate::heatloss::Value;
use crate::store::{self, FileArtifact, NamedFile, sealed};

/// The answer, to be written as Parquet, one row a frame.
#[derive(Debug, Clone, Copy)]
pub struct AnswerParquet<'a>(pub &'a Answer);

impl sealed::Sealed for AnswerParquet<'_> {}

impl FileArtifact for AnswerParquet<'_> {
    type Error = AnswersError;

    fn write(&self, partial: &Path) -> Result<(), AnswersError> {
        let columns: Vec<(&str, bool)> = FIELDS
            .iter()
            .map(|field| (field.name, matches!(field.getter, Getter::Whole(_))))
            .collect();
        let mut writer = open(partial, "frames", &columns)?;
        let values = FIELDS.iter().map(|field| {
            let is_whole = matches!(field.getter, Getter::Whole(_));
            (
                is_whole,
                self.0.frames.iter().map(|row| field.value(row)).collect(),
            )
        });
        write_rows(&mut writer, values)?;
        writer.close()?;
        Ok(())
    }
}

/// Opens a file with these columns: name, and whether it holds whole numbers.
pub(super) fn open(
    partial: &Path,
    name: &str,
    columns: &[(&str, bool)],
) -> Result<SerializedFileWriter<NamedFile>, AnswersError> {
    let properties = WriterProperties::builder()
        .set_created_by(format!("heatveil {}", env!("CARGO_PKG_VERSION")))
        .build();
    let file = store::create_named(partial)?;
    Ok(SerializedFileWriter::new(
        file,
        schema(name, columns)?,
        Arc::new(properties),
    )?)
}

/// Writes a row group, given by its columns: whether they hold whole numbers, and their values.
pub(super) fn write_rows(
    writer: &mut SerializedFileWriter<impl Write + Send>,
    columns: impl Iterator<Item = (bool, Vec<Value>)>,
) -> ParquetResult<()> {
    let mut rows = writer.next_row_group()?;
    for (is_whole, values) in columns {
        // Level 1 is a value, 0 is none.
        let levels: Vec<i16> = values
            .iter()
            .map(|value| i16::from(*value != Value::Missing))
            .collect();
        let (mut texts, mut numbers) = (Vec::<ByteArray>::new(), Vec::new());
        for value in values {
            match value {
                Value::Text(text) => texts.push(text.into_bytes().into()),
                Value::Whole(number) => numbers.push(number),
                Value::Number(_) | Value::Missing => {}
            }
        }
        if is_whole {
            write_column::<Int64Type>(&mut rows, &numbers, &levels)?;
        } else {
            write_column::<ByteArrayType>(&mut rows, &texts, &levels)?;
        }
    }
    rows.close()?;
    Ok(())
}

fn schema(name: &str, columns: &[(&str, bool)]) -> ParquetResult<Arc<Type>> {
    let column = |&(name, is_whole): &(&str, bool)| {
        let (kind, logical) = if is_whole {
            (Physical::INT64, None)
        } else {
            (Physical::BYTE_ARRAY, Some(LogicalType::String))
        };
        let builder = Type::primitive_type_builder(name, kind)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical);
        builder.build().map(Arc::new)
    };
    let columns = columns
        .iter()
        .map(column)
        .collect::<ParquetResult<Vec<_>>>()?;
    Type::group_type_builder(name)
        .with_fields(columns)
        .build()
        .map(Arc::new)
}

fn write_column<T: DataType>(
    rows: &mut SerializedRowGroupWriter<'_, impl Write + Send>,
    values: &[T::T],
    levels: &[i16],
) -> ParquetResult<()> {
    if let Some(mut column) = rows.next_column()? {
        column
            .typed::<T>()
            .write_batch(values, Some(levels), None)?;
        column.close()?;
    }
    Ok(())
}
