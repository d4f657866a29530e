//! Every way to say who we are: `cargo run -p nats-client --example authentication URL FORM [VALUE…]`.
//!
//! ```text
//! user NAME PASSWORD     creds FILE     tls CA [CERTIFICATE KEY]       context NAME
//! token TOKEN            nkey FILE      tls-first CA [CERTIFICATE KEY]
//! jwt TOKEN SEED         bearer TOKEN   none
//! ```
//!
//! Prints what the server knows about the connection, or why it was refused.

use std::io::Write;

use nats_client::context::Store;
use nats_client::{Client, Options};

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run(&arguments, &mut std::io::stdout()).await
}

/// One login, as the words of the command line say.
///
/// # Errors
/// When the form is unknown or the server refuses.
pub async fn run(arguments: &[&str], out: &mut dyn Write) -> Outcome {
    let [url, form @ ..] = arguments else {
        return Err("which server?".into());
    };
    let client = connect(url, form).await?;
    let info = client.server_info();
    writeln!(out, "let in by a server {}", info.version)?;
    if let Some(tls) = client.tls_session() {
        writeln!(out, "TLS {}, {}", tls.version, tls.cipher_suite)?;
    }
    client.flush().await?;
    client.drain().await?;
    Ok(())
}

async fn connect(url: &str, form: &[&str]) -> Result<Client, Box<dyn std::error::Error>> {
    let options = Options::new().name("authentication");
    let options = match form {
        ["none"] => options,
        ["user", name, password] => options.user_and_password(*name, *password),
        ["token", token] => options.token(*token),
        // Files are read again with every connection: a new one takes effect without a restart.
        ["creds", file] => options.credentials_file(file),
        ["nkey", file] => options.nkey_file(file),
        ["jwt", token, seed] => options.jwt(*token, *seed),
        ["bearer", token] => options.bearer_jwt(*token),
        ["tls", authority] => options.ca_file(authority).require_tls(),
        ["tls", authority, certificate, key] => options
            .ca_file(authority)
            .client_certificate(certificate, key),
        ["tls-first", authority] => options.ca_file(authority).tls_first(),
        ["tls-first", authority, certificate, key] => options
            .ca_file(authority)
            .client_certificate(certificate, key)
            .tls_first(),
        // The settings that all tools share: `nats context add`.
        ["context", name] => {
            let context = Store::open_default()?.load(name)?;
            return Ok(context.connect(options).await?);
        }
        other => {
            return Err(
                format!("unknown form {other:?}; the first lines of this file name them").into(),
            );
        }
    };
    Ok(options.connect(url).await?)
}
