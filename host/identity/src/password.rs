//! Passwords: whether one is good enough, and hashing them.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use muster_api::config::passwords::PasswordPolicy;
use tokio::sync::Semaphore;
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
/// calls [`Hasher::accept`] instead.
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

/// Why nothing was hashed or compared.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The stored text is no hash that is known here.
    #[error("a stored password hash cannot be read: {0}")]
    Unreadable(String),
    /// Hashing failed.
    #[error("a password cannot be hashed: {0}")]
    Failed(String),
}

/// Why a new password was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// It is not good enough.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// It cannot be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
}

/// Hashes and verifies passwords with argon2id. Each computation takes 19 MiB
/// and tens of milliseconds, so only so many run at once and the others wait.
#[derive(Debug, Clone)]
pub struct Hasher {
    turns: Arc<Semaphore>,
    /// The hash of a password that nobody has.
    decoy: Arc<str>,
}

/// What became of a password that somebody showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is the right one.
    pub good: bool,
    /// Whether its hash was made with other parameters than those of today
    /// and should be made anew while the password is at hand.
    pub needs_rehash: bool,
}

impl Hasher {
    /// Computes at most `at_once` hashes at the same time (at least one).
    ///
    /// # Errors
    ///
    /// If not even the decoy can be hashed.
    pub fn new(at_once: usize) -> Result<Self, HashError> {
        let decoy = hash_now(&rand::random::<[u8; 32]>())?;
        Ok(Self {
            turns: Arc::new(Semaphore::new(at_once.clamp(1, Semaphore::MAX_PERMITS))),
            decoy: decoy.into(),
        })
    }

    /// Checks a new password by [`check`] and hashes it, as a PHC string.
    ///
    /// # Errors
    ///
    /// Says what is weak and what would help; or that hashing failed.
    pub async fn accept(
        &self,
        policy: &PasswordPolicy,
        password: &str,
        about: &[&str],
    ) -> Result<String, AcceptError> {
        if password.len() > MAX_BYTES {
            return Err(WeakPassword::TooLong.into());
        }
        let policy = policy.clone();
        let password = password.to_owned();
        let about: Vec<String> = about.iter().map(|text| (*text).to_owned()).collect();
        self.in_turn(move || {
            let about: Vec<&str> = about.iter().map(String::as_str).collect();
            check(&policy, &password, &about)?;
            Ok(hash_now(password.as_bytes())?)
        })
        .await
    }

    /// Hashes a password whatever it is (one that was made up, or one that
    /// needs a rehash), as a PHC string.
    ///
    /// # Errors
    ///
    /// [`HashError::Failed`], also for passwords beyond [`MAX_BYTES`].
    pub async fn hash(&self, password: &str) -> Result<String, HashError> {
        if password.len() > MAX_BYTES {
            return Err(HashError::Failed(WeakPassword::TooLong.to_string()));
        }
        let password = password.to_owned();
        self.in_turn(move || hash_now(password.as_bytes())).await
    }

    /// Whether a password is the one that was hashed. Without a hash (there is
    /// no such user, or one without a password) it takes as long and the
    /// answer is no.
    ///
    /// # Errors
    ///
    /// If what is stored is no hash.
    pub async fn verify(&self, password: &str, hash: Option<&str>) -> Result<Verdict, HashError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.decoy).to_owned();
        // Nobody's password is so long; an empty one takes as much to refuse.
        let fits = password.len() <= MAX_BYTES;
        let password = if fits { password } else { "" }.to_owned();
        self.in_turn(move || {
            let parsed = PasswordHash::new(&hash)
                .map_err(|error| HashError::Unreadable(error.to_string()))?;
            let good = hasher()
                .verify_password(password.as_bytes(), &parsed)
                .is_ok()
                && known
                && fits;
            Ok(Verdict {
                good,
                needs_rehash: good && needs_rehash(&parsed),
            })
        })
        .await
    }

    /// Runs on a thread where it disturbs nobody. Whoever stops waiting does
    /// not end the computation, so the turn goes with it.
    async fn in_turn<T: Send + 'static, E: From<HashError> + Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|error| HashError::Failed(error.to_string()))?;
        tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        })
        .await
        .map_err(|error| HashError::Failed(error.to_string()))?
    }
}

/// Argon2id with 19 MiB, two passes and one lane, as OWASP recommends; these
/// are also the crate's defaults, written out so that an update of the crate
/// does not change them.
fn hasher() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, Some(32)).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash_now(password: &[u8]) -> Result<String, HashError> {
    hasher()
        .hash_password(password)
        .map(|hash| hash.to_string())
        .map_err(|error| HashError::Failed(error.to_string()))
}

fn needs_rehash(hash: &PasswordHash) -> bool {
    let today = hasher();
    let params = Params::try_from(hash);
    hash.algorithm != Algorithm::Argon2id.ident()
        || hash.version != Some(Version::V0x13.into())
        || !params.is_ok_and(|params| {
            let wanted = today.params();
            (params.m_cost(), params.t_cost(), params.p_cost())
                == (wanted.m_cost(), wanted.t_cost(), wanted.p_cost())
        })
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

    #[tokio::test]
    async fn the_right_password_is_good_and_others_are_not() {
        let hasher = Hasher::new(2).unwrap();
        let hash = hasher.hash(GOOD).await.unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        let good = hasher.verify(GOOD, Some(&hash)).await.unwrap();
        assert_eq!(
            good,
            Verdict {
                good: true,
                needs_rehash: false
            }
        );
        for wrong in [
            "",
            " ",
            "quietly-borrowed 47 umbrella",
            "QUIETLY-BORROWED 47 UMBRELLAS",
            &hash,
        ] {
            assert!(
                !hasher.verify(wrong, Some(&hash)).await.unwrap().good,
                "{wrong}"
            );
        }
    }

    #[tokio::test]
    async fn a_new_password_is_checked_before_it_is_hashed() {
        let hasher = Hasher::new(1).unwrap();
        let policy = PasswordPolicy::default();
        let hash = hasher.accept(&policy, GOOD, &["ada"]).await.unwrap();
        assert!(hasher.verify(GOOD, Some(&hash)).await.unwrap().good);
        for weak in ["short", "password123", &"x7".repeat(MAX_BYTES)] {
            let result = hasher.accept(&policy, weak, &["ada"]).await;
            assert!(matches!(result, Err(AcceptError::Weak(_))), "{weak:.20}");
        }
        let own = hasher.accept(&policy, "xandrovesk1", &["xandrovesk"]).await;
        assert!(matches!(
            own,
            Err(AcceptError::Weak(WeakPassword::Guessable { .. }))
        ));
    }

    #[tokio::test]
    async fn the_same_password_has_another_hash_each_time() {
        let hasher = Hasher::new(2).unwrap();
        assert_ne!(
            hasher.hash(GOOD).await.unwrap(),
            hasher.hash(GOOD).await.unwrap()
        );
    }

    #[tokio::test]
    async fn without_a_user_no_password_is_good() {
        let hasher = Hasher::new(1).unwrap();
        for password in ["", GOOD, hasher.decoy.clone().as_ref()] {
            assert!(!hasher.verify(password, None).await.unwrap().good);
        }
    }

    #[tokio::test]
    async fn a_password_that_is_too_long_is_wrong_even_where_an_empty_one_is_right() {
        let hasher = Hasher::new(1).unwrap();
        let empty = hasher.hash("").await.unwrap();
        let huge = "x".repeat(MAX_BYTES + 1);
        assert!(!hasher.verify(&huge, Some(&empty)).await.unwrap().good);
        assert!(hasher.hash(&huge).await.is_err());
    }

    #[tokio::test]
    async fn hashes_of_other_times_verify_and_ask_for_a_new_one() {
        let hasher = Hasher::new(1).unwrap();
        for (algorithm, memory, passes) in [
            (Algorithm::Argon2id, 8 * 1024, 1),
            (Algorithm::Argon2id, 19 * 1024, 1),
            (Algorithm::Argon2i, 19 * 1024, 2),
        ] {
            let params = Params::new(memory, passes, 1, None).unwrap();
            let old = Argon2::new(algorithm, Version::V0x13, params);
            let hash = old.hash_password(GOOD.as_bytes()).unwrap().to_string();
            let verdict = hasher.verify(GOOD, Some(&hash)).await.unwrap();
            assert_eq!(
                verdict,
                Verdict {
                    good: true,
                    needs_rehash: true
                },
                "{hash}"
            );
            let wrong = hasher.verify("wrong", Some(&hash)).await.unwrap();
            assert_eq!(
                wrong,
                Verdict {
                    good: false,
                    needs_rehash: false
                }
            );
        }
    }

    #[tokio::test]
    async fn what_is_no_hash_is_an_error_and_not_a_wrong_password() {
        let hasher = Hasher::new(1).unwrap();
        for stored in [
            "",
            "plain",
            "$argon2id$",
            "$argon2id$v=19$m=19456,t=2,p=1$$",
        ] {
            let result = hasher.verify("plain", Some(stored)).await;
            assert!(
                matches!(
                    result,
                    Err(HashError::Unreadable(_)) | Ok(Verdict { good: false, .. })
                ),
                "{stored}"
            );
        }
        let plain = hasher.verify("plain", Some("plain")).await;
        assert!(matches!(plain, Err(HashError::Unreadable(_))));
    }

    #[tokio::test]
    async fn no_more_hashes_at_once_than_allowed_and_a_turn_comes_back() {
        use std::sync::atomic::{AtomicUsize, Ordering};

        let hasher = Hasher::new(2).unwrap();
        let running = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let (hasher, running, most) = (hasher.clone(), Arc::clone(&running), Arc::clone(&most));
            tasks.spawn(async move {
                hasher
                    .in_turn(move || {
                        most.fetch_max(
                            running.fetch_add(1, Ordering::SeqCst) + 1,
                            Ordering::SeqCst,
                        );
                        std::thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                        Ok::<_, HashError>(())
                    })
                    .await
            });
        }
        while let Some(result) = tasks.join_next().await {
            result.unwrap().unwrap();
        }
        assert!(most.load(Ordering::SeqCst) <= 2);
        assert_eq!(hasher.turns.available_permits(), 2);
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
