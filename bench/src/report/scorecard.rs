//! One bar per target: how many times better, or worse, than asked.

use std::fmt::Write as _;

use super::page::asked;
use super::palette::{STYLE, short};
use crate::figure::Figures;
use crate::target::ROWS;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 350.0;
const RIGHT: f64 = 70.0;
const TOP: f64 = 84.0;
const ROW: f64 = 22.0;

/// Draws the bars: to the right of the line a target is met.
pub(super) fn svg(figures: &Figures) -> String {
    let judged = ROWS.iter().flat_map(|row| {
        let verdicts = row.verdicts(figures).into_iter();
        verdicts.map(move |verdict| (row, verdict))
    });
    let judged: Vec<_> = judged.collect();
    let met = judged.iter().filter(|(_, verdict)| verdict.is_met()).count();
    let bottom = TOP + judged.len() as f64 * ROW;
    let height = bottom + 40.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" aria-label=\"Targets\">{STYLE}\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\" rx=\"10\"/>\n\
         <text class=\"title\" x=\"24\" y=\"34\">{met} of {} targets met</text>\
         <text class=\"small\" x=\"24\" y=\"54\">how many times better than asked; logarithmic; \
         right of the line is met</text>\n",
        judged.len()
    );
    let half = |margin: f64| margin.log10().clamp(-1.0, 1.0);
    let scale = (WIDTH - LEFT - RIGHT) / 2.0;
    let x = |margin: f64| LEFT + (1.0 + half(margin)) * scale;
    for mark in [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0] {
        let class = if mark == 1.0 { "edge" } else { "grid" };
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(
            svg,
            "<line class=\"{class}\" x1=\"{0:.1}\" y1=\"{1}\" x2=\"{0:.1}\" y2=\"{bottom}\"/>\
             <text class=\"small middle\" x=\"{0:.1}\" y=\"{2}\">{3} ×</text>",
            x(mark),
            TOP - 8.0,
            bottom + 20.0,
            short(mark)
        );
    }
    for (number, (row, verdict)) in judged.iter().enumerate() {
        let y = TOP + number as f64 * ROW;
        let (from, to) = (x(1.0).min(x(verdict.margin)), x(1.0).max(x(verdict.margin)));
        let class = if verdict.is_met() { "met" } else { "missed" };
        let _ = writeln!(
            svg,
            "<text class=\"end\" x=\"{}\" y=\"{:.1}\">{} <tspan class=\"small\">{}</tspan></text>\
             <rect class=\"{class}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"14\" \
             rx=\"3\"/><text class=\"small\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            LEFT - 14.0,
            y + 14.0,
            row.label,
            asked(&verdict.target, row),
            y + 3.0,
            (to - from).max(2.0),
            to + 6.0,
            y + 14.0,
            short(verdict.margin)
        );
    }
    svg.push_str("</svg>\n");
    svg
}
