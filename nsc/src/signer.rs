//! Who signs: a key of the keystore, a seed that was given, or a program that keeps its keys elsewhere.
//!
//! `--signer exec:CMD` (or `NSC_SIGNER`) names such a program. `CMD list` prints the public keys that it signs with, one a line. `CMD
//! sign KEY` reads what is to be signed on standard input and prints the 64 bytes of the signature as base64url without padding. It
//! tells failures by its exit code and on standard error. Every signature is verified before it is used. It has
//! [`SIGNER_SECONDS`](crate::limits::SIGNER_SECONDS) for an answer (`NSC_SIGNER_TIMEOUT` says otherwise) and is ended when it takes longer:
//! whoever waits for a finger on a token gets a minute, and a script never hangs.

mod end;

use std::io::{ErrorKind, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use nats_jwt::claims::{SignError, Signer};
use nats_jwt::nkey::{KeyPair, PublicKey};

use crate::error::{Error, Result};
use crate::limits::{
    SIGNER_BYTES_MAX, SIGNER_LAST_WORDS, SIGNER_LOOK, SIGNER_SECONDS, SIGNER_SECONDS_MAX,
};
use end::{end, on_terminal};
use nats_term::interrupt::{Held, Signals};

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
#[derive(Debug, Clone)]
pub struct Program {
    command: String,
    patience: Duration,
    /// What it lists, once it was asked: it is one command of `nsc`.
    keys: Arc<OnceLock<Vec<PublicKey>>>,
}

impl Program {
    /// Reads `exec:CMD`, and how many seconds it has for an answer.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str, seconds: Option<&str>) -> Result<Self> {
        let command = match text.strip_prefix("exec:").map(str::trim) {
            Some(command) if !command.is_empty() => command.to_owned(),
            _ => {
                return Err(Error::refused(format!("{text:?} is no signer"))
                    .hint("name a program: --signer 'exec:CMD'"));
            }
        };
        let seconds = match seconds {
            None => SIGNER_SECONDS,
            Some(text) => match text.trim().parse() {
                Ok(seconds) if (1..=SIGNER_SECONDS_MAX).contains(&seconds) => seconds,
                _ => {
                    return Err(Error::refused(format!(
                        "NSC_SIGNER_TIMEOUT is {text:?}, and should be seconds from 1 to {SIGNER_SECONDS_MAX}"
                    )));
                }
            },
        };
        Ok(Self {
            command,
            patience: Duration::from_secs(seconds),
            keys: Arc::default(),
        })
    }

    /// The keys with which it signs.
    ///
    /// # Errors
    /// When the program fails or prints something else.
    pub fn keys(&self) -> Result<&[PublicKey]> {
        if let Some(keys) = self.keys.get() {
            return Ok(keys);
        }
        let output = self
            .run(&["list"], &[])
            .map_err(|e| Error::no_key(e).hint("try it by hand: CMD list prints public keys"))?;
        let lines = output
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty());
        let keys: Result<Vec<PublicKey>> = lines
            .map(|line| {
                PublicKey::parse(line).map_err(|e| {
                    Error::no_key(format!(
                        "signer {:?} lists what is no public key: {e}",
                        self.command
                    ))
                })
            })
            .collect();
        let keys = keys?;
        Ok(self.keys.get_or_init(|| keys))
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
                    self.command
                ))
            })
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> std::result::Result<String, String> {
        let failed = |error: std::io::Error| format!("signer {:?}: {error}", self.command);
        let held = Held::begin(Signals::All);
        let mut child = self.command(arguments).spawn().map_err(failed)?;
        let until = Instant::now()
            .checked_add(self.patience)
            .ok_or("the signer's time is too long")?;
        feed(&mut child, input);
        let read = collect(&mut child);
        let told = tell(&mut child);
        let result = self.awaited(&mut child, &read, until, &held);
        if result.is_err() {
            end(&mut child);
            held.obey();
        }
        // What it said comes before what we say about it; who inherited its standard error may keep that open for ever.
        let _ = told.recv_timeout(SIGNER_LAST_WORDS);
        let (status, output) = result?;
        if !status.success() {
            let why = match status.code() {
                Some(126) => " (it cannot be executed)",
                Some(127) => " (there is no such program)",
                _ => "",
            };
            return Err(format!("signer {:?} failed: {status}{why}", self.command));
        }
        String::from_utf8(output.map_err(failed)?)
            .map_err(|_| format!("signer {:?} printed what is no text", self.command))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = if cfg!(windows) {
            let mut words = self.command.split_whitespace();
            let mut command = Command::new(words.next().unwrap_or_default());
            command.args(words);
            command
        } else {
            let mut command = Command::new("sh");
            command
                .arg("-c")
                .arg(format!("{} \"$@\"", self.command))
                .arg("nsc-signer");
            command
        };
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        if !on_terminal() {
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        command
    }

    /// Waits until the program has printed everything and has ended, both before `until`.
    fn awaited(
        &self,
        child: &mut Child,
        read: &Receiver<std::io::Result<Vec<u8>>>,
        until: Instant,
        held: &Held,
    ) -> std::result::Result<(ExitStatus, std::io::Result<Vec<u8>>), String> {
        let late = || {
            format!(
                "signer {:?} did not answer within {} s; NSC_SIGNER_TIMEOUT=SECONDS gives it longer",
                self.command,
                self.patience.as_secs()
            )
        };
        let ended = || Err(format!("signer {:?} was interrupted", self.command));
        let output = loop {
            let left = until.saturating_duration_since(Instant::now());
            match read.recv_timeout(left.min(SIGNER_LOOK)) {
                Ok(output) => break output,
                Err(RecvTimeoutError::Disconnected) => break Ok(Vec::new()),
                Err(RecvTimeoutError::Timeout) if held.came() => return ended(),
                Err(RecvTimeoutError::Timeout) if left.is_zero() => return Err(late()),
                Err(RecvTimeoutError::Timeout) => {}
            }
        };
        if output.as_ref().is_ok_and(|o| o.len() > SIGNER_BYTES_MAX) {
            return Err(format!(
                "signer {:?} printed more than {SIGNER_BYTES_MAX} bytes",
                self.command
            ));
        }
        let mut pause = Duration::from_micros(200);
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok((status, output)),
                Ok(None) if held.came() => return ended(),
                Ok(None) if Instant::now() >= until => return Err(late()),
                Ok(None) => std::thread::sleep(pause),
                Err(error) => return Err(format!("signer {:?}: {error}", self.command)),
            }
            pause = pause.saturating_mul(2).min(Duration::from_millis(50));
        }
    }
}

/// Writes the input in a thread of its own: a program may print before it has read everything. One that needs no input need not read it,
/// and one that did not read what it signed is found out by its signature.
fn feed(child: &mut Child, input: &[u8]) {
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.to_vec();
        std::thread::spawn(move || stdin.write_all(&input));
    }
}

/// Hands on what the program says on standard error, up to a limit, in a thread of its own; the end of the channel is the end of that.
/// (If it had our standard error itself, whatever it leaves running would keep that open after us.)
fn tell(child: &mut Child) -> Receiver<()> {
    let (sender, receiver) = mpsc::channel::<()>();
    if let Some(mut words) = child.stderr.take() {
        std::thread::spawn(move || {
            let ended = sender;
            let (mut chunk, mut left) = ([0; 4096], SIGNER_BYTES_MAX);
            while let Ok(read) = words.read(&mut chunk)
                && read > 0
            {
                let said = chunk.get(..read.min(left)).unwrap_or_default();
                left = left.saturating_sub(said.len());
                // Nobody to tell when standard error is closed.
                let _ = std::io::stderr().lock().write_all(said);
            }
            drop(ended);
        });
    }
    receiver
}

/// Reads what the program prints, one byte more than it may, in a thread of its own: another program may have inherited its output, and
/// keep it open for ever.
fn collect(child: &mut Child) -> Receiver<std::io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        std::thread::spawn(move || {
            let most = u64::try_from(SIGNER_BYTES_MAX).unwrap_or(u64::MAX);
            let mut output = Vec::new();
            let mut stdout = stdout.take(most.saturating_add(1));
            let read = loop {
                match stdout.read_to_end(&mut output) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    read => break read,
                }
            };
            let _ = sender.send(read.map(|_| output));
        });
    }
    receiver
}
