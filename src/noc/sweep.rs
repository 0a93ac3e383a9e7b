//! `noc --traffic`: latency and throughput by offered load, as table, JSON and plot.

use super::{Choice, plot};
use crate::args::NocArgs;
use crate::files;
use crate::run::progress_bar;
use crate::text::table;
use anyhow::{Result, bail};
use emulator::noc::measure::{Measured, UNSTABLE_CYCLES, measure};
use emulator::noc::traffic::{ALWAYS, Load, Pattern};
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Cycles measured unless `--cycles` says otherwise.
const CYCLES: u64 = 3000;
/// A run is given up when its mean latency passes so many times that of packets alone, but not below the limit of the reference.
const UNSTABLE: f64 = 20.0;
/// Most packets of a run.
const MOST_PACKETS: f64 = 2e8;
/// A load is above saturation when its latency passes so many times that of packets alone.
const SATURATED: f64 = 3.0;

/// All seeds of a load.
pub(super) struct Point {
    /// Packets per node and cycle.
    pub(super) rate: f64,
    size: u32,
    nodes: u64,
    seeds: Vec<Measured>,
}

impl Point {
    pub(super) fn offered_flits(&self) -> f64 {
        self.rate * f64::from(self.size)
    }

    /// Mean over the seeds, if all of them were stable.
    fn mean(&self, sum: impl Fn(&Measured) -> u64) -> Option<f64> {
        let means = self.seeds.iter().map(|seed| each(seed, &sum));
        let all: Option<Vec<f64>> = means.collect();
        all.map(|all| all.iter().sum::<f64>() / all.len() as f64)
    }

    pub(super) fn latency(&self) -> Option<f64> {
        self.mean(|m| m.latency)
    }

    pub(super) fn network_latency(&self) -> Option<f64> {
        self.mean(|m| m.network_latency)
    }

    fn accepted_of(&self, seed: &Measured) -> f64 {
        seed.flits as f64 / (seed.cycles * self.nodes) as f64
    }

    /// Flits per node and cycle.
    pub(super) fn accepted(&self) -> f64 {
        let all = self.seeds.iter().map(|seed| self.accepted_of(seed));
        all.sum::<f64>() / self.seeds.len() as f64
    }

    fn largest(&self) -> Option<u64> {
        self.latency()?;
        self.seeds.iter().map(|seed| seed.largest).max()
    }

    fn json(&self) -> Value {
        let least = self.latency().and(self.seeds.iter().map(|s| s.least).min());
        let per_seed = |value: &dyn Fn(&Measured) -> Option<f64>| -> Vec<Option<f64>> {
            self.seeds.iter().map(value).collect()
        };
        json!({
            "offered_packets_per_node_cycle": self.rate,
            "offered_flits_per_node_cycle": self.offered_flits(),
            "avg_packet_latency": self.latency(),
            "avg_network_latency": self.network_latency(),
            "avg_router_hops": self.mean(|m| m.routers),
            "min_packet_latency": least,
            "max_packet_latency": self.largest(),
            "accepted_flits_per_node_cycle": self.accepted(),
            "measured_packets": self.seeds.iter().map(|s| s.packets).sum::<u64>(),
            "per_seed_latency": per_seed(&|m| each(m, &|m| m.latency)),
            "per_seed_accepted": per_seed(&|m| Some(self.accepted_of(m))),
            "seeds": self.seeds.len(),
            "seeds_unstable": self.seeds.iter().filter(|s| !s.stable).count(),
            "simulated_cycles": self.seeds.iter().map(|s| s.simulated).sum::<u64>(),
        })
    }
}

/// Mean of a stable run with packets.
fn each(seed: &Measured, sum: &impl Fn(&Measured) -> u64) -> Option<f64> {
    (seed.stable && seed.packets > 0).then(|| sum(seed) as f64 / seed.packets as f64)
}

/// A latency–throughput curve.
pub(super) struct Curve {
    pub(super) title: String,
    pub(super) subtitle: String,
    /// Cycles of packets alone, from their generation, and from their heads' entry into the network.
    pub(super) zero_load: f64,
    pub(super) zero_load_network: f64,
    /// Cycles of mean latency at which a run was given up.
    limit: u64,
    pub(super) points: Vec<Point>,
}

impl Curve {
    /// The first load above saturation.
    pub(super) fn saturated(&self) -> Option<&Point> {
        let limit = SATURATED * self.zero_load;
        let over = |p: &&Point| {
            p.latency()
                .map_or(p.seeds.iter().any(|s| !s.stable), |l| l > limit)
        };
        self.points.iter().find(over)
    }
}

pub(super) fn command(
    choice: &Choice,
    pattern: &str,
    args: &NocArgs,
    threads: usize,
) -> Result<String> {
    let Some((name, pattern)) = Pattern::ALL.into_iter().find(|(name, _)| *name == pattern) else {
        let known = Pattern::ALL.map(|(name, _)| name).join(", ");
        bail!("--traffic {pattern}: patterns are {known}");
    };
    let mesh = choice.mesh();
    pattern.check(&mesh).map_err(|e| anyhow::anyhow!("--{e}"))?;
    let rates = rates(args.rate.as_deref().unwrap_or_default())?;
    let size = args.packet_size.unwrap_or(1);
    if size == 0 || size > emulator::noc::vc::LARGEST_PACKET {
        bail!(
            "--packet-size {size}: a packet has 1 to {} flits",
            emulator::noc::vc::LARGEST_PACKET
        );
    }
    if let Choice::Fifo(chip, _) = &choice
        && size > chip.noc.graded_flits
    {
        bail!(
            "--packet-size {size}: noc.graded_flits of this chip is {}; use --set noc.graded_flits={size} (at most 16), or --router vc",
            chip.noc.graded_flits
        );
    }
    let cycles = args.cycles.unwrap_or(CYCLES);
    let (first, seeds) = (args.seed.unwrap_or(0), args.seeds.unwrap_or(1));
    if !(1..=10_000).contains(&seeds) {
        bail!("--seeds {seeds}: 1 to 10000");
    }
    let top = rates.iter().copied().fold(0.0, f64::max);
    let packets = 2.0 * cycles as f64 * f64::from(mesh.nodes()) * top;
    if cycles == 0 || packets > MOST_PACKETS {
        bail!(
            "--cycles {cycles}: at least 1, and with --rate {top} on {} nodes at most {}",
            mesh.nodes(),
            (MOST_PACKETS / 2.0 / f64::from(mesh.nodes()) / top) as u64
        );
    }
    let load = |rate: f64, seed: u64| Load {
        pattern,
        probability: (rate * ALWAYS as f64).round() as u64,
        size,
        seed,
    };
    let mut loads = Vec::new();
    for &rate in &rates {
        loads.extend((0..seeds).map(|k| load(rate, first.wrapping_add(k))));
    }
    let zero_load = choice.zero_load(pattern, size);
    let limit = UNSTABLE_CYCLES.max((UNSTABLE * zero_load) as u64);
    let measured = run(choice, &loads, (cycles, limit), threads)?;
    let points = (rates.iter().zip(measured.chunks(seeds as usize)))
        .map(|(&rate, seeds)| Point {
            rate,
            size,
            nodes: mesh.nodes().into(),
            seeds: seeds.to_vec(),
        })
        .collect();
    let curve = Curve {
        title: format!(
            "{name} traffic, packets of {size} flit{}",
            if size == 1 { "" } else { "s" }
        ),
        subtitle: choice.describe(),
        zero_load,
        zero_load_network: zero_load - choice.before_network() as f64,
        limit,
        points,
    };
    if let Some(path) = &args.json {
        let (router, mesh, parameters) = choice.json();
        let value = json!({
            "router": router, "mesh": mesh, "parameters": parameters, "pattern": name, "packet_size": size,
            "cycles": cycles, "seeds": seeds, "first_seed": first,
            "zero_load_latency": curve.zero_load, "zero_load_network_latency": curve.zero_load_network, "latency_limit": limit,
            "saturation": curve.saturated().map(|p| json!({
                "definition": format!("lowest offered load of the list whose latency passes {SATURATED} times that of packets alone"),
                "packets_per_node_cycle": p.rate})),
            "points": curve.points.iter().map(Point::json).collect::<Vec<_>>(),
        });
        files::write(
            path,
            (serde_json::to_string_pretty(&value)? + "\n").as_bytes(),
        )?;
    }
    if let Some(path) = &args.plot {
        files::write(path, plot::svg(&curve).as_bytes())?;
    }
    Ok(text(&curve, cycles))
}

/// `R` or `START:END:STEP`.
fn rates(text: &str) -> Result<Vec<f64>> {
    let numbers: Option<Vec<f64>> = text.split(':').map(|n| n.trim().parse().ok()).collect();
    let rates = match numbers.as_deref() {
        Some([rate]) => vec![*rate],
        Some([start, end, _]) if end < start => {
            bail!(
                "--rate {text}: END {end} lies below START {start}; rates go upwards, START:END:STEP"
            )
        }
        Some([start, end, step]) if *step > 0.0 && end >= start => {
            let steps = ((end - start) / step + 1e-6).floor();
            if !(0.0..1000.0).contains(&steps) {
                bail!("--rate {text}: at most 1000 points");
            }
            // Decimal steps stay as typed: 0.15, not 0.15000000000000002.
            let round = |x: f64| (x * 1e9).round() / 1e9;
            (0..=steps as u64)
                .map(|k| round(start + k as f64 * step))
                .collect()
        }
        _ => bail!("--rate {text}: expected a number or START:END:STEP, for example 0.05:0.4:0.05"),
    };
    // Less than half of the smallest probability that can be drawn would be none at all.
    if let Some(rate) = rates
        .iter()
        .find(|r| !(**r * ALWAYS as f64 >= 0.5 && **r <= 1.0))
    {
        bail!(
            "--rate {text}: {rate}: packets per node and cycle are above 0 (2^-33) and at most 1"
        );
    }
    Ok(rates)
}

/// All loads, on threads; in the order given.
fn run(
    choice: &Choice,
    loads: &[Load],
    (cycles, limit): (u64, u64),
    threads: usize,
) -> Result<Vec<Measured>> {
    let next = AtomicUsize::new(0);
    // Threads that no run of its own is left for share the runs' networks.
    let each = (threads / loads.len().max(1)).max(1);
    let results = Mutex::new(vec![None; loads.len()]);
    let bar = progress_bar(loads.len() as u64, "runs", false);
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(load) = loads.get(index) else { break };
            let result = choice.build(each).and_then(|mut router| {
                let measured = measure(router.as_mut(), *load, cycles, limit);
                measured.map_err(Into::into)
            });
            let mut results = results
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            results[index] = Some(result.map_err(|e| e.to_string()));
            if let Some(bar) = &bar {
                bar.inc(1);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(loads.len()) {
            scope.spawn(work);
        }
        work();
    });
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let results = results
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let done = |result: Option<Result<Measured, String>>| match result {
        Some(Ok(measured)) => Ok(measured),
        Some(Err(e)) => Err(anyhow::anyhow!(e)),
        None => Err(anyhow::anyhow!("a run was not done")),
    };
    results.into_iter().map(done).collect()
}

fn text(curve: &Curve, cycles: u64) -> String {
    let mut out = format!("{}; {}\n", curve.subtitle, curve.title);
    let seeds = curve.points.first().map_or(0, |p| p.seeds.len());
    let _ = writeln!(
        out,
        "{cycles} cycles measured after as many of warming up, {seeds} seed{}; a packet alone takes {:.2} cycles on average{}\n",
        if seeds == 1 { "" } else { "s" },
        curve.zero_load,
        if curve.zero_load_network < curve.zero_load {
            format!(", {:.2} of them in the network", curve.zero_load_network)
        } else {
            String::new()
        }
    );
    let number = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.2}"));
    let rows: Vec<Vec<String>> = (curve.points.iter())
        .map(|p| {
            vec![
                format!("{}", p.rate),
                format!("{:.4}", p.offered_flits()),
                format!("{:.4}", p.accepted()),
                number(p.latency()),
                number(p.network_latency()),
                p.largest().map_or("-".to_owned(), |l| l.to_string()),
            ]
        })
        .collect();
    let header = [
        "packets/node/cycle",
        "offered flits",
        "accepted flits",
        "latency (cycles)",
        "in the network",
        "largest",
    ];
    out.push_str(&table(&header, &rows));
    if curve
        .points
        .iter()
        .any(|p| p.seeds.iter().any(|s| !s.stable))
    {
        let _ = writeln!(
            out,
            "\n-: above saturation, the mean latency passed {} cycles",
            curve.limit
        );
    }
    if let Some(point) = curve.saturated() {
        let _ = writeln!(
            out,
            "\nsaturated at {} packets per node and cycle: the first load whose latency passes {SATURATED} times that of packets alone",
            point.rate
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_lists_of_decimals() {
        assert_eq!(rates("0.1").expect("a rate"), [0.1]);
        assert_eq!(
            rates("0.05:0.2:0.05").expect("rates"),
            [0.05, 0.1, 0.15, 0.2]
        );
        assert_eq!(rates("0.1:0.1:0.1").expect("a rate"), [0.1]);
        for bad in [
            "",
            "x",
            "0",
            "-0.1",
            "1.5",
            "0.1:0.2",
            "0.2:0.1:0.1",
            "0.1:0.2:0",
            "nan",
            "0.1:1:1e-9",
            "0.1:inf:0.1",
        ] {
            let error = rates(bad).expect_err(bad).to_string();
            assert!(error.starts_with(&format!("--rate {bad}: ")), "{error}");
        }
    }
}
