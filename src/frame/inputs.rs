//! A frame's pictures for its detectors, each made once.

use std::collections::BTreeMap;

use super::ModelInput;

/// Pictures of one frame by their padded size: detectors that ask for the same one share it.
///
/// It lives as long as one look at the frame and holds no more than detectors see anyway.
pub(crate) struct Inputs<F> {
    make: F,
    shape: (usize, usize),
    made: BTreeMap<(usize, usize), ModelInput>,
}

impl<F: Fn(usize) -> ModelInput> Inputs<F> {
    /// Nothing is made yet; `make` gives the frame of `shape`, padded to a multiple of its argument.
    pub(crate) fn new(shape: (usize, usize), make: F) -> Self {
        Self {
            make,
            shape,
            made: BTreeMap::new(),
        }
    }

    /// The picture whose sides are multiples of `multiple_of`.
    pub(crate) fn padded_to(&mut self, multiple_of: usize) -> &ModelInput {
        let side = |side: usize| side.next_multiple_of(multiple_of.max(1));
        let padded = (side(self.shape.0), side(self.shape.1));
        let make = || (self.make)(multiple_of);
        self.made.entry(padded).or_insert_with(make)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::raster::Raster;

    #[test]
    fn a_picture_is_made_once_for_all_that_pad_it_alike() {
        let grey = Raster::filled(64, 48, 7_u8).unwrap();
        let asked = RefCell::new(Vec::new());
        let mut inputs = Inputs::new(grey.shape(), |multiple_of| {
            asked.borrow_mut().push(multiple_of);
            ModelInput::from_grey8(&grey, multiple_of)
        });
        let mut shape = |multiple_of| inputs.padded_to(multiple_of).grey().shape();
        // 48 is a multiple of 16 and of 1, not of 32.
        let shapes = [16, 32, 1, 32].map(&mut shape);
        assert_eq!(shapes, [(64, 48), (64, 64), (64, 48), (64, 64)]);
        assert_eq!(*asked.borrow(), [16, 32]);
    }
}
