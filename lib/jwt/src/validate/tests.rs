use super::*;
use crate::claims::{
    AccountClaims, ActivationClaims, Export, ExportType, Import, JetStreamLimits, Latency,
    OperatorClaims, ResponseType, Sampling, TimeRange, UserClaims, WeightedMapping,
};
use crate::nkey::{KeyPair, Kind};

fn public(kind: Kind) -> String {
    KeyPair::generate(kind)
        .expect("randomness")
        .public_key()
        .to_string()
}

/// The errors about an account after `change`.
fn errors_of_account(change: impl FnOnce(&mut AccountClaims)) -> Vec<String> {
    let mut claims = AccountClaims::new(public(Kind::Account));
    change(&mut claims);
    let findings = claims.validate(1000);
    let errors: Vec<String> = findings.errors().map(str::to_owned).collect();
    assert_eq!(findings.is_blocking(false), !errors.is_empty());
    errors
}

fn stream(subject: &str) -> Export {
    Export {
        subject: subject.into(),
        kind: ExportType::Stream,
        ..Export::default()
    }
}

fn service(subject: &str) -> Export {
    Export {
        kind: ExportType::Service,
        ..stream(subject)
    }
}

#[test]
fn a_new_account_has_no_findings_and_time_blocks_only_where_asked() {
    assert_eq!(errors_of_account(|_| {}), [""; 0]);
    let mut claims = AccountClaims::new(public(Kind::Account));
    claims.expires = 999;
    claims.not_before = 2000;
    let findings = claims.validate(1000);
    let texts: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["claim is expired", "claim is not yet valid"]);
    assert!(findings.is_blocking(true) && !findings.is_blocking(false));
}

#[test]
fn each_fault_of_an_export_is_found() {
    let errors = |export: Export| errors_of_account(|claims| claims.nats.exports.push(export));
    assert_eq!(errors(stream("a.>")), [""; 0]);
    for (export, error) in [
        (
            Export {
                subject: "a".into(),
                ..Export::default()
            },
            "invalid export type: \"unknown\"",
        ),
        (
            Export {
                response_type: ResponseType::Unknown("Many".into()),
                ..service("a")
            },
            "invalid response type for service: \"Many\"",
        ),
        (
            Export {
                response_type: ResponseType::Chunked,
                ..stream("a")
            },
            "invalid response type for stream: \"Chunked\"",
        ),
        (
            Export {
                allow_trace: true,
                ..stream("a")
            },
            "AllowTrace only valid for service export",
        ),
        (
            Export {
                response_threshold_ns: -1,
                ..service("a")
            },
            "negative response threshold is invalid",
        ),
        (
            Export {
                response_threshold_ns: 1,
                ..stream("a")
            },
            "response threshold only valid for services",
        ),
        (
            Export {
                account_token_position: 1,
                ..stream("a")
            },
            "Account Token Position can only be used with wildcard subjects: a",
        ),
        (
            Export {
                account_token_position: 3,
                ..stream("a.*")
            },
            "Account Token Position 3 exceeds length of subject 'a.*'",
        ),
        (
            Export {
                account_token_position: 1,
                ..stream("a.*")
            },
            "Account Token Position 1 matches 'a' but must match a * in: a.*",
        ),
        (
            Export {
                account_token_position: u64::MAX,
                ..stream("*")
            },
            "Account Token Position 18446744073709551615 exceeds length of subject '*'",
        ),
        (stream(""), "subject cannot be empty"),
        (stream("a b"), "subject \"a b\" cannot have spaces"),
        (
            stream(".a"),
            "subject \".a\" cannot start or end with a `.`",
        ),
        (
            stream("a..b"),
            "subject \"a..b\" cannot contain consecutive `.`",
        ),
        (
            Export {
                description: "x".repeat(INFO_LEN_MAX + 1),
                ..stream("a")
            },
            "Description is too long",
        ),
        (
            Export {
                info_url: "foo".into(),
                ..stream("a")
            },
            "error parsing info url: no hostname or scheme",
        ),
        (
            Export {
                info_url: "http://:x".into(),
                ..stream("a")
            },
            "error parsing info url: invalid port \":x\" after host",
        ),
    ] {
        assert_eq!(errors(export), [error]);
    }
    let latency = |sampling, results: &str| {
        Some(Latency {
            sampling,
            results: results.into(),
        })
    };
    assert_eq!(
        errors(Export {
            latency: latency(Sampling::Percent(100), "r"),
            ..service("a")
        }),
        [""; 0]
    );
    assert_eq!(
        errors(Export {
            latency: latency(Sampling::Headers, "r"),
            ..stream("a")
        }),
        ["latency tracking only permitted for services"]
    );
    assert_eq!(
        errors(Export {
            latency: latency(Sampling::Percent(101), "r.*"),
            ..service("a")
        }),
        [
            "sampling percentage needs to be between 1-100",
            "results subject can not contain wildcards"
        ]
    );
    assert_eq!(
        errors_of_account(
            |claims| claims.nats.exports = vec![stream("a.*"), stream("a.b"), service("a.b")]
        ),
        ["stream export subject \"a.*\" already exports \"a.b\""]
    );
    assert_eq!(
        errors_of_account(|claims| claims.nats.exports = vec![service("a"), service("a")]),
        ["service export subject \"a\" already exports \"a\""]
    );
}

#[test]
fn each_fault_of_an_import_is_found() {
    let account = public(Kind::Account);
    let import = |kind: ExportType, subject: &str, local: &str| Import {
        subject: subject.into(),
        local_subject: local.into(),
        account: account.clone(),
        kind,
        ..Import::default()
    };
    let (stream, service) = (ExportType::Stream, ExportType::Service);
    let errors = |imports: Vec<Import>| errors_of_account(|claims| claims.nats.imports = imports);
    for good in [
        import(stream, "a.*.b.>", "x.$1.>"),
        import(service, "a.*.b.*", "x.$2.$1"),
        import(service, "a.*", "x.*"),
        import(stream, "a", ""),
    ] {
        assert_eq!(errors(vec![good]), [""; 0]);
    }
    let few = "subject does not contain enough * or reference wildcards $[0-9]";
    for (import, error) in [
        (
            Import {
                kind: ExportType::Unknown,
                ..import(stream, "a", "")
            },
            "invalid import type: \"unknown\"",
        ),
        (
            Import {
                account: String::new(),
                ..import(stream, "a", "")
            },
            "account to import from is not specified",
        ),
        (
            Import {
                allow_trace: true,
                ..import(service, "a", "")
            },
            "AllowTrace only valid for stream import",
        ),
        (
            Import {
                share: true,
                ..import(stream, "a", "")
            },
            "sharing information (for latency tracking) is only valid for services: \"a\"",
        ),
        (
            Import {
                to: "p".into(),
                ..import(stream, "a", "b")
            },
            "Local Subject replaces To",
        ),
        (
            Import {
                token: "nonsense".into(),
                ..import(stream, "a", "")
            },
            "import \"a\" contains an invalid activation token",
        ),
        (
            import(stream, "a.>", "b"),
            "both, renaming subject and subject, need to end or not end in >",
        ),
        (import(stream, "a.*", "b"), few),
        (import(stream, "a", "b.*"), few),
    ] {
        assert_eq!(errors(vec![import]), [error]);
    }
    assert_eq!(
        errors(vec![import(stream, "a.*", "b.$2")]),
        [
            "Reference $2 in \"b.$2\" reference * in \"a.*\" that do not exist",
            few
        ]
    );
    assert_eq!(
        errors(vec![
            import(service, "a.*", "x.*"),
            import(service, "b", "x.y")
        ]),
        [format!(
            "overlapping subject namespace for \"x.y\" and \"x.*\" in same account \"{account}\""
        )]
    );
    let mut other = import(service, "b", "x.y");
    other.account = public(Kind::Account);
    assert_eq!(errors(vec![import(service, "a.*", "x.*"), other]), [""; 0]);
}

#[test]
fn tokens_of_imports_must_be_for_them() {
    let exporter = KeyPair::generate(Kind::Account).expect("randomness");
    let importer = public(Kind::Account);
    let mut token = ActivationClaims::new(importer.clone());
    token.nats.import_subject = "priv.>".into();
    token.nats.import_type = ExportType::Stream;
    let token = token.encode(&exporter, 1).expect("signed");
    let errors = |subject: &str, kind, account: String, importer: &str| {
        let mut claims = AccountClaims::new(importer);
        claims.nats.imports.push(Import {
            subject: subject.into(),
            kind,
            account,
            token: token.clone(),
            ..Import::default()
        });
        claims
            .validate(1)
            .errors()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let from = exporter.public_key().to_string();
    assert_eq!(
        errors("priv.a", ExportType::Stream, from.clone(), &importer),
        [""; 0]
    );
    assert_eq!(
        errors("other", ExportType::Stream, from.clone(), &importer),
        ["activation token import subject \"priv.>\" doesn't match import \"other\""]
    );
    assert_eq!(
        errors("priv.a", ExportType::Service, from.clone(), &importer),
        ["mismatch between token import type stream and type of import service"]
    );
    assert_eq!(
        errors("priv.a", ExportType::Stream, importer.clone(), &importer),
        ["activation token doesn't match account for import \"priv.a\""]
    );
    assert_eq!(
        errors("priv.a", ExportType::Stream, from, &public(Kind::Account)),
        ["activation token doesn't match account it is being included in, \"priv.a\""]
    );
}

#[test]
fn limits_mappings_and_authorization_of_accounts_are_checked() {
    let mapping = |weight, cluster: &str| WeightedMapping {
        subject: "b".into(),
        weight,
        cluster: cluster.into(),
    };
    let over = "Mapping \"a\" exceeds 100% among all of it's weighted to mappings";
    for (mappings, errors) in [
        (
            vec![mapping(50, ""), mapping(50, ""), mapping(0, "east")],
            vec![],
        ),
        (vec![mapping(50, ""), mapping(51, "")], vec![over]),
        (
            vec![mapping(0, "east"), mapping(1, "east")],
            vec![
                "Mapping \"a\" in cluster \"east\" exceeds 100% among all of it's weighted to mappings",
            ],
        ),
        (
            vec![mapping(101, "")],
            vec!["Mapping \"a\" has a weight 101 that exceeds 100", over],
        ),
    ] {
        assert_eq!(
            errors_of_account(|claims| {
                claims.nats.mappings.insert("a".into(), mappings);
            }),
            errors
        );
    }
    assert_eq!(
        errors_of_account(|claims| {
            claims.nats.limits.exports = 1;
            claims.nats.limits.wildcards = false;
            claims.nats.exports = vec![stream("a"), stream("b.*")];
        }),
        [
            "the account contains more exports than allowed by the operator",
            "the account contains wildcard exports that are not allowed by the operator"
        ]
    );
    assert_eq!(
        errors_of_account(|claims| {
            claims.nats.limits.jetstream.streams = 1;
            claims
                .nats
                .limits
                .tiered_limits
                .insert(String::new(), JetStreamLimits::default());
        }),
        [
            "JetStream Limits and tiered JetStream Limits are mutually exclusive",
            "Tiered JetStream Limits can not contain a blank \"\" tier name"
        ]
    );
    assert_eq!(
        errors_of_account(
            |claims| claims.nats.authorization.allowed_accounts = vec!["*".into(), "A".into()]
        ),
        [
            "External authorization cannot have accounts without users specified",
            "AllowedAccounts can only be a list of accounts or \"*\"",
            "Account \"A\" is not a valid account public key"
        ]
    );
    assert_eq!(
        errors_of_account(|claims| {
            claims.nats.signing_keys.add("A");
            claims.nats.authorization.xkey = "X".into();
            claims.nats.authorization.auth_users.push("U".into());
        }),
        [
            "AuthUser \"U\" is not a valid user public key",
            "XKey \"X\" is not a valid public xkey",
            "\"A\" is not a valid account signing key"
        ]
    );
}

#[test]
fn a_self_signed_account_with_limits_is_warned_about() {
    let account = KeyPair::generate(Kind::Account).expect("randomness");
    let claims = AccountClaims::new(account.public_key().to_string());
    let token = claims.encode(&account, 1).expect("signed");
    let findings = AccountClaims::decode(&token).expect("genuine").validate(1);
    let warnings: Vec<_> = findings.warnings().collect();
    assert_eq!(
        warnings,
        ["self-signed account JWTs shouldn't contain operator limits"]
    );
    assert!(!findings.is_blocking(true));
}

#[test]
fn users_and_operators_are_checked() {
    let mut user = UserClaims::new(public(Kind::User));
    user.nats.limits.src.push("10.0.0.0".into());
    user.nats.limits.times.push(TimeRange {
        start: "25:00:00".into(),
        end: String::new(),
    });
    user.nats.limits.times_location = "Middle/Earth".into();
    user.nats
        .limits
        .permissions
        .publish
        .allow
        .push("a q".into());
    user.nats
        .limits
        .permissions
        .subscribe
        .allow
        .push("a q".into());
    user.nats
        .limits
        .permissions
        .subscribe
        .deny
        .push("a b c".into());
    let findings = user.validate(1);
    let errors: Vec<_> = findings.errors().collect();
    assert_eq!(
        errors,
        [
            "Permission Subject \"a b c\" contains too many spaces",
            "Permission Subject \"a q\" is not allowed to contain queue",
            "invalid cidr \"10.0.0.0\" in user src limits",
            "start in time range is invalid \"25:00:00\"",
            "time ranges end must contain an end",
            "could not parse iana time zone by name: unknown time zone Middle/Earth",
        ]
    );
    let mut operator = OperatorClaims::new(public(Kind::Operator));
    operator.nats.account_server_url = "jwt/v1".into();
    operator.nats.operator_service_urls =
        ["nats://a:4222", "http://a", "nats://u:p@a", "wss://a/x", ""]
            .map(String::from)
            .to_vec();
    operator.nats.system_account = "A".into();
    operator.nats.signing_keys.push("O".into());
    operator.nats.assert_server_version = "2.x.1".into();
    let findings = operator.validate(1);
    let errors: Vec<_> = findings.errors().collect();
    assert_eq!(
        errors,
        [
            "account server url \"jwt/v1\" requires a protocol",
            "operator service url \"http://a\" - protocol not supported (only 'nats', 'tls', 'ws', 'wss' only)",
            "operator service url \"nats://u:p@a\" - credentials are not supported",
            "operator service url \"wss://a/x\" - paths are not supported",
            "O is not an operator public key",
            "A is not an account public key",
            "assert server version error: asserted server version cant parse x to int",
        ]
    );
}
