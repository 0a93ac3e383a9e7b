//! Images written by hand, small enough to change in every place.

use isa::image::*;
use isa::op::{Instr, Op, encode};
use isa::{CoreId, NeuronId};

/// One instruction: the operation and what is not zero.
pub(crate) fn word(op: Op, set: impl FnOnce(&mut Instr)) -> u32 {
    let mut i = Instr::new(op);
    set(&mut i);
    encode(&i)
}

pub(crate) fn halt() -> u32 {
    word(Op::Halt, |_| {})
}

/// `ldy r1, weight; acc r1; halt`
pub(crate) fn delta_synapse() -> Vec<u32> {
    vec![
        word(Op::Ldy, |i| i.rd = 1),
        word(Op::Acc, |i| i.ra = 1),
        halt(),
    ]
}

/// `v = v + input`; spike and keep v when v > the first constant.
pub(crate) fn integrate() -> Vec<u32> {
    vec![
        word(Op::Lds, |i| i.rd = 1),
        word(Op::Lda, |i| i.rd = 2),
        word(Op::Add, |i| (i.rd, i.ra, i.rb) = (1, 1, 2)),
        word(Op::CmpGt, |i| (i.rd, i.ra, i.rb, i.konst) = (1, 1, 0, true)),
        word(Op::Spk, |i| i.pred = 1),
        word(Op::Sts, |i| i.rd = 1),
        halt(),
    ]
}

pub(crate) fn slot(name: &str, bits: u8, init: Vec<i32>) -> Slot {
    Slot {
        name: name.to_owned(),
        bits,
        init,
    }
}

pub(crate) fn group(lanes: u32, theta: i32, slots: Vec<Slot>) -> Group {
    Group {
        kernel: "custom".to_owned(),
        lanes,
        update: integrate(),
        on_spike: delta_synapse(),
        constants: vec![("THETA".to_owned(), theta)],
        slots,
        tables: Vec::new(),
        receptors: 1,
        accumulator_bits: 22,
        accumulator_mode: Reduce::Wrap,
    }
}

pub(crate) fn format(kind: SynapseKind) -> SynapseFormat {
    SynapseFormat {
        kind,
        sign: WeightSign::Signed,
        weight_bits: if kind == SynapseKind::Crossbar { 0 } else { 8 },
        exponent: 0,
        scale: 0,
        delay_bits: if kind == SynapseKind::Dense { 3 } else { 0 },
        index_bits: if kind == SynapseKind::Sparse { 6 } else { 0 },
        weight_slot: u8::from(kind == SynapseKind::Crossbar),
    }
}

pub(crate) fn segment(group: u8, format: u8, first_lane: u16, count: u32) -> Segment {
    Segment {
        group,
        format,
        first_lane,
        count,
    }
}

pub(crate) fn dest(target: u32, axon: u32) -> Dest {
    Dest {
        target,
        axon,
        delay: 0,
        joined: false,
    }
}

/// Two cores with five neurons, all three kinds of synapses, an input of two elements, a spike output, a probe.
pub(crate) fn small() -> Image {
    let core0 = CoreProgram {
        core: CoreId(0),
        groups: vec![
            group(3, 10, vec![slot("v", 24, vec![0, -5, 7])]),
            group(
                1,
                20,
                vec![
                    slot("v", 24, vec![0]),
                    slot("w0", 9, vec![-256]),
                    slot("w1", 9, vec![255]),
                ],
            ),
        ],
        formats: vec![
            format(SynapseKind::Sparse),
            format(SynapseKind::Dense),
            format(SynapseKind::Crossbar),
        ],
        axons: vec![
            Axon {
                source: 0x8000_0000,
                segments: 2,
                kind: 0,
            },
            Axon {
                source: 4,
                segments: 1,
                kind: 1,
            },
        ],
        segments: vec![
            segment(0, 0, 0, 2),
            segment(0, 1, 1, 2),
            segment(1, 2, 0, 1),
        ],
        patterns: Vec::new(),
        shared: Vec::new(),
        targets: vec![2, 0],
        weights: vec![-128, 127, 3, -4],
        delays: vec![0, 7],
        rows: vec![1],
        lane_ids: [2, 0, 1, 3].map(NeuronId).to_vec(),
        dest_counts: vec![1, 0, 2, 0],
        dests: vec![dest(3, 0), dest(3, 0), dest(HOST | 1, 2)],
    };
    let core3 = CoreProgram {
        core: CoreId(3),
        groups: vec![Group {
            tables: vec![vec![1, -1, i32::MAX]],
            receptors: 2,
            accumulator_mode: Reduce::Saturate,
            ..group(1, 10, vec![slot("v", 32, vec![i32::MIN])])
        }],
        formats: vec![format(SynapseKind::Sparse)],
        axons: vec![Axon {
            source: 1,
            segments: 1,
            kind: 3,
        }],
        segments: vec![segment(0, 0, 0, 1)],
        patterns: Vec::new(),
        shared: Vec::new(),
        targets: vec![0],
        weights: vec![1],
        delays: Vec::new(),
        rows: Vec::new(),
        lane_ids: vec![NeuronId(4)],
        dest_counts: vec![1],
        dests: vec![dest(0, 1)],
    };
    Image {
        meta: Meta {
            network: "small".to_owned(),
            chip: "tiny".to_owned(),
            limits: std::array::from_fn(|i| i as u8),
        },
        cores: vec![core0, core3],
        io: Io {
            model_dt_s: 1e-3,
            drain: 2,
            inputs: vec![InputPort {
                name: "in".to_owned(),
                shape: vec![1, 2],
                port: 0,
                graded: false,
            }],
            input_dest_counts: vec![2, 0],
            input_dests: vec![dest(0, 0), dest(3, 0)],
            outputs: vec![
                OutputPort {
                    name: "out".to_owned(),
                    shape: vec![3],
                    depth: 1,
                    readout: Readout::Count,
                    source: OutputSource::Spikes { first: 0 },
                },
                OutputPort {
                    name: "voltage".to_owned(),
                    shape: vec![2],
                    depth: 1,
                    readout: Readout::Last,
                    source: OutputSource::Probe(0),
                },
            ],
        },
        populations: vec![
            Population {
                name: "hidden/lif".to_owned(),
                first: 0,
                count: 4,
                depth: 0,
            },
            Population {
                name: "last layer".to_owned(),
                first: 4,
                count: 1,
                depth: 1,
            },
        ],
        probes: vec![Probe {
            name: "v of two".to_owned(),
            slot: "v".to_owned(),
            neurons: vec![NeuronId(4), NeuronId(0)],
        }],
    }
}

/// One neuron that excites itself: the smallest image with something of everything that it needs.
pub(crate) fn one() -> Image {
    Image {
        meta: Meta {
            network: "one".to_owned(),
            chip: String::new(),
            limits: [0; 32],
        },
        cores: vec![CoreProgram {
            core: CoreId(1),
            groups: vec![group(1, 10, vec![slot("v", 24, vec![5])])],
            formats: vec![SynapseFormat {
                exponent: -1,
                ..format(SynapseKind::Sparse)
            }],
            axons: vec![Axon {
                source: 0,
                segments: 1,
                kind: 0,
            }],
            segments: vec![segment(0, 0, 0, 1)],
            patterns: Vec::new(),
            shared: Vec::new(),
            targets: vec![0],
            weights: vec![-2],
            delays: Vec::new(),
            rows: Vec::new(),
            lane_ids: vec![NeuronId(0)],
            dest_counts: vec![1],
            dests: vec![dest(1, 0)],
        }],
        io: Io {
            model_dt_s: 0.0,
            drain: 0,
            inputs: Vec::new(),
            input_dest_counts: Vec::new(),
            input_dests: Vec::new(),
            outputs: Vec::new(),
        },
        populations: vec![Population {
            name: "n".to_owned(),
            first: 0,
            count: 1,
            depth: 0,
        }],
        probes: Vec::new(),
    }
}
