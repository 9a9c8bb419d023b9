//! Server-sent events, out of the bytes of a stream.

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// Its kind.
    pub name: String,
    /// What it says.
    pub data: String,
}

/// Puts events together from parts that end anywhere.
#[derive(Default)]
pub struct Events {
    line: Vec<u8>,
    event: Event,
    /// Whether the last byte was a carriage return, whose line feed does not count.
    after_return: bool,
}

impl Events {
    /// Takes the next bytes and gives the events that they complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut complete = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' if self.after_return => {}
                b'\n' | b'\r' => complete.extend(self.end_line()),
                _ => self.line.push(byte),
            }
            self.after_return = byte == b'\r';
        }
        complete
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return (!event.data.is_empty()).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // Comments keep the connection alive; `id` stands in the data as well.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": hello\n\nevent: line\nid: 7\ndata: {\"a\":\"ü\"}\n\r\n\
                          event: line\r\ndata:one\r\ndata: two\r\n\r\ndata: cut off";

    fn expected() -> Vec<Event> {
        let event = |data: &str| Event {
            name: "line".to_owned(),
            data: data.to_owned(),
        };
        vec![event("{\"a\":\"ü\"}"), event("one\ntwo")]
    }

    #[test]
    fn events_are_the_same_wherever_the_parts_end() {
        let bytes = STREAM.as_bytes();
        for cut in 0..=bytes.len() {
            let mut events = Events::default();
            let mut found = events.feed(&bytes[..cut]);
            found.extend(events.feed(&bytes[cut..]));
            assert_eq!(found, expected(), "cut at {cut}");
        }
    }
}
