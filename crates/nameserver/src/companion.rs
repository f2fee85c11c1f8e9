//! Other services of the process, as the metrics page and the control socket know them.
//!
//! A process has one page of metrics and one control socket, which are the name server's. What else runs in it has its
//! counters shown there, and is told there what an operator wants of it. What that is, only the two who speak know.

/// A service beside the name server.
pub trait Companion: Send + Sync {
    /// The word by which orders are for it.
    fn name(&self) -> &'static str;

    /// What it counts, in the text format of Prometheus (version 0.0.4); no family of it is the name server's.
    fn metrics(&self) -> String;

    /// Does what an operator wants, and says what came of it.
    ///
    /// It may take as long as it takes: the caller is a thread that can wait.
    ///
    /// # Errors
    /// In words, if it cannot be done.
    fn order(&self, order: &str) -> Result<serde_json::Value, String>;
}
