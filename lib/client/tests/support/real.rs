//! A real server process, on a free port, with its own folder, ended with the test.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct RealServer {
    process: Child,
    folder: tempfile::TempDir,
    url: String,
    binary: PathBuf,
    /// Everything but the port.
    arguments: Vec<OsString>,
}

impl RealServer {
    /// Starts a server with this configuration text (empty for the defaults). `None`, with one line that says so,
    /// when there is no server binary.
    pub fn start(config: &str) -> Option<Self> {
        Self::start_on("-1", config)
    }

    /// The same on a port that the test knows.
    pub fn start_on(port: &str, config: &str) -> Option<Self> {
        Self::launch(&binary()?, port, config, false)
    }

    /// This binary, with or without JetStream.
    pub fn start_binary(binary: &Path, config: &str, jetstream: bool) -> Option<Self> {
        Self::launch(binary, "-1", config, jetstream)
    }

    fn launch(binary: &Path, port: &str, config: &str, jetstream: bool) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder for the server");
        let mut arguments: Vec<OsString> = Vec::new();
        if jetstream {
            arguments.extend(["-js".into(), "-sd".into()]);
            arguments.push(folder.path().join("store").into());
        }
        arguments.extend(["-a".into(), "127.0.0.1".into(), "--ports_file_dir".into()]);
        arguments.push(folder.path().into());
        arguments.extend(["-l".into(), folder.path().join("log").into()]);
        if !config.is_empty() {
            let file = folder.path().join("server.conf");
            std::fs::write(&file, config).expect("the configuration");
            arguments.extend(["-c".into(), file.into()]);
        }
        let process = spawn(binary, &arguments, port, folder.path());
        let mut server = Self {
            process,
            folder,
            url: String::new(),
            binary: binary.to_owned(),
            arguments,
        };
        server.url = server.wait_for_url()?;
        Some(server)
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(&mut self) {
        self.process.kill().expect("the server is killed");
        self.process.wait().expect("the server ends");
        if let Some(file) = ports_file(self.folder.path()) {
            std::fs::remove_file(file).expect("the old ports file is removed");
        }
    }

    /// Starts it again after [`RealServer::kill`], on its port and with what is in its folder.
    pub fn start_again(&mut self) {
        let port = self.port().to_owned();
        self.process = spawn(&self.binary, &self.arguments, &port, self.folder.path());
        self.url = self.wait_for_url().expect("it ran before");
    }

    /// A page of the monitoring port, which the configuration has to ask for (`http: '127.0.0.1:-1'`).
    pub fn page(&self, path: &str) -> serde_json::Value {
        let ports = ports_file(self.folder.path()).expect("a ports file");
        let ports = std::fs::read_to_string(ports).expect("a ports file");
        let ports: serde_json::Value = serde_json::from_str(&ports).expect("JSON");
        let url = ports["monitoring"][0].as_str().expect("a monitoring port");
        let address = url.rsplit('/').next().expect("an address");
        let mut stream = TcpStream::connect(address).expect("the monitoring port");
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).expect("JSON")
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// `127.0.0.1:port`
    pub fn address(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }

    pub fn port(&self) -> &str {
        self.url.rsplit(':').next().unwrap_or_default()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `None`, with a line that says so, when the server says that it does not have a feature yet.
    fn wait_for_url(&mut self) -> Option<String> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            if let Some(url) = ports_file(self.folder.path()).and_then(|file| first_url(&file)) {
                return Some(url);
            }
            if let Ok(Some(status)) = self.process.try_wait() {
                let read = |name| std::fs::read_to_string(self.folder.path().join(name));
                let said = read("stderr").unwrap_or_default() + &read("log").unwrap_or_default();
                if said.contains("this build does not have") {
                    say(&format!(
                        "NOT FOR THIS SERVER: a test of nats-client: {said}"
                    ));
                    return None;
                }
                panic!("the server ended with {status}: {said}");
            }
            // The pause between two looks for the ports file.
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the server wrote no ports file");
    }
}

fn spawn(binary: &Path, arguments: &[OsString], port: &str, folder: &Path) -> Child {
    Command::new(binary)
        .args(arguments)
        .args(["-p", port])
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(folder.join("stderr")).expect("a file"))
        .spawn()
        .expect("the server starts")
}

/// Written past the capture of the test harness.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}", line.trim_end());
}

impl Drop for RealServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The server binary that the environment names.
pub fn binary() -> Option<PathBuf> {
    match std::env::var_os("NATS_SERVER_BIN") {
        Some(path) => Some(path.into()),
        None if std::env::var_os("NATS_REQUIRE_ALL").is_some_and(|v| v == "1") => {
            panic!("NATS_REQUIRE_ALL=1 and no NATS_SERVER_BIN")
        }
        None => {
            static SAID: std::sync::Once = std::sync::Once::new();
            SAID.call_once(|| {
                say(
                    "SKIPPED: tests against a real server (NATS_SERVER_BIN names no server binary)",
                );
            });
            None
        }
    }
}

fn ports_file(folder: &Path) -> Option<PathBuf> {
    std::fs::read_dir(folder)
        .ok()?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|e| e == "ports"))
}

fn first_url(file: &Path) -> Option<String> {
    let document: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()?;
    Some(document["nats"][0].as_str()?.to_owned())
}
