//! Names of operators, accounts and users. They become names of files and directories, so what could lead elsewhere is refused
//! wherever a name comes from: an argument, a token that was pulled, a file that is imported.

use crate::error::{Error, Result};
use crate::limits::NAME_BYTES_MAX;

/// Checks a name; yields it as it is.
///
/// # Errors
/// Empty and overlong names, `.` and `..`, separators, control characters, blanks at the ends.
pub fn checked<'a>(kind: &str, name: &'a str) -> Result<&'a str> {
    let wrong = |why: &str| Err(Error::refused(format!("{kind} name {name:?} {why}")));
    if name.is_empty() {
        return Err(Error::refused(format!("{kind} name is required")));
    }
    if name.contains(['/', '\\']) {
        return wrong("is refused: name cannot contain '/' or '\\'");
    }
    if name.chars().any(char::is_control) {
        return wrong("is refused: name cannot contain control characters");
    }
    if matches!(name, "." | "..") {
        return wrong("is refused: it would be another directory");
    }
    if name.trim() != name {
        return wrong("is refused: name cannot begin or end with blanks");
    }
    if name.len() > NAME_BYTES_MAX {
        return wrong("is too long");
    }
    Ok(name)
}

/// `*` asks for a random name.
pub fn or_random(name: &str) -> String {
    if name == "*" {
        return random();
    }
    name.to_owned()
}

/// A name that nobody chose: `quick_otter_417`.
pub fn random() -> String {
    const FIRST: [&str; 24] = [
        "amber", "bold", "brave", "calm", "clear", "cosmic", "eager", "early", "fair", "gentle",
        "golden", "happy", "keen", "light", "lucky", "merry", "nimble", "noble", "proud", "quick",
        "quiet", "rapid", "silver", "swift",
    ];
    const SECOND: [&str; 24] = [
        "badger", "beaver", "comet", "crane", "dolphin", "falcon", "finch", "fox", "harbor",
        "heron", "lark", "lynx", "meadow", "otter", "owl", "panda", "raven", "river", "robin",
        "salmon", "sparrow", "summit", "tiger", "willow",
    ];
    let pick = |from: &[&'static str; 24]| from[fastrand::usize(..from.len())];
    format!(
        "{}_{}_{}",
        pick(&FIRST),
        pick(&SECOND),
        fastrand::u16(100..1000)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_elsewhere_is_no_name() {
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "a\\b",
            "/a",
            "a\0b",
            "a\nb",
            "\u{7f}",
            " a",
            "a ",
            "../a",
            &"x".repeat(NAME_BYTES_MAX + 1),
        ] {
            assert!(checked("account", name).is_err(), "{name:?}");
        }
        for name in ["A", "a b", "a..b", ".hidden", "ü", "a.jwt", "$SYS", "*x"] {
            assert_eq!(checked("account", name).expect("a name"), name);
        }
    }

    #[test]
    fn random_names_are_names() {
        for _ in 0..100 {
            let name = or_random("*");
            checked("user", &name).expect("a name");
        }
        assert_eq!(or_random("a"), "a");
    }
}
