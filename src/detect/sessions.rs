//! Sessions of a runtime, lent to whoever looks.
//!
//! In: the shape of what is to be shown. Out: a session, for as long as a look takes. Refuses: to lend one to two at a time, or again after a panic.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Pictures, channels, rows, columns.
pub(super) type Shape = [usize; 4];

/// Sessions for this many shapes are kept; they hold memory of the accelerator.
const MOST: usize = 24;

/// Sessions of one network.
#[derive(Debug)]
pub(super) enum Sessions<S> {
    /// On a processor: as many as there are workers, any of which will do.
    Alike {
        idle: Mutex<Vec<S>>,
        returned: Condvar,
    },
    /// On an accelerator, which does one thing at a time: one for each shape, those used last behind. A session prepares every layer for a shape, and
    /// anew whenever the next picture has another.
    OfShapes(Mutex<Vec<(Shape, S)>>),
}

impl<S> Sessions<S> {
    /// These, to be lent to any look.
    pub(super) fn alike(sessions: Vec<S>) -> Self {
        Self::Alike {
            idle: Mutex::new(sessions),
            returned: Condvar::new(),
        }
    }

    /// None yet.
    pub(super) fn of_shapes() -> Self {
        Self::OfShapes(Mutex::default())
    }

    /// Lends a session for pictures of `shape` to `work`; waits while all are lent. Where there is none of that shape, `make` makes it.
    ///
    /// A session on which `work` panics is dropped with it, so that no half-used one is lent again.
    ///
    /// # Errors
    ///
    /// That of `make`.
    pub(super) fn with<R, E>(
        &self,
        shape: Shape,
        make: impl FnOnce() -> Result<S, E>,
        work: impl FnOnce(&mut S) -> R,
    ) -> Result<R, E> {
        match self {
            Self::Alike { idle, returned } => {
                let mut waiting = locked(idle);
                let mut session = loop {
                    match waiting.pop() {
                        Some(session) => break session,
                        None => {
                            waiting = returned
                                .wait(waiting)
                                .unwrap_or_else(PoisonError::into_inner);
                        }
                    }
                };
                drop(waiting);
                let result = work(&mut session);
                locked(idle).push(session);
                returned.notify_one();
                Ok(result)
            }
            Self::OfShapes(all) => {
                let mut all = locked(all);
                let known = all.iter().position(|(of, _)| *of == shape);
                let mut session = if let Some(at) = known {
                    all.remove(at).1
                } else {
                    if all.len() >= MOST {
                        all.remove(0);
                    }
                    make()?
                };
                let result = work(&mut session);
                all.push((shape, session));
                Ok(result)
            }
        }
    }
}

/// A session on which a look panicked was dropped: what is left behind the lock is whole.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn never() -> Result<usize, String> {
        Err("made".into())
    }

    #[test]
    fn alike_sessions_are_lent_to_any_shape_and_never_made() {
        let sessions = Sessions::alike(vec![1, 2]);
        let nested = sessions.with([1, 1, 2, 3], never, |&mut first| {
            let second = sessions.with([9, 9, 9, 9], never, |&mut second| second);
            (first, second.unwrap())
        });
        let (first, second) = nested.unwrap();
        assert!(first != second);
    }

    #[test]
    fn each_shape_has_a_session_of_its_own_until_many_others_came() {
        let sessions = Sessions::of_shapes();
        let shape = |rows| [1, 1, rows, 1];
        let use_of = |rows: usize| {
            let mut is_new = false;
            let make = || {
                is_new = true;
                Ok::<_, String>(rows)
            };
            let lent = sessions.with(shape(rows), make, |&mut session| session);
            assert_eq!(lent, Ok(rows));
            is_new
        };
        assert!(use_of(0));
        assert!(!use_of(0));
        assert!((1..MOST).all(use_of));
        // Used again, it is not the one that goes.
        assert!(!use_of(0) && use_of(MOST));
        assert!(!use_of(0) && use_of(1));
        assert_eq!(sessions.with(shape(77), never, |_| ()), Err("made".into()));
        assert!(!use_of(0));
    }

    #[test]
    fn a_session_on_which_a_look_panicked_is_not_lent_again() {
        let sessions = Sessions::of_shapes();
        let shape = [1, 1, 1, 1];
        let make = |number| move || Ok::<_, String>(number);
        let look = || sessions.with(shape, make(1), |_| panic!("a look"));
        let panicked: Result<Result<(), String>, _> = catch_unwind(AssertUnwindSafe(look));
        assert!(panicked.is_err());
        let next = sessions.with(shape, make(2), |&mut session| session);
        assert_eq!(next, Ok(2));
    }
}
