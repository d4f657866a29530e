//! Secrets that a context names instead of holding them.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nats_jwt::secret::Secret;
use serde::Deserialize;
use tokio::process::Command;
use zeroize::Zeroizing;

use super::expand::expand;

/// How long a password tool may take; it may have to ask its user.
const TOOL_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest secret, in bytes. A credentials file holds a JWT of at most 1 MiB.
const SECRET_BYTES_MAX: usize = 2 << 20;

/// Where a value says that the secret is.
#[derive(Debug, PartialEq, Eq)]
enum Reference<'a> {
    Literal(&'a str),
    File(&'a str),
    Env(&'a str),
    OnePassword(&'a str),
    Nsc(&'a str),
    Data(&'a str),
}

impl<'a> Reference<'a> {
    fn read(value: &'a str) -> Self {
        let after = |prefix: &str| {
            value
                .get(..prefix.len())
                .filter(|start| start.eq_ignore_ascii_case(prefix))
                .and_then(|_| value.get(prefix.len()..))
        };
        if let Some(path) = after("file://") {
            Self::File(path)
        } else if let Some(name) = after("env://") {
            Self::Env(name)
        } else if let Some(item) = after("op://") {
            Self::OnePassword(item)
        } else if let Some(user) = after("nsc://") {
            Self::Nsc(user)
        } else if let Some(data) = after("data:") {
            Self::Data(data)
        } else {
            Self::Literal(value)
        }
    }
}

/// The secret itself. A bare value is the secret; line ends behind it do not count.
pub(super) async fn resolve(value: &str) -> Result<Secret, String> {
    let bytes = match Reference::read(value) {
        Reference::Literal(text) => return Ok(Secret::from(text)),
        Reference::File(path) => read_file(&expand(path))?,
        Reference::Env(name) => variable(name)?,
        Reference::OnePassword(item) => {
            let item = format!("op://{item}");
            run("op", &["read", &item]).await?
        }
        Reference::Nsc(user) => {
            let profile = nsc_profile(user).await?;
            read_file(&profile.creds.display().to_string())?
        }
        Reference::Data(data) => decode(data)?,
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| "the secret is not text".to_owned())?;
    Ok(Secret::from(text.trim_end_matches(['\r', '\n'])))
}

/// The path, when `value` is one: bare or with `file://`, expanded.
pub(super) fn as_path(value: &str) -> Option<PathBuf> {
    match Reference::read(value) {
        Reference::Literal(path) | Reference::File(path) => Some(expand(path).into()),
        _ => None,
    }
}

/// Whether `value` is the path of a file that is there, or says `file://`.
pub(super) fn names_file(value: &str) -> bool {
    matches!(Reference::read(value), Reference::File(_))
        || as_path(value).is_some_and(|path| path.is_file())
}

/// Replaces a path (bare or `file://`) by the content of its file as `data:;base64,…`, so that a context can be carried
/// elsewhere. Other values stay as they are.
///
/// # Errors
/// When the file cannot be read.
pub fn embed_file(value: &str) -> Result<String, String> {
    match as_path(value) {
        Some(path) if !value.is_empty() => {
            let content = read_file(&path.display().to_string())?;
            Ok(format!("data:;base64,{}", STANDARD.encode(&*content)))
        }
        _ => Ok(value.to_owned()),
    }
}

/// A user as `nsc` describes it.
pub(super) struct NscProfile {
    pub creds: PathBuf,
    pub servers: Vec<String>,
}

#[derive(Deserialize)]
struct NscProfileDocument {
    #[serde(default)]
    user_creds: String,
    #[serde(default)]
    operator: NscOperator,
}

#[derive(Default, Deserialize)]
struct NscOperator {
    #[serde(default)]
    service: Option<Vec<String>>,
}

/// Asks `nsc` for the user `operator/account/user`, with or without `nsc://`.
pub(super) async fn nsc_profile(user: &str) -> Result<NscProfile, String> {
    let user = match Reference::read(user) {
        Reference::Nsc(user) => user,
        _ => user,
    };
    let user = format!("nsc://{user}");
    let output = run("nsc", &["generate", "profile", &user]).await?;
    let document: NscProfileDocument =
        serde_json::from_slice(&output).map_err(|error| format!("output of nsc: {error}"))?;
    if document.user_creds.is_empty() {
        return Err(format!("nsc knows no credentials file for {user}"));
    }
    Ok(NscProfile {
        creds: document.user_creds.into(),
        servers: document.operator.service.unwrap_or_default(),
    })
}

fn read_file(path: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let named = |error| format!("{path}: {error}");
    let file = std::fs::File::open(path).map_err(named)?;
    // Room for all of it: a vector that grows leaves copies behind that nobody wipes.
    let mut content = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX + 1));
    file.take(SECRET_BYTES_MAX as u64 + 1)
        .read_to_end(&mut content)
        .map_err(named)?;
    bounded(std::mem::take(&mut content))
}

fn variable(name: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    if name.is_empty() {
        return Err("env:// names no variable".to_owned());
    }
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Err(format!("environment variable {name} is empty")),
        Ok(value) => bounded(value.into_bytes()),
        Err(_) => Err(format!("environment variable {name} is not set")),
    }
}

fn decode(data: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let (kind, payload) = data
        .split_once(',')
        .ok_or("data: has no comma in front of its content")?;
    if !kind.split(';').any(|part| part.trim() == "base64") {
        return Err("data: must say ;base64".to_owned());
    }
    let content = STANDARD
        .decode(payload)
        .map_err(|_| "data: is not base64".to_owned())?;
    bounded(content)
}

fn bounded(content: Vec<u8>) -> Result<Zeroizing<Vec<u8>>, String> {
    let content = Zeroizing::new(content);
    if content.len() > SECRET_BYTES_MAX {
        return Err(format!("larger than {SECRET_BYTES_MAX} bytes"));
    }
    Ok(content)
}

/// Runs a tool that prints the secret. What it prints on its error stream is no secret and helps.
async fn run(tool: &str, arguments: &[&str]) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut command = Command::new(tool);
    command.args(arguments).kill_on_drop(true);
    let output = match tokio::time::timeout(TOOL_TIMEOUT, command.output()).await {
        Err(_) => return Err(format!("{tool} did not end within {TOOL_TIMEOUT:?}")),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(format!("cannot find '{tool}' in PATH"));
        }
        Ok(Err(error)) => return Err(format!("{tool}: {error}")),
        Ok(Ok(output)) => output,
    };
    if !output.status.success() {
        let hint = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "{tool} failed ({}): {}",
            output.status,
            hint.trim()
        ));
    }
    bounded(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_form_is_resolved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "from file\r\n").unwrap();
        let file = format!("FILE://{}", path.display());
        for (value, secret) in [
            ("plain", "plain"),
            ("C:\\not\\a\\scheme", "C:\\not\\a\\scheme"),
            (file.as_str(), "from file"),
            ("data:;base64,c2VjcmV0Cg==", "secret"),
            ("data:text/plain;base64,c2VjcmV0", "secret"),
        ] {
            assert_eq!(resolve(value).await.unwrap().reveal(), secret, "{value}");
        }
        // PATH is set wherever tests run.
        assert!(!resolve("env://PATH").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_cannot_be_resolved_says_why_and_shows_nothing() {
        for (value, problem) in [
            ("env://", "names no variable"),
            ("env://NO_SUCH_VARIABLE_HERE", "is not set"),
            ("file:///no/such/file", "/no/such/file"),
            ("data:;base64", "comma"),
            ("data:,c2VjcmV0", ";base64"),
            ("data:;base64,***", "not base64"),
        ] {
            let error = resolve(value).await.unwrap_err();
            assert!(error.contains(problem), "{value}: {error}");
        }
    }

    #[test]
    fn files_are_embedded_and_other_references_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "secret").unwrap();
        let embedded = embed_file(&path.display().to_string()).unwrap();
        assert_eq!(embedded, "data:;base64,c2VjcmV0");
        for value in ["", "op://a/b/c", "data:;base64,c2VjcmV0"] {
            assert_eq!(embed_file(value).unwrap(), value);
        }
    }
}
