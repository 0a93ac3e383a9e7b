//! The `vc` router, read line by line from `specs/noc.md`: every unit is looked at in every cycle.
//!
//! Invariant: it shares nothing with the fast engine, not even a type. It trusts its input.

use std::collections::{BTreeMap, VecDeque};

/// Mesh and router. Cycles and flits.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // the names are those of `specs/noc.md`
pub struct Setup {
    pub width: usize,
    pub height: usize,
    pub locals: usize,
    pub vcs: usize,
    pub buffer: usize,
    pub routing_delay: u64,
    pub switch_delay: u64,
    pub link_delay: u64,
    pub credit_delay: u64,
    pub speculative: bool,
    pub wait_for_tail_credit: bool,
}

/// A packet to be sent. Nodes are numbered router by router.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Packet {
    pub created: u64,
    pub source: usize,
    pub target: usize,
    pub size: u32,
}

/// When its head was injected, and its head and tail were taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Times {
    pub injected: u64,
    pub head: u64,
    pub tail: u64,
}

#[derive(Clone, Copy)]
struct Flit {
    packet: usize,
    index: u32,
    /// Arrival in the buffer it stands in.
    arrived: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Idle,
    Routing,
    VcAlloc,
    Active,
}

/// An input VC of a router.
#[derive(Clone)]
struct Input {
    state: State,
    buffer: VecDeque<Flit>,
    /// Output port, then output VC.
    port: usize,
    vc: usize,
}

/// What a sender knows of a VC of the buffer it sends to.
#[derive(Clone)]
struct Output {
    taken: bool,
    tail_sent: bool,
    credits: usize,
}

struct Router {
    /// By port and VC.
    inputs: Vec<Vec<Input>>,
    outputs: Vec<Vec<Output>>,
    /// Pointers of VC allocation and of switch allocation: of outputs, of inputs.
    vc_pointers: (Vec<usize>, Vec<usize>),
    switch_pointers: (Vec<usize>, Vec<usize>),
    round: Vec<usize>,
}

pub(super) struct Node {
    /// Packets that wait, those that are not generated yet among them.
    pub(super) queue: VecDeque<usize>,
    /// Packet, next flit, VC.
    pub(super) current: Option<(usize, u32, Option<usize>)>,
    last_vc: Option<usize>,
    vcs: Vec<Output>,
}

/// What arrives somewhere.
enum Arrival {
    Flit(usize, usize, usize, Flit),
    Ejected(usize, usize, Flit),
    Credit(usize, usize, usize),
    NodeCredit(usize, usize),
}

/// One iteration of iSLIP on the requests of inputs for outputs: what each input accepted.
fn islip(
    requests: &dyn Fn(usize, usize) -> bool,
    (granting, accepting): &mut (Vec<usize>, Vec<usize>),
) -> Vec<Option<usize>> {
    let (inputs, outputs) = (accepting.len(), granting.len());
    let nearest = |from: usize, count: usize, wanted: &dyn Fn(usize) -> bool| {
        (0..count).map(|k| (from + k) % count).find(|&i| wanted(i))
    };
    let granted: Vec<Option<usize>> = (0..outputs)
        .map(|out| nearest(granting[out], inputs, &|i| requests(i, out)))
        .collect();
    let accepted: Vec<Option<usize>> = (0..inputs)
        .map(|i| nearest(accepting[i], outputs, &|out| granted[out] == Some(i)))
        .collect();
    for (i, out) in accepted.iter().enumerate() {
        if let Some(out) = *out {
            granting[out] = (i + 1) % inputs;
            accepting[i] = (out + 1) % outputs;
        }
    }
    accepted
}

/// A packet's head went on.
pub(super) struct Step {
    pub(super) packet: usize,
    /// Router and output; none: it was injected.
    pub(super) output: Option<(usize, usize)>,
    pub(super) at: u64,
    /// Since when it stood in the router's buffer.
    pub(super) since: u64,
}

pub(super) struct Mesh {
    setup: Setup,
    packets: Vec<Packet>,
    ports: usize,
    /// Router and port of each node.
    places: Vec<(usize, usize)>,
    routers: Vec<Router>,
    pub(super) nodes: Vec<Node>,
    arrivals: BTreeMap<u64, Vec<Arrival>>,
    pub(super) times: Vec<Times>,
    taken: usize,
    /// A packet keeps the slot of its tail until somebody takes it at its node.
    held: bool,
    /// Tails that came since this was emptied: node, VC, packet.
    pub(super) came: Vec<(usize, usize, usize)>,
    /// Packets whose tail was injected, and heads that went on, since this was emptied.
    pub(super) injected: Vec<usize>,
    pub(super) steps: Vec<Step>,
}

/// Times of all packets. Of packets with the same source and cycle the first in the list is sent first.
pub fn run(setup: &Setup, packets: &[Packet]) -> Vec<Times> {
    let mut mesh = Mesh::new(setup, &[], packets.to_vec(), false);
    let mut order: Vec<usize> = (0..packets.len()).collect();
    order.sort_by_key(|&p| packets[p].created);
    for p in order {
        mesh.nodes[packets[p].source].queue.push_back(p);
    }
    let mut now = 0;
    while mesh.taken < packets.len() || !mesh.arrivals.is_empty() {
        mesh.arrive(now);
        mesh.cycle(now);
        now += 1;
    }
    mesh.check_home();
    mesh.times
}

impl Mesh {
    /// A mesh at rest. `border` nodes (router, side) follow those of the routers.
    pub(super) fn new(
        setup: &Setup,
        border: &[(usize, usize)],
        packets: Vec<Packet>,
        held: bool,
    ) -> Mesh {
        let ports = 4 + setup.locals;
        let output = Output {
            taken: false,
            tail_sent: false,
            credits: setup.buffer,
        };
        let input = Input {
            state: State::Idle,
            buffer: VecDeque::new(),
            port: 0,
            vc: 0,
        };
        let router = |_| Router {
            inputs: vec![vec![input.clone(); setup.vcs]; ports],
            outputs: vec![vec![output.clone(); setup.vcs]; ports],
            vc_pointers: (vec![0; ports * setup.vcs], vec![0; ports * setup.vcs]),
            switch_pointers: (vec![0; ports], vec![0; ports]),
            round: vec![0; ports],
        };
        let node = |_: &_| Node {
            queue: VecDeque::new(),
            current: None,
            last_vc: None,
            vcs: vec![output.clone(); setup.vcs],
        };
        let routers = setup.width * setup.height;
        let own = (0..routers * setup.locals).map(|n| (n / setup.locals, 4 + n % setup.locals));
        let places: Vec<(usize, usize)> = own.chain(border.iter().copied()).collect();
        Mesh {
            setup: setup.clone(),
            times: vec![Times::default(); packets.len()],
            packets,
            ports,
            routers: (0..routers).map(router).collect(),
            nodes: places.iter().map(node).collect(),
            places,
            arrivals: BTreeMap::new(),
            taken: 0,
            held,
            came: Vec::new(),
            injected: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// 2 to 4 of a cycle; 1 was before.
    pub(super) fn cycle(&mut self, now: u64) {
        (0..self.nodes.len()).for_each(|node| self.inject(node, now));
        (0..self.routers.len()).for_each(|router| self.route(router, now));
    }

    /// Something stands in a buffer or queue, or is on its way.
    pub(super) fn busy(&self) -> bool {
        let inputs = self.routers.iter().flat_map(|r| r.inputs.iter().flatten());
        !self.arrivals.is_empty()
            || inputs.into_iter().any(|i| i.state != State::Idle)
            || (self.nodes.iter()).any(|n| n.current.is_some() || !n.queue.is_empty())
    }

    /// Every credit is home.
    pub(super) fn check_home(&self) {
        let home = |o: &Output| o.credits == self.setup.buffer && !o.taken;
        let routers_home = (self.routers.iter()).all(|r| r.outputs.iter().flatten().all(home));
        assert!(routers_home && self.nodes.iter().all(|n| n.vcs.iter().all(home)));
    }

    /// Flits in each buffer of the routers.
    pub(super) fn buffers(&self) -> impl Iterator<Item = usize> {
        let inputs = self.routers.iter().flat_map(|r| r.inputs.iter().flatten());
        inputs.map(|input| input.buffer.len())
    }

    /// A node takes a packet whose slot it held.
    pub(super) fn take(&mut self, node: usize, vc: usize, now: u64) {
        let (router, port) = self.places[node];
        let at = now + 1 + self.setup.link_delay + self.setup.credit_delay;
        self.send(at, Arrival::Credit(router, port, vc));
    }

    /// The node at a port of a router.
    fn node_at(&self, router: usize, port: usize) -> Option<usize> {
        (self.places.iter()).position(|&place| place == (router, port))
    }

    fn send(&mut self, at: u64, what: Arrival) {
        self.arrivals.entry(at).or_default().push(what);
    }

    /// 1 and 4a.
    pub(super) fn arrive(&mut self, now: u64) {
        let tail_credit = self.setup.wait_for_tail_credit;
        let full = self.setup.buffer;
        let home = |output: &mut Output| {
            output.credits += 1;
            if tail_credit && output.tail_sent && output.credits == full {
                (output.taken, output.tail_sent) = (false, false);
            }
        };
        for what in self.arrivals.remove(&now).unwrap_or_default() {
            match what {
                Arrival::Flit(router, port, vc, mut flit) => {
                    flit.arrived = now;
                    let input = &mut self.routers[router].inputs[port][vc];
                    input.buffer.push_back(flit);
                    assert!(input.buffer.len() <= full);
                    if input.state == State::Idle {
                        self.next_packet(router, port, vc);
                    }
                }
                Arrival::Ejected(node, vc, flit) => {
                    let times = &mut self.times[flit.packet];
                    if flit.index == 0 {
                        times.head = now;
                    }
                    let tail = flit.index + 1 == self.packets[flit.packet].size;
                    if tail {
                        times.tail = now;
                        self.taken += 1;
                    }
                    if tail && self.held {
                        self.came.push((node, vc, flit.packet));
                    } else {
                        self.take(node, vc, now);
                    }
                }
                Arrival::Credit(router, port, vc) => {
                    home(&mut self.routers[router].outputs[port][vc]);
                }
                Arrival::NodeCredit(node, vc) => home(&mut self.nodes[node].vcs[vc]),
            }
        }
    }

    /// The packet at the head of a VC begins.
    fn next_packet(&mut self, router: usize, port: usize, vc: usize) {
        let width = self.setup.width;
        let input = &mut self.routers[router].inputs[port][vc];
        let (to, last) = self.places[self.packets[input.buffer[0].packet].target];
        let (x, y) = (router % width, router / width);
        let (to_x, to_y) = (to % width, to / width);
        input.port = match (to_x, to_y) {
            _ if to_x > x => 0,
            _ if to_x < x => 1,
            _ if to_y > y => 2,
            _ if to_y < y => 3,
            _ => last,
        };
        input.state = match self.setup.routing_delay {
            0 => State::VcAlloc,
            _ => State::Routing,
        };
    }

    /// 2 and 3.
    fn inject(&mut self, node: usize, now: u64) {
        let (vcs, tail_credit) = (self.setup.vcs, self.setup.wait_for_tail_credit);
        let n = &mut self.nodes[node];
        if n.current.is_none()
            && let Some(&packet) = n.queue.front()
            && self.packets[packet].created <= now
        {
            n.queue.pop_front();
            n.current = Some((packet, 0, None));
        }
        let Some((packet, index, vc)) = n.current else {
            return;
        };
        let free = |vc: &usize| !n.vcs[*vc].taken && n.vcs[*vc].credits > 0;
        let vc = match (vc, n.last_vc) {
            (Some(vc), _) => (n.vcs[vc].credits > 0).then_some(vc),
            (None, None) => Some(0).filter(free),
            (None, Some(last)) => (1..=vcs).map(|k| (last + k) % vcs).find(free),
        };
        let Some(vc) = vc else { return };
        let tail = index + 1 == self.packets[packet].size;
        let output = &mut n.vcs[vc];
        output.credits -= 1;
        output.taken = !tail || tail_credit;
        output.tail_sent = tail;
        n.last_vc = Some(vc);
        n.current = (!tail).then_some((packet, index + 1, Some(vc)));
        if index == 0 {
            self.times[packet].injected = now;
            self.steps.push(Step {
                packet,
                output: None,
                at: now,
                since: 0,
            });
        }
        if tail {
            self.injected.push(packet);
        }
        let (router, port) = self.places[node];
        let at = now + 1 + self.setup.link_delay;
        let flit = Flit {
            packet,
            index,
            arrived: 0,
        };
        self.send(at, Arrival::Flit(router, port, vc, flit));
    }

    /// 4b to 4e of one router.
    fn route(&mut self, id: usize, now: u64) {
        let (vcs, ports) = (self.setup.vcs, self.ports);
        let router = &mut self.routers[id];
        if router
            .inputs
            .iter()
            .flatten()
            .all(|i| i.state == State::Idle)
        {
            return;
        }
        // b. VC allocation.
        let (inputs, outputs) = (&router.inputs, &router.outputs);
        let asks = |i: usize, out: usize| {
            let input = &inputs[i / vcs][i % vcs];
            input.state == State::VcAlloc
                && input.port == out / vcs
                && !outputs[out / vcs][out % vcs].taken
        };
        let won = islip(&asks, &mut router.vc_pointers);
        // c. Switch allocation.
        let mut from = vec![vec![None; ports]; ports];
        for (p, from) in from.iter_mut().enumerate() {
            for speculative in [false, true] {
                for v in (0..vcs).map(|k| (router.round[p] + k) % vcs) {
                    let input = &router.inputs[p][v];
                    let outputs = &router.outputs[input.port];
                    let asks = match (input.state, speculative) {
                        (State::Active, false) => {
                            !input.buffer.is_empty() && outputs[input.vc].credits > 0
                        }
                        (State::VcAlloc, true) => {
                            self.setup.speculative
                                && outputs.iter().any(|o| !o.taken && o.credits > 0)
                        }
                        _ => false,
                    };
                    if asks && from[input.port].is_none() {
                        from[input.port] = Some(v);
                    }
                }
            }
        }
        let asks = |p: usize, out: usize| from[p][out].is_some();
        let switched = islip(&asks, &mut router.switch_pointers);
        // d. Updates.
        for (p, v) in every(ports, vcs) {
            let input = &mut router.inputs[p][v];
            if input.state == State::Routing {
                input.state = State::VcAlloc;
            }
            if let Some(out) = won[p * vcs + v] {
                (input.state, input.vc) = (State::Active, out % vcs);
                assert_eq!(input.port, out / vcs);
                assert!(!std::mem::replace(
                    &mut router.outputs[input.port][out % vcs].taken,
                    true
                ));
            }
        }
        let mut leaving = Vec::new();
        for p in 0..ports {
            let Some(out) = switched[p] else { continue };
            let v = from[p][out].expect("who asked");
            router.round[p] = (v + 1) % vcs;
            let input = &mut router.inputs[p][v];
            let output = &mut router.outputs[out][input.vc];
            // A speculative grant is void unless a VC with a credit was won.
            if input.state != State::Active || output.credits == 0 {
                continue;
            }
            let flit = input.buffer.pop_front().expect("it asked with a flit");
            output.credits -= 1;
            let tail = flit.index + 1 == self.packets[flit.packet].size;
            if tail {
                input.state = State::Idle;
                output.taken = self.setup.wait_for_tail_credit;
                output.tail_sent = self.setup.wait_for_tail_credit;
            }
            let more = tail && !input.buffer.is_empty();
            leaving.push((p, v, out, input.vc, flit, more));
        }
        for (p, v, out, out_vc, flit, more) in leaving {
            if more {
                self.next_packet(id, p, v);
            }
            self.leave(id, (p, v), (out, out_vc), flit, now);
        }
    }

    /// A flit leaves its buffer: a credit goes back, and the flit goes on (4e).
    fn leave(
        &mut self,
        id: usize,
        (port, vc): (usize, usize),
        (out, out_vc): (usize, usize),
        flit: Flit,
        now: u64,
    ) {
        let (width, link) = (self.setup.width, self.setup.link_delay + 1);
        if flit.index == 0 {
            self.steps.push(Step {
                packet: flit.packet,
                output: Some((id, out)),
                at: now,
                since: flit.arrived,
            });
        }
        let neighbour = |side| match side {
            0 => id + 1,
            1 => id - 1,
            2 => id + width,
            _ => id - width,
        };
        if let Some(node) = self.node_at(id, port) {
            self.send(now + link, Arrival::NodeCredit(node, vc));
        } else {
            let back = Arrival::Credit(neighbour(port), port ^ 1, vc);
            self.send(now + link + self.setup.credit_delay, back);
        }
        let at = now + self.setup.switch_delay + link;
        if let Some(node) = self.node_at(id, out) {
            self.send(at, Arrival::Ejected(node, out_vc, flit));
        } else {
            self.send(at, Arrival::Flit(neighbour(out), out ^ 1, out_vc, flit));
        }
    }
}

/// All VCs of all ports.
fn every(ports: usize, vcs: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..ports).flat_map(move |p| (0..vcs).map(move |v| (p, v)))
}
