//! The binary `muster`, with what it carries.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{console, guests, project::Project, step::Steps, toolchain};

/// How many steps [`all`] takes.
pub const STEPS: usize = 3 + console::STEPS;

/// How the host is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Quick to build, slow to run.
    Debug,
    /// What users get.
    Release,
}

impl Profile {
    /// What the flag `--debug` asks for.
    pub fn from_flag(debug: bool) -> Self {
        if debug { Self::Debug } else { Self::Release }
    }

    /// The binary, relative to the project's root.
    pub fn binary(self) -> &'static Path {
        Path::new(match self {
            Self::Debug => "target/debug/muster",
            Self::Release => "target/release/muster",
        })
    }
}

/// Sees to the toolchains, builds all guests and the console, then the host;
/// returns the host's binary.
///
/// # Errors
/// If any of them fails.
pub fn all(project: &Project, profile: Profile, steps: &mut Steps) -> Result<PathBuf> {
    let toolchain = toolchain::prepare(project, steps, toolchain::GUEST_TARGET)?;
    guests::build(project, &toolchain, &[], steps)?;
    console::build(project, steps)?;
    host(project, profile, steps)
}

/// Builds the host alone and returns its binary.
///
/// # Errors
/// If it does not build.
pub fn host(project: &Project, profile: Profile, steps: &mut Steps) -> Result<PathBuf> {
    steps.step("build muster", |step| {
        let mut cargo = project.cargo();
        cargo.args(["build", "--package", "muster-cli"]);
        if profile == Profile::Release {
            cargo.arg("--release");
        }
        step.run(cargo)?;
        Ok(project.root().join(profile.binary()))
    })
}
