//! Bad input gives exit code 1 (2 for usage), one clear message with file and place, no panic, no output.

use crate::cli::{folder, root, run_in};
use network::npz::{Array, Data, write_npz};
use std::path::Path;

/// One faulty command. Words of `args` are relative to a folder that [`prepare`] fills.
struct Case {
    args: &'static str,
    code: i32,
    /// All must occur in the message.
    says: &'static [&'static str],
}

const fn case(args: &'static str, code: i32, says: &'static [&'static str]) -> Case {
    Case { args, code, says }
}

const CASES: &[Case] = &[
    // Usage.
    case("", 2, &["Usage"]),
    case("frobnicate", 2, &["frobnicate"]),
    case("run", 2, &["--chip"]),
    case(
        "run good.nir --chip loihi --timing sometimes",
        2,
        &["sometimes", "cycle"],
    ),
    case("run good.nir --chip loihi --steps many", 2, &["many"]),
    // Files.
    case(
        "run nothing.nir --chip loihi --steps 5",
        1,
        &["nothing.nir", "cannot be read"],
    ),
    case("run . --chip loihi --steps 5", 1, &["folder"]),
    case(
        "run empty.nir --chip loihi --steps 5",
        1,
        &["empty.nir", "empty"],
    ),
    case(
        "run truncated.nir --chip loihi --steps 5",
        1,
        &["truncated.nir"],
    ),
    case(
        "run text.nir --chip loihi --steps 5",
        1,
        &["text.nir", "HDF5"],
    ),
    case(
        "run nan_weight.nir --chip loihi --steps 5",
        1,
        &["nan_weight.nir", "fc", "NaN"],
    ),
    case(
        "run inf_weight.nir --chip loihi --steps 5",
        1,
        &["inf_weight.nir", "fc", "inf"],
    ),
    case(
        "run unknown_node.nir --chip loihi --steps 5",
        1,
        &["unknown_node.nir", "fc", "Quantum"],
    ),
    case(
        "run shape_mismatch.nir --chip loihi --steps 5",
        1,
        &["shape_mismatch.nir", "fc", "5", "4"],
    ),
    case(
        "run dangling_edge.nir --chip loihi --steps 5",
        1,
        &["dangling_edge.nir", "nowhere"],
    ),
    case(
        "run duplicate_edge.nir --chip loihi --steps 5",
        1,
        &["duplicate_edge.nir", "input", "fc"],
    ),
    case(
        "run no_dt.nir --chip loihi --steps 5",
        1,
        &["no_dt.nir", "--dt"],
    ),
    case(
        "run negative_dt.nir --chip loihi --steps 5",
        1,
        &["negative_dt.nir", "dt"],
    ),
    case("run good.nir --dt -1 --chip loihi --steps 5", 1, &["dt"]),
    case(
        "run missing_field.nir --chip loihi --steps 5",
        1,
        &["missing_field.nir", "lif", "v_threshold"],
    ),
    case(
        "run zero_tau.nir --chip loihi --steps 5",
        1,
        &["zero_tau.nir", "lif", "tau"],
    ),
    case(
        "run no_nodes.nir --chip loihi --steps 5",
        1,
        &["no_nodes.nir"],
    ),
    case(
        "run not_a_graph.nir --chip loihi --steps 5",
        1,
        &["not_a_graph.nir", "NIRGraph"],
    ),
    case(
        "simulate nan_weight.nir --steps 5",
        1,
        &["nan_weight.nir", "fc", "NaN"],
    ),
    case("simulate good.nir", 1, &["--steps"]),
    case(
        "run good.nir --import reset=soft --chip loihi --steps 5",
        1,
        &["reset", "hard|subtract|none"],
    ),
    case(
        "run good.nir --import colour=red --chip loihi --steps 5",
        1,
        &["colour"],
    ),
    // Input.
    case("run good.nir --chip loihi", 1, &["--steps"]),
    case(
        "run good.nir --input none.npz --chip loihi",
        1,
        &["none.npz", "cannot be read"],
    ),
    case(
        "run good.nir --input empty.nir --chip loihi",
        1,
        &["empty.nir"],
    ),
    case(
        "run good.nir --input wide.npz --chip loihi",
        1,
        &["wide.npz", "5", "4"],
    ),
    case(
        "run good.nir --input labels.npz --chip loihi",
        1,
        &["labels.npz", "labels", "3", "2"],
    ),
    case(
        "run good.nir --input float.npz --chip loihi",
        1,
        &["float.npz", "0.5", "encode"],
    ),
    case(
        "run good.nir --input negative.npz --chip loihi",
        1,
        &["negative.npz", "-1"],
    ),
    case(
        "run good.nir --input nan.npz --chip loihi",
        1,
        &["nan.npz", "NaN"],
    ),
    case(
        "run good.nir --input nospikes.npz --chip loihi",
        1,
        &["nospikes.npz", "spikes"],
    ),
    case(
        "run good.nir --input bad.csv --chip loihi",
        1,
        &["bad.csv", "2"],
    ),
    case(
        "run good.nir --input far.csv --chip loihi",
        1,
        &["far.csv:2", "9", "0 to 3"],
    ),
    // Chips.
    case("run good.nir --chip lohi --steps 5", 1, &["lohi", "loihi"]),
    case("run good.nir --chip none.toml --steps 5", 1, &["none.toml"]),
    case(
        "chip check unknown_key.toml",
        1,
        &["unknown_key.toml:", "colour"],
    ),
    case(
        "chip check missing_key.toml",
        1,
        &["missing_key.toml", "mesh.width"],
    ),
    case(
        "chip check negative_cost.toml",
        1,
        &["negative_cost.toml:", "negative"],
    ),
    case(
        "chip check zero_mesh.toml",
        1,
        &["zero_mesh.toml:", "mesh.width"],
    ),
    case("chip check wrong_unit.toml", 1, &["wrong_unit.toml:", "pJ"]),
    case("chip check both_prices.toml", 1, &["both_prices.toml"]),
    case("chip check broken.toml", 1, &["broken.toml:"]),
    case(
        "chip check no_origin.toml",
        1,
        &["no_origin.toml:", "source"],
    ),
    case("chip show nowhere", 1, &["nowhere", "presets"]),
    case("chip diff loihi nowhere", 1, &["nowhere"]),
    case(
        "run good.nir --chip loihi --set noc.hop_up=3 --steps 5",
        1,
        &["noc.hop_up"],
    ),
    case(
        "run good.nir --chip loihi --set noc.input_fifo=0 --steps 5",
        1,
        &["noc.input_fifo"],
    ),
    case(
        "run good.nir --chip loihi --set noc.input_fifo --steps 5",
        1,
        &["KEY=VALUE"],
    ),
    case(
        "run good.nir --chip loihi --costs truenorth --steps 5",
        1,
        &["truenorth", "limits"],
    ),
    // What does not fit or cannot run.
    case(
        "run too_large.nir --chip tiny --steps 5",
        1,
        &["too_large.nir", "tiny"],
    ),
    case(
        "run good.nir --chip truenorth --steps 5",
        1,
        &["good.nir", "truenorth", "assembly"],
    ),
    case(
        "map good.nir --chip loihi --partitioner best-ever",
        1,
        &["best-ever", "overlap"],
    ),
    case(
        "map good.nir --chip loihi --placer best-ever",
        1,
        &["best-ever", "hilbert"],
    ),
    case(
        "map good.nir --chip loihi --assign short.npy",
        1,
        &["short.npy", "3"],
    ),
    case("map good.nir --chip loihi --assign far.npy", 1, &["128"]),
    // Images.
    case("run flipped.spm --chip tiny --steps 5", 1, &["flipped.spm"]),
    case("run cut.spm --chip tiny --steps 5", 1, &["cut.spm"]),
    case("run magic.spm --chip tiny --steps 5", 1, &["magic.spm"]),
    case("disasm text.nir", 1, &["text.nir"]),
    case("asm bad.s -o out.spm", 1, &["bad.s", "E0"]),
    case("asm nothing.s -o out.spm", 1, &["nothing.s"]),
    case("inspect text.nir", 1, &["text.nir"]),
    // Options.
    case("run good.nir --chip loihi --steps 0", 1, &["--steps 0"]),
    case(
        "run good.nir --chip loihi --steps 5 --threads 0",
        1,
        &["--threads 0"],
    ),
    case(
        "run good.nir --chip loihi --steps 5 --limit 0",
        1,
        &["--limit 0"],
    ),
    case(
        "run good.nir --chip loihi --steps 5 --between often",
        1,
        &["often", "blank:N"],
    ),
    case(
        "run good.nir --chip loihi --steps 5 --drain some",
        1,
        &["some", "auto"],
    ),
    case(
        "run good.nir --chip loihi --steps 5 --json no/where.json",
        1,
        &["no/where.json", "cannot be written"],
    ),
    case(
        "map good.nir --chip loihi -o no/where.spm",
        1,
        &["no/where.spm", "cannot be written"],
    ),
    case(
        "run good.nir --chip loihi --steps 5 --json good.nir",
        1,
        &["good.nir", "it is an input"],
    ),
    case(
        "run good.nir --chip loihi --steps 5 --spikes out.txt",
        1,
        &["out.txt", ".npz or .csv"],
    ),
    case(
        "run good.nir --input far_label.npz --chip loihi",
        1,
        &["far_label.npz", "labels go up to 7", "3 elements"],
    ),
    case(
        "run good.spm --chip tiny --steps 5 --placer hilbert",
        1,
        &["good.spm", "is a program"],
    ),
    case(
        "map good.nir --chip loihi -o folder.spm",
        1,
        &["folder.spm", "cannot be written"],
    ),
];

#[test]
fn every_fault_is_named() {
    assert!(CASES.len() >= 40, "{} cases", CASES.len());
    let dir = folder("bad_input");
    prepare(&dir);
    let before = listing(&dir);
    let mut faults = Vec::new();
    for case in CASES {
        let args: Vec<&str> = case.args.split_whitespace().collect();
        let out = run_in(&dir, &args);
        let message = String::from_utf8_lossy(&out.stderr);
        let mut wrong = Vec::new();
        if out.status.code() != Some(case.code) {
            wrong.push(format!(
                "exit {:?} instead of {}",
                out.status.code(),
                case.code
            ));
        }
        wrong.extend(
            case.says
                .iter()
                .filter(|s| !message.contains(**s))
                .map(|s| format!("does not say {s:?}")),
        );
        if message.contains("panicked") || message.contains("RUST_BACKTRACE") {
            wrong.push("panicked".to_owned());
        }
        if !out.stdout.is_empty() {
            wrong.push("printed a result".to_owned());
        }
        if listing(&dir) != before {
            wrong.push("left a file behind".to_owned());
        }
        if !wrong.is_empty() {
            faults.push(format!(
                "spikemesh {}\n  {}\n  message: {message}",
                case.args,
                wrong.join("; ")
            ));
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {} cases:\n{}",
        faults.len(),
        CASES.len(),
        faults.join("\n")
    );
}

/// A flipped bit anywhere in an image is found, whichever section it lies in.
#[test]
fn flipped_bits_in_every_part_of_an_image() {
    let dir = folder("flipped_bits");
    let image = dir.join("hello.spm").to_string_lossy().into_owned();
    crate::cli::ok(&["asm", "examples/hello/hello.s", "-o", &image]);
    let bytes = std::fs::read(&image).unwrap();
    for at in (0..bytes.len()).step_by(7) {
        let mut bad = bytes.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(
            isa::Image::from_bytes(&bad).is_err(),
            "byte {at} of {}",
            bytes.len()
        );
    }
    for at in [3, bytes.len() / 4, bytes.len() / 2, bytes.len() - 3] {
        let mut bad = bytes.clone();
        bad[at] ^= 4;
        std::fs::write(dir.join("bad.spm"), &bad).unwrap();
        let out = run_in(&dir, &["run", "bad.spm", "--chip", "tiny", "--steps", "3"]);
        assert_eq!(out.status.code(), Some(1), "byte {at}");
        assert!(
            String::from_utf8_lossy(&out.stderr).contains("bad.spm"),
            "byte {at}"
        );
    }
}

fn listing(dir: &Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    names.sort();
    names
}

fn prepare(dir: &Path) {
    let data = root().join("tests/data");
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "nir") {
            std::fs::copy(&path, dir.join(path.file_name().unwrap())).unwrap();
        }
    }
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.join(name), bytes).unwrap();
    let good = std::fs::read(data.join("good.nir")).unwrap();
    write("empty.nir", b"");
    write("truncated.nir", &good[..good.len() / 3]);
    write("text.nir", b"this is not what you think it is\n");
    write("bad.csv", b"time,index\nsoon,1\n");
    write("far.csv", b"time,index\n0,9\n");
    write("bad.s", b".core 0\n    frob r1\n");
    std::fs::create_dir(dir.join("folder.spm")).unwrap();

    let npz = |name: &str, arrays: &[(&str, Array)]| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        write_npz(&mut bytes, arrays.iter().map(|(n, a)| (*n, a))).unwrap();
        write(name, bytes.get_ref());
    };
    let array = |shape: &[usize], data: Data| Array {
        shape: shape.to_vec(),
        data,
    };
    npz(
        "wide.npz",
        &[("spikes", array(&[6, 2, 5], Data::U8(vec![1; 60])))],
    );
    npz(
        "labels.npz",
        &[
            ("spikes", array(&[6, 2, 4], Data::U8(vec![1; 48]))),
            ("labels", array(&[3], Data::I32(vec![0; 3]))),
        ],
    );
    npz(
        "far_label.npz",
        &[
            ("spikes", array(&[6, 2, 4], Data::U8(vec![1; 48]))),
            ("labels", array(&[2], Data::I32(vec![0, 7]))),
        ],
    );
    npz(
        "float.npz",
        &[("spikes", array(&[2, 4], Data::F32(vec![0.5; 8])))],
    );
    npz(
        "negative.npz",
        &[("spikes", array(&[2, 4], Data::I32(vec![-1; 8])))],
    );
    npz(
        "nan.npz",
        &[("spikes", array(&[2, 4], Data::F32(vec![f32::NAN; 8])))],
    );
    npz(
        "nospikes.npz",
        &[("x", array(&[2, 4], Data::U8(vec![1; 8])))],
    );
    let npy = |name: &str, values: Vec<u32>| {
        let mut bytes = Vec::new();
        network::npz::write_npy(&mut bytes, &Array::vector(Data::U32(values))).unwrap();
        write(name, &bytes);
    };
    npy("short.npy", vec![0, 0]);
    npy("far.npy", vec![0, 0, 128]);

    let loihi = std::fs::read_to_string(root().join("specs/chips/loihi.toml")).unwrap();
    let change = |name: &str, from: &str, to: &str| {
        assert!(
            loihi.contains(from),
            "specs/chips/loihi.toml no longer holds {from:?}"
        );
        write(name, loihi.replacen(from, to, 1).as_bytes());
    };
    let width = loihi
        .lines()
        .find(|l| l.trim_start().starts_with("width "))
        .unwrap();
    change("missing_key.toml", width, "");
    change("zero_mesh.toml", width, &width.replacen('8', "0", 1));
    change("no_origin.toml", width, "width = 8");
    let update = loihi
        .lines()
        .find(|l| l.contains("81") && l.contains("pJ"))
        .unwrap();
    change(
        "negative_cost.toml",
        update,
        &update.replacen("81", "-81", 1),
    );
    change(
        "wrong_unit.toml",
        update,
        &update.replacen("pJ", "furlong", 1),
    );
    change(
        "both_prices.toml",
        update,
        &format!("{update}\nalu = {{ value = 1, unit = \"pJ\", source = \"x\" }}"),
    );
    change(
        "unknown_key.toml",
        width,
        &format!("{width}\ncolour = {{ value = 1, unit = \"1\", source = \"x\" }}"),
    );
    write("broken.toml", b"[mesh\nwidth = 3\n");

    let image = dir.join("good.spm").to_string_lossy().into_owned();
    crate::cli::ok(&["asm", "examples/hello/hello.s", "-o", &image]);
    let bytes = std::fs::read(dir.join("good.spm")).unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 16;
    write("flipped.spm", &flipped);
    write("cut.spm", &bytes[..bytes.len() - 9]);
    let mut magic = bytes;
    magic[4] = 0xee;
    write("magic.spm", &magic);
}
