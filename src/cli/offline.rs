//! GDAL stays off the network, whatever a file that it is given leads to.
//!
//! `outside` opens plain files alone, but a VRT or a sidecar of a GeoTIFF may name others. Refuses: nothing by itself; what would go out fails in GDAL.

/// GDAL's settings and their values.
const SETTINGS: [(&str, &str); 8] = [
    // /vsicurl/, /vsis3/ and their like open this name and no other.
    ("CPL_VSIL_CURL_ALLOWED_FILENAME", "none"),
    // What asks libcurl itself, such as /vsicurl_streaming/, comes to a port where nobody answers (discard, RFC 863); `memory` sees to it that
    // the environment names no way past it.
    ("GDAL_HTTP_PROXY", "127.0.0.1:9"),
    ("GDAL_HTTPS_PROXY", "127.0.0.1:9"),
    ("GDAL_HTTP_MAX_RETRY", "0"),
    ("GDAL_SKIP", SKIPPED),
    ("OGR_SKIP", SKIPPED),
    // No code out of a VRT.
    ("GDAL_VRT_ENABLE_PYTHON", "NO"),
    ("GDAL_PYTHON_DRIVER_PATH", ""),
];

/// Drivers that ask servers.
const SKIPPED: &str = "HTTP,WMS,WMTS,WCS,WFS,OAPIF,OGCAPI,CSW,DAAS,EEDA,EEDAI,PLMosaic,PLSCENES,STACIT,STACTA,NGW,AmigoCloud,Carto,Elasticsearch,\
                       GMLAS,PostgreSQL,PostGISRaster,MySQL,MSSQLSpatial,ODBC,PGeo,OCI,GeoRaster,HANA,MongoDBv3,SOSI,netCDF,DODS,GRASS,TileDB,Zarr";

/// Before the first file is opened. What GDAL says on the way is for those who ask for it: it may quote a file.
pub(super) fn stay() {
    gdal::config::set_error_handler(|kind, number, text| {
        tracing::debug!("GDAL {kind:?} {number}: {text}");
    });
    for (name, value) in SETTINGS {
        if let Err(error) = gdal::config::set_config_option(name, value) {
            tracing::warn!("GDAL does not take {name}: {error}");
        }
    }
}
