//! Values for the Helm chart of NATS: a cluster that trusts an operator.

use std::path::Path;

use super::Rendered;
use super::form::{Form, Question, quoted};
use super::operator::{Resolver, Trusted};
use super::target::File;
use crate::error::Result;

/// Most servers of a cluster.
const REPLICAS_MAX: u32 = 100;

pub fn render(form: &mut Form<'_>, operator: Option<&str>, target: &Path) -> Result<Rendered> {
    let trusted = Trusted::of(operator)?;
    let replicas = form.number(
        &Question {
            name: "replicas",
            text: "How many servers",
            default: "3",
        },
        1,
        REPLICAS_MAX,
    )?;
    let mut storage = None;
    if form.yes("streams", "Shall the servers have JetStream?", true)? {
        storage = Some(form.text(&Question {
            name: "jetstream.storage",
            text: "Size of each server's volume for streams, such as 10Gi",
            default: "10Gi",
        })?);
    }
    let resolver = Resolver::ask(form)?;
    Ok(Rendered {
        files: vec![File::open(
            "values.yaml",
            values(&trusted, replicas, storage.as_deref(), &resolver),
        )],
        afterwards: format!(
            "Install the cluster with Helm, and forward a port to reach it:\n\n  \
             helm repo add nats https://nats-io.github.io/k8s/helm/charts/\n  \
             helm upgrade --install nats nats/nats -f {}\n  \
             kubectl port-forward service/nats 4222\n",
            target.join("values.yaml").display()
        ),
    })
}

fn values(trusted: &Trusted, replicas: u32, storage: Option<&str>, resolver: &Resolver) -> String {
    let mut text = format!(
        "# Values for the Helm chart nats: servers of the operator {}\n\nconfig:\n",
        trusted.operator
    );
    // The chart wants more than one server in a cluster.
    if replicas > 1 {
        text += &format!("  cluster:\n    enabled: true\n    replicas: {replicas}\n");
    }
    if let Some(storage) = storage {
        text += &format!(
            "  jetstream:\n    enabled: true\n    fileStore:\n      pvc:\n        size: {}\n",
            quoted(storage)
        );
    }
    text += &format!(
        "  resolver:\n    enabled: true\n    merge:\n      type: full\n      interval: 2m\n      timeout: 1.9s\n      \
         allow_delete: {}\n      limit: {}\n",
        resolver.allow_delete, resolver.limit
    );
    text += &format!(
        "  merge:\n    operator: {}\n    system_account: {account}\n    resolver_preload:\n      \
         # {}\n      {account}: {}\n\nnatsBox:\n  enabled: false\n",
        trusted.operator_token,
        trusted.system_name,
        trusted.system_token,
        account = trusted.system_account,
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_are_yaml_and_preload_the_system_account_under_its_key() {
        let trusted = Trusted {
            operator: "OPS".to_owned(),
            operator_token: "eyJ.op".to_owned(),
            system_account: "AKEY".to_owned(),
            system_name: "SYS".to_owned(),
            system_token: "eyJ.sys".to_owned(),
        };
        let resolver = Resolver {
            allow_delete: false,
            limit: 7,
        };
        let text = values(&trusted, 3, Some("10Gi"), &resolver);
        let read: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        let config = &read["config"];
        assert_eq!(config["merge"]["operator"], "eyJ.op");
        assert_eq!(config["merge"]["resolver_preload"]["AKEY"], "eyJ.sys");
        assert_eq!(config["resolver"]["merge"]["limit"], 7);
        assert_eq!(config["cluster"]["replicas"], 3);
        assert_eq!(config["jetstream"]["fileStore"]["pvc"]["size"], "10Gi");
        assert_eq!(read["natsBox"]["enabled"], false);
        let alone = values(&trusted, 1, None, &resolver);
        assert!(
            !alone.contains("cluster:") && !alone.contains("jetstream:"),
            "{alone}"
        );
    }
}
