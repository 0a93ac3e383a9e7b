//! Small images made by hand: one group per core, every axon without synapses unless a test adds some.

use crate::random_image::Case;
use emulator::{Between, SampleInput};
use isa::chip::{ChipSpec, OnSpikeTime, Sync};
use isa::ids::{CoreId, NeuronId};
use isa::image::{
    Axon, CoreProgram, Dest, Group, HOST, Image, InputPort, Io, Meta, OutputPort, OutputSource,
    Population, Readout, Reduce,
};
use isa::op::{Instr, Op, encode};

/// A handler of these instructions; `halt` follows.
pub(crate) fn handler(code: &[Instr]) -> Vec<u32> {
    code.iter()
        .chain(&[Instr::new(Op::Halt)])
        .map(encode)
        .collect()
}

/// A group of so many lanes.
pub(crate) fn group(lanes: u32, update: &[Instr]) -> Group {
    Group {
        kernel: "custom".into(),
        lanes,
        update: if update.is_empty() {
            Vec::new()
        } else {
            handler(update)
        },
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
        constants: Vec::new(),
        slots: Vec::new(),
        tables: Vec::new(),
        receptors: 1,
        accumulator_bits: 20,
        accumulator_mode: Reduce::Wrap,
    }
}

/// A core with one group, one axon, and the destinations of each lane.
pub(crate) fn core(id: u32, group: Group, dests: &[Vec<Dest>]) -> CoreProgram {
    CoreProgram {
        axons: vec![Axon {
            source: 0,
            segments: 0,
            kind: 0,
        }],
        dest_counts: dests.iter().map(|dests| dests.len() as u16).collect(),
        dests: dests.concat(),
        ..CoreProgram::new(CoreId(id), vec![group])
    }
}

/// A packet to axon 0 of a core.
pub(crate) fn to_core(core: u32) -> Dest {
    Dest {
        target: core,
        axon: 0,
        delay: 0,
        joined: false,
    }
}

/// A packet to output element 0 at a host port.
pub(crate) fn to_host(port: u32) -> Dest {
    Dest {
        target: HOST | port,
        axon: 0,
        delay: 0,
        joined: false,
    }
}

/// An image of these cores: lanes are neurons in order, one population, one input element per list of destinations on
/// the port given with it, one output element. The case has one sample.
pub(crate) fn image_case(
    chip: &ChipSpec,
    mut cores: Vec<CoreProgram>,
    inputs: &[(u16, Vec<Dest>)],
    sample: SampleInput,
) -> Case {
    let mut neurons = 0;
    for core in &mut cores {
        core.lane_ids = (neurons..neurons + core.lanes()).map(NeuronId).collect();
        neurons += core.lanes();
    }
    let port = |(i, (port, _)): (usize, &(u16, Vec<Dest>))| InputPort {
        name: format!("in{i}"),
        shape: vec![1],
        port: *port,
        graded: false,
    };
    let source = OutputSource::Spikes { first: 0 };
    let io = Io {
        model_dt_s: 0.0,
        drain: 0,
        inputs: inputs.iter().enumerate().map(port).collect(),
        input_dest_counts: inputs.iter().map(|(_, dests)| dests.len() as u32).collect(),
        input_dests: inputs.iter().flat_map(|(_, dests)| dests.clone()).collect(),
        outputs: vec![OutputPort {
            name: "out".into(),
            shape: vec![1],
            depth: 0,
            readout: Readout::Count,
            source,
        }],
    };
    let image = Image {
        meta: Meta {
            network: "by hand".into(),
            chip: chip.name.clone(),
            limits: chip.limits_digest(),
        },
        cores,
        io,
        populations: vec![Population {
            name: "all".into(),
            first: 0,
            count: neurons,
            depth: 0,
        }],
        probes: Vec::new(),
    };
    let violations = isa::verify::structure(&image);
    assert!(violations.is_empty(), "{}", violations[0]);
    Case {
        chip: chip.clone(),
        image,
        samples: vec![sample],
        between: Between::Reset,
        drain: 0,
    }
}

/// A sample in which each element listed for a step has the value 1.
pub(crate) fn sample(steps: &[Vec<u32>]) -> SampleInput {
    let mut sample = SampleInput {
        steps: steps.len() as u32,
        offsets: vec![0],
        ..SampleInput::default()
    };
    for step in steps {
        sample.elements.extend(step);
        sample.values.extend(step.iter().map(|_| 1));
        sample.offsets.push(sample.elements.len() as u32);
    }
    sample
}

/// A chip on which every step is timed alone and runs any program.
pub(crate) fn alone(mut chip: ChipSpec) -> ChipSpec {
    chip.kernels = None;
    chip.sync = Sync::Barrier {
        linear: false,
        points: vec![(1, 5)],
        wave: false,
    };
    chip.limits.neurons = chip.limits.neurons.max(1024);
    chip.limits.output_slots = chip.limits.output_slots.max(1024);
    chip.limits.lane_destinations = chip.limits.lane_destinations.max(1024);
    chip
}

/// The shortest service: one cycle whatever a packet brings.
pub(crate) fn short_service(chip: &mut ChipSpec) {
    chip.time.on_spike = OnSpikeTime::Event {
        packet: 1,
        synapse: 0,
    };
}
