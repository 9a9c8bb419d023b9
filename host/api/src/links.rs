//! How this host is linked with others: link tokens, joining and leaving.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::id::{HostId, LinkId};

/// How long a link token is good unless told, in seconds.
pub const USUAL_LIFE: u64 = 120;
/// How long a link token may be good at most, in seconds.
pub const LONGEST_LIFE: u64 = 1_800;

/// Makes a link token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewLinkToken {
    /// For how many seconds it is good: 10 to 1800, 120 unless told.
    #[schema(minimum = 10, maximum = 1800, example = 120)]
    pub life_s: Option<u64>,
    /// Roles that the new host should get.
    pub roles: Vec<String>,
}

/// A link token, which is shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkTokenSecret {
    /// Its id, by which it can be withdrawn.
    pub id: LinkId,
    /// The token. Whoever has it can link one host.
    pub token: String,
    /// When it expires, by this host's clock.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// Where the new host will look for this one.
    pub addresses: Vec<String>,
}

/// What has become of a link token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LinkTokenState {
    /// Nobody has used it.
    Offered,
    /// A host was let in with it and has not confirmed yet.
    Pending,
    /// A host was linked with it.
    Used,
    /// It is good for nothing any more.
    Ended,
}

/// A link token without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkToken {
    /// Its id.
    pub id: LinkId,
    /// What has become of it.
    pub state: LinkTokenState,
    /// When it expires, while nobody has used it.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    /// The host that used it.
    pub host: Option<HostId>,
    /// Roles that the new host should get.
    pub roles: Vec<String>,
    /// Who made it.
    pub created_by: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// Links this host to the one that a link token is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The token, from `muster link token` on the leader.
    #[schema(example = "muster1.eyJjbHVzdGVyIjoi…")]
    pub token: String,
    /// The roles that this host is to have in the group, and no others; those
    /// that the token names unless told, or else those that it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["dea"]))]
    pub roles: Vec<String>,
}

/// Takes this host out of its group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Leave {
    /// Leave without the leader's word, because it is lost for good. Should it
    /// come back after all, this host has to be forced out there.
    pub abandon: bool,
}

/// What this host is in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It is linked with nobody.
    Alone,
    /// It gives out link tokens, and others may follow it.
    Leader,
    /// It is being linked.
    Joining,
    /// It follows a leader.
    Follower,
    /// It takes leave, until its leader has heard it.
    Leaving,
}

/// The leader, as a follower knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Leader {
    /// The host.
    pub id: HostId,
    /// Its name.
    pub name: String,
    /// Where it is reached.
    pub addresses: Vec<String>,
    /// Whether it answered the last time.
    pub reachable: bool,
    /// When it answered last.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_seen_at: Option<OffsetDateTime>,
}

/// How this host is linked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// This host.
    pub host: HostId,
    /// What it is in its group.
    pub standing: Standing,
    /// The group's id.
    #[schema(value_type = Option<String>, format = Uuid)]
    pub cluster: Option<uuid::Uuid>,
    /// Whom it follows.
    pub leader: Option<Leader>,
    /// How many hosts follow it.
    pub followers: u32,
    /// Where its peers reach it.
    pub addresses: Vec<String>,
    /// When its certificate ends, unless it is renewed before.
    #[serde(with = "time::serde::rfc3339::option")]
    pub certificate_not_after: Option<OffsetDateTime>,
    /// What to add to its clock to have the leader's, in milliseconds.
    pub clock_offset_ms: i64,
    /// How its last membership ended, if somebody else ended it.
    pub ended: Option<String>,
}
