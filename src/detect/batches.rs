//! Pictures of several frames, looked at by an accelerator at once.
//!
//! In: one picture each from threads that work on frames of their own. Out: to each the answer to its own picture. While the accelerator is busy, pictures
//! gather; the thread that finds it free takes those of its picture's shape along, so that nobody waits for a batch to fill. Refuses: to let a failure of
//! many fail one; who gets no answer here asks alone.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::raster::Raster;

/// How many pictures a batch may have. Accelerators prepare themselves for each number, so that there are few.
pub(super) const SIZES: [usize; 4] = [1, 2, 4, 8];

/// What waits, and what is answered: `A` for each picture.
#[derive(Debug)]
pub(super) struct Batches<A> {
    state: Mutex<State<A>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<A> {
    next: u64,
    waiting: Vec<(u64, Raster<f32>)>,
    /// `None` where the batch failed.
    answered: BTreeMap<u64, Option<A>>,
    is_busy: bool,
}

impl<A> Default for Batches<A> {
    fn default() -> Self {
        let state = State {
            next: 0,
            waiting: Vec::new(),
            answered: BTreeMap::new(),
            is_busy: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }
}

/// A batch on its way: whatever becomes of it, the others in it are told.
struct OnItsWay<'a, A> {
    batches: &'a Batches<A>,
    others: Vec<u64>,
    answers: Vec<A>,
}

impl<A> Drop for OnItsWay<'_, A> {
    fn drop(&mut self) {
        let mut state = self.batches.locked();
        let mut answers = std::mem::take(&mut self.answers).into_iter();
        for &other in &self.others {
            state.answered.insert(other, answers.next());
        }
        state.is_busy = false;
        drop(state);
        self.batches.changed.notify_all();
    }
}

impl<A> Batches<A> {
    /// The answer to `picture`, which `look` gives for this one and others of its shape at once: one for each, in their order, or none at all where it failed.
    pub(super) fn answer(
        &self,
        picture: Raster<f32>,
        look: impl FnOnce(&[Raster<f32>]) -> Option<Vec<A>>,
    ) -> Option<A> {
        let mut state = self.locked();
        let this = state.next;
        state.next += 1;
        let shape = picture.shape();
        state.waiting.push((this, picture));
        loop {
            if let Some(answer) = state.answered.remove(&this) {
                return answer;
            }
            if !state.is_busy {
                break;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let (others, pictures) = state.take(this, shape);
        state.is_busy = true;
        drop(state);
        let mut batch = OnItsWay {
            batches: self,
            others,
            answers: Vec::new(),
        };
        let mut answers = look(&pictures)
            .filter(|answers| answers.len() == pictures.len())?
            .into_iter();
        let this = answers.next();
        batch.answers = answers.collect();
        this
    }

    /// How many pictures wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.locked().waiting.len()
    }

    fn locked(&self) -> MutexGuard<'_, State<A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A> State<A> {
    /// Takes `this` and others of its shape, those first that came first, up to the largest of [`SIZES`]. Its picture comes first.
    fn take(&mut self, this: u64, shape: (usize, usize)) -> (Vec<u64>, Vec<Raster<f32>>) {
        let own = self.waiting.extract_if(.., |(who, _)| *who == this);
        let mut pictures: Vec<Raster<f32>> = own.map(|(_, picture)| picture).collect();
        let alike = |picture: &Raster<f32>| picture.shape() == shape;
        let count = 1 + self.waiting.iter().filter(|(_, one)| alike(one)).count();
        let size = SIZES.into_iter().rfind(|&size| size <= count);
        let along = size.unwrap_or(1) - 1;
        let others = self.waiting.extract_if(.., |(_, one)| alike(one));
        let (others, more): (Vec<u64>, Vec<Raster<f32>>) = others.take(along).unzip();
        pictures.extend(more);
        (others, pictures)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    fn picture(value: f32, (width, height): (usize, usize)) -> Raster<f32> {
        Raster::new(width, height, vec![value; width * height]).unwrap()
    }

    fn doubled(pictures: &[Raster<f32>]) -> Vec<f32> {
        pictures.iter().map(|one| one.samples()[0] * 2.0).collect()
    }

    /// Lets a first look last until `others` wait behind it; what each got then (`Err` for who panicked), and how many pictures each `look` was shown.
    fn behind_a_slow_look(
        others: &[(f32, (usize, usize))],
        look: impl Fn(&[Raster<f32>]) -> Option<Vec<f32>> + Sync,
    ) -> (Vec<usize>, Vec<thread::Result<Option<f32>>>) {
        let batches = Batches::default();
        let sizes = Mutex::new(Vec::new());
        let (begun, has_begun) = mpsc::channel();
        let answers = thread::scope(|scope| {
            let (batches, sizes, look) = (&batches, &sizes, &look);
            let first = scope.spawn(move || {
                batches.answer(picture(100.0, (1, 1)), |pictures| {
                    begun.send(()).unwrap();
                    while batches.waiting() < others.len() {
                        thread::yield_now();
                    }
                    Some(doubled(pictures))
                })
            });
            has_begun.recv().unwrap();
            let ask = |&(value, shape): &(f32, (usize, usize))| {
                scope.spawn(move || {
                    batches.answer(picture(value, shape), |pictures| {
                        assert!(pictures.iter().all(|one| one.shape() == shape));
                        sizes.lock().unwrap().push(pictures.len());
                        look(pictures)
                    })
                })
            };
            let waiting: Vec<_> = others.iter().map(ask).collect();
            assert_eq!(first.join().unwrap(), Some(200.0));
            let joined = waiting.into_iter().map(thread::ScopedJoinHandle::join);
            joined.collect::<Vec<_>>()
        });
        assert!(batches.locked().answered.is_empty() && batches.waiting() == 0);
        let mut sizes = sizes.into_inner().unwrap();
        sizes.sort_unstable();
        (sizes, answers)
    }

    fn pictures(count: u8) -> Vec<(f32, (usize, usize))> {
        (1..=count).map(|k| (f32::from(k), (2, 3))).collect()
    }

    #[test]
    fn what_waits_is_looked_at_together_and_each_gets_its_own_answer() {
        let others = pictures(7);
        let (sizes, answers) = behind_a_slow_look(&others, |shown| Some(doubled(shown)));
        assert_eq!(sizes, [1, 2, 4]);
        for (answer, (value, _)) in answers.into_iter().zip(&others) {
            assert_eq!(answer.unwrap(), Some(2.0 * value));
        }
    }

    #[test]
    fn pictures_of_other_shapes_and_more_than_the_most_wait_for_the_next() {
        let mut others = pictures(17);
        others.push((50.0, (3, 2)));
        let (sizes, mut answers) = behind_a_slow_look(&others, |shown| Some(doubled(shown)));
        assert_eq!(sizes, [1, 1, 8, 8]);
        assert_eq!(answers.remove(17).unwrap(), Some(100.0));
    }

    #[test]
    fn a_batch_that_fails_answers_nobody_and_holds_nobody_up() {
        let none = |_: &[Raster<f32>]| None;
        // Too few answers could be anyone's.
        let few = |shown: &[Raster<f32>]| Some(doubled(&shown[1..]));
        for look in [&none as &(dyn Fn(&[_]) -> _ + Sync), &few] {
            let (sizes, answers) = behind_a_slow_look(&pictures(4), look);
            assert_eq!(sizes, [4]);
            assert!(answers.into_iter().all(|answer| answer.unwrap().is_none()));
        }
        let (sizes, answers) =
            behind_a_slow_look(&pictures(4), |_| panic!("the accelerator is gone"));
        assert_eq!(sizes, [4]);
        let panicked = answers.iter().filter(|answer| answer.is_err()).count();
        assert_eq!(panicked, 1);
        assert!(answers.into_iter().flatten().all(|answer| answer.is_none()));
    }
}
