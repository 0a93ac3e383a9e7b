//! The execution vectors of `specs/exec.toml`: every instruction gives the expected values on both engines.
//!
//! Handlers begin with zeros, so registers and predicates come from further state slots, and go to slots at the end.

use crate::build::alone;
use crate::compare::{ENGINE, difference, fast, options, slow};
use crate::random_image::Case;
use emulator::{Between, Options, SampleInput};
use isa::chip::ChipSpec;
use isa::ids::{CoreId, INPUT_ID, NeuronId};
use isa::image::{
    Axon, CoreProgram, Dest, Group, HOST, Image, InputPort, Io, Meta, OutputPort, OutputSource,
    Population, Readout, Reduce, Segment, Slot, SynapseFormat, SynapseKind, WeightSign,
};
use isa::op::{Instr, Op, decode, encode};
use std::path::Path;
use toml::{Table, Value};

/// Vectors at steps that no run reaches: `rng` at step −1 of an update, `mfs` at step 2^32 − 1.
const OUT_OF_REACH: usize = 2;

#[test]
fn every_instruction_does_what_its_vectors_say() {
    let _sound = ENGINE.read().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs/exec.toml");
    let file: Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let cases = file["case"].as_array().unwrap();
    let mut skipped = 0;
    for case in cases {
        let vector = Vector(case.as_table().unwrap());
        if vector.step() as u32 > 1 << 20 && !vector.on_spike() {
            skipped += 1;
            continue;
        }
        vector.check();
    }
    assert_eq!(skipped, OUT_OF_REACH);
}

struct Vector<'a>(&'a Table);

impl Vector<'_> {
    fn name(&self) -> String {
        format!("{} {}", self.0["op"], self.0["name"])
    }

    fn number(&self, key: &str) -> i64 {
        self.0
            .get(key)
            .map_or(0, |value| value.as_integer().unwrap())
    }

    fn step(&self) -> i64 {
        self.number("step")
    }

    fn on_spike(&self) -> bool {
        self.0
            .get("handler")
            .is_some_and(|name| name.as_str() == Some("on_spike"))
    }

    fn list(&self, key: &str) -> Vec<i64> {
        self.0.get(key).map_or(Vec::new(), numbers)
    }

    /// Slots of the vector, then registers r1 … r15 at entry, predicates, the same at the end.
    fn slots(&self) -> Vec<Slot> {
        let own = self.0.get("slots").map_or(Vec::new(), |list| {
            list.as_array().unwrap().iter().map(numbers).collect()
        });
        let mut slots: Vec<(u8, i32)> = own
            .iter()
            .map(|slot| (slot[0] as u8, slot[1] as i32))
            .collect();
        let entry = |key: &str, name: String| {
            self.0
                .get(key)
                .and_then(|values| values.get(name))
                .map_or(0, as_number) as i32
        };
        slots.extend((1..16).map(|r| (32, entry("registers", format!("r{r}")))));
        slots.extend((1..4).map(|p| (32, entry("predicates", format!("p{p}")))));
        slots.extend([(32, 0); 18]);
        let slot = |(i, (bits, value))| Slot {
            name: format!("s{i}"),
            bits,
            init: vec![value],
        };
        slots.into_iter().enumerate().map(slot).collect()
    }

    /// The instructions between loads of what the vector gives and stores of everything.
    fn code(&self) -> Vec<u32> {
        let own = self
            .0
            .get("slots")
            .map_or(0, |list| list.as_array().unwrap().len()) as u8;
        let lds = |rd, slot| Instr {
            rd,
            slot,
            ..Instr::new(Op::Lds)
        };
        let sts = |rd, slot| Instr {
            rd,
            slot,
            ..Instr::new(Op::Sts)
        };
        let mut code = Vec::new();
        for p in (1..4).filter(|p| {
            self.0
                .get("predicates")
                .is_some_and(|given| given.get(format!("p{p}")).is_some())
        }) {
            code.push(lds(1, own + 14 + p));
            code.push(Instr {
                rd: p,
                ra: 1,
                ..Instr::new(Op::CmpNe)
            });
            code.push(Instr {
                rd: 1,
                ..Instr::new(Op::Li)
            });
        }
        for r in (1..16).filter(|r| {
            self.0
                .get("registers")
                .is_some_and(|given| given.get(format!("r{r}")).is_some())
        }) {
            code.push(lds(r, own + r - 1));
        }
        code.extend(
            self.list("words")
                .iter()
                .map(|&word| decode(word as u32).unwrap())
                .filter(|i| i.op != Op::Halt),
        );
        // That a lane is idle cannot be proven here; elsewhere it is tested that the hint changes no value.
        code.iter_mut().for_each(|i| i.idle = false);
        code.extend((1..16).map(|r| sts(r, own + 18 + r - 1)));
        code.push(Instr {
            rd: 1,
            imm: 1,
            ..Instr::new(Op::Li)
        });
        for p in 1..4 {
            code.push(Instr {
                pred: p,
                rd: 2,
                ra: 1,
                ..Instr::new(Op::Sel)
            });
            code.push(sts(2, own + 18 + 14 + p));
        }
        code.push(Instr::new(Op::Halt));
        code.iter().map(encode).collect()
    }

    fn case(&self) -> Case {
        let mut chip = alone(ChipSpec::preset("tiny").unwrap().unwrap());
        chip.limits.neurons = 4096;
        chip.limits.state_slots = 256;
        chip.limits.code_words = 1 << 16;
        let (lane, id, ordinal) = (
            self.number("lane"),
            self.number("id"),
            self.number("ordinal"),
        );
        let mut constants = self.list("constants");
        let rule = self.0.get("accumulator");
        let mut group = Group {
            kernel: "custom".into(),
            lanes: lane as u32 + 1,
            update: Vec::new(),
            on_spike: Vec::new(),
            constants: Vec::new(),
            slots: self.slots(),
            tables: self.0.get("tables").map_or(Vec::new(), |list| {
                list.as_array()
                    .unwrap()
                    .iter()
                    .map(|t| narrow(&numbers(t)))
                    .collect()
            }),
            receptors: 4,
            accumulator_bits: rule.map_or(32, |rule| rule[0].as_integer().unwrap() as u8),
            accumulator_mode: if rule.is_some_and(|rule| rule[1].as_str() == Some("saturate")) {
                Reduce::Saturate
            } else {
                Reduce::Wrap
            },
        };
        if self.on_spike() {
            group.on_spike = self.code();
        } else {
            group.update = self.code();
            group.on_spike = sums(&self.list("accumulators"), &mut constants);
        }
        group.constants = narrow(&constants)
            .into_iter()
            .enumerate()
            .map(|(i, value)| (format!("c{i}"), value))
            .collect();
        // Neurons are numbered so that the lane has its id; the others fill the rest.
        let fill = Group {
            lanes: 1001,
            update: Vec::new(),
            on_spike: Vec::new(),
            slots: Vec::new(),
            tables: Vec::new(),
            constants: Vec::new(),
            ..group.clone()
        };
        let lanes = group.lanes + fill.lanes;
        let mut others = (0..lanes).filter(|&other| other != id as u32).map(NeuronId);
        let lane_ids = (0..lanes)
            .map(|l| {
                if l == lane as u32 {
                    NeuronId(id as u32)
                } else {
                    others.next().unwrap()
                }
            })
            .collect();
        let format = SynapseFormat {
            kind: SynapseKind::Sparse,
            sign: WeightSign::Signed,
            weight_bits: 9,
            exponent: 0,
            scale: 0,
            delay_bits: 2,
            index_bits: 12,
            weight_slot: 0,
        };
        // The first axon has the synapses of the pair that come before; only the second one gets a packet.
        let source = if self.on_spike() {
            self.number("source") as u32
        } else {
            INPUT_ID
        };
        let source = if source == 0 { INPUT_ID } else { source };
        let segment = |count| Segment {
            group: 0,
            format: 0,
            first_lane: 0,
            count,
        };
        let synapses = ordinal as usize + 1;
        let mut segments = vec![segment(ordinal as u32), segment(1)];
        segments.retain(|segment| segment.count > 0);
        let mut dest_counts = vec![0; lanes as usize];
        dest_counts[lane as usize] = 1;
        let core = CoreProgram {
            core: CoreId(0),
            groups: vec![group, fill],
            formats: vec![format],
            axons: vec![
                Axon {
                    source,
                    segments: u16::from(ordinal > 0),
                    kind: 0,
                },
                Axon {
                    source,
                    segments: 1,
                    kind: self.number("kind") as u8,
                },
            ],
            segments,
            patterns: Vec::new(),
            shared: Vec::new(),
            targets: vec![lane as u16; synapses],
            weights: vec![self.number("weight") as i16; synapses],
            delays: vec![self.number("delay") as u8; synapses],
            rows: Vec::new(),
            lane_ids,
            dest_counts,
            dests: vec![Dest {
                target: HOST,
                axon: 0,
                delay: 0,
                joined: false,
            }],
        };
        let population = |first, count| Population {
            name: format!("p{first}"),
            first,
            count,
            depth: 0,
        };
        let populations = vec![
            population(0, id as u32),
            population(id as u32, 1),
            population(id as u32 + 1, lanes - id as u32 - 1),
        ];
        let element = (source & !INPUT_ID) as usize;
        let mut input_dest_counts = vec![0; element + 1];
        input_dest_counts[element] = 1;
        let port = InputPort {
            name: "in".into(),
            shape: vec![element as u32 + 1],
            port: 0,
            graded: true,
        };
        let output = OutputPort {
            name: "out".into(),
            shape: vec![1],
            depth: 0,
            readout: Readout::Count,
            source: OutputSource::Spikes { first: 0 },
        };
        let io = Io {
            model_dt_s: 0.0,
            drain: 0,
            inputs: vec![port],
            input_dest_counts,
            input_dests: vec![Dest {
                target: 0,
                axon: 1,
                delay: 0,
                joined: false,
            }],
            outputs: vec![output],
        };
        let meta = Meta {
            network: "vector".into(),
            chip: chip.name.clone(),
            limits: chip.limits_digest(),
        };
        let image = Image {
            meta,
            cores: vec![core],
            io,
            populations: populations.into_iter().filter(|p| p.count > 0).collect(),
            probes: vec![],
        };
        let violations = [
            isa::verify::structure(&image),
            isa::verify::fits(&image, &chip),
        ]
        .concat();
        assert!(violations.is_empty(), "{}: {}", self.name(), violations[0]);
        Case {
            chip,
            image,
            samples: vec![self.sample(element as u32)],
            between: Between::Reset,
            drain: 0,
        }
    }

    /// One packet, so that `on_spike` runs in the step of the vector, or its sums are read there.
    fn sample(&self, element: u32) -> SampleInput {
        let at = self.step() + i64::from(self.on_spike());
        let sent = self.on_spike() || self.0.contains_key("accumulators");
        let mut offsets = vec![0; at as usize + 1];
        offsets.push(u32::from(sent));
        let payload = if self.on_spike() {
            self.number("payload").max(1)
        } else {
            1
        };
        let (elements, values) = if sent {
            (vec![element], vec![payload as i32])
        } else {
            (vec![], vec![])
        };
        SampleInput {
            steps: at as u32 + 1,
            offsets,
            elements,
            values,
        }
    }

    fn check(&self) {
        let name = self.name();
        let case = self.case();
        let seed = self.number("seed") as u64;
        let long = case.samples[0].steps > 1000;
        let options = Options {
            seed,
            record_packets: !long,
            ..options(Between::Reset, 0)
        };
        let fast = fast(&case, &options).unwrap_or_else(|error| panic!("{name}: {error}"));
        let slow = slow(&case, seed);
        assert_eq!(difference(&case, &fast, &slow), None, "{name}");
        // Engines agree; is it right?
        let (lane, id) = (self.number("lane") as usize, self.number("id"));
        let expect = self.0["expect"].as_table().unwrap();
        let words = &slow[0].words[0];
        let own = self
            .0
            .get("slots")
            .map_or(0, |list| list.as_array().unwrap().len());
        let at_end = |index: usize| i64::from(words.state[0][own + 18 + index][lane]);
        for (register, value) in expect
            .get("registers")
            .map(|t| t.as_table().unwrap())
            .into_iter()
            .flatten()
        {
            let r: usize = register[1..].parse().unwrap();
            assert_eq!(at_end(r - 1), as_number(value), "{name}: {register}");
        }
        for (predicate, value) in expect
            .get("predicates")
            .map(|t| t.as_table().unwrap())
            .into_iter()
            .flatten()
        {
            let p: usize = predicate[1..].parse().unwrap();
            assert_eq!(at_end(14 + p), as_number(value), "{name}: {predicate}");
        }
        let state: Vec<i64> = (0..own)
            .map(|slot| words.state[0][slot][lane].into())
            .collect();
        let before: Vec<i64> = self.slots()[..own]
            .iter()
            .map(|slot| slot.init[0].into())
            .collect();
        assert_eq!(
            state,
            expect.get("state").map_or(before, numbers),
            "{name}: state"
        );
        let mut acc: Vec<Vec<i64>> = Vec::new();
        for (&(slot, at, bank), &sum) in words.accumulators.iter().filter(|_| self.on_spike()) {
            assert_eq!(at, lane, "{name}");
            acc.push(vec![bank as i64, slot - self.step() - 1, sum]);
        }
        let expected: Vec<Vec<i64>> = expect.get("acc").map_or(Vec::new(), |list| {
            list.as_array().unwrap().iter().map(numbers).collect()
        });
        assert_eq!(acc, expected, "{name}: acc");
        let step = self.step().max(0) as u32;
        let sent: Vec<i64> = slow[0]
            .outputs
            .iter()
            .filter(|(t, ..)| *t == step)
            .map(|(.., payload)| i64::from(*payload))
            .collect();
        assert_eq!(
            sent,
            expect.get("send").map_or(Vec::new(), numbers),
            "{name}: send"
        );
        let population = case
            .image
            .populations
            .iter()
            .position(|p| i64::from(p.first) == id)
            .unwrap();
        let runs = if self.on_spike() {
            1
        } else {
            u64::from(case.samples[0].steps)
        };
        let draws = expect.get("draws").map_or(0, as_number) as u64;
        assert_eq!(
            slow[0].populations[population].random_draws,
            draws * runs,
            "{name}: draws"
        );
    }
}

/// `on_spike` that adds these sums to the receptors, in pieces that registers hold.
fn sums(sums: &[i64], constants: &mut Vec<i64>) -> Vec<u32> {
    let mut code = Vec::new();
    for (bank, &sum) in sums.iter().enumerate() {
        let piece = i64::from(i32::MAX) * sum.signum();
        let whole = if piece == 0 { 0 } else { sum / piece };
        for (value, times) in [(piece, whole), (sum - piece * whole, 1)] {
            let add = Instr {
                rd: 1,
                konst: true,
                rb: constants.len() as u8,
                ..Instr::new(Op::Add)
            };
            constants.push(value);
            code.push(add);
            code.extend((0..times).map(|_| Instr {
                ra: 1,
                field: bank as u8,
                ..Instr::new(Op::Acc)
            }));
        }
    }
    code.push(Instr::new(Op::Halt));
    code.iter().map(encode).collect()
}

fn as_number(value: &Value) -> i64 {
    value
        .as_integer()
        .or(value.as_bool().map(i64::from))
        .unwrap()
}

fn numbers(list: &Value) -> Vec<i64> {
    list.as_array().unwrap().iter().map(as_number).collect()
}

fn narrow(values: &[i64]) -> Vec<i32> {
    values
        .iter()
        .map(|&value| i32::try_from(value).unwrap())
        .collect()
}
