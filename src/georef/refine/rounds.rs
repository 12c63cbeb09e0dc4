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
    /// Whether pairs that have moved are matched again.
    pub(super) again: bool,
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
    /// Where no ties connect the two frames by way of a few others either, they are searched for over this many metres.
    Within(f64),
}

/// Each uses the views of the one before.
pub(super) const ROUNDS: [Round; 7] = [
    half(4, Untied::Within(SEARCH)),
    half(6, Untied::Within(SEARCH)),
    half(3, Untied::Within(FAR)),
    // What found no neighbour at first may find one that has moved into place.
    half(4, Untied::Near),
    with_levels(half(3, Untied::Left)),
    with_levels(FINE),
    with_levels(FINE),
];

/// All detail, of what is tied.
const FINE: Round = Round {
    by: 1,
    reach: 4,
    untied: Untied::Left,
    again: true,
    tells_levels: false,
};

/// What was found before, with the views of now.
pub(super) const FOUND: Round = Round {
    again: false,
    ..FINE
};

const fn half(reach: i64, untied: Untied) -> Round {
    Round {
        by: 2,
        reach,
        untied,
        ..FINE
    }
}

const fn with_levels(round: Round) -> Round {
    Round {
        tells_levels: true,
        ..round
    }
}
