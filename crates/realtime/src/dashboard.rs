//! Dashboards: exchange `dashboard`, keys `metrics.<board>` and `alerts.<board>`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::envelope::Saying;
use crate::error::Error;
use crate::id::Id;
use crate::pool::Pool;

const EXCHANGE: &str = "dashboard";

/// How bad an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warning,
    /// Worth getting up for.
    Critical,
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alert {
    /// How bad it is.
    pub severity: Severity,
    /// What happened.
    pub text: String,
    /// The metric it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// The metric's value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The value it should not have passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

#[derive(Serialize)]
struct Metrics<'a> {
    board: &'a Id,
    values: &'a BTreeMap<String, f64>,
}

#[derive(Serialize)]
struct OnBoard<'a> {
    board: &'a Id,
    #[serde(flatten)]
    alert: &'a Alert,
}

/// Pushes metrics and alerts.
#[derive(Debug)]
pub struct Dashboard<'a> {
    pub(crate) pool: &'a Pool,
}

impl Dashboard<'_> {
    /// New values; names left out keep theirs.
    ///
    /// # Errors
    ///
    /// [`Error`] if the broker did not confirm it.
    pub async fn metrics(&self, board: &Id, values: &BTreeMap<String, f64>) -> Result<(), Error> {
        let key = format!("metrics.{board}");
        let fields = Metrics { board, values };
        let kind = "metrics";
        self.pool.say(Saying { exchange: EXCHANGE, key, kind, fields, is_fleeting: true }).await
    }

    /// An alert.
    ///
    /// # Errors
    ///
    /// [`Error`] if the broker did not confirm it.
    pub async fn alert(&self, board: &Id, alert: &Alert) -> Result<(), Error> {
        let key = format!("alerts.{board}");
        let fields = OnBoard { board, alert };
        let kind = "alert";
        self.pool.say(Saying { exchange: EXCHANGE, key, kind, fields, is_fleeting: false }).await
    }
}
