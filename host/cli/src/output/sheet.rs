//! A sheet of tables and lines.

use comfy_table::{Attribute, Cell, Color, ContentLineStyle, LineStyle, Table, TableStyle};
use time::OffsetDateTime;

use super::text;

/// A list: a light line below the header, nothing else.
const LIST: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none())
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .content_lines(ContentLineStyle::none());

/// How good a state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should be.
    Good,
    /// On its way, or not quite.
    Wary,
    /// Not as it should be.
    Bad,
    /// Neither.
    Plain,
}

impl Mood {
    /// A text in this mood's colour, for sheets that have colours.
    pub fn cell(self, text: &str) -> Cell {
        let cell = Cell::new(text);
        match self {
            Self::Good => cell.fg(Color::Green),
            Self::Wary => cell.fg(Color::Yellow),
            Self::Bad => cell.fg(Color::Red),
            Self::Plain => cell,
        }
    }
}

/// Text that grows from top to bottom.
pub struct Sheet {
    text: String,
    now: OffsetDateTime,
    colourful: bool,
}

impl Sheet {
    /// An empty sheet. Ages are counted up to `now`.
    pub fn new(now: OffsetDateTime, colourful: bool) -> Self {
        Self {
            text: String::new(),
            now,
            colourful,
        }
    }

    /// What is on it.
    pub fn into_text(self) -> String {
        self.text
    }

    /// How long ago something was.
    pub fn age(&self, then: OffsetDateTime) -> String {
        text::age(self.now, then)
    }

    /// Adds a line.
    pub fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Adds a paragraph's distance.
    pub fn gap(&mut self) {
        self.text.push('\n');
    }

    /// Adds a list with a header.
    pub fn list<const N: usize>(
        &mut self,
        header: [&str; N],
        rows: impl IntoIterator<Item = [Cell; N]>,
    ) {
        let mut table = Table::new();
        table.load_style(LIST);
        table.set_header(header.map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
        table.add_rows(rows);
        self.table(table);
    }

    /// Adds names with values, a line each.
    pub fn facts<const N: usize>(&mut self, facts: [(&str, Cell); N]) {
        self.all_facts(facts);
    }

    /// Like [`facts`](Self::facts), for as many as there happen to be.
    pub fn all_facts<'f>(&mut self, facts: impl IntoIterator<Item = (&'f str, Cell)>) {
        let mut table = Table::new();
        table.load_style(TableStyle::new().content_lines(ContentLineStyle::none()));
        for (name, value) in facts {
            table.add_row([Cell::new(name).add_attribute(Attribute::Bold), value]);
        }
        self.table(table);
    }

    fn table(&mut self, mut table: Table) {
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        // Never wrapped: an id that is broken over two lines cannot be copied.
        if self.colourful {
            table.enforce_styling().style_text_only();
        } else {
            table.force_no_tty();
        }
        for line in table.lines() {
            self.line(line.trim_end());
        }
    }
}
