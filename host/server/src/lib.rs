//! One host: control decides what should be, the agent makes it so, roles are
//! played by plugins, HTTP is how the world talks to it.

mod agent;
mod boot;
mod control;
mod data_dir;
mod http;
mod logs;
mod peers;
mod roles;

pub use boot::{ServeError, ServeOptions, serve};
pub use control::linking::LinkOptions;
pub use http::openapi_document;
