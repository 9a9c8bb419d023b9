//! `muster status`

use super::Scope;
use crate::failure::Failure;

/// Shows how the host is.
///
/// # Errors
/// If the host does not say.
pub async fn run(scope: &Scope) -> Result<(), Failure> {
    scope.output.show(&scope.client()?.status().await?)
}
