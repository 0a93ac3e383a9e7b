//! The file of `--probes`: a row for every sample and step that ran.

use super::ProbeReport;
use anyhow::Result;
use isa::image::Image;
use network::npz::{Array, Data};
use std::path::Path;

/// What the probes observed, as `.csv` (a line for each value) or `.npz` (a column for each neuron).
pub fn probes_file(path: &Path, probes: &[ProbeReport], image: &Image) -> Result<Vec<u8>> {
    if path.extension().is_some_and(|e| e == "csv") {
        return csv_file(probes, image);
    }
    let mut moments = [Vec::new(), Vec::new()];
    for (sample, steps) in probes
        .iter()
        .take(1)
        .flat_map(|p| p.values.iter().enumerate())
    {
        for step in 0..steps.len() {
            moments[0].push(sample as u32);
            moments[1].push(step as u32);
        }
    }
    let rows = moments[0].len();
    let [sample, step] = moments.map(|column| Array::vector(Data::U32(column)));
    let mut arrays = vec![("sample".to_owned(), sample), ("step".to_owned(), step)];
    for probe in probes {
        let values = probe.values.iter().flatten().flatten().copied().collect();
        arrays.push((
            format!("probe__{}", probe.name),
            Array {
                shape: vec![rows, probe.neurons.len()],
                data: Data::I32(values),
            },
        ));
    }
    let mut bytes = std::io::Cursor::new(Vec::new());
    network::npz::write_npz(&mut bytes, arrays.iter().map(|(n, a)| (n.as_str(), a)))?;
    Ok(bytes.into_inner())
}

fn csv_file(probes: &[ProbeReport], image: &Image) -> Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record([
        "probe",
        "sample",
        "step",
        "neuron",
        "population",
        "index",
        "value",
    ])?;
    for probe in probes {
        let places: Vec<_> = probe
            .neurons
            .iter()
            .map(|id| (id.to_string(), super::place(image, *id)))
            .collect();
        for (sample, steps) in probe.values.iter().enumerate() {
            for (step, row) in steps.iter().enumerate() {
                for ((id, (population, index)), value) in places.iter().zip(row) {
                    out.write_record([
                        probe.name.as_str(),
                        &sample.to_string(),
                        &step.to_string(),
                        id,
                        population,
                        &index.to_string(),
                        &value.to_string(),
                    ])?;
                }
            }
        }
    }
    Ok(out.into_inner()?)
}
