//! Stores from elsewhere: whatever names and tokens a directory holds, nothing is taken from it that leads out of the own store and
//! keystore, and what was taken is read again.
//!
//! The input is a list of files, separated by lines of `=`: path, then content. A content that begins with `{` is signed as claims, in
//! which `$OP`, `$AC` and `$US` stand for keys that are always the same; `!` before it signs with the account's key. Nothing is on disk.

use std::path::{Component, Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nats_jwt::claims::OperatorClaims;
use nats_jwt::nkey::{KeyPair, Kind};
use nats_nsc::files::Planned;
use nats_nsc::ops::repair::{Migrate, migrate};
use nats_nsc::places::{Directories, Surroundings};
use nats_nsc::signer::Key;
use nats_nsc::store::Store;
use nats_nsc::workspace::Workspace;
use zeroize::Zeroizing;

const HEADER: &str = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;
/// Nothing is there, and nothing is made there.
const HOME: &str = "/home-of-nobody/fuzz";
const FOREIGN: &str = "/home-of-nobody/foreign";
const FILES_MAX: usize = 16;
const NOW: i64 = 1_800_000_000;

pub fn check(data: &[u8]) {
    taken(data);
}

/// How many users were taken over.
fn taken(data: &[u8]) -> usize {
    let text = String::from_utf8_lossy(data);
    let home = Home::new();
    let mut workspace = home.with_operator();
    for file in text.split("\n=\n").take(FILES_MAX) {
        let Some((path, content)) = file.split_once('\n') else {
            continue;
        };
        // A file's own path is where it is; only what names and tokens say may lead elsewhere.
        let path = Path::new(path);
        if path.components().all(|c| matches!(c, Component::Normal(_))) {
            let content = home.content(content);
            workspace
                .files
                .write(&Path::new(FOREIGN).join(path), content.as_bytes());
        }
    }
    let before = workspace.files.planned();
    let request = Migrate {
        url: None,
        operator_dir: Some(FOREIGN.to_owned()),
        force: data.len() % 2 == 1,
    };
    let migrated = migrate(&mut workspace, &request, None);
    let new = workspace.files.planned();
    for change in new.iter().filter(|change| !before.contains(change)) {
        below_home(change);
    }
    if migrated.is_err() {
        return 0;
    }
    let mut taken = 0;
    let operator = workspace.operator().expect("the operator");
    for account in workspace.accounts().expect("accounts") {
        let claims = workspace.account(&account).expect("what was just taken");
        assert_eq!(claims.name, account);
        assert!(operator.did_sign(&claims), "{account}");
        for user in workspace.users(&account).expect("users") {
            let claims = workspace.user(&account, &user).expect("a user");
            assert_eq!(claims.name, user);
            taken += 1;
        }
    }
    taken
}

/// All changes are in the own store and keystore.
pub(crate) fn all_below(workspace: &Workspace) {
    for change in workspace.files.planned() {
        below_home(&change);
    }
}

fn below_home(change: &Planned) {
    let (Planned::Write(path) | Planned::Remove(path)) = change;
    let plain = |c: Component<'_>| matches!(c, Component::Normal(_) | Component::RootDir);
    assert!(
        path.starts_with(HOME) && path.components().all(plain),
        "{}",
        path.display()
    );
}

/// A store in memory, with keys that are always the same.
pub(crate) struct Home {
    operator: KeyPair,
    signing: KeyPair,
    account: KeyPair,
    user: KeyPair,
}

impl Home {
    pub(crate) fn new() -> Self {
        let key = |kind, byte| KeyPair::from_raw(kind, Zeroizing::new([byte; 32])).expect("a key");
        Self {
            operator: key(Kind::Operator, 1),
            signing: key(Kind::Operator, 4),
            account: key(Kind::Account, 2),
            user: key(Kind::User, 3),
        }
    }

    /// The operator and all keys; nothing of it is on disk.
    pub(crate) fn with_operator(&self) -> Workspace {
        let home = PathBuf::from(HOME);
        let around = Surroundings::below(&home);
        let flags = Directories {
            all_dirs: Some(HOME.to_owned()),
            ..Directories::default()
        };
        let mut workspace = Workspace::open(&flags, around, NOW).expect("an empty home");
        let root = workspace.config.store_root();
        let store = Store::create(&mut workspace.files, &root, "OPS", false).expect("a store");
        workspace.use_store(store);
        for pair in [&self.operator, &self.signing, &self.account, &self.user] {
            workspace
                .keystore
                .store(&mut workspace.files, pair)
                .expect("a key");
        }
        let mut claims = OperatorClaims::new(self.operator.public_key().to_string());
        claims.name = "OPS".to_owned();
        let signing = self.signing.public_key().to_string();
        claims.nats.signing_keys.push(signing);
        let signer = KeyPair::from_seed(self.operator.seed().reveal()).expect("the same key");
        workspace
            .put_operator(&claims, &Key::Pair(signer))
            .expect("an operator");
        workspace
    }

    fn content(&self, content: &str) -> String {
        let (signer, claims) = match content.strip_prefix('!') {
            Some(rest) => (&self.account, rest),
            None => (&self.operator, content),
        };
        if !claims.starts_with('{') || claims.contains("\"managed\"") {
            return content.to_owned();
        }
        let claims = claims
            .replace("$OP", &self.operator.public_key().to_string())
            .replace("$AC", &self.account.public_key().to_string())
            .replace("$US", &self.user.public_key().to_string());
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(HEADER),
            URL_SAFE_NO_PAD.encode(claims)
        );
        format!("{signed}.{}", signer.sign_text(signed.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_sound_store_is_taken_over_and_one_that_leads_out_is_not() {
        let seed = |name: &str| {
            let folder =
                std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../seeds/nsc_store_import");
            super::taken(&std::fs::read(folder.join(name)).expect("a seed"))
        };
        assert_eq!(seed("store"), 1);
        assert_eq!(seed("leads_out"), 0);
    }
}
