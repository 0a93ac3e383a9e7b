//! Kernels of the user, through the command line: named by file or by path, bound to real numbers, refused with place and reason.

use crate::cli::{folder, json, ok, root, run_in};
use std::path::{Path, PathBuf};

/// A leaky integrate-and-fire neuron whose decay is bound to a time constant, and what it takes from a network.
const KERNEL: &str = r#".option GE = 0 0..=1
.param tau "s, membrane"
.param theta = 1.0
.param scale = 4096
.accumulator 22 wrap
.const A = q12(exp(-dt / tau))
.const LEVEL = q0(theta * scale)
.slot v 24
.update
    lds     r1, v
    lda     r2, 0
    mulq.rz r1, r1, A, 12
    add.s24 r1, r1, r2
.if GE
    cmp.ge  p1, r1, LEVEL
.else
    cmp.gt  p1, r1, LEVEL
.endif
    @p1 li  r1, 0
    @p1 spk
    sts     r1, v
    halt
.end
.on_spike
    ldy     r1, weight
    acc     r1
    halt
.end
"#;

fn net(population: &str, unit: &str) -> String {
    format!(
        "format = 1\ndt = 1e-3\n[[input]]\nname = \"x\"\nshape = [4]\n[[population]]\nname = \"p\"\nshape = [4]\n{population}\n\
         [[projection]]\nfrom = \"x\"\nto = \"p\"\nkind = \"one_to_one\"\nweight = 0.75\nunit = \"{unit}\"\n[[output]]\nname = \"o\"\nfrom = \"p\"\n"
    )
}

fn prepare(name: &str, population: &str) -> PathBuf {
    let at = folder(name);
    std::fs::create_dir_all(at.join("kernels")).unwrap();
    std::fs::write(at.join("kernels/leaky.kernel"), KERNEL).unwrap();
    std::fs::write(at.join("net.toml"), net(population, "model")).unwrap();
    let steps: String = (0..10).map(|t| format!("{t},0\n{t},2\n")).collect();
    std::fs::write(at.join("in.csv"), format!("step,index\n{steps}")).unwrap();
    at
}

fn fails(at: &Path, args: &str, says: &[&str]) {
    let args: Vec<&str> = args.split(' ').collect();
    let out = run_in(at, &args);
    let message = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{args:?} {says:?} {message}");
    for part in says {
        assert!(message.contains(part), "{part:?} is not in\n{message}");
    }
}

fn spikes(at: &Path, args: &str) -> u64 {
    let args: Vec<&str> = args.split(' ').chain(["--json", "out.json"]).collect();
    let out = run_in(at, &args);
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let text = std::fs::read_to_string(at.join("out.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(report["provenance"]["kernels_sha256"]["leaky"].is_string());
    report["spikes"]["populations"]["p"].as_u64().unwrap()
}

const RUN: &str = "run net.toml --input in.csv --chip programmable";

#[test]
fn real_parameters_reach_the_chip() {
    // 0.75 a step, threshold 1: with little leak every second step fires, with much leak none.
    let at = prepare("own_slow", "kernel = \"leaky\"\nparams = { tau = 1.0 }");
    assert_eq!(spikes(&at, &format!("{RUN} --kernel-path kernels")), 10);
    assert_eq!(
        spikes(&at, &format!("{RUN} --kernel-path kernels/leaky.kernel")),
        10
    );
    let at = prepare("own_fast", "kernel = \"leaky\"\nparams = { tau = 0.5e-3 }");
    assert_eq!(spikes(&at, &format!("{RUN} --kernel-path kernels")), 0);
    // A threshold below the weight: every step.
    let at = prepare(
        "own_theta",
        "kernel = \"kernels/leaky.kernel\"\nparams = { tau = 0.5e-3, theta = 0.7 }",
    );
    assert_eq!(spikes(&at, RUN), 20);
    // The same file named twice is one kernel; the option decides at the threshold itself.
    let at = prepare(
        "own_option",
        "kernel = \"kernels/leaky.kernel\"\noptions = { GE = 1 }\nparams = { tau = 0.1e-3, theta = 0.75 }",
    );
    assert_eq!(spikes(&at, &format!("{RUN} --kernel-path kernels")), 20);
    // Constants and slots by name go before what the parameters gave.
    let at = prepare(
        "own_values",
        "kernel = \"kernels/leaky.kernel\"\nparams = { tau = 1.0 }\nslots = { v = 4096 }\nconstants = { LEVEL = 100000 }",
    );
    assert_eq!(spikes(&at, RUN), 0);
}

/// One value for each neuron: constants make profiles.
#[test]
fn parameters_may_differ_between_neurons() {
    let at = prepare(
        "own_each",
        "kernel = \"kernels/leaky.kernel\"\nparams = { tau = \"tau\" }",
    );
    let tau = network::npz::Array::vector(network::npz::Data::F64(vec![1.0, 1.0, 0.5e-3, 1.0]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    network::npz::write_npz(&mut bytes, [("tau", &tau)]).unwrap();
    std::fs::write(at.join("net.npz"), bytes.into_inner()).unwrap();
    assert_eq!(
        spikes(&at, RUN),
        5,
        "neuron 0 fires every second step, neuron 2 never"
    );
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let at = prepare("own_wrong", "kernel = \"leaky\"\nparams = { tau = 1.0 }");
    fails(&at, RUN, &["there is no kernel `leaky`", "--kernel-path"]);
    let path = format!("{RUN} --kernel-path kernels");
    fails(
        &at,
        &path.replace("programmable", "loihi"),
        &[
            "node \"p\"",
            "kernel \"leaky\"",
            "chip \"loihi\" runs if, lif",
            "programmable",
        ],
    );
    fails(
        &at,
        &format!("{path} --set core.code_words=8"),
        &[
            "population \"p\" needs 12 code words for kernel \"leaky\"",
            "(update 9, on_spike 3)",
            "has 8 (core.code_words)",
        ],
    );
    fails(&at, &format!("{RUN} --kernel-path nowhere"), &["nowhere"]);
    fails(
        &at,
        &format!("{RUN} --kernel-path in.csv"),
        &["in.csv", "ends in .kernel"],
    );
    std::fs::create_dir_all(at.join("empty")).unwrap();
    fails(
        &at,
        &format!("{RUN} --kernel-path empty"),
        &["no file *.kernel"],
    );
    std::fs::write(at.join("lif.kernel"), KERNEL).unwrap();
    fails(
        &at,
        &format!("{RUN} --kernel-path lif.kernel"),
        &[
            "lif.kernel",
            "the library has one of this name",
            "--kernel-override",
        ],
    );
    std::fs::write(at.join("bad.kernel"), KERNEL.replace("spk", "spike")).unwrap();
    fails(
        &at,
        &format!("{RUN} --kernel-path bad.kernel"),
        &["bad.kernel:20:9", "@p1 spike"],
    );
    fails(
        &at,
        "simulate net.toml --input in.csv",
        &["there is no kernel `leaky`"],
    );
    fails(
        &at,
        "simulate net.toml --input in.csv --kernel-path kernels",
        &["of your own", "run"],
    );
    std::fs::write(
        at.join("p.s"),
        ".dt 1e-3\n.core 0\n.group lanes=1\n.kernel leaky tau=1\n",
    )
    .unwrap();
    fails(
        &at,
        "asm p.s -o p.spm",
        &["p.s:4:9", "unknown kernel", "--kernel-path"],
    );
    for (population, says) in [
        (
            "kernel = \"leaky\"",
            "needs a value for tau (s, membrane), which has no default",
        ),
        (
            "kernel = \"leaky\"\nparams = { tau = 1.0, taux = 1 }",
            "no parameter `taux`; it has tau (s, membrane)",
        ),
        (
            "kernel = \"leaky\"\nparams = { tau = -1e-6 }",
            "kernels/leaky.kernel:6:16",
        ),
        (
            "kernel = \"leaky\"\noptions = { G = 1 }\nparams = { tau = 1.0 }",
            "no option `G`; it has GE",
        ),
        (
            "kernel = \"leaky\"\nconstants = { B = 1 }\nparams = { tau = 1.0 }",
            "it has A, LEVEL, v",
        ),
        (
            "kernel = \"kernels/nope.kernel\"",
            "nope.kernel: cannot be read",
        ),
        (
            "kernel = \"kernels/leaky\"",
            "net.toml:9: `kernels/leaky` looks like a file",
        ),
        (
            "model = \"if\"\nthreshold = 1\nparams = { a = 1 }",
            "net.toml:11: `params` belongs to a kernel",
        ),
    ] {
        std::fs::write(at.join("net.toml"), net(population, "model")).unwrap();
        fails(&at, &path, &[says]);
    }
}

/// A NIR node with `metadata/kernel` (`network/tests/data/make.py`): its fields are offered as parameters, what is in the
/// metadata is given.
#[test]
fn a_nir_node_names_a_kernel() {
    let at = prepare("own_nir", "");
    let nir = root().join("network/tests/data/kernel_node.nir");
    std::fs::copy(nir, at.join("net.nir")).unwrap();
    let run = RUN.replace("net.toml", "net.nir");
    let path = format!("{run} --kernel-path kernels");
    // Weight 0.75 on the diagonal: threshold 0.7 for neuron 0, 1.4 for neuron 2, which needs two inputs and little leak.
    let report = {
        let args: Vec<&str> = path.split(' ').chain(["--json", "out.json"]).collect();
        let out = run_in(&at, &args);
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        let text = std::fs::read_to_string(at.join("out.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    assert_eq!(report["spikes"]["populations"]["n2"], 15);
    let assumed = report["assumptions"].to_string();
    assert!(
        assumed.contains("no parameter r, v_leak, v_reset, v_threshold"),
        "{assumed}"
    );
    fails(&at, &run, &["node \"n2\"", "no kernel `leaky`"]);
}

/// A program, and a kernel in the place of one of the library.
#[test]
fn programs_and_overrides() {
    let at = prepare(
        "own_program",
        "model = \"lif\"\ntau = 0.02\nthreshold = 1.0",
    );
    std::fs::write(
        at.join("p.s"),
        ".dt 1e-3\n.core 0\n.group lanes=1\n.kernel leaky tau=1\n",
    )
    .unwrap();
    let args = ["asm", "p.s", "-o", "p.spm", "--kernel-path", "kernels"];
    assert!(run_in(&at, &args).status.success());
    let args = [
        "run",
        "p.s",
        "--steps",
        "2",
        "--chip",
        "tiny",
        "--kernel-path",
        "kernels",
    ];
    let out = run_in(&at, &args);
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    fails(
        &at,
        "run p.spm --steps 2 --chip tiny --kernel-path kernels",
        &["is an image, which holds its programs"],
    );
    // The user's lif: the library's text with one instruction more in every step.
    let own =
        include_str!("../../assembler/kernels/lif.s").replace("done:", "    or r1, r1, r0\ndone:");
    std::fs::write(at.join("lif.kernel"), own).unwrap();
    let instructions = |more: &str| {
        let text = format!("{RUN}{more} --json out.json");
        let args: Vec<&str> = text.split(' ').collect();
        let out = run_in(&at, &args);
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        let text = std::fs::read_to_string(at.join("out.json")).unwrap();
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        report["handlers"][0]["instructions"].as_u64().unwrap()
    };
    assert!(instructions(" --kernel-path lif.kernel --kernel-override") > instructions(""));
}

/// The example: the exponential neuron costs more than LIF, and the report says by how much.
#[test]
fn the_example_shows_what_the_richer_neuron_costs() {
    let args = [
        "run",
        "examples/adex/adex.toml",
        "--input",
        "examples/adex/input.csv",
        "--chip",
        "programmable",
    ];
    let report = json("own_example", &args);
    let each = |population: &str, key: &str| {
        let list = report["handlers"].as_array().unwrap();
        let of = |h: &&serde_json::Value| h["population"] == population && h["handler"] == "update";
        let h = list.iter().find(of).unwrap();
        h[key].as_f64().unwrap() / h["runs"].as_f64().unwrap()
    };
    assert_eq!(each("adex", "instructions"), 36.0);
    for key in ["instructions", "cycles", "energy_j"] {
        assert!(each("adex", key) > 2.0 * each("lif", key), "{key}");
    }
    assert!(report["spikes"]["populations"]["adex"].as_u64().unwrap() > 100);
    let map = [
        "map",
        "examples/adex/adex.toml",
        "--chip",
        "programmable",
        "--objective",
        "cores",
    ];
    let map = ok(&map);
    assert!(map.contains("adex+lif"), "{map}");
    assert!(root().join("examples/adex/README.md").exists());
}
