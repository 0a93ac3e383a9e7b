//! Lowered networks against the graphs that they come from.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::Path;

use network::lowered::{Lowered, Source};
use network::{Graph, ImportOptions};

fn graph(folder: &str) -> Graph {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../examples/{folder}/{folder}.nir"));
    network::load(&path, &ImportOptions::default()).unwrap()
}

/// One line per population and projection.
fn summary(net: &Lowered) -> Vec<String> {
    let populations = net.populations.iter().map(|p| {
        format!(
            "{} {:?} depth {} bias {}",
            p.name,
            p.shape,
            p.depth,
            p.bias.len()
        )
    });
    let projections = net.projections.iter().map(|p| {
        let source = match p.source {
            Source::Input(i) => &net.inputs[i as usize].name,
            Source::Population(i) => &net.populations[i as usize].name,
        };
        let s = &p.synapses;
        let (least, most) = (
            s.delay.iter().min().unwrap_or(&0),
            s.delay.iter().max().unwrap_or(&0),
        );
        format!(
            "{source} -[{}]-> {}: {} synapses, delay {least}..{most}, align {}{}{}",
            p.path,
            net.populations[p.target as usize].name,
            s.target.len(),
            p.align,
            if s.dense { ", dense" } else { "" },
            if p.recurrent { ", recurrent" } else { "" }
        )
    });
    let outputs = net.outputs.iter().map(|o| {
        format!(
            "{} = {}",
            o.name, net.populations[o.population as usize].name
        )
    });
    populations.chain(projections).chain(outputs).collect()
}

fn check(folder: &str, expected: &expect_test::Expect) {
    let graph = graph(folder);
    expected.assert_eq(&summary(&graph.lower().unwrap()).join("\n"));
    let copied = summary(&graph.lower().unwrap());
    assert_eq!(copied, summary(&graph.into_lowered().unwrap()));
}

#[test]
fn the_references() {
    check(
        "digits",
        &expect_test::expect![[r#"
        lif1 [64] depth 0 bias 64
        lif2 [10] depth 1 bias 10
        input -[fc1]-> lif1: 4096 synapses, delay 0..0, align 0, dense
        lif1 -[fc2]-> lif2: 640 synapses, delay 0..0, align 0, dense
        output = lif2"#]],
    );
    check(
        "conv_digits",
        &expect_test::expect![[r#"
            if1 [8, 8, 8] depth 0 bias 512
            if2 [16, 4, 4] depth 1 bias 256
            if3 [10] depth 2 bias 10
            input -[conv1]-> if1: 3872 synapses, delay 0..0, align 0
            if1 -[pool1>conv2]-> if2: 51200 synapses, delay 0..0, align 0
            if2 -[pool2>fc]-> if3: 2560 synapses, delay 0..0, align 0, dense
            output = if3"#]],
    );
    check(
        "srnn",
        &expect_test::expect![[r#"
            srnn/lif [48] depth 0 bias 48
            readout [4] depth 1 bias 4
            input -[fc_in]-> srnn/lif: 960 synapses, delay 0..0, align 0, dense
            srnn/lif -[srnn/w_rec]-> srnn/lif: 2304 synapses, delay 0..0, align 0, dense, recurrent
            srnn/lif -[fc_out]-> readout: 192 synapses, delay 0..0, align 0, dense
            output = readout"#]],
    );
    check(
        "delays",
        &expect_test::expect![[r#"
            detect/lif [4] depth 0 bias 0
            group/cuba [2] depth 1 bias 0
            thr [2] depth 2 bias 0
            input -[detect/fan>detect/delay>detect/w]-> detect/lif: 64 synapses, delay 0..15, align 0
            detect/lif -[group/affine>group/delay]-> group/cuba: 4 synapses, delay 2..2, align 0
            group/cuba -[scale]-> thr: 2 synapses, delay 0..0, align 0
            spk_out = detect/lif
            output = thr"#]],
    );
    check(
        "motion",
        &expect_test::expect![[r#"
            lif1 [16, 32, 32] depth 0 bias 0
            lif2 [32, 16, 16] depth 1 bias 0
            lif3 [32, 8, 8] depth 2 bias 0
            lif4 [96] depth 3 bias 0
            lif5 [8] depth 4 bias 0
            input -[conv1]-> lif1: 758912 synapses, delay 0..0, align 0
            lif1 -[conv2]-> lif2: 1131008 synapses, delay 0..0, align 0
            lif2 -[conv3]-> lif3: 541696 synapses, delay 0..0, align 0
            lif3 -[fc1]-> lif4: 196608 synapses, delay 0..0, align 0, dense
            lif4 -[fc2]-> lif5: 768 synapses, delay 0..0, align 0, dense
            output = lif5"#]],
    );
}
