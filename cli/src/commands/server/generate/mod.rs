//! `nats server generate`: configurations by questions and answers.
//!
//! What lives here: the command and its bundles, one file each; [`form`] asks, [`target`] writes. Called by the registry of
//! `nats server` only. What never happens here: something is overwritten; a directory that is half there; a connection to a server.

mod compose;
mod form;
mod kubernetes;
mod leafnode;
mod operator;
mod parts;
mod single;
mod target;

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, stdin, stdout};
use std::path::{Path, PathBuf};

use clap_complete::ArgValueCompleter;
use clap_complete::engine::CompletionCandidate;
use nats_term::prompt::{Prompt, Terminal};
use serde_json::Value;

use crate::error::{CliError, Result};
use crate::globals::Globals;
use form::Form;
use target::File;

/// Generate server configurations
///
/// Asks for what a configuration needs and writes it to a new directory. Answers can come from flags and from a file instead; with
/// --defaults nothing is asked. Files with passwords are readable by their owner only.
///
/// Bundles: natsbuilder (development super cluster with Docker Compose), operator (server of an operator made with 'nats auth' or
/// nsc), operatork8s (the same as values for the Helm chart), ngsleafnodeconfig (leafnode, of Synadia Cloud by default), single (one
/// server with an application user and a system user).
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "gen",
    after_help = "Examples:\n  \
        nats server generate ./n1\n  \
        nats server generate ./n1 --source single --defaults\n  \
        nats server generate ./n1 --source operator --operator OPS --set server_name=n1 --set port=4223 --defaults\n  \
        nats server generate ./dev --source natsbuilder --answers answers.yaml"
)]
pub struct Args {
    /// The directory to make; it must not exist
    target: PathBuf,

    /// The bundle; asked for when not given
    #[arg(long, value_name = "BUNDLE", add = ArgValueCompleter::new(names))]
    source: Option<String>,

    /// Take answers from this YAML or JSON file
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,

    /// One answer, such as port=4223 or jetstream.store_dir=/data; counts more than the file's
    #[arg(long, value_name = "NAME=VALUE", value_parser = form::set)]
    set: Vec<(String, String)>,

    /// Take the defaults instead of asking
    #[arg(long)]
    defaults: bool,

    /// The operator, for bundles that need one, when it is not the selected one
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
}

/// What a bundle makes.
struct Rendered {
    files: Vec<File>,
    /// What there is to know and to do next.
    afterwards: String,
}

/// What there is to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bundle {
    Compose,
    Operator,
    Kubernetes,
    Leafnode,
    Single,
}

impl Bundle {
    const ALL: [Self; 5] = [
        Self::Operator,
        Self::Kubernetes,
        Self::Compose,
        Self::Single,
        Self::Leafnode,
    ];

    /// The reference tool's names where it has the bundle.
    fn name(self) -> &'static str {
        match self {
            Self::Compose => "natsbuilder",
            Self::Operator => "operator",
            Self::Kubernetes => "operatork8s",
            Self::Leafnode => "ngsleafnodeconfig",
            Self::Single => "single",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Compose => "Development super cluster with Docker Compose",
            Self::Operator => "Server of an operator made with 'nats auth'",
            Self::Kubernetes => "Kubernetes cluster of an operator made with 'nats auth'",
            Self::Leafnode => "Leafnode of Synadia Cloud",
            Self::Single => "One server with an application user and a system user",
        }
    }

    /// The bundle of this name; `fs:///NAME` is the reference tool's form.
    fn named(source: &str) -> Result<Self> {
        let name = source.strip_prefix("fs:///").unwrap_or(source);
        if let Some(bundle) = Self::ALL.into_iter().find(|bundle| bundle.name() == name) {
            return Ok(bundle);
        }
        let names: Vec<&str> = Self::ALL.iter().map(|bundle| bundle.name()).collect();
        let step = format!("the bundles are {}", names.join(", "));
        let foreign = source.contains("://") || Path::new(source).exists();
        Err(CliError::new(if foreign {
            format!("bundles from files and URLs are not supported by this build: {source:?}")
        } else {
            format!("there is no bundle {source:?}")
        })
        .next_step(step))
    }

    fn picked(prompt: &mut dyn Prompt) -> Result<Self> {
        let titles: Vec<String> = Self::ALL.iter().map(|one| one.title().to_owned()).collect();
        let at = prompt.select("Select a bundle", &titles, "--source BUNDLE")?;
        Ok(Self::ALL.get(at).copied().unwrap_or(Self::Single))
    }

    fn needs_operator(self) -> bool {
        matches!(self, Self::Operator | Self::Kubernetes)
    }

    fn render(
        self,
        form: &mut Form<'_>,
        operator: Option<&str>,
        target: &Path,
    ) -> Result<Rendered> {
        match self {
            Self::Compose => compose::render(form),
            Self::Operator => operator::render(form, operator, target),
            Self::Kubernetes => kubernetes::render(form, operator, target),
            Self::Leafnode => leafnode::render(form, target),
            Self::Single => single::render(form, target),
        }
    }
}

/// The names of the bundles, for clap's completion.
fn names(current: &std::ffi::OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let all = Bundle::ALL.into_iter();
    all.filter(|bundle| bundle.name().starts_with(&*current))
        .map(|bundle| CompletionCandidate::new(bundle.name()).help(Some(bundle.title().into())))
        .collect()
}

pub async fn run(_globals: &Globals, args: Args) -> Result {
    target::refuse_existing(&args.target)?;
    let given = args.given()?;
    let mut terminal = Terminal;
    let bundle = match &args.source {
        Some(source) => Bundle::named(source)?,
        None => Bundle::picked(&mut terminal)?,
    };
    if args.operator.is_some() && !bundle.needs_operator() {
        return Err(CliError::new(format!(
            "the bundle {} has no use for --operator",
            bundle.name()
        ))
        .next_step("leave it out, or choose --source operator or operatork8s"));
    }
    if !args.defaults && stdin().is_terminal() && stdout().is_terminal() {
        outln!(
            "{}: every question has a default, and Ctrl-C leaves everything as it is.\n",
            bundle.title()
        )?;
    }
    let mut form = Form::new(given, args.defaults, &mut terminal);
    let rendered = bundle.render(&mut form, args.operator.as_deref(), &args.target)?;
    form.finish()?;
    target::write(&args.target, &rendered.files)?;
    for file in &rendered.files {
        outln!("Created {}", args.target.join(&file.path).display())?;
    }
    outln!("\n{}", rendered.afterwards.trim_end())
}

impl Args {
    fn given(&self) -> Result<BTreeMap<String, Value>> {
        let mut given = match &self.answers {
            Some(path) => form::read_file(path)?,
            None => BTreeMap::new(),
        };
        for (name, value) in &self.set {
            given.insert(name.clone(), Value::from(value.clone()));
        }
        Ok(given)
    }
}

/// The bundle with these answers and the defaults for the rest.
#[cfg(test)]
fn rendered(
    set: &[(&str, &str)],
    render: impl FnOnce(&mut Form<'_>) -> Result<Rendered>,
) -> Result<Rendered> {
    let given = set
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
        .collect();
    let mut prompt = nats_term::prompt::Scripted::default();
    let mut form = Form::new(given, true, &mut prompt);
    let rendered = render(&mut form)?;
    form.finish()?;
    Ok(rendered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_have_the_names_of_the_reference_and_others_are_refused_by_name() {
        for bundle in Bundle::ALL {
            assert_eq!(Bundle::named(bundle.name()).unwrap(), bundle);
            let as_there = format!("fs:///{}", bundle.name());
            assert_eq!(Bundle::named(&as_there).unwrap(), bundle);
        }
        for (source, part) in [
            (
                "https://example.net/bundle.zip",
                "files and URLs are not supported",
            ),
            ("/", "files and URLs are not supported"),
            ("operators", "no bundle"),
        ] {
            let error = Bundle::named(source).unwrap_err();
            assert!(error.message().contains(part), "{source}: {error}");
            assert!(error.hint().unwrap().contains("single"), "{error:?}");
        }
    }
}
