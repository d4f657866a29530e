//! What an account's claims make others hear: traces of its messages, refusals, and mappings that change under way.

use nats_interop::callout::{Service, copy, no, open_service};
use nats_interop::trust::{Account, Operator};
use nats_interop::{Launch, Server};
use nats_jwt::claims::{ExternalAuthorization, MessageTrace, WeightedMapping};
use serde_json::Value;

fn full(operator: &Operator, accounts: &[&Account]) -> Server {
    let config = operator.preloaded("{ type: full, dir: '$DIR/jwt' }", accounts);
    Launch::new(&config)
        .allow_log("(?i)auth callout|authoriz|account|jwt")
        .start()
}

/// Sampled messages are traced to where the claims say, from the push on until the next.
#[test]
fn the_claims_say_where_traces_go() {
    const HEADER: &str =
        "NATS/1.0\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n";
    let operator = Operator::new();
    let mut account = Account::new("A");
    let server = full(&operator, &[&account]);
    let mut system = operator.system_wire(&server);
    let user = account.user("u");
    let (mut tracer, mut wire) = (user.open(&server), user.open(&server));
    tracer.subscribe("traces", "1");
    for traced in [false, true, false] {
        account.claims.nats.trace = traced.then(|| MessageTrace {
            destination: "traces".into(),
            sampling: 100,
        });
        operator.push(&mut system, &account);
        wire.publish_with_header("foo", HEADER, "x");
        wire.flush();
        if traced {
            let (_, body) = tracer.read_msg();
            let json = &body[body.find('{').expect("JSON")..];
            let event: Value = serde_json::from_str(json).expect("JSON");
            assert_eq!(event["events"][0]["subj"], "foo", "{event}");
            assert_eq!(event["events"][0]["acc"], account.id(), "{event}");
        } else {
            tracer.expect_nothing();
        }
    }
}

#[test]
fn mappings_count_from_the_push_on() {
    let operator = Operator::new();
    let mut account = Account::new("A");
    let server = full(&operator, &[&account]);
    let mut system = operator.system_wire(&server);
    let mut wire = account.user("u").open(&server);
    wire.subscribe("*", "1");
    for to in ["old", "one", "two", "old"] {
        account.claims.nats.mappings.clear();
        if to != "old" {
            let destination = WeightedMapping {
                subject: to.into(),
                ..WeightedMapping::default()
            };
            let mappings = &mut account.claims.nats.mappings;
            mappings.insert("old".into(), vec![destination]);
        }
        operator.push(&mut system, &account);
        wire.publish("old", "x");
        wire.expect_msg(to, "1", "x");
    }
}

/// The account with the service hears why, the operator that.
#[test]
fn a_refusal_is_told_to_the_services_account_and_to_the_operator() {
    let operator = Operator::new();
    let mut account = Account::new("AUTH");
    let service_user = account.user("service");
    account.claims.nats.authorization = ExternalAuthorization {
        auth_users: vec![service_user.id()],
        ..ExternalAuthorization::default()
    };
    let server = full(&operator, &[&account]);
    let key = copy(&account.key);
    let _service = Service::start(
        open_service(&service_user, &server),
        None,
        Box::new(move |request| Some(no(request, &key, "not today"))),
    );
    let mut hears = open_service(&service_user, &server);
    hears.subscribe("$SYS.ACCOUNT.CLIENT.AUTH.ERR", "1");
    hears.flush();
    let mut system = operator.system_wire(&server);
    system.subscribe("$SYS.SERVER.*.CLIENT.AUTH.ERR", "1");
    system.flush();
    account.user("guest").is_refused(&server);
    let (_, body) = hears.read_msg();
    let told: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(
        told["reason"],
        "Auth callout service returned an error: not today"
    );
    assert_eq!(told["client"]["acc"], account.id());
    let (_, body) = system.read_msg();
    let told: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(told["reason"], "Authentication Failure");
    hears.expect_nothing();
}
