//! What is checked of an engine at rest: every credit is home; and who waits for whom when it stands still.

use super::bits::Bits;
use super::engine::Engine;
use super::layout::{CROSS, FREE, NODE, NONE, State};
use std::fmt::Write;

/// Lines of a report of a network that stands still.
const REPORTED: usize = 32;

impl<B: Bits, const P: usize, const S: usize> Engine<B, P, S> {
    /// At rest every credit is home and no VC taken, wherever something happened since the last reset.
    pub(super) fn check_credits(&self) {
        let (ports, stride) = (self.ports_per_router(), self.stride());
        let all = ((1u32 << self.parameters.vcs) - 1) as u8;
        let full = self.parameters.buffer;
        let touched = (self.touched.iter()).flat_map(|router| {
            let first = *router as usize * ports;
            first..first + ports
        });
        for index in touched {
            let port = &self.ports[index];
            let channels = index * stride..index * stride + self.parameters.vcs as usize;
            let home = self.outputs[channels]
                .iter()
                .all(|o| u32::from(o.credits) == full && o.owner == FREE);
            assert!(
                home && port.free == all && port.funded == all,
                "noc check credits: at rest, not all are home at output {} of router {}",
                index % ports,
                index / ports
            );
            if port.next == NONE || port.next & NODE == 0 {
                continue;
            }
            let index = port.next & !NODE;
            let node = &self.nodes[index as usize];
            let channels =
                node.channel as usize..node.channel as usize + self.parameters.vcs as usize;
            let home = self.node_vcs[channels]
                .iter()
                .all(|vc| u32::from(vc.credits) == full);
            assert!(
                home && node.free == all && node.funded == all,
                "noc check credits: at rest, not all are home at node {index}"
            );
        }
    }

    /// Who waits for whom.
    pub(super) fn waiting(&self) -> String {
        let (ports, stride) = (self.ports_per_router(), self.stride());
        let mut text = String::new();
        let per_router = ports * stride;
        let waits =
            (self.inputs.iter().enumerate()).filter(|(_, input)| input.state != State::Idle);
        for (channel, input) in waits.clone().take(REPORTED) {
            let (router, index) = (channel / per_router, channel % per_router);
            let flit = self.flits[(channel << self.ring) + usize::from(input.head)];
            let (o, first) = (usize::from(input.port), router * ports);
            let what = match input.state {
                State::Active => {
                    let credits =
                        self.outputs[(first + o) * stride + usize::from(input.vc)].credits;
                    format!(
                        "has its VC {}, credits {credits}, flits {}",
                        input.vc, input.len
                    )
                }
                _ => {
                    let owners: Vec<u8> = (0..self.parameters.vcs as usize)
                        .map(|v| self.outputs[(first + o) * stride + v].owner)
                        .collect();
                    format!("waits for a VC of it; they belong to inputs {owners:?}")
                }
            };
            let _ = write!(
                text,
                "\n  router {router} input {} VC {}: packet {} to output {o}: {what}; behind it {}",
                index / stride,
                index % stride,
                flit as u32,
                end(self.ports[first + o].next, per_router)
            );
        }
        let more = waits.count().saturating_sub(REPORTED);
        if more > 0 {
            let _ = write!(text, "\n  and {more} more");
        }
        text
    }
}

/// What lies behind an output.
fn end(next: u32, per_router: usize) -> String {
    match next {
        NONE => "nothing".to_owned(),
        node if node & NODE != 0 => format!("node {}", node & !NODE),
        next if next & CROSS != 0 => "the next band".to_owned(),
        channel => format!("router {}", channel as usize / per_router),
    }
}
