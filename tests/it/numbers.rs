//! Reported numbers computed a second way, from what else the command line gives.

use crate::cli::{folder, json, ok, root};
use serde_json::Value;
use std::collections::BTreeSet;

/// Joules or watts of a key of `chip show --json`.
fn cost(chip: &Value, key: &str) -> f64 {
    let q = &chip["numbers"][key];
    let value = q["value"].as_f64().unwrap_or_else(|| panic!("no {key}"));
    let scale = match q["unit"].as_str().expect("a unit") {
        "J" | "W" => 1.0,
        "mW" => 1e-3,
        "uJ" | "uW" => 1e-6,
        "nJ" => 1e-9,
        "pJ" => 1e-12,
        "fJ" => 1e-15,
        unit => panic!("{key}: unit {unit}"),
    };
    value * scale
}

/// Total energy of a run on a chip that prices by event, from counters and `chip show` alone.
fn recomputed(report: &Value, chip: &Value) -> f64 {
    let n = |key: &str| {
        report["counters"][key]
            .as_u64()
            .unwrap_or_else(|| panic!("no {key}")) as f64
    };
    let c = |key: &str| cost(chip, key);
    let tiles = report["image"]["tiles"].as_f64().expect("tiles");
    let steps = n("steps") + n("preload_steps");
    n("neuron_updates_inactive") * c("update.inactive_energy")
        + n("neuron_updates_active") * c("update.active_energy")
        + n("spikes") * c("update.spike_energy")
        + n("synaptic_ops") * c("on_spike.synapse_energy")
        + n("tile_deliveries") * (c("on_spike.packet_energy") + c("energy.in_tile"))
        + (n("packets") + n("packets_host_out")) * c("energy.axon_out")
        + n("hops_east") * c("energy.hop_east")
        + n("hops_west") * c("energy.hop_west")
        + n("hops_north") * c("energy.hop_north")
        + n("hops_south") * c("energy.hop_south")
        + n("packets_host_in") * c("energy.host_in")
        + n("packets_host_out") * c("energy.host_out")
        + n("random_draws") * c("energy.random")
        + steps * tiles * c("energy.sync_tile")
        + c("energy.static") * report["time"]["seconds"].as_f64().expect("timed")
}

fn chip(name: &str) -> Value {
    serde_json::from_str(&ok(&["chip", "show", name, "--json"])).expect("valid JSON")
}

#[test]
fn energy_total_follows_from_counters_and_the_chip_file() {
    for name in ["loihi", "loihi-fit"] {
        let report = json(
            &format!("energy_{name}"),
            &[
                "run",
                "examples/digits/digits.nir",
                "--input",
                "examples/digits/test.npz",
                "--chip",
                name,
                "--limit",
                "10",
            ],
        );
        let energy = &report["energy_j"];
        let total = energy["total"].as_f64().expect("timed");
        let expect = recomputed(&report, &chip(name));
        assert!(
            (total - expect).abs() <= 1e-12 * expect,
            "{name}: {total} against {expect}"
        );
        let parts: f64 = ["synapse", "neuron", "noc", "io", "sync", "static"]
            .iter()
            .map(|k| energy["breakdown"][k].as_f64().expect("a number"))
            .sum();
        assert!(
            (total - parts).abs() <= 1e-12 * total,
            "{name}: parts {parts}"
        );
        let other = if name == "loihi" {
            "loihi-fit"
        } else {
            "loihi"
        };
        let named = energy["other_costs"][other]["total"]
            .as_f64()
            .expect("the other set");
        let expect = recomputed(&report, &chip(other));
        assert!(
            (named - expect).abs() <= 1e-12 * expect,
            "{other}: {named} against {expect}"
        );
        let samples: f64 = report["per_sample"]["energy_j"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|e| e.as_f64().expect("a number"))
            .sum();
        assert!(
            (total - samples).abs() <= 1e-9 * total,
            "{name}: samples {samples}"
        );
        let breakdown = &report["time"]["breakdown"];
        let cycles: u64 = ["neuron", "synapse", "noc", "sync"]
            .iter()
            .map(|k| breakdown[k].as_u64().expect("cycles"))
            .sum();
        assert_eq!(Some(cycles), report["time"]["cycles"].as_u64(), "{name}");
    }
}

/// Hops by direction from the spike trains, the assignment, the network's connectivity and the X-Y rule.
#[test]
fn hops_follow_from_spikes_assignment_and_distance() {
    let dir = folder("hops");
    let (net, input) = ("examples/motion/motion.nir", "examples/motion/test.npz");
    let spikes = dir.join("spikes.csv").to_string_lossy().into_owned();
    let cores = dir.join("cores.npy").to_string_lossy().into_owned();
    let report = json(
        "hops_run",
        &[
            "run", net, "--input", input, "--chip", "loihi", "--limit", "1", "--timing", "off",
            "--spikes", &spikes,
        ],
    );
    ok(&["map", net, "--chip", "loihi", "--assignment", &cores]);
    let bytes = std::fs::read(&cores).unwrap();
    let cores = network::npz::read_npy(&bytes).unwrap().into_u32().unwrap();

    let arguments = spikemesh::args::NetworkArgs {
        dt: None,
        import: Vec::new(),
    };
    let path = root().join(net);
    let lowered =
        spikemesh::nets::lower(spikemesh::nets::load(&path, &arguments).unwrap(), &path).unwrap();
    let mut first = vec![0_u32];
    for p in &lowered.populations {
        first.push(first[first.len() - 1] + p.len());
    }
    let chip = isa::ChipSpec::preset("loihi").unwrap().unwrap();
    let port = chip.host_ports[0].tile;
    let mut hops = [0_u64; 4];
    let mut walk = |from: u32, to: u32, times: u64| {
        let ((ax, ay), (bx, by)) = (chip.xy(from), chip.xy(to));
        hops[usize::from(bx < ax)] += u64::from(ax.abs_diff(bx)) * times;
        hops[2 + usize::from(by < ay)] += u64::from(ay.abs_diff(by)) * times;
    };
    // Destination cores of a source: those of its targets. Weights that quantise to zero make no packet.
    let options = mapper::Options::default();
    let mapped = mapper::map(&lowered, &chip, &options).unwrap_or_else(|e| panic!("{e:?}"));
    let quantized = &mapped.quantized;
    let events = spikemesh::nets::input(&root().join(input), &mapped.image).unwrap();
    let targets = |source: mapper::quantized::Source, element: u32| -> BTreeSet<u32> {
        let mut set = BTreeSet::new();
        for p in quantized.projections.iter().filter(|p| p.source == source) {
            let base = quantized.populations[p.target as usize].first;
            set.extend(
                p.row(element)
                    .map(|s| cores[(base + p.targets[s]) as usize]),
            );
        }
        set
    };
    let mut packets = 0_u64;
    let text = std::fs::read_to_string(&spikes).unwrap();
    for line in text.lines().skip(1) {
        let neuron: u32 = line.split(',').nth(2).unwrap().parse().unwrap();
        let population = first.partition_point(|&f| f <= neuron) - 1;
        let from = chip.tile_of(cores[neuron as usize]);
        for core in targets(
            mapper::quantized::Source::Population(population as u32),
            neuron - first[population],
        ) {
            walk(from, chip.tile_of(core), 1);
            packets += 1;
        }
        if lowered
            .outputs
            .iter()
            .any(|o| o.population as usize == population)
        {
            walk(from, port, 1);
        }
    }
    for &(element, value) in events.samples[0].events() {
        for core in targets(mapper::quantized::Source::Input(0), element) {
            walk(port, chip.tile_of(core), value as u64);
        }
    }
    let counters = &report["counters"];
    let got = ["hops_east", "hops_west", "hops_north", "hops_south"]
        .map(|k| counters[k].as_u64().unwrap());
    assert_eq!(got, hops);
    assert_eq!(counters["packets"].as_u64(), Some(packets));
}
