//! Hashing passwords, as many at once as there is memory for.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use muster_api::config::passwords::PasswordPolicy;
use tokio::sync::Semaphore;

use super::policy::{MAX_BYTES, WeakPassword, check};

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
    use super::*;

    const GOOD: &str = "quietly-borrowed 47 umbrellas";

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
    async fn without_a_user_no_password_is_good_not_even_the_decoys() {
        let hasher = Hasher {
            decoy: hash_now(GOOD.as_bytes()).unwrap().into(),
            ..Hasher::new(1).unwrap()
        };
        for password in ["", GOOD, hasher.decoy.clone().as_ref()] {
            assert!(!hasher.verify(password, None).await.unwrap().good);
        }
    }

    #[test]
    fn an_unknown_user_takes_the_work_of_a_known_one() {
        let hasher = Hasher::new(1).unwrap();
        let decoy = PasswordHash::new(&hasher.decoy).unwrap();
        assert!(!needs_rehash(&decoy));
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
}
