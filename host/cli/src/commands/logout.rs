//! `muster logout`

use super::Scope;
use crate::{
    client::{ClientError, Transport},
    contexts::{ContextError, ContextStore},
    failure::Failure,
    output::ContextRow,
};

/// Ends the session of a context and forgets its tokens; of the one in use
/// unless `--context` names another. Address and user stay.
///
/// # Errors
/// If there is no such context.
pub async fn run(scope: &Scope) -> Result<(), Failure> {
    let store = ContextStore::of_this_user()?;
    let (name, row, url, tokens) = store.change(|contexts| {
        let current = contexts.current.clone();
        let name = contexts.select(scope.context.as_deref())?.0.to_owned();
        let unknown = || ContextError::Unknown { name: name.clone() };
        let context = contexts.contexts.get_mut(&name).ok_or_else(unknown)?;
        let (url, tokens) = (context.url.clone(), context.tokens.take());
        context.data_dir = None;
        let row = ContextRow::new(&name, context, current.as_deref());
        Ok((name, row, url, tokens))
    })?;
    if let Some(tokens) = tokens
        && let Err(error) = end(&url, &tokens.refresh).await
    {
        eprintln!("warning: the tokens are forgotten here, but the session goes on there: {error}");
    }
    scope
        .output
        .done(&format!("Logged out of context {name}"), &row)
}

async fn end(url: &str, refresh_token: &str) -> Result<(), ClientError> {
    Transport::new(url)?.revoke(refresh_token).await
}
