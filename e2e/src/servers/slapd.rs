//! A directory: OpenLDAP's slapd with a few people and groups.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{Authority, Certificate, installed};
use crate::host::free_address;

/// What all entries are below.
pub const SUFFIX: &str = "dc=example,dc=org";
/// Who may search.
pub const SERVICE_DN: &str = "cn=muster,dc=example,dc=org";
/// Its password.
pub const SERVICE_PASSWORD: &str = "service password";

/// How long it may take to listen; generous, for machines under load.
const PATIENCE: Duration = Duration::from_secs(60);
const SCHEMAS: &str = "/etc/ldap/schema";
const MODULES: &str = "/usr/lib/ldap";

const ENTRIES: &str = include_str!("../../servers/directory.ldif");

/// A running directory. Killed when dropped. Ada may sign in and is in two
/// groups. Grace has two user names and a name that needs every escape there
/// is. Two people share the user name `twin`. `nobody` has no password. The
/// service account is no person.
pub struct Slapd {
    child: Child,
    plain: SocketAddr,
    secure: SocketAddr,
    _folder: TempDir,
}

impl Slapd {
    /// Starts a directory, with a certificate of that authority.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(authority: &Authority) -> Self {
        let folder = TempDir::new().expect("a temporary directory");
        let path = folder.path();
        let config = path.join("slapd.conf");
        fs::create_dir(path.join("data")).expect("a folder");
        fs::write(&config, configuration(path, &authority.issue())).expect("a file");
        fs::write(path.join("entries.ldif"), ENTRIES).expect("a file");
        let output = Command::new(installed("slapd"))
            .args(["-Tadd", "-q", "-l"])
            .arg(path.join("entries.ldif"))
            .arg("-f")
            .arg(&config)
            .output()
            .expect("slapd runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let (plain, secure) = (free_address(), free_address());
        let log = File::create(path.join("log")).expect("a file");
        let child = Command::new(installed("slapd"))
            // With a level, even none, it stays a child.
            .args(["-d", "0", "-h"])
            .arg(format!("ldap://{plain} ldaps://{secure}"))
            .arg("-f")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("slapd runs");
        let mut slapd = Self {
            child,
            plain,
            secure,
            _folder: folder,
        };
        slapd.wait();
        slapd
    }

    /// Where it listens without TLS, or with StartTLS.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ldap://{}", self.plain)
    }

    /// Where it listens with TLS.
    #[must_use]
    pub fn secure_url(&self) -> String {
        format!("ldaps://{}", self.secure)
    }

    /// Ends it.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn wait(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        for address in [self.plain, self.secure] {
            while TcpStream::connect(address).is_err() {
                let ended = self.child.try_wait().expect("the child can be asked");
                assert!(
                    ended.is_none() && Instant::now() < deadline,
                    "slapd did not listen on {address}"
                );
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.stop();
    }
}

fn configuration(folder: &Path, certificate: &Certificate) -> String {
    let folder = folder.display();
    let (pem, key) = (certificate.certificate.display(), certificate.key.display());
    format!(
        r#"
include {SCHEMAS}/core.schema
include {SCHEMAS}/cosine.schema
include {SCHEMAS}/inetorgperson.schema
modulepath {MODULES}
moduleload back_mdb
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
TLSCertificateFile {pem}
TLSCertificateKeyFile {key}
# As careless directories do, so that a bind without a password would succeed.
allow bind_anon_cred bind_anon_dn
database mdb
suffix "{SUFFIX}"
rootdn "cn=admin,{SUFFIX}"
directory {folder}/data
maxsize 16777216
# Nothing here outlives the test.
dbnosync
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{SERVICE_DN}" read by * none
"#
    )
}
