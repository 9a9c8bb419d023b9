//! What a connection is for, before anything of it is read.

use std::{io::Cursor, time::Duration};

use muster_ingress::APPS_ALPN;
use rustls::server::Acceptor;
use tokio::{net::TcpStream, time::sleep};

/// More than any first message of a peer has, in bytes.
const LONGEST: usize = 8 << 10;
/// How long to wait for the rest of a message that came in pieces, at first;
/// then twice as long each time,
const PIECE: Duration = Duration::from_millis(5);
/// up to this.
const LONGEST_PIECE: Duration = Duration::from_secs(1);

/// Whether the connection is for the data path. The protocols that the other end
/// offers are in its first message, which stays where it is.
pub(super) async fn is_for_apps(stream: &TcpStream) -> bool {
    let mut buffer = vec![0; LONGEST];
    let mut pause = PIECE;
    loop {
        let Ok(read @ 1..) = stream.peek(&mut buffer).await else {
            return false;
        };
        let mut acceptor = Acceptor::default();
        if acceptor
            .read_tls(&mut Cursor::new(&buffer[..read]))
            .is_err()
        {
            return false;
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => {
                let mut offered = accepted.client_hello().alpn().into_iter().flatten();
                return offered.any(|protocol| APPS_ALPN.contains(&protocol));
            }
            Ok(None) if read < LONGEST && pause <= LONGEST_PIECE => {
                sleep(pause).await;
                pause *= 2;
            }
            Ok(None) | Err(_) => return false,
        }
    }
}
