//! Closed forms of `specs/noc.md`: a packet alone, and a burst, for all pairs of cores and host ports, on both engines.

use crate::build::{alone, core, group, image_case, sample, short_service, to_core, to_host};
use crate::compare::{ENGINE, SEED, difference, fast, options, slow};
use crate::random::Random;
use crate::random_chip::random_chip;
use crate::random_image::Case;
use emulator::PacketTime;
use isa::chip::{Border, ChipSpec, Order, Sync};
use isa::image::{Dest, HOST};
use isa::op::{Instr, Op};
use std::cmp::Ordering;

/// Latency and spacing of each link from tile to tile: X first, then Y.
fn links(chip: &ChipSpec, from: u32, to: u32) -> Vec<(u64, u64)> {
    let ((mut x, mut y), (to_x, to_y)) = (chip.xy(from), chip.xy(to));
    let (width, height) = chip.mesh.chip_size();
    let mut links = Vec::new();
    while (x, y) != (to_x, to_y) {
        let before = (x / width, y / height);
        let direction = match (to_x.cmp(&x), to_y.cmp(&y)) {
            (Ordering::Greater, _) => 0,
            (Ordering::Less, _) => 1,
            (_, Ordering::Greater) => 2,
            _ => 3,
        };
        match direction {
            0 => x += 1,
            1 => x -= 1,
            2 => y += 1,
            _ => y -= 1,
        }
        let border = chip
            .mesh
            .border
            .filter(|_| (x / width, y / height) != before);
        links.push(match border {
            Some(border) => (border.hop, border.occupancy),
            None => (chip.noc.hop[direction], chip.noc.occupancy[direction]),
        });
    }
    links
}

fn tile_of(chip: &ChipSpec, end: u32) -> u32 {
    if end & HOST != 0 {
        chip.host_ports[(end & !HOST) as usize].tile
    } else {
        chip.tile_of(end)
    }
}

/// Cycles from push to arrival in an empty network.
fn zero_load(chip: &ChipSpec, from: u32, to: u32) -> u64 {
    let noc = &chip.noc;
    let hops: u64 = links(chip, tile_of(chip, from), tile_of(chip, to))
        .iter()
        .map(|link| link.0)
        .sum();
    let enter = if from & HOST != 0 {
        noc.host
    } else {
        noc.inject
    };
    let leave = if to & HOST != 0 {
        noc.host
    } else {
        noc.in_tile + noc.eject
    };
    enter + hops + leave
}

/// Cycles between two packets of a burst.
fn spacing(chip: &ChipSpec, from: u32, to: u32) -> u64 {
    let noc = &chip.noc;
    let links = links(chip, tile_of(chip, from), tile_of(chip, to));
    let enter = if from & HOST != 0 {
        noc.host_occupancy
    } else {
        chip.time.axon_out
    };
    let leave = if to & HOST != 0 {
        noc.host_occupancy
    } else {
        noc.in_tile_occupancy
    };
    links
        .iter()
        .map(|link| link.1)
        .chain([enter, leave])
        .max()
        .expect("two at least")
}

/// `spk` in the step whose number is that of the lane, so that each step has one sender.
fn one_lane_a_step() -> Vec<Instr> {
    let special = |rd, field| Instr {
        rd,
        field,
        ..Instr::new(Op::Mfs)
    };
    let equal = Instr {
        rd: 1,
        ra: 1,
        rb: 2,
        ..Instr::new(Op::CmpEq)
    };
    vec![
        special(1, 0),
        special(2, 1),
        equal,
        Instr {
            pred: 1,
            ..Instr::new(Op::Spk)
        },
    ]
}

/// Lane j of a core sends `dests[j]` in step j.
fn sender(chip: &ChipSpec, from: u32, dests: &[Vec<Dest>]) -> Case {
    let cores = (0..chip.cores()).map(|id| match id == from {
        true => core(id, group(dests.len() as u32, &one_lane_a_step()), dests),
        false => core(id, group(1, &[]), &[vec![]]),
    });
    image_case(
        chip,
        cores.collect(),
        &[],
        sample(&vec![vec![]; dests.len()]),
    )
}

/// Input element j is sent for step j by a host port.
fn host_sender(chip: &ChipSpec, port: u16, dests: &[Vec<Dest>]) -> Case {
    let cores = (0..chip.cores()).map(|id| core(id, group(1, &[]), &[vec![]]));
    let inputs: Vec<(u16, Vec<Dest>)> = dests.iter().map(|dests| (port, dests.clone())).collect();
    let steps: Vec<Vec<u32>> = (0..dests.len() as u32)
        .map(|element| vec![element])
        .collect();
    image_case(chip, cores.collect(), &inputs, sample(&steps))
}

/// Packets by step, on the fast engine; the reference gives the same when asked.
fn packets(case: &Case, with_reference: bool) -> Vec<Vec<PacketTime>> {
    let fast = fast(case, &options(case.between, 0)).expect("it fits");
    if with_reference {
        assert_eq!(difference(case, &fast, &slow(case, SEED)), None);
    }
    let steps = fast[0].step_times.len();
    let mut packets = vec![Vec::new(); steps];
    for packet in &fast[0].packets {
        packets[packet.step as usize].push(*packet);
    }
    packets.retain(|step| !step.is_empty());
    packets
}

/// All targets of a sender: every core, its own too, and every host port unless it is the host that sends.
fn targets(chip: &ChipSpec, host_sends: bool) -> Vec<Dest> {
    let ports = if host_sends {
        0
    } else {
        chip.host_ports.len() as u32
    };
    (0..chip.cores())
        .map(to_core)
        .chain((0..ports).map(to_host))
        .collect()
}

fn check_zero_load(chip: &ChipSpec, reference_every: u32) {
    for (from, case, targets) in senders(chip, |target| vec![*target]) {
        let packets = packets(&case, from % reference_every == 0);
        assert_eq!(packets.len(), targets.len());
        for (step, target) in packets.iter().zip(&targets) {
            let [packet] = step.as_slice() else {
                panic!("one packet a step")
            };
            assert_eq!((packet.source, packet.target), (from, target.target));
            assert_eq!(
                packet.arrived - packet.sent,
                zero_load(chip, from, target.target),
                "{}: {packet:?}",
                chip.name
            );
        }
    }
}

fn check_burst(chip: &ChipSpec, n: usize, reference_every: u32) {
    for (from, case, targets) in senders(chip, |target| vec![*target; n]) {
        let packets = packets(&case, from % reference_every == 0);
        assert_eq!(packets.len(), targets.len());
        for (step, target) in packets.iter().zip(&targets) {
            let [first, .., last] = step.as_slice() else {
                panic!("a burst")
            };
            let expected = (n as u64 - 1) * spacing(chip, from, target.target);
            assert_eq!(
                first.arrived - first.sent,
                zero_load(chip, from, target.target),
                "{}: {first:?}",
                chip.name
            );
            assert_eq!(
                last.arrived - first.arrived,
                expected,
                "{}: {last:?}",
                chip.name
            );
        }
    }
}

/// Every core and every host port as the sender of what `dests` makes of each target.
fn senders(chip: &ChipSpec, dests: impl Fn(&Dest) -> Vec<Dest>) -> Vec<(u32, Case, Vec<Dest>)> {
    let lists = |host| targets(chip, host).iter().map(&dests).collect::<Vec<_>>();
    let cores =
        (0..chip.cores()).map(|id| (id, sender(chip, id, &lists(false)), targets(chip, false)));
    let ports = (0..chip.host_ports.len() as u32).map(|port| {
        (
            HOST | port,
            host_sender(chip, port as u16, &lists(true)),
            targets(chip, true),
        )
    });
    cores.chain(ports).collect()
}

/// Queues so deep that no credit is ever awaited.
fn deep(chip: &mut ChipSpec) {
    let noc = &mut chip.noc;
    [
        noc.spike_queue,
        noc.inject_queue,
        noc.input_fifo,
        noc.receive_queue,
    ] = [64; 4];
    chip.mesh.planes = 1;
    short_service(chip);
}

fn random_chips() -> impl Iterator<Item = ChipSpec> {
    (0..20).map(|seed| alone(random_chip(&mut Random(seed))))
}

#[test]
fn a_packet_alone_takes_the_sum_of_its_latencies() {
    let _sound = ENGINE.read().unwrap();
    let preset = |name| alone(ChipSpec::preset(name).expect("a preset").expect("valid"));
    check_zero_load(&preset("tiny"), 1);
    check_zero_load(&preset("loihi"), 16);
    random_chips().for_each(|chip| check_zero_load(&chip, 1));
}

#[test]
fn a_burst_is_spaced_by_the_slowest_stage() {
    let _sound = ENGINE.read().unwrap();
    for name in ["tiny", "loihi"] {
        let mut chip = alone(ChipSpec::preset(name).expect("a preset").expect("valid"));
        deep(&mut chip);
        check_burst(&chip, 5, 16);
    }
    for mut chip in random_chips() {
        deep(&mut chip);
        check_burst(&chip, 12, 1);
    }
}

#[test]
fn a_packet_to_all_cores_crosses_a_spanning_tree_and_is_nowhere_late() {
    let _sound = ENGINE.read().unwrap();
    for seed in 0..20 {
        let mut chip = alone(random_chip(&mut Random(seed)));
        (chip.noc.multicast, chip.mesh.planes) = (true, 1);
        chip.noc.routes = None;
        for from in 0..chip.cores() {
            let mut all: Vec<Dest> = (0..chip.cores()).map(to_core).collect();
            all[1..].iter_mut().for_each(|dest| dest.joined = true);
            let case = sender(&chip, from, &[all]);
            let result = fast(&case, &options(case.between, 0)).expect("it fits");
            assert_eq!(difference(&case, &result, &slow(&case, SEED)), None);
            for packet in &result[0].packets {
                let alone = zero_load(&chip, from, packet.target);
                assert_eq!(packet.arrived - packet.sent, alone, "{packet:?}");
            }
            let counters = result[0].populations[0];
            let (tiles, cores) = (u64::from(chip.tiles()), u64::from(chip.cores()));
            let hops = [
                counters.hops_east,
                counters.hops_west,
                counters.hops_north,
                counters.hops_south,
            ];
            assert_eq!(hops.iter().sum::<u64>(), tiles - 1);
            assert_eq!((counters.packets, counters.flits_out), (cores, 1));
            assert_eq!((counters.flits_in, counters.buffer_writes), (cores, tiles));
            assert_eq!(counters.switch_grants, tiles - 1 + cores);
        }
    }
}

/// The barrier of an idle step: markers cross the area once, then a message goes to a corner and back.
#[test]
fn an_idle_barrier_crosses_the_mesh_three_times() {
    let _sound = ENGINE.read().unwrap();
    for (width, height, planes, board) in [
        (1, 1, 1, [1, 1]),
        (2, 1, 2, [1, 1]),
        (1, 3, 1, [1, 1]),
        (4, 3, 2, [1, 1]),
        (5, 5, 1, [1, 1]),
        (4, 3, 2, [2, 1]),
        (4, 6, 1, [4, 2]),
    ] {
        for along in [Order::Xy, Order::Yx] {
            let mut chip = alone(random_chip(&mut Random(3)));
            chip.sync = Sync::Barrier {
                linear: false,
                points: vec![(1, 5)],
                wave: true,
            };
            let mesh = &mut chip.mesh;
            (mesh.width, mesh.height, mesh.planes) = (width, height, planes);
            mesh.board = board;
            mesh.border = (mesh.chips() > 1).then_some(Border {
                hop: 101,
                occupancy: 3,
            });
            chip.host_ports.truncate(1);
            (chip.host_ports[0].tile, chip.host_ports[0].side) = (0, 1);
            let noc = &mut chip.noc;
            (noc.order, noc.host_order) = (along, along);
            noc.routes = None;
            noc.networks.clear();
            (noc.hop, noc.occupancy) = ([7, 7, 11, 11], [3; 4]);
            (noc.inject, noc.host, noc.in_tile, noc.eject) = (13, 13, 4, 9);
            let [columns, rows] = [width - board[0], height - board[1]].map(u64::from);
            let borders = u64::from(board[0] - 1 + board[1] - 1);
            let across = 7 * columns + 11 * rows + 101 * borders;
            let case = sender(&chip, 0, &[vec![]]);
            let result = fast(&case, &options(case.between, 0)).expect("it fits");
            assert_eq!(difference(&case, &result, &slow(&case, SEED)), None);
            let preload = &result[0].step_times[0];
            let expect = 13 + across + 13 + 2 * across;
            assert_eq!((preload.cycles, preload.sync), (expect, expect));
            let (w, h) = (u64::from(width), u64::from(height));
            let links = 2 * ((w - 1) * h + w * (h - 1));
            let messages = links * u64::from(planes) + 2 * (w * h - 1);
            let host = result[0].populations.last().expect("the host");
            assert_eq!(host.barrier_messages, 2 * messages);
        }
    }
}
