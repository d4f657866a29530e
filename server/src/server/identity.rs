//! Who this server is.

use std::time::SystemTime;

use nats_jwt::nkey::{CurveKey, KeyPair, Kind, NkeyError};

/// The version of the reference that we are compatible with: clients switch features on it.
pub const VERSION: &str = "2.15.1";
/// Protocol version of INFO.
pub const PROTO: i32 = 1;

/// Our own version and the commit it was built from, for those who look behind the compatible version.
pub fn build_label() -> String {
    let own = env!("CARGO_PKG_VERSION");
    match option_env!("NATS_GIT_COMMIT") {
        Some(commit) => format!("rust {own}, commit {commit}"),
        None => format!("rust {own}"),
    }
}

/// Made anew at every start.
pub struct ServerIdentity {
    /// Public server key, `N…`.
    pub id: String,
    pub name: String,
    /// Public curve key, `X…`, for answers that only we may read.
    pub xkey: String,
    pub started: SystemTime,
    /// The secret halves.
    pub keys: KeyPair,
    pub curve: CurveKey,
}

impl ServerIdentity {
    /// # Errors
    /// When the system has no randomness.
    pub fn new(name: Option<&str>) -> Result<Self, NkeyError> {
        let keys = KeyPair::generate(Kind::Server)?;
        let curve = CurveKey::generate()?;
        let id = keys.public_key().to_string();
        Ok(Self {
            name: name.map_or_else(|| id.clone(), str::to_owned),
            id,
            xkey: curve.public_key().to_string(),
            started: SystemTime::now(),
            keys,
            curve,
        })
    }
}
