//! `muster context`

use clap::Subcommand;
use muster_api::page::Page;

use super::{Scope, terminal};
use crate::{
    contexts::{ContextError, ContextStore},
    failure::Failure,
    output::ContextRow,
};

/// What to do with contexts.
#[derive(Debug, Subcommand)]
pub enum ContextCommand {
    /// List the contexts
    List,
    /// Use another context from now on
    Use {
        /// The context
        name: String,
    },
    /// Show a context; the one in use unless told
    Show {
        /// The context
        name: Option<String>,
    },
    /// Forget a context and its login
    Remove {
        /// The context
        name: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// Does it.
///
/// # Errors
/// If there is no such context, or the person refuses.
pub fn run(scope: &Scope, command: ContextCommand) -> Result<(), Failure> {
    let store = ContextStore::of_this_user()?;
    let contexts = store.read()?;
    let current = contexts.current.as_deref();
    match command {
        ContextCommand::List => {
            let rows = contexts.contexts.iter();
            let items = rows
                .map(|(name, context)| ContextRow::new(name, context, current))
                .collect();
            scope.output.show(&Page { items, next: None })
        }
        ContextCommand::Show { name } => {
            let (name, context) = contexts.select(name.as_deref().or(scope.context.as_deref()))?;
            scope.output.show(&ContextRow::new(name, context, current))
        }
        ContextCommand::Use { name } => {
            let row = store.change(|contexts| {
                let (_, context) = contexts.select(Some(&name))?;
                let row = ContextRow::new(&name, context, Some(&name));
                contexts.current = Some(name.clone());
                Ok(row)
            })?;
            scope
                .output
                .done(&format!("Context {name} is in use"), &row)
        }
        ContextCommand::Remove { name, yes } => {
            let (_, context) = contexts.select(Some(&name))?;
            if !yes {
                terminal::confirm(&format!(
                    "Forget context {name} and its login at {}?",
                    context.url
                ))?;
            }
            let row = store.change(|contexts| {
                let removed = contexts.contexts.remove(&name);
                let removed =
                    removed.ok_or_else(|| ContextError::Unknown { name: name.clone() })?;
                if contexts.current.as_deref() == Some(name.as_str()) {
                    contexts.current = None;
                }
                Ok(ContextRow::new(&name, &removed, None))
            })?;
            scope.output.done(&format!("Forgot context {name}"), &row)
        }
    }
}
