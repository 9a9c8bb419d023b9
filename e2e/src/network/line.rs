//! A line on which everything takes longer. The kernel can do that itself with
//! `netem`, where it has it; many small kernels do not, so frames are taken out
//! of one tap and put into another here, when their time has come. `socat`
//! makes the taps in the switch's namespace and hands frames over as datagrams.

use std::{
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// The largest frame there may be.
const FRAME: usize = 1 << 16;
/// How long a tap may take to be there; generous, for machines under load.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether the line is still wanted.
const LOOK: Duration = Duration::from_millis(100);

/// A slow line between two taps. Gone when dropped.
pub(super) struct Line {
    ends: [End; 2],
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    _folder: TempDir,
}

/// One of its ends.
struct End {
    program: Child,
    frames: Arc<UnixDatagram>,
    to: PathBuf,
}

impl Line {
    /// Makes two taps in a namespace and passes on what comes, later by `delay`;
    /// at once what comes from or goes to the interface `hurried`.
    ///
    /// # Panics
    /// If that does not work.
    pub(super) fn start(
        namespace: &str,
        inner: &str,
        outer: &str,
        delay: Duration,
        hurried: &str,
    ) -> Self {
        let folder = TempDir::new().expect("a temporary directory");
        let ends = [inner, outer].map(|tap| End::start(namespace, tap, folder.path()));
        let over = Arc::new(AtomicBool::new(false));
        let hurried = mac(hurried).expect("an address of an interface");
        let mut line = Self {
            ends,
            over,
            threads: Vec::new(),
            _folder: folder,
        };
        for (from, to) in [(0, 1), (1, 0)] {
            line.pass_on(from, to, delay, hurried);
        }
        line
    }

    fn pass_on(&mut self, from: usize, to: usize, delay: Duration, hurried: [u8; 6]) {
        let (late, due) = mpsc::channel::<(Instant, Vec<u8>)>();
        let source = Arc::clone(&self.ends[from].frames);
        let sink = self.ends[to].sink();
        let over = Arc::clone(&self.over);
        self.threads.push(thread::spawn(move || {
            let mut frame = vec![0; FRAME];
            while !over.load(Ordering::Relaxed) {
                // Nothing may come for a while.
                let Ok(length) = source.recv(&mut frame) else {
                    continue;
                };
                let frame = &frame[..length];
                if is_of(frame, hurried) {
                    sink(frame);
                } else if late.send((Instant::now() + delay, frame.to_vec())).is_err() {
                    return;
                }
            }
        }));
        let (sink, over) = (self.ends[to].sink(), Arc::clone(&self.over));
        self.threads.push(thread::spawn(move || {
            for (at, frame) in due {
                while let Some(early) = at.checked_duration_since(Instant::now()) {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    thread::sleep(early.min(LOOK));
                }
                sink(&frame);
            }
        }));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for end in &mut self.ends {
            let _ = end.program.kill();
            let _ = end.program.wait();
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl End {
    fn start(namespace: &str, tap: &str, folder: &Path) -> Self {
        let (here, there) = (folder.join(tap), folder.join(format!("{tap}.tap")));
        let frames = UnixDatagram::bind(&here).expect("a socket");
        frames.set_read_timeout(Some(LOOK)).expect("a timeout");
        let program = Command::new("ip")
            .args(["netns", "exec", namespace, "socat", "-b"])
            .arg(FRAME.to_string())
            .arg(format!("TUN,tun-type=tap,tun-name={tap},iff-no-pi,iff-up"))
            .arg(format!(
                "UNIX-SENDTO:{},bind={}",
                here.display(),
                there.display()
            ))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("`ip` and `socat` are there: call `cargo xtask servers`");
        let mut end = Self {
            program,
            frames: Arc::new(frames),
            to: there,
        };
        end.wait(namespace, tap);
        end
    }

    /// Waits until the tap is there and frames can be sent to it.
    fn wait(&mut self, namespace: &str, tap: &str) {
        let deadline = Instant::now() + PATIENCE;
        let there = || {
            let mut show = Command::new("ip");
            show.args(["-n", namespace, "link", "show", "dev", tap]);
            show.stdout(Stdio::null()).stderr(Stdio::null());
            show.status().is_ok_and(|status| status.success())
        };
        while !(self.to.exists() && there()) {
            let ended = self.program.try_wait().expect("the child can be asked");
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "socat made no tap {tap}: call `cargo xtask servers`"
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Puts frames into the tap. What cannot be put in is lost, as on any line.
    fn sink(&self) -> impl Fn(&[u8]) + use<> {
        let (frames, to) = (Arc::clone(&self.frames), self.to.clone());
        move |frame| {
            let _ = frames.send_to(frame, &to);
        }
    }
}

/// Whether a frame goes to or comes from an interface.
fn is_of(frame: &[u8], mac: [u8; 6]) -> bool {
    frame.get(..6) == Some(&mac) || frame.get(6..12) == Some(&mac)
}

fn mac(text: &str) -> Option<[u8; 6]> {
    let bytes = text.split(':').map(|byte| u8::from_str_radix(byte, 16));
    bytes.collect::<Result<Vec<_>, _>>().ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_tell_whose_they_are() {
        let one = mac("02:00:00:00:0a:ff").unwrap();
        assert_eq!(one, [2, 0, 0, 0, 10, 255]);
        assert_eq!((mac("02:00"), mac("x")), (None, None));
        let other = [1; 6];
        let frame = [one, other].concat();
        assert!(is_of(&frame, one) && is_of(&frame, other));
        assert!(!is_of(&frame, [3; 6]));
        assert!(!is_of(&[], one));
    }
}
