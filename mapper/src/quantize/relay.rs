//! Delays beyond the chip's: relay neurons, each of which passes a spike on one step after it arrived.
//!
//! Invariant: the total delay of every synapse is the network's. A relay fed with delay d fires d + 1 steps after its
//! source; each stage uses the chip's largest delay M, so a synapse of delay D needs ceil((D − M) / (M + 1)) of them.

use super::models::graded;
use super::weights::Mantissas;
use super::{Formats, Outcome, Target, source};
use crate::change;
use crate::error::MapError;
use crate::quantized::{Population, Projection, Quantized, Source};
use crate::usage::room_for;
use isa::ChipSpec;
use isa::image::WeightSign;
use network::lowered;
use rustc_hash::FxHashSet;

/// Longest name of a relay population before what tells it from others, bytes.
const NAME_BYTES: usize = 960;

/// Names of populations that are taken.
pub(super) struct Names(FxHashSet<String>);

impl Names {
    pub(super) fn of(q: &Quantized) -> Names {
        Names(q.populations.iter().map(|p| p.name.clone()).collect())
    }

    /// A name for the relays of a stage: two projections may have the same path.
    pub(super) fn relay(&mut self, path: &str, stage: u32) -> String {
        let end = path.floor_char_boundary(NAME_BYTES);
        let mut stem = format!("relay:{}", &path[..end]);
        if stage > 0 {
            stem += &format!("#{}", stage + 1);
        }
        let mut name = stem.clone();
        let mut copy = 2u32;
        while !self.0.insert(name.clone()) {
            name = format!("{stem} ({copy})");
            copy += 1;
        }
        name
    }
}

/// Adds a quantised projection to the network, through relays where a delay is too long for the chip.
pub(super) fn connect(
    of: &lowered::Projection,
    m: Mantissas,
    target: &Target<'_>,
    out: &mut Outcome,
    names: &mut Names,
) -> Result<(), MapError> {
    let Target { chip, formats, .. } = *target;
    let most = formats.delay;
    let largest = of.align + m.delays.iter().copied().max().map_or(0, u32::from);
    let plain = |source, m: Mantissas, delay: u8, delays: Vec<u8>| {
        let uniform = delays
            .first()
            .filter(|d| delays.iter().all(|x| x == *d))
            .copied();
        Projection {
            source,
            target: of.target,
            receptor: of.receptor,
            path: of.path.clone(),
            sign: m.sign,
            weight_bits: m.weight_bits,
            exponent: m.exponent,
            row_start: m.row_start,
            targets: m.targets,
            mantissas: m.mantissas,
            delay: uniform.unwrap_or(delay),
            delays: if uniform.is_some() {
                Vec::new()
            } else {
                delays
            },
            dense: m.dense,
        }
    };
    if largest <= most {
        let delays = m
            .delays
            .iter()
            .map(|d| (of.align + u32::from(*d)) as u8)
            .collect();
        out.quantized
            .projections
            .push(plain(source(of.source), m, of.align as u8, delays));
        return Ok(());
    }

    let graded = match of.source {
        lowered::Source::Population(p) => {
            graded::sends(&out.quantized.populations[p as usize], target)
        }
        lowered::Source::Input(_) => false,
    };
    let kernel = relay_kernel(chip, graded).ok_or_else(|| MapError::Limit {
        limit: format!("steps of delay on the way \"{}\"", of.path).into(),
        key: "core.delay",
        population: out.quantized.populations[of.target as usize].name.as_str().into(),
        need: largest.into(),
        capacity: most.into(),
        chip: chip.name.clone(),
        remedy: format!(
            "{}delays of at most {most} steps, a larger time step, or a chip that runs {}, which relays need",
            change::delay(largest),
            if graded { "kernel relay" } else { "one of the kernels relay, threshold, if" }
        ),
    })?;
    let stages_of = |i: usize| {
        let delay = of.align + m.delays.get(i).copied().map_or(0, u32::from);
        (delay.saturating_sub(most)).div_ceil(most + 1)
    };
    let rows = m.row_start.len() - 1;
    let range = |row: usize| m.row_start[row] as usize..m.row_start[row + 1] as usize;
    let stages_of_row: Vec<u32> = (0..rows)
        .map(|r| range(r).map(stages_of).max().unwrap_or(0))
        .collect();
    let deepest = stages_of_row.iter().copied().max().unwrap_or(0);
    let mut from = source(of.source);
    // Source elements that still have a row, by their index within `from`.
    let mut elements: Vec<u32> = (0..rows as u32).collect();
    for stage in 0..=deepest {
        // Synapses that this stage reaches directly.
        let mut part = Mantissas {
            row_start: vec![0],
            targets: Vec::new(),
            mantissas: Vec::new(),
            delays: Vec::new(),
            dense: false,
            ..m
        };
        let mut delays = Vec::new();
        for &element in &elements {
            for i in range(element as usize).filter(|&i| stages_of(i) == stage) {
                part.targets.push(m.targets[i]);
                part.mantissas.push(m.mantissas[i]);
                delays.push(
                    (of.align + m.delays.get(i).copied().map_or(0, u32::from) - stage * (most + 1))
                        as u8,
                );
            }
            part.row_start.push(part.targets.len() as u32);
        }
        if !part.targets.is_empty() {
            out.quantized.projections.push(plain(from, part, 0, delays));
        }
        let onward: Vec<u32> = (0..elements.len() as u32)
            .filter(|&e| stages_of_row[elements[e as usize] as usize] > stage)
            .collect();
        if onward.is_empty() {
            break;
        }
        let name = names.relay(&of.path, stage);
        let neurons = u64::from(out.quantized.neurons()) + onward.len() as u64;
        room_for(neurons, &name, chip)?;
        let (relays, link) = relay_stage(
            name,
            from,
            &elements,
            &onward,
            (kernel, graded),
            formats,
            out,
        );
        out.relays += relays.count;
        out.quantized.populations.push(relays);
        out.quantized.projections.push(link);
        from = Source::Population(out.quantized.populations.len() as u32 - 1);
        elements = onward.iter().map(|&e| elements[e as usize]).collect();
    }
    out.assumptions.push(format!(
        "projection \"{}\": delays of up to {largest} steps are beyond the chip's {most}; relay neurons pass the spikes on, which costs their updates and packets",
        of.path
    ));
    Ok(())
}

/// A kernel that the chip runs and that fires whenever a spike arrives, with its payload where it has one.
fn relay_kernel(chip: &ChipSpec, graded: bool) -> Option<&'static str> {
    let runs = |k: &&str| {
        chip.kernels
            .as_ref()
            .is_none_or(|list| list.iter().any(|x| x == k))
    };
    let all = ["relay", "threshold", "if"];
    // Only a relay passes payloads on.
    all[..if graded { 1 } else { 3 }].iter().copied().find(runs)
}

fn relay_stage(
    name: String,
    from: Source,
    elements: &[u32],
    onward: &[u32],
    (kernel, graded): (&str, bool),
    formats: &Formats,
    out: &Outcome,
) -> (Population, Projection) {
    let first = out.quantized.neurons();
    let depth = if let Source::Population(p) = from {
        out.quantized.populations[p as usize].depth
    } else {
        0
    };
    let population = Population {
        name,
        first,
        count: onward.len() as u32,
        depth,
        kernel: kernel.into(),
        options: match graded {
            true => vec![("GRADED".into(), 1)],
            false => Vec::new(),
        },
        params: Vec::new(),
        profiles: vec![if kernel == "relay" {
            Vec::new()
        } else {
            vec![("THETA".into(), 0)]
        }],
        profile_of: Vec::new(),
        slots: Vec::new(),
        fires: true,
        scale: 1.0,
        offset: 0.0,
    };
    let mut row_start = vec![0];
    let mut next = 0;
    for element in 0..elements.len() as u32 {
        next += u32::from(onward.binary_search(&element).is_ok());
        row_start.push(next);
    }
    let link = Projection {
        source: from,
        target: out.quantized.populations.len() as u32,
        receptor: 0,
        path: population.name.clone(),
        sign: WeightSign::Excitatory,
        weight_bits: formats.narrowest(WeightSign::Excitatory, 0, 1),
        exponent: 0,
        row_start,
        targets: (0..next).collect(),
        mantissas: vec![1; next as usize],
        delay: formats.delay as u8,
        delays: Vec::new(),
        dense: false,
    };
    (population, link)
}
