//! Queues and their messages.

use comfy_table::Cell;
use muster_api::{
    page::Page,
    queues::{Bus, BusKind, Message, MessageState, Queue},
};
use serde::Serialize;

use super::{
    Sheet, View,
    sheet::Mood,
    text::{moment, printable},
};

/// The queues, and the bus that carries word of what is in them.
#[derive(Debug, Serialize)]
pub struct Queues {
    /// The bus.
    pub bus: Bus,
    /// The queues.
    pub queues: Vec<Queue>,
}

impl View for Queues {
    fn show(&self, sheet: &mut Sheet) {
        sheet.line(&told(&self.bus));
        sheet.gap();
        let rows: Vec<_> = self
            .queues
            .iter()
            .map(|queue| {
                let dead = match queue.dead {
                    0 => Cell::new(0),
                    dead => Mood::Bad.cell(&dead.to_string()),
                };
                let oldest = queue.oldest_at.map(|at| sheet.age(at));
                [
                    Cell::new(printable(&queue.name)),
                    Cell::new(queue.waiting),
                    Cell::new(queue.in_flight),
                    dead,
                    Cell::new(oldest.unwrap_or("-".to_owned())),
                    Cell::new(printable(&queue.about)),
                ]
            })
            .collect();
        sheet.list(
            ["NAME", "WAITING", "IN FLIGHT", "DEAD", "OLDEST", "ABOUT"],
            rows,
        );
        if self.queues.iter().any(|queue| queue.dead > 0) {
            sheet.gap();
            sheet.line("What is dead was given up: muster queue inspect NAME --dead");
        }
    }
}

fn told(bus: &Bus) -> String {
    let servers = bus.servers.join(", ");
    match (bus.kind, &bus.server) {
        (BusKind::InProcess, _) => "The bus is in process.".to_owned(),
        (BusKind::Nats, Some(server)) => format!(
            "The bus is NATS at {}, connected to {}.",
            printable(&servers),
            printable(server)
        ),
        (BusKind::Nats, None) => format!(
            "The bus, NATS at {}, is away: {}. Everything is done all the same, if not as soon.",
            printable(&servers),
            printable(bus.problem.as_deref().unwrap_or("it is not connected"))
        ),
    }
}

fn state(state: MessageState) -> Cell {
    let mood = match state {
        MessageState::Waiting => Mood::Plain,
        MessageState::InFlight => Mood::Wary,
        MessageState::Dead => Mood::Bad,
    };
    mood.cell(&state.to_string())
}

impl View for Page<Message> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("There are no such messages.");
            return;
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|message| {
                [
                    Cell::new(message.id),
                    state(message.state),
                    Cell::new(message.attempts),
                    Cell::new(sheet.age(message.created_at)),
                    Cell::new(printable(&message.about)),
                    Cell::new(printable(message.last_error.as_deref().unwrap_or("-"))),
                ]
            })
            .collect();
        sheet.list(
            ["ID", "STATE", "ATTEMPTS", "AGE", "ABOUT", "LAST ERROR"],
            rows,
        );
    }
}

impl View for Message {
    fn show(&self, sheet: &mut Sheet) {
        sheet.facts([
            ("id", Cell::new(self.id)),
            ("queue", Cell::new(printable(&self.queue))),
            ("about", Cell::new(printable(&self.about))),
            ("state", state(self.state)),
            ("attempts", Cell::new(self.attempts)),
            (
                "last error",
                Cell::new(printable(self.last_error.as_deref().unwrap_or("-"))),
            ),
            ("created", Cell::new(moment(self.created_at))),
            ("due", Cell::new(moment(self.due_at))),
            (
                "given up",
                Cell::new(self.dead_at.map_or("-".to_owned(), moment)),
            ),
            ("body", Cell::new(printable(&self.body.to_string()))),
        ]);
    }
}
