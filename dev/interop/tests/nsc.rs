//! What `nsc` makes, on a server: its configurations, accounts that are pushed and pulled, credentials, revocations, desired state.

use std::path::{Path, PathBuf};

use nats_interop::trust::{User, now};
use nats_interop::{Launch, Server};
use nats_jwt::claims::UserClaims;
use nats_jwt::creds::Creds;
use nats_nsc::desired;
use nats_nsc::ops::generate::config;
use nats_nsc::ops::{account, export, import, init, operator, revocations, signing_key, user};
use nats_nsc::places::{Directories, Surroundings};
use nats_nsc::remote::{pull, push};
use nats_nsc::report::Report;
use nats_nsc::workspace::Workspace;
use tempfile::TempDir;

/// Somebody's home directory with his stores and keys.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(TempDir::with_prefix("nats-nsc-").expect("a directory"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Does something, and makes it true.
    #[track_caller]
    fn work<T>(&self, work: impl FnOnce(&mut Workspace) -> nats_nsc::error::Result<T>) -> T {
        let around = Surroundings::below(self.path());
        let mut workspace =
            Workspace::open(&Directories::default(), around, now()).expect("a workspace");
        let result = work(&mut workspace).expect("it works");
        workspace.commit().expect("a commit");
        result
    }

    /// An operator with a system account.
    fn with_operator() -> Self {
        let home = Self::new();
        home.work(|w| {
            let request = operator::Add {
                name: Some("OPS".into()),
                sys: true,
                generate_signing_key: true,
                ..operator::Add::default()
            };
            operator::add(w, &request, None)
        });
        home
    }

    fn account(&self, name: &str) {
        self.work(|w| {
            let request = account::Add {
                name: Some(name.into()),
                ..account::Add::default()
            };
            account::add(w, &request)
        });
    }

    fn user(&self, account: &str, name: &str, role: Option<&str>) {
        self.work(|w| {
            w.signing.key = role.map(str::to_owned);
            let request = user::Add {
                name: Some(name.into()),
                account: Some(account.into()),
                ..user::Add::default()
            };
            user::add(w, &request)
        });
    }

    /// The credentials file that was written for a user.
    fn creds(&self, account: &str, user: &str) -> User {
        let path = self.path().join(format!(
            ".local/share/nats/nsc/keys/creds/OPS/{account}/{user}.creds"
        ));
        let creds = Creds::read(&path).expect("credentials");
        User {
            token: creds.jwt.reveal().to_owned(),
            key: creds.key,
        }
    }

    /// A server with the configuration that is generated for a full resolver.
    fn server(&self) -> Server {
        let request = config::Config {
            nats_resolver: true,
            resolver_dir: self.path().join("jwt").display().to_string(),
            allow_delete: true,
            ..config::Config::default()
        };
        let text = self.work(|w| config::config(w, &request));
        Launch::new(&text)
            .allow_log("jwt update|jwt validation|delete accounts|Account fetch failed|fetch took|Can't locate account|Deleted|Error non local")
            .start()
    }

    #[track_caller]
    fn push(&self, server: &Server, change: impl FnOnce(&mut push::Push)) -> Report {
        let mut request = push::Push {
            account_jwt_server_url: Some(server.url()),
            timeout: 1,
            ..push::Push::default()
        };
        change(&mut request);
        let prepared = self.work(|w| push::prepare(w, &request));
        let report = block_on(push::push(prepared)).expect("a push");
        assert!(!report.has_errors(), "{}", report.render());
        report
    }

    fn push_all(&self, server: &Server) -> Report {
        self.push(server, |request| request.all = true)
    }

    /// Where servers are, from now on.
    fn says_where(&self, server: &Server) {
        self.work(|w| {
            let request = operator::Edit {
                account_jwt_server_url: Some(server.url()),
                ..operator::Edit::default()
            };
            operator::edit(w, &request)
        });
    }

    fn pull(&self) -> Report {
        let request = pull::Pull {
            all: true,
            ..pull::Pull::default()
        };
        let prepared = self.work(|w| pull::prepare(w, &request));
        let pulled = block_on(pull::pull(&prepared)).expect("a pull");
        self.work(|w| pull::store(w, &request, pulled))
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(work)
}

#[test]
fn accounts_are_pushed_users_connect_and_a_revoked_one_is_cut_off() {
    let home = Home::with_operator();
    let server = home.server();
    home.account("ORDERS");
    home.user("ORDERS", "one", None);
    home.user("ORDERS", "two", None);
    // The server does not know the account yet.
    home.creds("ORDERS", "one").is_refused(&server);
    let report = home.push_all(&server).render();
    assert!(
        report.contains("pushed \"ORDERS\" to nats-server"),
        "{report}"
    );
    let mut one = home.creds("ORDERS", "one").open(&server);
    let mut two = home.creds("ORDERS", "two").open(&server);
    one.subscribe("orders", "1");
    one.flush();
    two.publish("orders", "coffee");
    assert_eq!(one.read_msg().1, "coffee");
    home.work(|w| {
        let request = revocations::AddUser {
            who: revocations::Who {
                name: Some("one".into()),
                account: Some("ORDERS".into()),
                ..revocations::Who::default()
            },
            at: None,
        };
        revocations::add_user(w, &request)
    });
    home.push(&server, |request| request.account = Some("ORDERS".into()));
    one.expect_err_and_close("User Authentication Revoked");
    two.flush();
    home.creds("ORDERS", "one").is_refused(&server);
}

#[test]
fn roles_and_private_imports_work_as_they_were_made() {
    let home = Home::with_operator();
    let server = home.server();
    home.account("PRICES");
    home.account("SHOP");
    home.work(|w| {
        let request = export::Add {
            subject: Some("price.*".into()),
            service: true,
            private: Some(true),
            account: Some("PRICES".into()),
            ..export::Add::default()
        };
        export::add(w, &request)?;
        let request = import::Add {
            src_account: Some("PRICES".into()),
            remote_subject: Some("price.eur".into()),
            local_subject: Some("what.costs.it".into()),
            service: true,
            account: Some("SHOP".into()),
            ..import::Add::default()
        };
        import::add(w, &request, None)?;
        let mut role = signing_key::Edit {
            role: Some("asker".into()),
            account: Some("SHOP".into()),
            ..signing_key::Edit::default()
        };
        role.limits.permissions.allow_pub = vec!["what.costs.it".into()];
        role.limits.permissions.allow_sub = vec!["answers.{{name()}}".into()];
        signing_key::add(w, &role)
    });
    home.user("PRICES", "service", None);
    home.user("SHOP", "till", Some("asker"));
    home.push_all(&server);
    let mut service = home.creds("PRICES", "service").open(&server);
    service.subscribe("price.*", "1");
    service.flush();
    let mut till = home.creds("SHOP", "till").open(&server);
    till.subscribe("answers.till", "1");
    till.publish_request("what.costs.it", "answers.till", "?");
    till.flush();
    // The server tells the service who asks.
    assert!(service.read_msg().1.ends_with("\r\n\r\n?"));
    // What the role does not allow is refused.
    till.publish("other", "x");
    till.expect_err("Permissions Violation for Publish to \"other\"");
}

#[test]
fn what_servers_have_is_listed_pulled_and_pruned() {
    let home = Home::with_operator();
    let server = home.server();
    home.says_where(&server);
    home.account("A");
    home.account("B");
    home.push_all(&server);
    let diff = home.push(&server, |request| request.diff = true).render();
    assert!(diff.contains("named A exists"), "{diff}");
    // An account that is gone from the store comes back by a pull.
    home.work(|w| {
        let request = account::Delete {
            name: Some("A".into()),
            ..account::Delete::default()
        };
        account::delete(w, &request)
    });
    assert_eq!(home.work(Workspace::accounts), ["B", "SYS"]);
    let report = home.pull();
    assert!(!report.has_errors(), "{}", report.render());
    assert_eq!(home.work(Workspace::accounts), ["A", "B", "SYS"]);
    // And one that is deleted from the servers does not.
    home.work(|w| {
        let request = account::Delete {
            name: Some("A".into()),
            ..account::Delete::default()
        };
        account::delete(w, &request)
    });
    home.push(&server, |request| request.prune = true);
    home.pull();
    assert_eq!(home.work(Workspace::accounts), ["B", "SYS"]);
}

#[test]
fn an_account_of_another_operator_is_not_pulled() {
    let (home, stranger) = (Home::with_operator(), Home::with_operator());
    stranger.account("EVIL");
    let token = stranger.work(|w| {
        let store = w.store()?;
        store.account_token(&mut w.files, "EVIL")
    });
    let request = pull::Pull {
        all: true,
        ..pull::Pull::default()
    };
    let pulled = vec![("EVIL".to_owned(), Ok(token))];
    let report = home.work(|w| pull::store(w, &request, pulled));
    assert!(
        report.render().contains("is not signed by the operator"),
        "{}",
        report.render()
    );
    assert_eq!(home.work(Workspace::accounts), ["SYS"]);
}

#[test]
fn the_configuration_with_everything_in_it_needs_no_push() {
    let home = Home::new();
    home.work(|w| {
        let request = init::Init {
            name: Some("OPS".into()),
            ..init::Init::default()
        };
        init::init(w, &request, None)
    });
    let request = config::Config {
        mem_resolver: true,
        ..config::Config::default()
    };
    let text = home.work(|w| config::config(w, &request));
    let server = Server::start(&text);
    let mut wire = home.creds("OPS", "OPS").open(&server);
    wire.flush();
}

/// What shall be, what is pending for it, on the servers as well.
fn pending(home: &Home, text: &str, commit: bool) -> (Vec<desired::Change>, Vec<String>) {
    let document = desired::document::parse(text).expect("a document");
    let all = pull::Pull {
        all: true,
        ..pull::Pull::default()
    };
    let prepared = home.work(|w| pull::prepare(w, &all));
    let pulled = block_on(pull::pull(&prepared)).expect("a pull");
    home.work(|w| {
        let mut changes = desired::apply(w, &document, true)?;
        let drift = desired::live::drift(w, &pulled)?;
        changes.extend(drift.changes);
        if !commit {
            w.files.discard();
        }
        Ok((changes, drift.push))
    })
}

#[test]
fn desired_state_reaches_store_and_servers_and_is_then_at_rest() {
    let home = Home::with_operator();
    let server = home.server();
    home.says_where(&server);
    let text = r#"
operator: {name: OPS}
accounts:
  PRICES:
    limits: {connections: 10, payload: 64KiB}
    exports:
      - {subject: "price.*", type: service, private: true}
    users:
      service: {}
  SHOP:
    imports:
      - {account: PRICES, subject: price.eur, type: service, local_subject: what.costs.it}
    roles:
      asker: {pub: {allow: [what.costs.it]}, sub: {allow: ["_INBOX.>"]}}
    users:
      till: {role: asker, tags: [shop]}
"#;
    let what = |changes: &[desired::Change]| -> Vec<String> {
        changes.iter().map(|change| change.what.clone()).collect()
    };
    let (changes, _) = pending(&home, text, false);
    assert!(
        what(&changes).contains(&"user SHOP/till".to_owned()),
        "{changes:?}"
    );
    // A plan changes nothing.
    assert_eq!(home.work(Workspace::accounts), ["SYS"]);
    let (_, push) = pending(&home, text, true);
    assert_eq!(push, ["PRICES", "SHOP"]);
    home.push_all(&server);
    let (changes, push) = pending(&home, text, true);
    assert_eq!((what(&changes), push), (Vec::new(), Vec::new()));
    home.creds("SHOP", "till").open(&server).flush();
    // Somebody changes the server by hand.
    home.work(|w| {
        let request = account::Edit {
            name: Some("PRICES".into()),
            limits: account::Limits {
                conns: Some(99),
                ..account::Limits::default()
            },
            ..account::Edit::default()
        };
        account::edit(w, &request)
    });
    home.push_all(&server);
    let (changes, push) = pending(&home, text, true);
    assert_eq!(push, ["PRICES"]);
    let drift = changes
        .iter()
        .find(|change| change.what == "server: account PRICES")
        .expect("drift");
    assert_eq!(
        drift.fields,
        [(
            "nats.limits.conn".to_owned(),
            "99".to_owned(),
            "10".to_owned()
        )]
    );
    // A user who is no longer wanted is revoked.
    let without = text.replace("      service: {}\n", "      other: {}\n");
    let mut gone = home.creds("PRICES", "service").open(&server);
    pending(&home, &without, true);
    home.push_all(&server);
    gone.expect_err_and_close("User Authentication Revoked");
    let there: PathBuf = home
        .path()
        .join(".local/share/nats/nsc/stores/OPS/accounts/PRICES/users/service.jwt");
    assert!(!there.exists());
}

#[test]
fn a_user_of_the_store_is_the_user_of_its_credentials() {
    let home = Home::with_operator();
    home.account("A");
    home.user("A", "u", None);
    let claims = home.work(|w| w.user("A", "u"));
    let creds = home.creds("A", "u");
    assert_eq!(UserClaims::decode(&creds.token).expect("claims"), claims);
    assert_eq!(creds.id(), claims.subject);
}
