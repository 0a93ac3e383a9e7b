//! Latency and throughput of the `vc` router under random traffic against the reference curves, which drew other numbers.
//!
//! A few points always; all 21 curves with `SPIKEMESH_CURVES_NOC=all cargo test --release --test it curves_noc -- --nocapture`.
//! Gates: below 0.9 of the saturation the reference gives, latency within 2 % and accepted flits within 1 %; from there on, where runs of
//! this length are transient, 10 % and 3 %; accepted flits at overload within 3 %. To each comes three times the uncertainty
//! of the difference: the spread between our seeds, for as many seeds as either side has. (At 0.9 of saturation mean latencies of
//! two seeds differ by up to 8 % in the reference itself, at saturation by half.)

#![allow(clippy::print_stdout, reason = "what was compared")]

use crate::golden_noc::{files, parameters};
use emulator::noc::measure::{Measured, UNSTABLE_CYCLES, measure};
use emulator::noc::traffic::{ALWAYS, Load, Pattern};
use emulator::noc::vc;
use serde_json::Value;

/// What a curve's parameters say of traffic and measuring.
const APART: [&str; 12] = [
    "packet_size",
    "injection_process",
    "traffic",
    "sample_period",
    "sim_count",
    "warmup_periods",
    "max_samples",
    "stopping_thres",
    "acc_stopping_thres",
    "latency_thres",
    "sim_type",
    "seed",
];

/// Always compared, every point of them.
const SHORT: [&str; 5] = [
    "mesh4x4_A_vc1b8_transpose",
    "mesh4x4_D_vc1b2_uniform",
    "mesh4x4_F_vc4b4_spec_uniform",
    "mesh4x4_G_vc4b8_5flit_uniform",
    "mesh4x4_H_vc2b8_2flit_uniform",
];

struct Curve {
    name: String,
    parameters: vc::Parameters,
    pattern: Pattern,
    size: u32,
    cycles: u64,
    saturation: f64,
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

impl Curve {
    fn new(value: &Value) -> Curve {
        let pattern = value["pattern"].as_str().expect("a pattern");
        let known = Pattern::ALL.iter().find(|(name, _)| *name == pattern);
        Curve {
            name: value["name"].as_str().expect("a name").to_owned(),
            parameters: parameters(&value["params"], &APART),
            pattern: known.expect("a known pattern").1,
            size: number(&value["params"]["packet_size"]) as u32,
            cycles: 3 * number(&value["params"]["sample_period"]) as u64,
            saturation: number(&value["saturation"]["packets_per_node_cycle"]),
        }
    }

    /// Runs a load with so many seeds.
    fn measure(&self, rate: f64, seeds: u64) -> Vec<Measured> {
        (0..seeds)
            .map(|seed| {
                let load = Load {
                    pattern: self.pattern,
                    probability: (rate * ALWAYS as f64) as u64,
                    size: self.size,
                    seed: 1000 + seed,
                };
                let mut network = vc::Network::new(&self.parameters).expect("in range");
                measure(&mut network, load, self.cycles, UNSTABLE_CYCLES).expect("it fits")
            })
            .collect()
    }

    /// Flits per node and cycle.
    fn accepted(&self, seeds: &[Measured]) -> Sample {
        let node_cycles = self.cycles as f64 * f64::from(self.parameters.mesh.nodes());
        Sample::new(seeds.iter().map(|m| m.flits as f64 / node_cycles))
    }
}

/// Mean and standard deviation over seeds.
struct Sample {
    mean: f64,
    deviation: f64,
    seeds: f64,
}

impl Sample {
    fn new(values: impl Iterator<Item = f64>) -> Sample {
        let values: Vec<f64> = values.collect();
        let seeds = values.len() as f64;
        let mean = values.iter().sum::<f64>() / seeds;
        let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
        Sample {
            mean,
            deviation: (squares / (seeds - 1.0)).sqrt(),
            seeds,
        }
    }

    /// Three times the uncertainty of the difference to another mean, as a share.
    fn noise(&self, other_seeds: f64) -> f64 {
        3.0 * self.deviation * (1.0 / self.seeds + 1.0 / other_seeds).sqrt() / self.mean
    }
}

/// What was compared and what was outside of its gate.
#[derive(Default)]
struct Tally {
    compared: u32,
    outside: Vec<String>,
    /// Largest deviation of latency and of accepted flits below 0.9 of saturation.
    largest: (f64, f64),
    /// Loads below 0.9 of saturation, and how many keep the gates of latency and of accepted flits without any allowance.
    low: u32,
    within: (u32, u32),
}

impl Tally {
    fn check(&mut self, what: &str, seen: f64, expected: f64, gate: f64) -> f64 {
        let deviation = seen / expected - 1.0;
        self.compared += 1;
        println!(
            "  {what}: {seen:.4}, reference {expected:.4}, {:+.2} % of {:.1} %",
            deviation * 100.0,
            gate * 100.0
        );
        if deviation.abs() > gate {
            self.outside
                .push(format!("{what}: {seen:.4}, reference {expected:.4}"));
        }
        deviation.abs()
    }
}

fn compare(curve: &Curve, value: &Value, seeds: u64, tally: &mut Tally) {
    println!("{}", curve.name);
    let points = value["points"].as_array().expect("points").iter();
    let stable: Vec<(&Value, f64)> = points
        .filter_map(|point| Some((point, point["avg_packet_latency"].as_f64()?)))
        .collect();
    for (point, latency) in &stable {
        let rate = number(&point["offered_packets_per_node_cycle"]);
        // The reference rounds its loads to four digits.
        let low = rate < 0.9 * curve.saturation - 1e-4;
        let seen = curve.measure(rate, seeds);
        let name = format!("{} at {rate}", curve.name);
        let theirs = number(&point["seeds"]);
        let accepted = curve.accepted(&seen);
        let gate = if low { 0.01 } else { 0.03 } + accepted.noise(theirs);
        let expected = number(&point["accepted_flits_per_node_cycle"]);
        let off = tally.check(&format!("{name}, accepted"), accepted.mean, expected, gate);
        let stable = seen.iter().filter(|m| m.stable);
        let means = Sample::new(stable.map(|m| m.latency as f64 / m.packets as f64));
        if means.seeds < seeds as f64 {
            tally.outside.push(format!("{name}: unstable"));
            continue;
        }
        let gate = if low { 0.02 } else { 0.1 } + means.noise(theirs);
        let late = tally.check(&format!("{name}, latency"), means.mean, *latency, gate);
        if low {
            tally.largest = (tally.largest.0.max(late), tally.largest.1.max(off));
            tally.low += 1;
            tally.within.0 += u32::from(late <= 0.02);
            tally.within.1 += u32::from(off <= 0.01);
        }
    }
    for point in value["overload"].as_array().expect("overload") {
        let rate = number(&point["offered_packets_per_node_cycle"]);
        let seen = curve.accepted(&curve.measure(rate, seeds));
        let expected = number(&point["accepted_flits_per_node_cycle"]);
        let name = format!("{} overloaded with {rate}, accepted", curve.name);
        tally.check(&name, seen.mean, expected, 0.03 + seen.noise(1.0));
    }
}

#[test]
fn curves_noc() {
    let all = std::env::var("SPIKEMESH_CURVES_NOC").is_ok_and(|v| v == "all");
    let mut tally = Tally::default();
    let mut curves = 0;
    for (name, text) in files()
        .iter()
        .filter(|(name, _)| name.starts_with("curves/"))
    {
        let value: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let curve = Curve::new(&value);
        if all || SHORT.contains(&curve.name.as_str()) {
            compare(&curve, &value, if all { 8 } else { 4 }, &mut tally);
            curves += 1;
        }
    }
    println!(
        "{curves} curves, {} values, {} outside; of {} loads below 0.9 of saturation {} within 2 % in latency (largest {:.2} %), {} within 1 % in accepted flits (largest {:.2} %), without allowance",
        tally.compared,
        tally.outside.len(),
        tally.low,
        tally.within.0,
        tally.largest.0 * 100.0,
        tally.within.1,
        tally.largest.1 * 100.0
    );
    assert!(tally.outside.is_empty(), "{}", tally.outside.join("\n"));
    assert!(std::env::var_os("SPIKEMESH_GOLDEN_NOC").is_some() || curves >= SHORT.len());
}
