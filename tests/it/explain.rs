//! `map` says which limit is fullest on each core, how far the cores are above the least, and what travels most.

use crate::cli::{folder, json, ok};
use network::connectivity::Connectivity;
use serde_json::Value;

const DIGITS: &str = "examples/digits/digits.nir";
const STUDY: &str = "specs/chips/mapping-study.toml";

/// Checks that a report adds up, and returns its bound.
fn adds_up(report: &Value) -> &Value {
    let e = &report["explanation"];
    let cores = e["cores"].as_array().unwrap();
    let sum = |key: &str| {
        let all = e["resources"].as_array().unwrap().iter();
        all.map(|r| r[key].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(sum("fullest_in"), cores.len() as u64);
    for r in e["resources"].as_array().unwrap() {
        let bins = r["histogram"].as_array().unwrap();
        assert_eq!(bins.len(), 10);
        let all: u64 = bins.iter().map(|b| b.as_u64().unwrap()).sum();
        assert_eq!(all, cores.len() as u64, "{r}");
        assert!(r["key"].as_str().unwrap().starts_with("core."));
    }
    for c in cores {
        let own = &c["uses"][c["fullest"].as_str().unwrap()];
        assert_eq!(own, &c["used"]);
    }
    let b = &e["lower_bound"];
    assert_eq!(b["cores_used"], cores.len());
    assert_eq!(report["traffic"]["estimated"], true);
    b
}

#[test]
fn where_the_objective_spreads_work() {
    let args = ["map", DIGITS, "--chip", "loihi"];
    let spread = json("explain_spread", &args);
    let b = adds_up(&spread);
    assert_eq!((&b["cores"], &b["limit"]), (&1.into(), &"neurons".into()));
    let reason = b["reason"].as_str().unwrap();
    assert!(
        reason.contains("objective edp") && reason.contains("filling them takes 1 "),
        "{reason}"
    );
    let text = ok(&args);
    for part in [
        "fullest limit: ",
        "above the least of 1 (by neurons): objective edp spreads",
        "most hops: input -> lif1, ",
        "(estimate: every neuron and input element spikes once)",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("Limit of a core"));

    let filled = ok(&[
        "map",
        DIGITS,
        "--chip",
        "loihi",
        "--objective",
        "cores",
        "--explain",
    ]);
    for part in [
        "cores: 1, and no mapping takes fewer (by neurons)",
        "Limit of a core",
        "core.synapse_bits",
        "Fullest cores",
        "Traffic, estimate: every neuron",
        "lif1 -> lif2",
    ] {
        assert!(filled.contains(part), "{part}: {filled}");
    }
}

#[test]
fn where_limits_bind() {
    let set = ["--set", "core.synapse_bits=20000", "--objective", "cores"];
    let args = [&["map", DIGITS, "--chip", "loihi"][..], &set].concat();
    let report = json("explain_limits", &args);
    let b = adds_up(&report);
    assert_eq!(b["limit"], "bits of synapse memory");
    let memory = &report["explanation"]["resources"][6];
    assert_eq!(memory["least_cores"], b["cores"]);
    assert!(memory["max"].as_u64().unwrap() <= 20_000);
    let fullest = memory["fullest_in"].as_u64().unwrap();
    assert!(fullest > 0, "{memory}");
    assert!(
        b["above"] == 0
            || b["reason"]
                .as_str()
                .unwrap()
                .contains("of bits of synapse memory"),
        "{b}"
    );
}

#[test]
fn crossbars_have_axon_types() {
    let report = json("explain_crossbar", &["map", DIGITS, "--chip", "truenorth"]);
    let b = adds_up(&report);
    assert_eq!((&b["cores"], &b["above"]), (&2.into(), &0.into()));
    for c in report["explanation"]["cores"].as_array().unwrap() {
        let types = c["axon_types"].as_array().unwrap();
        let all: u64 = types.iter().map(|t| t.as_u64().unwrap()).sum();
        assert_eq!(types.len(), 4);
        assert_eq!(c["uses"]["input axons"], all);
    }
    let flows = report["traffic"]["populations"].as_array().unwrap();
    assert!(
        flows
            .iter()
            .any(|f| f["from"] == "copy:lif1" && f["to"] == "lif2"),
        "{flows:?}"
    );
    assert_eq!(
        report["traffic"]["packet_hops"],
        report["mapping"]["hop_cost"]
    );
}

#[test]
fn bare_connectivity() {
    let at = folder("explain_study").join("ring.npz");
    let n = 600u32;
    let net = Connectivity::new(
        (0..=u64::from(n)).collect(),
        (0..n).map(|u| (u + 1) % n).collect(),
    );
    net.unwrap()
        .write(std::fs::File::create(&at).unwrap())
        .unwrap();
    let at = at.to_str().unwrap();
    let report = json("explain_study_json", &["map", at, "--chip", STUDY]);
    let b = adds_up(&report);
    assert_eq!(
        (&b["cores"], &b["cores_used"], &b["above"]),
        (&3.into(), &3.into(), &0.into())
    );
    assert_eq!(report["traffic"]["core_flows"], report["metrics"]["flows"]);
    assert_eq!(
        report["traffic"]["packet_hops"],
        report["metrics"]["hop_cost"]
    );
    let text = ok(&["map", at, "--chip", STUDY, "--explain"]);
    for part in [
        "fullest limit: neurons in 3 cores",
        "no mapping takes fewer",
        "most hops: core ",
        "core.input_axons",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // The user's own cores are named as such.
    let cores = folder("explain_given").join("cores.npy");
    let array =
        network::npz::Array::vector(network::npz::Data::U32((0..n).map(|u| u % 6).collect()));
    let mut bytes = Vec::new();
    network::npz::write_npy(&mut bytes, &array).unwrap();
    std::fs::write(&cores, bytes).unwrap();
    let given = ok(&[
        "map",
        at,
        "--chip",
        STUDY,
        "--assign",
        cores.to_str().unwrap(),
    ]);
    assert!(
        given.contains(
            "3 (100 %) above the least of 3 (by neurons): the cores are those of assignment"
        ),
        "{given}"
    );
}
