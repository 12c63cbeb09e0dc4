//! Small ONNX models, written field by field (onnx.proto3 of ONNX 1.17; protobuf's wire format), with the card that belongs to each.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::write;

/// A protobuf message that is being written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }

    pub(crate) fn number(mut self, field: u64, value: i64) -> Self {
        self.varint(field << 3);
        self.varint(value.cast_unsigned());
        self
    }

    pub(crate) fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    pub(crate) fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub(crate) fn message(self, field: u64, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }
}

/// Kinds of elements.
pub(crate) const FLOAT: i64 = 1;
pub(crate) const INT64: i64 = 7;
pub(crate) const BOOL: i64 = 9;
pub(crate) const DOUBLE: i64 = 11;

/// A node of a graph.
pub(crate) fn node(
    kind: &str,
    inputs: &[&str],
    outputs: &[&str],
    attributes: &[Message],
) -> Message {
    let mut node = Message::default();
    for input in inputs {
        node = node.text(1, input);
    }
    for output in outputs {
        node = node.text(2, output);
    }
    node = node.text(4, kind);
    for attribute in attributes {
        node = node.message(5, attribute);
    }
    node
}

/// An attribute that is one whole number, or a list of them.
pub(crate) fn integers(name: &str, values: &[i64]) -> Message {
    let attribute = Message::default().text(1, name);
    match values {
        [one] => attribute.number(3, *one).number(20, 2),
        many => many
            .iter()
            .fold(attribute, |attribute, value| attribute.number(8, *value))
            .number(20, 7),
    }
}

/// An attribute that is a graph.
pub(crate) fn body(graph: &Message) -> Message {
    let name = Message::default().text(1, "body");
    name.message(6, graph).number(20, 5)
}

/// A constant.
pub(crate) fn constant(name: &str, kind: i64, sides: &[i64], raw: &[u8]) -> Message {
    let mut tensor = Message::default();
    for side in sides {
        tensor = tensor.number(1, *side);
    }
    tensor.number(2, kind).text(8, name).bytes(9, raw)
}

/// An input or output whose sides are not told.
pub(crate) fn value(name: &str, kind: i64, rank: usize) -> Message {
    let mut shape = Message::default();
    for side in 0..rank {
        shape = shape.message(1, &Message::default().text(2, &format!("{name}{side}")));
    }
    let tensor = Message::default().number(1, kind).message(2, &shape);
    Message::default()
        .text(1, name)
        .message(2, &Message::default().message(1, &tensor))
}

/// A graph.
pub(crate) fn graph(
    nodes: &[Message],
    constants: &[Message],
    inputs: &[Message],
    outputs: &[Message],
) -> Message {
    let mut graph = Message::default();
    for node in nodes {
        graph = graph.message(1, node);
    }
    graph = graph.text(2, "g");
    for (field, values) in [(5, constants), (11, inputs), (12, outputs)] {
        for value in values {
            graph = graph.message(field, value);
        }
    }
    graph
}

/// A model file.
pub(crate) fn model(graph: &Message) -> Vec<u8> {
    let operators = Message::default().text(1, "").number(2, 17);
    let model = Message::default().number(1, 8).message(7, graph);
    model.message(8, &operators).0
}

/// A network with the card's input and outputs. `nodes` make `scores` and `distances` of `pooled`, the means of 4 x 4 pixels.
pub(crate) fn network(nodes: Vec<Message>, constants: &[Message]) -> Vec<u8> {
    network_of(nodes, constants, [FLOAT; 2])
}

/// The same with outputs of other kinds.
pub(crate) fn network_of(
    mut nodes: Vec<Message>,
    constants: &[Message],
    kinds: [i64; 2],
) -> Vec<u8> {
    let four = |name| integers(name, &[4, 4]);
    let pool = [four("kernel_shape"), four("strides")];
    nodes.insert(0, node("AveragePool", &["frame"], &["pooled"], &pool));
    let outputs = [
        value("scores", kinds[0], 4),
        value("distances", kinds[1], 4),
    ];
    model(&graph(
        &nodes,
        constants,
        &[value("frame", FLOAT, 4)],
        &outputs,
    ))
}

/// `scores` is `pooled` times a number, and so are all four `distances`.
pub(crate) fn times(factor: f32) -> Vec<u8> {
    times_constant(constant("factor", FLOAT, &[], &factor.to_le_bytes()))
}

/// The same with a constant named `factor`.
pub(crate) fn times_constant(factor: Message) -> Vec<u8> {
    let scores = node("Mul", &["pooled", "factor"], &["scores"], &[]);
    network(vec![scores, distances_of_scores()], &[factor])
}

/// All four `distances` are the `scores`.
pub(crate) fn distances_of_scores() -> Message {
    let axis = [integers("axis", &[1])];
    node("Concat", &["scores"; 4], &["distances"], &axis)
}

/// Writes a model of one class and its card, made for any picture; returns the card's path.
pub(crate) fn with_card(folder: &Path, name: &str, model: &[u8]) -> PathBuf {
    #[expect(clippy::format_collect, reason = "one hash")]
    let sha256: String = Sha256::digest(model)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    write(&folder.join(format!("{name}.onnx")), model);
    let card = format!(
        "schema = 2
name = '{name}'
version = '1'
licence = 'MIT'
[files]
default = 'fp32'
fp32 = {{ file = '{name}.onnx', sha256 = '{sha256}' }}
[input]
tensor = 'frame'
multiple_of = 32
scale = 'grey-255'
[output]
scores = 'scores'
distances = 'distances'
stride = 4
[[class]]
name = 'person'
threshold = 0.2
alarm = 0.4
padding = 0.5
padding_px = 4.0
[envelope]
min_ground_resolution_m = 0.001
max_ground_resolution_m = 100.0
min_width = 1
min_height = 1
min_celsius = -200.0
max_celsius = 1000.0
[training]
[evaluation]
[limits]
"
    );
    let path = folder.join(format!("{name}.toml"));
    write(&path, card.as_bytes());
    path
}
