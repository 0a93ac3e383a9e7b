//! The `fifo` router network of `specs/noc.md`, event by event.
//!
//! Invariant: an output acts in a cycle only if something changed for it — a new head, `free` reached, a credit home — so
//! the events are the cycles in which the literal phases would do something. Credits are not sent around: a slot's
//! credit is home once its packet left `1 + credit` cycles ago.

use super::wheel::{Event, Wheel};
use crate::mutants::{self, Mutant};
use crate::program::{NONE, Program};
use isa::chip::Noc;
use isa::image::HOST;

/// Kinds of events.
pub(super) const ARRIVE: Event = 0 << 29;
pub(super) const SYNAPSE: Event = 1 << 29;
pub(super) const NEURON: Event = 2 << 29;
pub(super) const AXON: Event = 3 << 29;
pub(super) const OUTPUT: Event = 4 << 29;
pub(super) const HOSTLINK: Event = 5 << 29;
pub(super) const INDEX: Event = (1 << 29) - 1;

/// No packet, no FIFO.
pub(super) const NIL: u32 = u32::MAX;
/// The output leads to the host.
const TO_HOST: u32 = u32::MAX - 1;

/// A packet on its way.
#[derive(Clone, Copy)]
pub(super) struct Packet {
    /// Next in its FIFO, or next of the same sender.
    pub(super) next: u32,
    /// FIFO in which it is, or arrives.
    pub(super) fifo: u32,
    /// When it arrived there.
    pub(super) arrived: u64,
    pub(super) service: u64,
    /// Service must end by this cycle (`tick`).
    pub(super) deadline: u64,
    /// Index of the core, or `HOST | port`.
    pub(super) target: u32,
    /// Index of its record, or [`NIL`].
    pub(super) record: u32,
    pub(super) dx: i16,
    pub(super) dy: i16,
    /// Output at its last router.
    pub(super) last: u8,
    pub(super) plane: u8,
}

#[derive(Clone, Copy)]
pub(super) struct Fifo {
    head: u32,
    tail: u32,
    pub(super) len: u32,
    depth: u32,
    /// Packets sent to it and packets that left it.
    pushed: u64,
    popped: u64,
    /// Its sender waits for a credit.
    waiting: bool,
    /// Who that is.
    sender: Event,
}

#[derive(Clone, Copy)]
struct Output {
    free: u64,
    /// Cycle of the pending wake-up, `u64::MAX` if none.
    wake: u64,
    /// Last cycle in which it was looked at.
    seen: u64,
    /// Inputs whose head wants this output.
    wanted: u64,
    fifo: u32,
    pointer: u8,
    /// Index into `latency` and `occupancy`.
    class: u8,
}

/// When a push may happen.
pub(super) enum Credit {
    Home,
    At(u64),
    Unknown,
}

/// Routers, FIFOs and packets.
pub(super) struct Net {
    pub(super) wheel: Wheel,
    pub(super) packets: Vec<Packet>,
    pub(super) free_packets: Vec<u32>,
    fifos: Vec<Fifo>,
    /// Cycles at which the last packets left each FIFO.
    pops: Vec<u64>,
    pop_ring: u64,
    outputs: Vec<Output>,
    /// Inputs (and outputs) of a router.
    ports: u32,
    tiles: u32,
    planes: u32,
    credit: u64,
    /// By class: four links, core, host.
    latency: [u64; 6],
    occupancy: [u64; 6],
    wake_outputs: Vec<u32>,
    exposed: Vec<u32>,
    pub(super) router_wait: u64,
    pub(super) fifo_peak: u64,
    pub(super) link_wait: Vec<u64>,
    pub(super) inside: u64,
}

impl Net {
    pub(super) fn new(program: &Program<'_>) -> Net {
        let (chip, noc) = (program.chip, &program.chip.noc);
        let (width, height, cores) = (chip.mesh.width, chip.mesh.height, chip.mesh.cores_per_tile);
        let (tiles, planes, ports) = (chip.tiles(), chip.mesh.planes, 4 + cores);
        let routers = tiles * planes;
        let mut fifos = Vec::new();
        let mut outputs = Vec::new();
        let receive = |core: u32, plane: u32| routers * ports + core * planes + plane;
        for router in 0..routers {
            let (plane, tile) = (router / tiles, router % tiles);
            let (x, y) = (tile % width, tile / width);
            let neighbours = [
                (x + 1 < width).then(|| router + 1),
                (x > 0).then(|| router.wrapping_sub(1)),
                (y + 1 < height).then(|| router + width),
                (y > 0).then(|| router.wrapping_sub(width)),
            ];
            for side in 0..4u32 {
                let port = chip
                    .host_ports
                    .iter()
                    .position(|p| p.tile == tile && u32::from(p.side) == side);
                let sender = match (neighbours[side as usize], port) {
                    (Some(from), _) => OUTPUT | (from * ports + (side ^ 1)),
                    (None, Some(port)) => HOSTLINK | (port as u32 * planes + plane),
                    (None, None) => 0,
                };
                fifos.push(Fifo::new(
                    noc.input_fifo + u32::from(mutants::is(Mutant::LinkDeep)),
                    sender,
                ));
                let (fifo, class) = match neighbours[side as usize] {
                    Some(to) => (to * ports + (side ^ 1), side as u8),
                    None => (TO_HOST, 5),
                };
                outputs.push(Output::new(fifo, class));
            }
            for index in 0..cores {
                let core = program.core_index[(tile * cores + index) as usize];
                let depth = noc.inject_queue + u32::from(mutants::is(Mutant::InjectionDeep));
                fifos.push(Fifo::new(depth, if core == NONE { 0 } else { AXON | core }));
                outputs.push(Output::new(
                    if core == NONE {
                        NIL
                    } else {
                        receive(core, plane)
                    },
                    4,
                ));
            }
        }
        for core in &program.cores {
            let id = core.program.core.0;
            for plane in 0..planes {
                let output = (plane * tiles + id / cores) * ports + 4 + id % cores;
                fifos.push(Fifo::new(noc.receive_queue, OUTPUT | output));
            }
        }
        let deepest = fifos.iter().map(|f| u64::from(f.depth)).max().unwrap_or(1);
        let pop_ring = deepest.min(noc.credit + 3).next_power_of_two();
        Net {
            wheel: Wheel::new(),
            packets: Vec::new(),
            free_packets: Vec::new(),
            pops: vec![0; fifos.len() * pop_ring as usize],
            pop_ring,
            fifos,
            outputs,
            ports,
            tiles,
            planes,
            credit: noc.credit,
            latency: latencies(noc),
            occupancy: occupancies(noc),
            wake_outputs: Vec::new(),
            exposed: Vec::new(),
            router_wait: 0,
            fifo_peak: 0,
            link_wait: vec![0; tiles as usize * 4],
            inside: 0,
        }
    }

    /// Cycles after which nothing of the past matters any more.
    pub(super) fn settle(&self) -> u64 {
        self.credit + 3 + self.occupancy.iter().copied().max().unwrap_or(0)
    }

    /// Every arbiter at its first position.
    pub(super) fn reset_pointers(&mut self) {
        if !mutants::is(Mutant::PointerKept) {
            self.outputs.iter_mut().for_each(|o| o.pointer = 0);
        }
    }

    /// FIFO of a core's injection in a plane.
    pub(super) fn injection(&self, tile: u32, index: u32, plane: u32) -> u32 {
        (plane * self.tiles + tile) * self.ports + 4 + index
    }

    /// FIFO of a link into a tile from a side.
    pub(super) fn link(&self, tile: u32, side: u32, plane: u32) -> u32 {
        (plane * self.tiles + tile) * self.ports + side
    }

    /// Receive queue of a core in a plane.
    pub(super) fn receive(&self, core: u32, plane: u32) -> u32 {
        self.tiles * self.planes * self.ports + core * self.planes + plane
    }

    /// Core of a receive queue.
    pub(super) fn receiver(&self, fifo: u32) -> Option<u32> {
        let first = self.tiles * self.planes * self.ports;
        (fifo >= first).then(|| (fifo - first) / self.planes)
    }

    pub(super) fn fifo(&self, fifo: u32) -> &Fifo {
        &self.fifos[fifo as usize]
    }

    /// Whether a packet may be sent to the FIFO now; if not, when. If that is unknown, the sender is woken in time.
    #[inline]
    pub(super) fn credit(&mut self, fifo: u32, now: u64) -> Credit {
        let record = &mut self.fifos[fifo as usize];
        let Some(needed) = record.pushed.checked_sub(u64::from(record.depth)) else {
            return Credit::Home;
        };
        if record.popped <= needed {
            record.waiting = true;
            return Credit::Unknown;
        }
        if record.popped - needed > self.pop_ring {
            return Credit::Home;
        }
        let left = self.pops[(u64::from(fifo) * self.pop_ring + needed % self.pop_ring) as usize];
        let home = left + self.way_home(fifo);
        if home <= now {
            Credit::Home
        } else {
            Credit::At(home)
        }
    }

    /// Cycles until a freed slot is usable.
    #[inline(always)]
    fn way_home(&self, fifo: u32) -> u64 {
        let routers = self.tiles * self.planes * self.ports;
        let late = (mutants::is(Mutant::CreditLate) && fifo < routers && fifo % self.ports < 4)
            || (mutants::is(Mutant::ReceiveCreditLate) && fifo >= routers);
        1 + self.credit + u64::from(late)
    }

    /// Sends a packet to a FIFO, to arrive after `latency`. A credit must be home.
    #[inline]
    pub(super) fn push(&mut self, fifo: u32, packet: u32, at: u64) {
        self.fifos[fifo as usize].pushed += 1;
        self.packets[packet as usize].fifo = fifo;
        self.inside += 1;
        self.wheel.add(at, ARRIVE | packet);
    }

    /// The packet is in its FIFO. Returns the core if that is a receive queue.
    #[inline]
    pub(super) fn arrive(&mut self, packet: u32, now: u64) -> Option<u32> {
        let record = &mut self.packets[packet as usize];
        record.arrived = now;
        record.next = NIL;
        let at = record.fifo;
        let fifo = &mut self.fifos[at as usize];
        fifo.len += 1;
        let first = fifo.head == NIL;
        if first {
            fifo.head = packet;
        } else {
            self.packets[fifo.tail as usize].next = packet;
        }
        fifo.tail = packet;
        if at >= self.tiles * self.planes * self.ports {
            return self.receiver(at);
        }
        self.fifo_peak = self.fifo_peak.max(u64::from(fifo.len));
        if first {
            let output = self.expose(at);
            self.wake_outputs.push(output);
        }
        None
    }

    /// Takes the head of a FIFO.
    #[inline]
    pub(super) fn pop(&mut self, fifo: u32, now: u64) -> u32 {
        let home = now + self.way_home(fifo);
        let record = &mut self.fifos[fifo as usize];
        let packet = record.head;
        record.head = self.packets[packet as usize].next;
        record.len -= 1;
        self.pops[(u64::from(fifo) * self.pop_ring + record.popped % self.pop_ring) as usize] = now;
        record.popped += 1;
        self.inside -= 1;
        if record.waiting {
            record.waiting = false;
            let sender = record.sender;
            self.wake(sender, home);
        }
        packet
    }

    fn wake(&mut self, who: Event, at: u64) {
        if who & !INDEX == OUTPUT {
            self.wake_output(who & INDEX, at);
        } else {
            self.wheel.add(at, who);
        }
    }

    #[inline]
    fn wake_output(&mut self, output: u32, at: u64) {
        let record = &mut self.outputs[output as usize];
        if at < record.wake {
            record.wake = at;
            self.wheel.add(at, OUTPUT | output);
        }
    }

    /// Makes the head of a FIFO visible; the output it wants.
    #[inline]
    fn expose(&mut self, fifo: u32) -> u32 {
        let packet = &self.packets[self.fifos[fifo as usize].head as usize];
        let port = match (packet.dx, packet.dy) {
            (1.., _) => 0,
            (..0, _) => 1,
            (0, 1..) => 2,
            (0, ..0) => 3,
            (0, 0) => u32::from(packet.last),
        };
        let (router, input) = (fifo / self.ports, fifo % self.ports);
        let output = router * self.ports + port;
        self.outputs[output as usize].wanted |= 1 << input;
        output
    }

    /// A wake-up of an output.
    #[inline]
    pub(super) fn woken(&mut self, output: u32, now: u64) {
        let record = &mut self.outputs[output as usize];
        if record.wake == now {
            record.wake = u64::MAX;
        }
        self.wake_outputs.push(output);
    }

    /// Phase 5: all outputs for which something changed. `left` gets packets that leave to the host.
    pub(super) fn arbitrate(&mut self, now: u64, left: &mut Vec<u32>) {
        let mut next = 0;
        while let Some(output) = self.wake_outputs.get(next).copied() {
            next += 1;
            self.grant(output, now, left);
            if mutants::is(Mutant::HeadSameCycle)
                && let Some(fifo) = self.exposed.pop()
            {
                let output = self.expose(fifo);
                self.wake_outputs.push(output);
            }
        }
        self.wake_outputs.clear();
        while let Some(fifo) = self.exposed.pop() {
            let output = self.expose(fifo);
            let free = self.outputs[output as usize].free;
            self.wake_output(output, free.max(now + 1));
        }
    }

    fn grant(&mut self, index: u32, now: u64, left: &mut Vec<u32>) {
        let output = &mut self.outputs[index as usize];
        if output.wanted == 0 || output.seen == now {
            return;
        }
        let (free, to, class) = (output.free, output.fifo, usize::from(output.class));
        if free > now {
            return self.wake_output(index, free);
        }
        if to != TO_HOST {
            match self.credit(to, now) {
                Credit::Home => {}
                Credit::At(home) => return self.wake_output(index, home),
                Credit::Unknown => return,
            }
        }
        let router = index / self.ports;
        let output = &mut self.outputs[index as usize];
        let after = output.wanted & (u64::MAX << output.pointer);
        let input = if after != 0 { after } else { output.wanted }.trailing_zeros();
        let past = if input + 1 == self.ports {
            0
        } else {
            input + 1
        };
        output.pointer = if mutants::is(Mutant::PointerStays) {
            input
        } else {
            past
        } as u8;
        output.wanted &= !(1 << input);
        output.seen = now;
        let occupancy = if mutants::is(Mutant::OccupancyIgnored) {
            1
        } else {
            self.occupancy[class]
        };
        output.free = now + occupancy;
        let more = output.wanted != 0;
        let from = router * self.ports + input;
        let packet = self.pop(from, now);
        if self.fifos[from as usize].head != NIL {
            self.exposed.push(from);
        }
        let record = &mut self.packets[packet as usize];
        let wait = now - record.arrived;
        self.router_wait += wait;
        if class < 4 {
            self.link_wait[(router % self.tiles * 4) as usize + class] += wait;
            record.dx += [-1, 1, 0, 0][class];
            record.dy += [0, 0, -1, 1][class];
        }
        let arrival = now + self.latency[class];
        if to == TO_HOST {
            record.arrived = arrival;
            left.push(packet);
        } else {
            self.push(to, packet, arrival);
        }
        if more {
            self.wake_output(index, (now + occupancy).max(now + 1));
        }
    }

    /// A place for a packet.
    pub(super) fn place(&mut self, packet: Packet) -> u32 {
        debug_assert!(
            packet.target & HOST == 0 || packet.service == 0,
            "the host serves at once"
        );
        match self.free_packets.pop() {
            Some(place) => {
                self.packets[place as usize] = packet;
                place
            }
            None => {
                assert!(
                    self.packets.len() < INDEX as usize,
                    "{} packets in one step",
                    self.packets.len()
                );
                self.packets.push(packet);
                self.packets.len() as u32 - 1
            }
        }
    }
}

impl Fifo {
    fn new(depth: u32, sender: Event) -> Fifo {
        Fifo {
            head: NIL,
            tail: NIL,
            len: 0,
            depth,
            pushed: 0,
            popped: 0,
            waiting: false,
            sender,
        }
    }
}

impl Output {
    fn new(fifo: u32, class: u8) -> Output {
        Output {
            free: 0,
            wake: u64::MAX,
            seen: u64::MAX,
            wanted: 0,
            fifo,
            pointer: 0,
            class,
        }
    }
}

fn latencies(noc: &Noc) -> [u64; 6] {
    let [east, west, north, south] = noc.hop;
    let core = noc.in_tile + noc.eject;
    if mutants::is(Mutant::HopSwapped) {
        return [north, south, east, west, core, noc.host];
    }
    [east, west, north, south, core, noc.host]
}

fn occupancies(noc: &Noc) -> [u64; 6] {
    let [east, west, north, south] = noc.occupancy;
    [
        east,
        west,
        north,
        south,
        noc.in_tile_occupancy,
        noc.host_occupancy,
    ]
}
