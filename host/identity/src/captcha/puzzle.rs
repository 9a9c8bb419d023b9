//! The built-in puzzle: proof of work in the ALTCHA protocol. The server signs
//! a challenge and forgets it; the client looks for a number whose PBKDF2 hash
//! begins with zeros; checking takes one hash. It stops nobody who has time,
//! but makes a thousand tries cost a thousand times as much.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use altcha::{
    Challenge, CreateChallengeOptions, Payload, SolveChallengeOptions, VerifySolutionOptions,
    create_challenge, solve_challenge, verify_solution,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use muster_api::{captcha::CaptchaChallenge, config::captcha::Puzzle as Settings};
use serde_json::Value;
use time::OffsetDateTime;

use super::CaptchaError;
use crate::secret::{Kind, issue};

const ALGORITHM: &str = "PBKDF2/SHA-256";
/// A proof takes about 600 bytes.
const MAX_PROOF: usize = 8 << 10;
/// How many solved puzzles are remembered until they expire: some ten MiB.
/// Each costs whoever solves it more than it costs to remember.
const MAX_REMEMBERED: usize = 65_536;
/// The most rounds that [`solve`] computes for one try.
const MAX_ROUNDS: u32 = 100_000;

/// Gives out puzzles and checks what was made of them. The key that signs them
/// is in memory alone, and so is the memory of those that were solved: a
/// restart voids all.
#[derive(Debug)]
pub struct Puzzles {
    settings: Settings,
    key: muster_api::config::Secret,
    /// Signatures of solved puzzles, and when each expires in seconds since
    /// 1970.
    solved: Mutex<HashMap<String, i64>>,
    remember: usize,
}

impl Puzzles {
    /// Puzzles as hard as configured.
    pub fn new(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            key: issue(Kind::Shared).text,
            solved: Mutex::default(),
            remember: MAX_REMEMBERED,
        }
    }

    /// A new puzzle.
    ///
    /// # Errors
    ///
    /// [`CaptchaError::Configuration`] if it cannot be made.
    pub fn challenge(&self, now: OffsetDateTime) -> Result<CaptchaChallenge, CaptchaError> {
        let failed = |error: String| CaptchaError::Configuration(error);
        let expires = now + Duration::from(self.settings.life);
        let challenge = create_challenge(CreateChallengeOptions {
            algorithm: ALGORITHM.to_owned(),
            cost: self.settings.rounds,
            key_prefix: "0".repeat(self.settings.zeros.into()),
            expires_at: Some(expires.unix_timestamp()),
            hmac_signature_secret: Some(self.key.expose().to_owned()),
            ..CreateChallengeOptions::default()
        })
        .map_err(|error| failed(error.to_string()))?;
        let challenge = serde_json::to_value(challenge).map_err(|e| failed(e.to_string()))?;
        Ok(CaptchaChallenge::Puzzle { challenge })
    }

    /// Checks a proof and uses it up.
    ///
    /// # Errors
    ///
    /// Unless it is good, in time and new.
    pub fn verify(&self, proof: &str, now: OffsetDateTime) -> Result<(), CaptchaError> {
        let wrong = |reason: &str| CaptchaError::Wrong(reason.to_owned());
        if proof.len() > MAX_PROOF {
            return Err(wrong("it is too long"));
        }
        let json = STANDARD
            .decode(proof)
            .map_err(|_| wrong("it is no base64"))?;
        let proof: Payload =
            serde_json::from_slice(&json).map_err(|error| wrong(&error.to_string()))?;
        let result = verify_solution(VerifySolutionOptions::new(
            &proof.challenge,
            &proof.solution,
            self.key.expose(),
        ))
        .map_err(|error| wrong(&error.to_string()))?;
        if result.expired {
            return Err(CaptchaError::Expired);
        }
        if !result.verified {
            return Err(wrong(if result.invalid_signature == Some(true) {
                "the puzzle is not from here"
            } else {
                "the solution is wrong"
            }));
        }
        // Signed, so both are what was given out.
        let Challenge {
            parameters,
            signature,
        } = proof.challenge;
        let expires = parameters.expires_at.unwrap_or(0);
        if expires < now.unix_timestamp() {
            return Err(CaptchaError::Expired);
        }
        self.use_up(signature.unwrap_or_default(), expires, now)
    }

    fn use_up(
        &self,
        signature: String,
        expires: i64,
        now: OffsetDateTime,
    ) -> Result<(), CaptchaError> {
        let mut solved = self.solved.lock().unwrap_or_else(PoisonError::into_inner);
        if solved.contains_key(&signature) {
            return Err(CaptchaError::Used);
        }
        if solved.len() >= self.remember {
            let now = now.unix_timestamp();
            solved.retain(|_, expires| *expires >= now);
        }
        if solved.len() >= self.remember {
            return Err(CaptchaError::Busy);
        }
        solved.insert(signature, expires);
        Ok(())
    }
}

/// Why a puzzle was not solved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SolveError {
    /// It is no puzzle that is known here, or one of absurd difficulty.
    #[error("the server's puzzle cannot be solved: {0}")]
    Unknown(String),
    /// It took too long.
    #[error("the server's puzzle was not solved within {} s", .0.as_secs())]
    TooLong(Duration),
}

/// Solves a puzzle, which takes a moment of computing, and gives the proof.
///
/// # Errors
///
/// If it is no puzzle, or takes longer than `within`.
pub fn solve(challenge: &Value, within: Duration) -> Result<String, SolveError> {
    let unknown = |problem: String| SolveError::Unknown(problem);
    let challenge: Challenge =
        serde_json::from_value(challenge.clone()).map_err(|error| unknown(error.to_string()))?;
    let parameters = &challenge.parameters;
    if parameters.algorithm != ALGORITHM {
        return Err(unknown(format!(
            "its algorithm is {}",
            parameters.algorithm
        )));
    }
    // Time is looked at between tries, so one try must be short.
    if parameters.cost > MAX_ROUNDS || parameters.key_length > 64 {
        return Err(unknown("it is too hard".to_owned()));
    }
    let options = SolveChallengeOptions {
        timeout_ms: u64::try_from(within.as_millis()).unwrap_or(u64::MAX).max(1),
        ..SolveChallengeOptions::new(&challenge)
    };
    let solution = solve_challenge(options)
        .map_err(|error| unknown(error.to_string()))?
        .ok_or(SolveError::TooLong(within))?;
    let proof = Payload {
        challenge,
        solution,
    };
    let proof = serde_json::to_vec(&proof).map_err(|error| unknown(error.to_string()))?;
    Ok(STANDARD.encode(proof))
}

#[cfg(test)]
mod tests {
    use muster_api::units::Millis;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn easy() -> Settings {
        Settings {
            rounds: 1,
            zeros: 1,
            life: Millis(60_000),
        }
    }

    fn now() -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    fn puzzle(puzzles: &Puzzles) -> Value {
        match puzzles.challenge(now()).unwrap() {
            CaptchaChallenge::Puzzle { challenge } => challenge,
            other => panic!("{other:?}"),
        }
    }

    fn solved(puzzles: &Puzzles) -> Value {
        let proof = solve(&puzzle(puzzles), MINUTE).unwrap();
        serde_json::from_slice(&STANDARD.decode(proof).unwrap()).unwrap()
    }

    fn encode(proof: &Value) -> String {
        STANDARD.encode(proof.to_string())
    }

    #[test]
    fn a_solved_puzzle_is_good_once() {
        for zeros in [1, 2] {
            let puzzles = Puzzles::new(&Settings { zeros, ..easy() });
            let proof = solve(&puzzle(&puzzles), MINUTE).unwrap();
            assert_eq!(puzzles.verify(&proof, now()), Ok(()));
            assert_eq!(puzzles.verify(&proof, now()), Err(CaptchaError::Used));
        }
    }

    #[test]
    fn the_same_solution_in_other_words_is_used_too() {
        let puzzles = Puzzles::new(&easy());
        let mut proof = solved(&puzzles);
        assert_eq!(puzzles.verify(&encode(&proof), now()), Ok(()));
        proof["solution"]["time"] = json!(12.5);
        proof["extra"] = json!("x");
        assert_eq!(
            puzzles.verify(&encode(&proof), now()),
            Err(CaptchaError::Used)
        );
        let signature = proof["challenge"]["signature"].as_str().unwrap();
        proof["challenge"]["signature"] = signature.to_uppercase().into();
        assert!(matches!(
            puzzles.verify(&encode(&proof), now()),
            Err(CaptchaError::Wrong(_))
        ));
    }

    #[test]
    fn a_puzzle_cannot_be_made_easier_or_live_longer() {
        let puzzles = Puzzles::new(&Settings { zeros: 3, ..easy() });
        let hard = puzzle(&puzzles);
        for (field, value) in [
            ("keyPrefix", json!("")),
            ("cost", json!(0)),
            ("keyLength", json!(1)),
            ("expiresAt", json!(0)),
            ("expiresAt", json!(i64::MAX)),
            ("algorithm", json!("SHA-256")),
            ("keySignature", json!("")),
            ("nonce", json!("00")),
        ] {
            let mut proof =
                json!({"challenge": hard, "solution": {"counter": 0, "derivedKey": ""}});
            proof["challenge"]["parameters"][field] = value;
            let result = puzzles.verify(&encode(&proof), now());
            assert!(
                matches!(result, Err(CaptchaError::Wrong(_))),
                "{field}: {result:?}"
            );
        }
        let unsigned = json!({
            "challenge": {"parameters": hard["parameters"]},
            "solution": {"counter": 0, "derivedKey": ""},
        });
        assert!(matches!(
            puzzles.verify(&encode(&unsigned), now()),
            Err(CaptchaError::Wrong(_))
        ));
    }

    #[test]
    fn a_guess_is_no_solution() {
        let puzzles = Puzzles::new(&Settings { zeros: 4, ..easy() });
        let challenge = puzzle(&puzzles);
        let key = format!("0000{}", "f".repeat(60));
        for counter in 0..20 {
            let proof = json!({"challenge": challenge, "solution": {"counter": counter, "derivedKey": key}});
            let result = puzzles.verify(&encode(&proof), now());
            assert!(matches!(result, Err(CaptchaError::Wrong(_))));
        }
    }

    #[test]
    fn a_puzzle_from_elsewhere_is_refused() {
        let (ours, theirs) = (Puzzles::new(&easy()), Puzzles::new(&easy()));
        let proof = encode(&solved(&theirs));
        assert!(matches!(
            ours.verify(&proof, now()),
            Err(CaptchaError::Wrong(_))
        ));
    }

    #[test]
    fn a_puzzle_expires() {
        let puzzles = Puzzles::new(&easy());
        let proof = encode(&solved(&puzzles));
        let later = now() + Duration::from_secs(62);
        assert_eq!(puzzles.verify(&proof, later), Err(CaptchaError::Expired));
        assert_eq!(
            puzzles.verify(&proof, now()),
            Ok(()),
            "that used nothing up"
        );
    }

    #[test]
    fn what_is_remembered_is_bounded_and_room_comes_back() {
        let mut puzzles = Puzzles::new(&easy());
        puzzles.remember = 2;
        let proofs: Vec<_> = (0..3).map(|_| encode(&solved(&puzzles))).collect();
        assert_eq!(puzzles.verify(&proofs[0], now()), Ok(()));
        assert_eq!(puzzles.verify(&proofs[1], now()), Ok(()));
        assert_eq!(puzzles.verify(&proofs[2], now()), Err(CaptchaError::Busy));
        assert_eq!(puzzles.verify(&proofs[0], now()), Err(CaptchaError::Used));
        let later = now() + Duration::from_secs(62);
        assert_eq!(
            puzzles.use_up("another".to_owned(), i64::MAX, later),
            Ok(())
        );
    }

    #[test]
    fn of_many_uses_at_once_one_is_first() {
        let puzzles = Puzzles::new(&easy());
        let proof = encode(&solved(&puzzles));
        let good = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| puzzles.verify(&proof, now())))
                .collect();
            tries
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .filter(Result::is_ok)
                .count()
        });
        assert_eq!(good, 1);
    }

    #[test]
    fn a_server_cannot_keep_a_client_busy_for_ever() {
        let puzzles = Puzzles::new(&easy());
        let mut endless = puzzle(&puzzles);
        endless["parameters"]["keyPrefix"] = "0".repeat(64).into();
        let within = Duration::from_millis(50);
        assert_eq!(solve(&endless, within), Err(SolveError::TooLong(within)));
        let mut heavy = puzzle(&puzzles);
        heavy["parameters"]["cost"] = u32::MAX.into();
        assert!(matches!(solve(&heavy, within), Err(SolveError::Unknown(_))));
        let mut other = puzzle(&puzzles);
        other["parameters"]["algorithm"] = "SCRYPT".into();
        assert!(matches!(solve(&other, within), Err(SolveError::Unknown(_))));
        assert!(matches!(
            solve(&json!({}), within),
            Err(SolveError::Unknown(_))
        ));
    }

    #[test]
    fn what_is_logged_shows_no_key() {
        let puzzles = Puzzles::new(&easy());
        assert!(!format!("{puzzles:?}").contains(puzzles.key.expose()));
    }

    proptest! {
        #[test]
        fn any_text_is_refused(text in ".{0,200}", json in ".{0,200}") {
            let puzzles = Puzzles::new(&easy());
            prop_assert!(puzzles.verify(&text, now()).is_err());
            prop_assert!(puzzles.verify(&STANDARD.encode(json), now()).is_err());
        }
    }
}
