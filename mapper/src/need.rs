//! What neurons and synapses need of a core: the per-core limits in the terms of the integer network.
//!
//! Invariant: one place says which memory format a projection's synapses have; partition, emit and the checks ask here.

use crate::quantized::{Projection, Quantized};
use assembler::kernels::{Kernel, KernelLibrary, Settings};
use isa::ChipSpec;
use isa::image::{SynapseFormat, SynapseKind};

/// Kernel, options and parameters.
type Program<'q> = (&'q str, &'q [(String, i64)], &'q [(String, f64)]);

/// Distinct programs of a network and which population runs which.
pub(crate) struct Programs {
    pub(crate) kernels: Vec<Kernel>,
    pub(crate) of_population: Vec<usize>,
    /// Handlers by content: index of the (update, on_spike) pair of each kernel in `handler_words`.
    pub(crate) handlers: Vec<[usize; 2]>,
    /// Words of each distinct handler.
    pub(crate) handler_words: Vec<u64>,
}

impl Programs {
    /// Instantiates the kernel of each population. The quantiser has done so before: they exist.
    pub(crate) fn of(q: &Quantized, library: &KernelLibrary) -> Programs {
        let mut kernels: Vec<Kernel> = Vec::new();
        let mut known: Vec<Program<'_>> = Vec::new();
        let of_population = q
            .populations
            .iter()
            .map(|p| {
                let key = (p.kernel.as_str(), &p.options[..], &p.params[..]);
                known.iter().position(|k| *k == key).unwrap_or_else(|| {
                    let options: Vec<(&str, i64)> =
                        p.options.iter().map(|(n, v)| (n.as_str(), *v)).collect();
                    let params: Vec<(&str, f64)> =
                        p.params.iter().map(|(n, v)| (n.as_str(), *v)).collect();
                    let settings = Settings {
                        options: &options,
                        params: &params,
                        dt_s: Some(q.dt_s),
                    };
                    kernels.push(
                        library
                            .instantiate(&p.kernel, &settings)
                            .expect("the quantiser instantiated it"),
                    );
                    known.push(key);
                    kernels.len() - 1
                })
            })
            .collect();
        let mut texts: Vec<Vec<u32>> = Vec::new();
        let mut number = |words: &Vec<u32>| {
            texts.iter().position(|t| t == words).unwrap_or_else(|| {
                texts.push(words.clone());
                texts.len() - 1
            })
        };
        let handlers = kernels
            .iter()
            .map(|k| [number(&k.update), number(&k.on_spike)])
            .collect();
        let handler_words = texts.iter().map(|t| t.len() as u64).collect();
        Programs {
            kernels,
            of_population,
            handlers,
            handler_words,
        }
    }
}

/// Bits that hold `0..count`.
pub(crate) fn bits_for(count: u32) -> u32 {
    count.saturating_sub(1).checked_ilog2().map_or(0, |b| b + 1)
}

/// Narrowest allowed index that tells `lanes` lanes apart.
pub(crate) fn index_bits(lanes: u32, chip: &ChipSpec) -> u32 {
    let need = bits_for(lanes);
    chip.limits
        .index_widths
        .iter()
        .copied()
        .find(|w| *w >= need)
        .unwrap_or(need)
}

/// The format of a projection's synapses on a core with a given index width.
pub(crate) fn format_of(p: &Projection, q: &Quantized, index_bits: u32) -> SynapseFormat {
    SynapseFormat {
        kind: if p.dense {
            SynapseKind::Dense
        } else {
            SynapseKind::Sparse
        },
        sign: p.sign,
        weight_bits: p.weight_bits,
        exponent: p.exponent,
        scale: q.weight_scale,
        delay_bits: bits_for(u32::from(p.largest_delay()) + 1) as u8,
        index_bits: if p.dense { 0 } else { index_bits as u8 },
        weight_slot: 0,
    }
}

/// Value of `THETA` in a profile, if the kernel has one.
pub(crate) fn threshold_of(
    q: &Quantized,
    programs: &Programs,
    population: usize,
    profile: u32,
) -> Option<i32> {
    let given = q.populations[population].profiles[profile as usize]
        .iter()
        .find(|c| c.0 == "THETA");
    let default = programs.kernels[programs.of_population[population]]
        .constants
        .iter()
        .find(|c| c.0 == "THETA");
    default.map(|d| given.map_or(d.1, |g| g.1))
}

#[cfg(test)]
mod tests {
    #[test]
    fn index_widths() {
        for (count, bits) in [
            (0, 0),
            (1, 0),
            (2, 1),
            (3, 2),
            (4, 2),
            (5, 3),
            (1024, 10),
            (1025, 11),
        ] {
            assert_eq!(super::bits_for(count), bits, "{count}");
        }
    }
}
