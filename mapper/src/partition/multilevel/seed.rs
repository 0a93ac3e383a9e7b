//! First partitions of a hypergraph: in order, by overlap, streamed.
//!
//! Invariant: a seed keeps every limit, or there is none.

use super::Limits;
use super::hyper::{Hyper, Size, add, take};
use super::state::State;

/// Entries that a seed looks at before the rest goes in order (overlap) or there is no seed (streaming): of networks with more
/// than [`LARGE_PINS`] for each pin, of smaller ones in all.
const OVERLAP_PER_PIN: u64 = 2;
const STREAMED_PER_PIN: u64 = 32;
const SCANS_OF_SMALL: u64 = 1 << 28;
const LARGE_PINS: u64 = 6_000_000;
/// Share of the vertices after which streaming is given up if the rest would take too long: later ones never look at fewer.
const STREAMED_AT_LEAST: f64 = 0.1;

fn scans(hyper: &Hyper, per_pin: u64) -> u64 {
    let pins = hyper.pin_count() as u64;
    if pins > LARGE_PINS {
        return per_pin * pins;
    }
    SCANS_OF_SMALL
}

/// Times that all vertices are streamed at most: from the second on, the cores of all neighbours are known (Nishimura and Ugander
/// 2013). It ends when a stream brings fewer than one of so many neighbours home.
const STREAMS: usize = 8;
const STREAM_GAIN: u64 = 400;

/// A first partition.
pub(super) type Seed = fn(&Hyper, &Limits) -> Option<Vec<u32>>;

/// The seeds.
pub(super) const SEEDS: &[Seed] = &[in_order, by_overlap, streamed, restreamed];

/// Everything waits for a core.
fn waiting<'h>(hyper: &'h Hyper, limits: &'h Limits) -> State<'h> {
    State::new(hyper, limits, vec![limits.cores; hyper.vertices()])
}

/// What the core that is being filled holds.
struct Filling<'h> {
    hyper: &'h Hyper,
    limits: &'h Limits,
    core: u32,
    load: Size,
    axons: u64,
    kinds: Vec<u32>,
    /// Last core that each net reached.
    seen: Vec<u32>,
}

impl<'h> Filling<'h> {
    fn new(hyper: &'h Hyper, limits: &'h Limits) -> Filling<'h> {
        Filling {
            hyper,
            limits,
            core: 0,
            load: [0; 5],
            axons: 0,
            kinds: Vec::new(),
            seen: vec![u32::MAX; hyper.nets()],
        }
    }

    /// Goes on to the next core.
    fn next(&mut self) {
        self.core += 1;
        self.load = [0; 5];
        self.axons = 0;
        self.kinds.clear();
    }

    /// Puts a vertex into the core, and gives its nets that are new there to `new`; whether there was room.
    fn put(&mut self, v: u32, mut new: impl FnMut(u32)) -> bool {
        let (hyper, limits, core) = (self.hyper, self.limits, self.core);
        let size = &hyper.size[v as usize];
        let nets = hyper.nets_of(v);
        let brings = nets.iter().filter(|e| self.seen[**e as usize] != core);
        let brings: u64 = brings.map(|e| hyper.net_sources[*e as usize]).sum();
        let kind = hyper.kind[v as usize];
        let new_kind = !self.kinds.contains(&kind);
        if (0..size.len()).any(|i| self.load[i] + size[i] > limits.size[i])
            || self.axons + brings > limits.axons
            || self.kinds.len() + usize::from(new_kind) > limits.kinds as usize
        {
            return false;
        }
        add(&mut self.load, size);
        self.axons += brings;
        if new_kind {
            self.kinds.push(kind);
        }
        for net in nets {
            if std::mem::replace(&mut self.seen[*net as usize], core) != core {
                new(*net);
            }
        }
        true
    }
}

/// Fills cores in order.
pub(crate) fn in_order(hyper: &Hyper, limits: &Limits) -> Option<Vec<u32>> {
    let mut filling = Filling::new(hyper, limits);
    let mut core_of = vec![0; hyper.vertices()];
    for v in hyper.in_first_order() {
        if !filling.put(v, |_| ()) {
            filling.next();
            if filling.core >= limits.cores || !filling.put(v, |_| ()) {
                return None;
            }
        }
        core_of[v as usize] = filling.core;
    }
    Some(core_of)
}

/// Grows one core after the other by the vertex that has most nets in common with it. Sources count once per core that they reach, so
/// that nets seen are the axons of the core.
pub(crate) fn by_overlap(hyper: &Hyper, limits: &Limits) -> Option<Vec<u32>> {
    const FREE: u32 = u32::MAX;
    let n = hyper.vertices();
    let mut core_of = vec![FREE; n];
    let mut score = vec![0u64; n];
    let mut filling = Filling::new(hyper, limits);
    let mut candidates: Vec<u32> = Vec::new();
    let mut scans = scans(hyper, OVERLAP_PER_PIN);
    let order = hyper.in_first_order();
    let mut next = 0;
    while filling.core < limits.cores {
        while next < n && core_of[order[next] as usize] != FREE {
            next += 1;
        }
        if next == n {
            return Some(core_of);
        }
        scans = scans.saturating_sub(candidates.len() as u64);
        if scans == 0 {
            candidates.clear();
        }
        // The best of them: most in common, then the lowest number.
        let best = candidates.iter().enumerate();
        let best =
            best.max_by_key(|(_, v)| (score[**v as usize], u32::MAX - hyper.first_number(**v)));
        let best = best.map(|(at, v)| (at, *v));
        let v = best.map_or_else(|| order[next], |b| b.1);
        let mut left = scans;
        let fits = filling.put(v, |net| {
            if left == 0 {
                return;
            }
            let pins = hyper.pins(net);
            left = left.saturating_sub(pins.len() as u64);
            for pin in pins {
                if core_of[*pin as usize] == FREE && *pin != v {
                    if score[*pin as usize] == 0 {
                        candidates.push(*pin);
                    }
                    score[*pin as usize] += hyper.net_weight[net as usize];
                }
            }
        });
        if !fits {
            candidates.drain(..).for_each(|v| score[v as usize] = 0);
            filling.next();
            continue;
        }
        scans = left;
        core_of[v as usize] = filling.core;
        if let Some((at, _)) = best {
            candidates.swap_remove(at);
        }
    }
    core_of.iter().all(|c| *c != FREE).then_some(core_of)
}

/// Puts each vertex where most of its nets are, less the more a core holds (Tsourakakis et al. 2014, Fennel).
pub(super) fn streamed(hyper: &Hyper, limits: &Limits) -> Option<Vec<u32>> {
    if hyper.pin_count() as u64 > LARGE_PINS && sparse(hyper, limits) {
        return None;
    }
    let alpha = penalty(hyper, limits);
    let mut state = waiting(hyper, limits);
    let mut empty = 0;
    let mut scans = scans(hyper, STREAMED_PER_PIN);
    for (done, v) in hyper.in_first_order().into_iter().enumerate() {
        let base = state.gains(v, f64::NEG_INFINITY);
        let part = (done + 1) as f64 / hyper.vertices() as f64;
        let far = part >= STREAMED_AT_LEAST;
        if state.work() as f64 > scans as f64 * if far { part } else { 1.0 } {
            return None;
        }
        while empty < limits.cores && !state.members[empty as usize].is_empty() {
            empty += 1;
        }
        let weight = hyper.size[v as usize][0] as f64;
        let value = |core: u32| {
            state.gain(base, core) - alpha * weight * (state.load[core as usize][0] as f64).sqrt()
        };
        let known = state.touched.iter().copied().filter(|c| *c < limits.cores);
        let mut best = (f64::NEG_INFINITY, u32::MAX);
        for core in known.chain((empty < limits.cores).then_some(empty)) {
            let value = value(core);
            if value > best.0 && state.fits(v, core) {
                best = (value, core);
            }
        }
        if best.1 == u32::MAX {
            scans = scans.checked_sub(u64::from(limits.cores))?;
            let room = (0..limits.cores).filter(|c| state.fits(v, *c));
            best.1 = room.min_by_key(|c| state.load[*c as usize][0])?;
        }
        state.shift(v, best.1);
    }
    Some(state.core_of)
}

/// What a neuron of a core costs in a stream, with the root of the core's size.
fn penalty(hyper: &Hyper, limits: &Limits) -> f64 {
    let n = hyper.size.iter().map(|s| s[0]).sum::<u64>().max(1) as f64;
    let synapses: u64 = (0..hyper.nets() as u32)
        .map(|e| hyper.net_weight[e as usize] * (hyper.pins(e).len() as u64 - 1))
        .sum();
    1.5 * f64::from(limits.cores).sqrt() * synapses as f64 / n.powf(1.5)
}

/// Whether sources are known, and neither axons nor kinds can fill a core before neurons do: what [`restreamed`] needs.
fn sparse(hyper: &Hyper, limits: &Limits) -> bool {
    let nets = |v: u32| {
        let nets = hyper.nets_of(v).iter();
        nets.map(|e| hyper.net_sources[*e as usize]).sum::<u64>()
    };
    let most = (0..hyper.vertices() as u32).map(nets).max().unwrap_or(0);
    let one_kind = hyper.kind.iter().all(|k| *k == hyper.kind[0]);
    hyper.has_sources()
        && one_kind
        && limits.kinds > 0
        && most.saturating_mul(limits.size[0]) <= limits.axons
}

/// Streaming, again and again, that looks at the cores of sources and targets instead of the counts of every net: far less memory
/// is touched.
pub(super) fn restreamed(hyper: &Hyper, limits: &Limits) -> Option<Vec<u32>> {
    const FREE: u32 = u32::MAX;
    if !sparse(hyper, limits) {
        return None;
    }
    let sources = hyper.sources();
    let alpha = penalty(hyper, limits);
    let cores = limits.cores as usize;
    let mut core_of = vec![FREE; hyper.vertices()];
    let mut load: Vec<Size> = vec![[0; 5]; cores];
    let mut near = vec![0u32; cores];
    let mut touched: Vec<u32> = Vec::new();
    let (mut empty, mut full) = (0, 0);
    let mut last = 0;
    for stream in 0..STREAMS {
        let mut home = 0;
        // In the order in which neurons are numbered first: it is as good as a random one. Then as memory lies.
        let order = match stream {
            0 => hyper.in_first_order(),
            _ => (0..hyper.vertices() as u32).collect(),
        };
        for v in order {
            let own = hyper.root_of(v).map_or(&[][..], |net| hyper.pins(net));
            let sources = hyper.nets_of(v).iter().map(|net| &sources[*net as usize]);
            for neighbour in own.iter().chain(sources) {
                let core = core_of[*neighbour as usize];
                if core != FREE {
                    if near[core as usize] == 0 {
                        touched.push(core);
                    }
                    near[core as usize] += 1;
                }
            }
            while empty < cores && load[empty][0] > 0 {
                empty += 1;
            }
            let size = &hyper.size[v as usize];
            let before = core_of[v as usize];
            if before != FREE {
                take(&mut load[before as usize], size);
            }
            let fits = |load: &[Size], core: usize| {
                (0..size.len()).all(|i| load[core][i] + size[i] <= limits.size[i])
            };
            let mut best = (f64::NEG_INFINITY, FREE);
            for core in touched
                .iter()
                .copied()
                .chain((empty < cores).then_some(empty as u32))
            {
                let taken = load[core as usize][0] as f64;
                let value = f64::from(near[core as usize]) - alpha * size[0] as f64 * taken.sqrt();
                if value > best.0 && fits(&load, core as usize) {
                    best = (value, core);
                }
            }
            let core = match (best.1, before) {
                (FREE, FREE) => {
                    // Nothing leaves a core in the first stream: those that are full stay so.
                    while full < cores && load[full][0] >= limits.size[0] {
                        full += 1;
                    }
                    (full..cores).find(|core| fits(&load, *core))? as u32
                }
                (FREE, before) => before,
                (best, _) => best,
            };
            home += u64::from(near[core as usize]);
            touched.drain(..).for_each(|core| near[core as usize] = 0);
            core_of[v as usize] = core;
            add(&mut load[core as usize], size);
        }
        if home < last + hyper.pin_count() as u64 / STREAM_GAIN {
            break;
        }
        last = home;
    }
    Some(core_of)
}
