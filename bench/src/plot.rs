//! A bar chart as SVG: how many times the peer, on a logarithmic scale.

use std::fmt::Write as _;

/// One bar.
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) ratio: f64,
}

const WIDTH: f64 = 860.0;
const LABEL_WIDTH: f64 = 330.0;
const ROW: f64 = 34.0;
const DECADES: f64 = 3.0;

/// Draws the bars.
pub(crate) fn svg(bars: &[Bar]) -> String {
    let height = ROW * bars.len() as f64 + 60.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"14\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    let scale = (WIDTH - LABEL_WIDTH - 80.0) / DECADES;
    for decade in 0..=(DECADES as u32) {
        let x = LABEL_WIDTH + scale * f64::from(decade);
        let bottom = height - 34.0;
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            "<line x1=\"{x}\" y1=\"10\" x2=\"{x}\" y2=\"{bottom}\" stroke=\"#d8dde6\"/>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"#5b6472\">{} ×</text>",
            height - 14.0,
            10_u32.pow(decade)
        );
    }
    for (row, bar) in bars.iter().enumerate() {
        let y = 14.0 + ROW * row as f64;
        let length = (bar.ratio.max(1.0).log10() * scale).max(2.0);
        let (label_x, text_y) = (LABEL_WIDTH - 12.0, y + 17.0);
        let (bar_width, value_x) = (length, LABEL_WIDTH + length + 8.0);
        let _ = writeln!(
            svg,
            "<text x=\"{label_x}\" y=\"{text_y}\" text-anchor=\"end\" fill=\"#1d2430\">{}</text>\
             <rect x=\"{LABEL_WIDTH}\" y=\"{y}\" width=\"{bar_width:.1}\" height=\"22\" rx=\"3\" \
             fill=\"#2563eb\"/>\
             <text x=\"{value_x:.1}\" y=\"{text_y}\" fill=\"#1d2430\">{:.1} ×</text>",
            bar.label, bar.ratio
        );
    }
    svg.push_str("</svg>\n");
    svg
}
