//! Each seeded bug of the fast engine is caught by the random cases, by name: the proof that they look at everything.

use crate::compare::{ENGINE, SEED, difference, fast, options, slow};
use crate::random_image::{Case, case, vc_case};
use emulator::mutants::{Mutant, set};
use emulator::reference::Outcome;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Cases that a bug may hide from.
const CASES: u64 = 1000;

#[test]
fn every_seeded_bug_is_caught() {
    let _alone = ENGINE
        .write()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut known: Vec<(Case, Vec<Outcome>)> = Vec::new();
    let mut missed = Vec::new();
    for &mutant in Mutant::ALL {
        let mut caught = None;
        for seed in 0..CASES {
            if known.len() as u64 == seed {
                let case = [case, vc_case][seed as usize % 2](seed / 2);
                let slow = slow(&case, SEED);
                known.push((case, slow));
            }
            let (case, slow) = &known[seed as usize];
            set(Some(mutant));
            // A bug may also break an assertion of the engine: that is caught as well.
            let result = catch_unwind(AssertUnwindSafe(|| {
                fast(case, &options(case.between, case.drain))
            }));
            set(None);
            caught = match result {
                Ok(Ok(fast)) => difference(case, &fast, slow),
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("an assertion of the engine".into()),
            };
            if let Some(what) = &caught {
                let what: String = what.chars().take(100).collect();
                println!("{:<20} seed {seed:>3}: {what}", format!("{mutant:?}"));
                break;
            }
        }
        if caught.is_none() {
            missed.push(mutant);
        }
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
    assert!(Mutant::ALL.len() >= 15);
}
