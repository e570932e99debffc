//! The first stage: what Alertmanager posts becomes [`AlertSeen`](crate::domain::alert::AlertSeen), and the answer tells it whether to come again.
//!
//! ```text
//! TcpListener -> server (time-outs, caps) -> routes -> authentication -> alertmanager (wire -> labels -> names) -> ports::Receiver
//! ```
//!
//! An alert is a hint, and its sender may be anyone who has the token: everything is bounded before it is kept, and what reaches the engine
//! names Kubernetes objects by names that Kubernetes itself would accept. The engine stands behind two ports: [`ports::Receiver`] and
//! [`ports::Operations`].

mod administration;
pub mod alertmanager;
pub mod authentication;
mod labels;
mod lenient;
pub mod limits;
mod names;
pub mod ports;
mod refusal;
pub mod routes;
pub mod server;
mod wire;

pub use limits::Limits;
