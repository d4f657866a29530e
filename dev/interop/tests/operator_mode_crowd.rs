//! Many accounts in a full resolver: pushed, listed, visited, packed, found again after a restart, deleted.
//!
//! `NATS_ACCOUNTS` makes more of them than CI has time for.

use nats_interop::Launch;
use nats_interop::trust::{Account, Operator, ask, ask_text, now, public};
use nats_jwt::claims::GenericClaims;

const ACCOUNTS: usize = 300;
/// Accounts in one request to delete.
const AT_ONCE: usize = 1_000;

#[test]
fn a_resolver_keeps_its_accounts_through_restarts_and_deletions() {
    let given = std::env::var("NATS_ACCOUNTS").ok();
    let count = given.map_or(ACCOUNTS, |n| n.parse().expect("a number of accounts"));
    let operator = Operator::new();
    let accounts: Vec<_> = (0..count).map(|n| Account::new(&format!("A{n}"))).collect();
    let resolver = "{ type: full, dir: '$DIR/jwt', allow_delete: true }";
    let mut server = Launch::new(&operator.preloaded(resolver, &[]))
        .allow_log("fetch took|Account fetch failed|Can't locate account|delete accounts|mapped to")
        .start();
    let mut system = operator.system_wire(&server);
    for account in &accounts {
        let token = operator.sign(account);
        let answer = ask(&mut system, "$SYS.REQ.CLAIMS.UPDATE", &token);
        assert_eq!(answer["data"]["code"], 200, "{answer}");
    }
    let (kept, deleted) = accounts.split_at(count / 2);
    // Once as pushed, once as read from the folder.
    for _ in 0..2 {
        assert_eq!(listed(&mut system), count + 1);
        assert_eq!(packed(&mut system), count + 1);
        for account in accounts.iter().step_by(count / 30 + 1) {
            account.user("u").open(&server);
            let subject = format!("$SYS.REQ.ACCOUNT.{}.CLAIMS.LOOKUP", account.id());
            assert!(ask_text(&mut system, &subject, "").starts_with("eyJ"));
        }
        server.restart();
        system = operator.system_wire(&server);
    }
    for some in deleted.chunks(AT_ONCE) {
        let ids: Vec<_> = some.iter().map(Account::id).collect();
        let mut claims = GenericClaims::new(public(&operator.key));
        claims.nats.data.insert("accounts".into(), ids.into());
        let request = claims.encode(&operator.key, now()).expect("signed");
        let answer = ask(&mut system, "$SYS.REQ.CLAIMS.DELETE", &request);
        let message = format!("deleted {} accounts", some.len());
        assert_eq!(answer["data"]["message"], message, "{answer}");
    }
    for _ in 0..2 {
        assert_eq!(listed(&mut system), kept.len() + 1);
        kept[0].user("u").open(&server);
        deleted[0].user("u").is_refused(&server);
        server.restart();
        system = operator.system_wire(&server);
    }
}

fn listed(system: &mut nats_interop::Wire) -> usize {
    let list = ask(system, "$SYS.REQ.CLAIMS.LIST", "");
    list["data"].as_array().expect("a list").len()
}

/// How many tokens a pack for somebody who has nothing holds.
fn packed(system: &mut nats_interop::Wire) -> usize {
    system.subscribe("pack", "9");
    system.publish_request("$SYS.REQ.CLAIMS.PACK", "pack", &"0".repeat(64));
    let mut count = 0;
    loop {
        let (_, body) = system.read_msg();
        if body.is_empty() {
            system.line("UNSUB 9");
            system.flush();
            return count;
        }
        count += body.lines().count();
    }
}
