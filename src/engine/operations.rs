//! What the administrative routes and SIGHUP ask for.

use super::context::Context;
use crate::config::{self, Config};
use crate::intake::ports::{Operations, Readiness};
use crate::telemetry::events::ConfigReloaded;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;

/// Puts a configuration in force, whole or not at all.
#[derive(Clone)]
pub struct Reloader {
    path: PathBuf,
    sender: Arc<watch::Sender<Arc<Config>>>,
    context: Context,
}

impl Reloader {
    /// A reloader for the file that the process was started with.
    pub fn new(path: PathBuf, sender: watch::Sender<Arc<Config>>, context: Context) -> Self {
        Self {
            path,
            sender: Arc::new(sender),
            context,
        }
    }

    /// Reads the file again.
    ///
    /// # Errors
    /// What is wrong with the file, in one line; the configuration that is in force stays.
    pub fn reload(&self) -> Result<(), String> {
        let at = self.context.clock.now();
        match config::load(&self.path) {
            Ok(config) => {
                self.context
                    .metrics
                    .touch_policies(config.policies.iter().map(|policy| policy.name.as_str()));
                let before = self.sender.borrow().clone();
                if before.listen != config.listen || before.webhook_auth != config.webhook_auth {
                    tracing::warn!("`listen` and `webhook` take effect at the next start only");
                }
                self.sender.send_replace(Arc::new(config));
                self.context.health.reloaded(None);
                ConfigReloaded { at, refused: None }.emit(&self.context.metrics);
                Ok(())
            }
            Err(error) => {
                // One line, without a line of the file in it: somebody may have pasted a token there.
                let summary = error.summary();
                self.context.health.reloaded(Some(&summary));
                ConfigReloaded {
                    at,
                    refused: Some(&summary),
                }
                .emit(&self.context.metrics);
                Err(format!("{summary}; `ripcord check` shows the whole report"))
            }
        }
    }
}

/// The administrative routes' port.
#[derive(Clone)]
pub struct ServerOperations {
    context: Context,
    reloader: Reloader,
}

impl ServerOperations {
    /// The port over a context and its reloader.
    pub fn new(context: Context, reloader: Reloader) -> Self {
        Self { context, reloader }
    }
}

impl Operations for ServerOperations {
    fn ready(&self) -> Readiness {
        self.context.health.readiness()
    }

    async fn reload(&self) -> Result<(), String> {
        self.reloader.reload()
    }
}
