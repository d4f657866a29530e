//! What configured keys become.

use std::time::Duration;

use nats_server::options::*;

fn options(text: &str) -> Options {
    Options::from_text(text)
        .unwrap_or_else(|error| panic!("{text}\n{error}"))
        .options
}

fn errors(text: &str) -> Vec<String> {
    match Options::from_text(text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error
            .to_string()
            .lines()
            .map(|line| line.replace("(configuration):", ""))
            .collect(),
    }
}

#[test]
fn an_empty_configuration_is_the_defaults_and_a_warning() {
    let loaded = Options::from_text("# nothing").unwrap();
    assert_eq!(
        Options {
            source: Default::default(),
            ..loaded.options
        },
        Options::default()
    );
    assert_eq!(loaded.warnings.len(), 1);
}

#[test]
fn zero_means_the_default_where_it_always_did() {
    let zero = options(
        "port: 0\nmax_control_line: 0\nmax_payload: 0\nmax_pending: 0\nping_interval: \"0\"\nping_max: 0\nwrite_deadline: \"0s\"\n\
         max_closed_clients: 0\nconnect_error_reports: 0\nmax_subscriptions: 0\nlame_duck_grace_period: \"0s\"",
    );
    assert_eq!(
        Options {
            source: Default::default(),
            ..zero
        },
        Options::default()
    );
    assert_eq!(options("max_connections: 0").limits.max_connections, 0);
    assert_eq!(options("max_connections: -1").limits.max_connections, 0);
    assert_eq!(options("max_payload: -1").limits.max_payload, None);
}

#[test]
fn sizes_are_decimal_or_binary_and_quoted_ones_of_stores_are_binary() {
    assert_eq!(
        options("max_payload: 1m").limits.max_payload,
        Some(1_000_000)
    );
    assert_eq!(
        options("max_payload: 1MB").limits.max_payload,
        Some(1_048_576)
    );
    assert_eq!(
        options("jetstream { max_mem: 10G }")
            .jetstream
            .max_memory_store,
        StoreSize::Bytes(10_000_000_000)
    );
    assert_eq!(
        options("jetstream { max_mem: \"10G\" }")
            .jetstream
            .max_memory_store,
        StoreSize::Bytes(10 << 30)
    );
}

#[test]
fn addresses_may_be_a_port_or_a_host_and_a_port() {
    for (text, host, port) in [
        ("listen: 5", "0.0.0.0", 5),
        ("listen: \"h:5\"", "h", 5),
        ("listen: \"[::1]:5\"", "::1", 5),
        ("listen: \":5\"", "0.0.0.0", 5),
        ("listen: \"h:-1\"", "h", 0),
        ("net: h\nport: 5", "h", 5),
        ("HOST: h\nPort: 5", "h", 5),
    ] {
        assert_eq!(
            options(text).listen,
            Listen {
                host: host.to_owned(),
                port
            },
            "{text}"
        );
    }
    let monitoring = options("http: \"h:5\"").monitoring;
    assert_eq!(
        (
            monitoring.host.as_deref(),
            monitoring.http_port,
            monitoring.https_port
        ),
        (Some("h"), Some(5), None)
    );
    assert_eq!(
        options("http_base_path: nats//x/").monitoring.base_path,
        "/nats/x"
    );
}

#[test]
fn permissions_say_allow_deny_and_queues() {
    let text = "authorization { users: [\n\
        {user: a, pass: p, permissions: { publish: [x, \"y.>\"], subscribe: { allow: \"s q\", deny: [d] } }},\n\
        {user: b, permissions: { publish: { deny: x }, allow_responses: true }},\n\
        {user: c, permissions: { publish: x, allow_responses: { max: -1, expires: \"5s\" } }},\n\
        {user: d}] \n default_permissions { subscribe: z } }";
    let authorization = options(text).authorization;
    let permissions: Vec<_> = authorization
        .users
        .iter()
        .map(|user| user.permissions.clone().unwrap())
        .collect();
    let grant = |subject: &str, queue: Option<&str>| SubjectGrant {
        subject: subject.to_owned(),
        queue: queue.map(str::to_owned),
    };
    assert_eq!(
        permissions[0].publish.as_ref().unwrap().allow,
        Some(vec![grant("x", None), grant("y.>", None)])
    );
    let subscribe = SubjectPermission {
        allow: Some(vec![grant("s", Some("q"))]),
        deny: vec![grant("d", None)],
    };
    assert_eq!(permissions[0].subscribe, Some(subscribe));
    assert_eq!(permissions[0].allow_responses, None);
    // Permission to answer turns off the permission to publish anything else.
    assert_eq!(permissions[1].publish.as_ref().unwrap().allow, Some(vec![]));
    assert_eq!(
        permissions[1].allow_responses,
        Some(ResponsePermission::default())
    );
    assert_eq!(
        permissions[2].publish.as_ref().unwrap().allow,
        Some(vec![grant("x", None)])
    );
    let responses = ResponsePermission {
        max_msgs: None,
        expires: Some(Duration::from_secs(5)),
    };
    assert_eq!(permissions[2].allow_responses, Some(responses));
    assert_eq!(
        permissions[3].subscribe.as_ref().unwrap().allow,
        Some(vec![grant("z", None)])
    );
}

#[test]
fn accounts_hold_users_sharing_limits_and_mappings() {
    let text = "accounts {\n\
        A { users: [{user: a, pass: p, allowed_connection_types: [mqtt, STANDARD]}]\n\
            exports: [ {stream: \"s.>\"}, {service: \"q.*\", accounts: [B], account_token_position: 2},\n\
                       {service: r, response: stream, threshold: 5s, latency: {subject: l, sampling: \"50%\"}, allow_trace: true} ]\n\
            limits { max_conn: 5, max_subs: -1, max_payload: 1k } }\n\
        B { imports: [ {stream: {account: A, subject: \"s.x\"}, prefix: p}, {service: {account: A, subject: \"q.B\"}, to: t, share: true},\n\
                       {service: {account: A, subject: r}} ]\n\
            mappings { m: n, \"w.*\": [{dest: \"x.$1\", weight: 40%}, {dest: \"y.$1\", weight: 10, cluster: C}] }\n\
            jetstream: { max_mem: 1G, max_streams: 5, cluster_traffic: owner }\n\
            msg_trace: { dest: t.d, sampling: 5 } } }";
    let accounts = options(text).accounts;
    let (a, b) = (&accounts[0], &accounts[1]);
    assert_eq!(
        a.users[0].allowed_connection_types,
        ConnectionTypes::Only(vec![ConnectionType::Standard, ConnectionType::Mqtt])
    );
    assert_eq!(a.exports[1].accounts, Some(vec!["B".to_owned()]));
    assert_eq!(a.exports[1].account_token_position, Some(2));
    let ExportKind::Service {
        response,
        threshold,
        latency,
        allow_trace,
    } = &a.exports[2].kind
    else {
        panic!()
    };
    assert_eq!(
        (*response, *threshold, *allow_trace),
        (ResponseType::Stream, Some(Duration::from_secs(5)), true)
    );
    assert_eq!(
        latency.as_ref().unwrap().sampling,
        LatencySampling::Percent(50)
    );
    assert_eq!(
        (
            a.limits.max_connections,
            a.limits.max_subscriptions,
            a.limits.max_payload
        ),
        (Some(5), None, Some(1000))
    );
    assert_eq!(
        b.imports[0].kind,
        ImportKind::Stream {
            prefix: Some("p".to_owned()),
            to: None,
            allow_trace: false
        }
    );
    assert_eq!(
        b.imports[1].kind,
        ImportKind::Service {
            to: "t".to_owned(),
            share: true
        }
    );
    assert_eq!(
        b.imports[2].kind,
        ImportKind::Service {
            to: "r".to_owned(),
            share: false
        }
    );
    assert_eq!(
        b.mappings[0].destinations[0],
        MappingDestination {
            subject: "n".to_owned(),
            weight: 100,
            cluster: None
        }
    );
    assert_eq!(b.mappings[1].destinations[1].cluster.as_deref(), Some("C"));
    let jetstream = b.jetstream.as_ref().unwrap();
    assert_eq!(
        (
            jetstream.max_memory,
            jetstream.max_store,
            jetstream.cluster_traffic
        ),
        (Some(1_000_000_000), None, ClusterTraffic::Owner)
    );
    assert_eq!(
        b.msg_trace,
        Some(MessageTrace {
            destination: "t.d".to_owned(),
            sampling: 5
        })
    );
}

#[test]
fn tls_blocks_become_data() {
    let text = "tls { cert_file: c, key_file: k, ca_file: a, verify_and_map: true, timeout: 0.5, handshake_first: auto, min_version: \"1.3\",\n\
        pinned_certs: [\"A8f407340dcc719864214b85ed96f98d16cbffa8f509d9fa4ca237b7bb3f9c32\"], cipher_suites: [TLS_AES_128_GCM_SHA256] }\n\
        cluster { tls { verify_cert_and_check_known_urls: true } }";
    let all = options(text);
    let tls = all.tls.as_ref().unwrap();
    assert!(tls.verify && tls.verify_and_map && !tls.check_known_urls);
    assert_eq!(
        (
            tls.certificates.len(),
            tls.pinned_certs.len(),
            tls.cipher_suites[0].id
        ),
        (1, 1, 0x1301)
    );
    assert_eq!(
        tls.handshake_first,
        HandshakeFirst::Auto(Duration::from_millis(50))
    );
    assert_eq!(
        (tls.timeout, tls.min_version),
        (Duration::from_millis(500), TlsVersion::V1_3)
    );
    assert_eq!(all.auth_timeout(), Duration::from_millis(1500));
    assert!(all.cluster.unwrap().tls.unwrap().check_known_urls);
}

#[test]
fn a_destination_that_wants_quotes_says_so() {
    let found = errors("mappings {\n a.* b.{{wildcard(1)}}\n}\n");
    let hint = "a '}' ends a value without quotes: put the destination in quotes";
    assert!(found.iter().any(|error| error.ends_with(hint)), "{found:?}");
    let found = errors("mappings {\n a.* \"b.{{wildcard(2)}}\"\n}\n");
    assert!(
        !found.iter().any(|error| error.contains("quotes")),
        "{found:?}"
    );
}

#[test]
fn all_errors_of_a_file_come_in_one_go_in_its_order() {
    let text = "port: x\nfoo: 1\nauthorization { users: [{pass: p}], bar: 2 }\nping_interval: y\naccounts { A { nkey: z } }\nfoo2: 1";
    assert_eq!(
        errors(text),
        [
            "1:1: port must be an integer, got a string",
            "2:1: unknown field \"foo\"",
            "3:25: User entry requires a user",
            "3:37: unknown field \"bar\"",
            "4:1: error parsing ping_interval: time: invalid duration \"y\"",
            "5:16: Not a valid public nkey for an account: \"z\"",
            "6:1: unknown field \"foo2\"",
        ]
    );
}

#[test]
fn contradictions_are_found_with_a_place() {
    for (text, error) in [
        (
            "max_payload: 2m\nmax_pending: 1m",
            "1:1: max_payload (2000000) cannot be higher than max_pending (1000000)",
        ),
        (
            "authorization { user: a, token: b }",
            "1:1: Cannot have a user/pass and token",
        ),
        (
            "authorization { user: a }\naccounts { A { users: [{user: b}] } }",
            "2:16: Can not have a single user/pass and accounts",
        ),
        (
            "authorization { users: [{user: a}] }\nno_auth_user: b",
            "2:1: no_auth_user: \"b\" not present as user or nkey in authorization block or account configuration",
        ),
        (
            "accounts { A { exports: [{stream: a}] }, B { imports: [{stream: {account: A, subject: b}}] } }",
            "1:46: Error adding stream import \"b\": stream import not authorized",
        ),
        (
            "accounts { A { exports: [{stream: a, accounts: [C]}] } }",
            "1:16: \"C\" account not defined for stream export",
        ),
        (
            "accounts { A { exports: [{service: a}], imports: [{service: {account: B, subject: a}}] }\n\
             B { exports: [{service: a}], imports: [{service: {account: A, subject: a}}] } }",
            "1:41: Error adding service import \"a\": import forms a cycle",
        ),
        (
            "lame_duck_grace_period: \"3m\"",
            "1:1: lame duck grace period (180s) should be strictly lower than lame duck duration (120s)",
        ),
    ] {
        assert_eq!(errors(text)[0], error, "{text}");
    }
}

#[test]
fn keys_that_variables_refer_to_may_have_any_name() {
    let all = options(
        "P: 5\nBCRYPT: $2a$11$abc\nport: $P\nauthorization { X: bob, user: $X, pass: $BCRYPT }",
    );
    assert_eq!(
        (all.listen.port, all.authorization.user.as_deref()),
        (5, Some("bob"))
    );
    assert_eq!(all.authorization.password.reveal(), "$2a$11$abc");
    assert_eq!(errors("P: 5\nport: 4"), ["1:1: unknown field \"P\""]);
}

#[test]
fn an_unknown_key_is_answered_with_the_one_that_was_meant() {
    for (text, meant) in [
        ("max_conections: 1", "max_connections"),
        ("Max_Payloads: 1", "max_payload"),
        ("jetstraem: true", "jetstream"),
        ("prot: 4222", "port"),
        ("authorization { tokn: x }", "token"),
        ("jetstream { max_fiel: 1G }", "max_file"),
    ] {
        let [error] = &errors(text)[..] else {
            panic!("{text}: one error");
        };
        let hint = format!(" (did you mean {meant:?}?)");
        assert!(
            error.contains("unknown field") && error.ends_with(&hint),
            "{error}"
        );
    }
    for text in ["x: 1", "colour: red", "sorp: 1", "clients_max: 7"] {
        assert!(!errors(text)[0].contains("did you mean"), "{text}");
    }
}

#[test]
fn passwords_show_nowhere() {
    let text = "authorization { users: [{user: a, pass: hunter2}] }\naccounts { A { users: [{user: b, pass: hunter2}] } }\n\
        cluster { routes: [\"nats://u:hunter2@h:1\"], authorization { user: a, pass: hunter2 } }\njetstream { key: hunter2 }";
    let all = options(text);
    assert!(!format!("{all:?}").contains("hunter2"));
    let route = &all.cluster.unwrap().routes[0];
    assert_eq!(
        (
            route.to_string().as_str(),
            route.password.as_ref().unwrap().reveal()
        ),
        ("nats://h:1", "hunter2")
    );
}

#[test]
fn features_that_do_not_exist_yet_are_named_with_their_place() {
    let loaded = options(
        "port: 1\njetstream: on\ncluster { port: 5 }\nleafnodes { remotes: [{url: \"nats://h\"}] }\n\
         websocket { port: 5, no_tls: true }\nprof_port: 5\naccounts { A { jetstream: on } }",
    );
    let keys: Vec<_> = loaded
        .unavailable()
        .into_iter()
        .map(|error| (error.key, error.at.unwrap().line))
        .collect();
    let expected = [
        ("prof_port", 6),
        ("cluster", 3),
        ("leafnodes", 4),
        ("websocket", 5),
    ];
    assert_eq!(keys, expected.map(|(key, line)| (key.to_owned(), line)));
    assert_eq!(
        options("port: 1\njetstream: off\ncluster { name: x }\nocsp: false").unavailable(),
        []
    );
}

#[test]
fn remote_addresses_get_the_usual_port() {
    let leafnodes = options("leafnodes { remotes: [{urls: [\"nats://a\", \"nats://b:5\"]}] }")
        .leafnodes
        .unwrap();
    let ports: Vec<_> = leafnodes.remotes[0]
        .urls
        .iter()
        .map(|url| url.port)
        .collect();
    assert_eq!(ports, [Some(7422), Some(5)]);
}

/// Nests a value under the path of a key, in maps alone or with a list around the innermost map.
fn nested(path: &str, value: &str, in_list: bool) -> String {
    let names: Vec<&str> = path.split('.').collect();
    let mut text = format!("{}: {value}", names[names.len() - 1]);
    for (index, name) in names[..names.len() - 1].iter().enumerate().rev() {
        let innermost = index + 2 == names.len();
        text = if in_list && innermost {
            format!("{name}: [{{ {text} }}]")
        } else {
            format!("{name} {{ {text} }}")
        };
    }
    text
}

#[test]
fn no_value_of_any_key_makes_reading_panic() {
    let values = [
        "x",
        "''",
        "0",
        "-1",
        "1",
        "100",
        "65536",
        "9223372036854775807",
        "-9223372036854775808",
        "1.5",
        "-1e9",
        "true",
        "off",
        "\"10s\"",
        "\"-1s\"",
        "\"9999999h\"",
        "\"10G\"",
        "\"99999999999G\"",
        "\"é\"",
        "[]",
        "[1]",
        "[x, y]",
        "{}",
        "{x: 1}",
        "[{}]",
        "[{x: {}}]",
        "\"h:1\"",
        "\"[::1\"",
        "\"nats://u:p@[h\"",
        "\"%zz://\"",
        "2006-01-02T15:04:05Z",
        "\"a.*.>\"",
        "\"URL(\"",
    ];
    let page = reference_markdown();
    let paths = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let mut read = 0;
    for path in paths {
        for value in values {
            for in_list in [false, true] {
                let text = nested(path, value, in_list);
                if let Ok(loaded) = Options::from_text(&text) {
                    let _ = (
                        loaded.options.unavailable(),
                        loaded.options.obstacles(),
                        diff(&loaded.options, &Options::default()),
                    );
                    read += 1;
                }
            }
        }
    }
    assert!(read > 1000, "only {read} texts were read");
}
