//! Tables as plain data: what their rows say, and which of them are shown when
//! somebody filters, sorts and turns pages.

use std::cmp::Ordering;

use muster_api::units::ByteSize;
use time::OffsetDateTime;

use crate::{
    catalogue::Text,
    reading::{age, size},
};

/// How many rows a page has. Only those in view are drawn, so that a page is as long
/// as people can still scroll.
pub const PAGE: usize = 5_000;

/// How good a state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should be.
    Good,
    /// On the way.
    Busy,
    /// At rest.
    Calm,
    /// Somebody should look.
    Bad,
}

/// What a cell says.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// Words, and more of them in small letters.
    Noted(String, String),
    /// Something that machines say.
    Code(String),
    /// A number, and how it reads.
    Number(u64, String),
    /// A way to another page of the console: its address and its words.
    Link(String, String),
    /// An address of an app.
    Outward(String),
    /// States, each with how good it is.
    States(Vec<(Mood, String)>),
    /// Short words.
    Tags(Vec<String>),
    /// A moment in the past, and how long ago it is.
    Since(OffsetDateTime, String),
    /// Nothing.
    Nothing,
}

impl Cell {
    /// A count.
    #[must_use]
    pub fn count(value: u64) -> Self {
        Self::Number(value, value.to_string())
    }

    /// A size in bytes.
    #[must_use]
    pub fn bytes(value: u64) -> Self {
        Self::Number(value, size(ByteSize(value)))
    }

    /// A state.
    #[must_use]
    pub fn state(mood: Mood, word: impl Into<String>) -> Self {
        Self::States(vec![(mood, word.into())])
    }

    /// A moment in the past.
    #[must_use]
    pub fn since(at: OffsetDateTime, now: OffsetDateTime) -> Self {
        Self::Since(at, age(at, now))
    }

    /// Words that may be missing.
    #[must_use]
    pub fn maybe(text: Option<String>) -> Self {
        text.map_or(Self::Nothing, Self::Text)
    }

    /// All that it says, for filters, and for where it is cut off.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Text(text) | Self::Code(text) | Self::Outward(text) | Self::Link(_, text) => {
                text.clone()
            }
            Self::Noted(text, more) => format!("{text} {more}"),
            Self::Number(_, text) | Self::Since(_, text) => text.clone(),
            Self::States(states) => {
                let words: Vec<_> = states.iter().map(|(_, word)| word.as_str()).collect();
                words.join(" ")
            }
            Self::Tags(tags) => tags.join(" "),
            Self::Nothing => String::new(),
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one, _), Self::Number(other, _)) => one.cmp(other),
            // The newest is the least long ago.
            (Self::Since(one, _), Self::Since(other, _)) => other.cmp(one),
            // What is missing comes last.
            (Self::Nothing, Self::Nothing) => Ordering::Equal,
            (Self::Nothing, _) => Ordering::Greater,
            (_, Self::Nothing) => Ordering::Less,
            _ => self
                .words()
                .to_lowercase()
                .cmp(&other.words().to_lowercase()),
        }
    }
}

/// Something that can be done with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// Names it to the page.
    pub verb: &'static str,
    /// What its button says.
    pub text: Text,
    /// Whether it takes something away.
    pub danger: bool,
}

impl Action {
    /// Something harmless.
    #[must_use]
    pub fn new(verb: &'static str, text: Text) -> Self {
        Self {
            verb,
            text,
            danger: false,
        }
    }

    /// Something that takes something away.
    #[must_use]
    pub fn danger(verb: &'static str, text: Text) -> Self {
        Self {
            danger: true,
            ..Self::new(verb, text)
        }
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is about; unique in its table.
    pub id: String,
    /// One for each column; the first one names the row.
    pub cells: Vec<Cell>,
    /// What can be done.
    pub actions: Vec<Action>,
}

impl Row {
    /// A row with which nothing can be done.
    #[must_use]
    pub fn new(id: impl Into<String>, cells: Vec<Cell>) -> Self {
        Self {
            id: id.into(),
            cells,
            actions: Vec::new(),
        }
    }
}

/// What somebody wants to see of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only rows that say this somewhere.
    pub filter: String,
    /// By which column it is sorted, and whether the other way around.
    pub order: Option<(usize, bool)>,
    /// Which page, from 0.
    pub page: usize,
}

/// How an order stands in an address: the column from 1, negative for the other
/// way around.
#[must_use]
pub fn order_of(word: &str) -> Option<(usize, bool)> {
    let number: i32 = word.parse().ok()?;
    let column = usize::try_from(number.unsigned_abs())
        .ok()?
        .checked_sub(1)?;
    Some((column, number < 0))
}

/// What is seen of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The rows of the page: where each is among all rows.
    pub places: Vec<usize>,
    /// How many rows fit the filter.
    pub found: usize,
    /// Which page it is, from 0.
    pub page: usize,
    /// How many pages there are, at least one.
    pub pages: usize,
}

/// Filters, sorts, and takes the page. A page past the last one is the last one.
#[must_use]
pub fn arrange(rows: &[Row], wanted: &Wanted) -> Seen {
    let filter = wanted.filter.trim().to_lowercase();
    let fits = |place: &usize| {
        let mut cells = rows[*place].cells.iter();
        filter.is_empty() || cells.any(|cell| cell.words().to_lowercase().contains(&filter))
    };
    let mut found: Vec<usize> = (0..rows.len()).filter(fits).collect();
    if let Some((column, reverse)) = wanted.order {
        let cell = |place: usize| rows[place].cells.get(column).unwrap_or(&Cell::Nothing);
        found.sort_by(|one, other| {
            let order = cell(*one).order(cell(*other));
            if reverse { order.reverse() } else { order }
        });
    }
    let pages = found.len().div_ceil(PAGE).max(1);
    let page = wanted.page.min(pages - 1);
    let shown = found.iter().skip(page * PAGE).take(PAGE);
    Seen {
        places: shown.copied().collect(),
        found: found.len(),
        page,
        pages,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(numbers: &[u64]) -> Vec<Row> {
        let row = |(place, number): (usize, &u64)| {
            let cells = vec![Cell::Text(format!("row {number}")), Cell::count(*number)];
            Row::new(place.to_string(), cells)
        };
        numbers.iter().enumerate().map(row).collect()
    }

    fn numbers(rows: &[Row], wanted: &Wanted) -> Vec<u64> {
        let number = |place: &usize| match rows[*place].cells[1] {
            Cell::Number(number, _) => number,
            _ => 0,
        };
        arrange(rows, wanted).places.iter().map(number).collect()
    }

    #[test]
    fn numbers_are_sorted_as_numbers() {
        let wanted = |word: &str| Wanted {
            order: order_of(word),
            ..Wanted::default()
        };
        let rows = table(&[10, 9, 100]);
        assert_eq!(numbers(&rows, &wanted("2")), [9, 10, 100]);
        assert_eq!(numbers(&rows, &wanted("-2")), [100, 10, 9]);
        assert_eq!(numbers(&rows, &wanted("nonsense")), [10, 9, 100]);
        assert_eq!(order_of("0"), None);
    }

    #[test]
    fn what_is_missing_comes_last_and_the_newest_first() {
        let now = OffsetDateTime::UNIX_EPOCH + time::Duration::days(9);
        let old = Cell::since(OffsetDateTime::UNIX_EPOCH, now);
        let new = Cell::since(now, now);
        assert_eq!(new.order(&old), Ordering::Less);
        assert_eq!(Cell::Nothing.order(&new), Ordering::Greater);
    }

    #[test]
    fn a_filter_finds_what_any_cell_says() {
        let mut rows = table(&[1, 2]);
        rows[1].cells.push(Cell::state(Mood::Good, "Ready"));
        let wanted = Wanted {
            filter: " rEADy ".to_owned(),
            ..Wanted::default()
        };
        assert_eq!(numbers(&rows, &wanted), [2]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn pages_have_every_row_once(count in 0usize..3 * PAGE, sorted in any::<bool>()) {
            let all: Vec<u64> = (0..count as u64).rev().collect();
            let rows = table(&all);
            let order = sorted.then_some((1, false));
            let wanted = |page| Wanted { order, page, ..Wanted::default() };
            let pages = arrange(&rows, &wanted(0)).pages;
            let mut seen: Vec<u64> = (0..pages).flat_map(|page| numbers(&rows, &wanted(page))).collect();
            prop_assert_eq!(arrange(&rows, &wanted(pages + 3)).page, pages - 1);
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..count as u64).collect::<Vec<_>>());
        }
    }
}
