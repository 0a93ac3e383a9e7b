//! Cycles: arrivals, source queues, injection (`specs/noc.md`, 1 to 3), and which cycles need not be looked at.

use super::allocate::Winner;
use super::bits::Bits;
use super::fault::{Fault, Planted};
use super::layout::{
    FREE, Flit, HEAD, Input, NODE, NONE, Node, NodeVc, Output, Port, Record, Router, State, TAIL,
    Taking, flit, nodes, ports, route,
};
use super::parameters::Parameters;
use crate::noc::{Packet, Times};
use std::ops::Range;

/// Cycles of the calendar; every delay is shorter.
const SLOTS: usize = 64;

/// What arrives in a cycle.
#[derive(Default)]
struct Slot {
    /// Input channels that get a flit.
    flits: Vec<u32>,
    /// Output channels, or `NODE | channel` of a node, that get a credit.
    credits: Vec<u32>,
}

/// Delays between a grant or an injection and what follows from it.
#[derive(Clone, Copy)]
pub(super) struct Delays {
    /// Switch grant → flit at the next router or node.
    pub(super) flit: usize,
    /// Injection → flit at the router.
    inject: usize,
    /// Switch grant → credit usable in the router before.
    pub(super) credit: usize,
    /// Switch grant → credit usable by the node before.
    pub(super) node_credit: usize,
    /// Switch grant to an ejection channel → its credit back.
    pub(super) eject_credit: usize,
}

/// The network. `B` holds a bit for each channel of a router; `P` ports and `S` channels of a port are known when compiling, so that
/// indices need no division, or both 0.
pub(super) struct Engine<B, const P: usize, const S: usize> {
    pub(super) parameters: Parameters,
    ports_per_router: usize,
    stride: usize,
    pub(super) delays: Delays,
    /// Slots of a ring, as a power of two.
    pub(super) ring: u32,
    pub(super) now: u64,
    pub(super) ports: Vec<Port<B>>,
    pub(super) inputs: Vec<Input>,
    pub(super) outputs: Vec<Output>,
    pub(super) flits: Vec<Flit>,
    pub(super) routers: Vec<Router<B>>,
    awake: Vec<u32>,
    pub(super) nodes: Vec<Node>,
    /// By channel of a local port.
    pub(super) node_vcs: Vec<NodeVc>,
    pub(super) taking: Vec<Taking>,
    awake_nodes: Vec<u32>,
    slots: Vec<Slot>,
    /// Bit for each slot that holds something.
    occupied: u64,
    pub(super) records: Vec<Record>,
    pub(super) times: Vec<Times>,
    /// The next packet to be generated.
    next: usize,
    pub(super) injected_flits: u64,
    pub(super) taken_flits: u64,
    pub(super) taken_packets: u64,
    pub(super) hops: u64,
    pub(super) window: Range<u64>,
    pub(super) counted: u64,
    /// Scratch of switch allocation.
    pub(super) granted: Vec<u64>,
    pub(super) winners: Vec<Winner>,
    pub(super) planted: Planted,
}

impl<B: Bits, const P: usize, const S: usize> Engine<B, P, S> {
    pub(super) fn new(parameters: &Parameters) -> Engine<B, P, S> {
        let mesh = parameters.mesh;
        let ports_per_router = parameters.ports();
        let stride = parameters.stride();
        assert!(ports_per_router * stride <= B::WIDTH, "too many channels");
        assert!(
            P == 0 || (ports_per_router, stride) == (P, S),
            "made for others"
        );
        let channels = mesh.routers() as usize * ports_per_router * stride;
        let ring = parameters.buffer.next_power_of_two().trailing_zeros();
        let link = 1 + parameters.link_delay as usize;
        let to_next = parameters.switch_delay as usize + link;
        let home = link + parameters.credit_delay as usize;
        let router = |router: u32| Router {
            ready: 0,
            waiting: 0,
            routing: B::NONE,
            place: ((router % mesh.width) as u16, (router / mesh.width) as u16),
            awake: false,
        };
        let output = Output {
            credits: parameters.buffer as u16,
            owner: FREE,
            grant: 0,
            tail_sent: false,
        };
        Engine {
            ports: ports(parameters),
            inputs: vec![Input::default(); channels],
            outputs: vec![output; channels],
            flits: vec![0; channels << ring],
            routers: (0..mesh.routers()).map(router).collect(),
            awake: Vec::with_capacity(mesh.routers() as usize),
            nodes: nodes(parameters),
            node_vcs: vec![
                NodeVc {
                    credits: parameters.buffer as u16,
                    tail_sent: false,
                };
                channels
            ],
            taking: vec![
                Taking {
                    packet: NONE,
                    flits: 0
                };
                channels
            ],
            awake_nodes: Vec::with_capacity(mesh.nodes() as usize),
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
            occupied: 0,
            records: Vec::new(),
            times: Vec::new(),
            next: 0,
            now: 0,
            injected_flits: 0,
            taken_flits: 0,
            taken_packets: 0,
            hops: 0,
            window: 0..0,
            counted: 0,
            granted: vec![0; ports_per_router],
            winners: Vec::with_capacity(ports_per_router),
            planted: Planted::default(),
            delays: Delays {
                flit: to_next,
                inject: link,
                credit: home,
                node_credit: link,
                eject_credit: to_next + home,
            },
            ports_per_router,
            stride,
            ring,
            parameters: *parameters,
        }
    }

    #[inline(always)]
    pub(super) fn ports_per_router(&self) -> usize {
        if P == 0 { self.ports_per_router } else { P }
    }

    #[inline(always)]
    pub(super) fn stride(&self) -> usize {
        if S == 0 { self.stride } else { S }
    }

    /// Runs all cycles before `end`; whether nothing was left to do before.
    fn run_until(&mut self, end: u64) -> bool {
        while self.now < end {
            if self.awake.is_empty() && self.awake_nodes.is_empty() {
                let created = self.records.get(self.next).map_or(u64::MAX, |r| r.created);
                let next = created.min(self.next_arrival());
                if next >= end {
                    // Of a network at rest nobody asks how late it is.
                    self.now = if end == u64::MAX { self.now } else { end };
                    return next == u64::MAX;
                }
                self.now = next.max(self.now);
            }
            self.cycle();
            self.now += 1;
        }
        false
    }

    /// First cycle from now on in which something arrives.
    fn next_arrival(&self) -> u64 {
        if self.occupied == 0 {
            return u64::MAX;
        }
        let here = (self.now % SLOTS as u64) as u32;
        self.now + u64::from(self.occupied.rotate_right(here).trailing_zeros())
    }

    fn cycle(&mut self) {
        let slot = (self.now % SLOTS as u64) as usize;
        if self.occupied >> slot & 1 != 0 {
            self.occupied &= !(1 << slot);
            let mut credits = std::mem::take(&mut self.slots[slot].credits);
            credits.drain(..).for_each(|to| self.credit(to));
            self.slots[slot].credits = credits;
            let mut flits = std::mem::take(&mut self.slots[slot].flits);
            flits.drain(..).for_each(|channel| self.arrive(channel));
            self.slots[slot].flits = flits;
        }
        while let Some(record) = self.records.get(self.next)
            && record.created <= self.now
        {
            self.generate();
        }
        let mut index = 0;
        while let Some(&node) = self.awake_nodes.get(index) {
            if self.inject(node as usize) {
                index += 1;
            } else {
                self.nodes[node as usize].awake = false;
                self.awake_nodes.swap_remove(index);
            }
        }
        let mut index = 0;
        while let Some(&router) = self.awake.get(index) {
            if self.allocate(router as usize) {
                index += 1;
            } else {
                self.routers[router as usize].awake = false;
                self.awake.swap_remove(index);
            }
        }
    }

    /// Something happens at a channel's router this cycle.
    #[inline(always)]
    fn wake(&mut self, router: usize) {
        if !self.routers[router].awake {
            self.routers[router].awake = true;
            self.awake.push(router as u32);
        }
    }

    fn wake_node(&mut self, node: usize) {
        if !self.nodes[node].awake {
            self.nodes[node].awake = true;
            self.awake_nodes.push(node as u32);
        }
    }

    /// A flit that was sent to an input channel is there.
    #[inline(always)]
    fn arrive(&mut self, channel: u32) {
        let (ports, stride) = (self.ports_per_router(), self.stride());
        let channel = channel as usize;
        let input = &mut self.inputs[channel];
        input.len += 1;
        let router = channel / (ports * stride);
        let index = channel % (ports * stride);
        match input.state {
            State::Idle => self.begin(router, index),
            State::Active if input.len == 1 => {
                let port = router * ports + usize::from(input.port);
                let funded = self.ports[port].funded >> input.vc & 1 != 0;
                if !funded {
                    return;
                }
                let output = input.port;
                self.ports[port].ready |= B::bit(index);
                self.routers[router].ready |= 1 << output;
            }
            _ => return,
        }
        self.wake(router);
    }

    /// The packet at the head of an input channel begins: its port is known.
    #[inline(always)]
    pub(super) fn begin(&mut self, router: usize, index: usize) {
        let (ports, stride) = (self.ports_per_router(), self.stride());
        let channel = router * ports * stride + index;
        let input = &mut self.inputs[channel];
        let flit = self.flits[(channel << self.ring) + usize::from(input.head)];
        assert!(
            flit & HEAD != 0,
            "noc check order: a packet begins with a head"
        );
        let mut port = route(flit, self.routers[router].place);
        if port < 2 && self.planted.once(Fault::TurnWrong) {
            let top = u32::from(self.routers[router].place.1) + 1 == self.parameters.mesh.height;
            port = if top { 3 } else { 2 };
        }
        input.port = port as u8;
        if self.parameters.routing_delay == 0 {
            input.state = State::VcAlloc;
            self.ports[router * ports + port].waiting |= B::bit(index);
            self.routers[router].waiting |= 1 << port;
        } else {
            input.state = State::Routing;
            self.routers[router].routing |= B::bit(index);
        }
    }

    /// A credit is usable.
    #[inline(always)]
    fn credit(&mut self, to: u32) {
        let (ports, stride) = (self.ports_per_router(), self.stride());
        if to & NODE != 0 {
            return self.node_credit((to & !NODE) as usize);
        }
        let to = to as usize;
        let (port, vc) = (to / stride, to % stride);
        let output = &mut self.outputs[to];
        output.credits += 1;
        assert!(
            u32::from(output.credits) <= self.parameters.buffer,
            "noc check credits: {} for {} slots",
            output.credits,
            self.parameters.buffer
        );
        let freed = output.tail_sent && u32::from(output.credits) == self.parameters.buffer;
        if !freed && output.credits > 1 {
            return;
        }
        let record = &mut self.ports[port];
        record.funded |= 1 << vc;
        let router = port / ports;
        if freed {
            (output.owner, output.tail_sent) = (FREE, false);
            record.free |= 1 << vc;
        } else if output.owner != FREE && !output.tail_sent {
            let owner = usize::from(output.owner);
            let input = &self.inputs[router * ports * stride + owner];
            if input.len == 0 {
                return;
            }
            record.ready |= B::bit(owner);
            self.routers[router].ready |= 1 << (port % ports);
        }
        self.wake(router);
    }

    fn node_credit(&mut self, channel: usize) {
        let stride = self.stride();
        let (port, vc) = (channel / stride, channel % stride);
        let node = self.node_of(port);
        let record = &mut self.node_vcs[channel];
        record.credits += 1;
        assert!(
            u32::from(record.credits) <= self.parameters.buffer,
            "noc check credits: a node has {} for {} slots",
            record.credits,
            self.parameters.buffer
        );
        let freed = record.tail_sent && u32::from(record.credits) == self.parameters.buffer;
        if !freed && record.credits > 1 {
            return;
        }
        let node_record = &mut self.nodes[node];
        node_record.funded |= 1 << vc;
        if freed {
            record.tail_sent = false;
            node_record.free |= 1 << vc;
        }
        if node_record.first != NONE {
            self.wake_node(node);
        }
    }

    /// The node at a local port.
    fn node_of(&self, port: usize) -> usize {
        (self.ports[port].next & !NODE) as usize
    }

    /// The next packet joins its node's queue.
    fn generate(&mut self) {
        let packet = self.next as u32;
        let source = self.records[self.next].source as usize;
        self.next += 1;
        let node = &mut self.nodes[source];
        if node.first == NONE {
            node.first = packet;
        } else {
            self.records[node.last as usize].next = packet;
        }
        node.last = packet;
        self.wake_node(source);
    }

    /// Injects a flit if possible; whether the node is to be looked at in the next cycle.
    fn inject(&mut self, index: usize) -> bool {
        let node = &mut self.nodes[index];
        let packet = node.first as usize;
        let head = node.sent == 0;
        let mut vc = node.vc;
        if head {
            let able = node.free & node.funded;
            // A node that never sent looks at channel 0 only.
            let first = node.last_vc == FREE;
            let able = if first { able & 1 } else { able };
            if able == 0 {
                return false;
            }
            let from = if first || self.planted.is(Fault::RoundStuck) {
                node.last_vc & 7
            } else {
                node.last_vc + 1
            };
            // Past the last channel it goes round.
            vc = able.nearest(usize::from(from) & 7) as u8;
        } else if node.funded >> vc & 1 == 0 {
            return false;
        }
        let record = &self.records[packet];
        node.sent += 1;
        let tail = node.sent == record.size;
        let channel = node.channel as usize + usize::from(vc);
        let mut flit = record.flit;
        if head {
            flit |= HEAD;
            self.times[packet].injected = self.now;
            node.free &= !(1 << vc);
            node.last_vc = vc;
            node.vc = vc;
        }
        let credits = &mut self.node_vcs[channel];
        credits.credits -= 1;
        if credits.credits == 0 {
            node.funded &= !(1 << vc);
        }
        if tail {
            flit |= TAIL;
            if self.parameters.wait_for_tail_credit {
                credits.tail_sent = true;
            } else {
                node.free |= 1 << vc;
            }
            node.first = record.next;
            node.sent = 0;
            node.vc = FREE;
        }
        let more = node.first != NONE;
        self.injected_flits += 1;
        self.put(channel, flit, self.delays.inject);
        more
    }

    /// Sends a flit to an input channel; its credit has been taken.
    #[inline(always)]
    pub(super) fn put(&mut self, channel: usize, flit: Flit, delay: usize) {
        let input = &mut self.inputs[channel];
        input.used += 1;
        assert!(
            u32::from(input.used) <= self.parameters.buffer,
            "noc check slots: {} flits for {}",
            input.used,
            self.parameters.buffer
        );
        self.flits[(channel << self.ring) + usize::from(input.tail)] = flit;
        input.tail = (input.tail + 1) & ((1 << self.ring) - 1);
        let slot = (self.now as usize + delay) % SLOTS;
        self.slots[slot].flits.push(channel as u32);
        self.occupied |= 1 << slot;
    }

    /// Sends a credit.
    #[inline(always)]
    pub(super) fn give(&mut self, to: u32, delay: usize) {
        let slot = (self.now as usize + delay) % SLOTS;
        self.slots[slot].credits.push(to);
        self.occupied |= 1 << slot;
    }
}

/// What a [`super::Network`] asks of its engine, whatever its sizes.
pub(super) trait Run: Send {
    /// Puts a packet into its node's queue.
    fn send(&mut self, packet: &Packet);
    /// Runs all cycles before `end`.
    fn run(&mut self, end: u64);
    /// Runs until nothing is left to do, and checks that all is home.
    fn drain(&mut self);
    /// The earliest cycle in which a packet may still be generated.
    fn last_created(&self) -> u64;
    /// The next cycle.
    fn now(&self) -> u64;
    /// Times of all packets so far.
    fn times(&self) -> &[Times];
    /// Flits taken in the window.
    fn counted(&self) -> u64;
    /// Counts flits taken in this window.
    fn count(&mut self, window: Range<u64>);
    /// Flits that left a router.
    fn flit_hops(&self) -> u64;
    /// Plants a bug.
    #[cfg(feature = "mutants")]
    fn plant(&mut self, fault: Fault);
}

/// An engine for these parameters.
pub(super) fn engine(parameters: &Parameters) -> Box<dyn Run> {
    match (parameters.ports(), parameters.stride()) {
        (5, 1) => Box::new(Engine::<u64, 5, 1>::new(parameters)),
        (5, 2) => Box::new(Engine::<u64, 5, 2>::new(parameters)),
        (5, 4) => Box::new(Engine::<u64, 5, 4>::new(parameters)),
        (5, 8) => Box::new(Engine::<u64, 5, 8>::new(parameters)),
        _ if parameters.router_vcs() <= 64 => Box::new(Engine::<u64, 0, 0>::new(parameters)),
        _ => Box::new(Engine::<u128, 0, 0>::new(parameters)),
    }
}

impl<B: Bits, const P: usize, const S: usize> Run for Engine<B, P, S> {
    fn send(&mut self, packet: &Packet) {
        let mesh = &self.parameters.mesh;
        let (x, y) = mesh.place(packet.target);
        self.records.push(Record {
            created: packet.created,
            flit: flit(self.records.len() as u32, x, y, packet.target % mesh.locals),
            source: packet.source,
            size: packet.size,
            next: NONE,
            routers: mesh.routers_passed(packet.source, packet.target),
        });
        self.times.push(Times {
            injected: u64::MAX,
            head: u64::MAX,
            tail: u64::MAX,
        });
    }

    fn last_created(&self) -> u64 {
        let last = self.records.last().map_or(0, |record| record.created);
        last.max(self.now)
    }

    fn now(&self) -> u64 {
        self.now
    }

    fn times(&self) -> &[Times] {
        &self.times
    }

    fn counted(&self) -> u64 {
        self.counted
    }

    fn count(&mut self, window: Range<u64>) {
        (self.window, self.counted) = (window, 0);
    }

    fn flit_hops(&self) -> u64 {
        self.hops
    }

    #[cfg(feature = "mutants")]
    fn plant(&mut self, fault: Fault) {
        self.planted.fault = Some(fault);
        if fault == Fault::LinkShort {
            self.delays.flit -= 1;
        }
    }

    fn drain(&mut self) {
        let idle = self.run_until(u64::MAX);
        assert!(idle, "the network has not come to rest");
        self.check_rest();
    }

    fn run(&mut self, end: u64) {
        self.run_until(end);
    }
}
