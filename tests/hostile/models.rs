//! Models that answer nonsense, or not at all.

use heatveil::detect::{DetectError, Detector, Model, Onnx, Runtime, runtime_library};
use heatveil::frame::{FrameId, ModelInput};
use heatveil::raster::Raster;

use crate::bench::Bench;
use crate::common::onnx::{
    BOOL, DOUBLE, FLOAT, INT64, Message, body, constant, distances_of_scores, graph, integers,
    network, network_of, node, times, times_constant, value, with_card,
};
use crate::common::onnx_runtime;

fn runtime() -> Runtime {
    Runtime::load(&runtime_library(Some(&onnx_runtime())), None)
        .expect("`make setup` puts ONNX Runtime there")
}

/// What one look of a model at a grey picture gives.
fn look(model: &[u8]) -> Result<usize, DetectError> {
    let folder = tempfile::tempdir().unwrap();
    let card = with_card(folder.path(), "m", model);
    let detector = Onnx::new(runtime(), Model::load(&card, None)?, 1)?;
    let picture = Raster::filled(64, 64, 100_u8).unwrap();
    let input = ModelInput::from_grey8(&picture, detector.multiple_of());
    let found = detector.detect(FrameId(0), &input)?;
    Ok(found.found().len())
}

fn refused(model: &[u8], words: &str) {
    let error = look(model).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}

#[test]
fn a_model_that_finds_nothing_finds_nothing_and_its_like_with_nonsense_fails() {
    // The maker of models is right: the same network with another factor is refused for its answer alone.
    assert_eq!(look(&times(0.0)).unwrap(), 0);
    refused(&times(f32::NAN), "NaN or infinity");
    refused(&times(f32::INFINITY), "NaN or infinity");
    refused(&times(f32::NEG_INFINITY), "NaN or infinity");
}

#[test]
fn answers_of_another_shape_or_kind_fail() {
    let scores = || node("Identity", &["pooled"], &["scores"], &[]);
    let one = node("Identity", &["pooled"], &["distances"], &[]);
    refused(&network(vec![scores(), one], &[]), "4x16x16");
    let flat = constant("flat", INT64, &[1], &(-1_i64).to_le_bytes());
    let flatten = node("Reshape", &["pooled", "flat"], &["distances"], &[]);
    refused(&network(vec![scores(), flatten], &[flat]), "[256]");
    for kind in [DOUBLE, INT64, BOOL] {
        let cast = |to| node("Cast", &["pooled"], &[to], &[integers("to", &[kind])]);
        let model = network_of(vec![cast("scores"), cast("distances")], &[], [kind; 2]);
        assert!(look(&model).is_err());
    }
    let other = node("Identity", &["pooled"], &["others"], &[]);
    assert!(look(&network(vec![scores(), other], &[])).is_err());
    assert!(look(b"\x08\x08not a model").is_err());
    assert!(look(b"").is_err());
}

#[test]
fn a_model_does_not_read_other_files() {
    // TensorProto: external_data = 13 {key = 1, value = 2}, data_location = 14, EXTERNAL = 1.
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    crate::common::write(&secret, &1.0_f32.to_le_bytes());
    let cwd = std::env::current_dir().unwrap();
    let up = "../".repeat(cwd.components().count());
    let inside = secret.display().to_string();
    for place in [inside.clone(), format!("{up}{inside}")] {
        let entry = |key, value| Message::default().text(1, key).text(2, value);
        let factor = Message::default()
            .number(2, FLOAT)
            .text(8, "factor")
            .message(13, &entry("location", &place))
            .number(14, 1);
        assert!(look(&times_constant(factor)).is_err(), "{place}");
    }
}

/// A model that goes round for ever in ONNX Runtime.
fn endless() -> Vec<u8> {
    let again = graph(
        &[
            node("Identity", &["on"], &["still"], &[]),
            node("Add", &["sum", "sum"], &["more"], &[]),
        ],
        &[],
        &[
            value("turn", INT64, 0),
            value("on", BOOL, 0),
            value("sum", FLOAT, 4),
        ],
        &[value("still", BOOL, 0), value("more", FLOAT, 4)],
    );
    let turns = constant("turns", INT64, &[], &i64::MAX.to_le_bytes());
    let on = constant("begin", BOOL, &[], &[1]);
    let nodes = vec![
        node(
            "Loop",
            &["turns", "begin", "pooled"],
            &["scores"],
            &[body(&again)],
        ),
        distances_of_scores(),
    ];
    network(nodes, &[turns, on])
}

#[test]
fn a_model_that_never_answers_withholds_its_frames_and_the_run_ends() {
    let bench = Bench::new();
    bench.good(2);
    let card = with_card(&bench.path("m"), "endless", &endless());
    let card = card.display().to_string();
    let run = bench.call(&[
        "run",
        "in",
        "--out",
        "out",
        "--model",
        &card,
        "--frame-seconds",
        "3",
    ]);
    assert_eq!(run.code, Some(3), "{}", run.err);
    for (_, reason) in bench.outcomes() {
        assert_eq!(reason, "out-of-time");
    }
    assert!(run.out.contains("--frame-seconds"), "{}", run.out);
    assert_eq!(bench.call(&["verify", "out"]).code, Some(0));
    // The outcome stands: nothing is looked at again.
    let resumed = bench.call(&[
        "run",
        "in",
        "--out",
        "out",
        "--resume",
        "--model",
        &card,
        "--frame-seconds",
        "3",
    ]);
    assert_eq!(resumed.code, Some(3), "{}", resumed.err);
    assert!(resumed.err.contains("nothing to do"), "{}", resumed.err);
}
