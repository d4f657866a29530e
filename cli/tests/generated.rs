//! Manual pages and completions that are committed, beside what the command trees say now.

use std::path::{Path, PathBuf};

use nats_server::options::{Command, parse_args};
use nats_term::completion::{self, SHELLS};
use nats_term::manual::Page;

/// Every generated file, by its path in the repository.
fn generated() -> Vec<(PathBuf, String)> {
    let page = |section, source, see_also| Page {
        section,
        source,
        see_also,
    };
    let version = env!("CARGO_PKG_VERSION");
    let mut files = vec![
        (
            PathBuf::from("man/nats.1"),
            page(
                "1",
                &format!("nats {version}"),
                &["nsc(1)", "nats-server(8)"],
            )
            .of(nats_cli::app::command()),
        ),
        (
            PathBuf::from("man/nsc.1"),
            page(
                "1",
                &format!("nsc {version}"),
                &["nats(1)", "nats-server(8)"],
            )
            .of(nats_nsc::commands::command()),
        ),
        (
            PathBuf::from("man/nats-server.8"),
            page(
                "8",
                &format!("nats-server {version}"),
                &["nats(1)", "nsc(1)"],
            )
            .of_help("nats-server", "the NATS messaging server", &server_help()),
        ),
    ];
    for shell in SHELLS {
        for (program, variable) in [
            ("nats", nats_cli::complete::VARIABLE),
            ("nsc", nats_nsc::commands::complete::VARIABLE),
        ] {
            let script = completion::script(program, variable, shell).expect("a known shell");
            files.push((
                Path::new("completions").join(format!("{program}.{shell}")),
                script,
            ));
        }
    }
    let flags = completion::flags_in(&server_help());
    for (shell, script) in completion::of_flags("nats-server", &flags) {
        files.push((
            Path::new("completions").join(format!("nats-server.{shell}")),
            script,
        ));
    }
    files
}

fn server_help() -> String {
    match parse_args(&["--help".to_owned()], &nats_conf::System) {
        Ok(Command::Print(help)) => help,
        other => panic!("{other:?} is no help"),
    }
}

#[test]
fn the_committed_pages_and_completions_are_not_stale() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let update = std::env::var_os("NATS_UPDATE_GENERATED").is_some();
    let mut stale = Vec::new();
    for (path, wanted) in generated() {
        let whole = root.join(&path);
        if update {
            std::fs::create_dir_all(whole.parent().expect("a folder")).expect("a folder");
            std::fs::write(&whole, &wanted).expect("it can be written");
        } else if std::fs::read_to_string(&whole).unwrap_or_default() != wanted {
            stale.push(path);
        }
    }
    assert!(
        stale.is_empty(),
        "{stale:?} are stale; write them anew with: NATS_UPDATE_GENERATED=1 cargo test -p nats-cli --test generated"
    );
}
