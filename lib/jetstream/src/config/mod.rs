//! What a configuration may say, and what it is completed to.
//!
//! **What lives here.** [`stream`]: every rule for the configuration of a stream, in the order in which the reference server applies them,
//! because a client that breaks two rules sees which one is reported.
//!
//! **Who may call.** The engine, before it makes or changes an asset. What lies outside of one configuration (other streams, limits of
//! the account) is asked through [`stream::Surroundings`].
//!
//! **What never happens here.** No state is changed; a check returns the completed configuration or the error to send.

pub mod stream;
