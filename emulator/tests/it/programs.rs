//! Random programs on every form of the fast engine: literal (scalar) = vectors = superinstructions, at each level of vector
//! instructions that this machine has.

use crate::build::{core, group, image_case};
use crate::compare::{ENGINE, SEED, difference, options, slow};
use crate::random::Random;
use crate::random_code::{kernel_update, random_handler};
use crate::random_image::Case;
use emulator::simd::Level;
use emulator::{Between, Engine, SampleInput, run_on};
use isa::chip::ChipSpec;
use isa::image::{Dest, Group, InputPort, Segment, Slot, SynapseFormat, SynapseKind, WeightSign};
use isa::op::{Handler, decode};

/// Programs tried. Each runs four steps on up to 40 lanes, some on more than a strip.
const PROGRAMS: usize = 100_000;
/// Programs of an image, one on each core.
const CORES: usize = 32;

fn program(random: &mut Random) -> Group {
    let lanes = if random.percent(3) {
        random.within(60, 150)
    } else {
        random.within(1, 40)
    };
    let mut made = group(lanes as u32, &[]);
    made.receptors = random.within(1, 2) as u8;
    made.accumulator_bits = random.pick(&[16, 22, 32]);
    made.constants = (0..random.within(3, 8))
        .map(|i| {
            let value = match i {
                0 => random.within(0, 4096) as i32,
                1 => random.within(0, 40) as i32,
                _ => random.number(32),
            };
            (format!("K{i}"), value)
        })
        .collect();
    made.slots = (0..4)
        .map(|i| {
            let bits = random.pick(&[8, 16, 24, 24, 32]);
            let idle = random.percent(30);
            Slot {
                name: format!("s{i}"),
                bits,
                init: (0..lanes)
                    .map(|_| {
                        if idle && i > 0 {
                            0
                        } else {
                            random.number(u32::from(bits))
                        }
                    })
                    .collect(),
            }
        })
        .collect();
    made.slots.iter_mut().for_each(|slot| {
        if slot.init.windows(2).all(|w| w[0] == w[1]) {
            slot.init.truncate(1);
        }
    });
    made.tables = vec![(0..16).map(|_| random.number(32)).collect()];
    made.update = if random.percent(50) {
        kernel_update(&made, random)
    } else {
        random_handler(Handler::Update, &made, random)
    };
    made
}

/// An image of random programs, each with input to all its lanes.
fn case(seed: u64, chip: &ChipSpec) -> Case {
    let mut random = Random(seed);
    let mut cores = Vec::new();
    for id in 0..CORES as u32 {
        let group = program(&mut random);
        let lanes = group.lanes;
        let mut made = core(id, group, &vec![Vec::new(); lanes as usize]);
        made.axons[0].segments = 1;
        made.axons[0].source = id;
        made.formats = vec![SynapseFormat {
            kind: SynapseKind::Dense,
            sign: WeightSign::Signed,
            weight_bits: 8,
            exponent: 0,
            scale: 0,
            delay_bits: 0,
            index_bits: 0,
            weight_slot: 0,
        }];
        made.segments = vec![Segment {
            group: 0,
            format: 0,
            first_lane: 0,
            count: lanes,
        }];
        let silent = random.percent(30);
        made.weights = (0..lanes)
            .map(|_| {
                if silent {
                    0
                } else {
                    random.within(-128, 127) as i16
                }
            })
            .collect();
        cores.push(made);
    }
    let input = |id: u32| {
        let dest = Dest {
            target: id,
            axon: 0,
            delay: 0,
            joined: false,
        };
        (0, vec![dest])
    };
    let inputs: Vec<(u16, Vec<Dest>)> = (0..CORES as u32).map(input).collect();
    let steps = 4;
    let mut sample = SampleInput {
        steps,
        offsets: vec![0],
        ..SampleInput::default()
    };
    for _ in 0..steps {
        for element in 0..CORES as u32 {
            if random.percent(60) {
                sample.elements.push(element);
                sample.values.push(1);
            }
        }
        sample.offsets.push(sample.elements.len() as u32);
    }
    let case = image_case(chip, cores, &inputs, sample);
    debug_assert!(case.image.io.inputs.iter().all(|i: &InputPort| !i.graded));
    case
}

/// The `tiny` chip with enough cores, and room for any program.
fn chip() -> ChipSpec {
    let mut chip = ChipSpec::preset("tiny").unwrap().unwrap();
    (chip.mesh.width, chip.mesh.height, chip.mesh.cores_per_tile) = (4, 4, 2);
    // The second port would lie within this mesh.
    chip.host_ports.truncate(1);
    chip.limits.neurons = 1024;
    chip
}

#[test]
fn scalar_vector_and_superinstructions_agree() {
    let _sound = ENGINE.read().unwrap();
    let chip = chip();
    let engines: Vec<Engine> = Level::available()
        .into_iter()
        .flat_map(|level| {
            [true, false].map(|superinstructions| Engine {
                level,
                superinstructions,
                strip: Some(32),
            })
        })
        .collect();
    let options = options(Between::Reset, 0);
    let (mut programs, mut instructions) = (0, 0);
    for seed in 0..(PROGRAMS / CORES) as u64 {
        let case = case(seed, &chip);
        let slow = slow(&case, SEED);
        for engine in &engines {
            let fast = run_on(*engine, &case.image, &case.chip, &case.samples, &options)
                .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            if let Some(difference) = difference(&case, &fast, &slow) {
                panic!("seed {seed}, {engine:?}: {difference}");
            }
        }
        programs += case.image.cores.len();
        for group in case.image.cores.iter().flat_map(|c| &c.groups) {
            instructions += group.update.iter().filter(|w| decode(**w).is_ok()).count();
        }
    }
    println!(
        "{programs} programs of {} instructions on average, {} forms of the engine: no difference",
        instructions / programs,
        engines.len()
    );
    assert_eq!(programs, PROGRAMS / CORES * CORES);
}
