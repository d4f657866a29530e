//! The consumer as a client sees it.

mod pull;
mod push;
mod redelivery;
mod world;
