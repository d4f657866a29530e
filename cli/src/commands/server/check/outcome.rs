//! What a check found, and the forms in which monitoring systems read it. No connection is known here.

use std::fmt;

use serde::{Serialize, Serializer};

use super::prometheus;
use crate::output::color::Scheme;
use crate::output::{Table, format};

/// The forms of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    Nagios,
    Json,
    Prometheus,
    Text,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    Ok,
    Warning,
    Critical,
}

impl Status {
    /// The exit code that Nagios gave it.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
        })
    }
}

/// A figure with its thresholds; 0 stands for no threshold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    #[serde(skip)]
    pub help: &'static str,
    pub name: &'static str,
    #[serde(serialize_with = "plain")]
    pub value: f64,
    #[serde(rename = "warning", serialize_with = "plain")]
    pub warn: f64,
    #[serde(rename = "critical", serialize_with = "plain")]
    pub crit: f64,
    /// `s`, `%` or nothing.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub unit: &'static str,
}

/// The findings of one check. The order of the fields is that of the JSON form.
#[derive(Debug, Clone)]
pub struct Outcome {
    suite: &'static str,
    name: String,
    warnings: Vec<String>,
    criticals: Vec<String>,
    oks: Vec<String>,
    figures: Vec<Figure>,
}

impl Outcome {
    /// `suite` is the kind of check, `name` what was checked.
    pub fn new(suite: &'static str, name: impl Into<String>) -> Self {
        Self {
            suite,
            name: name.into(),
            warnings: Vec::new(),
            criticals: Vec::new(),
            oks: Vec::new(),
            figures: Vec::new(),
        }
    }

    pub fn ok(&mut self, text: impl Into<String>) {
        self.oks.push(text.into());
    }

    pub fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    pub fn critical(&mut self, text: impl Into<String>) {
        self.criticals.push(text.into());
    }

    pub fn figure(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    /// Says that all is well unless something is not.
    pub fn ok_if_nothing_else(&mut self, text: &str) {
        if self.status() == Status::Ok {
            self.ok(text);
        }
    }

    pub fn status(&self) -> Status {
        if !self.criticals.is_empty() {
            Status::Critical
        } else if !self.warnings.is_empty() {
            Status::Warning
        } else {
            Status::Ok
        }
    }

    pub fn render(&self, form: Form, namespace: &str) -> String {
        match form {
            Form::Nagios => self.nagios(),
            Form::Json => serde_json::to_string_pretty(&self.document()).unwrap_or_default(),
            Form::Prometheus => self.prometheus(namespace),
            Form::Text => self.text(),
        }
    }

    fn nagios(&self) -> String {
        let mut line = format!("{} {}", self.status(), self.name);
        for (label, texts) in [
            ("Crit", &self.criticals),
            ("Warn", &self.warnings),
            ("OK", &self.oks),
        ] {
            for text in texts {
                line.push_str(&format!(" {label}:{text}"));
            }
        }
        if !self.figures.is_empty() {
            let figures: Vec<String> = self.figures.iter().map(Figure::to_string).collect();
            line.push_str(&format!(" | {}", figures.join(" ")));
        }
        line
    }

    fn document(&self) -> impl Serialize {
        #[derive(Serialize)]
        struct Document {
            status: Status,
            check_suite: &'static str,
            check_name: String,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            warning: Vec<String>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            critical: Vec<String>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            ok: Vec<String>,
            perf_data: Vec<Figure>,
        }
        Document {
            status: self.status(),
            check_suite: self.suite,
            check_name: self.name.clone(),
            warning: self.warnings.clone(),
            critical: self.criticals.clone(),
            ok: self.oks.clone(),
            perf_data: self.figures.clone(),
        }
    }

    fn prometheus(&self, namespace: &str) -> String {
        let item = self.name.replace('"', ".");
        let mut gauges: Vec<_> = self
            .figures
            .iter()
            .map(|figure| prometheus::Gauge {
                name: prometheus::name(&[namespace, self.suite, figure.name]),
                help: figure.help.to_owned(),
                labels: vec![("item", item.clone())],
                value: figure.value,
            })
            .collect();
        gauges.push(prometheus::Gauge {
            name: prometheus::name(&[namespace, self.suite, "status_code"]),
            help: format!("Nagios compatible status code for {}", self.suite),
            labels: vec![("item", item), ("status", self.status().to_string())],
            value: self.status().code().into(),
        });
        prometheus::text(gauges)
    }

    fn text(&self) -> String {
        let mut text = format!("{}: {}\n", self.name, self.status());
        let findings = [
            ("OK", &self.oks),
            ("Warning", &self.warnings),
            ("Critical", &self.criticals),
        ];
        let mut details = Table::new("", Scheme::Rounded).header(["Status", "Message"]);
        for (label, texts) in findings {
            for line in texts {
                details.row([label, line]);
            }
        }
        if !details.is_empty() {
            text.push_str(&format!("\nStatus Detail\n\n{}", details.render()));
        }
        let mut metrics = Table::new("", Scheme::Rounded).header([
            "Metric",
            "Value",
            "Unit",
            "Critical Threshold",
            "Warning Threshold",
            "Description",
        ]);
        for figure in &self.figures {
            metrics.row([
                figure.name,
                &format::decimal(figure.value),
                figure.unit,
                &format::decimal(figure.crit),
                &format::decimal(figure.warn),
                figure.help,
            ]);
        }
        if !metrics.is_empty() {
            text.push_str(&format!("\nCheck Metrics\n\n{}", metrics.render()));
        }
        text
    }
}

/// `name=value[unit][;warn[;crit]]`.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = if self.unit == "s" { 4 } else { 0 };
        write!(f, "{}={:.decimals$}{}", self.name, self.value, self.unit)?;
        if self.warn == 0.0 && self.crit == 0.0 {
            return Ok(());
        }
        f.write_str(";")?;
        if self.warn != 0.0 {
            write!(f, "{:.decimals$}", self.warn)?;
        }
        if self.crit != 0.0 {
            write!(f, ";{:.decimals$}", self.crit)?;
        }
        Ok(())
    }
}

/// Whole numbers without a fraction.
fn plain<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    /// Every whole number below this is exact in both types.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        serializer.serialize_i64(*value as i64)
    } else {
        serializer.serialize_f64(*value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(name: &'static str, value: f64, warn: f64, crit: f64, unit: &'static str) -> Figure {
        Figure {
            help: "What it is",
            name,
            value,
            warn,
            crit,
            unit,
        }
    }

    fn sample() -> Outcome {
        let mut outcome = Outcome::new("connections", "Connection");
        outcome.ok("connected");
        outcome.warn("rtt time exceeded 0.1");
        outcome.figure(figure("rtt", 0.25, 0.1, 0.5, "s"));
        outcome.figure(figure("connections", 1_234.0, 0.0, 2_000.0, ""));
        outcome
    }

    #[test]
    fn figures_have_the_form_of_nagios_plugins() {
        for (warn, crit, unit, text) in [
            (0.0, 0.0, "", "x=2"),
            (0.0, 0.0, "s", "x=1.5000s"),
            (1.0, 2.0, "s", "x=1.5000s;1.0000;2.0000"),
            (1.0, 0.0, "%", "x=2%;1"),
            (0.0, 2.0, "", "x=2;;2"),
        ] {
            assert_eq!(figure("x", 1.5, warn, crit, unit).to_string(), text);
        }
    }

    #[test]
    fn the_worst_finding_is_the_status() {
        let mut outcome = Outcome::new("s", "n");
        assert_eq!(outcome.status().code(), 0);
        outcome.warn("w");
        assert_eq!(outcome.status().code(), 1);
        outcome.critical("c");
        outcome.ok("o");
        assert_eq!(outcome.status().code(), 2);
        assert_eq!(
            outcome.render(Form::Nagios, ""),
            "CRITICAL n Crit:c Warn:w OK:o"
        );
    }

    #[test]
    fn every_form_shows_the_findings_and_the_figures() {
        let render = |form| sample().render(form, "nats_server_check");
        insta::assert_snapshot!("nagios", render(Form::Nagios));
        insta::assert_snapshot!("json", render(Form::Json));
        insta::assert_snapshot!("prometheus", render(Form::Prometheus));
        insta::assert_snapshot!("text", render(Form::Text));
    }
}
