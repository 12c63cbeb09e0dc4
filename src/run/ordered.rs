//! Parallel work whose results come out in input order, in bounded memory.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::mpsc;

use rayon::ThreadPool;

/// Runs `work` on the threads of `pool`, up to `in_flight` items at a time, and hands the results to `emit` in
/// input order on the calling thread.
///
/// At most `in_flight` items and results are alive, so peak memory is `in_flight` times the cost of one,
/// whatever the number of threads. Two runs emit the same sequence. After an error of `emit` no further
/// item is started. `work` must not panic: catch it inside.
///
/// # Errors
///
/// The first error of `emit`.
pub fn for_each_ordered<T: Send, R: Send, E>(
    pool: &ThreadPool,
    items: impl IntoIterator<Item = T>,
    in_flight: NonZeroUsize,
    work: impl Fn(T) -> R + Sync,
    mut emit: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let mut items = items.into_iter();
    let work = &work;
    pool.in_place_scope_fifo(|scope| {
        let (send, receive) = mpsc::channel();
        let mut waiting = BTreeMap::new();
        let (mut started, mut emitted) = (0_usize, 0_usize);
        loop {
            while started - emitted < in_flight.get() {
                let Some(item) = items.next() else { break };
                let (send, number) = (send.clone(), started);
                scope.spawn_fifo(move |_| {
                    // The receiver is gone only after an error of `emit`: nobody wants the result then.
                    let _ = send.send((number, work(item)));
                });
                started += 1;
            }
            if emitted == started {
                return Ok(());
            }
            while !waiting.contains_key(&emitted) {
                let Ok((number, result)) = receive.recv() else {
                    return Ok(());
                };
                waiting.insert(number, result);
            }
            while let Some(result) = waiting.remove(&emitted) {
                emit(result)?;
                emitted += 1;
            }
        }
    })
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
    fn no_items_are_fine() {
        let in_flight = NonZeroUsize::new(2).unwrap();
        let result: Result<(), ()> =
            for_each_ordered(&pool(), [0; 0], in_flight, |item| item, |_| Err(()));
        assert_eq!(result, Ok(()));
    }
}
