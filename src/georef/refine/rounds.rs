//! How a flight is matched: rounds from far and coarse to near and fine.
//!
//! In: nothing. Out: what each round looks for. Refuses: nothing.

/// Metres by which two frames may lie apart at first: some three standard deviations of the difference of two positions.
const SEARCH: f64 = 6.0;
/// Metres by which two lines may lie apart once the frames of each agree: a camera that is mounted askew by 3 degrees moves lines of
/// opposite headings 12 m apart at 120 m.
const FAR: f64 = 20.0;

/// How one round of matching looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    /// Pixels along the side of a cell.
    pub(super) by: usize,
    /// Cells around the expected place in which a square is looked for.
    pub(super) reach: i64,
    pub(super) untied: Untied,
    /// Whether its ties tell the level of the ground: once frames agree but for it.
    pub(super) tells_levels: bool,
}

/// What is done about pairs in which nothing was matched so far.
#[derive(Debug, Clone, Copy)]
pub(super) enum Untied {
    /// Nothing.
    Left,
    /// Their squares are looked for as those of others are.
    Near,
    /// The same, after a coarse search over this many metres, where no ties connect the two frames by way of a few others.
    Within(f64),
}

/// Each uses the views of the one before.
pub(super) const ROUNDS: [Round; 8] = [
    half(8, Untied::Within(SEARCH)),
    // Once more: what found no neighbour at first may find one that has moved into place.
    half(6, Untied::Near),
    half(3, Untied::Left),
    half(8, Untied::Within(FAR)),
    half(3, Untied::Near),
    with_levels(half(3, Untied::Left)),
    with_levels(half(3, Untied::Left)),
    with_levels(FINE),
];

/// All detail, of what is tied.
pub(super) const FINE: Round = Round {
    by: 1,
    reach: 4,
    untied: Untied::Left,
    tells_levels: false,
};

const fn half(reach: i64, untied: Untied) -> Round {
    Round {
        by: 2,
        reach,
        untied,
        tells_levels: false,
    }
}

const fn with_levels(round: Round) -> Round {
    Round {
        tells_levels: true,
        ..round
    }
}
