//! Runs the `nats` binary against the server that NATS_SERVER_BIN names.

// Every suite uses a part of this.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Nothing here takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server of its own for each test, on a port that the system chose.
pub struct Server {
    process: Child,
    pub url: String,
    folder: TempDir,
}

/// A running `nats`, ended with the test.
pub struct Running {
    process: Child,
    lines: mpsc::Receiver<String>,
}

/// What a finished `nats` left behind.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// The server binary to test against. Without one the test is left out, with a visible line.
pub fn server_binary() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("NATS_SERVER_BIN") {
        return Some(path.into());
    }
    let required = std::env::var_os("NATS_REQUIRE_ALL").is_some_and(|v| v == "1");
    assert!(
        !required,
        "NATS_REQUIRE_ALL=1, but NATS_SERVER_BIN names no server"
    );
    eprintln!("SKIPPED: set NATS_SERVER_BIN to a nats-server to run the black-box tests of nats");
    None
}

impl Server {
    /// Starts a server with an empty configuration; `None` when there is no binary.
    pub fn start() -> Option<Self> {
        Self::with_config("")
    }

    pub fn with_config(config: &str) -> Option<Self> {
        let binary = server_binary()?;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.conf");
        std::fs::write(&path, config).unwrap();
        let process = Command::new(&binary)
            .arg("-c")
            .arg(&path)
            .args(["-a", "127.0.0.1", "-p", "-1", "--ports_file_dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self {
            process,
            url: String::new(),
            folder,
        };
        server.url = server.wait_for_url();
        Some(server)
    }

    fn wait_for_url(&self) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(url) = ports_file(self.folder.path()) {
                return url;
            }
            assert!(Instant::now() < deadline, "the server wrote no ports file");
            // Another process writes it: there is nothing to await.
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Runs `nats` to its end.
    pub fn nats(&self, args: &[&str]) -> Outcome {
        finish(command(&self.url, self.folder.path()).args(args), "")
    }

    /// The same with something on standard input.
    pub fn nats_with_input(&self, args: &[&str], input: &str) -> Outcome {
        finish(command(&self.url, self.folder.path()).args(args), input)
    }

    /// Starts `nats` and waits until it has said `ready` on standard output or standard error.
    pub fn run(&self, args: &[&str], ready: &str) -> Running {
        let mut process = command(&self.url, self.folder.path())
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        forward(process.stdout.take().unwrap(), sender.clone());
        forward(process.stderr.take().unwrap(), sender);
        let running = Running { process, lines };
        running.wait_for(ready);
        running
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Running {
    /// Reads lines up to one that holds `text`, and returns it.
    pub fn wait_for(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => seen.push(line),
                Err(_) => panic!("no line with {text:?} came; there were {seen:#?}"),
            }
        }
    }

    /// Waits for the end; the rest of the lines and the exit code.
    pub fn finish(mut self) -> (Vec<String>, i32) {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => lines.push(line),
                // Both ends of its output are closed: it has ended, or is about to.
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let _ = self.process.kill();
                    panic!("the program did not end; it said {lines:#?}");
                }
            }
        }
        let status = self.process.wait().unwrap();
        (lines, status.code().unwrap_or(-1))
    }

    /// Ctrl-C.
    #[cfg(unix)]
    pub fn interrupt(&self) {
        let pid = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `nats` with nothing of the surrounding environment.
pub fn command(url: &str, home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nats"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("TZ", "UTC");
    if !url.is_empty() {
        command.env("NATS_URL", url);
    }
    command
}

pub fn finish(command: &mut Command, input: &str) -> Outcome {
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let input = input.to_owned();
    // A program that does not read its input must not stop the test.
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(input.as_bytes());
    });
    let Output {
        status,
        stdout,
        stderr,
    } = process.wait_with_output().unwrap();
    writer.join().unwrap();
    Outcome {
        code: status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

fn forward(pipe: impl std::io::Read + Send + 'static, sender: mpsc::Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
}

/// The client URL of the `*.ports` file, once it is complete.
fn ports_file(folder: &Path) -> Option<String> {
    let entry = std::fs::read_dir(folder).ok()?.flatten().find(|entry| {
        entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "ports")
    })?;
    let document: serde_json::Value =
        serde_json::from_slice(&std::fs::read(entry.path()).ok()?).ok()?;
    Some(document.get("nats")?.get(0)?.as_str()?.to_owned())
}
