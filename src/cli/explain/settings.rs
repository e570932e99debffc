//! Which configuration an explanation goes by.

use super::{Explain, ExplainError};
use crate::config::{self, Config};
use crate::domain::workload::{WorkloadKind, WorkloadRef};
use crate::platform::kube::Cluster;
use serde_json::Value;

/// The name of Ripcord's own Deployment (`deploy/base/deployment.yaml`).
const DEPLOYMENT: &str = "ripcord";
/// The configuration's key in its ConfigMap.
const KEY: &str = "ripcord.yaml";

/// The file that was named, or what the cluster's Ripcord runs with; with Prometheus' address as the arguments say.
///
/// # Errors
/// When there is none, or it can't be used.
pub(super) async fn find(arguments: &Explain, cluster: &Cluster) -> Result<Config, ExplainError> {
    let config = if let Some(file) = &arguments.config {
        config::load(file)
    } else {
        let namespace = &arguments.ripcord_namespace;
        let text = of_the_cluster(cluster, namespace).await?;
        let text = text.ok_or_else(|| ExplainError::NoConfig(namespace.clone()))?;
        config::parse(&text, KEY)
    };
    let mut config = config.map_err(ExplainError::Config)?;
    if let Some(url) = &arguments.prometheus_url {
        url.trim_end_matches('/')
            .clone_into(&mut config.prometheus.url);
    }
    Ok(config)
}

/// The first of the ConfigMaps that Ripcord's Deployment mounts that has a configuration: its name carries a hash, and older ones stay.
async fn of_the_cluster(
    cluster: &Cluster,
    namespace: &str,
) -> Result<Option<String>, ExplainError> {
    let own = WorkloadRef {
        kind: WorkloadKind::Deployment,
        namespace: namespace.to_owned(),
        name: DEPLOYMENT.to_owned(),
    };
    let Some(deployment) = cluster.workload(&own).await.map_err(ExplainError::Read)? else {
        return Ok(None);
    };
    let volumes = deployment.pointer("/spec/template/spec/volumes");
    let volumes = volumes.and_then(Value::as_array).into_iter().flatten();
    let names = volumes.filter_map(|volume| volume.pointer("/configMap/name")?.as_str());
    for name in names {
        let found = cluster.config_map(namespace, name).await;
        let found = found.map_err(ExplainError::Read)?;
        let text = found
            .as_ref()
            .and_then(|found| found.get("data")?.get(KEY)?.as_str());
        if let Some(text) = text {
            return Ok(Some(text.to_owned()));
        }
    }
    Ok(None)
}
