//! `noc --packets`: a table of packets in, the same table with times out.

use super::Choice;
use crate::args::NocArgs;
use crate::files;
use crate::text::{count, plural};
use anyhow::{Context, Result, bail};
use emulator::noc::{NocError, Packet, Times};
use serde_json::json;
use std::fmt::Write;
use std::path::Path;

/// Columns that are read.
const GIVEN: [&str; 4] = ["ctime", "src", "dst", "size_flits"];
/// Columns that are written as well.
const FOUND: [&str; 4] = ["itime_head", "atime_head", "atime_tail", "hops"];

pub(super) fn command(
    choice: &Choice,
    input: &Path,
    output: &Path,
    args: &NocArgs,
    threads: usize,
) -> Result<String> {
    let name = input.display().to_string();
    let text = files::read_text(input)?;
    let (packets, lines) = read(&text, &name)?;
    let mut router = choice.build(threads)?;
    let mut order: Vec<usize> = (0..packets.len()).collect();
    order.sort_by_key(|&index| packets[index].created);
    let sorted: Vec<Packet> = order.iter().map(|&index| packets[index]).collect();
    let sent = router.send(&sorted);
    if let Err(NocError::Packet { index, what }) = &sent {
        let mut way_out = String::new();
        if let Choice::Fifo(chip, _) = choice {
            let (size, most) = (sorted[*index].size, chip.noc.graded_flits);
            if size > most {
                way_out = format!(
                    " (noc.graded_flits of this chip is {most}; use --set noc.graded_flits={size} (at most 16), or --router vc)"
                );
            }
        }
        bail!("{name}:{}: {what}{way_out}", lines[order[*index]]);
    }
    sent?;
    router.drain();
    let mut times = vec![Times::default(); packets.len()];
    for (&index, seen) in order.iter().zip(router.times()) {
        times[index] = *seen;
    }
    files::write(output, table(choice, &packets, &times).as_bytes())?;
    let summary = Summary::new(choice, &packets, &times);
    if let Some(path) = &args.json {
        files::write(path, summary.json(choice, &name)?.as_bytes())?;
    }
    Ok(summary.text(choice))
}

/// Packets and the lines they stand in.
fn read(text: &str, name: &str) -> Result<(Vec<Packet>, Vec<u64>)> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(text.as_bytes());
    let header = reader
        .headers()
        .with_context(|| format!("{name}:1: cannot be read"))?
        .clone();
    let expected = "the columns are ctime,src,dst,size_flits";
    for (place, column) in header.iter().enumerate() {
        if !GIVEN.contains(&column) && !FOUND.contains(&column) {
            bail!("{name}:1: unknown column {column:?}; {expected}");
        }
        if header.iter().take(place).any(|before| before == column) {
            bail!("{name}:1: column {column} stands there twice");
        }
    }
    let mut places = [0; 4];
    for (place, column) in places.iter_mut().zip(GIVEN) {
        match header.iter().position(|h| h == column) {
            Some(found) => *place = found,
            None => bail!("{name}:1: no column {column}; {expected}"),
        }
    }
    let (mut packets, mut lines) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = record.map_err(|e| {
            let line = e.position().map_or(0, csv::Position::line);
            anyhow::anyhow!("{name}:{line}: cannot be read: {e}")
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != header.len() {
            bail!(
                "{name}:{line}: {} fields, the header has {}",
                record.len(),
                header.len()
            );
        }
        let number = |column: usize| -> Result<u64> {
            let field = &record[places[column]];
            field.parse().map_err(|_| {
                anyhow::anyhow!(
                    "{name}:{line}: {} {field:?}: expected a number from 0",
                    GIVEN[column]
                )
            })
        };
        let small = |column: usize| -> Result<u32> {
            let value = number(column)?;
            u32::try_from(value)
                .map_err(|_| anyhow::anyhow!("{name}:{line}: {} {value}: too large", GIVEN[column]))
        };
        packets.push(Packet {
            created: number(0)?,
            source: small(1)?,
            target: small(2)?,
            size: small(3)?,
        });
        lines.push(line);
    }
    Ok((packets, lines))
}

fn table(choice: &Choice, packets: &[Packet], times: &[Times]) -> String {
    let mesh = choice.mesh();
    let mut out = format!("{},{}\n", GIVEN.join(","), FOUND.join(","));
    for (p, t) in packets.iter().zip(times) {
        let hops = mesh.routers_passed(p.source, p.target);
        let _ = writeln!(
            out,
            "{},{},{},{},{},{},{},{hops}",
            p.created, p.source, p.target, p.size, t.injected, t.head, t.tail
        );
    }
    out
}

struct Summary {
    packets: u64,
    flits: u64,
    flit_hops: u64,
    latency: u64,
    network_latency: u64,
    largest: u64,
    last: u64,
}

impl Summary {
    fn new(choice: &Choice, packets: &[Packet], times: &[Times]) -> Summary {
        let mesh = choice.mesh();
        let both = || packets.iter().zip(times);
        let hops = |p: &Packet| u64::from(mesh.routers_passed(p.source, p.target));
        Summary {
            packets: packets.len() as u64,
            flits: packets.iter().map(|p| u64::from(p.size)).sum(),
            flit_hops: packets.iter().map(|p| u64::from(p.size) * hops(p)).sum(),
            latency: both().map(|(p, t)| t.tail - p.created).sum(),
            network_latency: times.iter().map(|t| t.tail - t.injected).sum(),
            largest: both().map(|(p, t)| t.tail - p.created).max().unwrap_or(0),
            last: times.iter().map(|t| t.tail).max().unwrap_or(0),
        }
    }

    fn mean(&self, sum: u64) -> Option<f64> {
        (self.packets > 0).then(|| sum as f64 / self.packets as f64)
    }

    fn text(&self, choice: &Choice) -> String {
        let mut out = format!("{}\n", choice.describe());
        let _ = write!(
            out,
            "{}, {}",
            plural(self.packets, "packet"),
            plural(self.flits, "flit")
        );
        if let (Some(latency), Some(network)) =
            (self.mean(self.latency), self.mean(self.network_latency))
        {
            let _ = write!(
                out,
                ": latency mean {latency:.2} cycles (in the network {network:.2}), largest {}; the last arrives in cycle {}; {} flit-hops",
                count(self.largest),
                count(self.last),
                count(self.flit_hops)
            );
        }
        out.push('\n');
        out
    }

    fn json(&self, choice: &Choice, name: &str) -> Result<String> {
        let (router, mesh, parameters) = choice.json();
        let value = json!({
            "router": router, "mesh": mesh, "parameters": parameters, "packets_file": name,
            "packets": self.packets, "flits": self.flits, "flit_hops": self.flit_hops,
            "avg_packet_latency": self.mean(self.latency), "avg_network_latency": self.mean(self.network_latency),
            "max_packet_latency": self.largest, "last_arrival": self.last,
        });
        Ok(serde_json::to_string_pretty(&value)? + "\n")
    }
}
