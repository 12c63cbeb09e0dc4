//! Working rasters: sparse, tiled, uncompressed float32 GeoTIFF files that GDAL keeps in the store's work folder.
//!
//! In: a size, a place and blocks. Out: windows, `NAN` outside and where nothing was written. Refuses: what GDAL says that it
//! could not read or write.

use std::path::{Path, PathBuf};

use gdal::config::{clear_thread_local_config_option, set_thread_local_config_option};
use gdal::raster::{Buffer, RasterCreationOptions};
use gdal::spatial_ref::SpatialRef;
use gdal::{Dataset, DriverManager};

use super::TilesError;
use super::error::GdalContext;
use crate::complaints::strictly;
use crate::store::{self, Watch};

/// A working raster on disk.
#[derive(Debug, Clone)]
pub(super) struct RasterFile {
    path: PathBuf,
}

/// A working raster, open on one thread.
#[derive(Debug)]
pub(super) struct OpenRaster {
    path: PathBuf,
    /// Since when it is being written.
    writing: Option<Watch>,
    /// `None` once it is closed.
    dataset: Option<Dataset>,
}

impl RasterFile {
    /// Makes a raster without data; `block` is the side of its tiles on disk, a multiple of 16.
    pub(super) fn create(
        path: &Path,
        (width, height): (usize, usize),
        bands: usize,
        block: usize,
        place: Option<(&[f64; 6], &SpatialRef)>,
    ) -> Result<(Self, OpenRaster), TilesError> {
        store::remove_leftover(path)?;
        let watch = Watch::begin();
        let dataset = Self::make(path, (width, height), bands, block, place);
        let dataset = watch.end(path, dataset)?;
        let file = Self {
            path: path.to_path_buf(),
        };
        let open = OpenRaster::to_write(dataset, path);
        Ok((file, open))
    }

    fn make(
        path: &Path,
        (width, height): (usize, usize),
        bands: usize,
        block: usize,
        place: Option<(&[f64; 6], &SpatialRef)>,
    ) -> Result<Dataset, TilesError> {
        let task = "make the working raster";
        let block = block.to_string();
        let mut options = RasterCreationOptions::new();
        for (name, value) in [
            ("TILED", "YES"),
            ("BLOCKXSIZE", &block),
            ("BLOCKYSIZE", &block),
            ("INTERLEAVE", "BAND"),
            ("SPARSE_OK", "TRUE"),
            ("BIGTIFF", "IF_SAFER"),
        ] {
            options.set_name_value(name, value).task(task, path)?;
        }
        let driver = DriverManager::get_driver_by_name("GTiff").task(task, path)?;
        let mut dataset = driver
            .create_with_band_type_with_options::<f32, _>(path, width, height, bands, &options)
            .task(task, path)?;
        if let Some((transform, system)) = place {
            dataset.set_geo_transform(transform).task(task, path)?;
            dataset.set_spatial_ref(system).task(task, path)?;
        }
        for band in 1..=bands {
            let mut band = dataset.rasterband(band).task(task, path)?;
            band.set_no_data_value(Some(f64::NAN)).task(task, path)?;
        }
        Ok(dataset)
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes rasters of half its sides, a quarter and so on until none is longer than `side` pixels, of single pixels of this one, in a file beside it;
    /// returns the names under which GDAL opens them, the finest first. They are as sparse as this one and not compressed.
    pub(super) fn overviews(&self, side: usize) -> Result<Vec<String>, TilesError> {
        const SPARSE: &str = "SPARSE_OK_OVERVIEW";
        let task = "make overviews of";
        let mut path = self.path.clone().into_os_string();
        path.push(".ovr");
        let path = PathBuf::from(path);
        store::remove_leftover(&path)?;
        let mut dataset = strictly(|| Dataset::open(&self.path)).task(task, &self.path)?;
        let (width, height) = dataset.raster_size();
        let factors: Vec<i32> = (1..31)
            .take_while(|power| width.max(height).div_ceil(1 << (power - 1)) > side)
            .map(|power| 1 << power)
            .collect();
        if factors.is_empty() {
            return Ok(Vec::new());
        }
        set_thread_local_config_option(SPARSE, "TRUE").task(task, &self.path)?;
        let built = strictly(|| dataset.build_overviews("NEAREST", &factors, &[]));
        clear_thread_local_config_option(SPARSE).task(task, &self.path)?;
        built
            .and_then(|()| dataset.close())
            .task(task, &self.path)?;
        let name = |number| format!("GTIFF_DIR:{number}:{}", path.display());
        Ok((1..=factors.len()).map(name).collect())
    }

    /// Opens the raster for reading.
    pub(super) fn open(&self) -> Result<OpenRaster, TilesError> {
        let dataset = strictly(|| Dataset::open(&self.path)).task("open", &self.path)?;
        Ok(OpenRaster::new(dataset, &self.path))
    }
}

impl Drop for OpenRaster {
    fn drop(&mut self) {
        // Closing what was not written whole may have no end: libtiff 4.5 follows the directories on disk in a circle. It is never closed then, and
        // emptied where the disk lets us, in case that the process closes it at its end. The file is of no use any more.
        if self.writing.is_some_and(Watch::has_failed) {
            std::mem::forget(self.dataset.take());
            let _ = store::create_partial(&self.path);
        }
    }
}

impl OpenRaster {
    /// A raster that is open already, to be read.
    pub(super) fn new(dataset: Dataset, path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            writing: None,
            dataset: Some(dataset),
        }
    }

    /// A raster that is open already, to be written.
    pub(super) fn to_write(dataset: Dataset, path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            writing: Some(Watch::begin()),
            dataset: Some(dataset),
        }
    }

    /// Writes a window that lies within the raster.
    pub(super) fn write(
        &self,
        band: usize,
        (column, row): (usize, usize),
        (width, height): (usize, usize),
        samples: Vec<f32>,
    ) -> Result<(), TilesError> {
        let task = "write to";
        let mut buffer = Buffer::new((width, height), samples);
        if self.writing.is_some() {
            store::beat(&self.path);
        }
        let mut band = self.dataset().rasterband(band).task(task, &self.path)?;
        band.write(
            (column.cast_signed(), row.cast_signed()),
            (width, height),
            &mut buffer,
        )
        .task(task, &self.path)
    }

    /// Reads a window, which may lie partly or wholly outside: `NAN` there.
    pub(super) fn read(
        &self,
        band: usize,
        (column, row): (i64, i64),
        (width, height): (usize, usize),
    ) -> Result<Vec<f32>, TilesError> {
        let task = "read";
        let band = self.dataset().rasterband(band).task(task, &self.path)?;
        let mut window = vec![f32::NAN; width * height];
        let (columns, skip_columns) = overlap(column, width, band.x_size());
        let (rows, skip_rows) = overlap(row, height, band.y_size());
        if columns.is_empty() || rows.is_empty() {
            return Ok(window);
        }
        let inside = strictly(|| {
            band.read_as::<f32>(
                (columns.start.cast_signed(), rows.start.cast_signed()),
                (columns.len(), rows.len()),
                (columns.len(), rows.len()),
                None,
            )
        })
        .task(task, &self.path)?;
        let targets = window.chunks_exact_mut(width).skip(skip_rows);
        for (target, source) in targets.zip(inside.data().chunks_exact(columns.len())) {
            if let Some(target) = target.get_mut(skip_columns..skip_columns + columns.len()) {
                target.copy_from_slice(source);
            }
        }
        Ok(window)
    }

    /// Writes what is cached and closes the file.
    pub(super) fn close(mut self) -> Result<(), TilesError> {
        let task = "finish";
        let Some(dataset) = &mut self.dataset else {
            return Ok(());
        };
        let flushed = dataset.flush_cache().task(task, &self.path);
        let Some(watch) = self.writing else {
            return flushed.and(self.close_dataset(task));
        };
        store::beat(&self.path);
        let closed = if watch.has_failed() {
            flushed
        } else {
            flushed.and(self.close_dataset(task))
        };
        watch.end(&self.path, closed)
    }

    fn close_dataset(&mut self, task: &'static str) -> Result<(), TilesError> {
        self.dataset
            .take()
            .map_or(Ok(()), |dataset| dataset.close().task(task, &self.path))
    }

    fn dataset(&self) -> &Dataset {
        self.dataset
            .as_ref()
            .expect("only `close` takes it, which takes the raster too")
    }
}

/// The part of `start..start + len` within `0..size`, and how much of the window lies before it.
fn overlap(start: i64, len: usize, size: usize) -> (std::ops::Range<usize>, usize) {
    let first = usize::try_from(start.max(0))
        .unwrap_or(usize::MAX)
        .min(size);
    let end = start.saturating_add_unsigned(len as u64).max(0);
    let end = usize::try_from(end).unwrap_or(usize::MAX).min(size);
    let skipped = usize::try_from(start.saturating_neg().max(0)).unwrap_or(usize::MAX);
    (first..end.max(first), skipped)
}
