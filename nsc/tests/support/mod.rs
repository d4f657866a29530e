//! Runs `nsc` in a home directory of its own.

// Every suite uses a part of this.
#![allow(dead_code)]

pub mod account_server;
pub mod terminal;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A home directory with nothing in it.
pub struct Home(TempDir);

impl Home {
    /// Puts the store that the reference made (`data/reference-store`) here, and selects its operator.
    pub fn take_reference_store(&self) {
        copy_reference_store(self.path());
        self.ok(&["select", "operator", "REF"]);
    }

    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    /// The same files in another home; the configuration names that one.
    pub fn copy(&self) -> Self {
        let copy = Self::new();
        let (old, new) = (
            self.path().display().to_string(),
            copy.path().display().to_string(),
        );
        for (path, content) in all_files(self.path()) {
            let below = path.strip_prefix(self.path()).expect("below");
            let target = copy.path().join(below);
            std::fs::create_dir_all(target.parent().expect("a parent")).expect("made");
            let content = match String::from_utf8(content) {
                Ok(text) => text.replace(&old, &new).into_bytes(),
                Err(other) => other.into_bytes(),
            };
            std::fs::write(target, content).expect("written");
        }
        copy
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// `nsc` with nothing of this process but the path of programs.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nsc"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("nsc runs")
    }

    /// Begins `nsc` and waits until it has said `ready`.
    pub fn begin(&self, arguments: &[&str], ready: &str) -> Begun {
        let mut process = self
            .command(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("nsc runs");
        let mut output = BufReader::new(process.stdout.take().expect("piped"));
        let mut said = String::new();
        while !said.contains(ready) {
            let read = output.read_line(&mut said).expect("readable");
            assert!(read > 0, "nsc {arguments:?} ended with {said}");
        }
        Begun {
            process,
            output,
            said,
        }
    }

    /// Standard output of a command that succeeds.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "nsc {arguments:?}\n{out}{err}");
        out
    }

    /// Standard error of a command that fails with code 1.
    #[track_caller]
    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(
            output.status.code(),
            Some(1),
            "nsc {arguments:?}: {}",
            text(&output.stdout)
        );
        text(&output.stderr)
    }

    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        serde_json::from_str(&self.ok(&all)).expect("a document")
    }

    pub fn stores(&self) -> PathBuf {
        self.path().join(".local/share/nats/nsc/stores")
    }

    pub fn keys(&self) -> PathBuf {
        self.path().join(".local/share/nats/nsc/keys")
    }

    /// Runs lines as a user types them; all have to succeed.
    #[track_caller]
    pub fn all(&self, lines: &[&str]) {
        for line in lines {
            self.line(line);
        }
    }

    /// Runs a line as a user types it; it has to succeed.
    #[track_caller]
    pub fn line(&self, line: &str) -> String {
        let words = nats_term::examples::words(line);
        let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        self.ok(&words)
    }

    /// An operator, an account and a user.
    pub fn prepared() -> Self {
        let home = Self::new();
        home.ok(&["add", "operator", "O", "--sys"]);
        home.ok(&["add", "account", "A"]);
        home.ok(&["add", "user", "u"]);
        home
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn all_files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let Ok(entries) = std::fs::read_dir(directory) else {
        return files;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(all_files(&path));
        } else {
            files.push((path.clone(), std::fs::read(&path).expect("readable")));
        }
    }
    files.sort();
    files
}

/// A `nsc` that runs; ended with the test.
pub struct Begun {
    process: Child,
    output: BufReader<std::process::ChildStdout>,
    said: String,
}

impl Begun {
    /// Waits for its end; yields the exit code and what it said.
    pub fn end(mut self) -> (Option<i32>, String) {
        self.output
            .read_to_string(&mut self.said)
            .expect("readable");
        let status = self.process.wait().expect("it ends");
        (status.code(), std::mem::take(&mut self.said))
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The server binary to test against. Without one those tests are left out, with a visible line.
pub fn server_binary() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("NATS_SERVER_BIN") {
        return Some(path.into());
    }
    let required = std::env::var_os("NATS_REQUIRE_ALL").is_some_and(|v| v == "1");
    assert!(
        !required,
        "NATS_REQUIRE_ALL=1, but NATS_SERVER_BIN names no server"
    );
    eprintln!("SKIPPED: set NATS_SERVER_BIN to a nats-server to run what nsc does with servers");
    None
}

/// A server in operator mode, on a port that the system chose.
pub struct Server {
    process: Child,
    pub url: String,
}

impl Server {
    /// Starts one that trusts the operator in use of `home`; `None` when there is no binary.
    pub fn start(home: &Home) -> Option<Self> {
        let binary = server_binary()?;
        let folder = home.path().join("server");
        std::fs::create_dir_all(&folder).expect("made");
        let config = home.ok(&["generate", "config", "--nats-resolver"]);
        let config = config.replace("./jwt", &folder.join("jwt").display().to_string());
        let config = config.replace("allow_delete: false", "allow_delete: true");
        let path = folder.join("server.conf");
        std::fs::write(&path, config).expect("written");
        let process = Command::new(binary)
            .arg("-c")
            .arg(&path)
            .args(["-a", "127.0.0.1", "-p", "-1", "--ports_file_dir"])
            .arg(&folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let mut server = Self {
            process,
            url: String::new(),
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        while server.url.is_empty() {
            assert!(Instant::now() < deadline, "the server wrote no ports file");
            // Another process writes it: there is nothing to await.
            std::thread::sleep(Duration::from_millis(5));
            server.url = url_in(&folder).unwrap_or_default();
        }
        Some(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The client URL in the ports file of a folder, when it is there and whole.
fn url_in(folder: &Path) -> Option<String> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let mut files = entries.filter(|entry| {
        entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "ports")
    });
    let content = std::fs::read(files.next()?.path()).ok()?;
    let ports: Value = serde_json::from_slice(&content).ok()?;
    Some(ports["nats"][0].as_str()?.to_owned())
}

/// Puts the store that the reference made (`data/reference-store`) into a home directory.
pub fn copy_reference_store(home: &Path) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/reference-store");
    copy(&data, &home.join(".local/share/nats/nsc"));
}

/// A directory with everything below it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}
