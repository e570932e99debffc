//! What the programs in the images do.

use super::super::json;
use serde_json::Value;

/// What a container's program does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// It serves until it is stopped. A readiness probe, where there is one, succeeds so many seconds after the start.
    Serves {
        /// In seconds.
        ready_after: i64,
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
}

impl Behaviour {
    /// It ends at once.
    pub fn crashes(code: i64, line: &str) -> Self {
        Self::Exits {
            after: 0,
            code,
            lines: vec![line.to_owned()],
        }
    }
}

/// Which containers behave so. What is left out does not restrict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The image, as the pod names it.
    pub image: Option<String>,
    /// All arguments.
    pub args: Option<Vec<String>>,
    /// An environment variable with its value.
    pub env: Option<(String, String)>,
    /// What it does.
    pub behaviour: Behaviour,
}

impl Program {
    /// A program for all containers; the fields say which.
    pub fn that(behaviour: Behaviour) -> Self {
        Self {
            image: None,
            args: None,
            env: None,
            behaviour,
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

    fn is_of(&self, container: &Value) -> bool {
        let image = self.image.as_deref();
        let image_fits = image.is_none_or(|image| image == json::text(container, "/image"));
        let args: Vec<&str> = json::list(container, "/args")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let args_fit = self.args.as_ref().is_none_or(|wanted| *wanted == args);
        let env_fits = self.env.as_ref().is_none_or(|(name, value)| {
            json::list(container, "/env")
                .iter()
                .any(|env| json::text(env, "/name") == name && json::text(env, "/value") == value)
        });
        image_fits && args_fit && env_fits
    }
}

/// All programs; the one that was added last and fits counts, and one that nobody named serves at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Programs(Vec<Program>);

impl Programs {
    pub(crate) fn add(&mut self, program: Program) {
        self.0.push(program);
    }

    pub(crate) fn behaviour(&self, container: &Value) -> Behaviour {
        let program = self.0.iter().rev().find(|program| program.is_of(container));
        program.map_or(Behaviour::Serves { ready_after: 0 }, |program| {
            program.behaviour.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_program_is_told_by_image_arguments_and_environment() {
        let mut programs = Programs::default();
        let crash = Behaviour::crashes(1, "no");
        programs.add(
            Program::that(crash.clone())
                .in_image("web:1")
                .with_args(&["a", "b"])
                .with_env("PORT", "x"),
        );
        let mut container =
            json!({"image": "web:1", "args": ["a", "b"], "env": [{"name": "PORT", "value": "x"}]});
        assert_eq!(programs.behaviour(&container), crash);
        json::set(&mut container, "/args", json!(["a"]));
        assert_eq!(
            programs.behaviour(&container),
            Behaviour::Serves { ready_after: 0 }
        );
    }
}
