//! What a leader knows of its members from their heartbeats.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often a member says hello. Often enough that a lost host is noticed
/// while a person still waits, and so little that a hundred members cost their
/// leader 50 small requests a second.
pub const HEARTBEAT: Duration = Duration::from_secs(2);

/// After how long a silence a member counts as unreachable: five heartbeats,
/// so that a lost packet or a busy second moves nobody's apps, and still soon
/// enough that what ran there serves elsewhere within 15 seconds.
pub const UNREACHABLE_AFTER: Duration = Duration::from_secs(10);

/// After how long without a question for news, and without a word, a member is
/// shown as unreachable although [`UNREACHABLE_AFTER`] is not over: a host that
/// lives asks anew within a second and says hello every two, and one whose
/// process has ended closed its connections with it. People see it this early;
/// nothing is moved yet.
pub const SHOWN_AFTER: Duration = Duration::from_secs(3);

/// How a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// It is there, and has nothing to do.
    Ready,
    /// It is there, and runs something.
    InUse,
    /// Nothing was heard of it for [`UNREACHABLE_AFTER`].
    Unreachable,
}

/// Where a host is reached, as the host itself says. The number grows with each
/// change, and the greater number is right: what comes late or from a backup
/// does not bring an old address back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Addresses {
    /// The number of the change.
    pub generation: u64,
    /// The addresses as `host:port`, the best first.
    pub list: Vec<String>,
}

/// What came of hearing where a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It is where it was.
    Same,
    /// It has moved; the others have to know.
    Moved,
    /// It names other addresses under a number that is not new. They are not
    /// taken; the host is to be told this number, and says it again with a
    /// greater one.
    Behind(u64),
}

impl Addresses {
    /// Takes what a host says of itself, if it is news.
    pub fn hear(&mut self, said: &Self) -> Heard {
        if said.generation > self.generation {
            let moved = said.list != self.list;
            *self = said.clone();
            return if moved { Heard::Moved } else { Heard::Same };
        }
        if said.list == self.list {
            Heard::Same
        } else {
            Heard::Behind(self.generation)
        }
    }

    /// On the host itself: these are its addresses now, and its leader knows of
    /// changes up to `known`. Whether anything changed.
    pub fn set(&mut self, list: Vec<String>, known: u64) -> bool {
        if self.list == list && known <= self.generation {
            return false;
        }
        self.generation = self.generation.max(known).saturating_add(1);
        self.list = list;
        true
    }
}

/// A member as its leader hears it. Times are those of a clock that nobody can
/// set, such as since the leader's start; a leader that has just started hears
/// all its members at once, so that it does not take its own absence for
/// theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    heard_at: Duration,
    workloads: u32,
    listening: Listening,
    /// Whether it was told that the member is away.
    told_away: bool,
}

/// Whether a member has a question for news open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listening {
    /// It has not asked yet.
    NotYet,
    /// It has one open that began then.
    Since(Duration),
    /// The last one ended then.
    Until(Duration),
}

impl Presence {
    /// A member that has just been heard, or that is given the time to be.
    pub fn new(now: Duration) -> Self {
        Self {
            heard_at: now,
            workloads: 0,
            listening: Listening::NotYet,
            told_away: false,
        }
    }

    /// The member said hello, and that this many workloads run there.
    pub fn hear(&mut self, now: Duration, workloads: u32) {
        self.heard_at = self.heard_at.max(now);
        self.workloads = workloads;
    }

    /// How it is.
    pub fn health(&self, now: Duration) -> Health {
        if now.saturating_sub(self.heard_at) >= UNREACHABLE_AFTER {
            Health::Unreachable
        } else if self.workloads > 0 {
            Health::InUse
        } else {
            Health::Ready
        }
    }

    /// The member asks for news, and waits for them.
    pub fn listens(&mut self, now: Duration) {
        self.listening = Listening::Since(now);
    }

    /// The question that it asked at `since` has ended, with an answer or without.
    /// It has asked again meanwhile if its newest question is another one.
    pub fn listened(&mut self, since: Duration, now: Duration) {
        if self.listening == Listening::Since(since) {
            self.listening = Listening::Until(now);
        }
    }

    /// How it is shown to people, who hear of its end before anything is moved.
    pub fn shown(&self, now: Duration) -> Health {
        match self.away_at() {
            Some(at) if now >= at => Health::Unreachable,
            _ => self.health(now),
        }
    }

    /// When it is shown as unreachable, because it has stopped listening.
    pub fn away_at(&self) -> Option<Duration> {
        match self.listening {
            Listening::Until(end) => Some(end.max(self.heard_at) + SHOWN_AFTER),
            Listening::NotYet | Listening::Since(_) => None,
        }
    }

    /// Whether it is shown otherwise than was told last.
    pub fn has_turned(&self, now: Duration) -> bool {
        (self.shown(now) == Health::Unreachable) != self.told_away
    }

    /// How it is shown was told.
    pub fn told(&mut self, now: Duration) {
        self.told_away = self.shown(now) == Health::Unreachable;
    }

    /// When it becomes unreachable, if nothing is heard of it until then.
    pub fn silent_at(&self) -> Duration {
        self.heard_at + UNREACHABLE_AFTER
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_member_is_unreachable_after_five_heartbeats_without_a_word() {
        let mut member = Presence::new(Duration::ZERO);
        member.hear(HEARTBEAT, 0);
        assert_eq!(member.health(HEARTBEAT * 5), Health::Ready);
        assert_eq!(member.health(HEARTBEAT * 6), Health::Unreachable);
        assert_eq!(member.silent_at(), HEARTBEAT * 6);
        member.hear(HEARTBEAT * 7, 3);
        assert_eq!(member.health(HEARTBEAT * 7), Health::InUse);
        assert_eq!(member.health(HEARTBEAT * 12), Health::Unreachable);
    }

    #[test]
    fn a_member_that_stops_listening_is_shown_so_before_it_counts_as_lost() {
        let start = Duration::ZERO;
        let mut member = Presence::new(start);
        assert_eq!(
            member.shown(SHOWN_AFTER),
            Health::Ready,
            "it asked nothing yet"
        );
        member.listens(start);
        let (asked, end) = (HEARTBEAT, HEARTBEAT * 2);
        member.listens(asked);
        member.listened(start, end);
        assert_eq!(member.away_at(), None, "its newest question is open");
        member.listened(asked, end);
        member.hear(end, 1);
        assert_eq!(member.shown(end), Health::InUse);
        assert!(!member.has_turned(end));
        let away = end + SHOWN_AFTER;
        assert_eq!(member.shown(away), Health::Unreachable);
        assert_eq!(member.health(away), Health::InUse, "nothing is moved yet");
        assert!(member.has_turned(away));
        member.told(away);
        assert!(!member.has_turned(away));
        member.listens(away);
        assert_eq!(member.shown(away), Health::InUse);
        assert!(member.has_turned(away));
    }

    #[test]
    fn a_word_counts_as_much_as_a_question() {
        let mut member = Presence::new(Duration::ZERO);
        member.listens(Duration::ZERO);
        member.listened(Duration::ZERO, Duration::ZERO);
        for beat in 1..4 {
            member.hear(HEARTBEAT * beat, 0);
            assert_eq!(member.shown(HEARTBEAT * (beat + 1)), Health::Ready);
        }
    }

    #[test]
    fn a_host_that_was_restored_learns_how_far_it_had_counted() {
        let mut known = Addresses {
            generation: 7,
            list: vec!["new:7444".into()],
        };
        let mut host = Addresses {
            generation: 3,
            list: vec!["restored:7444".into()],
        };
        assert_eq!(known.hear(&host), Heard::Behind(7));
        assert_eq!(known.list, ["new:7444"]);
        assert!(host.set(host.list.clone(), 7));
        assert_eq!(known.hear(&host), Heard::Moved);
        assert_eq!(known.list, ["restored:7444"]);
        assert!(!host.set(host.list.clone(), 7));
    }

    proptest! {
        /// A host moves about; what it says comes doubled and in any order.
        #[test]
        fn the_last_address_wins_in_any_order(
            moves in prop::collection::vec(0u8..4, 1..12),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        ) {
            let (mut host, mut known, mut said) = (Addresses::default(), Addresses::default(), vec![]);
            for place in moves {
                host.set(vec![format!("{place}:7444")], 0);
                said.push(host.clone());
            }
            for index in order {
                let before = known.generation;
                known.hear(&said[index.index(said.len())]);
                prop_assert!(known.generation >= before);
            }
            known.hear(&host);
            prop_assert_eq!(known, host);
        }
    }
}
