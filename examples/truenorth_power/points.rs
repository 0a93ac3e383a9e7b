//! Measured powers of TrueNorth and the networks that they were measured with.
//!
//! Invariant: the points that the costs of the preset were fitted to are marked; the others test them. Sources: Akopyan et al.,
//! IEEE TCAD 2015 (section VII and Fig. 17); Merolla et al., Science 2014.

use super::net::Workload;
use emulator::Counters;
use isa::ChipSpec;
use isa::chip::PRESETS;
use spikemesh::pricing::Counted;

/// Neurons of the chip.
pub(crate) const NEURONS: f64 = 4096.0 * 256.0;

/// One measured power.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    /// Supply voltage.
    pub(crate) volts: f64,
    /// Network.
    pub(crate) workload: Workload,
    /// Ticks per millisecond: 1, or 5 where the chip was run five times as fast.
    pub(crate) pace: f64,
    /// Measured, mW.
    pub(crate) milliwatts: f64,
    /// Whether the costs were fitted to it.
    pub(crate) fitted: bool,
    /// Where it is printed.
    pub(crate) source: &'static str,
}

const fn point(
    (volts, hertz, synapses, pace): (f64, f64, u32, f64),
    milliwatts: f64,
    fitted: bool,
    source: &'static str,
) -> Point {
    Point {
        volts,
        workload: Workload { hertz, synapses },
        pace,
        milliwatts,
        fitted,
        source,
    }
}

/// 58 GSOPS with 256 synapses a row: the rate that it takes.
const PEAK_HERTZ: f64 = 58e9 / NEURONS / 256.0;

/// The points, those of the fit first.
pub(crate) const POINTS: [Point; 9] = [
    point((0.70, 0.0, 0, 1.0), 42.0, true, "Akopyan 2015, VII"),
    point(
        (0.80, 11.58, 128, 1.0),
        68.0,
        false,
        "Akopyan 2015, Fig. 17",
    ),
    point((0.80, 20.07, 128, 1.0), 71.0, true, "Akopyan 2015, Fig. 17"),
    point((0.80, 95.93, 128, 1.0), 94.0, true, "Akopyan 2015, Fig. 17"),
    point((1.05, 200.0, 256, 1.0), 323.0, false, "Akopyan 2015, VII"),
    point(
        (0.75, PEAK_HERTZ, 256, 1.0),
        145.0,
        false,
        "Akopyan 2015, VII: 58 GSOPS at 400 GSOPS/W",
    ),
    point((0.75, 20.0, 128, 1.0), 65.0, false, "Akopyan 2015, VII"),
    point((0.775, 20.0, 128, 1.0), 72.0, false, "Merolla 2014"),
    point(
        (0.75, 20.0, 128, 5.0),
        191.7,
        false,
        "Merolla 2014, S8: 70 GSOPS/W at 5x the tick",
    ),
];

/// The preset at a voltage; `set` are further overrides.
///
/// # Panics
/// If the chip file refuses an override.
pub(crate) fn chip(volts: f64, set: &[(&str, &str)]) -> ChipSpec {
    let preset = PRESETS.iter().find(|(name, _)| *name == "truenorth");
    let (_, text) = preset.expect("truenorth is a preset");
    let mut all = vec![("voltage".to_owned(), volts.to_string())];
    all.extend(set.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    ChipSpec::parse(text, "truenorth", &all).expect("the overrides are valid")
}

/// Power of so many ticks whose events are counted, mW.
pub(crate) fn milliwatts(counters: Counters, chip: &ChipSpec, ticks: u32, pace: f64) -> f64 {
    let seconds = f64::from(ticks) * 1e-3 / pace;
    let cores = u64::from(chip.cores());
    let counted = Counted {
        populations: [("all".to_owned(), counters)].into_iter().collect(),
        samples: 1,
        steps: u64::from(ticks),
        tiles: cores,
        lanes: cores * 256,
        seconds: Some(seconds),
        model_seconds: None,
    };
    let total = counted.price(chip).total.expect("the time is known");
    1e3 * total / seconds
}
