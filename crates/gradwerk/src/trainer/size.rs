//! Whether a run fits into memory, before any of it is allocated: a failed allocation would end
//! the process without a word about the setting that asked for it.

use crate::Error;
use crate::collect::Plan;
use crate::config::{Config, Invalid};
use crate::dist::Widths;
use crate::model::Model;

/// Assumed memory in bytes where the system does not tell: 64 GiB.
const ASSUMED: u64 = 64 << 30;

/// Columns of 4 bytes per row besides observations and actions, that the shards, the joined
/// rollout and the trainer hold together: log-probability, reward, value, next value, time twice;
/// discount, carry, advantage, target and row number once.
const COLUMNS: u64 = 2 * 5 + 5;

/// Copies of the parameters: as they are, packed, one gradient and two moments.
const PARAMETER_COPIES: u64 = 5;

/// Refuse rollouts of 2^32 rows or more, and what needs more memory than the machine has. The
/// estimate is a lower bound: what passes may still be too large.
pub fn check(config: &Config, model: &Model<f32>, plan: Plan) -> Result<(), Invalid> {
    check_within(config, model, plan, total_memory().unwrap_or(ASSUMED))
}

fn check_within(
    config: &Config,
    model: &Model<f32>,
    plan: Plan,
    memory: u64,
) -> Result<(), Invalid> {
    let n = config.env.num_envs;
    let (key, value, per_env) = match plan {
        Plan::Steps(steps) => ("rollout.steps", steps, Some(steps)),
        Plan::Episodes { quota, longest } => {
            ("rollout.episodes", config.rollout.episodes, quota.checked_mul(longest))
        }
    };
    let rows = per_env.and_then(|t| t.checked_mul(n)).and_then(|rows| u32::try_from(rows).ok());
    let Some(rows) = rows else {
        let reason = format!(
            "with env.num_envs = {n} and the time limit, a rollout may have 2^32 rows or more"
        );
        return Err(Invalid::new(key, value, reason));
    };
    let bytes = u64::from(rows) * row_bytes(model) + n as u64 * earlier_bytes(model);
    if bytes > memory {
        let reason = format!(
            "with env.num_envs = {n}, a rollout of {rows} rows needs at least {}, this machine has {}",
            gib(bytes),
            gib(memory)
        );
        return Err(Invalid::new(key, value, reason));
    }
    let parameters = model.layout().len() as u64;
    let bytes = parameters.saturating_mul(4 * PARAMETER_COPIES);
    if bytes > memory {
        let reason = format!(
            "{parameters} parameters need at least {}, this machine has {}; choose smaller \
             network.hidden",
            gib(bytes),
            gib(memory)
        );
        return Err(Invalid::new("network.kind", config.network.name(), reason));
    }
    Ok(())
}

/// Refuse a recording that is too large as a rollout `[T, N]` of its longest episode.
pub fn check_recording(
    model: &Model<f32>,
    (t, n): (usize, usize),
    name: &str,
) -> Result<(), Error> {
    let rows = t.checked_mul(n).and_then(|rows| u32::try_from(rows).ok());
    let memory = total_memory().unwrap_or(ASSUMED);
    match rows {
        Some(rows) if u64::from(rows) * row_bytes(model) <= memory => Ok(()),
        _ => Err(Error::Usage(format!(
            "{name}: {n} episodes of up to {t} steps do not fit into memory ({}); record fewer, \
             or of more equal length",
            gib(memory)
        ))),
    }
}

/// Bytes per row of the rollout, in the shards and joined.
fn row_bytes(model: &Model<f32>) -> u64 {
    let (numbers, pixels) = (model.frame.numbers(), model.frame.pixels());
    let (wd, wc) = (model.dist.discrete(), model.dist.continuous());
    2 * (4 * (numbers + wd + wc + model.memory_width()) + pixels + model.mask_width) as u64
        + 4 * COLUMNS
}

/// Bytes per environment of the frames from before the rollout: there, joined, and raw.
fn earlier_bytes(model: &Model<f32>) -> u64 {
    let (numbers, pixels) = (model.frame.numbers(), model.frame.pixels());
    let frame = 2 * (4 * numbers + pixels) + 4 * model.encoder.raw_width();
    (model.frames as u64 - 1) * frame as u64
}

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1_u64 << 30) as f64)
}

/// The machine's memory in bytes, where the system tells.
fn total_memory() -> Option<u64> {
    parse_meminfo(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

/// The line `MemTotal: ... kB` of Linux' `/proc/meminfo`.
fn parse_meminfo(text: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_env::Space;

    fn model(config: &Config) -> Model<f32> {
        let observation = Space::uniform_box(4, -1.0, 1.0);
        Model::build(config, &observation, &Space::Discrete { n: 2 }).unwrap()
    }

    #[test]
    fn too_many_rows_and_too_much_memory_name_the_setting() {
        let mut config = Config::default();
        (config.env.num_envs, config.rollout.steps) = (8, 100);
        let model = model(&config);
        // 800 rows of 2 * 4 * (4 + 1) + 4 * 15 = 100 bytes; the default network has some
        // 9000 parameters, 20 bytes each.
        let steps = |steps| check_within(&config, &model, Plan::Steps(steps), 1 << 20);
        assert_eq!(steps(100), Ok(()));
        let error = steps(2000).unwrap_err();
        // 16 000 rows * 100 bytes = 1.6 MB > 1 MiB.
        assert_eq!(error.key, "rollout.steps");
        assert!(error.reason.contains("env.num_envs = 8") && error.reason.contains("16000 rows"));
        let episodes = Plan::Episodes { quota: 1 << 20, longest: 1 << 10 };
        let error = check_within(&config, &model, episodes, u64::MAX).unwrap_err();
        // 2^20 * 2^10 * 8 = 2^33.
        assert_eq!(error.key, "rollout.episodes");
        assert!(error.reason.contains("2^32 rows"), "{error}");
        let error = check_within(&config, &model, Plan::Steps(1), 100_000).unwrap_err();
        assert!(error.reason.contains("network.hidden"), "{error}");
    }

    #[test]
    fn meminfo_is_in_kibibytes() {
        let text = "MemFree:  12 kB\nMemTotal:       16318480 kB\n";
        assert_eq!(parse_meminfo("x\nMemTotal:       16318480 kB\n"), Some(16_318_480 * 1024));
        assert_eq!(parse_meminfo(text), Some(16_318_480 * 1024));
        assert_eq!(parse_meminfo("MemTotal: many kB"), None);
    }
}
