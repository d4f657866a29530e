//! `--signal`: telling a running server what to do.

use rustix::process::{Pid, kill_process};

/// What a running server is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Die at once.
    Stop,
    /// Shut down.
    Quit,
    /// Shut down; ignored in lame duck mode.
    Term,
    /// Open the log file again.
    Reopen,
    /// Read the configuration again.
    Reload,
    /// Go into lame duck mode.
    LameDuck,
}

/// Who is told: a process id, the beginning of several, or the only server that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one that runs here.
    TheOnly,
    /// This one.
    Process(i32),
    /// Those whose process id begins with these digits.
    Beginning(String),
}

/// Why nobody was told.
#[derive(Debug, thiserror::Error)]
pub enum SignalError {
    /// The text after `=` holds another `=`.
    #[error("invalid signal parameters: [{0}]")]
    Parameters(String),
    /// No such signal.
    #[error("unknown signal {0:?}")]
    Unknown(String),
    /// Neither a number nor a file that holds one.
    #[error("invalid pid: {0}")]
    Pid(String),
    /// The processes cannot be listed.
    #[error("unable to resolve pid, try providing one")]
    Unresolved,
    /// None runs.
    #[error("no nats-server processes running")]
    None,
    /// Several run, and none was named.
    #[error("multiple nats-server processes running:{}", lines(.0))]
    Several(Vec<i32>),
    /// The system refused, for some of them.
    #[error("{}", .0.iter().map(|line| format!("\n{line}")).collect::<String>())]
    Refused(Vec<String>),
}

fn lines(pids: &[i32]) -> String {
    pids.iter().map(|pid| format!("\n{pid}")).collect()
}

impl Signal {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Quit => "quit",
            Self::Term => "term",
            Self::Reopen => "reopen",
            Self::Reload => "reload",
            Self::LameDuck => "ldm",
        }
    }

    fn of_system(self) -> rustix::process::Signal {
        match self {
            Self::Stop => rustix::process::Signal::KILL,
            Self::Quit => rustix::process::Signal::INT,
            Self::Term => rustix::process::Signal::TERM,
            Self::Reopen => rustix::process::Signal::USR1,
            Self::Reload => rustix::process::Signal::HUP,
            Self::LameDuck => rustix::process::Signal::USR2,
        }
    }
}

/// Reads `signal[=pid|file|digits*]`. A file's content counts in place of its name.
///
/// # Errors
/// See [`SignalError`].
pub fn parse(text: &str) -> Result<(Signal, Target), SignalError> {
    let (name, target) = text.split_once('=').unwrap_or((text, ""));
    if let Some((_, more)) = target.split_once('=') {
        return Err(SignalError::Parameters(more.to_owned()));
    }
    let all = [
        Signal::Stop,
        Signal::Quit,
        Signal::Term,
        Signal::Reopen,
        Signal::Reload,
        Signal::LameDuck,
    ];
    let signal = all
        .into_iter()
        .find(|signal| signal.name() == name)
        .ok_or_else(|| SignalError::Unknown(name.to_owned()))?;
    let content = if target.is_empty() {
        None
    } else {
        std::fs::read_to_string(target).ok()
    };
    let target = content.as_deref().unwrap_or(target).trim();
    Ok((signal, parse_target(target)?))
}

fn parse_target(text: &str) -> Result<Target, SignalError> {
    let (digits, several) = match text.strip_suffix('*') {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    if digits.is_empty() {
        return Ok(if several {
            Target::Beginning(String::new())
        } else {
            Target::TheOnly
        });
    }
    match digits.parse::<i32>().ok().filter(|pid| *pid > 0) {
        Some(_) if several => Ok(Target::Beginning(digits.to_owned())),
        Some(pid) => Ok(Target::Process(pid)),
        None => Err(SignalError::Pid(digits.to_owned())),
    }
}

/// Sends the signal. Other servers are found with `pgrep`.
///
/// # Errors
/// See [`SignalError`].
pub fn send(signal: Signal, target: &Target) -> Result<(), SignalError> {
    let pids = match target {
        Target::Process(pid) => vec![*pid],
        Target::TheOnly => match running()?.as_slice() {
            [] => return Err(SignalError::None),
            [pid] => vec![*pid],
            several => return Err(SignalError::Several(several.to_vec())),
        },
        Target::Beginning(digits) => {
            let running = running()?;
            if running.is_empty() {
                return Err(SignalError::None);
            }
            running
                .into_iter()
                .filter(|pid| pid.to_string().starts_with(digits))
                .collect()
        }
    };
    let tell = |pid: &i32| {
        let outcome = Pid::from_raw(*pid)
            .ok_or(rustix::io::Errno::SRCH)
            .and_then(|pid| kill_process(pid, signal.of_system()));
        outcome.err().map(|error| {
            let why = if error == rustix::io::Errno::SRCH {
                "no such process".to_owned()
            } else {
                error.to_string()
            };
            format!("signal {:?} {pid}: {why}", signal.name())
        })
    };
    let refused: Vec<String> = pids.iter().filter_map(tell).collect();
    if refused.is_empty() {
        Ok(())
    } else {
        Err(SignalError::Refused(refused))
    }
}

/// Process ids of the other servers on this machine.
fn running() -> Result<Vec<i32>, SignalError> {
    let output = std::process::Command::new("pgrep")
        .args(["-x", "nats-server"])
        .output()
        .map_err(|_| SignalError::Unresolved)?;
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let text = String::from_utf8_lossy(&output.stdout);
    let pids: Result<Vec<i32>, _> = text.split_whitespace().map(str::parse).collect();
    Ok(pids
        .map_err(|_| SignalError::Unresolved)?
        .into_iter()
        .filter(|pid| *pid != own)
        .collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::{Signal, SignalError, Target, parse, send};

    #[test]
    fn signals_and_their_targets_are_understood() {
        assert_eq!(parse("ldm").unwrap(), (Signal::LameDuck, Target::TheOnly));
        assert_eq!(
            parse("reload=42").unwrap(),
            (Signal::Reload, Target::Process(42))
        );
        assert_eq!(
            parse("quit=42*").unwrap(),
            (Signal::Quit, Target::Beginning("42".to_owned()))
        );
        assert_eq!(
            parse("term=*").unwrap(),
            (Signal::Term, Target::Beginning(String::new()))
        );
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "4711").unwrap();
        assert_eq!(
            parse(&format!("stop={}", file.path().display())).unwrap(),
            (Signal::Stop, Target::Process(4711))
        );
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(matches!(parse("foo"), Err(SignalError::Unknown(_))));
        assert_eq!(
            parse("stop=abc").unwrap_err().to_string(),
            "invalid pid: abc"
        );
        assert_eq!(parse("stop=-1").unwrap_err().to_string(), "invalid pid: -1");
        assert_eq!(
            parse("a=b=c").unwrap_err().to_string(),
            "invalid signal parameters: [c]"
        );
    }

    #[test]
    fn a_process_that_does_not_exist_cannot_be_told() {
        // Above the largest process id of Linux.
        let error = send(Signal::Reload, &Target::Process(99_999_999))
            .unwrap_err()
            .to_string();
        assert_eq!(error, "\nsignal \"reload\" 99999999: no such process");
    }

    #[test]
    fn a_signal_reaches_its_process() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        send(
            Signal::Term,
            &Target::Process(i32::try_from(child.id()).unwrap()),
        )
        .unwrap();
        assert!(!child.wait().unwrap().success());
    }
}
