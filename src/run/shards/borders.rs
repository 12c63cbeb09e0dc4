//! Which lines beside a shard its own frames hear of.
//!
//! In: the lines of a shard and those around it. Out: those among the latter that are neighbours of its frames, as `window` pairs them. Refuses:
//! to take a file that is not there for nobody's neighbour. Who is one follows from files and settings, as long as no look fails, and not from what is
//! found: the others need no look.

use std::collections::BTreeSet;

use rayon::ThreadPool;

use super::super::frame_task::FrameTask;
use super::super::ordered::Ordered;
use super::super::processed::{Input, Looked};
use super::super::window::{self, Window};
use super::super::{IN_FLIGHT_PER_THREAD, Run, RunError};
use super::plan::Part;
use super::work::refuse_lost;
use crate::frame::FrameId;

impl Run {
    /// Neighbours of a shard's frames in lines that are other shards'. Decodes these lines, and as many of its own at each end.
    ///
    /// # Errors
    ///
    /// [`RunError::Input`] where a file among them that the plan read is not there.
    pub(super) fn neighbours(
        &self,
        pool: &ThreadPool,
        task: &FrameTask<'_>,
        part: &Part,
    ) -> Result<BTreeSet<FrameId>, RunError> {
        let reach = window::reach(self.config.detect.carry);
        let place = |input: Input<'_>| {
            if part.is_near_border(input.id, reach) {
                task.unlooked(&input)
            } else {
                Looked::away(&input)
            }
        };
        let in_flight = self.threads.saturating_mul(IN_FLIGHT_PER_THREAD);
        pool.in_place_scope_fifo(|scope| {
            let placed = Ordered::new(scope, part.manifest.inputs(), in_flight, &place);
            let window = Window::new(placed, self.config.detect.carry, |placed| {
                placed.seen.as_ref()
            });
            let mut needed = BTreeSet::new();
            for (placed, neighbours) in window {
                let id = placed.processed.id;
                refuse_lost(part, id, &placed.processed.outcome)?;
                if part.owns(id) {
                    let ids = neighbours.iter().map(|(neighbour, _)| neighbour.id);
                    needed.extend(ids.filter(|id| !part.owns(*id)));
                }
            }
            Ok(needed)
        })
    }
}
