//! Random chips: a preset with every limit, queue, time and shape drawn anew.
//!
//! Invariant: what is drawn lies in the ranges that chip files allow, small enough that queues run full.

use crate::random::Random;
use isa::chip::{
    Border, ChipSpec, Delivery, HostPort, InstructionTime, OnSpikeTime, Order, PacketKind, Routes,
    Sync, UpdateTime, VcRouter,
};

/// A chip for one case.
pub(crate) fn random_chip(random: &mut Random) -> ChipSpec {
    let axon_bits = random.percent(35);
    let preset = if axon_bits && random.percent(50) {
        "truenorth"
    } else {
        "tiny"
    };
    let mut chip = ChipSpec::preset(preset).expect("a preset").expect("valid");
    chip.delivery = if axon_bits {
        Delivery::AxonBits
    } else {
        Delivery::Accumulate
    };
    chip.kernels = None;
    let mesh = &mut chip.mesh;
    (mesh.width, mesh.height) = (random.within(1, 4) as u32, random.within(1, 3) as u32);
    (mesh.cores_per_tile, mesh.planes) = (random.within(1, 3) as u32, random.within(1, 2) as u32);
    if random.percent(35) {
        mesh.board = random.pick(&[[2, 1], [1, 2], [2, 2], [3, 1]]);
        let [across, up] = mesh.board;
        mesh.width = across * random.within(1, 2) as u32;
        mesh.height = up * random.within(1, 2) as u32;
    }
    chip.host_ports = host_ports(mesh.width, mesh.height, random);
    chip.sync = if random.percent(50) {
        let mut tiles = 0;
        let point = |_| {
            tiles += random.within(1, 3) as u32;
            (tiles, random.within(0, 40) as u64)
        };
        let points = (0..3).map(point).collect();
        Sync::Barrier {
            linear: random.percent(50),
            points,
            wave: false,
        }
    } else {
        Sync::Tick {
            period: random.pick(&[1, 7, 20, 60, 150, 400, 1000, 3000]),
        }
    };
    limits(&mut chip, axon_bits, random);
    chip.lanes_per_bundle = random.pick(&[1, 1, 2, 3, 4, 4, 7]);
    times(&mut chip, axon_bits, random);
    network(&mut chip, random);
    if chip.noc.networks.is_empty()
        && random.percent(40)
        && let Sync::Barrier { wave, .. } = &mut chip.sync
    {
        *wave = true;
    }
    chip
}

/// The chip with routers `vc`, with small buffers more often than large ones.
pub(crate) fn with_vc(mut chip: ChipSpec, random: &mut Random) -> ChipSpec {
    (chip.noc.graded_flits, chip.noc.multicast) = (1, false);
    chip.noc.networks.clear();
    (chip.noc.order, chip.noc.host_order) = (Order::Xy, Order::Xy);
    chip.noc.routes = None;
    (chip.mesh.board, chip.mesh.border) = ([1, 1], None);
    if let Sync::Barrier { wave, .. } = &mut chip.sync {
        *wave = false;
    }
    chip.noc.vc = Some(VcRouter {
        cycle: random.pick(&[1, 1, 2, 3, 7]),
        vcs: random.pick(&[1, 1, 2, 3, 4, 8]),
        buffer: random.pick(&[1, 1, 2, 3, 4, 9]),
        routing_delay: random.below(2) as u32,
        switch_delay: random.pick(&[1, 1, 2, 8]),
        link_delay: random.pick(&[1, 1, 2, 5, 16]),
        credit_delay: random.pick(&[0, 1, 1, 4, 16]),
        speculative: random.percent(50),
        wait_for_tail_credit: random.percent(30),
    });
    chip
}

/// Half of the chips have more than one network of single flits.
fn network(chip: &mut ChipSpec, random: &mut Random) {
    let noc = &mut chip.noc;
    if random.percent(50) {
        return;
    }
    if random.percent(25) {
        let queues = [
            &mut noc.inject_queue,
            &mut noc.input_fifo,
            &mut noc.receive_queue,
        ];
        queues
            .into_iter()
            .for_each(|queue| *queue = random.within(1, 16) as u32);
    }
    let networks: &[PacketKind] = random.pick(&[
        &[],
        &[PacketKind::Host],
        &[PacketKind::Graded],
        &[PacketKind::Graded, PacketKind::Host],
        &[PacketKind::Host, PacketKind::Graded],
    ]);
    noc.networks = networks.to_vec();
    noc.multicast = random.percent(60);
    if chip.limits.graded && random.percent(60) {
        noc.graded_flits = random.within(1, 4) as u32;
        noc.receive_queue = noc.receive_queue.max(noc.graded_flits);
    }
    let orders = [Order::Xy, Order::Yx];
    noc.order = random.pick(&orders);
    noc.host_order = noc.order;
    // In one network, two orders can wait for each other.
    if noc.networks.contains(&PacketKind::Host) {
        noc.host_order = random.pick(&orders);
    }
    if random.percent(25) {
        noc.multicast = false;
        (noc.order, noc.host_order) = (Order::Xy, Order::Xy);
        noc.routes = Some(table(chip.mesh.width, chip.mesh.height, random));
    }
}

/// A table of shortest routes, at random but for one of three rules of turns, each of which leaves no circle: west first,
/// negative first, north last (Glass and Ni 1992).
fn table(width: u32, height: u32, random: &mut Random) -> Routes {
    let first = random.pick(&["w", "ws", "ews"]);
    let letter = |tile: u32, target: u32, random: &mut Random| {
        let ((x, y), (to_x, to_y)) = (
            (tile % width, tile / width),
            (target % width, target / width),
        );
        let nearer = [
            (to_x > x, 'e'),
            (to_x < x, 'w'),
            (to_y > y, 'n'),
            (to_y < y, 's'),
        ];
        let nearer = nearer.into_iter().filter(|(leads, _)| *leads);
        let all: Vec<char> = nearer.map(|(_, letter)| letter).collect();
        let early = all.iter().filter(|letter| first.contains(**letter));
        let early: Vec<char> = early.copied().collect();
        match (early.is_empty(), all.is_empty()) {
            (_, true) => '-',
            (true, _) => random.pick(&all),
            (false, _) => random.pick(&early),
        }
    };
    let mut row = |tile| {
        let letters = (0..width * height).map(|target| letter(tile, target, random));
        letters.collect::<String>()
    };
    let rows: Vec<String> = (0..width * height).map(&mut row).collect();
    Routes::read(&rows, width, height).expect("every link leads nearer")
}

/// One or two ports on different sides.
fn host_ports(width: u32, height: u32, random: &mut Random) -> Vec<HostPort> {
    let port = |random: &mut Random| {
        let (x, y) = (
            random.below(width as usize) as u32,
            random.below(height as usize) as u32,
        );
        let side = random.below(4) as u8;
        let (x, y) = [(width - 1, y), (0, y), (x, height - 1), (x, 0)][usize::from(side)];
        HostPort {
            tile: y * width + x,
            side,
        }
    };
    let mut ports = vec![port(random)];
    if random.percent(50) {
        let second = port(random);
        if second.side != ports[0].side {
            ports.push(second);
        }
    }
    ports
}

fn limits(chip: &mut ChipSpec, axon_bits: bool, random: &mut Random) {
    let limits = &mut chip.limits;
    limits.neurons = 4096;
    limits.groups = 16;
    limits.threshold_profiles = 16;
    limits.synapse_formats = 32;
    limits.shared_pointer_bits = random.pick(&[0, 16, 32]);
    limits.input_axons = 4096;
    limits.output_slots = 1 << 20;
    limits.lane_destinations = 1 << 16;
    limits.synapse_bits = 1 << 30;
    limits.weight_widths = (0..=9).collect();
    limits.index_widths = (0..=16).collect();
    limits.weight_exponent = [-8, 12];
    limits.weight_scale = random.pick(&[0, 0, 6]);
    limits.state_bits = 32;
    limits.state_slots = 256;
    limits.accumulator_bits = 32;
    limits.receptors = 4;
    limits.delay = if axon_bits {
        random.pick(&[0, 3, 14])
    } else {
        random.pick(&[0, 1, 6, 14, 62])
    };
    limits.code_words = 1 << 20;
    limits.decay_bits = 12;
    limits.threshold_bits = 32;
    limits.graded = !axon_bits && random.percent(60);
}

fn times(chip: &mut ChipSpec, axon_bits: bool, random: &mut Random) {
    // Some chips have narrow queues and slow networks, some are quick, so that all kinds of stalls occur.
    let slow = random.within(1, 12);
    let mesh = &mut chip.mesh;
    mesh.border = (mesh.chips() > 1).then(|| Border {
        hop: random.within(1, 3 * slow) as u64,
        occupancy: random.within(1, 3 * slow) as u64,
    });
    let noc = &mut chip.noc;
    noc.spike_queue = random.within(1, 4) as u32;
    noc.inject_queue = random.within(1, 4) as u32;
    noc.input_fifo = random.within(1, 4) as u32;
    noc.receive_queue = random.within(1, 4) as u32;
    noc.inject = random.within(1, 3) as u64;
    noc.hop = [0; 4].map(|_| random.within(1, slow) as u64);
    noc.occupancy = [0; 4].map(|_| random.within(1, slow) as u64);
    noc.in_tile = random.within(0, 3) as u64;
    noc.in_tile_occupancy = random.within(1, slow) as u64;
    noc.eject = random.within(i64::from(noc.in_tile == 0), 3) as u64;
    noc.credit = random.within(0, 3) as u64;
    noc.host = random.within(1, slow) as u64;
    noc.host_occupancy = random.within(1, slow) as u64;
    let classes = |random: &mut Random, free: u64| {
        let fill = random.within(0, 5) as u64;
        let class = [0; 6].map(|_| {
            if random.percent(free) {
                0
            } else {
                random.within(1, 4) as u64
            }
        });
        InstructionTime { fill, class }
    };
    chip.time.update = if random.percent(50) {
        let [inactive, active, spike] = [0; 3].map(|_| random.within(0, 5) as u64);
        UpdateTime::Event {
            inactive,
            active,
            spike,
        }
    } else {
        UpdateTime::Instruction(classes(random, 40))
    };
    let packet = random.within(0, slow) as u64;
    chip.time.on_spike = if axon_bits {
        OnSpikeTime::Event { packet, synapse: 0 }
    } else if random.percent(50) {
        OnSpikeTime::Event {
            packet,
            synapse: random.within(0, 4) as u64,
        }
    } else {
        OnSpikeTime::Instruction {
            packet,
            times: classes(random, 40),
        }
    };
    chip.time.axon_out = random.within(1, slow) as u64;
    chip.time.neuron_pass = if axon_bits {
        [0; 4].map(|_| random.within(0, 3) as u64)
    } else {
        [0; 4]
    };
}
