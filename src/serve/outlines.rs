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
use gdal::spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef};
use gdal::vector::LayerAccess;
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};
use serde_json::{Value, json};

use super::Site;
use crate::store::layout;

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

fn read(file: &Path) -> Result<Value, GdalError> {
    let options = DatasetOptions {
        open_flags: GdalOpenFlags::GDAL_OF_VECTOR | GdalOpenFlags::GDAL_OF_READONLY,
        allowed_drivers: Some(&["GPKG"]),
        ..DatasetOptions::default()
    };
    let dataset = Dataset::open_ex(file, options)?;
    let mut layer = dataset.layer_by_name(LAYER)?;
    let mut geographic = SpatialRef::from_epsg(4326)?;
    geographic.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    let mut map = layer
        .spatial_ref()
        .ok_or_else(|| GdalError::BadArgument("the layer has no system".into()))?;
    map.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    let transform = CoordTransform::new(&map, &geographic)?;
    let name = layer.defn().field_index(NAME)?;
    let mut features = Vec::new();
    for feature in layer.features() {
        let Some(geometry) = feature.geometry() else {
            continue;
        };
        let shape = geometry.transform(&transform)?.json()?;
        let shape: Value = serde_json::from_str(&shape)
            .map_err(|error| GdalError::BadArgument(error.to_string()))?;
        let id = feature.field_as_string(name)?;
        features.push(json!({ "type": "Feature", "geometry": shape, "properties": { "id": id } }));
    }
    Ok(json!({ "type": "FeatureCollection", "features": features }))
}
