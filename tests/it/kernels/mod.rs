//! The kernel library on both engines, against its laws written again ([`laws`]): every state slot, spike and payload of
//! random programs with random parameters, extremes among them.

mod izhikevich;
mod laws;

use crate::engines::same;
pub(crate) use crate::random::Random;
use assembler::kernels::{KERNELS, Kernel, instantiate};
use emulator::{Between, Options, SampleInput, Timing};
use isa::op::{Handler, Op, decode};
use isa::rng::{draw_lane, site};
use isa::{ChipSpec, Image};
use laws::Named;
use std::fmt::Write as _;

/// Groups of a case, lanes of a group, input elements of a lane.
const GROUPS: usize = 16;
const LANES: usize = 64;
const ELEMENTS: usize = 2;
const STEPS: usize = 64;
/// Lane-steps of a kernel, at least; the kernels of the second list have as many again in `assembler/tests/kernels.rs`.
const LANE_STEPS: usize = 1_000_000;
const LANE_STEPS_HERE: usize = 250_000;
const ALSO_THERE: [&str; 2] = ["stochastic", "relay"];
const SEED: u64 = 0x51ED_2701;

impl Random {
    fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }
    fn plain(&mut self, least: i64, most: i64) -> i64 {
        least + (self.next() % (most - least + 1) as u64) as i64
    }
    /// From `least` to `most`, small magnitudes and limits more often.
    fn value(&mut self, least: i64, most: i64) -> i64 {
        match self.next() % 8 {
            0 => 0i64.clamp(least, most),
            1 => self.plain(-32, 31).clamp(least, most),
            2 => [least, most, least + 1, most - 1][(self.next() % 4) as usize],
            _ => self.plain(least, most),
        }
    }
}

/// `tiny` with room for all that a case asks for, and weights up to the limits of an accumulator.
fn chip() -> ChipSpec {
    let mut chip = ChipSpec::preset("tiny").expect("a preset").expect("valid");
    let l = &mut chip.limits;
    (l.neurons, l.groups, l.threshold_profiles) = (1024, 16, 16);
    (l.input_axons, l.output_slots, l.synapse_bits) = (4096, 4096, 1 << 24);
    (l.weight_scale, l.state_slots, l.code_words) = (6, 32, 4096);
    l.threshold_bits = 32; // negative ones too
    chip
}

/// Options of a kernel as its source declares them: name, least, most.
fn declared(source: &str) -> Vec<(String, i64, i64)> {
    let lines = source.lines().filter_map(|l| l.strip_prefix(".option "));
    lines
        .map(|line| {
            let (name, rest) = line.split_once('=').expect("an option");
            let range = rest.split(';').next().expect("a range");
            let (least, most) = range.split_once("..=").expect("a range");
            let least = least.split_whitespace().nth(1).expect("a least value");
            let number = |text: &str| text.trim().parse().expect("a number");
            (name.trim().to_owned(), number(least), number(most))
        })
        .collect()
}

/// A random value of a constant.
fn constant(random: &mut Random, kernel: &str, name: &str, given: i64) -> i64 {
    if kernel == "izhikevich" && random.one_in(2) && name != "PEAK" {
        return given;
    }
    let (least, most) = match name {
        "ALPHA" | "RHO" | "FADE" => (0, 1 << 16),
        "COS" | "SIN" => (-(1 << 15), 1 << 15),
        "DECAY" | "DECAY_D" | "DECAY_U" | "DECAY_V" => (0, 1 << 12),
        "JUMP" => (0, 1 << 22),
        "BETA" => (-(1 << 20), 1 << 24),
        "THETA" | "GATE" => (-(1 << 16), 1 << 20),
        "REFRACTORY" => (0, 3),
        "NOISE_MASK" => return (1 << random.plain(0, 20)) - 1,
        "OFFSET" => (-512, 512),
        "SPREAD" => return 1 << random.plain(0, 7),
        "K04" | "A" | "B" => (-(1 << 20), 1 << 20),
        "C" | "D" | "K5" | "K6" | "K140" | "PEAK" => (-(1 << 24), 1 << 24),
        _ => (-(1 << 22), 1 << 22),
    };
    random.value(least, most)
}

/// A random start of a slot.
fn start(random: &mut Random, kernel: &str, name: &str, bits: u8) -> i64 {
    let half = 1_i64 << (bits - 1);
    match (kernel, name) {
        (_, "refractory" | "wait") => random.value(0, 3),
        (_, "spiked") => random.value(0, 1),
        ("izhikevich", "v" | "c") if !random.one_in(8) => random.plain(-80 << 16, 30 << 16),
        ("izhikevich", "u" | "d") if !random.one_in(8) => random.plain(-20 << 16, 20 << 16),
        ("izhikevich", "a" | "b") if !random.one_in(8) => random.plain(0, 1 << 18),
        // sat24 is symmetric: the least number of 24 bits is no value that a kernel leaves.
        _ if bits == 24 => random.value(1 - half, half - 1),
        _ => random.value(-half, half - 1),
    }
}

/// A synapse of an input element.
#[derive(Clone, Copy)]
struct Synapse {
    mantissa: i64,
    exponent: i64,
    /// Kind of the axon: the receptor, where a kernel has two.
    kind: usize,
}

/// A program and what it is made of.
struct Case {
    name: String,
    option: Named,
    kernel: Kernel,
    /// Of each group.
    constants: Vec<Named>,
    /// Of each lane of the core, group by group.
    slots: Vec<Named>,
    synapses: Vec<Synapse>,
    image: Image,
}

fn case(name: &str, source: &str, random: &mut Random, groups: usize, lanes: usize) -> Case {
    let mut option: Vec<(String, i64)> = Vec::new();
    for (key, least, most) in declared(source) {
        option.push((key, random.plain(least, most)));
    }
    let mut option = Named(option);
    let draws = option.get("NOISE") != 0 || option.get("INJECT") != 0;
    if draws && let Some(idle) = option.0.iter_mut().find(|o| o.0 == "IDLE") {
        idle.1 = 0; // a lane that draws is never idle
    }
    let given: Vec<(&str, i64)> = option.0.iter().map(|(n, v)| (n.as_str(), *v)).collect();
    let kernel = instantiate(name, &given).unwrap_or_else(|e| panic!("{name}: {e}"));
    let mut text = String::from(".image network=kernels chip=tiny\n");
    let total = groups * lanes;
    writeln!(text, ".population all count={total}").unwrap();
    let graded = if option.get("GRADED") == 1 {
        " graded"
    } else {
        ""
    };
    writeln!(text, ".input in shape=[{}]{graded}", total * ELEMENTS).unwrap();
    for element in 0..total * ELEMENTS {
        writeln!(text, ".element -> core 0 axon {element}").unwrap();
    }
    writeln!(text, ".output out shape=[{total}]").unwrap();
    for (slot, (slot_name, ..)) in kernel.slots.iter().enumerate() {
        writeln!(text, ".probe p{slot} slot={slot_name} = 0..={}", total - 1).unwrap();
    }
    writeln!(text, ".core 0").unwrap();
    for exponent in 0..3 {
        let exponent = exponent * 4;
        writeln!(
            text,
            ".format e{exponent} sparse weight=9 exponent={exponent} scale=6"
        )
        .unwrap();
    }
    let (mut constants, mut slots) = (Vec::new(), Vec::new());
    for group in 0..groups {
        writeln!(text, ".group lanes={lanes}").unwrap();
        write!(text, ".kernel {name}").unwrap();
        for (key, value) in &option.0 {
            write!(text, " {key}={value}").unwrap();
        }
        writeln!(text).unwrap();
        let mut of_group = Vec::new();
        for (key, given) in &kernel.constants {
            let mut value = constant(random, name, key, i64::from(*given));
            if key == "THETA" {
                value = value >> 6 << 6; // what the chip has
            }
            if key == "THETA" && option.get("IDLE") == 1 {
                value = value.abs().max(64); // else a lane at rest fires
            }
            writeln!(text, ".const {key} = {value}").unwrap();
            of_group.push((key.clone(), value));
        }
        constants.push(Named(of_group));
        let mut of_lanes = vec![Named::default(); lanes];
        let at_rest = random.one_in(4);
        for (key, bits, _) in &kernel.slots {
            write!(text, ".slot {key} {bits} =").unwrap();
            for lane in &mut of_lanes {
                let value = match at_rest {
                    true => 0,
                    false => start(random, name, key, *bits),
                };
                write!(text, " {value}").unwrap();
                lane.0.push((key.clone(), value));
            }
            writeln!(text).unwrap();
        }
        slots.extend(of_lanes);
        for lane in 0..lanes {
            writeln!(text, ".lane -> host 0 element {}", group * lanes + lane).unwrap();
        }
    }
    let mut synapses = Vec::new();
    for element in 0..total * ELEMENTS {
        let lane = element / ELEMENTS;
        let synapse = Synapse {
            mantissa: random.value(-256, 255),
            exponent: random.plain(0, 2) * 4,
            kind: (element % ELEMENTS) * usize::from(kernel.receptors - 1),
        };
        writeln!(text, ".axon input {element} kind={}", synapse.kind).unwrap();
        writeln!(
            text,
            ".sparse group={} format=e{} = {}:{}",
            lane / lanes,
            synapse.exponent,
            lane % lanes,
            synapse.mantissa
        )
        .unwrap();
        synapses.push(synapse);
    }
    let image = assembler::assemble(&text, name)
        .unwrap_or_else(|e| panic!("{name} {option:?}: {:?}", e.first()));
    Case {
        name: name.to_owned(),
        option,
        kernel,
        constants,
        slots,
        synapses,
        image,
    }
}

/// Events of a sample: for each step (element, value).
fn events(case: &Case, steps: usize, random: &mut Random) -> Vec<Vec<(usize, i64)>> {
    let graded = case.option.get("GRADED") == 1;
    (0..steps)
        .map(|_| {
            let mut list = Vec::new();
            let quiet = random.one_in(4);
            for element in 0..case.synapses.len() {
                let value = match graded {
                    true => random.value(-(1 << 24), 1 << 24),
                    false => random.plain(0, 2),
                };
                if value != 0 && !quiet && random.one_in(2) {
                    list.push((element, value));
                }
            }
            list
        })
        .collect()
}

fn sample(events: &[Vec<(usize, i64)>]) -> SampleInput {
    let mut sample = SampleInput {
        steps: events.len() as u32,
        offsets: vec![0],
        ..SampleInput::default()
    };
    for step in events {
        for (element, value) in step {
            sample.elements.push(*element as u32);
            sample.values.push(*value as i32);
        }
        sample.offsets.push(sample.elements.len() as u32);
    }
    sample
}

/// What a case did, to see that it did something.
#[derive(Default)]
struct Did {
    lane_steps: usize,
    spikes: usize,
    idle: u64,
}

fn check(case: &Case, chip: &ChipSpec, events: &[Vec<(usize, i64)>], did: &mut Did) {
    let options = Options {
        seed: SEED,
        threads: 1,
        timing: Timing::Off,
        between: Between::Reset,
        drain: 0,
        record_spikes: true,
        record_packets: false,
    };
    let results = emulator::run(&case.image, chip, &[sample(events)], &options, &|_| ())
        .unwrap_or_else(|e| panic!("{} {:?}: {e}", case.name, case.option));
    let result = &results[0];
    let code = case.kernel.update.iter().enumerate();
    let draws: Vec<usize> = code
        .filter(|(_, word)| decode(**word).is_ok_and(|i| i.op == Op::Rng))
        .map(|(at, _)| at)
        .collect();
    let mut slots = case.slots.clone();
    let (lanes, total) = (slots.len() / case.constants.len(), slots.len());
    let (mut outputs, mut q) = (Vec::new(), vec![[0_i64; 2]; total]);
    for (t, list) in events.iter().enumerate() {
        q.fill([0; 2]);
        for &(element, value) in list {
            let s = case.synapses[element];
            let weight = s.mantissa << (s.exponent + 6);
            let (payload, times) = match case.option.get("GRADED") {
                1 => (value, 1),
                _ => (1, value),
            };
            let added = laws::synapse(&case.option, weight, payload) * times;
            q[element / ELEMENTS][s.kind] += added;
        }
        for (lane, slots) in slots.iter_mut().enumerate() {
            let k = &case.constants[lane / lanes];
            let mut words = [0; 2];
            for (word, at) in words.iter_mut().zip(&draws) {
                let site = site(Handler::Update, *at as u32);
                *word = draw_lane(SEED, t as u32, lane as u32, site);
            }
            let before = slots.clone();
            let sent = laws::step(&case.name, &case.option, k, slots, q[lane], words);
            if let Some(payload) = sent {
                outputs.push((t as u32, lane as u32, payload as i32));
            }
            for (at, (name, value)) in slots.0.iter().enumerate() {
                let got = i64::from(result.probes[at][t * total + lane]);
                assert_eq!(
                    got, *value,
                    "{} {:?}: slot {name} of lane {lane} after step {t}; {before:?} {k:?} input {:?}",
                    case.name, case.option, q[lane]
                );
            }
        }
    }
    let spikes: Vec<(u32, u32)> = outputs.iter().map(|(t, id, _)| (*t, *id)).collect();
    assert_eq!(
        result.spikes, spikes,
        "{} {:?}: spikes",
        case.name, case.option
    );
    assert_eq!(
        result.outputs, outputs,
        "{} {:?}: payloads",
        case.name, case.option
    );
    did.lane_steps += total * events.len();
    did.spikes += outputs.len();
    let counters = &result.populations[0];
    did.idle += counters.neuron_updates_inactive;
}

/// Kernels whose laws are tested elsewhere, each with the place.
const ELSEWHERE: [(&str, &str); 1] = [("truenorth", "tests/it/golden_truenorth/modes.rs")];

/// Kernels whose laws are tested here.
fn ours() -> impl Iterator<Item = (&'static str, &'static str)> {
    let elsewhere = |name: &str| ELSEWHERE.iter().any(|(other, _)| *other == name);
    let all = KERNELS.iter().copied();
    all.filter(move |(name, _)| !elsewhere(name))
}

fn follows_its_law(name: &str, source: &str) {
    let chip = chip();
    let mut random = Random(name.bytes().map(u64::from).sum());
    let mut did = Did::default();
    let enough = match ALSO_THERE.contains(&name) {
        true => LANE_STEPS_HERE,
        false => LANE_STEPS,
    };
    while did.lane_steps < enough {
        let case = case(name, source, &mut random, GROUPS, LANES);
        let events = events(&case, STEPS, &mut random);
        check(&case, &chip, &events, &mut did);
    }
    let fires = !matches!(name, "li" | "cubali");
    assert_eq!(did.spikes > 1000, fires, "{name}: {} spikes", did.spikes);
    let idles = source.contains("br.idle");
    assert_eq!(did.idle > 0, idles, "{name}: {} idle", did.idle);
}

#[test]
fn every_kernel_follows_its_law_on_the_chip() {
    let kernels: Vec<_> = ours().collect();
    // In two halves, for the host's sake.
    std::thread::scope(|scope| {
        for half in kernels.chunks(kernels.len().div_ceil(2)) {
            scope.spawn(move || {
                half.iter()
                    .for_each(|(name, source)| follows_its_law(name, source));
            });
        }
    });
}

#[test]
fn both_engines_run_every_kernel_alike() {
    let chip = chip();
    for (name, source) in ours() {
        let mut random = Random(name.len() as u64);
        let mut spikes = 0;
        for _ in 0..6 {
            let case = case(name, source, &mut random, 3, 8);
            let events = events(&case, 16, &mut random);
            let given = same(name, &case.image, &chip, &[sample(&events)], 0);
            spikes += given[0].spikes.len();
        }
        let fires = !matches!(name, "li" | "cubali");
        assert_eq!(spikes > 0, fires, "{name}: {spikes} spikes");
    }
}
