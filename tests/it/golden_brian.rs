//! Ten isolated neurons of Brian2 (its LIF example, 200 ms in steps of 0.1 ms) on chips whose decays have 12 bits.
//!
//! The exact factor exp(-0.01) = 4055.24 / 4096 is rounded to 4055, which shortens the time constant by 0.6 %. With the drive as it
//! is, each period would end late: by 1 step of 141 for the neuron driven most, by 27 of 393 for the one near its
//! threshold. The drive can make up for it: with the bias for which the time from reset to threshold is the
//! exact one, every spike is in its step. Here that bias is computed by hand first, then by the mapper.

use crate::cli::{folder, ok, root};
use network::npz::{Array, Data, Npz, write_npy};
use std::io::Write as _;

/// Steps of the spikes of each neuron.
type Trains = [Vec<u32>; 10];

const DECAY: f64 = 4055.0 / 4096.0;
/// 20 mV above rest, as the chip has it: the mantissa of 17 bits, all ones.
const THETA: i64 = ((1 << 17) - 1) << 6;

/// Drive above rest, mV.
fn drive() -> [f64; 10] {
    std::array::from_fn(|i| 20.5 + 9.5 * i as f64 / 9.0)
}

fn brian() -> Trains {
    let path = root().join("network/tests/data/brian2_lif10.npz");
    let mut npz = Npz::open(std::fs::File::open(path).unwrap()).unwrap();
    let mut read = |key: &str| npz.read(key).unwrap().unwrap().into_u32().unwrap();
    let pairs = read("ff_spike_step").into_iter().zip(read("ff_spike_i"));
    trains(pairs)
}

fn trains(pairs: impl Iterator<Item = (u32, u32)>) -> Trains {
    let mut trains = Trains::default();
    pairs.for_each(|(step, neuron)| trains[neuron as usize].push(step));
    trains.iter_mut().for_each(|train| train.sort_unstable());
    trains
}

/// Runs a population with one array on a chip.
fn run(name: &str, chip: &str, population: &str, array: Data) -> Trains {
    let dir = folder(&format!("brian_{name}_{chip}"));
    let path = |file: &str| dir.join(file).to_string_lossy().into_owned();
    let mut npz = zip::ZipWriter::new(std::fs::File::create(path("net.npz")).unwrap());
    let stored = zip::write::SimpleFileOptions::default();
    npz.start_file("drive.npy", stored).unwrap();
    let mut bytes = Vec::new();
    write_npy(&mut bytes, &Array::vector(array)).unwrap();
    npz.write_all(&bytes).unwrap();
    npz.finish().unwrap();
    let text = format!(
        "format = 1\ndt = 1e-4\n[[population]]\nname = \"cells\"\nshape = [10]\n{population}\n[[output]]\nname = \"out\"\nfrom = \"cells\"\n"
    );
    std::fs::write(path("net.toml"), text).unwrap();
    let csv = path("spikes.csv");
    let net = path("net.toml");
    ok(&[
        "run", &net, "--chip", chip, "--steps", "2000", "--timing", "off", "--spikes", &csv,
    ]);
    let text = std::fs::read_to_string(csv).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|h| *h == name).unwrap();
    let (step, index) = (column("step"), column("index"));
    trains(lines.map(|line| {
        let fields: Vec<u32> = line.split(',').map(|f| f.parse().unwrap_or(0)).collect();
        (fields[step], fields[index])
    }))
}

#[test]
fn the_drive_makes_up_for_the_rounded_decay() {
    let brian = brian();
    // v(n) = end + (start - end) DECAY^n runs from 5 to 20 in the time that the exact neuron takes.
    let scale = THETA as f64 / 20.0;
    let bias = drive().map(|drive| {
        let steps = ((drive - 5.0) / (drive - 20.0)).ln() / 0.01;
        let ratio = DECAY.powf(-steps);
        let end = (20.0 * ratio - 5.0) / (ratio - 1.0);
        (end * (1.0 - DECAY) * scale).round() as i64
    });
    let population = format!(
        "kernel = \"lif\"\noptions = {{ BIAS = 1, REFRACT = 1 }}\n\
         constants = {{ DECAY = 4055, THETA = {THETA}, RESET_V = {}, REFRACTORY = 49 }}\nslots = {{ bias = \"drive\" }}",
        (5.0 * scale).round()
    );
    for chip in ["loihi", "tiny"] {
        let got = run("matched", chip, &population, Data::I64(bias.to_vec()));
        assert_eq!(got, brian, "{chip}");
    }
}

/// The model in its own units: the mapper finds such a bias itself.
#[test]
fn the_mapper_makes_up_for_the_rounded_decay() {
    let brian = brian();
    let model = "model = \"lif\"\ndecay = \"exp\"\ntau = 10e-3\nv_init = 0\nthreshold = 20\nv_reset = 5\nrefractory = 49";
    for chip in ["loihi", "tiny"] {
        let leak = format!("{model}\nv_leak = \"drive\"");
        let got = run("leak", chip, &leak, Data::F64(drive().to_vec()));
        assert_eq!(got, brian, "{chip}: no spike is even a step away");
        let bias = format!("{model}\nbias = \"drive\"");
        assert_eq!(run("bias", chip, &bias, Data::F64(drive().to_vec())), got);
    }
    // One leak potential above the threshold for all is a drive too.
    let alike = format!("{model}\nv_leak = 30");
    let got = run("alike", "loihi", &alike, Data::F64(Vec::new()));
    let brian: Trains = std::array::from_fn(|_| brian[9].clone());
    assert_eq!(got, brian, "alike");
}
