//! Partitioners and placers that are programs of the user: `--partitioner exec:CMD`, `--placer exec:CMD`, `--partition-in FILE`.
//!
//! Invariant: a program gets a file with the problem and says where its answer goes; what it answers is judged by the mapper as any
//! other answer is. The files live in a folder of their own, which is removed again. Arrays: `specs/mapping.md`, Algorithms of one's own.

use crate::args::MapChoice;
use crate::files;
use anyhow::{Context, Result, bail};
use mapper::own::{Given, Own, PartitionProblem, Partitioner, PlaceProblem, Placer};
use network::npz::{Array, Data};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// What comes before the command.
const PREFIX: &str = "exec:";

/// Whether a partitioner or placer is a program of the user's own.
pub fn is_program(name: &str) -> bool {
    name.starts_with(PREFIX)
}
/// Bytes of an answer beyond 16 for each of its entries.
const SPARE_BYTES: u64 = 1 << 20;

/// The user's algorithms, and what the mapper's lists are asked for.
pub struct Choice {
    partitioner: Option<(String, Box<dyn Partitioner>)>,
    placer: Option<(String, Box<dyn Placer>)>,
}

impl Choice {
    /// From the command line.
    pub fn of(choice: &MapChoice) -> Result<Choice> {
        let command = |option: &str, name: &Option<String>| -> Result<Option<(String, Program)>> {
            let Some((name, command)) = name
                .as_ref()
                .and_then(|n| Some((n, n.strip_prefix(PREFIX)?)))
            else {
                return Ok(None);
            };
            if command.trim().is_empty() {
                bail!(
                    "--{option} {name}: the command is missing; give exec:COMMAND, e.g. exec:\"python3 mine.py\""
                );
            }
            let program = Program {
                command: command.to_owned(),
            };
            Ok(Some((name.clone(), program)))
        };
        if let (Some(objective), Some(name)) = (&choice.objective, &choice.partitioner)
            && is_program(name)
        {
            bail!(
                "--objective {objective}: the partitioner is a program of your own, which looks for what it wants; leave --objective out"
            );
        }
        let mut partitioner = command("partitioner", &choice.partitioner)?
            .map(|(name, program)| (name, Box::new(program) as Box<dyn Partitioner>));
        if let Some(path) = &choice.partition_in {
            let bytes = files::read(path)?;
            let array =
                network::npz::read_npy(&bytes).with_context(|| path.display().to_string())?;
            let cores =
                entries(array).map_err(|what| anyhow::anyhow!("{}: {what}", path.display()))?;
            partitioner = Some((path.display().to_string(), Box::new(Given(cores))));
        }
        let placer = command("placer", &choice.placer)?
            .map(|(name, program)| (name, Box::new(program) as Box<dyn Placer>));
        Ok(Choice {
            partitioner,
            placer,
        })
    }

    /// For the mapper.
    pub fn own(&self) -> Own<'_> {
        Own {
            partitioner: self
                .partitioner
                .as_ref()
                .map(|(name, own)| (name.as_str(), own.as_ref())),
            placer: self
                .placer
                .as_ref()
                .map(|(name, own)| (name.as_str(), own.as_ref())),
        }
    }
}

/// A vector of whole numbers.
fn entries(array: Array) -> Result<Vec<u32>, String> {
    if array.shape.len() != 1 {
        return Err(format!(
            "the array has shape {:?}; it must have one dimension",
            array.shape
        ));
    }
    array.into_u32().map_err(|e| e.to_string())
}

/// A program of the user.
struct Program {
    command: String,
}

/// A folder that goes when it is no longer needed.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Folder> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("spikemesh-{}-{next}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed stays in the system's folder for such files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Program {
    /// Hands over the arrays of a problem and reads the answer.
    fn ask(&self, arrays: &[(&str, Array)], expected: usize) -> Result<Vec<u32>, String> {
        let folder = Folder::new().map_err(|e| format!("no folder for its files: {e}"))?;
        let problem = folder.0.join("problem.npz");
        let answer = folder.0.join("answer.npy");
        let file = std::fs::File::create(&problem).map_err(|e| e.to_string())?;
        let all = arrays.iter().map(|(name, array)| (*name, array));
        network::npz::write_npz_stored(std::io::BufWriter::new(file), all)
            .map_err(|e| format!("the problem cannot be written: {e}"))?;
        let status = Command::new("sh")
            .arg("-c")
            .arg(format!("{} \"$@\"", self.command))
            .arg("sh")
            .args([&problem, &answer])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .map_err(|e| format!("it cannot be started: {e}"))?;
        if !status.success() {
            return Err(match status.code() {
                Some(127) => "it ended with exit code 127: the shell found no such program".into(),
                Some(code) => {
                    format!("it ended with exit code {code}; 0 means that the answer is there")
                }
                None => "it was ended by a signal".into(),
            });
        }
        read(&answer, expected)
    }
}

fn read(answer: &Path, expected: usize) -> Result<Vec<u32>, String> {
    let size = std::fs::metadata(answer).map_err(|_| {
        "it left no answer: the program is called with two more arguments, the problem (.npz) and the file for its answer (.npy)"
            .to_owned()
    })?;
    if size.len() > SPARE_BYTES + 16 * expected as u64 {
        return Err(format!(
            "its answer has {} bytes; an answer is {expected} whole numbers",
            size.len()
        ));
    }
    let bytes = std::fs::read(answer).map_err(|e| format!("its answer cannot be read: {e}"))?;
    let array = network::npz::read_npy(&bytes).map_err(|e| format!("its answer: {e}"))?;
    entries(array).map_err(|e| format!("its answer: {e}"))
}

fn scalar(value: u64) -> Array {
    Array {
        shape: Vec::new(),
        data: Data::U64(vec![value]),
    }
}

impl Partitioner for Program {
    fn partition(&self, problem: &PartitionProblem<'_>) -> Result<Vec<u32>, String> {
        let limits = &problem.chip.limits;
        let neurons = problem.neurons();
        let mut arrays = vec![
            (
                "indptr",
                Array::vector(Data::U64(problem.row_starts().to_vec())),
            ),
            (
                "indices",
                Array::vector(Data::U32(problem.targets().to_vec())),
            ),
            (
                "populations",
                Array::vector(Data::U32(problem.populations().to_vec())),
            ),
        ];
        for (name, value) in [
            ("neurons", u64::from(neurons)),
            ("cores", problem.chip.cores().into()),
            ("core_neurons", limits.neurons.into()),
            ("core_input_axons", limits.input_axons.into()),
            ("core_output_slots", limits.output_slots.into()),
            ("core_synapse_bits", limits.synapse_bits),
            ("seed", problem.seed),
        ] {
            arrays.push((name, scalar(value)));
        }
        self.ask(&arrays, neurons as usize)
    }
}

impl Placer for Program {
    fn place(&self, problem: &PlaceProblem<'_>) -> Result<Vec<u32>, String> {
        let mesh = &problem.chip.mesh;
        let flows = problem.flows();
        let host = problem.chip.xy(problem.chip.host_ports[0].tile);
        let column =
            |of: fn(&mapper::Flow) -> u32| Array::vector(Data::U32(flows.iter().map(of).collect()));
        let arrays = [
            ("from", column(|f| f.from)),
            ("to", column(|f| f.to)),
            (
                "weight",
                Array::vector(Data::U64(flows.iter().map(|f| f.weight).collect())),
            ),
            ("host", Array::vector(Data::U64(problem.host().to_vec()))),
            (
                "mesh",
                Array::vector(Data::U32(vec![
                    mesh.width,
                    mesh.height,
                    mesh.cores_per_tile,
                ])),
            ),
            ("board", Array::vector(Data::U32(mesh.board.to_vec()))),
            ("border_weight", scalar(problem.border_weight().into())),
            ("host_tile", Array::vector(Data::U32(vec![host.0, host.1]))),
            ("cores", scalar(problem.cores().into())),
            ("seed", scalar(problem.seed)),
        ];
        self.ask(&arrays, problem.cores() as usize)
    }
}
