//! Neuron updates and synaptic events per second of one core-model thread, against hand-written loops of the same
//! arithmetic in the same run: `cargo bench --bench core [-- cuba|alif|truenorth|izhikevich|delta]`.
//!
//! 128 cores of 1024 neurons, one thread, counters on, timing off; processor time, the best of several rounds that
//! alternate between the engine and the loop. Both use the widest vector instructions of the machine, and must give the
//! same spikes, or the program stops. A loop keeps what a chip keeps (state, spike list, idle lanes) and nothing else.

#![allow(clippy::print_stdout)]

use cpu_time::ThreadTime;
use emulator::simd::Level;
use emulator::{Between, Options, SampleInput, SampleResult, Timing};
use isa::chip::ChipSpec;
use isa::image::Image;
use neurons::{Alif, CORES, Cuba, Hand, Izhikevich, LANES, NEURONS, TrueNorth, spread};
use std::fmt::Write;

#[path = "core/neurons.rs"]
mod neurons;

const ROUNDS: usize = 7;
const STEPS: u32 = 400;

fn main() {
    println!("vector instructions: {:?}", Level::widest());
    println!(
        "{:<34} {:>12} {:>12} {:>7}",
        "", "engine", "hand loop", "ratio"
    );
    let only = std::env::args().nth(1).filter(|a| !a.starts_with("--"));
    let wanted = |name: &str| only.as_deref().is_none_or(|only| name == only);
    if wanted("cuba") {
        row("CUBA, M updates/s", &neurons::cuba(), &mut Cuba::new());
    }
    if wanted("alif") {
        row("ALIF, M updates/s", &neurons::alif(), &mut Alif::new());
    }
    if wanted("truenorth") {
        let mut hand = TrueNorth::new();
        row("TrueNorth, M updates/s", &neurons::truenorth(), &mut hand);
    }
    if wanted("izhikevich") {
        let mut hand = Izhikevich::new();
        row("Izhikevich, M updates/s", &neurons::izhikevich(), &mut hand);
    }
    if wanted("delta") {
        delta();
    }
}

fn chip() -> ChipSpec {
    let mut chip = ChipSpec::preset("loihi")
        .expect("a preset")
        .expect("it parses");
    // Other models than the chip's own borrow its cores.
    chip.kernels = None;
    chip.limits.accumulator_bits = 32;
    chip.limits.state_bits = 32;
    chip.limits.synapse_bits = 1 << 30;
    chip.limits.code_words = 1024;
    chip
}

/// Processor seconds of this thread.
fn seconds<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = ThreadTime::now();
    let result = work();
    (start.elapsed().as_secs_f64(), result)
}

fn emulate(image: &Image, chip: &ChipSpec, sample: &SampleInput) -> SampleResult {
    let options = Options {
        seed: 1,
        threads: 1,
        timing: Timing::Off,
        between: Between::Reset,
        drain: 0,
        record_spikes: false,
        record_packets: false,
    };
    emulator::run(image, chip, std::slice::from_ref(sample), &options, &|_| {})
        .unwrap_or_else(|e| panic!("{e}"))
        .remove(0)
}

fn silent(steps: u32) -> SampleInput {
    SampleInput {
        steps,
        offsets: vec![0; steps as usize + 1],
        ..SampleInput::default()
    }
}

fn spikes_of(result: &SampleResult) -> u64 {
    result.populations.iter().map(|p| p.spikes).sum()
}

/// Times the update of a program and of a loop.
fn row(name: &str, text: &str, hand: &mut dyn Hand) {
    let chip = chip();
    let image = assembler::assemble(text, name).unwrap_or_else(|e| panic!("{name}: {e:?}"));
    let (mut engine, mut nothing, mut by_hand) = (f64::MAX, f64::MAX, f64::MAX);
    let mut list = Vec::new();
    for _ in 0..ROUNDS {
        nothing = nothing.min(seconds(|| emulate(&image, &chip, &silent(0))).0);
        let (time, result) = seconds(|| emulate(&image, &chip, &silent(STEPS)));
        engine = engine.min(time);
        hand.reset();
        let (time, spikes) = seconds(|| {
            let mut spikes = 0;
            for _ in 0..STEPS {
                list.clear();
                hand.step(&mut list);
                spikes += list.len() as u64;
            }
            spikes
        });
        by_hand = by_hand.min(time);
        assert_eq!(
            spikes_of(&result),
            spikes,
            "{name}: the loop computes something else"
        );
        let idle: u64 = result
            .populations
            .iter()
            .map(|p| p.neuron_updates_inactive)
            .sum();
        assert_eq!(idle, 0, "{name}: every lane is active");
    }
    let updates = NEURONS as f64 * f64::from(STEPS) / 1e6;
    print_row(name, updates / (engine - nothing), updates / by_hand);
}

fn print_row(name: &str, engine: f64, hand: f64) {
    println!(
        "{name:<34} {engine:>12.0} {hand:>12.0} {:>6.2}x",
        engine / hand
    );
}

// --- Delta synapses: lists of (lane, weight) that arriving packets add to the accumulators ---------------------------

/// Axons of a core, synapses of an axon, axons that get a packet in a step.
const AXONS: usize = 256;
const SYNAPSES: usize = 256;
const ACTIVE: usize = 256;

fn synapse(core: usize, axon: usize, index: usize) -> (u16, i16) {
    let at = (core * AXONS + axon) * SYNAPSES + index;
    // One lane of every four, so that the lanes of an axon are distinct and ascend.
    let lane = index * (LANES / SYNAPSES) + spread(at, 11, (LANES / SYNAPSES) as u32) as usize;
    (lane as u16, (spread(at, 13, 255) - 127) as i16)
}

/// Axons of a core that get a packet in a step.
fn active(step: usize) -> impl Iterator<Item = usize> {
    (0..ACTIVE).map(move |k| (k * (AXONS / ACTIVE) + step) % AXONS)
}

fn delta_text() -> String {
    let mut text = format!(".input axons shape=[{}]\n", CORES * AXONS);
    for core in 0..CORES {
        for axon in 0..AXONS {
            let _ = writeln!(text, ".element -> core {core} axon {axon}");
        }
    }
    for core in 0..CORES {
        let _ = writeln!(
            text,
            ".core {core}\n.format list sparse weight=8 scale=6\n.group lanes={LANES}\n.kernel cubalif"
        );
        for axon in 0..AXONS {
            let _ = write!(text, ".axon input {}\n.sparse =", core * AXONS + axon);
            for index in 0..SYNAPSES {
                let (lane, weight) = synapse(core, axon, index);
                let _ = write!(text, " {lane}:{weight}");
            }
            text.push('\n');
        }
    }
    text
}

fn delta() {
    let steps = 20usize;
    let chip = chip();
    let image =
        assembler::assemble(&delta_text(), "delta").unwrap_or_else(|e| panic!("delta: {:?}", e[0]));
    let mut sample = silent(steps as u32);
    for step in 0..steps {
        let mut elements: Vec<u32> = (0..CORES)
            .flat_map(|core| active(step).map(move |axon| (core * AXONS + axon) as u32))
            .collect();
        elements.sort_unstable();
        sample.elements.extend(&elements);
        sample.offsets[step + 1] = sample.elements.len() as u32;
    }
    sample.values = vec![1; sample.elements.len()];
    let mut lists: Vec<Vec<u16>> = Vec::new();
    let mut weights: Vec<Vec<i16>> = Vec::new();
    for core in 0..CORES {
        let all = || (0..AXONS).flat_map(|axon| (0..SYNAPSES).map(move |i| synapse(core, axon, i)));
        lists.push(all().map(|s| s.0).collect());
        weights.push(all().map(|s| s.1).collect());
    }
    let mut sums = vec![0i64; NEURONS];
    let (mut engine, mut idle, mut by_hand) = (f64::MAX, f64::MAX, f64::MAX);
    let events = (CORES * ACTIVE * SYNAPSES * steps) as u64;
    for _ in 0..ROUNDS {
        idle = idle.min(seconds(|| emulate(&image, &chip, &silent(0))).0);
        let (time, result) = seconds(|| emulate(&image, &chip, &sample));
        engine = engine.min(time);
        let counted: u64 = result.populations.iter().map(|p| p.synaptic_ops).sum();
        assert_eq!(counted, events);
        let (time, ()) = seconds(|| {
            for step in 0..steps {
                for core in 0..CORES {
                    let sums = &mut sums[core * LANES..(core + 1) * LANES];
                    for axon in active(step) {
                        let at = axon * SYNAPSES..(axon + 1) * SYNAPSES;
                        for (lane, weight) in lists[core][at.clone()].iter().zip(&weights[core][at])
                        {
                            sums[usize::from(*lane)] += i64::from(*weight) << 6;
                        }
                    }
                }
            }
        });
        by_hand = by_hand.min(time);
        std::hint::black_box(&sums);
    }
    let events = events as f64 / 1e6;
    print_row(
        "delta synapses, M events/s",
        events / (engine - idle),
        events / by_hand,
    );
    println!(
        "  (the engine's time holds the update of all neurons in every step, the loop's does not)"
    );
}
