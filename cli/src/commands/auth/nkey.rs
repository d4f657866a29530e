//! `nats auth nkey`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nats_jwt::creds::write_private;
use nats_jwt::nkey::{CurveKey, KeyPair, Kind, PublicKey};
use nats_jwt::secret::Secret;

use crate::error::{CliError, Result};

#[derive(Debug, clap::Subcommand)]
pub enum Nkey {
    /// Make a key
    #[command(after_help = "Example:\n  nats auth nkey gen user --output user.nk --public")]
    Gen(Gen),
    /// Show the public key of a key
    #[command(after_help = "Example:\n  nats auth nkey show user.nk")]
    Show {
        /// File with the key
        key: PathBuf,
    },
    /// Sign a file
    #[command(after_help = "Example:\n  nats auth nkey sign letter.txt user.nk > letter.sig")]
    Sign {
        /// File to sign
        file: PathBuf,
        /// File with the key
        key: PathBuf,
    },
    /// Verify the signature of a file
    #[command(after_help = "Example:\n  nats auth nkey verify letter.txt letter.sig user.pub")]
    Verify {
        /// File that was signed
        file: PathBuf,
        /// File with the signature
        signature: PathBuf,
        /// File with the key, public or not
        key: PathBuf,
    },
    /// Encrypt a file for somebody
    #[command(
        visible_alias = "encrypt",
        alias = "enc",
        after_help = "Example:\n  nats auth nkey seal letter.txt mine.nk X… --output letter.sealed"
    )]
    Seal(Sealing),
    /// Decrypt a file from somebody
    #[command(visible_alias = "open", aliases = ["decrypt", "dec"], after_help = "Example:\n  nats auth nkey unseal letter.sealed mine.nk X…")]
    Unseal(Sealing),
}

#[derive(Debug, clap::Args)]
pub struct Gen {
    /// What the key is for
    #[arg(value_parser = ["user", "account", "server", "cluster", "operator", "curve", "x25519"])]
    kind: String,
    /// Print the public key as well
    #[arg(long)]
    public: bool,
    /// File with 32 bytes to make the key from; not for curve keys
    #[arg(long, value_name = "FILE")]
    entropy: Option<PathBuf>,
    /// Write the key to a file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct Sealing {
    /// The file
    file: PathBuf,
    /// File with our curve key
    key: PathBuf,
    /// Public curve key of the other side
    peer: String,
    /// Write to a file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The sealed form is base64 (default)
    #[arg(long, hide = true, overrides_with = "no_b64")]
    b64: bool,
    /// The sealed form is binary
    #[arg(long)]
    no_b64: bool,
}

pub fn run(command: Nkey) -> Result {
    match command {
        Nkey::Gen(args) => generate(&args),
        Nkey::Show { key } => outln!("{}", public(&key)?),
        Nkey::Sign { file, key } => {
            let pair = signing(&key)?;
            outln!("{}", STANDARD.encode(pair.sign(&read(&file)?)))
        }
        Nkey::Verify {
            file,
            signature,
            key,
        } => {
            let signature = text(&signature)?;
            let key = public(&key)?;
            key.verify_text(&read(&file)?, signature.reveal())
                .map_err(|e| CliError::new(e.to_string()))?;
            outln!("Verified OK")
        }
        Nkey::Seal(args) => {
            let sealed = curve(&args.key)?.seal(&read(&args.file)?, &peer(&args.peer)?);
            let sealed = sealed.map_err(|e| CliError::new(e.to_string()))?;
            let content = if args.no_b64 {
                sealed
            } else {
                STANDARD.encode(sealed).into_bytes()
            };
            write(args.output.as_deref(), &content)
        }
        Nkey::Unseal(args) => {
            let mut sealed = read(&args.file)?;
            if !args.no_b64 {
                sealed.retain(|byte| !byte.is_ascii_whitespace());
                sealed = STANDARD.decode(&sealed).map_err(|_| {
                    CliError::new("the file is not base64")
                        .next_step("sealed with --no-b64? then open with --no-b64")
                })?;
            }
            let opened = curve(&args.key)?.open(&sealed, &peer(&args.peer)?);
            write(
                args.output.as_deref(),
                &opened.map_err(|e| CliError::new(e.to_string()))?,
            )
        }
    }
}

fn generate(args: &Gen) -> Result {
    let failed = |e: nats_jwt::nkey::NkeyError| CliError::new(e.to_string());
    let kind = match args.kind.as_str() {
        "user" => Kind::User,
        "account" => Kind::Account,
        "server" => Kind::Server,
        "cluster" => Kind::Cluster,
        "operator" => Kind::Operator,
        _ => Kind::Curve,
    };
    let (seed, key) = match (&args.entropy, kind) {
        (Some(_), Kind::Curve) => {
            return Err(CliError::new("--entropy is not available for curve keys")
                .next_step("leave it out"));
        }
        (Some(path), _) => {
            let mut raw = zeroize::Zeroizing::new([0; 32]);
            let mut file =
                std::fs::File::open(path).map_err(|e| CliError::from(e).context(path.display()))?;
            file.read_exact(&mut *raw)
                .map_err(|e| CliError::from(e).context(path.display()))?;
            let pair = KeyPair::from_raw(kind, raw).map_err(failed)?;
            (pair.seed(), pair.public_key())
        }
        (None, Kind::Curve) => {
            let key = CurveKey::generate().map_err(failed)?;
            (key.seed(), key.public_key())
        }
        (None, _) => {
            let pair = KeyPair::generate(kind).map_err(failed)?;
            (pair.seed(), pair.public_key())
        }
    };
    match &args.output {
        Some(path) => {
            write_private(path, seed.reveal().as_bytes())
                .map_err(|e| CliError::from(e).context(path.display()))?;
            outln!("{key}")
        }
        None if args.public => outln!("{}\n\n{key}", seed.reveal()),
        None => outln!("{}", seed.reveal()),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    Ok(nats_nsc::files::read_named(path, nats_nsc::limits::MESSAGE_BYTES_MAX)?.to_vec())
}

fn text(path: &Path) -> Result<Secret> {
    let content = zeroize::Zeroizing::new(read(path)?);
    let text = std::str::from_utf8(&content)
        .map_err(|_| CliError::new(format!("{} is no text", path.display())))?;
    Ok(Secret::new(text.trim()))
}

fn signing(path: &Path) -> Result<KeyPair> {
    let text = text(path)?;
    KeyPair::from_seed(text.reveal())
        .or_else(|_| nats_jwt::creds::parse_seed(text.reveal().as_bytes()))
        .map_err(|e| CliError::new(format!("{}: {e}", path.display())))
}

fn curve(path: &Path) -> Result<CurveKey> {
    CurveKey::from_seed(text(path)?.reveal()).map_err(|e| {
        CliError::new(format!("{}: {e}", path.display()))
            .next_step("make one: nats auth nkey gen curve --output FILE")
    })
}

fn public(path: &Path) -> Result<PublicKey> {
    let text = text(path)?;
    if let Ok(key) = PublicKey::parse(text.reveal()) {
        return Ok(key);
    }
    match CurveKey::from_seed(text.reveal()) {
        Ok(key) => Ok(key.public_key()),
        Err(_) => Ok(signing(path)?.public_key()),
    }
}

fn peer(key: &str) -> Result<PublicKey> {
    PublicKey::parse_kind(key, Kind::Curve).map_err(|e| CliError::new(format!("{key:?}: {e}")))
}

fn write(path: Option<&Path>, content: &[u8]) -> Result {
    match path {
        Some(path) => {
            write_private(path, content).map_err(|e| CliError::from(e).context(path.display()))
        }
        None => {
            use std::io::Write as _;
            std::io::stdout().lock().write_all(content)?;
            Ok(())
        }
    }
}
