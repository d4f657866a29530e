//! S13: who may connect without credentials, over all combinations of what a configuration may say about access.

use super::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Block {
    Absent,
    /// `authorization {}`, or one with a timeout only.
    Empty,
    Token,
    SingleUser,
    Users,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Accounts {
    None,
    /// The system account alone, with a user.
    SystemWithUser,
    /// The system account alone, without users.
    SystemEmpty,
    /// Another account, without users.
    OtherEmpty,
    /// Another account, with a user.
    OtherWithUser,
    /// Both.
    SystemAndOther,
}

fn configured(block: Block, accounts: Accounts, no_auth_user: bool) -> Options {
    let mut options = Options::default();
    options.authorization.defined = block != Block::Absent;
    match block {
        Block::Absent | Block::Empty => {}
        Block::Token => options.authorization.token = "t".into(),
        Block::SingleUser => {
            options.authorization.user = Some("single".into());
            options.authorization.password = "p".into();
        }
        Block::Users => options.authorization.users = vec![user("listed", "p")],
    }
    let system = |users| account("$SYS", users);
    options.accounts = match accounts {
        Accounts::None => vec![],
        Accounts::SystemWithUser => vec![system(vec![user("sys", "p")])],
        Accounts::SystemEmpty => vec![system(vec![])],
        Accounts::OtherEmpty => vec![account("A", vec![])],
        Accounts::OtherWithUser => vec![account("A", vec![user("a", "p")])],
        Accounts::SystemAndOther => vec![
            system(vec![user("sys", "p")]),
            account("A", vec![user("a", "p")]),
        ],
    };
    if no_auth_user {
        let first = options.authorization.users.first();
        let mut of_accounts = options.accounts.iter().rev().flat_map(|a| a.users.first());
        let user = first.or_else(|| of_accounts.next());
        options.no_auth_user = user.map(|user| user.name.clone());
    }
    options
}

/// The table itself, written by hand from the rules: the account that a client without credentials gets.
fn expected(block: Block, accounts: Accounts, no_auth_user: bool) -> Option<&'static str> {
    use Accounts::{OtherEmpty, OtherWithUser, SystemAndOther, SystemEmpty, SystemWithUser};
    if no_auth_user {
        match (block, accounts) {
            (Block::Users, _) => return Some("$G"),
            (_, SystemWithUser) => return Some("$SYS"),
            (_, OtherWithUser | SystemAndOther) => return Some("A"),
            // Nobody exists whom no_auth_user could name.
            _ => {}
        }
    }
    match (block, accounts) {
        (Block::Token | Block::SingleUser | Block::Users, _) => None,
        // Open to those without credentials only as long as access was not thought about.
        (Block::Absent, SystemWithUser) => Some("$G"),
        (Block::Empty, SystemWithUser) => None,
        (_, OtherWithUser | SystemAndOther) => None,
        (_, Accounts::None | SystemEmpty | OtherEmpty) => Some("$G"),
    }
}

#[test]
fn s13_who_may_connect_without_credentials() {
    let blocks = [
        Block::Absent,
        Block::Empty,
        Block::Token,
        Block::SingleUser,
        Block::Users,
    ];
    let all_accounts = [
        Accounts::None,
        Accounts::SystemWithUser,
        Accounts::SystemEmpty,
        Accounts::OtherEmpty,
        Accounts::OtherWithUser,
        Accounts::SystemAndOther,
    ];
    for block in blocks {
        for accounts in all_accounts {
            for no_auth_user in [false, true] {
                let case = format!("{block:?} {accounts:?} no_auth_user={no_auth_user}");
                let options = configured(block, accounts, no_auth_user);
                let auth = authenticator(&options);
                let got = nobody().ask(&auth).ok().map(|i| i.account.to_string());
                let want = expected(block, accounts, no_auth_user);
                assert_eq!(got.as_deref(), want, "{case}");
                assert_eq!(auth.admits_before_connect(), want.is_some(), "{case}");
                // Wrong credentials never make more of a client than none at all.
                for wrong in [
                    with_password("sys", "wrong"),
                    with_password("x", "y"),
                    with_token("x"),
                ] {
                    let as_wrong = wrong.ask(&auth).ok().map(|i| i.account.to_string());
                    let open = !auth.is_required();
                    assert_eq!(as_wrong.is_some(), open, "{case}");
                }
                // Nobody but its own user, or whom the operator names, is in the system account.
                if got.as_deref() == Some("$SYS") {
                    assert!(no_auth_user, "{case}");
                }
            }
        }
    }
}

#[test]
fn a_global_account_beside_the_system_account_changes_nothing() {
    let mut options = configured(Block::Absent, Accounts::SystemWithUser, false);
    options.accounts.push(account("$G", vec![]));
    assert_eq!(nobody().asks(&options), accepted("$G/-"));
    options.system_account = Some("OTHER".into());
    assert!(
        nobody().asks(&options).is_err(),
        "then the only account with users is not the system account"
    );
}
