//! The printed report: the same numbers as `--json`, for people.

use super::{EnergyReport, Report, Statistics, TimeReport};
use crate::load::Idle;
use crate::text::{count, of_chips, percent, plural, quantized, si, size, table, wrap};
use std::fmt::Write;

impl Report {
    /// The report as text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        if self.timing_valid == Some(false) {
            let _ = writeln!(
                out,
                "WARNING  timing is not valid: {} late packets, {} overruns: the chip could not keep its tick here.\n         \
                 Spikes are those of the intended ticks; a real chip would differ. Use a longer tick or another mapping.\n",
                count(self.late_packets),
                count(self.overruns)
            );
        }
        self.head(&mut out);
        out.push_str(&self.debug.head());
        if let Some(score) = &self.score {
            let _ = writeln!(
                out,
                "Accuracy     {:.4}  ({} of {}; {})\n",
                score.accuracy, score.right, self.samples, score.how
            );
        }
        match &self.time {
            Some(t) => self.time_text(t, &mut out),
            None => {
                let _ = writeln!(out, "Time         not simulated (--timing off)\n");
            }
        }
        self.energy_text(&self.energy_j, &mut out);
        self.tables(&mut out);
        out.push_str(&self.debug.tables());
        if let Some(quantization) = &self.mapping.quantization {
            out.push_str(&quantized(quantization));
        }
        self.lists(&mut out);
        let _ = writeln!(
            out,
            "Host         {:.2} s wall, {:.3} s CPU to load and map, {:.3} s CPU to emulate on {} thread{}; {} synaptic operations per CPU s; peak memory {:.0} MiB",
            self.host.wall_s,
            self.host.load_cpu_s,
            self.host.sim_cpu_s,
            self.host.threads,
            if self.host.threads == 1 { "" } else { "s" },
            si(self.host.synaptic_events_per_s, "").trim_end(),
            self.host.peak_rss_bytes as f64 / 1_048_576.0
        );
        let _ = writeln!(out, "State digest {}", &self.state_digest[..16]);
        if let Some(compare) = &self.compare {
            out.push('\n');
            out.push_str(&compare.text());
        }
        out
    }

    /// What went from chip to chip of a board.
    fn between_chips(&self) -> String {
        if self.image.chips == 1 {
            return String::new();
        }
        let crossed = self.counters["chip_crossings"];
        let all = self.mapping.hop_cost;
        format!(
            "  Between chips: {} over borders, {} of all that crossed links between tiles\n",
            plural(crossed, "flit"),
            percent(crossed as f64 / all.max(1) as f64)
        )
    }

    fn head(&self, out: &mut String) {
        let i = &self.image;
        let _ = writeln!(
            out,
            "{} on {}: {} on {} of {} cores in {} of {} tiles{}",
            self.network,
            self.chip,
            size(i.neurons, i.synapses, self.mapping.quantization.as_ref()),
            i.cores,
            i.cores_of_chip,
            i.tiles,
            i.tiles_of_chip,
            of_chips(i.chips)
        );
        let _ = writeln!(
            out,
            "{} of {} steps{} (+ 1 to preload{}), seed {}, timing {}, samples separated by {}",
            plural(self.samples as u64, "sample"),
            self.steps,
            if self.model_dt_s > 0.0 {
                format!(" of {}", si(self.model_dt_s, "s"))
            } else {
                String::new()
            },
            if self.drain_steps > 0 {
                format!(", {} to drain", self.drain_steps)
            } else {
                String::new()
            },
            self.seed,
            self.timing,
            self.between
        );
        if !self.changed.is_empty() {
            let _ = writeln!(
                out,
                "set by you, not the chip file: {}",
                self.changed.join(", ")
            );
        }
        out.push('\n');
    }

    fn time_text(&self, t: &TimeReport, out: &mut String) {
        let _ = writeln!(
            out,
            "Time         {} per sample, {} samples per second{}",
            si(t.latency_s, "s"),
            si(t.throughput_per_s, "").trim_end(),
            self.per_sample
                .latency_statistics
                .map_or(String::new(), |s| {
                    format!(
                        " (deviation {}, least {}, most {})",
                        si(s.deviation, "s"),
                        si(s.min, "s"),
                        si(s.max, "s")
                    )
                })
        );
        let _ = writeln!(
            out,
            "             a step: mean {}, p50 {}, p99 {}, max {}",
            si(t.step_s.mean, "s"),
            si(t.step_s.p50, "s"),
            si(t.step_s.p99, "s"),
            si(t.step_s.max, "s")
        );
        let b = &t.breakdown;
        let all = t.cycles.max(1) as f64;
        let _ = writeln!(
            out,
            "             what bounds the step: neuron units {}, synapse units {}, network {}, {} {}",
            percent(b.neuron as f64 / all),
            percent(b.synapse as f64 / all),
            percent(b.noc as f64 / all),
            if self.sync == "tick" {
                "waiting for the tick"
            } else {
                "barrier"
            },
            percent(b.sync as f64 / all)
        );
        let c = &t.counters;
        let _ = writeln!(
            out,
            "             contention: a packet waits {} in routers and {} for the synapse unit; \
             stalled cycles: neuron units {}, axon-out units {}",
            si(t.wait_s_per_packet[0], "s"),
            si(t.wait_s_per_packet[1], "s"),
            count(c["neuron_stall"]),
            count(c["axon_out_stall"])
        );
        if let Some(Idle { neuron, synapse }) = self.load.idle {
            let _ = writeln!(
                out,
                "             idle, mean of the cores in use: neuron units {} (least: core {} with {}), synapse units {} (least: core {} with {})",
                percent(neuron.mean),
                neuron.least_core,
                percent(neuron.least),
                percent(synapse.mean),
                synapse.least_core,
                percent(synapse.least)
            );
        }
        out.push('\n');
    }

    /// `*` behind a figure that rests on a price that is estimated.
    fn mark(&self, keys: &[&str]) -> &'static str {
        let estimated = |key: &&str| {
            self.estimated
                .iter()
                .any(|e| e.split(" = ").next().is_some_and(|k| k.starts_with(*key)))
        };
        if keys.iter().any(estimated) { "*" } else { "" }
    }

    fn energy_text(&self, e: &EnergyReport, out: &mut String) {
        let n = self.samples as f64;
        let s: &Statistics = &self.per_sample.energy_statistics;
        let _ = writeln!(
            out,
            "Energy       per sample {}{} (deviation {}, least {}, most {}), costs of {}",
            si(s.mean, "J"),
            if e.total.is_none() { " dynamic" } else { "" },
            si(s.deviation, "J"),
            si(s.min, "J"),
            si(s.max, "J"),
            e.costs
        );
        let b = &e.breakdown;
        let _ = writeln!(
            out,
            "             dynamic                        {:>10}  = synapse {}{} + neuron {}{} + network {}{} + host links {}{} + barrier {}{}",
            si(e.dynamic / n, "J"),
            si(b.synapse / n, "J"),
            self.mark(&[
                "on_spike.packet_energy",
                "on_spike.synapse_energy",
                "on_spike.mem_energy"
            ]),
            si(b.neuron / n, "J"),
            self.mark(&["update.", "energy.random"]),
            si(b.noc / n, "J"),
            self.mark(&[
                "energy.axon_out",
                "energy.hop",
                "energy.chip_crossing",
                "energy.in_tile"
            ]),
            si(b.io / n, "J"),
            self.mark(&["energy.host"]),
            si(b.sync / n, "J"),
            self.mark(&["energy.sync"])
        );
        let mark = self.mark(&["energy.static"]);
        let mapped = e.static_ != e.static_whole_chip;
        match (e.static_used_tiles, e.static_, self.power_w) {
            (_, Some(0.0), Some(power)) => {
                let _ = writeln!(
                    out,
                    "             static                               none{mark} in these costs; mean power {} in all",
                    si(power, "W")
                );
            }
            (Some(used), Some(all), Some(power)) => {
                let _ = writeln!(
                    out,
                    "             static, tiles in use           {:>10}{mark} ({} of {} tiles; part of the next line)",
                    si(used / n, "J"),
                    self.image.tiles,
                    self.image.tiles_of_chip
                );
                let _ = writeln!(
                    out,
                    "             static, {:<22} {:>10}{mark} mean power {} in all",
                    if mapped {
                        "charged for these"
                    } else if self.image.chips > 1 {
                        "whole board"
                    } else {
                        "whole chip"
                    },
                    si(all / n, "J"),
                    si(power, "W")
                );
                if let Some(slow) = e.static_at_model_pace {
                    let _ = writeln!(
                        out,
                        "             static at the model's pace     {:>10}{mark} if each step took {}; not part of the total",
                        si(slow / n, "J"),
                        si(self.model_dt_s, "s")
                    );
                }
            }
            _ => {
                let _ = writeln!(
                    out,
                    "             static                            unknown  (needs the time of a step: --timing cycle)"
                );
            }
        }
        for (name, o) in &e.other_costs {
            let parts = match o.static_ {
                Some(0.0) => format!(
                    "dynamic {}; that set has no static power",
                    si(o.dynamic / n, "J")
                ),
                Some(s) => format!(
                    "dynamic {} + static {} over this run's time",
                    si(o.dynamic / n, "J"),
                    si(s / n, "J")
                ),
                None => "dynamic".to_owned(),
            };
            let _ = writeln!(
                out,
                "             at the costs of {:<14} {:>10}  = {parts}",
                name,
                si(o.total.unwrap_or(o.dynamic) / n, "J")
            );
        }
        if let Some(volts) = e.voltage_v {
            let mut groups: Vec<(f64, f64, f64, Vec<&str>)> = Vec::new();
            for (key, s) in &e.scaled {
                let same = |g: &&mut (f64, f64, f64, Vec<&str>)| {
                    (g.0, g.1, g.2) == (s.at_voltage, s.exponent, s.factor)
                };
                match groups.iter_mut().find(same) {
                    Some(group) => group.3.push(key),
                    None => groups.push((s.at_voltage, s.exponent, s.factor, vec![key])),
                }
            }
            for (at, exponent, factor, keys) in groups {
                let _ = writeln!(
                    out,
                    "             at {volts} V                       × {factor:.4}  = ({volts} V / {at} V) ^ {exponent}: {}",
                    keys.join(", ")
                );
            }
        }
        if !self.mark(&["energy.", "update.", "on_spike."]).is_empty() {
            let _ = writeln!(
                out,
                "             * rests on a price that is estimated, 0 where nothing is known"
            );
        }
        out.push('\n');
    }

    fn tables(&self, out: &mut String) {
        let dynamic = self.energy_j.dynamic.max(f64::MIN_POSITIVE);
        let mut rows: Vec<Vec<String>> = self
            .populations
            .iter()
            .map(|p| {
                vec![
                    p.name.clone(),
                    count(p.neurons),
                    if p.host {
                        String::new()
                    } else {
                        count(p.spikes)
                    },
                    if p.host {
                        String::new()
                    } else {
                        percent(p.spikes_per_neuron_step)
                    },
                    count(p.synaptic_ops),
                    count(p.packets),
                    si(p.energy_j / self.samples as f64, "J"),
                    percent(p.energy_j / dynamic),
                ]
            })
            .collect();
        let nobody = self.energy_j.dynamic - self.energy_j.populations.values().sum::<f64>();
        if nobody > 1e-9 * dynamic {
            let mut row = vec![String::new(); 8];
            row[0] = "(no population: barrier, rows)".to_owned();
            row[6] = si(nobody / self.samples as f64, "J");
            row[7] = percent(nobody / dynamic);
            rows.push(row);
        }
        let header = [
            "Population",
            "neurons",
            "spikes",
            "per neuron-step",
            "synaptic ops",
            "packets",
            "J per sample",
            "of dynamic",
        ];
        out.push_str(&table(&header, &rows));
        out.push('\n');
        out.push_str(&crate::handlers::text(&self.handlers, self.samples));

        let idle = |cycles: Option<u64>| match (cycles, &self.time) {
            (Some(cycles), Some(time)) => percent(cycles as f64 / time.cycles.max(1) as f64),
            _ => "-".to_owned(),
        };
        let rows: Vec<Vec<String>> = self
            .busiest_cores
            .iter()
            .map(|c| {
                vec![
                    format!("{} at ({},{})", c.core, c.tile[0], c.tile[1]),
                    c.populations.clone(),
                    count(c.neurons.into()),
                    count(c.synapses),
                    count(c.spikes),
                    count(c.synaptic_ops),
                    count(c.neuron_cycles),
                    count(c.synapse_cycles),
                    count(c.stall_cycles),
                    idle(c.neuron_idle_cycles),
                    idle(c.synapse_idle_cycles),
                ]
            })
            .collect();
        let header = [
            "Busiest cores",
            "holds",
            "neurons",
            "synapses",
            "spikes",
            "synaptic ops",
            "neuron cycles",
            "synapse cycles",
            "stalled",
            "neuron idle",
            "synapse idle",
        ];
        out.push_str(&table(&header, &rows));
        out.push('\n');

        if self.busiest_links.is_empty() {
            out.push_str("  No packet crossed a link between tiles.\n\n");
        } else {
            let rows: Vec<Vec<String>> = self
                .busiest_links
                .iter()
                .map(|l| {
                    vec![
                        format!("({},{}) {}", l.from[0], l.from[1], l.to),
                        count(l.packets),
                        l.share_busy.map_or("-".to_owned(), percent),
                        l.wait_s_per_packet.map_or("-".to_owned(), |w| si(w, "s")),
                    ]
                })
                .collect();
            let header = [
                &format!("Busiest links of {}", self.links_used)[..],
                "packets",
                "busy",
                "a packet waits for it or behind others",
            ];
            out.push_str(&table(&header, &rows));
            out.push_str(&self.between_chips());
            out.push('\n');
        }

        out.push_str(&self.load.text(self.time.as_ref().map(|time| time.cycles)));
        let rows: Vec<Vec<String>> = self
            .mapping
            .utilisation
            .iter()
            .map(|(name, u)| {
                vec![
                    name.replace('_', " "),
                    percent(u.mean),
                    percent(u.max),
                    count(u.limit),
                ]
            })
            .collect();
        out.push_str(&table(
            &["Use of the cores", "mean", "fullest", "limit of a core"],
            &rows,
        ));
        out.push('\n');
    }

    fn lists(&self, out: &mut String) {
        for (title, list) in [
            ("Assumed", &self.assumptions),
            ("Approximated", &self.approximations),
            ("Warnings", &self.warnings),
        ] {
            if !list.is_empty() {
                let _ = writeln!(out, "{title}");
                for item in list {
                    let _ = writeln!(out, "  - {item}");
                }
                out.push('\n');
            }
        }
        if !self.estimated.is_empty() {
            let _ = writeln!(
                out,
                "Estimated    {} of the chip's {} numbers are not published and were chosen, each for a reason that\n             \
                 `chip show {}` and --json give:",
                self.estimated.len(),
                self.chip_numbers,
                self.chip
            );
            for line in sections(&self.estimated) {
                let _ = writeln!(out, "             {line}");
            }
            out.push('\n');
        }
    }
}

/// Keys `section.key[…]` of lines `key = …`, a line or more for each section, indices left out.
fn sections(estimated: &[String]) -> Vec<String> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in estimated {
        let key = line.split(" = ").next().unwrap_or(line);
        let key = key.split('[').next().unwrap_or(key);
        let (section, name) = key.split_once('.').unwrap_or(("", key));
        match groups.iter_mut().find(|g| g.0 == section) {
            Some((_, names)) if names.last() == Some(&name) => {}
            Some((_, names)) => names.push(name),
            None => groups.push((section, vec![name])),
        }
    }
    let mut out = Vec::new();
    for (section, names) in groups {
        let first = if section.is_empty() {
            String::new()
        } else {
            format!("{section}: ")
        };
        for (i, line) in wrap(&names, 100 - first.len()).into_iter().enumerate() {
            let indent = " ".repeat(first.len());
            out.push(format!("{}{line}", if i == 0 { &first } else { &indent }));
        }
    }
    out
}
