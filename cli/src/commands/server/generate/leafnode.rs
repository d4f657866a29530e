//! A server that is a leafnode of Synadia Cloud, or of another system.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use super::Rendered;
use super::form::{Form, Question, quoted};
use super::parts::{self, Listen};
use super::target::File;
use crate::error::Result;

pub fn render(form: &mut Form<'_>, target: &Path) -> Result<Rendered> {
    let listen = Listen::ask_ports(form, IpAddr::V4(Ipv4Addr::UNSPECIFIED), "0")?;
    let mut jetstream = String::new();
    if form.yes("jetstream", "Shall the server have JetStream?", false)? {
        let folder = form.text(&Question {
            name: "store_dir",
            text: "Directory of the streams",
            default: "data",
        })?;
        let domain = form.word(&Question {
            name: "jetstream_domain",
            text: "Domain of its JetStream, another one than the other side's",
            default: "LEAF",
        })?;
        jetstream = format!(
            "\njetstream {{\n  store_dir: {}\n  domain: {}\n}}\n",
            quoted(&folder),
            quoted(&domain)
        );
    }
    let credentials = form.text(&Question {
        name: "credentials",
        text: "Credentials file for the other side",
        default: "ngs.creds",
    })?;
    let url = form.text(&Question {
        name: "url",
        text: "Where the other side is",
        default: "tls://connect.ngs.global",
    })?;
    let config = format!(
        "# A leafnode of {url}\n\n{}{jetstream}\n\
         leafnodes {{\n  remotes: [ {{ url: {}, credentials: {} }} ]\n}}\n",
        listen.config(),
        quoted(&url),
        quoted(&credentials),
    );
    Ok(Rendered {
        afterwards: format!(
            "Put the credentials to {credentials} and start the server there:\n\n  nats-server -c {}\n",
            target.join("leafnode.conf").display()
        ),
        files: vec![File::open("leafnode.conf", parts::checked(config)?)],
    })
}
