//! Mappings do not depend on the number of host threads: networks, and bare connectivity, which is mapped on one thread whatever is asked.

use crate::cli::{folder, ok, root};
use network::connectivity::Connectivity;

/// A recurrent network with a far and a near synapse of each neuron.
fn study(path: &std::path::Path) {
    let n = 900u32;
    let (mut start, mut targets) = (vec![0u64], Vec::new());
    for u in 0..n {
        let mut row: Vec<u32> = (1..9).map(|k| (u * 29 + k * k * 31) % n).collect();
        row.sort_unstable();
        row.dedup();
        targets.extend(row);
        start.push(targets.len() as u64);
    }
    let net = Connectivity::new(start, targets).unwrap();
    net.write(std::fs::File::create(path).unwrap()).unwrap();
}

#[test]
fn the_same_assignment_on_any_number_of_threads() {
    let dir = folder("threads");
    let connectivity = dir.join("study.npz");
    study(&connectivity);
    let connectivity = connectivity.to_str().unwrap().to_owned();
    let out = dir.join("cores.npy");
    let example = |name: &str| {
        root()
            .join(format!("examples/{name}/{name}.nir"))
            .to_str()
            .unwrap()
            .to_owned()
    };
    let (conv, srnn) = (example("conv_digits"), example("srnn"));
    let study = [
        "--chip",
        "specs/chips/mapping-study.toml",
        "--set",
        "core.neurons=32",
    ];
    let cases = [
        (&connectivity, &study[..]),
        (&conv, &["--chip", "loihi"][..]),
        (
            &conv,
            &[
                "--chip",
                "loihi",
                "--objective",
                "packets",
                "--set",
                "core.neurons=40",
            ][..],
        ),
        (&srnn, &["--chip", "loihi", "--seed", "7"][..]),
    ];
    for (net, chip) in cases {
        let mut first: Option<Vec<u8>> = None;
        for threads in ["1", "2", "4"] {
            let arguments = [
                "map",
                net,
                "--threads",
                threads,
                "--assignment",
                out.to_str().unwrap(),
            ];
            ok(&[&arguments[..], chip].concat());
            let cores = std::fs::read(&out).unwrap();
            let expected = first.get_or_insert_with(|| cores.clone());
            assert_eq!(*expected, cores, "{net} {chip:?} on {threads} threads");
        }
    }
}
