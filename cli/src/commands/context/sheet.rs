//! A context as a sheet to edit: `key: value` lines with remarks, which is the simplest part of YAML.
//!
//! Values are written as JSON texts, which every YAML tool understands, and read as JSON, as quoted or as bare YAML texts.

use nats_client::context::Settings;
use serde_json::{Map, Value};

use crate::error::{CliError, Result};

/// The keys in the order of the sheet, with what stands above them.
const KEYS: [(&str, &str); 23] = [
    ("description", "What this context is for"),
    ("url", "Servers, separated by commas"),
    ("user", "User name; needs a password"),
    (
        "password",
        "The password, or where it is:\n  file:///path              content of a file\n  env://NAME                environment variable\n  \
         op://vault/item/field     1Password, by 'op read'\n  data:;base64,...          the secret itself, encoded",
    ),
    (
        "creds",
        "Credentials file, or where it is (see password); also nsc://operator/account/user",
    ),
    ("nkey", "File with an NKey seed, or where it is (see creds)"),
    (
        "user_jwt",
        "User JWT and its seed, or where they are (see password)",
    ),
    ("user_seed", ""),
    ("token", "Token, or where it is (see password)"),
    (
        "cert",
        "TLS client certificate and its key; both are needed",
    ),
    ("key", ""),
    (
        "ca",
        "Certificate authorities to trust instead of those of the system",
    ),
    (
        "tls_first",
        "Begin the TLS handshake before the server's greeting: true or false",
    ),
    (
        "inbox_prefix",
        "Prefix of inboxes, for example _INBOX.private",
    ),
    (
        "color_scheme",
        "Colour of tables: rounded, double, yellow, blue, cyan, green, magenta or red",
    ),
    ("jetstream_domain", "JetStream domain"),
    (
        "jetstream_api_prefix",
        "Prefix of the JetStream API, when it is imported from another account",
    ),
    (
        "jetstream_event_prefix",
        "Prefix of JetStream events, when they are imported from another account",
    ),
    (
        "socks_proxy",
        "SOCKS5 proxy, for example socks5://example.net:1090",
    ),
    (
        "windows_cert_store",
        "Windows certificate store: user or machine",
    ),
    (
        "windows_cert_match",
        "What the certificate must match, and by what: subject or issuer",
    ),
    ("windows_cert_match_by", ""),
    (
        "windows_ca_certs_match",
        "Certificate authorities in the store, as a list",
    ),
];

/// The sheet of a context.
pub fn write(name: &str, settings: &Settings) -> Result<String> {
    let Value::Object(values) = serde_json::to_value(settings)? else {
        return Err(CliError::new("the settings are no document"));
    };
    let mut sheet = format!("# Context {name}. Lines that begin with # are remarks.\n");
    for (key, remark) in KEYS {
        if !remark.is_empty() {
            sheet.push('\n');
            for line in remark.lines() {
                sheet.push_str(&format!("# {line}\n"));
            }
        }
        sheet.push_str(&format!(
            "{key}: {}\n",
            values.get(key).unwrap_or(&Value::Null)
        ));
    }
    Ok(sheet)
}

/// Reads a sheet; settings that are not in it are empty.
pub fn read(sheet: &str) -> Result<Settings> {
    let mut values = Map::new();
    for (index, line) in sheet.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line == "---" {
            continue;
        }
        let wrong = |problem: &str| CliError::new(format!("line {}: {problem}: {line}", index + 1));
        let (key, value) = line
            .split_once(':')
            .ok_or_else(|| wrong("not of the form key: value"))?;
        if !KEYS.iter().any(|(known, _)| *known == key.trim()) && key.trim() != "nsc" {
            return Err(wrong("unknown setting"));
        }
        let value = value_of(value.trim()).ok_or_else(|| wrong("the value has no end"))?;
        if !value.is_null() && values.insert(key.trim().to_owned(), value).is_some() {
            return Err(wrong("set twice"));
        }
    }
    serde_json::from_value(Value::Object(values)).map_err(|e| CliError::new(e.to_string()))
}

/// JSON, a text in single quotes, or a bare text up to a remark.
fn value_of(text: &str) -> Option<Value> {
    match text.chars().next() {
        None => return Some(Value::Null),
        Some('"' | '[') => return serde_json::from_str(text).ok(),
        Some('\'') => {
            let inner = text.get(1..)?.strip_suffix('\'')?;
            return Some(Value::from(inner.replace("''", "'")));
        }
        Some(_) => {}
    }
    let text = text.split(" #").next().unwrap_or(text).trim_end();
    Some(match text {
        "null" | "~" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        text => Value::from(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            description: "Line \"one\": # no remark".into(),
            url: "nats://a:4222,nats://b:4222".into(),
            password: "it's: 'quoted'".into(),
            tls_first: true,
            windows_ca_certs_match: Some(vec!["a".into(), "b, c".into()]),
            ..Settings::default()
        }
    }

    #[test]
    fn what_is_written_is_read_again_as_it_was() {
        for settings in [settings(), Settings::default()] {
            let sheet = write("dev", &settings).unwrap();
            assert!(read(&sheet).unwrap() == settings, "{sheet}");
        }
    }

    #[test]
    fn every_setting_of_a_context_has_a_line() {
        let Value::Object(all) = serde_json::to_value(Settings::default()).unwrap() else {
            panic!()
        };
        let missing: Vec<_> = all
            .keys()
            .filter(|key| *key != "nsc" && !KEYS.iter().any(|(known, _)| known == key))
            .collect();
        assert_eq!(missing, Vec::<&String>::new());
    }

    #[test]
    fn values_may_be_bare_or_quoted_and_remarks_are_no_part_of_them() {
        let read = read("url: nats://x:1 # here\nuser: 'o''hara'\npassword: \"a # b\"\ntls_first: true\ncreds:\n").unwrap();
        assert_eq!(
            (
                read.url.as_str(),
                read.user.as_str(),
                read.password.as_str()
            ),
            ("nats://x:1", "o'hara", "a # b")
        );
        assert!(read.tls_first && read.creds.is_empty());
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (sheet, message) in [
            ("url server", "line 1: not of the form key: value"),
            ("\nurll: x", "line 2: unknown setting"),
            ("url: x\nurl: y", "line 2: set twice"),
            ("url: \"open", "line 1: the value has no end"),
        ] {
            let error = read(sheet).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
        assert!(read("tls_first: perhaps").is_err());
    }
}
