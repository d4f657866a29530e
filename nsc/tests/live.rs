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
