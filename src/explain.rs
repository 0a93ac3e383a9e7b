//! Why a mapping looks as it does: the fullest limit of each core, bounds on cores, the flows with the most hops. A few lines by default,
//! tables with `map --explain`, everything in `map --json` under `explanation` and `traffic`.
//!
//! Invariant: shows what `mapper::explain` counted and computes nothing but percentages; unit rates are called an estimate wherever they are shown.

use crate::text::{count, percent, plural, table};
use mapper::explain::{Explanation, Resource, Traffic};
use std::fmt::Write;

/// Flows in a table.
const SHOWN: usize = 10;
/// Cores in a table of cores.
const CORES: usize = 10;

/// Which limit is fullest where, cores above the bound and why, the busiest flow.
pub fn lines(e: &Explanation, t: &Traffic) -> String {
    let mut out = String::new();
    let mut fullest: Vec<&Resource> = e.resources.iter().filter(|r| r.fullest_in > 0).collect();
    fullest.sort_by_key(|r| std::cmp::Reverse(r.fullest_in));
    let parts: Vec<String> = fullest
        .iter()
        .map(|r| {
            format!(
                "{} in {} (up to {} of {}, {})",
                r.limit,
                plural(r.fullest_in.into(), "core"),
                count(r.max),
                count(r.capacity),
                percent(r.max as f64 / r.capacity.max(1) as f64)
            )
        })
        .collect();
    let _ = writeln!(out, "fullest limit: {}", parts.join(", "));
    let _ = writeln!(out, "{}", above(e));
    if let Some(flow) = t.populations.iter().find(|f| f.packet_hops > 0.0) {
        let _ = writeln!(
            out,
            "most hops: {} -> {}, {} of all, by {} packets ({})",
            flow.from,
            flow.to,
            percent(flow.share),
            packets(flow.packets),
            rates(t)
        );
    } else if let Some(flow) = t.cores.first().filter(|f| f.packet_hops > 0.0) {
        let _ = writeln!(
            out,
            "most hops: core {} -> core {}, {} of all, by {} packets ({})",
            core(flow.from),
            core(flow.to),
            percent(flow.share),
            packets(flow.packets),
            rates(t)
        );
    }
    out
}

/// Cores above the least number.
fn above(e: &Explanation) -> String {
    let b = &e.lower_bound;
    if b.above == 0 {
        return format!(
            "cores: {}, and no mapping takes fewer (by {})",
            count(b.cores_used),
            b.limit
        );
    }
    format!(
        "cores: {}, {} ({:.0} %) above the least of {} (by {}): {}",
        count(b.cores_used),
        count(b.above),
        b.above_percent,
        count(b.cores),
        b.limit,
        b.reason
    )
}

fn rates(t: &Traffic) -> String {
    if t.estimated {
        format!("estimate: {}", t.rates)
    } else {
        format!("rates: {}", t.rates)
    }
}

fn core(core: Option<u32>) -> String {
    core.map_or_else(|| "host".to_owned(), |c| c.to_string())
}

fn packets(x: f64) -> String {
    if x.fract() == 0.0 {
        count(x as u64)
    } else {
        format!("{x:.3}")
    }
}

/// Tables: limits, the fullest cores, flows of populations and of cores.
pub fn tables(e: &Explanation, t: &Traffic) -> String {
    let rows: Vec<Vec<String>> = e
        .resources
        .iter()
        .map(|r| {
            let bound = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), count);
            let bins: Vec<String> = r.histogram.iter().map(u32::to_string).collect();
            vec![
                r.limit.to_owned(),
                r.key.to_owned(),
                count(r.capacity),
                format!("{:.1}", r.mean),
                count(r.max),
                count(r.fullest_in.into()),
                bound(r.least_total),
                bound(r.least_cores),
                bins.join(" "),
            ]
        })
        .collect();
    let header = [
        "Limit of a core",
        "key",
        "has",
        "mean use",
        "most",
        "fullest in",
        "least of all",
        "least cores",
        "cores by use, in tenths",
    ];
    let mut out = table(&header, &rows);
    let mut cores: Vec<_> = e.cores.iter().collect();
    cores.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.core.cmp(&b.core)));
    let rows: Vec<Vec<String>> = cores
        .iter()
        .take(CORES)
        .map(|c| {
            vec![
                format!("{} at ({},{})", c.core, c.x, c.y),
                c.fullest.to_owned(),
                count(c.used),
                count(c.capacity),
                percent(c.share),
            ]
        })
        .collect();
    out.push('\n');
    out += &table(&["Fullest cores", "limit", "use", "has", "share"], &rows);
    let rows: Vec<Vec<String>> = t
        .populations
        .iter()
        .take(SHOWN)
        .map(|f| {
            vec![
                format!("{} -> {}", f.from, f.to),
                packets(f.packets),
                packets(f.packets_local),
                packets(f.packet_hops),
                percent(f.share),
            ]
        })
        .collect();
    let _ = writeln!(out, "\nTraffic, {}", rates(t));
    if !rows.is_empty() {
        let header = [
            "Populations",
            "packets",
            "own core",
            "packets x hops",
            "share",
        ];
        out += &table(&header, &rows);
        more(&mut out, t.populations.len());
    }
    let rows: Vec<Vec<String>> = t
        .cores
        .iter()
        .take(SHOWN)
        .map(|f| {
            vec![
                format!("{} -> {}", core(f.from), core(f.to)),
                packets(f.packets),
                f.hops.to_string(),
                packets(f.packet_hops),
                percent(f.share),
            ]
        })
        .collect();
    if !rows.is_empty() {
        out += &table(
            &["Cores", "packets", "hops", "packets x hops", "share"],
            &rows,
        );
        more(&mut out, t.core_flows);
    }
    out.push('\n');
    out
}

/// How many flows a table leaves out.
fn more(out: &mut String, all: usize) {
    if all > SHOWN {
        let _ = writeln!(out, "  and {} more", count((all - SHOWN) as u64));
    }
}
