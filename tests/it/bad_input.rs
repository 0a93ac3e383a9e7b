//! Bad input gives exit code 1 (2 for usage), one clear message with file and place, no panic, no output.

mod files;

use crate::cli::{folder, run_in};
use files::prepare;
use std::path::Path;

/// One faulty command. Words of `args` are relative to a folder that [`prepare`] fills.
struct Case {
    args: &'static str,
    code: i32,
    /// All must occur in the message; at least one of them not in `args`, so that an echo of the command satisfies no
    /// case.
    says: &'static [&'static str],
}

const fn case(args: &'static str, code: i32, says: &'static [&'static str]) -> Case {
    Case { args, code, says }
}

const CASES: &[Case] = &[
    // Usage.
    case("", 2, &["Usage"]),
    case("frobnicate", 2, &["frobnicate", "unrecognized subcommand"]),
    case("run", 2, &["--chip", "required"]),
    case(
        "run good.nir --chip loihi --timing sometimes",
        2,
        &["sometimes", "cycle"],
    ),
    case(
        "run good.nir --chip loihi --steps many",
        2,
        &["many", "invalid digit"],
    ),
    // Files.
    case(
        "run good.nir --chip loihi --input flipped.npz --json out.json",
        1,
        &["flipped.npz", "`spikes`", "damaged", "checksum"],
    ),
    case(
        "simulate good.nir --input flipped.npz",
        1,
        &["flipped.npz", "`spikes`", "damaged"],
    ),
    case(
        "inspect flipped.npz",
        1,
        &["flipped.npz", "array `spikes`", "damaged"],
    ),
    case(
        "run good.nir --chip loihi --input cut.npz",
        1,
        &["cut.npz", "it was cut off"],
    ),
    case(
        "run good.nir --chip loihi --input cut.npy",
        1,
        &["cut.npy", "promises 8 elements, 3 are there"],
    ),
    case(
        "run good.nir --chip loihi --input header.npy",
        1,
        &["header.npy", "cut off in its header"],
    ),
    case(
        "run good.nir --chip loihi --input longer.npy",
        1,
        &["longer.npy", "8 elements, and the data go on"],
    ),
    case(
        "run float.npz --chip loihi --steps 5",
        1,
        &["float.npz", "goes after --input", ".nir or .toml"],
    ),
    case(
        "map good.spm --chip tiny",
        1,
        &["good.spm", "is an image", "`inspect` take it"],
    ),
    case(
        "inspect missing_key.toml",
        1,
        &["missing_key.toml", "is a chip file", "`chip check`"],
    ),
    case(
        "inspect bad.xyz",
        1,
        &["bad.xyz", "`inspect` reads networks"],
    ),
    case(
        "run good.nir --chip loihi --steps 5 --kernel-path nowhere",
        1,
        &["--kernel-path nowhere", "no such file or folder"],
    ),
    case(
        "asm hollow.s -o out.spm",
        1,
        &["hollow.s", "there is no program in it"],
    ),
    case(
        "run hollow.s --chip tiny --steps 2",
        1,
        &["hollow.s", "there is no program in it"],
    ),
    case(
        "map misspelt.toml --chip loihi",
        1,
        &["misspelt.toml:7", "`lfi`", "did you mean `lif`?"],
    ),
    case(
        "run good.nir --chip loihi --steps 5 --assign cut.npy",
        1,
        &["error: cut.npy", "3 are there"],
    ),
    // What a chip cannot hold.
    case(
        "run leaky.toml --chip loihi --steps 5 --set core.decay=0",
        1,
        &["leaky.toml", "\"left\"", "has no decays", "core.decay="],
    ),
    case(
        "run leaky.toml --chip loihi --steps 5 --exact --set core.decay=1",
        1,
        &[
            "leaky.toml",
            "\"left\"",
            "never forgets",
            "leave out --exact",
        ],
    ),
    case(
        "run good.nir --chip loihi --steps 5 --set core.weight_widths=[0]",
        1,
        &[
            "good.nir",
            "core.weight_widths ends at 0",
            "give a width of",
        ],
    ),
    case(
        "run nothing.nir --chip loihi --steps 5 --json out.json",
        1,
        &["nothing.nir", "cannot be read"],
    ),
    case("run . --chip loihi --steps 5", 1, &["is a folder"]),
    case(
        "run empty.nir --chip loihi --steps 5 --json out.json",
        1,
        &["empty.nir", "the file is empty", "expected a NIR file"],
    ),
    case(
        "run truncated.nir --chip loihi --steps 5 --spikes out.npz",
        1,
        &["truncated.nir", "cut off", "bytes of"],
    ),
    case(
        "map truncated.nir --chip loihi -o out.spm",
        1,
        &["truncated.nir", "cut off"],
    ),
    case(
        "run text.nir --chip loihi --steps 5",
        1,
        &["text.nir", "HDF5"],
    ),
    case(
        "run nan_weight.nir --chip loihi --steps 5 --json out.json",
        1,
        &["nan_weight.nir", "node `fc`", "NaN", "element 6"],
    ),
    case(
        "run inf_weight.nir --chip loihi --steps 5 --spikes out.csv",
        1,
        &["inf_weight.nir", "node `fc`", "value inf", "element 0"],
    ),
    case(
        "map unknown_node.nir --chip loihi -o out.spm",
        1,
        &["unknown_node.nir", "node `fc`", "Quantum"],
    ),
    case(
        "map shape_mismatch.nir --chip loihi -o out.spm",
        1,
        &["shape_mismatch.nir", "`fc`", "[5]", "[4]"],
    ),
    case(
        "run dangling_edge.nir --chip loihi --steps 5",
        1,
        &["dangling_edge.nir", "nowhere"],
    ),
    case(
        "run duplicate_edge.nir --chip loihi --steps 5",
        1,
        &["duplicate_edge.nir", "`input` -> `fc`", "twice"],
    ),
    case(
        "run no_dt.nir --chip loihi --steps 5",
        1,
        &["no_dt.nir", "no time step", "--dt"],
    ),
    case(
        "run negative_dt.nir --chip loihi --steps 5 --json out.json",
        1,
        &["negative_dt.nir", "`metadata/dt`", "-0.001"],
    ),
    case(
        "run good.nir --dt -1 --chip loihi --steps 5",
        1,
        &["--dt -1", "positive"],
    ),
    case(
        "run good.nir --dt 0 --chip loihi --steps 5",
        1,
        &["--dt 0", "positive"],
    ),
    case(
        "run good.nir --dt inf --chip loihi --steps 5",
        1,
        &["--dt inf", "positive"],
    ),
    case(
        "run good.nir --dt 1e300 --chip loihi --steps 5 --json out.json",
        1,
        &["at most a day"],
    ),
    case(
        "run missing_field.nir --chip loihi --steps 5",
        1,
        &[
            "missing_field.nir",
            "node `lif`",
            "`v_threshold` is missing",
        ],
    ),
    case(
        "run zero_tau.nir --chip loihi --steps 5",
        1,
        &["zero_tau.nir", "node `lif`", "`tau`", "above 0"],
    ),
    case(
        "run no_nodes.nir --chip loihi --steps 5",
        1,
        &["no_nodes.nir", "field `nodes`", "cannot be read"],
    ),
    case(
        "run not_a_graph.nir --chip loihi --steps 5",
        1,
        &["not_a_graph.nir", "is a LIF", "NIRGraph"],
    ),
    case(
        "simulate nan_weight.nir --steps 5 --json out.json",
        1,
        &["nan_weight.nir", "node `fc`", "NaN"],
    ),
    case(
        "simulate good.nir --json out.json --spikes out.npz",
        1,
        &["--steps", "without --input"],
    ),
    case(
        "run good.nir --import reset=soft --chip loihi --steps 5",
        1,
        &["reset", "hard|subtract|none"],
    ),
    case(
        "run good.nir --import colour=red --chip loihi --steps 5",
        1,
        &["colour=red", "unknown key"],
    ),
    // Networks that an image cannot hold.
    case(
        "run newline.toml --chip loihi --steps 5 --json out.json",
        1,
        &["newline.toml", "ft"],
    ),
    case(
        "map newline.toml --chip loihi -o out.spm",
        1,
        &["newline.toml", "ft"],
    ),
    case(
        "run deep.toml --chip loihi --steps 5 --json out.json",
        1,
        &["deep.toml", "16"],
    ),
    case(
        "map deep.toml --chip loihi -o out.spm",
        1,
        &["deep.toml", "16"],
    ),
    case(
        "run count.toml --chip loihi --steps 5 --json out.json",
        1,
        &["count.toml", "volts"],
    ),
    case(
        "map count.toml --chip loihi -o out.spm",
        1,
        &["count.toml", "volts"],
    ),
    // Input.
    case(
        "run good.nir --chip loihi --json out.json",
        1,
        &["--steps", "without --input"],
    ),
    case(
        "run good.nir --input none.npz --chip loihi",
        1,
        &["none.npz", "cannot be read"],
    ),
    case(
        "run good.nir --input empty.nir --chip loihi",
        1,
        &["empty.nir", "the file is empty", ".npz, .npy or .csv"],
    ),
    case(
        "run good.nir --input wide.npz --chip loihi --json out.json",
        1,
        &["wide.npz", "[6, 2, 5]", "[4]"],
    ),
    case(
        "run good.nir --input labels.npz --chip loihi --spikes out.csv",
        1,
        &["labels.npz", "3 labels", "2 samples"],
    ),
    case(
        "run good.nir --input float.npz --chip loihi --spikes out.npz --json out.json",
        1,
        &["float.npz", "0.5", "encode"],
    ),
    case(
        "run good.nir --input negative.npz --chip loihi --spikes out.npz --json out.json",
        1,
        &["negative.npz", "-1 spikes"],
    ),
    case(
        "run good.nir --input nan.npz --chip loihi --json out.json",
        1,
        &["nan.npz", "is NaN"],
    ),
    case(
        "simulate good.nir --input nan.npz --json out.json --spikes out.npz",
        1,
        &["nan.npz", "is NaN"],
    ),
    case(
        "run good.nir --input nospikes.npz --chip loihi",
        1,
        &["nospikes.npz", "`spikes`", "`x`"],
    ),
    case(
        "run good.nir --input bad.csv --chip loihi --json out.json",
        1,
        &["bad.csv:2", "soon"],
    ),
    case(
        "run good.nir --input far.csv --chip loihi --json out.json",
        1,
        &["far.csv:2", "index 9", "0 to 3"],
    ),
    case(
        "run good.nir --input far_label.npz --chip loihi --json out.json --spikes out.npz",
        1,
        &["far_label.npz", "labels go up to 7", "3 elements"],
    ),
    case(
        "simulate good.nir --input far_label.npz --json out.json --spikes out.npz",
        1,
        &["far_label.npz", "7", "3"],
    ),
    // Chips.
    case(
        "run good.nir --chip lohi --steps 5 --json out.json",
        1,
        &["no chip \"lohi\"", "loihi"],
    ),
    case(
        "run good.nir --chip none.toml --steps 5",
        1,
        &["none.toml", "cannot be read"],
    ),
    case(
        "chip check unknown_key.toml",
        1,
        &["unknown_key.toml:", "mesh.colour: unknown"],
    ),
    case(
        "chip check missing_key.toml",
        1,
        &["missing_key.toml", "mesh.width: missing"],
    ),
    case(
        "chip check negative_cost.toml",
        1,
        &["negative_cost.toml:", "update.active_energy", "-81 pJ"],
    ),
    case(
        "chip check zero_mesh.toml",
        1,
        &["zero_mesh.toml:", "mesh.width: is 0", "1 to 1024"],
    ),
    case(
        "chip check wrong_unit.toml",
        1,
        &["wrong_unit.toml:", "update.active_energy", "furlong", "pJ"],
    ),
    case(
        "chip check both_prices.toml",
        1,
        &["both_prices.toml:", "update.alu_energy", "update.price"],
    ),
    case(
        "chip check broken.toml",
        1,
        &["broken.toml:1", "unclosed table"],
    ),
    case(
        "chip check no_origin.toml",
        1,
        &[
            "no_origin.toml:",
            "mesh.width",
            "without its origin",
            "source",
        ],
    ),
    case(
        "run good.nir --chip negative_cost.toml --steps 5 --json out.json",
        1,
        &["negative_cost.toml:", "update.active_energy"],
    ),
    case("chip show nowhere", 1, &["nowhere", "presets"]),
    case("chip diff loihi nowhere", 1, &["nowhere", "presets"]),
    case(
        "run good.nir --chip loihi --set noc.hop_up=3 --steps 5",
        1,
        &["noc.hop_up", "unknown key"],
    ),
    case(
        "run good.nir --chip loihi --set noc.input_fifo=0 --steps 5 --json out.json",
        1,
        &["noc.input_fifo: is 0", "1 to 65536"],
    ),
    case(
        "run good.nir --chip loihi --set noc.input_fifo --steps 5",
        1,
        &["KEY=VALUE"],
    ),
    case(
        "run good.nir --chip loihi --costs truenorth --steps 5 --json out.json",
        1,
        &["truenorth", "limits differ"],
    ),
    // What does not fit or cannot run.
    case(
        "run too_large.nir --chip tiny --steps 5 --json out.json --spikes out.npz",
        1,
        &["too_large.nir", "needs 128 cores", "\"tiny\" has 4"],
    ),
    case(
        "map too_large.nir --chip tiny -o out.spm --json out.json",
        1,
        &["too_large.nir", "needs 128 cores", "\"tiny\" has 4"],
    ),
    case(
        "run good.nir --chip truenorth --partition-in far.npy --steps 5",
        1,
        &["good.nir", "truenorth", "--assign"],
    ),
    case(
        "map good.nir --chip loihi --objective speed -o out.spm",
        1,
        &["speed", "edp, packets, energy, latency, cores"],
    ),
    case(
        "map good.nir --chip truenorth --objective speed",
        1,
        &["speed", "edp, packets, energy, latency, cores"],
    ),
    case(
        "map good.nir --chip loihi --partitioner best-ever -o out.spm",
        1,
        &["best-ever", "overlap"],
    ),
    case(
        "map good.nir --chip loihi --placer best-ever -o out.spm",
        1,
        &["best-ever", "hilbert"],
    ),
    case(
        "map good.nir --chip loihi --assign short.npy -o out.spm",
        1,
        &["short.npy", "2 entries", "3 neurons"],
    ),
    case(
        "map good.nir --chip loihi --assign far.npy -o out.spm",
        1,
        &["core 128", "0 to 127"],
    ),
    // Images.
    case(
        "run flipped.spm --chip tiny --steps 5 --json out.json",
        1,
        &["flipped.spm", "checksum", "damaged"],
    ),
    case(
        "run cut.spm --chip tiny --steps 5 --spikes out.csv",
        1,
        &["cut.spm", "bytes follow"],
    ),
    case("disasm cut.spm -o out.s", 1, &["cut.spm", "bytes follow"]),
    case(
        "run magic.spm --chip tiny --steps 5 --json out.json",
        1,
        &["magic.spm", "SPKM"],
    ),
    case("disasm magic.spm -o out.s", 1, &["magic.spm", "\"SPKM\""]),
    case(
        "run version.spm --chip tiny --steps 5",
        1,
        &["version.spm", "layout version 238", "version 2"],
    ),
    case("disasm text.nir -o out.s", 1, &["text.nir", "\"SPKM\""]),
    // Looking inside a run.
    case(
        "run hello.s --chip tiny --steps 5 --json out.json --probe pear:v",
        1,
        &["no population \"pear\"", "there are pair"],
    ),
    case(
        "run hello.s --chip tiny --steps 5 --json out.json --probe pair:w",
        1,
        &["no state slot \"w\"", "it has v"],
    ),
    case(
        "run hello.s --chip tiny --steps 5 --json out.json --probe pair",
        1,
        &["expected POP:SLOT"],
    ),
    case(
        "run hello.s --chip tiny --steps 5 --json out.json --probe pair[2]:v",
        1,
        &["has 2 neurons, 0 to 1"],
    ),
    case(
        "run hello.s --chip tiny --steps 5 --json out.json --probe pair[1..1]:v",
        1,
        &["names none"],
    ),
    case(
        "run hello.s --chip tiny --steps 5 --json out.json --probe pair[one]:v",
        1,
        &["is no range", "[0..16]"],
    ),
    case(
        "run hello.s --chip tiny --steps 5 --json out.json --probe pair:v --probe pair:v",
        1,
        &["of this name already"],
    ),
    case(
        "run hello.s --chip tiny --steps 5 --json out.json --probes out.npz",
        1,
        &["nothing is observed", "POP:SLOT"],
    ),
    case(
        "run hello.s --chip tiny --steps 5 --json out.json --probe pair:v --probes out.txt",
        1,
        &["must end in .npz or .csv"],
    ),
    case(
        "run hello.s --chip tiny --steps 5 --json out.json --probe pair:v --probes out.json",
        1,
        &["two outputs"],
    ),
    case(
        "run hello.s --chip tiny --steps 5 --json out.json --break pair@5",
        1,
        &["has no step 5", "0 to 4"],
    ),
    case(
        "run hello.s --chip tiny --steps 5 --json out.json --break pair@1:0",
        1,
        &["no sample 1", "0 to 0"],
    ),
    case(
        "run hello.s --chip tiny --steps 5 --json out.json --break pair",
        1,
        &["expected POP@STEP"],
    ),
    case(
        "run hello.s --chip tiny --steps 5 --json out.json --break pear@1",
        1,
        &["no population", "there are pair"],
    ),
    case(
        "run hello.s --chip tiny --steps 5 --json out.json --break brk",
        1,
        &["no handler", "brk instruction"],
    ),
    case(
        "run hello.s --chip tiny --steps 5 --json out.json --dump-core 1@0",
        1,
        &["no core 1", "it has 0, 2"],
    ),
    case(
        "run hello.s --chip tiny --steps 5 --json out.json --dump-core 0@9",
        1,
        &["has no step 9"],
    ),
    case(
        "run hello.s --chip tiny --steps 5 --json out.json --dump-core zero@1",
        1,
        &["no core zero"],
    ),
    case("asm bad.s -o out.spm", 1, &["bad.s:2:1", "E0", "frob"]),
    case(
        "asm nothing.s -o out.spm",
        1,
        &["nothing.s", "cannot be read"],
    ),
    case("asm bad.s good.s -o out.spm", 1, &["2 sources", "--fmt"]),
    case("asm --fmt nothing.s", 1, &["nothing.s", "cannot be read"]),
    case(
        "asm --fmt text.spm",
        1,
        &["text.spm", "must end in .s or .kernel"],
    ),
    case(
        "asm --fmt --check bad.s untidy.s",
        1,
        &["untidy.s", "not in canonical form"],
    ),
    case(
        "asm --fmt bad.s -o out.spm",
        2,
        &["--fmt", "cannot be used with"],
    ),
    case("asm --check bad.s -o out.spm", 2, &["cannot be used with"]),
    case("asm bad.s", 2, &["--output"]),
    case("inspect text.nir", 1, &["text.nir", "HDF5"]),
    // Options.
    case(
        "run good.nir --chip loihi --steps 0",
        1,
        &["--steps 0", "at least one"],
    ),
    case(
        "run good.nir --chip loihi --steps 5 --threads 0",
        1,
        &["--threads 0", "at least one"],
    ),
    case(
        "run good.nir --chip loihi --steps 5 --limit 0",
        1,
        &["--limit 0", "at least one"],
    ),
    case(
        "run good.nir --chip loihi --steps 5 --limit 18446744073709551615 --json out.json",
        1,
        &["--limit", "without --input"],
    ),
    case(
        "simulate good.nir --steps 5 --limit 18446744073709551615 --json out.json",
        1,
        &["--limit", "without --input"],
    ),
    case(
        "run good.nir --chip loihi --steps 5 --between often",
        1,
        &["often", "blank:N"],
    ),
    case(
        "run good.nir --chip loihi --steps 5 --drain some",
        1,
        &["some", "auto"],
    ),
    case(
        "run good.nir --chip loihi --steps 5 --json no/where.json --spikes out.npz",
        1,
        &["no/where.json", "cannot be written"],
    ),
    case(
        "run good.nir --chip loihi --steps 5 --json out.json --spikes no/where.npz",
        1,
        &["no/where.npz", "cannot be written"],
    ),
    case(
        "map good.nir --chip loihi -o no/where.spm",
        1,
        &["no/where.spm", "cannot be written"],
    ),
    case(
        "run good.nir --chip loihi --steps 5 --json good.nir",
        1,
        &["good.nir", "it is an input"],
    ),
    case(
        "run good.nir --chip loihi --steps 5 --spikes out.txt",
        1,
        &["out.txt", ".npz or .csv"],
    ),
    case(
        "run srnn.nir --chip loihi --steps 5 --readout count",
        1,
        &["sends no spikes to count", "last or max"],
    ),
    case(
        "simulate srnn.nir --steps 5 --readout first",
        1,
        &["sends no spikes to count", "last or max"],
    ),
    case(
        "run good.spm --chip tiny --steps 5 --placer hilbert --json out.json",
        1,
        &["good.spm", "is a program"],
    ),
    case(
        "run good.spm --chip tiny --steps 5 --partition-in cores.npy",
        1,
        &["good.spm", "is a program", "--partition-in"],
    ),
    case(
        "run good.spm --chip tiny --steps 5 --relay",
        1,
        &["good.spm", "is a program", "--relay"],
    ),
    case(
        "map good.nir --chip truenorth --relay",
        1,
        &["truenorth", "partial sums", "leave out --relay"],
    ),
    case(
        "map good.nir --chip loihi -o folder.spm",
        1,
        &["folder.spm", "cannot be written: it is a folder"],
    ),
];

#[test]
fn every_fault_is_named() {
    assert!(CASES.len() >= 90, "{} cases", CASES.len());
    let output = |case: &&Case| case.code == 1 && case.args.contains(" out.");
    let outputs = CASES.iter().filter(output).count();
    assert!(outputs >= 40, "{outputs} cases name an output");
    let dir = folder("bad_input");
    prepare(&dir);
    let before = listing(&dir);
    let mut faults = Vec::new();
    for case in CASES {
        let args: Vec<&str> = case.args.split_whitespace().collect();
        let out = run_in(&dir, &args);
        let message = String::from_utf8_lossy(&out.stderr);
        let mut wrong = Vec::new();
        if case.says.iter().all(|s| case.args.contains(s)) {
            wrong.push("the case names no cause".to_owned());
        }
        if out.status.code() != Some(case.code) {
            wrong.push(format!(
                "exit {:?} instead of {}",
                out.status.code(),
                case.code
            ));
        }
        wrong.extend(
            case.says
                .iter()
                .filter(|s| !message.contains(**s))
                .map(|s| format!("does not say {s:?}")),
        );
        if message.contains("panicked") || message.contains("RUST_BACKTRACE") {
            wrong.push("panicked".to_owned());
        }
        if !out.stdout.is_empty() {
            wrong.push("printed a result".to_owned());
        }
        let after = listing(&dir);
        if after != before {
            wrong.push("left a file behind, or changed one".to_owned());
            for (name, _) in after.iter().filter(|entry| !before.contains(entry)) {
                std::fs::remove_file(dir.join(name)).unwrap();
            }
            prepare(&dir);
        }
        if !wrong.is_empty() {
            faults.push(format!(
                "spikemesh {}\n  {}\n  message: {message}",
                case.args,
                wrong.join("; ")
            ));
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {} cases:\n{}",
        faults.len(),
        CASES.len(),
        faults.join("\n")
    );
}

/// A flipped bit anywhere in an image is found, whichever section it lies in.
#[test]
fn flipped_bits_in_every_part_of_an_image() {
    let dir = folder("flipped_bits");
    let image = dir.join("hello.spm").to_string_lossy().into_owned();
    crate::cli::ok(&["asm", "examples/hello/hello.s", "-o", &image]);
    let bytes = std::fs::read(&image).unwrap();
    for at in (0..bytes.len()).step_by(7) {
        let mut bad = bytes.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(
            isa::Image::from_bytes(&bad).is_err(),
            "byte {at} of {}",
            bytes.len()
        );
    }
    for at in [3, bytes.len() / 4, bytes.len() / 2, bytes.len() - 3] {
        let mut bad = bytes.clone();
        bad[at] ^= 4;
        std::fs::write(dir.join("bad.spm"), &bad).unwrap();
        let out = run_in(&dir, &["run", "bad.spm", "--chip", "tiny", "--steps", "3"]);
        assert_eq!(out.status.code(), Some(1), "byte {at}");
        assert!(
            String::from_utf8_lossy(&out.stderr).contains("bad.spm"),
            "byte {at}"
        );
    }
}

/// Names and contents of what lies in a folder.
fn listing(dir: &Path) -> Vec<(std::ffi::OsString, Option<Vec<u8>>)> {
    let mut entries: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| {
            let e = e.unwrap();
            (e.file_name(), std::fs::read(e.path()).ok())
        })
        .collect();
    entries.sort();
    entries
}
