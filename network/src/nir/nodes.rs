//! From the fields of one NIR node to an operation.
//!
//! Invariant: a node is made only from fields that are there, finite and of shapes that fit together; a field that is not
//! used is reported.

use hdf5_reader::group::Group;

use super::Import;
use super::h5::{Numbers, Reader};
use crate::error::NetworkError;
use crate::graph::{Draft, MAX_DELAY_STEPS, Op};
use crate::linear::{Axis, Linear, transpose};
use crate::options::ImportOptions;
use crate::shapes::elements;

/// Node types that can be read.
const KINDS: &str = "Affine, AvgPool2d, Conv1d, Conv2d, CubaLI, CubaLIF, Delay, Flatten, I, IF, Input, LI, LIF, Linear, \
                     NIRGraph, Output, Scale, SumPool2d, Threshold";
/// Largest kernel size, stride, padding or dilation.
const MAX_WINDOW: i64 = 4096;

/// Fields of one node.
pub(super) struct Fields<'i, 'a> {
    pub(super) import: &'i mut Import<'a>,
    group: &'i Group,
    pub(super) node: &'i str,
    groups: Vec<String>,
    pub(super) unread: Vec<String>,
    bad: bool,
}

/// An elementwise field: shape and values.
pub(super) type Elementwise = (Vec<u32>, Vec<f64>);

impl Fields<'_, '_> {
    pub(super) fn error(&mut self, field: &str, what: impl Into<String>) {
        self.bad = true;
        self.import.field_error(self.node, field, what);
    }

    /// Whether the node has the field; from now on it counts as read.
    fn has(&mut self, field: &str) -> bool {
        match self.unread.iter().position(|f| f == field) {
            Some(i) => {
                self.unread.swap_remove(i);
                true
            }
            None => false,
        }
    }

    /// Numbers of a field, all finite; `None` when it is absent, empty, or wrong (then noted).
    fn optional(&mut self, field: &str) -> Option<Numbers> {
        if !self.has(field) {
            return None;
        }
        let read = Reader::dataset(self.group, field)
            .and_then(|dataset| self.import.reader.numbers(&dataset));
        match read {
            Ok(numbers) => self.finite(field, numbers),
            Err(what) => {
                self.error(field, format!("cannot be read: {what}"));
                None
            }
        }
    }

    fn finite(&mut self, field: &str, numbers: Numbers) -> Option<Numbers> {
        use super::h5::Values;
        let bad = match &numbers.values {
            Values::F32(v) => v.iter().position(|x| !x.is_finite()),
            Values::F64(v) => v.iter().position(|x| !x.is_finite()),
            Values::Int(_) => None,
        };
        if let Some(index) = bad {
            self.bad = true;
            let value = numbers.to_f64()[index].to_string();
            self.import.errors.push(NetworkError::NotFinite {
                node: self.node.into(),
                field: field.into(),
                index,
                value,
            });
            return None;
        }
        (numbers.len() > 0).then_some(numbers)
    }

    fn required(&mut self, field: &str) -> Option<Numbers> {
        let there = self.unread.iter().any(|f| f == field);
        if !there {
            self.error(field, "is missing");
        }
        let numbers = self.optional(field);
        if there && numbers.is_none() && !self.bad {
            self.error(field, "is empty");
        }
        numbers
    }

    fn shape(&mut self, field: &str, shape: &[u64]) -> Option<Vec<u32>> {
        let narrow: Option<Vec<u32>> = shape.iter().map(|&d| u32::try_from(d).ok()).collect();
        let narrow = narrow.filter(|s| elements(s).is_some());
        if narrow.is_none() {
            self.error(field, format!("has the unusable shape {shape:?}"));
        }
        narrow
    }

    pub(super) fn elementwise(&mut self, field: &str) -> Option<Elementwise> {
        let numbers = self.required(field)?;
        let shape = self.shape(field, &numbers.shape)?;
        Some((shape, numbers.to_f64()))
    }

    /// Weights as `f32`, with their shape.
    fn weights(&mut self, field: &str) -> Option<(Vec<u32>, Vec<f32>)> {
        let numbers = self.required(field)?;
        let shape = self.shape(field, &numbers.shape)?;
        let (values, rounded) = numbers.into_f32();
        if rounded {
            self.import.notes.push(format!(
                "node `{}`: `{field}` is stored wider than float32 and was rounded to it",
                self.node
            ));
        }
        if let Some(index) = values.iter().position(|x| !x.is_finite()) {
            self.error(
                field,
                format!("has a value beyond float32 at element {index}"),
            );
            return None;
        }
        Some((shape, values))
    }

    /// Whole numbers of a field; `None` when it is absent or wrong.
    fn ints(&mut self, field: &str) -> Option<Vec<i64>> {
        let numbers = self.optional(field)?;
        let ints = numbers.to_ints();
        if ints.is_none() {
            self.error(field, "must hold whole numbers");
        }
        ints
    }

    /// One number per axis: given once or for each; `default` when absent.
    fn per_axis(
        &mut self,
        field: &str,
        rank: usize,
        least: i64,
        default: Option<i64>,
    ) -> Option<Vec<u32>> {
        let absent = !self.unread.iter().any(|f| f == field);
        let values = match (self.ints(field), default) {
            (Some(values), _) => values,
            (None, Some(value)) => vec![value],
            (None, None) => {
                if absent {
                    self.error(field, "is missing");
                }
                return None;
            }
        };
        let values = if values.len() == 1 {
            vec![values[0]; rank]
        } else {
            values
        };
        if values.len() != rank || values.iter().any(|v| !(least..=MAX_WINDOW).contains(v)) {
            self.error(
                field,
                format!("is {values:?}; it takes {rank} numbers from {least} to {MAX_WINDOW}"),
            );
            return None;
        }
        Some(values.into_iter().map(|v| v as u32).collect())
    }

    /// Padding before and after, per axis: numbers, or "same" or "valid".
    fn padding(
        &mut self,
        rank: usize,
        kernel: &[u32],
        stride: &[u32],
        dilation: &[u32],
    ) -> Option<Vec<(u32, u32)>> {
        let text = match Reader::dataset(self.group, "padding") {
            Ok(dataset) if Reader::is_text(&dataset) => {
                self.has("padding");
                self.import.text_field(self.group, self.node, "padding")
            }
            _ => None,
        };
        match text.as_deref() {
            None => Some(
                self.per_axis("padding", rank, 0, Some(0))?
                    .into_iter()
                    .map(|p| (p, p))
                    .collect(),
            ),
            Some("valid") => Some(vec![(0, 0); rank]),
            Some("same") if stride.iter().any(|&s| s != 1) => {
                self.error(
                    "padding",
                    format!("\"same\" needs a stride of 1, the stride is {stride:?}"),
                );
                None
            }
            Some("same") => {
                let total = kernel.iter().zip(dilation).map(|(k, d)| d * (k - 1));
                Some(total.map(|t| (t / 2, t - t / 2)).collect())
            }
            Some(other) => {
                let what = format!("is \"{other}\"; it takes numbers, \"same\" or \"valid\"");
                self.error("padding", what);
                None
            }
        }
    }

    /// Name of the kernel in the node's metadata, if there is one; `None` when it cannot be read.
    pub(super) fn kernel(&mut self) -> Option<Option<String>> {
        let Some(metadata) = self.metadata_group() else {
            return Some(None);
        };
        if Reader::dataset(&metadata, "kernel").is_err() {
            return Some(None);
        }
        let node = self.node;
        self.import
            .text_field(&metadata, &format!("{node}/metadata"), "kernel")
            .map(Some)
    }

    /// Whether a field holds text.
    pub(super) fn is_text(&self, field: &str) -> bool {
        Reader::dataset(self.group, field).is_ok_and(|dataset| Reader::is_text(&dataset))
    }

    fn metadata_group(&self) -> Option<Group> {
        let there = self.groups.iter().any(|name| name == "metadata");
        there.then(|| Reader::group(self.group, "metadata").ok())?
    }

    /// Numbers of a group in the metadata, by name; `None` when something is wrong (then noted).
    fn metadata_numbers(&mut self, list: &str) -> Option<Vec<(String, Numbers)>> {
        let inner = self.metadata_group().and_then(|metadata| {
            let (groups, _) = Reader::members(&metadata).ok()?;
            groups
                .iter()
                .any(|name| name == list)
                .then(|| Reader::group(&metadata, list).ok())?
        });
        let Some(group) = inner else {
            return Some(Vec::new());
        };
        let names = Reader::members(&group).map_or(Vec::new(), |(_, names)| names);
        let mut out = Vec::new();
        for name in names {
            let field = format!("metadata/{list}/{name}");
            let read = Reader::dataset(&group, &name)
                .and_then(|dataset| self.import.reader.numbers(&dataset));
            match read {
                Ok(numbers) if numbers.len() > 0 => out.push((name, self.finite(&field, numbers)?)),
                Ok(_) => self.error(&field, "is empty"),
                Err(what) => self.error(&field, format!("cannot be read: {what}")),
            }
        }
        (!self.bad).then_some(out)
    }

    /// Whole numbers of a group in the metadata: name and values.
    pub(super) fn whole_metadata(&mut self, list: &str) -> Option<Vec<(String, Vec<i64>)>> {
        let mut out = Vec::new();
        for (name, numbers) in self.metadata_numbers(list)? {
            match numbers.to_ints() {
                Some(ints) => out.push((name, ints)),
                None => self.error(
                    &format!("metadata/{list}/{name}"),
                    "must hold whole numbers",
                ),
            }
        }
        (!self.bad).then_some(out)
    }

    /// Real numbers of a group in the metadata.
    pub(super) fn real_metadata(&mut self, list: &str) -> Option<Vec<(String, Elementwise)>> {
        let mut out = Vec::new();
        for (name, numbers) in self.metadata_numbers(list)? {
            let shape = self.shape(&format!("metadata/{list}/{name}"), &numbers.shape)?;
            out.push((name, (shape, numbers.to_f64())));
        }
        Some(out)
    }

    /// A shape stored as a field (or, by some versions, one level deeper).
    fn stored_shape(&mut self, field: &str) -> Option<Vec<u32>> {
        let ints = if self.groups.iter().any(|g| g == field) {
            let inner = Reader::group(self.group, field).and_then(|g| Reader::dataset(&g, "input"));
            let read = inner.and_then(|dataset| self.import.reader.numbers(&dataset));
            read.ok().and_then(|numbers| numbers.to_ints())?
        } else {
            self.ints(field)?
        };
        let shape: Option<Vec<u32>> = ints
            .iter()
            .map(|&d| u32::try_from(d).ok().filter(|&d| d > 0))
            .collect();
        if shape.is_none() {
            self.error(
                field,
                format!("is {ints:?}; all dimensions must be at least 1"),
            );
        }
        shape
    }
}

/// Reads the node of type `kind`; `None` when something is wrong (then noted).
pub(super) fn read(
    import: &mut Import<'_>,
    group: &Group,
    node: &str,
    kind: &str,
    options: &ImportOptions,
) -> Option<Draft> {
    let (groups, unread) = match Reader::members(group) {
        Ok(members) => members,
        Err(what) => {
            import.field_error(node, "type", format!("cannot be read: {what}"));
            return None;
        }
    };
    let mut fields = Fields {
        import,
        group,
        node,
        groups,
        unread,
        bad: false,
    };
    fields.has("type");
    let draft = op(&mut fields, kind, options);
    let unread = std::mem::take(&mut fields.unread);
    let failed = fields.bad;
    let draft = draft.filter(|_| !failed)?;
    if !unread.is_empty() {
        import.notes.push(format!(
            "node `{node}`: `{}` is not a field of {kind} and was ignored",
            unread.join("`, `")
        ));
    }
    Some(draft)
}

fn op(fields: &mut Fields<'_, '_>, kind: &str, options: &ImportOptions) -> Option<Draft> {
    let name = fields.node.to_string();
    let plain = |op: Op, in_shape: Option<Vec<u32>>| {
        Some(Draft {
            name: name.clone(),
            op,
            in_shape,
            field_shape: None,
        })
    };
    match kind {
        "Input" => {
            let shape = fields.stored_shape("shape");
            plain(Op::Input, shape)
        }
        "Output" => {
            let shape = fields.stored_shape("shape");
            plain(Op::Output { readout: None }, shape)
        }
        "Affine" | "Linear" => dense(fields, kind == "Affine"),
        "Scale" => {
            let (shape, scale) = fields.weights("scale")?;
            let scale = if scale.windows(2).all(|w| w[0] == w[1]) {
                scale[..1].to_vec()
            } else {
                scale
            };
            Some(Draft {
                name,
                op: Op::Linear(Linear::Scale { scale }),
                in_shape: None,
                field_shape: Some(shape),
            })
        }
        "Conv1d" => conv(fields, 1),
        "Conv2d" => conv(fields, 2),
        "SumPool2d" | "AvgPool2d" => pool(fields, kind == "AvgPool2d"),
        "Flatten" => {
            let in_shape = fields.stored_shape("input_type");
            let start = fields
                .ints("start_dim")
                .and_then(|v| v.first().copied())
                .unwrap_or(1);
            let end = fields
                .ints("end_dim")
                .and_then(|v| v.first().copied())
                .unwrap_or(-1);
            plain(Op::Linear(Linear::Flatten { start, end }), in_shape)
        }
        "Delay" => {
            let (shape, seconds) = fields.elementwise("delay")?;
            if let Some(bad) = seconds.iter().find(|&&s| s < 0.0) {
                fields.error(
                    "delay",
                    format!("has the value {bad}; a delay cannot be negative"),
                );
                return None;
            }
            let dt_s = fields.import.dt_s;
            let steps: Vec<f64> = seconds
                .iter()
                .map(|s| dt_s.map_or(0.0, |dt| (s / dt).round_ties_even()))
                .collect();
            if let Some(longest) = steps
                .iter()
                .copied()
                .find(|&s| s > f64::from(MAX_DELAY_STEPS))
            {
                fields.error(
                    "delay",
                    format!(
                        "is {longest} time steps long; at most {MAX_DELAY_STEPS} can be handled"
                    ),
                );
                return None;
            }
            let steps: Vec<u32> = steps.into_iter().map(|s| s as u32).collect();
            let steps = if steps.windows(2).all(|w| w[0] == w[1]) {
                steps[..1].to_vec()
            } else {
                steps
            };
            Some(Draft {
                name,
                op: Op::Delay { steps },
                in_shape: None,
                field_shape: Some(shape),
            })
        }
        "I" | "IF" | "LI" | "LIF" | "CubaLI" | "CubaLIF" | "Threshold" => {
            super::neurons::read(fields, kind, options)
        }
        _ => {
            fields.bad = true;
            let error = NetworkError::UnknownType {
                node: name,
                kind: kind.into(),
                known: KINDS,
            };
            fields.import.errors.push(error);
            None
        }
    }
}

fn dense(fields: &mut Fields<'_, '_>, affine: bool) -> Option<Draft> {
    let (shape, weight) = fields.weights("weight")?;
    if shape.len() < 2 || shape.contains(&0) {
        fields.error(
            "weight",
            format!("has shape {shape:?}; it takes (.., outputs, inputs)"),
        );
        return None;
    }
    let lead = &shape[..shape.len() - 2];
    let (outputs, inputs) = (shape[shape.len() - 2], shape[shape.len() - 1]);
    let blocks = elements(lead)? as u32;
    let mut bias = Vec::new();
    if affine {
        let (bias_shape, values) = fields.weights("bias")?;
        let out_shape: Vec<u32> = lead.iter().copied().chain([outputs]).collect();
        if values.len() != 1 && bias_shape != out_shape {
            fields.error(
                "bias",
                format!("has shape {bias_shape:?}; the weight gives {out_shape:?}"),
            );
            return None;
        }
        bias = if values.len() == 1 {
            vec![values[0]; elements(&out_shape)?]
        } else {
            values
        };
    }
    let in_shape = lead.iter().copied().chain([inputs]).collect();
    let weight = transpose(&weight, outputs as usize, inputs as usize);
    let linear = Linear::Dense {
        blocks,
        outputs,
        inputs,
        weight,
        bias,
    };
    Some(Draft {
        name: fields.node.into(),
        op: Op::Linear(linear),
        in_shape: Some(in_shape),
        field_shape: None,
    })
}

fn conv(fields: &mut Fields<'_, '_>, rank: usize) -> Option<Draft> {
    let (shape, weight) = fields.weights("weight")?;
    if shape.len() != rank + 2
        || shape.contains(&0)
        || shape[2..].iter().any(|&k| i64::from(k) > MAX_WINDOW)
    {
        let kernel = if rank == 1 { "length" } else { "height, width" };
        let what = format!(
            "has shape {shape:?}; it takes (outputs, inputs / groups, {kernel}), a window of at most {MAX_WINDOW}"
        );
        fields.error("weight", what);
        return None;
    }
    let groups = match fields.ints("groups").as_deref() {
        None => 1,
        Some(&[g]) if g >= 1 && i64::from(shape[0]) % g == 0 => g as u32,
        Some(other) => {
            let what = format!(
                "is {other:?}; it must be one number that divides the {} output channels",
                shape[0]
            );
            fields.error("groups", what);
            return None;
        }
    };
    let kernel = &shape[2..];
    let stride = fields.per_axis("stride", rank, 1, Some(1))?;
    let dilation = fields.per_axis("dilation", rank, 1, Some(1))?;
    let padding = fields.padding(rank, kernel, &stride, &dilation)?;
    let mut bias = Vec::new();
    if let Some(numbers) = fields.optional("bias") {
        bias = numbers.into_f32().0;
        if bias.len() != shape[0] as usize {
            fields.error(
                "bias",
                format!("has {} values for {} output channels", bias.len(), shape[0]),
            );
            return None;
        }
    }
    let Some(channels_in) = shape[1].checked_mul(groups) else {
        fields.error("groups", "times the input channels is too large");
        return None;
    };
    let sizes = fields.stored_shape("input_shape");
    let in_shape = match sizes {
        Some(sizes) if sizes.len() == rank => {
            Some([channels_in].into_iter().chain(sizes).collect())
        }
        // Some writers include the channels.
        Some(sizes) if sizes.len() == rank + 1 => Some(sizes),
        Some(sizes) => {
            fields.error(
                "input_shape",
                format!("is {sizes:?}; it takes {rank} numbers"),
            );
            return None;
        }
        None => None,
    };
    let mut axes = [Axis::SINGLE; 2];
    for (i, axis) in axes[2 - rank..].iter_mut().enumerate() {
        let (before, after) = padding[i];
        *axis = Axis {
            kernel: kernel[i],
            stride: stride[i],
            before,
            after,
            dilation: dilation[i],
            size_in: 0,
            size_out: 0,
        };
    }
    let linear = Linear::Conv {
        axes,
        rank: rank as u32,
        channels_in,
        channels_out: shape[0],
        groups,
        weight,
        bias,
    };
    Some(Draft {
        name: fields.node.into(),
        op: Op::Linear(linear),
        in_shape,
        field_shape: None,
    })
}

fn pool(fields: &mut Fields<'_, '_>, mean: bool) -> Option<Draft> {
    let kernel = fields.per_axis("kernel_size", 2, 1, None)?;
    let stride = if fields.unread.iter().any(|f| f == "stride") {
        fields.per_axis("stride", 2, 1, None)?
    } else {
        kernel.clone()
    };
    let padding = fields.padding(2, &kernel, &stride, &[1, 1])?;
    let axis = |i: usize| {
        let (before, after) = padding[i];
        Axis {
            kernel: kernel[i],
            stride: stride[i],
            before,
            after,
            dilation: 1,
            size_in: 0,
            size_out: 0,
        }
    };
    let linear = Linear::Pool {
        axes: [axis(0), axis(1)],
        mean,
    };
    Some(Draft {
        name: fields.node.into(),
        op: Op::Linear(linear),
        in_shape: None,
        field_shape: None,
    })
}
