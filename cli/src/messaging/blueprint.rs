//! Messages from templates.

use clap::ValueEnum;
use nats_proto::header::HeaderMap;

use super::Body;
use crate::error::{CliError, Result};
use crate::parse;
use crate::template::{Scope, Template};

/// The flags of every command that sends messages.
#[derive(Debug, Clone, clap::Args)]
pub struct BodyArgs {
    /// Add a header, as Name:Value; the value may use templates
    #[arg(short = 'H', long = "header", value_name = "K:V")]
    pub headers: Vec<String>,

    /// Read the body from standard input, even when one is given
    #[arg(long)]
    pub force_stdin: bool,

    /// When to send what comes from standard input: at its end, or each line
    #[arg(long, value_enum, default_value_t = SendOn::Eof, hide_possible_values = true, value_name = "eof|newline")]
    pub send_on: SendOn,

    /// Send {{…}} in subject and body as it stands; headers still use templates
    #[arg(long, overrides_with = "templates")]
    pub no_templates: bool,

    /// Use templates (default)
    #[arg(long, overrides_with = "no_templates", hide = true)]
    pub templates: bool,
}

/// When data from standard input becomes a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SendOn {
    /// All of it is one message.
    Eof,
    /// Every line is one.
    Newline,
}

/// A message ready to be sent.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub subject: String,
    pub headers: HeaderMap,
    pub payload: Vec<u8>,
}

/// Templates of subject, headers and body.
#[derive(Debug, Clone)]
pub struct Blueprint {
    subject: Template,
    headers: Vec<(String, Template)>,
    body: Template,
    templates: bool,
}

impl Blueprint {
    /// A subject or body that is no valid template is sent as it stands, which the log says: `{{` in a message is more often
    /// data than a mistake. A header that is no valid template is an error.
    pub fn new(subject: &str, args: &BodyArgs) -> Result<Self> {
        let templates = !args.no_templates;
        let mut headers = Vec::with_capacity(args.headers.len());
        for text in &args.headers {
            let (name, value) = parse::header(text)?;
            let value = Template::parse(value)
                .map_err(|e| CliError::new(e.to_string()).context(format!("header {name}")))?;
            headers.push((name.to_owned(), value));
        }
        Ok(Self {
            subject: template(subject, "subject", templates),
            headers,
            body: Template::literal(""),
            templates,
        })
    }

    /// Sets the body for the messages to come. Bytes that are no text cannot be a template.
    pub fn set_body(&mut self, body: &Body) {
        self.body = match body.as_text() {
            Some(text) => template(text, "body", self.templates),
            None => Template::bytes(body.as_bytes()),
        };
    }

    /// The message number `count`.
    pub fn message(&self, scope: &Scope<'_>) -> Result<Outgoing> {
        let render = |part: &Template, what: &str| {
            part.render(scope)
                .map_err(|e| CliError::new(e.to_string()).context(what))
        };
        let subject = String::from_utf8(render(&self.subject, "subject")?)
            .map_err(|_| CliError::new("the subject is not valid UTF-8"))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            append(&mut headers, name, &render(value, name)?)?;
        }
        Ok(Outgoing {
            subject,
            headers,
            payload: render(&self.body, "body")?,
        })
    }
}

/// Headers from `Name:Value` texts, for commands without a body.
pub fn headers_from(texts: &[String], scope: &Scope<'_>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for text in texts {
        let (name, value) = parse::header(text)?;
        let value = Template::parse(value).and_then(|value| value.render(scope));
        let value =
            value.map_err(|e| CliError::new(e.to_string()).context(format!("header {name}")))?;
        append(&mut headers, name, &value)?;
    }
    Ok(headers)
}

fn append(headers: &mut HeaderMap, name: &str, value: &[u8]) -> Result {
    let value = std::str::from_utf8(value)
        .map_err(|_| CliError::new(format!("the value of header {name} is not valid UTF-8")))?;
    headers
        .append(name, value)
        .map_err(|e| CliError::new(e.to_string()).context(format!("header {name}")))
}

fn template(text: &str, what: &str, enabled: bool) -> Template {
    if !enabled {
        return Template::literal(text);
    }
    let parsed = Template::parse(text).and_then(|parsed| {
        // A function that does not exist shows when it is called: try now, not in the middle of a thousand messages.
        parsed.render(&Scope::at_count(1))?;
        Ok(parsed)
    });
    parsed.unwrap_or_else(|error| {
        log_line!("Could not parse {what} template, sending it as it stands: {error}");
        Template::literal(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(headers: &[&str]) -> BodyArgs {
        BodyArgs {
            headers: headers.iter().map(|h| (*h).to_owned()).collect(),
            force_stdin: false,
            send_on: SendOn::Eof,
            no_templates: false,
            templates: false,
        }
    }

    #[test]
    fn subject_headers_and_body_are_filled_in() {
        let mut blueprint =
            Blueprint::new("orders.{{Count}}", &args(&["X-No: {{Count}}", "X-No:b"])).unwrap();
        blueprint.set_body(&Body::from("body {{Count}}"));
        let message = blueprint.message(&Scope::at_count(3)).unwrap();
        assert_eq!(message.subject, "orders.3");
        assert_eq!(message.payload, b"body 3");
        assert_eq!(message.headers.all("X-No").collect::<Vec<_>>(), ["3", "b"]);
    }

    #[test]
    fn a_body_that_is_no_template_is_sent_as_it_stands() {
        let mut blueprint = Blueprint::new("s", &args(&[])).unwrap();
        for body in ["{{ .Values.image }}", "{{", "{{if x}}y{{end}}"] {
            blueprint.set_body(&Body::from(body));
            assert_eq!(
                blueprint.message(&Scope::at_count(1)).unwrap().payload,
                body.as_bytes()
            );
        }
    }

    #[test]
    fn without_templates_only_headers_are_filled_in() {
        let no_templates = BodyArgs {
            no_templates: true,
            ..args(&["A:{{Count}}"])
        };
        let mut blueprint = Blueprint::new("s.{{Count}}", &no_templates).unwrap();
        blueprint.set_body(&Body::from("{{Count}}"));
        let message = blueprint.message(&Scope::at_count(9)).unwrap();
        assert_eq!(
            (message.subject.as_str(), message.payload.as_slice()),
            ("s.{{Count}}", &b"{{Count}}"[..])
        );
        assert_eq!(message.headers.first("A"), Some("9"));
    }

    #[test]
    fn bytes_that_are_no_text_travel_unchanged() {
        let mut blueprint = Blueprint::new("s", &args(&[])).unwrap();
        blueprint.set_body(&Body::from(&b"\xff{{Count}}\x00"[..]));
        assert_eq!(
            blueprint.message(&Scope::at_count(1)).unwrap().payload,
            b"\xff{{Count}}\x00"
        );
    }

    #[test]
    fn a_header_without_colon_or_with_a_wrong_template_is_an_error() {
        assert!(Blueprint::new("s", &args(&["nothing"])).is_err());
        let error = Blueprint::new("s", &args(&["A:{{"])).unwrap_err();
        assert!(error.to_string().starts_with("header A: "), "{error}");
    }
}
