//! OCSP stapling: the server shows its certificate's status with the certificate.

use std::sync::Arc;

use nats_interop::binary::is_reference;
use nats_interop::ocsp::{
    Responder, Says, Signer, Watcher, Word, insist_on_staple, name_responder,
};
use nats_interop::server::wait_until;
use nats_interop::tls::{Authority, Identity};
use nats_interop::{Launch, Server, Wire};
use rcgen::ExtendedKeyUsagePurpose;
use rustls::ClientConfig;

/// An authority with its responder, and a certificate of a server.
struct Setting {
    authority: Authority,
    responder: Responder,
    identity: Identity,
}

/// Whether the certificate asks its clients to insist on a staple.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wants {
    Staple,
    Nothing,
}

const TLS: &str = "tls { cert_file: '$DIR/server-cert.pem', key_file: '$DIR/server-key.pem', ca_file: '$DIR/ca.pem' }\n";

impl Setting {
    fn new(wants: Wants, word: Word) -> Self {
        let authority = Authority::new("test authority");
        let responder = Responder::start(Signer::issuer(&authority));
        let identity = authority.server_with(|params| {
            name_responder(params, &responder.url());
            if wants == Wants::Staple {
                insist_on_staple(params);
            }
        });
        responder.say(&identity, Says::word(word));
        Self {
            authority,
            responder,
            identity,
        }
    }

    fn launch(&self, config: &str) -> Launch {
        let launch = Launch::new(&format!("{TLS}{config}"))
            .file("ca.pem", &self.authority.pem())
            // The reference warns that an authority without `verify` has no use; here it is where the issuer is looked for.
            .allow_log("ca_file|OCSP");
        self.identity.write(launch.dir(), "server");
        launch
    }

    fn watcher(&self) -> (Arc<Watcher>, Arc<ClientConfig>) {
        Watcher::new(&self.authority)
    }
}

/// The word that a new client is shown.
#[track_caller]
fn shown(server: &Server, watched: &(Arc<Watcher>, Arc<ClientConfig>)) -> Option<Word> {
    let (watcher, client) = watched;
    Wire::connect(server).start_tls(client).login("");
    watcher.word()
}

#[test]
fn a_certificate_that_wants_a_staple_has_one_without_any_configuration() {
    let setting = Setting::new(Wants::Staple, Word::Good);
    let server = setting.launch("").start();
    assert_eq!(shown(&server, &setting.watcher()), Some(Word::Good));
    assert_eq!(
        setting.responder.asked().first().map(String::as_str),
        Some("POST")
    );
    server.wait_for_log("OCSP Stapling enabled for Client connections");
    server.wait_for_log(
        "Found OCSP status for Client certificate at '.*server-cert.pem': good, next update",
    );
}

#[test]
fn other_certificates_have_one_only_when_it_is_always_wanted() {
    let setting = Setting::new(Wants::Nothing, Word::Good);
    for (config, word) in [
        ("", None),
        ("ocsp: true", None),
        ("ocsp { mode: must }", None),
        ("ocsp { mode: always }", Some(Word::Good)),
    ] {
        let server = setting.launch(config).start();
        assert_eq!(shown(&server, &setting.watcher()), word, "{config}");
    }
}

#[test]
fn never_means_never_and_is_pointed_out() {
    let setting = Setting::new(Wants::Staple, Word::Good);
    let server = setting
        .launch("ocsp: false")
        .allow_log("has MustStaple but OCSP is disabled")
        .start();
    assert_eq!(shown(&server, &setting.watcher()), None);
    // The reference says so before it has a log.
    if !is_reference() {
        server.wait_for_log("server-cert.pem' has MustStaple but OCSP is disabled");
    }
    assert!(setting.responder.asked().is_empty());
}

#[test]
fn a_revoked_certificate_is_shown_as_such_unless_the_server_is_to_stop_then() {
    let setting = Setting::new(Wants::Staple, Word::Revoked);
    let server = setting.launch("ocsp { mode: auto }").start();
    assert_eq!(shown(&server, &setting.watcher()), Some(Word::Revoked));
    drop(server);
    for mode in ["must", "always"] {
        let finished = setting
            .launch(&format!("ocsp {{ mode: {mode} }}"))
            .run_to_exit();
        assert_eq!(finished.code, Some(1), "{finished:?}");
        let words = "found existing OCSP status for certificate at";
        assert!(finished.output().contains(words), "{finished:?}");
        assert!(finished.output().contains("revoked"), "{finished:?}");
    }
}

#[test]
fn without_an_answer_the_server_does_not_start() {
    let setting = Setting::new(Wants::Staple, Word::Good);
    setting.responder.refuse(&["GET", "POST"]);
    let finished = setting.launch("").run_to_exit();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let words = "bad OCSP status update for certificate at";
    assert!(finished.output().contains(words), "{finished:?}");
    assert!(
        finished.output().contains("exhausted ocsp servers"),
        "{finished:?}"
    );
}

#[test]
fn a_responder_that_takes_only_get_will_do() {
    let setting = Setting::new(Wants::Staple, Word::Good);
    setting.responder.refuse(&["POST"]);
    let server = setting.launch("").start();
    assert_eq!(shown(&server, &setting.watcher()), Some(Word::Good));
    assert_eq!(setting.responder.asked()[..2], ["POST", "GET"]);
}

#[test]
fn responders_of_the_configuration_come_before_those_of_the_certificate() {
    let setting = Setting::new(Wants::Staple, Word::Good);
    let other = Responder::start(Signer::issuer(&setting.authority));
    other.say(&setting.identity, Says::word(Word::Revoked));
    let config = format!("ocsp {{ mode: auto, url: '{}' }}", other.url());
    let server = setting.launch(&config).start();
    assert_eq!(shown(&server, &setting.watcher()), Some(Word::Revoked));
    assert!(setting.responder.asked().is_empty());
}

#[test]
fn a_stored_answer_outlives_the_server_and_the_responder() {
    let setting = Setting::new(Wants::Staple, Word::Good);
    let mut server = setting.launch("store_dir: '$DIR/store'").start();
    let stored = std::fs::read_dir(server.dir().join("store/ocsp")).expect("a folder");
    assert_eq!(stored.count(), 1);
    setting.responder.refuse(&["GET", "POST"]);
    server.restart();
    assert_eq!(shown(&server, &setting.watcher()), Some(Word::Good));
}

#[test]
fn an_answer_is_renewed_before_it_ends() {
    let setting = Setting::new(Wants::Staple, Word::Good);
    let brief = |word| Says {
        next_update: Some(4),
        ..Says::word(word)
    };
    setting.responder.say(&setting.identity, brief(Word::Good));
    let server = setting.launch("").start();
    let watched = setting.watcher();
    assert_eq!(shown(&server, &watched), Some(Word::Good));
    setting
        .responder
        .say(&setting.identity, Says::word(Word::Revoked));
    wait_until("the new word", || {
        shown(&server, &watched) == Some(Word::Revoked)
    });
    server.wait_for_log("Received OCSP status for Client certificate '.*': revoked");
}

#[test]
fn a_server_whose_certificate_is_taken_back_stops_when_it_is_told_so() {
    let setting = Setting::new(Wants::Staple, Word::Good);
    let brief = Says {
        next_update: Some(4),
        ..Says::word(Word::Good)
    };
    setting.responder.say(&setting.identity, brief);
    let server = setting.launch("ocsp { mode: must }").start();
    setting
        .responder
        .say(&setting.identity, Says::word(Word::Revoked));
    let status = server.wait_for_exit();
    assert_eq!(status.code(), Some(0), "{}", server.log());
    server.wait_for_log("Received OCSP status for Client certificate '.*': revoked");
}

#[test]
fn a_reload_brings_the_staple_of_the_new_certificate() {
    let setting = Setting::new(Wants::Nothing, Word::Good);
    let server = setting.launch("").start();
    let watched = setting.watcher();
    assert_eq!(shown(&server, &watched), None);
    let replacement = setting.authority.server_with(|params| {
        name_responder(params, &setting.responder.url());
        insist_on_staple(params);
    });
    setting.responder.say(&replacement, Says::word(Word::Good));
    replacement.write(server.dir(), "server");
    let config = TLS.replace("$DIR", &server.dir().display().to_string());
    server.reload(&format!("{config}max_payload: 2MB"));
    assert_eq!(shown(&server, &watched), Some(Word::Good));
}

#[test]
fn an_answer_of_somebody_else_does_not_count() {
    let setting = Setting::new(Wants::Staple, Word::Good);
    let stranger = Authority::new("stranger");
    setting.responder.sign_as(Signer::issuer(&stranger));
    let finished = setting.launch("").run_to_exit();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    // Somebody whom the issuer authorized may answer for it.
    let delegate = setting.authority.issue("responder", &[], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
    });
    setting.responder.sign_as(Signer::delegate(&delegate));
    let server = setting.launch("").start();
    assert_eq!(shown(&server, &setting.watcher()), Some(Word::Good));
}
