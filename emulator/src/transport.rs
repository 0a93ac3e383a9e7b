//! What passes between machines: packets, how cores are shared out, what the host sends.
//!
//! Invariant: packets keep canonical order (source core, lane, destination), so the cut into machines does not show.

use crate::api::SampleInput;
use crate::meet::Meet;
use crate::mutants::{self, Mutant};
use crate::program::Program;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// A packet between cores, as function sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// Index of the receiving core in the image.
    pub(crate) core: u32,
    /// Its input axon.
    pub(crate) axon: u32,
    /// 1, or the payload of a graded spike.
    pub(crate) payload: i32,
    /// Delay of the destination.
    pub(crate) delay: u8,
    /// Population of the sender; one past the last is the host.
    pub(crate) population: u32,
}

/// Carries packets between machines.
pub(crate) trait Transport: Sync {
    /// Takes `outbox[to]` for every machine and fills `inbox[from]` with what machine `from` sent to machine `me` in this step.
    /// Returns when all machines have called it;
    /// while it waits it calls `help`, which says whether it did something. Buffers that come back are reused.
    fn exchange(
        &self,
        me: usize,
        outbox: &mut [Vec<Packet>],
        inbox: &mut [Vec<Packet>],
        help: &mut dyn FnMut() -> bool,
    );
}

/// Machines as threads of one process.
pub(crate) struct InProcess<'m> {
    machines: usize,
    /// `[step parity][from × machines + to]`.
    boxes: [Vec<Mutex<Vec<Packet>>>; 2],
    parity: Vec<Mutex<usize>>,
    meet: &'m Meet,
}

impl InProcess<'_> {
    /// For so many machines, which meet at `meet`.
    pub(crate) fn new(machines: usize, meet: &Meet) -> InProcess<'_> {
        let boxes = || (0..machines * machines).map(|_| Mutex::default()).collect();
        InProcess {
            machines,
            boxes: [boxes(), boxes()],
            parity: (0..machines).map(|_| Mutex::default()).collect(),
            meet,
        }
    }
}

impl Transport for InProcess<'_> {
    fn exchange(
        &self,
        me: usize,
        outbox: &mut [Vec<Packet>],
        inbox: &mut [Vec<Packet>],
        help: &mut dyn FnMut() -> bool,
    ) {
        let lock = |from: usize, to: usize, parity: usize| {
            self.boxes[parity][from * self.machines + to]
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let parity = {
            let mut next = self.parity[me]
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let parity = *next;
            *next = 1 - parity;
            parity
        };
        for (to, packets) in outbox.iter_mut().enumerate() {
            std::mem::swap(&mut *lock(me, to, parity), packets);
            packets.clear();
        }
        self.meet.wait(help);
        for (from, packets) in inbox.iter_mut().enumerate() {
            packets.clear();
            std::mem::swap(&mut *lock(from, me, parity), packets);
        }
    }
}

/// How the cores are shared out over machines.
#[derive(Clone, Debug)]
pub(crate) struct Shares {
    /// Cores (image indices) of each machine.
    pub(crate) ranges: Vec<Range<usize>>,
    /// Machine of each core.
    pub(crate) owner: Vec<u32>,
}

impl Shares {
    /// Cuts the cores into consecutive ranges of about equal work; at most one per core.
    pub(crate) fn new(program: &Program<'_>, machines: usize) -> Shares {
        let work: Vec<usize> = program
            .cores
            .iter()
            .map(|c| {
                c.lane_population.len() * 8
                    + c.program.weights.len() / 16
                    + c.program.rows.len()
                    + 1
            })
            .collect();
        let machines = machines.clamp(1, work.len().max(1));
        let total: usize = work.iter().sum();
        let mut ranges = Vec::new();
        let (mut start, mut done) = (0, 0);
        for machine in 1..=machines {
            let mut end = start;
            let leave = machines - machine;
            while end + leave < work.len()
                && (end == start
                    || machine == machines
                    || (done + work[end] / 2) * machines < total * machine)
            {
                done += work[end];
                end += 1;
            }
            ranges.push(start..end);
            start = end;
        }
        let mut owner = vec![0; work.len()];
        for (machine, range) in ranges.iter().enumerate() {
            owner[range.clone()].fill(machine as u32);
        }
        Shares { ranges, owner }
    }
}

/// What the host sends in one step.
#[derive(Clone, Copy)]
pub(crate) struct HostStep<'a> {
    pub(crate) elements: &'a [u32],
    pub(crate) values: &'a [i32],
}

impl<'a> HostStep<'a> {
    /// Sent in the step after `t` updates of the sample: the input of step `t`.
    pub(crate) fn new(sample: &'a SampleInput, t: u32) -> HostStep<'a> {
        let t = if mutants::is(Mutant::HostLate) {
            t.wrapping_sub(1)
        } else {
            t
        };
        if t >= sample.steps {
            return HostStep {
                elements: &[],
                values: &[],
            };
        }
        let range = sample.offsets[t as usize] as usize..sample.offsets[t as usize + 1] as usize;
        HostStep {
            elements: &sample.elements[range.clone()],
            values: &sample.values[range],
        }
    }

    /// Packets in sending order: port, destination, payload if the input has one.
    pub(crate) fn each(
        &self,
        program: &'a Program<'_>,
        mut act: impl FnMut(usize, &'a isa::image::Dest, Option<i32>),
    ) {
        for (element, value) in self.elements.iter().zip(self.values) {
            let input = &program.image.io.inputs[program.input_of(*element)];
            let dests = &program.image.io.input_dests[program.input_first[*element as usize]
                ..program.input_first[*element as usize + 1]];
            let (times, payload) = if input.graded {
                (1, Some(*value))
            } else {
                (*value, None)
            };
            for _ in 0..times {
                dests
                    .iter()
                    .for_each(|dest| act(usize::from(input.port), dest, payload));
            }
        }
    }
}
