//! What the host logs, how, and where to.

use comfy_table::Cell;
use muster_api::logging::{LogFormat, Logging, LoggingSource, LoggingState};

use super::{Sheet, View, text};

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() {
        "-".to_owned()
    } else {
        items.join("\n")
    }
}

fn modules(logging: &Logging) -> String {
    let modules = logging.modules.iter();
    list(modules.map(|(module, level)| format!("{module}={level}")))
}

impl View for LoggingState {
    fn show(&self, sheet: &mut Sheet) {
        let logging = &self.logging;
        let source = match self.source {
            LoggingSource::Start => "as the host was started",
            LoggingSource::Kept => "changed, and kept",
            LoggingSource::Changed => "changed, until the host starts anew",
        };
        let format = match logging.format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        };
        sheet.facts([
            ("level", Cell::new(logging.level)),
            ("modules", Cell::new(modules(logging))),
            ("format", Cell::new(format)),
            ("to", Cell::new(list(&logging.to))),
            ("why", Cell::new(source)),
            (
                "until",
                Cell::new(self.until.map_or("-".to_owned(), text::moment)),
            ),
            ("lost lines", Cell::new(self.lost)),
        ]);
    }
}
