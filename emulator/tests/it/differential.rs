//! The fast engine against the reference, on random chips, programs and traffic.

use crate::compare::{ENGINE, SEED, difference, fast, options, slow};
use crate::coverage::Coverage;
use crate::random_image::{Case, case, vc_case};
use emulator::{Options, SampleResult, StepTime, TimeCounters, Timing};
use std::ops::Range;

/// Random cases of the full run.
const CASES: u64 = 3000;
/// Of them, those that run on routers `vc` too.
const VC_CASES: u64 = 800;
/// Cases of the long run.
const MORE_CASES: u64 = 20_000;

#[test]
fn random_images_run_alike() {
    alike(0..CASES, case).check();
}

#[test]
#[ignore = "a quarter of an hour"]
fn more_random_images_run_alike() {
    alike(CASES..MORE_CASES, case).check();
}

#[test]
fn random_images_run_alike_on_vc_routers() {
    alike(0..VC_CASES, vc_case).check_vc();
}

/// Runs cases on both engines.
fn alike(seeds: Range<u64>, case: fn(u64) -> Case) -> Coverage {
    let _sound = ENGINE.read().unwrap();
    let mut coverage = Coverage::default();
    for seed in seeds {
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

#[test]
fn one_packet_to_many_does_what_many_packets_do() {
    let _sound = ENGINE.read().unwrap();
    let (mut copied, mut alone) = ([0; 3], [0; 3]);
    for seed in 0..CASES / 4 {
        let case = case(seed);
        let dests = |case: &Case| {
            case.image
                .cores
                .iter()
                .flat_map(|core| core.dests.clone())
                .any(|d| d.joined)
        };
        if !dests(&case) {
            continue;
        }
        let mut apart = case.clone();
        for core in &mut apart.image.cores {
            core.dests.iter_mut().for_each(|dest| dest.joined = false);
        }
        let options = options(case.between, case.drain);
        let trees = fast(&case, &options).expect("it ran before");
        let single = fast(&apart, &options).expect("it needs less of the chip");
        for (tree, single) in trees.iter().zip(&single) {
            assert_eq!(tree.spikes, single.spikes, "seed {seed}");
            assert_eq!(tree.outputs, single.outputs, "seed {seed}");
            assert_eq!(tree.state_digest, single.state_digest, "seed {seed}");
            let ([links, sent, packets], [more_links, more_sent, all]) =
                (traffic(tree), traffic(single));
            assert_eq!(packets, all, "seed {seed}: a packet for each target");
            assert!(links <= more_links && sent <= more_sent, "seed {seed}");
            copied = [copied[0] + links, copied[1] + sent, copied[2] + packets];
            alone = [alone[0] + more_links, alone[1] + more_sent, alone[2] + all];
        }
    }
    println!("links, flits sent, packets: {copied:?} copied, {alone:?} one by one");
    assert!(copied[0] < alone[0] && copied[1] < alone[1] && copied[2] == alone[2]);
}

/// Links crossed, flits sent, packets.
fn traffic(result: &SampleResult) -> [u64; 3] {
    let mut sum = emulator::Counters::default();
    result.populations.iter().for_each(|own| sum.add(own));
    let links = sum.hops_east + sum.hops_west + sum.hops_north + sum.hops_south;
    let by_link: u64 = result.links.iter().map(|link| link.packets).sum();
    assert_eq!(links, by_link, "hops and links");
    let from_host = result.populations.last().map_or(0, |host| host.flits_in);
    let entered = sum.flits_out + from_host + links;
    assert_eq!(
        sum.buffer_writes, entered,
        "what is sent or crosses a link is written"
    );
    assert!(
        sum.switch_grants >= links + sum.flits_in,
        "what goes on or arrives is let out"
    );
    [links, sum.flits_out, sum.packets]
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
