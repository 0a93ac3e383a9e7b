//! A barrier for threads that step together.
//!
//! Invariant: no thread waits for one that has panicked: [`Guard`] breaks the meeting and everybody leaves with a panic.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Turns of spinning before a waiting thread looks for other work: about the length of a step's imbalance.
const PATIENCE: u32 = 200;
/// Turns of spinning before a waiting thread offers its processor.
const SPINS: u32 = 1 << 12;

/// Times it is offered before the thread sleeps, so that waiting for long costs no processor time.
const YIELDS: u32 = 64;
/// Length of a sleep.
const NAP: Duration = Duration::from_micros(30);

/// Meeting point of a fixed number of threads.
pub(crate) struct Meet {
    threads: usize,
    arrived: AtomicUsize,
    generation: AtomicUsize,
    broken: AtomicBool,
}

impl Meet {
    pub(crate) fn new(threads: usize) -> Meet {
        Meet {
            threads,
            arrived: AtomicUsize::new(0),
            generation: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        }
    }

    /// Waits until all threads are here. Meanwhile `help` does something useful, and says whether it did.
    pub(crate) fn wait(&self, help: impl FnMut() -> bool) {
        if self.threads == 1 {
            return;
        }
        let generation = self.generation.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.arrived.store(0, Ordering::Relaxed);
            self.generation
                .store(generation.wrapping_add(1), Ordering::Release);
            return;
        }
        self.until(
            || self.generation.load(Ordering::Acquire) != generation,
            help,
        );
    }

    /// Waits for something that another thread does.
    pub(crate) fn until(&self, over: impl Fn() -> bool, mut help: impl FnMut() -> bool) {
        let mut spins = 0;
        while !over() {
            assert!(
                !self.broken.load(Ordering::Relaxed),
                "another thread of the run has panicked"
            );
            spins += 1;
            if spins < PATIENCE {
                std::hint::spin_loop();
            } else if help() {
                spins = 0;
            } else if spins < SPINS {
                std::hint::spin_loop();
            } else if spins < SPINS + YIELDS {
                std::thread::yield_now();
            } else {
                std::thread::sleep(NAP);
            }
        }
    }

    /// Nobody may wait any longer.
    pub(crate) fn break_up(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }
}

/// Breaks the meetings when its thread panics.
pub(crate) struct Guard<'m>(pub(crate) &'m [&'m Meet]);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.iter().for_each(|meet| meet.break_up());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_stay_in_step() {
        let meet = Meet::new(3);
        let sum = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for round in 1..=100 {
                        sum.fetch_add(1, Ordering::Relaxed);
                        meet.wait(|| false);
                        assert_eq!(sum.load(Ordering::Relaxed), 3 * round);
                        meet.wait(|| false);
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_ends_the_meeting_for_all() {
        let meet = Meet::new(2);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| meet.wait(|| false));
            let fails = scope.spawn(|| {
                let _guard = Guard(&[&meet]);
                panic!("on purpose");
            });
            assert!(fails.join().is_err());
            assert!(waits.join().is_err());
        });
    }
}
