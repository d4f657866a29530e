//! The flags of the command line: one row per flag, from which the parser and the help text follow.
//!
//! The style is that of Go's flag package, which the reference uses: one dash or two, `-flag value` or `-flag=value`, switches
//! without a value or as `-switch=false`. The rows stand in [`table`]; here is what is done with them.

use std::fmt;
use std::path::PathBuf;

use self::table::{GROUPS, non_empty};
use super::{CertificatePair, Options, Secret, Tls};

mod table;

/// One flag.
pub(super) struct Flag {
    /// All spellings, without dashes; the first names it in errors about its row.
    pub(super) names: &'static [&'static str],
    /// How its value is shown in the help; empty for a switch.
    value: &'static str,
    help: &'static str,
    pub(super) effect: FlagEffect,
}

/// What a flag does.
pub(super) enum FlagEffect {
    /// A switch that changes options.
    Switch(fn(&mut Options, bool)),
    /// A number that changes options.
    Number(fn(&mut Options, i64) -> Result<(), String>),
    /// A text that changes options.
    Text(fn(&mut Options, &str) -> Result<(), String>),
    /// A switch about the command itself.
    Mode(Mode),
    /// A text about the command itself.
    Named(Named),
}

/// Switches about the command itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Help,
    HelpTls,
    Version,
    Test,
    Tls,
    TlsVerify,
}

/// Texts about the command itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Config,
    Signal,
    TlsCert,
    TlsKey,
    TlsCaCert,
}

/// A flag as it was given. Its value may be a secret: `Debug` does not show it.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) flag: &'static Flag,
    /// The spelling.
    pub(super) name: String,
    pub(super) value: FlagValue,
}

#[derive(Clone)]
pub(super) enum FlagValue {
    Switch(bool),
    Number(i64),
    Text(Secret),
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "-{}", self.name)
    }
}

impl PartialEq for Given {
    fn eq(&self, other: &Self) -> bool {
        let same_value = match (&self.value, &other.value) {
            (FlagValue::Switch(a), FlagValue::Switch(b)) => a == b,
            (FlagValue::Number(a), FlagValue::Number(b)) => a == b,
            (FlagValue::Text(a), FlagValue::Text(b)) => a == b,
            _ => false,
        };
        self.name == other.name && same_value
    }
}

/// Splits arguments into flags and the words behind them.
///
/// # Errors
/// In the words of Go's flag package, which users know from the reference.
pub(super) fn split(args: &[String]) -> Result<(Vec<Given>, &[String]), String> {
    let mut given = Vec::new();
    let mut rest = args;
    while let Some((arg, tail)) = rest.split_first() {
        let Some(name) = arg.strip_prefix('-').filter(|name| !name.is_empty()) else {
            break;
        };
        rest = tail;
        let name = match name.strip_prefix('-') {
            Some("") => break,
            Some(name) => name,
            None => name,
        };
        if name.starts_with(['-', '=']) {
            return Err(format!("bad flag syntax: {arg}"));
        }
        let (name, value) = name
            .split_once('=')
            .map_or((name, None), |(name, value)| (name, Some(value)));
        let flag = find(name).ok_or_else(|| format!("flag provided but not defined: -{name}"))?;
        let value = match (flag.is_switch(), value) {
            (true, None) => FlagValue::Switch(true),
            (true, Some(value)) => FlagValue::Switch(boolean(value).ok_or_else(|| {
                format!("invalid boolean value {value:?} for -{name}: parse error")
            })?),
            (false, Some(value)) => flag.valued(name, value)?,
            (false, None) => {
                let (value, tail) = rest
                    .split_first()
                    .ok_or_else(|| format!("flag needs an argument: -{name}"))?;
                rest = tail;
                flag.valued(name, value)?
            }
        };
        given.push(Given {
            flag,
            name: name.to_owned(),
            value,
        });
    }
    Ok((given, rest))
}

impl Flag {
    fn is_switch(&self) -> bool {
        matches!(self.effect, FlagEffect::Switch(_) | FlagEffect::Mode(_))
    }

    fn valued(&self, name: &str, value: &str) -> Result<FlagValue, String> {
        match self.effect {
            FlagEffect::Number(_) => whole_number(value)
                .map(FlagValue::Number)
                .map_err(|why| format!("invalid value {value:?} for flag -{name}: {why}")),
            _ => Ok(FlagValue::Text(Secret::new(value))),
        }
    }
}

/// Applies the flags that change options, the last of each kind winning.
///
/// # Errors
/// In words, when values make no sense.
pub(super) fn apply(options: &mut Options, given: &[Given]) -> Result<(), String> {
    for Given { flag, value, .. } in given {
        match (&flag.effect, value) {
            (FlagEffect::Switch(apply), FlagValue::Switch(on)) => apply(options, *on),
            (FlagEffect::Number(apply), FlagValue::Number(number)) => apply(options, *number)?,
            (FlagEffect::Text(apply), FlagValue::Text(text)) => apply(options, text.reveal())?,
            _ => {}
        }
    }
    apply_tls(options, given)?;
    let routes = given
        .iter()
        .any(|given| given.flag.names.contains(&"routes"));
    let wanted = options
        .cluster
        .as_ref()
        .is_some_and(|cluster| routes && !cluster.routes.is_empty());
    if wanted
        && options
            .cluster
            .as_ref()
            .is_some_and(|cluster| cluster.listen.port.is_none())
    {
        return Err("solicited routes require cluster capabilities, e.g. --cluster".to_owned());
    }
    Ok(())
}

/// The TLS flags replace the certificates of the file, or switch TLS off.
fn apply_tls(options: &mut Options, given: &[Given]) -> Result<(), String> {
    let switch = |wanted| mode_given(given, wanted);
    let file = |wanted| {
        named_given(given, wanted)
            .and_then(non_empty)
            .map(PathBuf::from)
    };
    let files = [Named::TlsCert, Named::TlsKey, Named::TlsCaCert];
    let mentioned = files
        .iter()
        .any(|wanted| named_given(given, *wanted).is_some())
        || switch(Mode::TlsVerify).is_some();
    match switch(Mode::Tls) {
        Some(false) => {
            options.tls = None;
            return Ok(());
        }
        None if !mentioned => return Ok(()),
        _ => {}
    }
    let cert_file =
        file(Named::TlsCert).ok_or("TLS Server certificate must be present and valid")?;
    let key_file = file(Named::TlsKey).ok_or("TLS Server private key must be present and valid")?;
    let configured = options.tls.take().unwrap_or_default();
    options.tls = Some(Tls {
        certificates: vec![CertificatePair {
            cert_file,
            key_file,
        }],
        ca_file: file(Named::TlsCaCert),
        verify: switch(Mode::TlsVerify).unwrap_or(false),
        timeout: configured.timeout,
        connection_rate_limit: configured.connection_rate_limit,
        pinned_certs: configured.pinned_certs,
        handshake_first: configured.handshake_first,
        verify_and_map: configured.verify_and_map,
        ..Tls::default()
    });
    Ok(())
}

/// The value of a switch about the command, if it was given; the last counts.
pub(super) fn mode_given(given: &[Given], wanted: Mode) -> Option<bool> {
    given
        .iter()
        .rev()
        .find_map(|given| match (&given.flag.effect, &given.value) {
            (FlagEffect::Mode(mode), FlagValue::Switch(on)) if *mode == wanted => Some(*on),
            _ => None,
        })
}

/// The value of a text about the command, if it was given; the last counts.
pub(super) fn named_given(given: &[Given], wanted: Named) -> Option<&str> {
    given
        .iter()
        .rev()
        .find_map(|given| match (&given.flag.effect, &given.value) {
            (FlagEffect::Named(named), FlagValue::Text(text)) if *named == wanted => {
                Some(text.reveal())
            }
            _ => None,
        })
}

/// The arguments without secrets, for logs: users, passwords and tokens, also those inside of URLs.
pub fn redacted(args: &[String]) -> Vec<String> {
    let mut shown = Vec::with_capacity(args.len());
    let mut next: Option<fn(&str) -> String> = None;
    for arg in args {
        if let Some(redact) = next.take() {
            shown.push(redact(arg));
            continue;
        }
        let name = arg.trim_start_matches('-');
        let (name, value) = name
            .split_once('=')
            .map_or((name, None), |(name, value)| (name, Some(value)));
        let redact: Option<fn(&str) -> String> = match name {
            _ if !arg.starts_with('-') => None,
            "user" | "pass" | "auth" => Some(|_| "[REDACTED]".to_owned()),
            "routes" | "cluster" | "cluster_listen" => Some(redact_urls),
            _ => None,
        };
        match (redact, value) {
            (Some(redact), Some(value)) => {
                let dashes_and_name = arg.split('=').next().unwrap_or_default();
                shown.push(format!("{dashes_and_name}={}", redact(value)));
            }
            (redact, _) => {
                next = redact;
                shown.push(arg.clone());
            }
        }
    }
    shown
}

fn redact_urls(list: &str) -> String {
    let one = |url: &str| match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://[REDACTED]@{host}"),
        _ => url.to_owned(),
    };
    list.split(',').map(one).collect::<Vec<_>>().join(",")
}

/// The help text.
pub(super) fn help() -> String {
    let mut page = String::from("\nUsage: nats-server [flags]\n");
    for (title, flags) in GROUPS {
        page.push_str(&format!("\n{title}:\n"));
        for flag in *flags {
            let names: Vec<_> = flag
                .names
                .iter()
                .map(|name| {
                    if name.len() > 2 {
                        format!("--{name}")
                    } else {
                        format!("-{name}")
                    }
                })
                .collect();
            let mut left = names.join(", ");
            if !flag.value.is_empty() {
                left.push_str(&format!(" <{}>", flag.value));
            }
            let mut lines = flag.help.lines();
            page.push_str(&format!(
                "    {left:<38} {}\n",
                lines.next().unwrap_or_default()
            ));
            for line in lines {
                page.push_str(&format!("    {:<38} {}\n", "", line.trim()));
            }
        }
    }
    page.push_str("\nFlags win over the configuration file. The words `help` and `version` do what the flags do.\n");
    page
}

fn find(name: &str) -> Option<&'static Flag> {
    GROUPS
        .iter()
        .flat_map(|(_, flags)| flags.iter())
        .find(|flag| flag.names.contains(&name))
}

/// The spellings of truth that Go knows.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// A whole number: decimal, or with one of the prefixes 0x, 0o, 0b, or octal with a leading zero, as Go reads it.
fn whole_number(text: &str) -> Result<i64, &'static str> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = [("0x", 16), ("0o", 8), ("0b", 2), ("0_", 8), ("0", 8)]
        .iter()
        .find_map(|(prefix, radix)| lower.strip_prefix(prefix).map(|digits| (*radix, digits)))
        .unwrap_or((10, lower.as_str()));
    let digits = digits.replace('_', "");
    // What is left of a single zero behind its prefix.
    let digits = if lower == "0" { "0".to_owned() } else { digits };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err("parse error");
    }
    let signed = if negative {
        format!("-{digits}")
    } else {
        digits
    };
    i64::from_str_radix(&signed, radix).map_err(|_| "value out of range")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn applied(words: &[&str]) -> Result<Options, String> {
        let all = args(words);
        let (given, rest) = split(&all)?;
        assert!(rest.is_empty(), "{rest:?}");
        let mut options = Options::default();
        apply(&mut options, &given)?;
        Ok(options)
    }

    #[test]
    fn one_dash_two_dashes_and_an_equals_sign_mean_the_same() {
        for words in [
            &["-p", "5"][..],
            &["--p", "5"],
            &["-port=5"],
            &["--port=0x5"],
            &["-p=9", "-p", "5"],
        ] {
            assert_eq!(applied(words).unwrap().listen.port, 5, "{words:?}");
        }
        assert_eq!(applied(&["-p", "-1"]).unwrap().listen.port, 0);
        assert_eq!(applied(&["-p", "0"]).unwrap().listen.port, 4222);
        assert_eq!(applied(&["-p", "010"]).unwrap().listen.port, 8);
        assert!(applied(&["-D"]).unwrap().logging.debug);
        assert!(!applied(&["-T=false"]).unwrap().logging.logtime);
    }

    #[test]
    fn words_behind_the_flags_are_left_over() {
        let all = args(&["-D", "version", "-V"]);
        let (given, rest) = split(&all).unwrap();
        assert_eq!((given.len(), rest), (1, &all[1..]));
        let all = args(&["--", "-V"]);
        assert_eq!(split(&all).unwrap().1, &all[1..]);
    }

    #[test]
    fn what_is_wrong_is_said_as_the_reference_says_it() {
        for (words, error) in [
            (&["-foo"][..], "flag provided but not defined: -foo"),
            (&["-p", "x"], "invalid value \"x\" for flag -p: parse error"),
            (&["-p="], "invalid value \"\" for flag -p: parse error"),
            (&["-p"], "flag needs an argument: -p"),
            (
                &["-p", "99999999999999999999"],
                "invalid value \"99999999999999999999\" for flag -p: value out of range",
            ),
            (
                &["-D=maybe"],
                "invalid boolean value \"maybe\" for -D: parse error",
            ),
            (&["---p", "5"], "bad flag syntax: ---p"),
            (&["-=5"], "bad flag syntax: -=5"),
            (
                &["-tls"],
                "TLS Server certificate must be present and valid",
            ),
            (
                &["-tlscert", "x"],
                "TLS Server private key must be present and valid",
            ),
            (
                &["--routes", "nats://x:1"],
                "solicited routes require cluster capabilities, e.g. --cluster",
            ),
            (&["--cluster", "foo"], "missing port in address"),
            (
                &["--cluster", "nats://a@h:1"],
                "expected cluster password to be set",
            ),
        ] {
            assert_eq!(applied(words).err().as_deref(), Some(error), "{words:?}");
        }
    }

    #[test]
    fn combined_verbosity_flags_set_all_of_their_parts() {
        let logging = applied(&["-DVV"]).unwrap().logging;
        assert!(logging.debug && logging.trace && logging.trace_verbose);
        let logging = applied(&["-DV"]).unwrap().logging;
        assert!(logging.debug && logging.trace && !logging.trace_verbose);
    }

    #[test]
    fn tls_flags_make_a_tls_block() {
        let tls = applied(&[
            "-tlsverify",
            "-tlscert",
            "c",
            "-tlskey",
            "k",
            "-tlscacert",
            "a",
        ])
        .unwrap()
        .tls
        .unwrap();
        assert!(tls.verify && tls.ca_file.is_some() && tls.certificates.len() == 1);
        assert_eq!(applied(&["-tls=false", "-tlscert", "c"]).unwrap().tls, None);
    }

    #[test]
    fn secrets_do_not_show_in_redacted_arguments_or_in_debug_output() {
        let all = args(&[
            "-D",
            "--user=bob",
            "-pass",
            "hunter2",
            "--auth",
            "hunter2",
            "--routes",
            "nats://a:hunter2@h:1,nats://h:2",
        ]);
        let shown = redacted(&all).join(" ");
        assert_eq!(
            shown,
            "-D --user=[REDACTED] -pass [REDACTED] --auth [REDACTED] --routes nats://[REDACTED]@h:1,nats://h:2"
        );
        assert!(!format!("{:?}", split(&all).unwrap().0).contains("hunter2"));
    }

    #[test]
    fn the_help_names_every_flag_and_no_name_twice() {
        let page = help();
        let mut seen = std::collections::HashSet::new();
        for name in GROUPS
            .iter()
            .flat_map(|(_, flags)| flags.iter())
            .flat_map(|flag| flag.names)
        {
            assert!(page.contains(&format!("-{name}")), "{name}");
            assert!(seen.insert(*name), "{name} twice");
        }
    }
}
