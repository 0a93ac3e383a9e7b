//! Algorithms of one's own: what a partitioner or a placer is asked, and what it answers.
//!
//! Invariant: an answer is never trusted: it is checked against every limit of the chip before anything is made of it.
//!
//! A partitioner says which core each neuron is on, in any numbering; a placer says where on the chip each of these cores is. Implement
//! [`Partitioner`] or [`Placer`] and hand it to [`crate::map_with`] (or [`crate::study::study`] for bare connectivity):
//!
//! ```
//! use mapper::own::{Own, Partitioner, PartitionProblem};
//!
//! /// Ten neurons to a core.
//! struct Tens;
//!
//! impl Partitioner for Tens {
//!     fn partition(&self, problem: &PartitionProblem<'_>) -> Result<Vec<u32>, String> {
//!         Ok((0..problem.neurons()).map(|neuron| neuron / 10).collect())
//!     }
//! }
//!
//! let own = Own { partitioner: Some(("tens", &Tens)), ..Own::default() };
//! # let _ = own;
//! ```
//!
//! `cargo run --release --example own_partitioner` compares a random partitioner with the built-in ones.

use crate::error::MapError;
use crate::place::{Flow, Flows};
use isa::ChipSpec;

/// Who reaches whom, and on which chip.
#[derive(Clone, Debug)]
pub struct PartitionProblem<'a> {
    /// The chip; a core's limits are in `chip.limits`.
    pub chip: &'a ChipSpec,
    /// Seed of the mapping.
    pub seed: u64,
    pub(crate) neurons: u32,
    pub(crate) start: Vec<u64>,
    pub(crate) targets: Vec<u32>,
    pub(crate) populations: Vec<u32>,
}

impl PartitionProblem<'_> {
    /// Neurons, relays of long delays included. Each needs a core.
    pub fn neurons(&self) -> u32 {
        self.neurons
    }

    /// Sources: the neurons, then the elements of all inputs.
    pub fn sources(&self) -> u32 {
        self.start.len() as u32 - 1
    }

    /// Neurons that a source reaches, one entry per synapse.
    pub fn targets_of(&self, source: u32) -> &[u32] {
        &self.targets
            [self.start[source as usize] as usize..self.start[source as usize + 1] as usize]
    }

    /// Rows of all sources (entries of `targets`): one entry more than sources.
    pub fn row_starts(&self) -> &[u64] {
        &self.start
    }

    /// Targets of all sources, one after the other.
    pub fn targets(&self) -> &[u32] {
        &self.targets
    }

    /// Population of each neuron, by its number; all 0 for bare connectivity.
    pub fn populations(&self) -> &[u32] {
        &self.populations
    }

    /// Packets between cores if every neuron spikes once: what the built-in partitioners minimise.
    pub fn packets(&self, core_of: &[u32]) -> u64 {
        let mut reached: Vec<u32> = Vec::new();
        let mut sum = 0;
        for neuron in 0..self.neurons {
            reached.clear();
            reached.extend(self.targets_of(neuron).iter().map(|t| core_of[*t as usize]));
            reached.sort_unstable();
            reached.dedup();
            let own = core_of[neuron as usize];
            sum += reached.iter().filter(|c| **c != own).count() as u64;
        }
        sum
    }
}

/// Cores of a partition, and the traffic between them.
#[derive(Clone, Debug)]
pub struct PlaceProblem<'a> {
    /// The chip: `chip.mesh` is the mesh, `chip.host_ports[0].tile` the tile that host packets enter at.
    pub chip: &'a ChipSpec,
    /// Seed of the mapping.
    pub seed: u64,
    pub(crate) flows: &'a Flows,
}

impl PlaceProblem<'_> {
    /// Cores of the partition. Each needs a physical core of its own (tile × cores per tile + index).
    pub fn cores(&self) -> u32 {
        self.flows.cores
    }

    /// Traffic from core to core, ascending.
    pub fn flows(&self) -> &[Flow] {
        &self.flows.directed
    }

    /// Traffic of each core with the host.
    pub fn host(&self) -> &[u64] {
        &self.flows.host
    }

    /// Hops that one to another chip of the board counts for; 1 on one chip.
    pub fn border_weight(&self) -> u32 {
        crate::place::border_weight(self.chip)
    }

    /// Σ weight · hops of a placement, those between chips weighted: what the built-in placers minimise.
    pub fn cost(&self, at: &[u32]) -> u128 {
        self.flows.cost(self.chip, at)
    }
}

/// Divides neurons among cores.
pub trait Partitioner {
    /// The core of every neuron, in any numbering of cores; or why there is none.
    fn partition(&self, problem: &PartitionProblem<'_>) -> Result<Vec<u32>, String>;
}

/// Puts cores onto a chip.
pub trait Placer {
    /// The physical core of every core; or why there is none.
    fn place(&self, problem: &PlaceProblem<'_>) -> Result<Vec<u32>, String>;
}

/// Algorithms, by name for reports and errors, that take the place of the built-in ones.
#[derive(Clone, Copy, Default)]
pub struct Own<'a> {
    /// Instead of a built-in partitioner.
    pub partitioner: Option<(&'a str, &'a dyn Partitioner)>,
    /// Instead of a built-in placer.
    pub placer: Option<(&'a str, &'a dyn Placer)>,
}

/// A partition that is known already.
#[derive(Clone, Debug)]
pub struct Given(pub Vec<u32>);

impl Partitioner for Given {
    fn partition(&self, _: &PartitionProblem<'_>) -> Result<Vec<u32>, String> {
        Ok(self.0.clone())
    }
}

fn wrong(kind: &'static str, name: &str, what: String) -> MapError {
    MapError::Own {
        kind,
        name: name.into(),
        what,
    }
}

/// Cores numbered without gaps, and the numbers that they were given.
pub(crate) struct Numbered {
    pub(crate) core_of: Vec<u32>,
    pub(crate) given: Vec<u32>,
}

/// Numbers the cores of an answer without gaps, in their order.
pub(crate) fn numbered(
    name: &str,
    answer: Result<Vec<u32>, String>,
    neurons: u32,
    chip: &ChipSpec,
) -> Result<Numbered, MapError> {
    let fail = |what| wrong("partitioner", name, what);
    let answer = answer.map_err(fail)?;
    if answer.len() != neurons as usize {
        return Err(fail(format!(
            "its answer has {} entries; the network has {neurons} neurons, each of which needs a core",
            answer.len()
        )));
    }
    let mut given = answer.clone();
    given.sort_unstable();
    given.dedup();
    if given.len() > chip.cores() as usize {
        return Err(fail(format!(
            "its answer uses {} cores; chip \"{}\" has {}",
            given.len(),
            chip.name,
            chip.cores()
        )));
    }
    let number = |core: &u32| given.partition_point(|g| g < core) as u32;
    Ok(Numbered {
        core_of: answer.iter().map(number).collect(),
        given,
    })
}

/// Asks a placer, and checks what it says.
pub(crate) fn placed(
    name: &str,
    placer: &dyn Placer,
    flows: &Flows,
    chip: &ChipSpec,
    seed: u64,
) -> Result<Vec<u32>, MapError> {
    let fail = |what| wrong("placer", name, what);
    let at = placer.place(&PlaceProblem { chip, seed, flows });
    let at = at.map_err(fail)?;
    if at.len() != flows.cores as usize {
        return Err(fail(format!(
            "its answer has {} entries; the partition has {} cores, each of which needs a place",
            at.len(),
            flows.cores
        )));
    }
    let mut holder = vec![None; chip.cores() as usize];
    for (core, slot) in at.iter().enumerate() {
        let Some(holder) = holder.get_mut(*slot as usize) else {
            return Err(fail(format!(
                "core {core} is to be physical core {slot}; chip \"{}\" has 0 to {}",
                chip.name,
                chip.cores() - 1
            )));
        };
        if let Some(other) = holder.replace(core) {
            return Err(fail(format!(
                "cores {other} and {core} are both to be physical core {slot}"
            )));
        }
    }
    Ok(at)
}
