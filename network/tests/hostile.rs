//! Broken and hostile files: always an error, never a panic, never more memory than the file can justify.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::io::Cursor;
use std::path::Path;

use network::{ImportOptions, input, nir};

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// A generator with a fixed seed (an LCG's high bits).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

fn read(bytes: &[u8]) {
    if let Ok(graph) = nir::read(
        bytes,
        "hostile",
        &ImportOptions {
            dt: Some(1e-3),
            ..Default::default()
        },
    ) {
        let _ = graph.lower();
    }
}

#[test]
fn truncated_nir_files_are_errors() {
    for name in ["tests/data/old_style.nir", "tests/data/nested_delay.nir"] {
        let good = file(name);
        for cut in (0..good.len()).step_by(97) {
            assert!(
                nir::read(&good[..cut], "cut", &ImportOptions::default()).is_err(),
                "{name} cut at {cut}"
            );
        }
    }
}

#[test]
fn altered_nir_files_do_not_panic() {
    let mut random = Random(11);
    // A panic inside the HDF5 reader would be caught and hidden: count those through the hook.
    let panics = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = panics.clone();
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let inside = info
            .location()
            .is_some_and(|l| !l.file().contains("tests/"));
        counter.fetch_add(usize::from(inside), std::sync::atomic::Ordering::Relaxed);
        usual(info);
    }));
    for name in [
        "tests/data/old_style.nir",
        "tests/data/nested_delay.nir",
        "tests/data/conv1d.nir",
    ] {
        let good = file(name);
        let used: Vec<usize> = (0..good.len()).filter(|&i| good[i] != 0).collect();
        for _ in 0..600 {
            let mut bad = good.clone();
            for _ in 0..1 + random.below(4) {
                let at = if random.below(4) == 0 {
                    random.below(bad.len())
                } else {
                    used[random.below(used.len())]
                };
                match random.below(3) {
                    0 => bad[at] ^= 1 << random.below(8),
                    1 => bad[at] = 0xff,
                    _ => bad[at] = random.below(256) as u8,
                }
            }
            read(&bad);
        }
    }
    let _ = std::panic::take_hook();
    assert_eq!(
        panics.load(std::sync::atomic::Ordering::Relaxed),
        0,
        "panics inside the HDF5 reader"
    );
}

#[test]
fn garbage_is_not_a_network() {
    let mut random = Random(5);
    for length in [0, 1, 7, 8, 64, 512, 4096] {
        let bytes: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
        assert!(nir::read(&bytes, "garbage", &ImportOptions::default()).is_err());
        assert!(input::from_npz(Cursor::new(&bytes), &[vec![4]]).is_err());
        assert!(input::from_npy(&bytes, &[vec![4]]).is_err());
        let _ = input::from_csv(&bytes, &[vec![4]], 1e-3);
    }
}

#[test]
fn altered_input_files_do_not_panic() {
    let mut random = Random(3);
    let good = file("../examples/delays/test.npz");
    for _ in 0..400 {
        let mut bad = good.clone();
        for _ in 0..1 + random.below(3) {
            let at = random.below(bad.len());
            bad[at] = random.below(256) as u8;
        }
        let _ = input::from_npz(Cursor::new(&bad), &[vec![16]]);
    }
    for cut in (0..good.len()).step_by(61) {
        assert!(input::from_npz(Cursor::new(&good[..cut]), &[vec![16]]).is_err());
    }
}
