//! The rasters used last, within a budget of bytes.
//!
//! In: keys, and a way to make what is not held. Out: shared rasters. Refuses: to hold more than its budget, one raster excepted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Raster;

/// A least-recently-used cache; safe to ask from many threads.
#[derive(Debug)]
pub struct RasterCache<K> {
    budget: usize,
    held: Mutex<Held<K>>,
}

#[derive(Debug)]
struct Held<K> {
    /// Raster and the tick of its last use.
    rasters: BTreeMap<K, (Arc<Raster<f32>>, u64)>,
    bytes: usize,
    tick: u64,
}

impl<K: Copy + Ord> RasterCache<K> {
    /// Nothing yet, and at most `budget` bytes.
    #[must_use]
    pub fn new(budget: usize) -> Self {
        let held = Held {
            rasters: BTreeMap::new(),
            bytes: 0,
            tick: 0,
        };
        Self {
            budget,
            held: Mutex::new(held),
        }
    }

    /// The raster of a key, made where it is not held.
    ///
    /// # Errors
    ///
    /// What `make` says.
    pub fn get<E>(
        &self,
        key: K,
        make: impl FnOnce() -> Result<Arc<Raster<f32>>, E>,
    ) -> Result<Arc<Raster<f32>>, E> {
        if let Some(raster) = self.lock().touch(key) {
            return Ok(raster);
        }
        // Made outside the lock: two threads may make the same one, which costs time and nothing else.
        let raster = make()?;
        self.lock().insert(key, &raster, self.budget);
        Ok(raster)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held<K>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Copy + Ord> Held<K> {
    fn touch(&mut self, key: K) -> Option<Arc<Raster<f32>>> {
        self.tick += 1;
        let (raster, used) = self.rasters.get_mut(&key)?;
        *used = self.tick;
        Some(Arc::clone(raster))
    }

    fn insert(&mut self, key: K, raster: &Arc<Raster<f32>>, budget: usize) {
        self.bytes += size(raster);
        let replaced = self.rasters.insert(key, (Arc::clone(raster), self.tick));
        self.bytes -= replaced.map_or(0, |(raster, _)| size(&raster));
        while self.bytes > budget && self.rasters.len() > 1 {
            let oldest = self.rasters.iter().min_by_key(|(_, (_, used))| *used);
            let Some(key) = oldest.map(|(&key, _)| key) else {
                return;
            };
            self.bytes -= self
                .rasters
                .remove(&key)
                .map_or(0, |(raster, _)| size(&raster));
        }
    }
}

fn size(raster: &Raster<f32>) -> usize {
    size_of_val(raster.samples())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn the_raster_used_longest_ago_makes_room() {
        let made = Cell::new(0);
        let cache = RasterCache::new(2 * 16);
        let get = |key: u32| {
            let fresh = || {
                made.set(made.get() + 1);
                Ok::<_, ()>(Arc::new(Raster::filled(2, 2, 0.0).unwrap()))
            };
            cache.get(key, fresh).unwrap();
        };
        for key in [0, 1, 0, 2, 0] {
            get(key);
        }
        assert_eq!(made.get(), 3);
        get(1);
        assert_eq!(made.get(), 4);
        assert!(cache.lock().bytes <= 32);
    }
}
