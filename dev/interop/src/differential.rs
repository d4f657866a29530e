//! Plays the same transcript to two servers and compares what they answer.
//!
//! A transcript is a text file. `#` begins a remark; the other lines are one of
//!
//! ```text
//! config <line of configuration>        before anything else
//! A> PUB foo 5                          connection A (any capital letter) sends this line and its end
//! A| PUB foo 5\r\nhel                   connection A sends exactly these bytes; \r \n \t \0 \\ \xHH are escapes
//! A<                                    takes down what A has received, and whether it was closed
//! ```
//!
//! A connection is opened, and its INFO taken down, where it is first named.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use regex::Regex;
use serde_json::Value;

use crate::server::Launch;
use crate::wire::Wire;

/// How long a server may take to begin its answer.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(2);

/// One line of a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Send { connection: char, bytes: Vec<u8> },
    Take { connection: char },
}

/// A transcript: the configuration it wants, and its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    pub config: String,
    pub steps: Vec<Step>,
}

impl Transcript {
    /// Reads a transcript.
    ///
    /// # Errors
    /// Names the line that is none of the known forms.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut transcript = Self {
            config: String::new(),
            steps: Vec::new(),
        };
        for (index, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(config) = line.strip_prefix("config ") {
                transcript.config.push_str(config);
                transcript.config.push('\n');
                continue;
            }
            let step = parse_step(line).ok_or_else(|| format!("line {}: {line:?}", index + 1))?;
            transcript.steps.push(step);
        }
        Ok(transcript)
    }

    /// Plays the transcript to a server binary and returns what it answered, in words that do not depend on time, ports and keys.
    ///
    /// `quiet` is how long nothing must arrive before an answer counts as complete.
    pub fn play(&self, binary: &Path, quiet: Duration) -> String {
        let mut server = Launch::new(&self.config).binary(binary).start();
        server.ignore_log();
        let mut wires: BTreeMap<char, Wire> = BTreeMap::new();
        let mut record = String::new();
        for step in &self.steps {
            let (Step::Send { connection, .. } | Step::Take { connection }) = step;
            let wire = wires.entry(*connection).or_insert_with(|| {
                let wire = Wire::connect(&server);
                let _ = writeln!(record, "{connection} INFO {}", normalised_info(wire.info()));
                wire
            });
            match step {
                Step::Send { bytes, .. } => {
                    // A server that closed the connection shows in what is taken down.
                    let _ = wire.try_send(bytes);
                }
                Step::Take { .. } => take_down(&mut record, *connection, wire, quiet),
            }
        }
        record
    }
}

fn take_down(record: &mut String, connection: char, wire: &mut Wire, quiet: Duration) {
    let begun = Instant::now();
    let mut received = String::new();
    loop {
        let more = wire.read_for(quiet);
        let waited_enough =
            !received.is_empty() || begun.elapsed() > ANSWER_WAIT_MAX.min(quiet * 4);
        if more.is_empty() && (waited_enough || wire.is_closed()) {
            break;
        }
        received.push_str(&more);
    }
    for line in received.split_inclusive("\r\n") {
        let _ = writeln!(record, "{connection} {}", normalised(line));
    }
    if wire.is_closed() {
        let _ = writeln!(record, "{connection} (closed)");
    }
}

/// A received line with its end made visible and everything that differs between two runs replaced.
fn normalised(line: &str) -> String {
    if let Some(json) = line.strip_prefix("INFO ") {
        let info = serde_json::from_str(json.trim_end()).unwrap_or(Value::Null);
        return format!("INFO {}", normalised_info(&info));
    }
    let patterns = [
        (r"\b[NX][A-Z2-7]{55}\b", "KEY"),
        (r"_R_\.[A-Za-z0-9.]+", "_R_.TOKEN"),
        (r#""rtt":\d+"#, r#""rtt":0"#),
        (
            r"HMSG (\S+) (\S+) ((?:_R_\S+ )?)\d+ \d+",
            "HMSG $1 $2 $3 sizes",
        ),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    ];
    let mut text = line.to_owned();
    for (pattern, replacement) in patterns {
        // Sizes of header messages differ only where the header tells a round-trip time.
        if pattern.starts_with("HMSG") && !line.contains("_R_") {
            continue;
        }
        let regex = Regex::new(pattern).expect("a fixed pattern");
        text = regex.replace_all(&text, replacement).into_owned();
    }
    // Only now: an escape in front of a name would hide where the name begins.
    text.replace('\r', "\\r").replace('\n', "\\n")
}

/// The fields of an INFO in their order, without the values that name this server, this build and this connection.
fn normalised_info(info: &Value) -> String {
    let own = [
        "server_id",
        "server_name",
        "version",
        "go",
        "port",
        "client_id",
        "nonce",
        "xkey",
    ];
    let fields = info.as_object().into_iter().flatten();
    let shown: Vec<String> = fields
        .filter(|(name, _)| *name != "git_commit")
        .map(|(name, value)| {
            if own.contains(&name.as_str()) {
                format!("{name}=*")
            } else {
                format!("{name}={value}")
            }
        })
        .collect();
    shown.join(" ")
}

fn parse_step(line: &str) -> Option<Step> {
    let mut chars = line.chars();
    let connection = chars.next().filter(char::is_ascii_uppercase)?;
    let kind = chars.next()?;
    let rest = chars.as_str();
    let text = rest.strip_prefix(' ').unwrap_or(rest);
    match kind {
        '>' => {
            let bytes = [unescaped(text)?.as_slice(), b"\r\n"].concat();
            Some(Step::Send { connection, bytes })
        }
        '|' => Some(Step::Send {
            connection,
            bytes: unescaped(text)?,
        }),
        '<' => Some(Step::Take { connection }),
        _ => None,
    }
}

fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            bytes.extend(c.to_string().into_bytes());
            continue;
        }
        match chars.next()? {
            'r' => bytes.push(b'\r'),
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            '0' => bytes.push(0),
            '\\' => bytes.push(b'\\'),
            'x' => {
                let digits: String = chars.by_ref().take(2).collect();
                let byte = u8::from_str_radix(&digits, 16).ok()?;
                bytes.push((digits.len() == 2).then_some(byte)?);
            }
            _ => return None,
        }
    }
    Some(bytes)
}

/// The known differences: `name reason`, one a line.
pub struct Differences {
    entries: BTreeMap<String, String>,
}

impl Differences {
    /// Reads the list.
    ///
    /// # Panics
    /// When an entry has no reason.
    pub fn parse(text: &str) -> Self {
        let entries = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| {
                let (name, reason) = line
                    .split_once(' ')
                    .unwrap_or_else(|| panic!("no reason: {line}"));
                (name.to_owned(), reason.trim().to_owned())
            })
            .collect();
        Self { entries }
    }

    /// Why this case differs, when that is known.
    pub fn reason(&self, name: &str) -> Option<&str> {
        self.entries.get(name).map(String::as_str)
    }

    /// The cases that are listed.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_read_line_by_line() {
        let transcript =
            Transcript::parse("# remark\nconfig a: b\nA> PING\nB| PU\\x42\\r\\n\nA<\n")
                .expect("a transcript");
        assert_eq!(transcript.config, "a: b\n");
        let send = |connection, bytes: &[u8]| Step::Send {
            connection,
            bytes: bytes.to_vec(),
        };
        assert_eq!(
            transcript.steps,
            [
                send('A', b"PING\r\n"),
                send('B', b"PUB\r\n"),
                Step::Take { connection: 'A' }
            ]
        );
    }

    #[test]
    fn a_line_of_no_known_form_is_an_error() {
        for line in ["a> PING", "A PING", "A| \\q", "A| \\x4"] {
            assert!(Transcript::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn what_differs_between_runs_is_replaced() {
        let key = format!("N{}", "A".repeat(55));
        assert_eq!(
            normalised(&format!("MSG a 1 56\r\n{key}")),
            "MSG a 1 56\\r\\nKEY"
        );
        assert_eq!(
            normalised("MSG q 1 _R_.abc.Def 1\r\n"),
            "MSG q 1 _R_.TOKEN 1\\r\\n"
        );
        let info = serde_json::json!({"server_id": "x", "git_commit": "y", "max_payload": 5});
        assert_eq!(normalised_info(&info), "server_id=* max_payload=5");
    }
}
