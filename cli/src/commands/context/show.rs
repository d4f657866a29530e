//! A context as a person reads it. Secrets are not shown.

use nats_client::Options;
use nats_client::context::{Context, Settings};
use serde_json::Value;

use crate::error::Result;
use crate::globals::Globals;
use crate::output::Columns;
use crate::output::color::{Scheme, paint};

/// Prints a context; the number of things that are wrong with it.
pub async fn show(globals: &Globals, context: &Context, connect: bool) -> Result<usize> {
    let mut problems = 0;
    let mut columns = describe(context, globals.scheme(), &mut problems);
    if connect {
        match check_connection(globals, context).await {
            Ok(()) => columns.row("Connection", good("OK")),
            Err(error) => {
                problems += 1;
                columns.row("Connection", bad(&error.to_string()));
            }
        }
    }
    out!("{}\n", columns.render())?;
    Ok(problems)
}

/// The name, and the settings as they stand in the file.
pub fn document(context: &Context) -> Result<Value> {
    let mut document = serde_json::Map::new();
    document.insert("name".to_owned(), Value::from(context.name.clone()));
    if let Value::Object(settings) = serde_json::to_value(&context.settings)? {
        document.extend(settings);
    }
    Ok(Value::Object(document))
}

fn describe(context: &Context, scheme: Scheme, problems: &mut usize) -> Columns {
    let s = &context.settings;
    let heading = format!("NATS Configuration Context {:?}", context.name);
    let mut columns = Columns::new(heading, scheme);
    columns.row_unless_empty("Description", &s.description);
    columns.row_unless_empty("Server URLs", &s.url);
    columns.row_unless_empty("SOCKS5 Proxy", &s.socks_proxy);
    columns.row_unless_empty("Username", &s.user);
    columns.row_unless_empty("Password", &hidden(&s.password));
    columns.row_unless_empty("Token", &hidden(&s.token));
    describe_locations(&mut columns, s, problems);
    columns.row_if(s.tls_first, "TLS First", s.tls_first);
    columns.row_unless_empty("JS API Prefix", &s.jetstream_api_prefix);
    columns.row_unless_empty("JS Event Prefix", &s.jetstream_event_prefix);
    columns.row_unless_empty("JS Domain", &s.jetstream_domain);
    columns.row_unless_empty("Inbox Prefix", &s.inbox_prefix);
    if let Some(path) = &context.path {
        columns.row("Path", path.display().to_string());
    }
    columns.row_unless_empty("Color Scheme", &s.color_scheme);
    columns
}

/// Everything that says where something is.
fn describe_locations(columns: &mut Columns, s: &Settings, problems: &mut usize) {
    for (label, location) in [
        ("Credentials", &s.creds),
        ("NSC", &s.nsc),
        ("User JWT", &s.user_jwt),
        ("User Seed", &s.user_seed),
        ("NKey", &s.nkey),
        ("Certificate", &s.cert),
        ("Key", &s.key),
        ("CA", &s.ca),
    ] {
        if !location.is_empty() {
            columns.row(label, located(label, location, problems));
        }
    }
    if !s.windows_cert_store.is_empty() {
        columns.row("Certificate Store", &s.windows_cert_store);
        columns.row("Certificate Store Match", &s.windows_cert_match);
        columns.row("Certificate Store Match By", &s.windows_cert_match_by);
        let authorities = s.windows_ca_certs_match.clone().unwrap_or_default();
        columns.row("Certificate Store CA Match", authorities);
    }
}

/// Where a secret is, and whether it is there.
fn located(label: &str, location: &str, problems: &mut usize) -> String {
    let state = match location.split_once("://") {
        _ if location.starts_with("data:") => return "embedded data".to_owned(),
        Some(("op", _)) => paint(Scheme::Cyan, "1Password"),
        Some(("nsc", _)) => paint(Scheme::Cyan, "nsc"),
        Some(("env", _)) => paint(Scheme::Cyan, "runtime environment"),
        Some(("file", path)) => file_state(path, problems),
        // A JWT and a seed may stand in the context themselves; a seed must not be shown.
        _ if label == "User Seed" && location.starts_with("SU") => return hidden(location),
        _ if label == "User JWT" && location.starts_with("eyJ") => {
            return "in the context".to_owned();
        }
        _ => file_state(location, problems),
    };
    format!("{location} ({state})")
}

fn file_state(path: &str, problems: &mut usize) -> String {
    let path = match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => path.into(),
    };
    let readable = path.is_file() && std::fs::File::open(&path).is_ok();
    if readable {
        return good("OK");
    }
    *problems += 1;
    bad("ERROR")
}

async fn check_connection(globals: &Globals, context: &Context) -> Result {
    let options = Options::new()
        .name(globals.args.connection_name.trim())
        .connect_timeout(globals.timeout())
        .no_reconnect();
    context.connect(options).await?.close().await;
    Ok(())
}

/// As many stars as the secret is long would tell how long it is.
fn hidden(secret: &str) -> String {
    if secret.is_empty() {
        String::new()
    } else {
        "*********".to_owned()
    }
}

fn good(text: &str) -> String {
    paint(Scheme::Green, text)
}

fn bad(text: &str) -> String {
    paint(Scheme::Red, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_checked_and_secrets_are_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let creds = folder.path().join("a.creds");
        std::fs::write(&creds, "x").unwrap();
        let mut context = Context::new("test");
        context.settings = Settings {
            description: "A test".into(),
            url: "nats://a,nats://b".into(),
            user: "u".into(),
            password: "hunter2".into(),
            token: "sesame".into(),
            creds: creds.display().to_string(),
            nkey: "/no/such/file".into(),
            user_seed: "SUALMNOP".into(),
            user_jwt: "env://JWT".into(),
            ca: "data:;base64,AAAA".into(),
            ..Settings::default()
        };
        let mut problems = 0;
        let text = describe(&context, Scheme::Rounded, &mut problems).render();
        let text = text.replace(&creds.display().to_string(), "CREDS");
        insta::assert_snapshot!(text);
        assert_eq!(problems, 1);
        assert!(
            !text.contains("hunter2") && !text.contains("sesame") && !text.contains("SUALMNOP")
        );
    }
}
