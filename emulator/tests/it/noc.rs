//! The `vc` router: the fast engine equals the literal model packet by packet, and its checks see every seeded bug. Both routers alone.

use crate::random::Random;
use emulator::noc::measure::{Router, UNSTABLE_CYCLES, measure};
use emulator::noc::traffic::{ALWAYS, Load, Pattern, Traffic};
use emulator::noc::vc::{Fault, Network, Parameters};
use emulator::noc::{Mesh, Packet, Times, fifo, vc};
use emulator::reference::noc_vc;
use isa::chip::{Border, ChipSpec, Order, PacketKind, Routes};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A random mesh and router; every range to both ends, small ones mostly.
fn parameters(random: &mut Random) -> Parameters {
    let vcs = random.within(1, 8) as u32;
    let stride = vcs.next_power_of_two();
    let locals = if random.percent(60) {
        1
    } else {
        random.within(1, i64::from((128 / stride - 4).min(14))) as u32
    };
    let delay = |random: &mut Random, low, high| {
        if random.percent(60) {
            1
        } else {
            random.within(low, high) as u32
        }
    };
    Parameters {
        mesh: Mesh {
            width: random.within(1, 4) as u32,
            height: random.within(1, 4) as u32,
            locals,
        },
        vcs,
        buffer: random.pick(&[1, 2, 3, 4, 5, 8, 16]),
        routing_delay: random.within(0, 1) as u32,
        switch_delay: delay(random, 1, 8),
        link_delay: delay(random, 1, 16),
        credit_delay: delay(random, 0, 16),
        speculative: random.percent(40),
        wait_for_tail_credit: random.percent(30),
    }
}

/// Random traffic: rates from idle to far above saturation, hot spots, bursts, mixed sizes.
fn packets(random: &mut Random, mesh: &Mesh, most: usize) -> Vec<Packet> {
    let nodes = mesh.nodes() as usize;
    let count = random.within(1, most as i64) as usize;
    let span = random.pick(&[1, 10, 100, 1000, 5000]);
    let largest = random.pick(&[1, 1, 2, 5, 12]);
    let hot = random.below(nodes) as u32;
    let hot_share = random.pick(&[0, 0, 30, 95]);
    (0..count)
        .map(|_| Packet {
            created: random.below(span) as u64,
            source: random.below(nodes) as u32,
            target: if random.percent(hot_share) {
                hot
            } else {
                random.below(nodes) as u32
            },
            size: random.within(1, largest) as u32,
        })
        .collect()
}

fn literal(p: &Parameters, packets: &[Packet]) -> Vec<Times> {
    let setup = noc_vc::Setup {
        width: p.mesh.width as usize,
        height: p.mesh.height as usize,
        locals: p.mesh.locals as usize,
        vcs: p.vcs as usize,
        buffer: p.buffer as usize,
        routing_delay: p.routing_delay.into(),
        switch_delay: p.switch_delay.into(),
        link_delay: p.link_delay.into(),
        credit_delay: p.credit_delay.into(),
        speculative: p.speculative,
        wait_for_tail_credit: p.wait_for_tail_credit,
    };
    let sent: Vec<_> = packets
        .iter()
        .map(|p| noc_vc::Packet {
            created: p.created,
            source: p.source as usize,
            target: p.target as usize,
            size: p.size,
        })
        .collect();
    let times = noc_vc::run(&setup, &sent);
    times
        .iter()
        .map(|t| Times {
            injected: t.injected,
            head: t.head,
            tail: t.tail,
        })
        .collect()
}

fn difference(fast: &[Times], slow: &[Times]) -> Option<String> {
    assert_eq!(fast.len(), slow.len());
    (fast.iter().zip(slow).enumerate())
        .find(|(_, (fast, slow))| fast != slow)
        .map(|(p, (fast, slow))| format!("packet {p}: {fast:?}, literal model {slow:?}"))
}

#[test]
fn fast_and_literal_router_agree() {
    let mut seen = [0; 6];
    for seed in 0..600 {
        let mut random = Random(seed);
        let parameters = parameters(&mut random);
        let packets = packets(&mut random, &parameters.mesh, 160);
        let fast = vc::run(&parameters, &packets).expect("in range");
        let slow = literal(&parameters, &packets);
        if let Some(what) = difference(&fast, &slow) {
            panic!("seed {seed}: {parameters:?}: {what}");
        }
        let ports = 4 + parameters.mesh.locals;
        for (place, case) in [
            parameters.speculative,
            parameters.wait_for_tail_credit,
            parameters.mesh.width != parameters.mesh.height,
            ports * parameters.vcs.next_power_of_two() > 64,
            packets.iter().any(|p| p.size > parameters.buffer),
            packets.len() > 100 && packets.iter().all(|p| p.created < 10),
        ]
        .into_iter()
        .enumerate()
        {
            seen[place] += u32::from(case);
        }
    }
    assert!(seen.iter().all(|&cases| cases >= 20), "{seen:?}");
}

/// Running in pieces, with packets sent on the way, changes nothing.
#[test]
fn a_run_in_pieces_is_the_same() {
    for seed in 0..50 {
        let mut random = Random(1000 + seed);
        let parameters = parameters(&mut random);
        let mut packets = packets(&mut random, &parameters.mesh, 160);
        packets.sort_by_key(|p| p.created);
        let whole = vc::run(&parameters, &packets).expect("in range");
        let mut network = Network::new(&parameters).expect("in range");
        let mut rest = packets.as_slice();
        while let Some(next) = rest.first() {
            let end = next.created + random.within(1, 50) as u64;
            let (now, later) = rest.split_at(rest.partition_point(|p| p.created < end));
            network.send(now).expect("in order");
            network.run(end);
            rest = later;
        }
        network.drain();
        assert_eq!(network.times(), whole, "seed {seed}");
    }
}

/// A packet alone needs what the formula says, between all pairs of nodes.
#[test]
fn a_packet_alone_takes_the_zero_load_time() {
    for seed in 0..30 {
        let mut random = Random(2000 + seed);
        let mut parameters = parameters(&mut random);
        parameters.mesh.locals = parameters.mesh.locals.min(3);
        // Deep enough that no credit is awaited by the body.
        parameters.buffer = 64;
        let nodes = parameters.mesh.nodes();
        let mut sent = Vec::new();
        for source in 0..nodes {
            for target in 0..nodes {
                sent.push(Packet {
                    created: sent.len() as u64 * 1000,
                    source,
                    target,
                    size: random.within(1, 6) as u32,
                });
            }
        }
        let times = vc::run(&parameters, &sent).expect("in range");
        for (packet, times) in sent.iter().zip(&times) {
            let expected = parameters.zero_load(packet.source, packet.target, packet.size);
            assert_eq!(times.tail - packet.created, expected, "{parameters:?}");
            assert_eq!(times.injected, packet.created);
        }
    }
}

/// One VC carries at most min(1/2, buffer / round trip) single-flit packets a cycle.
#[test]
fn one_vc_carries_what_its_credits_allow() {
    for (vcs, buffer, tail, credit_delay, spacing) in [
        (1, 8, false, 1, 2.0),
        (1, 2, false, 1, 3.5),
        (1, 1, false, 1, 7.0),
        (1, 8, true, 0, 7.0),
        (1, 8, true, 1, 8.0),
        (4, 8, false, 1, 1.0),
    ] {
        let mut parameters = Parameters::new(Mesh {
            width: 4,
            height: 1,
            locals: 1,
        });
        (parameters.vcs, parameters.buffer) = (vcs, buffer);
        (parameters.wait_for_tail_credit, parameters.credit_delay) = (tail, credit_delay);
        let burst: Vec<Packet> = (0..400)
            .map(|created| Packet {
                created,
                source: 0,
                target: 3,
                size: 1,
            })
            .collect();
        let times = vc::run(&parameters, &burst).expect("in range");
        let measured = (times[399].tail - times[199].tail) as f64 / 200.0;
        assert!(
            (measured - spacing).abs() < 0.01,
            "{parameters:?}: {measured}"
        );
    }
}

#[test]
fn packets_that_cannot_be_sent_are_refused() {
    let mesh = Mesh {
        width: 2,
        height: 2,
        locals: 1,
    };
    let parameters = Parameters::new(mesh);
    let good = Packet {
        created: 5,
        source: 0,
        target: 3,
        size: 1,
    };
    for (bad, expect) in [
        (
            Packet { source: 4, ..good },
            "packet 1: source 4 does not exist: nodes are 0 to 3",
        ),
        (
            Packet { target: 9, ..good },
            "packet 1: target 9 does not exist: nodes are 0 to 3",
        ),
        (
            Packet { size: 0, ..good },
            "packet 1: 0 flits: a packet has 1 to 65535",
        ),
        (
            Packet {
                size: 70_000,
                ..good
            },
            "packet 1: 70000 flits: a packet has 1 to 65535",
        ),
        (
            Packet {
                created: u64::MAX,
                ..good
            },
            "packet 1: cycle 18446744073709551615: the last is 1152921504606846976",
        ),
    ] {
        let error = vc::run(&parameters, &[good, bad]).expect_err(expect);
        assert_eq!(error.to_string(), expect);
    }
    let mut network = Network::new(&parameters).expect("in range");
    let early = Packet { created: 4, ..good };
    let error = network.send(&[good, early]).expect_err("out of order");
    assert_eq!(
        error.to_string(),
        "packet 1: generated in cycle 4, after one of cycle 5"
    );
}

/// How a bug was noticed, if it was.
fn caught(
    fault: Fault,
    parameters: &Parameters,
    packets: &[Packet],
    sound: &[Times],
) -> Option<String> {
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut network = Network::new(parameters).expect("in range");
        network.plant(fault);
        network.send(packets).expect("in order");
        network.drain();
        network.times().to_vec()
    }));
    match result {
        Ok(times) => difference(&times, sound).map(|_| "the literal model".to_owned()),
        Err(panic) => {
            let text = (panic.downcast_ref::<String>().map(String::as_str))
                .or(panic.downcast_ref::<&str>().copied())
                .unwrap_or_default();
            let name = text
                .strip_prefix("noc check ")
                .unwrap_or_else(|| panic!("{fault:?}: {text}"));
            Some(name.split(':').next().unwrap_or_default().to_owned())
        }
    }
}

#[test]
fn every_seeded_bug_is_seen() {
    let expected = [
        (Fault::CreditLost, "credits"),
        (Fault::CreditDoubled, "credits"),
        (Fault::CreditLate, "the literal model"),
        (Fault::PointersSwapped, "the literal model"),
        (Fault::PointerMovesAlways, "the literal model"),
        (Fault::TurnWrong, "turns"),
        (Fault::VcGivenTwice, "owner"),
        (Fault::FlitLost, "conservation"),
        (Fault::LinkShort, "zero load"),
        (Fault::VcKept, "deadlock"),
        (Fault::TailEarly, "order"),
        (Fault::RoundStuck, "the literal model"),
    ];
    assert!(expected.iter().map(|e| e.0).eq(Fault::ALL.iter().copied()));
    let mesh = Mesh {
        width: 4,
        height: 4,
        locals: 1,
    };
    let mut parameters = Parameters::new(mesh);
    (parameters.vcs, parameters.buffer) = (2, 3);
    let mut random = Random(7);
    let mut packets: Vec<Packet> = (0..1500)
        .map(|_| Packet {
            created: random.below(2000) as u64,
            source: random.below(16) as u32,
            target: random.below(16) as u32,
            size: random.within(1, 2) as u32,
        })
        .collect();
    packets.sort_by_key(|p| p.created);
    let sound = literal(&parameters, &packets);
    let mut network = Network::new(&parameters).expect("in range");
    network.send(&packets).expect("in order");
    network.drain();
    assert_eq!(difference(network.times(), &sound), None);
    for (fault, by) in expected {
        let seen = caught(fault, &parameters, &packets, &sound);
        println!("{fault:?}: {}", seen.as_deref().unwrap_or("not seen"));
        assert_eq!(seen.as_deref(), Some(by), "{fault:?}");
    }
}

/// A network that stands still is told at once, with who waits for whom.
#[test]
fn a_standstill_names_who_waits() {
    let mut parameters = Parameters::new(Mesh {
        width: 3,
        height: 1,
        locals: 1,
    });
    (parameters.vcs, parameters.buffer) = (1, 1);
    let packets: Vec<Packet> = (0..150)
        .map(|created| Packet {
            created,
            source: 0,
            target: 2,
            size: 1,
        })
        .collect();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let mut network = Network::new(&parameters).expect("in range");
        network.plant(Fault::CreditLost);
        network.send(&packets).expect("in order");
        network.drain();
    }))
    .expect_err("a credit was lost");
    let text = panic.downcast_ref::<String>().expect("text");
    assert!(text.starts_with("noc check deadlock: cycle "), "{text}");
    assert!(text.contains("router 0 input 4 VC 0: packet "), "{text}");
    assert!(
        text.contains("to output 0: has its VC 0, credits 0, flits 1; behind it router 1"),
        "{text}"
    );
}

/// A board of 2 × 2 such chips of 3 × 2 tiles, whose borders are slow.
fn board(mut chip: ChipSpec) -> ChipSpec {
    (chip.mesh.width, chip.mesh.height, chip.mesh.board) = (6, 4, [2, 2]);
    chip.mesh.border = Some(Border {
        hop: 31,
        occupancy: 17,
    });
    chip.host_ports.truncate(1);
    (chip.host_ports[0].tile, chip.host_ports[0].side) = (0, 1);
    chip
}

/// The `fifo` router alone: the closed form between all pairs, and bursts at the spacing of the slowest stage.
#[test]
fn the_fifo_router_alone_keeps_its_closed_forms() {
    let preset = |name| ChipSpec::preset(name).expect("a preset").expect("valid");
    let unit = fifo::unit_chip(
        &Mesh {
            width: 3,
            height: 2,
            locals: 2,
        },
        &[],
    );
    for (mut chip, every) in [
        (preset("tiny"), 1),
        (board(preset("tiny")), 3),
        (preset("loihi"), 7),
        (unit.expect("valid"), 1),
    ] {
        [
            chip.noc.inject_queue,
            chip.noc.input_fifo,
            chip.noc.receive_queue,
        ] = [64; 3];
        chip.mesh.planes = 1;
        let mut sent = Vec::new();
        for source in (0..chip.cores()).step_by(every) {
            for target in 0..chip.cores() {
                let created = sent.len() as u64 * 1000;
                sent.extend(
                    [Packet {
                        created,
                        source,
                        target,
                        size: 1,
                    }; 5],
                );
            }
        }
        let times = fifo::run(&chip, &sent).expect("they can be sent");
        for (packets, times) in sent.chunks(5).zip(times.chunks(5)) {
            let (source, target) = (packets[0].source, packets[0].target);
            let least = fifo::zero_load(&chip, source, target, 1);
            assert_eq!(times[0].tail - packets[0].created, least, "{}", chip.name);
            assert_eq!(times[0].injected, packets[0].created + chip.time.axon_out);
            let ((x, y), (to_x, to_y)) =
                (chip.xy(chip.tile_of(source)), chip.xy(chip.tile_of(target)));
            let ends = chip.time.axon_out.max(chip.noc.in_tile_occupancy);
            let tile = |x: u32, y: u32| y * chip.mesh.width + x;
            let direction = usize::from(to_x < x);
            let columns = (x.min(to_x)..x.max(to_x)).map(|at| tile(at + direction as u32, y));
            let along = columns.map(|tile| chip.link_spacing(tile, direction));
            let up = usize::from(to_y < y);
            let rows = (y.min(to_y)..y.max(to_y)).map(|at| tile(to_x, at + up as u32));
            let up = rows.map(|tile| chip.link_spacing(tile, 2 + up));
            let slowest = along.chain(up).fold(ends, u64::max);
            for (k, seen) in times.iter().enumerate() {
                assert_eq!(
                    seen.tail,
                    times[0].tail + k as u64 * slowest,
                    "{}",
                    chip.name
                );
                assert_eq!(seen.head, seen.tail);
            }
        }
    }
}

/// Both routers, in pieces and whole, under a load above saturation: nothing is lost and nothing depends on the pieces.
#[test]
fn measuring_in_pieces_changes_nothing() {
    let mesh = Mesh {
        width: 4,
        height: 3,
        locals: 1,
    };
    let load = Load {
        pattern: Pattern::Uniform,
        probability: ALWAYS / 2,
        size: 1,
        seed: 5,
    };
    let mut packets = Vec::new();
    let mut traffic = Traffic::new(mesh, load).expect("it fits");
    traffic.cycles(0..500, &mut packets);
    let chip = fifo::unit_chip(&mesh, &[]).expect("valid");
    let parameters = Parameters::new(mesh);
    let routers: [(Box<dyn Router>, Vec<Times>); 2] = [
        (
            Box::new(fifo::Network::new(&chip).expect("it fits")),
            fifo::run(&chip, &packets).expect("they can be sent"),
        ),
        (
            Box::new(Network::new(&parameters).expect("in range")),
            vc::run(&parameters, &packets).expect("they can be sent"),
        ),
    ];
    for (mut router, whole) in routers {
        router.count(100..400);
        for first in (0..500).step_by(20) {
            let piece: Vec<Packet> = (packets.iter().copied())
                .filter(|p| (first..first + 20).contains(&p.created))
                .collect();
            router.send(&piece).expect("in order");
            router.run(first + 20);
        }
        router.drain();
        assert_eq!(router.times(), whole);
        let taken = whole
            .iter()
            .filter(|t| (100..400).contains(&t.tail))
            .count();
        assert_eq!(router.counted(), taken as u64);
        assert!(whole.iter().all(|t| t.tail < 10_000 && t.tail > t.injected));
    }
}

/// Far below saturation the mean is that of packets alone; above it the load is called unstable.
#[test]
fn latency_is_measured() {
    let mesh = Mesh {
        width: 8,
        height: 8,
        locals: 1,
    };
    let mut load = Load {
        pattern: Pattern::Neighbor,
        probability: ALWAYS / 1000,
        size: 1,
        seed: 5,
    };
    let fresh = || Network::new(&Parameters::new(mesh)).expect("in range");
    let low = measure(&mut fresh(), load, 2000, UNSTABLE_CYCLES).expect("it fits");
    assert!(low.stable && low.packets > 80 && low.flits > 80);
    assert_eq!((low.least, low.cycles), (2 + 4 * 3, 2000));
    assert_eq!(low.latency, 2 * low.packets + 4 * low.routers);
    load.probability = ALWAYS;
    load.pattern = Pattern::Hotspot;
    let high = measure(&mut fresh(), load, 2000, UNSTABLE_CYCLES).expect("it fits");
    assert!(!high.stable && high.packets == 64 * 2000);
    // Four nodes take at most one flit a cycle each.
    let share = high.flits as f64 / (64.0 * 2000.0);
    assert!((0.1..0.2).contains(&share), "{share}");
}

/// Threads run bands of rows; the cut never shows, whatever the delays, in pieces or at once.
#[test]
fn bands_of_a_network_give_the_same_times() {
    let tall = |vcs, buffer| vc::Parameters {
        vcs,
        buffer,
        ..vc::Parameters::new(Mesh {
            width: 8,
            height: 27,
            locals: 2,
        })
    };
    let cases = [
        (tall(4, 8), 0.05, 1),
        (tall(1, 2), 0.02, 5),
        (
            vc::Parameters {
                credit_delay: 0,
                speculative: true,
                wait_for_tail_credit: true,
                ..tall(2, 3)
            },
            0.02,
            2,
        ),
        (
            vc::Parameters {
                link_delay: 5,
                switch_delay: 3,
                routing_delay: 1,
                ..tall(3, 4)
            },
            0.002,
            1,
        ),
    ];
    for (parameters, rate, size) in cases {
        let load = Load {
            pattern: Pattern::Uniform,
            probability: (rate * ALWAYS as f64) as u64,
            size,
            seed: 7,
        };
        let mut packets = Vec::new();
        let mut traffic = Traffic::new(parameters.mesh, load).expect("it fits");
        traffic.cycles(0..300, &mut packets);
        let run = |threads: usize, piece: u64| {
            let mut network = vc::Network::with_threads(&parameters, threads).expect("in range");
            // Only the emulator of debug builds cuts networks as small as this.
            if cfg!(debug_assertions) {
                assert_eq!(network.threads(), threads);
            }
            network.send(&packets).expect("in order");
            network.count(100..200);
            for end in (0..400).step_by(piece as usize) {
                network.run(end);
            }
            network.drain();
            (
                network.times().to_vec(),
                network.counted(),
                network.flit_hops(),
            )
        };
        let one = run(1, 400);
        assert!(packets.len() > 100 && one.0.iter().all(|t| t.tail != u64::MAX));
        for (threads, piece) in [(2, 400), (2, 7), (3, 50)] {
            assert!(
                one == run(threads, piece),
                "{threads} threads, {parameters:?}"
            );
        }
    }
}

#[test]
fn the_flits_of_a_packet_follow_each_other_at_the_slowest_stage() {
    for (name, order, apart, boards) in [
        ("tiny", Order::Xy, false, false),
        ("tiny", Order::Yx, true, false),
        ("tiny", Order::Xy, true, true),
        ("loihi", Order::Yx, false, false),
    ] {
        let mut chip = ChipSpec::preset(name).expect("a preset").expect("valid");
        if boards {
            chip = board(chip);
        }
        (chip.noc.graded_flits, chip.noc.order, chip.noc.host_order) = (5, order, order);
        chip.noc.receive_queue = 8;
        (chip.noc.input_fifo, chip.noc.inject_queue) = (64, 64);
        if apart {
            chip.noc.networks = vec![PacketKind::Graded];
        }
        let mut sent = Vec::new();
        for (source, target) in (0..chip.cores())
            .step_by(5)
            .flat_map(|a| (0..chip.cores()).map(move |b| (a, b)))
        {
            for size in 1..=5 {
                let created = sent.len() as u64 * 5000;
                sent.push(Packet {
                    created,
                    source,
                    target,
                    size,
                });
            }
        }
        let times = fifo::run(&chip, &sent).expect("they can be sent");
        for (packet, times) in sent.iter().zip(&times) {
            let alone = fifo::zero_load(&chip, packet.source, packet.target, packet.size);
            assert_eq!(times.tail - packet.created, alone, "{name}: {packet:?}");
        }
        let six = [Packet {
            created: 0,
            source: 0,
            target: 1,
            size: 6,
        }];
        assert!(
            fifo::run(&chip, &six).is_err(),
            "a packet of this chip has 5 flits at most"
        );
    }
}

/// A table that says what an order says gives its times.
#[test]
fn a_table_of_an_order_is_the_order() {
    let mut random = Random(5);
    let mut chip = ChipSpec::preset("loihi").expect("a preset").expect("valid");
    (chip.mesh.width, chip.mesh.height, chip.mesh.cores_per_tile) = (5, 4, 2);
    chip.host_ports.truncate(1);
    chip.host_ports[0].tile = 0;
    chip.noc.input_fifo = 2;
    let sent: Vec<Packet> = (0..3000)
        .map(|created| Packet {
            created,
            source: random.below(40) as u32,
            target: random.below(40) as u32,
            size: 1,
        })
        .collect();
    for order in [Order::Xy, Order::Yx] {
        (chip.noc.order, chip.noc.host_order, chip.noc.routes) = (order, order, None);
        let by_order = fifo::run(&chip, &sent).expect("they can be sent");
        let letter = |from, to| {
            let link = chip.first_link(from, to, order);
            link.map_or('-', |direction| char::from(b"ewns"[usize::from(direction)]))
        };
        let row = |from| (0..20).map(|to| letter(from, to)).collect::<String>();
        let rows: Vec<String> = (0..20).map(row).collect();
        chip.noc.routes = Some(Routes::read(&rows, 5, 4).expect("whole"));
        // What the orders say is nothing any more.
        (chip.noc.order, chip.noc.host_order) = (Order::Yx, Order::Xy);
        let by_table = fifo::run(&chip, &sent).expect("they can be sent");
        assert!(by_order == by_table, "{order:?}");
    }
}

#[test]
fn a_chip_whose_packets_can_wait_in_a_circle_is_refused() {
    let mut chip = ChipSpec::preset("loihi").expect("a preset").expect("valid");
    chip.noc.host_order = Order::Yx;
    let error = fifo::run(&chip, &[])
        .expect_err("it can stop for ever")
        .to_string();
    assert!(error.contains("can wait in a circle: tile"), "{error}");
    chip.noc.networks = vec![PacketKind::Host];
    assert_eq!(fifo::run(&chip, &[]), Ok(vec![]));
}
