//! Fuzz targets: what must hold for any bytes.
//!
//! Each module has one function `check(data)` that panics when a promise is broken. The engines around it are in
//! `../fuzz_targets/` (libFuzzer) and `tests/replay.rs` (every file of the corpus, on a stable compiler). Nothing here is
//! called by the product.
//!
//! Most targets compare with a second, naive implementation or with the same input in another form (split at every byte,
//! written and read again), since a target that only waits for panics sees little.

#![forbid(unsafe_code)]

pub mod archives;
pub mod client_parser;
pub mod config;
pub mod desired_state;
pub mod headers;
#[cfg(feature = "server")]
pub mod jetstream_api;
pub mod jetstream_consumer;
pub mod nkeys_and_creds;
pub mod nsc_store_import;
pub mod proxy;
pub mod schedules;
#[cfg(feature = "server")]
pub mod server_options;
pub mod server_parser;
pub mod store_directories;
pub mod subjects_and_transforms;
#[cfg(feature = "server")]
pub mod sublist;
pub mod tokens;

/// A target: its name, which is also that of its corpus folder, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets; those that need the server are missing in a build without it.
pub const TARGETS: &[Target] = &[
    ("archives", archives::check),
    ("client_parser", client_parser::check),
    ("config", config::check),
    ("desired_state", desired_state::check),
    ("headers", headers::check),
    #[cfg(feature = "server")]
    ("jetstream_api", jetstream_api::check),
    ("jetstream_consumer", jetstream_consumer::check),
    ("nkeys_and_creds", nkeys_and_creds::check),
    ("nsc_store_import", nsc_store_import::check),
    ("proxy", proxy::check),
    ("schedules", schedules::check),
    #[cfg(feature = "server")]
    ("server_options", server_options::check),
    ("server_parser", server_parser::check),
    ("store_directories", store_directories::check),
    ("subjects_and_transforms", subjects_and_transforms::check),
    #[cfg(feature = "server")]
    ("sublist", sublist::check),
    ("tokens", tokens::check),
];
