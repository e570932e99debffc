//! Ripcord.
fn main() {}
