//! The committed manual of the configuration is the one that the tables write.

use std::path::Path;

use nats_server::options::reference_markdown;

#[test]
fn the_committed_manual_is_not_stale() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let wanted = reference_markdown();
    if std::env::var_os("NATS_UPDATE_GENERATED").is_some() {
        std::fs::write(&path, &wanted).expect("docs/configuration.md can be written");
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == wanted,
        "docs/configuration.md is stale; write it anew with: NATS_UPDATE_GENERATED=1 cargo test -p nats-server --test manual"
    );
}

#[test]
fn every_row_of_the_manual_is_complete() {
    let page = reference_markdown();
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    assert!(rows.len() > 300, "{} rows", rows.len());
    for row in rows {
        // Escaped bars belong to a cell.
        let cells: Vec<_> = row
            .replace("\\|", "/")
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect();
        assert_eq!(cells.len(), 8, "{row}");
        assert!(
            !cells[1].is_empty() && !cells[3].is_empty() && !cells[6].is_empty(),
            "{row}"
        );
    }
}
