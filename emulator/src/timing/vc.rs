//! Routers `vc` between the units of a chip (`specs/noc.md`): one network per plane, a node for each core and each host port.
//!
//! Invariant: router cycle t is cycle t · `noc.router_cycle` of the chip. What a unit does reaches a router no earlier than in the
//! next router cycle, and what a router does reaches a unit later than it was done; so all that happens in a router cycle
//! may happen in any order, units first here.

use super::net::{Credit, Ends, NIL, Network, Packet, Packets, Waits};
use super::units::Units;
use super::wheel::{LAST, Wheel};
use crate::mutants::{self, Mutant};
use crate::noc::vc::{Around, Cycles, NONE, Parameters, Part, TAIL, engine, flit};
use crate::route::Trees;
use crate::trace::TracedHop;
use isa::chip::ChipSpec;
use isa::image::HOST;
use std::sync::Arc;

/// Packets on their way into the network at a node, or standing there.
#[derive(Clone)]
struct Injection {
    head: u32,
    tail: u32,
    len: u32,
    /// First cycle in which a sender may use the slot that was freed last.
    free: u64,
    /// Its sender waits for a slot.
    waiting: bool,
}

/// Packets on their way from a last router to a core or to the host, or standing there, in order of arrival.
#[derive(Clone)]
struct Arrivals {
    head: u32,
    tail: u32,
    len: u32,
    /// Of a host link: first cycle in which it may take a packet.
    free: u64,
}

/// What routers need to know of a packet, and its last channel.
#[derive(Clone, Copy, Default)]
struct Way {
    channel: u32,
    /// Router cycle of injection.
    injected: u64,
    /// Cycles waited in the injection queue.
    queued: u64,
}

/// A place where packets enter and leave.
#[derive(Clone, Copy)]
struct Node {
    tile: u32,
    x: i16,
    y: i16,
    /// Index of the core or `HOST | port`; [`NONE`]: a core that is not in use.
    owner: u32,
}

/// Everything around the routers.
struct Chip {
    /// Cycles of the chip in one of the routers.
    cycle: u64,
    /// Plane whose routers run.
    plane: usize,
    planes: usize,
    nodes: Vec<Node>,
    packets: Packets,
    /// By packet.
    ways: Vec<Way>,
    /// Most packets of an injection queue.
    depth: u32,
    /// plane × nodes + node.
    injections: Vec<Injection>,
    /// core × planes + plane, then host port × planes + plane.
    arrivals: Vec<Arrivals>,
    cores: usize,
    /// The event of a core, or of a host link, is pending.
    expected: Vec<bool>,
    /// Cores and host links that something is on its way to, without an event.
    fresh: Vec<u32>,
    /// Injection queues with a slot for their senders.
    resumed: Vec<u32>,
    /// Nodes with a packet to come: router cycle, plane × nodes + node.
    coming: Vec<(u64, u32)>,
    /// Router cycles: of a router without contention, from an injection to the router; least from injection to arrival, and more for
    /// each router.
    stages: u64,
    inject: u64,
    hop: u64,
    router_wait: u64,
    peak: u64,
    link_wait: Vec<u64>,
    /// Steps of packets through routers are wanted.
    traced: bool,
    hops: Vec<(u32, TracedHop)>,
}

/// Planes of routers and what is around them.
pub(super) struct VcNetwork {
    planes: Vec<Box<dyn Cycles<Chip>>>,
    chip: Chip,
    /// Events, in router cycles: cores, host links out, injection queues whose first packet comes.
    wheel: Wheel,
    /// Events of the cycle in hand.
    events: Vec<u32>,
    tiles: u32,
    cores_per_tile: u32,
    /// Tile and side of each host port.
    host_ports: Vec<(u32, u8)>,
}

impl Chip {
    /// First router cycle at or after a cycle.
    fn router_cycle(&self, at: u64) -> u64 {
        at.div_ceil(self.cycle)
    }

    /// Packets that stand behind one in its injection queue.
    #[cold]
    fn behind(&self, packet: u32, now: u64) -> u64 {
        let mut next = self.packets.routes[packet as usize].next;
        let mut count = 0;
        while next != NIL && self.packets.routes[next as usize].arrived <= now {
            next = self.packets.routes[next as usize].next;
            count += 1;
        }
        count
    }

    /// A head waited, and for which link.
    fn waited(&mut self, cycles: u64, link: Option<usize>) {
        self.router_wait += cycles;
        if let Some(link) = link {
            self.link_wait[link] += cycles;
        }
    }
}

impl Around for Chip {
    /// Packets come by events.
    fn due(&self) -> u64 {
        u64::MAX
    }

    fn generate(&mut self, _: u64) -> Option<(u32, u32)> {
        None
    }

    fn flit(&self, node: u32, packet: u32) -> u64 {
        let (from, route) = (
            &self.nodes[node as usize],
            &self.packets.routes[packet as usize],
        );
        let [x, y] = [from.x + route.dx, from.y + route.dy].map(|place| place as u32);
        flit(
            packet,
            x,
            y,
            u32::from(self.packets.ends[packet as usize].last),
        )
    }

    #[inline(always)]
    fn size(&self, _: u32) -> u32 {
        1
    }

    fn injected(&mut self, node: u32, packet: u32, now: u64) {
        let route = &mut self.packets.routes[packet as usize];
        let arrived = std::mem::replace(&mut route.arrived, (now + self.inject) * self.cycle);
        let first = match (route.dx, route.dy) {
            (0, 0) => None,
            (0, dy) => Some(2 + usize::from(dy < 0)),
            (dx, _) => Some(usize::from(dx < 0)),
        };
        let tile = self.nodes[node as usize].tile as usize;
        let waited = (now - self.router_cycle(arrived)) * self.cycle;
        let way = &mut self.ways[packet as usize];
        (way.injected, way.queued) = (now, waited);
        self.waited(waited, first.map(|side| tile * 4 + side));
    }

    fn next(&mut self, node: u32, packet: u32, now: u64) -> u32 {
        let index = self.plane * self.nodes.len() + node as usize;
        let cycle = now * self.cycle;
        if u64::from(self.injections[index].len) > self.peak {
            // The packet itself stands there no more since its head left.
            self.peak = self.peak.max(1 + self.behind(packet, cycle));
        }
        let next = self.packets.routes[packet as usize].next;
        let queue = &mut self.injections[index];
        debug_assert!(queue.head == packet);
        queue.head = next;
        queue.len -= 1;
        queue.free = cycle + 1;
        if std::mem::take(&mut queue.waiting) {
            self.resumed.push(index as u32);
        }
        if next == NIL {
            return NONE;
        }
        let at = self.packets.routes[next as usize].arrived;
        if at <= cycle {
            return next;
        }
        self.coming.push((self.router_cycle(at), index as u32));
        NONE
    }

    #[inline(always)]
    fn stands(&mut self, flits: u16) {
        self.peak = self.peak.max(u64::from(flits));
    }

    fn left(
        &mut self,
        router: usize,
        output: usize,
        link: bool,
        packet: u32,
        now: u64,
        arrives: u64,
    ) {
        let route = &mut self.packets.routes[packet as usize];
        let arrived = std::mem::replace(&mut route.arrived, arrives * self.cycle);
        let waited = now * self.cycle - arrived - self.stages * self.cycle;
        self.waited(waited, link.then_some(router * 4 + output));
        if self.traced {
            let queued = std::mem::take(&mut self.ways[packet as usize].queued);
            let hop = TracedHop {
                tile: router as u32,
                port: output as u32,
                arrived,
                granted: now * self.cycle,
                occupancy: self.cycle,
                waited: queued + waited,
            };
            let record = self.packets.ends[packet as usize].record;
            self.hops.push((record, hop));
        }
    }

    fn ejected(&mut self, channel: u32, node: u32, packet: u32, marks: u64, at: u64) -> bool {
        if marks & TAIL == 0 {
            return true;
        }
        let owner = self.nodes[node as usize].owner;
        assert!(owner != NONE, "a packet for a core that is not in use");
        let ends = &self.packets.ends[packet as usize];
        assert!(
            owner == ends.target,
            "noc check route: a packet for {:#x} comes to {owner:#x}",
            ends.target
        );
        let unit = if owner & HOST == 0 {
            owner as usize
        } else {
            self.cores + ((owner & !HOST) as usize) * self.planes + self.plane
        };
        let queue = if owner & HOST == 0 {
            unit * self.planes + self.plane
        } else {
            self.cores * (self.planes - 1) + unit
        };
        let route = &mut self.packets.routes[packet as usize];
        (route.arrived, route.next) = (at * self.cycle, NIL);
        let routers = u64::from(route.dx.unsigned_abs()) + u64::from(route.dy.unsigned_abs()) + 1;
        let way = &mut self.ways[packet as usize];
        way.channel = channel;
        let least = way.injected + self.inject + routers * self.hop;
        assert!(
            at >= least,
            "noc check zero load: injected in {}, arrived in {at}, at least {least} were needed",
            way.injected
        );
        let queue = &mut self.arrivals[queue];
        queue.len += 1;
        let before = std::mem::replace(&mut queue.tail, packet);
        if queue.head == NIL {
            queue.head = packet;
        } else {
            self.packets.routes[before as usize].next = packet;
        }
        if !std::mem::replace(&mut self.expected[unit], true) {
            self.fresh.push(unit as u32);
        }
        mutants::is(Mutant::VcEjectEarly)
    }
}

impl Network for VcNetwork {
    fn new(chip: &ChipSpec, used: &[u32], _: &Arc<Trees>) -> VcNetwork {
        let parameters = Parameters::of_chip(chip).expect("the routers are of this kind");
        let vc = chip.noc.vc.expect("as above");
        let planes = chip.mesh.planes as usize;
        let mut owner = vec![NONE; chip.cores() as usize];
        for (index, core) in used.iter().enumerate() {
            owner[*core as usize] = index as u32;
        }
        let node = |tile: u32, owner: u32| {
            let (x, y) = chip.xy(tile);
            let (x, y) = (x as i16, y as i16);
            Node { tile, x, y, owner }
        };
        let cores = (0..chip.cores()).map(|core| node(chip.tile_of(core), owner[core as usize]));
        let ports = (0..).zip(&chip.host_ports);
        let nodes: Vec<Node> = cores
            .chain(ports.map(|(port, at)| node(at.tile, HOST | port)))
            .collect();
        let part = Part {
            border: chip.host_ports.iter().map(|p| (p.tile, p.side)).collect(),
            ..Part::whole(&parameters)
        };
        let injection = Injection {
            head: NIL,
            tail: NIL,
            len: 0,
            free: 0,
            waiting: false,
        };
        let arrivals = Arrivals {
            head: NIL,
            tail: NIL,
            len: 0,
            free: 0,
        };
        let links_out = chip.host_ports.len() * planes;
        let injections = nodes.len() * planes;
        let units = used.len() + links_out;
        let deep = u32::from(mutants::is(Mutant::InjectionDeep));
        VcNetwork {
            planes: (0..planes).map(|_| planted(&parameters, &part)).collect(),
            wheel: Wheel::new(units + injections),
            events: Vec::new(),
            tiles: chip.tiles(),
            cores_per_tile: chip.mesh.cores_per_tile,
            host_ports: part.border.clone(),
            chip: Chip {
                cycle: vc.cycle,
                plane: 0,
                planes,
                packets: Packets::default(),
                ways: Vec::new(),
                depth: chip.noc.inject_queue + deep,
                injections: vec![injection; injections],
                arrivals: vec![arrivals; used.len() * planes + links_out],
                cores: used.len(),
                expected: vec![false; units],
                fresh: Vec::new(),
                resumed: Vec::new(),
                coming: Vec::new(),
                stages: vc.stages(),
                inject: 1 + u64::from(vc.link_delay),
                hop: vc.hop(),
                router_wait: 0,
                peak: 0,
                link_wait: vec![0; chip.tiles() as usize * 4],
                traced: false,
                hops: Vec::new(),
                nodes,
            },
        }
    }

    fn fresh(&self, end: u64) -> u64 {
        let ended = self.chip.router_cycle(end);
        let run = self.planes.iter().map(|plane| plane.now()).max();
        (ended.max(run.unwrap_or(0)) + 1) * self.chip.cycle
    }

    fn jump(&mut self, to: u64) {
        self.wheel.jump(to / self.chip.cycle);
    }

    fn reset(&mut self) {
        if !mutants::is(Mutant::PointerKept) {
            self.planes.iter_mut().for_each(|plane| plane.reset());
        }
        self.chip.packets.clear();
        self.chip.ways.clear();
    }

    fn injection(&self, tile: u32, index: u32, plane: u32) -> u32 {
        plane * self.chip.nodes.len() as u32 + tile * self.cores_per_tile + index
    }

    fn link(&self, tile: u32, side: u32, plane: u32) -> u32 {
        let is = |(at, on): &(u32, u8)| (*at, u32::from(*on)) == (tile, side);
        let port = self.host_ports.iter().position(is);
        let port = port.expect("a host port") as u32;
        plane * self.chip.nodes.len() as u32 + self.tiles * self.cores_per_tile + port
    }

    #[inline]
    fn receive(&self, core: u32) -> u32 {
        core * self.chip.planes as u32
    }

    fn credit(&mut self, queue: u32) -> Credit {
        let depth = self.chip.depth;
        let queue = &mut self.chip.injections[queue as usize];
        if queue.len >= depth {
            queue.waiting = true;
            return Credit::Unknown;
        }
        // Slots freed before the last one are usable as soon as anybody asks.
        Credit::From(queue.free)
    }

    fn push(&mut self, queue: u32, packet: u32, at: u64) {
        let route = &mut self.chip.packets.routes[packet as usize];
        (route.arrived, route.next) = (at, NIL);
        let record = &mut self.chip.injections[queue as usize];
        record.len += 1;
        let before = std::mem::replace(&mut record.tail, packet);
        if record.head == NIL {
            record.head = packet;
            self.come(at, queue);
        } else {
            self.chip.packets.routes[before as usize].next = packet;
        }
    }

    #[inline]
    fn head(&self, queue: u32) -> u32 {
        self.chip.arrivals[queue as usize].head
    }

    #[inline]
    fn len(&self, queue: u32) -> u32 {
        self.chip.arrivals[queue as usize].len
    }

    #[cold]
    fn arrived(&self, queue: u32, now: u64) -> u64 {
        let mut packet = self.chip.arrivals[queue as usize].head;
        let mut count = 0;
        while packet != NIL && self.chip.packets.routes[packet as usize].arrived <= now {
            packet = self.chip.packets.routes[packet as usize].next;
            count += 1;
        }
        count
    }

    fn pop(&mut self, queue: u32, now: u64) -> u32 {
        let record = &mut self.chip.arrivals[queue as usize];
        let packet = record.head;
        record.head = self.chip.packets.routes[packet as usize].next;
        record.len -= 1;
        if !mutants::is(Mutant::VcEjectEarly) {
            let late = u64::from(mutants::is(Mutant::ReceiveCreditLate));
            let plane = &mut self.planes[queue as usize % self.chip.planes];
            let cycle = now.div_ceil(self.chip.cycle) + late;
            plane.give_back(self.chip.ways[packet as usize].channel, cycle);
        }
        packet
    }

    fn place(&mut self, packet: Packet, ends: Ends) -> u32 {
        let place = self.chip.packets.place(packet, ends);
        if place as usize == self.chip.ways.len() {
            self.chip.ways.push(Way::default());
        }
        place
    }

    fn free(&mut self, packet: u32) {
        self.chip.packets.free(packet);
    }

    #[inline]
    fn packet(&self, packet: u32) -> &Packet {
        &self.chip.packets.routes[packet as usize]
    }

    #[inline]
    fn packet_mut(&mut self, packet: u32) -> &mut Packet {
        &mut self.chip.packets.routes[packet as usize]
    }

    #[inline]
    fn ends(&self, packet: u32) -> &Ends {
        &self.chip.packets.ends[packet as usize]
    }

    fn take_waits(&mut self) -> Waits {
        let links = self.chip.link_wait.len();
        Waits {
            router_wait: std::mem::take(&mut self.chip.router_wait),
            fifo_peak: std::mem::take(&mut self.chip.peak),
            link_wait: std::mem::replace(&mut self.chip.link_wait, vec![0; links]),
        }
    }

    fn check_rest(&self, missing: u64) {
        for (index, plane) in self.planes.iter().enumerate() {
            let [injected, ejected, _] = plane.flits();
            let inside = plane.inside();
            assert!(
                injected == ejected + inside,
                "noc check conservation: plane {index}: {injected} flits injected, {ejected} taken, {inside} inside"
            );
            assert!(
                missing == 0 && inside == 0,
                "noc check deadlock: {missing} packets have not been served and nothing can move{}",
                plane.stuck()
            );
            plane.check_home();
        }
    }

    fn run(units: &mut Units<VcNetwork>, until: u64) {
        units.run_vc(until);
    }
}

impl VcNetwork {
    /// The first packet of an injection queue stands there from a cycle on.
    fn come(&mut self, at: u64, queue: u32) {
        let event = (self.chip.expected.len() + queue as usize) as u32;
        self.wheel.add(self.chip.router_cycle(at), event);
    }

    /// The next router cycle in which something happens, before `limit`. Its events are in `events`.
    fn advance(&mut self, limit: u64) -> Option<u64> {
        let busy = self.planes.iter().map(|plane| plane.next()).min();
        let busy = busy.unwrap_or(u64::MAX);
        if let Some(now) = self.wheel.advance(limit.min(busy.saturating_add(1))) {
            let mut event = self.wheel.take();
            while event != LAST {
                self.events.push(event);
                event = self.wheel.after(event);
            }
            return Some(now);
        }
        if busy >= limit {
            return None;
        }
        self.wheel.jump(busy);
        Some(busy)
    }

    /// Routers of all planes, one cycle.
    fn cycle(&mut self, now: u64) {
        for (index, plane) in self.planes.iter_mut().enumerate() {
            if plane.next() <= now {
                self.chip.plane = index;
                plane.cycle(now, &mut self.chip);
            }
        }
        while let Some((at, queue)) = self.chip.coming.pop() {
            let event = (self.chip.expected.len() + queue as usize) as u32;
            self.wheel.add(at, event);
        }
    }
}

impl Units<VcNetwork> {
    fn run_vc(&mut self, until: u64) {
        self.net.chip.traced = self.log.on;
        let limit = self.net.chip.router_cycle(until);
        while let Some(now) = self.net.advance(limit) {
            let mut events = std::mem::take(&mut self.net.events);
            events.drain(..).for_each(|event| self.event(event, now));
            self.net.events = events;
            self.net.cycle(now);
            while let Some(unit) = self.net.chip.fresh.pop() {
                self.expect(unit, now);
            }
            while let Some(queue) = self.net.chip.resumed.pop() {
                self.resume_vc(queue);
            }
            for (record, hop) in self.net.chip.hops.drain(..) {
                self.log.hop(record, hop);
            }
        }
    }

    fn event(&mut self, event: u32, now: u64) {
        let chip = &self.net.chip;
        let Some(queue) = (event as usize).checked_sub(chip.expected.len()) else {
            return self.expect(event, now);
        };
        let (plane, node) = (queue / chip.nodes.len(), queue % chip.nodes.len());
        let packet = chip.injections[queue].head;
        self.net.planes[plane].offer(node as u32, packet, now);
    }

    /// A core or a host link takes what it can up to a router cycle; then its next event is known.
    fn expect(&mut self, unit: u32, now: u64) {
        let cycle = self.net.chip.cycle;
        let cores = self.net.chip.cores as u32;
        let next = match unit.checked_sub(cores) {
            None => self.serve(unit, now * cycle),
            Some(link) => self.leave(link as usize, now * cycle),
        };
        let expected = next != u64::MAX;
        self.net.chip.expected[unit as usize] = expected;
        if expected {
            self.net.wheel.add(self.net.chip.router_cycle(next), unit);
        }
    }

    /// A host link takes packets up to a cycle; the cycle in which it will take the next.
    fn leave(&mut self, link: usize, until: u64) -> u64 {
        let queue = self.net.chip.cores * self.net.chip.planes + link;
        loop {
            let arrivals = &self.net.chip.arrivals[queue];
            if arrivals.head == NIL {
                return u64::MAX;
            }
            let arrived = self.net.packet(arrivals.head).arrived;
            let now = arrived.max(arrivals.free);
            if now > until {
                return now;
            }
            self.counters.host_wait += now - arrived;
            let free = now + self.host_occupancy.max(1);
            self.net.chip.arrivals[queue].free = if mutants::is(Mutant::VcHostFree) {
                now
            } else {
                free
            };
            let packet = self.net.pop(queue as u32, now);
            self.finish(packet, now + self.host);
        }
    }

    /// A slot of an injection queue is free for its sender, who waits for it.
    #[cold]
    fn resume_vc(&mut self, queue: u32) {
        let nodes = self.net.chip.nodes.len();
        let (plane, node) = (queue as usize / nodes, queue as usize % nodes);
        let owner = self.net.chip.nodes[node].owner;
        if owner & HOST == 0 {
            self.axon(owner);
        } else {
            self.host((owner & !HOST) as usize * self.net.chip.planes + plane);
        }
    }
}

/// Routers of a plane, with the bug that acts, if there is one.
fn planted(parameters: &Parameters, part: &Part) -> Box<dyn Cycles<Chip>> {
    let plane = engine(parameters, part);
    #[cfg(feature = "mutants")]
    let plane = {
        use crate::noc::vc::Fault;
        let mut plane = plane;
        for (mutant, fault) in [
            (Mutant::VcCreditLost, Fault::CreditLost),
            (Mutant::VcPointersSwapped, Fault::PointersSwapped),
            (Mutant::VcTurnWrong, Fault::TurnWrong),
        ] {
            if mutants::is(mutant) {
                plane.plant(fault, 3);
            }
        }
        plane
    };
    plane
}
