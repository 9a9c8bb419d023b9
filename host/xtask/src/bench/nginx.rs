//! nginx as a proxy.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use anyhow::{Context, Result};

use super::{free_port, server::Server};
use crate::{debian, step::Step};

const NGINX: &str = "/usr/sbin/nginx";

/// A running proxy.
pub struct Nginx {
    /// Where it listens.
    pub address: SocketAddr,
    _server: Server,
}

/// Starts nginx before a server, with its files in `folder`.
///
/// # Errors
/// If it cannot be installed or does not start.
pub fn before(upstream: SocketAddr, workers: usize, folder: &Path, step: &Step) -> Result<Nginx> {
    if !Path::new(NGINX).is_file() {
        debian::install(step, &["nginx"])?;
    }
    fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
    let address = free_port()?;
    let file = folder.join("nginx.conf");
    fs::write(&file, config(address, upstream, workers))
        .with_context(|| format!("could not write {}", file.display()))?;
    let mut command = Command::new(NGINX);
    command.arg("-e").arg("stderr").arg("-p").arg(folder);
    command.arg("-c").arg(&file);
    Ok(Nginx {
        address,
        _server: Server::start(command)?,
    })
}

fn config(address: SocketAddr, upstream: SocketAddr, workers: usize) -> String {
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let folders: String = kinds
        .iter()
        .map(|kind| format!("  {kind}_temp_path {kind};\n"))
        .collect();
    format!(
        "daemon off;
pid nginx.pid;
worker_processes {workers};
error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off;
{folders}  keepalive_requests 1000000000;
  upstream app {{
    server {upstream};
    keepalive 64;
    keepalive_requests 1000000000;
  }}
  server {{
    listen {address} reuseport;
    location / {{
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}
}}
"
    )
}
