//! What `describe` and `list` print of the store that the reference made (`data/reference-store`), to the letter. The texts were held
//! against the reference's own; `compare.rs` does so again where that program is.

mod support;

use support::Home;

/// The store of the reference, in use.
fn reference() -> Home {
    let home = Home::new();
    home.take_reference_store();
    home
}

/// Each line as a user types it, and what is printed.
fn transcript(home: &Home, lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        let printed = home.line(line);
        let printed = printed.replace(&home.path().display().to_string(), "HOME");
        let printed: Vec<&str> = printed.lines().map(str::trim_end).collect();
        text += &format!("$ {line}\n{}\n\n", printed.join("\n").trim());
    }
    text
}

#[test]
fn descriptions_are_reviewed_as_a_whole() {
    let home = reference();
    insta::assert_snapshot!(
        "describe",
        transcript(
            &home,
            &[
                "nsc describe operator",
                "nsc describe operator --long-ids",
                "nsc describe account ORDERS",
                "nsc describe account ORDERS --long-ids",
                "nsc describe account SHOP",
                "nsc describe account SYS",
                "nsc describe user -a ORDERS plain",
                "nsc describe user -a ORDERS scoped",
                "nsc describe user -a SYS sys",
                "nsc describe jwt -f .local/share/nats/nsc/stores/REF/accounts/SHOP/SHOP.jwt",
            ],
        )
    );
}

#[test]
fn described_documents_are_reviewed_as_a_whole() {
    let home = reference();
    insta::assert_snapshot!(
        "describe_documents",
        transcript(
            &home,
            &[
                "nsc describe operator --json",
                "nsc describe account ORDERS --json",
                "nsc describe account SHOP --json",
                "nsc describe user -a ORDERS plain --json",
                "nsc describe user -a ORDERS scoped --json",
                "nsc describe account ORDERS --field nats.limits",
                "nsc describe operator --raw",
            ],
        )
    );
}

#[test]
fn lists_are_reviewed_as_a_whole() {
    let home = reference();
    insta::assert_snapshot!(
        "list",
        transcript(
            &home,
            &[
                "nsc list operators",
                "nsc list accounts",
                "nsc list users -a ORDERS",
                "nsc list users -a SHOP",
                "nsc list keys --all",
                "nsc list keys --operator",
                "nsc list keys --account ORDERS",
                "nsc list keys --not-referenced",
                "nsc list operators --json",
                "nsc list accounts --json",
                "nsc list users -a ORDERS --json",
                "nsc list keys --all --json",
            ],
        )
    );
}
