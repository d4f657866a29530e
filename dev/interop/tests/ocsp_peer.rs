//! `ocsp_peer`: clients whose certificates their issuer took back are sent away.

use std::sync::Arc;

use nats_interop::binary::{self, is_reference};
use nats_interop::ocsp::{Responder, Says, Signer, Word, name_responder};
use nats_interop::server::wait_until;
use nats_interop::skip::left_out;
use nats_interop::tls::{Authority, Identity, Versions};
use nats_interop::{Launch, Server, Wire};
use rcgen::ExtendedKeyUsagePurpose;
use rustix::process::Signal;
use rustls::ClientConfig;
use serde_json::Value;

/// An authority with its responder.
struct Setting {
    authority: Authority,
    responder: Responder,
}

impl Setting {
    fn new() -> Self {
        let authority = Authority::new("test authority");
        let responder = Responder::start(Signer::issuer(&authority));
        Self {
            authority,
            responder,
        }
    }

    /// A client's certificate of which this is said.
    fn client(&self, name: &str, word: Word) -> Identity {
        let identity = self.authority.issue(name, &[], |params| {
            name_responder(params, &self.responder.url());
        });
        self.responder.say(&identity, Says::word(word));
        identity
    }

    fn config(&self, peer: &str, rest: &str) -> String {
        format!(
            "http: 127.0.0.1:-1\n\
             tls {{ cert_file: '$DIR/server-cert.pem', key_file: '$DIR/server-key.pem', ca_file: '$DIR/ca.pem', verify: true\n\
             ocsp_peer {peer} }}\n\
             ocsp_cache {{ local_store: '$DIR/rc' }}\n\
             accounts {{ $SYS {{ users: [{{ user: sys, password: sys }}] }}, A {{ users: [{{ user: a, password: a }}] }} }}\n\
             no_auth_user: a\n{rest}"
        )
    }

    fn launch(&self, peer: &str, rest: &str) -> Launch {
        let launch = Launch::new(&self.config(peer, rest))
            .file("ca.pem", &self.authority.pem())
            .allow_log("OCSP");
        self.authority.server().write(launch.dir(), "server");
        launch
    }

    fn config_of(&self, identity: &Identity) -> Arc<ClientConfig> {
        self.authority.client_config(Some(identity), Versions::All)
    }

    /// Whether the server lets this client in.
    fn is_let_in(&self, server: &Server, identity: &Identity) -> bool {
        let config = self.config_of(identity);
        let Ok(mut wire) = Wire::connect(server).try_start_tls(&config) else {
            return false;
        };
        wire.send_connect("");
        if wire.try_send(b"PING\r\n").is_err() {
            return false;
        }
        let mut got = String::new();
        wait_until("an answer or the end", || {
            got.push_str(&wire.read_for(std::time::Duration::from_millis(20)));
            got.contains("PONG\r\n") || wire.is_closed()
        });
        got.contains("PONG\r\n")
    }
}

#[test]
fn what_the_issuer_says_of_a_client_decides() {
    let setting = Setting::new();
    let server = setting.launch("true", "").start();
    for (name, word, let_in) in [
        ("good", Word::Good, true),
        ("revoked", Word::Revoked, false),
        ("unknown", Word::Unknown, false),
    ] {
        let client = setting.client(name, word);
        assert_eq!(setting.is_let_in(&server, &client), let_in, "{name}");
    }
    // Whoever cannot be asked about is let in, as without the check.
    assert!(setting.is_let_in(&server, &setting.authority.client("plain")));
    server.wait_for_log(r"OCSP verify fail for \[CN=revoked\] with CA status \[revoked\]");
    server.wait_for_log(r"OCSP verify fail for \[CN=unknown\] with CA status \[unknown\]");
    server.wait_for_log("TLS handshake error: client not OCSP valid");
    let varz = server.page("/varz");
    assert_eq!(varz["tls_ocsp_peer_verify"], true);
    let cache = &varz["ocsp_peer_cache"];
    assert_eq!(cache["cache_type"], "local", "{cache}");
    assert_eq!(cache["cached_responses"], 3, "{cache}");
    assert_eq!(cache["cached_revoked_responses"], 1, "{cache}");
    // Three questions by GET, and no fourth.
    assert_eq!(setting.responder.asked(), ["GET", "GET", "GET"]);
}

#[test]
fn the_options_may_be_lenient() {
    let setting = Setting::new();
    let (revoked, unknown) = (
        setting.client("revoked", Word::Revoked),
        setting.client("unknown", Word::Unknown),
    );
    let server = setting
        .launch("{ verify: true, unknown_is_good: true }", "")
        .start();
    assert!(setting.is_let_in(&server, &unknown));
    assert!(!setting.is_let_in(&server, &revoked));
    drop(server);
    let server = setting
        .launch("{ verify: true, warn_only: true }", "")
        .start();
    assert!(setting.is_let_in(&server, &unknown) && setting.is_let_in(&server, &revoked));
    server.wait_for_log(r"OCSP verify fail for \[CN=revoked\] but WarnOnly is true so allowing");
    drop(server);
    let server = setting.launch("false", "").start();
    assert!(setting.is_let_in(&server, &revoked));
}

#[test]
fn an_answer_is_kept_and_not_asked_for_again() {
    let setting = Setting::new();
    let client = setting.client("a", Word::Good);
    let mut server = setting.launch("true", "").start();
    for _ in 0..3 {
        assert!(setting.is_let_in(&server, &client));
    }
    assert_eq!(setting.responder.asked().len(), 1);
    let cache = &server.page("/varz")["ocsp_peer_cache"];
    assert_eq!(
        (&cache["cache_hits"], &cache["cache_misses"]),
        (&2.into(), &1.into())
    );
    // It is on disk when the server has stopped, and counts after that.
    server.signal(Signal::INT);
    server.wait_for_exit();
    let file = std::fs::read(server.dir().join("rc/cache.json")).expect("a file");
    let file: Value = serde_json::from_slice(&file).expect("JSON");
    let entry = file
        .as_object()
        .and_then(|map| map.values().next())
        .expect("an entry");
    assert_eq!(
        (&entry["subject"], &entry["resp_status"]),
        (&"CN=a".into(), &"good".into())
    );
    setting.responder.refuse(&["GET", "POST"]);
    server.restart();
    assert!(setting.is_let_in(&server, &client));
}

#[test]
fn the_file_of_the_cache_is_that_of_the_reference() {
    let Some(reference) = binary::reference() else {
        let why = "NATS_REFERENCE_BIN names no server";
        return left_out("the file of the OCSP cache", why);
    };
    for (writer, reader) in [
        (binary::under_test(), &*reference),
        (&*reference, binary::under_test()),
    ] {
        let setting = Setting::new();
        let client = setting.client("a", Word::Good);
        let server = setting.launch("true", "").binary(writer).start();
        assert!(setting.is_let_in(&server, &client));
        server.signal(Signal::INT);
        server.wait_for_exit();
        setting.responder.refuse(&["GET", "POST"]);
        let launch = setting.launch("true", "").binary(reader);
        std::fs::create_dir(launch.dir().join("rc")).expect("a folder");
        let file = "rc/cache.json";
        std::fs::copy(server.dir().join(file), launch.dir().join(file)).expect("copied");
        let heir = launch.start();
        assert!(setting.is_let_in(&heir, &client), "written by {writer:?}");
    }
}

#[test]
fn nothing_is_kept_when_the_options_say_so() {
    let setting = Setting::new();
    let client = setting.client("a", Word::Good);
    let config = setting
        .config("true", "")
        .replace("{ local_store: '$DIR/rc' }", ": false");
    let launch = Launch::new(&config)
        .file("ca.pem", &setting.authority.pem())
        .allow_log("OCSP");
    setting.authority.server().write(launch.dir(), "server");
    let server = launch.start();
    for _ in 0..2 {
        assert!(setting.is_let_in(&server, &client));
    }
    assert_eq!(setting.responder.asked().len(), 2);
    assert!(server.page("/varz").get("ocsp_peer_cache").is_none());
}

#[test]
fn a_responder_that_does_not_answer_keeps_clients_out_unless_the_options_say_otherwise() {
    let setting = Setting::new();
    setting.responder.refuse(&["GET", "POST"]);
    let client = setting.client("a", Word::Good);
    let server = setting.launch("true", "").start();
    assert!(!setting.is_let_in(&server, &client));
    server.wait_for_log(r"Attempt to obtain OCSP response from CA responder for \[CN=a\] failed");
    drop(server);
    let lenient = "{ verify: true, allow_when_ca_unreachable: true, allowed_clockskew: 0 }";
    let server = setting.launch(lenient, "").start();
    assert!(setting.is_let_in(&server, &client));
    server.wait_for_log("no cached revocation so allowing");
}

#[test]
fn whoever_was_revoked_stays_out_when_nobody_can_be_asked_any_more() {
    let setting = Setting::new();
    let client = setting.client("a", Word::Revoked);
    setting.responder.say(
        &client,
        Says {
            // Whole seconds: with one it may be over when it arrives.
            next_update: Some(2),
            ..Says::word(Word::Revoked)
        },
    );
    let peer = "{ verify: true, allow_when_ca_unreachable: true, allowed_clockskew: 0 }";
    let rest = "ocsp_cache { local_store: '$DIR/rc', preserve_revoked: true }";
    let config =
        setting
            .config(peer, rest)
            .replacen("ocsp_cache { local_store: '$DIR/rc' }\n", "", 1);
    let launch = Launch::new(&config)
        .file("ca.pem", &setting.authority.pem())
        .allow_log("OCSP");
    setting.authority.server().write(launch.dir(), "server");
    let server = launch.start();
    assert!(!setting.is_let_in(&server, &client));
    setting.responder.refuse(&["GET", "POST"]);
    // The answer has to end first; until then it is found in the cache.
    wait_until("the answer to end", || {
        assert!(!setting.is_let_in(&server, &client));
        server.count_log("cached revocation exists so rejecting") > 0
    });
}

#[test]
fn the_system_account_hears_of_clients_that_were_sent_away() {
    let setting = Setting::new();
    let server = setting.launch("true", "").start();
    let good = setting.client("good", Word::Good);
    let mut system = Wire::connect(&server).start_tls(&setting.config_of(&good));
    system.login(r#""user":"sys","pass":"sys""#);
    system.subscribe("$SYS.SERVER.*.OCSP.PEER.>", "1");
    system.flush();
    let revoked = setting.client("revoked", Word::Revoked);
    assert!(!setting.is_let_in(&server, &revoked));
    let (subject, link) = system.read_msg();
    assert!(subject.contains(".OCSP.PEER.LINK.INVALID "), "{subject}");
    let link: Value = serde_json::from_str(&link).expect("JSON");
    assert_eq!(
        link["type"],
        "io.nats.server.advisory.v1.ocsp_peer_link_invalid"
    );
    assert_eq!(link["reason"], "Invalid OCSP response status: revoked");
    assert_eq!(link["link"]["subject"], "CN=revoked");
    assert_eq!(link["peer"]["issuer"], "CN=test authority");
    let (subject, reject) = system.read_msg();
    assert!(subject.contains(".OCSP.PEER.CONN.REJECT "), "{subject}");
    let reject: Value = serde_json::from_str(&reject).expect("JSON");
    assert_eq!(
        reject["type"],
        "io.nats.server.advisory.v1.ocsp_peer_reject"
    );
    assert_eq!(
        (&reject["kind"], &reject["reason"]),
        (&"Client".into(), &"client not OCSP valid".into())
    );
    assert_eq!(reject["peer"], link["peer"]);
    let mut keys: Vec<_> = reject.as_object().expect("an object").keys().collect();
    keys.sort();
    assert_eq!(
        keys,
        [
            "id",
            "kind",
            "peer",
            "reason",
            "server",
            "timestamp",
            "type"
        ]
    );
}

#[test]
fn only_the_issuer_and_whom_it_authorized_may_answer() {
    let setting = Setting::new();
    let client = setting.client("a", Word::Good);
    let server = setting.launch("true", "ping_interval: 60").start();
    let pretender = setting.authority.client("pretender");
    setting.responder.sign_as(Signer::delegate(&pretender));
    assert!(!setting.is_let_in(&server, &client));
    setting
        .responder
        .sign_as(Signer::issuer(&Authority::new("stranger")));
    assert!(!setting.is_let_in(&server, &client));
    let delegate = setting.authority.issue("responder", &[], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
    });
    setting.responder.sign_as(Signer::delegate(&delegate));
    assert!(setting.is_let_in(&server, &client));
}

/// The reference takes any answer of the issuer: with one about another certificate a revoked client gets in.
#[test]
fn an_answer_about_another_certificate_does_not_count() {
    let setting = Setting::new();
    let (good, revoked) = (
        setting.client("good", Word::Good),
        setting.client("revoked", Word::Revoked),
    );
    let server = setting.launch("true", "").start();
    assert!(setting.is_let_in(&server, &good));
    setting.responder.repeat_the_last();
    assert_eq!(setting.is_let_in(&server, &revoked), is_reference());
}

#[test]
fn clients_must_show_a_certificate_to_be_asked_about() {
    let setting = Setting::new();
    let config = setting.config("true", "").replace(", verify: true\n", "\n");
    let launch = Launch::new(&config).file("ca.pem", &setting.authority.pem());
    setting.authority.server().write(launch.dir(), "server");
    let finished = launch.run_to_exit();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let words = "requires TLS verify (mTLS) to be enabled";
    assert!(finished.output().contains(words), "{finished:?}");
}

#[test]
fn a_reload_begins_and_ends_the_check() {
    let setting = Setting::new();
    let client = setting.client("a", Word::Revoked);
    let server = setting.launch("false", "").start();
    assert!(setting.is_let_in(&server, &client));
    let with = |peer| {
        setting
            .config(peer, "")
            .replace("$DIR", &server.dir().display().to_string())
    };
    server.reload(&with("true"));
    assert!(!setting.is_let_in(&server, &client));
    server.reload(&with("false"));
    assert!(setting.is_let_in(&server, &client));
}
