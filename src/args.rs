//! The command line as typed. `run`, `map` and the other commands turn it into what they need.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What would this spiking network cost on a neuromorphic chip?
#[derive(Debug, Parser)]
#[command(
    name = "spikemesh",
    version,
    about,
    after_help = "Example:\n  spikemesh run examples/digits/digits.nir --input examples/digits/test.npz --chip loihi"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a network or an image on an emulated chip: spikes, time, energy.
    #[command(
        after_help = "Example:\n  spikemesh run examples/digits/digits.nir --input examples/digits/test.npz --chip loihi --json out.json"
    )]
    Run(Box<RunArgs>),
    /// Map a network onto a chip and write the image.
    #[command(
        after_help = "Examples:\n  spikemesh map examples/digits/digits.nir --chip loihi -o digits.spm --json map.json\n  spikemesh map connectivity.npz --chip specs/chips/mapping-study.toml --assignment cores.npy"
    )]
    Map(MapArgs),
    /// Simulate a network in floating point, without a chip.
    #[command(
        after_help = "Example:\n  spikemesh simulate examples/digits/digits.nir --input examples/digits/test.npz"
    )]
    Simulate(SimulateArgs),
    /// Assemble a program into an image.
    #[command(
        after_help = "Examples:\n  spikemesh asm examples/hello/hello.s -o hello.spm --listing hello.lst\n  spikemesh asm --fmt --check examples/hello/hello.s"
    )]
    Asm(AsmArgs),
    /// Turn an image back into assembly text.
    #[command(after_help = "Example:\n  spikemesh disasm hello.spm -o hello.s")]
    Disasm(DisasmArgs),
    /// Chip descriptions: list, show, check, diff.
    #[command(after_help = "Example:\n  spikemesh chip diff loihi loihi-fit")]
    Chip(ChipArgs),
    /// What is in a network, image or input file, as tables.
    #[command(after_help = "Example:\n  spikemesh inspect examples/motion/motion.nir")]
    Inspect(InspectArgs),
    /// The network-on-chip alone: packets in, times out; or latency and throughput under synthetic traffic.
    #[command(
        after_help = "Examples:\n  spikemesh noc --mesh 8x8 --traffic uniform --rate 0.05:0.4:0.05 --plot curve.svg\n  spikemesh noc --mesh 4x4 --vcs 1 --packets in.csv -o out.csv\n  spikemesh noc --chip loihi --traffic hotspot --rate 0.002"
    )]
    Noc(NocArgs),
    /// Price the counters of a finished run with the costs of any chip, without running again.
    #[command(
        after_help = "Examples:\n  spikemesh price out.json --chip loihi-fit\n  spikemesh price out.json --chip loihi --set energy.hop_north=5"
    )]
    Price(PriceArgs),
}

/// What a network file leaves open, and how it is read.
#[derive(Debug, Args)]
pub struct NetworkArgs {
    /// Time step in seconds, when the file does not say or to override it.
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub dt: Option<f64>,
    /// What the file leaves open: reset=hard|subtract|none, reset_delay=0|1, compare=gt|ge, cuba=new|old, decay=euler|exp.
    #[arg(long = "import", value_name = "KEY=VALUE")]
    pub import: Vec<String>,
}

/// Which chip.
#[derive(Debug, Args)]
pub struct ChipChoice {
    /// Preset name (`chip list`) or path of a chip file.
    #[arg(long)]
    pub chip: String,
    /// Override a number of the chip file, e.g. noc.hop_east=5 (in the key's unit).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// How a network is mapped.
#[derive(Debug, Args)]
pub struct MapChoice {
    /// Fixed cores: an .npy of u32, one physical core id per neuron in network order.
    #[arg(long, value_name = "IN.npy", conflicts_with_all = ["partitioner", "placer", "objective"])]
    pub assign: Option<PathBuf>,
    /// A partition to be placed: an .npy of whole numbers, one core per neuron in network order, in any numbering of cores.
    #[arg(long, value_name = "IN.npy", conflicts_with_all = ["assign", "partitioner", "objective"])]
    pub partition_in: Option<PathBuf>,
    /// Partitioner: best (default: what serves the objective best), multilevel (few packets), overlap, sequential or packed (few cores); on crossbars best, overlap or
    /// sequential; for bare connectivity multilevel (default), overlap or sequential. Or exec:COMMAND, a program of your own (specs/mapping.md).
    #[arg(long)]
    pub partitioner: Option<String>,
    /// What the mapping is to be best at: edp (default: energy × time of a step), packets, energy, latency or cores.
    #[arg(long)]
    pub objective: Option<String>,
    /// Spike rates to map for, instead of assumed ones: the --json of a run of this network (with --rates: neuron by neuron).
    #[arg(long, value_name = "RUN.json", conflicts_with = "assign")]
    pub profile: Option<PathBuf>,
    /// Placer: best (default), row-major, topological, layer-rows, hilbert, spectral or bisection. Or exec:COMMAND.
    #[arg(long)]
    pub placer: Option<String>,
    /// Refuse what differs from the network beyond rounding (rounding is reported layer by layer).
    #[arg(long)]
    pub exact: bool,
    /// Let relay neurons add up the input of neurons with more sources than a core takes, exactly (chips with graded spikes).
    #[arg(long)]
    pub relay: bool,
}

/// Kernels of the user.
#[derive(Clone, Debug, Default, Args)]
pub struct KernelChoice {
    /// Kernels of your own: a file NAME.kernel, or a folder of them; may be given several times (docs/own-kernel.md).
    #[arg(long, value_name = "DIR|FILE")]
    pub kernel_path: Vec<PathBuf>,
    /// A kernel of your own may take the place of one of the library.
    #[arg(long)]
    pub kernel_override: bool,
}

/// `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Network (.nir, .toml), image (.spm) or program (.s).
    pub net: PathBuf,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub chip: ChipChoice,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub network: NetworkArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub map: MapChoice,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub kernels: KernelChoice,
    /// Input spikes: .npz, .npy or .csv.
    #[arg(long)]
    pub input: Option<PathBuf>,
    /// Steps to present (default: those of the input).
    #[arg(long)]
    pub steps: Option<u32>,
    /// Use the first N samples only.
    #[arg(long)]
    pub limit: Option<usize>,
    /// Cycle timing, or function and counters only.
    #[arg(long, value_enum, default_value = "cycle")]
    pub timing: TimingChoice,
    /// Host threads; results do not depend on it. Default: all.
    #[arg(long)]
    pub threads: Option<usize>,
    /// Seed of random draws and of the mapper.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Price the counts with the costs of another chip with the same limits.
    #[arg(long, value_name = "CHIP")]
    pub costs: Option<String>,
    /// Between samples: reset, blank:N or none.
    #[arg(long, default_value = "reset")]
    pub between: String,
    /// Steps after the input: auto or a number.
    #[arg(long, default_value = "auto")]
    pub drain: String,
    /// What late packets do: warn or error.
    #[arg(long, value_enum, default_value = "warn")]
    pub late: LateChoice,
    /// How labels are scored.
    #[arg(long, value_enum)]
    pub readout: Option<ReadoutChoice>,
    /// Write everything as JSON.
    #[arg(long, value_name = "OUT")]
    pub json: Option<PathBuf>,
    /// Count the spikes of every neuron and input element too, into --json, for --profile of a later mapping.
    #[arg(long, requires = "json")]
    pub rates: bool,
    /// Print what differs from an earlier run: its --json.
    #[arg(long, value_name = "OLD.json")]
    pub compare: Option<PathBuf>,
    /// Write all spikes (sample, step, neuron) and the values of all outputs: .npz; or the spikes alone: .csv.
    #[arg(long, value_name = "OUT")]
    pub spikes: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub debug: DebugArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub trace: TraceArgs,
    /// Print nothing but errors.
    #[arg(long)]
    pub quiet: bool,
}

/// What the chip does in time.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// Write what every unit and link does when, to be opened in Perfetto or Chrome (trace-event JSON).
    #[arg(long, value_name = "OUT.json")]
    pub trace: Option<PathBuf>,
    /// Write a line for each packet with its way and its times in cycles.
    #[arg(long, value_name = "OUT.csv")]
    pub packets: Option<PathBuf>,
    /// Steps A to B - 1 of --trace and --packets; from 0 on with the preload step (default: all, as far as they fit).
    #[arg(long, value_name = "A..B")]
    pub trace_steps: Option<String>,
    /// Sample of --trace and --packets (default 0).
    #[arg(long, value_name = "N")]
    pub trace_sample: Option<usize>,
}

/// Looking inside a run.
#[derive(Debug, Args)]
pub struct DebugArgs {
    /// Observe a state slot after each update: `POP:SLOT`, `POP[3]:SLOT` or `POP[0..16]:SLOT` (repeatable).
    #[arg(long, value_name = "POP[RANGE]:SLOT")]
    pub probe: Vec<String>,
    /// Write what was observed: .npz or .csv.
    #[arg(long, value_name = "OUT")]
    pub probes: Option<PathBuf>,
    /// Stop after the update of a step (POP@STEP, POP@SAMPLE:STEP) and show the population, or at the first brk instruction (brk).
    #[arg(long = "break", value_name = "POP@STEP|brk")]
    pub break_at: Vec<String>,
    /// Show the lanes of a core, with the registers at halt, after the update of a step: CORE@STEP, CORE@SAMPLE:STEP (repeatable).
    #[arg(long, value_name = "CORE@STEP")]
    pub dump_core: Vec<String>,
}

/// `map`.
#[derive(Debug, Args)]
pub struct MapArgs {
    /// Network (.nir, .toml), or bare connectivity for a mapping study: a SciPy sparse matrix (.npz, CSR; row = source).
    pub net: PathBuf,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub chip: ChipChoice,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub network: NetworkArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub map: MapChoice,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub kernels: KernelChoice,
    /// Map for the spikes of samples instead of assumed ones: an input file (.npz, .npy, .csv), run through the float reference.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["assign", "profile"])]
    pub input: Option<PathBuf>,
    /// Use the first N samples of --input only.
    #[arg(long, requires = "input")]
    pub limit: Option<usize>,
    /// Values of a sparse matrix are traffic: packets from row to column, of which no two share a way (default: every neuron spikes
    /// once, one packet to each core that it reaches).
    #[arg(long)]
    pub traffic: bool,
    /// Show tables: every limit over the cores with its least number of cores, the fullest cores, the flows with the most hops.
    #[arg(long)]
    pub explain: bool,
    /// Write the image.
    #[arg(short, long, value_name = "OUT.spm")]
    pub output: Option<PathBuf>,
    /// Write the report as JSON.
    #[arg(long, value_name = "OUT")]
    pub json: Option<PathBuf>,
    /// Write the core of every neuron (u32, network order).
    #[arg(long, value_name = "OUT.npy")]
    pub assignment: Option<PathBuf>,
    /// Seed of the mapper.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Host threads; the mapping does not depend on it.
    #[arg(long)]
    pub threads: Option<usize>,
}

/// `simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Network (.nir, .toml).
    pub net: PathBuf,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub network: NetworkArgs,
    /// Input spikes: .npz, .npy or .csv.
    #[arg(long)]
    pub input: Option<PathBuf>,
    /// Steps to present (default: those of the input).
    #[arg(long)]
    pub steps: Option<u32>,
    /// Use the first N samples only.
    #[arg(long)]
    pub limit: Option<usize>,
    /// Seed of random draws; kernels draw what they draw on a chip.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// How labels are scored.
    #[arg(long, value_enum)]
    pub readout: Option<ReadoutChoice>,
    /// Write the result as JSON.
    #[arg(long, value_name = "OUT")]
    pub json: Option<PathBuf>,
    /// Write all spikes (sample, step, population, index): .npz or .csv.
    #[arg(long, value_name = "OUT")]
    pub spikes: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub kernels: KernelChoice,
}

/// `asm`.
#[derive(Debug, Args)]
pub struct AsmArgs {
    /// Source; with --fmt any number of them.
    #[arg(required = true, value_name = "IN.s")]
    pub sources: Vec<PathBuf>,
    /// Image to write.
    #[arg(short, long, value_name = "OUT.spm", required_unless_present_any = ["listing", "fmt"])]
    pub output: Option<PathBuf>,
    /// Write a listing: address, word, text, source line and cycles of every handler, and the names.
    #[arg(long, value_name = "OUT")]
    pub listing: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub kernels: KernelChoice,
    /// Chip whose cycles the listing shows: preset name or path (default: the chip of `.image`, if it is a preset).
    #[arg(long, requires = "listing")]
    pub chip: Option<String>,
    /// Override a number of the chip file.
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "chip")]
    pub set: Vec<String>,
    /// Form of diagnostics and of the listing.
    #[arg(long, value_enum, default_value = "text")]
    pub format: FormatChoice,
    /// Bring the sources into their canonical form instead of assembling them.
    #[arg(long, conflicts_with_all = ["output", "listing", "format"])]
    pub fmt: bool,
    /// With --fmt: write nothing; fail and name the files that are not in canonical form.
    #[arg(long, requires = "fmt", conflicts_with_all = ["output", "listing", "format"])]
    pub check: bool,
}

/// `disasm`.
#[derive(Debug, Args)]
pub struct DisasmArgs {
    /// Image.
    pub image: PathBuf,
    /// Text to write (default: standard output).
    #[arg(short, long, value_name = "OUT.s")]
    pub output: Option<PathBuf>,
}

/// `chip`.
#[derive(Debug, Args)]
pub struct ChipArgs {
    /// What to do with chip files.
    #[command(subcommand)]
    pub command: ChipCommand,
}

/// `chip …`.
#[derive(Debug, Subcommand)]
pub enum ChipCommand {
    /// The chips that come with spikemesh.
    List,
    /// All numbers of a chip with their origins.
    Show {
        /// Preset name or path.
        chip: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// Override a number first.
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
    /// Check a chip file.
    Check {
        /// Path.
        file: PathBuf,
    },
    /// What differs between two chips.
    Diff {
        /// Preset name or path.
        a: String,
        /// Preset name or path.
        b: String,
    },
}

/// `inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Network (.nir, .toml), image (.spm), input (.npz, .npy, .csv) or sparse matrix (.npz).
    pub file: PathBuf,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub network: NetworkArgs,
}

/// `price`.
#[derive(Debug, Args)]
pub struct PriceArgs {
    /// What `run --json` wrote.
    #[arg(value_name = "RUN.json")]
    pub run: PathBuf,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub chip: ChipChoice,
    /// The costs of another chip with the same limits as CHIP.
    #[arg(long, value_name = "CHIP")]
    pub costs: Option<String>,
    /// Write the price as JSON.
    #[arg(long, value_name = "OUT")]
    pub json: Option<PathBuf>,
}

/// `noc`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("where").required(true).args(["chip", "mesh"]).multiple(true))]
#[command(group = clap::ArgGroup::new("what").required(true).args(["packets", "traffic"]))]
pub struct NocArgs {
    /// Preset name or path of a chip file: its mesh and its routers.
    #[arg(long)]
    pub chip: Option<String>,
    /// A mesh instead of a chip's: routers in x and y. The `fifo` router then has latencies of one cycle and FIFOs of 8 packets.
    #[arg(long, value_name = "WxH", conflicts_with = "chip")]
    pub mesh: Option<String>,
    /// Nodes of a router (with --mesh).
    #[arg(long, value_name = "N", conflicts_with = "chip")]
    pub locals: Option<u32>,
    /// Override a number of the chip file, or of --mesh with `fifo`, e.g. noc.hop_east=5.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Router (default: vc with --mesh, the chip's with --chip).
    #[arg(long, value_enum)]
    pub router: Option<RouterChoice>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub vc: VcArgs,
    /// Packets to send: a table with columns ctime,src,dst,size_flits.
    #[arg(long, value_name = "IN.csv", requires = "output")]
    pub packets: Option<PathBuf>,
    /// Write the packets with their times: columns itime_head,atime_head,atime_tail,hops more.
    #[arg(short, long, value_name = "OUT.csv", requires = "packets")]
    pub output: Option<PathBuf>,
    /// Synthetic traffic: uniform, transpose, bitcomp, tornado, neighbor or hotspot.
    #[arg(long, value_name = "PATTERN", requires = "rate")]
    pub traffic: Option<String>,
    /// Packets per node and cycle, or START:END:STEP for a curve.
    #[arg(
        long,
        value_name = "R|START:END:STEP",
        requires = "traffic",
        conflicts_with = "packets"
    )]
    pub rate: Option<String>,
    /// Flits of a packet of synthetic traffic (default 1).
    #[arg(
        long,
        value_name = "N",
        requires = "traffic",
        conflicts_with = "packets"
    )]
    pub packet_size: Option<u32>,
    /// Cycles measured, after as many of warming up (default 3000).
    #[arg(
        long,
        value_name = "N",
        requires = "traffic",
        conflicts_with = "packets"
    )]
    pub cycles: Option<u64>,
    /// Runs of each rate with seeds of their own (default 1).
    #[arg(
        long,
        value_name = "N",
        requires = "traffic",
        conflicts_with = "packets"
    )]
    pub seeds: Option<u64>,
    /// First seed (default 0).
    #[arg(
        long,
        value_name = "S",
        requires = "traffic",
        conflicts_with = "packets"
    )]
    pub seed: Option<u64>,
    /// Write the result as JSON.
    #[arg(long, value_name = "OUT")]
    pub json: Option<PathBuf>,
    /// Draw latency and throughput by load.
    #[arg(
        long,
        value_name = "OUT.svg",
        requires = "traffic",
        conflicts_with = "packets"
    )]
    pub plot: Option<PathBuf>,
    /// Host threads; results do not depend on it. Runs are shared out first; threads that are left share a large network `vc`. Default: all.
    #[arg(long)]
    pub threads: Option<usize>,
}

/// Heading of the options of [`VcArgs`] alone.
const VC: &str = "Router vc";

/// The `vc` router (`specs/noc.md`).
#[derive(Debug, Args)]
pub struct VcArgs {
    /// Virtual channels of a port, 1 to 8 (default 4).
    #[arg(long, value_name = "N", help_heading = VC)]
    pub vcs: Option<u32>,
    /// Flit slots of a virtual channel (default 8).
    #[arg(long, value_name = "N", help_heading = VC)]
    pub buffer: Option<u32>,
    /// Cycles of the routing stage, 0 or 1 (default 0).
    #[arg(long, value_name = "N", help_heading = VC)]
    pub routing_delay: Option<u32>,
    /// Cycles from the switch's grant to the link (default 1).
    #[arg(long, value_name = "N", help_heading = VC)]
    pub switch_delay: Option<u32>,
    /// Cycles of a link, 1 more for the register before it (default 1).
    #[arg(long, value_name = "N", help_heading = VC)]
    pub link_delay: Option<u32>,
    /// Cycles until a credit that has arrived counts (default 1).
    #[arg(long, value_name = "N", help_heading = VC)]
    pub credit_delay: Option<u32>,
    /// A head asks for a virtual channel and the switch in one cycle.
    #[arg(long, help_heading = VC)]
    pub speculative: bool,
    /// A virtual channel is free only when all credits are back after its tail.
    #[arg(long, help_heading = VC)]
    pub wait_for_tail_credit: bool,
    /// A parameter by BookSim2's name, e.g. num_vcs=4; what has no reference is refused.
    #[arg(long = "param", value_name = "KEY=VALUE", help_heading = VC)]
    pub param: Vec<String>,
}

/// `--router`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RouterChoice {
    /// Synchronous, virtual channels: equal to BookSim2 to the cycle.
    Vc,
    /// That of the emulated chips: FIFOs, latencies and spacings.
    Fifo,
}

/// `--timing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TimingChoice {
    /// Every cycle.
    Cycle,
    /// None.
    Off,
}

/// `--late`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LateChoice {
    /// Print a warning.
    Warn,
    /// Fail.
    Error,
}

/// `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatChoice {
    /// For people.
    Text,
    /// For editors.
    Json,
}

/// `--readout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReadoutChoice {
    /// Most spikes.
    Count,
    /// Largest value of the last step.
    Last,
    /// Largest value of any step.
    Max,
    /// Earliest spike.
    First,
}
