//! The sections: which part of an image goes into which record and which array.
//!
//! Invariant: a section writes and reads its arrays in the same order, the order of `specs/image.md`; all counts are
//! checked against the bytes (by `Reader::array`) before anything is taken.

use super::bytes::{ImageError, SECTIONS};
use super::raw::{Array, Reader, Writer};
use super::{
    Axon, CoreProgram, Dest, Group, Image, InputPort, Io, JOINED, Meta, OutputPort, Pattern,
    Population, Probe, Segment, Slot, records,
};
use crate::ids::{CoreId, NeuronId};

/// The bodies of the sections, in order.
pub(super) fn write(image: &Image) -> [Vec<u8>; SECTIONS.len()] {
    let cores = &image.cores;
    let groups = || cores.iter().flat_map(|core| &core.groups);
    let segments = || cores.iter().flat_map(|core| &core.segments);
    let axons = || cores.iter().flat_map(|core| &core.axons);
    let patterns = || cores.iter().flat_map(|core| &core.patterns);

    let meta = Writer::new(&records::meta(image));

    let mut code = Writer::new(&records::code(image));
    code.array(groups().flat_map(|group| group.update.iter().chain(&group.on_spike).copied()));

    let mut constants = Writer::new(&records::constants(image));
    constants.array(groups().flat_map(|group| group.constants.iter().map(|(_, value)| *value)));
    constants.array(groups().flat_map(|group| group.tables.iter().flatten().copied()));

    let mut state = Writer::new(&records::state(image));
    state.array(
        groups()
            .flat_map(|group| &group.slots)
            .flat_map(|slot| slot.init.iter().copied()),
    );

    let mut synapses = Writer::new(&records::synapses(image));
    synapses.array(segments().map(|segment| segment.group));
    synapses.array(segments().map(|segment| segment.format));
    synapses.array(segments().map(|segment| segment.first_lane));
    synapses.array(segments().map(|segment| segment.count));
    synapses.array(patterns().map(|pattern| pattern.format));
    synapses.array(patterns().map(|pattern| pattern.count));
    synapses.array(cores.iter().flat_map(|core| core.shared.iter().copied()));
    synapses.array(cores.iter().flat_map(|core| core.targets.iter().copied()));
    synapses.array(cores.iter().flat_map(|core| core.weights.iter().copied()));
    synapses.array(cores.iter().flat_map(|core| core.delays.iter().copied()));
    synapses.array(cores.iter().flat_map(|core| core.rows.iter().copied()));

    let mut axons_in = Writer::new(&records::axons_in(image));
    axons_in.array(axons().map(|axon| axon.source));
    axons_in.array(axons().map(|axon| axon.segments));
    axons_in.array(axons().map(|axon| axon.kind));

    let mut axons_out = Writer::new(&records::axons_out(image));
    axons_out.array(
        cores
            .iter()
            .flat_map(|core| core.dest_counts.iter().copied()),
    );
    write_dests(&mut axons_out, || cores.iter().flat_map(|core| &core.dests));

    let mut io = Writer::new(&records::io(image));
    io.array(image.io.input_dest_counts.iter().copied());
    write_dests(&mut io, || image.io.input_dests.iter());

    let mut names = Writer::new(&records::names(image));
    names.array(
        cores
            .iter()
            .flat_map(|core| core.lane_ids.iter().map(|id| id.0)),
    );

    let mut probes = Writer::new(&records::probes(image));
    probes.array(
        image
            .probes
            .iter()
            .flat_map(|probe| probe.neurons.iter().map(|id| id.0)),
    );

    [
        meta, code, constants, state, synapses, axons_in, axons_out, io, names, probes,
    ]
    .map(Writer::finish)
}

fn write_dests<'a, I: Iterator<Item = &'a Dest>>(writer: &mut Writer, dests: impl Fn() -> I) {
    writer.array(dests().map(|dest| dest.target));
    writer.array(dests().map(|dest| dest.axon | if dest.joined { JOINED } else { 0 }));
    writer.array(dests().map(|dest| dest.delay));
}

/// Destinations as three arrays.
struct Dests<'a> {
    targets: Array<'a, u32>,
    axons: Array<'a, u32>,
    delays: Array<'a, u8>,
}

impl<'a> Dests<'a> {
    fn read(reader: &mut Reader<'a>, count: u64) -> Result<Dests<'a>, ImageError> {
        Ok(Dests {
            targets: reader.array("destination targets", count)?,
            axons: reader.array("destination axons", count)?,
            delays: reader.array("destination delays", count)?,
        })
    }

    fn take(&mut self, count: u64) -> Vec<Dest> {
        let parts = self
            .targets
            .take(count)
            .zip(self.axons.take(count))
            .zip(self.delays.take(count));
        parts
            .map(|((target, axon), delay)| Dest {
                target,
                axon: axon & !JOINED,
                delay,
                joined: axon & JOINED != 0,
            })
            .collect()
    }
}

/// The image in the bodies of its sections.
pub(super) fn read(bodies: [&[u8]; SECTIONS.len()]) -> Result<Image, ImageError> {
    let [
        meta,
        code,
        constants,
        state,
        synapses,
        axons_in,
        axons_out,
        io,
        names,
        probes,
    ] = bodies;
    let mut cores = read_code(code)?;
    read_constants(constants, &mut cores)?;
    read_state(state, &mut cores)?;
    read_synapses(synapses, &mut cores)?;
    read_axons_in(axons_in, &mut cores)?;
    read_axons_out(axons_out, &mut cores)?;
    let meta = read_meta(meta)?;
    let io = read_io(io)?;
    let populations = read_names(names, &mut cores)?;
    Ok(Image {
        meta,
        cores,
        io,
        populations,
        probes: read_probes(probes)?,
    })
}

fn read_meta(body: &[u8]) -> Result<Meta, ImageError> {
    let (record, reader) = Reader::open::<records::MetaRecord<'_>>("META", body)?;
    reader.end()?;
    Ok(Meta {
        network: record.network.to_owned(),
        chip: record.chip.to_owned(),
        limits: record.limits,
    })
}

fn read_code(body: &[u8]) -> Result<Vec<CoreProgram>, ImageError> {
    let (record, mut reader) = Reader::open::<Vec<records::CoreRecord<'_>>>("CODE", body)?;
    let groups = || record.iter().flat_map(|core| &core.groups);
    let words = total(groups().flat_map(|group| [group.update_words, group.on_spike_words]));
    let mut words = reader.array::<u32>("words", words)?;
    reader.end()?;
    let mut group = |record: &records::GroupRecord<'_>| Group {
        kernel: record.kernel.to_owned(),
        lanes: record.lanes,
        update: words.take(record.update_words).collect(),
        on_spike: words.take(record.on_spike_words).collect(),
        constants: Vec::new(),
        slots: Vec::new(),
        tables: Vec::new(),
        receptors: record.receptors,
        accumulator_bits: record.accumulator_bits,
        accumulator_mode: record.accumulator_mode,
    };
    let core = |record: &records::CoreRecord<'_>| {
        CoreProgram::new(
            CoreId(record.core),
            record.groups.iter().map(&mut group).collect(),
        )
    };
    Ok(record.iter().map(core).collect())
}

fn read_constants(body: &[u8], cores: &mut [CoreProgram]) -> Result<(), ImageError> {
    let (record, mut reader) = Reader::open::<Vec<Vec<records::ConstRecord<'_>>>>("CONST", body)?;
    same_groups("CONST", &record, cores)?;
    let groups = || record.iter().flatten();
    let constants = total(groups().map(|group| group.constants.len() as u64));
    let entries = total(groups().flat_map(|group| group.table_entries.iter().copied()));
    let mut constants = reader.array::<i32>("constants", constants)?;
    let mut entries = reader.array::<i32>("tables", entries)?;
    reader.end()?;
    for (record, group) in record
        .iter()
        .flatten()
        .zip(cores.iter_mut().flat_map(|core| &mut core.groups))
    {
        let names = record.constants.iter().map(|&name| name.to_owned());
        group.constants = names
            .zip(constants.take(record.constants.len() as u64))
            .collect();
        group.tables = record
            .table_entries
            .iter()
            .map(|&count| entries.take(count).collect())
            .collect();
    }
    Ok(())
}

fn read_state(body: &[u8], cores: &mut [CoreProgram]) -> Result<(), ImageError> {
    let (record, mut reader) =
        Reader::open::<Vec<Vec<Vec<records::SlotRecord<'_>>>>>("STATE", body)?;
    same_groups("STATE", &record, cores)?;
    let values = total(record.iter().flatten().flatten().map(|slot| slot.values));
    let mut values = reader.array::<i32>("initial values", values)?;
    reader.end()?;
    for (record, group) in record
        .iter()
        .flatten()
        .zip(cores.iter_mut().flat_map(|core| &mut core.groups))
    {
        let slot = |record: &records::SlotRecord<'_>| Slot {
            name: record.name.to_owned(),
            bits: record.bits,
            init: values.take(record.values).collect(),
        };
        group.slots = record.iter().map(slot).collect();
    }
    Ok(())
}

fn read_synapses(body: &[u8], cores: &mut [CoreProgram]) -> Result<(), ImageError> {
    let (record, mut reader) = Reader::open::<Vec<records::SynapseRecord>>("SYN", body)?;
    same_cores("SYN", &record, cores)?;
    let count = |f: fn(&records::SynapseRecord) -> u64| total(record.iter().map(f));
    let segments = count(|core| core.segments);
    let mut groups = reader.array::<u8>("segment groups", segments)?;
    let mut formats = reader.array::<u8>("segment formats", segments)?;
    let mut first_lanes = reader.array::<u16>("segment first lanes", segments)?;
    let mut counts = reader.array::<u32>("segment counts", segments)?;
    let patterns = count(|core| core.patterns);
    let mut pattern_formats = reader.array::<u8>("pattern formats", patterns)?;
    let mut pattern_counts = reader.array::<u32>("pattern counts", patterns)?;
    let mut shared = reader.array::<u16>("segment patterns", count(|core| core.shared))?;
    let mut targets = reader.array::<u16>("targets", count(|core| core.targets))?;
    let mut weights = reader.array::<i16>("weights", count(|core| core.weights))?;
    let mut delays = reader.array::<u8>("delays", count(|core| core.delays))?;
    let mut rows = reader.array::<u64>("rows", count(|core| core.rows))?;
    reader.end()?;
    for (record, core) in record.into_iter().zip(cores) {
        let n = record.segments;
        core.segments = (groups
            .take(n)
            .zip(formats.take(n))
            .zip(first_lanes.take(n))
            .zip(counts.take(n)))
        .map(|(((group, format), first_lane), count)| Segment {
            group,
            format,
            first_lane,
            count,
        })
        .collect();
        core.patterns = (pattern_formats.take(record.patterns))
            .zip(pattern_counts.take(record.patterns))
            .map(|(format, count)| Pattern { format, count })
            .collect();
        core.shared = shared.take(record.shared).collect();
        core.formats = record.formats;
        core.targets = targets.take(record.targets).collect();
        core.weights = weights.take(record.weights).collect();
        core.delays = delays.take(record.delays).collect();
        core.rows = rows.take(record.rows).collect();
    }
    Ok(())
}

fn read_axons_in(body: &[u8], cores: &mut [CoreProgram]) -> Result<(), ImageError> {
    let (record, mut reader) = Reader::open::<Vec<u64>>("AXIN", body)?;
    same_cores("AXIN", &record, cores)?;
    let axons = total(record.iter().copied());
    let mut sources = reader.array::<u32>("sources", axons)?;
    let mut segments = reader.array::<u16>("segment numbers", axons)?;
    let mut kinds = reader.array::<u8>("kinds", axons)?;
    reader.end()?;
    for (&n, core) in record.iter().zip(cores) {
        core.axons = (sources.take(n).zip(segments.take(n)).zip(kinds.take(n)))
            .map(|((source, segments), kind)| Axon {
                source,
                segments,
                kind,
            })
            .collect();
    }
    Ok(())
}

fn read_axons_out(body: &[u8], cores: &mut [CoreProgram]) -> Result<(), ImageError> {
    let (record, mut reader) = Reader::open::<Vec<records::AxonOutRecord>>("AXOUT", body)?;
    same_cores("AXOUT", &record, cores)?;
    let mut counts = reader.array::<u16>(
        "destination numbers",
        total(record.iter().map(|core| core.lanes)),
    )?;
    let mut dests = Dests::read(&mut reader, total(record.iter().map(|core| core.dests)))?;
    reader.end()?;
    for (record, core) in record.iter().zip(cores) {
        core.dest_counts = counts.take(record.lanes).collect();
        core.dests = dests.take(record.dests);
    }
    Ok(())
}

fn read_io(body: &[u8]) -> Result<Io, ImageError> {
    let (record, mut reader) = Reader::open::<records::IoRecord<'_>>("IO", body)?;
    let mut counts = reader.array::<u32>("destination numbers", record.elements)?;
    let mut dests = Dests::read(&mut reader, record.dests)?;
    reader.end()?;
    let input = |port: records::InputRecord<'_>| InputPort {
        name: port.name.to_owned(),
        shape: port.shape,
        port: port.port,
        graded: port.graded,
    };
    let output = |port: records::OutputRecord<'_>| OutputPort {
        name: port.name.to_owned(),
        shape: port.shape,
        depth: port.depth,
        readout: port.readout,
        source: port.source,
    };
    Ok(Io {
        model_dt_s: record.model_dt_s,
        drain: record.drain,
        inputs: record.inputs.into_iter().map(input).collect(),
        input_dest_counts: counts.take(record.elements).collect(),
        input_dests: dests.take(record.dests),
        outputs: record.outputs.into_iter().map(output).collect(),
    })
}

fn read_names(body: &[u8], cores: &mut [CoreProgram]) -> Result<Vec<Population>, ImageError> {
    let (record, mut reader) = Reader::open::<records::NamesRecord<'_>>("NAMES", body)?;
    same_cores("NAMES", &record.lanes, cores)?;
    let mut ids = reader.array::<u32>("lane ids", total(record.lanes.iter().copied()))?;
    reader.end()?;
    for (&lanes, core) in record.lanes.iter().zip(cores) {
        core.lane_ids = ids.take(lanes).map(NeuronId).collect();
    }
    let population = |p: &records::PopulationRecord<'_>| Population {
        name: p.name.to_owned(),
        first: p.first,
        count: p.count,
        depth: p.depth,
    };
    Ok(record.populations.iter().map(population).collect())
}

fn read_probes(body: &[u8]) -> Result<Vec<Probe>, ImageError> {
    let (record, mut reader) = Reader::open::<Vec<records::ProbeRecord<'_>>>("PROBES", body)?;
    let mut neurons =
        reader.array::<u32>("neurons", total(record.iter().map(|probe| probe.neurons)))?;
    reader.end()?;
    let mut probe = |record: &records::ProbeRecord<'_>| Probe {
        name: record.name.to_owned(),
        slot: record.slot.to_owned(),
        neurons: neurons.take(record.neurons).map(NeuronId).collect(),
    };
    Ok(record.iter().map(&mut probe).collect())
}

/// Sum of counts from a file; one too large for any file when it overflows.
fn total(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

fn same_cores<T>(
    section: &'static str,
    record: &[T],
    cores: &[CoreProgram],
) -> Result<(), ImageError> {
    if record.len() == cores.len() {
        return Ok(());
    }
    Err(ImageError::Content {
        section,
        what: format!(
            "it describes {} cores; CODE has {}",
            record.len(),
            cores.len()
        ),
    })
}

fn same_groups<T>(
    section: &'static str,
    record: &[Vec<T>],
    cores: &[CoreProgram],
) -> Result<(), ImageError> {
    same_cores(section, record, cores)?;
    match record
        .iter()
        .zip(cores)
        .find(|(record, core)| record.len() != core.groups.len())
    {
        None => Ok(()),
        Some((record, core)) => Err(ImageError::Content {
            section,
            what: format!(
                "it describes {} groups of core {}; CODE has {}",
                record.len(),
                core.core.0,
                core.groups.len()
            ),
        }),
    }
}
