//! Routes: host name and path prefix that reach apps.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::RouteId;

/// What a route does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum RouteAction {
    /// Forwards to apps by weight.
    Forward {
        /// The apps.
        targets: Vec<RouteTarget>,
    },
    /// Sends the client elsewhere.
    Redirect {
        /// Absolute URL, or path from `/` on.
        location: String,
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// Whether the rest of the path and the query are appended.
        keep_path: bool,
    },
}

/// One app of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteTarget {
    /// The app's name.
    pub app: String,
    /// Its share of the traffic among the route's apps, 0 to 1000.
    pub weight: u32,
}

/// A route as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Route {
    /// Its id.
    pub id: RouteId,
    /// Lower-case host name, `*.name`, or `*`.
    pub host: String,
    /// Path prefix, from `/` on.
    pub path: String,
    /// What it does.
    pub action: RouteAction,
    /// Whether a client stays with the instance that first served it.
    pub sticky: bool,
    /// The address to reach it at, if the host name is not a pattern.
    pub url: Option<String>,
}

/// A new route, or one more app on an existing one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewRoute {
    /// `HOST` or `HOST/PREFIX`.
    pub route: String,
    /// The app to forward to. Either this or `redirect`.
    pub app: Option<String>,
    /// The app's share of the traffic, 0 to 1000. 100 unless told.
    pub weight: Option<u32>,
    /// Where to send the client. Either this or `app`.
    pub redirect: Option<String>,
    /// The redirect's status. 308 unless told.
    pub status: Option<u16>,
    /// Whether a redirect keeps the rest of path and query.
    pub keep_path: bool,
    /// Whether a client stays with the instance that first served it. Absent:
    /// unchanged, for a new route no.
    pub sticky: Option<bool>,
    /// The project that a redirect goes into, by name; your own unless told. A
    /// route to an app belongs to the app's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
}
