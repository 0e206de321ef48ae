//! Bar charts: a group per scenario, a bar per broker, a logarithmic axis, the spread of rounds.

use std::fmt::Write as _;

use super::palette::{STYLE, class, short};
use crate::broker::Kind;
use crate::figure::{Figures, Metric};
use crate::scenario::Scenario;

/// What a chart shows.
struct Chart {
    file: &'static str,
    title: &'static str,
    /// The unit, and which end is better.
    note: &'static str,
    metric: Metric,
    groups: &'static [(&'static str, Scenario)],
}

const CHARTS: [Chart; 8] = [
    Chart {
        file: "fan-out.svg",
        title: "One publisher, many browsers",
        note: "deliveries per second, more is better",
        metric: Metric::Value,
        groups: &[
            ("10 subscribers", Scenario::FanOut(10)),
            ("100 subscribers", Scenario::FanOut(100)),
            ("1,000 subscribers", Scenario::FanOut(1000)),
            ("5,000 subscribers", Scenario::FanOut(5000)),
            ("1,000, 1 KiB each", Scenario::FanOutLarge(1000)),
            ("1,000 users by key", Scenario::Keyed(1000)),
        ],
    },
    Chart {
        file: "point-to-point.svg",
        title: "Point to point",
        note: "messages per second, more is better",
        metric: Metric::Value,
        groups: &[
            ("AMQP, 1 pair", Scenario::Pairs(1)),
            ("AMQP, 10 pairs", Scenario::Pairs(10)),
            ("AMQP, acks and confirms", Scenario::SettledAmqp),
            ("STOMP, acks and receipts", Scenario::SettledStomp),
        ],
    },
    Chart {
        file: "durable.svg",
        title: "Persistent messages through a durable queue",
        note: "messages of 1 KiB per second, more is better",
        metric: Metric::Value,
        groups: &[
            ("confirmed, window 1,000", Scenario::Durable(1)),
            ("50 connections", Scenario::Durable(50)),
            ("drained, acked one by one", Scenario::Drain),
        ],
    },
    Chart {
        file: "confirm.svg",
        title: "How long a persistent message waits for its confirm",
        note: "milliseconds at 1,000 messages a second, floor: one sync, less is better",
        metric: Metric::Value,
        groups: &[("median", Scenario::ConfirmLatency)],
    },
    Chart {
        file: "cpu.svg",
        title: "What a delivery costs the broker",
        note: "CPU seconds per million deliveries, less is better",
        metric: Metric::BrokerCpu,
        groups: &[
            ("10 subscribers", Scenario::FanOut(10)),
            ("1,000 subscribers", Scenario::FanOut(1000)),
            ("1,000 users by key", Scenario::Keyed(1000)),
            ("broadcast, 20 a second", Scenario::Broadcast(1000)),
        ],
    },
    Chart {
        file: "memory.svg",
        title: "What an idle session costs",
        note: "bytes of memory per WebSocket session with a subscription, less is better",
        metric: Metric::Value,
        groups: &[
            ("10,000 sessions", Scenario::Idle(10_000)),
            ("as many as allowed", Scenario::IdleMost),
        ],
    },
    Chart {
        file: "latency.svg",
        title: "How long until the last of 1,000 browsers has it",
        note: "milliseconds, 20 broadcasts a second, less is better",
        metric: Metric::Value,
        groups: &[("median", Scenario::Broadcast(1000))],
    },
    Chart {
        file: "connections.svg",
        title: "Coming back after a restart",
        note: "connections per second, with login and subscription, more is better",
        metric: Metric::Value,
        groups: &[("64 at once", Scenario::Connect)],
    },
];

const WIDTH: f64 = 860.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 90.0;
const TOP: f64 = 92.0;
const BAR: f64 = 17.0;
const GAP: f64 = 16.0;

/// Name and drawing of each chart that has figures.
pub(super) fn all(figures: &Figures) -> Vec<(&'static str, String)> {
    CHARTS.iter().filter_map(|chart| Some((chart.file, chart.svg(figures)?))).collect()
}

/// File and title of the charts that have figures.
pub(super) fn titles(figures: &Figures) -> Vec<(&'static str, &'static str)> {
    let drawn = CHARTS.iter().filter(|chart| !chart.bars(figures).is_empty());
    drawn.map(|chart| (chart.file, chart.title)).collect()
}

/// A bar, and the least and most of its rounds.
struct Bar {
    label: Option<&'static str>,
    kind: Kind,
    value: f64,
    spread: (f64, f64),
}

impl Chart {
    fn bars(&self, figures: &Figures) -> Vec<Bar> {
        let mut bars = Vec::new();
        for (label, scenario) in self.groups {
            let mut label = Some(*label);
            for kind in Kind::ALL {
                let name = scenario.name();
                let Some(value) = figures.median(&name, kind, self.metric) else { continue };
                let rounds = figures.rounds(&name, kind, self.metric);
                let numbers = rounds.iter().map(|(_, number)| *number);
                let (least, most) = (numbers.clone().reduce(f64::min), numbers.reduce(f64::max));
                let spread = (least.unwrap_or(value), most.unwrap_or(value));
                bars.push(Bar { label: label.take(), kind, value, spread });
            }
        }
        bars
    }

    fn svg(&self, figures: &Figures) -> Option<String> {
        let bars = self.bars(figures);
        let all = || bars.iter().flat_map(|bar| [bar.spread.0, bar.spread.1]);
        let least = all().filter(|number| *number > 0.0).reduce(f64::min)?;
        let axis = Axis::over(least, all().reduce(f64::max)?);
        let groups = bars.iter().filter(|bar| bar.label.is_some()).count() as f64;
        let bottom = TOP + bars.len() as f64 * BAR + groups * GAP;
        let height = bottom + 34.0;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             role=\"img\" aria-label=\"{}\">{STYLE}\n\
             <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\" rx=\"10\"/>\n\
             <text class=\"title\" x=\"24\" y=\"34\">{}</text>\
             <text class=\"small\" x=\"24\" y=\"54\">{}; logarithmic; \
             lines show the rounds</text>\n",
            self.title, self.title, self.note
        );
        legend(&mut svg, &bars);
        for decade in axis.first..=axis.last {
            let (x, label) = (axis.x(10_f64.powi(decade)), short(10_f64.powi(decade)));
            // Writing to a string cannot fail, here and below.
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>\
                 <text class=\"small middle\" x=\"{x:.1}\" y=\"{:.1}\">{label}</text>",
                TOP - 6.0,
                bottom + 18.0
            );
        }
        let mut y = TOP - GAP;
        for bar in &bars {
            if let Some(label) = bar.label {
                y += GAP;
                let text_y = y + 12.5;
                let _ = writeln!(
                    svg,
                    "<text class=\"end\" x=\"{}\" y=\"{text_y:.1}\">{label}</text>",
                    LEFT - 14.0
                );
            }
            bar.draw(&mut svg, &axis, y);
            y += BAR;
        }
        svg.push_str("</svg>\n");
        Some(svg)
    }
}

impl Bar {
    fn draw(&self, svg: &mut String, axis: &Axis, y: f64) {
        let end = axis.x(self.value);
        let width = (end - LEFT).max(2.0);
        let (from, to) = (axis.x(self.spread.0), axis.x(self.spread.1));
        let (middle, text_y) = (y + (BAR - 3.0) / 2.0, y + 11.5);
        let text_x = end.max(to) + 8.0;
        let weight = if self.kind == Kind::Hopwire { "strong" } else { "small" };
        let _ = writeln!(
            svg,
            "<rect class=\"{}\" x=\"{LEFT}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{}\" \
             rx=\"3\"/><line class=\"spread\" x1=\"{from:.1}\" y1=\"{middle:.1}\" x2=\"{to:.1}\" \
             y2=\"{middle:.1}\"/>\
             <text class=\"{weight}\" x=\"{text_x:.1}\" y=\"{text_y:.1}\">{}</text>",
            class(self.kind),
            BAR - 3.0,
            short(self.value)
        );
    }
}

fn legend(svg: &mut String, bars: &[Bar]) {
    let mut x = LEFT;
    for kind in Kind::ALL {
        if bars.iter().any(|bar| bar.kind == kind) {
            let _ = write!(
                svg,
                "<rect class=\"{}\" x=\"{x}\" y=\"63\" width=\"11\" height=\"11\" rx=\"2\"/>\
                 <text class=\"small\" x=\"{}\" y=\"73\">{}</text>",
                class(kind),
                x + 16.0,
                kind.name()
            );
            x += 100.0;
        }
    }
    svg.push('\n');
}

/// A logarithmic axis over whole decades.
struct Axis {
    first: i32,
    last: i32,
}

impl Axis {
    fn over(least: f64, most: f64) -> Self {
        let first = least.log10().floor() as i32;
        let last = (most.log10().ceil() as i32).max(first + 1);
        Self { first, last }
    }

    fn x(&self, number: f64) -> f64 {
        let decades = f64::from(self.last - self.first);
        let along = (number.max(f64::MIN_POSITIVE).log10() - f64::from(self.first)) / decades;
        LEFT + along.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }
}
