//! How a command fails: what it says, what to do next, and the exit code.

use std::{fmt::Write, io, process::ExitCode};

use muster_api::problem::{FieldProblem, Problem};

use crate::{
    client::ClientError, contexts::ContextError, manifest::ManifestError, package::PackageError,
    upload::UploadError,
};

/// The exit codes, as `muster --help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything went well, or nobody reads the output any more.
    Success = 0,
    /// The host refused or could not do it, or something here went wrong.
    Failure = 1,
    /// The command line, or a file that it reads, is wrong.
    Usage = 2,
    /// There is no such thing.
    NotFound = 3,
    /// Not logged in, or not allowed.
    Forbidden = 4,
    /// The host cannot be reached.
    Unreachable = 5,
    /// Somebody said no, or interrupted the wait.
    Cancelled = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ends without success.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What happened, without a full stop.
    message: String,
    /// The fields of a request that are wrong.
    fields: Vec<FieldProblem>,
    /// The next step.
    hint: Option<String>,
    /// The request's id, to find it in the host's log.
    request_id: Option<String>,
}

impl Failure {
    /// A failure with the given exit code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            fields: Vec::new(),
            hint: None,
            request_id: None,
        }
    }

    /// The command line is wrong in a way that only shows when it is put to use.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The same failure with the next step; it takes the place of any other.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What goes to standard error: the error, its fields, and the hint.
    pub fn text(&self) -> String {
        let mut text = format!("error: {}", self.message);
        for field in &self.fields {
            let _ = write!(text, "\n  {}: {}", field.field, field.message);
        }
        if let Some(id) = &self.request_id {
            let _ = write!(text, "\n  request: {id}");
        }
        if let Some(hint) = &self.hint {
            let _ = write!(text, "\nhint: {hint}");
        }
        text
    }

    /// Tells it on standard error, if there is anything to tell.
    pub fn print(&self) {
        if self.exit != Exit::Success {
            eprintln!("{}", self.text());
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let exit = match problem.status {
            401 | 403 => Exit::Forbidden,
            404 => Exit::NotFound,
            _ => Exit::Failure,
        };
        let mut message = problem.title;
        if !problem.detail.is_empty() {
            let _ = write!(message, ": {}", problem.detail);
        }
        Self {
            exit,
            message,
            fields: problem.fields,
            hint: problem.remedy,
            request_id: problem.request_id,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        match error {
            ClientError::Refused(problem) => (*problem).into(),
            ClientError::SignIn(_) => Self::new(Exit::Forbidden, message),
            ClientError::Unreachable { url, .. } => {
                Self::new(Exit::Unreachable, message).hint(format!(
                    "is `muster serve` running there? `curl {url}/api/v1/info` shows whether anything answers"
                ))
            }
            ClientError::Unexpected { .. } | ClientError::Malformed { .. } => {
                Self::new(Exit::Failure, message)
                    .hint("is that the management address of a Muster host? `muster context list` shows it")
            }
            ClientError::Address { .. } => {
                Self::usage(message).hint("an address looks like http://127.0.0.1:7480")
            }
            ClientError::LoginExpired { login } | ClientError::NotLoggedIn { login, .. } => {
                Self::new(Exit::Forbidden, message).hint(format!("log in with `{login}`"))
            }
            ClientError::NoKeySecret => Self::usage(message)
                .hint("set both MUSTER_KEY_ID and MUSTER_KEY_SECRET, or neither"),
            ClientError::LocalKey { .. } => Self::new(Exit::Forbidden, message)
                .hint("name the host's data directory with --data-dir, run this as whoever runs the host, and give a host that was just started for the first time a few seconds"),
            ClientError::TokenRefused { .. } => Self::new(Exit::Forbidden, message)
                .hint("put a new access token in MUSTER_TOKEN, or unset it and use `muster login`"),
            ClientError::Setup(_) | ClientError::Interrupted => Self::new(Exit::Failure, message),
            ClientError::Contexts(error) => error.into(),
        }
    }
}

impl From<ContextError> for Failure {
    fn from(error: ContextError) -> Self {
        let message = error.to_string();
        match error {
            ContextError::Unknown { .. } => {
                Self::new(Exit::NotFound, message).hint("`muster context list` shows them")
            }
            ContextError::None => Self::new(Exit::Forbidden, message)
                .hint("log in with `muster login --url http://HOST:7480 --user NAME`"),
            ContextError::Home => {
                Self::new(Exit::Failure, message).hint("set HOME or XDG_CONFIG_HOME")
            }
            ContextError::Malformed { .. } => Self::new(Exit::Failure, message)
                .hint("move the file away and log in again with `muster login`"),
            ContextError::File { .. } => Self::new(Exit::Failure, message),
        }
    }
}

impl From<ManifestError> for Failure {
    fn from(error: ManifestError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<PackageError> for Failure {
    fn from(error: PackageError) -> Self {
        let message = error.to_string();
        match error {
            PackageError::Empty { .. } => {
                Self::usage(message).hint("does .musterignore leave anything over?")
            }
            PackageError::LeavesPackage { .. } => Self::usage(message)
                .hint("copy the file into the directory, or name the link in .musterignore"),
            PackageError::Name { .. } | PackageError::Kind { .. } => {
                Self::usage(message).hint("rename it, or name it in .musterignore")
            }
            PackageError::Walk(_) | PackageError::Read { .. } => Self::usage(message),
            PackageError::Interrupted => Self::new(Exit::Failure, message),
        }
    }
}

impl From<UploadError> for Failure {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Client(error) => error.into(),
            UploadError::Package(error) => error.into(),
            changed @ UploadError::Changed { .. } => Self::new(Exit::Failure, changed.to_string())
                .hint("push again once nothing writes to it"),
        }
    }
}

/// What standard output or standard error does not take. A reader that has
/// gone away, such as `head`, is no failure.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let exit = match error.kind() {
            io::ErrorKind::BrokenPipe => Exit::Success,
            _ => Exit::Failure,
        };
        Self::new(exit, format!("the output cannot be written: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16) -> Problem {
        Problem {
            code: "invalid".to_owned(),
            status,
            title: "The push is not valid".to_owned(),
            detail: "2 settings are wrong".to_owned(),
            remedy: Some("correct them and push again".to_owned()),
            fields: vec![FieldProblem {
                field: "limits.memory".to_owned(),
                message: "at most 4GiB".to_owned(),
            }],
            quota: None,
            captcha: None,
            request_id: Some("r-1".to_owned()),
        }
    }

    #[test]
    fn a_problem_is_told_line_by_line() {
        insta::assert_snapshot!(Failure::from(problem(422)).text(), @r"
        error: The push is not valid: 2 settings are wrong
          limits.memory: at most 4GiB
          request: r-1
        hint: correct them and push again
        ");
    }

    #[test]
    fn the_status_decides_on_the_exit_code() {
        for (status, exit) in [
            (401, Exit::Forbidden),
            (403, Exit::Forbidden),
            (404, Exit::NotFound),
            (409, Exit::Failure),
            (422, Exit::Failure),
            (500, Exit::Failure),
        ] {
            assert_eq!(Failure::from(problem(status)).exit, exit, "{status}");
        }
    }

    #[test]
    fn a_closed_pipe_is_a_success() {
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(Failure::from(closed).exit, Exit::Success);
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(Failure::from(full).exit, Exit::Failure);
    }
}
