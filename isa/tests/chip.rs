//! The chip file: presets, overrides, and the key list of `specs/chip.md`.
//!
//! `UPDATE_EXPECT=1 cargo test -p isa --test chip` rewrites the golden files and the key list.

use expect_test::{expect, expect_file};
use isa::ChipSpec;
use isa::chip::{
    HostPort, Kind, Need, OnSpikeTime, PRESETS, Scope, Sync, UpdateEnergy, UpdateTime, schema,
};
use std::fmt::Write;

#[path = "chip/support.rs"]
mod support;
use support::{lines, preset_text, set};

fn preset(name: &str) -> ChipSpec {
    ChipSpec::preset(name)
        .expect("a preset")
        .unwrap_or_else(|errors| panic!("{}", lines(&errors)))
}

// ---- presets ----

#[test]
fn presets_are_as_blessed() {
    for (name, _) in PRESETS {
        let chip = preset(name);
        assert_eq!(chip.name, *name);
        let mut out = String::new();
        for (key, q) in &chip.quantities {
            let mark = if q.estimated { "estimated" } else { "source" };
            let scaled = q.scaled.map_or(String::new(), |s| {
                format!(
                    " at {} V, exponent {}: × {}",
                    s.at_voltage, s.exponent, s.factor
                )
            });
            writeln!(
                out,
                "{key} = {} {}{scaled} | {mark}: {}",
                q.value, q.unit, q.source
            )
            .unwrap();
        }
        let digests: String = chip
            .limits_digest()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        writeln!(
            out,
            "\nlimits_digest {digests}\n{:#?}\n{:#?}\n{:#?}",
            chip.noc, chip.time, chip.energy
        )
        .unwrap();
        expect_file![format!(
            "{}/tests/golden/chip_{name}.txt",
            env!("CARGO_MANIFEST_DIR")
        )]
        .assert_eq(&out);
    }
}

#[test]
fn every_number_of_a_preset_has_a_quantity_and_every_quantity_an_origin() {
    for (name, text) in PRESETS {
        let chip = preset(name);
        for key in schema().iter().filter(|k| k.kind.has_origin()) {
            let there = chip.quantities.keys().any(|q| {
                q == key.path || q.strip_prefix(key.path).is_some_and(|r| r.starts_with('['))
            });
            let (_, leaf) = key.path.rsplit_once('.').unwrap_or(("", key.path));
            let written = text
                .lines()
                .any(|l| l.split('=').next().is_some_and(|k| k.trim() == leaf));
            assert!(
                there || !written || !key.when.is_empty(),
                "{name}: {}",
                key.path
            );
        }
        assert!(chip.quantities.values().all(|q| !q.source.is_empty()));
    }
}

#[test]
fn loihi_is_davies_2018_table_2() {
    let chip = preset("loihi");
    assert_eq!(
        (chip.cycle_ps, chip.cores(), chip.tiles(), chip.mesh.planes),
        (100, 128, 32, 2)
    );
    assert_eq!(
        chip.time.update,
        UpdateTime::Event {
            inactive: 53,
            active: 84,
            spike: 0
        }
    );
    assert_eq!(
        chip.time.on_spike,
        OnSpikeTime::Event {
            packet: 0,
            synapse: 35
        }
    );
    assert_eq!((chip.noc.hop, chip.noc.in_tile), ([41, 41, 65, 65], 21));
    assert_eq!(chip.energy.hop, [3.0e-12, 3.0e-12, 4.0e-12, 4.0e-12]);
    assert_eq!(chip.energy.in_tile, 1.7e-12);
    assert_eq!(chip.energy.static_w, 29.7e-3);
    assert_eq!(
        (chip.barrier_cycles(1), chip.barrier_cycles(32)),
        (1130, 4650)
    );
    assert!(!chip.quantities["on_spike.synapse_energy"].estimated);
    assert!(chip.quantities["noc.axon_out"].estimated);
}

#[test]
fn truenorth_takes_the_published_pass_and_tick() {
    let chip = preset("truenorth");
    let [a, b, c, once] = chip.time.neuron_pass;
    assert_eq!((256 * (256 * a + b) + once, c), (66_051, 0));
    assert_eq!(chip.sync, Sync::Tick { period: 100_000 });
    assert_eq!(chip.cores(), 4096);
}

#[test]
fn digest_of_costs_follows_the_energies_in_force_alone() {
    let digest = |name, pair| {
        set(name, &[pair])
            .unwrap_or_else(|e| panic!("{}", lines(&e)))
            .costs_digest()
    };
    let loihi = preset("loihi").costs_digest();
    assert_eq!(digest("loihi", ("noc.hop_east", "8")), loihi);
    assert_eq!(digest("loihi", ("core.neurons", "1000")), loihi);
    assert_ne!(digest("loihi", ("energy.static", "1 W")), loihi);
    let truenorth = preset("truenorth").costs_digest();
    assert_ne!(digest("truenorth", ("voltage", "0.8 V")), truenorth);
}

#[test]
fn digest_of_limits_ignores_costs_only() {
    let loihi = preset("loihi");
    assert_eq!(loihi.limits_digest(), preset("loihi-fit").limits_digest());
    assert_eq!(loihi.limits_digest(), preset("loihi-vc").limits_digest());
    assert_ne!(loihi.times_digest(), preset("loihi-vc").times_digest());
    let mut seen: Vec<[u8; 32]> = ["loihi", "truenorth", "tiny"]
        .map(|name| preset(name).limits_digest())
        .to_vec();
    for pair in [
        ("mesh.width", "9"),
        ("core.neurons", "1000"),
        ("core.weight_exponent", "[-8, 7]"),
        ("core.graded", "true"),
        ("kernels", "any"),
        ("host.ports", "7 east"),
    ] {
        seen.push(
            set("loihi", &[pair])
                .unwrap_or_else(|e| panic!("{}", lines(&e)))
                .limits_digest(),
        );
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count);
    for pair in [
        ("noc.hop_east", "5"),
        ("energy.static", "1 W"),
        ("mesh.planes", "1"),
    ] {
        assert_eq!(
            set("loihi", &[pair]).expect("valid").limits_digest(),
            loihi.limits_digest()
        );
    }
}

#[test]
fn a_board_is_one_mesh() {
    let one = preset("truenorth");
    assert_eq!((one.mesh.border, one.energy.chip_crossing), (None, 0.0));
    let board = set("truenorth", &[("mesh.board", "[2, 3]")]).expect("it knows its borders");
    assert_eq!((board.mesh.width, board.mesh.height), (128, 192));
    assert_eq!((board.cores(), board.mesh.chips()), (6 * 4096, 6));
    let border = board.mesh.border.expect("links between chips");
    assert_eq!((border.hop, border.occupancy), (5, 3));
    assert_eq!(board.energy.chip_crossing, 832e-12);
    assert_eq!(board.static_w(), 6.0 * one.static_w());
    let sides = [("mesh.width", "128"), ("mesh.height", "192")];
    let large = set("truenorth", &sides).expect("valid");
    assert_ne!(large.limits_digest(), board.limits_digest());
    let slow = [("mesh.board", "[2, 3]"), ("noc.chip_hop", "6")];
    let slow = set("truenorth", &slow).expect("valid");
    assert_eq!(slow.limits_digest(), board.limits_digest());
    assert_ne!(slow.times_digest(), board.times_digest());
    // Ports lie at the border of the board.
    let inner = [("mesh.board", "[2, 1]"), ("host.ports", "63 east")];
    let errors = set("truenorth", &inner).expect_err("inside");
    assert!(lines(&errors).contains("tile 63 is at (63, 0) of 128 × 64"));
    let outer = [("mesh.board", "[2, 1]"), ("host.ports", "127 east")];
    set("truenorth", &outer).expect("the eastern border");
}

#[test]
fn a_board_needs_the_keys_of_its_borders() {
    let errors = set("tiny", &[("mesh.board", "[2, 1]")]).expect_err("no border");
    expect![[r#"
        c.toml:18: host.ports: port "1 east" is not on the border: tile 1 is at (1, 0) of 4 × 1 (choose a tile on that side of the mesh)
        c.toml:54: noc.chip_hop: missing, and mesh.board is [2, 1] (what a link from chip to chip takes: write it into the chip file, or --set noc.chip_hop="50 ns")
        c.toml:54: noc.chip_occupancy: missing, and mesh.board is [2, 1] (what a link from chip to chip takes: write it into the chip file, or --set noc.chip_occupancy="25 ns")
        c.toml:92: energy.chip_crossing: missing, and mesh.board is [2, 1] (what a link from chip to chip takes: write it into the chip file, or --set energy.chip_crossing="100 pJ")
    "#]]
    .assert_eq(&lines(&errors));
    let errors = set("loihi-vc", &[("mesh.board", "[1, 2]")]).expect_err("no reference");
    expect![[r#"
        --set: mesh.board: is [1, 2], and routers `vc` have no reference for links between chips (write [1, 1], or take routers `fifo`)
    "#]]
    .assert_eq(&lines(&errors));
    let large = [("mesh.width", "1024"), ("mesh.board", "[64, 1]")];
    let errors = lines(&set("truenorth", &large).expect_err("too large"));
    assert!(
        errors.contains("makes 4194304 cores of the mesh"),
        "{errors}"
    );
    assert!(
        errors.contains("mesh.width: makes 65536 tiles of a side of the board"),
        "{errors}"
    );
}

#[test]
fn geometry_and_barrier() {
    let chip = preset("loihi");
    assert_eq!(
        (chip.tile_of(0), chip.tile_of(127), chip.xy(31)),
        (0, 31, (7, 3))
    );
    assert_eq!(chip.xy(9), (1, 1));
    assert_eq!(chip.barrier_cycles(0), 1130);
    assert_eq!(chip.barrier_cycles(2), 1130 + 114); // 3520 / 31 = 113.5…
    assert_eq!(chip.barrier_cycles(1000), 4650);
    let fit = preset("loihi-fit");
    let steps = [1, 2, 3, 4, 28, 29, 32].map(|n| fit.barrier_cycles(n));
    assert_eq!(
        steps,
        [6_000, 10_000, 10_000, 14_000, 14_000, 18_000, 18_000]
    );
    // Ties go up, also where the table falls.
    let tied = |points| match set("tiny", &[("sync.barrier", points)]) {
        Ok(chip) => chip.barrier_cycles(2),
        Err(errors) => panic!("{}", lines(&errors)),
    };
    assert_eq!(
        (tied("[[1, 10], [3, 11]]"), tied("[[1, 11], [3, 10]]")),
        (11, 11)
    );
    assert_eq!(preset("truenorth").barrier_cycles(5), 0);
}

// ---- voltage ----

#[test]
fn costs_follow_the_voltage_of_the_chip() {
    let at = |pairs: &[(&str, &str)]| {
        set("truenorth", pairs).unwrap_or_else(|errors| panic!("{}", lines(&errors)))
    };
    let near = |got: f64, want: f64| (got - want).abs() <= want * 1e-12;
    let row = |chip: &ChipSpec| match chip.energy.update {
        UpdateEnergy::Event { row, .. } => row,
        UpdateEnergy::Instruction(_) => panic!("by event"),
    };
    let preset = at(&[]);
    assert_eq!(preset.voltage, Some(0.775));
    assert_eq!((row(&preset), preset.energy.hop), (19.27e-12, [2.3e-12; 4]));
    let high = at(&[("voltage", "0.8")]);
    assert_eq!(high.voltage, Some(0.8));
    assert_eq!(high.energy.static_w, 42.5e-3);
    let ratio = 0.8 / 0.775;
    assert!(near(high.energy.hop[2], 2.3e-12 * ratio * ratio));
    assert!(near(row(&high), 19.27e-12 * f64::powf(ratio, 3.26)));
    assert_eq!(high.energy.host_out, preset.energy.host_out);
    let scaled = high.quantities["energy.hop_north"].scaled.expect("scaled");
    assert_eq!((scaled.at_voltage, scaled.exponent), (0.775, 2.0));
    assert!(near(scaled.factor, ratio * ratio));
    // A cost that is set is taken as it stands, at any voltage.
    let own = at(&[("voltage", "800 mV"), ("energy.hop_north", "5")]);
    assert_eq!(own.energy.hop[2], 5e-12);
    assert!(own.quantities["energy.hop_north"].scaled.is_none());
    let errors = set("truenorth", &[("voltage", "11")]).expect_err("too high");
    assert!(lines(&errors).contains("--set: voltage: is 11 V"));
    let errors = set("tiny", &[("voltage", "1.1 V")]).expect_err("does nothing");
    assert!(lines(&errors).contains("--set: voltage: no cost of this chip follows the voltage"));
}

#[test]
fn scopes_and_router_parts() {
    let chip =
        |name, pairs: &[(&str, &str)]| set(name, pairs).unwrap_or_else(|e| panic!("{}", lines(&e)));
    let plain = chip("truenorth", &[]);
    let mapped = chip(
        "truenorth",
        &[
            ("update.neuron_scope", "mapped"),
            ("energy.static_scope", "mapped"),
        ],
    );
    assert_eq!(plain.energy.static_scope, Scope::Physical);
    assert_eq!(mapped.energy.static_scope, Scope::Mapped);
    assert!(matches!(
        mapped.energy.update,
        UpdateEnergy::Event {
            row_scope: Scope::Mapped,
            ..
        }
    ));
    assert!(matches!(
        plain.energy.update,
        UpdateEnergy::Event {
            row_scope: Scope::Physical,
            ..
        }
    ));
    assert_eq!(plain.limits_digest(), mapped.limits_digest());
    assert_eq!(plain.energy.router, [0.0; 5]);
    let parts = chip(
        "tiny",
        &[
            ("energy.router", "parts"),
            ("energy.buffer_write", "1 pJ"),
            ("energy.buffer_read", "2 pJ"),
            ("energy.arbitration", "3 fJ"),
            ("energy.crossbar", "4 pJ"),
        ],
    );
    assert_eq!(parts.energy.router, [1e-12, 2e-12, 3e-15, 4e-12, 0.0]);
}

#[test]
fn a_chip_has_the_keys_of_its_router() {
    let wrong = |chip: &str, pairs: &[(&str, &str)]| lines(&set(chip, pairs).expect_err(chip));
    for (pair, says) in [
        (("noc.router", "torus"), "write \"fifo\" or \"vc\""),
        (("noc.vcs", "9"), "noc.vcs"),
        (("noc.vcs", "0"), "noc.vcs"),
        (("noc.routing_delay", "2"), "noc.routing_delay"),
        (("noc.router_cycle", "0"), "noc.router_cycle"),
        (("noc.hop_east", "5"), "noc.hop_east"),
        (("noc.graded_flits", "2"), "noc.graded_flits"),
        (("noc.networks", "[\"host\"]"), "noc.networks"),
        (("noc.multicast", "tree"), "noc.multicast"),
        (("noc.order", "yx"), "noc.order"),
        (("noc.host_order", "yx"), "noc.host_order"),
        (("noc.routes", "[\"-\"]"), "noc.routes"),
        (("noc.vc_allocator", "islip"), "unknown key"),
        (
            ("mesh.cores_per_tile", "29"),
            "132 channels of a router with 4 + 29 ports",
        ),
    ] {
        let seen = wrong("loihi-vc", &[pair]);
        assert!(seen.contains(says), "{seen}");
    }
    // The other router's keys are missing then, and those of the file misplaced.
    let seen = wrong("tiny", &[("noc.router", "vc")]);
    assert!(
        seen.contains("noc.hop_east") && seen.contains("noc.vcs"),
        "{seen}"
    );
    let chip = set(
        "loihi-vc",
        &[("noc.router_cycle", "2 ns"), ("noc.speculative", "true")],
    );
    let vc = chip
        .unwrap_or_else(|e| panic!("{}", lines(&e)))
        .noc
        .vc
        .expect("its router");
    assert_eq!(
        (vc.cycle, vc.speculative, vc.stages(), vc.hop()),
        (20, true, 0, 3)
    );
}

// ---- overrides ----

#[test]
fn overrides_keep_the_unit_or_bring_their_own() {
    let chip =
        |pairs: &[(&str, &str)]| set("loihi", pairs).unwrap_or_else(|e| panic!("{}", lines(&e)));
    assert_eq!(chip(&[("noc.hop_east", "5")]).noc.hop, [50, 41, 65, 65]);
    assert_eq!(chip(&[("noc.hop_east", "5 ns")]).noc.hop[0], 50);
    assert_eq!(chip(&[("noc.hop_east", "5cycles")]).noc.hop[0], 5);
    assert_eq!(chip(&[("noc.hop_east", "1e-3 us")]).noc.hop[0], 10);
    assert_eq!(
        chip(&[("noc.hop_east", "1"), ("noc.hop_east", "2")])
            .noc
            .hop[0],
        20
    );
    assert_eq!(chip(&[("energy.static", "0.1 W")]).energy.static_w, 0.1);
    assert_eq!(
        chip(&[("core.weight_widths", "[1, 8]")])
            .limits
            .weight_widths,
        [1, 8]
    );
    assert_eq!(
        chip(&[("sync.barrier", "[[1, 2]] us")]).barrier_cycles(9),
        20_000
    );
    assert_eq!(chip(&[("kernels", "any")]).kernels, None);
    assert_eq!(chip(&[("other_costs", "[]")]).other_costs, [""; 0]);
    assert!(chip(&[("core.graded", "true")]).limits.graded);
    assert_eq!(
        chip(&[("host.ports", "7 east")]).host_ports,
        [HostPort { tile: 7, side: 0 }]
    );
    assert_eq!(
        chip(&[("host.ports", "[\"0 west\", \"31 north\"]")])
            .host_ports
            .len(),
        2
    );
    let spec = chip(&[("noc.hop_east", "5")]);
    let q = &spec.quantities["noc.hop_east"];
    assert_eq!(
        (q.value, q.unit.as_str(), q.source.as_str(), q.estimated),
        (5.0, "ns", "set on the command line", true)
    );
    assert_ne!(spec.sha256, preset("loihi").sha256);
    assert_eq!(spec.sha256, chip(&[("noc.hop_east", "5 ns")]).sha256);
    assert_ne!(spec.sha256, chip(&[("noc.hop_east", "6")]).sha256);
}

#[test]
fn a_form_can_be_changed_only_as_a_whole() {
    // Keys of the other form stand in the file, so this cannot be done by overrides alone.
    let errors = set("tiny", &[("update.price", "instruction")]).expect_err("both forms");
    assert!(lines(&errors).contains("c.toml:"), "{}", lines(&errors));
    assert!(lines(&errors).contains("never both"));
    // A time that no key of the file gives a unit for.
    let errors = set("tiny", &[("sync.period", "5")]).expect_err("no unit");
    assert!(
        lines(&errors).contains("--set: sync.period: `5` has no unit"),
        "{}",
        lines(&errors)
    );
}

#[test]
fn pricing_by_instruction() {
    let mut text = String::new();
    for line in preset_text("tiny").lines() {
        let by_event = [
            "inactive_",
            "active_",
            "spike_t",
            "spike_e",
            "synapse_time",
            "synapse_energy",
        ];
        if by_event.iter().any(|k| line.starts_with(k)) {
            continue;
        }
        if line == "price = \"event\"" {
            text.push_str("price = \"instruction\"\nfill_time = { value = 3, unit = \"cycles\", source = \"x\" }\n");
            let send = if text.contains("[on_spike]") {
                None
            } else {
                Some("send")
            };
            for (i, class) in ["alu", "mul", "mem", "ctl"]
                .into_iter()
                .chain(send)
                .chain(["rng"])
                .enumerate()
            {
                writeln!(
                    text,
                    "{class}_time = {{ value = {i}, unit = \"ns\", source = \"x\" }}"
                )
                .unwrap();
                writeln!(
                    text,
                    "{class}_energy = {{ value = {i}.5, unit = \"fJ\", source = \"x\" }}"
                )
                .unwrap();
            }
        } else {
            writeln!(text, "{line}").unwrap();
        }
    }
    let chip = ChipSpec::parse(&text, "c.toml", &[]).unwrap_or_else(|e| panic!("{}", lines(&e)));
    let UpdateTime::Instruction(times) = &chip.time.update else {
        panic!("{:?}", chip.time)
    };
    assert_eq!((times.fill, times.class), (3, [0, 1, 2, 3, 4, 5]));
    let OnSpikeTime::Instruction { packet, times } = &chip.time.on_spike else {
        panic!("{:?}", chip.time)
    };
    assert_eq!(
        (*packet, times.fill, times.class),
        (3, 3, [0, 1, 2, 3, 0, 4])
    );
    let bits = chip.energy.update;
    assert_eq!(
        bits,
        isa::chip::UpdateEnergy::Instruction([
            0.5e-15, 1.5e-15, 2.5e-15, 3.5e-15, 4.5e-15, 5.5e-15
        ])
    );
}

// ---- the key list ----

#[test]
fn key_list_in_specs_is_current() {
    let mut list =
        String::from("| key | value | range | where | meaning |\n|---|---|---|---|---|\n");
    for key in schema() {
        let range = match key.kind {
            Kind::Time | Kind::FourTimes | Kind::TimeByTiles => format!("≥ {} cycles", key.min),
            Kind::Energy | Kind::Power => "≥ 0".to_owned(),
            Kind::Voltage => format!("{} … {} V", key.min, key.max),
            Kind::Cycle => "≥ 1 ps".to_owned(),
            _ if key.max > 0.0 => format!("{} … {}", key.min, key.max),
            _ => "–".to_owned(),
        };
        let when: Vec<String> = key
            .when
            .iter()
            .map(|(k, w)| format!("`{k} = \"{w}\"`"))
            .collect();
        let mut when = if when.is_empty() {
            "always".to_owned()
        } else {
            when.join(", ")
        };
        match key.need {
            Need::Required => {}
            Need::Optional => when.push_str("; optional"),
            Need::Default(word) => write!(when, "; left out: `\"{word}\"`").unwrap(),
        }
        writeln!(
            list,
            "| `{}` | {} | {range} | {when} | {} |",
            key.path,
            key.kind.text(),
            key.doc
        )
        .unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/chip.md");
    let text = std::fs::read_to_string(path).expect("specs/chip.md");
    let (begin, end) = ("<!-- keys: generated -->\n", "<!-- end of keys -->");
    let from = text.find(begin).expect("the first mark") + begin.len();
    let to = text.find(end).expect("the last mark");
    expect_file![path].assert_eq(&format!("{}{list}{}", &text[..from], &text[to..]));
}

#[test]
fn schema_is_sound() {
    let mut paths: Vec<&str> = schema().iter().map(|k| k.path).collect();
    for (i, key) in schema().iter().enumerate() {
        assert!(key.min <= key.max, "{}", key.path);
        assert!(!key.doc.is_empty() && key.path.split('.').count() <= 2);
        for (other, word) in key.when {
            let at = schema()
                .iter()
                .position(|k| k.path == *other)
                .expect("a key decides");
            assert!(
                at < i,
                "{} stands before {other}, which decides on it",
                key.path
            );
            assert!(matches!(schema()[at].kind, Kind::Choice(words) if words.contains(word)));
        }
    }
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), schema().len());
}

#[test]
fn each_energy_is_charged_on_one_line_of_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/energy.md");
    let text = std::fs::read_to_string(path).expect("specs/energy.md");
    let mut charged: Vec<String> = Vec::new();
    for line in text.lines().filter(|l| l.starts_with("| ")) {
        let cost = line.split('|').nth(2).expect("a second column");
        for key in cost
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|k| k.contains('.'))
        {
            match key.split_once('{').zip(key.split_once('}')) {
                Some(((before, names), (_, after))) => {
                    let names = names.split('}').next().expect("text before the brace");
                    charged.extend(
                        names
                            .split(',')
                            .map(|name| format!("{before}{name}{after}")),
                    );
                }
                None => charged.push(key.to_owned()),
            }
        }
    }
    let mut energies: Vec<&str> = schema()
        .iter()
        .filter(|k| k.kind == Kind::Energy)
        .map(|k| k.path)
        .collect();
    energies.sort_unstable();
    charged.sort();
    assert_eq!(charged, energies);
}
