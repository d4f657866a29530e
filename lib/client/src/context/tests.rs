use std::path::Path;

use super::*;

/// The sample files of the reference tool; `None`, said once, when they are not there.
fn samples() -> Option<Store> {
    let root = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/reference/nats-contexts"
    ));
    if root.is_dir() {
        return Some(Store::at(root));
    }
    assert!(
        std::env::var_os("NATS_REQUIRE_ALL").is_none_or(|v| v != "1"),
        "NATS_REQUIRE_ALL=1 and no reference/nats-contexts"
    );
    let _ = std::io::Write::write_all(
        &mut std::io::stderr(),
        b"SKIPPED: sample contexts (reference/nats-contexts is missing)\n",
    );
    None
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    (folder, store)
}

fn context(name: &str, change: impl FnOnce(&mut Settings)) -> Context {
    let mut context = Context::new(name);
    change(&mut context.settings);
    context
}

#[test]
fn the_samples_of_the_reference_tool_are_read_as_it_reads_them() {
    let Some(store) = samples() else { return };
    assert_eq!(
        store.names().unwrap(),
        [
            "gotest",
            "multi_creds",
            "not.valid",
            "not.valid.name",
            "other",
            "user_pass_token_creds"
        ]
    );
    assert_eq!(store.selected().as_deref(), Some("gotest"));
    assert_eq!(store.previous().as_deref(), Some("other"));
    let selected = store.load_selected().unwrap().unwrap();
    assert_eq!(selected.server_url(), "demo.nats.io");
    assert!(matches!(
        store.load("multi_creds").unwrap().validate(),
        Err(ContextError::ManyCredentials(kinds)) if kinds == "user, creds, nkey"
    ));
    let user = store.load("user_pass_token_creds").unwrap();
    user.validate().unwrap();
    assert_eq!(user.auth_kind(), AuthKind::User);
    assert!(matches!(
        store.load("missing"),
        Err(ContextError::NotFound(name)) if name == "missing"
    ));
}

#[test]
fn a_saved_context_has_the_fields_of_the_reference_tool_in_its_order() {
    let Some(samples) = samples() else { return };
    let (_folder, store) = store();
    let mut saved = samples.load("user_pass_token_creds").unwrap();
    saved.name = "copy".to_owned();
    store.save(&mut saved).unwrap();
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap();
    assert_eq!(
        read(store.path_of("copy").unwrap()),
        read(samples.path_of("user_pass_token_creds").unwrap())
    );
}

#[test]
fn select_remembers_the_previous_one() {
    let (_folder, store) = store();
    for name in ["a", "b"] {
        store.save(&mut Context::new(name)).unwrap();
    }
    assert_eq!(store.selected(), None);
    assert_eq!(store.select("a").unwrap(), None);
    assert_eq!(store.select("b").unwrap().as_deref(), Some("a"));
    assert_eq!(store.previous().as_deref(), Some("a"));
    assert!(matches!(store.select("c"), Err(ContextError::NotFound(_))));
    assert!(matches!(
        store.remove("b"),
        Err(ContextError::Selected { .. })
    ));
    store.remove("a").unwrap();
    // The last one may go although it is selected.
    store.remove("b").unwrap();
    assert_eq!(store.selected(), None);
    assert_eq!(store.previous().as_deref(), Some("b"));
    assert!(matches!(store.remove("b"), Err(ContextError::NotFound(_))));
}

#[cfg(unix)]
#[test]
fn files_are_private_and_nothing_is_left_beside_them() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, store) = store();
    store.save(&mut Context::new("a")).unwrap();
    store.save(&mut Context::new("a")).unwrap();
    let path = store.path_of("a").unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(
        std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
        1
    );
}

#[test]
fn bad_names_never_reach_the_file_system() {
    let (_folder, store) = store();
    for name in ["", "..", "a/b", "..\\a", "a..b", "/etc/passwd", "a\0"] {
        assert!(
            matches!(store.load(name), Err(ContextError::Name(_))),
            "{name:?}"
        );
        assert!(
            matches!(store.select(name), Err(ContextError::Name(_))),
            "{name:?}"
        );
        assert!(store.save(&mut Context::new(name)).is_err(), "{name:?}");
    }
}

#[test]
fn files_that_are_no_contexts_are_refused_with_their_name() {
    let (_folder, store) = store();
    store.save(&mut Context::new("a")).unwrap();
    let path = store.path_of("a").unwrap();
    std::fs::write(&path, "{\"user\": 5}").unwrap();
    let error = store.load("a").unwrap_err().to_string();
    assert!(error.contains("a.json"), "{error}");
}

#[test]
fn the_deprecated_nsc_field_becomes_a_reference() {
    let (_folder, store) = store();
    let mut old = context("old", |s| s.nsc = "nsc://O/A/U".to_owned());
    store.save(&mut old).unwrap();
    let settings = store.load("old").unwrap().settings;
    assert_eq!(
        (settings.creds.as_str(), settings.nsc.as_str()),
        ("nsc://O/A/U", "")
    );
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let secret = context("s", |s| {
        s.password = "hunter2".to_owned();
        s.token = "hunter2".to_owned();
        s.url = "nats://u:hunter2@h".to_owned();
    });
    assert!(!format!("{secret:?}").contains("hunter2"));
}

#[tokio::test]
async fn settings_reach_the_options_in_the_order_of_precedence() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "from file\n").unwrap();
    let both = context("c", |s| {
        s.user = "joe".to_owned();
        s.password = format!("file://{}", password.display());
        s.creds = "/no/such/file".to_owned();
        s.token = "data:;base64,dG9rZW4=".to_owned();
        s.inbox_prefix = "_MY".to_owned();
        s.tls_first = true;
    });
    let options = both.apply(Options::new()).await.unwrap();
    let (user, secret) = options.auth.user.clone().unwrap();
    assert_eq!((user.as_str(), secret.reveal()), ("joe", "from file"));
    assert_eq!(options.auth.token.as_ref().unwrap().reveal(), "token");
    assert!(matches!(options.auth.proof, crate::auth::Proof::Nothing));
    assert_eq!(options.inbox_prefix, "_MY");
    assert!(options.tls.first);

    let creds = context("c", |s| {
        s.creds = "$NO_SUCH_VARIABLE_HERE/a.creds".to_owned()
    });
    let options = creds.apply(Options::new()).await.unwrap();
    assert!(matches!(
        options.auth.proof,
        crate::auth::Proof::CredsFile(path) if path == Path::new("/a.creds")
    ));
}

#[tokio::test]
async fn what_this_client_cannot_do_is_refused_by_name() {
    for (change, field) in [
        (
            Box::new(|s: &mut Settings| {
                s.windows_cert_store = "user".to_owned();
            }) as Box<dyn FnOnce(&mut Settings)>,
            "windows_cert_store",
        ),
        (
            Box::new(|s: &mut Settings| {
                s.cert = "op://a/b/c".to_owned();
                s.key = "/k".to_owned();
            }),
            "cert",
        ),
        (
            Box::new(|s: &mut Settings| s.ca = "env://CA".to_owned()),
            "ca",
        ),
        (
            Box::new(|s: &mut Settings| s.token = "env://NO_SUCH_VARIABLE_HERE".to_owned()),
            "token",
        ),
    ] {
        let error = context("c", change)
            .apply(Options::new())
            .await
            .unwrap_err();
        assert!(error.to_string().starts_with(field), "{error}");
    }
}
