//! The kernel `izhikevich` against the same model in `f64`, on the parameter sets of the paper.

use super::chip;
use emulator::{Between, Options, SampleInput, Timing};
use std::fmt::Write as _;

/// Name, a, b, c, d. Izhikevich 2003, figure 2.
const CLASSES: [(&str, [f64; 4]); 5] = [
    ("RS", [0.02, 0.2, -65.0, 8.0]),
    ("IB", [0.02, 0.2, -55.0, 4.0]),
    ("CH", [0.02, 0.2, -50.0, 2.0]),
    ("FS", [0.1, 0.2, -65.0, 2.0]),
    ("LTS", [0.02, 0.25, -65.0, 2.0]),
];
const STEPS: u32 = 1000;
/// Constant input.
const INPUT: f64 = 10.0;

/// Starts of a class: v = −65 mV and so many 65536ths more.
const STARTS: u32 = 128;

/// Spikes of 1000 steps of 1 ms in `f64`.
fn spikes_f64([a, b, c, d]: [f64; 4], start: u32, halves: bool) -> u32 {
    let (mut v, mut u, mut spikes) = (-65.0 + f64::from(start) / 65536.0, -65.0 * b, 0);
    for _ in 0..STEPS {
        let slope = |v: f64| (0.04 * v + 5.0) * v + 140.0 - u + INPUT;
        if halves {
            v += 0.5 * slope(v);
            v += 0.5 * slope(v);
        } else {
            v += slope(v);
        }
        u += a * (b * v - u);
        if v >= 30.0 {
            (v, u, spikes) = (c, u + d, spikes + 1);
        }
    }
    spikes
}

/// The same on the chip, all classes at once: counts of all starts, class by class.
fn spikes_on_chip(halves: bool) -> Vec<u32> {
    let total = CLASSES.len() as u32 * STARTS;
    let mut text = String::from(".image network=izhikevich chip=tiny\n");
    writeln!(text, ".population all count={total}").unwrap();
    writeln!(text, ".output out shape=[{total}]\n.core 0").unwrap();
    for (class, (_, [a, b, c, d])) in CLASSES.iter().enumerate() {
        let q = |x: f64, bits: i32| (x * f64::from(bits).exp2()).round() as i64;
        writeln!(text, ".group lanes={STARTS}").unwrap();
        writeln!(text, ".kernel izhikevich BIAS=1 STEPS={}", u8::from(halves)).unwrap();
        writeln!(text, ".const A = {}\n.const B = {}", q(*a, 20), q(*b, 20)).unwrap();
        writeln!(text, ".const C = {}\n.const D = {}", q(*c, 16), q(*d, 16)).unwrap();
        write!(text, ".slot v 32 =").unwrap();
        for start in 0..i64::from(STARTS) {
            write!(text, " {}", q(-65.0, 16) + start).unwrap();
        }
        writeln!(text, "\n.slot u 32 = {}", q(-65.0 * b, 16)).unwrap();
        writeln!(text, ".slot bias 32 = {}", q(INPUT, 16)).unwrap();
        for lane in 0..STARTS {
            let element = class as u32 * STARTS + lane;
            writeln!(text, ".lane -> host 0 element {element}").unwrap();
        }
    }
    let image = assembler::assemble(&text, "izhikevich").expect("a good text");
    let options = Options {
        seed: 0,
        threads: 1,
        timing: Timing::Off,
        between: Between::Reset,
        drain: 0,
        record_spikes: true,
        record_packets: false,
    };
    let sample = SampleInput {
        steps: STEPS,
        offsets: vec![0; STEPS as usize + 1],
        ..SampleInput::default()
    };
    let results = emulator::run(&image, &chip(), &[sample], &options, &|_| ()).expect("fits");
    let mut counts = vec![0; total as usize];
    for (_, id) in &results[0].spikes {
        counts[*id as usize] += 1;
    }
    counts
}

/// This map is chaotic: in `f64`, starts that differ by a millionth give from 60 to 69 spikes (FS in half steps). So counts are
/// compared as means over many starts: within 2 %.
#[test]
fn counts_are_those_of_f64() {
    for halves in [false, true] {
        let chip = spikes_on_chip(halves);
        for ((name, parameters), got) in CLASSES.iter().zip(chip.chunks(STARTS as usize)) {
            let expect: Vec<u32> = (0..STARTS)
                .map(|start| spikes_f64(*parameters, start, halves))
                .collect();
            let mean = |counts: &[u32]| f64::from(counts.iter().sum::<u32>()) / f64::from(STARTS);
            let (a, b) = (mean(got), mean(&expect));
            println!(
                "{name}, halves {halves}: {a:.2} on the chip, {b:.2} in f64; first {} and {}",
                got[0], expect[0]
            );
            assert!(b > 15.0, "{name}: {b} spikes prove nothing");
            assert!(
                (a - b).abs() <= 0.02 * b,
                "{name}, halves {halves}: {a} spikes, {b} in f64"
            );
        }
    }
}
