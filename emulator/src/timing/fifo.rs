//! The `fifo` router network of `specs/noc.md`, event by event.
//!
//! Invariant: times are exact wherever they are written down early. A FIFO has one sender and a fixed latency, so a packet
//! is put in when it is sent, with the cycle of its arrival, and there are two kinds of events only: a packet becomes the
//! head of a router's FIFO; an output that could not act can. Each is pending once at most. Credits are not sent
//! around: a slot's credit is home once its packet left `1 + credit` cycles ago.

use super::net::{Credit, Ends, NIL, Network, Packet, Packets, Waits};
use super::units::Units;
use super::wheel::{LAST, Wheel};
use crate::mutants::{self, Mutant};
use crate::program::NONE;
use crate::route::Trees;
use crate::trace::TracedHop;
use isa::chip::{ChipSpec, Sync};
use std::hint::select_unpredictable;
use std::sync::Arc;

/// Kinds of senders to a FIFO.
pub(super) const OUTPUT: u32 = 0 << 30;
pub(super) const AXON: u32 = 1 << 30;
const HOSTLINK: u32 = 2 << 30;
const NOBODY: u32 = 3 << 30;
pub(super) const INDEX: u32 = (1 << 30) - 1;

/// The output leads to the host.
pub(super) const TO_HOST: u32 = u32::MAX - 1;

/// Classes of outputs: four links by direction, core, host, four links to other chips by direction; as many as four bits index.
const CLASSES: usize = 16;
/// First class of the links to other chips.
const BORDER: usize = 6;
/// What a packet's way changes by at an output of a class.
pub(super) static ALONG_X: [i16; CLASSES] = [-1, 1, 0, 0, 0, 0, -1, 1, 0, 0, 0, 0, 0, 0, 0, 0];
pub(super) static ALONG_Y: [i16; CLASSES] = [0, 0, -1, 1, 0, 0, 0, 0, -1, 1, 0, 0, 0, 0, 0, 0];

/// A queue of packets.
pub(super) struct Fifo {
    pub(super) head: u32,
    pub(super) tail: u32,
    /// Packets in it or on the way to it.
    pub(super) len: u32,
    pub(super) depth: u32,
    /// Packets that left it, modulo 2^32.
    pub(super) popped: u32,
    /// Who sends to it.
    pub(super) sender: u32,
    /// First port of its router; of a receive queue, its core.
    pub(super) base: u32,
    /// Input of the router.
    pub(super) input: u8,
    /// Its sender waits for a credit.
    pub(super) waiting: bool,
}

pub(super) struct Output {
    pub(super) free: u64,
    /// Inputs whose head wants this output.
    pub(super) wanted: u64,
    pub(super) fifo: u32,
    /// First port of its router.
    pub(super) base: u32,
    /// Index of its waiting cycles.
    pub(super) link: u32,
    /// Index into `latency` and `occupancy`.
    pub(super) class: u8,
    /// It cannot act before its event, or before its sender's credit makes one.
    pub(super) blocked: bool,
}

/// Routers, FIFOs and packets.
pub(super) struct FifoNetwork {
    /// Events: FIFOs, then outputs.
    pub(super) wheel: Wheel,
    pub(super) all: Packets,
    pub(super) fifos: Vec<Fifo>,
    /// Cycles at which the last packets left each FIFO.
    pub(super) pops: Vec<u64>,
    pub(super) pop_ring: u32,
    pub(super) pop_shift: u32,
    pub(super) outputs: Vec<Output>,
    /// Of the outputs' arbiters.
    pub(super) pointers: Vec<u8>,
    pub(super) first_output: u32,
    /// Inputs (and outputs) of a router.
    pub(super) ports: u32,
    pub(super) tiles: u32,
    pub(super) planes: u32,
    pub(super) credit: u64,
    pub(super) latency: [u64; CLASSES],
    pub(super) occupancy: [u64; CLASSES],
    pub(super) router_wait: u64,
    pub(super) fifo_peak: u64,
    /// By link; the last is for outputs to cores and to the host.
    pub(super) link_wait: Vec<u64>,
    /// Outputs of the cycle in hand.
    pub(super) cycle_outputs: Vec<u32>,
}

impl Network for FifoNetwork {
    fn new(chip: &ChipSpec, used: &[u32], _: &Arc<Trees>) -> FifoNetwork {
        let noc = &chip.noc;
        let mut core_index = vec![NONE; chip.cores() as usize];
        for (index, core) in used.iter().enumerate() {
            core_index[*core as usize] = index as u32;
        }
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
                    (None, None) => NOBODY,
                };
                fifos.push(Fifo::new(
                    noc.input_fifo + u32::from(mutants::is(Mutant::LinkDeep)),
                    sender,
                    router * ports,
                    side,
                ));
                let (fifo, class) = match neighbours[side as usize] {
                    Some(to) => {
                        let crosses = chip.mesh.crosses(tile, side as usize)
                            && !mutants::is(Mutant::BorderAsLink);
                        let first = if crosses { BORDER as u8 } else { 0 };
                        (to * ports + (side ^ 1), first + side as u8)
                    }
                    None => (TO_HOST, 5),
                };
                let link = if fifo == TO_HOST {
                    tiles * 4
                } else {
                    tile * 4 + side
                };
                outputs.push(Output::new(fifo, class, router * ports, link));
            }
            for index in 0..cores {
                let core = core_index[(tile * cores + index) as usize];
                let depth = noc.inject_queue + u32::from(mutants::is(Mutant::InjectionDeep));
                let (sender, to) = if core == NONE {
                    (NOBODY, NIL)
                } else {
                    (AXON | core, receive(core, plane))
                };
                fifos.push(Fifo::new(depth, sender, router * ports, 4 + index));
                outputs.push(Output::new(to, 4, router * ports, tiles * 4));
            }
        }
        for core in 0..used.len() as u32 {
            for plane in 0..planes {
                fifos.push(Fifo::new(noc.receive_queue, NOBODY, core, plane));
            }
        }
        let deepest = fifos.iter().map(|f| u64::from(f.depth)).max().unwrap_or(1);
        // A whole packet leaves a receive queue at once.
        let recent = match chip.sync {
            // A marker may find a queue as it was long before.
            Sync::Barrier { wave: true, .. } => deepest,
            _ => (noc.credit + 3) * u64::from(noc.graded_flits),
        };
        let pop_ring = deepest.min(recent).next_power_of_two();
        FifoNetwork {
            wheel: Wheel::new(fifos.len() + outputs.len()),
            all: Packets::default(),
            pops: vec![0; fifos.len() * pop_ring as usize],
            pop_ring: pop_ring as u32,
            pop_shift: pop_ring.trailing_zeros(),
            pointers: vec![0; outputs.len()],
            first_output: fifos.len() as u32,
            fifos,
            outputs,
            ports,
            tiles,
            planes,
            credit: noc.credit,
            latency: latencies(chip),
            occupancy: occupancies(chip),
            router_wait: 0,
            fifo_peak: 0,
            link_wait: vec![0; tiles as usize * 4 + 1],
            cycle_outputs: Vec::new(),
        }
    }

    fn fresh(&self, end: u64) -> u64 {
        let slowest = self.occupancy.iter().copied().max().unwrap_or(0);
        end + self.credit + 3 + slowest
    }

    fn jump(&mut self, to: u64) {
        self.wheel.jump(to);
    }

    fn reset(&mut self) {
        if !mutants::is(Mutant::PointerKept) {
            self.pointers.fill(0);
        }
        self.all.clear();
    }

    fn injection(&self, tile: u32, index: u32, plane: u32) -> u32 {
        (plane * self.tiles + tile) * self.ports + 4 + index
    }

    fn link(&self, tile: u32, side: u32, plane: u32) -> u32 {
        (plane * self.tiles + tile) * self.ports + side
    }

    #[inline]
    fn receive(&self, core: u32) -> u32 {
        (self.tiles * self.ports + core) * self.planes
    }

    #[inline(always)]
    fn credit(&mut self, fifo: u32) -> Credit {
        let record = &mut self.fifos[fifo as usize];
        let room = record.room();
        if room > self.pop_ring {
            return Credit::From(0);
        }
        if room == 0 {
            record.waiting = true;
            return Credit::Unknown;
        }
        let needed = record.popped.wrapping_sub(room) & (self.pop_ring - 1);
        let left = self.pops[((fifo as usize) << self.pop_shift) + needed as usize];
        Credit::From(left + self.way_home(fifo))
    }

    #[inline(always)]
    fn push(&mut self, to: u32, packet: u32, at: u64) {
        let record = &mut self.all.routes[packet as usize];
        record.arrived = at;
        record.next = NIL;
        let fifo = &mut self.fifos[to as usize];
        fifo.len += 1;
        let before = std::mem::replace(&mut fifo.tail, packet);
        if fifo.head != NIL {
            self.all.routes[before as usize].next = packet;
            return;
        }
        fifo.head = packet;
        if to < self.tiles * self.planes * self.ports {
            self.wheel.add(at, to);
        }
    }

    #[inline]
    fn head(&self, fifo: u32) -> u32 {
        self.fifos[fifo as usize].head
    }

    #[inline]
    fn len(&self, fifo: u32) -> u32 {
        self.fifos[fifo as usize].len
    }

    #[inline]
    fn pop(&mut self, from: u32, now: u64) -> u32 {
        let fifo = &mut self.fifos[from as usize];
        let packet = fifo.head;
        fifo.head = self.all.routes[packet as usize].next;
        fifo.len -= 1;
        let place = fifo.popped & (self.pop_ring - 1);
        fifo.popped = fifo.popped.wrapping_add(1);
        self.pops[((from as usize) << self.pop_shift) + place as usize] = now;
        packet
    }

    #[cold]
    #[inline(never)]
    fn arrived(&self, fifo: u32, now: u64) -> u64 {
        let mut packet = self.fifos[fifo as usize].head;
        let mut count = 0;
        while packet != NIL && self.all.routes[packet as usize].arrived <= now {
            packet = self.all.routes[packet as usize].next;
            count += 1;
        }
        count
    }

    #[inline(always)]
    fn place(&mut self, packet: Packet, ends: Ends) -> u32 {
        self.all.place(packet, ends)
    }

    #[inline]
    fn free(&mut self, packet: u32) {
        self.all.free(packet);
    }

    #[inline]
    fn packet(&self, packet: u32) -> &Packet {
        &self.all.routes[packet as usize]
    }

    #[inline]
    fn packet_mut(&mut self, packet: u32) -> &mut Packet {
        &mut self.all.routes[packet as usize]
    }

    #[inline]
    fn ends(&self, packet: u32) -> &Ends {
        &self.all.ends[packet as usize]
    }

    fn take_waits(&mut self) -> Waits {
        let links = self.link_wait.len();
        let mut link_wait = std::mem::replace(&mut self.link_wait, vec![0; links]);
        link_wait.pop();
        Waits {
            router_wait: std::mem::take(&mut self.router_wait),
            fifo_peak: std::mem::take(&mut self.fifo_peak),
            link_wait,
        }
    }

    fn without_peak(&mut self) {
        self.fifo_peak = u64::MAX;
    }

    fn check_rest(&self, missing: u64) {
        assert_eq!(missing, 0, "packets sent and packets served differ");
    }

    fn mark(&mut self, tile: u32, port: u32, plane: u32, ready: u64) -> u64 {
        let output = self.output_at(tile, port, plane);
        self.mark_behind(output, self.outputs[output as usize].free, ready)
    }

    fn stands(&self, queue: u32, arrived: u64) -> u64 {
        let last = self.fifos[queue as usize].popped.wrapping_sub(1) & (self.pop_ring - 1);
        let last = self.pops[((queue as usize) << self.pop_shift) + last as usize];
        if mutants::is(Mutant::MarkerOvertakes) {
            arrived
        } else {
            arrived.max(last + 1)
        }
    }

    fn run(units: &mut Units<FifoNetwork>, until: u64) {
        units.run_fifo(until);
    }
}

impl FifoNetwork {
    pub(super) fn output_at(&self, tile: u32, port: u32, plane: u32) -> u32 {
        (plane * self.tiles + tile) * self.ports + port
    }

    /// Arrival of a marker behind an output that is free from a cycle on.
    pub(super) fn mark_behind(&mut self, output: u32, free: u64, ready: u64) -> u64 {
        let Output { fifo, class, .. } = self.outputs[output as usize];
        let home = if fifo == TO_HOST {
            0
        } else {
            self.marker_credit(fifo)
        };
        ready.max(free).max(home) + self.latency[usize::from(class)]
    }

    /// Room for so many more events, whose numbers follow those of the outputs.
    pub(super) fn more_events(&mut self, count: usize) {
        self.wheel = Wheel::new(self.fifos.len() + self.outputs.len() + count);
    }

    /// Whether a queue is a core's receive queue.
    #[inline]
    pub(super) fn is_receive(&self, fifo: u32) -> bool {
        fifo >= self.tiles * self.planes * self.ports
    }

    /// Cycles until a freed slot is usable.
    #[inline(always)]
    pub(super) fn way_home(&self, fifo: u32) -> u64 {
        let routers = self.tiles * self.planes * self.ports;
        let late = (mutants::is(Mutant::CreditLate) && fifo < routers && fifo % self.ports < 4)
            || (mutants::is(Mutant::ReceiveCreditLate) && fifo >= routers);
        1 + self.credit + u64::from(late)
    }

    /// Makes the head of a FIFO visible; the output it wants.
    #[inline(always)]
    fn expose(&mut self, fifo: u32) -> u32 {
        let fifo = &self.fifos[fifo as usize];
        let packet = &self.all.routes[fifo.head as usize];
        // Nothing predicts where a packet turns: no branches.
        let last = u32::from(self.all.ends[fifo.head as usize].last);
        let along_y = 2 + u32::from(packet.dy < 0);
        let port = select_unpredictable(packet.dy != 0, along_y, last);
        let along_x = u32::from(packet.dx < 0);
        let port = select_unpredictable(packet.dx != 0, along_x, port);
        let output = fifo.base + port;
        self.outputs[output as usize].wanted |= 1 << fifo.input;
        output
    }

    /// An event's output, for which something changed.
    #[inline(always)]
    fn changed(&mut self, event: u32) -> u32 {
        if event < self.first_output {
            return self.expose(event);
        }
        let output = event - self.first_output;
        self.outputs[output as usize].blocked = false;
        output
    }

    /// The output can do nothing before a cycle.
    #[inline]
    pub(super) fn block(&mut self, output: u32, until: u64) {
        self.outputs[output as usize].blocked = true;
        self.wheel.add(until, self.first_output + output);
    }
}

impl Units<FifoNetwork> {
    fn run_fifo(&mut self, until: u64) {
        let mut outputs = std::mem::take(&mut self.net.cycle_outputs);
        while let Some(now) = self.net.wheel.advance(until) {
            let mut event = self.net.wheel.take();
            while event != LAST {
                outputs.push(self.net.changed(event));
                event = self.net.wheel.after(event);
            }
            for output in outputs.drain(..) {
                self.grant(output, now);
            }
        }
        self.net.cycle_outputs = outputs;
    }

    /// Phase 5 of one output for which something changed.
    #[inline(always)]
    fn grant(&mut self, index: u32, now: u64) {
        let net = &mut self.net;
        let output = &mut net.outputs[index as usize];
        if output.blocked || output.wanted == 0 {
            return;
        }
        let (free, to, class, base) = (
            output.free,
            output.fifo,
            usize::from(output.class) % CLASSES,
            output.base,
        );
        if free > now {
            return net.block(index, free);
        }
        if to != TO_HOST {
            let room = net.fifos[to as usize].room();
            if room <= net.pop_ring && !self.credited(index, to, now) {
                return;
            }
        }
        let net = &mut self.net;
        let pointer = &mut net.pointers[index as usize];
        let output = &mut net.outputs[index as usize];
        let after = output.wanted & (u64::MAX << *pointer);
        let input = if after != 0 { after } else { output.wanted }.trailing_zeros();
        let past = if input + 1 == net.ports { 0 } else { input + 1 };
        *pointer = if mutants::is(Mutant::PointerStays) {
            input
        } else {
            past
        } as u8;
        output.wanted &= !(1 << input);
        let free = now + net.occupancy[class];
        output.free = free;
        let (more, link) = (output.wanted != 0, output.link);
        let from = base + input;
        if u64::from(net.len(from)) > net.fifo_peak {
            net.fifo_peak = net.fifo_peak.max(net.arrived(from, now));
        }
        // As `pop` and `push`, in one go.
        let fifo = &mut net.fifos[from as usize];
        let packet = fifo.head;
        let record = &mut net.all.routes[packet as usize];
        let behind = record.next;
        fifo.head = behind;
        fifo.len -= 1;
        let place = fifo.popped & (net.pop_ring - 1);
        fifo.popped = fifo.popped.wrapping_add(1);
        let waiting = fifo.waiting;
        net.pops[((from as usize) << net.pop_shift) + place as usize] = now;
        let wait = now - record.arrived;
        net.router_wait += wait;
        net.link_wait[link as usize] += wait;
        if self.log.on {
            let hop = TracedHop {
                tile: index / net.ports % net.tiles,
                port: index % net.ports,
                arrived: record.arrived,
                granted: now,
                occupancy: net.occupancy[class],
                waited: wait,
            };
            self.log.hop(net.all.ends[packet as usize].record, hop);
        }
        record.dx += ALONG_X[class];
        record.dy += ALONG_Y[class];
        let arrival = now + net.latency[class];
        record.arrived = arrival;
        record.next = NIL;
        if behind != NIL {
            let seen = now + u64::from(!mutants::is(Mutant::HeadSameCycle));
            let at = net.all.routes[behind as usize].arrived.max(seen);
            net.wheel.add(at, from);
        }
        if more {
            net.block(index, free);
        }
        if to == TO_HOST {
            self.finish(packet, arrival);
        } else {
            let fifo = &mut net.fifos[to as usize];
            fifo.len += 1;
            let before = std::mem::replace(&mut fifo.tail, packet);
            if fifo.head != NIL {
                net.all.routes[before as usize].next = packet;
            } else {
                fifo.head = packet;
                // Receive queues have no events.
                if class != 4 {
                    net.wheel.add(arrival, to);
                }
            }
        }
        if waiting {
            self.resume(from, now);
        }
    }

    /// A packet left a FIFO whose sender waits for that.
    #[cold]
    fn resume(&mut self, fifo: u32, now: u64) {
        let home = now + self.net.way_home(fifo);
        let record = &mut self.net.fifos[fifo as usize];
        record.waiting = false;
        let index = record.sender & INDEX;
        match record.sender & !INDEX {
            OUTPUT => self.net.block(index, home),
            AXON => self.axon(index),
            _ => self.host(index as usize),
        }
    }

    /// Whether an output has a credit of its FIFO. If not, it is blocked.
    fn credited(&mut self, output: u32, to: u32, now: u64) -> bool {
        let core = self
            .net
            .is_receive(to)
            .then(|| self.net.fifos[to as usize].base);
        let next = core.map(|core| self.serve(core, now));
        let until = match (self.net.credit(to), next) {
            (Credit::From(home), _) => home,
            // It may be this queue's turn then.
            (Credit::Unknown, Some(next)) => next + self.net.way_home(to),
            (Credit::Unknown, None) => {
                self.net.outputs[output as usize].blocked = true;
                return false;
            }
        };
        if until > now {
            self.net.block(output, until);
        }
        until <= now
    }
}

impl Fifo {
    /// Free places, those on the way back to the sender among them.
    #[inline]
    fn room(&self) -> u32 {
        self.depth - self.len
    }

    fn new(depth: u32, sender: u32, base: u32, input: u32) -> Fifo {
        Fifo {
            head: NIL,
            tail: NIL,
            len: 0,
            depth,
            popped: 0,
            sender,
            base,
            input: input as u8,
            waiting: false,
        }
    }
}

impl Output {
    fn new(fifo: u32, class: u8, base: u32, link: u32) -> Output {
        Output {
            free: 0,
            wanted: 0,
            fifo,
            base,
            link,
            class,
            blocked: false,
        }
    }
}

fn latencies(chip: &ChipSpec) -> [u64; CLASSES] {
    let noc = &chip.noc;
    let [east, west, north, south] = noc.hop;
    let core = noc.in_tile + noc.eject;
    let border = chip.mesh.border.map_or(0, |border| border.hop);
    let links = if mutants::is(Mutant::HopSwapped) {
        [north, south, east, west]
    } else {
        [east, west, north, south]
    };
    by_class(links, [core, noc.host], border)
}

fn occupancies(chip: &ChipSpec) -> [u64; CLASSES] {
    let noc = &chip.noc;
    if mutants::is(Mutant::OccupancyIgnored) {
        return [1; CLASSES];
    }
    let border = chip.mesh.border.map_or(0, |border| border.occupancy);
    let ends = [noc.in_tile_occupancy, noc.host_occupancy];
    // An output acts once in a cycle.
    by_class(noc.occupancy, ends, border).map(|cycles| cycles.max(1))
}

fn by_class(links: [u64; 4], ends: [u64; 2], border: u64) -> [u64; CLASSES] {
    let mut all = [border; CLASSES];
    all[..4].copy_from_slice(&links);
    all[4..BORDER].copy_from_slice(&ends);
    all
}
