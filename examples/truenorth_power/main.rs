//! TrueNorth's power from counted events: emulates full chips (4096 cores of 256 neurons) and prints model against
//! measurement.
//!
//! `cargo run --release --example truenorth_power [TICKS]`, 100 ticks after a warm-up unless said otherwise.

#![expect(clippy::print_stdout, reason = "a command that prints a table")]

mod net;
mod points;

use points::{NEURONS, POINTS, chip, milliwatts};
use spikemesh::text::table;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ticks: u32 = match std::env::args().nth(1) {
        None => 100,
        Some(text) => match text.parse() {
            Ok(n @ 1..=100_000) => n,
            _ => return Err(format!("{text:?}: expected a number of ticks, 1 to 100000").into()),
        },
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut rows = Vec::new();
    let mut last = None;
    for point in POINTS {
        let chip = chip(point.volts, &[]);
        // Points that differ in voltage or pace only share a run.
        let counters = match last {
            Some((workload, counters)) if workload == point.workload => counters,
            _ => net::count(&net::image(&chip, point.workload, 1), &chip, ticks, threads)?,
        };
        last = Some((point.workload, counters));
        let ms = f64::from(ticks);
        let power = milliwatts(counters, &chip, ticks, point.pace);
        let hops =
            counters.hops_east + counters.hops_west + counters.hops_north + counters.hops_south;
        let gsops = counters.synaptic_ops as f64 * point.pace / ms * 1e3 * 1e-9;
        rows.push(vec![
            if point.fitted { "fitted" } else { "not used" }.to_owned(),
            format!("{:.3} V", point.volts),
            format!("{:.2} Hz", counters.spikes as f64 / NEURONS / ms * 1e3),
            point.workload.synapses.to_string(),
            format!("{:.0} kHz", point.pace),
            format!("{:.2}", hops as f64 / counters.packets.max(1) as f64),
            format!("{gsops:.3}"),
            format!("{:.1}", gsops / power * 1e3),
            format!("{power:.2}"),
            format!("{:.1}", point.milliwatts),
            format!("{:+.2}", power - point.milliwatts),
            format!("{:+.1} %", 100.0 * (power / point.milliwatts - 1.0)),
            point.source.to_owned(),
        ]);
    }
    let header = [
        "Point",
        "voltage",
        "rate",
        "synapses a row",
        "tick",
        "hops a spike",
        "GSOPS",
        "GSOPS/W",
        "model mW",
        "measured mW",
        "difference",
        "percent",
        "measured in",
    ];
    println!(
        "{ticks} ticks of 4096 cores x 256 neurons, full size, after {} of warm-up",
        net::WARM_UP
    );
    print!("{}", table(&header, &rows));
    Ok(())
}
