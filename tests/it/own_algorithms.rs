//! Partitions and placements from outside: files, programs of the user, the examples in Python.

use crate::cli::{folder, json, root};
use network::npz::{Array, Data, read_npy, write_npy};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const DIGITS: &str = "examples/digits/digits.nir";

fn write(path: &Path, array: &Array) {
    let mut bytes = Vec::new();
    write_npy(&mut bytes, array).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn cores(values: Vec<u32>) -> Array {
    Array::vector(Data::U32(values))
}

/// What the command line says to a bad answer.
fn refused(folder: &Path, args: &[&str]) -> String {
    let net = root().join(DIGITS);
    let mut all = vec!["map", net.to_str().unwrap(), "--chip", "loihi"];
    all.extend(args);
    let files = folder.join("files");
    std::fs::create_dir_all(&files).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_spikemesh"))
        .args(&all)
        .current_dir(folder)
        .env("TMPDIR", &files)
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(1), "{args:?}");
    let left = std::fs::read_dir(&files).unwrap().count();
    assert_eq!(left, 0, "{args:?} left a file behind");
    String::from_utf8(out.stderr).unwrap()
}

/// `python3`, or none; where it is asked for it must be there.
#[allow(clippy::print_stdout, reason = "a skipped test says so")]
fn python() -> bool {
    let there = Command::new("python3").arg("--version").output();
    let there = there.is_ok_and(|out| out.status.success());
    assert!(
        there || std::env::var_os("SPIKEMESH_NEED_PYTHON").is_none(),
        "SPIKEMESH_NEED_PYTHON is set, and python3 does not start"
    );
    if !there {
        println!("skipped: there is no python3");
    }
    there
}

#[test]
fn a_partition_from_a_file_is_placed() {
    let folder = folder("partition_in");
    let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let base = ["map", DIGITS, "--chip", "loihi", "--set", "core.neurons=16"];
    let out = at("first.npy");
    let first = [&base[..], &["--assignment", &out]].concat();
    let first = json("partition_in_first", &first);
    let numbers = |name: &str| {
        let bytes = std::fs::read(at(name)).unwrap();
        read_npy(&bytes).unwrap().into_u32().unwrap()
    };
    // Other numbers, same partition.
    let renamed: Vec<u32> = numbers("first.npy").iter().map(|c| 7_000 - 3 * c).collect();
    write(Path::new(&at("in.npy")), &cores(renamed));
    let mut second = base.to_vec();
    let (given, out) = (at("in.npy"), at("second.npy"));
    second.extend(["--partition-in", &given, "--assignment", &out]);
    let second = json("partition_in_second", &second);
    let of = |v: &Value, key: &str| v["mapping"][key].as_u64().unwrap();
    for key in ["km1", "cores_used", "hop_cost"] {
        assert_eq!(of(&first, key), of(&second, key), "{key}");
    }
    assert!(of(&first, "cores_used") > 2);
    let together = |all: &[u32]| -> Vec<bool> { all.iter().map(|c| *c == all[0]).collect() };
    assert_eq!(
        together(&numbers("first.npy")),
        together(&numbers("second.npy"))
    );
    assert_eq!(second["mapping"]["partitioner"], given.as_str());
    // The metrics agree with the report.
    let metrics = &second["metrics"];
    assert_eq!(metrics["km1"], second["mapping"]["km1"]);
    assert_eq!(metrics["neurons"], second["mapping"]["neurons"]);
    assert_eq!(metrics["synapses"], second["mapping"]["synapses"]);
    assert!(second["formulas"]["hop_cost"].is_string());
}

#[test]
fn bad_answers_are_refused() {
    let folder = folder("bad_answers");
    let neurons = {
        let report = json("bad_answers_count", &["map", DIGITS, "--chip", "loihi"]);
        report["mapping"]["neurons"].as_u64().unwrap() as u32
    };
    write(&folder.join("short.npy"), &cores(vec![0, 1]));
    write(&folder.join("long.npy"), &cores(vec![0; 200_000]));
    write(
        &folder.join("square.npy"),
        &Array {
            shape: vec![2, 2],
            data: Data::U32(vec![0; 4]),
        },
    );
    let half = vec![0.5; neurons as usize];
    write(&folder.join("half.npy"), &Array::vector(Data::F64(half)));
    write(&folder.join("one.npy"), &cores(vec![9; neurons as usize]));
    write(&folder.join("many.npy"), &cores((0..neurons).collect()));
    std::fs::write(folder.join("text.npy"), "core 5, please").unwrap();
    std::fs::write(
        folder.join("give.sh"),
        "if [ -n \"$1\" ]; then cp \"$1\" \"$3\"; fi\n",
    )
    .unwrap();
    let length = format!("2 entries; the network has {neurons} neurons");
    let cases: &[(&str, &[&str])] = &[
        ("exec:", &["the command is missing", "exec:COMMAND"]),
        (
            "exec:no-such-program-anywhere",
            &["exit code 127", "no such program"],
        ),
        ("exec:sh -c 'exit 3'", &["exit code 3", "answer"]),
        ("exec:true", &["left no answer", "problem (.npz)"]),
        (
            "exec:sh give.sh text.npy",
            &["its answer", "not a readable"],
        ),
        ("exec:sh give.sh short.npy", &[&length]),
        (
            "exec:sh give.sh square.npy",
            &["shape [2, 2]", "one dimension"],
        ),
        (
            "exec:sh give.sh half.npy",
            &["element 0 is 0.5", "whole number"],
        ),
        (
            "exec:sh give.sh many.npy --set mesh.height=1",
            &["cores; chip \"loihi\" has 32"],
        ),
        (
            "exec:sh give.sh one.npy --set core.neurons=64",
            &["core 9 needs", "neurons", "has 64 per core"],
        ),
    ];
    for (what, says) in cases {
        let (partitioner, set) = what
            .split_once(" --set ")
            .unwrap_or((what, "core.groups=32"));
        let text = refused(&folder, &["--partitioner", partitioner, "--set", set]);
        for part in *says {
            assert!(text.contains(part), "{what}: {part:?} is not in {text}");
        }
    }
    let text = refused(&folder, &["--partitioner", "exec:sh give.sh long.npy"]);
    assert!(text.contains("entries") || text.contains("bytes"), "{text}");
    let text = refused(&folder, &["--partition-in", "square.npy"]);
    assert!(
        text.contains("square.npy") && text.contains("one dimension"),
        "{text}"
    );
    let text = refused(&folder, &["--placer", "exec:sh give.sh many.npy"]);
    assert!(
        text.contains("placer exec:sh give.sh many.npy: its answer has"),
        "{text}"
    );
}

#[test]
fn examples_in_python() {
    if !python() {
        return;
    }
    let base = ["map", DIGITS, "--chip", "loihi", "--set", "core.neurons=16"];
    let with = |name: &str, more: &[&str]| json(name, &[&base[..], more].concat());
    let order = with(
        "python_order",
        &["--partitioner", "sequential", "--objective", "cores"],
    );
    let own = with(
        "python_partitioner",
        &[
            "--partitioner",
            "exec:python3 examples/own_partitioner/partitioner.py",
        ],
    );
    // Neurons in order until a core is full: the built-in partitioner of that name.
    for key in ["km1", "cores_used", "hop_cost"] {
        assert_eq!(order["mapping"][key], own["mapping"][key], "{key}");
    }
    let placed = with(
        "python_placer",
        &[
            "--partitioner",
            "sequential",
            "--objective",
            "cores",
            "--placer",
            "exec:python3 examples/own_partitioner/placer.py",
        ],
    );
    assert_eq!(placed["mapping"]["km1"], order["mapping"]["km1"]);
    let hops = |v: &Value| v["mapping"]["hop_cost"].as_u64().unwrap();
    assert!(hops(&placed) >= hops(&order));
    for name in ["partitioner.py", "placer.py"] {
        let text =
            std::fs::read_to_string(root().join("examples/own_partitioner").join(name)).unwrap();
        let body = text.rsplit("\"\"\"\n").next().unwrap();
        let lines = body.lines().filter(|l| !l.trim().is_empty()).count();
        assert!(lines <= 20, "{name} has {lines} lines");
    }
}
