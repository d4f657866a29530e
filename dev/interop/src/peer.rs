//! Clients in other languages: one script for each, with the same tasks (`login`, `refused`, `messaging`, `reconnect`).

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::server::Server;
use crate::{binary, skip};

/// Longer than the scripts' own limit of forty seconds.
const TASK_PATIENCE: Duration = Duration::from_secs(60);

/// A foreign client that is installed.
pub struct Peer {
    name: &'static str,
    program: PathBuf,
    script: PathBuf,
}

impl Peer {
    /// nats-py in the interpreter that `NATS_PY_PYTHON` names; without it the suite is left out.
    pub fn python(suite: &str) -> Option<Self> {
        let Some(program) = std::env::var_os("NATS_PY_PYTHON") else {
            skip::left_out(suite, "NATS_PY_PYTHON names no Python with nats-py");
            return None;
        };
        Some(Self {
            name: "nats-py",
            program: PathBuf::from(program),
            script: foreign("nats_py/exercise.py"),
        })
    }

    /// The JavaScript client in the folder that `NATS_JS_DIR` names; without it the suite is left out.
    pub fn javascript(suite: &str) -> Option<Self> {
        if std::env::var_os("NATS_JS_DIR").is_none() {
            skip::left_out(
                suite,
                "NATS_JS_DIR names no folder with the JavaScript client",
            );
            return None;
        }
        Some(Self {
            name: "the JavaScript client",
            program: PathBuf::from("node"),
            script: foreign("nats_js/exercise.mjs"),
        })
    }

    /// Runs a task to its end.
    ///
    /// # Panics
    /// When the task fails; the message holds what the script printed.
    #[track_caller]
    pub fn run(&self, task: &str, server: &Server, login: &str) {
        self.start(task, server, login).finish();
    }

    /// Starts a task that goes on while the test acts.
    #[track_caller]
    pub fn start(&self, task: &str, server: &Server, login: &str) -> Task {
        let mut child = Command::new(&self.program)
            .arg(&self.script)
            .arg(task)
            .env("NATS_URL", server.url())
            .env("NATS_LOGIN", login)
            // The reference answers an acknowledgement before it is on disk.
            .env(
                "NATS_ACKS_ARE_DURABLE",
                if binary::is_reference() { "0" } else { "1" },
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| {
                panic!(
                    "cannot start {} for {}: {e}",
                    self.program.display(),
                    self.name
                )
            });
        let output = BufReader::new(child.stdout.take().expect("the output is piped"));
        Task {
            title: format!("{task} of {}", self.name),
            child,
            output,
        }
    }
}

/// A task of a foreign client that is under way; killed when dropped.
pub struct Task {
    title: String,
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Task {
    /// Waits until the script says that it is ready for the test to act.
    #[track_caller]
    pub fn wait_until_ready(&mut self) {
        let mut line = String::new();
        while line.trim() != "READY" {
            line.clear();
            let read = self.output.read_line(&mut line).unwrap_or(0);
            if read == 0 {
                let complaint = self.complaint();
                panic!("{} ended early: {complaint}", self.title);
            }
        }
    }

    /// Waits for the end of the task.
    ///
    /// # Panics
    /// When it failed or takes too long.
    #[track_caller]
    pub fn finish(mut self) {
        let deadline = Instant::now() + TASK_PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                let complaint = self.complaint();
                assert!(status.success(), "{} failed: {complaint}", self.title);
                return;
            }
            assert!(Instant::now() < deadline, "{} does not end", self.title);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn complaint(&mut self) -> String {
        let mut text = String::new();
        let _ = self.output.read_to_string(&mut text);
        if let Some(mut errors) = self.child.stderr.take() {
            let _ = errors.read_to_string(&mut text);
        }
        text
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn foreign(path: &str) -> PathBuf {
    binary::workspace_root()
        .join("dev/interop/foreign")
        .join(path)
}
