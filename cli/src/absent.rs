//! Commands of the reference tool that are not here yet: known, so that they are refused by name.

/// The command and what is to be used meanwhile.
pub const COMMANDS: [(&str, &str); 8] = [
    (
        "audit",
        "the pages that it gathers: nats server request --help",
    ),
    ("bench oldjs", "nats bench js"),
    (
        "server check exporter",
        "nats server check with --format prometheus",
    ),
    (
        "server cluster",
        "nats stream cluster, nats consumer cluster",
    ),
    (
        "server consumer-check",
        "nats server check consumer, nats consumer report",
    ),
    (
        "server stream-check",
        "nats server check stream, nats stream report",
    ),
    ("top", "nats server watch"),
    ("traffic", "nats sub '>' --report-subjects"),
];

/// What to use instead of a command that is not here; `None` when nobody knows such a command.
pub fn instead(command: &str) -> Option<&'static str> {
    let mut all = COMMANDS.iter();
    all.find(|(name, _)| *name == command)
        .map(|(_, instead)| *instead)
}
