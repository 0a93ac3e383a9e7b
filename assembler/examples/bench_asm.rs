//! How fast the assembler is: lines and synapses per second of CPU time, on one thread.
//!
//! `cargo run --release -p assembler --example bench_asm`

#![allow(clippy::print_stdout, reason = "a bench prints")]

use cpu_time::ProcessTime;
use std::fmt::Write;

/// Runs of each source; the fastest counts.
const RUNS: usize = 7;

fn main() {
    for (what, text) in [
        ("handlers", handlers(1500)),
        ("synapses", synapses(40, 500)),
        ("macros", macros(1500)),
    ] {
        let mut best = f64::INFINITY;
        let mut synapses = 0;
        for _ in 0..RUNS {
            let start = ProcessTime::now();
            let image = assembler::assemble(&text, "bench.s").expect("the source is good");
            best = best.min(start.elapsed().as_secs_f64());
            synapses = image.cores.iter().map(|core| core.weights.len()).sum();
        }
        let lines = text.lines().count();
        println!(
            "{what:9} {lines:8} lines {:6.2} MB  {best:.3} s  {:6.2} M lines/s  {:6.2} M synapses/s",
            text.len() as f64 / 1e6,
            lines as f64 / best / 1e6,
            synapses as f64 / best / 1e6,
        );
    }
}

/// Groups with their own handlers, as a person writes them.
fn handlers(groups: usize) -> String {
    let mut text = String::new();
    for group in 0..groups {
        if group % 8 == 0 {
            let _ = writeln!(text, "\n.core {}", group / 8);
        }
        text.push_str(HANDLERS);
    }
    text
}

const HANDLERS: &str = "\
.group lanes=4
.const DECAY_U = q12(0.8)
.const DECAY_V = q12(0.9)
.const THETA = 6400
.slot u 24
.slot v 24
.slot silent 8
.update
    .reg u = r1
    .reg v = r2
    .reg q = r3
    .reg any = r4
    .reg silent = r5
    .reg fired = p1
    lds     u, u                ; state
    lds     v, v
    lda     q, 0
    lds     silent, silent
    or      any, q, u
    or      any, any, v
    or      any, any, silent
    cmp.eq  p2, any, r0         ; at rest
    @p2 br.idle done
    mulq.rz u, u, DECAY_U, 12
    add.w24 u, u, q
    sts     u, u
    cmp.gt  p3, silent, r0
    @p3 addi silent, silent, -1
    @p3 br frozen
    mulq.rz v, v, DECAY_V, 12
    add.s24 v, v, u
    cmp.gt  fired, v, THETA
    @fired add v, r0, r0
    @fired li silent, 5
    @fired spk
    sts     v, v
frozen:
    sts     silent, silent
done:
    halt
.end

.on_spike
    ldy     r1, weight
    acc     r1
    halt
.end
";

/// Cores of 1000 lanes whose axons have lists of synapses, 8 in a line.
fn synapses(cores: usize, axons: usize) -> String {
    let mut text = String::new();
    for core in 0..cores {
        let _ = writeln!(
            text,
            ".core {core}\n.format w sparse signed weight=8 delay=3 index=10\n.group lanes=1000\n.kernel lif"
        );
        for axon in 0..axons {
            let _ = write!(text, ".axon neuron {axon}\n.sparse =");
            for synapse in 0..100usize {
                let gap = if synapse % 8 == 0 && synapse > 0 {
                    "\n      "
                } else {
                    " "
                };
                let (lane, weight) = ((synapse * 9 + axon) % 1000, (synapse * 7 + axon * 13) % 255);
                let _ = write!(text, "{gap}{lane}:{}@{}", weight as i32 - 127, synapse % 8);
            }
            text.push('\n');
        }
    }
    text
}

/// The same handlers through macros.
fn macros(groups: usize) -> String {
    let mut text = String::from(
        ".macro neuron decay=q12(0.9), theta=6400\n.const DECAY = \\decay\n.const THETA = \\theta\n.slot v 24\n.update\n  leak r1, DECAY\n  fire r1\n  halt\n.end\n.endm\n\
         .macro leak v, k\n  lds \\v, v\n  lda r2, 0\n  mulq.rz \\v, \\v, \\k, 12\n  add.s24 \\v, \\v, r2\n.endm\n\
         .macro fire v\n  cmp.gt p1, \\v, THETA\n  @!p1 br out\n  sub \\v, \\v, THETA\n  spk\nout: sts \\v, v\n.endm\n",
    );
    for group in 0..groups {
        if group % 8 == 0 {
            let _ = writeln!(text, ".core {}", group / 8);
        }
        let _ = writeln!(text, ".group lanes=2\nneuron theta={}", 100 + group);
    }
    text
}
