//! Reading NIR files (neuromorphs/NIR, HDF5) into a [`Graph`].
//!
//! Invariant: everything that the file leaves open is either given by a switch or listed in `assumptions`. Subgraphs are
//! inlined: their nodes are named by path, their ports become identity maps. Layout of the files: `specs/network.md`.

mod h5;
mod neurons;
mod nodes;

use std::collections::BTreeMap;
use std::sync::Arc;

use hdf5_reader::group::Group;
use indexmap::IndexSet;

use crate::error::{Collector, Errors, NetworkError, Result};
use crate::graph::{Draft, Graph, MAX_NODES, Op};
use crate::linear::Linear;
use crate::options::ImportOptions;
use h5::Reader;

/// Deepest nesting of subgraphs.
const MAX_NESTING: usize = 32;
/// What the file should have been.
const FORMAT: &str = "NIR (HDF5)";

/// Reads a NIR file held in memory. `name` is the network's name.
pub fn read(bytes: &[u8], name: &str, options: &ImportOptions) -> Result<Graph> {
    let format = |what: String| {
        Errors::from(NetworkError::Format {
            format: FORMAT,
            what,
        })
    };
    if bytes.is_empty() {
        return Err(format("it is empty".into()));
    }
    let reader = Reader::open(Arc::from(bytes)).map_err(format)?;
    let root = Reader::group(&reader.root(), "node")
        .map_err(|_| format("it has no group `/node`".into()))?;
    let mut import = Import {
        reader,
        options,
        dt_s: None,
        drafts: Vec::new(),
        edges: IndexSet::new(),
        doubled: Vec::new(),
        errors: Collector::default(),
        assumed: IndexSet::new(),
        notes: Vec::new(),
    };
    let kind = import.text_field(&root, "", "type");
    if kind.as_deref().is_some_and(|kind| kind != "NIRGraph") {
        return Err(format(format!(
            "`/node` is a {}, not a NIRGraph",
            kind.unwrap_or_default()
        )));
    }
    let metadata = import.metadata(&root, "");
    let given = options.or(&metadata);
    import.dt_s = given.dt;
    import.graph(&root, "", 0, &given);
    import.ends();
    import
        .errors
        .check_with(given.dt.is_none().then_some(NetworkError::NoTimeStep))?;
    let assumptions = import.assumptions();
    let edges = import.edges.into_iter().chain(import.doubled).collect();
    // Without a time step the rest is still checked, so that all mistakes are told at once.
    let dt_s = given.dt.unwrap_or(1.0);
    let built = Graph::build(
        name.to_string(),
        dt_s,
        import.drafts,
        edges,
        true,
        assumptions,
    );
    match given.dt {
        Some(_) => built,
        None => {
            let mut list = vec![NetworkError::NoTimeStep];
            list.extend(built.err().into_iter().flat_map(|e| e.list));
            Err(Errors { file: None, list })
        }
    }
}

/// What a name in an edge stands for.
enum Port {
    /// A node.
    Node(u32),
    /// A subgraph, with its entries and exits.
    Subgraph(Vec<u32>, Vec<u32>),
    /// A node that could not be read; its error is noted.
    Broken,
}

struct Import<'a> {
    reader: Reader,
    options: &'a ImportOptions,
    /// Time step, if it is known.
    dt_s: Option<f64>,
    drafts: Vec<Draft>,
    edges: IndexSet<(u32, u32)>,
    doubled: Vec<(u32, u32)>,
    errors: Collector,
    /// Switches that a node needed and nobody set.
    assumed: IndexSet<&'static str>,
    notes: Vec<String>,
}

impl Import<'_> {
    fn field_error(&mut self, node: &str, field: &str, what: impl Into<String>) {
        let node = if node.is_empty() { "/" } else { node };
        self.errors.push(NetworkError::Field {
            node: node.into(),
            field: field.into(),
            what: what.into(),
        });
    }

    /// A text of one element.
    fn text_field(&mut self, group: &Group, node: &str, field: &str) -> Option<String> {
        let read = Reader::dataset(group, field)
            .map_err(|_| "is missing".to_string())
            .and_then(|dataset| {
                self.reader
                    .text(&dataset)
                    .map_err(|e| format!("is not text: {e}"))
            });
        match read {
            Ok(mut texts) if texts.len() == 1 => texts.pop(),
            Ok(_) => {
                self.field_error(node, field, "must be one text");
                None
            }
            Err(what) => {
                self.field_error(node, field, what);
                None
            }
        }
    }

    /// Switches in a node's metadata; unknown keys are the writer's own business.
    fn metadata(&mut self, group: &Group, node: &str) -> ImportOptions {
        let mut options = ImportOptions::default();
        let Ok((groups, _)) = Reader::members(group) else {
            return options;
        };
        if !groups.iter().any(|g| g == "metadata") {
            return options;
        }
        let Ok(metadata) = Reader::group(group, "metadata") else {
            return options;
        };
        for &(key, values) in crate::options::IMPORT_KEYS {
            let Ok(dataset) = Reader::dataset(&metadata, key) else {
                continue;
            };
            let text = if Reader::is_text(&dataset) {
                self.reader
                    .text(&dataset)
                    .map(|texts| texts.into_iter().next().unwrap_or_default())
            } else {
                self.reader
                    .numbers(&dataset)
                    .map(|n| n.to_f64().first().map_or(String::new(), f64::to_string))
            };
            match text {
                Ok(text) if options.set(key, &text) => {}
                Ok(text) => self.field_error(
                    node,
                    &format!("metadata/{key}"),
                    format!("is `{text}`; it takes {values}"),
                ),
                Err(what) => self.field_error(node, &format!("metadata/{key}"), what),
            }
        }
        options
    }

    /// Reads a graph's nodes and edges; returns its entries and exits.
    fn graph(
        &mut self,
        group: &Group,
        path: &str,
        depth: usize,
        options: &ImportOptions,
    ) -> (Vec<u32>, Vec<u32>) {
        let nodes = match Reader::group(group, "nodes").and_then(|nodes| {
            let (groups, datasets) = Reader::members(&nodes)?;
            Ok((nodes, groups, datasets))
        }) {
            Ok((nodes, groups, datasets)) => {
                for name in datasets {
                    self.field_error(
                        &join(path, &name),
                        "type",
                        "is missing: it is a dataset, not a node",
                    );
                }
                (nodes, groups)
            }
            Err(what) => {
                self.field_error(path, "nodes", format!("cannot be read: {what}"));
                return Default::default();
            }
        };
        let (nodes, mut names) = nodes;
        names.sort();
        let mut ports = BTreeMap::new();
        let (mut entries, mut exits) = (Vec::new(), Vec::new());
        for name in names {
            if self.drafts.len() >= MAX_NODES {
                self.errors.push(NetworkError::TooLarge {
                    what: "the number of nodes".into(),
                    limit: MAX_NODES as u64,
                    actual: MAX_NODES as u64 + 1,
                });
                return Default::default();
            }
            let port = self.node(
                &nodes,
                &name,
                path,
                depth,
                options,
                &mut entries,
                &mut exits,
            );
            ports.insert(name, port);
        }
        let inside = self.edges(group, path, &ports);
        // A subgraph without ports of its own is entered at its only root and left at its only leaf.
        let open = |side: fn(&(u32, u32)) -> u32| -> Vec<u32> {
            let all = ports.values().filter_map(|p| {
                if let Port::Node(i) = p {
                    Some(*i)
                } else {
                    None
                }
            });
            all.filter(|&i| !inside.iter().any(|e| side(e) == i && e.0 != e.1))
                .collect()
        };
        if depth > 0 && entries.is_empty() {
            entries = open(|e| e.1);
        }
        if depth > 0 && exits.is_empty() {
            exits = open(|e| e.0);
        }
        (entries, exits)
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one call, and the arguments are the caller's local state"
    )]
    fn node(
        &mut self,
        nodes: &Group,
        name: &str,
        path: &str,
        depth: usize,
        options: &ImportOptions,
        entries: &mut Vec<u32>,
        exits: &mut Vec<u32>,
    ) -> Port {
        let full = join(path, name);
        let group = match Reader::group(nodes, name) {
            Ok(group) => group,
            Err(what) => {
                self.field_error(&full, "type", format!("cannot be read: {what}"));
                return Port::Broken;
            }
        };
        let Some(kind) = self.text_field(&group, &full, "type") else {
            return Port::Broken;
        };
        let metadata = self.metadata(&group, &full);
        let options = &self.options.or(&metadata).or(options);
        if kind == "NIRGraph" {
            if depth + 1 >= MAX_NESTING {
                self.field_error(
                    &full,
                    "nodes",
                    format!("is nested deeper than {MAX_NESTING} graphs"),
                );
                return Port::Broken;
            }
            let (entries, exits) = self.graph(&group, &full, depth + 1, options);
            return Port::Subgraph(entries, exits);
        }
        let Some(mut draft) = nodes::read(self, &group, &full, &kind, options) else {
            return Port::Broken;
        };
        let index = self.drafts.len() as u32;
        match draft.op {
            Op::Input => entries.push(index),
            Op::Output { .. } => exits.push(index),
            _ => {}
        }
        if depth > 0 && matches!(draft.op, Op::Input | Op::Output { .. }) {
            draft.op = Op::Linear(Linear::Identity);
        }
        self.drafts.push(draft);
        Port::Node(index)
    }

    /// Reads a graph's edges and joins the nodes that they name.
    fn edges(
        &mut self,
        group: &Group,
        path: &str,
        ports: &BTreeMap<String, Port>,
    ) -> Vec<(u32, u32)> {
        let read = Reader::dataset(group, "edges").and_then(|dataset| {
            if dataset.num_elements().is_ok_and(|n| n == 0) {
                return Ok(Vec::new());
            }
            self.reader.text(&dataset)
        });
        let names = match read {
            Ok(names) if names.len() % 2 == 0 => names,
            Ok(names) => {
                self.field_error(
                    path,
                    "edges",
                    format!("has {} names; they must be pairs", names.len()),
                );
                return Vec::new();
            }
            Err(what) => {
                self.field_error(path, "edges", format!("cannot be read: {what}"));
                return Vec::new();
            }
        };
        let mut inside = Vec::new();
        for pair in names.chunks_exact(2) {
            let (from, to) = (join(path, &pair[0]), join(path, &pair[1]));
            let mut missing = false;
            for (name, full) in [(&pair[0], &from), (&pair[1], &to)] {
                if !ports.contains_key(name.as_str()) {
                    missing = true;
                    let missing = full.clone();
                    self.errors.push(NetworkError::DanglingEdge {
                        from: from.clone(),
                        to: to.clone(),
                        missing,
                    });
                }
            }
            if missing {
                continue;
            }
            let source = self.end(&ports[&pair[0]], false, &from, &to);
            let target = self.end(&ports[&pair[1]], true, &from, &to);
            if let (Some(source), Some(target)) = (source, target) {
                inside.push((source, target));
                if !self.edges.insert((source, target)) {
                    self.doubled.push((source, target));
                }
            }
        }
        inside
    }

    /// The node at one end of an edge.
    fn end(&mut self, port: &Port, entry: bool, from: &str, to: &str) -> Option<u32> {
        let (ends, what) = match port {
            Port::Node(i) => return Some(*i),
            Port::Broken => return None,
            Port::Subgraph(entries, _) if entry => (entries, "input"),
            Port::Subgraph(_, exits) => (exits, "output"),
        };
        if let [only] = ends[..] {
            return Some(only);
        }
        let what = format!(
            "the subgraph has {} {what}s; an edge needs exactly one",
            ends.len()
        );
        self.errors.push(NetworkError::BadEdge {
            from: from.into(),
            to: to.into(),
            what,
        });
        None
    }

    /// Gives roots that are not inputs an input, and a graph without outputs its leaves as outputs, as `nir` does.
    fn ends(&mut self) {
        let count = self.drafts.len() as u32;
        let is = |draft: &Draft, output: bool| {
            if output {
                matches!(draft.op, Op::Output { .. })
            } else {
                matches!(draft.op, Op::Input)
            }
        };
        let mut entered = vec![false; count as usize];
        let mut left = vec![false; count as usize];
        for &(from, to) in &self.edges {
            entered[to as usize] |= from != to;
            left[from as usize] |= from != to;
        }
        let port = |name: String, op: Op| Draft {
            name,
            op,
            in_shape: None,
            field_shape: None,
        };
        for at in (0..count).filter(|&i| !entered[i as usize]) {
            if !is(&self.drafts[at as usize], false) {
                let name = self.drafts[at as usize].name.clone();
                self.notes
                    .push(format!("node `{name}` has no input: `input_{name}` added"));
                self.edges.insert((self.drafts.len() as u32, at));
                self.drafts.push(port(format!("input_{name}"), Op::Input));
            }
        }
        if !self.drafts.iter().any(|d| is(d, true)) {
            for at in (0..count).filter(|&i| !left[i as usize]) {
                let name = self.drafts[at as usize].name.clone();
                self.notes
                    .push(format!("the file has no output: `output_{name}` added"));
                self.edges.insert((at, self.drafts.len() as u32));
                self.drafts
                    .push(port(format!("output_{name}"), Op::Output { readout: None }));
            }
        }
    }

    /// The report's list.
    fn assumptions(&mut self) -> Vec<String> {
        const TEXTS: &[(&str, &str)] = &[
            (
                "reset",
                "reset assumed hard; snnTorch's default is subtract: --import reset=subtract",
            ),
            (
                "reset_delay",
                "reset assumed in the step of the spike; snnTorch's default is one step later: --import reset_delay=1",
            ),
            (
                "compare",
                "spike condition assumed v > threshold; SpikingJelly uses v >= threshold: --import compare=ge",
            ),
            (
                "cuba",
                "current-based neurons assumed to integrate the new current; for that of the previous step: --import cuba=old",
            ),
            (
                "decay",
                "time constants assumed as factors 1 - dt/tau; for exp(-dt/tau): --import decay=exp",
            ),
        ];
        let assumed = TEXTS
            .iter()
            .filter(|(key, _)| self.assumed.contains(key))
            .map(|(_, text)| (*text).to_string());
        assumed.chain(self.notes.drain(..)).collect()
    }
}

/// Path of a node in a graph.
fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_string()
    } else {
        format!("{path}/{name}")
    }
}
