//! Cycles: arrivals, injection (`specs/noc.md`, 1 to 3), and which cycles need not be looked at.

use super::allocate::Winner;
use super::around::Around;
use super::bits::Bits;
use super::fault::{Fault, Planted};
use super::layout::{
    FREE, Flit, HEAD, Input, NODE, NONE, Node, NodeVc, Output, Part, Port, Router, State, TAIL,
    nodes, ports, route,
};
use super::parameters::Parameters;

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

/// What crosses to the next band, with cycles of arrival.
#[derive(Default)]
pub(crate) struct Cross {
    /// Input channel and flit.
    pub(super) flits: Vec<(u32, Flit, u64)>,
    /// Output channel.
    pub(super) credits: Vec<(u32, u64)>,
}

impl Cross {
    pub(super) fn is_empty(&self) -> bool {
        self.flits.is_empty() && self.credits.is_empty()
    }

    /// First arrival.
    pub(super) fn first(&self) -> u64 {
        let flits = self.flits.iter().map(|(_, _, at)| *at);
        let all = flits.chain(self.credits.iter().map(|(_, at)| *at));
        all.min().unwrap_or(u64::MAX)
    }
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

/// The network, or a band of its rows. `B` holds a bit for each channel of a router; `P` ports and `S` channels of a port are known
/// when compiling, so that indices need no division, or both 0.
pub(super) struct Engine<B, const P: usize, const S: usize> {
    pub(super) parameters: Parameters,
    ports_per_router: usize,
    stride: usize,
    pub(super) delays: Delays,
    /// Slots of a ring, as a power of two.
    pub(super) ring: u32,
    /// The cycle in hand, or the next.
    pub(super) now: u64,
    pub(super) ports: Vec<Port<B>>,
    pub(super) inputs: Vec<Input>,
    pub(super) outputs: Vec<Output>,
    pub(super) flits: Vec<Flit>,
    pub(super) routers: Vec<Router<B>>,
    awake: Vec<u32>,
    /// Routers that were looked at since the last reset.
    pub(super) touched: Vec<u32>,
    pub(super) nodes: Vec<Node>,
    /// By channel of a port.
    pub(super) node_vcs: Vec<NodeVc>,
    awake_nodes: Vec<u32>,
    slots: Vec<Slot>,
    /// Bit for each slot that holds something.
    occupied: u64,
    /// To the band above, and below.
    pub(super) cross: [Cross; 2],
    pub(super) injected_flits: u64,
    pub(super) ejected_flits: u64,
    pub(super) hops: u64,
    /// Scratch of switch allocation.
    pub(super) granted: Vec<u64>,
    pub(super) winners: Vec<Winner>,
    pub(super) planted: Planted,
}

impl<B: Bits, const P: usize, const S: usize> Engine<B, P, S> {
    pub(super) fn new(parameters: &Parameters, part: &Part) -> Engine<B, P, S> {
        let mesh = parameters.mesh;
        let ports_per_router = parameters.ports();
        let stride = parameters.stride();
        assert!(ports_per_router * stride <= B::WIDTH, "too many channels");
        assert!(
            P == 0 || (ports_per_router, stride) == (P, S),
            "made for others"
        );
        let range = part.routers(parameters);
        let channels = range.len() * ports_per_router * stride;
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
            touched: false,
        };
        let output = Output {
            credits: parameters.buffer as u16,
            owner: FREE,
            grant: 0,
            tail_sent: false,
        };
        Engine {
            ports: ports(parameters, part),
            inputs: vec![Input::default(); channels],
            outputs: vec![output; channels],
            flits: vec![0; channels << ring],
            awake: Vec::with_capacity(range.len()),
            touched: Vec::with_capacity(range.len()),
            routers: range.map(router).collect(),
            nodes: nodes(parameters, part),
            node_vcs: vec![
                NodeVc {
                    credits: parameters.buffer as u16,
                    tail_sent: false,
                };
                channels
            ],
            awake_nodes: Vec::new(),
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
            occupied: 0,
            cross: [Cross::default(), Cross::default()],
            now: 0,
            injected_flits: 0,
            ejected_flits: 0,
            hops: 0,
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

    /// Something happens in the next cycle, whatever arrives.
    fn busy(&self) -> bool {
        !self.awake.is_empty() || !self.awake_nodes.is_empty()
    }

    /// Runs all cycles before `end`.
    fn run_until<A: Around>(&mut self, end: u64, around: &mut A) {
        while self.now < end {
            if !self.busy() {
                let next = around.due().min(self.next_arrival());
                if next >= end {
                    // Of a network at rest nobody asks how late it is.
                    self.now = if end == u64::MAX { self.now } else { end };
                    return;
                }
                self.now = next.max(self.now);
            }
            while let Some((node, packet)) = around.generate(self.now) {
                self.hand(node as usize, packet);
            }
            self.step(around);
            self.now += 1;
        }
    }

    /// First cycle from now on in which something arrives.
    fn next_arrival(&self) -> u64 {
        if self.occupied == 0 {
            return u64::MAX;
        }
        let here = (self.now % SLOTS as u64) as u32;
        self.now + u64::from(self.occupied.rotate_right(here).trailing_zeros())
    }

    /// The cycle in hand; packets that nodes have got are there.
    fn step<A: Around>(&mut self, around: &mut A) {
        let slot = (self.now % SLOTS as u64) as usize;
        if self.occupied >> slot & 1 != 0 {
            self.occupied &= !(1 << slot);
            let mut credits = std::mem::take(&mut self.slots[slot].credits);
            credits.drain(..).for_each(|to| self.credit(to));
            self.slots[slot].credits = credits;
            let mut flits = std::mem::take(&mut self.slots[slot].flits);
            flits
                .drain(..)
                .for_each(|channel| self.arrive(channel, around));
            self.slots[slot].flits = flits;
        }
        let mut index = 0;
        while let Some(&node) = self.awake_nodes.get(index) {
            if self.inject(node as usize, around) {
                index += 1;
            } else {
                self.nodes[node as usize].awake = false;
                self.awake_nodes.swap_remove(index);
            }
        }
        let mut index = 0;
        while let Some(&router) = self.awake.get(index) {
            if self.allocate(router as usize, around) {
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
            if !self.routers[router].touched {
                self.routers[router].touched = true;
                self.touched.push(router as u32);
            }
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
    fn arrive<A: Around>(&mut self, channel: u32, around: &mut A) {
        let (ports, stride) = (self.ports_per_router(), self.stride());
        let channel = channel as usize;
        let input = &mut self.inputs[channel];
        input.len += 1;
        around.stands(input.len);
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
        if port < 2
            && self.ports[router * ports + port].next & NODE == 0
            && self.planted.once(Fault::TurnWrong)
        {
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
        if node_record.packet != NONE {
            self.wake_node(node);
        }
    }

    /// The node at a local port.
    fn node_of(&self, port: usize) -> usize {
        (self.ports[port].next & !NODE) as usize
    }

    /// A node gets a packet in hand.
    fn hand(&mut self, node: usize, packet: u32) {
        debug_assert!(self.nodes[node].packet == NONE);
        self.nodes[node].packet = packet;
        self.wake_node(node);
    }

    /// Injects a flit if possible; whether the node is to be looked at in the next cycle.
    fn inject<A: Around>(&mut self, index: usize, around: &mut A) -> bool {
        let node = &mut self.nodes[index];
        let packet = node.packet;
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
        node.sent += 1;
        let tail = node.sent == around.size(packet);
        let channel = node.channel as usize + usize::from(vc);
        let mut flit = around.flit(index as u32, packet);
        if head {
            flit |= HEAD;
            around.injected(index as u32, packet, self.now);
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
            node.packet = around.next(index as u32, packet, self.now);
            node.sent = 0;
            node.vc = FREE;
        }
        let more = node.packet != NONE;
        self.injected_flits += 1;
        self.put(channel, flit, self.delays.inject);
        more
    }

    /// Sends a flit to an input channel; its credit has been taken.
    #[inline(always)]
    pub(super) fn put(&mut self, channel: usize, flit: Flit, delay: usize) {
        self.put_at(channel, flit, self.now as usize + delay);
    }

    #[inline(always)]
    fn put_at(&mut self, channel: usize, flit: Flit, at: usize) {
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
        let slot = at % SLOTS;
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

/// An engine, whatever its sizes, with its ends.
pub(crate) trait Cycles<A>: Send {
    /// Runs all cycles before `end`.
    fn run(&mut self, end: u64, around: &mut A);

    /// The next cycle in which something may happen, generated packets aside.
    fn next(&self) -> u64;

    /// Gives a node, which has none, its next packet, for cycle `now` on. Nothing may be left to do before it.
    fn offer(&mut self, node: u32, packet: u32, now: u64);

    /// A node takes a flit that came from an output channel, for whose slot the credit goes back in cycle `now`. As `offer`.
    fn give_back(&mut self, channel: u32, now: u64);

    /// Runs one cycle, no earlier than [`Cycles::next`] was.
    fn cycle(&mut self, at: u64, around: &mut A);

    /// The next cycle that has not been run.
    fn now(&self) -> u64;

    /// Every arbiter goes to its first position. Nothing may be on its way.
    fn reset(&mut self);

    /// Takes what another band sent here.
    fn cross_in(&mut self, from: &mut Cross);

    /// What goes to the band above (0) or below (1).
    fn cross_out(&mut self, side: usize) -> &mut Cross;

    /// Flits that nodes injected, that went to nodes, that left a router.
    fn flits(&self) -> [u64; 3];

    /// Flits in buffers or on links between routers.
    fn inside(&self) -> u64;

    /// Every credit is home and no VC taken.
    fn check_home(&self);

    /// Who waits for whom.
    fn stuck(&self) -> String;

    /// Plants a bug, to act at its `chance`th chance.
    #[cfg(feature = "mutants")]
    fn plant(&mut self, fault: Fault, chance: u32);
}

/// An engine for these parameters.
pub(crate) fn engine<A: Around + 'static>(
    parameters: &Parameters,
    part: &Part,
) -> Box<dyn Cycles<A>> {
    match (parameters.ports(), parameters.stride()) {
        (5, 1) => Box::new(Engine::<u64, 5, 1>::new(parameters, part)),
        (5, 2) => Box::new(Engine::<u64, 5, 2>::new(parameters, part)),
        (5, 4) => Box::new(Engine::<u64, 5, 4>::new(parameters, part)),
        (5, 8) => Box::new(Engine::<u64, 5, 8>::new(parameters, part)),
        (8, 4) => Box::new(Engine::<u64, 8, 4>::new(parameters, part)),
        _ if parameters.router_vcs() <= 64 => Box::new(Engine::<u64, 0, 0>::new(parameters, part)),
        _ => Box::new(Engine::<u128, 0, 0>::new(parameters, part)),
    }
}

impl<A: Around, B: Bits, const P: usize, const S: usize> Cycles<A> for Engine<B, P, S> {
    fn run(&mut self, end: u64, around: &mut A) {
        self.run_until(end, around);
    }

    fn next(&self) -> u64 {
        if self.busy() {
            self.now
        } else {
            self.next_arrival()
        }
    }

    fn offer(&mut self, node: u32, packet: u32, now: u64) {
        self.now = self.now.max(now);
        self.hand(node as usize, packet);
    }

    fn give_back(&mut self, channel: u32, now: u64) {
        self.now = self.now.max(now);
        self.give(channel, self.delays.credit);
    }

    fn cycle(&mut self, at: u64, around: &mut A) {
        self.now = at;
        self.step(around);
        self.now += 1;
    }

    fn now(&self) -> u64 {
        self.now
    }

    fn reset(&mut self) {
        let (ports, stride) = (self.ports_per_router(), self.stride());
        let touched = std::mem::take(&mut self.touched);
        for &router in &touched {
            let router = router as usize;
            self.routers[router].touched = false;
            for port in router * ports..(router + 1) * ports {
                let record = &mut self.ports[port];
                (record.grant, record.accept, record.round) = (0, 0, 0);
                let next = record.next;
                let channels = port * stride..(port + 1) * stride;
                self.outputs[channels.clone()]
                    .iter_mut()
                    .for_each(|output| output.grant = 0);
                self.inputs[channels]
                    .iter_mut()
                    .for_each(|input| input.accept = 0);
                if next & NODE != 0 && next != NONE {
                    self.nodes[(next & !NODE) as usize].last_vc = FREE;
                }
            }
        }
        self.touched = touched;
        self.touched.clear();
    }

    fn cross_in(&mut self, from: &mut Cross) {
        for (channel, flit, at) in from.flits.drain(..) {
            debug_assert!(at >= self.now);
            self.put_at(channel as usize, flit, at as usize);
        }
        for (channel, at) in from.credits.drain(..) {
            debug_assert!(at >= self.now);
            let slot = at as usize % SLOTS;
            self.slots[slot].credits.push(channel);
            self.occupied |= 1 << slot;
        }
    }

    fn cross_out(&mut self, side: usize) -> &mut Cross {
        &mut self.cross[side]
    }

    fn flits(&self) -> [u64; 3] {
        [self.injected_flits, self.ejected_flits, self.hops]
    }

    fn inside(&self) -> u64 {
        self.inputs.iter().map(|input| u64::from(input.used)).sum()
    }

    fn check_home(&self) {
        self.check_credits();
    }

    fn stuck(&self) -> String {
        self.waiting()
    }

    #[cfg(feature = "mutants")]
    fn plant(&mut self, fault: Fault, chance: u32) {
        self.planted.plant(fault, chance);
        if fault == Fault::LinkShort {
            self.delays.flit -= 1;
        }
    }
}
