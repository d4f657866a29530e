//! The examples in the help of commands, so that tests can run them.

/// An example: the command's path (`nsc add user`) and the line as the help shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    pub command: String,
    pub line: String,
}

/// All examples in a clap tree: the lines after the options that begin with the program's name.
pub fn of(tree: &clap::Command) -> Vec<Example> {
    let mut found = Vec::new();
    let program = format!("{} ", tree.get_name());
    each(tree, &mut |path, command| {
        let after = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let lines = after.lines().map(str::trim);
        found.extend(
            lines
                .filter(|line| line.starts_with(&program))
                .map(|line| Example {
                    command: path.to_owned(),
                    line: line.to_owned(),
                }),
        );
    });
    found
}

/// Visits the commands of a tree, hidden ones too, parents first; with their path, which begins with the program's name.
pub fn each(tree: &clap::Command, visit: &mut impl FnMut(&str, &clap::Command)) {
    fn descend(command: &clap::Command, path: &str, visit: &mut impl FnMut(&str, &clap::Command)) {
        visit(path, command);
        for child in command.get_subcommands() {
            if child.get_name() != "help" {
                descend(child, &format!("{path} {}", child.get_name()), visit);
            }
        }
    }
    descend(tree, tree.get_name(), visit);
}

/// The words of a line as a shell reads them, without what comes after a comment, a pipe, a redirection or a column of blanks.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let line = line.split("   ").next().unwrap_or(line);
    for c in line.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            '>' | '<' | ';' | '#' | '|' if !quoted => break,
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_the_words_that_a_shell_passes() {
        assert_eq!(
            words("p add 'a b' '' -x > file"),
            ["p", "add", "a b", "", "-x"]
        );
        assert_eq!(words("p one    what it does"), ["p", "one"]);
        assert_eq!(words("p 'a>b' | jq; echo"), ["p", "a>b"]);
        assert_eq!(words("p put k < file"), ["p", "put", "k"]);
    }

    #[test]
    fn examples_are_found_with_their_commands() {
        let tree = clap::Command::new("p").subcommand(
            clap::Command::new("add").after_help("Example:\n  p add x\n  other y\n  p add z"),
        );
        let lines: Vec<_> = of(&tree)
            .into_iter()
            .map(|example| (example.command, example.line))
            .collect();
        let expected = [("p add", "p add x"), ("p add", "p add z")];
        assert_eq!(lines, expected.map(|(c, l)| (c.to_owned(), l.to_owned())));
    }
}
