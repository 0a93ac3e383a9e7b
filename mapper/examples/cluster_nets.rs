//! The synthetic cluster networks of Jin et al. 2023 (ASPLOS, doi 10.1145/3582016.3582038) as sparse matrices with traffic, for
//! placement studies: `cluster_nets dnn|cnn LAYERS CLUSTERS_PER_LAYER KERNEL OUT.npz`. Then, one cluster per core:
//!
//!     spikemesh map OUT.npz --traffic --chip specs/chips/mapping-study.toml --set core.neurons=1 --set mesh.width=32 --set mesh.height=32
//!
//! Each cluster of a layer sends to all clusters of the next (dnn), or to KERNEL of them from its own place on (cnn). Traffic is uniform on
//! (0, 1), two draws of the generator x ← 48271·x mod 2^31 − 1 (from 1) for each number, the first of them the low part. The last layer
//! is not connected: the published networks are so.

use network::connectivity::Connectivity;
use std::fs::File;
use std::io::BufWriter;

const MODULUS: u64 = (1 << 31) - 1;

/// Park and Miller's generator with the multiplier of `minstd_rand`.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self.0 * 48_271 % MODULUS;
        (self.0 - 1) as f64
    }

    /// A number from 0 to 1.
    fn unit(&mut self) -> f64 {
        let span = (MODULUS - 1) as f64;
        let low = self.next();
        let high = self.next();
        (low + high * span) / (span * span)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const USAGE: &str = "usage: cluster_nets dnn|cnn LAYERS CLUSTERS_PER_LAYER KERNEL OUT.npz";
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, layers, width, kernel, out] = &arguments[..] else {
        return Err(USAGE.into());
    };
    let (layers, width): (u32, u32) = (layers.parse()?, width.parse()?);
    let kernel: u32 = match kind.as_str() {
        "dnn" => width,
        "cnn" => kernel.parse()?,
        _ => return Err(USAGE.into()),
    };
    let mut draws = Draws(1);
    let (mut start, mut targets, mut traffic) = (vec![0], Vec::new(), Vec::new());
    for layer in 0..layers {
        for cluster in 0..width {
            if layer + 2 < layers {
                let first = if kind == "dnn" { 0 } else { cluster };
                for target in first..width.min(first + kernel) {
                    targets.push(width * (layer + 1) + target);
                    traffic.push(draws.unit());
                }
            }
            start.push(targets.len() as u64);
        }
    }
    let net = Connectivity::new(start, targets)?.with_values(traffic)?;
    net.write(BufWriter::new(File::create(out)?))?;
    Ok(())
}
