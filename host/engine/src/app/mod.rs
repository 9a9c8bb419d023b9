//! Apps: components that answer HTTP requests, a fresh instance for each.

pub(crate) mod body;
pub(crate) mod code;
mod guest;
pub(crate) mod instance;
pub(crate) mod offered;
pub(crate) mod outbound;
pub(crate) mod refusal;
pub(crate) mod request;
mod state;
