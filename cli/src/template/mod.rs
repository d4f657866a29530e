//! `{{…}}` in subjects, bodies, header values and commands.
//!
//! The reference tool uses Go's text/template here; users know it from `{{Count}}`, `{{ Random 10 100 }}` and
//! `{{.Request}}`. This is the part of that language which makes sense for a message: actions with arguments, nested calls
//! in parentheses, pipelines, string and number literals, `{{- … -}}` trimming, comments. Control structures are refused by
//! name instead of being sent as they stand.
//!
//! A template is parsed once and rendered once per message ([`Template::render`]). Start reading in [`Template`].

mod eval;
mod parse;

use std::time::Duration;

use jiff::Zoned;

use parse::Part;

pub use eval::random_text;

/// A parsed template.
#[derive(Debug, Clone)]
pub struct Template {
    parts: Vec<Part>,
}

/// What the functions of a template answer for one message.
#[derive(Debug, Clone)]
pub struct Scope<'a> {
    /// The message number; the first is 1 when publishing and 0 when replying.
    pub count: u64,
    pub now: Zoned,
    /// The request that a reply answers; without one the function `Request` does not exist.
    pub request: Option<&'a [u8]>,
    /// Functions without arguments that one command adds, such as `Subject`.
    pub extra: &'a [(&'a str, &'a str)],
}

/// Why a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("the action {0:?} is not closed with }}}}")]
    Unclosed(String),
    #[error("unexpected {found:?} in {action:?}")]
    Unexpected { found: String, action: String },
    #[error("the action {0:?} is empty")]
    Empty(String),
    #[error("{0:?} is not supported: templates can call functions, but have no control structures")]
    Control(String),
    #[error("function {0:?} is not defined")]
    UnknownFunction(String),
    #[error("{function} takes {wanted} argument(s), but {given} were given")]
    Arguments {
        function: String,
        wanted: &'static str,
        given: usize,
    },
    #[error("{function} wants a number and not {given:?}")]
    NotANumber { function: String, given: String },
    #[error("{function} would make {length} bytes; the limit is {limit}")]
    TooLong {
        function: String,
        length: u64,
        limit: u64,
    },
}

impl Template {
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Ok(Self {
            parts: parse::parts(text)?,
        })
    }

    /// A template that is `text` itself, whatever stands in it.
    pub fn literal(text: &str) -> Self {
        Self::bytes(text.as_bytes())
    }

    /// A template that is these bytes, which need not be text.
    pub fn bytes(bytes: &[u8]) -> Self {
        Self {
            parts: vec![Part::Text(bytes.to_vec())],
        }
    }

    /// True when every rendering gives the same bytes, so that rendering once is enough.
    pub fn is_constant(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    pub fn render(&self, scope: &Scope<'_>) -> Result<Vec<u8>, TemplateError> {
        let mut output = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => output.extend_from_slice(text),
                Part::Action(pipeline) => {
                    output.extend(eval::pipeline(pipeline, scope)?.into_bytes())
                }
            }
        }
        Ok(output)
    }
}

impl<'a> Scope<'a> {
    /// The scope of message number `count`, now.
    pub fn at_count(count: u64) -> Self {
        Self {
            count,
            now: Zoned::now(),
            request: None,
            extra: &[],
        }
    }

    pub fn with_request(mut self, request: &'a [u8]) -> Self {
        self.request = Some(request);
        self
    }

    fn since_epoch(&self) -> Duration {
        Duration::try_from(self.now.timestamp().as_duration()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope<'static> {
        Scope {
            count: 7,
            now: "2026-11-20T15:04:05.000000123+00:00[UTC]".parse().unwrap(),
            request: None,
            extra: &[("Subject", "a.b")],
        }
    }

    fn render(text: &str) -> Result<String, TemplateError> {
        let bytes = Template::parse(text)?.render(&scope())?;
        Ok(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn every_function_works_with_and_without_the_dot() {
        for (text, wanted) in [
            ("plain", "plain"),
            ("", ""),
            ("{{Count}} {{ Cnt }} {{.Count}} {{.Cnt}}", "7 7 7 7"),
            ("{{Unix}}", "1795187045"),
            ("{{UnixNano}}", "1795187045000000123"),
            ("{{TimeStamp}}", "2026-11-20T15:04:05Z"),
            ("{{Time}} {{.Time}}", "3:04PM 3:04PM"),
            ("{{Subject}}", "a.b"),
            ("a {{- Count -}} b", "a7b"),
            ("a{{/* nothing */}}b", "ab"),
            (
                "{{\"quoted \\\"x\\\"\"}} {{`raw \\n`}}",
                "quoted \"x\" raw \\n",
            ),
            ("{{printf \"%03d-%s-%v%%\" Count \"x\" 1}}", "007-x-1%"),
            ("{{Count | printf \"<%d>\"}}", "<7>"),
            ("{{(Count)}}", "7"),
            (
                "{{len \"four\"}} {{print 1 2}} {{println \"a\"}}",
                "4 1 2 a\n",
            ),
            ("} }} {", "} }} {"),
        ] {
            assert_eq!(render(text), Ok(wanted.to_owned()), "{text}");
        }
    }

    #[test]
    fn random_text_has_a_length_between_its_arguments_in_any_order() {
        for _ in 0..200 {
            assert!((10..=20).contains(&render("{{Random 10 20}}").unwrap().len()));
            assert!((10..=20).contains(&render("{{ Random 20 10 }}").unwrap().len()));
        }
        assert_eq!(render("{{Random 5 5}}").unwrap().len(), 5);
        assert!(
            render("{{Random 40 40}}")
                .unwrap()
                .bytes()
                .all(|b| b.is_ascii_alphanumeric())
        );
    }

    #[test]
    fn unique_ids_are_22_characters_and_differ() {
        let (a, b) = (render("{{ID}}").unwrap(), render("{{.ID}}").unwrap());
        assert_eq!(a.len(), 22);
        assert_ne!(a, b);
    }

    #[test]
    fn the_request_is_there_for_replies_only() {
        let template = Template::parse("<{{Request}}{{.Request}}>").unwrap();
        let scope = scope().with_request(b"x\xff");
        assert_eq!(template.render(&scope).unwrap(), b"<x\xffx\xff>");
        assert_eq!(
            render("{{Request}}"),
            Err(TemplateError::UnknownFunction("Request".into()))
        );
    }

    #[test]
    fn mistakes_are_named() {
        let arguments = |given| TemplateError::Arguments {
            function: "Random".into(),
            wanted: "2",
            given,
        };
        assert_eq!(render("{{Random 1}}"), Err(arguments(1)));
        assert_eq!(
            render("{{Foo}}"),
            Err(TemplateError::UnknownFunction("Foo".into()))
        );
        assert_eq!(
            render("{{if true}}x{{end}}"),
            Err(TemplateError::Control("if".into()))
        );
        assert_eq!(
            render("a {{Count"),
            Err(TemplateError::Unclosed("{{Count".into()))
        );
        assert_eq!(render("{{}}"), Err(TemplateError::Empty("{{}}".into())));
        assert!(matches!(
            render("{{Random 1 x}}"),
            Err(TemplateError::UnknownFunction(_))
        ));
        assert!(matches!(
            render("{{Random 1 \"x\"}}"),
            Err(TemplateError::NotANumber { .. })
        ));
        assert!(matches!(
            render("{{Random 1 99999999999}}"),
            Err(TemplateError::TooLong { .. })
        ));
        assert!(matches!(
            render("{{(Count}}"),
            Err(TemplateError::Unexpected { .. })
        ));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(\\{\\{|\\}\\}|[ .a-zA-Z0-9\"`'()|/*%-]|é){0,40}") {
            let _ = render(&text);
        }

        #[test]
        fn text_without_braces_stays_as_it_is(text in "[^{]{0,60}") {
            proptest::prop_assert_eq!(render(&text), Ok(text));
        }
    }
}
