//! The servers that a client may connect to, in the order it will try them.

use crate::error::{ConnectError, ServerError};
use crate::limits;
use crate::server_url::ServerUrl;

/// One server of the pool.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub url: ServerUrl,
    /// Announced by the cluster, not named by the user.
    pub discovered: bool,
    /// Attempts in a row that failed.
    pub failures: usize,
    /// The last refusal of our credentials, cleared by a success.
    pub last_refusal: Option<ServerError>,
    /// Name in the server's certificate when the address is an IP that a named server announced.
    pub tls_name: Option<String>,
}

/// Never empty until servers are given up.
#[derive(Debug)]
pub(crate) struct Pool {
    servers: Vec<Server>,
    randomize: bool,
}

impl Pool {
    pub(crate) fn new(urls: Vec<ServerUrl>, randomize: bool) -> Result<Self, ConnectError> {
        let mut servers: Vec<Server> = Vec::new();
        for url in urls.into_iter().take(limits::POOL_SERVERS) {
            if servers.iter().all(|server| server.url != url) {
                servers.push(Server {
                    url,
                    discovered: false,
                    failures: 0,
                    last_refusal: None,
                    tls_name: None,
                });
            }
        }
        if servers.is_empty() {
            return Err(ConnectError::NoServers);
        }
        if randomize {
            fastrand::shuffle(&mut servers);
        }
        Ok(Self { servers, randomize })
    }

    pub(crate) fn len(&self) -> usize {
        self.servers.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// The server whose turn it is.
    pub(crate) fn current(&self) -> Option<&Server> {
        self.servers.first()
    }

    pub(crate) fn current_mut(&mut self) -> Option<&mut Server> {
        self.servers.first_mut()
    }

    /// Moves the current server to the end of the line, or out of the pool when it failed `failures_max` times.
    pub(crate) fn advance(&mut self, failures_max: Option<usize>) {
        if self.servers.is_empty() {
            return;
        }
        let server = self.servers.remove(0);
        if failures_max.is_none_or(|max| server.failures < max) {
            self.servers.push(server);
        }
    }

    /// Takes over what the cluster announces about itself. Returns the addresses that are new. Discovered servers
    /// that are no longer announced go, except the one we are connected to, which is the current one.
    ///
    /// Over a secured connection (`secured`) only servers that are secured too are taken: an announcement must not lead
    /// our credentials into clear text.
    pub(crate) fn merge_discovered(
        &mut self,
        connect_urls: &[String],
        secured: bool,
    ) -> Vec<String> {
        let Some(current) = self.current() else {
            return Vec::new();
        };
        if connect_urls.is_empty() {
            return Vec::new();
        }
        let tls = current.url.tls || secured;
        let tls_name = match current.url.host.parse::<std::net::IpAddr>() {
            Ok(_) => current.tls_name.clone(),
            Err(_) => Some(current.url.host.clone()),
        };
        let user_info = current.url.user_info.clone();
        let announced: Vec<ServerUrl> = connect_urls
            .iter()
            .take(limits::POOL_SERVERS)
            .filter_map(|text| ServerUrl::parse(text).ok())
            .collect();
        let known = |server: &Server, url: &ServerUrl| {
            server.url.port == url.port && server.url.host.eq_ignore_ascii_case(&url.host)
        };
        let mut first = true;
        self.servers.retain(|server| {
            let is_current = std::mem::take(&mut first);
            is_current || !server.discovered || announced.iter().any(|url| known(server, url))
        });
        let mut fresh = Vec::new();
        for mut url in announced {
            let is_known = self.servers.iter().any(|server| known(server, &url));
            if is_known || self.servers.len() >= limits::POOL_SERVERS {
                continue;
            }
            fresh.push(url.address());
            url.tls |= tls;
            // A cluster shares its users; the address of the first server may carry ours.
            url.user_info = url.user_info.or_else(|| user_info.clone());
            let server = Server {
                tls_name: url
                    .host
                    .parse::<std::net::IpAddr>()
                    .ok()
                    .and(tls_name.clone()),
                url,
                discovered: true,
                failures: 0,
                last_refusal: None,
            };
            // Never in front of the current server.
            let at = if self.randomize {
                fastrand::usize(1..=self.servers.len())
            } else {
                self.servers.len()
            };
            self.servers.insert(at, server);
        }
        fresh
    }

    #[cfg(test)]
    fn shown(&self) -> Vec<String> {
        self.servers.iter().map(|s| s.url.to_string()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(list: &str) -> Pool {
        Pool::new(ServerUrl::parse_list(list).unwrap(), false).unwrap()
    }

    fn texts(urls: &[&str]) -> Vec<String> {
        urls.iter().map(|u| (*u).to_owned()).collect()
    }

    #[test]
    fn a_server_that_failed_too_often_leaves_the_pool() {
        let mut pool = pool("a,b");
        for _ in 0..3 {
            pool.current_mut().unwrap().failures += 1;
            pool.advance(Some(2));
        }
        // a, b, then a for the second time.
        assert_eq!(pool.shown(), ["nats://b:4222"]);
        pool.current_mut().unwrap().failures += 1;
        pool.advance(Some(2));
        assert!(pool.is_empty());
    }

    #[test]
    fn discovered_servers_come_and_go_and_named_ones_stay() {
        let mut pool = pool("tls://me:pw@a.example,b.example");
        assert_eq!(
            pool.merge_discovered(
                &texts(&["10.0.0.1:4222", "b.example:4222", "[::1]:1"]),
                false
            ),
            ["10.0.0.1:4222", "[::1]:1"]
        );
        assert_eq!(
            pool.shown(),
            [
                "tls://a.example:4222",
                "nats://b.example:4222",
                "tls://10.0.0.1:4222",
                "tls://[::1]:1"
            ]
        );
        let discovered = pool.servers.get(2).unwrap();
        assert_eq!(discovered.tls_name.as_deref(), Some("a.example"));
        assert!(discovered.url.user_info.is_some());
        assert!(
            pool.merge_discovered(&texts(&["10.0.0.1:4222"]), false)
                .is_empty()
        );
        assert_eq!(pool.len(), 3);
        // An INFO without addresses says nothing about the cluster.
        assert!(pool.merge_discovered(&[], false).is_empty());
        assert_eq!(pool.len(), 3);
    }

    #[test]
    fn an_announcement_over_tls_names_servers_with_tls() {
        let mut pool = pool("a");
        pool.merge_discovered(&texts(&["b:1"]), true);
        assert_eq!(pool.shown(), ["nats://a:4222", "tls://b:1"]);
    }

    #[test]
    fn an_announcement_cannot_grow_the_pool_without_bound() {
        let mut pool = pool("a");
        let urls: Vec<_> = (0..5000).map(|i| format!("h{i}:1")).collect();
        pool.merge_discovered(&urls, false);
        assert_eq!(pool.len(), limits::POOL_SERVERS);
    }
}
