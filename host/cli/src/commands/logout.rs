//! `muster logout`

use super::Scope;
use crate::{
    contexts::{ContextError, ContextStore},
    failure::Failure,
    output::ContextRow,
};

/// Forgets the tokens of a context; the one in use unless `--context` names
/// another. Address and user stay.
///
/// # Errors
/// If there is no such context.
pub fn run(scope: &Scope) -> Result<(), Failure> {
    let store = ContextStore::of_this_user()?;
    let (name, row) = store.change(|contexts| {
        let current = contexts.current.clone();
        let name = contexts.select(scope.context.as_deref())?.0.to_owned();
        let unknown = || ContextError::Unknown { name: name.clone() };
        let context = contexts.contexts.get_mut(&name).ok_or_else(unknown)?;
        context.tokens = None;
        let row = ContextRow::new(&name, context, current.as_deref());
        Ok((name, row))
    })?;
    scope
        .output
        .done(&format!("Logged out of context {name}"), &row)
}
