//! The rules, one function each, from a file's text to findings.

use super::Finding;
use super::source::code_only;

/// A file longer than this wants splitting.
const FILE_LINES_MAX: usize = 800;
/// A function longer than this wants splitting.
const FUNCTION_LINES_MAX: usize = 70;
/// A test is mostly a table, and a table may be long.
const TEST_LINES_MAX: usize = 150;
/// A door sign shorter than this says nothing.
const DOOR_SIGN_LINES_MIN: usize = 3;

/// File names that say nothing about what is inside.
const FORBIDDEN_STEMS: [&str; 9] = [
    "util", "utils", "helper", "helpers", "common", "misc", "manager", "managers", "stuff",
];

/// Packages that must not come in by any dependency, each with a rule of its own, so that an exception excuses one package only.
const FORBIDDEN_PACKAGES: [(&str, &str); 4] = [
    ("openssl", "package-openssl"),
    ("openssl-sys", "package-openssl"),
    ("native-tls", "package-native-tls"),
    ("ring", "package-ring"),
];

// Written in halves, so that this file does not report itself.
const MARKERS: [&str; 4] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("X", "XX"),
    concat!("HA", "CK"),
];
const MARKER_MACROS: [&str; 3] = [
    concat!("to", "do!"),
    concat!("unimpl", "emented!"),
    concat!("db", "g!"),
];
const IGNORED_TEST: &str = concat!("#[", "ignore");
const MACHINE_PATHS: [&str; 4] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
];
const REGISTRY_HOSTS: [&str; 3] = [
    concat!("registry.", "npmjs.org"),
    concat!("pypi.", "org"),
    concat!("index.", "crates.io"),
];

/// Every rule on one file.
pub fn all(path: &str, text: &str) -> Vec<Finding> {
    let mut findings: Vec<Finding> = file_name(path).into_iter().collect();
    if path.ends_with("Cargo.lock") {
        findings.extend(forbidden_packages(path, text));
        return findings;
    }
    findings.extend(markers(path, text));
    findings.extend(machine_paths(path, text));
    if path.ends_with(".rs") {
        let code = code_only(text);
        findings.extend(file_length(path, text));
        findings.extend(function_length(path, &code));
        findings.extend(door_sign(path, text));
        findings.extend(forbidden_code(path, &code));
        findings.extend(sleeping_tests(path, text, &code));
    }
    findings
}

fn finding(path: &str, line: usize, rule: &'static str, what: String) -> Finding {
    Finding {
        path: path.to_owned(),
        line,
        rule,
        what,
    }
}

fn file_name(path: &str) -> Option<Finding> {
    let name = path.rsplit('/').next()?;
    let stem = name.split('.').next()?;
    let folder = path.rsplit('/').nth(1).unwrap_or_default();
    [stem, folder]
        .into_iter()
        .find(|word| FORBIDDEN_STEMS.contains(word))
        .map(|word| {
            finding(
                path,
                1,
                "file-name",
                format!("`{word}` does not say what lives here"),
            )
        })
}

fn file_length(path: &str, text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    (lines > FILE_LINES_MAX).then(|| {
        let what = format!("{lines} lines, at most {FILE_LINES_MAX}; split the file");
        finding(path, lines, "file-length", what)
    })
}

/// Counts braces from each `fn` to the end of its body.
fn function_length(path: &str, code: &str) -> Vec<Finding> {
    let lines: Vec<&str> = code.lines().collect();
    let tests_begin = tests_begin(path, code).unwrap_or(usize::MAX);
    let mut findings = Vec::new();
    for (first, line) in lines.iter().enumerate() {
        let max = if first < tests_begin {
            FUNCTION_LINES_MAX
        } else {
            TEST_LINES_MAX
        };
        let Some(name) = function_name(line) else {
            continue;
        };
        let Some(count) = body_lines(&lines[first..], line.find("fn ").unwrap_or(0)) else {
            continue;
        };
        if count > max {
            let what = format!("`{name}` has {count} lines, at most {max}; split the function");
            findings.push(finding(path, first + 1, "function-length", what));
        }
    }
    findings
}

/// The name in `fn name(` or `fn name<`, when the line declares a function.
fn function_name(line: &str) -> Option<&str> {
    let at = line.find("fn ")?;
    let before = line[..at].trim_end();
    let is_declaration = before.is_empty()
        || ["pub", "async", "const", "unsafe", "extern", ")"]
            .iter()
            .any(|word| before.ends_with(word));
    let rest = line[at + 3..].trim_start();
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    (is_declaration && end > 0).then(|| &rest[..end])
}

/// Lines from the declaration to the closing brace; nothing for a declaration without a body.
fn body_lines(lines: &[&str], from: usize) -> Option<usize> {
    let (mut braces, mut brackets) = (0_usize, 0_usize);
    for (index, line) in lines.iter().enumerate() {
        let skip = if index == 0 { from } else { 0 };
        for byte in line.bytes().skip(skip) {
            match byte {
                b'(' | b'[' => brackets += 1,
                b')' | b']' => brackets = brackets.saturating_sub(1),
                b';' if braces == 0 && brackets == 0 => return None,
                b'{' => braces += 1,
                b'}' => {
                    braces = braces.saturating_sub(1);
                    if braces == 0 {
                        return Some(index + 1);
                    }
                }
                _ => {}
            }
        }
    }
    None
}

fn door_sign(path: &str, text: &str) -> Option<Finding> {
    let name = path.rsplit('/').next()?;
    // The rooms are in `src`; tests are no rooms.
    if !path.contains("src/") || path.contains("/tests/") || !matches!(name, "lib.rs" | "mod.rs") {
        return None;
    }
    let lines = text.lines().take_while(|l| l.starts_with("//!")).count();
    (lines < DOOR_SIGN_LINES_MIN).then(|| {
        let what = "no door sign: open with `//!` lines on what lives here, who may call, what never happens here".to_owned();
        finding(path, 1, "door-sign", what)
    })
}

fn markers(path: &str, text: &str) -> Vec<Finding> {
    lines_with(path, text, "marker", |line| {
        let found = MARKERS.iter().find(|word| contains_word(line, word))?;
        Some(format!("`{found}`: finish it, or open an issue"))
    })
}

fn forbidden_code(path: &str, code: &str) -> Vec<Finding> {
    let mut findings = lines_with(path, code, "marker", |line| {
        let found = MARKER_MACROS.iter().find(|word| line.contains(**word))?;
        Some(format!("`{found}` does not belong in landed code"))
    });
    findings.extend(lines_with(path, code, "ignored-test", |line| {
        line.contains(IGNORED_TEST)
            .then(|| "an ignored test tests nothing: repair it or remove it".to_owned())
    }));
    findings
}

fn machine_paths(path: &str, text: &str) -> Vec<Finding> {
    lines_with(path, text, "machine-path", |line| {
        let found = MACHINE_PATHS
            .iter()
            .find(|p| path_begins(line, p))
            .or_else(|| REGISTRY_HOSTS.iter().find(|h| line.contains(**h)))?;
        Some(format!("`{found}` names one machine or registry"))
    })
}

/// True when the text occurs where a path can begin: not after a letter, a digit, a dot or a dash.
fn path_begins(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before
            .is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '}' | '>' | '$'))
    })
}

/// The line with which tests begin: all of a file of tests, or what follows `#[cfg(test)]`.
fn tests_begin(path: &str, code: &str) -> Option<usize> {
    if path.contains("/tests/") || path.ends_with("/tests.rs") {
        return Some(0);
    }
    code.lines()
        .position(|l| l.trim_start().starts_with("#[cfg(test)]"))
}

/// A pause in a test wants a remark on the same line or right above: what is it waiting for that cannot be awaited?
fn sleeping_tests(path: &str, text: &str, code: &str) -> Vec<Finding> {
    let Some(tests_begin) = tests_begin(path, code) else {
        return Vec::new();
    };
    let lines: Vec<&str> = text.lines().collect();
    let has_remark = |index: usize| {
        let above = index
            .checked_sub(1)
            .and_then(|i| lines.get(i))
            .copied()
            .unwrap_or_default();
        lines[index].contains("//") || above.trim_start().starts_with("//")
    };
    code.lines()
        .enumerate()
        .skip(tests_begin)
        .filter(|(_, line)| line.contains("sleep(") && !line.contains("fn "))
        .filter(|(index, _)| !has_remark(*index))
        .map(|(index, _)| {
            let what =
                "a test that sleeps wants a remark on why it cannot await a condition".to_owned();
            finding(path, index + 1, "sleeping-test", what)
        })
        .collect()
}

fn forbidden_packages(path: &str, lock: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (package, rule) in FORBIDDEN_PACKAGES {
        findings.extend(lines_with(path, lock, rule, |line| {
            let name = line.strip_prefix("name = \"")?.strip_suffix('"')?;
            (name == package).then(|| format!("`{package}` must not be a dependency"))
        }));
    }
    findings
}

fn lines_with(
    path: &str,
    text: &str,
    rule: &'static str,
    check: impl Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    text.lines()
        .enumerate()
        .filter_map(|(index, line)| check(line).map(|what| finding(path, index + 1, rule, what)))
        .collect()
}

fn contains_word(line: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        !is_part(line[..at].chars().next_back()) && !is_part(line[at + word.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules_of(path: &str, text: &str) -> Vec<(&'static str, usize)> {
        all(path, text)
            .into_iter()
            .map(|f| (f.rule, f.line))
            .collect()
    }

    #[test]
    fn a_long_file_is_reported_and_a_file_at_the_limit_is_not() {
        assert_eq!(
            rules_of("a/x.rs", &"\n".repeat(801)),
            [("file-length", 801)]
        );
        assert_eq!(rules_of("a/x.rs", &"\n".repeat(800)), []);
        assert_eq!(rules_of("a/x.md", &"\n".repeat(2000)), []);
    }

    #[test]
    fn a_long_function_is_reported_where_it_begins() {
        let body = "    x();\n".repeat(70);
        let long = format!("\npub(crate) async fn f<T>(\n    a: [u8; 3],\n) -> T {{\n{body}}}\n");
        assert_eq!(rules_of("a/x.rs", &long), [("function-length", 2)]);
        assert_eq!(rules_of("a/tests/x.rs", &long), []);
        let fits = format!("fn f() {{\n{}}}\n", "    x();\n".repeat(68));
        assert_eq!(rules_of("a/x.rs", &fits), []);
    }

    #[test]
    fn braces_in_strings_do_not_count_and_declarations_have_no_length() {
        let filler = "\n".repeat(100);
        assert_eq!(
            rules_of("a/x.rs", &format!("fn f() {{ g(\"{{\") }}{filler}")),
            []
        );
        assert_eq!(
            rules_of("a/x.rs", &format!("trait T {{\nfn f(&self);\n}}{filler}")),
            []
        );
        assert_eq!(
            rules_of("a/x.rs", &format!("type F = fn (u8);{filler}")),
            []
        );
    }

    #[test]
    fn rooms_want_a_door_sign() {
        assert_eq!(
            rules_of("server/src/conn/mod.rs", "mod a;\n"),
            [("door-sign", 1)]
        );
        assert_eq!(
            rules_of("lib/x/src/lib.rs", "//! One line.\n"),
            [("door-sign", 1)]
        );
        assert_eq!(
            rules_of("lib/x/src/lib.rs", "//! What.\n//!\n//! Who.\n"),
            []
        );
        assert_eq!(rules_of("server/src/conn/phase.rs", "mod a;\n"), []);
    }

    #[test]
    fn markers_are_found_as_words_in_any_text() {
        let [first, second, third, fourth] = MARKERS;
        assert_eq!(
            rules_of("README.md", &format!("a\n{first}: b")),
            [("marker", 2)]
        );
        assert_eq!(rules_of("a.py", &format!("# {second}")), [("marker", 1)]);
        assert_eq!(
            rules_of("a.rs", &format!("// {third}\n// {fourth}")),
            [("marker", 1), ("marker", 2)]
        );
        assert_eq!(
            rules_of("a.rs", &format!("// {first}S and _{third} and {third}X")),
            []
        );
        assert_eq!(
            rules_of("a.rs", &format!("fn f() {{ {}() }}", MARKER_MACROS[0])),
            [("marker", 1)]
        );
        assert_eq!(
            rules_of(
                "a.rs",
                &format!("const A: &str = \"{}\";", MARKER_MACROS[0])
            ),
            []
        );
    }

    #[test]
    fn ignored_tests_are_reported() {
        assert_eq!(
            rules_of("a.rs", &format!("{IGNORED_TEST} = \"slow\"]\n")),
            [("ignored-test", 1)]
        );
    }

    #[test]
    fn paths_of_one_machine_are_reported_and_relative_ones_are_not() {
        let [work, root, home, _] = MACHINE_PATHS;
        assert_eq!(
            rules_of("a.sh", &format!("cd {work}x")),
            [("machine-path", 1)]
        );
        assert_eq!(
            rules_of("a.rs", &format!("let a = \"{root}x\";")),
            [("machine-path", 1)]
        );
        assert_eq!(
            rules_of(
                "a.md",
                &format!("see ..{home}x and a{home}b and $DIR{home}b")
            ),
            []
        );
        assert_eq!(
            rules_of("a.sh", &format!("curl https://{}/x", REGISTRY_HOSTS[1])),
            [("machine-path", 1)]
        );
    }

    #[test]
    fn names_that_say_nothing_are_reported() {
        assert_eq!(rules_of("a/helpers.rs", ""), [("file-name", 1)]);
        assert_eq!(rules_of("a/common/x.rs", ""), [("file-name", 1)]);
        assert_eq!(rules_of("a/manager.py", ""), [("file-name", 1)]);
        assert_eq!(rules_of("a/manage.rs", ""), []);
    }

    #[test]
    fn a_sleeping_test_wants_a_reason() {
        let nap = "    std::thread::sleep(d);\n";
        assert_eq!(rules_of("a/tests/x.rs", nap), [("sleeping-test", 1)]);
        assert_eq!(
            rules_of(
                "a/tests/x.rs",
                &format!("    // The kernel gives no sign.\n{nap}")
            ),
            []
        );
        assert_eq!(rules_of("a/src/x.rs", nap), []);
        let inside = format!("{nap}#[cfg(test)]\nmod tests {{\n{nap}}}\n");
        assert_eq!(rules_of("a/src/x.rs", &inside), [("sleeping-test", 4)]);
    }

    #[test]
    fn banned_packages_are_found_in_the_lock_file() {
        let lock = "[[package]]\nname = \"ring\"\n\n[[package]]\nname = \"ringbuffer\"\n";
        assert_eq!(rules_of("Cargo.lock", lock), [("package-ring", 2)]);
    }
}
