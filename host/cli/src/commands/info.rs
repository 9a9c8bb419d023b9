//! `muster info`

use super::Scope;
use crate::failure::Failure;

/// Shows what the host is.
///
/// # Errors
/// If the host does not say.
pub async fn run(scope: &Scope) -> Result<(), Failure> {
    scope.output.show(&scope.client()?.info().await?)
}
