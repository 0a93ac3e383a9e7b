//! The complete neuron of TrueNorth: the kernel on both engines against its equations, one neuron at a time.
//!
//! Invariant: the equations stand here as in the paper (Cassidy et al., IJCNN 2013) and share with the kernel the random
//! words only: their function is `isa::rng`, their sites the places of `rng` in the program.

use crate::random::Random;
use assembler::kernels::{self, Kernel};
use emulator::{Between, Options, SampleInput, Timing, reference};
use isa::ChipSpec;
use isa::op::{Handler, Op, decode};
use isa::rng::{draw_lane, draw_synapse, site};
use std::collections::BTreeMap;
use std::fmt::Write;

const NEURONS: usize = 256;
const AXONS: usize = 256;
const SEED: u64 = 0xC0FF_EE00_1234_5678;

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
    fn flag(&mut self) -> bool {
        self.below(2) == 1
    }
    /// 0 … 2^bits − 1: all widths alike, the ends more often.
    fn magnitude(&mut self, bits: u64) -> i64 {
        let width = self.below(bits + 1);
        let most = (1 << width) - 1;
        match self.below(8) {
            0 => most,
            1 => 0,
            _ => self.below(most as u64 + 1) as i64,
        }
    }
    fn signed(&mut self, bits: u64) -> i64 {
        let size = self.magnitude(bits);
        if self.flag() { -size } else { size }
    }
}

/// The 23 parameters and the potential; a sign and a magnitude of the chip are one number here.
struct Neuron {
    s: [i64; 4],
    b: [bool; 4],
    leak: i64,
    c: bool,
    epsilon: bool,
    alpha: i64,
    beta: i64,
    tm: u32,
    gamma: u8,
    kappa: bool,
    reset: i64,
    v: i64,
}

/// What a group's neurons share, where it is no slot of the lane.
#[derive(Clone, Copy)]
struct Shared {
    /// gamma, kappa, epsilon, if they are those of the group.
    modes: Option<(u8, bool, bool)>,
    stochastic: bool,
    clamp: bool,
}

impl Neuron {
    fn random(random: &mut Random, shared: Shared) -> Neuron {
        let modes = (random.below(3) as u8, random.flag(), random.flag());
        let (gamma, kappa, epsilon) = shared.modes.unwrap_or(modes);
        let flag = |random: &mut Random| random.flag() && shared.stochastic;
        let reset = if random.below(4) == 0 {
            random.signed(19)
        } else {
            // sigma_VR (2^VR - 1)
            let size = (1 << random.below(19)) - 1;
            if random.flag() { -size } else { size }
        };
        let mut neuron = Neuron {
            s: [(); 4].map(|()| random.signed(8)),
            b: [(); 4].map(|()| flag(random)),
            leak: random.signed(8),
            c: flag(random),
            epsilon,
            alpha: random.magnitude(18),
            beta: random.magnitude(18),
            tm: if flag(random) {
                random.below(19) as u32
            } else {
                0
            },
            gamma,
            kappa,
            reset,
            v: random.signed(19),
        };
        // At the ends of the range, where the ceiling is.
        if random.below(16) == 0 {
            neuron.v = (1 << 18) + random.below(1 << 18) as i64;
            neuron.alpha = (1 << 18) - 1 - random.magnitude(12);
            neuron.tm = if shared.stochastic { 18 } else { 0 };
        }
        neuron
    }

    /// One tick with the kinds and sources of the active axons that it is connected to.
    fn tick(
        &mut self,
        active: &[(usize, u32)],
        id: u32,
        step: u32,
        sites: &Sites,
        shared: Shared,
    ) -> Tick {
        // F(x, rho), eq. of the stochastic synapse and leak.
        let unit = |x: i64, word: u32| {
            let rho = i64::from(word >> 24);
            if x.abs() >= rho { x.signum() } else { 0 }
        };
        let mut v = self.v;
        for &(kind, source) in active {
            let s = self.s[kind];
            v += if self.b[kind] {
                unit(s, draw_synapse(SEED, step, id, source, 0, sites.synapse))
            } else {
                s
            };
        }
        let leak = if self.c {
            unit(self.leak, draw_lane(SEED, step, id, sites.leak))
        } else {
            self.leak
        };
        if self.epsilon {
            let sign = v.signum();
            v += sign * leak;
            if v.signum() != sign {
                v = 0;
            }
        } else {
            v += leak;
        }
        let ceiling = (1 << 18) + (1 << 17);
        if shared.clamp {
            v = v.clamp(-ceiling, ceiling);
        }
        let mask = (1u32 << self.tm) - 1;
        let eta = if mask == 0 {
            0
        } else {
            i64::from(draw_lane(SEED, step, id, sites.threshold) & mask)
        };
        let held = shared.clamp && v == ceiling && v < self.alpha + eta;
        let fires = v >= self.alpha + eta || held;
        let negative = self.beta + if self.kappa { 0 } else { eta };
        let below = !fires && v < -negative;
        if fires {
            v = match self.gamma {
                0 => self.reset,
                1 => v - (self.alpha + eta),
                _ => v,
            };
        } else if below {
            v = match (self.kappa, self.gamma) {
                (true, _) => -self.beta,
                (false, 0) => -self.reset,
                (false, 1) => v + negative,
                _ => v,
            };
        }
        self.v = v.clamp(-(1 << 19), (1 << 19) - 1);
        Tick { fires, below, held }
    }
}

/// What a neuron did.
struct Tick {
    fires: bool,
    /// It was below the negative threshold.
    below: bool,
    /// It fires for the ceiling alone.
    held: bool,
}

/// Where the kernel draws.
#[derive(Default)]
struct Sites {
    synapse: u32,
    leak: u32,
    threshold: u32,
}

impl Sites {
    fn of(kernel: &Kernel, shared: Shared) -> Sites {
        if !shared.stochastic {
            return Sites::default();
        }
        let of = |handler: Handler, code: &[u32]| -> Vec<u32> {
            let draws = code.iter().zip(0..);
            let draws = draws.filter(|(word, _)| decode(**word).unwrap().op == Op::Rng);
            draws.map(|(_, index)| site(handler, index)).collect()
        };
        let update = of(Handler::Update, &kernel.update);
        let [leak, threshold] = update[..] else {
            panic!("two draws: {update:?}")
        };
        let on_spike = of(Handler::OnSpike, &kernel.on_spike);
        let [synapse] = on_spike[..] else {
            panic!("one draw: {on_spike:?}")
        };
        Sites {
            synapse,
            leak,
            threshold,
        }
    }
}

/// gamma, kappa, epsilon, c, any b, tm > 0.
type Modes = (u8, bool, bool, bool, bool, bool);

/// What the neurons came upon.
#[derive(Default)]
struct Seen {
    /// Spikes, times below, ticks.
    modes: BTreeMap<Modes, [u64; 3]>,
    /// Synaptic events: plain, stochastic.
    events: [u64; 2],
    /// Spikes for the ceiling alone.
    held: u64,
}

/// A core of random neurons with random axons and input.
struct Case {
    shared: Shared,
    neurons: Vec<Neuron>,
    kinds: Vec<usize>,
    /// Axons of each neuron.
    rows: Vec<Vec<usize>>,
    /// Axons of each tick, ascending.
    ticks: Vec<Vec<usize>>,
    options: Vec<(&'static str, i64)>,
}

impl Case {
    fn random(random: &mut Random, ticks: usize) -> Case {
        let modes = (random.below(3) as u8, random.flag(), random.flag());
        let shared = Shared {
            modes: (random.below(4) == 0).then_some(modes),
            stochastic: random.below(8) != 0,
            clamp: random.below(4) == 0,
        };
        let stochastic = i64::from(shared.stochastic);
        let mut options = vec![
            ("B", stochastic),
            ("C", stochastic),
            ("TM", stochastic),
            ("CLAMP", i64::from(shared.clamp)),
            ("MODES", i64::from(shared.modes.is_none())),
        ];
        if let Some((gamma, kappa, epsilon)) = shared.modes {
            options.push(("GAMMA", gamma.into()));
            options.push(("KAPPA", kappa.into()));
            options.push(("EPSILON", epsilon.into()));
        }
        // The mean of synaptic events per neuron and tick is about 2, with cores from silence to a storm.
        let connected = 1 + random.below(64);
        let active = random.below(1 + 1024 / connected);
        Case {
            shared,
            neurons: (0..NEURONS)
                .map(|_| Neuron::random(random, shared))
                .collect(),
            kinds: (0..AXONS).map(|_| random.below(4) as usize).collect(),
            rows: (0..NEURONS)
                .map(|_| {
                    (0..AXONS)
                        .filter(|_| random.below(256) < connected)
                        .collect()
                })
                .collect(),
            ticks: (0..ticks)
                .map(|_| (0..AXONS).filter(|_| random.below(1024) < active).collect())
                .collect(),
            options,
        }
    }

    fn text(&self) -> String {
        let mut text =
            format!(".image network=modes chip=truenorth\n.input axons shape=[{AXONS}]\n");
        for axon in 0..AXONS {
            writeln!(text, ".element -> core 0 axon {axon}").unwrap();
        }
        text += ".core 0\n.format bits crossbar slot=1\n";
        writeln!(text, ".group lanes={NEURONS}\n.kernel truenorth").unwrap();
        text.truncate(text.len() - 1);
        for (name, value) in &self.options {
            write!(text, " {name}={value}").unwrap();
        }
        text.push('\n');
        let mut slot = |name: &str, value: &dyn Fn(&Neuron) -> i64| {
            let values: Vec<String> = self.neurons.iter().map(|n| value(n).to_string()).collect();
            writeln!(text, ".slot {name} = {}", values.join(" ")).unwrap();
        };
        slot("v", &|n| n.v);
        for kind in 0..4 {
            slot(&format!("s{kind}"), &|n| n.s[kind]);
        }
        slot("leak", &|n| n.leak);
        slot("alpha", &|n| n.alpha);
        slot("beta", &|n| n.beta);
        slot("reset_v", &|n| n.reset);
        if self.shared.stochastic {
            slot("b", &|n| {
                (0..4).map(|kind| i64::from(n.b[kind]) << kind).sum()
            });
            slot("c", &|n| n.c.into());
            slot("tm", &|n| n.tm.into());
        }
        if self.shared.modes.is_none() {
            slot("gamma", &|n| n.gamma.into());
            slot("kappa", &|n| n.kappa.into());
            slot("epsilon", &|n| n.epsilon.into());
        }
        for (axon, kind) in self.kinds.iter().enumerate() {
            writeln!(text, ".axon input {axon} kind={kind}").unwrap();
            let lanes: Vec<String> = (0..NEURONS)
                .filter(|n| self.rows[*n].contains(&axon))
                .map(|n| n.to_string())
                .collect();
            if !lanes.is_empty() {
                writeln!(text, ".crossbar = {}", lanes.join(" ")).unwrap();
            }
        }
        writeln!(text, ".probe v slot=v = 0..={}", NEURONS - 1).unwrap();
        text
    }

    fn sample(&self) -> SampleInput {
        let mut offsets = vec![0];
        let mut elements = Vec::new();
        for tick in &self.ticks {
            elements.extend(tick.iter().map(|axon| *axon as u32));
            offsets.push(elements.len() as u32);
        }
        SampleInput {
            steps: self.ticks.len() as u32,
            offsets,
            values: vec![1; elements.len()],
            elements,
        }
    }

    /// Runs the core on an engine and neuron by neuron. Both must agree in every potential of every tick and in every spike.
    fn check(mut self, literal: bool, seen: &mut Seen) {
        let image = assembler::assemble(&self.text(), "modes.s").expect("it assembles");
        let chip = ChipSpec::preset("truenorth")
            .expect("a preset")
            .expect("valid");
        assert_eq!(isa::verify::structure(&image), []);
        assert_eq!(isa::verify::fits(&image, &chip), []);
        let sample = self.sample();
        let (spikes, potentials) = if literal {
            let events = crate::compare::events(&sample);
            let setup = reference::Setup {
                seed: SEED,
                reset: true,
                extra_steps: 0,
            };
            let mut outcomes = reference::run(&image, &chip, &[events], &setup);
            let outcome = outcomes.remove(0);
            (outcome.spikes, outcome.probes.into_iter().next())
        } else {
            let options = Options {
                seed: SEED,
                threads: 1,
                timing: Timing::Off,
                between: Between::Reset,
                drain: 0,
                record_spikes: true,
                record_packets: false,
            };
            let results = emulator::run(&image, &chip, &[sample], &options, &|_| ());
            let result = results.expect("it runs").remove(0);
            (result.spikes, result.probes.into_iter().next())
        };
        let potentials = potentials.expect("a probe");
        assert_eq!(potentials.len(), self.ticks.len() * NEURONS);
        let kernel = kernels::instantiate("truenorth", &self.options).expect("it is there");
        let sites = Sites::of(&kernel, self.shared);
        let mut expected = Vec::new();
        let mut active = Vec::new();
        for (step, tick) in self.ticks.iter().enumerate() {
            let mut on = [false; AXONS];
            tick.iter().for_each(|axon| on[*axon] = true);
            for id in 0..NEURONS {
                active.clear();
                for axon in self.rows[id].iter().filter(|axon| on[**axon]) {
                    active.push((self.kinds[*axon], 1 << 31 | *axon as u32));
                }
                let neuron = &mut self.neurons[id];
                let did = neuron.tick(&active, id as u32, step as u32, &sites, self.shared);
                assert_eq!(
                    i64::from(potentials[step * NEURONS + id]),
                    neuron.v,
                    "{:?}: potential of neuron {id} after tick {step}",
                    self.options
                );
                if did.fires {
                    expected.push((step as u32, id as u32));
                }
                let n = &self.neurons[id];
                for (kind, _) in &active {
                    seen.events[usize::from(n.b[*kind])] += 1;
                }
                seen.held += u64::from(did.held);
                let any_b = n.b.contains(&true);
                let key = (n.gamma, n.kappa, n.epsilon, n.c, any_b, n.tm > 0);
                let counts = seen.modes.entry(key).or_default();
                counts[0] += u64::from(did.fires);
                counts[1] += u64::from(did.below);
                counts[2] += 1;
            }
        }
        assert!(expected == spikes, "{:?}: spikes differ", self.options);
    }
}

/// Every combination of modes must have come, fired, and gone below.
fn all_modes(seen: &Seen) {
    assert_eq!(seen.modes.len(), 3 * 2 * 2 * 2 * 2 * 2);
    assert!(
        seen.events.iter().all(|n| *n > 1_000_000),
        "{:?}",
        seen.events
    );
    assert!(seen.held > 1000, "{} spikes at the ceiling", seen.held);
    for (modes, [spikes, below, ticks]) in &seen.modes {
        assert!(
            *spikes > 0 && *below > 0 && spikes + below < *ticks,
            "{modes:?}: {spikes} spikes, {below} times below in {ticks} ticks"
        );
    }
}

/// 10,240,000 neuron-ticks.
#[test]
fn the_fast_engine_runs_the_equations() {
    let mut random = Random(1);
    let mut seen = Seen::default();
    for _ in 0..160 {
        Case::random(&mut random, 250).check(false, &mut seen);
    }
    let ticks: u64 = seen.modes.values().map(|counts| counts[2]).sum();
    assert!(ticks >= 10_000_000, "{ticks}");
    all_modes(&seen);
}

#[test]
fn the_literal_engine_runs_the_equations() {
    let mut random = Random(2);
    let mut seen = Seen::default();
    for _ in 0..12 {
        Case::random(&mut random, 12).check(true, &mut seen);
    }
    assert!(seen.modes.len() > 48, "{}", seen.modes.len());
    assert!(seen.events.iter().all(|n| *n > 0), "{:?}", seen.events);
}

/// The pages of kernels that draw state how long their handlers are.
#[test]
fn the_pages_count_instructions() {
    for (name, sets) in [
        ("truenorth", ["", "B=1", "B=1 C=1 TM=1 MODES=1"]),
        ("stochastic", ["", "NOISE=1", "REFRACT=1"]),
    ] {
        let path = crate::cli::root().join(format!("docs/kernels/{name}.md"));
        let page = std::fs::read_to_string(path).expect("a page");
        for set in sets {
            let options: Vec<(&str, i64)> = set
                .split_whitespace()
                .map(|option| (option.split_once('=').unwrap().0, 1))
                .collect();
            let kernel = kernels::instantiate(name, &options).expect("it is there");
            let (update, on_spike) = (kernel.update.len(), kernel.on_spike.len());
            let options = match set {
                "" => "none".to_owned(),
                _ => format!("`{set}`"),
            };
            let row = format!("| {options} | {update} | {on_spike} |");
            assert!(page.contains(&row), "{name}.md should say {row}");
        }
    }
}
