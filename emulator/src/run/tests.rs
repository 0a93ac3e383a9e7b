//! Small runs whose every number is known, and inputs that are refused.

use super::*;
use crate::api::Timing;
use isa::ids::{CoreId, INPUT_ID, NeuronId};
use isa::image::{
    Axon, CoreProgram, Dest, Group, InputPort, Io, Meta, Population, Reduce, Segment,
    SynapseFormat, SynapseKind, WeightSign,
};
use isa::op::{Instr, Op, encode};

fn handler(code: &[Instr]) -> Vec<u32> {
    code.iter()
        .chain(&[Instr::new(Op::Halt)])
        .map(encode)
        .collect()
}

/// One neuron on each of two cores; each excites the other, the input excites the first. A neuron spikes when its input is > 0.
fn ping_pong(chip: &ChipSpec, graded: bool) -> Image {
    let i = Instr::new;
    let group = Group {
        kernel: "custom".into(),
        lanes: 1,
        update: handler(&[
            Instr {
                rd: 1,
                ..i(Op::Lda)
            },
            Instr {
                rd: 1,
                ra: 1,
                rb: 0,
                ..i(Op::CmpGt)
            },
            Instr {
                pred: 1,
                ..i(Op::Spk)
            },
        ]),
        on_spike: handler(&[
            Instr {
                rd: 1,
                ..i(Op::Ldy)
            },
            Instr {
                ra: 1,
                ..i(Op::Acc)
            },
        ]),
        constants: Vec::new(),
        slots: Vec::new(),
        tables: Vec::new(),
        receptors: 1,
        accumulator_bits: 16,
        accumulator_mode: Reduce::Wrap,
    };
    let core = |core: u32, axons: Vec<u32>| CoreProgram {
        core: CoreId(core),
        groups: vec![group.clone()],
        formats: vec![SynapseFormat {
            kind: SynapseKind::Sparse,
            sign: WeightSign::Signed,
            weight_bits: 8,
            exponent: 0,
            scale: chip.limits.weight_scale as u8,
            delay_bits: 0,
            index_bits: chip.limits.index_widths.last().copied().unwrap_or(0) as u8,
            weight_slot: 0,
        }],
        segments: vec![
            Segment {
                group: 0,
                format: 0,
                first_lane: 0,
                count: 1
            };
            axons.len()
        ],
        patterns: Vec::new(),
        shared: Vec::new(),
        targets: vec![0; axons.len()],
        weights: vec![1; axons.len()],
        axons: axons
            .into_iter()
            .map(|source| Axon {
                source,
                segments: 1,
                kind: 0,
            })
            .collect(),
        delays: Vec::new(),
        rows: Vec::new(),
        lane_ids: vec![NeuronId(core)],
        dest_counts: vec![1],
        dests: vec![Dest {
            target: 1 - core,
            axon: 0,
            delay: 0,
            joined: false,
        }],
    };
    Image {
        meta: Meta {
            network: "ping-pong".into(),
            chip: chip.name.clone(),
            limits: chip.limits_digest(),
        },
        cores: vec![core(0, vec![1, INPUT_ID]), core(1, vec![0])],
        io: Io {
            model_dt_s: 0.0,
            drain: 0,
            inputs: vec![InputPort {
                name: "in".into(),
                shape: vec![1],
                port: 0,
                graded,
            }],
            input_dest_counts: vec![1],
            input_dests: vec![Dest {
                target: 0,
                axon: 1,
                delay: 0,
                joined: false,
            }],
            outputs: Vec::new(),
        },
        populations: vec![Population {
            name: "both".into(),
            first: 0,
            count: 2,
            depth: 0,
        }],
        probes: Vec::new(),
    }
}

fn chip() -> ChipSpec {
    let mut chip = ChipSpec::preset("tiny")
        .expect("a preset")
        .expect("it parses");
    chip.kernels = None;
    chip
}

fn options(threads: usize) -> Options {
    Options {
        seed: 0,
        threads,
        timing: Timing::Cycle,
        between: Between::Reset,
        drain: 0,
        record_spikes: true,
        record_packets: true,
    }
}

/// One event of this value at step 0.
fn sample(steps: u32, value: i32) -> SampleInput {
    let mut offsets = vec![1; steps as usize + 1];
    offsets[0] = 0;
    SampleInput {
        steps,
        offsets,
        elements: vec![0],
        values: vec![value],
    }
}

#[test]
fn two_neurons_pass_a_spike_to_and_fro() {
    let chip = chip();
    let image = ping_pong(&chip, false);
    for threads in [1, 3] {
        let samples = [sample(6, 1), sample(3, 2)];
        let results = run(&image, &chip, &samples, &options(threads), &|_| {}).expect("it fits");
        let first = &results[0];
        assert_eq!(
            first.spikes,
            [(0, 0), (1, 1), (2, 0), (3, 1), (4, 0), (5, 1)]
        );
        let [neurons, host] = first.populations.as_slice() else {
            panic!("two entries")
        };
        assert_eq!(
            (neurons.neuron_updates, neurons.spikes, neurons.packets),
            (12, 6, 6)
        );
        assert_eq!(
            (
                neurons.synaptic_ops,
                host.packets_host_in,
                host.tile_deliveries
            ),
            (7, 1, 1)
        );
        assert_eq!(first.step_times.len(), 7);
        assert!(
            first
                .step_times
                .iter()
                .all(|s| s.cycles == s.neuron + s.synapse + s.noc + s.sync)
        );
        assert_eq!(first.packets.len(), 7);
        assert_eq!(
            results[1].populations[1].packets_host_in, 2,
            "an input of 2 is two packets"
        );
    }
}

#[test]
fn progress_counts_every_step_once() {
    let chip = chip();
    let image = ping_pong(&chip, false);
    let last = AtomicU64::new(0);
    let samples = [sample(6, 1), sample(3, 1)];
    let tell = |steps| {
        last.fetch_max(steps, Ordering::Relaxed);
    };
    run(&image, &chip, &samples, &options(2), &tell).expect("it fits");
    assert_eq!(last.into_inner(), 7 + 4);
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let chip = chip();
    let image = ping_pong(&chip, false);
    let good = sample(2, 1);
    let cases = [
        (
            SampleInput {
                offsets: vec![0, 1],
                ..good.clone()
            },
            "do not describe 2 steps",
        ),
        (
            SampleInput {
                offsets: vec![0, 2, 1],
                ..good.clone()
            },
            "do not describe",
        ),
        (
            SampleInput {
                values: vec![],
                ..good.clone()
            },
            "do not describe",
        ),
        (
            SampleInput {
                elements: vec![1],
                ..good.clone()
            },
            "the image has 1 input elements",
        ),
        (
            SampleInput {
                values: vec![0],
                ..good.clone()
            },
            "value 0",
        ),
        (
            SampleInput {
                values: vec![-1],
                ..good.clone()
            },
            "value -1",
        ),
        (
            SampleInput {
                values: vec![i32::MAX],
                ..good.clone()
            },
            "packets from the host",
        ),
        (
            SampleInput {
                offsets: vec![0, 2, 2],
                elements: vec![0, 0],
                values: vec![1, 1],
                ..good.clone()
            },
            "element 0 stands after 0",
        ),
    ];
    for (bad, what) in cases {
        let error = run(&image, &chip, &[good.clone(), bad], &options(1), &|_| {})
            .expect_err(what)
            .to_string();
        assert!(
            error.starts_with("sample 1: ") && error.contains(what),
            "{error}"
        );
    }
    let mut large = image;
    large.cores[1].core = CoreId(chip.cores());
    let error = run(&large, &chip, &[], &options(1), &|_| {})
        .expect_err("no such core")
        .to_string();
    assert!(error.contains("does not fit chip \"tiny\""), "{error}");
}
