//! The benchmark network `small32`: 32 cores of 64 integrators on the preset `loihi`, each neuron with 25 synapses on each
//! of 4 cores. Its rule is a few hash functions, so anybody can build it; its totals are known.

use crate::build::{group, handler};
use crate::compare::{ENGINE, SEED, difference, fast, options, slow};
use crate::random_image::Case;
use emulator::{Between, Options, SampleInput};
use isa::chip::ChipSpec;
use isa::ids::{CoreId, NeuronId};
use isa::image::{
    Axon, CoreProgram, Dest, Group, Image, Io, Meta, Population, Segment, Slot, SynapseFormat,
    SynapseKind, WeightSign,
};
use isa::op::{Instr, Op};

const CORES: u64 = 32;
const LANES: u64 = 64;
/// Destination cores of a neuron, and synapses to each.
const TARGETS: u64 = 4;
const SYNAPSES: u64 = 25;
const STRIDE: u64 = CORES / TARGETS;
const THRESHOLD: i32 = 999;
const BIAS: i32 = 1000 / 50;
/// The rule counts in units of the chip's weight step.
const UNIT: i32 = 1 << 6;

/// The rule's hash: SplitMix64 of seed 1, a stream and an index.
fn h(stream: u64, index: u64) -> u64 {
    let mut z = ((1u64 << 48) + (stream << 44) + index).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn target(neuron: u64, c: u64) -> u64 {
    (neuron / LANES + 1 + h(3, neuron) % CORES + c * STRIDE) % CORES
}

/// `v += input + bias`; above the threshold: spike, `v = 0`.
fn integrators(core: u64) -> Group {
    let add = |b| Instr { rd: 1, ra: 1, ..b };
    let update = [
        Instr {
            rd: 1,
            ..Instr::new(Op::Lds)
        },
        Instr {
            rd: 2,
            ..Instr::new(Op::Lda)
        },
        add(Instr {
            rb: 2,
            ..Instr::new(Op::Add)
        }),
        add(Instr {
            konst: true,
            rb: 1,
            ..Instr::new(Op::Add)
        }),
        Instr {
            rd: 1,
            ra: 1,
            konst: true,
            rb: 0,
            ..Instr::new(Op::CmpGt)
        },
        Instr {
            pred: 1,
            rd: 1,
            ..Instr::new(Op::Li)
        },
        Instr {
            pred: 1,
            ..Instr::new(Op::Spk)
        },
        Instr {
            rd: 1,
            ..Instr::new(Op::Sts)
        },
    ];
    let first = core * LANES;
    let init = (first..first + LANES)
        .map(|neuron| (h(1, neuron) % 1000) as i32 * UNIT)
        .collect();
    Group {
        update: handler(&update),
        constants: vec![
            ("THETA".into(), THRESHOLD * UNIT),
            ("BIAS".into(), BIAS * UNIT),
        ],
        slots: vec![Slot {
            name: "v".into(),
            bits: 24,
            init,
        }],
        accumulator_bits: 22,
        ..group(LANES as u32, &[])
    }
}

fn small32() -> Case {
    small32_on("loihi")
}

fn small32_on(preset: &str) -> Case {
    let chip = ChipSpec::preset(preset).unwrap().unwrap();
    let format = SynapseFormat {
        kind: SynapseKind::Sparse,
        sign: WeightSign::Signed,
        weight_bits: 8,
        exponent: 0,
        scale: 6,
        delay_bits: 0,
        index_bits: 10,
        weight_slot: 0,
    };
    let mut cores: Vec<CoreProgram> = (0..CORES)
        .map(|core| CoreProgram {
            formats: vec![format],
            lane_ids: (0..LANES)
                .map(|lane| NeuronId((core * LANES + lane) as u32))
                .collect(),
            dest_counts: vec![TARGETS as u16; LANES as usize],
            ..CoreProgram::new(CoreId(core as u32), vec![integrators(core)])
        })
        .collect();
    for neuron in 0..CORES * LANES {
        for c in 0..TARGETS {
            let to = &mut cores[target(neuron, c) as usize];
            let dest = Dest {
                target: to.core.0,
                axon: to.axons.len() as u32,
                delay: 0,
                joined: false,
            };
            to.axons.push(Axon {
                source: neuron as u32,
                segments: 1,
                kind: 0,
            });
            to.segments.push(Segment {
                group: 0,
                format: 0,
                first_lane: 0,
                count: SYNAPSES as u32,
            });
            for j in 0..SYNAPSES {
                let lane = h(4, (neuron * TARGETS + c) * SYNAPSES + j) % LANES;
                let x = h(5, neuron * TARGETS * SYNAPSES + c * SYNAPSES + j);
                let weight = 1 + (x % 8) as i16;
                to.targets.push(lane as u16);
                to.weights
                    .push(if x >> 32 & 1 == 1 { -weight } else { weight });
            }
            cores[(neuron / LANES) as usize].dests.push(dest);
        }
    }
    let neurons = (CORES * LANES) as u32;
    let io = Io {
        model_dt_s: 0.0,
        drain: 0,
        inputs: vec![],
        input_dest_counts: vec![],
        input_dests: vec![],
        outputs: vec![],
    };
    let image = Image {
        meta: Meta {
            network: "small32".into(),
            chip: chip.name.clone(),
            limits: chip.limits_digest(),
        },
        cores,
        io,
        populations: vec![Population {
            name: "pop".into(),
            first: 0,
            count: neurons,
            depth: 0,
        }],
        probes: vec![],
    };
    assert_eq!(isa::verify::structure(&image), []);
    Case {
        chip,
        image,
        samples: vec![quiet(20)],
        between: Between::Reset,
        drain: 0,
    }
}

/// So many steps without input.
fn quiet(steps: u32) -> SampleInput {
    SampleInput {
        steps,
        offsets: vec![0; steps as usize + 1],
        ..SampleInput::default()
    }
}

#[test]
fn twenty_steps_run_alike() {
    let _sound = ENGINE.read().unwrap();
    let case = small32();
    let fast = fast(&case, &options(Between::Reset, 0)).unwrap();
    assert!(fast[0].spikes.len() > 500, "{}", fast[0].spikes.len());
    assert_eq!(difference(&case, &fast, &slow(&case, SEED)), None);
}

#[test]
fn a_thousand_steps_have_the_known_totals() {
    let _sound = ENGINE.read().unwrap();
    let case = Case {
        samples: vec![quiet(1000)],
        ..small32()
    };
    let fast = fast(
        &case,
        &Options {
            record_packets: false,
            ..options(Between::Reset, 0)
        },
    )
    .unwrap();
    let counts = fast[0].populations[0];
    assert_eq!(counts.spikes, 40_469);
    assert_eq!(counts.packets, 161_876);
    assert_eq!(counts.synaptic_ops, 4_046_900);
    assert_eq!(counts.neuron_updates, 2_048_000);
}

/// On routers `vc` the same neurons fire; packets wait for links, and each link says how long.
#[test]
fn routers_change_times_only() {
    let _sound = ENGINE.read().unwrap();
    let run = |case: &Case| fast(case, &options(Between::Reset, 0)).unwrap().remove(0);
    let (fifo, case) = (run(&small32()), small32_on("loihi-vc"));
    let vc = run(&case);
    assert_eq!(
        difference(&case, std::slice::from_ref(&vc), &slow(&case, SEED)),
        None
    );
    assert!(fifo.spikes == vc.spikes && fifo.populations == vc.populations);
    assert_eq!(fifo.state_digest, vc.state_digest);
    assert_ne!(fifo.step_times, vc.step_times);
    for (name, result) in [("fifo", &fifo), ("vc", &vc)] {
        let waits: Vec<u64> = result.links.iter().map(|link| link.wait_cycles).collect();
        let sum: u64 = waits.iter().sum();
        println!(
            "{name}: {} cycles waited in routers, {sum} for {} links",
            result.time_counters.router_wait,
            waits.iter().filter(|wait| **wait > 0).count()
        );
        assert!(sum > 0 && sum <= result.time_counters.router_wait, "{name}");
    }
}
