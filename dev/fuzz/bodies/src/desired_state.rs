//! Files of desired state: refused, or applied to a store in memory; then what is there is as desired, and applying the file again
//! changes nothing.

use nats_nsc::desired::{apply, document};

use crate::nsc_store_import::{Home, all_below};

/// Applying makes keys and signs with them, so large files would only be slow.
const ACCOUNTS_MAX: usize = 4;
const USERS_MAX: usize = 8;

pub fn check(data: &[u8]) {
    applied(data);
}

/// Whether the file was applied.
fn applied(data: &[u8]) -> Option<()> {
    let (&mode, rest) = data.split_first()?;
    let document = document::parse(std::str::from_utf8(rest).ok()?).ok()?;
    let users = document.accounts.values().filter_map(|a| a.users.as_ref());
    let users: usize = users.map(std::collections::BTreeMap::len).sum();
    if document.accounts.len() > ACCOUNTS_MAX || users > USERS_MAX {
        return None;
    }
    let prune = mode % 2 == 1;
    let home = Home::new();
    let mut workspace = home.with_operator();
    apply(&mut workspace, &document, prune).ok()?;
    all_below(&workspace);
    for account in workspace.accounts().expect("accounts") {
        let claims = workspace.account(&account).expect("what was just written");
        let operator = workspace.operator().expect("the operator");
        assert!(operator.did_sign(&claims), "{account}");
        for user in workspace.users(&account).expect("users") {
            let user = workspace.user(&account, &user).expect("a user");
            let strict = operator.nats.strict_signing_key_usage;
            assert!(
                claims.effective_limits(&user, strict).is_ok() || !user.nats.limits.is_nothing()
            );
        }
    }
    let again = apply(&mut workspace, &document, prune).expect("what was applied once");
    assert!(again.is_empty(), "{again:?}");
    Some(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_seeds_are_applied() {
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../seeds/desired_state");
        for entry in std::fs::read_dir(folder).expect("seeds") {
            let path = entry.expect("a seed").path();
            let data = std::fs::read(&path).expect("readable");
            assert!(super::applied(&data).is_some(), "{}", path.display());
        }
    }
}
