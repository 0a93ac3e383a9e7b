//! Arithmetic on synapse formats and segments: what a stored mantissa means, where a segment's data starts, how much memory it takes.
//!
//! Invariant: one block rule for everybody who counts synapse bits. Source of the rule: the published memory
//! layout of Loihi 1 (blocks of at most 64 synapses, a header of 10 bits each, rounded up to words of 64 bits);
//! its numbers come from the chip file.

use super::{CoreProgram, Pattern, Segment, SynapseFormat, SynapseKind, WeightSign};
use crate::chip::CoreLimits;

/// Where the data of a segment starts in each bulk vector of its core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SegmentOffsets {
    /// First entry in `targets` (meaningful for sparse and shared segments).
    pub targets: usize,
    /// First entry in `weights` (all but crossbar).
    pub weights: usize,
    /// First entry in `delays` (formats with `delay_bits > 0`).
    pub delays: usize,
    /// First word in `rows` (crossbar).
    pub rows: usize,
}

impl SynapseFormat {
    /// Weight of a stored mantissa: shifted by `exponent` (arithmetically right when negative), then left by `scale`.
    ///
    /// ```
    /// use isa::image::{SynapseFormat, SynapseKind, WeightSign};
    /// let format = SynapseFormat { kind: SynapseKind::Sparse, sign: WeightSign::Signed, weight_bits: 8, exponent: -1,
    ///     scale: 6, delay_bits: 0, index_bits: 10, weight_slot: 0 };
    /// assert_eq!(format.decode(-3), -2 << 6); // −3 >> 1 = −2
    /// ```
    pub fn decode(&self, mantissa: i16) -> i32 {
        let mantissa = i64::from(mantissa);
        let amount = u32::from(self.exponent.unsigned_abs()).min(31);
        let shifted = if self.exponent < 0 {
            mantissa >> amount
        } else {
            mantissa << amount
        };
        (shifted << u32::from(self.scale).min(31)) as i32
    }

    /// Smallest and largest mantissa that the format stores. With 0 weight bits both are 0.
    pub fn mantissa_range(&self) -> (i32, i32) {
        let bits = u32::from(self.weight_bits).min(15);
        match self.sign {
            _ if bits == 0 => (0, 0),
            WeightSign::Signed => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
            WeightSign::Excitatory => (0, (1 << bits) - 1),
            WeightSign::Inhibitory => (1 - (1 << bits), 0),
        }
    }

    /// Bits of synapse memory that one segment takes on a chip with these limits.
    ///
    /// `count` is the number of synapses of a sparse or dense segment or of a pattern; of a crossbar segment it is the number of
    /// lanes of the target group, for a row has one bit for each lane whatever is set. 0 synapses take 0 bits.
    /// With `synapse_block > 0`, synapses are cut into blocks of at most that many; each block is
    /// `n · (weight_bits + delay_bits + index_bits) + synapse_block_header_bits`, rounded up to `synapse_word_bits`.
    pub fn bits(&self, count: u32, limits: &CoreLimits) -> u64 {
        let count = u64::from(count);
        if self.kind == SynapseKind::Crossbar || count == 0 {
            return count;
        }
        let each =
            u64::from(self.weight_bits) + u64::from(self.delay_bits) + u64::from(self.index_bits);
        let block = u64::from(limits.synapse_block);
        if block == 0 {
            return count * each;
        }
        let word = u64::from(limits.synapse_word_bits).max(1);
        let header = u64::from(limits.synapse_block_header_bits);
        let block_bits = |synapses: u64| (synapses * each + header).next_multiple_of(word);
        let rest = count % block;
        (count / block) * block_bits(block) + if rest == 0 { 0 } else { block_bits(rest) }
    }

    /// Whether segments of this format have target lanes of their own.
    pub(crate) fn has_targets(&self) -> bool {
        self.kind == SynapseKind::Sparse
    }

    /// Whether segments of this format have weights of their own.
    pub(crate) fn has_weights(&self) -> bool {
        matches!(self.kind, SynapseKind::Sparse | SynapseKind::Dense)
    }
}

impl CoreProgram {
    /// Lanes of the core: the sum over its groups.
    pub fn lanes(&self) -> u32 {
        self.groups
            .iter()
            .fold(0, |sum: u32, group| sum.saturating_add(group.lanes))
    }

    /// Start of every segment's data, in segment order. Meaningful for a core that passed `verify::structure`;
    /// a segment that names no format or group of the core counts as empty.
    pub fn segment_offsets(&self) -> Vec<SegmentOffsets> {
        let patterns = self.pattern_offsets();
        let mut next = patterns.last().copied().unwrap_or_default();
        let mut shared = self.shared.iter();
        self.segments
            .iter()
            .map(|segment| {
                let here = next;
                let count = segment.count as usize;
                let format = self.formats.get(usize::from(segment.format));
                if format.is_some_and(|format| format.kind == SynapseKind::Shared) {
                    let pattern = shared.next().and_then(|at| patterns.get(usize::from(*at)));
                    return pattern.copied().unwrap_or_default();
                }
                if let Some(format) = format {
                    next.targets += if format.has_targets() { count } else { 0 };
                    next.weights += if format.has_weights() { count } else { 0 };
                    next.delays += if format.delay_bits > 0 { count } else { 0 };
                    if let (SynapseKind::Crossbar, Some(group)) =
                        (format.kind, self.groups.get(usize::from(segment.group)))
                    {
                        next.rows += (group.lanes as usize).div_ceil(64);
                    }
                }
                here
            })
            .collect()
    }

    /// Start of every pattern's data, and where they end. Patterns come before all segments.
    pub fn pattern_offsets(&self) -> Vec<SegmentOffsets> {
        let mut next = SegmentOffsets::default();
        let mut all = vec![next];
        all.extend(self.patterns.iter().map(|pattern| {
            let count = pattern.count as usize;
            let format = self.formats.get(usize::from(pattern.format));
            next.targets += count;
            next.weights += count;
            next.delays += match format {
                Some(format) if format.delay_bits > 0 => count,
                _ => 0,
            };
            next
        }));
        all
    }

    /// Bits of synapse memory that the core takes on a chip with these limits: each pattern once, a pointer for each
    /// segment that refers to one, and all other segments.
    pub fn synapse_bits(&self, limits: &CoreLimits) -> u64 {
        let bits = |segment: &Segment| {
            let format = self.formats.get(usize::from(segment.format))?;
            let lanes = self.groups.get(usize::from(segment.group))?.lanes;
            Some(match format.kind {
                SynapseKind::Crossbar => format.bits(lanes, limits),
                SynapseKind::Shared => limits.shared_pointer_bits.into(),
                SynapseKind::Sparse | SynapseKind::Dense => format.bits(segment.count, limits),
            })
        };
        let pattern = |pattern: &Pattern| {
            let format = self.formats.get(usize::from(pattern.format))?;
            Some(format.bits(pattern.count, limits))
        };
        let patterns: u64 = self.patterns.iter().filter_map(pattern).sum();
        patterns + self.segments.iter().filter_map(bits).sum::<u64>()
    }
}
