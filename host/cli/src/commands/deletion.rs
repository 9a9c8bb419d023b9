//! What every command that removes something does: show the plan, ask, act.

use clap::Args;
use muster_api::plan::Plan;

use super::{Scope, terminal};
use crate::{client::ClientError, failure::Failure, output::text};

/// Whether to ask before something is removed.
#[derive(Debug, Args)]
pub struct DeletionArgs {
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Only show what would be done
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

impl DeletionArgs {
    /// Shows what `delete` removes (asked with `true` for a dry run), asks, and
    /// has it done.
    ///
    /// # Errors
    /// If the host refuses or the person does.
    pub async fn carry_out(
        &self,
        scope: &Scope,
        what: &str,
        delete: impl AsyncFn(bool) -> Result<Plan, ClientError>,
    ) -> Result<(), Failure> {
        let (question, done) = (format!("Remove {what}?"), format!("Removed {what}"));
        self.carry_out_as(scope, &question, &done, delete).await
    }

    /// The same for what is no removal, with its own question and its own line
    /// for when it is done.
    ///
    /// # Errors
    /// If the host refuses or the person does.
    pub async fn carry_out_as(
        &self,
        scope: &Scope,
        question: &str,
        done: &str,
        act: impl AsyncFn(bool) -> Result<Plan, ClientError>,
    ) -> Result<(), Failure> {
        if !self
            .agreed(scope, question, async || act(true).await)
            .await?
        {
            return Ok(());
        }
        let plan = act(false).await?;
        scope.output.done(done, &plan)
    }

    /// Shows a plan and asks, for what answers with something else when it is
    /// done. False if the plan was all that was wanted.
    ///
    /// # Errors
    /// If the host refuses or the person does.
    pub async fn agreed(
        &self,
        scope: &Scope,
        question: &str,
        plan: impl AsyncFn() -> Result<Plan, ClientError>,
    ) -> Result<bool, Failure> {
        if self.dry_run {
            scope.output.show(&plan().await?)?;
            return Ok(false);
        }
        if !self.yes {
            let plan = plan().await?;
            for (title, lines) in [
                ("This removes:", &plan.removes),
                ("This changes:", &plan.changes),
            ] {
                if !lines.is_empty() {
                    eprintln!("{title}");
                }
                for line in lines {
                    eprintln!("  {}", text::printable(line));
                }
            }
            terminal::confirm(question)?;
        }
        Ok(true)
    }
}
