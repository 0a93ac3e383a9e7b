//! The fast engine against the reference, on random chips, programs and traffic.

use crate::compare::{ENGINE, SEED, difference, fast, options, slow};
use crate::coverage::Coverage;
use crate::random_image::{Case, case, vc_case};
use emulator::{Options, SampleResult, StepTime, TimeCounters, Timing};

/// Random cases of the full run.
const CASES: u64 = 1200;
/// Of them, those that run on routers `vc` too.
const VC_CASES: u64 = 800;

#[test]
fn random_images_run_alike() {
    alike(CASES, case).check();
}

#[test]
fn random_images_run_alike_on_vc_routers() {
    alike(VC_CASES, vc_case).check_vc();
}

/// Runs cases on both engines.
fn alike(cases: u64, case: fn(u64) -> Case) -> Coverage {
    let _sound = ENGINE.read().unwrap();
    let mut coverage = Coverage::default();
    for seed in 0..cases {
        let case = case(seed);
        let slow = slow(&case, SEED);
        let fast = fast(&case, &options(case.between, case.drain))
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        if let Some(difference) = difference(&case, &fast, &slow) {
            panic!(
                "seed {seed}: {difference}\nchip {:?} {:?} {:?} {:?}",
                case.chip.sync, case.chip.delivery, case.chip.mesh, case.chip.noc
            );
        }
        coverage.add(&case, &slow);
    }
    println!("{coverage}");
    coverage
}

#[test]
fn threads_and_timing_change_nothing_else() {
    let _sound = ENGINE.read().unwrap();
    for seed in 0..CASES / 6 {
        let case = [case, vc_case][seed as usize % 2](seed);
        let one = options(case.between, case.drain);
        let base = fast(&case, &one).expect("it ran before");
        for threads in [2, 4] {
            let more = fast(
                &case,
                &Options {
                    threads,
                    ..one.clone()
                },
            )
            .expect("it ran before");
            assert!(base == more, "seed {seed}: {threads} threads");
        }
        let off = fast(
            &case,
            &Options {
                timing: Timing::Off,
                ..one.clone()
            },
        )
        .expect("it ran before");
        for (base, off) in base.iter().zip(off) {
            assert_eq!(without_time(base), off, "seed {seed}: timing off");
        }
    }
}

/// A result as it is with timing off.
fn without_time(result: &SampleResult) -> SampleResult {
    let mut result = result.clone();
    result.time_counters = TimeCounters::default();
    result.step_times = Vec::<StepTime>::new();
    result.packets.clear();
    result.late_packets = 0;
    result.overruns = 0;
    result
        .cores
        .iter_mut()
        .for_each(|core| core.stall_cycles = 0);
    result
        .links
        .iter_mut()
        .for_each(|link| link.wait_cycles = 0);
    result
}
