//! A raster as a Cloud-Optimized GeoTIFF.
//!
//! In: a working raster. Out: one float32 file, its bands described with their units; no data is `NAN`.
//! Refuses: resampling that mixes pixels: overviews pick one, so each value there was measured too.
//!
//! Lossless DEFLATE over values that the mosaic keeps to 1/64. LERC would do, but GDAL 3.6 writes several bands with
//! `NAN` so that nobody can read them back, and it would blur the frame numbers; DEFLATE opens everywhere.
//!
//! Overviews are made beside the working raster: the driver would compress its own, read them back and compress them again.

use std::fmt::Write as _;
use std::path::Path;

use gdal::raster::RasterCreationOptions;
use gdal::{Dataset, DriverManager};

use super::error::GdalContext;
use super::{Layer, TilesError};
use crate::complaints::strictly;
use crate::store::{FileArtifact, sealed};

/// Side of its blocks.
const SIDE: usize = 512;
/// Of DEFLATE: a tenth larger than the default of 6 in a third of the time.
const LEVEL: &str = "3";

/// A raster, to be written as a Cloud-Optimized GeoTIFF.
#[derive(Debug, Clone, Copy)]
pub struct Cog<'a>(pub &'a Layer);

impl sealed::Sealed for Cog<'_> {}

impl FileArtifact for Cog<'_> {
    type Error = TilesError;

    fn write(&self, partial: &Path) -> Result<(), TilesError> {
        let task = "write";
        let overviews = self.0.file.overviews(SIDE)?;
        // The crate has no setter for units; a virtual raster around the working one names them instead.
        let described = strictly(|| Dataset::open(self.description(&overviews)))
            .task("open", self.0.file.path())?;
        // Blocks are compressed beside each other and written in their order: the bytes are those of one thread.
        let threads = rayon::current_num_threads().to_string();
        let mut options = RasterCreationOptions::new();
        for (name, value) in [
            ("COMPRESS", "DEFLATE"),
            ("PREDICTOR", "3"),
            ("LEVEL", LEVEL),
            ("BLOCKSIZE", &SIDE.to_string()),
            ("RESAMPLING", "NEAREST"),
            ("BIGTIFF", "IF_SAFER"),
            ("NUM_THREADS", &threads),
        ] {
            options.set_name_value(name, value).task(task, partial)?;
        }
        let driver = DriverManager::get_driver_by_name("COG").task(task, partial)?;
        let cog = strictly(|| described.create_copy(&driver, partial, &options));
        let cog = cog.task(task, partial)?;
        cog.close().task(task, partial)
    }
}

impl Cog<'_> {
    /// A GDAL virtual raster over the working file and its `overviews`, with band names, units and no-data value.
    fn description(self, overviews: &[String]) -> String {
        let grid = &self.0.grid;
        let (width, height) = (grid.width, grid.height);
        let path = escape(&self.0.file.path().to_string_lossy());
        let transform = grid
            .geo_transform()
            .map(|value| format!("{value:?}"))
            .join(",");
        let mut xml = format!(
            "<VRTDataset rasterXSize=\"{width}\" rasterYSize=\"{height}\">\
             <SRS dataAxisToSRSAxisMapping=\"1,2\">EPSG:{}</SRS><GeoTransform>{transform}</GeoTransform>",
            grid.crs.epsg()
        );
        for (number, (name, unit)) in (1..).zip(self.0.bands) {
            let window = format!("xOff=\"0\" yOff=\"0\" xSize=\"{width}\" ySize=\"{height}\"");
            // Writing to a String cannot fail.
            let _ = write!(
                xml,
                "<VRTRasterBand dataType=\"Float32\" band=\"{number}\"><Description>{name}</Description>\
                 <NoDataValue>nan</NoDataValue><UnitType>{unit}</UnitType><ColorInterp>Undefined</ColorInterp><SimpleSource>\
                 <SourceFilename relativeToVRT=\"0\">{path}</SourceFilename><SourceBand>{number}</SourceBand>\
                 <SrcRect {window}/><DstRect {window}/></SimpleSource>"
            );
            for name in overviews {
                let name = escape(name);
                let _ = write!(
                    xml,
                    "<Overview><SourceFilename relativeToVRT=\"0\">{name}</SourceFilename><SourceBand>{number}</SourceBand></Overview>"
                );
            }
            xml.push_str("</VRTRasterBand>");
        }
        xml + "</VRTDataset>"
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
