//! What the operating system says of this process.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What was read just now.
#[derive(Debug, Default)]
pub(super) struct Process {
    /// Memory in use, in bytes.
    pub(super) resident: Option<u64>,
    /// Open file descriptors.
    pub(super) descriptors: Option<u64>,
}

impl Process {
    /// Reads it from `/proc`, which takes microseconds. Where there is none, nothing is
    /// told.
    pub(super) fn read() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let descriptors = std::fs::read_dir("/proc/self/fd").ok();
        Self {
            resident: resident(&status),
            // The folder itself is open while it is read.
            descriptors: descriptors.map(|all| (all.count() as u64).saturating_sub(1)),
        }
    }
}

/// The bytes in a line such as `VmRSS:     5024 kB`.
fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// When this was first asked for: the first gateway of the process asks as it starts.
static STARTED: LazyLock<SystemTime> = LazyLock::new(SystemTime::now);

/// When the process started, since 1970.
pub(super) fn started() -> Duration {
    STARTED.duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::resident;

    #[test]
    fn the_line_of_the_memory_is_found() {
        let status = "Name:\tgateway\nVmPeak:\t  9000 kB\nVmRSS:\t    5024 kB\n";
        assert_eq!(resident(status), Some(5024 * 1024));
        assert_eq!(resident("Name:\tgateway\n"), None);
    }
}
