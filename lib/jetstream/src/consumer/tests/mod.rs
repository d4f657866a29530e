//! The consumer as a client sees it.

mod golden;
mod hostile;
mod model;
mod pull;
mod push;
mod redelivery;
mod scale;
mod world;
