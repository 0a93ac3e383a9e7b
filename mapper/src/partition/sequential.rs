//! Fill cores in network order; a core is closed at the first neuron that does not fit.
//!
//! Invariant: cores hold intervals of neuron ids.

use super::space::{Filling, Full, Rest, Room, Space};

/// Core of every neuron.
pub(super) fn partition(space: &Space<'_>, room: &Room) -> Result<Vec<u32>, (u32, Full)> {
    let mut filling = Filling::new(space, room);
    let mut rest = Rest::new(space, room);
    let mut core = 0;
    let mut core_of = Vec::with_capacity(space.neurons() as usize);
    for neuron in 0..space.neurons() {
        if let Err(full) = filling.add(neuron) {
            if filling.lanes() == 0 {
                return Err((neuron, full));
            }
            filling.clear();
            core += 1;
            rest.ends(core).map_err(|full| (neuron, full))?;
            filling.add(neuron).map_err(|full| (neuron, full))?;
        }
        core_of.push(core);
        rest.take(neuron);
    }
    Ok(core_of)
}
