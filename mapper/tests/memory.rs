//! A network of 3.3 million synapses: time, and memory per synapse on top of the lowered network.
//!
//! The network is `mid128` of the benchmark suite: 128 blocks of 256 neurons, each neuron with 25 synapses into 4 blocks.

mod common;

use common::{Random, chip};
use mapper::{Objective, Options, map};
use network::lowered::*;

const BLOCKS: u64 = 128;
const BLOCK: u64 = 256;

fn mid128() -> Lowered {
    let mut r = Random(1);
    let n = BLOCKS * BLOCK;
    let mut s = Synapses {
        row_start: vec![0],
        ..Synapses::default()
    };
    for g in 0..n {
        let first = g / BLOCK + 1 + r.below(BLOCKS);
        for c in 0..4 {
            for _ in 0..25 {
                s.target
                    .push((((first + c * BLOCKS / 4) % BLOCKS) * BLOCK + r.below(BLOCK)) as u32);
                s.weight.push(
                    (64 * (1 + r.below(8) as i64) * if r.below(2) == 0 { 1 } else { -1 }) as f32,
                );
            }
        }
        s.row_start.push(s.target.len() as u32);
    }
    let values = vec![
        ("THETA".to_string(), IntParam::One(999 * 64)),
        ("bias".to_string(), IntParam::One(20 * 64)),
        (
            "v".to_string(),
            IntParam::Each((0..n).map(|_| 64 * r.below(1000) as i64).collect()),
        ),
    ];
    let model = Model::Kernel {
        name: "if".into(),
        options: vec![("BIAS".into(), 1)],
        values,
        params: Vec::new(),
    };
    let mut p = common::projection(Source::Population(0), 0, &[]);
    (p.unit, p.synapses, p.recurrent) = (WeightUnit::Effective, s, true);
    common::net(
        &[],
        vec![common::population("pop", n as u32, 0, model)],
        vec![p],
        &[0],
    )
}

/// Resident memory of this process, bytes: `VmRSS` now, `VmHWM` at its peak.
fn resident(key: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with(key))?;
    line.split_whitespace()
        .nth(1)?
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1024)
}

#[test]
fn bytes_per_synapse() {
    let net = mid128();
    let chip = chip("loihi", |_| {});
    let before = resident("VmRSS:");
    let clock = std::time::Instant::now();
    let mapped = map(&net, &chip, &Options::default()).unwrap_or_else(|e| panic!("{}", e[0]));
    let r = &mapped.report;
    println!(
        "{:?}; {} cores (at least {} by {}), km1 {}, {}",
        clock.elapsed(),
        r.cores_used,
        r.cores_lower_bound,
        r.cores_bound_by,
        r.km1,
        r.placer
    );
    assert_eq!(r.synapses, 3_276_800);
    if let (Some(before), Some(after)) = (before, resident("VmHWM:")) {
        let each = (after - before) as f64 / r.synapses as f64;
        println!("{each:.1} bytes per synapse");
        assert!(
            each <= 40.0,
            "{each:.1} bytes per synapse on top of the lowered network"
        );
    }
    let fewest = Options {
        objective: Objective::Cores,
        ..Options::default()
    };
    let fewest = map(&net, &chip, &fewest).unwrap_or_else(|e| panic!("{}", e[0]));
    let cores = fewest.report.cores_used;
    assert!(cores <= 80, "{cores} cores; blocks come in pairs");
    let blocks = (0..(BLOCKS * BLOCK) as u32)
        .map(|n| n / BLOCK as u32)
        .collect();
    let clock = std::time::Instant::now();
    let assigned = map(
        &net,
        &chip,
        &Options {
            assignment: Some(blocks),
            ..Options::default()
        },
    )
    .unwrap_or_else(|e| panic!("{}", e[0]));
    println!("assigned: {:?}", clock.elapsed());
    assert_eq!(
        (assigned.report.cores_used, assigned.report.packets),
        (128, 131_072)
    );
}
