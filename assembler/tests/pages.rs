//! The pages of the kernels, `docs/kernels/*.md`, follow from the kernels, and so do the cycles in the kernels' heads:
//! `BLESS=1 cargo test -p assembler --test pages` writes them (twice when a head changed, for the pages repeat it).

#![allow(clippy::unwrap_used, reason = "writing to a text cannot fail")]

use assembler::kernels::{KERNELS, Kernel, instantiate};
use isa::ChipSpec;
use isa::verify::cycles::{self, Bounds};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Pages written by hand.
const BY_HAND: [&str; 2] = ["truenorth", "stochastic"];

/// Model of the native network format that becomes the kernel; see `specs/network.md` and `specs/mapping.md`.
const MODELS: [(&str, &str); 12] = [
    ("if", "if"),
    ("lif", "lif"),
    ("cubalif", "cubalif"),
    ("li", "li, i"),
    ("cubali", "cubali"),
    ("threshold", "threshold"),
    ("alif", "alif"),
    ("lsnn", "lsnn"),
    ("izhikevich", "izhikevich"),
    ("resonate", "resonate"),
    ("sigmadelta", "sigma_delta"),
    ("compartments", "compartments"),
];

/// An option as the kernel declares it: name, default, least, most, meaning.
type Declared = (String, i64, i64, i64, String);

fn options(source: &str) -> Vec<Declared> {
    let lines = source.lines().filter_map(|l| l.strip_prefix(".option "));
    lines
        .map(|line| {
            let (rest, about) = line.split_once(';').unwrap_or((line, ""));
            let (name, rest) = rest.split_once('=').expect("a default");
            let (default, range) = rest.trim().split_once(' ').expect("a range");
            let (least, most) = range.split_once("..=").expect("a range");
            let number = |text: &str| text.trim().parse().expect("a number");
            let about = about.trim().to_owned();
            (
                name.trim().to_owned(),
                number(default),
                number(least),
                number(most),
                about,
            )
        })
        .collect()
}

/// What a kernel consists of, over its options: each alone, and each pair.
#[derive(Default)]
struct Parts {
    constants: BTreeMap<String, i32>,
    slots: BTreeMap<String, (u8, i32)>,
    update: (usize, usize),
    on_spike: (usize, usize),
    cycles: [(u64, u64); 2],
}

/// The chip of the cycles: its programs are priced by instruction.
const CHIP: &str = "programmable";

/// Fewest and most cycles of `update` and `on_spike` over their paths.
fn bounds(kernel: &Kernel) -> [Bounds; 2] {
    let chip = ChipSpec::preset(CHIP).expect("a preset").expect("valid");
    [
        cycles::update(&kernel.update, &chip.time.update).expect("a program"),
        cycles::on_spike(&kernel.on_spike, &chip.time.on_spike).expect("a program"),
    ]
}

/// `a`, or `a … b`.
fn range((least, most): (u64, u64)) -> String {
    match least == most {
        true => least.to_string(),
        false => format!("{least} … {most}"),
    }
}

/// The line in a kernel's head.
fn cycles_line(name: &str) -> String {
    let kernel = instantiate(name, &[]).expect("defaults");
    let [update, on_spike] = bounds(&kernel).map(|b| range((b.least, b.most)));
    format!(
        "cycles  update {update}, on_spike {on_spike}: least and most over the paths, defaults, preset `{CHIP}` (100 ps each)"
    )
}

fn parts(name: &str, source: &str) -> Parts {
    let options = options(source);
    let mut sets: Vec<Vec<(&str, i64)>> = vec![Vec::new()];
    let values = |o: &Declared| match o.3 - o.2 > 9 {
        true => vec![o.2, o.2 + 5],
        false => (o.2..=o.3).collect(),
    };
    for (at, a) in options.iter().enumerate() {
        for x in values(a) {
            sets.push(vec![(a.0.as_str(), x)]);
            for b in &options[at + 1..] {
                sets.extend(
                    values(b)
                        .into_iter()
                        .map(|y| vec![(a.0.as_str(), x), (b.0.as_str(), y)]),
                );
            }
        }
    }
    // Everything at its largest, too: the longest program.
    sets.push(
        options
            .iter()
            .map(|o| (o.0.as_str(), *values(o).last().expect("a value")))
            .collect(),
    );
    let mut parts = Parts {
        update: (usize::MAX, 0),
        on_spike: (usize::MAX, 0),
        cycles: [(u64::MAX, 0); 2],
        ..Parts::default()
    };
    for set in sets {
        let kernel = instantiate(name, &set).expect("declared options");
        parts.constants.extend(kernel.constants.iter().cloned());
        let slots = kernel.slots.iter();
        parts
            .slots
            .extend(slots.map(|(name, bits, init)| (name.clone(), (*bits, *init))));
        for (words, (least, most)) in [
            (kernel.update.len(), &mut parts.update),
            (kernel.on_spike.len(), &mut parts.on_spike),
        ] {
            *least = words.min(*least);
            *most = words.max(*most);
        }
        for ((least, most), of) in parts.cycles.iter_mut().zip(bounds(&kernel)) {
            *least = of.least.min(*least);
            *most = of.most.max(*most);
        }
    }
    parts
}

fn page(name: &str, source: &str) -> String {
    let head = source.lines().take_while(|line| line.starts_with(';'));
    let head: Vec<&str> = head
        .map(|line| line.trim_start_matches(';'))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    let (title, what) = head[0].split_once(": ").expect("a title");
    let mut out = format!(
        "<!-- Generated by `BLESS=1 cargo test -p assembler --test pages` from assembler/kernels/{name}.s. -->\n\n# {title}\n\n"
    );
    let mut upper = what.chars();
    let first = upper.next().map(|c| c.to_uppercase().to_string());
    writeln!(
        out,
        "{}{}.\n\n```text",
        first.unwrap_or_default(),
        upper.as_str()
    )
    .unwrap();
    head[1..]
        .iter()
        .skip_while(|l| l.is_empty())
        .for_each(|line| writeln!(out, "{line}").unwrap());
    out += "```\n";
    let options = options(source);
    if !options.is_empty() {
        out += "\n## Options\n\n| option | values | default | meaning |\n|---|---|---|---|\n";
        for (name, default, least, most, about) in &options {
            writeln!(out, "| `{name}` | {least} … {most} | {default} | {about} |").unwrap();
        }
    }
    let parts = parts(name, source);
    let kernel = instantiate(name, &[]).expect("defaults");
    let defaults = bounds(&kernel).map(|b| range((b.least, b.most)));
    if !parts.constants.is_empty() {
        out += "\n## Constants\n\n| constant | default |\n|---|---|\n";
        parts
            .constants
            .iter()
            .for_each(|(name, x)| writeln!(out, "| `{name}` | {x} |").unwrap());
    }
    if !parts.slots.is_empty() {
        out += "\n## State slots\n\n| slot | bits | first value |\n|---|---|---|\n";
        for (name, (bits, init)) in &parts.slots {
            writeln!(out, "| `{name}` | {bits} | {init} |").unwrap();
        }
    }
    out += "\nConstants and slots that an option brings are there with that option only.\n\n## Size\n\n";
    writeln!(
        out,
        "Code words (an instruction each) over the options: `update` {} … {}, `on_spike` {} … {}.\n\n| cycles on `{CHIP}`, least … most over the paths | `update`, a lane | `on_spike`, a synapse |\n|---|---|---|\n| with the defaults | {} | {} |\n| over the options | {} | {} |\n\nThe least is often a lane at rest, the most one that fires. On a chip that prices by event (`loihi`) the chip file's times hold, whatever the program does.\n`spikemesh asm --listing --chip CHIP` has the cycles of a program, line by line.",
        parts.update.0,
        parts.update.1,
        parts.on_spike.0,
        parts.on_spike.1,
        defaults[0],
        defaults[1],
        range(parts.cycles[0]),
        range(parts.cycles[1]),
    )
    .unwrap();
    out += "\n## In a network\n\n";
    match MODELS.iter().find(|(kernel, _)| *kernel == name) {
        Some((_, model)) => writeln!(
            out,
            "Model `{model}` becomes this kernel (`specs/mapping.md`). In its own integers:"
        )
        .unwrap(),
        None => out += "In its own integers:\n",
    }
    writeln!(
        out,
        "\n```toml\n[[population]]\nname = \"p\"\nshape = [10]\nkernel = \"{name}\""
    )
    .unwrap();
    if !kernel.constants.is_empty() {
        let list: Vec<String> = kernel
            .constants
            .iter()
            .map(|(n, x)| format!("{n} = {x}"))
            .collect();
        writeln!(out, "constants = {{ {} }}", list.join(", ")).unwrap();
    }
    out += "```\n";
    out
}

fn index() -> String {
    let mut out = String::from(
        "<!-- Generated by `BLESS=1 cargo test -p assembler --test pages`. -->\n\n# Kernels\n\n| kernel | what it is |\n|---|---|\n",
    );
    for (name, source) in KERNELS {
        let line = source
            .lines()
            .next()
            .expect("a head")
            .trim_start_matches("; ");
        let what = line.split_once(": ").map_or(line, |(_, what)| what);
        writeln!(out, "| [{name}]({name}.md) | {what} |").unwrap();
    }
    out + "\nPooling needs no kernel: a sum pool is made of weights when a network is lowered. Delays are those of synapses; beyond a chip's largest, `relay` passes spikes on; it also adds up shares of a fan-in that is beyond a core (`--relay`).\n"
}

#[test]
fn pages_are_those_of_the_kernels() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/kernels");
    let ours = KERNELS.iter().filter(|(name, _)| !BY_HAND.contains(name));
    let mut pages: Vec<(String, String)> =
        ours.map(|(n, s)| (format!("{n}.md"), page(n, s))).collect();
    pages.push(("README.md".to_owned(), index()));
    for (file, text) in pages {
        let path = folder.join(&file);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &text).expect("writable");
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == text,
            "docs/kernels/{file} is stale: BLESS=1 cargo test -p assembler --test pages"
        );
    }
    for name in BY_HAND {
        let text = std::fs::read_to_string(folder.join(format!("{name}.md")));
        let text = text.unwrap_or_else(|e| panic!("no page of {name}: {e}"));
        let line = cycles_line(name);
        let says = line.trim_start_matches("cycles").trim();
        assert!(
            text.contains(says),
            "docs/kernels/{name}.md should say `{says}`"
        );
    }
}

#[test]
fn heads_state_the_cycles() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
    for (name, source) in KERNELS {
        let line = format!("; {}", cycles_line(name));
        if std::env::var_os("BLESS").is_some() {
            let mut lines: Vec<&str> = source.lines().collect();
            lines.retain(|line| !line.starts_with("; cycles  "));
            let counts = lines.iter().position(|line| line.starts_with("; counts  "));
            lines.insert(counts.expect("a line of counts") + 1, &line);
            std::fs::write(folder.join(format!("{name}.s")), lines.join("\n") + "\n")
                .expect("writable");
        } else {
            assert!(
                source.lines().any(|known| known == line),
                "assembler/kernels/{name}.s should say `{line}`: BLESS=1 cargo test -p assembler --test pages"
            );
        }
    }
}
