//! Constant load on an app, while something else goes on.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::StatusCode;
use tokio::task::JoinHandle;

use crate::{eventually::eventually, host::client_builder};

/// A pause after each answer, so that the host has time for the something else.
const PAUSE: Duration = Duration::from_millis(3);

/// Clients that ask for one address again and again.
pub struct Load {
    running: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Answers>>,
}

/// What clients got.
#[derive(Debug, Default)]
pub struct Answers {
    /// The bodies of answers with status 200, and how often each came.
    pub good: BTreeMap<String, u64>,
    /// All others, a line each.
    pub failed: Vec<String>,
}

impl Load {
    /// Starts as many clients that keep their connections as clients that open
    /// a new one for each request.
    ///
    /// # Panics
    /// If a client cannot be made.
    #[must_use]
    pub fn start(apps: SocketAddr, host: &str, path: &str, of_each: usize) -> Self {
        let (running, answered) = (Arc::new(AtomicBool::new(true)), Arc::default());
        let clients = (0..of_each * 2).map(|number| {
            let keeps = number % 2 == 0;
            // A request that fails must be seen to fail, not be tried again.
            let http = client_builder()
                .retry(reqwest::retry::never())
                .pool_max_idle_per_host(usize::from(keeps))
                .build()
                .expect("a client without surprises");
            let request = http
                .get(format!("http://{apps}{path}"))
                .header("host", host)
                .build()
                .expect("a valid request");
            let client = Client {
                http,
                request,
                running: Arc::clone(&running),
                answered: Arc::clone(&answered),
            };
            tokio::spawn(client.run())
        });
        let clients = clients.collect();
        Self {
            running,
            answered,
            clients,
        }
    }

    /// Waits for so many more answers.
    ///
    /// # Panics
    /// If they do not come.
    pub async fn more(&self, count: u64) {
        let enough = self.answered.load(Ordering::Relaxed) + count;
        eventually("more answers", async || {
            (self.answered.load(Ordering::Relaxed) >= enough).then_some(())
        })
        .await;
    }

    /// Ends the load and tells what came of it.
    ///
    /// # Panics
    /// If a client panicked.
    pub async fn end(mut self) -> Answers {
        self.running.store(false, Ordering::Relaxed);
        let mut all = Answers::default();
        for client in self.clients.drain(..) {
            let answers = client.await.expect("clients do not panic");
            for (body, count) in answers.good {
                *all.good.entry(body).or_default() += count;
            }
            all.failed.extend(answers.failed);
        }
        all
    }
}

/// A load that nobody ends goes on asking only until it is noticed.
impl Drop for Load {
    fn drop(&mut self) {
        self.running.store(false, Ordering::Relaxed);
    }
}

struct Client {
    http: reqwest::Client,
    request: reqwest::Request,
    running: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
}

impl Client {
    async fn run(self) -> Answers {
        let mut answers = Answers::default();
        while self.running.load(Ordering::Relaxed) {
            match self.ask().await {
                Ok((StatusCode::OK, body)) => *answers.good.entry(body).or_default() += 1,
                Ok((status, body)) => answers.failed.push(format!("{status}: {body}")),
                Err(error) => answers.failed.push(format!("{error:?}")),
            }
            self.answered.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(PAUSE).await;
        }
        answers
    }

    async fn ask(&self) -> reqwest::Result<(StatusCode, String)> {
        let request = self.request.try_clone().expect("it has no body");
        let response = self.http.execute(request).await?;
        Ok((response.status(), response.text().await?))
    }
}
