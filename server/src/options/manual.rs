//! The manual of the configuration, written from the tables.

use std::fmt::Write as _;

use super::table::{Row, rows};
use super::top;

/// `docs/configuration.md`: every key with its other spellings, type, default, what a reload does with it, and its purpose.
pub fn reference_markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    for (title, keys) in top::TABLES {
        let _ = write!(
            page,
            "\n## {title}\n\n| key | also | value | default | reload | |\n|---|---|---|---|---|---|\n"
        );
        for row in rows(keys) {
            write_row(&mut page, &row);
        }
    }
    page
}

const INTRODUCTION: &str = "\
# Configuration

Generated from the tables in `server/src/options/`; do not edit. After a change there: `NATS_UPDATE_GENERATED=1 cargo test -p nats-server --test manual`.

A configuration file holds `key: value` entries, maps in `{}` and lists in `[]`; JSON is a configuration too. Keys are compared
without regard to case. `include 'file'` takes in another file, `$NAME` refers to an earlier entry of an enclosing map or to an environment
variable. Unknown keys are errors. Sizes: `10k` is 10,000, `10kb` is 10,240. Durations: `10ms`, `2s`, `1h30m`.
A `tls` block has the same keys everywhere; they stand once, under `tls`. `nats-server -t -c file` checks a file.

The column *reload* says what happens to a changed key when the server is told to reload (`nats-server --signal reload`): *yes* is applied to the
running server, *no* needs a restart, and when any changed key needs one, nothing is applied. Keys without an entry follow the block
they stand in.
";

fn write_row(page: &mut String, row: &Row) {
    let cell = |text: &str| text.replace('|', "\\|");
    let aliases: Vec<String> = row
        .aliases
        .iter()
        .map(|alias| format!("`{alias}`"))
        .collect();
    let reload = if row.reload == "see below" {
        ""
    } else {
        &row.reload
    };
    let _ = writeln!(
        page,
        "| `{}` | {} | {} | {} | {} | {} |",
        row.path,
        aliases.join(" "),
        cell(row.kind),
        cell(row.default),
        cell(reload),
        cell(row.doc)
    );
}
