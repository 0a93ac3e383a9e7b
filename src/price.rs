//! `price`: the counters of a finished run at the costs of any chip, without running again.
//!
//! Invariant: the price comes from `pricing::Counted::price`, as that of a run does, so a run under its own costs gives its own
//! numbers to the last bit. What a price cannot know is said, not guessed.

mod read;
mod show;

use crate::args::PriceArgs;
use crate::outcome::{EnergyReport, is_cost};
use crate::pricing::{Counted, Line};
use crate::{chips, files, run};
use anyhow::Result;
use isa::ChipSpec;
use isa::chip::Sync;
use read::Finished;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

/// How far a cost is moved to see what it matters.
const SWING: f64 = 0.1;

/// The JSON of `price --json`.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/price.md")]
pub struct Price {
    pub run: String,
    pub run_command: String,
    pub run_chip: String,
    pub run_costs: String,
    pub chip: String,
    pub changed: Vec<String>,
    pub costs_sha256: String,
    pub same_costs: bool,
    pub samples: u64,
    pub energy_j: EnergyReport,
    pub run_energy_j: Value,
    pub power_w: Option<f64>,
    pub costs: Vec<Cost>,
    pub voltage: Option<VoltageSwing>,
    pub notes: Vec<String>,
    #[serde(skip)]
    differences: Vec<show::Difference>,
}

/// A cost of the chip file and what it comes to, the largest first.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/price.md")]
pub struct Cost {
    #[serde(flatten)]
    pub line: Line,
    pub estimated: bool,
    pub energy_j: f64,
    /// Of the total; of the dynamic energy where the total is not known.
    pub share: f64,
    /// What the total changes by if this cost is 10 % higher (lower: by as much less), and that in percent.
    pub swing_j: f64,
    pub swing_percent: f64,
}

/// The total with the voltage 10 % lower and higher; it does not follow it in a straight line.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/price.md")]
pub struct VoltageSwing {
    pub volts: f64,
    pub lower_v: f64,
    pub lower_j: f64,
    pub higher_v: f64,
    pub higher_j: f64,
}

/// `price`.
pub fn command(args: &PriceArgs) -> Result<String> {
    files::check_outputs(
        &[args.json.as_deref()],
        &[Some(&args.run), Some(Path::new(&args.chip.chip))],
    )?;
    let mut finished = read::read(&args.run)?;
    let chip = chips::load(&args.chip.chip, &args.chip.set)?;
    let ticks = own_ticks(&mut finished, &chip);
    let costs = args.costs.as_deref();
    let costs = costs.map(|name| run::load_costs(name, &chip)).transpose()?;
    let prices = costs.as_ref().unwrap_or(&chip);
    let swung = match costs {
        Some(_) => None,
        None => voltage_swing(args, &chip, &finished.counted)?,
    };
    let mut price = Price::new(&finished, &chip, prices, args.chip.set.clone(), swung);
    price.notes.splice(0..0, limits(args, &finished, &chip)?);
    price.notes.extend(ticks);
    price
        .notes
        .extend(without_effect(args, &chip, &finished.counted)?);
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&price)? + "\n";
        files::write(path, text.as_bytes())?;
    }
    Ok(price.text())
}

impl Price {
    fn new(
        finished: &Finished,
        chip: &ChipSpec,
        prices: &ChipSpec,
        changed: Vec<String>,
        voltage: Option<VoltageSwing>,
    ) -> Price {
        let counted = &finished.counted;
        let energy_j = counted.price(prices);
        let sha256 = files::hex(&prices.costs_digest());
        Price {
            run: finished.file.clone(),
            run_command: finished.command.clone(),
            run_chip: finished.chip.clone(),
            run_costs: finished.costs.clone(),
            chip: chip.name.clone(),
            changed,
            same_costs: sha256 == finished.costs_sha256,
            costs_sha256: sha256,
            samples: counted.samples,
            power_w: energy_j.total.zip(counted.seconds).map(|(e, s)| e / s),
            costs: costs(counted, prices, &energy_j),
            voltage,
            notes: notes(finished, chip, prices),
            differences: show::differences(&finished.energy, &energy_j),
            run_energy_j: finished.energy.clone(),
            energy_j,
        }
    }
}

/// Names what `--set` changed though no price follows it.
fn without_effect(args: &PriceArgs, chip: &ChipSpec, counted: &Counted) -> Result<Vec<String>> {
    // Some limits count: the lanes of a chip whose rows are all read, its tiles.
    let read = |chip: &ChipSpec| -> Result<_> {
        Ok((serde_json::to_value(counted.price(chip))?, tick_ps(chip)))
    };
    let mut list = chips::without_border(&args.chip.set, chip)?;
    for (index, (key, _)) in chips::overrides(&args.chip.set)?.into_iter().enumerate() {
        if is_cost(&key) || key == "voltage" || isa::chip::is_of_borders(&key) {
            continue;
        }
        let mut set = args.chip.set.clone();
        set.remove(index);
        // Without it the rest may be no chip; then nothing is known of its effect.
        let Ok(other) = chips::load(&args.chip.chip, &set) else {
            continue;
        };
        if read(&other)? == read(chip)? {
            list.push(format!(
                "{key}: is a time or limit; `price` reads costs only, so it changes nothing here: use `run --set`"
            ));
        }
    }
    Ok(list)
}

/// Length of a chip's tick.
fn tick_ps(chip: &ChipSpec) -> Option<u128> {
    match chip.sync {
        Sync::Tick { period } => Some(u128::from(period) * u128::from(chip.cycle_ps)),
        Sync::Barrier { .. } => None,
    }
}

/// A chip with a tick has its own time without a run: one period a step. Takes it where the run had another, and says so.
fn own_ticks(finished: &mut Finished, chip: &ChipSpec) -> Option<String> {
    let Sync::Tick { period } = chip.sync else {
        return None;
    };
    let steps = finished.counted.steps;
    let seconds = crate::outcome::seconds(chip, period.checked_mul(steps)?);
    if finished.counted.seconds == Some(seconds) {
        return None;
    }
    finished.counted.seconds = Some(seconds);
    finished.counted.model_seconds = None;
    finished.own_ticks = true;
    Some(format!(
        "time: {steps} ticks of {:?}, {} in all, instead of the run's time; whether the chip could keep that tick needs a run",
        chip.name,
        crate::text::si(seconds, "s")
    ))
}

/// Every cost that comes to something, the largest first.
fn costs(counted: &Counted, chip: &ChipSpec, energy: &EnergyReport) -> Vec<Cost> {
    let whole = basis(energy);
    let mut list: Vec<Cost> = counted
        .lines(chip)
        .into_iter()
        .filter(|line| line.energy() != 0.0)
        .map(|line| Cost {
            estimated: chip
                .quantities
                .get(line.key)
                .is_some_and(|q| q.estimated && !q.is_override()),
            energy_j: line.energy(),
            share: line.energy() / whole,
            swing_j: SWING * line.energy(),
            swing_percent: 100.0 * SWING * line.energy() / whole,
            line,
        })
        .collect();
    list.sort_by(|a, b| b.energy_j.total_cmp(&a.energy_j));
    list
}

/// What shares are of.
fn basis(energy: &EnergyReport) -> f64 {
    energy
        .total
        .unwrap_or(energy.dynamic)
        .max(f64::MIN_POSITIVE)
}

fn voltage_swing(
    args: &PriceArgs,
    chip: &ChipSpec,
    counted: &Counted,
) -> Result<Option<VoltageSwing>> {
    let Some(volts) = chip.voltage else {
        return Ok(None);
    };
    if chip.quantities.values().all(|q| q.scaled.is_none()) {
        return Ok(None);
    }
    let at = |volts: f64| -> Result<f64> {
        let mut set = args.chip.set.clone();
        set.push(format!("voltage={volts} V"));
        let energy = counted.price(&chips::load(&args.chip.chip, &set)?);
        Ok(energy.total.unwrap_or(energy.dynamic))
    };
    let (lower_v, higher_v) = (volts * (1.0 - SWING), volts * (1.0 + SWING));
    // At the edge of what a chip file may say there is nothing to compare with.
    let (Ok(lower_j), Ok(higher_j)) = (at(lower_v), at(higher_v)) else {
        return Ok(None);
    };
    Ok(Some(VoltageSwing {
        volts,
        lower_v,
        lower_j,
        higher_v,
        higher_j,
    }))
}

/// What to say where the chip's limits are not those of the run: by which `--set`, if it is by them.
fn limits(args: &PriceArgs, finished: &Finished, chip: &ChipSpec) -> Result<Option<String>> {
    if files::hex(&chip.limits_digest()) == finished.limits_sha256 {
        return Ok(None);
    }
    let mut changed = Vec::new();
    for index in 0..args.chip.set.len() {
        let mut set = args.chip.set.clone();
        let pair = set.remove(index);
        let other = chips::load(&args.chip.chip, &set);
        if other.is_ok_and(|other| other.limits_digest() != chip.limits_digest()) {
            changed.push(format!("--set {pair}"));
        }
    }
    let (name, of_run) = (&chip.name, &finished.chip);
    let what = if !changed.is_empty() {
        format!(
            "{} changes a limit, so {name:?} has others than {of_run:?} had in the run",
            changed.join(" ")
        )
    } else if name == of_run {
        format!("{name:?} has others here than it had in the run")
    } else {
        format!("{name:?} has others than {of_run:?}")
    };
    let again: String = changed.iter().map(|set| format!(" {set}")).collect();
    Ok(Some(format!(
        "limits: {what}; packets, hops, tiles in use and instructions are those of the run's mapping, and \
         this chip's own mapping would count others (run it with --chip {name}{again})"
    )))
}

/// What the new price cannot know, each with its remedy.
fn notes(finished: &Finished, chip: &ChipSpec, prices: &ChipSpec) -> Vec<String> {
    let counted = &finished.counted;
    let mut list = Vec::new();
    let mut say = |text: String| list.push(text);
    let limits = files::hex(&chip.limits_digest()) == finished.limits_sha256;
    let times = files::hex(&chip.times_digest()) == finished.times_sha256;
    match counted.seconds {
        None => say(
            "time: the run has none (--timing off), so static and total energy stay unknown; run it with --timing cycle".to_owned(),
        ),
        Some(_) if !(limits && times || finished.own_ticks) => say(format!(
            "time: that of the run on {:?}; static energy is the power of {:?} over it, because this chip's own time needs a run",
            finished.chip, prices.name
        )),
        Some(_) => {}
    }
    if u64::from(chip.tiles()) < counted.tiles {
        say(format!(
            "size: the run uses {} tiles, {:?} has {}; the network would not fit as it was mapped",
            counted.tiles,
            chip.name,
            chip.tiles()
        ));
    }
    let crossings = counted.totals().chip_crossings;
    if crossings > 0 && chip.mesh.border.is_none() {
        say(format!(
            "chips: {crossings} flits of the run went from chip to chip; {:?} is one chip, so that costs nothing here",
            chip.name
        ));
    }
    if counted.samples > 1 {
        say("samples: the report holds the counters of all samples together, so the energy of each is not priced; the mean is".to_owned());
    }
    if finished.timing_valid == Some(false) {
        say("timing: that of the run is not valid (late packets or overruns)".to_owned());
    }
    list
}
