//! Who signs: a key of the keystore, a seed that was given, or a program that keeps its keys elsewhere.
//!
//! `--signer exec:CMD` (or `NSC_SIGNER`) names such a program. `CMD list` prints the public keys that it signs with, one a line. `CMD
//! sign KEY` reads what is to be signed on standard input and prints the 64 bytes of the signature as base64url without padding. It
//! tells failures by its exit code and on standard error. Every signature is verified before it is used.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use nats_jwt::claims::{SignError, Signer};
use nats_jwt::nkey::{KeyPair, PublicKey};

use crate::error::{Error, Result};
use crate::limits::SIGNER_BYTES_MAX;

/// A key that signs, wherever it is.
#[derive(Debug)]
pub enum Key {
    Pair(KeyPair),
    Elsewhere { key: PublicKey, program: Program },
}

impl Key {
    /// The text of the public key.
    pub fn text(&self) -> String {
        self.public_key().to_string()
    }
}

impl Signer for Key {
    fn public_key(&self) -> PublicKey {
        match self {
            Self::Pair(pair) => pair.public_key(),
            Self::Elsewhere { key, .. } => *key,
        }
    }

    fn sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, SignError> {
        match self {
            Self::Pair(pair) => Ok(pair.sign(message).to_vec()),
            Self::Elsewhere { key, program } => program.sign(key, message),
        }
    }
}

/// A program that signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program(String);

impl Program {
    /// Reads `exec:CMD`.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self> {
        match text.strip_prefix("exec:").map(str::trim) {
            Some(command) if !command.is_empty() => Ok(Self(command.to_owned())),
            _ => Err(Error::refused(format!("{text:?} is no signer"))
                .hint("name a program: --signer 'exec:CMD'")),
        }
    }

    /// The keys with which it signs.
    ///
    /// # Errors
    /// When the program fails or prints something else.
    pub fn keys(&self) -> Result<Vec<PublicKey>> {
        let output = self.run(&["list"], &[]).map_err(Error::no_key)?;
        let lines = output
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty());
        lines
            .map(|line| {
                PublicKey::parse(line).map_err(|e| {
                    Error::no_key(format!(
                        "signer {:?} lists what is no public key: {e}",
                        self.0
                    ))
                })
            })
            .collect()
    }

    fn sign(&self, key: &PublicKey, message: &[u8]) -> std::result::Result<Vec<u8>, SignError> {
        let output = self
            .run(&["sign", &key.to_string()], message)
            .map_err(SignError)?;
        data_encoding::BASE64URL_NOPAD
            .decode(output.trim().trim_end_matches('=').as_bytes())
            .map_err(|_| {
                SignError(format!(
                    "signer {:?} printed no signature in base64url",
                    self.0
                ))
            })
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> std::result::Result<String, String> {
        let failed = |error: std::io::Error| format!("signer {:?}: {error}", self.0);
        let mut command = if cfg!(windows) {
            let mut words = self.0.split_whitespace();
            let mut command = Command::new(words.next().unwrap_or_default());
            command.args(words);
            command
        } else {
            let mut command = Command::new("sh");
            command
                .arg("-c")
                .arg(format!("{} \"$@\"", self.0))
                .arg("nsc-signer");
            command
        };
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(failed)?;
        let fed = child.stdin.take().map(|mut stdin| stdin.write_all(input));
        let mut output = Vec::new();
        let read = child.stdout.take().map(|stdout| {
            let most = u64::try_from(SIGNER_BYTES_MAX).unwrap_or(u64::MAX);
            stdout.take(most).read_to_end(&mut output)
        });
        let status = child.wait().map_err(failed)?;
        if !status.success() {
            return Err(format!("signer {:?} failed: {status}", self.0));
        }
        if let Some(Err(error)) = read {
            return Err(failed(error));
        }
        match fed {
            // One that needs no input need not read it.
            Some(Err(error)) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                return Err(failed(error));
            }
            _ => {}
        }
        String::from_utf8(output)
            .map_err(|_| format!("signer {:?} printed what is no text", self.0))
    }
}
