//! What can go wrong before a component runs.

use std::path::PathBuf;

/// Why the engine could not get ready, or could not take a component.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A file of the code cache could not be read or written.
    #[error("cannot use {path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// This machine or these options do not allow an engine.
    #[error("the engine cannot start: {0}")]
    Start(String),
    /// The compiler refused the component.
    #[error("the component does not compile: {0}")]
    Compile(String),
    /// The component does not fit what the host offers.
    #[error("the component does not link: {0}")]
    Link(String),
}

impl EngineError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }
}
