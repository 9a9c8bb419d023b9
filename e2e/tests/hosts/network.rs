//! The network that hosts of tests are on is as bad as it says, and no worse.

use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use muster_e2e::{Network, eventually};

/// A port that no host listens on.
const PORT: u16 = 9_999;
/// How long the slow line takes, each way.
const SLOW: Duration = Duration::from_millis(150);

/// Somebody on a host's machine who writes down what datagrams say.
struct Listener {
    program: Child,
    file: PathBuf,
}

impl Listener {
    async fn start(network: &Network, host: usize, folder: &tempfile::TempDir) -> Self {
        let file = folder.path().join(host.to_string());
        let program = network
            .command(host, "socat")
            .args(["-u", &format!("UDP-RECV:{PORT}")])
            .arg(format!("OPEN:{},creat,append", file.display()))
            .spawn()
            .expect("socat runs");
        let listener = Self { program, file };
        // What is sent before it listens is lost.
        eventually("it listens", async || {
            say(network, host, network.address(host), "?");
            listener.heard().contains('?').then_some(())
        })
        .await;
        listener
    }

    fn heard(&self) -> String {
        fs::read_to_string(&self.file).unwrap_or_default()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// Sends a datagram, which may get lost.
fn say(network: &Network, from: usize, to: Ipv4Addr, text: &str) {
    let mut program = network
        .command(from, "socat")
        .args(["-u", "-", &format!("UDP-SENDTO:{to}:{PORT}")])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("socat runs");
    let mut stdin = program.stdin.take().expect("it is piped");
    stdin.write_all(text.as_bytes()).expect("it reads");
    drop(stdin);
    program.wait().expect("it ends");
}

/// Says something again and again until it is heard.
async fn gets_through(network: &Network, from: usize, to: usize, text: &str, listener: &Listener) {
    eventually(&format!("{text} from {from} to {to}"), async || {
        say(network, from, network.address(to), text);
        listener.heard().contains(text).then_some(())
    })
    .await;
}

/// How long it takes from one host's machine to another's API and back.
fn round_trip(network: &Network, from: usize, to: usize) -> Duration {
    let url = format!("TCP:{}:7480", network.address(to));
    let began = Instant::now();
    let status = connect(network.command(from, "socat"), &url);
    assert!(status, "{from} reaches {to}");
    began.elapsed()
}

fn connect(mut socat: Command, to: &str) -> bool {
    socat.args(["-u", "OPEN:/dev/null", &format!("{to},connect-timeout=3")]);
    socat.stderr(Stdio::null());
    socat.status().expect("socat runs").success()
}

#[tokio::test]
async fn what_a_killed_run_left_behind_goes() {
    let Some(network) = Network::start(0).await else {
        return;
    };
    // No network has so great a number.
    let left = "muster-e2e-250-0";
    let ip = |arguments: &[&str]| {
        let output = Command::new("ip").args(arguments).output();
        let output = output.expect("`ip` runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    ip(&["netns", "add", left]);
    let mut forgotten = Command::new("ip")
        .args(["netns", "exec", left, "sleep", "600"])
        .spawn()
        .expect("`ip` runs");
    eventually("it runs there", async || {
        (!ip(&["netns", "pids", left]).is_empty()).then_some(())
    })
    .await;
    let names = || ip(&["netns", "list"]);
    let mine = network.namespace();
    // Another test may be the one that clears up.
    drop(Network::start(0).await);
    eventually("it is gone", async || {
        (!names().contains(left)).then_some(())
    })
    .await;
    assert!(!forgotten.wait().expect("it ends").success());
    assert!(names().contains(&mine), "what is in use stays");
    drop(network);
    assert!(!names().contains(&mine), "nothing is left");
}

#[tokio::test]
async fn links_are_as_bad_as_was_said() {
    let Some(mut network) = Network::start(3).await else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary directory");
    let north = Listener::start(&network, 0, &folder).await;
    let south = Listener::start(&network, 1, &folder).await;
    gets_through(&network, 0, 1, "a", &south).await;
    gets_through(&network, 1, 0, "b", &north).await;

    // One way: what is sent against it is not late, but lost.
    network.cut_one_way(1, 0);
    gets_through(&network, 0, 1, "c", &south).await;
    say(&network, 1, network.address(0), "lost");
    network.mend(0, 1);
    gets_through(&network, 1, 0, "d", &north).await;
    assert!(!north.heard().contains("lost"));

    network.cut(0, 1);
    let api = |host| format!("TCP:{}:7480", network.address(host));
    assert!(!connect(network.command(0, "socat"), &api(1)));
    assert!(!connect(network.command(1, "socat"), &api(0)));
    assert!(connect(network.command(2, "socat"), &api(0)));
    assert!(connect(network.command(2, "socat"), &api(1)));
    network.heal();
    round_trip(&network, 0, 1);
    network.lossy(1, 100);
    let api = |host| format!("TCP:{}:7480", network.address(host));
    assert!(!connect(network.command(2, "socat"), &api(1)));
    network.heal();

    // Nothing comes sooner than it may.
    network.slow(1, SLOW);
    assert!(round_trip(&network, 0, 1) >= 2 * SLOW);
    assert!(round_trip(&network, 1, 2) >= 2 * SLOW);
    network.slow(1, 2 * SLOW);
    assert!(round_trip(&network, 0, 1) >= 4 * SLOW);
    network.heal();
    round_trip(&network, 0, 1);

    // What has been passed counts, and more does not pass.
    network.cut_after(1, 100_000);
    round_trip(&network, 0, 1);
    network.cut_after(1, 1);
    let api = |host| format!("TCP:{}:7480", network.address(host));
    assert!(!connect(network.command(0, "socat"), &api(1)));

    // Whatever holds between hosts, the test reaches them.
    network.slow(1, Duration::from_secs(3_600));
    network.isolate(1);
    network.host(1).client().await;
    let before = network.address(1);
    let address = network.fresh_address();
    network.move_host(1, address);
    assert_ne!(address, before);
    network.host(1).client().await;
    let gone = SocketAddr::from((before, 7480));
    assert!(TcpStream::connect_timeout(&gone, Duration::from_secs(5)).is_err());
    network.heal();
    round_trip(&network, 0, 1);
}
