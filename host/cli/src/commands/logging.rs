//! `muster logging`

use std::str::FromStr;

use clap::{Args, Subcommand};
use muster_api::{
    logging::{LogLevel, LogTarget, Logging, LoggingChange},
    units::Millis,
};

use super::{Scope, serve::LogFormat};
use crate::failure::Failure;

/// What to do with the host's own log.
#[derive(Debug, Subcommand)]
pub enum LoggingCommand {
    /// Show what the host logs, how, and where to
    Show,
    /// Change what the host logs, how, and where to, at once
    ///
    /// What is left out stays as it is. The change holds until the host starts
    /// anew, unless --for or --keep say otherwise.
    Set(SetArgs),
    /// Log as the host was told when it was started, and keep nothing else
    Reset,
}

/// What to change.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct SetArgs {
    /// How much is logged: off, error, warn, info, debug or trace
    #[arg(long)]
    level: Option<LogLevel>,
    /// How much a module logs, such as `muster_server=debug`; may be given several times
    #[arg(long, value_name = "MODULE=LEVEL")]
    module: Vec<ModuleLevel>,
    /// Log as much of this module as of all others
    #[arg(long, value_name = "MODULE")]
    no_module: Vec<String>,
    /// How lines are written
    #[arg(long, value_enum)]
    format: Option<LogFormat>,
    /// Where lines go, in place of where they go now: `stderr`, `file:NAME`, `file:NAME,daily,keep=30`, `syslog`, `syslog:udp:HOST:PORT`; may be given several times
    #[arg(long, value_name = "PLACE")]
    to: Vec<LogTarget>,
    /// Go back to what is in force now after this time, such as 10m
    #[arg(long = "for", value_name = "TIME", conflicts_with = "keep")]
    lasting: Option<Millis>,
    /// Log so when the host starts anew as well
    #[arg(long)]
    keep: bool,
    /// Only show what would be logged
    #[arg(long)]
    dry_run: bool,
}

/// A module with its level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleLevel {
    module: String,
    level: LogLevel,
}

impl FromStr for ModuleLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (module, level) = text
            .split_once('=')
            .ok_or("MODULE=LEVEL is meant, such as muster_server=debug")?;
        Ok(Self {
            module: module.to_owned(),
            level: level.parse().map_err(|error| format!("{error}"))?,
        })
    }
}

impl SetArgs {
    fn apply(&self, logging: &mut Logging) -> Result<(), Failure> {
        logging.level = self.level.unwrap_or(logging.level);
        for name in &self.no_module {
            if logging.modules.remove(name).is_none() {
                return Err(Failure::usage(format!("'{name}' has no level of its own"))
                    .hint("see which have: muster logging show"));
            }
        }
        let modules = self.module.iter();
        logging
            .modules
            .extend(modules.map(|one| (one.module.clone(), one.level)));
        logging.format = self.format.map_or(logging.format, Into::into);
        if !self.to.is_empty() {
            logging.to.clone_from(&self.to);
        }
        Ok(())
    }
}

/// Does it.
///
/// # Errors
/// If the host refuses.
pub async fn run(scope: &Scope, command: LoggingCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        LoggingCommand::Show => scope.output.show(&client.logging().await?),
        LoggingCommand::Set(args) => {
            let mut logging = client.logging().await?.logging;
            args.apply(&mut logging)?;
            let change = LoggingChange {
                logging,
                persist: args.keep,
                lasting: args.lasting,
            };
            scope
                .output
                .show(&client.put_logging(&change, args.dry_run).await?)
        }
        LoggingCommand::Reset => scope.output.show(&client.reset_logging().await?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_is_changed() {
        let module = |text: &str| text.parse::<ModuleLevel>();
        let mut logging: Logging = serde_json::from_str(
            r#"{"level":"warn","modules":{"a":"debug","b":"off"},"format":"json"}"#,
        )
        .unwrap();
        let args = SetArgs {
            level: None,
            module: vec![module("b=trace").unwrap(), module("c=info").unwrap()],
            no_module: vec!["a".to_owned()],
            format: None,
            to: vec!["syslog".parse().unwrap()],
            lasting: None,
            keep: false,
            dry_run: false,
        };
        args.apply(&mut logging).unwrap();
        let expected: Logging = serde_json::from_str(
            r#"{"level":"warn","modules":{"b":"trace","c":"info"},"format":"json",
                "to":[{"kind":"syslog","address":"unix:/dev/log"}]}"#,
        )
        .unwrap();
        assert_eq!(logging, expected);
        assert!(args.apply(&mut logging).is_err(), "it has none any more");
        assert!(module("a").is_err() && module("a=loud").is_err());
    }
}
