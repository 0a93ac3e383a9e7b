//! Coarsening: vertices that share many and small nets become one.
//!
//! Invariant: a cluster holds vertices of one kind, and no more than the largest size asked for.

use super::anneal::Noise;
use super::hyper::{Hyper, Size, add};

/// Nets looked at per vertex, and pins per net; of more, as many are drawn.
const NETS: usize = 48;
const PINS: usize = 12;

/// Vertices that tell whether clusters would share nets.
const ASKED: usize = 512;

/// Share of a vertex's nets that it has in common with the vertex that it would join, of a sample: with clusters of any size,
/// no larger share of the pins can go.
pub(super) fn common(hyper: &Hyper, noise: &mut Noise) -> f64 {
    let n = hyper.vertices();
    let mut rating = vec![0f64; n];
    let mut touched = Vec::new();
    let mut seen = vec![u32::MAX; hyper.nets()];
    let (mut all, mut both) = (0, 0);
    for i in 0..ASKED.min(n) {
        let v = (i * n / ASKED.min(n)) as u32;
        rate(hyper, v, noise, |u| u, &mut rating, &mut touched);
        let mut best = (0.0, v);
        for u in touched.drain(..) {
            let value =
                rating[u as usize] / (hyper.size[u as usize][0] + hyper.size[v as usize][0]) as f64;
            rating[u as usize] = 0.0;
            if value > best.0 {
                best = (value, u);
            }
        }
        hyper.nets_of(v).iter().for_each(|e| seen[*e as usize] = v);
        all += hyper.nets_of(v).len();
        let shared = hyper.nets_of(best.1).iter();
        both += shared
            .filter(|e| best.1 != v && seen[**e as usize] == v)
            .count();
    }
    both as f64 / all.max(1) as f64
}

/// Rates the clusters that share nets with a vertex: many and small nets are best.
fn rate(
    hyper: &Hyper,
    v: u32,
    noise: &mut Noise,
    cluster: impl Fn(u32) -> u32,
    rating: &mut [f64],
    touched: &mut Vec<u32>,
) {
    for net in drawn(hyper.nets_of(v), NETS, noise) {
        let pins = hyper.pins(net);
        let share = hyper.net_weight[net as usize] as f64 / (pins.len() - 1) as f64
            * (pins.len() as f64 / pins.len().min(PINS) as f64);
        for pin in drawn(pins, PINS, noise) {
            let c = cluster(pin);
            if pin != v && hyper.kind[pin as usize] == hyper.kind[v as usize] {
                if rating[c as usize] == 0.0 {
                    touched.push(c);
                }
                rating[c as usize] += share;
            }
        }
    }
}

/// Cluster of every vertex, and how many clusters there are.
pub(super) fn clusters(hyper: &Hyper, largest: &Size, noise: &mut Noise) -> (Vec<u32>, usize) {
    let n = hyper.vertices();
    let mut cluster: Vec<u32> = (0..n as u32).collect();
    let mut size = hyper.size.clone();
    let mut alone = vec![true; n];
    let mut rating = vec![0f64; n];
    let mut touched: Vec<u32> = Vec::new();
    let mut order: Vec<u32> = (0..n as u32).collect();
    for i in (1..n).rev() {
        order.swap(i, noise.below(i + 1));
    }
    for &v in order.iter() {
        if !alone[v as usize] {
            continue;
        }
        rate(
            hyper,
            v,
            noise,
            |pin| cluster[pin as usize],
            &mut rating,
            &mut touched,
        );
        let mut best = (0.0, v);
        for c in touched.drain(..) {
            let together = size[c as usize][0] + size[v as usize][0];
            // Small clusters first, so that sizes stay alike.
            let value = rating[c as usize] / (together as f64);
            rating[c as usize] = 0.0;
            let fits =
                (0..largest.len()).all(|i| size[c as usize][i] + size[v as usize][i] <= largest[i]);
            if value > best.0 && fits {
                best = (value, c);
            }
        }
        if best.1 != v {
            cluster[v as usize] = best.1;
            alone[v as usize] = false;
            alone[best.1 as usize] = false;
            add(&mut size[best.1 as usize], &hyper.size[v as usize]);
        }
    }
    number(cluster)
}

/// All items, or `most` of them evenly spaced from a drawn one on.
fn drawn<'i>(
    items: &'i [u32],
    most: usize,
    noise: &mut Noise,
) -> impl Iterator<Item = u32> + use<'i> {
    let taken = items.len().min(most);
    let first = if taken < items.len() {
        noise.below(items.len())
    } else {
        0
    };
    evenly(items, first, taken)
}

/// Items number `first` + ⌊i · all / taken⌋, round and round, for i = 0 … taken − 1: no division for each.
fn evenly(items: &[u32], first: usize, taken: usize) -> impl Iterator<Item = u32> {
    let (each, part) = match taken {
        0 => (0, 0),
        _ => (items.len() / taken, items.len() % taken),
    };
    let (mut at, mut over) = (first, 0);
    (0..taken).map(move |_| {
        let item = items[at];
        (at, over) = (at + each, over + part);
        if over >= taken {
            (at, over) = (at + 1, over - taken);
        }
        if at >= items.len() {
            at -= items.len();
        }
        item
    })
}

/// Clusters numbered by their first vertex.
fn number(cluster: Vec<u32>) -> (Vec<u32>, usize) {
    let mut name = vec![u32::MAX; cluster.len()];
    let mut count = 0;
    let named = cluster.iter().map(|c| {
        let name = &mut name[*c as usize];
        if *name == u32::MAX {
            *name = count;
            count += 1;
        }
        *name
    });
    let named = named.collect();
    (named, count as usize)
}

#[cfg(test)]
mod tests {
    #[test]
    fn items_are_evenly_spaced() {
        for all in [0usize, 1, 2, 7, 12, 13, 100] {
            let items: Vec<u32> = (0..all as u32).collect();
            for taken in 0..=all.min(12) {
                for first in 0..all.max(1) {
                    let expect = (0..taken).map(|i| items[(first + i * all / taken) % all]);
                    let expect: Vec<u32> = expect.collect();
                    assert_eq!(
                        super::evenly(&items, first, taken).collect::<Vec<u32>>(),
                        expect,
                        "{taken} of {all} from {first}"
                    );
                }
            }
        }
    }
}
