//! Tables of errors: the built-in one, and files of the same form.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{CliError, Result};
use crate::input;

/// The lowest code that is given to errors of JetStream.
const LOWEST_CODE: u16 = 10_000;

/// One error, as definition files write it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Definition {
    pub constant: String,
    pub code: u16,
    pub error_code: u16,
    pub description: String,
    pub comment: String,
    pub help: String,
    pub url: String,
    pub deprecates: String,
}

/// The definitions of `path`, or the built-in ones.
pub fn load(path: Option<&Path>) -> Result<Vec<Definition>> {
    let Some(path) = path else {
        return Ok(built_in());
    };
    let text = input::file(path)
        .map_err(|e| CliError::from(e).context(format!("reading {}", path.display())))?;
    serde_json::from_slice(&text).map_err(|e| {
        CliError::new(format!("{}: {e}", path.display())).next_step(
            "the file is a JSON list of errors with constant, code, error_code and description",
        )
    })
}

fn built_in() -> Vec<Definition> {
    let rows = nats_api::errors::ALL.iter();
    rows.map(|entry| Definition {
        constant: entry.constant.to_owned(),
        code: entry.code,
        error_code: entry.err_code,
        description: entry.description.to_owned(),
        ..Definition::default()
    })
    .collect()
}

/// Replaces the file as a whole: a failure leaves the old one.
pub fn save(path: &Path, definitions: &[Definition]) -> Result {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut file, definitions)?;
    file.write_all(b"\n")?;
    if let Ok(metadata) = std::fs::metadata(path) {
        file.as_file().set_permissions(metadata.permissions())?;
    }
    file.persist(path)
        .map_err(|e| CliError::from(e.error).context(format!("writing {}", path.display())))?;
    Ok(())
}

/// What is wrong with one definition.
pub fn faults(definition: &Definition) -> Vec<String> {
    let description = &definition.description;
    let mut faults = Vec::new();
    let mut fault = |wrong: bool, text: &str| {
        if wrong {
            faults.push(text.to_owned());
        }
    };
    fault(
        definition.error_code < LOWEST_CODE,
        "error_code must be 10000 or more",
    );
    fault(definition.code == 0, "code is missing");
    fault(definition.constant.is_empty(), "constant is missing");
    fault(description.is_empty(), "description is missing");
    fault(
        is_one_placeholder(description) && definition.comment.is_empty(),
        "a description that is nothing but a placeholder needs a comment",
    );
    let (open, close) = (
        description.matches('{').count(),
        description.matches('}').count(),
    );
    fault(
        open != close,
        "description has a { without its }, or the reverse",
    );
    fault(
        open > 0 && !definition.constant.ends_with('F'),
        "description has placeholders, so constant must end in F",
    );
    faults
}

/// What is wrong with a table: the faults of its rows by code, and codes and constants that are used twice.
pub fn faults_of_all(definitions: &[Definition]) -> Vec<(u16, String)> {
    let mut all = Vec::new();
    let (mut codes, mut constants) = (BTreeMap::new(), BTreeMap::new());
    for definition in definitions {
        let code = definition.error_code;
        all.extend(faults(definition).into_iter().map(|text| (code, text)));
        if let Some(first) = codes.insert(code, &definition.constant) {
            all.push((code, format!("{first} has the same error_code")));
        }
        if let Some(first) = constants.insert(&definition.constant, code)
            && first != code
        {
            all.push((code, format!("{first} has the same constant")));
        }
    }
    all
}

fn is_one_placeholder(description: &str) -> bool {
    let inner = description
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|inner| !inner.is_empty() && !inner.contains('}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Definition {
        Definition {
            constant: "JSThingFailedErrF".into(),
            code: 500,
            error_code: 10_500,
            description: "thing failed: {err}".into(),
            ..Definition::default()
        }
    }

    #[test]
    fn each_rule_finds_the_definition_that_breaks_it() {
        assert_eq!(faults(&sound()), Vec::<String>::new());
        type Break = fn(&mut Definition);
        let table: [(Break, &str); 7] = [
            (|d| d.error_code = 9_999, "10000 or more"),
            (|d| d.code = 0, "code is missing"),
            (|d| d.constant.clear(), "constant is missing"),
            (|d| d.description.clear(), "description is missing"),
            (|d| d.description = "{err}".into(), "needs a comment"),
            (|d| d.description = "x {err".into(), "without its }"),
            (|d| d.constant = "JSThing".into(), "must end in F"),
        ];
        for (broken, expected) in table {
            let mut definition = sound();
            broken(&mut definition);
            let faults = faults(&definition);
            assert!(
                faults.iter().any(|fault| fault.contains(expected)),
                "{expected}: {faults:?}"
            );
        }
    }

    #[test]
    fn a_code_or_constant_that_is_used_twice_is_found() {
        let second = Definition {
            error_code: 10_501,
            ..sound()
        };
        assert_eq!(
            faults_of_all(&[sound(), second]),
            [(10_501, "10500 has the same constant".to_owned())]
        );
        let second = Definition {
            constant: "JSOtherF".into(),
            ..sound()
        };
        assert_eq!(
            faults_of_all(&[sound(), second]),
            [(
                10_500,
                "JSThingFailedErrF has the same error_code".to_owned()
            )]
        );
    }

    #[test]
    fn a_saved_table_reads_back_and_nonsense_is_refused_with_the_name_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("errors.json");
        save(&path, &[sound()]).unwrap();
        assert_eq!(load(Some(&path)).unwrap(), [sound()]);
        std::fs::write(&path, "{").unwrap();
        let error = load(Some(&path)).unwrap_err();
        assert!(error.to_string().contains("errors.json"), "{error}");
    }
}
