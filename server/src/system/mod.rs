//! The system account: requests about the server and what it tells of its own accord.
//!
//! May call: `monitor` (the same pages), `account`, `router` (to publish), `options`. Never happens here: a change of another
//! room's state, a secret in an event. Start reading at [`process`], which measures the process for both.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod process;
