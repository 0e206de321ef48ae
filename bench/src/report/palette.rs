//! Colours and type of all plots; they follow the reader's light or dark mode.

use crate::broker::Kind;

/// The style sheet of a plot.
pub(super) const STYLE: &str = "<style>\
    text{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#334155}\
    .title{font-size:17px;font-weight:650;fill:#0f172a}\
    .small{font-size:11.5px;fill:#64748b}\
    .strong{font-weight:650;fill:#0f172a}\
    .end{text-anchor:end}.middle{text-anchor:middle}\
    .ground{fill:#ffffff}.grid{stroke:#e2e8f0}.spread{stroke:#0f172a;stroke-opacity:.55}\
    .edge{stroke:#94a3b8;stroke-dasharray:4 3}\
    .hopwire{fill:#0d9488}.floor{fill:#94a3b8}.nats{fill:#6366f1}.rabbitmq{fill:#f59e0b}\
    .mosquitto{fill:#ec4899}.met{fill:#0d9488}.missed{fill:#e11d48}\
    @media(prefers-color-scheme:dark){text{fill:#cbd5e1}.title,.strong{fill:#f8fafc}\
    .small{fill:#94a3b8}.ground{fill:#0f172a}.grid{stroke:#1e293b}\
    .spread{stroke:#f8fafc}.edge{stroke:#64748b}}\
    </style>";

/// The class of a broker's marks.
pub(super) fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Hopwire => "hopwire",
        Kind::Floor => "floor",
        Kind::Nats => "nats",
        Kind::RabbitMq => "rabbitmq",
        Kind::Mosquitto => "mosquitto",
    }
}

/// A number as axes and bars say it.
pub(super) fn short(number: f64) -> String {
    let digits = |number: f64| match number {
        100.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}").trim_end_matches(".0").to_owned(),
        _ => format!("{number:.2}").trim_end_matches('0').trim_end_matches('.').to_owned(),
    };
    match number {
        999_500.0.. => format!("{} M", digits(number / 1e6)),
        // Five digits are still read at a glance.
        9_999.5.. => format!("{} k", digits(number / 1e3)),
        999.5.. => format!("{:.0}", number),
        _ => digits(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let check = |number, expected: &str| assert_eq!(short(number), expected);
        check(2_966_701.0, "2.97 M");
        check(262_423.0, "262 k");
        check(5_880.0, "5880");
        check(16.4, "16.4");
        check(0.1898, "0.19");
        check(10.0, "10");
    }
}
