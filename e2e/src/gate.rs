//! A way to a server that can be shut, for one host alone.

use std::{
    net::{Ipv4Addr, SocketAddr},
    thread::{self, JoinHandle},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// How much is passed on at a time.
const PIECE: usize = 16 << 10;

/// A TCP address behind which another one is, as long as it is open. While it is
/// shut, nothing gets through and nobody is told: connections stay, and new ones are
/// made to which nobody answers. It ends with the value.
pub struct Gate {
    address: SocketAddr,
    way: Option<watch::Sender<Way>>,
    keeper: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    Shut,
}

impl Gate {
    /// An open gate to a server.
    ///
    /// # Panics
    /// If nothing can be listened on.
    #[must_use]
    pub fn to(server: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("it is bound");
        let (way, seen) = watch::channel(Way::Open);
        // A runtime of its own, so that it also works while a test does not wait.
        let keeper = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(keep(listener, server, seen));
        });
        Self {
            address,
            way: Some(way),
            keeper: Some(keeper),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Nothing gets through any more.
    pub fn shut(&self) {
        self.go(Way::Shut);
    }

    /// What was on its way goes on.
    pub fn open(&self) {
        self.go(Way::Open);
    }

    fn go(&self, next: Way) {
        if let Some(way) = &self.way {
            way.send_replace(next);
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        drop(self.way.take());
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

/// Lets connections in until the gate is gone.
async fn keep(listener: std::net::TcpListener, server: SocketAddr, mut way: watch::Receiver<Way>) {
    let listener = TcpListener::from_std(listener).expect("a listener");
    let pieces = way.clone();
    let gone = async move { while way.changed().await.is_ok() {} };
    let lets_in = async {
        loop {
            if let Ok((client, _)) = listener.accept().await {
                tokio::spawn(lead(client, server, pieces.clone()));
            }
        }
    };
    tokio::select! {
        () = gone => {}
        () = lets_in => {}
    }
}

async fn lead(client: TcpStream, server: SocketAddr, mut way: watch::Receiver<Way>) {
    let open = way.wait_for(|way| *way == Way::Open).await.is_ok();
    if !open {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(
        pass(from_client, to_server, way.clone()),
        pass(from_server, to_client, way),
    );
}

/// Passes on what comes, and also that nothing comes any more.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut way: watch::Receiver<Way>) {
    let mut piece = vec![0; PIECE];
    loop {
        let length = from.read(&mut piece).await.unwrap_or_default();
        let open = way.wait_for(|way| *way == Way::Open).await.is_ok();
        if !open || length == 0 || to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{ErrorKind, Read, Write},
        net::{TcpListener, TcpStream},
        time::Duration,
    };

    use super::*;

    #[test]
    fn nothing_gets_through_a_gate_that_is_shut_and_nothing_is_lost() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let gate = Gate::to(server.local_addr().unwrap());
        let mut client = TcpStream::connect(gate.address()).unwrap();
        client.write_all(b"a").unwrap();
        let (mut there, _) = server.accept().unwrap();
        let mut byte = [0];
        there.read_exact(&mut byte).unwrap();
        gate.shut();
        client.write_all(b"b").unwrap();
        let patience = Some(Duration::from_millis(50));
        there.set_read_timeout(patience).unwrap();
        let silence = there.read(&mut byte).unwrap_err();
        assert_eq!(silence.kind(), ErrorKind::WouldBlock);
        gate.open();
        there.set_read_timeout(None).unwrap();
        there.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"b");
        drop(gate);
        assert_eq!(there.read(&mut byte).unwrap(), 0, "it ends with the gate");
    }
}
