//! What the debugger shows is what the run gives: spikes, idle lanes, slots, registers and breakpoints of random cases.

use crate::compare::{ENGINE, SEED, fast, options, slow};
use crate::random_image::{Case, case};
use emulator::debug::{Broke, Found, Plan, Subject, View, look};
use emulator::{Between, Options, SampleResult, run_until};
use isa::image::{Image, Probe, Slot};
use isa::op::{Handler, Instr, Op, decode, encode};

const CASES: u64 = 150;

fn ask(case: &Case, plan: &Plan) -> Found {
    let options = options(case.between, case.drain);
    look(&case.image, &case.chip, &case.samples, &options, plan).unwrap()
}

fn until(case: &Case, last: (usize, u32)) -> Vec<SampleResult> {
    let options = options(case.between, case.drain);
    run_until(
        &case.image,
        &case.chip,
        &case.samples,
        &options,
        last,
        &|_| {},
    )
    .unwrap()
}

/// The last sample, and a step of it that changes from case to case.
fn moment(seed: u64, full: &[SampleResult]) -> Option<(usize, u32)> {
    let sample = full.len().checked_sub(1)?;
    let steps = full[sample].steps;
    (steps > 0).then(|| (sample, seed as u32 % steps))
}

fn views(image: &Image, (sample, step): (usize, u32)) -> Vec<View> {
    let of = |subject| View {
        sample,
        step,
        subject,
    };
    let cores = image.cores.iter().map(|c| of(Subject::Core(c.core.0)));
    let neurons = image.populations.last().map(|p| p.first..p.first + p.count);
    cores
        .chain(neurons.map(|range| of(Subject::Neurons(range))))
        .collect()
}

/// Adds a probe for every slot of every group: core, group, slot and probe.
fn observe(image: &mut Image) -> Vec<(u32, usize, usize, usize)> {
    let mut places = Vec::new();
    for core in &image.cores {
        let mut first = 0;
        for (g, group) in core.groups.iter().enumerate() {
            let neurons = &core.lane_ids[first..first + group.lanes as usize];
            first += group.lanes as usize;
            for (s, slot) in group.slots.iter().enumerate() {
                places.push((core.core.0, g, s, image.probes.len()));
                image.probes.push(Probe {
                    name: format!("debug {}/{g}/{s}", core.core.0),
                    slot: slot.name.clone(),
                    neurons: neurons.to_vec(),
                });
            }
        }
    }
    places
}

/// Value of a probe.
fn probed(result: &SampleResult, probe: usize, step: u32, lanes: usize, lane: usize) -> i32 {
    result.probes[probe][step as usize * lanes + lane]
}

#[test]
fn views_show_what_the_run_gives() {
    let _sound = ENGINE.read().unwrap();
    let (mut spiked, mut idle, mut pending, mut bits, mut lanes) = (0, 0, 0, 0, 0);
    for seed in 0..CASES {
        let mut case = case(seed);
        let places = observe(&mut case.image);
        let full = fast(&case, &options(case.between, case.drain)).unwrap();
        let Some(now) = moment(seed, &full) else {
            continue;
        };
        let plan = Plan {
            views: views(&case.image, now),
            ..Plan::default()
        };
        let found = ask(&case, &plan);
        assert_eq!(found.views.len(), plan.views.len(), "seed {seed}");
        let cores = case.image.cores.len();
        let mut seen = Vec::new();
        let mut inactive = 0;
        for (place, view) in &found.views {
            bits += view.axon_bits.len();
            if *place >= cores {
                let all: Vec<u32> = view.lanes.iter().map(|lane| lane.neuron).collect();
                let last = case.image.populations.last().unwrap();
                let expected: Vec<u32> = (last.first..last.first + last.count).collect();
                assert_eq!(all, expected, "seed {seed}");
                continue;
            }
            let program = &case.image.cores[*place];
            assert_eq!(view.lanes.len(), program.lane_ids.len());
            for lane in &view.lanes {
                lanes += 1;
                seen.extend(lane.spiked.map(|_| lane.neuron));
                inactive += u64::from(lane.idle);
                pending += lane.pending.len();
                let group = &program.groups[lane.group];
                let before: u32 = program.groups[..lane.group].iter().map(|g| g.lanes).sum();
                let own = places
                    .iter()
                    .filter(|p| (p.0, p.1) == (lane.core, lane.group));
                let values: Vec<i32> = own
                    .map(|&(.., probe)| {
                        let place = (lane.lane - before) as usize;
                        probed(&full[now.0], probe, now.1, group.lanes as usize, place)
                    })
                    .collect();
                assert_eq!(lane.slots, values, "seed {seed}: lane {lane:?}");
            }
        }
        let mut expected: Vec<u32> = full[now.0]
            .spikes
            .iter()
            .filter(|s| s.0 == now.1)
            .map(|s| s.1)
            .collect();
        expected.sort_unstable();
        seen.sort_unstable();
        assert_eq!(seen, expected, "seed {seed}");
        spiked += seen.len();
        let idle_until = |result: &SampleResult| -> u64 {
            let all = result.populations.iter();
            all.map(|c| c.neuron_updates_inactive).sum()
        };
        let here = idle_until(&until(&case, now)[now.0]);
        let before = now
            .1
            .checked_sub(1)
            .map_or(0, |step| idle_until(&until(&case, (now.0, step))[now.0]));
        assert_eq!(inactive, here - before, "seed {seed}");
        idle += inactive;
    }
    println!(
        "{lanes} lanes, {spiked} spiked, {idle} idle, {pending} pending sums, {bits} axon bits"
    );
    assert!(spiked > 100 && idle > 20 && pending > 100 && bits > 20);
}

/// The registers at `halt` are those that the engine stores when the handler ends with stores of all.
#[test]
fn registers_are_those_at_halt() {
    let _sound = ENGINE.read().unwrap();
    let (mut checked, mut values) = (0, 0);
    for seed in 0..CASES {
        let mut plain = case(seed);
        plain.chip.limits.state_slots = 256;
        plain.chip.limits.code_words = 1 << 16;
        plain.chip.limits.state_bits = u32::MAX;
        // What lanes send in idle branches and how long they take is not the question here.
        each_update(&mut plain.image, |code| {
            code.iter_mut().for_each(|i| i.idle = false)
        });
        let mut storing = plain.clone();
        for group in storing.image.cores.iter_mut().flat_map(|c| &mut c.groups) {
            for register in 1..16 {
                group.slots.push(Slot {
                    name: format!("register{register}"),
                    bits: 32,
                    init: vec![0],
                });
            }
        }
        each_update(&mut storing.image, |code| {
            let halt = code.pop().unwrap();
            code.extend((1..16).map(|rd| Instr {
                rd,
                ..Instr::new(Op::Sts)
            }));
            code.push(halt);
        });
        number_slots(&mut storing.image);
        let places = observe(&mut storing.image);
        let Ok(full) = fast(&storing, &options(storing.between, storing.drain)) else {
            continue;
        };
        let Some(now) = moment(seed, &full) else {
            continue;
        };
        let plan = Plan {
            views: views(&plain.image, now),
            ..Plan::default()
        };
        checked += 1;
        for (place, view) in ask(&plain, &plan).views {
            let Some(program) = plain.image.cores.get(place) else {
                continue;
            };
            for lane in view.lanes {
                let Some(registers) = lane.registers else {
                    assert!(program.groups[lane.group].update.is_empty());
                    continue;
                };
                let group = &program.groups[lane.group];
                let before: u32 = program.groups[..lane.group].iter().map(|g| g.lanes).sum();
                for (register, value) in registers.iter().enumerate().skip(1) {
                    let slot = group.slots.len() + register - 1;
                    let key = (lane.core, lane.group, slot);
                    let probe = places.iter().find(|p| (p.0, p.1, p.2) == key).unwrap().3;
                    let at = (lane.lane - before) as usize;
                    let stored = probed(&full[now.0], probe, now.1, group.lanes as usize, at);
                    assert_eq!(*value, stored, "seed {seed}: r{register} of {lane:?}");
                    values += u64::from(*value != 0);
                }
            }
        }
    }
    println!("{checked} cases, {values} values that are not 0");
    assert!(checked > CASES * 3 / 4 && values > 1000);
}

fn each_update(image: &mut Image, mut act: impl FnMut(&mut Vec<Instr>)) {
    for group in image.cores.iter_mut().flat_map(|c| &mut c.groups) {
        if !group.update.is_empty() {
            let mut code = group.update.iter().map(|w| decode(*w).unwrap()).collect();
            act(&mut code);
            group.update = code.iter().map(encode).collect();
        }
    }
}

/// The stores before `halt` go to the last slots.
fn number_slots(image: &mut Image) {
    for group in image.cores.iter_mut().flat_map(|c| &mut c.groups) {
        let (slots, length) = (group.slots.len(), group.update.len());
        for (back, word) in group.update.iter_mut().rev().skip(1).take(15).enumerate() {
            let mut store = decode(*word).unwrap();
            assert!(store.op == Op::Sts && length > 15);
            store.slot = (slots - 1 - back) as u8;
            *word = encode(&store);
        }
    }
}

/// What ran until a step is the beginning of the whole run.
#[test]
fn a_run_until_a_step_is_its_beginning() {
    let _sound = ENGINE.read().unwrap();
    let mut shorter = 0;
    for seed in 0..CASES {
        let case = case(seed);
        let full = fast(&case, &options(case.between, case.drain)).unwrap();
        let Some(now) = moment(seed, &full) else {
            continue;
        };
        let cut = until(&case, now);
        assert_eq!(cut.len(), now.0 + 1);
        assert!(
            cut[..now.0] == full[..now.0],
            "seed {seed}: earlier samples"
        );
        let (cut, full) = (&cut[now.0], &full[now.0]);
        assert_eq!(cut.steps, now.1 + 1);
        let ran = |s: &&(u32, u32)| s.0 <= now.1;
        let spikes: Vec<_> = full.spikes.iter().filter(ran).copied().collect();
        assert_eq!(cut.spikes, spikes, "seed {seed}");
        for (cut, full) in cut.probes.iter().zip(&full.probes) {
            assert!(full.starts_with(cut), "seed {seed}");
        }
        for threads in [2, 3] {
            let options = Options {
                threads,
                ..options(case.between, case.drain)
            };
            let (image, chip) = (&case.image, &case.chip);
            let more = run_until(image, chip, &case.samples, &options, now, &|_| {}).unwrap();
            assert!(&more[now.0] == cut, "seed {seed}: {threads} threads");
        }
        shorter += usize::from(cut.spikes.len() < full.spikes.len());
    }
    assert!(shorter > 20, "{shorter}");
}

/// The first breakpoint is the one at which the reference arrives first.
#[test]
fn the_first_breakpoint_is_the_references() {
    let _sound = ENGINE.read().unwrap();
    let (mut update, mut on_spike, mut preload, mut later) = (0, 0, 0, 0);
    for seed in 0..4 * CASES {
        let case = case(seed);
        let plan = Plan {
            brk: true,
            ..Plan::default()
        };
        let found = ask(&case, &plan).brk;
        let mut start = 0;
        let mut expected = None;
        for (sample, outcome) in slow(&case, SEED).iter().enumerate() {
            if let Some(broke) = outcome.seen.broke {
                expected = Some((sample, broke.g - start, broke));
                break;
            }
            if case.between != Between::Reset {
                start += outcome.steps.len() as i64 - 1;
            }
        }
        let expected = expected.map(|(sample, t, broke)| {
            let step = u32::try_from(t).ok();
            let core = case.image.cores[broke.core].core.0;
            (
                sample,
                step,
                core,
                broke.lane as u32,
                broke.on_spike,
                broke.instruction,
            )
        });
        let shown = |b: &Broke| {
            let on_spike = b.handler == Handler::OnSpike;
            (b.sample, b.step, b.core, b.lane, on_spike, b.instruction)
        };
        assert_eq!(found.as_ref().map(shown), expected, "seed {seed}");
        let Some(found) = found else { continue };
        on_spike += usize::from(found.handler == Handler::OnSpike);
        update += usize::from(found.handler == Handler::Update);
        preload += usize::from(found.step.is_none());
        later += usize::from(found.sample > 0);
    }
    println!(
        "{update} in update, {on_spike} in on_spike, {preload} in a preload step, {later} after the first sample"
    );
    assert!(update > 20 && on_spike > 20 && preload > 5 && later > 0);
}
