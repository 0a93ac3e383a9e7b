//! Partitions every sparse matrix (`.npz`) of a folder and prints packets, cores and CPU time: `bench_map DIR [PARTITIONER]`.
//! Beside each matrix it writes the assignment as `NAME.part` (u32, little endian).
#![allow(clippy::print_stdout, reason = "it is what the example is for")]

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .ok_or("usage: bench_map DIR [PARTITIONER]")?;
    let partitioner = arguments.next().unwrap_or_else(|| "multilevel".into());
    let chip = isa::ChipSpec::parse(
        include_str!("../../specs/chips/mapping-study.toml"),
        "mapping-study.toml",
        &[],
    )
    .map_err(|e| format!("{e:?}"))?;
    let files = std::fs::read_dir(folder)?.map(|f| f.map(|f| f.path()));
    let mut files = files.collect::<Result<Vec<PathBuf>, _>>()?;
    files.retain(|f| f.extension().is_some_and(|e| e == "npz"));
    files.sort();
    println!("| network | neurons | synapses | km1 | cores | at most | CPU s |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for file in files {
        let net = network::connectivity::load(&file, false)?;
        let start = cpu_time::ProcessTime::now();
        let core_of = mapper::study::partition(&net, &chip, &partitioner, 0)?;
        let seconds = start.elapsed().as_secs_f64();
        let m = mapper::study::metrics(&net, &chip, &core_of);
        let most = (103 * u64::from(m.neurons)).div_ceil(100 * u64::from(chip.limits.neurons));
        println!(
            "| {} | {} | {} | {} | {} | {most} | {seconds:.2} |",
            file.file_stem().unwrap_or_default().to_string_lossy(),
            m.neurons,
            m.synapses,
            m.km1,
            m.cores_used
        );
        let bytes: Vec<u8> = core_of.iter().flat_map(|c| c.to_le_bytes()).collect();
        std::fs::write(file.with_extension("part"), bytes)?;
    }
    Ok(())
}
