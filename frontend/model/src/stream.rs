//! Server-sent events, read out of the pieces in which they arrive.

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// What kind of event it is.
    pub event: String,
    /// Its id, to go on after.
    pub id: Option<String>,
    /// What it says.
    pub data: String,
}

/// Puts events together. Feed it whatever has arrived.
#[derive(Debug, Default)]
pub struct Parser {
    buffer: Vec<u8>,
    begun: Message,
    has_data: bool,
}

impl Parser {
    /// Takes some bytes and returns the events that are whole with them.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Message> {
        self.buffer.extend_from_slice(bytes);
        let mut whole = Vec::new();
        while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            whole.extend(self.line(line.trim_end_matches(['\r', '\n'])));
        }
        whole
    }

    fn line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let message = std::mem::take(&mut self.begun);
            return std::mem::take(&mut self.has_data).then_some(message);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.begun.event),
            "id" => self.begun.id = Some(value.to_owned()),
            "data" => {
                if self.has_data {
                    self.begun.data.push('\n');
                }
                self.begun.data.push_str(value);
                self.has_data = true;
            }
            // Comments keep the connection open; other fields are of no use.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &str = ": hello\n\nevent: app.updated\nid: 7\ndata: {\"a\":1}\n\nretry: 3\ndata: one\r\ndata:two é\r\n\r\nevent: lost\n\n";

    fn expected() -> Vec<Message> {
        vec![
            Message {
                event: "app.updated".to_owned(),
                id: Some("7".to_owned()),
                data: "{\"a\":1}".to_owned(),
            },
            Message {
                data: "one\ntwo é".to_owned(),
                ..Message::default()
            },
        ]
    }

    #[test]
    fn events_are_read() {
        assert_eq!(Parser::default().feed(STREAM.as_bytes()), expected());
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_they_arrive(cuts in prop::collection::vec(1usize..9, 1..90)) {
            let mut parser = Parser::default();
            let mut rest = STREAM.as_bytes();
            let mut read = Vec::new();
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                read.extend(parser.feed(piece));
                rest = after;
            }
            read.extend(parser.feed(rest));
            prop_assert_eq!(read, expected());
        }

        #[test]
        fn nothing_that_arrives_is_too_much(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            Parser::default().feed(&bytes);
        }
    }
}
