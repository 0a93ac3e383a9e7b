//! Room that shared kernels leave: which part of their memory the sparse synapses of each population take, learnt from cores as they are stored.
//!
//! Invariant: a part is what emit stored, or more; what was too little for a core is raised until it is not, up to all of it, which always holds: sharing takes no more
//! memory than none.

use super::space::{Full, Room, Space, WHOLE};
use super::{Partitioner, cores};
use crate::need::Programs;
use crate::usage::{self, Usage};

/// Runs of a partitioner that look for fewer cores: fuller cores share more, and leave more room.
const ROUNDS: u32 = 10;
/// A partition, and the room with which it was found.
type Found = (Vec<u32>, Room);

/// What is added to a part that was too little, of [`WHOLE`].
const MORE: u64 = 4;

/// The partition with the fewest cores of all rounds; nothing if sharing saves no core.
pub(super) fn fewer(
    space: &Space<'_>,
    programs: &Programs,
    run: Partitioner,
    full: &[u32],
) -> Result<Option<Found>, (u32, Full)> {
    if space.chip.limits.shared_pointer_bits == 0 {
        return Ok(None);
    }
    let mut usage = usage::usage(space.q, programs, space.chip, full);
    let mut room = Room {
        share: vec![WHOLE; space.q.populations.len()],
        ..Room::ALL
    };
    let mut least = cores(full);
    let mut best = None;
    for _ in 0..ROUNDS {
        let next = match over(&usage, space.chip.limits.synapse_bits) {
            true => raised(&room, &usage, space.chip.limits.synapse_bits, false),
            false => learnt(&room, &usage),
        };
        if next.share == room.share {
            break;
        }
        room = next;
        let core_of = run(space, &room)?;
        if over(&usage, space.chip.limits.synapse_bits) && cores(&core_of) >= least {
            // Raising parts further takes no fewer cores.
            break;
        }
        usage = usage::usage(space.q, programs, space.chip, &core_of);
        if cores(&core_of) < least && !over(&usage, space.chip.limits.synapse_bits) {
            least = cores(&core_of);
            best = Some((core_of, room.clone()));
        }
    }
    Ok(best)
}

/// Whether a core stores more than it holds.
pub(super) fn over(usage: &Usage, capacity: u64) -> bool {
    usage.cores.values().any(|u| u.synapse_bits > capacity)
}

/// Parts as they were stored, where that is less than was reserved.
fn learnt(room: &Room, usage: &Usage) -> Room {
    let mut sums = vec![(0u64, 0u64); room.share.len()];
    for (population, all, stored) in usage.stored.iter().flat_map(|(_, s)| &s.sparse) {
        let sum = &mut sums[*population as usize];
        *sum = (sum.0 + all, sum.1 + stored);
    }
    let share = room.share.iter().zip(sums).map(|(share, (all, stored))| {
        if all == 0 {
            return *share;
        }
        let part = (u128::from(stored) * u128::from(WHOLE)).div_ceil(all.into());
        (part as u32).clamp(1, *share)
    });
    Room {
        share: share.collect(),
        ..*room
    }
}

/// Larger parts of the populations on cores that store more than they hold, by as much as they do, or all of the memory.
pub(super) fn raised(room: &Room, usage: &Usage, capacity: u64, all: bool) -> Room {
    let mut share = room.share.clone();
    for ((_, used), (_, stored)) in usage.cores.iter().zip(&usage.stored) {
        if used.synapse_bits <= capacity {
            continue;
        }
        for (population, ..) in &stored.sparse {
            let old = u128::from(room.share[*population as usize]);
            let more = old * u128::from(used.synapse_bits) / u128::from(capacity.max(1));
            let more = match all {
                true => WHOLE,
                false => (more + u128::from(MORE)).min(WHOLE.into()) as u32,
            };
            let new = &mut share[*population as usize];
            *new = more.max(*new);
        }
    }
    Room { share, ..*room }
}
