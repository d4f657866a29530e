//! Starts a server in a folder of its own, waits until it is ready, and kills it by its own process id.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use regex::Regex;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::{binary, http};

/// How long a condition may take before the test fails. Generous: the suites share two cores.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Log lines of warning and error that no test needs to list: what one client did wrong (the tests provoke that), and the
/// remark on plain passwords in test configurations.
const ALWAYS_ALLOWED: [&str; 3] = [r"cid:\d+", "Plaintext passwords", "TLS handshake error"];

/// What to start: configuration text, files beside it, flags.
///
/// In the configuration and in flags, `$DIR` stands for the temporary folder. The configuration is preceded by a listen address with
/// a free port and by the ports file's folder, so that a test names neither.
pub struct Launch {
    dir: TempDir,
    config: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    allowed: Vec<Regex>,
    binary: PathBuf,
    port: i32,
    wait_until_ready: bool,
    patience: Duration,
}

impl Launch {
    /// The server under test with this configuration.
    pub fn new(config: &str) -> Self {
        Self {
            dir: TempDir::with_prefix("nats-interop-").expect("a temporary folder"),
            config: config.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            allowed: ALWAYS_ALLOWED.iter().map(|p| pattern(p)).collect(),
            binary: binary::under_test().to_owned(),
            port: -1,
            wait_until_ready: true,
            patience: PATIENCE,
        }
    }

    /// Another binary than the one under test (differential runs).
    pub fn binary(mut self, path: &Path) -> Self {
        path.clone_into(&mut self.binary);
        self
    }

    /// Adds a command line flag.
    pub fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// How long a start may take, for servers that have much to read.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets an environment variable of the server.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes a file into the server's folder (`$DIR/name`).
    pub fn file(self, name: &str, contents: &str) -> Self {
        std::fs::write(self.dir.path().join(name), contents)
            .expect("the temporary folder is writable");
        self
    }

    /// Allows warnings and errors in the log that match; every other one fails the test when the server is dropped.
    pub fn allow_log(mut self, regex: &str) -> Self {
        self.allowed.push(pattern(regex));
        self
    }

    /// Listens on this port instead of a free one (to come back on the same address after a restart).
    pub fn port(mut self, port: u16) -> Self {
        self.port = i32::from(port);
        self
    }

    /// The server's folder, to prepare files in.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts the server and waits until it accepts clients.
    ///
    /// # Panics
    /// When it exits or is not ready in time; the message holds its log.
    #[track_caller]
    pub fn start(self) -> Server {
        let config_path = self.dir.path().join("server.conf");
        let text = full_config(self.dir.path(), self.port, &self.config);
        std::fs::write(&config_path, text).expect("the temporary folder is writable");
        let log_path = self.dir.path().join("stderr.log");
        let mut command = Command::new(&self.binary);
        command
            .arg("-c")
            .arg(&config_path)
            .args(self.arguments.iter().map(|a| self.expand(a)))
            .envs(self.environment.iter().cloned())
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        let child = spawn(&mut command, &log_path);
        let mut server = Server {
            child: Mutex::new(child),
            command,
            ports: Value::Null,
            port: self.port,
            dir: self.dir,
            patience: self.patience,
            log_path,
            allowed: self.allowed,
            log_is_checked: true,
        };
        if self.wait_until_ready {
            server.wait_for_ports();
        }
        server
    }

    /// Runs the binary with the configuration and flags until it exits by itself, for configurations that are refused.
    #[track_caller]
    pub fn run_to_exit(self) -> Finished {
        let config_path = self.dir.path().join("server.conf");
        let text = full_config(self.dir.path(), self.port, &self.config);
        std::fs::write(&config_path, text).expect("the temporary folder is writable");
        let mut arguments = vec!["-c".to_owned(), config_path.display().to_string()];
        arguments.extend(self.arguments.iter().map(|a| self.expand(a)));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run_binary(&self.binary, &arguments)
    }

    fn expand(&self, text: &str) -> String {
        text.replace("$DIR", &self.dir.path().display().to_string())
    }
}

/// A running server. Dropping it kills it, and fails the test when its log holds a warning or error that the test did not list.
pub struct Server {
    child: Mutex<Child>,
    command: Command,
    ports: Value,
    port: i32,
    dir: TempDir,
    patience: Duration,
    log_path: PathBuf,
    allowed: Vec<Regex>,
    log_is_checked: bool,
}

impl Server {
    /// Starts the server under test with this configuration; see [`Launch`].
    #[track_caller]
    pub fn start(config: &str) -> Self {
        Launch::new(config).start()
    }

    /// Address of the client listener.
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.client_port()))
    }

    /// Port of the client listener.
    pub fn client_port(&self) -> u16 {
        self.listener_port("nats")
    }

    /// `nats://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("nats://{}", self.addr())
    }

    /// Address of the monitoring listener.
    pub fn monitor_addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.listener_port("monitoring")))
    }

    /// Port of a listener by its name in the ports file: `nats`, `monitoring`, `cluster`, `profile`, `websocket`, `leafnodes`.
    #[track_caller]
    pub fn listener_port(&self, name: &str) -> u16 {
        let url = self.ports[name][0]
            .as_str()
            .unwrap_or_else(|| panic!("the ports file has no {name}: {}", self.ports));
        port_of(url).unwrap_or_else(|| panic!("no port in {url}"))
    }

    /// A monitoring page as JSON, for example `/connz?subs=1`.
    #[track_caller]
    pub fn page(&self, path: &str) -> Value {
        let answer = http::fetch(self.monitor_addr(), path);
        serde_json::from_slice(&answer.body).unwrap_or_else(|e| {
            panic!(
                "{path} is no JSON: {e}: {}",
                String::from_utf8_lossy(&answer.body)
            )
        })
    }

    /// Process id of the server.
    pub fn pid(&self) -> u32 {
        self.child
            .lock()
            .expect("no test panics with the child")
            .id()
    }

    /// The server's folder (`$DIR`).
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Everything the server wrote to its standard output and error so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log_path).unwrap_or_default()).into_owned()
    }

    /// Waits until the log matches.
    #[track_caller]
    pub fn wait_for_log(&self, regex: &str) {
        let wanted = pattern(regex);
        wait_until(&format!("a log line like {regex}"), || {
            wanted.is_match(&self.log())
        });
    }

    /// Number of log lines that match.
    pub fn count_log(&self, regex: &str) -> usize {
        pattern(regex).find_iter(&self.log()).count()
    }

    /// Replaces the configuration file (with the same listen address) without telling the server.
    pub fn write_config(&self, config: &str) {
        let text = full_config(self.dir.path(), self.port, config);
        std::fs::write(self.dir.path().join("server.conf"), text)
            .expect("the temporary folder is writable");
    }

    /// Replaces the configuration, sends HUP, and waits until the server says that it took the new one.
    #[track_caller]
    pub fn reload(&self, config: &str) {
        let taken = r"Reloaded server configuration";
        let before = self.count_log(taken);
        self.write_config(config);
        self.signal(Signal::HUP);
        wait_until("the configuration to be reloaded", || {
            self.count_log(taken) > before
        });
    }

    /// Replaces the configuration, sends HUP, and waits until the server says why it keeps the old one.
    #[track_caller]
    pub fn reload_refused(&self, config: &str) -> String {
        let refused = pattern(r"\[ERR\] Failed to reload server configuration: .*");
        let before = refused.find_iter(&self.log()).count();
        self.write_config(config);
        self.signal(Signal::HUP);
        wait_until("the reload to be refused", || {
            refused.find_iter(&self.log()).count() > before
        });
        let log = self.log();
        let line = refused.find_iter(&log).last().expect("just counted");
        line.as_str().to_owned()
    }

    /// Sends a signal to this server and nothing else.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid().cast_signed()).expect("a child has a process id");
        kill_process(pid, signal).expect("the server is running");
    }

    /// Waits until the server has exited by itself.
    #[track_caller]
    pub fn wait_for_exit(&self) -> ExitStatus {
        let mut status = None;
        wait_until("the server to exit", || {
            status = self.exit_status();
            status.is_some()
        });
        status.expect("just seen")
    }

    /// Exit status when the server is not running any more.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        let mut child = self.child.lock().expect("no test panics with the child");
        child.try_wait().expect("a child can be waited for")
    }

    /// Kills the server at once and waits for its end.
    pub fn kill(&self) {
        let mut child = self.child.lock().expect("no test panics with the child");
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Starts the server again in its folder, after [`Server::kill`] or its own end. It may listen on another port then.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill();
        for file in ports_files(self.dir.path()) {
            std::fs::remove_file(file).expect("the temporary folder is writable");
        }
        let child = spawn(&mut self.command, &self.log_path);
        self.child = Mutex::new(child);
        self.wait_for_ports();
    }

    /// Resident memory of the server, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status
            .lines()
            .find(|l| l.starts_with("VmRSS:"))
            .unwrap_or("VmRSS: 0 kB");
        let kib: u64 = line
            .split_whitespace()
            .nth(1)
            .and_then(|n| n.parse().ok())
            .unwrap_or(0);
        kib * 1024
    }

    /// Leaves the log unchecked: for tests whose subject is a server in distress.
    pub fn ignore_log(&mut self) {
        self.log_is_checked = false;
    }

    #[track_caller]
    fn wait_for_ports(&mut self) {
        let mut found = None;
        let deadline = Instant::now() + self.patience;
        while found.is_none() {
            if let Some(status) = self.exit_status() {
                self.log_is_checked = false;
                panic!("the server did not start ({status}):\n{}", self.log());
            }
            if Instant::now() > deadline {
                self.log_is_checked = false;
                panic!("the server is not ready:\n{}", self.log());
            }
            found = read_ports(self.dir.path());
            pause();
        }
        self.ports = found.expect("the loop ended");
    }

    fn unlisted_lines(&self) -> Vec<String> {
        let complaint = pattern(r"\[(WRN|ERR|FTL)\]|panicked at|^panic:|^fatal error:|DATA RACE");
        let crash = pattern(r"panicked at|^panic:|^fatal error:");
        self.log()
            .lines()
            .filter(|l| complaint.is_match(l))
            .filter(|l| crash.is_match(l) || !self.allowed.iter().any(|a| a.is_match(l)))
            .map(str::to_owned)
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!(
                "--- log of the server ---\n{}--- end of the log ---",
                self.log()
            );
        } else if self.log_is_checked {
            let lines = self.unlisted_lines();
            assert!(
                lines.is_empty(),
                "the log holds lines that the test did not list:\n{}",
                lines.join("\n")
            );
        }
    }
}

/// What a program left behind that ran to its end.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Standard output and error in one text.
    pub fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Runs the server binary with these arguments until it exits by itself.
#[track_caller]
pub fn run(arguments: &[&str]) -> Finished {
    run_binary(binary::under_test(), arguments)
}

/// Runs a server binary with these arguments until it exits by itself.
///
/// # Panics
/// When it is still running after [`PATIENCE`]; it is killed then.
#[track_caller]
pub fn run_binary(path: &Path, arguments: &[&str]) -> Finished {
    let dir = TempDir::with_prefix("nats-interop-").expect("a temporary folder");
    let out = dir.path().join("out");
    let err = dir.path().join("err");
    let create = |p: &Path| std::fs::File::create(p).expect("the temporary folder is writable");
    let mut child = Command::new(path)
        .args(arguments)
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(create(&out))
        .stderr(create(&err))
        .spawn()
        .unwrap_or_else(|e| panic!("cannot start {}: {e}", path.display()));
    let read =
        |p: &Path| String::from_utf8_lossy(&std::fs::read(p).unwrap_or_default()).into_owned();
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Finished {
                code: status.code(),
                stdout: read(&out),
                stderr: read(&err),
            };
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{arguments:?} does not end:\n{}{}", read(&out), read(&err));
        }
        pause();
    }
}

/// Waits until the condition holds.
///
/// # Panics
/// After [`PATIENCE`], naming what was awaited.
#[track_caller]
pub fn wait_until(what: &str, condition: impl FnMut() -> bool) {
    wait_longer(PATIENCE, what, condition);
}

/// The same with another patience, for what takes its time by design.
///
/// # Panics
/// After `patience`, naming what was awaited.
#[track_caller]
pub fn wait_longer(patience: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        pause();
    }
}

/// The pause between two looks at a condition.
fn pause() {
    std::thread::sleep(Duration::from_millis(3));
}

fn pattern(regex: &str) -> Regex {
    Regex::new(&format!("(?m){regex}")).expect("a test's pattern is valid")
}

fn full_config(dir: &Path, port: i32, config: &str) -> String {
    let dir = dir.display().to_string();
    let body = config.replace("$DIR", &dir);
    format!("listen: \"127.0.0.1:{port}\"\nports_file_dir: '{dir}'\n{body}\n")
}

/// Starts a server whose output is added to the log.
#[track_caller]
fn spawn(command: &mut Command, log: &Path) -> Child {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .expect("the temporary folder is writable");
    command
        .stdout(log.try_clone().expect("a file handle can be copied"))
        .stderr(log)
        .spawn()
        .unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"))
}

fn ports_files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "ports"))
        .collect()
}

fn read_ports(dir: &Path) -> Option<Value> {
    let file = ports_files(dir).into_iter().next()?;
    serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()
}

fn port_of(url: &str) -> Option<u16> {
    url.rsplit(':').next()?.trim_end_matches('/').parse().ok()
}
