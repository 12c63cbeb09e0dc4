//! The value under the cursor.
//!
//! In: a layer, a longitude and a latitude. Out: the bands of the published map there, `null` where it has no data. Refuses: maps that
//! the log does not list.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Site;
use crate::store::layout;
use crate::tiles::Probe;

/// Which map, and where.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Place {
    layer: Layer,
    /// Degrees, WGS 84.
    lon: f64,
    lat: f64,
}

/// Maps that have values.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Layer {
    Temperature,
    HeatLoss,
}

/// `GET /api/value?layer=temperature&lon=..&lat=..`.
pub(super) async fn value(State(site): State<Arc<Site>>, Query(place): Query<Place>) -> Response {
    let path = match place.layer {
        Layer::Temperature => layout::TEMPERATURE_COG,
        Layer::HeatLoss => layout::HEAT_LOSS_COG,
    };
    let Some(file) = site.published.listed(path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // GDAL blocks.
    let read = tokio::task::spawn_blocking(move || Probe::open(&file)?.at(place.lon, place.lat));
    match read.await {
        // NaN becomes null.
        Ok(Ok(values)) => Json(serde_json::json!({ "values": values })).into_response(),
        Ok(Err(error)) => (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
