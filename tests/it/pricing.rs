//! Joules from counters, against sums by hand. Every cost is another prime, so no two lines of `specs/energy.md` can
//! stand for each other.

use crate::cli::{json, root};
use emulator::{Counters, SampleInput};
use isa::ChipSpec;
use serde_json::Value;
use spikemesh::pricing::{self, Dynamic};

/// Costs that do not depend on the form of the prices: picojoules, the static power in watts.
const COSTS: [(&str, &str); 12] = [
    ("on_spike.packet_energy", "17 pJ"),
    ("energy.axon_out", "41 pJ"),
    ("energy.hop_east", "43 pJ"),
    ("energy.hop_west", "47 pJ"),
    ("energy.hop_north", "53 pJ"),
    ("energy.hop_south", "59 pJ"),
    ("energy.in_tile", "61 pJ"),
    ("energy.host_in", "67 pJ"),
    ("energy.host_out", "71 pJ"),
    ("energy.sync_tile", "73 pJ"),
    ("energy.random", "79 pJ"),
    ("energy.static", "83 W"),
];

const EVENT_COSTS: [(&str, &str); 4] = [
    ("update.inactive_energy", "2 pJ"),
    ("update.active_energy", "3 pJ"),
    ("update.spike_energy", "5 pJ"),
    ("on_spike.synapse_energy", "11 pJ"),
];

/// What one of a counter costs, in picojoules: synapse, neuron, noc, io.
type Weight = (&'static str, [u64; 4]);

const SHARED: [Weight; 10] = [
    ("packets_host_in", [0, 0, 0, 67]),
    ("packets_host_out", [0, 0, 0, 71]),
    ("flits_out", [0, 0, 41, 0]),
    ("flits_in", [0, 0, 61, 0]),
    ("hops_east", [0, 0, 43, 0]),
    ("hops_west", [0, 0, 47, 0]),
    ("hops_north", [0, 0, 53, 0]),
    ("hops_south", [0, 0, 59, 0]),
    ("tile_deliveries", [17, 0, 0, 0]),
    ("random_draws", [0, 79, 0, 0]),
];

const BY_EVENT: [Weight; 4] = [
    ("neuron_updates_inactive", [0, 2, 0, 0]),
    ("neuron_updates_active", [0, 3, 0, 0]),
    ("spikes", [0, 5, 0, 0]),
    ("synaptic_ops", [11, 0, 0, 0]),
];

const BY_INSTRUCTION: [Weight; 11] = [
    ("update_alu", [0, 101, 0, 0]),
    ("update_mul", [0, 103, 0, 0]),
    ("update_mem", [0, 107, 0, 0]),
    ("update_ctl", [0, 109, 0, 0]),
    ("update_send", [0, 113, 0, 0]),
    ("update_rng", [0, 127, 0, 0]),
    ("on_spike_alu", [19, 0, 0, 0]),
    ("on_spike_mul", [23, 0, 0, 0]),
    ("on_spike_mem", [29, 0, 0, 0]),
    ("on_spike_ctl", [31, 0, 0, 0]),
    ("on_spike_rng", [37, 0, 0, 0]),
];

/// Cost of a row, by hand below; only chips with axon bits have it.
const ROW: (&str, &str) = ("update.row_energy", "7 pJ");

/// The preset `tiny` with both handlers priced by instruction: no two times are the same, nor two energies.
const INSTRUCTION: &str = r#"
[update]
price = "instruction"
fill_time = { value = 4, unit = "ns", source = "test" }
alu_time = { value = 1, unit = "ns", source = "test" }
alu_energy = { value = 101, unit = "pJ", source = "test" }
mul_time = { value = 7, unit = "ns", source = "test" }
mul_energy = { value = 103, unit = "pJ", source = "test" }
mem_time = { value = 2, unit = "ns", source = "test" }
mem_energy = { value = 107, unit = "pJ", source = "test" }
ctl_time = { value = 3, unit = "ns", source = "test" }
ctl_energy = { value = 109, unit = "pJ", source = "test" }
send_time = { value = 5, unit = "ns", source = "test" }
send_energy = { value = 113, unit = "pJ", source = "test" }
rng_time = { value = 11, unit = "ns", source = "test" }
rng_energy = { value = 127, unit = "pJ", source = "test" }

[on_spike]
price = "instruction"
fill_time = { value = 6, unit = "ns", source = "test" }
packet_time = { value = 3, unit = "ns", source = "test" }
packet_energy = { value = 17, unit = "pJ", source = "test" }
alu_time = { value = 1, unit = "ns", source = "test" }
alu_energy = { value = 19, unit = "pJ", source = "test" }
mul_time = { value = 9, unit = "ns", source = "test" }
mul_energy = { value = 23, unit = "pJ", source = "test" }
mem_time = { value = 2, unit = "ns", source = "test" }
mem_energy = { value = 29, unit = "pJ", source = "test" }
ctl_time = { value = 4, unit = "ns", source = "test" }
ctl_energy = { value = 31, unit = "pJ", source = "test" }
rng_time = { value = 8, unit = "ns", source = "test" }
rng_energy = { value = 37, unit = "pJ", source = "test" }

"#;

fn preset(name: &str) -> String {
    std::fs::read_to_string(root().join(format!("specs/chips/{name}.toml"))).unwrap()
}

fn instruction_text() -> String {
    let text = preset("tiny");
    let (from, to) = (
        text.find("[update]").unwrap(),
        text.find("[energy]").unwrap(),
    );
    format!("{}{INSTRUCTION}{}", &text[..from], &text[to..])
}

fn chip(text: &str, costs: &[(&str, &str)]) -> ChipSpec {
    let owned: Vec<_> = COSTS
        .iter()
        .chain(costs)
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    ChipSpec::parse(text, "test.toml", &owned).unwrap_or_else(|e| panic!("{e:?}"))
}

/// The three forms that prices can have, with the weights of their counters.
fn chips() -> [(ChipSpec, Vec<Weight>); 3] {
    let rows: Vec<_> = EVENT_COSTS.iter().copied().chain([ROW]).collect();
    let event = || SHARED.iter().chain(&BY_EVENT).copied().collect();
    [
        (chip(&preset("tiny"), &EVENT_COSTS), event()),
        (chip(&preset("truenorth"), &rows), event()),
        (
            chip(&instruction_text(), &[]),
            SHARED.iter().chain(&BY_INSTRUCTION).copied().collect(),
        ),
    ]
}

macro_rules! counter_fields {
    ($($field:ident)*) => {
        /// Counters that are 0 but for this one.
        fn only(name: &str, n: u64) -> Counters {
            match name {
                $(stringify!($field) => Counters { $field: n, ..Counters::default() },)*
                _ => panic!("no counter {name}"),
            }
        }
        const FIELDS: &[&str] = &[$(stringify!($field)),*];
    };
}

counter_fields! {
    neuron_updates neuron_updates_active neuron_updates_inactive spikes synaptic_ops packets packets_local packets_host_in
    packets_host_out flits_out flits_in hops_east hops_west hops_north hops_south chip_crossings buffer_writes switch_grants barrier_messages
    tile_deliveries axon_merges random_draws update_alu
    update_mul update_mem update_ctl update_send update_rng on_spike_alu on_spike_mul on_spike_mem on_spike_ctl
    on_spike_rng
}

fn close(got: f64, picojoules: u64) -> bool {
    let expect = picojoules as f64 * 1e-12;
    (got - expect).abs() <= expect * 1e-12
}

#[track_caller]
fn same(what: &str, got: &Dynamic, expect: [u64; 4]) {
    let parts = [got.synapse, got.neuron, got.noc, got.io];
    assert!(
        parts.iter().zip(expect).all(|(got, e)| close(*got, e)),
        "{what}: {got:?}, by hand {expect:?} pJ"
    );
    assert!(close(got.total(), expect.iter().sum()), "{what}: {got:?}");
}

#[test]
fn every_counter_has_its_own_weight() {
    let names: Vec<_> = Counters::default().entries().iter().map(|e| e.0).collect();
    assert_eq!(names, FIELDS, "a counter is not tested");
    for (chip, weights) in chips() {
        let mut all = Counters::default();
        let mut sum = [0; 4];
        for (i, name) in FIELDS.iter().enumerate() {
            let n = 1000 + i as u64;
            let weight = weights
                .iter()
                .find(|(counter, _)| counter == name)
                .map_or([0; 4], |w| w.1);
            let expect = weight.map(|cost| cost * n);
            let counters = only(name, n);
            same(
                &format!("{} {name}", chip.name),
                &pricing::dynamic(&counters, &chip),
                expect,
            );
            all.add(&counters);
            sum.iter_mut().zip(expect).for_each(|(s, e)| *s += e);
        }
        same(&chip.name, &pricing::dynamic(&all, &chip), sum);

        let mut twice = pricing::dynamic(&all, &chip);
        twice.add(&pricing::dynamic(&only("packets_host_out", 3), &chip));
        sum[3] += 3 * 71;
        same(&chip.name, &twice, sum);
    }
}

#[test]
fn what_nobody_owns() {
    let [(event, _), (rows, _), (instruction, _)] = chips();
    for chip in [&event, &rows, &instruction] {
        assert!(close(pricing::sync(chip, 6, 11).energy(), 6 * 11 * 73));
        assert_eq!(pricing::sync(chip, 0, 11).energy(), 0.0);
        let all = pricing::static_power(chip, 1, 0.5e-9);
        assert!(close(all.energy(), 83 * 500));
        let mut share = chip.clone();
        share.energy.static_scope = isa::chip::Scope::Mapped;
        let (used, tiles) = (u64::from(chip.tiles()) / 2, 83 * 250);
        let part = pricing::static_power(&share, used, 0.5e-9);
        assert!(close(part.energy(), tiles));
    }
    // 4096 cores of 256 lanes, or the lanes of the image.
    let all = pricing::rows(&rows, 256, 11).expect("rows have a price");
    assert!(close(all.energy(), 4096 * 256 * 11 * 7));
    let scope = [("update.neuron_scope", "mapped"), EVENT_COSTS[0], ROW];
    let mapped = chip(&preset("truenorth"), &scope);
    let some = pricing::rows(&mapped, 256, 11).expect("rows have a price");
    assert!(close(some.energy(), 256 * 11 * 7));
    assert_eq!(pricing::rows(&event, 256, 11), None);
    assert_eq!(pricing::rows(&instruction, 256, 11), None);
}

/// On a board flits that go from chip to chip cost their hop and this, and every chip has its static power.
#[test]
fn boards_pay_for_crossings_and_all_chips() {
    let board = [
        ("mesh.board", "[3, 2]"),
        ("host.ports", "0 west"),
        ("noc.chip_hop", "9 cycles"),
        ("noc.chip_occupancy", "9 cycles"),
        ("energy.chip_crossing", "131 pJ"),
    ];
    let one = chip(&preset("tiny"), &EVENT_COSTS);
    let six = chip(&preset("tiny"), &[&EVENT_COSTS[..], &board].concat());
    let crossed = only("chip_crossings", 7);
    same("one", &pricing::dynamic(&crossed, &one), [0; 4]);
    let expect = [0, 0, 7 * 131, 0];
    same("six", &pricing::dynamic(&crossed, &six), expect);
    let hop = only("hops_east", 7);
    same("hop", &pricing::dynamic(&hop, &six), [0, 0, 7 * 43, 0]);
    let all = pricing::static_power(&six, 1, 0.5e-9);
    assert!(close(all.energy(), 6 * 83 * 500));
    let mut share = six.clone();
    share.energy.static_scope = isa::chip::Scope::Mapped;
    let tiles = u64::from(six.tiles());
    let part = pricing::static_power(&share, tiles / 2, 0.5e-9);
    assert!(close(part.energy(), 3 * 83 * 500));
}

fn number(report: &Value, path: &str) -> f64 {
    let value = report.pointer(path);
    value
        .and_then(Value::as_f64)
        .unwrap_or_else(|| panic!("{path}: {value:?}"))
}

/// `hello` by instruction: the counts stand in `specs/energy.md`, the costs above.
#[test]
fn hello_priced_by_instruction() {
    let file = crate::cli::folder("pricing").join("instruction.toml");
    let path = file.to_string_lossy().into_owned();
    std::fs::write(&file, instruction_text()).unwrap();
    let sets: Vec<String> = COSTS.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let mut args = vec![
        "run",
        "examples/hello/hello.s",
        "--input",
        "examples/hello/start.csv",
        "--steps",
        "5",
        "--chip",
        &path,
    ];
    for set in &sets {
        args.extend(["--set", set]);
    }
    let report = json("pricing_hello", &args);

    let neuron = 35 * 101 + 25 * 107 + 20 * 109 + 5 * 113;
    let synapse = 6 * 17 + 12 * 29 + 6 * 31;
    let noc = (5 + 5) * 41 + 6 * 43 + 2 * 47 + 6 * 61;
    let io = 67 + 5 * 71;
    let sync = 6 * 2 * 73;
    let host = 17 + 61 + 67;
    let dynamic = neuron + synapse + noc + io + sync;
    // Preload: the packet is there at 13 and served at 30. Each other step: the spike is ready at 21 of the 26 cycles
    // below (`sts`, `halt` follow it), there at 34 and served at 51; on the ideal network at 38. The barrier takes 30.
    let cycles = (30 + 30) + 5 * (51 + 30);
    let breakdown = serde_json::json!({
        "neuron": 5 * 26, "synapse": 17 + 5 * (38 - 26), "noc": 13 + 5 * (51 - 38), "sync": 6 * 30
    });
    assert_eq!(report["time"]["cycles"], cycles);
    assert_eq!(report["time"]["breakdown"], breakdown);
    // An active lane: fill 4, 5 alu, 3 mem, 2 ctl, 1 send; an idle one: fill 4, 2 alu, 2 mem, 2 ctl. A service: packet 3,
    // fill 6, 2 mem, 1 ctl.
    let (active, idle) = (4 + 5 + 3 * 2 + 2 * 3 + 5, 4 + 2 + 2 * 2 + 2 * 3);
    let cores = [
        (3 * active + 2 * idle, 3 * 17),
        (2 * active + 3 * idle, 3 * 17),
    ];
    for (core, (neuron, synapse)) in cores.into_iter().enumerate() {
        let got = &report["busiest_cores"][core];
        assert_eq!(got["neuron_cycles"], neuron, "{got}");
        assert_eq!(got["synapse_cycles"], synapse, "{got}");
    }
    let static_ = cycles * 83 * 1000;
    let expect = [
        ("/energy_j/breakdown/neuron", neuron),
        ("/energy_j/breakdown/synapse", synapse),
        ("/energy_j/breakdown/noc", noc),
        ("/energy_j/breakdown/io", io),
        ("/energy_j/breakdown/sync", sync),
        ("/energy_j/breakdown/static", static_),
        ("/energy_j/static", static_),
        ("/energy_j/static_at_model_pace", 83 * 6 * 1_000_000_000),
        ("/energy_j/dynamic", dynamic),
        ("/energy_j/total", dynamic + static_),
        ("/energy_j/per_sample", dynamic + static_),
        ("/per_sample/energy_j/0", dynamic + static_),
        ("/energy_j/populations/pair", dynamic - sync - host),
        ("/energy_j/populations/(host input)", host),
    ];
    for (path, picojoules) in expect {
        let got = number(&report, path);
        assert!(
            close(got, picojoules),
            "{path}: {got}, by hand {picojoules} pJ"
        );
    }

    args.extend(["--timing", "off"]);
    let off = json("pricing_hello_off", &args);
    assert!(close(number(&off, "/energy_j/dynamic"), dynamic));
    assert!(off["energy_j"]["total"].is_null() && off["energy_j"]["static"].is_null());
}

/// The times of those prices, on both engines.
#[test]
fn hello_by_instruction_runs_alike() {
    let text = std::fs::read_to_string(root().join("examples/hello/hello.s")).unwrap();
    let image = assembler::assemble(&text, "hello.s").expect("it assembles");
    let sample = SampleInput {
        steps: 5,
        offsets: vec![0, 1, 1, 1, 1, 1],
        elements: vec![0],
        values: vec![1],
    };
    let chip = chip(&instruction_text(), &[]);
    crate::engines::alike("hello", &image, &chip, &[sample], 0);
}
