//! A program for `nsc --signer 'exec:file-signer DIRECTORY'`, to learn the protocol from: it signs with the seeds below a directory.
//!
//! `list` prints the public keys, one a line. `sign KEY` signs standard input and prints the signature as base64url without padding.
//! A real one asks an HSM or an agent instead.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use nats_jwt::nkey::KeyPair;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [directory, "list"] => {
            for pair in pairs(Path::new(directory)) {
                println!("{}", pair.public_key());
            }
            ExitCode::SUCCESS
        }
        [directory, "sign", key] => sign(Path::new(directory), key),
        _ => {
            eprintln!("usage: file-signer DIRECTORY list | file-signer DIRECTORY sign KEY");
            ExitCode::FAILURE
        }
    }
}

fn sign(directory: &Path, key: &str) -> ExitCode {
    let mut message = Vec::new();
    if std::io::stdin().read_to_end(&mut message).is_err() {
        return ExitCode::FAILURE;
    }
    let pair = pairs(directory)
        .into_iter()
        .find(|pair| pair.public_key().to_string() == key);
    match pair {
        Some(pair) => {
            println!("{}", pair.sign_text(&message));
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("there is no seed of {key}");
            ExitCode::FAILURE
        }
    }
}

/// The pairs in all files below a directory.
fn pairs(directory: &Path) -> Vec<KeyPair> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(pairs(&path));
        } else if let Ok(seed) = std::fs::read_to_string(&path) {
            found.extend(KeyPair::from_seed(seed.trim()));
        }
    }
    found
}
