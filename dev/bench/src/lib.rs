//! Paired benchmark of any two NATS server binaries.
//!
//! What lives here: the table of [`cases`], the load generator ([`load`], on raw sockets, with bytes from
//! [`wire`]), the [`process`] under test, the [`paired`] runner, and what becomes of the figures
//! ([`statistics`], [`report`], [`table`]).
//!
//! The way of the data: a [`cases::Case`] names a workload; [`load::measure`] starts a fresh server,
//! drives it, and returns a [`metric::Sample`]; [`paired::run`] takes samples of A and B in turn; a
//! [`report::CaseReport`] sums them up; [`table::render`] sets each figure beside its bar.
//!
//! Who may call: the `nats-bench` binary, and nobody else. What never happens here: a client library
//! (it would be measured with the server), a figure from a run that lost or garbled a message, a test that
//! asserts on a time. There are no locks; the threads of a run share four atomics.
//!
//! Start reading at [`cases::CASES`], then [`load`].

#![forbid(unsafe_code)]

pub mod cases;
pub mod load;
pub mod machine;
pub mod metric;
pub mod paired;
pub mod process;
pub mod report;
pub mod statistics;
pub mod table;
pub mod trust;

mod connection;
mod frames;
mod wire;
