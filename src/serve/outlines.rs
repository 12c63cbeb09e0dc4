//! Outlines of the measured buildings, for the map.
//!
//! In: the published `GeoPackage`. Out: `GeoJSON` in WGS 84 with each building's name. Refuses: files that the log does not list or that
//! are not `GeoPackage`, whatever their name says.

use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use gdal::errors::GdalError;
use gdal::vector::LayerAccess;
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};
use serde_json::{Value, json};

use super::Site;
use crate::complaints::{features, strictly};
use crate::store::layout;
use crate::tiles::{TilesError, Unprojector};

/// Layer of the `GeoPackage` and its field of names: docs/buildings.md.
const LAYER: &str = "buildings";
const NAME: &str = "id";

/// `GET /api/outlines`.
pub(super) async fn outlines(State(site): State<Arc<Site>>) -> Response {
    let Some(file) = site.published.listed(layout::BUILDINGS_GPKG) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // GDAL blocks.
    match tokio::task::spawn_blocking(move || read(&file)).await {
        Ok(Ok(collection)) => {
            let kind = [(header::CONTENT_TYPE, "application/geo+json")];
            (kind, collection.to_string()).into_response()
        }
        Ok(Err(error)) => (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn read(file: &Path) -> Result<Value, TilesError> {
    let failed = |source| TilesError::Gdal {
        task: "read the outlines",
        source,
    };
    let options = DatasetOptions {
        open_flags: GdalOpenFlags::GDAL_OF_VECTOR | GdalOpenFlags::GDAL_OF_READONLY,
        allowed_drivers: Some(&["GPKG"]),
        ..DatasetOptions::default()
    };
    let dataset = strictly(|| Dataset::open_ex(file, options)).map_err(failed)?;
    let mut layer = dataset.layer_by_name(LAYER).map_err(failed)?;
    let system = layer
        .spatial_ref()
        .ok_or_else(|| failed(GdalError::BadArgument("the layer has no system".into())))?;
    let map = Unprojector::of(&system)?;
    let name = layer.defn().field_index(NAME).map_err(failed)?;
    let mut found = Vec::new();
    for feature in features(&mut layer) {
        let feature = feature.map_err(failed)?;
        let Some(geometry) = feature.geometry() else {
            continue;
        };
        let shape = geometry.json().map_err(failed)?;
        let mut shape: Value = serde_json::from_str(&shape)
            .map_err(|error| failed(GdalError::BadArgument(error.to_string())))?;
        to_degrees(&mut shape, &map)?;
        let id = feature.field_as_string(name).map_err(failed)?;
        found.push(json!({ "type": "Feature", "geometry": shape, "properties": { "id": id } }));
    }
    Ok(json!({ "type": "FeatureCollection", "features": found }))
}

/// Turns every position of a `GeoJSON` geometry from the map's metres to longitude and latitude. Depth is bounded by the parser's.
fn to_degrees(shape: &mut Value, map: &Unprojector) -> Result<(), TilesError> {
    let number = |value: Option<&Value>| value.and_then(Value::as_f64);
    match shape {
        Value::Array(items) => {
            if let Some((east, north)) = number(items.first()).zip(number(items.get(1))) {
                let (longitude, latitude) = map.at(east, north)?;
                *shape = json!([longitude, latitude]);
                return Ok(());
            }
            items.iter_mut().try_for_each(|item| to_degrees(item, map))
        }
        Value::Object(members) => members
            .values_mut()
            .try_for_each(|member| to_degrees(member, map)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use gdal::spatial_ref::SpatialRef;
    use gdal::vector::{Feature, Geometry, LayerOptions, OGRFieldType};

    use super::*;

    /// DOMAIN section 2's vector of OSTN15. PROJ without its grid lays it metres off.
    #[test]
    fn british_outlines_lie_where_ostn15_puts_them() {
        let path = "/vsimem/heatveil/served-outlines.gpkg";
        let driver = gdal::DriverManager::get_driver_by_name("GPKG").unwrap();
        let mut file = driver.create_vector_only(path).unwrap();
        let system = SpatialRef::from_epsg(27_700).unwrap();
        let layer = file
            .create_layer(LayerOptions {
                name: LAYER,
                srs: Some(&system),
                ..LayerOptions::default()
            })
            .unwrap();
        layer
            .create_defn_fields(&[(NAME, OGRFieldType::OFTString)])
            .unwrap();
        let mut feature = Feature::new(layer.defn()).unwrap();
        feature.set_field_string(0, "home").unwrap();
        let (east, north) = (651_409.80, 313_177.45);
        let home = Geometry::bbox(east, north, east + 10.0, north + 10.0).unwrap();
        feature.set_geometry(home).unwrap();
        feature.create(&layer).unwrap();
        drop(feature);
        file.close().unwrap();
        let found = read(Path::new(path)).unwrap();
        gdal::vsi::unlink_mem_file(path).unwrap();
        let feature = &found["features"][0];
        assert_eq!(feature["properties"]["id"], "home");
        let corners = feature["geometry"]["coordinates"][0].as_array().unwrap();
        assert_eq!(corners.len(), 5);
        // 3e-7 degrees are 3 cm.
        let is_there = |corner: &Value| {
            let [x, y] = [0_usize, 1].map(|at| corner[at].as_f64().unwrap());
            (x - 1.716_073_973).abs() < 3e-7 && (y - 52.658_007_833).abs() < 3e-7
        };
        assert!(corners.iter().any(is_there), "{corners:?}");
    }
}
