//! What the index holds of a frame, in 64 bytes: edges, time, where its lines stand, and a hash of its entries, so that an answer is made of the
//! very bytes that were verified.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes of a record.
pub(super) const RECORD: usize = 64;
/// Edges are kept in these, rounded outwards: 11 mm.
const UNITS: f64 = 1e7;
/// No time.
pub(super) const NEVER: i64 = i64::MIN;

/// The first 16 bytes of a SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::answers) struct Digest16([u8; 16]);

impl Digest16 {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self::cut(&Sha256::digest(bytes))
    }

    fn cut(hash: &[u8]) -> Self {
        Self(hash.first_chunk().copied().unwrap_or_default())
    }
}

/// A part of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::answers) struct Span {
    pub(super) offset: u64,
    pub(super) bytes: u32,
}

/// What the index knows of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::answers) struct Record {
    pub(in crate::answers) frame: u32,
    /// West, south, east, north in degrees; `None` where nobody knows.
    pub(in crate::answers) degrees: Option<[f64; 4]>,
    /// Seconds since 1970.
    pub(in crate::answers) at: Option<i64>,
    pub(super) entries: Span,
    pub(super) footprint: Span,
    pub(super) hash: Digest16,
}

impl Span {
    /// Of one line; `None` where it is longer than any may be.
    pub(super) fn of(offset: u64, line: &[u8]) -> Option<Self> {
        let bytes = u32::try_from(line.len()).ok()?;
        Some(Self { offset, bytes })
    }
}

/// A record in the making.
pub(super) struct Row {
    pub(super) edges: [i32; 4],
    pub(super) at: i64,
    entries: Span,
    /// Over the entries' lines, with a newline between two.
    hash: Sha256,
    pub(super) footprint: Span,
}

/// The edges of nothing.
const NOWHERE: [i32; 4] = [i32::MAX, i32::MAX, i32::MIN, i32::MIN];

impl Row {
    /// Begins with the first entry of a frame; `None` where it is longer than any may be.
    pub(super) fn new(offset: u64, line: &[u8]) -> Option<Self> {
        Some(Self {
            edges: NOWHERE,
            at: NEVER,
            entries: Span::of(offset, line)?,
            hash: Sha256::new_with_prefix(line),
            footprint: Span::default(),
        })
    }

    /// Adds the line behind.
    pub(super) fn add(&mut self, line: &[u8]) -> Option<()> {
        let bytes = u32::try_from(line.len()).ok()?.checked_add(1)?;
        self.entries.bytes = self.entries.bytes.checked_add(bytes)?;
        self.hash.update(b"\n");
        self.hash.update(line);
        Some(())
    }

    pub(super) fn bytes(&self) -> [u8; RECORD] {
        let parts = self
            .edges
            .iter()
            .flat_map(|edge| edge.to_le_bytes())
            .chain(self.at.to_le_bytes());
        let spans = [self.entries, self.footprint];
        let spans = spans.iter().flat_map(|span| {
            span.offset
                .to_le_bytes()
                .into_iter()
                .chain(span.bytes.to_le_bytes())
        });
        let mut bytes = [0; RECORD];
        bytes
            .iter_mut()
            .zip(
                parts
                    .chain(spans)
                    .chain(Digest16::cut(&self.hash.clone().finalize()).0),
            )
            .for_each(|(to, from)| *to = from);
        bytes
    }
}

impl Record {
    pub(super) fn of(frame: u32, bytes: &[u8; RECORD]) -> Self {
        fn part<const N: usize>(bytes: &[u8; RECORD], at: usize) -> [u8; N] {
            bytes
                .get(at..)
                .and_then(|rest| rest.first_chunk())
                .copied()
                .unwrap_or([0; N])
        }
        let edge = |number: usize| i32::from_le_bytes(part(bytes, 4 * number));
        let span = |at| Span {
            offset: u64::from_le_bytes(part(bytes, at)),
            bytes: u32::from_le_bytes(part(bytes, at + 8)),
        };
        let edges = [edge(0), edge(1), edge(2), edge(3)];
        let at = i64::from_le_bytes(part(bytes, 16));
        Self {
            frame,
            degrees: (edges != NOWHERE).then(|| edges.map(|edge| f64::from(edge) / UNITS)),
            at: (at != NEVER).then_some(at),
            entries: span(24),
            footprint: span(36),
            hash: Digest16(part(bytes, 48)),
        }
    }
}

/// The edges around all outlines, rounded outwards.
pub(super) fn edges(outlines: &[Vec<[f64; 2]>]) -> [i32; 4] {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates; 180 degrees fit"
    )]
    let whole = |degrees: f64| degrees as i32;
    let points = outlines.iter().flatten();
    points.fold(NOWHERE, |[west, south, east, north], [x, y]| {
        let (low, high) = (
            [x, y].map(|d| whole((d * UNITS).floor())),
            [x, y].map(|d| whole((d * UNITS).ceil())),
        );
        [
            west.min(low[0]),
            south.min(low[1]),
            east.max(high[0]),
            north.max(high[1]),
        ]
    })
}
