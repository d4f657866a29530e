//! NKeys, JWT claims and credentials files, and the type for secrets.

#![forbid(unsafe_code)]

pub mod secret;
