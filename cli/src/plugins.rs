//! Other programs as commands of `nats`: a file for each below the user's data, with the program and what it says of itself.
//!
//! ```text
//! $XDG_DATA_HOME/nats/cli/plugins/NAME.json  or  ~/.local/share/…      {"cmd": "/path", "def": {what --fisk-introspect printed}}
//! ```
//! The files are those of the reference tool. A plugin gets the arguments behind its name as they are; flags of `nats` before the name go
//! to it as well, if it says that it knows them. What it prints and how it ends is its own. Called by the root and `nats plugins`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command as Program;

use clap::{Arg, ArgAction, Command};
use serde::{Deserialize, Serialize};

use crate::error::{CliError, Result};

/// Longest list of plugins that is looked at.
const PLUGINS_MAX: usize = 256;

/// A file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct File {
    cmd: PathBuf,
    def: Definition,
}

/// What a plugin says of itself, as far as it is of use here. The file keeps all of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Definition {
    #[serde(default)]
    help: String,
    #[serde(default)]
    flags: Option<Vec<Flag>>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Flag {
    #[serde(default)]
    name: String,
}

/// A registered plugin.
#[derive(Debug, Clone)]
pub struct Plugin {
    name: String,
    program: PathBuf,
    help: String,
    flags: Vec<String>,
}

/// The folder of the user who runs this.
pub fn folder() -> Result<PathBuf> {
    let given = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let data = given("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| given("HOME").map(|home| Path::new(&home).join(".local/share")));
    let data = data.ok_or_else(|| {
        CliError::new("cannot find the home directory").next_step("set HOME or XDG_DATA_HOME")
    })?;
    Ok(data.join("nats/cli/plugins"))
}

/// The plugins in `folder`, by name. A file that cannot be read is pointed out and left out.
pub fn load(folder: &Path) -> Vec<Plugin> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut plugins = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let (Some(name), Some("json")) = (
            path.file_stem().and_then(OsStr::to_str),
            path.extension().and_then(OsStr::to_str),
        ) else {
            continue;
        };
        match read(&path) {
            Ok(file) => plugins.push(Plugin {
                name: name.to_owned(),
                program: file.cmd,
                help: file.def.help,
                flags: file
                    .def
                    .flags
                    .into_iter()
                    .flatten()
                    .map(|f| f.name)
                    .collect(),
            }),
            Err(error) => eprintln!("nats: plugin {} is left out: {error}", path.display()),
        }
    }
    plugins.sort_by(|a, b| a.name.cmp(&b.name));
    plugins.truncate(PLUGINS_MAX);
    plugins
}

fn read(path: &Path) -> Result<File> {
    Ok(serde_json::from_slice(&crate::input::file(path)?)?)
}

/// The tree with the plugins in it, for the help. They are run before the tree is asked.
pub fn shown_in(tree: Command, plugins: &[Plugin]) -> Command {
    plugins.iter().fold(tree, |tree, plugin| {
        let arguments = Arg::new("arguments")
            .help("Arguments of the plugin; see its --help")
            .action(ArgAction::Append);
        let shown = Command::new(plugin.name.clone())
            .about(plugin.help.clone())
            .after_help(format!("Example:\n  nats {} --help", plugin.name))
            .arg(arguments);
        tree.subcommand(shown)
    })
}

/// What is to be run for these arguments, the program's name first; `None` when they name no plugin.
///
/// # Errors
/// A flag before the plugin's name that the plugin does not know.
pub fn chosen(args: &[OsString], plugins: &[Plugin], tree: &Command) -> Result<Option<Program>> {
    let mut before = Vec::new();
    let mut rest = args.iter().skip(1);
    while let Some(argument) = rest.next() {
        let Some(text) = argument.to_str() else {
            return Ok(None);
        };
        let Some(flag) = text.strip_prefix('-') else {
            let Some(plugin) = plugins.iter().find(|plugin| plugin.name == text) else {
                return Ok(None);
            };
            plugin.check(&before)?;
            let mut program = Program::new(&plugin.program);
            program
                .args(rest)
                .args(before.iter().flat_map(|flag| &flag.words));
            return Ok(Some(program));
        };
        let Some(known) = Before::of(flag, tree) else {
            return Ok(None);
        };
        let mut words = vec![argument.clone()];
        if known.takes_value && !text.contains('=') {
            words.extend(rest.next().cloned());
        }
        before.push(Before { words, ..known });
    }
    Ok(None)
}

/// A flag of `nats` before the name of a plugin.
struct Before {
    name: String,
    takes_value: bool,
    words: Vec<OsString>,
}

impl Before {
    fn of(flag: &str, tree: &Command) -> Option<Self> {
        let (long, flag) = match flag.strip_prefix('-') {
            Some(long) => (true, long.split('=').next().unwrap_or(long)),
            None => (false, flag),
        };
        let argument = tree.get_arguments().find(|a| match long {
            true => a.get_long() == Some(flag),
            false => a.get_short().map(String::from).as_deref() == Some(flag),
        })?;
        Some(Self {
            name: argument.get_long()?.to_owned(),
            takes_value: argument.get_action().takes_values(),
            words: Vec::new(),
        })
    }
}

impl Plugin {
    fn check(&self, before: &[Before]) -> Result {
        match before.iter().find(|flag| !self.flags.contains(&flag.name)) {
            None => Ok(()),
            Some(flag) => Err(CliError::new(format!(
                "plugin {} does not know --{}",
                self.name, flag.name
            ))
            .next_step(format!("nats {} --help", self.name))),
        }
    }
}

/// Runs a plugin in the place of this program and hands its exit code on.
pub fn run(mut program: Program) -> Result {
    let name = program.get_program().to_owned();
    let ended = program.status().map_err(|e| {
        CliError::from(e)
            .context(format!("plugin {}", name.display()))
            .next_step("register it again: nats plugins register --force")
    })?;
    match ended.code() {
        Some(0) => Ok(()),
        code => Err(CliError::exit(
            code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1),
        )),
    }
}

/// Asks `program` what it is and writes its file; returns where the program is.
///
/// # Errors
/// The name is not one for a plugin, or taken, or the program does not say what it is.
pub fn register(
    folder: &Path,
    name: &str,
    program: &Path,
    force: bool,
    tree: &Command,
) -> Result<PathBuf> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase()) {
        return Err(CliError::new(format!("{name:?} is no name for a plugin"))
            .next_step("use small letters a to z only"));
    }
    let mut commands = tree.get_subcommands();
    if commands.any(|c| c.get_name() == name || c.get_all_aliases().any(|alias| alias == name)) {
        return Err(
            CliError::new(format!("nats has a command {name} of its own"))
                .next_step("choose another name"),
        );
    }
    let file = folder.join(format!("{name}.json"));
    if file.exists() && !force {
        return Err(
            CliError::new(format!("plugin {name} is registered already"))
                .next_step("replace it with --force"),
        );
    }
    let failed = |e: std::io::Error| CliError::from(e).context(program.display());
    let program = std::path::absolute(program).map_err(failed)?;
    let said = Program::new(&program)
        .arg("--fisk-introspect")
        .output()
        .map_err(failed)?;
    if !said.status.success() {
        return Err(CliError::new(format!(
            "{} --fisk-introspect ended with {}",
            program.display(),
            said.status
        ))
        .next_step("a plugin describes its commands as JSON when it is called with that flag"));
    }
    let unreadable = |e: serde_json::Error| {
        CliError::new(format!(
            "{} does not describe itself: {e}",
            program.display()
        ))
    };
    // All that it says is kept, though not all of it is read here.
    let def: serde_json::Value = serde_json::from_slice(&said.stdout).map_err(unreadable)?;
    let known: Definition = serde_json::from_value(def.clone()).map_err(unreadable)?;
    if known.help.is_empty() {
        return Err(CliError::new("plugin declared no help"));
    }
    std::fs::create_dir_all(folder)?;
    let text = serde_json::json!({"cmd": program, "def": def}).to_string();
    let draft = file.with_extension("new");
    std::fs::write(&draft, text)?;
    std::fs::rename(&draft, &file)?;
    Ok(program)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::app::command;

    fn script(folder: &Path, body: &str) -> PathBuf {
        let path = folder.join("plugin.sh");
        std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn a_plugin_is_registered_shown_and_gets_its_arguments() {
        let folder = tempfile::tempdir().unwrap();
        let program = script(
            folder.path(),
            r#"echo '{"name":"x","help":"Does things","flags":[{"name":"server"}]}'"#,
        );
        let store = folder.path().join("plugins");
        let tree = command();
        let at = register(&store, "things", &program, false, &tree).unwrap();
        assert_eq!(at, program);
        let again = register(&store, "things", &program, false, &tree).unwrap_err();
        assert!(again.to_string().contains("already"), "{again}");
        register(&store, "things", &program, true, &tree).unwrap();

        let plugins = load(&store);
        let mut shown = shown_in(command(), &plugins);
        let help = shown.render_help().to_string();
        assert!(
            help.contains("things") && help.contains("Does things"),
            "{help}"
        );
        let line = "nats -s nats://x things do --deep --context=y";
        let run = chosen(&words(line), &plugins, &tree).unwrap().unwrap();
        let given: Vec<_> = run.get_args().collect();
        assert_eq!(given, ["do", "--deep", "--context=y", "-s", "nats://x"]);
        assert!(
            chosen(&words("nats pub things x"), &plugins, &tree)
                .unwrap()
                .is_none()
        );
        let refused = chosen(&words("nats --trace things"), &plugins, &tree).unwrap_err();
        assert!(
            refused.to_string().contains("does not know --trace"),
            "{refused}"
        );
    }

    #[test]
    fn what_is_no_plugin_is_not_registered() {
        let folder = tempfile::tempdir().unwrap();
        let tree = command();
        let says = |name: &str, body: &str| {
            let program = script(folder.path(), body);
            register(folder.path(), name, &program, false, &tree)
                .unwrap_err()
                .to_string()
        };
        assert!(says("Things", "true").contains("no name"));
        assert!(says("pub", "true").contains("of its own"));
        assert!(says("things", "exit 3").contains("ended with"));
        assert!(says("things", "echo words").contains("does not describe itself"));
        assert!(says("things", "echo '{}'").contains("no help"));
        assert!(load(folder.path()).is_empty());
    }
}
