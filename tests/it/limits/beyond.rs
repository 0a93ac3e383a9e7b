//! Limits of programs, delays, crossbars, indices, cores given by hand, and weights in chip units.

use super::{Case, case, dense, layers, population};
use crate::cli::{folder, root};
use network::npz::{Array, Data};

#[test]
fn programs() {
    case(
        "code words",
        "loihi",
        &["core.code_words=14"],
        &[
            "population \"hidden\" needs 15 code words",
            "has 14 (core.code_words)",
            "kernel \"lif\"",
        ],
        &["core.code_words=15"],
    )
    .check();
    case(
        "state bits",
        "loihi",
        &["core.state=16"],
        &[
            "population \"hidden\" needs 24 bits in a state word",
            "has 16 (core.state)",
        ],
        &["core.state=24"],
    )
    .check();
    case(
        "accumulator bits",
        "loihi",
        &["core.accumulator=20"],
        &[
            "needs 22 accumulator bits",
            "has 20 (core.accumulator)",
            "population \"",
        ],
        &["core.accumulator=22"],
    )
    .check();
    let cuba = "model = \"cubalif\"\ntau_mem = 10e-3\ntau_syn = 5e-3\nthreshold = 1.0\n";
    Case {
        net: layers(
            2,
            &(population("hidden", 2, cuba) + &dense("in", "hidden", 0.5, "")),
            &(population("out", 2, "") + &dense("hidden", "out", 0.5, "")),
        ),
        ..case(
            "state slots",
            "loihi",
            &["core.state_slots=1"],
            &[
                "population \"hidden\" needs 2 state slots",
                "has 1 (core.state_slots)",
            ],
            &["core.state_slots=2"],
        )
    }
    .check();
    let two = "model = \"compartments\"\ntau_mem = 10e-3\ntau_dendrite = 20e-3\nthreshold = 1.0\njoin = \"add\"\n";
    Case {
        net: layers(
            2,
            &(population("hidden", 2, two)
                + &dense("in", "hidden", 0.5, "receptor = \"dendrite\"")),
            &(population("out", 2, "") + &dense("hidden", "out", 0.5, "")),
        ),
        ..case(
            "receptors",
            "programmable",
            &["core.receptors=1"],
            &[
                "population \"hidden\" needs 2 receptors",
                "has 1 (core.receptors)",
            ],
            &["core.receptors=2"],
        )
    }
    .check();
}

#[test]
fn delays() {
    let late = |delay: u32| {
        layers(
            2,
            &(population("hidden", 2, "")
                + &dense("in", "hidden", 0.5, &format!("delay = {delay}"))),
            &(population("out", 2, "") + &dense("hidden", "out", 0.5, "")),
        )
    };
    // A chip that runs no kernel which could pass spikes on.
    let text = std::fs::read_to_string(root().join("specs/chips/loihi.toml")).unwrap();
    let all = text.lines().find(|l| l.starts_with("kernels")).unwrap();
    let file = folder("limits_chip").join("only_lif.toml");
    std::fs::write(&file, text.replace(all, "kernels = [\"lif\"]")).unwrap();
    let one = Case {
        net: late(9),
        ..case(
            "delay",
            file.to_str().unwrap(),
            &["core.delay=5"],
            &[
                "population \"hidden\" needs 9 steps of delay",
                "has 5 (core.delay)",
                "at most 5 steps",
            ],
            &["core.delay=9"],
        )
    };
    one.check();
    one.networks(late(5), late(6));
    let one = Case {
        net: late(20),
        ..case(
            "delay of crossbars",
            "truenorth",
            &[],
            &[
                "population \"hidden\" needs 20 steps of delay",
                "element 0 of \"in\"",
                "neuron 0",
                "has 14 (core.delay)",
                "at most 14 steps",
            ],
            &["core.delay=20"],
        )
    };
    one.check();
    one.networks(late(14), late(15));
}

#[test]
fn crossbars() {
    let signed = |inputs: u32| {
        layers(
            inputs,
            &(population("hidden", 6, "") + &dense("in", "hidden", 0.5, "")),
            &(population("out", 4, "") + &dense("hidden", "out", 0.25, "")),
        )
    };
    let one = Case {
        net: signed(9),
        ..case(
            "lines",
            "truenorth",
            &["core.input_axons=7"],
            &[
                "neuron 0 of population \"hidden\" needs 9 input axons",
                "has 7 (core.input_axons)",
            ],
            &["core.input_axons=9"],
        )
    };
    one.check();
    one.networks(signed(7), signed(8));
    // Neurons of one core to four cores: a lane for each.
    case(
        "copies",
        "truenorth",
        &["core.neurons=1"],
        &[
            "population \"hidden\"",
            "needs 2 neurons for its copies",
            "has 1 (core.neurons)",
        ],
        &["core.neurons=2", "core.lane_destinations=4"],
    )
    .check();
    case(
        "slots of crossbars",
        "truenorth",
        &["core.output_slots=1", "core.neurons=2"],
        &[
            "population \"hidden\"",
            "output slots",
            "has 1 (core.output_slots)",
        ],
        &["core.output_slots=2"],
    )
    .check();
    // Populations go to cores of their own, but copies stay beside their neurons: four targets on two cores ask for one.
    case(
        "groups of crossbars",
        "truenorth",
        &["core.groups=1", "core.neurons=2"],
        &[
            "population \"hidden\"",
            "needs 2 neuron groups",
            "has 1 (core.groups)",
        ],
        &[
            "core.neurons=4",
            "core.lane_destinations=2",
            "core.groups=2",
        ],
    )
    .check();
    for (name, set, says, change) in [
        (
            "code of crossbars",
            "core.code_words=27",
            "needs 28 code words",
            "core.code_words=28",
        ),
        (
            "rows of crossbars",
            "core.synapse_bits=59",
            "needs 60 bits of synapse memory",
            "core.synapse_bits=60",
        ),
        (
            "slots of neurons",
            "core.state_slots=8",
            "needs 9 state slots",
            "core.state_slots=9",
        ),
        (
            "state of neurons",
            "core.state=19",
            "needs 20 bits in a state word",
            "core.state=20",
        ),
    ] {
        let key = set.split('=').next().unwrap();
        let says = [says, "population \"hidden", key];
        case(name, "truenorth", &[set], &says, &[change]).check();
    }
    // No destination reaches farther than 255 columns.
    let far = |x: u32| [vec![0; 6], vec![x; 4]].concat();
    let at = folder("limits_reach");
    let one = |x: u32| Case {
        assign: Some(far(x)),
        ..case("reach", "truenorth", &["mesh.width=1024"], &[], &[])
    };
    let message = one(1000)
        .map(&at, &one(1000).with(&[]))
        .expect_err("too far");
    for part in [
        "population \"hidden\"",
        "needs 1000 columns or rows",
        "has 255",
        "the smallest change: cores at most 255 columns",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    one(255).map(&at, &one(255).with(&[])).unwrap();
    one(256).map(&at, &one(256).with(&[])).unwrap_err();
}

#[test]
fn index_bits() {
    // Rows that do not reach the whole population are stored with indices.
    let sparse = "[[projection]]\nfrom = \"in\"\nto = \"hidden\"\nkind = \"sparse\"\npre = \"n\"\npost = \"n\"\nweight = 0.5\n";
    let one = Case {
        net: layers(
            6,
            &(population("hidden", 6, "") + sparse),
            &(population("out", 4, "") + &dense("hidden", "out", 0.25, "")),
        ),
        ..case("index bits", "loihi", &[], &[], &[])
    };
    let at = folder("limits_index");
    let n = Array::vector(Data::U32((0..6).collect()));
    let file = std::fs::File::create(at.join("net.npz")).unwrap();
    network::npz::write_npz(file, [("n", &n)]).unwrap();
    let with = |neurons: u32, cores: u32| {
        let set = [
            "core.index_widths=[0,2]".to_owned(),
            format!("core.neurons={neurons}"),
            // So few that they hold all that they can.
            format!("mesh.cores_per_tile={cores}"),
            "mesh.width=1".to_owned(),
            "mesh.height=1".to_owned(),
        ];
        one.map(&at, &set)
    };
    let message = with(10, 1).expect_err("ten neurons");
    for part in [
        "population \"hidden",
        "needs 4 index bits",
        "has 2 (core.index_widths)",
        "the smallest change: cores of at most 4 neurons (--set core.neurons=4)",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    with(4, 3).unwrap();
    with(5, 2).unwrap_err();
}

#[test]
fn cores_by_hand() {
    let assigned = |cores: [u32; 10], one: Case<'_>| {
        Case {
            assign: Some(cores.to_vec()),
            ..one
        }
        .check();
    };
    let thresholds = layers(
        6,
        &(population("hidden", 6, "") + &dense("in", "hidden", 0.5, "")),
        &(population("out", 4, "model = \"lif\"\ntau = 10e-3\nthreshold = 3.7\n")
            + &dense("hidden", "out", 0.25, "")),
    );
    for (name, set, says, change) in [
        (
            "neurons by hand",
            "core.neurons=9",
            "core 3 needs 10 neurons",
            "core.neurons=10",
        ),
        (
            "groups by hand",
            "core.groups=1",
            "core 3 needs 2 neuron groups",
            "core.groups=2",
        ),
        (
            "thresholds by hand",
            "core.threshold_profiles=1",
            "core 3 needs 2 threshold profiles",
            "core.threshold_profiles=2",
        ),
        (
            "axons by hand",
            "core.input_axons=11",
            "core 3 needs 12 input axons",
            "core.input_axons=12",
        ),
        (
            "memory by hand",
            "core.synapse_bits=767",
            "core 3 needs 768 bits of synapse memory",
            "core.synapse_bits=768",
        ),
        (
            "slots by hand",
            "core.output_slots=9",
            "core 3 needs 10 output slots",
            "core.output_slots=10",
        ),
    ] {
        let key = set.split('=').next().unwrap();
        let says = [says, "hidden, out", key];
        let one = case(
            name,
            "loihi",
            std::slice::from_ref(&set),
            &says,
            std::slice::from_ref(&change),
        );
        assigned(
            [3; 10],
            Case {
                net: thresholds.clone(),
                ..one
            },
        );
    }
    let spread = [0, 0, 0, 0, 0, 0, 1, 2, 3, 3];
    assigned(
        spread,
        case(
            "destinations by hand",
            "loihi",
            &["core.lane_destinations=2"],
            &[
                "core 0 needs 3 destinations of one neuron",
                "hidden",
                "core.lane_destinations",
            ],
            &["core.lane_destinations=3"],
        ),
    );
    assigned(
        [7; 10],
        case(
            "lanes of crossbars by hand",
            "truenorth",
            &["core.neurons=9"],
            &["core 7 needs 10 neurons", "hidden, out", "core.neurons"],
            &["core.neurons=10"],
        ),
    );
}

#[test]
fn weights_in_chip_units() {
    let with = |weight: &str, unit: &str| {
        let unit = format!("unit = \"{unit}\"");
        let kernel = "kernel = \"if\"\nconstants = { THETA = 6400 }\n";
        let first = dense("in", "hidden", 0.5, &unit).replace("= 0.5", &format!("= {weight}"));
        layers(
            2,
            &(population("hidden", 2, kernel) + &first),
            &(population("out", 2, "") + &dense("hidden", "out", 0.5, "")),
        )
    };
    let at = folder("limits_weights");
    for (unit, weight, says, nearest) in [
        ("effective", "65", "is not a multiple of 64", "64"),
        ("effective", "16777216", "is too large", "4177920"),
        ("effective", "-16777216", "is too large", "-4177920"),
        ("effective", "100", "is not a multiple of 64", "128"),
        ("mantissa", "300", "is no mantissa in 0..=255", "255"),
        ("mantissa", "-256", "is no mantissa in -255..=0", "-255"),
    ] {
        let one = Case {
            net: with(weight, unit),
            ..case("weight", "loihi", &[], &[], &[])
        };
        let message = one.map(&at, &[]).expect_err(weight);
        let change = format!("the nearest that fits is {nearest},");
        for part in ["hidden", "weight ", "8 bits", says, &change] {
            assert!(message.contains(part), "{part}: {message}");
        }
        let one = Case {
            net: with(nearest, unit),
            ..one
        };
        one.map(&at, &[])
            .unwrap_or_else(|e| panic!("{nearest}: {e}"));
    }
}
