//! `~` and `$VARIABLES` in paths.

use std::env;

/// Expands `$NAME` and `${NAME}` (nothing when not set) and a leading `~`, as the other tools do.
pub(super) fn expand(path: &str) -> String {
    let path = variables(path, |name| env::var(name).ok());
    match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => match env::home_dir() {
            Some(home) => format!("{}{rest}", home.display()),
            None => path,
        },
        _ => path,
    }
}

fn variables(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (name, behind) = match after.strip_prefix('{').and_then(|r| r.split_once('}')) {
            Some((name, behind)) => (name, behind),
            None => after.split_at(
                after
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(after.len()),
            ),
        };
        if name.is_empty() {
            out.push('$');
        } else {
            out.push_str(&value(name).unwrap_or_default());
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_and_unknown_ones_vanish() {
        let value = |name: &str| (name == "A_1").then(|| "x".to_owned());
        for (text, expanded) in [
            ("$A_1/b", "x/b"),
            ("${A_1}b", "xb"),
            ("a/$NOPE/b", "a//b"),
            ("cost $", "cost $"),
            ("$/a", "$/a"),
            ("${A_1", "${A_1"),
            ("plain", "plain"),
        ] {
            assert_eq!(variables(text, value), expanded, "{text}");
        }
    }

    #[test]
    fn only_a_leading_tilde_is_the_home() {
        let home = env::home_dir().unwrap().display().to_string();
        assert_eq!(expand("~/a"), format!("{home}/a"));
        assert_eq!(expand("~"), home);
        assert_eq!(expand("a~/b"), "a~/b");
        assert_eq!(expand("~other/b"), "~other/b");
    }
}
