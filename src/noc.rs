//! `noc`: the network-on-chip alone, under packets from a file or synthetic traffic.

mod packets;
mod plot;
mod sweep;

use crate::args::{NocArgs, RouterChoice, VcArgs};
use crate::text::si;
use crate::{chips, files, map};
use anyhow::{Result, anyhow, bail};
use emulator::noc::measure::Router;
use emulator::noc::traffic::Pattern;
use emulator::noc::{Mesh, fifo, vc};
use isa::ChipSpec;
use serde_json::{Value, json};

/// Length of a cycle, ps; none where a mesh alone was given, whose cycles are no time.
type CyclePs = Option<u64>;

/// A router with its parameters.
enum Choice {
    Vc(vc::Parameters, CyclePs),
    Fifo(Box<ChipSpec>, CyclePs),
}

/// Runs a `noc` command and returns what it prints.
pub fn command(args: &NocArgs) -> Result<String> {
    let outputs = [&args.output, &args.json, &args.plot].map(|path| path.as_deref());
    files::check_outputs(&outputs, &[args.packets.as_deref()])?;
    if let Some(plot) = args
        .plot
        .as_ref()
        .filter(|p| p.extension().is_none_or(|e| e != "svg"))
    {
        bail!(
            "--plot {}: the drawing is SVG; the name must end in .svg",
            plot.display()
        );
    }
    let threads = map::threads(args.threads)?;
    let choice = choose(args)?;
    match (&args.packets, &args.output, &args.traffic) {
        (Some(input), Some(output), _) => packets::command(&choice, input, output, args, threads),
        (_, Some(_), Some(_)) => {
            bail!("-o: the table of --packets; synthetic traffic has --json and --plot")
        }
        (_, _, Some(pattern)) => sweep::command(&choice, pattern, args, threads),
        _ => bail!("--packets or --traffic: one of them is needed"),
    }
}

fn choose(args: &NocArgs) -> Result<Choice> {
    let mesh = args
        .mesh
        .as_deref()
        .map(|text| mesh(text, args.locals))
        .transpose()?;
    let chip = match (&args.chip, mesh) {
        (Some(name), _) => Some(chips::load(name, &args.set)?),
        (None, None) => bail!("--chip or --mesh: one of them is needed"),
        (None, Some(_)) => None,
    };
    let cycle_ps = chip.as_ref().map(|chip| chip.cycle_ps);
    let of_chip = chip.as_ref().and_then(vc::Parameters::of_chip);
    let router = args.router.unwrap_or(match (&chip, of_chip) {
        (Some(_), None) => RouterChoice::Fifo,
        _ => RouterChoice::Vc,
    });
    if router == RouterChoice::Vc {
        if chip.is_none() && !args.set.is_empty() {
            bail!("--set: a number of a chip file; the router vc has options of its own (--help)");
        }
        if let Some(chip) = chip.as_ref().filter(|c| c.mesh.border.is_some()) {
            bail!(
                "--router vc: chip \"{}\" is a board of several chips, and for their borders the router vc has no reference: --router fifo, or --set mesh.board=[1,1]",
                chip.name
            );
        }
        let mesh = chip.as_ref().map(fifo::mesh).or(mesh);
        let mesh = mesh.ok_or_else(|| anyhow!("--mesh: expected WxH"))?;
        let parameters = of_chip.unwrap_or_else(|| vc::Parameters::new(mesh));
        let parameters = vc_parameters(parameters, &args.vc)?;
        return Ok(Choice::Vc(parameters, cycle_ps));
    }
    if let Some(chip) = chip.as_ref().filter(|_| of_chip.is_some()) {
        bail!(
            "--router fifo: chip \"{}\" has routers vc and no latencies for fifo; choose a chip with noc.router = \"fifo\", or --mesh",
            chip.name
        );
    }
    if let Some(option) = first_given(&args.vc) {
        bail!(
            "--{option}: an option of the router vc; the router fifo has --set, for example --set noc.hop_east=5"
        );
    }
    let chip = match (chip, mesh) {
        (Some(chip), _) => chip,
        (None, Some(mesh)) => {
            let overrides = chips::overrides(&args.set)?;
            fifo::unit_chip(&mesh, &overrides).map_err(|e| chips::join(&e))?
        }
        (None, None) => bail!("--chip or --mesh: one of them is needed"),
    };
    Ok(Choice::Fifo(Box::new(chip), cycle_ps))
}

/// `WxH`.
fn mesh(text: &str, locals: Option<u32>) -> Result<Mesh> {
    let sides = text.split_once(['x', 'X']).and_then(|(width, height)| {
        Some((width.trim().parse().ok()?, height.trim().parse().ok()?))
    });
    let Some((width, height)) = sides else {
        bail!("--mesh {text}: expected routers in x and y, for example 8x8");
    };
    let mesh = Mesh {
        width,
        height,
        locals: locals.unwrap_or(1),
    };
    // Also for the other router: larger ones would not fit into memory.
    let least = vc::Parameters {
        vcs: 1,
        buffer: 1,
        ..vc::Parameters::new(mesh)
    };
    least.check().map_err(|e| anyhow!("--mesh {text}: {e}"))?;
    Ok(mesh)
}

/// How a complaint about an unknown name ends.
const UNKNOWN: &str = "unknown parameter";
/// Names of `--param` with a choice of values.
const PARAMETERS: [&str; 7] = [
    "num_vcs",
    "vc_buf_size",
    "routing_delay",
    "st_final_delay",
    "credit_delay",
    "speculative",
    "wait_for_tail_credit",
];

/// Parameters with what was typed.
fn vc_parameters(mut parameters: vc::Parameters, args: &VcArgs) -> Result<vc::Parameters> {
    for text in &args.param {
        let Some((key, value)) = text.split_once('=') else {
            bail!("--param {text}: expected KEY=VALUE, for example num_vcs=4");
        };
        if key.trim() == "k" {
            bail!("--param {text}: the mesh is given by --mesh or --chip");
        }
        let set = parameters.set(key.trim(), value);
        set.map_err(|e| match PARAMETERS.contains(&key.trim()) {
            false if e.to_string().ends_with(UNKNOWN) => anyhow!(
                "--param {e}; there are {}, and names that have one value only",
                PARAMETERS.join(", ")
            ),
            _ => anyhow!("--param {e}"),
        })?;
    }
    for (value, field) in [
        (args.vcs, &mut parameters.vcs),
        (args.buffer, &mut parameters.buffer),
        (args.routing_delay, &mut parameters.routing_delay),
        (args.switch_delay, &mut parameters.switch_delay),
        (args.link_delay, &mut parameters.link_delay),
        (args.credit_delay, &mut parameters.credit_delay),
    ] {
        *field = value.unwrap_or(*field);
    }
    parameters.speculative |= args.speculative;
    parameters.wait_for_tail_credit |= args.wait_for_tail_credit;
    parameters.check().map_err(|e| anyhow!("--{e}"))?;
    Ok(parameters)
}

/// The first option of the `vc` router that was typed.
fn first_given(args: &VcArgs) -> Option<&'static str> {
    let given = [
        ("vcs", args.vcs.is_some()),
        ("buffer", args.buffer.is_some()),
        ("routing-delay", args.routing_delay.is_some()),
        ("switch-delay", args.switch_delay.is_some()),
        ("link-delay", args.link_delay.is_some()),
        ("credit-delay", args.credit_delay.is_some()),
        ("speculative", args.speculative),
        ("wait-for-tail-credit", args.wait_for_tail_credit),
        ("param", !args.param.is_empty()),
    ];
    given
        .into_iter()
        .find(|(_, given)| *given)
        .map(|(name, _)| name)
}

/// A number for each direction; one where they are alike.
fn directions(all: [u64; 4]) -> String {
    let [east, west, north, south] = all;
    match (east == west, north == south) {
        (true, true) if east == north => east.to_string(),
        (true, true) => format!("{east} east and west, {north} north and south"),
        _ => format!("{east} east, {west} west, {north} north, {south} south"),
    }
}

impl Choice {
    fn mesh(&self) -> Mesh {
        match self {
            Choice::Vc(parameters, _) => parameters.mesh,
            Choice::Fifo(chip, _) => fifo::mesh(chip),
        }
    }

    /// An empty network that up to so many threads run.
    fn build(&self, threads: usize) -> Result<Box<dyn Router>> {
        Ok(match self {
            Choice::Vc(parameters, _) => Box::new(vc::Network::with_threads(parameters, threads)?),
            Choice::Fifo(chip, _) => Box::new(fifo::Network::new(chip)?),
        })
    }

    /// Cycles from the generation of a packet alone until its head enters the network: nothing in a `vc` router; from a core of a chip,
    /// its axon-out unit.
    fn before_network(&self) -> u64 {
        match self {
            Choice::Vc(..) => 0,
            Choice::Fifo(chip, _) => chip.time.axon_out,
        }
    }

    /// Mean latency of packets alone, cycles, from their generation.
    fn zero_load(&self, pattern: Pattern, size: u32) -> f64 {
        let (hops, pairs) = pattern.mean_hops(&self.mesh());
        let hops = hops.map(|sum| sum as f64 / pairs as f64);
        match self {
            Choice::Vc(p, _) => {
                let near = p.zero_load(0, 0, size) as f64;
                let hop = p.hop_cycles() as f64;
                near + hops.iter().sum::<f64>() * hop
            }
            Choice::Fifo(chip, _) => {
                let mut along: f64 = hops
                    .iter()
                    .zip(chip.noc.hop)
                    .map(|(n, hop)| n * hop as f64)
                    .sum();
                if let Some(border) = chip.mesh.border {
                    let (over, pairs) = pattern.mean_borders(&self.mesh(), chip.mesh.chip_size());
                    for (n, hop) in over.into_iter().zip(chip.noc.hop) {
                        along += n as f64 / pairs as f64 * (border.hop as f64 - hop as f64);
                    }
                }
                // The flits of a packet follow each other at the spacing of the slowest link.
                let spacing = chip
                    .noc
                    .occupancy
                    .into_iter()
                    .chain(chip.mesh.border.map(|border| border.occupancy))
                    .fold(chip.time.axon_out, u64::max);
                let behind = u64::from(size - 1) * spacing.max(chip.noc.in_tile_occupancy);
                (fifo::zero_load(chip, 0, 0, 1) + behind) as f64 + along
            }
        }
    }

    /// One line for people.
    fn describe(&self) -> String {
        let Mesh {
            width,
            height,
            locals,
        } = self.mesh();
        let nodes = if locals == 1 {
            String::new()
        } else {
            format!(", {locals} nodes a router")
        };
        let router = match self {
            Choice::Vc(p, _) => format!(
                "router vc: {} x {} slots, delays routing {}, switch {}, link {}, credit {}{}{}",
                p.vcs,
                p.buffer,
                p.routing_delay,
                p.switch_delay,
                p.link_delay,
                p.credit_delay,
                if p.speculative { ", speculative" } else { "" },
                if p.wait_for_tail_credit {
                    ", tail credit awaited"
                } else {
                    ""
                }
            ),
            Choice::Fifo(chip, _) => {
                let noc = &chip.noc;
                format!(
                    "router fifo: {} plane{}, FIFOs of {}, cycles of a hop {}, of spacing {}{}",
                    chip.mesh.planes,
                    if chip.mesh.planes == 1 { "" } else { "s" },
                    noc.input_fifo,
                    directions(noc.hop),
                    if noc.hop == noc.occupancy {
                        "the same".to_owned()
                    } else {
                        directions(noc.occupancy)
                    },
                    chip.mesh.border.map_or(String::new(), |border| format!(
                        "; {} x {} chips, between them {} and {}",
                        chip.mesh.board[0], chip.mesh.board[1], border.hop, border.occupancy
                    ))
                )
            }
        };
        let (Choice::Vc(_, cycle) | Choice::Fifo(_, cycle)) = self;
        let cycle = cycle.map(|ps| format!(", a cycle is {}", si(ps as f64 * 1e-12, "s")));
        format!(
            "mesh {width} x {height}{nodes}, {router}{}",
            cycle.unwrap_or_default()
        )
    }

    /// For `--json`.
    fn json(&self) -> (&'static str, Value, Value) {
        let mesh = self.mesh();
        let mesh = json!({"width": mesh.width, "height": mesh.height, "locals": mesh.locals});
        match self {
            Choice::Vc(p, _) => (
                "vc",
                mesh,
                json!({"vcs": p.vcs, "buffer": p.buffer, "routing_delay": p.routing_delay, "switch_delay": p.switch_delay,
                       "link_delay": p.link_delay, "credit_delay": p.credit_delay, "speculative": p.speculative,
                       "wait_for_tail_credit": p.wait_for_tail_credit}),
            ),
            Choice::Fifo(chip, _) => {
                let noc = &chip.noc;
                (
                    "fifo",
                    mesh,
                    json!({"chip": chip.name, "chip_sha256": files::hex(&chip.sha256), "planes": chip.mesh.planes,
                           "axon_out": chip.time.axon_out, "inject": noc.inject, "inject_queue": noc.inject_queue, "input_fifo": noc.input_fifo,
                           "receive_queue": noc.receive_queue, "board": chip.mesh.board,
                           "chip_hop": chip.mesh.border.map(|border| border.hop), "chip_occupancy": chip.mesh.border.map(|border| border.occupancy), "hop": noc.hop, "occupancy": noc.occupancy, "in_tile": noc.in_tile,
                           "in_tile_occupancy": noc.in_tile_occupancy, "eject": noc.eject, "credit": noc.credit,
                           "graded_flits": noc.graded_flits, "networks": noc.network_count(), "order": if noc.routes.is_some() { "table".to_owned() } else { format!("{:?}", noc.order).to_lowercase() }}),
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parameters_are_those_that_are_taken() {
        let mesh = Mesh {
            width: 2,
            height: 2,
            locals: 1,
        };
        let mut parameters = vc::Parameters::new(mesh);
        for name in PARAMETERS {
            parameters.set(name, "1").expect(name);
        }
        let unknown = parameters.set("foo", "1").expect_err("no parameter");
        assert!(unknown.to_string().ends_with(UNKNOWN), "{unknown}");
    }
}
