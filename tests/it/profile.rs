//! `--profile`: rates of a run change the mapping of a network that spikes unevenly, for the better; other files are refused.

use crate::cli::{folder, json, root, run_in};
use network::npz::{Array, Data, write_npz};
use serde_json::Value;
use std::path::Path;

/// Neurons of each of the two layers.
const N: usize = 96;
/// Steps of the input.
const STEPS: usize = 40;
/// Neurons whose input is busy.
const BUSY: usize = 12;

/// Two layers in which every neuron has two targets of its own and one from far away, and an input that wakes a few of them often and the
/// rest seldom.
fn uneven(folder: &Path) -> (String, String) {
    let eye = |weight: f32| {
        let mut all = vec![0f32; N * N];
        (0..N).for_each(|i| all[i * N + i] = weight);
        Array {
            shape: vec![N, N],
            data: Data::F32(all),
        }
    };
    let mut next = vec![0f32; N * N];
    for target in 0..N {
        for source in [target, (target + 1) % N, (target * 37 + 11) % N] {
            next[target * N + source] = 0.5;
        }
    }
    let next = Array {
        shape: vec![N, N],
        data: Data::F32(next),
    };
    let mut spikes = vec![0u8; STEPS * N];
    for step in 0..STEPS {
        for element in 0..N {
            let busy = element % (N / BUSY) == 3;
            spikes[step * N + element] = u8::from(if busy {
                step % 2 == 0
            } else {
                (step + element) % 37 == 0
            });
        }
    }
    let spikes = Array {
        shape: vec![STEPS, N],
        data: Data::U8(spikes),
    };
    let save = |name: &str, arrays: &[(&str, &Array)]| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        write_npz(&mut bytes, arrays.iter().copied()).unwrap();
        std::fs::write(folder.join(name), bytes.into_inner()).unwrap();
    };
    save("uneven.npz", &[("first", &eye(2.0)), ("second", &next)]);
    save("input.npz", &[("spikes", &spikes)]);
    let text = format!("{N}");
    let text = NET.replace("COUNT", &text);
    std::fs::write(folder.join("uneven.toml"), text).unwrap();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    (path("uneven.toml"), path("input.npz"))
}

/// Both layers fire whenever anything arrives.
const NET: &str = r#"
format = 1
dt = 1e-3
[[input]]
name = "in"
shape = [COUNT]
[[population]]
name = "first"
shape = [COUNT]
model = "if"
threshold = 1e-3
[[population]]
name = "second"
shape = [COUNT]
model = "if"
threshold = 1e-3
[[projection]]
from = "in"
to = "first"
kind = "dense"
weight = "first"
[[projection]]
from = "first"
to = "second"
kind = "dense"
weight = "second"
[[output]]
name = "out"
from = "second"
"#;

/// Runs the network and returns the report.
fn run(name: &str, net: &str, input: &str, more: &[&str]) -> Value {
    let base = [
        "run",
        net,
        "--input",
        input,
        "--chip",
        "loihi",
        "--set",
        "core.neurons=16",
        "--objective",
        "packets",
    ];
    json(name, &[&base[..], more].concat())
}

#[test]
fn rates_of_a_run_make_the_next_mapping_better() {
    let folder = folder("profile_uneven");
    let (net, input) = uneven(&folder);
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let before = run("profile_before", &net, &input, &[]);
    let wrote = run("profile_rates", &net, &input, &["--rates"]);
    assert_eq!(before["counters"], wrote["counters"], "--rates only counts");
    let written = |name: &str, report: &Value| {
        std::fs::write(path(name), report.to_string()).unwrap();
        path(name)
    };
    let rates = written("rates.json", &wrote);
    let after = run("profile_after", &net, &input, &["--profile", &rates]);
    let hops = |r: &Value| r["mapping"]["hop_cost"].as_u64().unwrap();
    let sent = |r: &Value| {
        let of = |key: &str| r["counters"][key].as_u64().unwrap();
        of("packets") - of("packets_local") + of("packets_host_in")
    };
    assert_eq!(
        before["spikes"], after["spikes"],
        "a mapping changes costs only"
    );
    assert!(
        sent(&after) < sent(&before),
        "{} {}",
        sent(&after),
        sent(&before)
    );
    assert!(
        hops(&after) < hops(&before),
        "{} {}",
        hops(&after),
        hops(&before)
    );
    let energy = |r: &Value| r["energy_j"]["dynamic"].as_f64().unwrap();
    assert!(energy(&after) < energy(&before));
    // Population by population it is a profile, too.
    let means = written("means.json", &before);
    let coarse = run("profile_coarse", &net, &input, &["--profile", &means]);
    assert_eq!(before["spikes"], coarse["spikes"]);

    // The counts are those of the spikes and of the input.
    let profile = &wrote["profile"];
    let each = |list: &str, name: &str| -> Vec<u64> {
        let text = profile[list][name]["each"].as_str().unwrap();
        let runs = text
            .split(' ')
            .map(|w| w.split_once('x').unwrap_or((w, "1")));
        let runs = runs.map(|(n, times)| (n.parse().unwrap(), times.parse().unwrap()));
        runs.flat_map(|(n, times)| std::iter::repeat_n(n, times))
            .collect()
    };
    let (first, given) = (each("populations", "first"), each("inputs", "in"));
    assert_eq!(given, first, "each element makes its neuron fire");
    assert_eq!(given[3], STEPS as u64 / 2);
    assert_eq!(given[0], 2, "steps 0 and 37");
    assert_eq!(
        before["profile"]["populations"]["first"]["each"],
        Value::Null
    );
}

#[test]
fn other_files_are_refused_by_name() {
    let folder = folder("profile_refused");
    let (net, input) = uneven(&folder);
    let report = run("profile_refused_run", &net, &input, &["--rates"]);
    let file = folder.join("bad.json");
    let refused = |text: &str, net: &str, expected: &[&str]| {
        std::fs::write(&file, text).unwrap();
        let out = run_in(
            &folder,
            &["map", net, "--chip", "loihi", "--profile", "bad.json"],
        );
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(1), "{said}");
        for part in expected.iter().chain(&["bad.json", "run"]) {
            assert!(said.contains(part), "{said:?} lacks {part:?}");
        }
    };
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut report = report.clone();
        change(&mut report["profile"]);
        report.to_string()
    };
    refused("{", &net, &["not a JSON file", "1:1"]);
    refused("{}", &net, &["/profile: missing"]);
    let digits = root().join("examples/digits/digits.nir");
    let digits = digits.to_str().unwrap();
    refused(
        &report.to_string(),
        digits,
        &["/profile/populations", "\"lif1\"", "another network"],
    );
    let more = |p: &mut Value| p["populations"]["third"] = p["populations"]["first"].clone();
    refused(
        &changed(&more),
        &net,
        &["/profile/populations/third", "another network"],
    );
    let fewer = |p: &mut Value| p["populations"]["second"]["count"] = 95.into();
    refused(
        &changed(&fewer),
        &net,
        &["/profile/populations/second", "95", "96"],
    );
    let short = |p: &mut Value| p["inputs"]["in"]["each"] = "1 2 0x93".into();
    refused(&changed(&short), &net, &["/profile/inputs/in", "96 counts"]);
    let sum = |p: &mut Value| p["inputs"]["in"]["each"] = "0x96".into();
    refused(&changed(&sum), &net, &["/profile/inputs/in", "together"]);
    let never = |p: &mut Value| p["steps"] = 0.into();
    refused(&changed(&never), &net, &["/profile/steps"]);
    let silent = |p: &mut Value| {
        for (list, name) in [
            ("inputs", "in"),
            ("populations", "first"),
            ("populations", "second"),
        ] {
            p[list][name]["spikes"] = 0.into();
            p[list][name].as_object_mut().unwrap().remove("each");
        }
    };
    refused(&changed(&silent), &net, &["nothing spiked", "--input"]);

    std::fs::write(&file, report.to_string()).unwrap();
    let out = run_in(
        &folder,
        &["run", &net, "--chip", "loihi", "--steps", "3", "--rates"],
    );
    assert_eq!(out.status.code(), Some(2), "--rates needs a place to go");
}

/// Packets to other cores and from the host.
fn sent(report: &Value) -> u64 {
    let of = |key: &str| report["counters"][key].as_u64().unwrap();
    of("packets") - of("packets_local") + of("packets_host_in")
}

#[test]
fn multilevel_partitions_weigh_rates() {
    let folder = folder("profile_multilevel");
    let (net, input) = uneven(&folder);
    let by = ["--partitioner", "multilevel"];
    let before = run(
        "profile_multilevel_before",
        &net,
        &input,
        &[&by[..], &["--rates"]].concat(),
    );
    let rates = folder.join("rates.json");
    std::fs::write(&rates, before.to_string()).unwrap();
    let profile = ["--profile", rates.to_str().unwrap()];
    let after = run(
        "profile_multilevel_after",
        &net,
        &input,
        &[&by[..], &profile].concat(),
    );
    assert_eq!(before["spikes"], after["spikes"]);
    let (least, most) = (sent(&after), sent(&before));
    assert!(least < most, "{least} {most}");
}

#[test]
fn samples_tell_rates_without_a_run() {
    let folder = folder("profile_samples");
    let (net, input) = uneven(&folder);
    let map = |more: &[&str]| {
        let base = ["map", &net, "--chip", "loihi", "--set", "core.neurons=16"];
        let rest = [
            "--objective",
            "packets",
            "-o",
            "mapped.spm",
            "--json",
            "map.json",
        ];
        let out = run_in(&folder, &[&base[..], &rest, more].concat());
        assert!(out.status.success(), "{out:?}");
        let image = folder.join("mapped.spm").to_str().unwrap().to_owned();
        let chip = ["--chip", "loihi", "--set", "core.neurons=16"];
        let given = ["run", &image, "--input", &input];
        let report = json("profile_samples_run", &[&given[..], &chip].concat());
        let said = std::fs::read_to_string(folder.join("map.json")).unwrap();
        (report, serde_json::from_str::<Value>(&said).unwrap())
    };
    let (before, assumed) = map(&[]);
    let (after, sampled) = map(&["--input", &input]);
    assert_eq!(before["spikes"], after["spikes"]);
    let (least, most) = (sent(&after), sent(&before));
    assert!(least < most, "{least} {most}");
    let rates = |report: &Value| report["traffic"]["rates"].to_string();
    assert!(rates(&sampled).contains("--input"), "{}", rates(&sampled));
    assert!(!rates(&assumed).contains("--input"), "{}", rates(&assumed));

    let refused = |args: &[&str], parts: &[&str]| {
        let out = run_in(&folder, args);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(1), "{said}");
        for part in parts {
            assert!(said.contains(part), "{part}: {said}");
        }
    };
    let on = |chip: &'static str| {
        [
            "map",
            net.as_str(),
            "--chip",
            chip,
            "--input",
            input.as_str(),
        ]
    };
    refused(
        &[&on("loihi")[..], &["--limit", "0"]].concat(),
        &["--limit 0"],
    );
    let other = without_input(&folder);
    let none = [
        "map",
        other.as_str(),
        "--chip",
        "loihi",
        "--input",
        input.as_str(),
    ];
    refused(&none, &["--input", "takes no input"]);
}

/// A network without inputs.
fn without_input(folder: &Path) -> String {
    let text = "format = 1\ndt = 1e-3\n[[population]]\nname = \"p\"\nshape = [3]\nmodel = \"if\"\nthreshold = 1.0\nr = 1000.0\n";
    let path = folder.join("alone.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
