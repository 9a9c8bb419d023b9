use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Refusal, Side};
use crate::Pin;

/// How Muster is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The machine is Muster's alone.
    Appliance,
    /// Muster is a guest on an operating system that somebody else looks after.
    Agent,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Appliance => "appliance",
            Self::Agent => "agent",
        })
    }
}

/// What two hosts have to know of each other before they are linked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The version of Muster, such as `0.1.0`.
    pub version: String,
    /// The number of the protocol between peers. It is raised when an older
    /// peer would misunderstand a newer one.
    pub protocol: u32,
    /// How Muster is installed.
    pub mode: Mode,
    /// The operating system as people call it, such as `debian 12`.
    pub os: String,
    /// Whether the host may be linked, by its own settings.
    pub multi_node: bool,
    /// How many workloads run on it, or should.
    pub workloads: u32,
    /// The host.
    pub host: Uuid,
    /// Its key.
    pub fingerprint: Pin,
}

/// Whether these two may be linked, as far as it can be told from what they
/// are. What would be in vain to mend, is said first.
pub fn check_join(leader: &Facts, joiner: &Facts) -> Result<(), Refusal> {
    if leader.host == joiner.host || leader.fingerprint == joiner.fingerprint {
        return Err(Refusal::Itself);
    }
    if leader.mode != joiner.mode {
        return Err(Refusal::OtherMode {
            leader: leader.mode,
            joiner: joiner.mode,
        });
    }
    if leader.mode == Mode::Agent && leader.os != joiner.os {
        return Err(Refusal::OtherOperatingSystem {
            leader: leader.os.clone(),
            joiner: joiner.os.clone(),
        });
    }
    if !is_compatible(leader, joiner) {
        return Err(Refusal::IncompatibleVersion {
            leader: leader.version.clone(),
            joiner: joiner.version.clone(),
        });
    }
    for (facts, side) in [(leader, Side::Leader), (joiner, Side::Joiner)] {
        if !facts.multi_node {
            return Err(Refusal::MultiNodeOff { side });
        }
    }
    if joiner.workloads > 0 {
        return Err(Refusal::RunningWorkloads {
            workloads: joiner.workloads,
        });
    }
    Ok(())
}

/// The same protocol, and the same version but for its last number: fixes may
/// differ, so that linked hosts are updated one after the other. Beyond that
/// the protocol may be the same and still mean something else, since roles and
/// their contracts come with a version.
fn is_compatible(leader: &Facts, joiner: &Facts) -> bool {
    let first_two = |facts: &Facts| {
        let mut numbers = facts.version.split('.').map(str::parse::<u64>);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        numbers.next().map(|_| (major, minor))
    };
    leader.protocol == joiner.protocol
        && first_two(leader).is_some()
        && first_two(leader) == first_two(joiner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(host: u128) -> Facts {
        Facts {
            version: "1.4.2".to_owned(),
            protocol: 3,
            mode: Mode::Agent,
            os: "debian 12".to_owned(),
            multi_node: true,
            workloads: 0,
            host: Uuid::from_u128(host),
            fingerprint: Pin::of_public_key(&host.to_be_bytes()),
        }
    }

    fn code(change: impl FnOnce(&mut Facts, &mut Facts)) -> Option<&'static str> {
        let (mut leader, mut joiner) = (facts(1), facts(2));
        change(&mut leader, &mut joiner);
        check_join(&leader, &joiner)
            .err()
            .map(|refusal| refusal.code())
    }

    #[test]
    fn two_of_a_kind_may_be_linked() {
        assert_eq!(code(|_, _| ()), None);
        assert_eq!(code(|leader, _| leader.workloads = 9), None);
        assert_eq!(code(|_, joiner| joiner.version = "1.4.9-rc.1".into()), None);
    }

    #[test]
    fn each_difference_has_its_reason() {
        assert_eq!(
            code(|leader, joiner| joiner.host = leader.host),
            Some("itself")
        );
        assert_eq!(
            code(|leader, joiner| joiner.fingerprint = leader.fingerprint),
            Some("itself")
        );
        assert_eq!(
            code(|_, joiner| joiner.mode = Mode::Appliance),
            Some("other-mode")
        );
        assert_eq!(
            code(|_, joiner| joiner.os = "fedora 44".into()),
            Some("other-operating-system")
        );
        assert_eq!(
            code(|leader, _| leader.multi_node = false),
            Some("multi-node-off")
        );
        assert_eq!(
            code(|_, joiner| joiner.multi_node = false),
            Some("multi-node-off")
        );
        assert_eq!(
            code(|_, joiner| joiner.workloads = 1),
            Some("running-workloads")
        );
    }

    #[test]
    fn appliances_bring_their_own_operating_system() {
        let appliances = |leader: &mut Facts, joiner: &mut Facts| {
            (leader.mode, joiner.mode) = (Mode::Appliance, Mode::Appliance);
            joiner.os = "fedora 44".into();
        };
        assert_eq!(code(appliances), None);
    }

    #[test]
    fn versions_agree_in_their_first_two_numbers() {
        for version in ["1.5.0", "2.4.2", "0.4.2", "1.4", "1", "", "new", "1.x.2"] {
            assert_eq!(
                code(|_, joiner| joiner.version = version.to_owned()),
                Some("incompatible-version"),
                "{version}"
            );
        }
        assert_eq!(
            code(|_, joiner| joiner.protocol = 4),
            Some("incompatible-version")
        );
        let unknown = |leader: &mut Facts, joiner: &mut Facts| {
            (leader.version, joiner.version) = ("dev".into(), "dev".into());
        };
        assert_eq!(code(unknown), Some("incompatible-version"));
    }
}
