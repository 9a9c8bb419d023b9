//! One host: control decides what should be, the agent makes it so, roles are
//! played by plugins, HTTP is how the world talks to it.

mod agent;
mod boot;
mod control;
mod data_dir;
mod http;
mod logs;
mod peers;
mod releases;
mod requests;
mod roles;

pub use boot::{Ended, ServeError, ServeOptions, serve};
pub use control::{
    backups::restore::{
        RestoreTarget, RestoredBackup, UnusableBackup, VerifiedBackup, restore_backup,
        verify_backup,
    },
    block_storage::BlockOptions,
    leadership::moving::{MoveState, MovedState, UnmovedState, move_state},
    linking::LinkOptions,
};
pub use http::openapi_document;
pub use muster_backup::Lock as BackupLock;
pub use muster_blocks::{Credentials, Place};
pub use muster_bus::{BusUrl, BusUrlError};
pub use muster_store::{CopyProgress, DatabaseUrl, DatabaseUrlError, version};
pub use releases::{Guard, Start, start, try_other};
