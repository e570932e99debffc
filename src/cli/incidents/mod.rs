//! `ripcord incidents`: a list as kubectl prints one, what changes in it, or one incident as a story.

mod table;

use super::{Access, Uncounted, exit, fail, out, paper, story};
use crate::platform::clock::Clock;
use crate::platform::kube::{ApiError, Cluster, ConnectError, connect};
use crate::record::crd::Incident;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// As often as a person can follow it; every API server bears one list in that time.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// The arguments of `incidents`.
#[derive(clap::Args)]
pub(super) struct Incidents {
    /// One incident, as a story
    name: Option<String>,
    /// The namespace; without it the one of the kubeconfig's context
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Those of all namespaces
    #[arg(short = 'A', long, conflicts_with_all = ["namespace", "name"])]
    all_namespaces: bool,
    /// A label selector, for example ripcord.dev/workload=web
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "name")]
    selector: Option<String>,
    /// Go on and print what changes
    #[arg(short, long, conflicts_with = "name")]
    watch: bool,
    /// How they are printed
    #[arg(short, long, value_enum)]
    output: Option<Output>,
    #[command(flatten)]
    access: Access,
}

/// How incidents are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// More columns
    Wide,
    /// Kubernetes' own JSON
    Json,
    /// The same as YAML
    Yaml,
    /// Only their names
    Name,
}

/// Why there is nothing to print.
#[derive(Debug, thiserror::Error)]
enum IncidentsError {
    #[error("no runtime")]
    Runtime(#[source] std::io::Error),
    #[error("the cluster can't be reached")]
    Connect(#[source] ConnectError),
    #[error("the cluster has no Incident resource")]
    NoCrd,
    #[error("incidents can't be read")]
    Read(#[source] ApiError),
    #[error("incidents.ripcord.dev {name:?} not found in namespace {namespace}")]
    NotFound { name: String, namespace: String },
    #[error("an incident of another version of Ripcord can't be understood")]
    Foreign(#[source] serde_json::Error),
    #[error("it can't be written as YAML")]
    Yaml(#[source] serde_saphyr::ser::Error),
}

impl IncidentsError {
    fn hint(&self) -> &'static str {
        match self {
            Self::NoCrd => "kubectl apply -f deploy/base/crd.yaml",
            Self::NotFound { .. } => "`ripcord incidents -A` lists all of them",
            _ => "",
        }
    }
}

/// Runs the command.
pub(super) fn run(arguments: &Incidents) -> u8 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = runtime
        .map_err(IncidentsError::Runtime)
        .and_then(|runtime| runtime.block_on(show(arguments)));
    match done {
        Ok(()) => exit::FINE,
        Err(error) => fail(&error, error.hint(), exit::CANNOT_TELL),
    }
}

async fn show(arguments: &Incidents) -> Result<(), IncidentsError> {
    let credentials = arguments.access.credentials(Some("incidents"));
    let client = connect(&credentials)
        .await
        .map_err(IncidentsError::Connect)?;
    let namespace = match &arguments.namespace {
        Some(namespace) => namespace.clone(),
        None => client.default_namespace().to_owned(),
    };
    let cluster = Cluster::new(client, Arc::new(Uncounted));
    match &arguments.name {
        Some(name) => one(&cluster, arguments, &namespace, name).await,
        None => many(&cluster, arguments, &namespace).await,
    }
}

async fn one(
    cluster: &Cluster,
    arguments: &Incidents,
    namespace: &str,
    name: &str,
) -> Result<(), IncidentsError> {
    let found = cluster.incident(namespace, name).await;
    let object = found.map_err(IncidentsError::Read)?;
    let Some(object) = object else {
        // Without the resource no incident can be found either.
        listed(cluster, arguments, namespace).await?;
        return Err(IncidentsError::NotFound {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
        });
    };
    if let Some(text) = machine_readable(&object, arguments.output)? {
        out(&text);
        return Ok(());
    }
    let incident = parsed(object)?;
    match arguments.output {
        Some(_) => out(&table::text(
            &[incident],
            Clock::system().now(),
            table::Columns::Wide,
            false,
            true,
        )),
        None => paper::print(&story::text(&incident)),
    }
    Ok(())
}

async fn many(
    cluster: &Cluster,
    arguments: &Incidents,
    namespace: &str,
) -> Result<(), IncidentsError> {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut first = true;
    loop {
        let objects = match listed(cluster, arguments, namespace).await {
            // A watch outlasts an API server that is away for a while.
            Err(IncidentsError::Read(error))
                if !first && (error.is_for_later() || error.is_ambiguous()) =>
            {
                paper::print_aside(&format!("{error}; trying again\n"));
                tokio::time::sleep(ASK_AGAIN).await;
                continue;
            }
            listed => listed?,
        };
        let changed: Vec<Value> = objects
            .into_iter()
            .filter(|object| {
                let text = |path: &str| {
                    let text = object.pointer(path).and_then(Value::as_str);
                    text.unwrap_or_default().to_owned()
                };
                let version = text("/metadata/resourceVersion");
                known.insert(text("/metadata/uid"), version.clone()) != Some(version)
            })
            .collect();
        print(changed, arguments, namespace, first)?;
        if !arguments.watch {
            return Ok(());
        }
        first = false;
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

async fn listed(
    cluster: &Cluster,
    arguments: &Incidents,
    namespace: &str,
) -> Result<Vec<Value>, IncidentsError> {
    let selector = arguments.selector.as_deref().unwrap_or_default();
    let listed = if arguments.all_namespaces {
        cluster.incidents_everywhere(selector).await
    } else {
        cluster.incidents(namespace, selector).await
    };
    listed.map_err(|error| match error {
        // A namespace that does not exist has an empty list.
        error if error.is_not_found() => IncidentsError::NoCrd,
        error => IncidentsError::Read(error),
    })
}

/// Prints a list, or in a watch what has changed since the last one.
fn print(
    objects: Vec<Value>,
    arguments: &Incidents,
    namespace: &str,
    first: bool,
) -> Result<(), IncidentsError> {
    if let Some(output @ (Output::Json | Output::Yaml)) = arguments.output {
        let list = json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": objects});
        if first || !objects.is_empty() {
            let text = machine_readable(&list, Some(output))?;
            out(&text.unwrap_or_default());
        }
        return Ok(());
    }
    if arguments.output == Some(Output::Name) {
        for object in &objects {
            out(&machine_readable(object, arguments.output)?.unwrap_or_default());
        }
        return Ok(());
    }
    let mut incidents = Vec::new();
    for object in objects {
        incidents.push(parsed(object)?);
    }
    if incidents.is_empty() && first {
        let place = if arguments.all_namespaces {
            String::new()
        } else {
            format!(" in {namespace} namespace")
        };
        paper::print_aside(&format!("No incidents found{place}.\n"));
        return Ok(());
    }
    incidents.sort_by_key(|incident| incident.metadata.creation_timestamp.clone());
    let columns = if arguments.output.is_some() {
        table::Columns::Wide
    } else {
        table::Columns::Usual
    };
    out(&table::text(
        &incidents,
        Clock::system().now(),
        columns,
        arguments.all_namespaces,
        first,
    ));
    Ok(())
}

fn parsed(object: Value) -> Result<Incident, IncidentsError> {
    serde_json::from_value(object).map_err(IncidentsError::Foreign)
}

/// An object for a program; `None` = the output is for people.
fn machine_readable(
    object: &Value,
    output: Option<Output>,
) -> Result<Option<String>, IncidentsError> {
    Ok(match output {
        Some(Output::Json) => Some(format!("{object:#}\n")),
        Some(Output::Yaml) => Some(serde_saphyr::to_string(object).map_err(IncidentsError::Yaml)?),
        Some(Output::Name) => {
            let name = object.pointer("/metadata/name").and_then(Value::as_str);
            Some(format!(
                "incident.ripcord.dev/{}\n",
                name.unwrap_or_default()
            ))
        }
        Some(Output::Wide) | None => None,
    })
}
