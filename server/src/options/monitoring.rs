//! The HTTP pages and the profiling port.

/// The HTTP pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitoring {
    /// Address of both ports; the client address when absent.
    pub host: Option<String>,
    /// Port for plain HTTP; `Some(0)` is any free port.
    pub http_port: Option<u16>,
    /// Port for HTTPS, with the certificate of the top-level `tls` block.
    pub https_port: Option<u16>,
    /// Prefix of every page's path.
    pub base_path: String,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self {
            host: None,
            http_port: None,
            https_port: None,
            base_path: "/".to_owned(),
        }
    }
}

/// The profiling port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profiling {
    /// Port; `Some(0)` is any free port.
    pub port: Option<u16>,
    /// Rate of block profiling.
    pub block_rate: i64,
}
