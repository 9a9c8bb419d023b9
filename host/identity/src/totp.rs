//! One-time codes from an authenticator app (RFC 6238): six digits of SHA-1,
//! every thirty seconds, since that is what every app can do.

use muster_api::config::Secret;
use time::OffsetDateTime;
use totp_rs::{Builder, Secret as Key};

/// Bytes of a secret: the 160 bits that RFC 4226 recommends.
const SECRET_BYTES: usize = 20;
const STEP_SECONDS: u64 = 30;
const DIGITS: usize = 6;
/// How many steps the app's clock may be off, either way.
const SKEW: u64 = 1;

/// Why a code was not accepted, or an enrolment not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TotpError {
    /// The code is wrong, out of its time, or was used before. One answer for
    /// all: more would help whoever guesses.
    #[error("the code is wrong or was used before; wait for the next one and try again")]
    Wrong,
    /// What is stored is no secret.
    #[error("the stored secret of the authenticator app cannot be read")]
    Secret,
    /// The issuer's or the account's name cannot stand in an enrolment.
    #[error("'{0}' cannot be shown in an authenticator app: it must not be empty or have a colon")]
    Name(String),
}

/// What an authenticator app needs, to be shown once.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// The secret in base32, for typing; this is what is stored.
    pub secret: Secret,
    /// The same as an `otpauth:` URI, for a QR code.
    pub uri: Secret,
}

/// Makes a secret for `account`, which the app shows under `issuer`. It
/// counts only once a first code from it was verified.
///
/// # Errors
///
/// [`TotpError::Name`].
pub fn enrol(issuer: &str, account: &str) -> Result<Enrolment, TotpError> {
    for name in [issuer, account] {
        if name.is_empty() || name.contains(':') {
            return Err(TotpError::Name(name.to_owned()));
        }
    }
    let totp = app(rand::random::<[u8; SECRET_BYTES]>())
        .with_issuer(Some(issuer))
        .with_account_name(account)
        .build()
        .map_err(|_| TotpError::Secret)?;
    let uri = totp
        .to_url()
        .map_err(|_| TotpError::Name(account.to_owned()))?;
    Ok(Enrolment {
        secret: Secret::new(totp.secret().to_base32()),
        uri: Secret::new(uri),
    })
}

/// Checks a code and gives the step that it is of, which the caller keeps as
/// the new `last_step` in the same transaction: a code of that step or an
/// earlier one is refused from then on.
///
/// # Errors
///
/// [`TotpError::Wrong`] or [`TotpError::Secret`].
pub fn verify(
    secret: &str,
    code: &str,
    last_step: Option<u64>,
    now: OffsetDateTime,
) -> Result<u64, TotpError> {
    let totp = Key::try_from_base32(secret)
        .ok()
        .and_then(|key| app(key).build().ok())
        .ok_or(TotpError::Secret)?;
    let code = digits(code).ok_or(TotpError::Wrong)?;
    let current = u64::try_from(now.unix_timestamp()).unwrap_or(0) / STEP_SECONDS;
    let window = current.saturating_sub(SKEW)..=current + SKEW;
    let mut found = None;
    // All steps are tried, so that the time taken tells nothing.
    for step in window {
        let fits = totp.check(&code, step * STEP_SECONDS).is_some();
        if fits && last_step.is_none_or(|last| step > last) {
            found = found.or(Some(step));
        }
    }
    found.ok_or(TotpError::Wrong)
}

/// What every authenticator app does; the steps before and after are this
/// module's own affair, because it must know which one a code is of.
fn app(key: impl Into<Key>) -> Builder {
    Builder::new()
        .with_secret(key)
        .with_step_duration(STEP_SECONDS)
        .with_skew(0)
}

/// The digits of what somebody typed: apps show `123 456`, people copy it so.
fn digits(typed: &str) -> Option<String> {
    let mut digits = String::with_capacity(DIGITS);
    for c in typed.chars() {
        match c {
            '0'..='9' if digits.len() < DIGITS => digits.push(c),
            ' ' | '-' | '\u{a0}' | '\u{202f}' => {}
            _ => return None,
        }
    }
    (digits.len() == DIGITS).then_some(digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The secret of RFC 6238's test vectors in base32.
    const RFC_SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    fn code(secret: &str, step: u64) -> String {
        let key = Key::try_from_base32(secret).unwrap();
        app(key)
            .build()
            .unwrap()
            .generate(step * STEP_SECONDS)
            .to_string()
    }

    #[test]
    fn the_vectors_of_the_rfc_are_met() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let step = u64::try_from(seconds).unwrap() / STEP_SECONDS;
            assert_eq!(verify(RFC_SECRET, code, None, at(seconds)), Ok(step));
        }
    }

    #[test]
    fn a_code_is_good_one_step_early_or_late_and_no_more() {
        let code = code(RFC_SECRET, 1_000);
        let when = |step: i64| verify(RFC_SECRET, &code, None, at(step * 30));
        assert_eq!(when(998), Err(TotpError::Wrong));
        assert_eq!(when(999), Ok(1_000));
        assert_eq!(when(1_000), Ok(1_000));
        assert_eq!(when(1_001), Ok(1_000));
        assert_eq!(when(1_002), Err(TotpError::Wrong));
    }

    #[test]
    fn a_code_that_was_used_is_refused_and_so_are_earlier_ones() {
        let now = at(1_000 * 30);
        let this = code(RFC_SECRET, 1_000);
        let step = verify(RFC_SECRET, &this, None, now).unwrap();
        assert_eq!(
            verify(RFC_SECRET, &this, Some(step), now),
            Err(TotpError::Wrong)
        );
        let earlier = code(RFC_SECRET, 999);
        assert_eq!(
            verify(RFC_SECRET, &earlier, Some(step), now),
            Err(TotpError::Wrong)
        );
        let next = code(RFC_SECRET, 1_001);
        assert_eq!(verify(RFC_SECRET, &next, Some(step), now), Ok(1_001));
    }

    #[test]
    fn a_code_of_another_secret_is_refused() {
        let other = enrol("Muster", "ada").unwrap().secret;
        let now = at(1_700_000_000);
        let step = 1_700_000_000 / STEP_SECONDS;
        let foreign = code(other.expose(), step);
        // One in a million secrets has the same code by chance.
        if (step - 1..=step + 1).all(|step| code(RFC_SECRET, step) != foreign) {
            assert_eq!(
                verify(RFC_SECRET, &foreign, None, now),
                Err(TotpError::Wrong)
            );
        }
    }

    #[test]
    fn an_enrolment_names_issuer_and_account_and_works() {
        let enrolment = enrol("Muster at Example & Co", "ada@example.com").unwrap();
        let uri = enrolment.uri.expose();
        assert!(uri.starts_with("otpauth://totp/"), "{uri}");
        assert!(uri.contains("ada%40example.com"), "{uri}");
        assert!(
            uri.contains("issuer=Muster%20at%20Example%20%26%20Co"),
            "{uri}"
        );
        assert!(uri.contains(enrolment.secret.expose()), "{uri}");
        assert_eq!(enrolment.secret.expose().len(), 32, "160 bits");
        let code = code(enrolment.secret.expose(), 7);
        assert_eq!(
            verify(enrolment.secret.expose(), &code, None, at(7 * 30)),
            Ok(7)
        );
    }

    #[test]
    fn names_cannot_smuggle_another_issuer_in() {
        for (issuer, account) in [
            ("Muster", "Bank:ada"),
            ("Bank:x", "ada"),
            ("", "ada"),
            ("Muster", ""),
        ] {
            assert!(matches!(enrol(issuer, account), Err(TotpError::Name(_))));
        }
        let uri = enrol("Muster", "ada?secret=AAAA&issuer=Bank").unwrap().uri;
        assert_eq!(
            uri.expose().matches("secret=").count(),
            1,
            "{}",
            uri.expose()
        );
    }

    #[test]
    fn what_is_typed_may_have_spaces_but_nothing_else() {
        let now = at(59);
        assert_eq!(verify(RFC_SECRET, " 287 082 ", None, now), Ok(1));
        for typed in [
            "",
            "28708",
            "2870822",
            "28708a",
            "+87082",
            "２８７０８２",
            "287082\0",
            "-1",
        ] {
            assert_eq!(
                verify(RFC_SECRET, typed, None, now),
                Err(TotpError::Wrong),
                "{typed}"
            );
        }
    }

    #[test]
    fn a_stored_secret_that_is_none_is_told_apart() {
        for stored in ["", "1", "not base32!", "GEZDGNBV"] {
            assert_eq!(
                verify(stored, "287082", None, at(59)),
                Err(TotpError::Secret),
                "{stored}"
            );
        }
    }

    #[test]
    fn what_is_logged_shows_no_secret() {
        let enrolment = enrol("Muster", "ada").unwrap();
        assert!(!format!("{enrolment:?}").contains(enrolment.secret.expose()));
    }

    proptest! {
        #[test]
        fn anything_may_be_typed(typed in ".*", secret in ".*", last: Option<u64>, now in -1_000_000i64..100_000_000_000) {
            let _ = verify(&secret, &typed, last, at(now));
            let _ = verify(RFC_SECRET, &typed, last, at(now));
        }

        #[test]
        fn a_step_once_used_is_never_accepted_again(step in 1u64..1_000_000_000, off in -1i64..=1, last in 0u64..1_000_000_010) {
            let now = at(i64::try_from(step).unwrap() * 30);
            let typed = code(RFC_SECRET, step.checked_add_signed(off).unwrap());
            if let Ok(found) = verify(RFC_SECRET, &typed, Some(last), now) {
                prop_assert!(found > last);
            }
        }
    }
}
