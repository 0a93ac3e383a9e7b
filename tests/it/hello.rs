//! The five steps of `examples/hello`, derived by hand in `specs/energy.md`, on both engines: every table of that page.

use emulator::reference::{self, Setup};
use emulator::{
    Between, CoreUse, LinkUse, Options, PacketTime, SampleInput, SampleResult, StepTime, Timing,
};
use isa::chip::{ChipSpec, OnSpikeEnergy, UpdateEnergy};
use isa::image::{HOST, Image};

const STEPS: [(&str, [u64; 5]); 6] = [
    ("preload", [0, 5, 13, 30, 48]),
    ("0", [12, 5, 20, 30, 67]),
    ("1", [12, 5, 14, 30, 61]),
    ("2", [12, 5, 20, 30, 67]),
    ("3", [12, 5, 14, 30, 61]),
    ("4", [12, 5, 20, 30, 67]),
];

/// Counters that are not 0: of the population, of the host.
const COUNTERS: [(&str, u64, u64); 21] = [
    ("neuron_updates", 10, 0),
    ("neuron_updates_active", 5, 0),
    ("neuron_updates_inactive", 5, 0),
    ("spikes", 5, 0),
    ("synaptic_ops", 6, 0),
    ("packets", 5, 0),
    ("packets_host_in", 0, 1),
    ("packets_host_out", 5, 0),
    ("flits_out", 10, 0),
    ("flits_in", 5, 1),
    ("hops_east", 6, 0),
    ("hops_west", 2, 0),
    ("buffer_writes", 18, 1),
    ("switch_grants", 18, 1),
    ("tile_deliveries", 5, 1),
    ("update_alu", 35, 0),
    ("update_mem", 25, 0),
    ("update_ctl", 20, 0),
    ("update_send", 5, 0),
    ("on_spike_mem", 12, 0),
    ("on_spike_ctl", 6, 0),
];

/// Core; neuron cycles, synapse cycles, spikes, synaptic operations, packets in, packets out.
const CORES: [(u32, [u64; 6]); 2] = [(0, [46, 15, 3, 3, 3, 3]), (2, [39, 15, 2, 3, 3, 2])];

/// Source, target; sent, arrived, served.
const PACKETS: [(u32, u32, [u64; 3]); 5] = [
    (HOST, 0, [0, 13, 18]),
    (0, 2, [16, 25, 30]),
    (0, HOST | 1, [20, 37, 37]),
    (2, 0, [16, 25, 30]),
    (2, HOST | 1, [20, 31, 31]),
];

const DYNAMIC_PJ: f64 = 429.0;
const STATIC_PJ: f64 = 371.0;

fn file(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn hello() -> (Image, ChipSpec) {
    let image =
        assembler::assemble(&file("examples/hello/hello.s"), "hello.s").expect("it assembles");
    (
        image,
        ChipSpec::preset("tiny").expect("a preset").expect("valid"),
    )
}

fn fast(image: &Image, chip: &ChipSpec) -> SampleResult {
    let input = SampleInput {
        steps: 5,
        offsets: vec![0, 1, 1, 1, 1, 1],
        elements: vec![0],
        values: vec![1],
    };
    let options = Options {
        seed: 0,
        threads: 1,
        timing: Timing::Cycle,
        between: Between::Reset,
        drain: 0,
        record_spikes: true,
        record_packets: true,
    };
    emulator::run(image, chip, &[input], &options, &|_| {})
        .expect("it fits")
        .remove(0)
}

fn slow(image: &Image, chip: &ChipSpec) -> reference::Outcome {
    let mut sample: reference::Sample = vec![Vec::new(); 5];
    sample[0].push((0, 1));
    reference::run(
        image,
        chip,
        &[sample],
        &Setup {
            seed: 0,
            reset: true,
            extra_steps: 0,
        },
    )
    .remove(0)
}

/// Packets by (source, target), each the same in every step that has it.
fn expected_packets() -> Vec<PacketTime> {
    let step = |sources: &[u32], step: u32| {
        let own = PACKETS
            .iter()
            .filter(|(source, ..)| sources.contains(source))
            .enumerate();
        let packet =
            |(i, &(source, target, [sent, arrived, served])): (usize, &(u32, u32, [u64; 3]))| {
                PacketTime {
                    step,
                    source,
                    sequence: i as u32,
                    target,
                    sent,
                    arrived,
                    served,
                }
            };
        own.map(packet).collect::<Vec<_>>()
    };
    [
        step(&[HOST], 0),
        step(&[0], 1),
        step(&[2], 2),
        step(&[0], 3),
        step(&[2], 4),
        step(&[0], 5),
    ]
    .concat()
}

fn expected_counters(entries: &[(&str, u64)], host: bool) {
    for (name, value) in entries {
        let row = COUNTERS.iter().find(|(counter, ..)| counter == name);
        let expected = row.map_or(0, |&(_, pair, of_host)| if host { of_host } else { pair });
        assert_eq!(
            *value,
            expected,
            "{name} of {}",
            if host { "the host" } else { "the pair" }
        );
    }
}

#[test]
fn the_fast_engine_gives_the_numbers_derived_by_hand() {
    let (image, chip) = hello();
    let result = fast(&image, &chip);
    assert_eq!(result.spikes, [(0, 0), (1, 1), (2, 0), (3, 1), (4, 0)]);
    assert_eq!(
        result.outputs,
        [(0, 0, 1), (1, 1, 1), (2, 0, 1), (3, 1, 1), (4, 0, 1)]
    );
    let steps = STEPS.map(|(_, [neuron, synapse, noc, sync, cycles])| StepTime {
        cycles,
        neuron,
        synapse,
        noc,
        sync,
    });
    assert_eq!(result.step_times, steps);
    assert_eq!(result.packets, expected_packets());
    expected_counters(&result.populations[0].entries(), false);
    expected_counters(&result.populations[1].entries(), true);
    for (name, value) in result.time_counters.entries() {
        let expected = match name {
            "router_wait" => 3,
            "router_fifo_peak" => 1,
            _ => 0,
        };
        assert_eq!(value, expected, "{name}");
    }
    let cores = CORES.map(
        |(
            _,
            [
                neuron_cycles,
                synapse_cycles,
                spikes,
                synaptic_ops,
                packets_in,
                packets_out,
            ],
        )| CoreUse {
            neuron_cycles,
            synapse_cycles,
            stall_cycles: 0,
            spikes,
            synaptic_ops,
            packets_in,
            packets_out,
        },
    );
    assert_eq!(result.cores, cores);
    let mut links = vec![LinkUse::default(); 8];
    links[0] = LinkUse {
        packets: 6,
        wait_cycles: 3,
    };
    links[5] = LinkUse {
        packets: 2,
        wait_cycles: 0,
    };
    assert_eq!(result.links, links);
}

#[test]
fn the_reference_gives_them_too() {
    let (image, chip) = hello();
    let outcome = slow(&image, &chip);
    assert_eq!(outcome.spikes, [(0, 0), (1, 1), (2, 0), (3, 1), (4, 0)]);
    let steps: Vec<[u64; 5]> = outcome
        .steps
        .iter()
        .map(|s| [s.neuron, s.synapse, s.noc, s.sync, s.cycles])
        .collect();
    assert_eq!(steps, STEPS.map(|(_, step)| step));
    let packets: Vec<PacketTime> = outcome
        .packets
        .iter()
        .map(|p| PacketTime {
            step: p.step,
            source: p.source,
            sequence: p.sequence,
            target: p.target,
            sent: p.sent,
            arrived: p.arrived,
            served: p.served,
        })
        .collect();
    assert_eq!(packets, expected_packets());
    expected_counters(&outcome.populations[0].entries(), false);
    expected_counters(&outcome.populations[1].entries(), true);
    assert_eq!(
        (outcome.time.router_wait, outcome.time.router_fifo_peak),
        (3, 1)
    );
    let cores: Vec<[u64; 6]> = outcome
        .cores
        .iter()
        .map(|c| {
            [
                c.neuron_cycles,
                c.synapse_cycles,
                c.spikes,
                c.synaptic_ops,
                c.packets_in,
                c.packets_out,
            ]
        })
        .collect();
    assert_eq!(cores, CORES.map(|(_, core)| core));
    // The spike of step 4 waits for a step 5 that never comes.
    let pending: Vec<_> = outcome
        .words
        .iter()
        .map(|core| core.accumulators.clone())
        .collect();
    assert!(pending[0].is_empty());
    assert_eq!(pending[1].iter().collect::<Vec<_>>(), [(&(5, 0, 0), &100)]);
}

#[test]
fn its_energy_follows_from_the_table() {
    let (image, chip) = hello();
    let result = fast(&image, &chip);
    let mut sum = result.populations[0];
    sum.add(&result.populations[1]);
    let costs = &chip.energy;
    let UpdateEnergy::Event {
        inactive,
        active,
        spike,
        ..
    } = costs.update
    else {
        panic!("tiny prices by event")
    };
    let OnSpikeEnergy::Event { packet, synapse } = costs.on_spike else {
        panic!("tiny prices by event")
    };
    let hops = [sum.hops_east, sum.hops_west, sum.hops_north, sum.hops_south];
    let lines = [
        sum.neuron_updates_inactive as f64 * inactive,
        sum.neuron_updates_active as f64 * active,
        sum.spikes as f64 * spike,
        sum.synaptic_ops as f64 * synapse,
        sum.tile_deliveries as f64 * (packet + costs.in_tile),
        sum.flits_out as f64 * costs.axon_out,
        hops.iter()
            .zip(costs.hop)
            .map(|(hops, cost)| *hops as f64 * cost)
            .sum(),
        sum.packets_host_in as f64 * costs.host_in,
        sum.packets_host_out as f64 * costs.host_out,
        result.step_times.len() as f64 * 2.0 * costs.sync_tile,
    ];
    let cycles: u64 = result.step_times.iter().map(|step| step.cycles).sum();
    let seconds = cycles as f64 * chip.cycle_ps as f64 * 1e-12;
    let dynamic: f64 = lines.iter().sum();
    assert!((dynamic * 1e12 - DYNAMIC_PJ).abs() < 1e-6, "{dynamic}");
    assert!(
        (costs.static_w * seconds * 1e12 - STATIC_PJ).abs() < 1e-6,
        "{seconds}"
    );
}

#[test]
fn the_page_says_what_is_asserted_here() {
    let page = file("specs/energy.md");
    let has = |row: String| assert!(page.contains(&row), "specs/energy.md has no `{row}`");
    let mut sum = [0; 5];
    for (step, parts) in STEPS {
        let [neuron, synapse, noc, sync, cycles] = parts;
        has(format!(
            "| {step} | {neuron} | {synapse} | {noc} | {sync} | {cycles} |"
        ));
        sum.iter_mut()
            .zip(parts)
            .for_each(|(sum, part)| *sum += part);
    }
    has(format!(
        "| sum | {} | {} | {} | {} | {} |",
        sum[0], sum[1], sum[2], sum[3], sum[4]
    ));
    for (counter, pair, host) in COUNTERS {
        has(format!("| `{counter}` | {pair} | {host} |"));
    }
    let name = |id: u32| {
        if id & HOST == 0 {
            format!("core {id}")
        } else {
            format!("host port {}", id & !HOST)
        }
    };
    for (source, target, [sent, arrived, served]) in PACKETS {
        let from = if source == HOST {
            "host port 0 (preload)".to_string()
        } else {
            name(source)
        };
        has(format!(
            "| {from} | {} | {sent} | {arrived} | {served} |",
            name(target)
        ));
    }
    for (core, [a, b, c, d, e, f]) in CORES {
        has(format!("| {core} | {a} | {b} | {c} | {d} | {e} | {f} |"));
    }
    has(format!(
        "Dynamic: {DYNAMIC_PJ} pJ. Static: 1 mW × {STATIC_PJ} ns = {STATIC_PJ} pJ. Total: {} pJ.",
        DYNAMIC_PJ + STATIC_PJ
    ));
}
