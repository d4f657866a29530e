//! The manual page of a program (`man nsc`), written from its clap tree: one page with all commands, so that `/` finds everything.

use std::fmt::Write as _;

use clap::{Arg, Command, Id};

/// What is said around the commands.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// Section of the manual: `1` for programs of users, `8` for servers.
    pub section: &'a str,
    /// What stands in the footer, such as a version.
    pub source: &'a str,
    /// Pages worth reading as well, such as `nats(1)`.
    pub see_also: &'a [&'a str],
}

impl Page<'_> {
    /// The page of a clap tree, as roff.
    pub fn of(&self, mut tree: Command) -> String {
        tree.build();
        let about = tree
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default();
        let mut roff = self.head(tree.get_name(), &about);
        let usage = tree.render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ");
        let _ = write!(roff, ".SH SYNOPSIS\n{}\n", text(usage));
        if let Some(long) = tree.get_long_about() {
            let _ = write!(roff, ".SH DESCRIPTION\n{}\n", text(&long.to_string()));
        }
        roff.push_str(".SH OPTIONS\n");
        for arg in shown(&tree) {
            option(&mut roff, arg);
        }
        examples(&mut roff, &tree);
        roff.push_str(".SH COMMANDS\n");
        let name = tree.get_name().to_owned();
        let common: Vec<&Id> = tree.get_arguments().map(Arg::get_id).collect();
        for child in tree.get_subcommands() {
            commands(&mut roff, child, &name, &common);
        }
        self.foot(&mut roff);
        roff
    }

    /// The page of a program that has no clap tree: its own help as it is.
    pub fn of_help(&self, name: &str, about: &str, help: &str) -> String {
        let mut roff = self.head(name, about);
        let _ = write!(roff, ".SH OPTIONS\n.nf\n{}\n.fi\n", text(help.trim_end()));
        self.foot(&mut roff);
        roff
    }

    fn head(&self, name: &str, about: &str) -> String {
        format!(
            ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n.TH {} {} \"\" \"{}\" \"NATS\"\n.SH NAME\n{} \\- {}\n",
            name.to_uppercase(),
            self.section,
            escaped(self.source),
            escaped(name),
            text(about)
        )
    }

    fn foot(&self, roff: &mut String) {
        if !self.see_also.is_empty() {
            let _ = write!(roff, ".SH SEE ALSO\n{}\n", text(&self.see_also.join(", ")));
        }
    }
}

/// A command, then its own commands. `common` are the arguments of the program itself, which stand at the top of the page.
fn commands(roff: &mut String, command: &Command, above: &str, common: &[&Id]) {
    if command.is_hide_set() || command.get_name() == "help" {
        return;
    }
    let path = format!("{above} {}", command.get_name());
    if !command.has_subcommands() {
        let mut line = path.clone();
        for arg in command.get_positionals().filter(|arg| !arg.is_hide_set()) {
            let name = value(arg);
            line.push_str(&if arg.is_required_set() {
                format!(" <{name}>")
            } else {
                format!(" [{name}]")
            });
        }
        let _ = writeln!(roff, ".SS \"{}\"", escaped(&line).replace('"', "\\(dq"));
        let about = command
            .get_long_about()
            .or_else(|| command.get_about())
            .map(ToString::to_string)
            .unwrap_or_default();
        let _ = writeln!(roff, "{}", text(&about));
        let aliases: Vec<_> = command.get_visible_aliases().collect();
        if !aliases.is_empty() {
            let _ = writeln!(
                roff,
                ".br\n{}",
                text(&format!("Also: {}", aliases.join(", ")))
            );
        }
        // Also those that a group of commands shares.
        let own = |arg: &&Arg| !common.contains(&arg.get_id()) && arg.get_id() != "help";
        for arg in shown(command).filter(own) {
            option(roff, arg);
        }
        examples(roff, command);
    }
    for child in command.get_subcommands() {
        commands(roff, child, &path, common);
    }
}

fn shown(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !arg.is_hide_set())
}

/// The name of an argument's value.
fn value(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    if names.is_empty() {
        return arg.get_id().as_str().to_uppercase();
    }
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    names.join(" ")
}

fn option(roff: &mut String, arg: &Arg) {
    let mut names = Vec::new();
    names.extend(arg.get_short().map(|short| format!("\\-{short}")));
    names.extend(
        arg.get_long()
            .map(|long| format!("\\-\\-{}", escaped(long))),
    );
    let takes = arg.get_action().takes_values();
    let head = match (names.is_empty(), takes) {
        (true, _) => format!("\\fI{}\\fR", escaped(&value(arg))),
        (false, true) => format!(
            "\\fB{}\\fR \\fI{}\\fR",
            names.join(", "),
            escaped(&value(arg))
        ),
        (false, false) => format!("\\fB{}\\fR", names.join(", ")),
    };
    let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let possible: Vec<_> = arg
        .get_possible_values()
        .iter()
        .filter(|_| takes)
        .map(|value| value.get_name().to_owned())
        .collect();
    if !possible.is_empty() && !arg.is_hide_possible_values_set() {
        let _ = write!(help, " [{}]", possible.join(", "));
    }
    if let Some(variable) = arg.get_env() {
        let _ = write!(help, " [environment: {}]", variable.to_string_lossy());
    }
    let defaults: Vec<_> = arg
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy())
        .collect();
    if takes && !defaults.is_empty() && !arg.is_hide_default_value_set() {
        let _ = write!(help, " [default: {}]", defaults.join(", "));
    }
    let _ = write!(roff, ".TP\n{head}\n");
    if !help.is_empty() {
        let _ = writeln!(roff, "{}", text(&help));
    }
}

fn examples(roff: &mut String, command: &Command) {
    if let Some(after) = command.get_after_help() {
        let _ = write!(roff, ".PP\n.nf\n{}\n.fi\n", text(&after.to_string()));
    }
}

/// Text whose lines cannot be taken for requests.
fn text(plain: &str) -> String {
    let lines = plain.lines().map(|line| {
        let line = escaped(line);
        if line.starts_with(['.', '\'']) {
            format!("\\&{line}")
        } else {
            line
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn escaped(plain: &str) -> String {
    plain
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\*(Aq")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_every_command_flag_and_example_and_no_accidental_request() {
        let tree = Command::new("prog")
            .about("Does things")
            .arg(
                Arg::new("server")
                    .short('s')
                    .long("server")
                    .global(true)
                    .help("Where"),
            )
            .subcommand(
                Command::new("add")
                    .about(".dots and 'quotes' and back\\slashes")
                    .arg(Arg::new("name").required(true))
                    .arg(
                        Arg::new("max")
                            .long("max-age")
                            .help("How old")
                            .default_value("1h"),
                    )
                    .after_help("Example:\n  prog add x --max-age 2h"),
            )
            .subcommand(
                Command::new("report")
                    .arg(
                        Arg::new("watch")
                            .long("watch")
                            .global(true)
                            .help("Again and again"),
                    )
                    .subcommand(Command::new("size")),
            )
            .subcommand(Command::new("secret").hide(true));
        let page = Page {
            section: "1",
            source: "prog 1.0",
            see_also: &["nats(1)"],
        };
        insta::assert_snapshot!(page.of(tree));
    }
}
