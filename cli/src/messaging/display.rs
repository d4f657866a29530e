//! How received messages look: for people, raw, or as JSON documents.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Zoned;
use nats_proto::header::HeaderMap;
use serde::Serialize;

use super::Translation;
use crate::error::{CliError, Result};
use crate::output::format;

/// A message as it is shown.
#[derive(Debug, Clone, Default)]
pub struct Incoming {
    pub subject: String,
    pub reply: Option<String>,
    pub headers: HeaderMap,
    pub payload: Vec<u8>,
    /// Where it stands in its stream: the words behind `Received`.
    pub stored: Option<String>,
}

/// Which moment stands beside a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    None,
    /// Time of day.
    Timestamp,
    /// Since the command began.
    Delta(Instant),
}

/// The form in which messages are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    Pretty {
        headers_only: bool,
        subjects_only: bool,
    },
    /// The body and nothing else.
    Raw,
    /// A JSON document per message on standard output, each followed by a NUL.
    DumpToStdout,
    /// A file per message.
    DumpTo(PathBuf),
}

/// Shows messages.
#[derive(Debug)]
pub struct Display {
    pub form: Form,
    pub clock: Clock,
    pub translation: Option<Translation>,
}

/// The document of `--dump`; its fields are those of the Go client's message, which scripts read.
#[derive(Serialize)]
struct Dumped<'a> {
    #[serde(rename = "Subject")]
    subject: &'a str,
    #[serde(rename = "Reply")]
    reply: &'a str,
    #[serde(rename = "Header")]
    header: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(rename = "Data")]
    data: String,
    #[serde(rename = "Sub")]
    sub: (),
}

impl Display {
    /// Shows message number `number`, with the reply that it got when the two were matched.
    pub async fn show(
        &self,
        out: &mut impl Write,
        message: &Incoming,
        reply: Option<&Incoming>,
        number: u64,
    ) -> Result {
        match &self.form {
            Form::DumpToStdout => {
                for message in std::iter::once(message).chain(reply) {
                    self.dump_to(out, message).await?;
                    out.write_all(b"\0")?;
                }
                Ok(())
            }
            Form::DumpTo(folder) => {
                self.dump_to_file(folder.join(format!("{number}.json")), message)
                    .await?;
                match reply {
                    Some(reply) => {
                        self.dump_to_file(folder.join(format!("{number}_reply.json")), reply)
                            .await
                    }
                    None => Ok(()),
                }
            }
            Form::Raw => {
                self.body(out, message).await?;
                match reply {
                    Some(reply) => self.body(out, reply).await.map(|_| ()),
                    None => Ok(()),
                }
            }
            Form::Pretty {
                headers_only,
                subjects_only,
            } => {
                let at = self.moment();
                write!(out, "[#{number}]{at} Received ")?;
                match (&message.stored, &message.reply) {
                    (Some(place), _) => writeln!(out, "{place}")?,
                    (None, Some(reply)) => {
                        writeln!(out, "on {:?} with reply {reply:?}", message.subject)?;
                    }
                    (None, None) => writeln!(out, "on {:?}", message.subject)?,
                }
                if !subjects_only {
                    self.content(out, message, *headers_only).await?;
                }
                if let Some(reply) = reply {
                    writeln!(out, "[#{number}]{at} Matched reply on {:?}", reply.subject)?;
                    if !subjects_only {
                        self.content(out, reply, *headers_only).await?;
                    }
                }
                Ok(())
            }
        }
    }

    fn moment(&self) -> String {
        match self.clock {
            Clock::None => String::new(),
            Clock::Timestamp => format!(" @ {}", Zoned::now().strftime("%b %e %H:%M:%S%.6f")),
            Clock::Delta(start) => format!(" @ {}", format::duration_exact(start.elapsed())),
        }
    }

    async fn content(
        &self,
        out: &mut impl Write,
        message: &Incoming,
        headers_only: bool,
    ) -> Result {
        write_headers(out, &message.headers)?;
        if headers_only {
            return Ok(());
        }
        let ends_in_newline = self.body(out, message).await?;
        writeln!(out)?;
        if !ends_in_newline {
            writeln!(out)?;
        }
        Ok(())
    }

    /// The body, translated when asked; true when it ends with a line break of its own.
    async fn body(&self, out: &mut impl Write, message: &Incoming) -> Result<bool> {
        let Some(translation) = &self.translation else {
            return Ok(write_body(out, &message.payload)?);
        };
        match translation.apply(&message.payload, &message.subject).await {
            Ok(body) => Ok(write_body(out, &body)?),
            Err(error) => {
                // Quoted: what could not be translated may be binary.
                let body = String::from_utf8_lossy(&message.payload);
                writeln!(out, "{body:?}\nError while translating msg body: {error}\n")?;
                Ok(false)
            }
        }
    }

    async fn dump_to(&self, out: &mut impl Write, message: &Incoming) -> Result {
        let translated = match &self.translation {
            Some(translation) => Some(
                translation
                    .apply(&message.payload, &message.subject)
                    .await?,
            ),
            None => None,
        };
        let document = Dumped {
            subject: &message.subject,
            reply: message.reply.as_deref().unwrap_or_default(),
            header: (!message.headers.is_empty()).then(|| header_map(&message.headers)),
            data: STANDARD.encode(translated.as_deref().unwrap_or(&message.payload)),
            sub: (),
        };
        serde_json::to_writer(out, &document)?;
        Ok(())
    }

    async fn dump_to_file(&self, path: PathBuf, message: &Incoming) -> Result {
        let mut document = Vec::new();
        self.dump_to(&mut document, message).await?;
        write_private(&path, &document).map_err(|e| CliError::from(e).context(path.display()))
    }
}

/// `Name: value` lines and a blank line; nothing without headers.
pub fn write_headers(out: &mut impl Write, headers: &HeaderMap) -> io::Result<()> {
    if headers.is_empty() {
        return Ok(());
    }
    for (name, value) in headers.iter() {
        writeln!(out, "{name}: {value}")?;
    }
    writeln!(out)
}

/// The body with a line break at its end, `nil body` for none. True when the break is its own.
pub fn write_body(out: &mut impl Write, body: &[u8]) -> io::Result<bool> {
    if body.is_empty() {
        out.write_all(b"nil body\n")?;
        return Ok(false);
    }
    out.write_all(body)?;
    if body.ends_with(b"\n") {
        return Ok(true);
    }
    out.write_all(b"\n")?;
    Ok(false)
}

fn header_map(headers: &HeaderMap) -> serde_json::Map<String, serde_json::Value> {
    let mut map = serde_json::Map::new();
    for (name, value) in headers.iter() {
        let values = map
            .entry(name)
            .or_insert_with(|| serde_json::Value::Array(Vec::new()));
        if let serde_json::Value::Array(values) = values {
            values.push(value.into());
        }
    }
    map
}

/// Only the user may read what was received.
fn write_private(path: &std::path::Path, content: &[u8]) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)?.write_all(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(payload: &str) -> Incoming {
        let mut headers = HeaderMap::new();
        headers.append("A", "1").unwrap();
        headers.append("B", "x y").unwrap();
        headers.append("A", "2").unwrap();
        Incoming {
            subject: "orders.new".into(),
            reply: Some("_INBOX.r".into()),
            headers,
            payload: payload.into(),
            stored: None,
        }
    }

    async fn shown(form: Form, message: &Incoming, reply: Option<&Incoming>) -> String {
        let display = Display {
            form,
            clock: Clock::None,
            translation: None,
        };
        let mut out = Vec::new();
        display.show(&mut out, message, reply, 7).await.unwrap();
        String::from_utf8(out).unwrap()
    }

    const PRETTY: Form = Form::Pretty {
        headers_only: false,
        subjects_only: false,
    };

    #[tokio::test]
    async fn people_see_subject_reply_headers_and_body() {
        insta::assert_snapshot!(shown(PRETTY, &message("hello"), None).await);
    }

    #[tokio::test]
    async fn a_matched_reply_follows_its_request() {
        let reply = Incoming {
            subject: "_INBOX.r".into(),
            payload: b"world\n".to_vec(),
            ..Incoming::default()
        };
        insta::assert_snapshot!(shown(PRETTY, &message("hello\n"), Some(&reply)).await);
    }

    #[tokio::test]
    async fn headers_only_and_subjects_only_leave_the_rest_out() {
        let headers_only = Form::Pretty {
            headers_only: true,
            subjects_only: false,
        };
        let text = shown(headers_only, &message("hello"), None).await;
        assert_eq!(
            text,
            "[#7] Received on \"orders.new\" with reply \"_INBOX.r\"\nA: 1\nB: x y\nA: 2\n\n"
        );
        let subjects_only = Form::Pretty {
            headers_only: false,
            subjects_only: true,
        };
        let text = shown(subjects_only, &message("hello"), None).await;
        assert_eq!(
            text,
            "[#7] Received on \"orders.new\" with reply \"_INBOX.r\"\n"
        );
    }

    #[tokio::test]
    async fn raw_is_the_body_and_a_line_break() {
        assert_eq!(shown(Form::Raw, &message("a"), None).await, "a\n");
        assert_eq!(shown(Form::Raw, &message("a\n"), None).await, "a\n");
        assert_eq!(shown(Form::Raw, &message(""), None).await, "nil body\n");
    }

    #[tokio::test]
    async fn a_dump_is_one_json_document_per_message() {
        let text = shown(Form::DumpToStdout, &message("hello"), None).await;
        assert_eq!(
            text,
            "{\"Subject\":\"orders.new\",\"Reply\":\"_INBOX.r\",\"Header\":{\"A\":[\"1\",\"2\"],\"B\":[\"x y\"]},\
             \"Data\":\"aGVsbG8=\",\"Sub\":null}\0"
        );
        let folder = tempfile::tempdir().unwrap();
        shown(
            Form::DumpTo(folder.path().to_owned()),
            &message("hello"),
            Some(&Incoming::default()),
        )
        .await;
        let reply = std::fs::read_to_string(folder.path().join("7_reply.json")).unwrap();
        assert_eq!(
            reply,
            "{\"Subject\":\"\",\"Reply\":\"\",\"Header\":null,\"Data\":\"\",\"Sub\":null}"
        );
    }
}
