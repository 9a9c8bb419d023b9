//! How what somebody types finds what they mean.

/// How well a text fits what was typed: its letters must come in their order, and
/// fit better at the beginnings of words and next to each other. Nothing if they
/// do not.
#[must_use]
pub fn fit(text: &str, typed: &str) -> Option<u32> {
    let letters: Vec<char> = text.to_lowercase().chars().collect();
    let mut from = 0;
    let mut sum = 0;
    let mut previous = None;
    for wanted in typed.to_lowercase().chars().filter(|c| !c.is_whitespace()) {
        let found = letters[from..]
            .iter()
            .position(|letter| *letter == wanted)?
            + from;
        let begins = found == 0 || !letters[found - 1].is_alphanumeric();
        let follows = previous.is_some_and(|previous| previous + 1 == found);
        sum += if begins { 8 } else { 1 } + if follows { 5 } else { 0 };
        previous = Some(found);
        from = found + 1;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_come_in_their_order() {
        assert!(fit("Generate a token", "gt").is_some());
        assert!(fit("Generate a token", "tg").is_none());
        assert_eq!(fit("anything", ""), Some(0));
    }

    #[test]
    fn beginnings_of_words_fit_better() {
        assert!(fit("Hosts", "ho") > fit("Photos", "ho"));
        assert!(fit("Push an app", "pa") > fit("Spa", "pa"));
    }
}
