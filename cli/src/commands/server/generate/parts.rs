//! What several bundles ask for and write: where a server listens, and its JetStream.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::form::{Form, Question, quoted};
use crate::error::{CliError, Result};

/// Where clients and monitors connect to.
pub struct Listen {
    clients: SocketAddr,
    monitor: Option<SocketAddr>,
}

impl Listen {
    pub fn ask(form: &mut Form<'_>, monitor_port: &str) -> Result<Self> {
        let address = form.address(&Question {
            name: "address",
            text: "Address to listen on",
            default: "0.0.0.0",
        })?;
        Self::ask_ports(form, address, monitor_port)
    }

    pub fn ask_ports(form: &mut Form<'_>, address: IpAddr, monitor_port: &str) -> Result<Self> {
        let port = form.port(
            &Question {
                name: "port",
                text: "Port for clients",
                default: "4222",
            },
            1,
        )?;
        let monitor = form.port(
            &Question {
                name: "monitor_port",
                text: "Port for monitoring by HTTP, 0 for none",
                default: monitor_port,
            },
            0,
        )?;
        if monitor == port {
            return Err(
                CliError::new(format!("port and monitor_port are both {port}"))
                    .next_step("choose different ones"),
            );
        }
        Ok(Self {
            clients: SocketAddr::new(address, port),
            monitor: (monitor != 0).then(|| SocketAddr::new(address, monitor)),
        })
    }

    pub fn config(&self) -> String {
        let mut text = format!(
            "# Where clients connect to\nlisten: {}\n",
            quoted(&self.clients.to_string())
        );
        if let Some(monitor) = self.monitor {
            text += &format!(
                "\n# Pages for monitoring\nhttp: {}\n",
                quoted(&monitor.to_string())
            );
        }
        text
    }

    /// A URL for clients on this machine.
    pub fn url(&self) -> String {
        let ip = match self.clients.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        format!("nats://{}", SocketAddr::new(ip, self.clients.port()))
    }
}

/// A server's name.
pub fn server_name(form: &mut Form<'_>) -> Result<String> {
    form.word(&Question {
        name: "server_name",
        text: "Name of the server; every server has its own, and keeps it",
        default: "nats.example.net",
    })
}

/// `jetstream { … }`, or nothing.
pub fn jetstream(form: &mut Form<'_>) -> Result<String> {
    if !form.yes("streams", "Shall the server have JetStream?", true)? {
        return Ok(String::new());
    }
    let folder = form.text(&Question {
        name: "jetstream.store_dir",
        text: "Directory of the streams",
        default: "/var/lib/nats/jetstream",
    })?;
    let mut text = format!("\njetstream {{\n  store_dir: {}\n", quoted(&folder));
    for (name, key, question) in [
        (
            "jetstream.max_mem",
            "max_mem",
            "Memory for streams, such as 1GB; -1 leaves the choice to the server",
        ),
        (
            "jetstream.max_file",
            "max_file",
            "Disk space for streams, such as 100GB; -1 leaves the choice to the server",
        ),
    ] {
        if let Some(bytes) = form.size(name, question)? {
            text += &format!("  {key}: {bytes}\n");
        }
    }
    Ok(text + "}\n")
}

/// The configuration, unless the server would refuse it.
pub fn checked(config: String) -> Result<String> {
    match nats_server::options::Options::from_text(&config) {
        Ok(_) => Ok(config),
        Err(error) => Err(CliError::new(format!(
            "these answers make no valid configuration\n{error}"
        ))
        .next_step("nothing was written: correct the answers")),
    }
}
