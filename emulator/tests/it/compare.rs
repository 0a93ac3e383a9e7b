//! Runs a case on both engines and says where they first differ.
//!
//! Invariant: everything that a result holds is compared; the state digest is computed here from the reference's words
//! by `specs/state.md`.

use crate::random_image::Case;
use emulator::reference::{self, CoreWords, Outcome, Setup};
use emulator::{
    Between, CoreUse, EmulatorError, LinkUse, Options, PacketTime, SampleInput, SampleResult,
    StepTime, Timing,
};
use isa::chip::ChipSpec;
use isa::image::Image;
use sha2::{Digest, Sha256};
use std::sync::RwLock;

/// Held for reading while the engine must be sound, for writing while it has a seeded bug.
pub(crate) static ENGINE: RwLock<()> = RwLock::new(());

/// Seed of every random draw in tests.
pub(crate) const SEED: u64 = 0x0123_4567_89AB_CDEF;

/// Options that record everything.
pub(crate) fn options(between: Between, drain: u32) -> Options {
    Options {
        seed: SEED,
        threads: 1,
        timing: Timing::Cycle,
        between,
        drain,
        record_spikes: true,
        record_packets: true,
    }
}

/// The fast engine.
pub(crate) fn fast(case: &Case, options: &Options) -> Result<Vec<SampleResult>, EmulatorError> {
    emulator::run(&case.image, &case.chip, &case.samples, options, &|_| {})
}

/// The reference.
pub(crate) fn slow(case: &Case, seed: u64) -> Vec<Outcome> {
    let blank = if let Between::Blank(n) = case.between {
        n
    } else {
        0
    };
    let setup = Setup {
        seed,
        reset: case.between == Between::Reset,
        extra_steps: case.drain + blank,
    };
    let samples: Vec<_> = case.samples.iter().map(events).collect();
    reference::run(&case.image, &case.chip, &samples, &setup)
}

/// A sample as the reference takes it.
pub(crate) fn events(sample: &SampleInput) -> reference::Sample {
    let range = |t: usize| sample.offsets[t] as usize..sample.offsets[t + 1] as usize;
    (0..sample.steps as usize)
        .map(|t| {
            range(t)
                .map(|i| (sample.elements[i], sample.values[i]))
                .collect()
        })
        .collect()
}

/// The first difference between the engines, if there is one.
pub(crate) fn difference(case: &Case, fast: &[SampleResult], slow: &[Outcome]) -> Option<String> {
    if fast.len() != slow.len() {
        return Some(format!("{} samples, reference {}", fast.len(), slow.len()));
    }
    let mut pairs = fast.iter().zip(slow).enumerate();
    pairs.find_map(|(s, (fast, slow))| {
        let what = sample_difference(&case.image, &case.chip, &case.samples[s], fast, slow)?;
        Some(format!("sample {s}: {what}"))
    })
}

fn sample_difference(
    image: &Image,
    chip: &ChipSpec,
    sample: &SampleInput,
    fast: &SampleResult,
    slow: &Outcome,
) -> Option<String> {
    let function = first("spike", &fast.spikes, &slow.spikes)
        .or_else(|| first("output", &fast.outputs, &slow.outputs))
        .or_else(|| {
            (fast.probes != slow.probes)
                .then(|| format!("probes {:?}, reference {:?}", fast.probes, slow.probes))
        })
        .or_else(|| counters(fast, slow))
        .or_else(|| {
            first(
                "counted spikes",
                &fast.counted_spikes,
                &counted(image, sample, slow),
            )
        })
        .or_else(|| first("steps", &[fast.steps], &[slow.steps.len() as u32 - 1]));
    function.or_else(|| time(chip, fast, slow)).or_else(|| {
        (fast.state_digest != digest(image, &slow.words, slow.steps_since_reset))
            .then(|| format!("state digest; reference has {:?}", slow.words))
    })
}

fn counters(fast: &SampleResult, slow: &Outcome) -> Option<String> {
    if fast.populations.len() != slow.populations.len() {
        return Some(format!(
            "{} populations, reference {}",
            fast.populations.len(),
            slow.populations.len()
        ));
    }
    let mut populations = fast.populations.iter().zip(&slow.populations).enumerate();
    populations.find_map(|(p, (fast, slow))| {
        first(
            &format!("counter of population {p}"),
            &fast.entries(),
            &slow.entries(),
        )
    })
}

fn time(chip: &ChipSpec, fast: &SampleResult, slow: &Outcome) -> Option<String> {
    let packets: Vec<PacketTime> = slow
        .packets
        .iter()
        .map(|p| PacketTime {
            step: p.step,
            source: p.source,
            sequence: p.sequence,
            target: p.target,
            sent: p.sent,
            arrived: p.arrived,
            served: p.served,
        })
        .collect();
    let step = |s: &reference::StepCycles| StepTime {
        cycles: s.cycles,
        neuron: s.neuron,
        synapse: s.synapse,
        noc: s.noc,
        sync: s.sync,
    };
    let steps: Vec<StepTime> = slow.steps.iter().map(step).collect();
    if let Some(step) = steps
        .iter()
        .find(|s| s.cycles != s.neuron + s.synapse + s.noc + s.sync)
    {
        return Some(format!("parts do not sum: {step:?}"));
    }
    let cores: Vec<CoreUse> = slow
        .cores
        .iter()
        .map(|c| CoreUse {
            neuron_cycles: c.neuron_cycles,
            synapse_cycles: c.synapse_cycles,
            stall_cycles: c.stall_cycles,
            spikes: c.spikes,
            synaptic_ops: c.synaptic_ops,
            packets_in: c.packets_in,
            packets_out: c.packets_out,
        })
        .collect();
    let links: Vec<LinkUse> = slow
        .links
        .iter()
        .map(|&(packets, wait_cycles)| LinkUse {
            packets,
            wait_cycles,
        })
        .collect();
    first("packet", &fast.packets, &packets)
        .or_else(|| first("step time", &fast.step_times, &steps))
        .or_else(|| {
            first(
                "time counter",
                &fast.time_counters.entries(),
                &slow.time.entries(),
            )
        })
        .or_else(|| first("core", &fast.cores, &cores))
        .or_else(|| {
            first(
                &format!("link of {} tiles", chip.tiles()),
                &fast.links,
                &links,
            )
        })
        .or_else(|| first("late packets", &[fast.late_packets], &[slow.late]))
        .or_else(|| first("overruns", &[fast.overruns], &[slow.overruns]))
}

/// The first place at which two lists differ.
fn first<T: PartialEq + std::fmt::Debug>(what: &str, fast: &[T], slow: &[T]) -> Option<String> {
    let at = (0..fast.len().max(slow.len())).find(|&i| fast.get(i) != slow.get(i))?;
    Some(format!(
        "{what} {at}: {:?}, reference {:?}",
        fast.get(at),
        slow.get(at)
    ))
}

/// Spikes of each population in its steps k … k + T − 1.
fn counted(image: &Image, sample: &SampleInput, slow: &Outcome) -> Vec<u64> {
    let count = |p: &isa::image::Population| {
        let steps = p.depth..p.depth + sample.steps;
        let neurons = p.first..p.first + p.count;
        slow.spikes
            .iter()
            .filter(|(t, id)| steps.contains(t) && neurons.contains(id))
            .count() as u64
    };
    image.populations.iter().map(count).collect()
}

/// `specs/state.md`.
fn digest(image: &Image, words: &[CoreWords], steps: i64) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (program, words) in image.cores.iter().zip(words) {
        hash.update(program.core.0.to_le_bytes());
        for value in words.state.iter().flatten().flatten() {
            hash.update(value.to_le_bytes());
        }
        // The last step that ran has the number `steps − 1`; the slot after it is 1 step ahead.
        let ahead = |slot: i64| (slot - (steps - 1)) as u32;
        let place = |lane: usize| {
            let (mut group, mut lane) = (0, lane as u32);
            while lane >= program.groups[group].lanes {
                lane -= program.groups[group].lanes;
                group += 1;
            }
            (group as u32, lane)
        };
        let mut pending: Vec<(u32, u32, u32, u32, i64)> = words
            .accumulators
            .iter()
            .filter(|(_, value)| **value != 0)
            .map(|(&(slot, lane, receptor), &value)| {
                (
                    ahead(slot),
                    place(lane).0,
                    receptor as u32,
                    place(lane).1,
                    value,
                )
            })
            .collect();
        pending.sort_unstable();
        for (ahead, group, receptor, lane, value) in pending {
            [ahead, group, receptor, lane]
                .iter()
                .for_each(|field| hash.update(field.to_le_bytes()));
            hash.update(value.to_le_bytes());
        }
        for &(slot, axon) in &words.axon_bits {
            hash.update(ahead(slot).to_le_bytes());
            hash.update(axon.to_le_bytes());
        }
    }
    hash.update((steps as u64).to_le_bytes());
    hash.finalize().into()
}
