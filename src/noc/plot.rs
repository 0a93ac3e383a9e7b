//! A latency–throughput curve as SVG: latency by offered load above, accepted by offered load below.
//!
//! Latencies far above saturation leave the upper panel through its top, where a triangle marks them; a cross marks loads that were given up and have no latency.

use super::sweep::{Curve, Point};
use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 660.0;
/// Left and right edge of both panels.
const LEFT: f64 = 84.0;
const RIGHT: f64 = WIDTH - 28.0;
/// Letters of 10 pixels in a line between the edges.
const LETTERS: usize = 108;
/// Latencies above so many times that of packets alone are cut.
const SHOWN: f64 = 6.0;

const LATENCY_COLOR: &str = "#1f5fa8";
const NETWORK_COLOR: &str = "#7aa6d6";
const ACCEPTED_COLOR: &str = "#2a7f3f";
const SATURATED_COLOR: &str = "#b03a2e";
/// Lines to compare with.
const ALONE_COLOR: &str = "#888";

/// One panel: ranges from 0.
struct Panel {
    top: f64,
    bottom: f64,
    most_x: f64,
    most_y: f64,
}

impl Panel {
    fn x(&self, value: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * value / self.most_x
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * value / self.most_y
    }

    /// Frame, grid, ticks and labels.
    fn frame(&self, out: &mut String, label_x: &str, label_y: &str) {
        for value in ticks(self.most_y) {
            let y = self.y(value);
            let _ = writeln!(
                out,
                r##"<line x1="{LEFT}" y1="{y:.1}" x2="{RIGHT}" y2="{y:.1}" stroke="#e4e4e4"/><text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"##,
                LEFT - 8.0,
                y + 4.0,
                decimal(value)
            );
        }
        for value in ticks(self.most_x) {
            let x = self.x(value);
            let _ = writeln!(
                out,
                r##"<line x1="{x:.1}" y1="{}" x2="{x:.1}" y2="{}" stroke="#e4e4e4"/><text x="{x:.1}" y="{:.1}" text-anchor="middle">{}</text>"##,
                self.top,
                self.bottom,
                self.bottom + 18.0,
                decimal(value)
            );
        }
        let middle = (self.top + self.bottom) / 2.0;
        let _ = writeln!(
            out,
            r##"<rect x="{LEFT}" y="{}" width="{}" height="{}" fill="none" stroke="#555"/>
<text x="{}" y="{}" text-anchor="middle">{label_x}</text>
<text x="22" y="{middle}" text-anchor="middle" transform="rotate(-90 22 {middle})">{label_y}</text>"##,
            self.top,
            RIGHT - LEFT,
            self.bottom - self.top,
            (LEFT + RIGHT) / 2.0,
            self.bottom + 38.0,
        );
    }

    /// A line with a dot at every point; `clip` cuts it at the panel.
    fn line(&self, out: &mut String, points: &[(f64, f64)], color: &str, clip: &str) {
        let path: Vec<String> = (points.iter())
            .map(|(x, y)| format!("{:.1},{:.1}", self.x(*x), self.y(*y)))
            .collect();
        let _ = writeln!(
            out,
            r#"<polyline points="{}" fill="none" stroke="{color}" stroke-width="2" clip-path="url(#{clip})"/>"#,
            path.join(" ")
        );
        for (x, y) in points.iter().filter(|(_, y)| *y <= self.most_y) {
            let (x, y) = (self.x(*x), self.y(*y));
            let _ = writeln!(
                out,
                r#"<circle cx="{x:.1}" cy="{y:.1}" r="3.2" fill="{color}"/>"#
            );
        }
    }
}

/// The curve as SVG.
pub(super) fn svg(curve: &Curve) -> String {
    let largest = curve.points.iter().map(Point::offered_flits);
    let largest = largest.fold(0.0, f64::max);
    // A load alone stands in the middle, not on the frame.
    let most_x = round_up(match curve.points.len() {
        1 => 2.0 * largest,
        _ => largest,
    });
    let latencies = |value: &dyn Fn(&Point) -> Option<f64>| -> Vec<(f64, f64)> {
        let points = curve.points.iter();
        points
            .filter_map(|p| Some((p.offered_flits(), value(p)?)))
            .collect()
    };
    let latency = latencies(&Point::latency);
    let network = latencies(&Point::network_latency);
    let highest = latency
        .iter()
        .map(|(_, y)| *y)
        .fold(curve.zero_load, f64::max);
    let upper = Panel {
        top: 100.0,
        bottom: 340.0,
        most_x,
        most_y: round_up(highest.min(SHOWN * curve.zero_load) * 1.05),
    };
    let accepted: Vec<(f64, f64)> = (curve.points.iter())
        .map(|p| (p.offered_flits(), p.accepted()))
        .collect();
    let lower = Panel {
        top: 412.0,
        bottom: 600.0,
        most_x,
        most_y: round_up(
            accepted
                .iter()
                .map(|(_, y)| *y)
                .fold(0.0, f64::max)
                .max(most_x / 1e3),
        ),
    };
    let mut out = String::new();
    let _ = writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>"#
    );
    for (name, panel) in [("upper", &upper), ("lower", &lower)] {
        let _ = writeln!(
            out,
            r#"<clipPath id="{name}"><rect x="{LEFT}" y="{}" width="{}" height="{}"/></clipPath>"#,
            panel.top,
            RIGHT - LEFT,
            panel.bottom - panel.top
        );
    }
    let _ = writeln!(
        out,
        r##"<text x="{LEFT}" y="26" font-size="15" font-weight="bold">{}</text>"##,
        escape(&curve.title)
    );
    let parts: Vec<&str> = curve.subtitle.split(", ").collect();
    for (row, line) in (0..).zip(crate::text::wrap(&parts, LETTERS)) {
        let _ = writeln!(
            out,
            r##"<text x="{LEFT}" y="{}" font-size="10" fill="#444">{}</text>"##,
            41 + 13 * row,
            escape(&line)
        );
    }
    let load = "offered load (flits per node and cycle)";
    upper.frame(&mut out, load, "latency (cycles)");
    lower.frame(&mut out, load, "accepted (flits per node and cycle)");
    let alone = upper.y(curve.zero_load);
    let _ = writeln!(
        out,
        r##"<line x1="{LEFT}" y1="{alone:.1}" x2="{RIGHT}" y2="{alone:.1}" stroke="#888" stroke-dasharray="5 4"/>"##
    );
    upper.line(&mut out, &network, NETWORK_COLOR, "upper");
    upper.line(&mut out, &latency, LATENCY_COLOR, "upper");
    let mut marks = [false; 2];
    for point in &curve.points {
        let (x, y) = (upper.x(point.offered_flits()), upper.top + 5.0);
        match point.latency() {
            None => {
                marks[0] = true;
                cross(&mut out, x, y);
            }
            Some(latency) if latency > upper.most_y => {
                marks[1] = true;
                triangle(&mut out, x, y);
            }
            Some(_) => {}
        }
    }
    let mut entries = vec![
        (Symbol::Line, LATENCY_COLOR, "mean, source queue included"),
        (Symbol::Line, NETWORK_COLOR, "mean in the network"),
        (Symbol::Dashes, ALONE_COLOR, "a packet alone"),
    ];
    if marks[1] {
        entries.push((Symbol::Triangle, SATURATED_COLOR, "above the range"));
    }
    if marks[0] {
        entries.push((Symbol::Cross, SATURATED_COLOR, "given up: saturated"));
    }
    legend(&mut out, upper.top - 28.0, &entries);
    let end = most_x.min(lower.most_y);
    let _ = writeln!(
        out,
        r##"<line x1="{LEFT}" y1="{}" x2="{:.1}" y2="{:.1}" stroke="#888" stroke-dasharray="5 4"/>"##,
        lower.bottom,
        lower.x(end),
        lower.y(end)
    );
    lower.line(&mut out, &accepted, ACCEPTED_COLOR, "lower");
    legend(
        &mut out,
        lower.top - 12.0,
        &[
            (Symbol::Line, ACCEPTED_COLOR, "accepted"),
            (Symbol::Dashes, ALONE_COLOR, "all that is offered"),
        ],
    );
    out.push_str("</svg>\n");
    out
}

/// What a legend shows beside a text, as the drawing has it.
enum Symbol {
    Line,
    Dashes,
    Triangle,
    Cross,
}

/// A mark for what lies above the panel.
fn triangle(out: &mut String, x: f64, y: f64) {
    let _ = writeln!(
        out,
        r#"<path d="M{:.1} {:.1} L{:.1} {:.1} L{x:.1} {:.1} Z" fill="{SATURATED_COLOR}"/>"#,
        x - 5.0,
        y + 5.0,
        x + 5.0,
        y + 5.0,
        y - 5.0
    );
}

/// A mark for what has no value.
fn cross(out: &mut String, x: f64, y: f64) {
    let (left, right, above, below) = (x - 4.0, x + 4.0, y - 4.0, y + 4.0);
    let _ = writeln!(
        out,
        r#"<path d="M{left:.1} {above:.1} L{right:.1} {below:.1} M{left:.1} {below:.1} L{right:.1} {above:.1}" stroke="{SATURATED_COLOR}" stroke-width="2"/>"#
    );
}

/// Entries side by side from a height on, in a second row where the first is full.
fn legend(out: &mut String, mut y: f64, entries: &[(Symbol, &str, &str)]) {
    let mut x = LEFT;
    for (symbol, color, text) in entries {
        // The widest letters of a sans-serif font at this size, on average.
        let width = 34.0 + 6.0 * text.len() as f64;
        if x > LEFT && x + width > RIGHT {
            (x, y) = (LEFT, y + 16.0);
        }
        let middle = y - 4.0;
        let line = |out: &mut String, more: &str| {
            let _ = writeln!(
                out,
                r#"<line x1="{x}" y1="{middle}" x2="{}" y2="{middle}" stroke="{color}" {more}/>"#,
                x + 14.0
            );
        };
        match symbol {
            Symbol::Line => line(out, r#"stroke-width="3""#),
            Symbol::Dashes => line(out, r#"stroke-dasharray="5 4""#),
            Symbol::Triangle => triangle(out, x + 7.0, middle),
            Symbol::Cross => cross(out, x + 7.0, middle),
        }
        let _ = writeln!(
            out,
            r#"<text x="{}" y="{y}" font-size="11">{text}</text>"#,
            x + 18.0
        );
        x += width;
    }
}

/// The step of about five ticks: 1, 2 or 5 times a power of ten.
fn step(most: f64) -> f64 {
    let raw = most / 5.0;
    let power = 10f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|f| raw <= f * power * 1.0001);
    factor.unwrap_or(10.0) * power
}

/// A range that ends at a tick.
fn round_up(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let step = step(most);
    (most / step - 1e-9).ceil() * step
}

fn ticks(most: f64) -> Vec<f64> {
    let step = step(most);
    (0..=(most / step + 1e-6) as u32)
        .map(|k| f64::from(k) * step)
        .collect()
}

/// A tick's number without noise of the last digits.
fn decimal(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_row_of_a_legend_is_followed_by_another() {
        let mut out = String::new();
        let entries: Vec<_> = (0..5)
            .map(|_| (Symbol::Line, ALONE_COLOR, "thirty letters, more or fewer."))
            .collect();
        legend(&mut out, 70.0, &entries);
        let texts: Vec<&str> = out.lines().filter(|l| l.starts_with("<text")).collect();
        let rows = |y: &str| texts.iter().filter(|t| t.contains(y)).count();
        assert_eq!((rows(r#"y="70""#), rows(r#"y="86""#)), (2, 2), "{out}");
        assert_eq!(rows(r#"y="102""#), 1);
    }

    #[test]
    fn ranges_end_at_ticks() {
        for (most, end, count) in [
            (0.4, 0.4, 5),
            (0.43, 0.5, 6),
            (97.0, 100.0, 6),
            (1.0, 1.0, 6),
            (0.002, 0.002, 5),
            (163.0, 200.0, 5),
        ] {
            let range = round_up(most);
            assert!((range - end).abs() < 1e-12, "{most}: {range}");
            let ticks = ticks(range);
            assert_eq!(ticks.len(), count, "{most}: {ticks:?}");
            assert!((ticks[count - 1] - range).abs() < 1e-9 * range);
        }
        assert_eq!(decimal(0.15000000000000002), "0.15");
        assert_eq!(decimal(200.0), "200");
    }
}
