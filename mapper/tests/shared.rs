//! Shared kernels: where memory binds, what convolutions share leaves room for more neurons on a core, and every mapping still fits its chip.

mod common;

use common::{chip, fire, lif, net, population, projection};
use isa::ChipSpec;
use mapper::{Mapped, Objective, Options, map};
use network::lowered::{Lowered, Reset, Source};

const SIDE: u32 = 16;
const CHANNELS: u32 = 8;

/// Two images of 16×16 elements, and 8 maps of the same size that kernels of 3×3 reach from both.
fn convolution() -> Lowered {
    let mut rows = Vec::new();
    for source in 0..2 * SIDE * SIDE {
        let (plane, y, x) = (source / (SIDE * SIDE), source / SIDE % SIDE, source % SIDE);
        let mut row = Vec::new();
        for channel in 0..CHANNELS {
            for (dy, dx) in (0..9).map(|k| (k / 3, k % 3)) {
                let (ty, tx) = (y + dy, x + dx);
                if (1..=SIDE).contains(&ty) && (1..=SIDE).contains(&tx) {
                    let target = (channel * SIDE + ty - 1) * SIDE + tx - 1;
                    let kernel = 1 + (plane * 7 + channel * 9 + dy * 3 + dx) % 31;
                    row.push((target, kernel as f32 / 32.0));
                }
            }
        }
        rows.push(row);
    }
    let neuron = lif(0.01, 1.0, Some(fire(1.0, Reset::Hard)));
    let populations = vec![population("maps", CHANNELS * SIDE * SIDE, 0, neuron)];
    net(
        &[2 * SIDE * SIDE],
        populations,
        vec![projection(Source::Input(0), 0, &rows)],
        &[0],
    )
}

fn small(pointer: u32, bits: u64) -> ChipSpec {
    chip("loihi", |c| {
        (c.limits.shared_pointer_bits, c.limits.synapse_bits) = (pointer, bits);
    })
}

fn mapped(chip: &ChipSpec, partitioner: &str, objective: Objective, threads: usize) -> Mapped {
    let options = Options {
        partitioner: partitioner.into(),
        objective,
        threads,
        ..Options::default()
    };
    let mapped =
        map(&convolution(), chip, &options).unwrap_or_else(|e| panic!("{partitioner}: {}", e[0]));
    assert!(isa::verify::structure(&mapped.image).is_empty());
    assert!(isa::verify::fits(&mapped.image, chip).is_empty());
    assert!(u64::from(mapped.report.cores_used) >= mapped.report.cores_lower_bound);
    mapped
}

#[test]
fn fewer_cores() {
    let bits = 40_000;
    let plain = mapped(&small(0, bits), "best", Objective::Cores, 1);
    let shared = mapped(&small(32, bits), "best", Objective::Cores, 1);
    let (before, after) = (plain.report.cores_used, shared.report.cores_used);
    assert!(
        2 * after <= before,
        "{after} cores, {before} without sharing"
    );
    assert!(u64::from(after) < plain.report.cores_lower_bound);
    assert_eq!(plain.quantized, shared.quantized);
    // What the report counts is what the image stores.
    let limits = &small(32, bits).limits;
    let stored = shared.image.cores.iter().map(|c| c.synapse_bits(limits));
    let mut reported = shared.report.utilisation.iter();
    let memory = reported.find(|u| u.limit == "bits of synapse memory");
    assert_eq!(stored.max(), memory.map(|u| u.max));
}

#[test]
fn every_mapping_fits() {
    for bits in [6_000, 12_000, 25_000, 60_000] {
        let chip = small(24, bits);
        for objective in [Objective::Cores, Objective::Packets, Objective::Edp] {
            let best = mapped(&chip, "best", objective, 1);
            assert_eq!(
                best.assignment,
                mapped(&chip, "best", objective, 2).assignment
            );
            for partitioner in ["multilevel", "overlap", "sequential"] {
                let one = mapped(&chip, partitioner, objective, 1);
                assert!(
                    objective != Objective::Cores
                        || best.report.cores_used <= one.report.cores_used
                );
            }
            let given = Options {
                assignment: Some(best.assignment.clone()),
                ..Options::default()
            };
            let again = map(&convolution(), &chip, &given).unwrap_or_else(|e| panic!("{}", e[0]));
            assert_eq!(again.image, best.image);
        }
    }
}
