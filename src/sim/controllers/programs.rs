//! What the programs in the images do.

use super::super::json;
use super::kubelet::Configuration;
use serde_json::Value;

/// What a container's program does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// It serves until it is stopped, and ends when asked to. Its probes, where there are any, succeed so many seconds after the start.
    Serves {
        /// In seconds.
        ready_after: i64,
    },
    /// It runs until it is stopped, but not well. Without the probe that asks for it nobody notices.
    Ails {
        /// Its readiness probe succeeds so many seconds after the start; `None` = never.
        ready_after: Option<i64>,
        /// So many seconds after the start it fails again, for good; `None` = never.
        unready_after: Option<i64>,
        /// So many seconds after the start nobody listens any more: every probe fails; `None` = never.
        deaf_after: Option<i64>,
        /// The code with which it ends when it is stopped. With 137 it does not listen to being asked, and is killed after its grace period.
        stops_with: i64,
    },
    /// It writes these lines and ends.
    Exits {
        /// After so many seconds.
        after: i64,
        /// With this code.
        code: i64,
        /// Its last words.
        lines: Vec<String>,
    },
    /// The kernel kills it: it uses more memory than it may.
    OutOfMemory {
        /// After so many seconds.
        after: i64,
        /// Its last words.
        lines: Vec<String>,
    },
    /// There is no such program in the image: the container never starts.
    NoSuchProgram,
}

/// The code of what ends when it is asked to (128 + SIGTERM).
const ASKED: i64 = 143;

impl Behaviour {
    /// It ends at once.
    pub fn crashes(code: i64, line: &str) -> Self {
        Self::Exits {
            after: 0,
            code,
            lines: vec![line.to_owned()],
        }
    }

    /// It runs, but its readiness probe never succeeds.
    pub fn never_ready() -> Self {
        Self::Ails {
            ready_after: None,
            unready_after: None,
            deaf_after: None,
            stops_with: ASKED,
        }
    }

    /// It is ready at once, and no more after so many seconds.
    pub fn loses_readiness(after: i64) -> Self {
        Self::Ails {
            ready_after: Some(0),
            unready_after: Some(after),
            deaf_after: None,
            stops_with: ASKED,
        }
    }

    /// It is well until, after so many seconds, it answers no probe any more: a liveness probe has it killed.
    pub fn goes_deaf(after: i64) -> Self {
        Self::Ails {
            ready_after: Some(0),
            unready_after: None,
            deaf_after: Some(after),
            stops_with: ASKED,
        }
    }
}

/// Which containers behave so. What is left out does not restrict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The container's name.
    pub container: Option<String>,
    /// The image, as the pod names it.
    pub image: Option<String>,
    /// The whole command.
    pub command: Option<Vec<String>>,
    /// All arguments.
    pub args: Option<Vec<String>>,
    /// An environment variable with its value, written in the template.
    pub env: Option<(String, String)>,
    /// A ConfigMap, a key of it, and the value that it has when the container starts.
    pub config: Option<(String, String, String)>,
    /// What it does.
    pub behaviour: Behaviour,
}

impl Program {
    /// A program for all containers; the fields say which.
    pub fn that(behaviour: Behaviour) -> Self {
        Self {
            container: None,
            image: None,
            command: None,
            args: None,
            env: None,
            config: None,
            behaviour,
        }
    }

    /// Only in containers of this name.
    #[must_use]
    pub fn in_container(self, name: &str) -> Self {
        Self {
            container: Some(name.to_owned()),
            ..self
        }
    }

    /// Only in this image.
    #[must_use]
    pub fn in_image(self, image: &str) -> Self {
        Self {
            image: Some(image.to_owned()),
            ..self
        }
    }

    /// Only with exactly this command.
    #[must_use]
    pub fn with_command(self, command: &[&str]) -> Self {
        Self {
            command: Some(command.iter().map(|part| (*part).to_owned()).collect()),
            ..self
        }
    }

    /// Only with exactly these arguments.
    #[must_use]
    pub fn with_args(self, args: &[&str]) -> Self {
        Self {
            args: Some(args.iter().map(|arg| (*arg).to_owned()).collect()),
            ..self
        }
    }

    /// Only with this environment variable.
    #[must_use]
    pub fn with_env(self, name: &str, value: &str) -> Self {
        Self {
            env: Some((name.to_owned(), value.to_owned())),
            ..self
        }
    }

    /// Only where the container takes this key of this ConfigMap (`envFrom`, `configMapKeyRef`, or a volume that it mounts), and the key has
    /// this value when it starts. A change of the ConfigMap counts from the container's next start on.
    #[must_use]
    pub fn with_config(self, config_map: &str, key: &str, value: &str) -> Self {
        let owned = [config_map, key, value].map(str::to_owned);
        let [config_map, key, value] = owned;
        Self {
            config: Some((config_map, key, value)),
            ..self
        }
    }

    fn is_of(&self, container: &Value, configuration: &Configuration<'_>) -> bool {
        let name = self.container.as_deref();
        let name_fits = name.is_none_or(|name| name == json::text(container, "/name"));
        let image = self.image.as_deref();
        let image_fits = image.is_none_or(|image| image == json::text(container, "/image"));
        let says = |field: &str, wanted: Option<&Vec<String>>| {
            wanted.is_none_or(|wanted| {
                let words = json::list(container, field).iter();
                words
                    .map(Value::as_str)
                    .eq(wanted.iter().map(|word| Some(word.as_str())))
            })
        };
        let words_fit =
            says("/command", self.command.as_ref()) && says("/args", self.args.as_ref());
        let env_fits = self.env.as_ref().is_none_or(|(name, value)| {
            json::list(container, "/env")
                .iter()
                .any(|env| json::text(env, "/name") == name && json::text(env, "/value") == value)
        });
        let config_fits = self.config.as_ref().is_none_or(|(config_map, key, value)| {
            configuration.value_for(container, config_map, key) == Some(value)
        });
        name_fits && image_fits && words_fit && env_fits && config_fits
    }
}

/// All programs; the one that was added last and fits counts, and one that nobody named serves at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Programs(Vec<Program>);

impl Programs {
    pub(crate) fn add(&mut self, program: Program) {
        self.0.push(program);
    }

    /// What the program of a container does that starts now.
    pub(crate) fn behaviour(
        &self,
        container: &Value,
        configuration: &Configuration<'_>,
    ) -> Behaviour {
        let mut programs = self.0.iter().rev();
        let program = programs.find(|program| program.is_of(container, configuration));
        program.map_or(Behaviour::Serves { ready_after: 0 }, |program| {
            program.behaviour.clone()
        })
    }
}
