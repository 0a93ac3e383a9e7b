//! Coarsening: vertices that share many and small nets become one.
//!
//! Invariant: a cluster holds vertices of one kind, and no more than the largest size asked for.

use super::anneal::Noise;
use super::hyper::{Hyper, Size, add};

/// Nets looked at per vertex, and pins per net; of more, as many are drawn.
const NETS: usize = 48;
const PINS: usize = 12;

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
        let nets = hyper.nets_of(v);
        for net in drawn(nets, NETS, noise) {
            let pins = hyper.pins(net);
            let share = hyper.net_weight[net as usize] as f64 / (pins.len() - 1) as f64
                * (pins.len() as f64 / pins.len().min(PINS) as f64);
            for pin in drawn(pins, PINS, noise) {
                let c = cluster[pin as usize];
                if pin != v && hyper.kind[pin as usize] == hyper.kind[v as usize] {
                    if rating[c as usize] == 0.0 {
                        touched.push(c);
                    }
                    rating[c as usize] += share;
                }
            }
        }
        let mut best = (0.0, v);
        for c in touched.drain(..) {
            let together = size[c as usize][0] + size[v as usize][0];
            // Small clusters first, so that sizes stay alike.
            let value = rating[c as usize] / (together as f64);
            rating[c as usize] = 0.0;
            let fits = (0..3).all(|i| size[c as usize][i] + size[v as usize][i] <= largest[i]);
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
    (0..taken).map(move |i| items[(first + i * items.len() / taken) % items.len()])
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
