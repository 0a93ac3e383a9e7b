//! Speed of the engine on images built in memory: `cargo run --release -p emulator --example bench_engine [threads [case]]`.
//!
//! One thread: processor time, best of five runs; more threads: wall time. Every neuron fires with a fixed period from a bias; weights are small and cancel. So traffic is known beforehand:
//! `small32` has 40 spikes and about 160 packets of 25 synapses per step, `mid128` 2 % spikes, 4 packets each.

#![allow(clippy::print_stdout)]

use emulator::{Between, Options, SampleInput, SampleResult, Timing, run};
use isa::chip::ChipSpec;
use isa::ids::{CoreId, NeuronId};
use isa::image::{
    Axon, CoreProgram, Dest, Group, Image, Io, Meta, Population, Reduce, Segment, Slot,
    SynapseFormat, SynapseKind, WeightSign,
};
use isa::op::{Instr, Mode, Op, Round, encode};
use std::time::Instant;

const THETA: i32 = 1 << 16;

fn handler(code: &[Instr]) -> Vec<u32> {
    code.iter()
        .chain(&[Instr::new(Op::Halt)])
        .map(encode)
        .collect()
}

/// Leaky integrate and fire with bias, hard reset and the idle test.
fn lif() -> Vec<u32> {
    let i = Instr::new;
    handler(&[
        Instr {
            rd: 1,
            slot: 0,
            ..i(Op::Lds)
        },
        Instr {
            rd: 2,
            ..i(Op::Lda)
        },
        Instr {
            rd: 3,
            slot: 1,
            ..i(Op::Lds)
        },
        Instr {
            rd: 6,
            ra: 2,
            rb: 1,
            ..i(Op::Or)
        },
        Instr {
            rd: 6,
            ra: 6,
            rb: 3,
            ..i(Op::Or)
        },
        Instr {
            rd: 1,
            ra: 6,
            rb: 0,
            ..i(Op::CmpEq)
        },
        Instr {
            pred: 1,
            idle: true,
            offset: 7,
            ..i(Op::Br)
        },
        Instr {
            rd: 1,
            ra: 1,
            rb: 0,
            konst: true,
            shift: 12,
            round: Round::Zero,
            ..i(Op::Mulq)
        },
        Instr {
            rd: 2,
            ra: 2,
            rb: 3,
            ..i(Op::Add)
        },
        Instr {
            rd: 1,
            ra: 1,
            rb: 2,
            mode: Mode::Sat24,
            ..i(Op::Add)
        },
        Instr {
            rd: 1,
            ra: 1,
            rb: 1,
            konst: true,
            ..i(Op::CmpGt)
        },
        Instr {
            pred: 1,
            rd: 1,
            ra: 0,
            rb: 2,
            konst: true,
            ..i(Op::Add)
        },
        Instr {
            pred: 1,
            ..i(Op::Spk)
        },
        Instr {
            rd: 1,
            slot: 0,
            ..i(Op::Sts)
        },
    ])
}

fn group(lanes: u32, first: u32, period: u32) -> Group {
    let bias = THETA / period as i32 + 1;
    let phase = |lane: u32| ((first + lane).wrapping_mul(2_654_435_761) >> 16) as i32 % THETA;
    Group {
        kernel: "lif".into(),
        lanes,
        update: lif(),
        on_spike: handler(&[
            Instr {
                rd: 1,
                ..Instr::new(Op::Ldy)
            },
            Instr {
                ra: 1,
                ..Instr::new(Op::Acc)
            },
        ]),
        constants: vec![
            ("DECAY".into(), 4096),
            ("THETA".into(), THETA),
            ("RESET_V".into(), 0),
        ],
        slots: vec![
            Slot {
                name: "v".into(),
                bits: 24,
                init: (0..lanes).map(phase).collect(),
            },
            Slot {
                name: "bias".into(),
                bits: 24,
                init: vec![bias],
            },
        ],
        tables: Vec::new(),
        receptors: 1,
        accumulator_bits: 22,
        accumulator_mode: Reduce::Wrap,
    }
}

/// `cores` × `lanes` neurons, each with `fan` destination cores of `synapses` synapses.
fn image(chip: &ChipSpec, cores: u32, lanes: u32, fan: u32, synapses: u32, period: u32) -> Image {
    let mut dests = vec![Vec::new(); cores as usize];
    let mut axons = vec![Vec::new(); cores as usize];
    for neuron in 0..cores * lanes {
        for k in 0..fan {
            let target =
                (neuron / lanes + 1 + (neuron.wrapping_mul(40_503) + k * 7) % (cores - 1)) % cores;
            let axon = axons[target as usize].len() as u32;
            axons[target as usize].push(neuron);
            dests[(neuron / lanes) as usize].push(Dest {
                target,
                axon,
                delay: 0,
                joined: false,
            });
        }
    }
    let program = |core: u32| {
        let own = &axons[core as usize];
        let synapse =
            |axon: usize, k: u32| (axon as u32 * 13 + k * (lanes / synapses).max(1)) % lanes;
        CoreProgram {
            core: CoreId(core),
            groups: vec![group(lanes, core * lanes, period)],
            formats: vec![SynapseFormat {
                kind: SynapseKind::Sparse,
                sign: WeightSign::Signed,
                weight_bits: 8,
                exponent: 0,
                scale: 6,
                delay_bits: 0,
                index_bits: 10,
                weight_slot: 0,
            }],
            axons: own
                .iter()
                .map(|source| Axon {
                    source: *source,
                    segments: 1,
                    kind: 0,
                })
                .collect(),
            segments: vec![
                Segment {
                    group: 0,
                    format: 0,
                    first_lane: 0,
                    count: synapses
                };
                own.len()
            ],
            patterns: Vec::new(),
            shared: Vec::new(),
            targets: (0..own.len())
                .flat_map(|axon| (0..synapses).map(move |k| synapse(axon, k) as u16))
                .collect(),
            weights: (0..own.len() as u32 * synapses)
                .map(|i| if i % 2 == 0 { 1 } else { -1 })
                .collect(),
            delays: Vec::new(),
            rows: Vec::new(),
            lane_ids: (core * lanes..(core + 1) * lanes).map(NeuronId).collect(),
            dest_counts: vec![fan as u16; lanes as usize],
            dests: dests[core as usize].clone(),
        }
    };
    Image {
        meta: Meta {
            network: "bench".into(),
            chip: chip.name.clone(),
            limits: chip.limits_digest(),
        },
        cores: (0..cores).map(program).collect(),
        io: Io {
            model_dt_s: 0.0,
            drain: 0,
            inputs: Vec::new(),
            input_dest_counts: Vec::new(),
            input_dests: Vec::new(),
            outputs: Vec::new(),
        },
        populations: vec![Population {
            name: "all".into(),
            first: 0,
            count: cores * lanes,
            depth: 0,
        }],
        probes: Vec::new(),
    }
}

fn time(
    image: &Image,
    chip: &ChipSpec,
    steps: u32,
    threads: usize,
    timing: Timing,
) -> (f64, SampleResult) {
    let sample = SampleInput {
        steps,
        offsets: vec![0; steps as usize + 1],
        ..SampleInput::default()
    };
    let options = Options {
        seed: 1,
        threads,
        timing,
        between: Between::Reset,
        drain: 0,
        record_spikes: false,
        record_packets: false,
    };
    let (start, busy) = (Instant::now(), cpu_seconds());
    let mut results = run(image, chip, &[sample], &options, &|_| {}).expect("the image fits");
    let wall = start.elapsed().as_secs_f64();
    let seconds = if threads == 1 {
        cpu_seconds()
            .zip(busy)
            .map_or(wall, |(now, before)| now - before)
    } else {
        wall
    };
    (seconds, results.remove(0))
}

/// Processor time of this thread, where the system tells it: less disturbed by other work than wall time.
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split_whitespace().next()?.parse::<u64>().ok()? as f64 * 1e-9)
}

fn measure(name: &str, image: &Image, chip: &ChipSpec, steps: u32, threads: usize) {
    let best = |timing, steps| {
        let runs: Vec<_> = (0..5)
            .map(|_| time(image, chip, steps, threads, timing))
            .collect();
        runs.into_iter()
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .expect("five runs")
    };
    let (prepare, _) = best(Timing::Off, 0);
    let (off, result) = best(Timing::Off, steps);
    let (cycle, timed) = best(Timing::Cycle, steps);
    let mut counters = emulator::Counters::default();
    result.populations.iter().for_each(|p| counters.add(p));
    let hops = counters.hops_east + counters.hops_west + counters.hops_north + counters.hops_south;
    let cycles: u64 = timed.step_times.iter().map(|s| s.cycles).sum();
    println!(
        "{name:<14} threads {threads}: prepare {prepare:.4} s, function {off:.4} s, with timing {cycle:.4} s; {} spikes, {} packets, {hops} hops, {cycles} cycles",
        counters.spikes, counters.packets,
    );
    let (off, cycle) = (off - prepare, cycle - prepare);
    println!(
        "{:<14} {:.0} M updates/s, {:.0} M synapses/s if alone in function; timing {:.0} ns per packet",
        "",
        counters.neuron_updates as f64 / off / 1e6,
        counters.synaptic_ops as f64 / off / 1e6,
        (cycle - off) / counters.packets.max(1) as f64 * 1e9,
    );
}

fn main() {
    let chip = ChipSpec::preset("loihi")
        .expect("a preset")
        .expect("it parses");
    let threads: Vec<usize> = match std::env::args().nth(1).and_then(|n| n.parse().ok()) {
        Some(n) => vec![n],
        None => vec![1, 2],
    };
    let only = std::env::args().nth(2);
    let cases: [(&str, Image, u32); 4] = [
        ("small32", image(&chip, 32, 64, 4, 25, 51), 1000),
        ("mid128", image(&chip, 128, 256, 4, 25, 50), 100),
        ("updates", image(&chip, 128, 256, 0, 25, 1_000_000), 200),
        ("synapses", image(&chip, 128, 64, 4, 200, 8), 100),
    ];
    for threads in threads {
        for (name, image, steps) in cases
            .iter()
            .filter(|case| only.as_deref().is_none_or(|only| only == case.0))
        {
            measure(name, image, &chip, *steps, threads);
        }
    }
}
