//! Mappings do not depend on the number of host threads, on which partitions are sought and placements annealed side by side: of networks,
//! and of bare connectivity with and without twins.

use crate::cli::{folder, ok, root};
use network::connectivity::Connectivity;

/// A recurrent network of far and near synapses.
fn recurrent(u: u32) -> Vec<u32> {
    (1..9).map(|k| (u * 29 + k * k * 31) % NEURONS).collect()
}

/// Layers of 90 neurons that all have the same sources and targets, and a ring through all of them that a third of the neurons have a part in.
fn layered(u: u32) -> Vec<u32> {
    let next = (u / 90 + 1) * 90;
    let mut row: Vec<u32> = (next..(next + 90).min(NEURONS)).collect();
    row.extend(u.is_multiple_of(3).then_some((u + 3) % NEURONS));
    row
}

const NEURONS: u32 = 900;

fn study(path: &std::path::Path, row: fn(u32) -> Vec<u32>) {
    let (mut start, mut targets) = (vec![0u64], Vec::new());
    for u in 0..NEURONS {
        let mut row = row(u);
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
    let connectivity = |name: &str, row| {
        let path = dir.join(name);
        study(&path, row);
        path.to_str().unwrap().to_owned()
    };
    let (recurrent, layered) = (
        connectivity("recurrent.npz", recurrent),
        connectivity("layered.npz", layered),
    );
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
        (&recurrent, &study[..]),
        (&layered, &study[..]),
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
