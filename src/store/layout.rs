//! Where everything lies in an output folder, as `/`-separated paths relative to it.

use std::path::Path;

/// Totals and durations: what `run --json` prints last.
pub const SUMMARY: &str = "summary.json";
/// The mosaic: float32 COG of temperature, off-nadir angle and source frame.
pub const TEMPERATURE_COG: &str = "tiles/temperature.tif";
/// The style in which QGIS loads the mosaic.
pub const TEMPERATURE_QML: &str = "tiles/temperature.qml";
/// The web pyramid.
pub const TEMPERATURE_PMTILES: &str = "tiles/temperature.pmtiles";
/// The web pyramid once more, for programs that do not read PMTiles.
pub const TEMPERATURE_MBTILES: &str = "tiles/temperature.mbtiles";
/// The web pyramid's description.
pub const TILEJSON: &str = "tiles/tilejson.json";
/// The web pyramid once more, as a folder of pictures.
pub const TEMPERATURE_XYZ: &str = "tiles/temperature";
/// Heat loss: float32 COG of estimate, low and high.
pub const HEAT_LOSS_COG: &str = "tiles/heatloss.tif";
/// The style in which QGIS loads it.
pub const HEAT_LOSS_QML: &str = "tiles/heatloss.qml";
/// Its web pyramid.
pub const HEAT_LOSS_PMTILES: &str = "tiles/heatloss.pmtiles";
/// That one once more, for programs that do not read PMTiles.
pub const HEAT_LOSS_MBTILES: &str = "tiles/heatloss.mbtiles";
/// That one once more, as a folder of pictures.
pub const HEAT_LOSS_XYZ: &str = "tiles/heatloss";
/// That one's description.
pub const HEAT_LOSS_TILEJSON: &str = "tiles/heatloss.json";
/// The table of buildings.
pub const BUILDINGS_CSV: &str = "buildings/buildings.csv";
/// The same with outlines and style.
pub const BUILDINGS_GPKG: &str = "buildings/buildings.gpkg";
/// The same for columns and clouds.
pub const BUILDINGS_PARQUET: &str = "buildings/buildings.parquet";
/// Parts of roofs.
pub const BUILDING_PARTS_CSV: &str = "buildings/building_parts.csv";
/// The same with outlines, for columns and clouds.
pub const BUILDING_PARTS_PARQUET: &str = "buildings/building_parts.parquet";
/// Which property numbers lie in which building.
pub const UPRN_CSV: &str = "buildings/uprn.csv";
/// Redacted frames for photogrammetry software, and their poses in it.
pub const FRAMES: &str = "frames";
/// The collection of the map's files.
pub const STAC_COLLECTION: &str = "tiles/stac/collection.json";
/// The map's files with place, time and checksums.
pub const STAC_ITEM: &str = "tiles/stac/item.json";
/// Folder of the log and of what proves it.
pub const AUDIT: &str = "audit";
/// The log, one canonical JSON object a line.
pub const LOG: &str = "audit/entries.jsonl";
/// The signed tree head.
pub const CHECKPOINT: &str = "audit/checkpoint";
/// The tree head that is about to be signed off: written before decisions are appended to a finished log, so that an interrupted append
/// can be completed or undone.
pub const NEXT_CHECKPOINT: &str = "audit/checkpoint.next";
/// The verifier key that the run was signed with. A reviewer trusts the one received by another way.
pub const VERIFIER_KEY: &str = "audit/verifier.key";
/// Folder of the tlog-tiles.
pub const LOG_TILES: &str = "audit/tile";
/// Folder of proofs, one for each published file.
pub const PROOFS: &str = "audit/proofs";
/// Folder of reviewers' cosignatures and of the keys that made them.
pub const COSIGNATURES: &str = "audit/cosigs";
/// Folder of release statements.
pub const RELEASES: &str = "release";
/// Secrets of the operator: never part of what is handed on.
pub const PRIVATE: &str = "private";
/// Key of the input commitments, hex.
pub const COMMITMENT_KEY: &str = "private/commitment.key";
/// Key that signs checkpoints where none was given.
pub const SIGNING_KEY: &str = "private/log.key";

/// Where and when each frame looked: one JSON object a line.
pub const FOOTPRINTS: &str = "private/footprints.jsonl";
/// Where in the log and in the footprints each frame stands; can be made anew from both.
pub const ANSWERS_INDEX: &str = "private/answers.index";
/// What became of each file, by name: one JSON object a line.
pub const FRAME_LIST: &str = "private/frames.jsonl";

/// Working file of a redacted frame with this SHA-256, in the work folder.
#[must_use]
pub fn spilled_frame(id: crate::frame::FrameId, sha256: &[u8; 32]) -> String {
    format!("frames/{:08}-{}.f32", id.0, crate::hex::encode(sha256))
}

/// Note that work on a frame came to no end, in the work folder.
#[must_use]
pub fn unending(id: crate::frame::FrameId) -> String {
    format!("unending/{:08}", id.0)
}

/// How a run is divided, in the work folder.
pub const PLAN: &str = "plan.json";

/// Lines of the manifest that a shard works on, in the work folder.
#[must_use]
pub fn shard_plan(shard: usize) -> String {
    format!("shards/{shard:05}.plan.jsonl")
}

/// What a shard came to, in the work folder.
#[must_use]
pub fn shard_result(shard: usize) -> String {
    format!("shards/{shard:05}.result.jsonl")
}

/// Proof that a published file is in the log.
#[must_use]
pub fn proof(path: &str) -> String {
    format!("{PROOFS}/{path}.tlog-proof")
}

/// Statement of a release, numbered from 0.
#[must_use]
pub fn statement(number: usize) -> String {
    match number {
        0 => format!("{RELEASES}/statement.dsse.json"),
        later => format!("{RELEASES}/statement-{}.dsse.json", later + 1),
    }
}

/// Whether a path relative to an output folder is for its owner's eyes alone.
pub(super) fn is_private(path: &str) -> bool {
    Path::new(path).starts_with(PRIVATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn working_files_are_named_by_what_they_hold_and_stand_in_its_order() {
        let frame = |id, byte| spilled_frame(crate::frame::FrameId(id), &[byte; 32]);
        let expected = format!("frames/00000012-{}.f32", "ab".repeat(32));
        assert_eq!(frame(12, 0xab), expected);
        assert!(frame(9, 0xff) < frame(10, 0));
        let unending = unending(crate::frame::FrameId(12));
        assert_eq!(unending, "unending/00000012");
        assert_eq!(shard_plan(7), "shards/00007.plan.jsonl");
        assert_eq!(shard_result(7), "shards/00007.result.jsonl");
    }

    #[test]
    fn what_is_private_lies_in_its_folder() {
        assert!(is_private(SIGNING_KEY));
        assert!(!is_private("tiles/private/list") && !is_private("privates"));
    }
}
