//! The golden vectors of RANC's test benches, network for network on the chip `ranc`: every output spike in its tick.
//! They belong to another project and are not here; `SPIKEMESH_GOLDEN_RANC` names the folder that holds them.

use assembler::kernels;
use emulator::{Between, Options, SampleInput, SampleResult, Timing};
use isa::image::{
    Axon, CoreProgram, Dest, Group, HOST, Image, InputPort, Io, Meta, OutputPort, OutputSource,
    Population, Readout, Segment, Slot, SynapseFormat, SynapseKind, WeightSign,
};
use isa::{ChipSpec, CoreId, NeuronId, chip::PRESETS};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// One set of vectors, and what its test bench fixes beside the files.
struct Set {
    name: &'static str,
    /// Cores in x and y.
    grid: (u32, u32),
    /// Place of the output bus in the grid: there is no core.
    bus: (u32, u32),
    /// The border on which that place lies.
    side: &'static str,
    outputs: u32,
    axons: usize,
    neurons: u32,
    /// Tick of the first expected row: before it the input has not come through, and neurons with threshold 0 fire.
    first: u32,
    /// Ticks and spikes expected.
    expected: (usize, usize),
}

const fn set(name: &'static str, grid: (u32, u32), bus: (u32, u32), side: &'static str) -> Set {
    Set {
        name,
        grid,
        bus,
        side,
        outputs: 256,
        axons: 256,
        neurons: 256,
        first: 2,
        expected: (10, 0),
    }
}

const SETS: [Set; 5] = [
    Set {
        outputs: 250,
        expected: (10, 539),
        ..set("tea_256", (4, 3), (0, 2), "west")
    },
    Set {
        outputs: 120,
        axons: 128,
        neurons: 128,
        first: 3,
        expected: (10, 220),
        ..set("128", (8, 4), (0, 3), "west")
    },
    Set {
        outputs: 120,
        axons: 512,
        neurons: 128,
        expected: (10, 189),
        ..set("tea_512_128", (2, 3), (0, 2), "west")
    },
    Set {
        outputs: 510,
        axons: 512,
        neurons: 512,
        expected: (10, 569),
        ..set("512", (2, 3), (0, 2), "west")
    },
    Set {
        first: 4,
        expected: (107, 372),
        ..set("vmm", (3, 3), (2, 2), "east")
    },
];

/// Host ports: packets enter by the first, the bus is the second.
const BUS: u32 = HOST | 1;

impl Set {
    /// Cycles of a core's neurons in a tick.
    fn pass(&self) -> u64 {
        u64::from(self.neurons) * (self.axons as u64 + 2) + 3
    }

    /// The preset in the size of the set.
    fn chip(&self) -> ChipSpec {
        let bus = self.bus.0 + self.grid.0 * self.bus.1;
        let bits = self.axons * self.neurons as usize;
        let values = [
            ("mesh.width", self.grid.0.to_string()),
            ("mesh.height", self.grid.1.to_string()),
            (
                "host.ports",
                format!("[\"0 west\", \"{bus} {}\"]", self.side),
            ),
            ("core.neurons", self.neurons.to_string()),
            ("core.output_slots", self.neurons.to_string()),
            ("core.input_axons", self.axons.to_string()),
            ("core.synapse_bits", bits.to_string()),
            ("sync.period", (self.pass() + 4000).to_string()),
        ];
        let values = values.map(|(key, value)| (key.to_owned(), value));
        let preset = PRESETS.iter().find(|(name, _)| *name == "ranc");
        let (_, text) = preset.expect("a preset");
        ChipSpec::parse(text, "ranc.toml", &values).expect("valid")
    }

    /// The core or the bus at this offset from a core.
    fn target(&self, from: u32, dx: i32, dy: i32, axon: u32, delay: u32) -> Dest {
        let (x, y) = (from % self.grid.0, from / self.grid.0);
        let (x, y) = (x.strict_add_signed(dx), y.strict_add_signed(dy));
        assert!(x < self.grid.0 && y < self.grid.1, "outside the grid");
        if (x, y) == self.bus {
            assert_eq!(delay, 0, "the bus has no slots");
            return Dest {
                target: BUS,
                axon,
                delay: 0,
                joined: false,
            };
        }
        Dest {
            target: x + self.grid.0 * y,
            axon,
            delay: delay as u8,
            joined: false,
        }
    }
}

// ---- the files ----

/// The files of a set by name.
type Files = BTreeMap<String, String>;

fn folder(path: &Path) -> Files {
    let paths = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths
        .map(|path| (name(&path), std::fs::read_to_string(&path).unwrap()))
        .collect()
}

/// The files of one folder of a compressed tar archive: blocks of 512 bytes, a header before each file.
fn archived(path: &Path, folder: &str) -> Files {
    let mut tar = Vec::new();
    let file = std::fs::File::open(path).unwrap();
    let mut unpacked = flate2::read::GzDecoder::new(file);
    unpacked.read_to_end(&mut tar).unwrap();
    let text = |field: &[u8]| {
        let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
        std::str::from_utf8(&field[..end]).unwrap().to_owned()
    };
    let mut files = Files::new();
    let mut rest = &tar[..];
    while rest.len() >= 512 && rest[0] != 0 {
        let (header, body) = rest.split_at(512);
        let size = usize::from_str_radix(text(&header[124..136]).trim(), 8).unwrap();
        let path = text(&header[..100]);
        let regular = matches!(header[156], b'0' | 0);
        if let Some((of, name)) = path.rsplit_once('/').filter(|_| regular)
            && of == folder
        {
            let content = String::from_utf8(body[..size].to_vec()).unwrap();
            files.insert(name.to_owned(), content);
        }
        rest = &body[size.next_multiple_of(512)..];
    }
    files
}

/// The lines of a file that hold something, without the comment at its beginning.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let after = text.find("*/").map_or(0, |at| at + 2);
    text[after..]
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
}

/// Fields of a line of bits, from its beginning.
struct Bits<'a>(&'a str);

impl<'a> Bits<'a> {
    fn take(&mut self, bits: usize) -> &'a str {
        let (field, rest) = self.0.split_at(bits);
        self.0 = rest;
        field
    }

    fn unsigned(&mut self, bits: usize) -> u32 {
        u32::from_str_radix(self.take(bits), 2).unwrap()
    }

    fn signed(&mut self, bits: usize) -> i32 {
        let shift = 32 - bits;
        (self.unsigned(bits) << shift).cast_signed() >> shift
    }

    /// Axon and destination tick, the end of a line.
    fn place(&mut self) -> (u32, u32) {
        (self.unsigned(self.0.len() - 4), self.unsigned(4))
    }
}

struct Neuron<'a> {
    /// Axon 0 is the last.
    synapses: &'a [u8],
    v: i32,
    reset: i32,
    weights: [i32; 4],
    leak: i32,
    positive: i32,
    negative: i32,
    linear: bool,
    dest: Dest,
}

fn neuron<'a>(set: &Set, core: u32, line: &'a str) -> Neuron<'a> {
    let mut bits = Bits(line);
    Neuron {
        synapses: bits.take(set.axons).as_bytes(),
        v: bits.signed(9),
        reset: bits.signed(9),
        weights: [(); 4].map(|()| bits.signed(9)),
        leak: bits.signed(9),
        positive: bits.signed(9),
        negative: bits.signed(9),
        linear: bits.unsigned(1) == 1,
        dest: {
            let (dx, dy) = (bits.signed(9), bits.signed(9));
            let (axon, tick) = bits.place();
            set.target(core, dx, dy, axon, tick)
        },
    }
}

// ---- the image ----

/// Neurons of one reset mode: the library's kernel has RANC's order of leak, threshold and floor.
fn group(members: &[&Neuron<'_>]) -> Group {
    let linear = i64::from(members[0].linear);
    let kernel = kernels::instantiate("truenorth", &[("GAMMA", linear)]).expect("it is there");
    let slots = kernel.slots.into_iter().map(|(name, bits, _)| {
        let value = |n: &&Neuron<'_>| match name.as_str() {
            "v" => n.v,
            "leak" => n.leak,
            "alpha" => n.positive,
            "beta" => -n.negative,
            "reset_v" => n.reset,
            _ => n.weights[name.strip_prefix('s').unwrap().parse::<usize>().unwrap()],
        };
        let mut init: Vec<i32> = members.iter().map(value).collect();
        if init.iter().all(|value| *value == init[0]) {
            init.truncate(1);
        }
        Slot { name, bits, init }
    });
    Group {
        slots: slots.collect(),
        kernel: kernel.name,
        lanes: members.len() as u32,
        update: kernel.update,
        on_spike: kernel.on_spike,
        constants: kernel.constants,
        tables: kernel.tables,
        receptors: kernel.receptors,
        accumulator_bits: kernel.accumulator_bits,
        accumulator_mode: kernel.accumulator_mode,
    }
}

/// A core; `first` is the logical id of its first neuron.
fn core(set: &Set, id: u32, first: u32, files: &Files) -> CoreProgram {
    let csram = &files[&format!("csram_{id:03}.mem")];
    let neurons: Vec<Neuron<'_>> = lines(csram).map(|l| neuron(set, id, l)).collect();
    assert_eq!(neurons.len(), set.neurons as usize);
    let kinds: Vec<u8> = lines(&files[&format!("tc_{id:03}.mem")])
        .map(|line| u8::from_str_radix(line, 2).unwrap())
        .collect();
    assert_eq!(kinds.len(), set.axons);
    // Lanes are numbered through the groups.
    let mut members: [Vec<&Neuron<'_>>; 2] = Default::default();
    let mut ids: [Vec<NeuronId>; 2] = Default::default();
    for (neuron, id) in neurons.iter().zip(first..) {
        members[usize::from(neuron.linear)].push(neuron);
        ids[usize::from(neuron.linear)].push(NeuronId(id));
    }
    let members: Vec<_> = members.into_iter().filter(|m| !m.is_empty()).collect();
    let groups: Vec<Group> = members.iter().map(|m| group(m)).collect();
    let weights = groups[0].slots.iter().position(|slot| slot.name == "s0");
    let mut core = CoreProgram {
        formats: vec![SynapseFormat {
            kind: SynapseKind::Crossbar,
            sign: WeightSign::Signed,
            weight_bits: 0,
            exponent: 0,
            scale: 0,
            delay_bits: 0,
            index_bits: 0,
            weight_slot: weights.unwrap() as u8,
        }],
        lane_ids: ids.concat(),
        dest_counts: vec![1; neurons.len()],
        dests: members.iter().flatten().map(|n| n.dest).collect(),
        ..CoreProgram::new(CoreId(id), groups)
    };
    for (axon, kind) in kinds.into_iter().enumerate() {
        let before = core.segments.len();
        for (group, members) in members.iter().enumerate() {
            let mut row = vec![0_u64; members.len().div_ceil(64)];
            for (lane, neuron) in members.iter().enumerate() {
                let set = neuron.synapses[set.axons - 1 - axon] == b'1';
                row[lane / 64] |= u64::from(set) << (lane % 64);
            }
            let count = row.iter().map(|word| word.count_ones()).sum();
            if count > 0 {
                core.rows.extend(row);
                core.segments.push(Segment {
                    group: group as u8,
                    format: 0,
                    first_lane: 0,
                    count,
                });
            }
        }
        core.axons.push(Axon {
            // Any: it keys random draws, and there are none.
            source: 0,
            segments: (core.segments.len() - before) as u16,
            kind,
        });
    }
    core
}

/// The numbers of a file, one a line.
fn numbers(text: &str) -> Vec<usize> {
    lines(text).map(|line| line.parse().unwrap()).collect()
}

/// The lines of one file, as many for each tick as the other says.
fn by_tick<'a>(text: &'a str, counts: &str) -> Vec<Vec<&'a str>> {
    let mut all = lines(text);
    let ticks = numbers(counts).into_iter();
    let ticks: Vec<Vec<&str>> = ticks.map(|n| all.by_ref().take(n).collect()).collect();
    assert_eq!(all.next(), None);
    ticks
}

/// Packets of the host, index for index: an input element is a destination. They are sent before tick index + 1, counted
/// from 1, which takes those with destination tick 0. That is our step of this index.
fn packets(set: &Set, files: &Files) -> Vec<Vec<Dest>> {
    let dest = |line: &str| {
        let mut bits = Bits(line);
        let (dx, dy) = (bits.signed(9), bits.signed(9));
        let (axon, tick) = bits.place();
        set.target(0, dx, dy, axon, tick)
    };
    by_tick(&files["tb_input.txt"], &files["tb_num_inputs.txt"])
        .into_iter()
        .map(|tick| tick.into_iter().map(dest).collect())
        .collect()
}

fn image(set: &Set, files: &Files, elements: &[Dest], chip: &ChipSpec) -> Image {
    let bus = set.bus.0 + set.grid.0 * set.bus.1;
    let ids = (0..set.grid.0 * set.grid.1).filter(|id| *id != bus);
    let cores: Vec<CoreProgram> = ids
        .zip((0..).step_by(set.neurons as usize))
        .map(|(id, first)| core(set, id, first, files))
        .collect();
    Image {
        meta: Meta {
            network: set.name.to_owned(),
            chip: chip.name.clone(),
            limits: chip.limits_digest(),
        },
        populations: vec![Population {
            name: "neurons".to_owned(),
            first: 0,
            count: cores.len() as u32 * set.neurons,
            depth: 0,
        }],
        io: Io {
            model_dt_s: 0.0,
            drain: 0,
            inputs: vec![InputPort {
                name: "packets".to_owned(),
                shape: vec![elements.len() as u32],
                port: 0,
                graded: false,
            }],
            input_dest_counts: vec![1; elements.len()],
            input_dests: elements.to_vec(),
            outputs: vec![OutputPort {
                name: "bus".to_owned(),
                shape: vec![set.outputs],
                depth: 0,
                readout: Readout::Count,
                source: OutputSource::Spikes { first: 0 },
            }],
        },
        probes: Vec::new(),
        cores,
    }
}

// ---- the comparison ----

fn sample(steps: u32, packets: &[Vec<Dest>], elements: &[Dest]) -> SampleInput {
    let mut sample = SampleInput {
        steps,
        offsets: vec![0],
        ..SampleInput::default()
    };
    for step in 0..steps as usize {
        let mut counts: BTreeMap<u32, i32> = BTreeMap::new();
        for packet in packets.get(step).into_iter().flatten() {
            let element = elements.binary_search(packet).expect("an element");
            *counts.entry(element as u32).or_default() += 1;
        }
        sample.elements.extend(counts.keys());
        sample.values.extend(counts.values());
        sample.offsets.push(sample.elements.len() as u32);
    }
    sample
}

fn options(timing: Timing) -> Options {
    Options {
        seed: 0,
        threads: 2,
        timing,
        between: Between::Reset,
        drain: 0,
        record_spikes: false,
        record_packets: false,
    }
}

/// The first tick that differs. Row r holds the spikes of tick r, counted from 1: our step r - 1.
fn difference(set: &Set, expected: &[Vec<u32>], got: &SampleResult) -> Option<String> {
    for (tick, row) in (set.first..).zip(expected) {
        let now = got.outputs.iter().filter(|(step, ..)| step + 1 == tick);
        let mut ours: Vec<u32> = now.map(|(_, element, _)| *element).collect();
        ours.sort_unstable();
        if ours != *row {
            return Some(format!("tick {tick}: {ours:?}, not {row:?}"));
        }
    }
    None
}

/// Builds, verifies and runs a set, without and with cycles.
fn check(set: &Set, files: &Files) -> Option<String> {
    let chip = set.chip();
    let packets = packets(set, files);
    let mut elements = packets.concat();
    elements.sort_unstable();
    elements.dedup();
    let image = image(set, files, &elements, &chip);
    assert_eq!(isa::verify::structure(&image), [], "{}", set.name);
    assert_eq!(isa::verify::fits(&image, &chip), [], "{}", set.name);

    let line = |line: &str| u32::from_str_radix(line, 2).unwrap();
    let expected: Vec<Vec<u32>> = by_tick(&files["tb_correct.txt"], &files["tb_num_outputs.txt"])
        .into_iter()
        .map(|tick| tick.into_iter().map(line).collect())
        .collect();
    let spikes = expected.iter().map(Vec::len).sum();
    assert_eq!((expected.len(), spikes), set.expected, "{}", set.name);

    let steps = set.first - 1 + expected.len() as u32;
    let sample = sample(steps, &packets, &elements);
    for timing in [Timing::Off, Timing::Cycle] {
        let options = options(timing);
        let result = emulator::run(
            &image,
            &chip,
            std::slice::from_ref(&sample),
            &options,
            &|_| (),
        );
        let result = &result.expect("it runs")[0];
        if let Some(what) = difference(set, &expected, result) {
            return Some(format!("{} ({timing:?}): {what}", set.name));
        }
        assert_eq!(
            (result.late_packets, result.overruns),
            (0, 0),
            "{}",
            set.name
        );
        for time in result.step_times.iter().skip(1) {
            assert_eq!(time.neuron, set.pass(), "{}", set.name);
        }
    }
    None
}

#[test]
fn every_output_spike_is_that_of_the_test_benches() {
    let Some(reference) = std::env::var_os("SPIKEMESH_GOLDEN_RANC") else {
        println!("skipped: SPIKEMESH_GOLDEN_RANC names no folder");
        return;
    };
    let reference = Path::new(&reference);
    let mut wrong = Vec::new();
    for set in &SETS {
        let path = reference.join(set.name);
        let files = match path.is_dir() {
            true => folder(&path),
            false => archived(&reference.join("tea_128_and_512.tar.gz"), set.name),
        };
        wrong.extend(check(set, &files));
    }
    println!("{}/{} equal", SETS.len() - wrong.len(), SETS.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// No axon is skipped: a tick of the core's logic is as long with silent axons.
#[test]
fn a_full_core_takes_the_cycles_of_the_token_controller() {
    let mut text = ".image network=full chip=ranc\n\
                    .core 0\n\
                    .format bits crossbar slot=1\n\
                    .group lanes=256\n\
                    .kernel truenorth\n\
                    .slot leak = 1\n\
                    .slot alpha = 3\n"
        .to_owned();
    for lane in 0..256 {
        text += &format!(".lane -> core 0 axon {lane}\n");
    }
    for lane in 0..256 {
        text += &format!(".axon neuron {lane} kind=0\n.crossbar = 0..=255\n");
    }
    let image = assembler::assemble(&text, "full.s").expect("it assembles");
    let chip = ChipSpec::preset("ranc").expect("a preset").expect("valid");
    assert_eq!(isa::verify::fits(&image, &chip), []);
    let sample = SampleInput {
        steps: 9,
        offsets: vec![0; 10],
        ..SampleInput::default()
    };
    let results = emulator::run(&image, &chip, &[sample], &options(Timing::Cycle), &|_| ());
    let result = &results.expect("it runs")[0];
    assert_eq!(result.cores[0].spikes, 3 * 256);
    assert_eq!((result.late_packets, result.overruns), (0, 0));
    assert_eq!(result.cores[0].neuron_cycles, 9 * 66_051);
    let step: Vec<u64> = result.step_times.iter().map(|t| t.neuron).collect();
    assert_eq!(step, [&[0][..], &[66_051; 9]].concat());
}
