//! Clusters and gateways between them on one machine, for development with Docker Compose.

use super::Rendered;
use super::form::{Form, Question, quoted};
use super::single::context;
use super::target::File;
use crate::error::{CliError, Result};

/// Most clusters, and most servers of a cluster.
const EACH_MAX: u32 = 50;
/// How far apart the ports of two clusters are.
const CLUSTER_PORTS: u32 = 100;

/// What was answered.
struct Network {
    data: String,
    domain: String,
    image: String,
    cli_image: String,
    clusters: u32,
    members: u32,
    /// Of the first server of the first cluster.
    port: u32,
    config_path: String,
    jetstream: bool,
    mount: String,
    /// Empty: no accounts, and everybody may connect.
    password: String,
}

impl Network {
    fn ask(form: &mut Form<'_>) -> Result<Self> {
        let question = |name, text, default| Question {
            name,
            text,
            default,
        };
        let network = Self {
            data: form.text(&question(
                "data",
                "Directory of the servers' data",
                "./data",
            ))?,
            domain: form.word(&question(
                "domain",
                "DNS domain of the network",
                "nats.internal",
            ))?,
            image: form.text(&question("image", "Image of the servers", "nats:latest"))?,
            cli_image: form.text(&question(
                "cli_image",
                "Image with the nats command",
                "natsio/nats-box:latest",
            ))?,
            clusters: form.number(&question("clusters", "How many clusters", "3"), 1, EACH_MAX)?,
            members: form.number(
                &question("members", "How many servers each has", "3"),
                1,
                EACH_MAX,
            )?,
            port: form.number(
                &question(
                    "port",
                    "Port of the first server of the first cluster",
                    "10000",
                ),
                1,
                u32::from(u16::MAX),
            )?,
            config_path: form.text(&question(
                "configPath",
                "Where the configuration is in the containers",
                "/nats-server.conf",
            ))?,
            jetstream: form.yes("jetstream", "Shall the servers have JetStream?", true)?,
            mount: form.optional(
                "mount",
                "Directory to mount into the containers (from:to), or nothing",
            )?,
            password: match form.yes("accounts", "Shall users need a password?", true)? {
                true => {
                    form.password("password", "The password of the users 'user' and 'system'")?
                }
                false => String::new(),
            },
        };
        let last = network.port_of(network.clusters, network.members);
        if last > u32::from(u16::MAX) {
            return Err(CliError::new(format!(
                "the last server would have port {last}, and there is none above {}",
                u16::MAX
            ))
            .next_step("choose a lower port, or fewer clusters"));
        }
        Ok(network)
    }

    fn port_of(&self, cluster: u32, member: u32) -> u32 {
        self.port + (cluster - 1) * CLUSTER_PORTS + (member - 1)
    }

    /// Of a server in the network.
    fn host(&self, cluster: u32, member: u32) -> String {
        format!("n{member}.c{cluster}.{}", self.domain)
    }

    /// One for all servers: what differs comes from their environment.
    fn server_config(&self) -> String {
        let mut text =
            "# For every server; NAME, ADVERTISE and GATEWAY come from the environment\n\n\
             port: 4222\n\
             monitor_port: 8222\n\
             server_name: $NAME\n\
             client_advertise: $ADVERTISE\n\
             server_tags: $GATEWAY\n"
                .to_owned();
        if self.jetstream {
            text += "\njetstream {\n  store_dir: /data\n}\n";
        }
        text += "\ncluster {\n  name: $GATEWAY\n  port: 6222\n  routes: [\n";
        for member in 1..=self.members {
            text += &format!("    \"nats-route://n{member}:6222\"\n");
        }
        text += "  ]\n}\n";
        if self.clusters > 1 {
            text += "\ngateway {\n  name: $GATEWAY\n  port: 7222\n  gateways: [\n";
            for cluster in 1..=self.clusters {
                let urls = (1..=self.members)
                    .map(|member| quoted(&format!("nats://{}:7222", self.host(cluster, member))));
                let urls: Vec<String> = urls.collect();
                text += &format!(
                    "    {{ name: c{cluster}, urls: [ {} ] }}\n",
                    urls.join(", ")
                );
            }
            text += "  ]\n}\n";
        }
        if !self.password.is_empty() {
            let streams = if self.jetstream {
                "    jetstream: enabled\n"
            } else {
                ""
            };
            let password = quoted(&self.password);
            text += &format!(
                "\naccounts {{\n  \
                 users {{\n{streams}    users: [ {{ user: user, password: {password} }} ]\n  }}\n  \
                 system {{\n    users: [ {{ user: system, password: {password} }} ]\n  }}\n\
                 }}\nsystem_account: system\n"
            );
        }
        text
    }

    fn compose_file(&self) -> String {
        // Compose takes what stands behind a dollar sign for a variable.
        let quoted = |text: &str| quoted(&text.replace('$', "$$"));
        let mount = match self.mount.as_str() {
            "" => String::new(),
            mount => format!("      - {}\n", quoted(mount)),
        };
        let mut text = format!(
            "services:\n  \
             cli.{domain}:\n    \
               image: {}\n    \
               dns_search: {domain}\n    \
               entrypoint: /bin/sh\n    \
               tty: true\n    \
               environment:\n      XDG_CONFIG_HOME: /config\n    \
               networks:\n      - shared\n    \
               volumes:\n      - ./cli:/config/nats\n{mount}",
            quoted(&self.cli_image),
            domain = self.domain,
        );
        for (cluster, member) in self.servers() {
            let name = format!("n{member}.c{cluster}");
            let port = self.port_of(cluster, member);
            text += &format!(
                "\n  {name}.{domain}:\n    \
                 image: {image}\n    \
                 command: [ \"-c\", {config_path} ]\n    \
                 dns_search: c{cluster}.{domain}\n    \
                 environment:\n      \
                   GATEWAY: c{cluster}\n      \
                   NAME: {name}\n      \
                   ADVERTISE: {name}.{domain}:{port}\n    \
                 networks:\n      - shared\n      - nats-cluster{cluster}\n    \
                 ports:\n      - \"{port}:4222\"\n    \
                 volumes:\n      - {config}\n      - {data}\n{mount}",
                domain = self.domain,
                image = quoted(&self.image),
                config_path = quoted(&self.config_path),
                config = quoted(&format!("./cluster.conf:{}", self.config_path)),
                data = quoted(&format!("{}/{name}:/data", self.data)),
            );
        }
        text += "\nnetworks:\n  shared: {}\n";
        for cluster in 1..=self.clusters {
            text += &format!("  nats-cluster{cluster}: {{}}\n");
        }
        text
    }

    fn servers(&self) -> impl Iterator<Item = (u32, u32)> {
        let members = self.members;
        (1..=self.clusters)
            .flat_map(move |cluster| (1..=members).map(move |member| (cluster, member)))
    }

    /// `user` and `system` for the first cluster, and `cN` and `system_cN` for each.
    fn contexts(&self) -> Result<Vec<File>> {
        let mut files = vec![File::open("cli/context.txt", "user".to_owned())];
        let named = |name: &str| match self.password.as_str() {
            "" => (String::new(), String::new()),
            password => (name.to_owned(), password.to_owned()),
        };
        for cluster in 1..=self.clusters {
            let urls: Vec<String> = (1..=self.members)
                .map(|member| format!("nats://{}:4222", self.host(cluster, member)))
                .collect();
            let urls = urls.join(",");
            for (user, what, file) in [
                ("user", "user account", format!("c{cluster}")),
                ("system", "system account", format!("system_c{cluster}")),
            ] {
                let (name, password) = named(user);
                let about = format!("{what} in cluster c{cluster}");
                let content = context(&about, &urls, &name, &password)?;
                if cluster == 1 {
                    let content = context(what, &urls, &name, &password)?;
                    files.push(File::secret(format!("cli/context/{user}.json"), content));
                }
                files.push(File::secret(format!("cli/context/{file}.json"), content));
            }
        }
        Ok(files)
    }
}

pub fn render(form: &mut Form<'_>) -> Result<Rendered> {
    let network = Network::ask(form)?;
    let mut files = vec![
        File::secret("cluster.conf", network.server_config()),
        File::open("docker-compose.yaml", network.compose_file()),
    ];
    files.extend(network.contexts()?);
    let mut afterwards = format!(
        "{} with {} each:\n\n",
        counted(network.clusters, "cluster"),
        counted(network.members, "server")
    );
    for (cluster, member) in network.servers() {
        afterwards += &format!(
            "  {} is port {}\n",
            network.host(cluster, member),
            network.port_of(cluster, member)
        );
    }
    afterwards += &format!(
        "\nIn the new directory, start the network and then a shell in it:\n\n  \
         docker compose up\n  docker compose run cli.{}\n",
        network.domain
    );
    Ok(Rendered { files, afterwards })
}

fn counted(count: u32, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::super::rendered;
    use super::*;

    fn content<'a>(rendered: &'a Rendered, path: &str) -> &'a str {
        let file = rendered.files.iter().find(|file| file.path == path);
        &file.unwrap_or_else(|| panic!("{path}")).content
    }

    #[test]
    fn every_server_has_its_name_port_and_folder() {
        let made = rendered(
            &[("clusters", "2"), ("members", "2"), ("mount", "/a$b:/b")],
            render,
        )
        .unwrap();
        let read: serde_json::Value =
            serde_saphyr::from_str(content(&made, "docker-compose.yaml")).unwrap();
        let server = &read["services"]["n2.c2.nats.internal"];
        assert_eq!(server["ports"][0], "10101:4222");
        assert_eq!(
            server["environment"]["ADVERTISE"],
            "n2.c2.nats.internal:10101"
        );
        assert_eq!(server["volumes"][1], "./data/n2.c2:/data");
        assert_eq!(server["volumes"][2], "/a$$b:/b");
        assert_eq!(read["services"].as_object().unwrap().len(), 5);
        assert!(read["networks"]["nats-cluster2"].is_object());
        let names: Vec<&str> = made.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(
            names,
            [
                "cluster.conf",
                "docker-compose.yaml",
                "cli/context.txt",
                "cli/context/user.json",
                "cli/context/c1.json",
                "cli/context/system.json",
                "cli/context/system_c1.json",
                "cli/context/c2.json",
                "cli/context/system_c2.json",
            ]
        );
    }

    #[test]
    fn who_needs_no_password_has_no_accounts() {
        let made = rendered(&[("accounts", "false"), ("clusters", "1")], render).unwrap();
        let config = content(&made, "cluster.conf");
        assert!(
            !config.contains("accounts") && !config.contains("gateway"),
            "{config}"
        );
        assert!(!content(&made, "cli/context/user.json").contains("\"user\": \"user\""));
        let password = rendered(&[("accounts", "false"), ("password", "0123456789")], render);
        let error = password.err().unwrap();
        assert!(error.message().contains("password"), "{error}");
    }

    #[test]
    fn the_configuration_is_one_that_a_server_reads() {
        let made = rendered(&[("password", "a \"quoted\" \\ one")], render).unwrap();
        let mut config = content(&made, "cluster.conf").to_owned();
        for (variable, value) in [
            ("$NAME", "n1.c1"),
            ("$ADVERTISE", "\"n1.c1.nats.internal:10000\""),
            ("$GATEWAY", "c1"),
        ] {
            config = config.replace(variable, value);
        }
        let read = nats_server::options::Options::from_text(&config);
        assert!(read.is_ok(), "{config}\n{:?}", read.err());
    }

    #[test]
    fn ports_that_do_not_exist_are_refused() {
        let error = rendered(&[("port", "65500")], render).err().unwrap();
        assert!(error.message().contains("65702"), "{error}");
    }
}
