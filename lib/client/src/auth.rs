//! Who we are, as CONNECT says it.

use nats_proto::info::{ConnectOptions, ServerInfo};

use crate::error::ConnectError;
use crate::server_url::{ServerUrl, UserInfo};
use nats_jwt::secret::Secret;

/// Where the credentials come from.
#[derive(Clone, Default)]
pub(crate) struct Auth {
    pub user: Option<(String, Secret)>,
    pub token: Option<Secret>,
}

impl Auth {
    /// Fills the credentials for `server` into `connect`.
    pub(crate) async fn fill(
        &self,
        connect: &mut ConnectOptions,
        server: &ServerUrl,
        _info: &ServerInfo,
    ) -> Result<(), ConnectError> {
        if let Some((user, password)) = &self.user {
            connect.user = user.clone();
            connect.pass = password.reveal().to_owned();
        }
        if let Some(token) = &self.token {
            connect.auth_token = token.reveal().to_owned();
        }
        match &server.user_info {
            Some(UserInfo::Token(token)) => connect.auth_token = token.reveal().to_owned(),
            Some(UserInfo::Password { user, password }) => {
                connect.user = user.clone();
                connect.pass = password.reveal().to_owned();
            }
            None => {}
        }
        Ok(())
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}
