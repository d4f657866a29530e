//! `nats server check server`.

use std::time::Duration;

use nats_api::monitor::Varz;
use nats_api::time::Timestamp;

use super::super::ask;
use super::Report;
use super::outcome::{Figure, Outcome};
use crate::error::Result;
use crate::globals::Globals;
use crate::output::format::duration;
use crate::parse;

/// Check the health of one server; needs a user of the system account
///
/// Thresholds of connections and subscriptions may be turned round: with a critical one below the warning one, few are bad.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats server check server --name n1 --cpu-warn 80 --cpu-critical 95\n  \
        nats server check server --name n1 --conn-warn 10 --conn-critical 1")]
pub struct Args {
    /// Name of the server
    #[arg(long)]
    name: String,

    /// Warn at this processor usage, in percent
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    cpu_warn: i64,

    /// Critical at this processor usage, in percent
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    cpu_critical: i64,

    /// Warn at this memory usage, in bytes
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    mem_warn: i64,

    /// Critical at this memory usage, in bytes
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    mem_critical: i64,

    /// Warn at so many connections
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    conn_warn: i64,

    /// Critical at so many connections
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    conn_critical: i64,

    /// Warn at so many subscriptions
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    subs_warn: i64,

    /// Critical at so many subscriptions
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    subs_critical: i64,

    /// Warn when the server has been up for no longer than this
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    uptime_warn: Option<Duration>,

    /// Critical when the server has been up for no longer than this
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    uptime_critical: Option<Duration>,

    /// Critical unless clients must authenticate
    #[arg(long)]
    auth_required: bool,

    /// Critical unless clients must use TLS
    #[arg(long)]
    tls_required: bool,

    /// Critical unless JetStream is enabled
    #[arg(long)]
    js_required: bool,

    /// Warn when a certificate expires sooner than this
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    tls_cert_warn: Option<Duration>,

    /// Critical when a certificate expires sooner than this
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    tls_cert_crit: Option<Duration>,

    #[command(flatten)]
    report: Report,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let mut outcome = Outcome::new("server", args.name.clone());
    match varz(globals, &args.name).await {
        Ok(varz) => args.judge(&varz, &mut outcome),
        Err(error) => outcome.critical(error.to_string()),
    }
    args.report.end(&outcome)
}

async fn varz(globals: &Globals, name: &str) -> Result<Varz> {
    let client = globals
        .connect_system()
        .await
        .map_err(|e| e.context("connection failed"))?;
    let (_, varz) = ask::one::<Varz>(globals, &client, name, "VARZ")
        .await
        .map_err(|e| e.context("varz failed"))?;
    Ok(varz)
}

impl Args {
    fn judge(&self, varz: &Varz, outcome: &mut Outcome) {
        if varz.server_name != self.name {
            outcome.critical(format!("result from wrong server {:?}", varz.server_name));
            return;
        }
        let mut required = |wanted: bool, is: bool, what: &str, how: &str| {
            if wanted && is {
                outcome.ok(format!("{what} {how}"));
            } else if wanted {
                outcome.critical(format!("{what} not {how}"));
            }
        };
        let jetstream = varz.jetstream.config.is_some();
        required(self.js_required, jetstream, "JetStream", "enabled");
        required(self.tls_required, varz.tls_required, "TLS", "required");
        required(
            self.auth_required,
            varz.auth_required,
            "Authentication",
            "required",
        );
        self.judge_certificates(varz, outcome);
        self.judge_uptime(varz.now.since(varz.start), outcome);
        self.judge_figures(varz, outcome);
    }

    fn judge_certificates(&self, varz: &Varz, outcome: &mut Outcome) {
        let limit = |limit: Option<Duration>| limit.unwrap_or_default();
        let (warn, crit) = (limit(self.tls_cert_warn), limit(self.tls_cert_crit));
        if warn.is_zero() && crit.is_zero() {
            return;
        }
        let certificates = [
            ("server", varz.tls_cert_not_after),
            ("cluster", varz.cluster.tls_cert_not_after),
            ("gateway", varz.gateway.tls_cert_not_after),
            ("leafnode", varz.leaf.tls_cert_not_after),
            ("mqtt", varz.mqtt.tls_cert_not_after),
            ("websocket", varz.websocket.tls_cert_not_after),
        ];
        let used = certificates.iter().filter(|(_, expiry)| !expiry.is_never());
        let mut found = false;
        for (of, expiry) in used {
            found = true;
            judge_certificate(of, *expiry, varz.now, (warn, crit), outcome);
        }
        if !found {
            outcome.critical(
                "TLS certificate expiry thresholds configured but no TLS certificates found",
            );
        }
    }

    fn judge_uptime(&self, up: Duration, outcome: &mut Outcome) {
        let limit = |limit: Option<Duration>| limit.unwrap_or_default();
        let (warn, crit) = (limit(self.uptime_warn), limit(self.uptime_critical));
        outcome.figure(Figure {
            help: "NATS Server uptime in seconds",
            name: "uptime",
            value: up.as_secs_f64(),
            warn: warn.as_secs_f64(),
            crit: crit.as_secs_f64(),
            unit: "s",
        });
        if warn.is_zero() && crit.is_zero() {
            return;
        }
        let text = format!("Up {}", duration(up));
        if crit > warn && !warn.is_zero() {
            outcome.critical("Up invalid thresholds");
        } else if up <= crit {
            outcome.critical(text);
        } else if up <= warn {
            outcome.warn(text);
        } else {
            outcome.ok(text);
        }
    }

    fn judge_figures(&self, varz: &Varz, outcome: &mut Outcome) {
        let mut figure = |label: &str, invertible, figure: Figure| {
            judge_value(label, &figure, invertible, outcome);
            outcome.figure(figure);
        };
        let one = |name, help, unit, value, warn: i64, crit: i64| Figure {
            help,
            name,
            value,
            warn: warn as f64,
            crit: crit as f64,
            unit,
        };
        let help = "NATS Server CPU usage in percentage";
        let cpu = one("cpu", help, "%", varz.cpu, self.cpu_warn, self.cpu_critical);
        figure("CPU", false, cpu);
        let help = "NATS Server memory usage in bytes";
        let value = varz.mem as f64;
        let memory = one("mem", help, "", value, self.mem_warn, self.mem_critical);
        figure("Memory", false, memory);
        let (help, value) = ("Active connections", varz.connections as f64);
        let (warn, crit) = (self.conn_warn, self.conn_critical);
        let connections = one("connections", help, "", value, warn, crit);
        figure("Connections", true, connections);
        let (help, value) = ("Active subscriptions", f64::from(varz.subscriptions));
        let (warn, crit) = (self.subs_warn, self.subs_critical);
        let subscriptions = one("subscriptions", help, "", value, warn, crit);
        figure("Subscriptions", true, subscriptions);
    }
}

/// A threshold of 0 does not count; without either nothing is said.
fn judge_value(label: &str, figure: &Figure, invertible: bool, outcome: &mut Outcome) {
    let Figure {
        value, warn, crit, ..
    } = *figure;
    if warn == 0.0 && crit == 0.0 {
        return;
    }
    let inverted = warn != 0.0 && crit != 0.0 && crit < warn;
    if inverted && !invertible {
        outcome.critical(format!("{label} invalid thresholds"));
        return;
    }
    let reached = |limit: f64| {
        limit != 0.0
            && if inverted {
                value <= limit
            } else {
                value >= limit
            }
    };
    let text = format!("{label} {value:.2}");
    if reached(crit) {
        outcome.critical(text);
    } else if reached(warn) {
        outcome.warn(text);
    } else {
        outcome.ok(text);
    }
}

fn judge_certificate(
    of: &str,
    expiry: Timestamp,
    now: Timestamp,
    (warn, crit): (Duration, Duration),
    outcome: &mut Outcome,
) {
    if expiry <= now {
        outcome.critical(format!(
            "{of} TLS certificate expired (expired_at={expiry})"
        ));
        return;
    }
    let left = Duration::from_secs(expiry.since(now).as_secs());
    let text = format!(
        "{of} TLS certificate expires in {} (expires_at={expiry})",
        duration(left)
    );
    if left <= crit {
        outcome.critical(text);
    } else if left <= warn {
        outcome.warn(text);
    } else {
        outcome.ok(text);
    }
}

#[cfg(test)]
mod tests {
    use super::super::outcome::Form;
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn judged(flags: &[&str], varz: Varz) -> String {
        let line = ["check", "--name", "n1"].iter().chain(flags);
        let line = <Line as clap::Parser>::try_parse_from(line).unwrap();
        let mut outcome = Outcome::new("server", "n1");
        line.args.judge(&varz, &mut outcome);
        let text = outcome.render(Form::Nagios, "");
        text.split(" | ").next().unwrap_or_default().to_owned()
    }

    fn varz() -> Varz {
        let at = |seconds: i128| Timestamp::from_unix_nanos(seconds * 1_000_000_000);
        Varz {
            server_name: "n1".into(),
            connections: 10,
            cpu: 50.0,
            start: at(1_000),
            now: at(1_060),
            tls_cert_not_after: at(1_060 + 3_600),
            ..Varz::default()
        }
    }

    #[test]
    fn values_at_a_threshold_have_reached_it_in_either_direction() {
        for (flags, text) in [
            (
                ["--conn-warn", "11", "--conn-critical", "12"],
                "OK n1 OK:Connections 10.00",
            ),
            (
                ["--conn-warn", "10", "--conn-critical", "12"],
                "WARNING n1 Warn:Connections 10.00",
            ),
            (
                ["--conn-warn", "5", "--conn-critical", "10"],
                "CRITICAL n1 Crit:Connections 10.00",
            ),
            (
                ["--conn-warn", "9", "--conn-critical", "5"],
                "OK n1 OK:Connections 10.00",
            ),
            (
                ["--conn-warn", "10", "--conn-critical", "5"],
                "WARNING n1 Warn:Connections 10.00",
            ),
            (
                ["--conn-warn", "20", "--conn-critical", "10"],
                "CRITICAL n1 Crit:Connections 10.00",
            ),
            (
                ["--cpu-warn", "90", "--cpu-critical", "80"],
                "CRITICAL n1 Crit:CPU invalid thresholds",
            ),
            (
                ["--uptime-warn", "2m", "--uptime-critical", "1m"],
                "CRITICAL n1 Crit:Up 1m0s",
            ),
            (
                ["--uptime-warn", "2m", "--uptime-critical", "59s"],
                "WARNING n1 Warn:Up 1m0s",
            ),
        ] {
            assert_eq!(judged(&flags, varz()), text, "{flags:?}");
        }
    }

    #[test]
    fn one_threshold_alone_counts_and_none_says_nothing() {
        assert_eq!(
            judged(&["--conn-critical", "11"], varz()),
            "OK n1 OK:Connections 10.00"
        );
        assert_eq!(
            judged(&["--conn-warn", "10"], varz()),
            "WARNING n1 Warn:Connections 10.00"
        );
        assert_eq!(judged(&[], varz()), "OK n1");
    }

    #[test]
    fn certificates_are_checked_against_the_servers_clock() {
        let judge =
            |warn, crit| judged(&["--tls-cert-warn", warn, "--tls-cert-crit", crit], varz());
        assert!(
            judge("30m", "1m").starts_with("OK n1 OK:server TLS certificate expires in 1h0m0s")
        );
        assert!(judge("1h", "1m").starts_with("WARNING n1 Warn:server"));
        assert!(judge("2d", "1d").starts_with("CRITICAL n1 Crit:server"));
    }

    #[test]
    fn what_is_required_is_named() {
        let flags = ["--auth-required", "--js-required"];
        assert_eq!(
            judged(&flags, varz()),
            "CRITICAL n1 Crit:JetStream not enabled Crit:Authentication not required"
        );
    }
}
