//! The server under test: one fresh process on a free loopback port, with a plain configuration and a
//! directory of its own, ended by its own handle when dropped. Linux only (`/proc`).

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rcgen::{CertifiedKey, KeyPair};
use rustls_pki_types::CertificateDer;
use tempfile::TempDir;

use crate::connection;
use crate::trust::Trusted;

/// How long a server may take to come up.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// Between two attempts to reach a server that is starting.
const START_POLL: Duration = Duration::from_micros(100);
/// The configuration, in the server's directory.
const CONFIG: &str = "bench.conf";
/// Ports are picked before the server binds them; somebody else may be faster.
const START_ATTEMPTS: usize = 3;

/// A server binary and, for profilers, the command that it runs under.
#[derive(Clone, Debug)]
pub struct Binary {
    path: PathBuf,
    wrap: Vec<String>,
}

/// How a server is set up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup {
    pub tls: bool,
    pub jetstream: bool,
    /// Of JetStream; `None` leaves it out.
    pub sync_interval: Option<&'static str>,
    /// Nobody comes in without credentials.
    pub logins: bool,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    binary: Binary,
    child: Child,
    address: SocketAddr,
    /// From the start of the process to its first PONG.
    started_in: Duration,
    certificate: Option<CertificateDer<'static>>,
    /// Nobody comes in without credentials.
    logins: bool,
    dir: TempDir,
}

/// CPU time of a process since it started, to the clock tick (10 ms).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cpu {
    pub user_seconds: f64,
    pub system_seconds: f64,
}

impl Binary {
    pub fn new(path: &Path) -> Result<Binary> {
        let path = path
            .canonicalize()
            .with_context(|| format!("there is no server binary at {}", path.display()))?;
        Ok(Binary {
            path,
            wrap: Vec::new(),
        })
    }

    /// Runs it under a command such as `valgrind --tool=callgrind`, that executes it in its own process.
    pub fn wrapped(mut self, command: &str) -> Binary {
        self.wrap = command.split_whitespace().map(str::to_owned).collect();
        self
    }

    /// The first line of `--version`; a server that prints none can be measured as well.
    pub fn version(&self) -> Result<String> {
        let output = Command::new(&self.path)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("running {} --version", self.path.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().next().unwrap_or_default().trim();
        Ok(if line.is_empty() {
            "unknown version"
        } else {
            line
        }
        .to_owned())
    }

    /// Size of a copy without symbols.
    pub fn stripped_bytes(&self) -> Result<u64> {
        let dir = tempfile::tempdir()?;
        let copy = dir.path().join("stripped");
        let status = Command::new("strip")
            .arg("-o")
            .arg(&copy)
            .arg(&self.path)
            .stderr(Stdio::null())
            .status()
            .context("running strip (install binutils)")?;
        ensure!(status.success(), "strip refused {}", self.path.display());
        Ok(fs::metadata(&copy)?.len())
    }

    fn command(&self) -> Command {
        match self.wrap.split_first() {
            None => Command::new(&self.path),
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&self.path);
                command
            }
        }
    }
}

impl Server {
    /// Starts the server and waits for its first PONG.
    pub fn start(binary: &Binary, setup: Setup) -> Result<Server> {
        Server::start_with(binary, setup, &|_| Ok(String::new()))
    }

    /// Starts it with this operator and waits for INFO. It asks others for tokens at this interval, and has those of all accounts
    /// or only the system account's.
    pub fn start_in_operator_mode(
        binary: &Binary,
        trusted: &Trusted,
        interval: &str,
        has_tokens: bool,
    ) -> Result<Server> {
        let setup = Setup {
            logins: true,
            ..Setup::default()
        };
        Server::start_with(binary, setup, &|dir| {
            if has_tokens {
                trusted.write_tokens(dir)?;
            }
            Ok(trusted.configuration(interval))
        })
    }

    /// `prepare` may write into the server's directory, and yields more configuration.
    fn start_with(
        binary: &Binary,
        setup: Setup,
        prepare: &dyn Fn(&Path) -> Result<String>,
    ) -> Result<Server> {
        let mut failure = anyhow!("not started");
        for _ in 0..START_ATTEMPTS {
            match Server::try_start(binary, setup, prepare) {
                Ok(server) => return Ok(server),
                Err(latest) => failure = latest,
            }
        }
        Err(failure)
    }

    fn try_start(
        binary: &Binary,
        setup: Setup,
        prepare: &dyn Fn(&Path) -> Result<String>,
    ) -> Result<Server> {
        let dir = tempfile::tempdir()?;
        let more = prepare(dir.path())?;
        let certificate = if setup.tls {
            Some(write_certificate(dir.path())?)
        } else {
            None
        };
        let port = free_port()?;
        fs::write(dir.path().join(CONFIG), configuration(port, setup) + &more)?;
        let began = Instant::now();
        let mut server = Server {
            binary: binary.clone(),
            child: spawn(binary, dir.path())?,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            started_in: Duration::ZERO,
            certificate,
            logins: setup.logins,
            dir,
        };
        server.await_first_pong(began)?;
        Ok(server)
    }

    /// Kills the server and starts it again on what it left; how long that took until the first PONG.
    pub fn kill_and_start(&mut self) -> Result<Duration> {
        self.child.kill()?;
        self.child.wait()?;
        let began = Instant::now();
        self.child = spawn(&self.binary, self.dir.path())?;
        self.await_first_pong(began)?;
        Ok(self.started_in)
    }

    fn await_first_pong(&mut self, began: Instant) -> Result<()> {
        let mut socket = loop {
            if let Ok(socket) = TcpStream::connect(self.address) {
                break socket;
            }
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "the server ended with {status} at its start: {}",
                    self.log()
                );
            }
            ensure!(
                began.elapsed() < START_PATIENCE,
                "the server does not listen after {START_PATIENCE:?}: {}",
                self.log()
            );
            std::thread::sleep(START_POLL);
        };
        socket.set_read_timeout(Some(connection::PATIENCE))?;
        connection::read_info(&mut socket).with_context(|| self.log())?;
        if self.certificate.is_none() && !self.logins {
            connection::say_hello(&mut socket).with_context(|| self.log())?;
        }
        self.started_in = began.elapsed();
        Ok(())
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// With TLS or in operator mode only to INFO, not to PONG.
    pub fn started_in(&self) -> Duration {
        self.started_in
    }

    /// What a TLS client must trust.
    pub fn certificate(&self) -> Option<&CertificateDer<'static>> {
        self.certificate.as_ref()
    }

    pub fn cpu(&self) -> Result<Cpu> {
        cpu_of(&self.child.id().to_string())
    }

    pub fn rss_bytes(&self) -> Result<u64> {
        self.status_bytes("VmRSS:")
    }

    pub fn peak_rss_bytes(&self) -> Result<u64> {
        self.status_bytes("VmHWM:")
    }

    /// What the server wrote to standard error, in one line, at most its last 600 bytes.
    pub fn log(&self) -> String {
        let mut text = String::new();
        if let Ok(mut file) = File::open(self.dir.path().join("log")) {
            // A log that is not UTF-8 is shown as far as it is.
            let _ = file.read_to_string(&mut text);
        }
        let mut from = text.len().saturating_sub(600);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        format!("its log ends: {}", text[from..].trim().replace('\n', " | "))
    }

    fn status_bytes(&self, key: &str) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        status_kilobytes(&text, key)
            .map(|kilobytes| kilobytes * 1024)
            .with_context(|| format!("no {key} in the process status; has the server ended?"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Profilers that wrap the server write their results at SIGTERM.
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id() as i32) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU time of a process (`"self"` for ours) from `/proc`.
pub fn cpu_of(process: &str) -> Result<Cpu> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (user, system) = stat_ticks(&text).context("unexpected form of /proc/PID/stat")?;
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    Ok(Cpu {
        user_seconds: user as f64 / per_second,
        system_seconds: system as f64 / per_second,
    })
}

/// `utime` and `stime`. The name of the process, in parentheses, may hold anything.
fn stat_ticks(text: &str) -> Option<(u64, u64)> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn status_kilobytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(key))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn spawn(binary: &Binary, dir: &Path) -> Result<Child> {
    binary
        .command()
        .arg("-c")
        .arg(dir.join(CONFIG))
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(dir.join("log"))?)
        .spawn()
        .with_context(|| format!("starting {}", binary.path.display()))
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// Loopback only, no logging beyond the start, no pings in the middle of a run.
fn configuration(port: u16, setup: Setup) -> String {
    let mut text = format!("listen: \"127.0.0.1:{port}\"\nping_interval: \"10m\"\n");
    if setup.jetstream {
        let sync = setup
            .sync_interval
            .map(|interval| format!(", sync_interval: \"{interval}\""))
            .unwrap_or_default();
        text.push_str(&format!("jetstream {{ store_dir: \"js\"{sync} }}\n"));
    }
    if setup.tls {
        text.push_str("tls { cert_file: \"cert.pem\", key_file: \"key.pem\", timeout: 10 }\n");
    }
    text
}

fn write_certificate(dir: &Path) -> Result<CertificateDer<'static>> {
    let CertifiedKey { cert, signing_key }: CertifiedKey<KeyPair> =
        rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
    File::create(dir.join("cert.pem"))?.write_all(cert.pem().as_bytes())?;
    File::create(dir.join("key.pem"))?.write_all(signing_key.serialize_pem().as_bytes())?;
    Ok(cert.der().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_process_cannot_shift_its_cpu_time() {
        let text = "12 (nats) 9 (x) S 1 2 3 4 5 6 7 8 9 10 321 45 0 0 20 0\n";
        assert_eq!(stat_ticks(text), Some((321, 45)));
        assert_eq!(stat_ticks("12 nats"), None);
    }

    #[test]
    fn memory_is_read_in_kilobytes() {
        let text = "Name:\tx\nVmHWM:\t   14700 kB\nVmRSS:\t   14400 kB\n";
        assert_eq!(status_kilobytes(text, "VmRSS:"), Some(14400));
        assert_eq!(status_kilobytes(text, "VmSwap:"), None);
    }

    #[test]
    fn our_own_cpu_time_can_be_read() {
        let cpu = cpu_of("self").expect("/proc/self/stat");
        assert!(cpu.user_seconds >= 0.0 && cpu.system_seconds >= 0.0);
    }

    #[test]
    fn a_binary_that_is_not_there_is_named() {
        let failure = Binary::new(Path::new("/nonexistent/nats-server")).unwrap_err();
        assert!(failure.to_string().contains("/nonexistent/nats-server"));
    }
}
