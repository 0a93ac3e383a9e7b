//! The `fifo` network where links are shared: virtual networks, packets of several flits, packets with several targets,
//! other dimension orders, routing tables (`specs/noc.md`).
//!
//! Invariant: FIFOs, credits and times are those of [`FifoNetwork`], whose planes are here *layers*, plane × networks +
//! network. An output of a layer knows who wants it; the link decides between its networks, so grants are by link. What
//! has one network and one flit a packet runs on [`FifoNetwork`] itself, in the same cycles.

use super::fifo::{ALONG_X, ALONG_Y, AXON, FifoNetwork, INDEX, OUTPUT, TO_HOST};
use super::net::{Credit, Ends, LAST, NIL, Network, Packet, Waits};
use super::units::Units;
use super::wheel::LAST as NO_EVENT;
use crate::mutants::{self, Mutant};
use crate::program::NONE;
use crate::route::{Node, Trees};
use crate::trace::TracedHop;
use isa::chip::{ChipSpec, Routes};
use std::sync::Arc;

/// Any input may be granted.
const FREE: u64 = u64::MAX;

/// A packet with several targets.
#[derive(Default)]
struct Group {
    /// Place of each target's packet.
    targets: Vec<u32>,
    /// Targets that no router has handed over yet.
    left: u32,
}

/// A link of a plane, or an output to a core or the host: what its networks share.
#[derive(Clone, Default)]
struct Link {
    free: u64,
    /// Network that is asked first.
    pointer: u32,
    /// Its event is in the wheel.
    pending: bool,
}

/// Routers whose links are shared.
pub(super) struct SharedNetwork {
    fifo: FifoNetwork,
    networks: u32,
    links: Vec<Link>,
    /// By output of a layer: the inputs that may be granted, [`FREE`] or the one whose packet has begun.
    holders: Vec<u64>,
    /// By FIFO: outputs that the head, a packet with several targets, still has to take.
    pending: Vec<u64>,
    trees: Arc<Trees>,
    routes: Option<Routes>,
    /// Of the mesh.
    width: i32,
    /// By place of a packet: node and group, if it has several targets.
    ways: Vec<(u32, u32)>,
    groups: Vec<Group>,
    free_groups: Vec<u32>,
}

impl Network for SharedNetwork {
    fn new(chip: &ChipSpec, used: &[u32], trees: &Arc<Trees>) -> SharedNetwork {
        let networks = chip.noc.network_count();
        let mut layers = chip.clone();
        layers.mesh.planes *= networks;
        let mut fifo = FifoNetwork::new(&layers, used, trees);
        let links = fifo.outputs.len() / networks as usize;
        fifo.more_events(links);
        SharedNetwork {
            networks,
            links: vec![Link::default(); links],
            holders: vec![FREE; fifo.outputs.len()],
            pending: vec![0; fifo.fifos.len()],
            fifo,
            trees: Arc::clone(trees),
            routes: chip.noc.routes.clone(),
            width: chip.mesh.width as i32,
            ways: Vec::new(),
            groups: Vec::new(),
            free_groups: Vec::new(),
        }
    }

    fn fresh(&self, end: u64) -> u64 {
        self.fifo.fresh(end)
    }

    fn jump(&mut self, to: u64) {
        self.fifo.jump(to);
    }

    fn reset(&mut self) {
        self.fifo.reset();
        self.links.iter_mut().for_each(|link| link.pointer = 0);
        self.ways.clear();
        self.groups.clear();
        self.free_groups.clear();
    }

    fn injection(&self, tile: u32, index: u32, layer: u32) -> u32 {
        self.fifo.injection(tile, index, layer)
    }

    fn link(&self, tile: u32, side: u32, layer: u32) -> u32 {
        self.fifo.link(tile, side, layer)
    }

    fn receive(&self, core: u32) -> u32 {
        self.fifo.receive(core)
    }

    fn credit(&mut self, queue: u32) -> Credit {
        self.fifo.credit(queue)
    }

    fn push(&mut self, queue: u32, packet: u32, at: u64) {
        self.fifo.push(queue, packet, at);
    }

    fn head(&self, queue: u32) -> u32 {
        self.fifo.head(queue)
    }

    fn whole(&self, queue: u32) -> u64 {
        let mut flit = self.fifo.head(queue);
        while flit != NIL {
            if self.fifo.ends(flit).part & LAST != 0 {
                return self.fifo.packet(flit).arrived;
            }
            flit = self.fifo.packet(flit).next;
        }
        u64::MAX
    }

    fn len(&self, queue: u32) -> u32 {
        self.fifo.len(queue)
    }

    fn arrived(&self, queue: u32, now: u64) -> u64 {
        self.fifo.arrived(queue, now)
    }

    fn pop(&mut self, queue: u32, now: u64) -> u32 {
        self.fifo.pop(queue, now)
    }

    fn place(&mut self, packet: Packet, ends: Ends) -> u32 {
        let place = self.fifo.place(packet, ends);
        self.way(place, (NONE, NONE));
        place
    }

    fn place_tree(&mut self, packet: Packet, ends: Ends, root: u32, targets: &[u32]) -> u32 {
        let group = self.free_groups.pop().unwrap_or_else(|| {
            self.groups.push(Group::default());
            self.groups.len() as u32 - 1
        });
        let record = &mut self.groups[group as usize];
        record.targets.clear();
        record.targets.extend(targets);
        record.left = targets.len() as u32;
        let place = self.fifo.place(packet, ends);
        self.way(place, (root, group));
        place
    }

    fn free(&mut self, packet: u32) {
        self.fifo.free(packet);
    }

    fn packet(&self, packet: u32) -> &Packet {
        self.fifo.packet(packet)
    }

    fn packet_mut(&mut self, packet: u32) -> &mut Packet {
        self.fifo.packet_mut(packet)
    }

    fn ends(&self, packet: u32) -> &Ends {
        self.fifo.ends(packet)
    }

    fn take_waits(&mut self) -> Waits {
        self.fifo.take_waits()
    }

    fn check_rest(&self, missing: u64) {
        self.fifo.check_rest(missing);
    }

    fn mark(&mut self, tile: u32, port: u32, plane: u32, ready: u64) -> u64 {
        let output = self.fifo.output_at(tile, port, plane);
        let free = self.links[self.link_of(output) as usize].free;
        self.fifo.mark_behind(output, free, ready)
    }

    fn stands(&self, queue: u32, arrived: u64) -> u64 {
        self.fifo.stands(queue, arrived)
    }

    fn run(units: &mut Units<SharedNetwork>, until: u64) {
        units.run_shared(until);
    }
}

impl SharedNetwork {
    fn way(&mut self, place: u32, way: (u32, u32)) {
        let place = place as usize;
        if place >= self.ways.len() {
            self.ways.resize(place + 1, (NONE, NONE));
        }
        self.ways[place] = way;
    }

    /// Outputs of one layer of a plane.
    fn stride(&self) -> u32 {
        self.fifo.tiles * self.fifo.ports
    }

    /// The link that an output of a layer belongs to.
    fn link_of(&self, output: u32) -> u32 {
        let stride = self.stride();
        output / (stride * self.networks) * stride + output % stride
    }

    /// The output of a link in a network.
    fn output_of(&self, link: u32, network: u32) -> u32 {
        let stride = self.stride();
        (link / stride * self.networks + network) * stride + link % stride
    }

    /// First event of the links.
    fn first_link(&self) -> u32 {
        self.fifo.first_output + self.fifo.outputs.len() as u32
    }

    /// Makes the head of a FIFO visible to the outputs it wants, whose links are added to `links`.
    fn expose(&mut self, fifo: u32, links: &mut Vec<u32>) {
        let record = &self.fifo.fifos[fifo as usize];
        let (base, input, head) = (record.base, record.input, record.head);
        let (node, _) = self.ways[head as usize];
        let mut outputs = if node == NONE {
            1 << self.port(head, base)
        } else {
            let outputs = self.trees.nodes[node as usize].outputs;
            self.pending[fifo as usize] = outputs;
            outputs
        };
        while outputs != 0 {
            let output = base + outputs.trailing_zeros();
            outputs &= outputs - 1;
            self.fifo.outputs[output as usize].wanted |= 1 << input;
            links.push(self.link_of(output));
        }
    }

    /// The output that a flit with one target takes at the router whose first port is `base`.
    fn port(&self, flit: u32, base: u32) -> u32 {
        let (packet, ends) = (self.fifo.packet(flit), self.fifo.ends(flit));
        if let Some(routes) = &self.routes {
            let tile = base / self.fifo.ports % self.fifo.tiles;
            let ahead = i32::from(packet.dy) * self.width + i32::from(packet.dx);
            let next = routes.next(tile, tile.wrapping_add_signed(ahead));
            return u32::from(next.unwrap_or(ends.last));
        }
        let along_x = (packet.dx != 0).then_some(u32::from(packet.dx < 0));
        let along_y = (packet.dy != 0).then_some(2 + u32::from(packet.dy < 0));
        let way = if ends.y_first {
            along_y.or(along_x)
        } else {
            along_x.or(along_y)
        };
        way.unwrap_or(u32::from(ends.last))
    }

    /// What changed by an event: links are added to `links`.
    fn changed(&mut self, event: u32, links: &mut Vec<u32>) {
        let first_link = self.first_link();
        if event < self.fifo.first_output {
            self.expose(event, links);
        } else if event < first_link {
            let output = event - self.fifo.first_output;
            self.fifo.outputs[output as usize].blocked = false;
            links.push(self.link_of(output));
        } else {
            let link = event - first_link;
            self.links[link as usize].pending = false;
            links.push(link);
        }
    }

    /// Inputs that an output of a layer may be granted to.
    fn asking(&self, output: u32) -> u64 {
        let record = &self.fifo.outputs[output as usize];
        if record.blocked {
            return 0;
        }
        record.wanted & self.holders[output as usize]
    }

    /// A link looks again at a cycle, if something waits for it.
    fn look_again(&mut self, link: u32, at: u64) {
        let asked = (0..self.networks).any(|n| self.asking(self.output_of(link, n)) != 0);
        if asked && !self.links[link as usize].pending {
            self.links[link as usize].pending = true;
            let event = self.first_link() + link;
            self.fifo.wheel.add(at, event);
        }
    }

    /// Takes what leaves a FIFO's head by a port: its place from now on, and whether the FIFO let it go.
    fn leave(&mut self, from: u32, port: u32) -> (u32, bool) {
        let head = self.fifo.head(from);
        let (node, group) = self.ways[head as usize];
        if node == NONE {
            return (head, true);
        }
        let left = &mut self.pending[from as usize];
        *left &= !(1 << port);
        let gone = *left == 0;
        let Node {
            outputs,
            behind,
            targets,
        } = self.trees.nodes[node as usize];
        if port < 4 {
            // The last copy is the packet itself.
            let copy = if gone {
                head
            } else {
                let (packet, ends) = (*self.fifo.packet(head), *self.fifo.ends(head));
                self.fifo.place(packet, ends)
            };
            self.way(copy, (behind[port as usize], group));
            return (copy, gone);
        }
        let before = (outputs >> 4 & ((1 << (port - 4)) - 1)).count_ones();
        let place = self.trees.targets[(targets + before) as usize];
        let group_of = &mut self.groups[group as usize];
        let target = group_of.targets[place as usize];
        group_of.left -= 1;
        if group_of.left == 0 {
            self.free_groups.push(group);
        }
        (target, gone)
    }
}

impl Units<SharedNetwork> {
    fn run_shared(&mut self, until: u64) {
        let mut links = std::mem::take(&mut self.net.fifo.cycle_outputs);
        while let Some(now) = self.net.fifo.wheel.advance(until) {
            let mut event = self.net.fifo.wheel.take();
            while event != NO_EVENT {
                // Before its place in the wheel is used again.
                let after = self.net.fifo.wheel.after(event);
                self.net.changed(event, &mut links);
                event = after;
            }
            links.iter().for_each(|link| self.grant_link(*link, now));
            links.clear();
        }
        self.net.fifo.cycle_outputs = links;
    }

    /// Phase 5 of one link for which something changed.
    fn grant_link(&mut self, link: u32, now: u64) {
        let free = self.net.links[link as usize].free;
        if free > now {
            return self.net.look_again(link, free);
        }
        let (networks, pointer) = (self.net.networks, self.net.links[link as usize].pointer);
        for turn in 0..networks {
            let network = (pointer + turn) % networks;
            let output = self.net.output_of(link, network);
            let asking = self.net.asking(output);
            if asking != 0 && self.may_send(output, now) {
                let net = &mut self.net;
                let first = net.fifo.pointers[output as usize];
                let after = asking & (u64::MAX << first);
                let input = if after != 0 { after } else { asking }.trailing_zeros();
                net.fifo.pointers[output as usize] = ((input + 1) % net.fifo.ports) as u8;
                if !mutants::is(Mutant::NetworkPointerStays) {
                    net.links[link as usize].pointer = (network + 1) % networks;
                }
                return self.send(link, output, input, now);
            }
        }
    }

    /// Lets a flit of an input out by an output.
    fn send(&mut self, link: u32, output: u32, input: u32, now: u64) {
        let net = &mut self.net;
        let record = &mut net.fifo.outputs[output as usize];
        record.wanted &= !(1 << input);
        let (to, base, class, wait_of) = (
            record.fifo,
            record.base,
            usize::from(record.class),
            record.link,
        );
        let from = base + input;
        if u64::from(net.fifo.len(from)) > net.fifo.fifo_peak {
            net.fifo.fifo_peak = net.fifo.fifo_peak.max(net.fifo.arrived(from, now));
        }
        let head = net.fifo.head(from);
        let (arrived, of_head) = (net.fifo.packet(head).arrived, net.fifo.ends(head).record);
        let (flit, gone) = net.leave(from, output - base);
        let waiting = net.fifo.fifos[from as usize].waiting;
        if gone {
            net.fifo.pop(from, now);
            let behind = net.fifo.head(from);
            if behind != NIL {
                let at = net.fifo.packet(behind).arrived.max(now + 1);
                net.fifo.wheel.add(at, from);
            }
            if head != flit {
                net.fifo.free(head);
            }
        }
        net.fifo.router_wait += now - arrived;
        net.fifo.link_wait[wait_of as usize] += now - arrived;
        let (part, of) = (net.fifo.ends(flit).part, net.fifo.ends(flit).record);
        let held = part & LAST == 0 && !mutants::is(Mutant::FlitsInterleave);
        net.holders[output as usize] = if held { 1 << input } else { FREE };
        let occupancy = net.fifo.occupancy[class];
        net.links[link as usize].free = now + occupancy;
        let packet = net.fifo.packet_mut(flit);
        packet.dx += ALONG_X[class];
        packet.dy += ALONG_Y[class];
        let late = mutants::is(Mutant::CopyLate) && !gone;
        let arrival = now + net.fifo.latency[class] + u64::from(late);
        if of != of_head {
            // One of several targets: all were sent in one cycle.
            let mask = self.record_mask;
            self.records[(of & mask) as usize].sent = self.records[(of_head & mask) as usize].sent;
            if self.log.on {
                self.log.details[of as usize].ready = self.log.details[of_head as usize].ready;
            }
        }
        let net = &mut self.net;
        if self.log.on {
            let hop = TracedHop {
                tile: output / net.fifo.ports % net.fifo.tiles,
                port: output % net.fifo.ports,
                arrived,
                granted: now,
                occupancy,
                waited: now - arrived,
            };
            self.log.hop(of, hop);
        }
        if to == TO_HOST {
            self.finish(flit, arrival);
        } else {
            net.fifo.push(to, flit, arrival);
        }
        self.net.look_again(link, now + occupancy);
        if waiting && gone {
            self.resume_sender(from, now);
        }
    }

    /// A flit left a FIFO whose sender waits for that.
    fn resume_sender(&mut self, fifo: u32, now: u64) {
        let home = now + self.net.fifo.way_home(fifo);
        let record = &mut self.net.fifo.fifos[fifo as usize];
        record.waiting = false;
        let index = record.sender & INDEX;
        match record.sender & !INDEX {
            OUTPUT => self.net.fifo.block(index, home),
            AXON => self.axon(index),
            _ => self.host((index / self.net.networks) as usize),
        }
    }

    /// Whether an output has a credit of its FIFO. If not, it is blocked.
    fn may_send(&mut self, output: u32, now: u64) -> bool {
        let to = self.net.fifo.outputs[output as usize].fifo;
        if to == TO_HOST {
            return true;
        }
        let core = (self.net.fifo.is_receive(to)).then(|| self.net.fifo.fifos[to as usize].base);
        let next = core.map(|core| self.serve(core, now));
        let fifo = &mut self.net.fifo;
        let until = match (fifo.credit(to), next) {
            (Credit::From(home), _) => home,
            // It may be this queue's turn then: a full queue holds a whole packet.
            (Credit::Unknown, Some(next)) => next + fifo.way_home(to),
            (Credit::Unknown, None) => {
                fifo.outputs[output as usize].blocked = true;
                return false;
            }
        };
        if until > now {
            fifo.block(output, until);
        }
        until <= now
    }
}
