//! One cycle of a router (`specs/noc.md`, 4b to 4e): VC allocation, switch allocation, departures.
//!
//! Everything is decided from the state at the beginning: the switch is allocated first, VCs then, and departures, which free
//! VCs, come last. A request mask and a pointer make a grant in two instructions.

use super::around::Around;
use super::bits::Bits;
use super::engine::Engine;
use super::fault::Fault;
use super::layout::{CROSS, FREE, Flit, HEAD, NODE, State, TAIL};

/// An input that may send in this cycle.
#[derive(Clone, Copy)]
pub(super) struct Winner {
    /// Its port, and its channel within the router.
    port: u8,
    index: u8,
    output: u8,
}

/// Turns that X before Y allows: outputs by input, locals as one.
const LEGAL: [u8; 5] = [
    // From the east: on to the west, north, south, local.
    0b11110, 0b11101, // From the west.
    0b11000, 0b10100, // From north or south: straight on or local.
    0b11111,
];

impl<B: Bits, const P: usize, const S: usize> Engine<B, P, S> {
    /// One cycle of a router; whether it is to be looked at in the next.
    #[inline]
    pub(super) fn allocate<A: Around>(&mut self, router: usize, around: &mut A) -> bool {
        let ports = self.ports_per_router();
        let first = router * ports;
        let routing = std::mem::take(&mut self.routers[router].routing);
        self.allocate_switch(router, first);
        self.allocate_vcs(router, first);
        let mut winners = std::mem::take(&mut self.winners);
        for winner in winners.drain(..) {
            self.depart(router, first, winner, around);
        }
        self.winners = winners;
        if routing != B::NONE {
            self.routed(router, first, routing);
        }
        let seen = &self.routers[router];
        if seen.ready != 0 || seen.routing != B::NONE {
            return true;
        }
        let mut waiting = seen.waiting;
        while waiting != 0 {
            if self.ports[first + waiting.first()].free != 0 {
                return true;
            }
            waiting &= waiting - 1;
        }
        false
    }

    /// Switch allocation: leaves the winners.
    #[inline(always)]
    fn allocate_switch(&mut self, router: usize, first: usize) {
        let (count, stride) = (self.ports_per_router(), self.stride());
        let speculative = self.parameters.speculative;
        let seen = &self.routers[router];
        let mut outputs = seen.ready;
        if speculative {
            outputs |= seen.waiting;
        }
        let ports = &mut self.ports[first..first + count];
        let mut inputs = 0u64;
        while outputs != 0 {
            let o = outputs.first();
            outputs &= outputs - 1;
            let port = &ports[o];
            let mut requests = port.ready;
            if speculative && port.free & port.funded != 0 {
                requests |= port.waiting;
            }
            if requests != B::NONE {
                let input = requests.nearest(usize::from(port.grant) * stride) / stride;
                self.granted[input] |= 1 << o;
                inputs |= 1 << input;
            }
        }
        while inputs != 0 {
            let input = inputs.trailing_zeros() as usize;
            inputs &= inputs - 1;
            let granting = std::mem::take(&mut self.granted[input]);
            let o = granting.nearest(usize::from(ports[input].accept));
            let mask = ((1u32 << stride) - 1) as u8;
            let mut vcs = ports[o].ready.byte(input * stride) & mask;
            if vcs == 0 {
                vcs = ports[o].waiting.byte(input * stride) & mask;
            }
            let v = vcs.nearest(usize::from(ports[input].round));
            ports[input].round = if v as u32 + 1 == self.parameters.vcs {
                0
            } else {
                v as u8 + 1
            };
            let (mut grant, mut accept) = (input + 1, o + 1);
            if self.planted.is(Fault::PointersSwapped) {
                std::mem::swap(&mut grant, &mut accept);
            }
            ports[o].grant = if grant == count { 0 } else { grant as u8 };
            ports[input].accept = if accept == count { 0 } else { accept as u8 };
            self.winners.push(Winner {
                port: input as u8,
                index: (input * stride + v) as u8,
                output: o as u8,
            });
        }
    }

    /// VC allocation. Inputs of different ports never meet: each wants VCs of one output port.
    #[inline(always)]
    fn allocate_vcs(&mut self, router: usize, first: usize) {
        let (ports, stride) = (self.ports_per_router(), self.stride());
        let mut outputs = self.routers[router].waiting;
        while outputs != 0 {
            let o = outputs.first();
            outputs &= outputs - 1;
            let port = &self.ports[first + o];
            if port.free == 0 {
                continue;
            }
            let (waiting, free) = (port.waiting, port.free);
            if waiting.single() {
                self.accept_vc(router, first, (o, free), waiting.first());
                continue;
            }
            // Every free VC grants; then every input accepts.
            let mut grants = [(0u8, 0u8); 8];
            let mut count = 0;
            let mut rest = free;
            while rest != 0 {
                let v = rest.first();
                rest &= rest - 1;
                let output = &mut self.outputs[(first + o) * stride + v];
                let input = waiting.nearest(usize::from(output.grant)) as u8;
                if self.planted.is(Fault::PointerMovesAlways) {
                    output.grant = (input + 1) % (ports * stride) as u8;
                }
                match grants[..count].iter_mut().find(|(to, _)| *to == input) {
                    Some((_, vcs)) => *vcs |= 1 << v,
                    None => {
                        grants[count] = (input, 1 << v);
                        count += 1;
                    }
                }
            }
            for (input, vcs) in &grants[..count] {
                self.accept_vc(router, first, (o, *vcs), usize::from(*input));
            }
        }
    }

    /// An input accepts one of the VCs that were granted to it.
    #[inline(always)]
    fn accept_vc(&mut self, router: usize, first: usize, (o, granted): (usize, u8), index: usize) {
        let stride = self.stride();
        let channels = self.ports_per_router() * stride;
        let input = &mut self.inputs[first * stride + index];
        // Its pointer counts VCs of all ports; of this port's, those from it on come first.
        let from = usize::from(input.accept).wrapping_sub(o * stride);
        let v = granted.nearest(if from < stride { from } else { 0 });
        let accept = o * stride + v + 1;
        input.accept = if accept == channels { 0 } else { accept as u8 };
        (input.state, input.vc) = (State::Active, v as u8);
        let output = &mut self.outputs[(first + o) * stride + v];
        output.grant = if index + 1 == channels {
            0
        } else {
            index as u8 + 1
        };
        assert!(
            output.owner == FREE,
            "noc check owner: VC {v} of an output is given to {index}, and {} has it",
            output.owner
        );
        output.owner = index as u8;
        let port = &mut self.ports[first + o];
        if !self.planted.is(Fault::VcGivenTwice) {
            port.free &= !(1 << v);
        }
        port.waiting &= !B::bit(index);
        let seen = &mut self.routers[router];
        if port.waiting == B::NONE {
            seen.waiting &= !(1 << o);
        }
        if output.credits > 0 {
            port.ready |= B::bit(index);
            seen.ready |= 1 << o;
        }
    }

    /// The routing stage is over.
    #[cold]
    #[inline(never)]
    fn routed(&mut self, router: usize, first: usize, mut routing: B) {
        let stride = self.stride();
        while routing != B::NONE {
            let index = routing.first();
            routing &= !B::bit(index);
            let input = &mut self.inputs[first * stride + index];
            input.state = State::VcAlloc;
            self.ports[first + usize::from(input.port)].waiting |= B::bit(index);
            self.routers[router].waiting |= 1 << input.port;
        }
    }

    /// A flit leaves its buffer for an output.
    #[inline(always)]
    fn depart<A: Around>(&mut self, router: usize, first: usize, winner: Winner, around: &mut A) {
        let stride = self.stride();
        let (o, index) = (usize::from(winner.output), usize::from(winner.index));
        let channel = first * stride + index;
        let input = &mut self.inputs[channel];
        // A speculative grant is void unless a VC with a credit was won in this cycle.
        if input.state != State::Active {
            return;
        }
        let previous = self.ports[first + usize::from(winner.port)].previous;
        let port = &mut self.ports[first + o];
        if port.ready & B::bit(index) == B::NONE {
            return;
        }
        let next = port.next;
        let vc = usize::from(input.vc);
        let to = (first + o) * stride + vc;
        let output = &mut self.outputs[to];
        assert!(
            output.owner == winner.index,
            "noc check owner: {index} sends to VC {vc} of output {o}, which {} has",
            output.owner
        );
        // From a node and to a node every turn is allowed, at a border as well.
        let turn = LEGAL[usize::from(winner.port).min(4)] >> o.min(4) & 1;
        assert!(
            turn != 0 || (previous | next) & NODE != 0,
            "noc check turns: router {router} sends from input {} to output {o}",
            winner.port
        );
        let flit = self.flits[(channel << self.ring) + usize::from(input.head)];
        input.head = (input.head + 1) & ((1 << self.ring) - 1);
        input.len -= 1;
        input.used -= 1;
        output.credits -= 1;
        let empty = input.len == 0;
        if output.credits == 0 {
            port.funded &= !(1 << vc);
        }
        if empty || flit & TAIL != 0 || output.credits == 0 {
            port.ready &= !B::bit(index);
            if port.ready == B::NONE {
                self.routers[router].ready &= !(1 << o);
            }
        }
        self.hops += 1;
        if flit & TAIL != 0 {
            if self.parameters.wait_for_tail_credit {
                output.tail_sent = true;
            } else if !self.planted.is(Fault::VcKept) {
                output.owner = FREE;
                port.free |= 1 << vc;
            }
            if empty {
                input.state = State::Idle;
            } else {
                self.begin(router, index);
            }
        }
        if flit & HEAD != 0 {
            let link = next & NODE == 0;
            let arrives = self.now + self.delays.flit as u64;
            around.left(router, o, link, flit as u32, self.now, arrives);
        }
        let vc_in = index as u32 & (stride as u32 - 1);
        if previous & NODE != 0 {
            self.give(NODE | channel as u32, self.delays.node_credit);
        } else {
            self.give_back(winner.port, previous + vc_in);
        }
        if next & NODE != 0 {
            self.take(to, next & !NODE, flit, around);
        } else if next & CROSS != 0 {
            let at = self.now + self.delays.flit as u64;
            self.cross[o & 1]
                .flits
                .push(((next & !CROSS) + vc as u32, flit, at));
        } else if flit & (HEAD | TAIL) != HEAD | TAIL || !self.planted.once(Fault::FlitLost) {
            self.put(next as usize + vc, flit, self.delays.flit);
        }
    }

    /// Sends a credit to the router before.
    #[inline(always)]
    fn give_back(&mut self, port: u8, to: u32) {
        if to & CROSS != 0 {
            let at = self.now + self.delays.credit as u64;
            return self.cross[usize::from(port & 1)]
                .credits
                .push((to & !CROSS, at));
        }
        if self.planted.once(Fault::CreditLost) {
            return;
        }
        if self.planted.once(Fault::CreditDoubled) {
            self.give(to, self.delays.credit);
        }
        let late = usize::from(self.planted.is(Fault::CreditLate));
        self.give(to, self.delays.credit + late);
    }

    /// A flit goes to a node. If the node takes it as soon as it arrives, its credit comes back after that.
    #[inline(always)]
    fn take<A: Around>(&mut self, to: usize, node: u32, flit: Flit, around: &mut A) {
        let at = self.now + self.delays.flit as u64;
        self.ejected_flits += 1;
        let mut marks = flit & (HEAD | TAIL);
        if marks == TAIL && self.planted.once(Fault::TailEarly) {
            marks = HEAD | TAIL;
        }
        if around.ejected(to as u32, node, flit as u32, marks, at) {
            self.give(to as u32, self.delays.eject_credit);
        }
    }
}
