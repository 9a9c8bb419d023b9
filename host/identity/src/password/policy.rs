//! Whether a new password is good enough.

use muster_api::config::passwords::PasswordPolicy;
use zxcvbn::{Score, zxcvbn};

/// Longer ones are refused unread. In bytes.
pub const MAX_BYTES: usize = 1024;
/// As much of a password is judged, in characters. The estimate takes seconds
/// for long texts that are made to be slow; whoever has a weak beginning of
/// this length is not helped by what follows.
const JUDGED: usize = 48;

/// Why a password is not good enough.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// It is longer than [`MAX_BYTES`].
    #[error("the password is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// It has too few characters.
    #[error("the password has {length} characters; at least {needed} are needed")]
    TooShort {
        /// How many it has.
        length: usize,
        /// How many it needs.
        needed: usize,
    },
    /// It is too easy to guess.
    #[error("the password is too easy to guess: {advice}")]
    Guessable {
        /// From 0 to 4.
        score: u8,
        /// The score it needs.
        needed: u8,
        /// What is weak, and what would help, as sentences.
        advice: String,
    },
}

/// Checks a new password. `about` is what others know of its owner (user name,
/// e-mail address): a password made of it is as weak as a word in a
/// dictionary. Takes up to some hundred milliseconds of computing, so a server
/// calls [`Hasher::accept`](super::Hasher::accept) instead.
///
/// # Errors
///
/// Says what is weak and what would help.
pub fn check(policy: &PasswordPolicy, password: &str, about: &[&str]) -> Result<(), WeakPassword> {
    if password.len() > MAX_BYTES {
        return Err(WeakPassword::TooLong);
    }
    let length = password.chars().count();
    let needed = usize::try_from(policy.min_length).unwrap_or(usize::MAX);
    if length < needed {
        return Err(WeakPassword::TooShort { length, needed });
    }
    let known: Vec<&str> = about
        .iter()
        .flat_map(|text| std::iter::once(*text).chain(text.split(['@', '.', '-', '_', '+', ' '])))
        .chain(["muster"])
        .filter(|word| word.len() > 2)
        .collect();
    let judged: String = password.chars().take(JUDGED).collect();
    let estimate = zxcvbn(&judged, &known);
    let score = number(estimate.score());
    if score >= policy.min_score {
        return Ok(());
    }
    let advice = estimate.feedback().map_or_else(Vec::new, |feedback| {
        let warning = feedback.warning().map(|warning| warning.to_string());
        let suggestions = feedback.suggestions().iter().map(ToString::to_string);
        warning.into_iter().chain(suggestions).collect()
    });
    let advice = if advice.is_empty() {
        "Add another word or two. Uncommon words are better.".to_owned()
    } else {
        advice.join(" ")
    };
    Err(WeakPassword::Guessable {
        score,
        needed: policy.min_score,
        advice,
    })
}

fn number(score: Score) -> u8 {
    match score {
        Score::One => 1,
        Score::Two => 2,
        Score::Three => 3,
        Score::Four => 4,
        // The enum may grow; what it does not know is not trusted.
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "quietly-borrowed 47 umbrellas";

    fn advice(password: &str, about: &[&str]) -> String {
        check(&PasswordPolicy::default(), password, about)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_good_password_is_good() {
        assert_eq!(check(&PasswordPolicy::default(), GOOD, &["ada"]), Ok(()));
    }

    #[test]
    fn refusals_say_what_is_weak_and_what_would_help() {
        assert_eq!(
            advice("Tr0ub4d", &[]),
            "the password has 7 characters; at least 10 are needed"
        );
        let common = advice("password123", &[]);
        assert!(common.contains("common"), "{common}");
        assert!(common.contains("Add another word"), "{common}");
        let keys = advice("qwertyuiop", &[]);
        assert!(keys.contains("easy to guess:"), "{keys}");
        let repeats = advice("aaaaaaaaaaaaaaaa", &[]);
        assert!(repeats.contains("Repeats"), "{repeats}");
    }

    #[test]
    fn what_others_know_of_the_owner_protects_nothing() {
        let policy = PasswordPolicy::default();
        let about = ["xandrovesk", "xandrovesk@quolbrint-zarnow.example"];
        for password in [
            "xandrovesk1",
            "Xandrovesk!",
            "quolbrint1",
            "zarnow2026",
            "muster2026",
        ] {
            assert!(check(&policy, password, &about).is_err(), "{password}");
        }
        assert_eq!(check(&policy, "xandrovesk1", &["somebody-else"]), Ok(()));
    }

    #[test]
    fn length_is_counted_in_characters() {
        let policy = PasswordPolicy {
            min_score: 0,
            ..PasswordPolicy::default()
        };
        assert_eq!(
            check(&policy, "éééééé", &[]),
            Err(WeakPassword::TooShort {
                length: 6,
                needed: 10
            })
        );
        assert_eq!(check(&policy, "éèêëēéèêëē", &[]), Ok(()));
    }

    #[test]
    fn huge_passwords_are_refused_unread() {
        let policy = PasswordPolicy::default();
        let huge = "x7".repeat(MAX_BYTES);
        assert_eq!(check(&policy, &huge, &[]), Err(WeakPassword::TooLong));
        assert_eq!(check(&policy, &GOOD.repeat(20), &[]), Ok(()));
    }

    #[test]
    fn a_refusal_does_not_repeat_the_password() {
        assert!(!advice("hunter2hunter2", &[]).contains("hunter2"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_text_is_judged(password in ".{0,40}", about in proptest::collection::vec(".{0,20}", 0..3)) {
            let about: Vec<_> = about.iter().map(String::as_str).collect();
            let _ = check(&PasswordPolicy::default(), &password, &about);
        }
    }
}
