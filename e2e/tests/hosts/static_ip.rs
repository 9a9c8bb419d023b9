//! `muster op static-ip` on a machine with neighbours.

use std::{fs, process::Output};

use muster_e2e::{Network, muster_binary};

struct Machine<'a> {
    network: &'a Network,
    data: tempfile::TempDir,
}

impl Machine<'_> {
    fn settle(&self, line: &str) -> Output {
        let mut command = self.network.command(0, muster_binary());
        command.args(["op", "static-ip"]).args(line.split(' '));
        command.arg("--data-dir").arg(self.data.path());
        command.output().expect("it runs")
    }

    fn refused(&self, line: &str, code: i32, why: &str) {
        let output = self.settle(line);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line}: {told}");
        assert!(told.contains(why), "{line}: {told}");
        assert!(!self.data.path().join("network").exists(), "{line}");
    }
}

#[tokio::test]
async fn an_address_is_checked_against_the_network_and_written_down() {
    let Some(mut network) = Network::start(2).await else {
        return;
    };
    let free = network.fresh_address();
    let gateway = network.address(1);
    let machine = Machine {
        network: &network,
        data: tempfile::tempdir().expect("a temporary directory"),
    };
    let rest = format!("--interface eth0 --gateway {gateway} --dns {gateway}");
    let taken = network.address(1);
    let other = format!(
        "{taken}/24 --interface eth0 --gateway {}",
        network.address(0)
    );
    machine.refused(&other, 1, "belongs to another machine");
    let nowhere = format!("{free}/24 --interface wlan0 --gateway {gateway}");
    machine.refused(&nowhere, 1, "there is no interface wlan0; there are: eth0");
    let inside = format!("{free}/24 --interface lo --gateway {gateway}");
    machine.refused(&inside, 1, "does not lead out");
    let strange = format!("{free}/24 --interface eth0 --gateway 192.0.2.1");
    machine.refused(&strange, 2, "does not lie in");
    machine.refused(&format!("{free}/40 {rest}"), 2, "");

    let output = machine.settle(&format!("{free}/24 {rest}"));
    let told = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}{error}");
    let kept = machine.data.path().join("network/00-muster-eth0.network");
    let file = fs::read_to_string(&kept).expect("it is kept");
    assert!(file.contains(&format!("Address={free}/24\n")), "{file}");
    assert!(told.starts_with(&file), "{told}");
    assert!(told.contains(&kept.display().to_string()), "{told}");
    assert!(told.contains("The system was left alone"), "{told}");
    // What the machine has itself is nobody else's.
    let own = network.address(0);
    assert!(machine.settle(&format!("{own}/24 {rest}")).status.success());
}
