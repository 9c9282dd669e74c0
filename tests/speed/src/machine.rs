//! The machine.

use std::fs;

/// Returns the processor and the number of its cores, as Linux reports them.
pub fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("an unknown processor")
        .trim_start_matches([' ', '\t', ':']);
    // Not those of this process, which may be pinned to one.
    let cores = text
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    format!("{model}, {cores} cores")
}
