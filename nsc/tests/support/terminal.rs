//! `nsc` in a terminal of its own.

use std::process::Command;

use super::Home;

/// Runs `nsc` in a pseudo-terminal: waits for each question, then types the answer. Questions have to come in this order.
const DRIVER: &str = r#"
import os, pty, select, sys, time
answers = [tuple(a.split("=>", 1)) for a in sys.argv[1].split("||") if a]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
seen, start, deadline = "", 0, time.time() + 20
while True:
    ready, _, _ = select.select([fd], [], [], 0.2)
    if ready:
        try:
            data = os.read(fd, 65536)
        except OSError:
            data = b""
        if not data:
            break
        seen += data.decode("utf8", "replace")
    if answers and answers[0][0] in seen[start:]:
        question, answer = answers.pop(0)
        start = len(seen)
        os.write(fd, answer.replace("\\r", "\r").replace("\\d", "\x1b[B").replace("\\c", "\x03").replace("\\u", "\x15").encode())
    if time.time() > deadline:
        print("nobody asked", answers[:1], "in", seen)
        os.kill(pid, 9)
        sys.exit(99)
_, status = os.waitpid(pid, 0)
print(seen)
if answers:
    print("nobody asked", answers[0])
    sys.exit(98)
sys.exit(os.waitstatus_to_exitcode(status) & 255)
"#;

/// Types answers (`question=>keys`) into `nsc`; yields exit code and what was shown. `None` without Python.
pub fn typed(home: &Home, arguments: &[&str], answers: &[&str]) -> Option<(Option<i32>, String)> {
    typed_with(home, arguments, answers, &[])
}

/// The same, with variables.
pub fn typed_with(
    home: &Home,
    arguments: &[&str],
    answers: &[&str],
    variables: &[(&str, &str)],
) -> Option<(Option<i32>, String)> {
    let python = Command::new("python3")
        .args(["-c", DRIVER, &answers.join("||"), env!("CARGO_BIN_EXE_nsc")])
        .args(arguments)
        .env_clear()
        .env("HOME", home.path())
        .env("TERM", "xterm")
        .envs(variables.iter().copied())
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .current_dir(home.path())
        .output();
    let Ok(output) = python else {
        eprintln!("SKIPPED: python3 is missing, which plays the user at a terminal");
        return None;
    };
    Some((output.status.code(), super::text(&output.stdout)))
}
