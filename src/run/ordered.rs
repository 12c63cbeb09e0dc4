//! Parallel work whose results come out in input order, in bounded memory.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use rayon::{ScopeFifo, ThreadPool};

/// Runs `work` on the threads of `pool`, up to `in_flight` items at a time, and hands the results to `emit` in
/// input order on the calling thread.
///
/// At most `in_flight` items and results are alive, so peak memory is `in_flight` times the cost of one,
/// whatever the number of threads. Two runs emit the same sequence. After an error of `emit` no further
/// item is started. A panic of `work` goes on here, on the calling thread.
///
/// # Errors
///
/// The first error of `emit`.
pub fn for_each_ordered<T: Send, R: Send, E>(
    pool: &ThreadPool,
    items: impl IntoIterator<Item = T>,
    in_flight: NonZeroUsize,
    work: impl Fn(T) -> R + Sync,
    emit: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let work = &work;
    pool.in_place_scope_fifo(|scope| {
        Ordered::new(scope, items.into_iter(), in_flight, work).try_for_each(emit)
    })
}

/// The results of work on a pool, in input order: an iterator, so that the results of one kind of work can be
/// the items of the next, both on the same threads.
///
/// Items are taken and results given on the thread that calls [`Iterator::next`], which waits for them. A panic of the work goes on there: who
/// waits for a result that never comes would wait for ever.
pub(crate) struct Ordered<'a, 'scope, I: Iterator, R, W> {
    scope: &'a ScopeFifo<'scope>,
    items: I,
    in_flight: NonZeroUsize,
    work: &'scope W,
    sender: Sender<(usize, thread::Result<R>)>,
    results: Receiver<(usize, thread::Result<R>)>,
    waiting: BTreeMap<usize, R>,
    started: usize,
    given: usize,
}

impl<'a, 'scope, I, R, W> Ordered<'a, 'scope, I, R, W>
where
    I: Iterator,
    I::Item: Send + 'scope,
    R: Send + 'scope,
    W: Fn(I::Item) -> R + Sync,
{
    /// Nothing starts before the first result is asked for.
    pub(crate) fn new(
        scope: &'a ScopeFifo<'scope>,
        items: I,
        in_flight: NonZeroUsize,
        work: &'scope W,
    ) -> Self {
        let (sender, results) = mpsc::channel();
        Self {
            scope,
            items,
            in_flight,
            work,
            sender,
            results,
            waiting: BTreeMap::new(),
            started: 0,
            given: 0,
        }
    }
}

impl<'scope, I, R, W> Iterator for Ordered<'_, 'scope, I, R, W>
where
    I: Iterator,
    I::Item: Send + 'scope,
    R: Send + 'scope,
    W: Fn(I::Item) -> R + Sync,
{
    type Item = R;

    fn next(&mut self) -> Option<R> {
        while self.started - self.given < self.in_flight.get() {
            let Some(item) = self.items.next() else { break };
            let (sender, work, number) = (self.sender.clone(), self.work, self.started);
            self.scope.spawn_fifo(move |_| {
                let result = panic::catch_unwind(AssertUnwindSafe(|| work(item)));
                // The receiver is gone only when nobody wants the result.
                let _ = sender.send((number, result));
            });
            self.started += 1;
        }
        if self.given == self.started {
            return None;
        }
        while !self.waiting.contains_key(&self.given) {
            let (number, result) = self.results.recv().ok()?;
            let result = result.unwrap_or_else(|panic| panic::resume_unwind(panic));
            self.waiting.insert(number, result);
        }
        self.given += 1;
        self.waiting.remove(&(self.given - 1))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn pool() -> ThreadPool {
        rayon::ThreadPoolBuilder::new()
            .num_threads(4)
            .build()
            .unwrap()
    }

    #[test]
    fn results_come_out_in_input_order_and_bounded() {
        let alive = AtomicUsize::new(0);
        let most = AtomicUsize::new(0);
        let mut seen = Vec::new();
        let in_flight = NonZeroUsize::new(5).unwrap();
        let work = |item: usize| {
            let now = alive.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            // Earlier items take longer, so that they finish out of order.
            (0..(200 - item) * 500).fold(item, |a, b| std::hint::black_box(a ^ b));
            item
        };
        let result: Result<(), ()> = for_each_ordered(&pool(), 0..200, in_flight, work, |item| {
            alive.fetch_sub(1, Ordering::SeqCst);
            seen.push(item);
            Ok(())
        });
        assert!(result.is_ok());
        assert_eq!(seen, (0..200).collect::<Vec<_>>());
        assert!(most.load(Ordering::SeqCst) <= 5);
    }

    #[test]
    fn an_error_stops_the_work() {
        let started = AtomicUsize::new(0);
        let work = |item| {
            started.fetch_add(1, Ordering::SeqCst);
            item
        };
        let in_flight = NonZeroUsize::new(2).unwrap();
        let result = for_each_ordered(&pool(), 0..1000, in_flight, work, |item| {
            if item == 3 { Err("full") } else { Ok(()) }
        });
        assert_eq!(result, Err("full"));
        assert!(started.load(Ordering::SeqCst) < 10);
    }

    #[test]
    fn a_panic_goes_on_where_the_result_is_waited_for() {
        let in_flight = NonZeroUsize::new(3).unwrap();
        let work = |item: usize| {
            assert!(item != 5, "five");
            item
        };
        let given = std::sync::Mutex::new(Vec::new());
        let all = || -> Result<(), ()> {
            for_each_ordered(&pool(), 0..100, in_flight, work, |item| {
                given.lock().unwrap().push(item);
                Ok(())
            })
        };
        let panic = panic::catch_unwind(AssertUnwindSafe(all)).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"five"));
        assert!(given.into_inner().unwrap().len() <= 5);
    }

    #[test]
    fn results_of_one_work_are_the_items_of_the_next() {
        let in_flight = NonZeroUsize::new(3).unwrap();
        let (double, name) = (|item: u32| 2 * item, |item: u32| item.to_string());
        let names: Vec<String> = pool().in_place_scope_fifo(|scope| {
            let doubled = Ordered::new(scope, 0..100, in_flight, &double);
            Ordered::new(scope, doubled, in_flight, &name).collect()
        });
        let expected: Vec<String> = (0..100).map(|item| (2 * item).to_string()).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn no_items_are_fine() {
        let in_flight = NonZeroUsize::new(2).unwrap();
        let result: Result<(), ()> =
            for_each_ordered(&pool(), [0; 0], in_flight, |item| item, |_| Err(()));
        assert_eq!(result, Ok(()));
    }
}
