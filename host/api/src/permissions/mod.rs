//! Permissions: who may do what. One table, [`OPERATIONS`], names for each
//! operation of the API the permission it needs and the commands that call it.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

mod operations;

pub use operations::{OPERATIONS, operation};

macro_rules! permissions {
    ($($name:ident $word:literal $scope:ident $doc:literal,)*) => {
        /// One thing that somebody may be allowed to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission {
            $(#[doc = $doc] $name,)*
        }

        impl Permission {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word for it, such as `app:read`.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What it allows, as a sentence.
            #[must_use]
            pub fn description(self) -> &'static str {
                match self { $(Self::$name => $doc,)* }
            }

            /// Whether it can be had for single projects, or only everywhere.
            #[must_use]
            pub fn scope(self) -> Reach {
                match self { $(Self::$name => Reach::$scope,)* }
            }
        }
    };
}

/// How far a permission reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Everywhere or nowhere.
    Global,
    /// Everywhere, or in single projects.
    Project,
}

permissions! {
    AppRead "app:read" Project "See apps, their droplets, instances and routes",
    AppWrite "app:write" Project "Push, start, stop, scale and roll back apps",
    AppDelete "app:delete" Project "Delete apps",
    AppEnv "app:env" Project "See and change the environment variables of apps, which may hold secrets",
    AppLogs "app:logs" Project "Read the logs of apps",
    RouteWrite "route:write" Project "Add, replace and remove routes to apps",
    JobRead "job:read" Project "See jobs and their logs",
    JobCancel "job:cancel" Project "Cancel jobs",
    ProjectRead "project:read" Project "See projects and their members",
    ProjectWrite "project:write" Project "Change projects, their members and policies",
    ProjectCreate "project:create" Global "Create projects",
    QuotaRead "quota:read" Project "See quotas and what is used of them",
    QuotaWrite "quota:write" Global "Set quotas and enforce them",
    BlockWrite "block:write" Global "Upload blocks, which is part of a push",
    BundleRead "bundle:read" Global "See bundles and their files",
    BundleWrite "bundle:write" Global "Put, replace and remove bundles",
    StatusRead "status:read" Global "See how the host is",
    RoleRead "role:read" Global "See roles and their plugins",
    RoleWrite "role:write" Global "Add and remove roles and replace their plugins",
    EventRead "event:read" Project "Follow the changes of what one may see",
    UserRead "user:read" Global "See users, their sessions and keys",
    UserWrite "user:write" Global "Create, change, activate, suspend and delete users, and end their sessions",
    KeyRead "key:read" Global "See the access keys of everybody",
    KeyWrite "key:write" Global "Revoke and rotate the access keys of everybody",
    AccessRead "access:read" Global "See access roles and who has them",
    AccessWrite "access:write" Global "Change access roles and who has them",
    TermWrite "term:write" Global "Add terms of use, and see who accepted them",
    ConfigRead "config:read" Global "See the configuration, without its secrets",
    ConfigWrite "config:write" Global "Change the configuration and rotate signing keys",
    AuditRead "audit:read" Global "Read, export and verify the audit log",
    LoggingWrite "logging:write" Global "Change what the host logs and where",
    LogRead "log:read" Global "Read what the hosts themselves log, which may hold sensitive things",
    LinkRead "link:read" Global "See how this host is linked, and the hosts of its group",
    LinkWrite "link:write" Global "Link hosts, and take them out of the group",
    QueueRead "queue:read" Global "See what waits to be done and what was given up, such as mails with their addresses",
    QueueWrite "queue:write" Global "Have what was given up done again, and drop it",
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Permission {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL
            .iter()
            .find(|permission| permission.word() == text);
        found.copied().ok_or_else(|| {
            format!(
                "there is no permission '{text}'; see them with: muster access-role permissions"
            )
        })
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl PartialSchema for Permission {
    fn schema() -> RefOr<Schema> {
        let words = Self::ALL.iter().map(|permission| permission.word());
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("One thing that somebody may be allowed to do."))
            .enum_values(Some(words))
            .into()
    }
}

impl ToSchema for Permission {}

/// A set of permissions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PermissionSet(u64);

impl PermissionSet {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    /// Whether it has that permission.
    #[must_use]
    pub fn has(self, permission: Permission) -> bool {
        self.0 & Self::bit(permission) != 0
    }

    /// What is in either.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether everything in it is also in the other.
    #[must_use]
    pub fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Its permissions.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        let all = Permission::ALL.iter().copied();
        all.filter(move |permission| self.has(*permission))
    }

    fn bit(permission: Permission) -> u64 {
        1 << permission as u32
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        let bits = permissions.into_iter().map(Self::bit);
        Self(bits.fold(0, |all, bit| all | bit))
    }
}

/// What an operation asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: signing in, and what is needed for it.
    Public,
    /// To be signed in: it concerns the caller alone, and is harmless.
    SignedIn,
    /// To be there in person: signed in with a session that no scopes limit. It
    /// concerns what the caller can sign in with and what they belong to, which
    /// is nothing for access keys and for whoever was given less.
    InPerson,
    /// To be there in person, or to be the access key that the path names.
    OwnKey,
    /// This permission: everywhere, or in the project concerned if the
    /// permission reaches that far.
    Needs(Permission),
}

/// An operation of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// Its id in the API's description, such as `app_list`.
    pub id: &'static str,
    /// Its HTTP method.
    pub method: &'static str,
    /// Its path, with its parameters in braces.
    pub path: &'static str,
    /// What it asks of its caller.
    pub access: Access,
    /// The commands that call it, without `muster`.
    pub commands: &'static [&'static str],
}

/// The bundles that exist from the beginning: one for each type of user, and
/// those of members and owners of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bundle {
    /// Its name.
    pub name: &'static str,
    /// For whom it is.
    pub description: &'static str,
    /// What it holds.
    pub permissions: &'static [Permission],
}

use Permission as P;

/// What a user of type viewer may do at most in a project.
const READING: &[Permission] = &[
    P::AppRead,
    P::AppLogs,
    P::JobRead,
    P::ProjectRead,
    P::QuotaRead,
    P::EventRead,
];

/// The bundles that exist from the beginning; they cannot be changed.
pub const BUNDLES: &[Bundle] = &[
    Bundle {
        name: "admin",
        description: "Everything, everywhere",
        permissions: Permission::ALL,
    },
    Bundle {
        name: "operator",
        description: "The platform and everybody's apps, but not who may do what",
        permissions: &[
            P::AppRead,
            P::AppWrite,
            P::AppDelete,
            P::AppLogs,
            P::RouteWrite,
            P::JobRead,
            P::JobCancel,
            P::ProjectRead,
            P::QuotaRead,
            P::BlockWrite,
            P::BundleRead,
            P::BundleWrite,
            P::StatusRead,
            P::RoleRead,
            P::RoleWrite,
            P::EventRead,
            P::UserRead,
            P::ConfigRead,
            P::AuditRead,
            P::LoggingWrite,
            P::LogRead,
            P::LinkRead,
            P::LinkWrite,
            P::QueueRead,
            P::QueueWrite,
            P::ProjectCreate,
        ],
    },
    Bundle {
        name: "developer",
        description: "What everybody who pushes apps may do outside of projects",
        permissions: &[
            P::BlockWrite,
            P::BundleRead,
            P::StatusRead,
            P::RoleRead,
            P::ProjectCreate,
        ],
    },
    Bundle {
        name: "viewer",
        description: "Looking at the host; in projects, reading only",
        permissions: &[P::StatusRead, P::RoleRead],
    },
    Bundle {
        name: "project-owner",
        description: "Everything in a project",
        permissions: &[
            P::AppRead,
            P::AppWrite,
            P::AppDelete,
            P::AppEnv,
            P::AppLogs,
            P::RouteWrite,
            P::JobRead,
            P::JobCancel,
            P::ProjectRead,
            P::ProjectWrite,
            P::QuotaRead,
            P::EventRead,
        ],
    },
    Bundle {
        name: "project-member",
        description: "Working on a project's apps",
        permissions: &[
            P::AppRead,
            P::AppWrite,
            P::AppDelete,
            P::AppEnv,
            P::AppLogs,
            P::RouteWrite,
            P::JobRead,
            P::JobCancel,
            P::ProjectRead,
            P::QuotaRead,
            P::EventRead,
        ],
    },
    Bundle {
        name: "project-viewer",
        description: "Looking at a project's apps",
        permissions: READING,
    },
];

/// A bundle that exists from the beginning.
#[must_use]
pub fn bundle(name: &str) -> Option<&'static Bundle> {
    BUNDLES.iter().find(|bundle| bundle.name == name)
}

impl Bundle {
    /// What it holds.
    #[must_use]
    pub fn set(&self) -> PermissionSet {
        self.permissions.iter().copied().collect()
    }
}

/// The names of permissions that a list holds twice.
#[must_use]
pub fn repeated(permissions: &[Permission]) -> Option<Permission> {
    let mut seen = BTreeSet::new();
    permissions
        .iter()
        .copied()
        .find(|permission| !seen.insert(*permission))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_in() {
        let set: PermissionSet = [P::AppRead, P::LoggingWrite].into_iter().collect();
        assert!(set.has(P::AppRead) && set.has(P::LoggingWrite) && !set.has(P::AppWrite));
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [P::AppRead, P::LoggingWrite]
        );
        assert!(set.is_within(PermissionSet::all()));
        assert!(!PermissionSet::all().is_within(set));
        assert_eq!(set.within(PermissionSet::all()), set);
    }

    #[test]
    fn words_are_read_back() {
        for permission in Permission::ALL {
            assert_eq!(permission.word().parse(), Ok(*permission));
        }
        assert!("app:everything".parse::<Permission>().is_err());
    }

    #[test]
    fn only_what_reaches_projects_is_in_project_bundles() {
        for bundle in BUNDLES
            .iter()
            .filter(|bundle| bundle.name.starts_with("project-"))
        {
            for permission in bundle.permissions {
                assert_eq!(permission.scope(), Reach::Project, "{permission}");
            }
        }
    }

    #[test]
    fn each_operation_is_named_once() {
        let ids: BTreeSet<_> = OPERATIONS.iter().map(|operation| operation.id).collect();
        assert_eq!(ids.len(), OPERATIONS.len());
        let routes: BTreeSet<_> = OPERATIONS
            .iter()
            .map(|operation| (operation.method, operation.path))
            .collect();
        assert_eq!(routes.len(), OPERATIONS.len());
    }
}
