//! Networks whose every spike, u and v are known from public emulators of Loihi 1: 49 cases, built as images without the
//! mapper, on one core and spread over five. `tests/data/loihi/README.md` has their rule and origin. `SPIKEMESH_GOLDEN_LOIHI`
//! names a folder of other cases in the same form.

use crate::cli::root;
use assembler::kernels::{self, Kernel};
use emulator::{Between, Options, SampleInput, SampleResult, Timing};
use isa::image::{
    Axon, CoreProgram, Dest, Group, Image, InputPort, Io, Meta, Population, Probe, Segment, Slot,
    SynapseFormat, SynapseKind, WeightSign,
};
use isa::{ChipSpec, CoreId, NeuronId, ids::INPUT_ID};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;

#[derive(Deserialize)]
struct Case {
    id: String,
    #[serde(rename = "T")]
    steps: u32,
    groups: Vec<Neurons>,
    inputs: Vec<Input>,
    projections: Vec<Projection>,
    expect: BTreeMap<String, Expected>,
}

#[derive(Deserialize)]
struct Neurons {
    name: String,
    n: u32,
    du: i32,
    dv: i32,
    vth: i32,
    bias_mant: OneOrAll,
    bias_exp: u32,
    refract: i32,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrAll {
    One(i32),
    All(Vec<i32>),
}

impl OneOrAll {
    fn at(&self, index: usize) -> i32 {
        match self {
            OneOrAll::One(value) => *value,
            OneOrAll::All(values) => values[index],
        }
    }
}

#[derive(Deserialize)]
struct Input {
    name: String,
    n: u32,
    /// Steps, elements.
    spikes: (Vec<u32>, Vec<u32>),
}

#[derive(Deserialize)]
struct Projection {
    pre: String,
    post: String,
    sign_mode: u8,
    weight_exp: i32,
    num_weight_bits: u8,
    pre_idx: Vec<u32>,
    post_idx: Vec<u32>,
    w: Vec<i32>,
    delay: OneOrAll,
}

#[derive(Deserialize)]
struct Expected {
    spikes: (Vec<u32>, Vec<u32>),
    n_spikes: usize,
    probe: Vec<usize>,
    u: Vec<Vec<i32>>,
    v: Vec<Vec<i32>>,
    u_sum: Vec<i64>,
    v_sum: Vec<i64>,
}

/// The weight that the chip makes of a mantissa.
fn weight(p: &Projection, w: i32) -> i64 {
    let dropped = 8 - u32::from(p.num_weight_bits) + u32::from(p.sign_mode == 1);
    let w = i64::from(w.signum()) * i64::from(w.abs() >> dropped << dropped);
    let shifted = match p.weight_exp {
        e @ 0.. => w << e,
        e => w >> -e,
    };
    (shifted << 6).clamp(-((1 << 21) - 64), (1 << 21) - 64)
}

/// How our chip stores the projection: format and mantissas. The bits that the rule drops go into the exponent; where the
/// chip has no code of that width or no such exponent, the mantissa keeps its 8 bits.
fn store(p: &Projection, lanes: u32, chip: &ChipSpec) -> (SynapseFormat, Vec<i16>) {
    let mixed = u8::from(p.sign_mode == 1);
    let narrow = (p.num_weight_bits, 8 + mixed - p.num_weight_bits);
    let known = chip.limits.weight_widths.contains(&narrow.0.into());
    let fits = p.weight_exp + i32::from(narrow.1) <= chip.limits.weight_exponent[1];
    let (bits, dropped) = if known && fits { narrow } else { (8, mixed) };
    let delays = (0..p.w.len()).map(|s| p.delay.at(s));
    let format = SynapseFormat {
        kind: SynapseKind::Sparse,
        sign: match p.sign_mode {
            1 => WeightSign::Signed,
            2 => WeightSign::Excitatory,
            _ => WeightSign::Inhibitory,
        },
        weight_bits: bits,
        exponent: (p.weight_exp + i32::from(dropped)) as i8,
        scale: 6,
        delay_bits: (32 - delays.max().unwrap_or(0).leading_zeros()) as u8,
        index_bits: (32 - (lanes - 1).leading_zeros()).max(6) as u8,
        weight_slot: 0,
    };
    let ours = |m: i16| match format.exponent {
        e @ 0.. => i64::from(m) << e << 6,
        e => i64::from(m) >> -e << 6,
    };
    let lost = 8 - p.num_weight_bits + mixed;
    let mantissas = p.w.iter().map(|&w| {
        let m = (w.signum() * (w.abs() >> lost << (lost - dropped))) as i16;
        assert_eq!(ours(m), weight(p, w), "no mantissa says {w}");
        m
    });
    (format, mantissas.collect())
}

/// The library's kernel with the registers of the group.
fn kernel(group: &Neurons) -> Kernel {
    let refract = i64::from(group.refract > 1);
    let options = [("BIAS", 1), ("REFRACT", refract)];
    let mut kernel = kernels::instantiate("cubalif", &options).expect("the library has it");
    for (name, value) in &mut kernel.constants {
        match name.as_str() {
            "DECAY_U" => *value = 4095 - group.du,
            "DECAY_V" => *value = 4096 - group.dv,
            "THETA" => *value = group.vth << 6,
            // The register counts the step of the spike, the constant the silent ones.
            "REFRACTORY" => *value = group.refract - 1,
            _ => assert_eq!((name.as_str(), *value), ("RESET_V", 0)),
        }
    }
    kernel
}

fn group(neurons: &Neurons, members: &[usize]) -> Group {
    let kernel = kernel(neurons);
    let slots = kernel.slots.into_iter().map(|(name, bits, value)| {
        let bias = |&i: &usize| neurons.bias_mant.at(i) << neurons.bias_exp;
        let mut init: Vec<i32> = match name.as_str() {
            "bias" => members.iter().map(bias).collect(),
            _ => vec![value],
        };
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

/// Synapses of one source in one core: group and format → target, mantissa, delay.
type Rows = BTreeMap<(u8, u8), Vec<(u16, i16, u8)>>;

/// Lanes, formats and synapses of one core. `members`: per group of the case the neurons that live here.
fn core(case: &Case, id: u32, members: &[Vec<usize>], chip: &ChipSpec) -> CoreProgram {
    let mut core = CoreProgram::new(CoreId(id), Vec::new());
    let mut axons: BTreeMap<u32, Rows> = BTreeMap::new();
    for (index, neurons) in case.groups.iter().enumerate() {
        let members = &members[index];
        if members.is_empty() {
            continue;
        }
        let here = core.groups.len() as u8;
        core.groups.push(group(neurons, members));
        let first = first_of(case, &neurons.name);
        let ids = members.iter().map(|&i| NeuronId(first + i as u32));
        core.lane_ids.extend(ids);
        for p in case.projections.iter().filter(|p| p.post == neurons.name) {
            let (format, mantissas) = store(p, members.len() as u32, chip);
            let known = core.formats.iter().position(|f| *f == format);
            let number = known.unwrap_or(core.formats.len());
            if known.is_none() {
                core.formats.push(format);
            }
            let first = first_of(case, &p.pre);
            for (s, mantissa) in mantissas.into_iter().enumerate() {
                if let Ok(lane) = members.binary_search(&(p.post_idx[s] as usize)) {
                    let synapse = (lane as u16, mantissa, p.delay.at(s) as u8);
                    let rows = axons.entry(first + p.pre_idx[s]).or_default();
                    rows.entry((here, number as u8)).or_default().push(synapse);
                }
            }
        }
    }
    for (source, rows) in axons {
        core.axons.push(Axon {
            source,
            segments: rows.len() as u16,
            kind: 0,
        });
        for ((group, format), synapses) in rows {
            core.segments.push(Segment {
                group,
                format,
                first_lane: 0,
                count: synapses.len() as u32,
            });
            core.targets.extend(synapses.iter().map(|s| s.0));
            core.weights.extend(synapses.iter().map(|s| s.1));
            if core.formats[usize::from(format)].delay_bits > 0 {
                core.delays.extend(synapses.iter().map(|s| s.2));
            }
        }
    }
    core
}

/// First logical id of a group, or of an input with its bit set.
fn first_of(case: &Case, name: &str) -> u32 {
    let mut first = 0;
    for group in &case.groups {
        if group.name == name {
            return first;
        }
        first += group.n;
    }
    let mut first = INPUT_ID;
    for input in &case.inputs {
        if input.name == name {
            return first;
        }
        first += input.n;
    }
    panic!("{}: no {name}", case.id)
}

/// The network on these cores, its neurons dealt out in turn.
fn image(case: &Case, on: &[u32], chip: &ChipSpec) -> Image {
    let neurons: u32 = case.groups.iter().map(|g| g.n).sum();
    let mut cores = Vec::new();
    for (turn, &id) in on.iter().enumerate().take(neurons as usize) {
        let members: Vec<Vec<usize>> = (case.groups.iter())
            .map(|g| {
                let first = first_of(case, &g.name) as usize;
                let mine = |&i: &usize| (first + i) % on.len() == turn;
                (0..g.n as usize).filter(mine).collect()
            })
            .collect();
        cores.push(core(case, id, &members, chip));
    }
    let mut dests: BTreeMap<u32, Vec<Dest>> = BTreeMap::new();
    for core in &cores {
        for (axon, source) in core.axons.iter().map(|a| a.source).enumerate() {
            dests.entry(source).or_default().push(Dest {
                target: core.core.0,
                axon: axon as u32,
                delay: 0,
                joined: false,
            });
        }
    }
    for core in &mut cores {
        for id in &core.lane_ids {
            let list = dests.get(&id.0).map_or(&[][..], Vec::as_slice);
            core.dest_counts.push(list.len() as u16);
            core.dests.extend(list);
        }
    }
    let elements: u32 = case.inputs.iter().map(|i| i.n).sum();
    let of_input = |e: u32| dests.get(&(INPUT_ID | e)).cloned().unwrap_or_default();
    let probe = |slot: &str| Probe {
        name: slot.to_owned(),
        slot: slot.to_owned(),
        neurons: (0..neurons).map(NeuronId).collect(),
    };
    Image {
        meta: Meta {
            network: case.id.clone(),
            chip: chip.name.clone(),
            limits: chip.limits_digest(),
        },
        io: Io {
            model_dt_s: 0.0,
            drain: 0,
            inputs: (case.inputs.iter())
                .map(|input| InputPort {
                    name: input.name.clone(),
                    shape: vec![input.n],
                    port: 0,
                    graded: false,
                })
                .collect(),
            input_dest_counts: (0..elements).map(|e| of_input(e).len() as u32).collect(),
            input_dests: (0..elements).flat_map(of_input).collect(),
            outputs: Vec::new(),
        },
        populations: (case.groups.iter())
            .map(|g| Population {
                name: g.name.clone(),
                first: first_of(case, &g.name),
                count: g.n,
                depth: 0,
            })
            .collect(),
        probes: vec![probe("u"), probe("v")],
        cores,
    }
}

/// The case counts steps from 1, the chip from 0: an input of step t acts in t with both.
fn sample(case: &Case) -> SampleInput {
    let mut events: BTreeMap<(u32, u32), i32> = BTreeMap::new();
    for input in &case.inputs {
        let first = first_of(case, &input.name) & !INPUT_ID;
        for (t, element) in input.spikes.0.iter().zip(&input.spikes.1) {
            *events.entry((t - 1, first + element)).or_default() += 1;
        }
    }
    let before = |t: u32| events.range(..(t, 0)).count() as u32;
    SampleInput {
        steps: case.steps,
        offsets: (0..=case.steps).map(before).collect(),
        elements: events.keys().map(|(_, element)| *element).collect(),
        values: events.values().copied().collect(),
    }
}

/// The first difference between what the chip did and what is known.
fn difference(case: &Case, got: &SampleResult) -> Option<String> {
    let neurons: usize = case.groups.iter().map(|g| g.n as usize).sum();
    let mut spikes = Vec::new();
    for group in &case.groups {
        let first = first_of(case, &group.name);
        let expected = &case.expect[&group.name];
        let (times, lanes) = &expected.spikes;
        assert_eq!((times.len(), lanes.len()), (expected.n_spikes, times.len()));
        spikes.extend(times.iter().zip(lanes).map(|(t, i)| (t - 1, first + i)));
    }
    spikes.sort_unstable();
    let mut ours = got.spikes.clone();
    ours.sort_unstable();
    if let Some((a, b)) = ours.iter().zip(&spikes).find(|(a, b)| a != b) {
        return Some(format!("spike {a:?} (step, neuron), not {b:?}"));
    }
    if ours.len() != spikes.len() {
        return Some(format!("{} spikes, not {}", ours.len(), spikes.len()));
    }
    for group in &case.groups {
        let first = first_of(case, &group.name) as usize;
        let expected = &case.expect[&group.name];
        let parts = [
            ("u", &expected.u, &expected.u_sum),
            ("v", &expected.v, &expected.v_sum),
        ];
        for ((slot, values, sums), ours) in parts.into_iter().zip(&got.probes) {
            assert_eq!(values.len(), expected.probe.len());
            assert_eq!(ours.len(), case.steps as usize * neurons);
            for (t, row) in ours.chunks(neurons).enumerate() {
                let place = |what: &str| format!("{slot} of {} in step {t}: {what}", group.name);
                for (&neuron, values) in expected.probe.iter().zip(values) {
                    let (a, b) = (row[first + neuron], values[t]);
                    if a != b {
                        return Some(place(&format!("neuron {neuron} has {a}, not {b}")));
                    }
                }
                let all = &row[first..first + group.n as usize];
                let sum: i64 = all.iter().map(|&x| i64::from(x)).sum();
                if sum != sums[t] {
                    return Some(place(&format!("the sum is {sum}, not {}", sums[t])));
                }
            }
        }
    }
    None
}

/// Builds, verifies and runs a case on these cores.
fn check(case: &Case, on: &[u32], timing: Timing, chip: &ChipSpec) -> Option<String> {
    let image = image(case, on, chip);
    let mut broken = isa::verify::structure(&image);
    if broken.is_empty() {
        broken = isa::verify::fits(&image, chip);
    }
    if let Some(first) = broken.first() {
        return Some(format!("does not fit: {first}"));
    }
    let options = Options {
        seed: 0,
        threads: 1,
        timing,
        between: Between::Reset,
        drain: 0,
        record_spikes: true,
        record_packets: false,
    };
    match emulator::run(&image, chip, &[sample(case)], &options, &|_| ()) {
        Ok(results) => difference(case, &results[0]),
        Err(error) => Some(error.to_string()),
    }
}

fn parse(texts: Vec<String>) -> Vec<Case> {
    let values = texts
        .iter()
        .map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap());
    values
        .filter(|value| value["format"] == "loihi-golden-1")
        .map(|value| serde_json::from_value(value).unwrap())
        .collect()
}

/// The cases of the repository.
fn packed() -> Vec<Case> {
    let file = std::fs::File::open(root().join("tests/data/loihi/cases.zip")).unwrap();
    let mut archive = zip::ZipArchive::new(file).unwrap();
    let mut texts = vec![String::new(); archive.len()];
    for (index, text) in texts.iter_mut().enumerate() {
        let mut entry = archive.by_index(index).unwrap();
        entry.read_to_string(text).unwrap();
    }
    let cases = parse(texts);
    assert_eq!(cases.len(), 49);
    cases
}

/// The cases of the folder that the environment names, else those of the repository.
fn cases() -> Vec<Case> {
    let Some(folder) = std::env::var_os("SPIKEMESH_GOLDEN_LOIHI") else {
        return packed();
    };
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "json"));
    paths.sort();
    let texts = paths.iter().map(|p| std::fs::read_to_string(p).unwrap());
    let cases = parse(texts.collect());
    assert!(!cases.is_empty(), "no case in the folder");
    cases
}

fn loihi() -> ChipSpec {
    ChipSpec::preset("loihi").expect("a preset").expect("valid")
}

#[test]
fn every_spike_and_state_is_that_of_the_public_emulators() {
    let (chip, cases) = (loihi(), cases());
    let mut wrong = Vec::new();
    for case in &cases {
        let one = check(case, &[0], Timing::Off, &chip);
        let five = || check(case, &[0, 3, 30, 77, 127], Timing::Cycle, &chip);
        if let Some(what) = one.or_else(five) {
            wrong.push(format!("{}: {what}", case.id));
        }
    }
    let equal = cases.len() - wrong.len();
    println!("{equal} of {} cases equal", cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_literal_emulator_agrees() {
    let chip = loihi();
    let some = ["negexp-2", "overflow-2", "recurrent-7"];
    for case in packed().iter().filter(|c| some.contains(&c.id.as_str())) {
        let image = image(case, &[0, 3, 30, 77, 127], &chip);
        crate::engines::alike(&case.id, &image, &chip, &[sample(case)], 0);
    }
}
