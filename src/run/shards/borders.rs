//! Which lines beside a shard its own frames hear of.
//!
//! In: the lines of a shard and those around it. Out: those among the latter that are neighbours of its frames, as `window` pairs them. Refuses:
//! nothing. Who is a neighbour follows from files alone, not from what is found in them: the others need no look.

use std::collections::BTreeSet;
use std::sync::Arc;

use rayon::ThreadPool;

use super::super::frame_task::FrameTask;
use super::super::ordered::Ordered;
use super::super::processed::Input;
use super::super::window::{self, Seen, Window};
use super::super::{IN_FLIGHT_PER_THREAD, Run};
use super::plan::Part;
use crate::frame::FrameId;

/// A line and what neighbours need to know of it.
type Placed = (FrameId, Option<Arc<Seen>>);

impl Run {
    /// Neighbours of a shard's frames in lines that are other shards'. Decodes these lines, and as many of its own at each end.
    pub(super) fn beside(
        &self,
        pool: &ThreadPool,
        task: &FrameTask<'_>,
        part: &Part,
    ) -> BTreeSet<FrameId> {
        let reach = window::lines(self.config.detect.carry);
        let inner = part.own.start + reach..part.own.end.saturating_sub(reach);
        let is_far = |FrameId(frame)| usize::try_from(frame).is_ok_and(|at| inner.contains(&at));
        let place = |input: Input<'_>| {
            let seen = (!is_far(input.id)).then(|| task.blind(&input)).flatten();
            (input.id, seen)
        };
        let in_flight = self.threads.saturating_mul(IN_FLIGHT_PER_THREAD);
        pool.in_place_scope_fifo(|scope| {
            let placed = Ordered::new(scope, part.manifest.inputs(), in_flight, &place);
            Window::new(placed, self.config.detect.carry, |(_, seen): &Placed| {
                seen.as_ref()
            })
            .filter(|((id, _), _)| part.owns(*id))
            .flat_map(|(_, neighbours)| neighbours)
            .map(|(neighbour, _)| neighbour.id)
            .filter(|id| !part.owns(*id))
            .collect()
        })
    }
}
