//! Names and shapes of a network: what an image can hold of them (`specs/image.md`).
//!
//! Invariant: what passes here breaks none of the image's rules on names, shapes and numbers of elements.

use crate::error::MapError;
use network::lowered::Lowered;
use std::collections::BTreeSet;

/// Most bytes of a name.
const MAX_NAME_BYTES: usize = 1024;
/// Most dimensions of a shape.
const MAX_DIMENSIONS: usize = 16;
/// Most neurons of a network, and elements of all its inputs: ids have 31 bits.
const MAX_IDS: u64 = 1 << 31;

/// All names and shapes that no image can hold.
pub(crate) fn check(net: &Lowered) -> Vec<MapError> {
    let mut errors = Vec::new();
    if let Some(what) = unfit(&net.name).filter(|_| !net.name.is_empty()) {
        errors.push(MapError::Node {
            node: shown(&net.name),
            what: format!("the network's name {what}"),
            remedy: "give the network another name (key `name`, or the file's)".into(),
        });
    }
    let populations = net.populations.iter().map(|p| (&p.name, &p.shape));
    let inputs = net.inputs.iter().map(|i| (&i.name, &i.shape));
    let outputs = net.outputs.iter().map(|o| (&o.name, &o.shape));
    kind("population", populations, true, &mut errors);
    kind("input", inputs, true, &mut errors);
    // Outputs show neurons that are counted with the populations; one population may be shown often.
    kind("output", outputs, false, &mut errors);
    errors
}

fn kind<'a>(
    kind: &str,
    all: impl Iterator<Item = (&'a String, &'a Vec<u32>)>,
    numbered: bool,
    errors: &mut Vec<MapError>,
) {
    let (mut seen, mut total) = (BTreeSet::new(), 0u64);
    for (name, shape) in all {
        let mut refuse = |what: String, remedy: &str| {
            errors.push(MapError::Node {
                node: shown(name),
                what,
                remedy: remedy.into(),
            });
        };
        if let Some(what) = unfit(name) {
            refuse(
                format!("the name of this {kind} {what}"),
                "give it a name of 1 to 1024 bytes without control characters",
            );
        }
        if !seen.insert(name) {
            refuse(
                format!("another {kind} has the same name"),
                "give each its own name",
            );
        }
        if shape.len() > MAX_DIMENSIONS {
            refuse(
                format!(
                    "the shape of this {kind} has {} dimensions; at most {MAX_DIMENSIONS} are possible",
                    shape.len()
                ),
                "flatten it",
            );
        }
        let elements = shape
            .iter()
            .fold(1u64, |n, d| n.saturating_mul(u64::from(*d)));
        if elements == 0 {
            refuse(format!("this {kind} has no elements"), "leave it out");
        }
        let before = total;
        total = total.saturating_add(elements);
        if numbered && before < MAX_IDS && total >= MAX_IDS {
            refuse(
                format!("with this {kind} there are {total} elements or more; ids have 31 bits"),
                "split the network",
            );
        }
    }
}

/// Why no image holds a name.
fn unfit(name: &str) -> Option<String> {
    if name.is_empty() {
        Some("is empty".into())
    } else if name.len() > MAX_NAME_BYTES {
        Some(format!("has {} bytes", name.len()))
    } else {
        name.chars()
            .any(char::is_control)
            .then(|| "has control characters".into())
    }
}

/// A name in a message: on one line, not endless.
fn shown(name: &str) -> String {
    let mut short: String = name.chars().take(60).flat_map(char::escape_debug).collect();
    if name.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}
