//! The nouns. No input or output, no clock, nothing of ours is imported.

pub mod alert;
pub mod case;
pub mod diagnosis;
pub mod evidence;
pub mod identity;
pub mod image;
pub mod incident;
pub mod object;
pub mod observed;
pub mod owners;
pub mod plan;
pub mod policy;
pub mod quantity;
pub mod surroundings;
pub mod template;
pub mod text;
pub mod time;
pub mod verdict;
pub mod workload;
