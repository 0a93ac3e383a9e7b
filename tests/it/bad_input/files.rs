//! The faulty files that commands are given: one fault in each.

use crate::cli::root;
use network::npz::{Array, Data, write_npz};
use std::path::Path;

/// A native network of one population that the output `volts` shows.
fn network(name: &str, shape: &str, model: &str, readout: &str) -> String {
    format!(
        "format = 1\ndt = 1e-3\n\n[[population]]\nname = \"{name}\"\nshape = [{shape}]\n{model}\nbias = 0.5\n\n\
         [[output]]\nname = \"volts\"\nfrom = \"{name}\"\n{readout}\n"
    )
}

/// Fills a folder with files that are wrong in one way each, and what goes with them.
pub(super) fn prepare(dir: &Path) {
    let data = root().join("tests/data");
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "nir") {
            std::fs::copy(&path, dir.join(path.file_name().unwrap())).unwrap();
        }
    }
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.join(name), bytes).unwrap();
    let good = std::fs::read(data.join("good.nir")).unwrap();
    std::fs::copy(root().join("examples/srnn/srnn.nir"), dir.join("srnn.nir")).unwrap();
    std::fs::copy(root().join("examples/hello/hello.s"), dir.join("hello.s")).unwrap();
    write("empty.nir", b"");
    write("truncated.nir", &good[..good.len() / 3]);
    write("text.nir", b"this is not what you think it is\n");
    write("bad.csv", b"time,index\nsoon,1\n");
    write("far.csv", b"time,index\n0,9\n");
    write("hollow.s", b"; nothing\n");
    write("bad.xyz", b"x");
    write("bad.s", b".core 0\nfrob r1\n");
    write("untidy.s", b"  .core   0\n");
    write("text.spm", b"\xff\xfe");
    std::fs::create_dir_all(dir.join("folder.spm")).unwrap();

    let text = |name: &str, text: &str| write(name, text.as_bytes());
    text(
        "newline.toml",
        &network("le\\nft", "3", "model = \"if\"\nthreshold = 1", ""),
    );
    let shape = vec!["1"; 17].join(", ");
    text(
        "deep.toml",
        &network("left", &shape, "model = \"if\"\nthreshold = 1", ""),
    );
    text(
        "count.toml",
        &network(
            "left",
            "3",
            "model = \"li\"\ntau = 0.02",
            "readout = \"count\"",
        ),
    );

    let npz = |name: &str, arrays: &[(&str, Array)]| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        write_npz(&mut bytes, arrays.iter().map(|(n, a)| (*n, a))).unwrap();
        write(name, bytes.get_ref());
    };
    text(
        "leaky.toml",
        &network("left", "3", "model = \"li\"\ntau = 0.02", ""),
    );
    text(
        "misspelt.toml",
        &network("left", "3", "model = \"lfi\"\ntau = 0.02", ""),
    );
    let spikes = Array::vector(Data::U8(vec![1, 0, 1, 1, 0, 0, 1, 0]));
    let spikes = Array {
        shape: vec![2, 4],
        ..spikes
    };
    let mut stored = std::io::Cursor::new(Vec::new());
    network::npz::write_npz_stored(&mut stored, [("spikes", &spikes)]).unwrap();
    let stored = stored.into_inner();
    let data = stored
        .windows(8)
        .position(|w| w == [1, 0, 1, 1, 0, 0, 1, 0]);
    let mut bad = stored.clone();
    bad[data.unwrap() + 5] ^= 1;
    write("flipped.npz", &bad);
    write("cut.npz", &stored[..stored.len() - 30]);
    let mut bytes = Vec::new();
    network::npz::write_npy(&mut bytes, &spikes).unwrap();
    write("cut.npy", &bytes[..bytes.len() - 5]);
    write("header.npy", &bytes[..60]);
    bytes.push(0);
    write("longer.npy", &bytes);
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
        &format!("{update}\nalu_energy = {{ value = 1, unit = \"pJ\", source = \"x\" }}"),
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
    let mut version = bytes.clone();
    version[4] = 0xee;
    write("version.spm", &version);
    let mut magic = bytes;
    magic[1] = b'p';
    write("magic.spm", &magic);
}
