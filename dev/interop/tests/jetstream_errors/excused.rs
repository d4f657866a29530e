//! Errors that one server does not produce on request, and why.

use std::collections::BTreeMap;

const CLUSTER: &str = "only servers in a cluster say it";
const UNUSED: &str = "no server says it any more: it is in the table for old clients";
const OTHER_SUITE: &str = "another suite produces it";
const FAULT: &str = "wants a failing disk or a full queue at the right moment";

const ALL: &[(&str, &[u64])] = &[
    (
        CLUSTER,
        &[
            10004, 10005, 10006, 10007, 10008, 10009, 10011, 10035, 10036, 10040, 10041, 10044,
            10048, 10061, 10063, 10075, 10118, 10119, 10123, 10124, 10129, 10158, 10163, 10180,
            10202, 10224, 10226,
        ],
    ),
    (
        UNUSED,
        &[
            10019, 10032, 10033, 10066, 10067, 10068, 10072, 10073, 10085, 10092, 10093, 10117,
        ],
    ),
    // Tiers by number of replicas exist in operator mode only: `jetstream_operator_mode`.
    (OTHER_SUITE, &[10120]),
    // A block that cannot be read while an archive is written (10064); a subscription of the server's own that fails (10042).
    (FAULT, &[10042, 10064]),
    (FAULT, &[10050, 10051, 10096, 10104]),
    // Without JetStream nobody answers on the API's subjects; only /healthz says it, as text.
    ("only a monitoring page says it", &[10076]),
    // Refused before: a server alone has one replica (10074), and what these say of several is never reached.
    ("a server alone has one replica", &[10126, 10134]),
    // A request without a configuration is read as one with an empty configuration.
    ("an absent configuration is an empty one", &[10078]),
    // The subject is one that nobody listens on.
    ("nobody answers on such a subject", &[10016]),
    // The name in the subject decides, and one that differs is refused there (10017, 10020).
    ("names are compared with the subject before", &[10132]),
    (
        "a bad name is refused as a bad configuration before",
        &[10103],
    ),
    ("flow control comes with the policy", &[10219]),
    ("what is negative counts as not set before", &[10087, 10114]),
    // An unknown policy is no JSON of this type (10025).
    ("refused as invalid JSON before", &[10181, 10182]),
    // The consumer is found by its name first, and updated.
    ("an existing consumer is updated before", &[10105, 10106]),
    // Written by a newer server, found on disk.
    ("wants assets of a newer server on disk", &[10194, 10195]),
    // A stream of counters takes nothing else, not from a source either.
    ("wants a counter that was damaged", &[10172]),
    // The answer of another server's consumer.
    ("the checks of the stream come first", &[10053]),
];

/// Code to reason.
pub fn all() -> BTreeMap<u64, &'static str> {
    let rows = ALL.iter();
    rows.flat_map(|(why, codes)| codes.iter().map(|code| (*code, *why)))
        .collect()
}
