//! Random networks on small chips with odd limits: every result passes the chip's own verifier, or is refused with a reason.

mod common;

use common::{chip, random_net};
use mapper::{MapError, Options, PARTITIONERS, PLACERS, map};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mapped_or_refused(seed in any::<u64>(), neurons in 3u32..64, axons in 8u32..200, slots in 8u32..200, bits in 1500u64..40_000,
        formats in 1u32..8, groups in 1u32..8, side in 2u32..6, partitioner in 0..PARTITIONERS.len(), placer in 0..PLACERS.len(), delay in 1u32..12, preset in 0usize..2) {
        let net = random_net(seed, 60);
        let chip = chip(["loihi", "tiny"][preset], |c| {
            (c.mesh.width, c.mesh.height) = (side, side + 1);
            let l = &mut c.limits;
            (l.neurons, l.input_axons, l.output_slots, l.synapse_bits) = (neurons, axons, slots, bits);
            (l.synapse_formats, l.groups, l.delay) = (formats, groups, delay);
        });
        let options = Options { partitioner: PARTITIONERS[partitioner].into(), placer: PLACERS[placer].into(), seed, ..Options::default() };
        match map(&net, &chip, &options) {
            Ok(mapped) => {
                prop_assert!(isa::verify::structure(&mapped.image).is_empty());
                prop_assert!(isa::verify::fits(&mapped.image, &chip).is_empty());
                prop_assert!(u64::from(mapped.report.cores_used) >= mapped.report.cores_lower_bound);
                let again = map(&net, &chip, &options).expect("same as before");
                prop_assert_eq!(again.image, mapped.image.clone());
                // The assignment is obeyed, and gives the same image without a partitioner.
                let fixed = Options { assignment: Some(mapped.assignment.clone()), ..options };
                prop_assert_eq!(map(&net, &chip, &fixed).expect("it fitted").image, mapped.image);
            }
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                let verify = errors.iter().find(|e| matches!(e, MapError::Verify { .. }));
                prop_assert!(verify.is_none(), "{}", verify.expect("some"));
            }
        }
    }
}

#[test]
fn output_slots_that_are_named_suffice() {
    let mut named = 0;
    for seed in 0..60 {
        let net = random_net(seed, 60);
        let chip = |slots: u32| {
            chip("loihi", |c| {
                (c.mesh.width, c.mesh.height) = (3, 3);
                (c.limits.neurons, c.limits.output_slots) = (5, slots);
            })
        };
        let Err(errors) = map(&net, &chip(6), &Options::default()) else {
            continue;
        };
        if let [MapError::Limit { key, need, .. }] = &errors[..]
            && *key == "core.output_slots"
        {
            named += 1;
            if let Err(errors) = map(&net, &chip(*need as u32), &Options::default()) {
                panic!("seed {seed}, {need} slots: {}", errors[0]);
            }
        }
    }
    assert!(named >= 5, "{named} networks lacked output slots alone");
}

#[test]
fn roomy_chip_takes_them_all() {
    for seed in 0..40 {
        let net = random_net(seed, 80);
        let chip = chip("loihi", |_| {});
        if let Err(errors) = map(&net, &chip, &Options::default()) {
            panic!("seed {seed}: {}", errors[0]);
        }
    }
}
