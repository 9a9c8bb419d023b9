//! HAProxy as a load balancer.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use anyhow::{Context, Result};

use super::{free_port, server::Server};
use crate::{debian, step::Step};

const HAPROXY: &str = "/usr/sbin/haproxy";

/// A running load balancer.
pub struct HaProxy {
    /// Where it listens.
    pub address: SocketAddr,
    _server: Server,
}

/// Starts HAProxy before servers, with its files in `folder`.
///
/// # Errors
/// If it cannot be installed or does not start.
pub fn before(
    upstreams: &[SocketAddr],
    threads: usize,
    folder: &Path,
    step: &Step,
) -> Result<HaProxy> {
    if !Path::new(HAPROXY).is_file() {
        debian::install(step, &["haproxy"])?;
    }
    fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
    let address = free_port()?;
    let file = folder.join("haproxy.cfg");
    fs::write(&file, config(address, upstreams, threads))
        .with_context(|| format!("could not write {}", file.display()))?;
    let mut command = Command::new(HAPROXY);
    // In the foreground, and without a word unless something is wrong.
    command.args(["-db", "-q", "-f"]).arg(&file);
    Ok(HaProxy {
        address,
        _server: Server::start(command)?,
    })
}

fn config(address: SocketAddr, upstreams: &[SocketAddr], threads: usize) -> String {
    let servers: String = upstreams
        .iter()
        .enumerate()
        .map(|(number, at)| format!("  server router{number} {at} check inter 2s\n"))
        .collect();
    format!(
        "global
  nbthread {threads}
  maxconn 4096
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
frontend clients
  bind {address}
  default_backend routers
backend routers
  balance roundrobin
  option forwardfor
  option redispatch
  option httpchk GET /.well-known/muster/health
  http-reuse always
  retries 2
{servers}"
    )
}
