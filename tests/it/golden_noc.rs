//! The `vc` router against reference traces: every packet's four columns equal, on both implementations.
//!
//! `tests/data/noc/README.md` says where they come from. `SPIKEMESH_GOLDEN_NOC` names a folder of the same form to test instead.

use crate::cli::root;
use emulator::noc::{Mesh, Packet, vc};
use emulator::reference::noc_vc;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// The files of a reference, by name: `traces/index.json`, `traces/*.csv`, `curves/*.json`.
pub(crate) fn files() -> BTreeMap<String, String> {
    match std::env::var_os("SPIKEMESH_GOLDEN_NOC") {
        Some(folder) => from_folder(Path::new(&folder)),
        None => from_archive(),
    }
}

fn from_folder(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for part in ["traces", "curves"] {
        let Ok(entries) = std::fs::read_dir(folder.join(part)) else {
            continue;
        };
        for entry in entries {
            let entry = entry.expect("readable");
            let name = format!("{part}/{}", entry.file_name().to_string_lossy());
            let text = std::fs::read_to_string(entry.path()).expect("text");
            files.insert(name, text);
        }
    }
    assert!(
        files.contains_key("traces/index.json"),
        "{}: no traces/index.json",
        folder.display()
    );
    files
}

fn from_archive() -> BTreeMap<String, String> {
    let bytes =
        std::fs::read(root().join("tests/data/noc/reference.zip")).expect("in the repository");
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("a zip");
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).expect("an entry");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("text");
        let name = file.name().expect("a name").into_owned();
        files.insert(name, text);
    }
    files
}

/// A JSON value as in a configuration file.
fn word(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Router and mesh of a reference; whatever it says that this router cannot do is an error. What speaks of traffic and
/// measuring, not of the router, is `apart`.
pub(crate) fn parameters(from: &Value, apart: &[&str]) -> vc::Parameters {
    let mut parameters = vc::Parameters::new(Mesh {
        width: 1,
        height: 1,
        locals: 1,
    });
    for (key, value) in from.as_object().expect("parameters") {
        if !apart.contains(&key.as_str()) {
            let set = parameters.set(key, &word(value));
            set.unwrap_or_else(|e| panic!("{e}"));
        }
    }
    parameters
}

/// Rows of a trace: ctime, src, dst, size, then itime, head's and tail's atime, hops.
fn rows(text: &str) -> Vec<[u64; 8]> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let names = "ctime,src,dst,size_flits,itime_head,atime_head,atime_tail,hops";
    assert!(header.iter().eq(names.split(',')), "{header:?}");
    let row = |row: Result<csv::StringRecord, csv::Error>| {
        let row = row.expect("a row");
        std::array::from_fn(|column| row[column].parse().expect("a number"))
    };
    reader.records().map(row).collect()
}

fn fast(parameters: &vc::Parameters, rows: &[[u64; 8]]) -> Vec<[u64; 4]> {
    let packet = |row: &[u64; 8]| Packet {
        created: row[0],
        source: row[1] as u32,
        target: row[2] as u32,
        size: row[3] as u32,
    };
    let packets: Vec<Packet> = rows.iter().map(packet).collect();
    let times = vc::run(parameters, &packets).expect("it can be sent");
    let hops = |p: &Packet| u64::from(parameters.mesh.routers_passed(p.source, p.target));
    (times.iter().zip(&packets))
        .map(|(t, p)| [t.injected, t.head, t.tail, hops(p)])
        .collect()
}

/// The same as the literal model takes it.
pub(crate) fn literal_setup(p: &vc::Parameters) -> noc_vc::Setup {
    noc_vc::Setup {
        width: p.mesh.width as usize,
        height: p.mesh.height as usize,
        locals: p.mesh.locals as usize,
        vcs: p.vcs as usize,
        buffer: p.buffer as usize,
        routing_delay: p.routing_delay.into(),
        switch_delay: p.switch_delay.into(),
        link_delay: p.link_delay.into(),
        credit_delay: p.credit_delay.into(),
        speculative: p.speculative,
        wait_for_tail_credit: p.wait_for_tail_credit,
    }
}

fn literal(parameters: &vc::Parameters, rows: &[[u64; 8]]) -> Vec<[u64; 3]> {
    let packet = |row: &[u64; 8]| noc_vc::Packet {
        created: row[0],
        source: row[1] as usize,
        target: row[2] as usize,
        size: row[3] as u32,
    };
    let packets: Vec<_> = rows.iter().map(packet).collect();
    let times = noc_vc::run(&literal_setup(parameters), &packets);
    times.iter().map(|t| [t.injected, t.head, t.tail]).collect()
}

#[test]
fn golden_noc() {
    let files = files();
    let index: Value = serde_json::from_str(&files["traces/index.json"]).expect("JSON");
    let traces = index["traces"].as_array().expect("traces");
    assert!(!traces.is_empty());
    let (mut equal, mut packets) = (0, 0);
    for trace in traces {
        let name = trace["name"].as_str().expect("a name");
        let parameters = parameters(&trace["params"], &["packet_size"]);
        let rows = rows(&files[trace["file"].as_str().expect("a file")]);
        assert_eq!(
            rows.len() as u64,
            trace["packets"].as_u64().expect("a count"),
            "{name}"
        );
        let seen = fast(&parameters, &rows);
        for (row, seen) in rows.iter().zip(&seen) {
            assert_eq!(seen[..], row[4..], "{name}: packet {row:?}");
        }
        for (row, seen) in rows.iter().zip(&literal(&parameters, &rows)) {
            assert_eq!(seen[..], row[4..7], "{name}, literal model: packet {row:?}");
        }
        equal += 1;
        packets += rows.len();
    }
    println!("{equal}/{} equal, {packets} packets", traces.len());
    if std::env::var_os("SPIKEMESH_GOLDEN_NOC").is_none() {
        assert_eq!((equal, packets), (34, 13_276));
    }
}
