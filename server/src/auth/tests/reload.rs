//! What a reload means for connections that are there.

use super::*;

/// Lets a client in under `before` and asks what `after` means for it.
fn reload(client: &Client, before: &Options, after: &Options) -> Revalidated {
    let identity = client.ask(&authenticator(before)).expect("admitted before");
    authenticator(after).still_valid(&identity)
}

#[test]
fn nothing_changes_for_those_whose_credentials_are_what_they_were() {
    let key = key();
    let mut options = with_users(vec![user("a", "1"), user("h", &bcrypt_of("2"))]);
    options.authorization.nkeys = vec![nkey_user(&key)];
    let mut more = options.clone();
    more.authorization.users.push(user("new", "x"));
    for client in [
        with_password("a", "1"),
        with_password("h", "2"),
        with_key(&key),
    ] {
        assert_eq!(reload(&client, &options, &more), Revalidated::Same);
    }
    assert_eq!(
        reload(&nobody(), &Options::default(), &Options::default()),
        Revalidated::Same
    );
}

#[test]
fn who_lost_its_credentials_is_gone() {
    let key = key();
    let mut options = with_users(vec![user("a", "1"), user("keep", "k")]);
    options.authorization.nkeys = vec![nkey_user(&key)];
    let gone = |client: &Client, change: fn(&mut Options)| {
        let mut after = options.clone();
        change(&mut after);
        reload(client, &options, &after)
    };
    assert_eq!(
        gone(&with_password("a", "1"), |o| o.authorization.users[0]
            .password = "2".into()),
        Revalidated::Gone(AuthError::WrongPassword)
    );
    assert_eq!(
        gone(&with_password("a", "1"), |o| drop(
            o.authorization.users.remove(0)
        )),
        Revalidated::Gone(AuthError::UnknownUser)
    );
    assert_eq!(
        gone(&with_password("a", "1"), |o| o.authorization.users[0]
            .proxy_required = true),
        Revalidated::Gone(AuthError::ProxyRequired)
    );
    assert_eq!(
        gone(&with_password("a", "1"), |o| {
            o.authorization.users[0].allowed_connection_types =
                ConnectionTypes::Only(vec![ConnectionType::Mqtt]);
        }),
        Revalidated::Gone(AuthError::ConnectionTypeNotAllowed)
    );
    assert_eq!(
        gone(&with_key(&key), |o| o.authorization.nkeys.clear()),
        Revalidated::Gone(AuthError::NoCredentials)
    );
    assert_eq!(
        reload(&nobody(), &Options::default(), &options),
        Revalidated::Gone(AuthError::NoCredentials)
    );
}

#[test]
fn a_new_spelling_of_the_same_password_keeps_the_connection() {
    let plain = with_users(vec![user("a", "pw")]);
    let hashed = with_users(vec![user("a", &bcrypt_of("pw"))]);
    let hashed_again = with_users(vec![user("a", &bcrypt_of("pw"))]);
    let other = with_users(vec![user("a", &bcrypt_of("other"))]);
    let client = with_password("a", "pw");
    assert_eq!(reload(&client, &plain, &hashed), Revalidated::Same);
    assert_eq!(reload(&client, &hashed, &plain), Revalidated::Same);
    assert_eq!(reload(&client, &hashed, &hashed_again), Revalidated::Same);
    assert_eq!(
        reload(&client, &hashed, &other),
        Revalidated::Gone(AuthError::WrongPassword)
    );
}

#[test]
fn turning_authentication_on_keeps_those_who_showed_the_right_thing() {
    let after = with_users(vec![user("a", "1")]);
    let open = Options::default();
    assert_eq!(
        reload(&with_password("a", "1"), &open, &after),
        Revalidated::Same
    );
    assert_eq!(
        reload(&with_password("a", "2"), &open, &after),
        Revalidated::Gone(AuthError::WrongPassword)
    );
    let mut guest = after.clone();
    guest.no_auth_user = Some("a".into());
    assert_eq!(reload(&nobody(), &open, &guest), Revalidated::Moved);
}

#[test]
fn changed_permissions_are_handed_over_and_equal_ones_are_not() {
    let mut before = with_users(vec![user("a", "1")]);
    before.authorization.users[0].permissions = Some(publish(Some(&["foo"]), &[]));
    let mut after = before.clone();
    let client = with_password("a", "1");
    assert_eq!(reload(&client, &before, &after), Revalidated::Same);
    let narrower = publish(Some(&["foo"]), &["bar"]);
    after.authorization.users[0].permissions = Some(narrower.clone());
    assert_eq!(
        reload(&client, &before, &after),
        Revalidated::PermissionsChanged(Some(Arc::new(Permissions::new(&narrower))))
    );
    after.authorization.users[0].permissions = None;
    assert_eq!(
        reload(&client, &before, &after),
        Revalidated::PermissionsChanged(None)
    );
}

#[test]
fn who_belongs_to_another_account_now_has_moved() {
    let in_accounts = |a, b| Options {
        accounts: vec![account("A", a), account("B", b)],
        ..Options::default()
    };
    let before = in_accounts(vec![user("a", "1")], vec![]);
    let after = in_accounts(vec![], vec![user("a", "1")]);
    assert_eq!(
        reload(&with_password("a", "1"), &before, &after),
        Revalidated::Moved
    );
}

#[test]
fn a_proxy_that_lost_its_trust_takes_its_clients_along() {
    let proxy = KeyPair::generate(Kind::Server).expect("random bytes");
    let mut before = with_users(vec![user("a", "1")]);
    before.trusted_proxies = vec![proxy.public_key().to_string()];
    let mut client = with_password("a", "1");
    client.connect.proxy_sig = proxy.sign_text(NONCE);
    assert_eq!(reload(&client, &before, &before.clone()), Revalidated::Same);
    let mut after = before.clone();
    after.trusted_proxies.clear();
    assert_eq!(
        reload(&client, &before, &after),
        Revalidated::Gone(AuthError::ProxyNotTrusted)
    );
}
