//! A network cut into bands of rows, one for each thread.
//!
//! Invariant: the cut never shows. What a router does reaches the next band no earlier than a *window* of cycles later, the
//! shorter of the ways of a flit and of a credit. So every thread runs a window on its own; then all meet, and what crossed is
//! handed over with its cycle of arrival. Within a cycle the order of arrivals does not matter.

use super::around::Around;
use super::engine::{Cross, Cycles, engine};
#[cfg(feature = "mutants")]
use super::fault::Fault;
use super::layout::Part;
use super::listed::{List, Listed};
use super::parameters::Parameters;
use crate::meet::{Guard, Meet};
use crate::noc::{Packet, Times};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Routers of a band, at least: with fewer, threads wait for each other more than they work. By `bench_noc`, two threads run 64×64
/// routers in 0.4 (quiet machine) to 1.1 (busy) of the time of one, 48×48 and 32×32 in more (1.1 to 1.2), 16×16 in three times as much. Tests cut small networks too.
const ROUTERS: u32 = if cfg!(all(feature = "mutants", debug_assertions)) {
    64
} else {
    2048
};

struct Band {
    engine: Box<dyn Cycles<Listed>>,
    around: Listed,
}

/// Bands of a mesh.
pub(super) struct Bands {
    parameters: Parameters,
    list: List,
    bands: Vec<Band>,
    /// Times of all packets, if there are several bands.
    times: Vec<Times>,
    /// Cycles that a band runs without hearing of others.
    window: u64,
}

/// What threads share while they run.
struct Shared {
    meet: Meet,
    /// By band, side it came from (0 from above), turn.
    mail: Vec<[[Mutex<Cross>; 2]; 2]>,
    /// By turn and band: the next cycle in which something happens.
    next: [Vec<AtomicU64>; 2],
    window: u64,
    end: u64,
}

impl Bands {
    pub(super) fn new(parameters: &Parameters, threads: usize) -> Bands {
        let mesh = &parameters.mesh;
        let most = mesh.height.min(mesh.routers() / ROUTERS).max(1);
        let count = u32::try_from(threads).unwrap_or(u32::MAX).clamp(1, most);
        let border = |band: u32| mesh.height * band / count;
        let nodes = mesh.width * mesh.locals;
        let channels = mesh.width as usize * parameters.router_vcs();
        let mut bands: Vec<Band> = Vec::new();
        for band in 0..count {
            let rows = border(band)..border(band + 1);
            let part = Part {
                below: rows.start - border(band.saturating_sub(1)),
                rows: rows.clone(),
                border: Vec::new(),
            };
            let around = Listed::new(
                parameters,
                rows.start * nodes..rows.end * nodes,
                channels * rows.len(),
            );
            bands.push(Band {
                engine: engine(parameters, &part),
                around,
            });
        }
        let several = bands.len() > 1;
        bands
            .iter_mut()
            .for_each(|band| band.around.several = several);
        let link = 1 + u64::from(parameters.link_delay);
        let shorter = parameters.switch_delay.min(parameters.credit_delay);
        Bands {
            parameters: *parameters,
            list: List::default(),
            bands,
            times: Vec::new(),
            window: link + u64::from(shorter),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.bands.len()
    }

    /// Puts a packet into its node's queue.
    pub(super) fn send(&mut self, packet: &Packet) {
        let number = self.list.len() as u32;
        self.list.add(&self.parameters, packet);
        for band in &mut self.bands {
            band.around.add(number, packet.source);
        }
        if self.bands.len() > 1 {
            self.times.push(Times {
                injected: u64::MAX,
                head: u64::MAX,
                tail: u64::MAX,
            });
        }
    }

    /// Runs all cycles before `end`.
    pub(super) fn run(&mut self, end: u64) {
        let list = &self.list;
        self.bands
            .iter_mut()
            .for_each(|band| band.around.begin(list));
        if let [band] = self.bands.as_mut_slice() {
            band.engine.run(end, &mut band.around);
        } else {
            self.run_together(end);
        }
        self.bands.iter_mut().for_each(|band| band.around.end());
    }

    fn run_together(&mut self, end: u64) {
        let count = self.bands.len();
        let zeros = || (0..count).map(|_| AtomicU64::new(0)).collect();
        let shared = Shared {
            meet: Meet::new(count),
            mail: (0..count).map(|_| Default::default()).collect(),
            next: [zeros(), zeros()],
            window: self.window,
            end,
        };
        let (first, others) = self.bands.split_first_mut().expect("there are several");
        std::thread::scope(|scope| {
            for (index, band) in others.iter_mut().enumerate() {
                let shared = &shared;
                scope.spawn(move || band.work(index + 1, shared));
            }
            first.work(0, &shared);
        });
        for band in &mut self.bands {
            for packet in band.around.changed.drain(..) {
                let (seen, times) = (
                    &band.around.times[packet as usize],
                    &mut self.times[packet as usize],
                );
                for (seen, all) in [
                    (seen.injected, &mut times.injected),
                    (seen.head, &mut times.head),
                    (seen.tail, &mut times.tail),
                ] {
                    *all = seen.min(*all);
                }
            }
        }
    }

    /// Runs until nothing is left to do, and checks that everything has arrived and is home.
    pub(super) fn drain(&mut self) {
        self.run(u64::MAX);
        let sum = |f: &dyn Fn(&Band) -> u64| self.bands.iter().map(f).sum::<u64>();
        let taken = sum(&|band| band.around.taken_packets);
        let flits = |which: usize| sum(&|band| band.engine.flits()[which]);
        let (injected, ejected) = (flits(0), flits(1));
        if taken != self.list.len() as u64 {
            let conserved = injected == ejected + sum(&|band| band.engine.inside());
            let name = if conserved {
                "deadlock"
            } else {
                "conservation"
            };
            let waiting: String = self.bands.iter().map(|band| band.engine.stuck()).collect();
            panic!(
                "noc check {name}: cycle {}: {taken} of {} packets have arrived and nothing can move{waiting}",
                self.now(),
                self.list.len()
            );
        }
        assert_eq!(
            injected, ejected,
            "noc check conservation: flits injected and taken"
        );
        self.bands.iter().for_each(|band| band.engine.check_home());
        if self.parameters.vcs == 1 {
            self.list.check_paths(self.times());
        }
    }

    /// The earliest cycle in which a packet may still be generated.
    pub(super) fn last_created(&self) -> u64 {
        self.list.last_created().max(self.now())
    }

    /// The next cycle.
    pub(super) fn now(&self) -> u64 {
        let now = self.bands.iter().map(|band| band.engine.now());
        now.max().unwrap_or(0)
    }

    /// Times of all packets so far.
    pub(super) fn times(&self) -> &[Times] {
        match self.bands.as_slice() {
            [band] => &band.around.times,
            _ => &self.times,
        }
    }

    /// Flits taken in the window.
    pub(super) fn counted(&self) -> u64 {
        self.bands.iter().map(|band| band.around.counted).sum()
    }

    /// Counts flits taken in this window.
    pub(super) fn count_in(&mut self, window: Range<u64>) {
        for band in &mut self.bands {
            (band.around.window, band.around.counted) = (window.clone(), 0);
        }
    }

    /// Flits that left a router.
    pub(super) fn flit_hops(&self) -> u64 {
        self.bands.iter().map(|band| band.engine.flits()[2]).sum()
    }

    /// Plants a bug.
    #[cfg(feature = "mutants")]
    pub(super) fn plant(&mut self, fault: Fault) {
        for band in &mut self.bands {
            band.engine.plant(fault, 100);
        }
    }
}

impl Band {
    /// A thread's part of a run.
    fn work(&mut self, index: usize, shared: &Shared) {
        let _guard = Guard(&[&shared.meet]);
        let mut turn = 0;
        loop {
            // Everybody says when something happens next, what is on its way to others included.
            let mut next = self.engine.next().min(self.around.due());
            for side in 0..2 {
                let out = self.engine.cross_out(side);
                let to = if side == 0 {
                    index + 1
                } else {
                    index.wrapping_sub(1)
                };
                if out.is_empty() {
                    continue;
                }
                next = next.min(out.first());
                // What goes up comes from below.
                let mut mail = lock(&shared.mail[to][1 - side][turn]);
                std::mem::swap(&mut *mail, out);
            }
            shared.next[turn][index].store(next, Ordering::Release);
            shared.meet.wait(|| false);
            for side in 0..2 {
                self.engine
                    .cross_in(&mut lock(&shared.mail[index][side][turn]));
            }
            let all = shared.next[turn].iter();
            let first = all.map(|next| next.load(Ordering::Acquire)).min();
            let first = first.unwrap_or(u64::MAX);
            if first >= shared.end {
                if shared.end != u64::MAX {
                    self.engine.run(shared.end, &mut self.around);
                }
                return;
            }
            let end = first.saturating_add(shared.window).min(shared.end);
            self.engine.run(end, &mut self.around);
            turn = 1 - turn;
        }
    }
}

fn lock(mail: &Mutex<Cross>) -> std::sync::MutexGuard<'_, Cross> {
    mail.lock().unwrap_or_else(PoisonError::into_inner)
}
