//! `nats server check credential`.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nats_jwt::claims_peek;
use nats_jwt::creds;

use super::Report;
use super::outcome::{Figure, Outcome};
use crate::error::Result;
use crate::globals::Globals;
use crate::input;
use crate::output::format;
use crate::parse;

/// Check how long a credentials file is valid
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats server check credential --credential app.creds --validity-warn 30d --validity-critical 7d")]
pub struct Args {
    /// The credentials file
    #[arg(long, value_name = "FILE")]
    credential: PathBuf,

    /// Warn when it expires sooner than this
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    validity_warn: Option<Duration>,

    /// Critical when it expires sooner than this
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    validity_critical: Option<Duration>,

    /// Accept credentials that never expire
    #[arg(long, overrides_with = "require_expiry")]
    no_require_expiry: bool,

    /// Refuse credentials that never expire (default)
    #[arg(long, overrides_with = "no_require_expiry", hide = true)]
    require_expiry: bool,

    #[command(flatten)]
    report: Report,
}

pub async fn run(_globals: &Globals, args: Args) -> Result {
    let mut outcome = Outcome::new("credential", "Credential");
    match expiry(&args) {
        Ok(expires) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
            args.judge(expires, now, &mut outcome);
        }
        Err(why) => outcome.critical(why),
    }
    args.report.end(&outcome)
}

/// When the token in the file expires, in seconds since 1970; 0 for never.
fn expiry(args: &Args) -> std::result::Result<i64, String> {
    let content =
        input::file(&args.credential).map_err(|e| format!("credential not accessible: {e}"))?;
    let token = creds::parse_jwt(&content).map_err(|e| format!("invalid credential: {e}"))?;
    let claims =
        claims_peek::peek(token.reveal()).map_err(|e| format!("invalid credential: {e}"))?;
    Ok(claims.expires)
}

impl Args {
    fn judge(&self, expires: i64, now: i64, outcome: &mut Outcome) {
        let left = expires.saturating_sub(now);
        let (warn, crit) = (self.validity_warn, self.validity_critical);
        let seconds = |limit: Option<Duration>| limit.map_or(0.0, |limit| limit.as_secs_f64());
        let sooner = |limit: Option<Duration>| {
            limit.filter(|limit| !limit.is_zero() && left as f64 <= limit.as_secs_f64())
        };
        outcome.figure(Figure {
            help: "Expiry time in seconds",
            name: "expiry",
            // The reference says minus the present time when it never expires.
            value: if expires == 0 { 0.0 } else { left as f64 },
            warn: seconds(warn),
            crit: seconds(crit),
            unit: "s",
        });
        if expires == 0 {
            if self.no_require_expiry {
                outcome.ok("never expires");
            } else {
                outcome.critical("never expires");
            }
        } else if left <= 0 {
            outcome.critical("expired");
        } else if let Some(limit) = sooner(crit) {
            outcome.critical(format!("expires sooner than {}", format::duration(limit)));
        } else if let Some(limit) = sooner(warn) {
            outcome.warn(format!("expires sooner than {}", format::duration(limit)));
        } else {
            let left = Duration::from_secs(u64::try_from(left).unwrap_or(0));
            outcome.ok(format!("expires in {}", format::duration(left)));
        }
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

    fn judged(flags: &[&str], expires: i64) -> String {
        let line = ["check", "--credential", "x"].iter().chain(flags);
        let line = <Line as clap::Parser>::try_parse_from(line).unwrap();
        let mut outcome = Outcome::new("credential", "Credential");
        line.args.judge(expires, 1_000, &mut outcome);
        outcome.render(Form::Nagios, "")
    }

    #[test]
    fn thresholds_are_compared_in_seconds() {
        let flags = ["--validity-warn", "1h", "--validity-critical", "1m"];
        for (expires, text) in [
            (
                1_000 + 7_200,
                "OK Credential OK:expires in 2h0m0s | expiry=7200.0000s;3600.0000;60.0000",
            ),
            (
                1_000 + 3_600,
                "WARNING Credential Warn:expires sooner than 1h0m0s | expiry=3600.0000s;3600.0000;60.0000",
            ),
            (
                1_000 + 60,
                "CRITICAL Credential Crit:expires sooner than 1m0s | expiry=60.0000s;3600.0000;60.0000",
            ),
        ] {
            assert_eq!(judged(&flags, expires), text);
        }
    }

    #[test]
    fn expired_credentials_and_those_that_never_expire_are_critical() {
        assert!(judged(&[], 999).starts_with("CRITICAL Credential Crit:expired"));
        assert!(judged(&[], 0).starts_with("CRITICAL Credential Crit:never expires"));
        assert!(judged(&["--no-require-expiry"], 0).starts_with("OK Credential OK:never expires"));
    }

    #[test]
    fn the_expiry_is_read_from_the_file_and_what_is_no_credential_is_named() {
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let claims = base64.encode(r#"{"sub":"UABC","exp":4242,"nats":{}}"#);
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str, content: Option<String>| {
            let path = folder.path().join(name);
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            let line = ["check", "--credential", path.to_str().unwrap()];
            expiry(&<Line as clap::Parser>::try_parse_from(line).unwrap().args)
        };
        let file = format!(
            "-----BEGIN NATS USER JWT-----\ne30.{claims}.c2ln\n------END NATS USER JWT------\n"
        );
        assert_eq!(read("a.creds", Some(file)), Ok(4_242));
        let other = read("b.creds", Some("no token".into())).unwrap_err();
        assert!(other.starts_with("invalid credential: "), "{other}");
        let absent = read("c.creds", None).unwrap_err();
        assert!(
            absent.starts_with("credential not accessible: "),
            "{absent}"
        );
    }
}
