//! The printed price: the run's own energies, the new ones, and the costs behind them.

use super::Price;
use crate::outcome::EnergyReport;
use crate::text::{percent, plural, si, table};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write;

/// Costs that are shown; `--json` has all of them.
const MOST_COSTS: usize = 12;

/// Name of the static energy of the tiles in use.
const USED_TILES: &str = "  of the tiles in use";

/// A number of both prices.
#[derive(Debug, Serialize)]
pub(super) struct Difference {
    what: String,
    run: Option<f64>,
    new: Option<f64>,
}

/// The energies of a run beside the new ones.
pub(super) fn differences(run: &Value, new: &EnergyReport) -> Vec<Difference> {
    let b = &new.breakdown;
    let rows = [
        ("total", "/total", new.total),
        ("per sample", "/per_sample", new.per_sample),
        ("dynamic", "/dynamic", Some(new.dynamic)),
        ("  synapse", "/breakdown/synapse", Some(b.synapse)),
        ("  neuron", "/breakdown/neuron", Some(b.neuron)),
        ("  network", "/breakdown/noc", Some(b.noc)),
        ("  host links", "/breakdown/io", Some(b.io)),
        ("  synchronisation", "/breakdown/sync", Some(b.sync)),
        ("static", "/static", new.static_),
        (
            "  of the whole chip",
            "/static_whole_chip",
            new.static_whole_chip,
        ),
        (USED_TILES, "/static_used_tiles", new.static_used_tiles),
        (
            "  at the model's pace",
            "/static_at_model_pace",
            new.static_at_model_pace,
        ),
    ];
    let mut list: Vec<Difference> = rows
        .into_iter()
        .map(|(what, pointer, new)| Difference {
            what: what.to_owned(),
            run: run.pointer(pointer).and_then(Value::as_f64),
            new,
        })
        .collect();
    list.extend(new.populations.iter().map(|(name, joules)| Difference {
        what: format!("population {name}"),
        run: run["populations"][name].as_f64(),
        new: Some(*joules),
    }));
    list
}

impl Price {
    /// What `price` prints.
    pub(super) fn text(&self) -> String {
        let e = &self.energy_j;
        let mut out = format!(
            "Run          {} ({}), {}\nPriced       with the costs of {}{}\n",
            self.run,
            self.run_command,
            plural(self.samples, "sample"),
            e.costs,
            if self.same_costs {
                ", which are the run's own"
            } else {
                ""
            },
        );
        for change in &self.changed {
            let _ = writeln!(out, "             changed: {change}");
        }
        out.push('\n');
        let unknown = || "unknown".to_owned();
        let joules = |x: Option<f64>| x.map_or_else(unknown, |x| si(x, "J"));
        let rows: Vec<Vec<String>> = self
            .differences
            .iter()
            .filter(|d| {
                d.run.unwrap_or(0.0) != 0.0 || d.new.unwrap_or(0.0) != 0.0 || d.what == "total"
            })
            .map(|d| {
                let both = d.run.zip(d.new);
                // More tiles than the chip has are no share of its power.
                let no_share = d.what == USED_TILES && d.run.is_some() && e.seconds.is_some();
                let missing = || if no_share { "-".to_owned() } else { unknown() };
                vec![
                    d.what.clone(),
                    joules(d.run),
                    d.new.map_or_else(missing, |x| si(x, "J")),
                    both.map_or_else(missing, |(run, new)| {
                        format!("{}{}", if new > run { "+" } else { "" }, si(new - run, "J"))
                    }),
                    both.filter(|(run, _)| *run != 0.0)
                        .map_or("-".to_owned(), |(run, new)| {
                            format!("{:+.2} %", 100.0 * (new - run) / run)
                        }),
                ]
            })
            .collect();
        let run_costs = format!("run ({})", self.run_costs);
        let header = ["Energy", &run_costs, &e.costs, "difference", "percent"];
        out.push_str(&table(&header, &rows));
        if let Some(power) = self.power_w {
            let _ = writeln!(out, "  mean power {}", si(power, "W"));
        }
        out.push('\n');
        self.costs_text(&mut out);
        self.voltage_text(&mut out);
        if !self.notes.is_empty() {
            out.push_str("Not carried over\n");
            for note in &self.notes {
                let _ = writeln!(out, "  - {note}");
            }
        }
        out
    }

    fn costs_text(&self, out: &mut String) {
        if self.costs.is_empty() {
            out.push_str("No cost of this chip meets a count: nothing is priced\n\n");
            return;
        }
        let rows: Vec<Vec<String>> = self
            .costs
            .iter()
            .take(MOST_COSTS)
            .map(|c| {
                let seconds = c.line.key == "energy.static";
                vec![
                    format!("{}{}", c.line.key, if c.estimated { "*" } else { "" }),
                    si(c.line.cost, if seconds { "W" } else { "J" }),
                    c.line.counter.to_owned(),
                    if seconds {
                        si(c.line.count, "s")
                    } else {
                        crate::text::count(c.line.count as u64)
                    },
                    si(c.energy_j, "J"),
                    percent(c.share),
                    format!("±{} = ±{:.2} %", si(c.swing_j, "J"), c.swing_percent),
                ]
            })
            .collect();
        let of = if self.energy_j.total.is_some() {
            "share of total"
        } else {
            "share of dynamic"
        };
        let header = [
            "Cost",
            "each",
            "of",
            "count",
            "energy",
            of,
            "if it were ±10 %",
        ];
        out.push_str(&table(&header, &rows));
        if self.costs.len() > MOST_COSTS {
            let _ = writeln!(
                out,
                "  and {} (--json has all)",
                plural((self.costs.len() - MOST_COSTS) as u64, "smaller one")
            );
        }
        if self.costs.iter().any(|c| c.estimated) {
            out.push_str("  * estimated: `chip show` says why\n");
        }
        out.push('\n');
    }

    fn voltage_text(&self, out: &mut String) {
        let Some(v) = &self.voltage else {
            return;
        };
        let now = super::basis(&self.energy_j);
        let change = |joules: f64| {
            format!(
                "{} = {:+.2} %",
                si(joules, "J"),
                100.0 * (joules - now) / now
            )
        };
        let _ = writeln!(
            out,
            "Voltage      {:.4} V; at {:.4} V {}, at {:.4} V {}\n",
            v.volts,
            v.lower_v,
            change(v.lower_j),
            v.higher_v,
            change(v.higher_j)
        );
    }
}
