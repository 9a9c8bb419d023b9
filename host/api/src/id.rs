//! Typed ids. All are UUIDs of version 7, so that they sort by creation.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

ids! {
    /// Names an app for life, whatever it is called.
    AppId,
    /// Names what staging made of a package.
    DropletId,
    /// Names one placement of a release on a host.
    InstanceId,
    /// Names a piece of longer work.
    JobId,
    /// Names a message of a queue.
    MessageId,
    /// Names a route.
    RouteId,
    /// Names a user.
    UserId,
    /// Names a sign-in that goes on.
    SessionId,
    /// Names a project. A personal project bears its user's id.
    ProjectId,
    /// Names a quota.
    QuotaId,
    /// Names the assignment of an access role.
    BindingId,
    /// Names a host for life.
    HostId,
    /// Names a link token, and the membership that comes of it.
    LinkId,
}
