//! Speed of the network-on-chip alone: `cargo run --release -p emulator --example bench_noc [case]`, in processor time, traffic and
//! set-up included; the best of five rounds. Then, for large networks, one thread against two: wall time and processor time of pairs of runs, whose
//! packets must have the same times.
//!
//! Uniform traffic, single-flit packets. `vc`: 4 virtual channels of 8 slots, all delays 1; `fifo`: FIFOs of 8, all latencies 1. A flit-hop is a flit that leaves a router
//! (a packet to the neighbour makes two, one to its own node one).

#![allow(clippy::print_stdout)]

use emulator::noc::measure::Router;
use emulator::noc::traffic::{ALWAYS, Load, Pattern, Traffic};
use emulator::noc::{Mesh, fifo, vc};
use std::time::Instant;

struct Case {
    name: &'static str,
    side: u32,
    rate: f64,
    cycles: u64,
}

const fn case(name: &'static str, side: u32, rate: f64, cycles: u64) -> Case {
    Case {
        name,
        side,
        rate,
        cycles,
    }
}

const CASES: [Case; 12] = [
    case("vc 8x8 0.001", 8, 0.001, 400_000),
    case("vc 8x8 0.02", 8, 0.02, 100_000),
    case("vc 8x8 0.1", 8, 0.1, 20_000),
    case("vc 8x8 0.3", 8, 0.3, 8_000),
    case("vc 16x16 0.02", 16, 0.02, 10_000),
    case("vc 16x16 0.1", 16, 0.1, 3_000),
    case("vc 16x16 0.2", 16, 0.2, 2_000),
    case("vc 64x64 0.002", 64, 0.002, 4_000),
    case("vc 64x64 0.02", 64, 0.02, 800),
    case("fifo 8x8 0.001", 8, 0.001, 400_000),
    case("fifo 8x8 0.1", 8, 0.1, 20_000),
    case("fifo 8x8 0.3", 8, 0.3, 8_000),
];

const PAIRS: [Case; 3] = [
    case("2 threads vc 64x64 0.1", 64, 0.1, 300),
    case("2 threads vc 64x64 0.02", 64, 0.02, 800),
    case("2 threads vc 16x16 0.1", 16, 0.1, 6_000),
];

/// Rounds of a case, the best of which is shown, and the seconds that one takes.
const ROUNDS: usize = 5;
const LONG: f64 = 0.4;

/// Pairs of runs.
const REPEATED: usize = 5;

/// Processor time of the whole program, ended threads included, in hundredths of a second.
fn all_cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    let ticks = |field: usize| fields.split_whitespace().nth(field)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

/// One run of a large network: wall seconds without traffic and set-up, processor seconds of the same, flit-hops, times.
fn large(case: &Case, threads: usize) -> (f64, f64, u64, Vec<emulator::noc::Times>) {
    let mesh = Mesh {
        width: case.side,
        height: case.side,
        locals: 1,
    };
    let load = Load {
        pattern: Pattern::Uniform,
        probability: (case.rate * ALWAYS as f64) as u64,
        size: 1,
        seed: 1,
    };
    let mut traffic = Traffic::new(mesh, load).expect("it fits");
    let mut packets = Vec::new();
    traffic.cycles(0..case.cycles, &mut packets);
    let parameters = vc::Parameters::new(mesh);
    let mut network = vc::Network::with_threads(&parameters, threads).expect("in range");
    network.send(&packets).expect("in order");
    let (start, busy) = (Instant::now(), all_cpu_seconds());
    network.drain();
    let wall = start.elapsed().as_secs_f64();
    let cpu = all_cpu_seconds()
        .zip(busy)
        .map_or(wall, |(now, then)| now - then);
    (wall, cpu, network.flit_hops(), network.times().to_vec())
}

fn pairs(case: &Case) {
    let mut runs = [Vec::new(), Vec::new()];
    let mut known = None;
    for _ in 0..REPEATED {
        for (threads, runs) in (1..).zip(&mut runs) {
            let (wall, cpu, hops, times) = large(case, threads);
            let known = known.get_or_insert_with(|| times.clone());
            assert!(*known == times, "{}: the threads show", case.name);
            runs.push((wall, cpu, hops));
        }
    }
    let mut ratios: Vec<f64> = (runs[0].iter().zip(&runs[1]))
        .map(|(one, two)| one.0 / two.0)
        .collect();
    ratios.sort_by(f64::total_cmp);
    let best = |runs: &[(f64, f64, u64)], which: fn(&(f64, f64, u64)) -> f64| {
        runs.iter().map(which).fold(f64::INFINITY, f64::min)
    };
    let [one, two] = [0, 1].map(|i| (best(&runs[i], |r| r.0), best(&runs[i], |r| r.1)));
    println!(
        "{:<24} one thread {:.3} s ({:.2} s cpu, {:.2} M flit-hops/s), two {:.3} s ({:.2} s cpu): best to best {:.2}, median of pairs {:.2}; same times",
        case.name,
        one.0,
        one.1,
        runs[0][0].2 as f64 / one.0 / 1e6,
        two.0,
        two.1,
        one.0 / two.0,
        ratios[ratios.len() / 2]
    );
}

/// Processor time of this thread, where the system tells it: less disturbed by other work than wall time.
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split_whitespace().next()?.parse::<u64>().ok()? as f64 * 1e-9)
}

/// Runs a case; flit-hops of delivered packets.
fn run(case: &Case) -> u64 {
    let mesh = Mesh {
        width: case.side,
        height: case.side,
        locals: 1,
    };
    let load = Load {
        pattern: Pattern::Uniform,
        probability: (case.rate * ALWAYS as f64) as u64,
        size: 1,
        seed: 1,
    };
    let mut traffic = Traffic::new(mesh, load).expect("it fits");
    let mut router: Box<dyn Router> = if case.name.starts_with("vc") {
        Box::new(vc::Network::new(&vc::Parameters::new(mesh)).expect("in range"))
    } else {
        let chip = fifo::unit_chip(&mesh, &[]).expect("valid");
        Box::new(fifo::Network::new(&chip).expect("it fits"))
    };
    let mut packets = Vec::new();
    let mut hops = 0;
    for first in (0..case.cycles).step_by(100) {
        packets.clear();
        traffic.cycles(first..first + 100, &mut packets);
        let passed = |p: &emulator::noc::Packet| u64::from(mesh.routers_passed(p.source, p.target));
        hops += packets.iter().map(passed).sum::<u64>();
        router.send(&packets).expect("in order");
        router.run(first + 100);
    }
    router.drain();
    assert!(router.times().iter().all(|times| times.tail != u64::MAX));
    hops
}

/// Runs a case so often; seconds, flit-hops of delivered packets.
fn round(case: &Case, repeated: usize) -> (f64, u64) {
    let (start, busy) = (Instant::now(), cpu_seconds());
    let hops = (0..repeated).map(|_| run(case)).sum();
    let wall = start.elapsed().as_secs_f64();
    let seconds = cpu_seconds()
        .zip(busy)
        .map_or(wall, |(now, then)| now - then);
    (seconds, hops)
}

fn main() {
    let only = std::env::args().nth(1);
    println!(
        "{:<16} {:>10} {:>12} {:>14}",
        "case", "cycles", "M cycles/s", "M flit-hops/s"
    );
    for case in &CASES {
        if only
            .as_deref()
            .is_some_and(|only| !case.name.contains(only))
        {
            continue;
        }
        // Processor time is counted in ticks of some milliseconds: rounds are so long that these do not matter.
        let repeated = (LONG / round(case, 1).0.max(0.01)).ceil() as usize;
        let rounds = (0..ROUNDS).map(|_| round(case, repeated));
        let (seconds, hops) = rounds
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .expect("some rounds");
        println!(
            "{:<16} {:>10} {:>12.3} {:>14.2}",
            case.name,
            case.cycles,
            case.cycles as f64 * repeated as f64 / seconds / 1e6,
            hops as f64 / seconds / 1e6
        );
    }
    for case in &PAIRS {
        if only.as_deref().is_none_or(|only| case.name.contains(only)) {
            pairs(case);
        }
    }
}
