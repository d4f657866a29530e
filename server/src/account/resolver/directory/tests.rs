use nats_jwt::nkey::KeyPair;

use super::*;

fn keep_all() -> DirectorySettings {
    DirectorySettings {
        deletion: Deletion::Renamed,
        limit: None,
        evict: false,
        ttl: None,
    }
}

/// An account and its token, issued at this second.
fn token_at(key: &KeyPair, at: i64) -> String {
    let operator = KeyPair::generate(Kind::Operator).expect("randomness");
    let claims = AccountClaims::new(key.public_key().to_string());
    claims.encode(&operator, at).expect("signed")
}

fn account() -> (String, String) {
    let key = KeyPair::generate(Kind::Account).expect("randomness");
    (key.public_key().to_string(), token_at(&key, 100))
}

fn merged(directory: &Directory, pack: &str) -> Merged {
    directory.merge(pack.lines(), &|_| true)
}

fn opened(path: &Path, settings: DirectorySettings) -> Directory {
    Directory::open(path, settings).expect("a folder")
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_folder_and_tokens() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("jwt");
    let (id, token) = account();
    opened(&path, keep_all())
        .store(&id, &token)
        .expect("stored");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join(format!("{id}.jwt"))), 0o600);
}

#[test]
fn tokens_outlive_the_process_and_the_hash_is_that_of_the_content() {
    let dir = tempfile::tempdir().expect("a folder");
    let (a, b) = (account(), account());
    let first = opened(dir.path(), keep_all());
    assert_eq!(first.hash(), [0; 32]);
    for (id, token) in [&a, &b] {
        assert!(first.store(id, token).expect("stored"));
        assert!(!first.store(id, token).expect("stored"), "nothing changed");
    }
    let second = opened(dir.path(), keep_all());
    assert_eq!(
        (second.hash(), second.accounts()),
        (first.hash(), first.accounts())
    );
    assert_eq!(second.fetch(&a.0).expect("there"), a.1);
    // In another order it is the same.
    let other = tempfile::tempdir().expect("a folder");
    let other = opened(other.path(), keep_all());
    for (id, token) in [&b, &a] {
        other.store(id, token).expect("stored");
    }
    assert_eq!(other.hash(), first.hash());
    assert_ne!(first.hash(), [0; 32]);
}

/// S9: nothing but a public account key becomes a file name.
#[test]
fn names_that_are_no_account_keys_reach_no_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let directory = opened(dir.path(), keep_all());
    let (id, token) = account();
    let user = KeyPair::generate(Kind::User)
        .expect("randomness")
        .public_key()
        .to_string();
    for name in [
        "",
        "..",
        "../x",
        "a/b",
        "/etc/passwd",
        "x\0y",
        &id[1..],
        &format!("{id}/.."),
        &user,
    ] {
        assert!(matches!(
            directory.store(name, &token),
            Err(StoreError::BadKey)
        ));
        assert!(matches!(directory.fetch(name), Err(FetchError::BadKey)));
        assert!(matches!(directory.delete(name), Err(StoreError::BadKey)));
        let merged = merged(&directory, &format!("{name}|{token}"));
        assert_eq!((merged.changed.len(), merged.refused.len()), (0, 1));
    }
    assert!(fs::read_dir(dir.path()).expect("a folder").next().is_none());
}

#[test]
fn a_pack_makes_two_folders_equal_and_older_tokens_do_not_win() {
    let (here, there) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    let (here, there) = (
        opened(here.path(), keep_all()),
        opened(there.path(), keep_all()),
    );
    let key = KeyPair::generate(Kind::Account).expect("randomness");
    let id = key.public_key().to_string();
    let (old, new) = (token_at(&key, 100), token_at(&key, 200));
    let other = account();
    here.store(&id, &new).expect("stored");
    there.store(&id, &old).expect("stored");
    here.store(&other.0, &other.1).expect("stored");
    let pack = here.pack(150).expect("readable").join("\n");
    let mut changed = merged(&there, &pack).changed;
    changed.sort();
    let mut expected = vec![id.clone(), other.0];
    expected.sort();
    assert_eq!(changed, expected);
    assert_eq!(there.hash(), here.hash());
    let older = merged(&here, &format!("{id}|{old}"));
    assert_eq!((older.changed, older.refused.len()), (Vec::new(), 0));
    assert_eq!(here.fetch(&id).expect("there"), new);
    for bad in [
        "x",
        "a|b|c",
        &format!("{id}|nonsense"),
        &format!("{}|{new}", account().0),
    ] {
        assert_eq!(merged(&here, bad).refused.len(), 1, "{bad}");
    }
}

/// The last of several for one account that is newer counts; lines that are no good keep nobody else's out; more than are written together.
#[test]
fn of_a_large_pack_everything_good_is_taken() {
    let dir = tempfile::tempdir().expect("a folder");
    let directory = opened(dir.path(), keep_all());
    let key = KeyPair::generate(Kind::Account).expect("randomness");
    let id = key.public_key().to_string();
    let times = [100, 300, 200].map(|at| format!("{id}|{}", token_at(&key, at)));
    let others = (0..2 * limits::TOKENS_TOGETHER_MAX + 1).map(|_| account());
    let others: Vec<String> = others.map(|(id, token)| format!("{id}|{token}")).collect();
    let mut pack = vec!["nonsense".to_owned()];
    pack.extend(times.clone());
    pack.push(format!("{}|x.y.z", account().0));
    pack.extend(others.clone());
    let merged = merged(&directory, &pack.join("\n"));
    assert_eq!(merged.refused.len(), 2, "{:?}", merged.refused);
    assert_eq!(merged.changed.len(), others.len() + 1);
    let lines = |directory: &Directory| directory.pack(150).expect("readable");
    let mut expected = others;
    expected.push(times[1].clone());
    expected.sort();
    assert_eq!(lines(&directory), expected);
    let again = opened(dir.path(), keep_all());
    assert_eq!((lines(&again), again.hash()), (expected, directory.hash()));
    let names = fs::read_dir(dir.path()).expect("a folder");
    let is_left = |name: &fs::DirEntry| !name.file_name().to_string_lossy().ends_with(".jwt");
    assert_eq!(names.flatten().filter(is_left).count(), 0);
}

#[test]
fn a_cache_that_is_too_small_for_a_pack_keeps_as_many_as_it_may() {
    let dir = tempfile::tempdir().expect("a folder");
    let small = DirectorySettings {
        limit: Some(3),
        evict: true,
        ..keep_all()
    };
    let directory = opened(dir.path(), small.clone());
    let lines = [(); 10]
        .map(|()| account())
        .map(|(id, token)| format!("{id}|{token}"));
    merged(&directory, &lines.join("\n"));
    assert_eq!(directory.accounts().len(), 3);
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 3);
    assert_eq!(opened(dir.path(), small).hash(), directory.hash());
}

#[test]
fn a_full_folder_refuses_and_a_cache_makes_room() {
    let dir = tempfile::tempdir().expect("a folder");
    let (a, b, c) = (account(), account(), account());
    let limited = DirectorySettings {
        limit: Some(2),
        ..keep_all()
    };
    let full = opened(dir.path(), limited.clone());
    full.store(&a.0, &a.1).expect("stored");
    full.store(&b.0, &b.1).expect("stored");
    assert!(matches!(full.store(&c.0, &c.1), Err(StoreError::Full)));
    let cache = opened(
        dir.path(),
        DirectorySettings {
            evict: true,
            ttl: Some(Duration::from_secs(10)),
            ..limited
        },
    );
    cache.fetch(&a.0).expect("there");
    cache.fetch(&b.0).expect("there");
    cache.fetch(&a.0).expect("there");
    cache.store(&c.0, &c.1).expect("stored");
    assert!(
        matches!(cache.fetch(&b.0), Err(FetchError::NotFound)),
        "used least recently"
    );
    cache.expire(Instant::now());
    assert_eq!(cache.accounts().len(), 2);
    cache.expire(Instant::now() + Duration::from_secs(11));
    assert_eq!((cache.accounts().len(), cache.hash()), (0, [0; 32]));
}

#[test]
fn deleting_is_permitted_or_not_and_keeps_the_file_under_another_name() {
    let dir = tempfile::tempdir().expect("a folder");
    let (id, token) = account();
    let refusing = opened(
        dir.path(),
        DirectorySettings {
            deletion: Deletion::Refused,
            ..keep_all()
        },
    );
    refusing.store(&id, &token).expect("stored");
    assert!(matches!(refusing.delete(&id), Err(StoreError::NoDelete)));
    let renaming = opened(dir.path(), keep_all());
    assert!(renaming.delete(&id).expect("deleted"));
    assert!(!renaming.delete(&id).expect("nothing there"));
    assert!(matches!(renaming.fetch(&id), Err(FetchError::NotFound)));
    assert!(dir.path().join(format!("{id}.jwt.deleted")).exists());
    assert_eq!(renaming.hash(), [0; 32]);
}

#[test]
fn a_rescan_finds_what_others_changed() {
    let dir = tempfile::tempdir().expect("a folder");
    let (a, b) = (account(), account());
    let directory = opened(dir.path(), keep_all());
    directory.store(&a.0, &a.1).expect("stored");
    assert_eq!(directory.rescan().expect("readable"), [""; 0]);
    fs::write(dir.path().join(format!("{}.jwt", b.0)), &b.1).expect("written");
    fs::write(dir.path().join("README.jwt"), "not a token").expect("written");
    assert_eq!(directory.rescan().expect("readable"), [b.0]);
    fs::remove_file(dir.path().join(format!("{}.jwt", a.0))).expect("removed");
    assert_eq!(directory.rescan().expect("readable"), [a.0]);
}
