//! `run --compare`: a change is shown number by number, no change is said, and another file is refused.

use crate::cli::{folder, root, run_in};
use network::npz::{Array, Data, write_npz};
use serde_json::Value;
use std::path::Path;

const PROGRAM: &str = "\
.population p count=1
.input x shape=[1]
.element -> core 0 axon 0
.core 0
.format f sparse scale=6
.group lanes=1
.accumulator 22 wrap
.slot v 24
.update
    lds r1, v
    lda r2, 0
    add.s24 r1, r1, r2
    sts r1, v
    halt
.end
.on_spike
    ldy r1, weight
    acc r1
    halt
.end
.axon input 0
.sparse = 0:1
";

fn run(at: &Path, args: &str) -> (bool, String) {
    let args: Vec<&str> = args.split(' ').collect();
    let out = run_in(at, &args);
    let text = if out.status.success() {
        out.stdout
    } else {
        out.stderr
    };
    (out.status.success(), String::from_utf8(text).unwrap())
}

fn report(at: &Path, file: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(at.join(file)).unwrap()).unwrap()
}

/// One instruction more in `update` of one lane: 5 more in 5 steps, at the price of the class.
#[test]
fn a_change_of_a_program_is_shown_by_key() {
    let at = folder("compare_program");
    std::fs::write(at.join("x.s"), PROGRAM).unwrap();
    let (good, text) = run(&at, "run x.s --chip programmable --steps 5 --json old.json");
    assert!(good, "{text}");
    let (good, text) = run(
        &at,
        "run x.s --chip programmable --steps 5 --compare old.json --json same.json",
    );
    assert!(good && text.contains("numbers are equal"), "{text}");
    assert_eq!(
        report(&at, "same.json")["compare"]["different"],
        serde_json::json!({})
    );
    std::fs::write(
        at.join("x.s"),
        PROGRAM.replace("    sts r1", "    mulq r1, r1, r1, 4\n    sts r1"),
    )
    .unwrap();
    let (good, text) = run(
        &at,
        "run x.s --chip programmable --steps 5 --compare old.json --json new.json",
    );
    assert!(good, "{text}");
    let different = &report(&at, "new.json")["compare"]["different"];
    let row = |key: &str| {
        let d = &different[key];
        [&d["old"], &d["new"], &d["difference"]].map(|x| x.as_f64().unwrap_or(f64::NAN))
    };
    assert_eq!(row("counters.update_mul"), [0.0, 5.0, 5.0]);
    assert_eq!(different["counters.update_mul"]["percent"], Value::Null);
    assert_eq!(row("handlers.p.update.classes.mul"), [0.0, 5.0, 5.0]);
    assert_eq!(row("handlers.p.update.instructions"), [25.0, 30.0, 5.0]);
    assert_eq!(different["handlers.p.update.instructions"]["percent"], 20.0);
    assert_eq!(row("handlers.p.update.cycles")[2], 30.0);
    assert!((row("handlers.p.update.energy_j")[2] - 30e-12).abs() < 1e-20);
    assert!((row("energy_j.dynamic")[2] - 30e-12).abs() < 1e-18);
    assert_eq!(
        different["counters.update_mem"],
        Value::Null,
        "what is equal is not listed"
    );
    for part in [
        "Compared with old.json",
        "handlers.p.update.instructions ",
        "+20.00 %",
        "numbers differ",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

/// Another chip and a renamed population: warned about, and named on the side that has it.
#[test]
fn what_only_one_side_has_is_named() {
    let at = folder("compare_sides");
    std::fs::write(at.join("x.s"), PROGRAM).unwrap();
    assert!(run(&at, "run x.s --chip programmable --steps 5 --json old.json").0);
    std::fs::write(
        at.join("x.s"),
        PROGRAM.replace("population p", "population q"),
    )
    .unwrap();
    let (good, text) = run(
        &at,
        "run x.s --chip programmable --steps 5 --seed 1 --timing off --compare old.json --json new.json",
    );
    assert!(good, "{text}");
    let compare = &report(&at, "new.json")["compare"];
    let has = |side: &str, key: &str| compare[side].as_array().unwrap().iter().any(|k| k == key);
    assert!(has("only_old", "spikes.populations.p") && has("only_new", "spikes.populations.q"));
    assert!(
        has("only_old", "time.cycles"),
        "there is no time without timing"
    );
    let warnings = compare["warnings"].to_string();
    assert!(
        warnings.contains("the seed was 0, now it is 1"),
        "{warnings}"
    );
    assert!(
        warnings.contains("the timing was cycle, now it is off"),
        "{warnings}"
    );
    assert!(
        text.contains("only then: ") && text.contains("only now: "),
        "{text}"
    );
}

#[test]
fn other_files_are_refused_before_anything_runs() {
    let at = folder("compare_refused");
    std::fs::write(at.join("x.s"), PROGRAM).unwrap();
    std::fs::write(at.join("half.json"), "{\"counters\": {").unwrap();
    std::fs::write(at.join("other.json"), "{\"counters\": 3, \"name\": \"x\"}").unwrap();
    std::fs::write(at.join("list.json"), "[1, 2]").unwrap();
    let net = root().join("examples/adex/adex.toml");
    let map = format!("map {} --chip programmable --json map.json", net.display());
    assert!(run(&at, &map).0);
    for (file, says) in [
        ("half.json", "half.json:1:14: not a JSON file"),
        (
            "other.json",
            "not a report of `run`; give what `run --json` wrote",
        ),
        ("list.json", "not a report of `run`"),
        ("map.json", "it looks like a report of `map`"),
        ("x.s", "not a JSON file"),
        ("nothing.json", "nothing.json: cannot be read"),
    ] {
        let (good, text) = run(
            &at,
            &format!("run x.s --chip programmable --steps 5 --json out.json --compare {file}"),
        );
        assert!(!good && text.contains(says), "{file}: {text}");
        assert!(!at.join("out.json").exists());
    }
    assert!(run(&at, "run x.s --chip programmable --steps 5 --json old.json").0);
    let (good, text) = run(
        &at,
        "run x.s --chip programmable --steps 5 --compare old.json --json old.json",
    );
    assert!(!good && text.contains("it is an input"), "{text}");
}

/// A network, with everything that its report has.
#[test]
fn networks_compare_with_themselves() {
    let at = folder("compare_network");
    let run_delays = |more: &str| {
        let file = |path: &str| root().join(path).display().to_string();
        let args = format!(
            "run {} --input {} --limit 5 --chip loihi{more}",
            file("examples/delays/delays.nir"),
            file("examples/delays/test.npz")
        );
        run(&at, &args)
    };
    assert!(run_delays(" --json old.json").0);
    let (good, text) = run_delays(" --compare old.json");
    assert!(good && text.contains("numbers are equal"), "{text}");
    let (good, text) = run_delays(" --set update.active_energy=90 --compare old.json");
    assert!(good, "{text}");
    assert!(
        text.contains("energy_j.dynamic")
            && text.contains("the chip has other costs\n")
            && text.contains("--set changed nothing then, now update.active_energy=90\n"),
        "{text}"
    );
    assert!(
        !text.contains("counters."),
        "counts do not depend on prices: {text}"
    );
}

/// A time that was set is no cost, and a number of the user no estimate.
#[test]
fn a_time_that_was_set_leaves_the_costs() {
    let at = folder("compare_time");
    std::fs::write(at.join("x.s"), PROGRAM).unwrap();
    assert!(run(&at, "run x.s --chip programmable --steps 5 --json old.json").0);
    let (good, text) = run(
        &at,
        "run x.s --chip programmable --steps 5 --set noc.hop_east=8 --compare old.json --json new.json",
    );
    assert!(good, "{text}");
    let (old, new) = (report(&at, "old.json"), report(&at, "new.json"));
    for (key, same) in [
        ("costs_sha256", true),
        ("times_sha256", false),
        ("chip_sha256", false),
    ] {
        let [a, b] = [&old, &new].map(|r| &r["provenance"][key]);
        assert_eq!(a == b, same, "{key}");
    }
    assert_eq!(
        new["compare"]["warnings"],
        serde_json::json!([
            "the chip has other times",
            "--set changed nothing then, now noc.hop_east=8"
        ])
    );
    let names = |r: &Value| r["estimated"].to_string().contains("noc.hop_east");
    assert!(names(&old) && !names(&new));
    assert!(
        text.contains("set by you, not the chip file: noc.hop_east=8"),
        "{text}"
    );
}

/// The weights of a network lie in a file of another name: it is a part of the network's digest.
#[test]
fn weights_in_a_file_of_another_name_are_seen() {
    let at = folder("compare_arrays");
    let text = "format = 1\ndt = 1e-3\narrays = \"small.npz\"\n[[input]]\nname = \"x\"\nshape = [2]\n\
        [[population]]\nname = \"p\"\nshape = [2]\nmodel = \"if\"\nthreshold = 1.0\n\
        [[projection]]\nfrom = \"x\"\nto = \"p\"\nkind = \"dense\"\nweight = \"w\"\n\
        [[output]]\nname = \"o\"\nfrom = \"p\"\n";
    std::fs::write(at.join("net.toml"), text).unwrap();
    let write = |file: &str, weight: f32| {
        let array = Array {
            shape: vec![2, 2],
            data: Data::F32(vec![weight; 4]),
        };
        let mut bytes = std::io::Cursor::new(Vec::new());
        write_npz(&mut bytes, [("w", &array)]).unwrap();
        std::fs::write(at.join(file), bytes.into_inner()).unwrap();
    };
    write("small.npz", 0.5);
    let (good, text) = run(
        &at,
        "run net.toml --chip loihi --steps 5 --timing off --json old.json",
    );
    assert!(good, "{text}");
    let again = "run net.toml --chip loihi --steps 5 --timing off --compare old.json";
    // Not read: the description names the other.
    write("net.npz", 0.25);
    let (good, text) = run(&at, again);
    assert!(good && !text.contains("the network is another"), "{text}");
    write("small.npz", 0.25);
    let (good, text) = run(&at, again);
    assert!(good && text.contains("the network is another"), "{text}");
}
