//! A store that the reference `nsc` (2.x) made, in `data/reference-store`, read and edited by ours. The keys in there protect nothing.

mod support;

use std::path::Path;

use nats_jwt::claims::AnyClaims;
use nats_nsc::ops::generate::profile;
use nats_nsc::ops::{account, keys, signing_key, user, validate};
use nats_nsc::places::{Directories, Surroundings};
use nats_nsc::workspace::Workspace;
use tempfile::TempDir;

/// When it is: after the fixture was made.
fn now() -> i64 {
    jiff::Timestamp::now().as_second().max(1_795_900_000)
}

/// A copy of the store, to be edited.
fn home() -> TempDir {
    let home = tempfile::tempdir().expect("a directory");
    support::copy_reference_store(home.path());
    home
}

fn open(home: &Path) -> Workspace {
    let around = Surroundings::below(home);
    Workspace::open(&Directories::default(), around, now()).expect("a workspace")
}

#[test]
fn a_store_of_the_reference_is_read_whole() {
    let home = home();
    let mut w = open(home.path());
    assert_eq!(w.accounts().expect("accounts"), ["ORDERS", "SHOP", "SYS"]);
    assert_eq!(w.users("ORDERS").expect("users"), ["plain", "scoped"]);
    let request = validate::Validate {
        all_accounts: true,
        ..validate::Validate::default()
    };
    let (outcome, blocking) = validate::validate(&mut w, &request).expect("checked");
    assert!(!blocking, "{}", outcome.text.unwrap_or_default());
    // Every key that is referenced is found where the reference put it.
    let all = keys::referenced(&mut w).expect("keys");
    let missing: Vec<_> = all
        .0
        .iter()
        .filter(|key| key.key_path.is_none() || key.invalid)
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    // So are the credentials.
    for (account, user) in [("ORDERS", "plain"), ("SYS", "sys")] {
        let profile =
            profile::profile(&mut w, &format!("nsc://REF/{account}/{user}")).expect("a profile");
        let creds =
            nats_jwt::creds::Creds::read(Path::new(&profile.user_creds.expect("credentials")))
                .expect("readable");
        assert_eq!(
            creds.key.public_key().to_string(),
            w.user(account, user).expect("a user").subject
        );
    }
}

#[test]
fn signing_a_token_of_the_reference_again_loses_nothing() {
    let home = home();
    let mut w = open(home.path());
    for name in w.accounts().expect("accounts") {
        let before = w.edit_account(&name).expect("all of it is understood");
        let signer = w.signer_of_account(&before).expect("a signer");
        w.put_account(&before, &signer).expect("signed");
        let after = w.account(&name).expect("readable");
        let differences =
            nats_nsc::desired::differences(&AnyClaims::Account(before), &AnyClaims::Account(after));
        assert_eq!(differences, []);
    }
}

#[test]
fn a_store_of_the_reference_is_edited() {
    let home = home();
    let mut w = open(home.path());
    let request = account::Edit {
        name: Some("ORDERS".into()),
        limits: account::Limits {
            conns: Some(7),
            ..account::Limits::default()
        },
        ..account::Edit::default()
    };
    account::edit(&mut w, &request).expect("edited");
    let mut role = signing_key::Edit {
        sk: Some("till".into()),
        account: Some("ORDERS".into()),
        ..signing_key::Edit::default()
    };
    role.limits.bearer = Some(true);
    signing_key::edit(&mut w, &role).expect("edited");
    w.signing.key = Some("till".into());
    let request = user::Add {
        name: Some("another".into()),
        account: Some("ORDERS".into()),
        ..user::Add::default()
    };
    user::add(&mut w, &request).expect("added");
    w.commit().expect("a commit");
    let mut again = open(home.path());
    let claims = again.account("ORDERS").expect("an account");
    assert_eq!(claims.nats.limits.conn, 7);
    assert!(
        claims
            .nats
            .signing_keys
            .role("till")
            .expect("a role")
            .template
            .bearer_token
    );
    assert_eq!(
        again.users("ORDERS").expect("users"),
        ["another", "plain", "scoped"]
    );
}
