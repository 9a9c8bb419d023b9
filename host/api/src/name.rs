//! What apps may be called.

/// The longest name of an app: it must fit a DNS label.
pub const MAX_LENGTH: usize = 63;

/// Says what is wrong with an app's name, or nothing if it is a DNS label:
/// lower-case letters, digits and inner hyphens, beginning with a letter.
///
/// # Errors
/// A sentence for the person who chose the name.
pub fn check(name: &str) -> Result<(), String> {
    let first = name.chars().next().ok_or("a name must not be empty")?;
    if name.len() > MAX_LENGTH {
        return Err(format!(
            "a name has at most {MAX_LENGTH} characters, this one has {}",
            name.len()
        ));
    }
    if !first.is_ascii_lowercase() {
        return Err(format!(
            "a name begins with a lower-case letter, not with '{first}'"
        ));
    }
    if let Some(odd) = name
        .chars()
        .find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-'))
    {
        return Err(format!(
            "a name has lower-case letters, digits and hyphens only, not '{odd}'"
        ));
    }
    if name.ends_with('-') {
        return Err("a name must not end with a hyphen".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn dns_labels_are_names_and_nothing_else_is() {
        for good in ["a", "hello", "a1-b2", &"x".repeat(63)] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "1a",
            "-a",
            "a-",
            "A",
            "a.b",
            "a b",
            "ä",
            "../a",
            &"x".repeat(64),
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
