//! The widest vector instructions of this machine, chosen when the program runs.
//!
//! Invariant: only speed depends on the choice. The same Rust is compiled for each level; integer arithmetic has one
//! meaning in all of them. This is the only module with `unsafe`.

#![allow(unsafe_code)]

/// Work that is compiled once for each level. [`Work::run`] and all it calls should be `#[inline(always)]`,
/// or they are compiled for the baseline.
pub trait Work {
    /// What it gives.
    type Output;
    /// Does it.
    fn run(self) -> Self::Output;
}

/// A set of vector instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every processor of the target has (SSE2 on x86-64, NEON on AArch64).
    Baseline,
    /// AVX2: 8 lanes of 32 bits.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 (F, BW, DQ, VL): 16 lanes.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// All levels that this machine has, narrowest first.
    pub fn available() -> Vec<Level> {
        let mut levels = vec![Level::Baseline];
        #[cfg(target_arch = "x86_64")]
        {
            if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("bmi2") {
                levels.push(Level::Avx2);
            }
            if levels.len() == 2
                && std::is_x86_feature_detected!("avx512f")
                && std::is_x86_feature_detected!("avx512bw")
                && std::is_x86_feature_detected!("avx512dq")
                && std::is_x86_feature_detected!("avx512vl")
            {
                levels.push(Level::Avx512);
            }
        }
        levels
    }

    /// The widest that this machine has.
    pub fn widest() -> Level {
        Level::available()
            .pop()
            .expect("every machine has the baseline")
    }

    /// Does the work, compiled for this level.
    ///
    /// # Panics
    /// If this machine does not have the level.
    #[inline]
    pub fn run<W: Work>(self, work: W) -> W::Output {
        match self {
            Level::Baseline => work.run(),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => {
                assert!(
                    std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("bmi2")
                );
                // SAFETY: the function needs AVX2 and BMI2, and both were just detected.
                unsafe { x86::avx2(work) }
            }
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => {
                assert!(
                    std::is_x86_feature_detected!("avx2")
                        && std::is_x86_feature_detected!("bmi2")
                        && std::is_x86_feature_detected!("avx512f")
                        && std::is_x86_feature_detected!("avx512bw")
                        && std::is_x86_feature_detected!("avx512dq")
                        && std::is_x86_feature_detected!("avx512vl")
                );
                // SAFETY: the function needs the features that were just detected.
                unsafe { x86::avx512(work) }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Work;

    #[target_feature(enable = "avx2,bmi2")]
    pub(super) fn avx2<W: Work>(work: W) -> W::Output {
        work.run()
    }

    #[target_feature(enable = "avx2,bmi2,avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) fn avx512<W: Work>(work: W) -> W::Output {
        work.run()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sum<'a>(&'a [i32]);
    impl Work for Sum<'_> {
        type Output = i32;
        #[inline(always)]
        fn run(self) -> i32 {
            self.0.iter().fold(0, |sum, x| sum.wrapping_add(x * x))
        }
    }

    #[test]
    fn every_level_gives_the_same() {
        let data: Vec<i32> = (0..1000).collect();
        for level in Level::available() {
            assert_eq!(level.run(Sum(&data)), 332_833_500, "{level:?}");
        }
    }
}
