//! What else the machine did meanwhile.

use std::collections::HashMap;
use std::fs;
use std::time::Instant;

/// Ticks of a second, as Linux counts them.
const TICKS: f64 = 100.0;

/// The CPU time until now, in ticks.
pub(crate) struct Load {
    at: Instant,
    /// The time of all processes.
    all: u64,
    /// The time of this process and its children, which the servers are.
    ours: u64,
    /// The time that the machine's host gave to others.
    stolen: u64,
}

impl Load {
    pub(crate) fn now() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let fields: Vec<u64> = stat
            .lines()
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .filter_map(|field| field.parse().ok())
            .collect();
        let field = |place: usize| fields.get(place).copied().unwrap_or(0);
        Self {
            at: Instant::now(),
            // user, nice, system, irq and softirq
            all: field(0) + field(1) + field(2) + field(5) + field(6),
            ours: ours(),
            stolen: field(7),
        }
    }

    /// The part of the machine that other processes had since then, and the load average.
    pub(crate) fn since(&self) -> String {
        let now = Self::now();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let ticks = (now.at - self.at).as_secs_f64() * TICKS * cores as f64;
        let percent = |ticks_of: u64| 100.0 * ticks_of as f64 / ticks;
        let ours = now.ours.saturating_sub(self.ours);
        let others = (now.all - self.all).saturating_sub(ours);
        let average = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        format!(
            "CPU time: {:.0} % of it here, {:.0} % other processes, {:.0} % stolen; load average {}",
            percent(ours),
            percent(others),
            percent(now.stolen - self.stolen),
            average.split(' ').next().unwrap_or_default()
        )
    }
}

/// The ticks of this process and all below it, also those that have ended.
fn ours() -> u64 {
    let mut children: HashMap<u32, Vec<(u32, u64)>> = HashMap::new();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for process in processes {
        let text = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        // The second field may have spaces in it, and ends with the last parenthesis.
        let Some((start, rest)) = text.rsplit_once(')') else {
            continue;
        };
        let pid = start.split(' ').next().and_then(|pid| pid.parse().ok());
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |place: usize| -> u64 {
            let field = fields.get(place).and_then(|field| field.parse().ok());
            field.unwrap_or(0)
        };
        let (Some(pid), Ok(parent)) = (pid, u32::try_from(field(1))) else {
            continue;
        };
        // Of its own, and of the children that it waited for.
        let ticks = (11..=14).map(field).sum();
        children.entry(parent).or_default().push((pid, ticks));
    }
    let me = std::process::id();
    let mine = children.values().flatten().find(|(pid, _)| *pid == me);
    let (mut ticks, mut open) = (mine.map_or(0, |(_, ticks)| *ticks), vec![me]);
    while let Some(pid) = open.pop() {
        for (child, of_child) in children.get(&pid).into_iter().flatten() {
            ticks += of_child;
            open.push(*child);
        }
    }
    ticks
}
