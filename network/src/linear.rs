//! Linear maps: what one input element contributes to which outputs.
//!
//! Invariant: a map is described compactly and unrolled only through [`Linear::scatter`], the one place that knows which
//! weight joins which elements. Convolution is cross-correlation, padding is zero, pooling divides by the whole window
//! (`torch` conventions, as NIR uses them).

use crate::lowered::{Synapses, WeightUnit};

/// One spatial axis of a convolution or pooling window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Taps.
    pub kernel: u32,
    /// Step between windows.
    pub stride: u32,
    /// Zeros before the first element.
    pub before: u32,
    /// Zeros after the last.
    pub after: u32,
    /// Distance of taps.
    pub dilation: u32,
    /// Elements of the input; 0 = not known yet.
    pub size_in: u32,
    /// Elements of the output.
    pub size_out: u32,
}

impl Axis {
    /// An axis of one element that the window does not move along.
    pub const SINGLE: Axis = Axis {
        kernel: 1,
        stride: 1,
        before: 0,
        after: 0,
        dilation: 1,
        size_in: 1,
        size_out: 1,
    };

    /// Outputs for `size_in` inputs; `None` when the window does not fit.
    pub fn outputs(&self, size_in: u32) -> Option<u32> {
        let padded = u64::from(size_in) + u64::from(self.before) + u64::from(self.after);
        let span = u64::from(self.dilation) * (u64::from(self.kernel) - 1) + 1;
        let windows = padded.checked_sub(span)? / u64::from(self.stride) + 1;
        u32::try_from(windows).ok()
    }

    /// (tap, output) pairs that input element `at` takes part in.
    fn taps(self, at: u32) -> impl Iterator<Item = (u32, u32)> {
        (0..self.kernel).filter_map(move |tap| {
            let offset = (at + self.before).checked_sub(tap * self.dilation)?;
            let out = offset / self.stride;
            (offset % self.stride == 0 && out < self.size_out).then_some((tap, out))
        })
    }
}

/// A linear map, with constant part where it is affine.
#[derive(Clone, Debug)]
pub enum Linear {
    /// y = x; the two ends of a subgraph.
    Identity,
    /// Same elements, other shape. Dimensions count without the batch; negative from the end.
    Flatten {
        /// First dimension to merge.
        start: i64,
        /// Last dimension to merge.
        end: i64,
    },
    /// Same elements in this shape.
    Reshape {
        /// Shape given.
        shape: Vec<u32>,
    },
    /// y = W x + b, for each of `blocks` independent blocks.
    Dense {
        /// Independent matrices.
        blocks: u32,
        /// Outputs of a block.
        outputs: u32,
        /// Inputs of a block.
        inputs: u32,
        /// Weights, by (block, input, output): the transpose of the file's order.
        weight: Vec<f32>,
        /// Constants per output, all blocks; empty = none.
        bias: Vec<f32>,
    },
    /// y = s x, elementwise; one value, or one per element.
    Scale {
        /// Factors.
        scale: Vec<f32>,
    },
    /// Convolution over one or two axes.
    Conv {
        /// Axes; the first is [`Axis::SINGLE`] in one dimension.
        axes: [Axis; 2],
        /// Spatial axes in the shapes: 1 or 2.
        rank: u32,
        /// Input channels.
        channels_in: u32,
        /// Output channels.
        channels_out: u32,
        /// Groups.
        groups: u32,
        /// Weights, by (output channel, input channel within the group, y, x).
        weight: Vec<f32>,
        /// Constant per output channel; empty = none.
        bias: Vec<f32>,
    },
    /// Pooling over two axes, per channel.
    Pool {
        /// Axes.
        axes: [Axis; 2],
        /// Mean instead of sum.
        mean: bool,
    },
    /// Synapses given one by one, possibly with delays.
    Sparse {
        /// Rows by input element.
        synapses: Synapses,
        /// Outputs.
        outputs: u32,
        /// Meaning of the weights.
        unit: WeightUnit,
    },
}

impl Linear {
    /// Whether outputs are the inputs, element by element.
    pub fn is_identity(&self) -> bool {
        matches!(
            self,
            Linear::Identity | Linear::Flatten { .. } | Linear::Reshape { .. }
        )
    }

    /// Calls `add(output, weight, delay)` for every output that input `at` contributes to.
    #[inline]
    pub fn scatter(&self, at: usize, mut add: impl FnMut(usize, f64, u32)) {
        match self {
            Linear::Identity | Linear::Flatten { .. } | Linear::Reshape { .. } => add(at, 1.0, 0),
            Linear::Dense {
                outputs,
                inputs,
                weight,
                ..
            } => {
                let (outputs, inputs) = (*outputs as usize, *inputs as usize);
                let first = at / inputs * outputs;
                for (i, &w) in weight[at * outputs..(at + 1) * outputs].iter().enumerate() {
                    add(first + i, f64::from(w), 0);
                }
            }
            Linear::Scale { scale } => {
                add(
                    at,
                    f64::from(if scale.len() == 1 {
                        scale[0]
                    } else {
                        scale[at]
                    }),
                    0,
                );
            }
            Linear::Conv {
                axes: [y, x],
                channels_in,
                channels_out,
                groups,
                weight,
                ..
            } => {
                let plane_in = y.size_in as usize * x.size_in as usize;
                let plane_out = y.size_out as usize * x.size_out as usize;
                let (channel, place) = (at / plane_in, at % plane_in);
                let per_group = (*channels_in / *groups) as usize;
                let outs = (*channels_out / *groups) as usize;
                let (group, inner) = (channel / per_group, channel % per_group);
                let (at_y, at_x) = (
                    (place / x.size_in as usize) as u32,
                    (place % x.size_in as usize) as u32,
                );
                let filter = y.kernel as usize * x.kernel as usize;
                for (tap_y, out_y) in y.taps(at_y) {
                    for (tap_x, out_x) in x.taps(at_x) {
                        let tap = tap_y as usize * x.kernel as usize + tap_x as usize;
                        let place = out_y as usize * x.size_out as usize + out_x as usize;
                        for out in group * outs..(group + 1) * outs {
                            let w = weight[(out * per_group + inner) * filter + tap];
                            add(out * plane_out + place, f64::from(w), 0);
                        }
                    }
                }
            }
            Linear::Pool { axes: [y, x], mean } => {
                let plane_in = y.size_in as usize * x.size_in as usize;
                let plane_out = y.size_out as usize * x.size_out as usize;
                let (channel, place) = (at / plane_in, at % plane_in);
                let (at_y, at_x) = (
                    (place / x.size_in as usize) as u32,
                    (place % x.size_in as usize) as u32,
                );
                let w = if *mean {
                    1.0 / (f64::from(y.kernel) * f64::from(x.kernel))
                } else {
                    1.0
                };
                for (_, out_y) in y.taps(at_y) {
                    for (_, out_x) in x.taps(at_x) {
                        add(
                            channel * plane_out
                                + out_y as usize * x.size_out as usize
                                + out_x as usize,
                            w,
                            0,
                        );
                    }
                }
            }
            Linear::Sparse { synapses, .. } => {
                let row = synapses.row_start[at] as usize..synapses.row_start[at + 1] as usize;
                for i in row {
                    let delay = synapses.delay.get(i).map_or(0, |&d| u32::from(d));
                    add(
                        synapses.target[i] as usize,
                        f64::from(synapses.weight[i]),
                        delay,
                    );
                }
            }
        }
    }

    /// Adds the constant part to `y`.
    pub(crate) fn add_bias(&self, y: &mut [f64]) {
        match self {
            Linear::Dense { bias, .. } if !bias.is_empty() => {
                for (y, &b) in y.iter_mut().zip(bias) {
                    *y += f64::from(b);
                }
            }
            Linear::Conv { bias, axes, .. } if !bias.is_empty() => {
                let plane = axes[0].size_out as usize * axes[1].size_out as usize;
                for (y, &b) in y.chunks_mut(plane).zip(bias) {
                    y.iter_mut().for_each(|y| *y += f64::from(b));
                }
            }
            _ => {}
        }
    }

    /// Whether the constant part is there and not all zero.
    pub(crate) fn has_bias(&self) -> bool {
        matches!(self, Linear::Dense { bias, .. } | Linear::Conv { bias, .. } if bias.iter().any(|&b| b != 0.0))
    }

    /// Longest synaptic delay, steps.
    pub(crate) fn max_delay(&self) -> u32 {
        match self {
            Linear::Sparse { synapses, .. } => {
                synapses.delay.iter().copied().max().map_or(0, u32::from)
            }
            _ => 0,
        }
    }
}

/// (block, output, input) to (block, input, output).
pub(crate) fn transpose<T: Copy>(values: &[T], outputs: usize, inputs: usize) -> Vec<T> {
    let mut out = Vec::with_capacity(values.len());
    for block in values.chunks_exact((outputs * inputs).max(1)) {
        for input in 0..inputs {
            out.extend((0..outputs).map(|output| block[output * inputs + input]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_agrees_with_counting() {
        for kernel in 1..5 {
            for stride in 1..4 {
                for (before, after) in [(0, 0), (1, 1), (1, 2), (3, 0)] {
                    for dilation in 1..3 {
                        for size_in in 1..8u32 {
                            let mut axis = Axis {
                                kernel,
                                stride,
                                before,
                                after,
                                dilation,
                                size_in,
                                size_out: 0,
                            };
                            let span = dilation * (kernel - 1) + 1;
                            let padded = size_in + before + after;
                            let windows = (0..padded)
                                .step_by(stride as usize)
                                .filter(|w| w + span <= padded)
                                .count() as u32;
                            assert_eq!(axis.outputs(size_in).unwrap_or(0), windows);
                            axis.size_out = windows;
                            let mut expected = Vec::new();
                            for out in 0..windows {
                                for tap in 0..kernel {
                                    expected.push((out * stride + tap * dilation, tap, out));
                                }
                            }
                            let mut got = Vec::new();
                            for at in 0..size_in {
                                got.extend(axis.taps(at).map(|(tap, out)| (at + before, tap, out)));
                            }
                            expected.retain(|&(at, ..)| at >= before && at < before + size_in);
                            expected.sort_unstable();
                            got.sort_unstable();
                            assert_eq!(got, expected, "{axis:?}");
                        }
                    }
                }
            }
        }
    }
}
