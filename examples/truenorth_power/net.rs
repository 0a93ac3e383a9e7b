//! Networks like those whose power was measured on TrueNorth: every core full, neurons of one rate, so many synapses a row,
//! targets drawn at random over the chip.
//!
//! Invariant: the image is a function of chip, rate, synapses and seed. Every axon has exactly one source (the targets are a
//! permutation), so no two spikes merge and each spike makes exactly `synapses` synaptic operations.

use emulator::{Between, Counters, EmulatorError, Options, SampleInput, Timing};
use isa::image::{Dest, Segment, SynapseKind};
use isa::{ChipSpec, CoreId, Image, NeuronId};

/// Lanes and axons of a core.
const LANES: u32 = 256;
/// Added to every potential in a tick: with the linear reset a neuron fires at 1000 · LEAK / alpha Hz in the mean.
const LEAK: i32 = 250;
/// Ticks that are not counted: until spikes of all delays are on their way.
pub(crate) const WARM_UP: u32 = 20;

/// One core, from which all are made.
const CORE: &str = "\
.image network=power chip=truenorth
.core 0
.format bits crossbar slot=1
.group lanes=256
.kernel truenorth GAMMA=1
.slot s0 = 1
.slot s1 = -1
";

/// Rate and fan-out of a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Workload {
    /// Spikes per second and neuron at ticks of 1 ms.
    pub(crate) hertz: f64,
    /// Synapses of a row: 0, 128 or 256.
    pub(crate) synapses: u32,
}

/// A counter-based generator: SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, near enough to uniform for n < 2^32.
    fn below(&mut self, n: u64) -> u64 {
        ((self.next() >> 32) * n) >> 32
    }
}

/// The image of a workload on all cores of a chip with TrueNorth's cores.
///
/// # Panics
/// For another number of synapses than 0, 128 or 256.
pub(crate) fn image(chip: &ChipSpec, workload: Workload, seed: u64) -> Image {
    let mut image = assembler::assemble(CORE, "truenorth_power").expect("the core assembles");
    let one = image.cores.remove(0);
    let mut random = Random(seed);
    let cores = chip.cores();
    let neurons = cores * LANES;
    // Neuron i sends to the axon `targets[i]`, counted over all cores; `sources` is its inverse.
    let mut targets: Vec<u32> = (0..neurons).collect();
    for i in (1..targets.len()).rev() {
        targets.swap(i, random.below(i as u64 + 1) as usize);
    }
    let mut sources = vec![0; targets.len()];
    for (neuron, &axon) in targets.iter().enumerate() {
        sources[axon as usize] = neuron as u32;
    }
    let fires = workload.hertz > 0.0;
    let alpha = if fires {
        (1000.0 * f64::from(LEAK) / workload.hertz).round() as i32
    } else {
        1
    };
    for core in 0..cores {
        let mut program = one.clone();
        program.core = CoreId(core);
        let lanes = core * LANES..(core + 1) * LANES;
        program.lane_ids = lanes.clone().map(NeuronId).collect();
        program.dest_counts = vec![1; LANES as usize];
        program.dests = lanes
            .clone()
            .map(|neuron| Dest {
                target: targets[neuron as usize] / LANES,
                axon: targets[neuron as usize] % LANES,
                delay: random.below(15) as u8,
                joined: false,
            })
            .collect();
        for slot in &mut program.groups[0].slots {
            match slot.name.as_str() {
                "alpha" => slot.init = vec![alpha],
                "leak" => slot.init = vec![if fires { LEAK } else { 0 }],
                // Any phase, so that every tick has its share of the spikes.
                "v" if fires => {
                    slot.init = (0..LANES)
                        .map(|_| random.below(alpha as u64) as i32)
                        .collect();
                }
                _ => {}
            }
        }
        rows(
            &mut program,
            workload.synapses,
            &sources[lanes.start as usize..],
            &mut random,
        );
        image.cores.push(program);
    }
    image.meta.limits = chip.limits_digest();
    image.populations[0].count = neurons;
    image
}

/// Axons and crossbar of a core: rows of as many set bits, half of them excitatory.
fn rows(
    program: &mut isa::image::CoreProgram,
    synapses: u32,
    sources: &[u32],
    random: &mut Random,
) {
    assert_eq!(program.formats[0].kind, SynapseKind::Crossbar);
    program.axons.clear();
    program.segments.clear();
    program.rows.clear();
    for axon in 0..LANES {
        program.axons.push(isa::image::Axon {
            source: sources[axon as usize],
            segments: u16::from(synapses > 0),
            kind: (axon % 2) as u8,
        });
        if synapses == 0 {
            continue;
        }
        program.segments.push(Segment {
            group: 0,
            format: 0,
            first_lane: 0,
            count: synapses,
        });
        let [a, b] = [random.next(), random.next()];
        program.rows.extend(match synapses {
            // A word and its complement have 64 set bits.
            128 => [a, b, !a, !b],
            256 => [u64::MAX; 4],
            other => panic!("{other} synapses a row: 0, 128 or 256"),
        });
    }
    if synapses == 0 {
        program.formats.clear();
    }
}

/// Counters of `ticks` ticks after the warm-up.
///
/// # Errors
/// What the emulator refuses.
pub(crate) fn count(
    image: &Image,
    chip: &ChipSpec,
    ticks: u32,
    threads: usize,
) -> Result<Counters, EmulatorError> {
    let upto = |steps: u32| -> Result<Counters, EmulatorError> {
        let sample = SampleInput {
            steps,
            offsets: vec![0; steps as usize + 1],
            ..SampleInput::default()
        };
        let options = Options {
            seed: 0,
            threads,
            timing: Timing::Off,
            between: Between::Reset,
            drain: 0,
            record_spikes: false,
            record_packets: false,
        };
        let results = emulator::run(image, chip, &[sample], &options, &|_| ())?;
        let mut sum = Counters::default();
        results[0].populations.iter().for_each(|c| sum.add(c));
        Ok(sum)
    };
    // The same run twice: what the longer has more is what the ticks after the warm-up counted.
    let (early, all) = (upto(WARM_UP)?, upto(WARM_UP + ticks)?);
    let mut rest = Counters::default();
    for ((name, before), (_, after)) in early.entries().into_iter().zip(all.entries()) {
        rest.set(name, after - before);
    }
    Ok(rest)
}
