//! The paths of the kernels: inputs that force each of them take, on both engines, exactly the cycles that `isa::verify::cycles` sums up.
//!
//! Inputs are searched for with a tracer written from `specs/isa.md`; what it says is only believed when the engines have counted the
//! same instructions. A path for which nothing is found must stand in [`UNREACHABLE`], with its reason.

use crate::compare::{ENGINE, difference, fast, options, slow};
use crate::engines::Case;
use crate::random::Random;
use assembler::kernels::{KERNELS, Kernel, instantiate};
use emulator::{Between, Counters, SampleInput, SampleResult};
use isa::chip::{ChipSpec, InstructionTime, OnSpikeTime, UpdateTime};
use isa::image::{Image, Reduce};
use isa::numeric::{saturate, saturate_i32, wrap};
use isa::op::{Handler, Instr, Op, clamp_index, compare, decode, eval, predicate};
use isa::rng::{draw_lane, draw_synapse, site};
use isa::verify::cycles::{self, Bounds};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Paths that no values take: kernel, handler, how many over all its option sets, why.
const UNREACHABLE: &[(&str, Handler, usize, &str)] = &[];

/// Candidates tried for a handler before its missing paths count as not found.
const TRIES: u32 = 30_000;

/// Candidates refused one after another for which a set of options counts as one that the loader does not take.
const REFUSALS: u32 = 300;

/// Every sum of a few of these tells what it is a sum of.
const TIMES: InstructionTime = InstructionTime {
    fill: 1_000_003,
    class: [1, 101, 10_007, 211, 503, 1009],
};
const PACKET: u64 = 40_000_003;

/// Where the values of a run come from: what a search varies.
#[derive(Clone, Debug)]
struct Inputs {
    constants: Vec<i32>,
    state: Vec<i32>,
    /// By receptor: mantissa and exponent of the one synapse that feeds it.
    sums: Vec<(i16, i8)>,
    /// On a spike: mantissa, delay, kind of the axon, payload.
    synapse: (i16, u8, u8, i32),
    seed: u64,
}

impl Inputs {
    fn sum(&self, receptor: usize) -> i64 {
        let (mantissa, exponent) = self.sums[receptor];
        i64::from(mantissa) << exponent
    }
}

/// The indices that one run executes.
fn trace(kernel: &Kernel, handler: Handler, inputs: &Inputs) -> Vec<usize> {
    let words = match handler {
        Handler::Update => &kernel.update,
        Handler::OnSpike => &kernel.on_spike,
    };
    let (mut r, mut p) = ([0i32; 16], [true, false, false, false]);
    let (mut state, mut path, mut at) = (inputs.state.clone(), Vec::new(), 0);
    loop {
        let i: Instr = decode(words[at]).expect("a kernel");
        let guard = p[usize::from(i.pred)] != i.negate;
        path.push(at);
        at += 1;
        let here = site(handler, at as u32 - 1);
        let random = || match handler {
            Handler::Update => draw_lane(inputs.seed, 0, 0, here),
            Handler::OnSpike => draw_synapse(inputs.seed, u32::MAX, 0, 1 << 31, 0, here),
        };
        let (rd, a) = (r[usize::from(i.rd)], r[usize::from(i.ra)]);
        let b = match i.konst {
            true => inputs.constants[usize::from(i.rb)],
            false => r[usize::from(i.rb)],
        };
        let (mantissa, delay, kind, payload) = inputs.synapse;
        let value = match i.op {
            Op::Halt => return path,
            Op::Sel => Some(if guard { a } else { b }),
            _ if !guard => None,
            Op::Br => {
                at += usize::from(i.offset);
                None
            }
            Op::Sts => {
                let bits = kernel.slots[usize::from(i.slot)].1;
                state[usize::from(i.slot)] = saturate_i32(rd, bits);
                None
            }
            Op::Lds => Some(state[usize::from(i.slot)]),
            Op::Lda => {
                let (sum, bits) = (
                    inputs.sum(usize::from(i.field)),
                    kernel.accumulator_bits.into(),
                );
                Some(match kernel.accumulator_mode {
                    Reduce::Wrap => wrap(sum, bits) as i32,
                    Reduce::Saturate => saturate(sum, bits) as i32,
                })
            }
            Op::Ldy => Some([mantissa.into(), delay.into(), kind.into()][usize::from(i.field)]),
            Op::Mfs if handler == Handler::OnSpike => {
                Some([0, -1, payload, 0][usize::from(i.field)])
            }
            Op::Mfs => Some(0),
            Op::Lut => {
                let table = &kernel.tables[usize::from(i.field)];
                Some(table[clamp_index(&i, a, table.len())])
            }
            Op::Acc | Op::Spk | Op::Spkg => None,
            op if compare(op, a, b).is_some() => {
                p[usize::from(i.rd)] = compare(op, a, b).expect("a comparison");
                None
            }
            Op::Pand | Op::Por => {
                let (a, b) = (p[usize::from(i.ra)], p[usize::from(i.rb)]);
                p[usize::from(i.rd)] = predicate(&i, a, b).expect("a logic operation");
                None
            }
            _ => {
                Some(eval(&i, rd, a, b, if i.draws() { random() } else { 0 }).expect("it computes"))
            }
        };
        if let Some(value) = value {
            r[usize::from(i.rd)] = value;
        }
    }
}

impl Random {
    /// From `least` to `most`: zero, small numbers and the limits more often.
    fn near_limits(&mut self, least: i64, most: i64) -> i64 {
        let pick = self.next();
        let value = match self.next() % 8 {
            0 | 1 => 0,
            2 => (pick % 64) as i64 - 32,
            3 => [least, most, least + 1, most - 1][(pick % 4) as usize],
            4 => (pick % 8192) as i64,
            _ => least + (pick % (most - least + 1) as u64) as i64,
        };
        value.clamp(least, most)
    }

    /// What a lane may meet: every third time it is at rest.
    fn inputs(&mut self, kernel: &Kernel, first: bool) -> Inputs {
        let rest = first || self.next().is_multiple_of(3);
        let constants = kernel
            .constants
            .iter()
            .map(|(name, value)| match name.as_str() {
                _ if rest && self.next().is_multiple_of(2) => *value,
                "THETA" => self.near_limits(1, 1 << 20) as i32,
                name if name.starts_with("DECAY") => self.near_limits(0, 4096) as i32,
                _ => self.near_limits(-(1 << 20), 1 << 20) as i32,
            });
        let constants = constants.collect();
        let state = kernel.slots.iter().map(|(_, bits, value)| match rest {
            true => *value,
            false => self.near_limits(-1 << (bits - 1), (1 << (bits - 1)) - 1) as i32,
        });
        let state = state.collect();
        let sums = (0..kernel.receptors).map(|_| match first {
            true => (0, 0),
            false => (
                self.near_limits(-256, 255) as i16,
                self.near_limits(0, 21) as i8,
            ),
        });
        Inputs {
            constants,
            state,
            sums: sums.collect(),
            synapse: (
                self.near_limits(-256, 255) as i16,
                self.near_limits(0, 7) as u8,
                self.near_limits(0, 3) as u8,
                match self.near_limits(-(1 << 20), 1 << 20) as i32 {
                    0 => 1,
                    payload => payload,
                },
            ),
            seed: self.next(),
        }
    }
}

/// Every combination of a kernel's options, read from its own declarations.
fn combinations(source: &str) -> Vec<Vec<(String, i64)>> {
    let mut all = vec![Vec::new()];
    for line in source
        .lines()
        .filter_map(|line| line.strip_prefix(".option "))
    {
        let (name, rest) = line.split_once('=').expect("option");
        let limits = rest
            .split(';')
            .next()
            .and_then(|rest| rest.split_once("..="));
        let (before, most) = limits.expect("limits");
        let least = before.split_whitespace().last().expect("a least value");
        let limits = [least, most].map(|limit| limit.trim().parse::<i64>().expect("a number"));
        // Amounts of shifts change no path: two of them stand for all.
        let values = match limits[1] - limits[0] > 9 {
            true => vec![limits[0], limits[0] + 5],
            false => (limits[0]..=limits[1]).collect(),
        };
        let extend = |before: Vec<(String, i64)>| {
            values.clone().into_iter().map(move |value| {
                let mut longer = before.clone();
                longer.push((name.trim().to_owned(), value));
                longer
            })
        };
        all = all.into_iter().flat_map(extend).collect();
    }
    all
}

/// An image of one lane of this kernel: an axon for each receptor, whose synapses are summed plainly, or one axon for the kernel's own
/// `on_spike`.
fn image(name: &str, given: &[(String, i64)], kernel: &Kernel, handler: Handler) -> Image {
    let options: String = given
        .iter()
        .map(|(key, value)| format!(" {key}={value}"))
        .collect();
    let update = handler == Handler::Update;
    let axons = if update { kernel.receptors } else { 1 };
    let mut text = format!(".input in shape=[{axons}] port=0 graded\n");
    (0..axons).for_each(|axon| text += &format!(".element -> core 0 axon {axon}\n"));
    text += ".core 0\n";
    let delay = if update { 0 } else { 3 };
    (0..axons).for_each(|axon| {
        text += &format!(".format f{axon} sparse signed weight=9 delay={delay} index=10\n");
    });
    text += &format!(".group lanes=1\n.kernel {name}{options}\n");
    if update {
        text += ".on_spike\n    ldy r1, weight\n    ldy r2, kind\n";
        for receptor in 0..axons {
            text += &format!(
                "    li r3, {receptor}\n    cmp.eq p1, r2, r3\n    @p1 acc r1, {receptor}\n"
            );
        }
        text += "    halt\n.end\n";
    }
    (0..axons).for_each(|axon| {
        text += &format!(".axon input {axon} kind={axon}\n.sparse format=f{axon} = 0:0\n");
    });
    assembler::assemble(&text, "lane.s").unwrap_or_else(|all| panic!("{}\n{text}", all[0]))
}

/// Writes the values into the image and the one step of input.
fn case(chip: &ChipSpec, image: &Image, handler: Handler, inputs: &Inputs) -> Case {
    let mut image = image.clone();
    let core = &mut image.cores[0];
    let group = &mut core.groups[0];
    for ((_, place), value) in group.constants.iter_mut().zip(&inputs.constants) {
        *place = *value;
    }
    for (slot, value) in group.slots.iter_mut().zip(&inputs.state) {
        slot.init = vec![*value];
    }
    let elements: Vec<u32> = (0..core.axons.len() as u32).collect();
    let values = match handler {
        Handler::Update => {
            for (receptor, (mantissa, exponent)) in inputs.sums.iter().enumerate() {
                core.weights[receptor] = *mantissa;
                core.formats[receptor].exponent = *exponent;
            }
            vec![1; elements.len()]
        }
        Handler::OnSpike => {
            let (mantissa, delay, kind, payload) = inputs.synapse;
            (core.weights[0], core.delays[0], core.axons[0].kind) = (mantissa, delay, kind);
            vec![payload]
        }
    };
    Case {
        chip: chip.clone(),
        image,
        samples: vec![SampleInput {
            steps: 1,
            offsets: vec![0, elements.len() as u32],
            elements,
            values,
        }],
        between: Between::Reset,
        drain: 0,
    }
}

/// `tiny` with room for everything.
fn by_event() -> ChipSpec {
    let mut chip = ChipSpec::preset("tiny").expect("a preset").expect("valid");
    chip.limits.weight_exponent = [-24, 24];
    chip.limits.threshold_bits = 31;
    chip.limits.state_slots = 256;
    chip
}

/// The same, priced by instruction.
fn by_instruction() -> ChipSpec {
    let mut chip = by_event();
    chip.time.update = UpdateTime::Instruction(TIMES);
    chip.time.on_spike = OnSpikeTime::Instruction {
        packet: PACKET,
        times: TIMES,
    };
    chip
}

/// Runs both engines, which must agree.
fn run(case: &Case, seed: u64) -> SampleResult {
    let mut options = options(Between::Reset, 0);
    options.seed = seed;
    let fast = fast(case, &options).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(difference(case, &fast, &slow(case, seed)), None);
    fast.into_iter().next().expect("one sample")
}

/// Class counters of a handler, in the order of prices.
fn counted(counters: &Counters, handler: Handler) -> [u64; 6] {
    let c = counters;
    match handler {
        Handler::Update => [
            c.update_alu,
            c.update_mul,
            c.update_mem,
            c.update_ctl,
            c.update_send,
            c.update_rng,
        ],
        Handler::OnSpike => [
            c.on_spike_alu,
            c.on_spike_mul,
            c.on_spike_mem,
            c.on_spike_ctl,
            0,
            c.on_spike_rng,
        ],
    }
}

/// What one handler of a kernel under one set of options gave.
#[derive(Default)]
struct Found {
    paths: usize,
    missing: Vec<Vec<usize>>,
}

/// Finds inputs for each path and measures it. `None`: the loader refuses the kernel under these options, whatever its constants.
fn check(
    name: &str,
    given: &[(String, i64)],
    handler: Handler,
    random: &mut Random,
) -> Option<Found> {
    let borrowed: Vec<(&str, i64)> = given
        .iter()
        .map(|(key, value)| (key.as_str(), *value))
        .collect();
    let kernel = instantiate(name, &borrowed).ok()?;
    let words = match handler {
        Handler::Update => &kernel.update,
        Handler::OnSpike => &kernel.on_spike,
    };
    let Some(paths) = cycles::paths(words, 1 << 12) else {
        assert!(words.is_empty(), "{name} {given:?}: too many paths");
        return Some(Found::default());
    };
    let (chip, table) = (by_instruction(), by_event());
    let image = image(name, given, &kernel, handler);
    let mut forced: BTreeMap<Vec<usize>, Inputs> = BTreeMap::new();
    let mut accepted = false;
    for attempt in 0..TRIES {
        let inputs = random.inputs(&kernel, attempt == 0);
        let path = trace(&kernel, handler, &inputs);
        assert!(
            paths.contains(&path),
            "{name} {given:?}: {path:?} is no path"
        );
        if let Entry::Vacant(place) = forced.entry(path) {
            let case = case(&chip, &image, handler, &inputs);
            let refusals = isa::verify::fits(&case.image, &chip);
            if refusals.is_empty() {
                accepted = true;
                place.insert(inputs);
            } else if !accepted && attempt > REFUSALS {
                assert!(
                    refusals.iter().all(|v| v.what.contains("idle")),
                    "{name}: {}",
                    refusals[0]
                );
                return None;
            }
        }
        if forced.len() == paths.len() {
            break;
        }
    }
    let bounds = match handler {
        Handler::Update => cycles::update(words, &chip.time.update),
        Handler::OnSpike => cycles::on_spike(words, &chip.time.on_spike),
    };
    let mut measured: Option<Bounds> = None;
    for (path, inputs) in &forced {
        let context = format!(
            "{name} {given:?} {}: {path:?} by {inputs:?}",
            handler.name()
        );
        let on_chip = case(&chip, &image, handler, inputs);
        let result = run(&on_chip, inputs.seed);
        let (unit, by_table) = (result.cores[0], case(&table, &image, handler, inputs));
        let sum = cycles::of_path(words, path, &TIMES);
        let cycles = match handler {
            Handler::Update => unit.neuron_cycles,
            Handler::OnSpike => unit.synapse_cycles - PACKET,
        };
        assert_eq!(cycles, sum, "{context}");
        let mut classes = [0; 6];
        let class = |at: &usize| decode(words[*at]).expect("a kernel").op.class();
        path.iter().for_each(|at| classes[class(at) as usize] += 1);
        assert_eq!(
            counted(&result.populations[0], handler),
            classes,
            "{context}"
        );
        let other = measured.unwrap_or(Bounds {
            least: sum,
            most: sum,
        });
        measured = Some(Bounds {
            least: other.least.min(sum),
            most: other.most.max(sum),
        });
        if handler == Handler::Update {
            let event = cycles::update(words, &table.time.update).expect("words");
            let cycles = run(&by_table, inputs.seed).cores[0].neuron_cycles;
            assert!(
                (event.least..=event.most).contains(&cycles),
                "{context}: {cycles} {event:?}"
            );
        }
    }
    let missing: Vec<Vec<usize>> = paths
        .iter()
        .filter(|path| !forced.contains_key(*path))
        .cloned()
        .collect();
    if missing.is_empty() {
        assert_eq!(
            measured,
            bounds,
            "{name} {given:?}: bounds of {}",
            handler.name()
        );
    }
    Some(Found {
        paths: paths.len(),
        missing,
    })
}

#[test]
fn every_path_of_every_kernel_takes_its_sum() {
    let _sound = ENGINE.read().unwrap();
    let mut random = Random(7);
    let mut unreached: BTreeMap<(&str, Handler), (usize, String)> = BTreeMap::new();
    for (name, source) in KERNELS {
        let (mut paths, mut refused) = (0, Vec::new());
        let mut done = BTreeSet::new();
        for given in combinations(source) {
            let given_names: Vec<(&str, i64)> = given
                .iter()
                .map(|(name, value)| (name.as_str(), *value))
                .collect();
            let kernel = instantiate(name, &given_names).expect("declared options");
            for handler in [Handler::Update, Handler::OnSpike] {
                let words = match handler {
                    Handler::Update => &kernel.update,
                    Handler::OnSpike => &kernel.on_spike,
                };
                // Options of the one handler leave the other as it is.
                if !done.insert((handler, words.clone())) {
                    continue;
                }
                match check(name, &given, handler, &mut random) {
                    None => refused.push(given.clone()),
                    Some(found) => {
                        paths += found.paths;
                        if let Some(path) = found.missing.first() {
                            let example = format!("{given:?}: {path:?}");
                            let place = unreached.entry((*name, handler)).or_insert((0, example));
                            place.0 += found.missing.len();
                        }
                    }
                }
            }
        }
        assert!(paths > 0, "{name}: no option set runs");
        // Only the proof of the `.idle` hint refuses a kernel for its options.
        let idle = ("IDLE".to_owned(), 1);
        assert!(
            refused.iter().all(|given| given.contains(&idle)),
            "{name}: {refused:?}"
        );
    }
    let found: Vec<_> = unreached
        .iter()
        .map(|((name, handler), (count, _))| (*name, *handler, *count))
        .collect();
    let listed: Vec<_> = UNREACHABLE
        .iter()
        .map(|(name, handler, count, _)| (*name, *handler, *count))
        .collect();
    assert_eq!(found, listed, "paths without inputs: {unreached:?}");
}
