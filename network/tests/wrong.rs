//! What is wrong is said: place, value, way out; all mistakes of a file at once.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::Path;

use network::ImportOptions;

fn path(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/wrong_{name}.nir"))
}

/// Errors of loading, or else of lowering; without the folder.
fn message(name: &str) -> String {
    let path = path(name);
    let errors = match network::load(&path, &ImportOptions::default()) {
        Ok(graph) => graph
            .lower()
            .unwrap_err()
            .in_file(path.display().to_string()),
        Err(errors) => errors,
    };
    errors
        .to_string()
        .replace(&format!("{}/", path.parent().unwrap().display()), "")
}

#[test]
fn messages() {
    let names = [
        "unknown_type",
        "nan",
        "shape",
        "shape_edge",
        "missing_field",
        "no_dt",
        "dangling",
        "duplicate",
        "metadata",
        "kernel",
        "several",
        "analog",
        "linear_end",
        "loop",
        "does_not_exist",
    ];
    let all: Vec<String> = names.iter().map(|n| message(n)).collect();
    expect_test::expect![[r#"
        wrong_unknown_type.nir: node `n2`: unknown type `Izhikevich` (known: Affine, AvgPool2d, Conv1d, Conv2d, CubaLI, CubaLIF, Delay, Flatten, I, IF, Input, LI, LIF, Linear, NIRGraph, Output, Scale, SumPool2d, Threshold)
        wrong_nan.nir: node `n1`: `weight` has the value inf at element 0; all values must be finite
        wrong_shape.nir: node `n2`: field `r` has shape [3], another field has [5]
        wrong_shape_edge.nir: `input` gives shape [5], `n1` takes [4]
        wrong_missing_field.nir: node `n1`: field `bias` is missing
        wrong_no_dt.nir: the file has no time step (`dt`): give it in seconds with --dt, e.g. --dt 1e-3
        wrong_dangling.nir: edge `n2` -> `nowhere`: there is no node `nowhere`
        wrong_duplicate.nir: edge `n1` -> `n2` is there twice; to add a value twice, use a Scale of 2
        wrong_metadata.nir: node `/`: field `metadata/reset` is `soft`; it takes hard|subtract|none
        wrong_kernel.nir: node `n2`: field `metadata/options/GE` must be one number
        wrong_several.nir: node `extra`: unknown type `Dropout` (known: Affine, AvgPool2d, Conv1d, Conv2d, CubaLI, CubaLIF, Delay, Flatten, I, IF, Input, LI, LIF, Linear, NIRGraph, Output, Scale, SumPool2d, Threshold)
        wrong_several.nir: node `n1`: `weight` has the value NaN at element 6; all values must be finite
        wrong_several.nir: node `n2`: field `tau` has the value 0; a time constant must be above 0
        wrong_several.nir: edge `n2` -> `nowhere`: there is no node `nowhere`
        wrong_several.nir: the file has no time step (`dt`): give it in seconds with --dt, e.g. --dt 1e-3
        wrong_analog.nir: node `n1` cannot run on a chip: its membrane would have to travel to `n3`; let it fire (LIF), put a Threshold directly behind it, or end the network there
        wrong_linear_end.nir: node `output` cannot run on a chip: `n2` gives values that no neuron holds; end the network in neurons, e.g. LI for analog values
        wrong_loop.nir: node `s` cannot run on a chip: it lies on a cycle without neurons; put a neuron into the cycle
        wrong_does_not_exist.nir: cannot be read: No such file or directory (os error 2)"#]].assert_eq(&all.join("\n"));
}

#[test]
fn the_time_step_may_come_from_the_user() {
    let options = ImportOptions::parse(&["dt=2e-3"]).unwrap();
    let graph = network::load(&path("no_dt"), &options).unwrap();
    assert_eq!(graph.dt_s, 2e-3);
}

#[test]
fn what_only_simulates() {
    for name in ["analog", "linear_end", "loop"] {
        let graph = network::load(&path(name), &ImportOptions::default()).unwrap();
        let mut sample = network::input::Sample::new();
        (0..5).for_each(|step| sample.push_step([(step % 4, 1.0)]));
        graph
            .simulate(&[sample], &network::SimulateOptions::default())
            .unwrap();
    }
}

#[test]
fn switches() {
    let message = |text: &str| ImportOptions::parse(&[text]).unwrap_err().to_string();
    assert!(message("reset").contains("key=value"));
    assert!(message("dt=-1").contains("seconds"));
    assert!(message("colour=red").contains("reset=hard|subtract|none"));
    let both = ImportOptions::parse(&["cuba=maybe", "decay=slow"]).unwrap_err();
    assert_eq!(both.list.len(), 2);
}
