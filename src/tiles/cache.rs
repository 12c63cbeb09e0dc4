//! The redacted rasters used last, within a budget of bytes.
//!
//! In: a way to load a frame. Out: shared rasters. Refuses: to hold more than its budget, one raster excepted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::frame::FrameId;
use crate::raster::Raster;

/// A least-recently-used cache over a loader; safe to ask from many threads.
#[derive(Debug)]
pub struct FrameCache<L> {
    load: L,
    budget: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Raster and the tick of its last use.
    rasters: BTreeMap<FrameId, (Arc<Raster<f32>>, u64)>,
    bytes: usize,
    tick: u64,
}

impl<L> FrameCache<L> {
    /// A cache of `budget` bytes over `load`.
    pub fn new<E>(budget: usize, load: L) -> Self
    where
        L: Fn(FrameId) -> Result<Arc<Raster<f32>>, E>,
    {
        Self {
            load,
            budget,
            held: Mutex::default(),
        }
    }

    /// The raster of a frame, loaded where it is not held.
    ///
    /// # Errors
    ///
    /// What the loader says.
    pub fn get<E>(&self, id: FrameId) -> Result<Arc<Raster<f32>>, E>
    where
        L: Fn(FrameId) -> Result<Arc<Raster<f32>>, E>,
    {
        if let Some(raster) = self.lock().touch(id) {
            return Ok(raster);
        }
        // Loaded outside the lock: two threads may load the same frame, which costs time and nothing else.
        let raster = (self.load)(id)?;
        self.lock().insert(id, &raster, self.budget);
        Ok(raster)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn touch(&mut self, id: FrameId) -> Option<Arc<Raster<f32>>> {
        self.tick += 1;
        let (raster, used) = self.rasters.get_mut(&id)?;
        *used = self.tick;
        Some(Arc::clone(raster))
    }

    fn insert(&mut self, id: FrameId, raster: &Arc<Raster<f32>>, budget: usize) {
        self.bytes += size(raster);
        let replaced = self.rasters.insert(id, (Arc::clone(raster), self.tick));
        self.bytes -= replaced.map_or(0, |(raster, _)| size(&raster));
        while self.bytes > budget && self.rasters.len() > 1 {
            let oldest = self.rasters.iter().min_by_key(|(_, (_, used))| *used);
            let Some(id) = oldest.map(|(&id, _)| id) else {
                return;
            };
            self.bytes -= self
                .rasters
                .remove(&id)
                .map_or(0, |(raster, _)| size(&raster));
        }
    }
}

fn size(raster: &Raster<f32>) -> usize {
    size_of_val(raster.samples())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn the_frame_used_longest_ago_makes_room() {
        let loads = AtomicUsize::new(0);
        let cache = FrameCache::new(2 * 16, |_| {
            loads.fetch_add(1, Ordering::Relaxed);
            Ok::<_, ()>(Arc::new(Raster::filled(2, 2, 0.0).unwrap()))
        });
        for id in [0, 1, 0, 2, 0] {
            cache.get(FrameId(id)).unwrap();
        }
        assert_eq!(loads.load(Ordering::Relaxed), 3);
        cache.get(FrameId(1)).unwrap();
        assert_eq!(loads.load(Ordering::Relaxed), 4);
        assert!(cache.lock().bytes <= 32);
    }
}
