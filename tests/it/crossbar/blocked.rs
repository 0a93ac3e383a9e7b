//! Cores that cannot be emptied: a neuron that is said to go onto no other core goes onto none, tried by giving it to each of them by hand.

use super::{CHIPS, preset, random};
use mapper::{MapError, Mapped, Options};
use network::lowered::Lowered;
use std::collections::BTreeSet;

/// Networks above their bound that are tried, and neurons of each.
const NETWORKS: usize = 12;
const TRIED: usize = 3;

/// Every other core refuses the neurons that are named, by a limit that is named. Returns how many cores refused one.
fn check(mapped: &Mapped, net: &Lowered, chip: &isa::ChipSpec, what: &str) -> usize {
    let b = &mapped.explanation.lower_bound;
    let cores: BTreeSet<u32> = mapped.assignment.iter().copied().collect();
    let (mut tried, mut refused) = (0, 0);
    for blocker in b.blocked.iter().filter(|b| b.after == 0).take(TRIED) {
        let q = &mapped.quantized;
        let population = q.populations.iter().find(|p| p.name == blocker.population);
        let neuron = population.expect("a name of the network").first + blocker.neuron;
        assert_eq!(mapped.assignment[neuron as usize], blocker.core, "{what}");
        let count: u64 = blocker.by.iter().map(|b| b.1).sum();
        assert_eq!(count, cores.len() as u64 - 1, "{what}");
        for other in cores.iter().filter(|c| **c != blocker.core) {
            // Copies follow their neurons; splitters stay where they are.
            let mut given = mapped.assignment[..q.neurons() as usize].to_vec();
            given[neuron as usize] = *other;
            let options = Options {
                assignment: Some(given),
                ..Options::default()
            };
            tried += 1;
            let errors = match mapper::map(net, chip, &options) {
                Ok(moved) => {
                    // Only where other splitters are built for it.
                    let splitters = |m: &Mapped| m.report.crossbar.clone().map(|c| c.relays);
                    assert_ne!(
                        splitters(&moved),
                        splitters(mapped),
                        "{what}: it fits there"
                    );
                    assert!(blocker.by.iter().any(|b| b.0 != "input axons"), "{what}");
                    continue;
                }
                Err(errors) => errors,
            };
            let named = |e: &MapError| match e {
                MapError::Core { limit, .. } => blocker
                    .by
                    .iter()
                    .any(|b| limit.split(',').next() == Some(b.0)),
                // Other splitters would be needed.
                MapError::Assignment { .. } => true,
                _ => false,
            };
            assert!(
                errors.iter().any(named),
                "{what}: {:?}, {}",
                blocker.by,
                errors[0]
            );
            refused += 1;
        }
    }
    assert!(2 * refused >= tried, "{what}: {refused} of {tried}");
    refused
}

#[test]
fn blocked_neurons_go_onto_no_other_core() {
    let (mut above, mut whole, mut tried) = (0, 0, 0);
    for seed in 0..500 {
        if above == NETWORKS {
            break;
        }
        let chip = preset(CHIPS[seed as usize % 2]);
        let net = random::network(seed);
        let Ok(mapped) = super::map(&net, &chip) else {
            continue;
        };
        let b = &mapped.explanation.lower_bound;
        assert!(b.above > 0 || b.blocked.is_empty());
        if b.above == 0 {
            continue;
        }
        above += 1;
        if b.blocked.len() as u64 == b.cores_used {
            whole += 1;
            assert!(
                b.reason.contains("none of them can be emptied"),
                "{}",
                b.reason
            );
        }
        tried += check(
            &mapped,
            &net,
            &chip,
            &format!("seed {seed} on {}", chip.name),
        );
    }
    assert_eq!(above, NETWORKS);
    assert!(
        whole * 10 >= above * 9 && tried > 100,
        "{whole} of {above}, {tried}"
    );
}
