//! What changes a result, or lies beyond what was given, is said: lost weights, coarse decays, more steps than the input has; and
//! what `inspect` shows of arrays.

use crate::cli::{folder, run_in};
use network::npz::{Array, Data, write_npz};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A network of 20 leaky neurons with 10 inputs, weights from -1 to 1 but the first, and an input of 6 steps and 2 samples.
fn prepare(name: &str, first: f32) -> PathBuf {
    let dir = folder(name);
    let spread = |i: u32| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0;
    let mut weights: Vec<f32> = (0..200).map(spread).collect();
    weights[0] = first;
    // Zeros of the network's own do not count as lost.
    weights[1..101].fill(0.0);
    let array = |shape: &[usize], data: Data| Array {
        shape: shape.to_vec(),
        data,
    };
    let npz = |name: &str, key: &str, array: &Array| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        write_npz(&mut bytes, [(key, array)]).unwrap();
        std::fs::write(dir.join(name), bytes.get_ref()).unwrap();
    };
    npz("net.npz", "w", &array(&[20, 10], Data::F32(weights)));
    npz(
        "in.npz",
        "spikes",
        &array(&[6, 2, 10], Data::U8(vec![1; 120])),
    );
    let mut currents = vec![0.5; 120];
    currents[27] = f32::NAN;
    npz(
        "nan.npz",
        "spikes",
        &array(&[6, 2, 10], Data::F32(currents)),
    );
    let text = "format = 1\ndt = 1e-3\n[[input]]\nname = \"in\"\nshape = [10]\n\
         [[population]]\nname = \"h\"\nshape = [20]\nmodel = \"lif\"\ntau = 0.01\nthreshold = 1\n\
         [[projection]]\nname = \"fc\"\nfrom = \"in\"\nto = \"h\"\nkind = \"dense\"\nweight = \"w\"\n\
         [[output]]\nname = \"out\"\nfrom = \"h\"\n";
    std::fs::write(dir.join("net.toml"), text).unwrap();
    dir
}

fn report(dir: &Path, args: &str) -> Value {
    let args: Vec<&str> = args
        .split_whitespace()
        .chain(["--json", "out.json"])
        .collect();
    let out = run_in(dir, &args);
    let message = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{args:?}: {message}");
    serde_json::from_str(&std::fs::read_to_string(dir.join("out.json")).unwrap()).unwrap()
}

fn says(list: &Value, words: &[&str]) -> bool {
    let list = list.as_array().expect("a list");
    list.iter().any(|line| {
        let line = line.as_str().expect("text");
        words.iter().all(|word| line.contains(word))
    })
}

#[test]
fn weights_that_an_outlier_erases_are_a_warning() {
    let dir = prepare("said_outlier", 5000.0);
    let words = ["\"fc\"", "99 of its 100 weights other than 0", "5000"];
    let map = report(&dir, "map net.toml --chip loihi");
    assert!(says(&map["warnings"], &words), "{}", map["warnings"]);
    let projection = &map["mapping"]["projections"][0];
    assert_eq!(projection["nonzero"], 100);
    assert_eq!(projection["zeros"], 99);
    assert_eq!(projection["largest"], 5000.0);
    let run = report(&dir, "run net.toml --chip loihi --input in.npz --exact");
    assert!(says(&run["warnings"], &words), "{}", run["warnings"]);

    let dir = prepare("said_even", 0.5);
    for chip in ["loihi", "programmable"] {
        let map = report(&dir, &format!("map net.toml --chip {chip}"));
        assert!(!says(&map["warnings"], &["other than 0"]), "{chip}");
        assert_eq!(map["mapping"]["projections"][0]["nonzero"], 100);
    }
    let map = report(
        &dir,
        "map net.toml --chip loihi --set core.weight_widths=[2]",
    );
    assert!(says(&map["warnings"], &["\"fc\"", "of its 100 weights"]));
}

#[test]
fn coarse_decays_are_approximations() {
    let dir = prepare("said_decay", 0.5);
    let run = |bits: u32| {
        let set = format!("run net.toml --chip loihi --input in.npz --set core.decay={bits}");
        report(&dir, &set)["approximations"].clone()
    };
    assert!(says(
        &run(1),
        &["\"h\"", "0.9", "never forgets", "core.decay=5"]
    ));
    assert!(says(&run(3), &["0.875", "20 % less", "core.decay=5"]));
    assert_eq!(run(5), serde_json::json!([]));
    assert_eq!(run(12), serde_json::json!([]));
}

#[test]
fn more_than_the_input_has_is_said() {
    let dir = prepare("said_more", 0.5);
    let run = "run net.toml --chip loihi --input in.npz";
    let more = report(&dir, &format!("{run} --steps 9 --limit 5"));
    let said = &more["assumptions"];
    assert!(says(said, &["--steps 9", "has 6 steps", "in the 3 after"]));
    assert!(says(said, &["--limit 5", "2 samples"]));
    let less = report(&dir, &format!("{run} --steps 6 --limit 2"));
    assert!(!says(&less["assumptions"], &["--steps"]) && !says(&less["assumptions"], &["--limit"]));
}

#[test]
fn inspect_shows_what_inputs_hold() {
    let dir = prepare("said_inspect", 0.5);
    std::fs::write(dir.join("in.csv"), "step,index\n0,3\n4,7\n4,8\n").unwrap();
    for (file, words) in [
        ("in.npz", ["2 of [10]", "0 and 1: spikes", "120 of 120"]),
        (
            "nan.npz",
            ["real numbers", "1 NaN or infinite", "[1, 0, 7]"],
        ),
        ("net.npz", ["float32", "[20, 10]", "not an input"]),
        ("in.csv", ["0 to 8", "3, 0.600 a step", "2 in the busiest"]),
    ] {
        let out = run_in(&dir, &["inspect", file]);
        let text = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success(), "{file}");
        for word in words {
            assert!(text.contains(word), "{file}: no {word:?} in\n{text}");
        }
    }
    let rows = network::connectivity::Connectivity::new(vec![0, 2, 3, 3], vec![1, 2, 2]).unwrap();
    rows.write(std::fs::File::create(dir.join("m.npz")).unwrap())
        .unwrap();
    let out = run_in(&dir, &["inspect", "m.npz"]);
    let text = String::from_utf8_lossy(&out.stdout);
    for word in [
        "Sparse matrix",
        "0 to 2, mean 1.00; 1 neuron without any",
        "`map` takes it",
    ] {
        assert!(text.contains(word), "no {word:?} in\n{text}");
    }
}
