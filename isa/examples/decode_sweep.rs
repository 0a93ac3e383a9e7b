//! Decodes all 2^32 words: each gives one instruction, whose word it is, or is refused with the word named.
//!
//! `cargo run --release -p isa --example decode_sweep [THREADS]` says how many words of each operation there are, and
//! fails at the first word that breaks the rule. Takes minutes; the tests take samples.

use isa::op::{Op, decode, try_encode};
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// Words are handed out to threads by their top bits.
const BLOCKS: u32 = 1 << 12;
const BLOCK: u32 = 1 << 20;

/// Legal words by opcode, or the first word of the block that breaks the rule.
fn sweep(block: u32) -> Result<[u64; 64], String> {
    let mut legal = [0; 64];
    for word in block * BLOCK..=block * BLOCK + (BLOCK - 1) {
        match decode(word) {
            Ok(instr) => match try_encode(&instr) {
                Ok(again) if again == word => legal[instr.op as usize] += 1,
                Ok(again) => {
                    return Err(format!("{word:#010x} is {instr:?}, which is {again:#010x}"));
                }
                Err(error) => return Err(format!("{word:#010x} is {instr:?}: {error}")),
            },
            Err(error) if error.word == Some(word) && !error.reason.is_empty() => {}
            Err(error) => return Err(format!("{word:#010x} is refused as {error:?}")),
        }
    }
    Ok(legal)
}

fn main() -> io::Result<ExitCode> {
    let threads = std::env::args()
        .nth(1)
        .map_or(Ok(2), |n| n.parse::<usize>());
    let Ok(threads @ 1..) = threads else {
        writeln!(io::stderr(), "usage: decode_sweep [THREADS], at least 1")?;
        return Ok(ExitCode::from(2));
    };
    let start = Instant::now();
    let next = AtomicU32::new(0);
    let work = || -> Result<[u64; 64], String> {
        let mut legal = [0; 64];
        loop {
            let block = next.fetch_add(1, Ordering::Relaxed);
            if block >= BLOCKS {
                return Ok(legal);
            }
            for (sum, count) in legal.iter_mut().zip(sweep(block)?) {
                *sum += count;
            }
        }
    };
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    let mut legal = [0u64; 64];
    for result in results {
        match result {
            Ok(Ok(counts)) => legal.iter_mut().zip(counts).for_each(|(a, b)| *a += b),
            Ok(Err(what)) => {
                writeln!(io::stderr(), "error: {what}")?;
                return Ok(ExitCode::FAILURE);
            }
            Err(_) => return Ok(ExitCode::FAILURE),
        }
    }
    let mut out = io::stdout().lock();
    for op in Op::ALL {
        let words = legal[*op as usize];
        writeln!(out, "{:02x} {:<7} {words:>12}", *op as u8, op.mnemonic())?;
    }
    let sum: u64 = legal.iter().sum();
    let rest = (1u64 << 32) - sum;
    let seconds = start.elapsed().as_secs_f64();
    writeln!(
        out,
        "{sum} words are instructions, {rest} are refused; {seconds:.0} s"
    )?;
    Ok(ExitCode::SUCCESS)
}
