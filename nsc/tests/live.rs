//! Desired state on servers.

mod support;

use serde_json::{Value, json};
use support::{Home, Server, text};

#[test]
fn accounts_that_only_servers_have_are_told_and_go_with_prune() {
    let home = Home::prepared();
    let Some(server) = Server::start(&home) else {
        return;
    };
    home.all(&[
        &format!("nsc edit operator --account-jwt-server-url {}", server.url),
        "nsc add account B",
        "nsc push --all",
        "nsc delete account B",
    ]);
    let document = "operator: {name: O}\naccounts:\n  A: {users: {u: {}}}\n";
    std::fs::write(home.path().join("d.yaml"), document).expect("written");
    let plan = ["plan", "-f", "d.yaml", "--live"];
    let pruning = ["plan", "-f", "d.yaml", "--live", "--prune"];

    // What nobody asked to remove is not pending.
    let told = home.json(&plan);
    assert_eq!(told["changes"], json!([]), "{told}");
    assert!(
        told["surplus"][0]
            .as_str()
            .is_some_and(|s| s.starts_with("B [A")),
        "{told}"
    );
    assert!(home.ok(&plan).contains("only on servers: account B [A"));

    let pending = home.run(&pruning);
    let said = text(&pending.stdout);
    assert_eq!(pending.status.code(), Some(2), "{said}");
    assert!(said.contains("server: account B [A"), "{said}");

    let applied = home.json(&["apply", "-f", "d.yaml", "--push", "--prune"]);
    assert_eq!(applied["changes"][0]["what"], told_as(&told), "{applied}");
    assert!(
        applied["report"].to_string().contains("pruned nats-server"),
        "{applied}"
    );
    let after = home.json(&pruning);
    assert_eq!(after, json!({"state": "pending", "changes": []}));
}

/// A surplus account as a change.
fn told_as(told: &Value) -> String {
    format!(
        "server: account {}",
        told["surplus"][0].as_str().expect("a name")
    )
}

#[test]
fn what_differs_is_pushed_by_one_connection_and_a_push_that_fails_is_told_in_the_document() {
    let home = Home::prepared();
    let Some(server) = Server::start(&home) else {
        return;
    };
    home.line(&format!(
        "nsc edit operator --account-jwt-server-url {}",
        server.url
    ));
    let document = "operator: {name: O}\naccounts:\n  A: {tags: [x]}\n  B: {}\n  C: {}\n  D: {}\n";
    std::fs::write(home.path().join("d.yaml"), document).expect("written");
    let applied = home.json(&["apply", "-f", "d.yaml", "--push"]);
    let lines = applied["report"]["details"].as_array().expect("lines");
    // One line says to which server, and below it is one for each account.
    assert_eq!(lines.len(), 1, "{applied}");
    assert!(
        lines[0]["details"].as_array().is_some_and(|d| d.len() >= 4),
        "{applied}"
    );
    let after = home.json(&["plan", "-f", "d.yaml", "--live"]);
    assert_eq!(after["changes"], json!([]));

    // A user who may look, and may not push.
    home.all(&[
        "nsc add user looks -a SYS --allow-pub '$SYS.REQ.CLAIMS.PACK' --allow-sub '_INBOX.>'",
    ]);
    std::fs::write(home.path().join("d.yaml"), document.replace("[x]", "[y]")).expect("written");
    let output = home.run(&[
        "apply",
        "-f",
        "d.yaml",
        "--push",
        "--system-user",
        "looks",
        "--json",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert!(told["changes"].to_string().contains("tags"), "{told}");
    assert!(told["report"].to_string().contains("error"), "{told}");
}
