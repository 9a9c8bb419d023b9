//! Why packages are refused.

use std::fmt;

use muster_sdk::stager::Rejection;

/// What every refusal of a file that is no app says is accepted.
const ACCEPTED: &str =
    "A package is a WebAssembly component, or a folder of static files such as web pages.";

/// A reason to refuse a package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It has no files, or only its manifest.
    #[error("The package has no files beside its manifest. {}", ACCEPTED)]
    Empty,
    /// A file could not be read.
    #[error("{path} could not be read: {why}. Push again.")]
    Unreadable {
        /// The file.
        path: String,
        /// Why not.
        why: String,
    },
    /// The manifest names a file that is not there.
    #[error(
        "muster.toml says {setting} = \"{path}\", but the package has no such file. Paths are relative to the \
         package's folder."
    )]
    NoSuchFile {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: String,
    },
    /// There are several components.
    #[error("The package has {} components. Set `component` in muster.toml to the one that is the app.", .0.len())]
    Ambiguous(Vec<String>),
    /// It is something else.
    #[error("{path} is {what}, not a WebAssembly component. {}", ACCEPTED)]
    NotWebAssembly {
        /// The file.
        path: String,
        /// What it is, in words.
        what: &'static str,
    },
    /// It is a program that must be built first.
    #[error(
        "The package has {path}, so it looks like a program's source. Build it first, then push the component or the \
         folder of built pages."
    )]
    SourceCode {
        /// The file that gave it away.
        path: String,
    },
    /// It is a core module, not a component.
    #[error(
        "{path} is a core WebAssembly module, not a component. Build it for a component target, as with `cargo build \
         --target wasm32-wasip2`, or make a component of it with `wasm-tools component new`."
    )]
    CoreModule {
        /// The file.
        path: String,
    },
    /// The component is too large.
    #[error(
        "{path} has {size} bytes; a component has at most {limit}. Strip its debug information."
    )]
    TooLarge {
        /// The file.
        path: String,
        /// Its size, in bytes.
        size: u64,
        /// The largest size, in bytes.
        limit: u64,
    },
    /// It ends too early.
    #[error("{path} ends in the middle, after {size} bytes. Build it or copy it again.")]
    Truncated {
        /// The file.
        path: String,
        /// How many bytes it has.
        size: u64,
    },
    /// It is broken.
    #[error("{path} is not a valid component: {what}, at byte {offset}.")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong.
        what: String,
        /// Where, in bytes from the beginning.
        offset: u64,
    },
    /// The text has an error.
    #[error("{path} is not valid WebAssembly text: {what}, at line {line}, column {column}.")]
    WatSyntax {
        /// The file.
        path: String,
        /// What is wrong.
        what: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// It has no entry point that a host can call.
    #[error(
        "{path} has no entry point for HTTP. A component must export wasi:http/incoming-handler@0.2 or \
         wasi:http/handler@0.3."
    )]
    WrongExports {
        /// The file.
        path: String,
        /// What it exports.
        found: Vec<String>,
    },
    /// It wants what no host offers.
    #[error("{path} imports what this host does not offer: {}.", names(.imports))]
    MissingImports {
        /// The file.
        path: String,
        /// Each import, with what is offered instead.
        imports: Vec<Missing>,
    },
}

/// An import that is not offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The import's name.
    pub import: String,
    /// The same interface in versions that do not fit.
    pub instead: Vec<String>,
}

impl Reason {
    /// The stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty-package",
            Self::Unreadable { .. } => "unreadable",
            Self::NoSuchFile { .. } => "no-such-file",
            Self::Ambiguous(_) => "ambiguous",
            Self::NotWebAssembly { .. } => "not-webassembly",
            Self::SourceCode { .. } => "source-code",
            Self::CoreModule { .. } => "core-module",
            Self::TooLarge { .. } => "too-large",
            Self::Truncated { .. } => "truncated",
            Self::Malformed { .. } => "malformed",
            Self::WatSyntax { .. } => "wat-syntax",
            Self::WrongExports { .. } => "wrong-exports",
            Self::MissingImports { .. } => "missing-imports",
        }
    }

    /// The single findings, a line each.
    #[must_use]
    pub fn details(&self) -> Vec<String> {
        match self {
            Self::Ambiguous(paths) => paths.clone(),
            Self::WrongExports { found, .. } => {
                found.iter().map(|name| format!("exports {name}")).collect()
            }
            Self::MissingImports { imports, .. } => {
                imports.iter().map(Missing::to_string).collect()
            }
            _ => vec![],
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.instead.as_slice() {
            [] => write!(f, "{} is not offered", self.import),
            [one] => write!(f, "{} is not offered, but {one} is", self.import),
            several => write!(
                f,
                "{} is not offered, but {} are",
                self.import,
                several.join(" and ")
            ),
        }
    }
}

/// The names of the imports, the first few of them.
fn names(imports: &[Missing]) -> String {
    const FEW: usize = 3;
    let first: Vec<_> = imports
        .iter()
        .take(FEW)
        .map(|missing| missing.import.as_str())
        .collect();
    match imports.len().saturating_sub(FEW) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

impl From<Reason> for Rejection {
    fn from(reason: Reason) -> Self {
        Self {
            code: reason.code().to_owned(),
            message: reason.to_string(),
            details: reason.details(),
        }
    }
}
