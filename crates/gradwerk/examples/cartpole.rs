//! Train, evaluate, save and load in ten lines.
use gradwerk::{Config, EvalOptions, Policy, Runtime, Trainer, evaluate};
use gradwerk_math::Pool;

fn main() -> Result<(), gradwerk::Error> {
    let config = Config { steps: 100_000, ..Config::default() };
    let mut trainer = Trainer::new(&config, Runtime::default())?;
    let start = std::time::Instant::now();
    while !trainer.finished() {
        let report = trainer.update()?;
        if report.counters.updates % 10 == 0 {
            println!(
                "{} {:?} {:.3} {:.4} {:?}",
                report.counters.steps,
                report.mean_return,
                report.stats.sums.policy.entropy / report.stats.sums.policy.rows as f64,
                report.stats.sums.approx_kl(),
                report.explained_variance
            );
        }
    }
    println!("{:.3} s", start.elapsed().as_secs_f64());
    let path = std::env::temp_dir().join("gradwerk-cartpole.safetensors");
    trainer.policy().save(&path)?;
    let policy = Policy::load(&path)?;
    let env =
        gradwerk_env::find("CartPole-v1").map_err(|e| gradwerk::Error::Usage(e.to_string()))?;
    let result = evaluate(
        &policy,
        env,
        EvalOptions { episodes: 100, seed: 0, stochastic: false },
        &Pool::new(2),
    )?;
    println!("{} +- {}", result.mean_return, result.ci95);
    Ok(())
}
