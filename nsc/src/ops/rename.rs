//! `rename account`: its token, its users' directory and their credentials. What was cut off goes on when it is run again.

use super::Outcome;
use crate::error::{Error, Result};
use crate::name;
use crate::report::{Report, Status};
use crate::workspace::Workspace;

/// `rename account`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Rename {
    /// The account's name
    pub from: String,
    /// Its new name
    pub to: String,
    /// Say that you know what you do
    #[arg(long = "OK")]
    pub ok: bool,
}

/// Gives an account another name: its token, its users' directory and their credentials.
///
/// # Errors
/// When there is an account of the new name.
pub fn rename(workspace: &mut Workspace, request: &Rename) -> Result<Outcome> {
    if !request.ok {
        return Err(Error::refused("required flag \"OK\" not set").hint(
            "paths of credentials change with the name: tell whoever reads them, and add --OK",
        ));
    }
    let (from, to) = (&request.from, &request.to);
    name::checked("account", to)?;
    let store = workspace.store()?;
    let mut claims = workspace.edit_account(from)?;
    // What was interrupted before has made some of it already.
    let begun = from != to
        && store.has_account(&workspace.files, to)
        && workspace.account(to)?.subject == claims.subject;
    if store.has_account(&workspace.files, to) && !begun {
        return Err(Error::exists(format!("account {to:?} already exists")));
    }
    if begun {
        let there = workspace.edit_account(to)?;
        if there.issued_at >= claims.issued_at {
            claims = there;
        }
    }
    let signer = workspace.signer_of_account(&claims)?;
    claims.name.clone_from(to);
    let mut report = Report::line(Status::Ok, format!("rename account {from:?} to {to:?}"));
    let creds = workspace.keystore.creds_folder(store.name(), from)?;
    let target = workspace.keystore.creds_folder(store.name(), to)?;
    // What a process that was killed left beside its files is nobody's.
    let taken = workspace.files.list(&target)?;
    if !begun && taken.iter().any(|name| name.ends_with(".creds")) {
        return Err(Error::exists(format!(
            "there are credentials of an account {to:?} already"
        )));
    }
    workspace.put_account(&claims, &signer)?;
    for user in workspace.users(from)? {
        let token = store.user_token(&mut workspace.files, from, &user)?;
        // One that was moved by a run that was interrupted may have been changed since.
        let moved = store.has_user(&workspace.files, to, &user)
            && workspace.user(to, &user)?.issued_at >= workspace.user(from, &user)?.issued_at;
        if !moved {
            let path = store.user_path(to, &user)?;
            workspace.files.write(&path, token.as_bytes());
        }
        workspace.files.remove(&store.user_path(from, &user)?);
        report.ok(format!("moved user {user:?}"));
    }
    for file in workspace.files.list(&creds)? {
        let Some(user) = file.strip_suffix(".creds") else {
            continue;
        };
        let path = creds.join(&file);
        if let Some(content) = workspace.files.read(&path)? {
            let target = workspace.keystore.creds_path(store.name(), to, user)?;
            workspace.files.write(&target, &content);
            workspace.files.remove(&path);
            report.ok(format!("moved credentials {file:?}"));
        }
    }
    workspace.files.remove(&store.account_path(from)?);
    if workspace.config.account == *from {
        workspace.config.account.clone_from(to);
        workspace
            .config
            .save(&mut workspace.files, &workspace.places);
    }
    report.ok(format!("renamed account {from:?} to {to:?}"));
    Ok(report.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::account::{Add, add};
    use crate::ops::{operator, user};
    use crate::places::{Directories, Surroundings};

    fn opened(home: &std::path::Path) -> Workspace {
        let around = Surroundings::below(home);
        Workspace::open(&Directories::default(), around, 1_800_000_000).expect("open")
    }

    fn prepared(home: &std::path::Path) {
        let mut w = opened(home);
        let new = operator::Add {
            name: Some("O".into()),
            ..operator::Add::default()
        };
        operator::add(&mut w, &new, None).expect("an operator");
        let new = Add {
            name: Some("A".into()),
            ..Add::default()
        };
        add(&mut w, &new).expect("an account");
        for name in ["u", "v"] {
            let new = user::Add {
                name: Some(name.into()),
                ..user::Add::default()
            };
            user::add(&mut w, &new).expect("a user");
        }
        w.commit().expect("written");
    }

    /// The process is gone after each of the changes in turn: no state in between keeps the command from being run again.
    #[test]
    fn a_rename_that_was_cut_off_anywhere_goes_on_when_it_is_run_again() {
        let request = Rename {
            from: "A".into(),
            to: "B".into(),
            ok: true,
        };
        let mut cut_off = 0;
        loop {
            let home = tempfile::tempdir().expect("a directory");
            prepared(home.path());
            let mut w = opened(home.path());
            let key = w.account("A").expect("A").subject;
            rename(&mut w, &request).expect("renamed");
            w.files.dies_after = Some(cut_off);
            let done = w.commit().is_ok();
            if !done {
                let mut w = opened(home.path());
                // Its last change takes the old name away: then there is nothing left to do.
                let left = w.accounts().expect("accounts").contains(&"A".to_owned());
                assert!(left, "cut off after {cut_off}");
                rename(&mut w, &request).unwrap_or_else(|e| panic!("after {cut_off}: {e}"));
                w.commit().expect("written");
            }
            let mut w = opened(home.path());
            assert_eq!(w.accounts().expect("accounts"), ["B"], "after {cut_off}");
            assert_eq!(w.account("B").expect("B").subject, key);
            assert_eq!(w.users("B").expect("users"), ["u", "v"]);
            for user in ["u", "v"] {
                let creds = w.keystore.creds_path("O", "B", user).expect("a path");
                assert!(creds.is_file(), "after {cut_off}: {user}");
            }
            let old = w.keystore.creds_folder("O", "A").expect("a path");
            let old = w.files.list(&old).expect("a list");
            // A second name of what was being removed may be left.
            let left = old.iter().any(|name| !name.ends_with(".tmp"));
            assert!(!left, "after {cut_off}: {old:?}");
            assert_eq!(w.config.account, "B", "after {cut_off}");
            if done {
                break;
            }
            cut_off += 1;
        }
        assert!(cut_off > 8, "only {cut_off} changes");
    }
}
