//! The benchmark network of integer neurons, as its example program writes it.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::Path;

use network::lowered::WeightUnit;
use network::{ImportOptions, SimulateOptions, input::Sample};

#[path = "../examples/bench_net.rs"]
#[allow(dead_code, reason = "an example program, with its main")]
mod bench_net;

/// 40,469 spikes in 1000 steps: SANA-FE 2.2.9 on the same network.
#[test]
fn small32_fires_as_elsewhere() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    bench_net::write_named("small32", folder).unwrap().unwrap();
    let graph = network::load(&folder.join("small32.toml"), &ImportOptions::default()).unwrap();
    let result = graph
        .simulate(
            &[Sample::new().with_steps(1000)],
            &SimulateOptions::default(),
        )
        .unwrap();
    assert_eq!(result.populations[0].spikes, 40_469);
    let net = graph.into_lowered().unwrap();
    assert_eq!(
        net.projections[0].unit,
        WeightUnit::Mantissa { exponent: 0 }
    );
    assert_eq!(net.projections[0].synapses.target.len(), 204_800);
    assert_eq!(net.assignment.unwrap()[64..66], [1, 1]);
}
