//! What those say to each other who share a state.

use std::{fmt, sync::Arc};

use futures::StreamExt;
use tokio::sync::{mpsc, watch};

use crate::connection::Nats;

/// How many hints wait to be heard. What comes on top is dropped: they all say the
/// same.
const WAITING: usize = 16;

/// Those who share a state, on a bus that others may share, too.
#[derive(Clone)]
pub struct Channel {
    nats: watch::Receiver<Option<Arc<Nats>>>,
    /// What their subjects begin with. Who does not share the state does not know it.
    pub(crate) name: String,
}

/// What is worth a look at the state, at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// The state has changed.
    Changed,
    /// A host leads from now on.
    Leads,
    /// The one that led does so no more.
    Free,
}

/// Hints as they come; none, where there is no bus.
pub struct Hints {
    heard: mpsc::Receiver<Hint>,
    _listening: Listening,
}

/// Something that goes on as long as this lives.
pub(crate) struct Listening(tokio::task::JoinHandle<()>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Hint {
    const ALL: [Self; 3] = [Self::Changed, Self::Leads, Self::Free];

    fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Leads => "leads",
            Self::Free => "free",
        }
    }

    fn of(subject: &str) -> Option<Self> {
        let word = subject.rsplit('.').next()?;
        Self::ALL.into_iter().find(|hint| hint.word() == word)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel(carries: {})", self.carries())
    }
}

impl Channel {
    pub(crate) fn new(nats: watch::Receiver<Option<Arc<Nats>>>, key: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, &[b"muster-bus", key].concat());
        let name = digest.as_ref()[..12]
            .iter()
            .map(|byte| format!("{byte:02x}"));
        Self {
            nats,
            name: name.collect(),
        }
    }

    /// Whether work is carried at all, rather than found here.
    #[must_use]
    pub fn carries(&self) -> bool {
        self.nats.borrow().is_some()
    }

    /// The servers, unless the bus is in process.
    pub(crate) fn nats(&self) -> Option<Arc<Nats>> {
        self.nats.borrow().clone()
    }

    /// Does something on the servers of the bus, and anew on others when it goes there.
    pub(crate) fn on_all<Work>(
        &self,
        work: impl Fn(Arc<Nats>) -> Work + Send + Sync + 'static,
    ) -> Listening
    where
        Work: Future<Output = ()> + Send + 'static,
    {
        let mut nats = self.nats.clone();
        Listening(tokio::spawn(async move {
            loop {
                let there = nats.borrow_and_update().clone();
                let work = async {
                    if let Some(there) = there {
                        work(there).await;
                    }
                    std::future::pending::<()>().await;
                };
                let exchanged = async {
                    if nats.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                };
                tokio::select! {
                    () = work => {}
                    () = exchanged => {}
                }
            }
        }))
    }

    /// Tells the others, if they can be told now. `from` is whom they hear it from.
    pub async fn hint(&self, hint: Hint, from: &str) {
        let Some(Ok(client)) = self.nats().map(|nats| nats.client()) else {
            return;
        };
        let subject = format!("muster.{}.hint.{}", self.name, hint.word());
        let said = client.publish(subject, from.to_owned().into()).await;
        if said.is_ok() && hint == Hint::Free {
            // Who says so is about to go.
            let _ =
                tokio::time::timeout(std::time::Duration::from_millis(200), client.flush()).await;
        }
    }

    /// Listens to what others say; what `but` says is left out.
    #[must_use]
    pub fn hints(&self, but: &str) -> Hints {
        let (say, heard) = mpsc::channel(WAITING);
        let (subject, but) = (format!("muster.{}.hint.*", self.name), but.to_owned());
        let listening = self.on_all(move |nats| {
            let (subject, but, say) = (subject.clone(), but.clone(), say.clone());
            async move {
                let Some(client) = nats.opened().await else {
                    return;
                };
                // It holds over all connections.
                let Ok(mut said) = client.subscribe(subject).await else {
                    return;
                };
                while let Some(message) = said.next().await {
                    if message.payload.as_ref() == but.as_bytes() {
                        continue;
                    }
                    if let Some(hint) = Hint::of(&message.subject) {
                        let _ = say.try_send(hint);
                    }
                }
            }
        });
        Hints {
            heard,
            _listening: listening,
        }
    }
}

impl Hints {
    /// The next hint; never resolves where there is no bus. Whoever stops waiting
    /// loses none.
    pub async fn next(&mut self) -> Hint {
        match self.heard.recv().await {
            Some(hint) => hint,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bus;

    #[test]
    fn hints_are_told_by_their_subject() {
        for hint in Hint::ALL {
            assert_eq!(
                Hint::of(&format!("muster.x.hint.{}", hint.word())),
                Some(hint)
            );
        }
        assert_eq!(Hint::of("muster.x.hint.other"), None);
    }

    #[test]
    fn who_has_another_key_has_another_channel() {
        let bus = Bus::in_process("test");
        assert_eq!(bus.channel(b"a").name, bus.channel(b"a").name);
        assert_ne!(bus.channel(b"a").name, bus.channel(b"b").name);
        assert!(!bus.channel(b"a").carries());
    }
}
