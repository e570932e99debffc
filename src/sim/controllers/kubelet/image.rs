//! The way to a container's image (Kubernetes `pkg/kubelet/images/image_manager.go`).

use super::super::super::json;
use super::super::registry::{Pulled, Reference};
use super::container::{Container, LOOK_AGAIN, PULL, SOON, Stage, Surroundings, later};
use serde_json::Value;

impl Container {
    /// Starts the container where its image is there; else pulls it, or says why not.
    pub(super) fn fetch(&mut self, spec: &Value, around: &mut Surroundings<'_>) {
        let written = json::text(spec, "/image");
        let reference = match Reference::parse(written) {
            Ok(reference) => reference,
            Err(why) => {
                self.tell(around, "Warning", "InspectFailed", why.clone());
                return self.refuse(around, "InvalidImageName", why);
            }
        };
        let policy = json::text(spec, "/imagePullPolicy");
        let present = around.images.contains(&reference.whole);
        if present && policy != "Always" {
            let told = format!("Container image \"{written}\" already present on machine");
            self.tell(around, "Normal", "Pulled", told);
            self.image = Some(reference);
            return self.start(spec, around);
        }
        if policy == "Never" {
            let why =
                format!("Container image \"{written}\" is not present with pull policy of Never");
            self.tell(around, "Warning", "ErrImageNeverPull", why.clone());
            return self.refuse(around, "ErrImageNeverPull", why);
        }
        if self.pulls.blocks(around.now) {
            let told = format!("Back-off pulling image \"{written}\"");
            let message = format!("{told}: ErrImagePull: {}", self.pull_error);
            self.tell(around, "Normal", "BackOff", told);
            return self.refuse(around, "ImagePullBackOff", message);
        }
        let told = format!("Pulling image \"{written}\"");
        self.tell(around, "Normal", "Pulling", told);
        self.image = Some(reference);
        self.pull(spec, around);
    }

    /// Asks the registry; again where it has not said anything yet.
    pub(super) fn pull(&mut self, spec: &Value, around: &mut Surroundings<'_>) {
        let Some(reference) = &self.image else {
            return;
        };
        match around.registry.pull(reference) {
            Pulled::Arrives => {
                self.stage = Stage::Pulling {
                    began: around.now,
                    hangs: false,
                };
            }
            Pulled::Hangs => {
                self.look_at = later(around.now, LOOK_AGAIN);
                self.stage = Stage::Pulling {
                    began: around.now,
                    hangs: true,
                };
            }
            Pulled::Fails(error) => {
                self.image = None;
                let written = json::text(spec, "/image");
                let told = format!("Failed to pull image \"{written}\": {error}");
                self.tell(around, "Warning", "Failed", told);
                let is_first = self.pull_error.is_empty();
                self.look_at = later(around.now, if is_first { SOON } else { LOOK_AGAIN });
                self.pulls.next(around.now, around.now);
                self.pull_error.clone_from(&error);
                self.refuse(around, "ErrImagePull", error);
            }
        }
    }

    fn refuse(&mut self, around: &mut Surroundings<'_>, reason: &'static str, message: String) {
        self.tell(around, "Warning", "Failed", format!("Error: {reason}"));
        self.stage = Stage::Waiting { reason, message };
    }

    /// The pull is over.
    pub(super) fn pulled(&mut self, spec: &Value, around: &mut Surroundings<'_>) {
        let written = json::text(spec, "/image");
        let took = PULL.as_secs();
        let told = format!(
            "Successfully pulled image \"{written}\" in {took}s ({took}s including waiting)"
        );
        self.tell(around, "Normal", "Pulled", told);
        if let Some(image) = &self.image {
            around.images.insert(image.whole.clone());
        }
        self.start(spec, around);
    }
}
