//! Train, evaluate, save and load: PPO on CartPole-v1 with the settings that ship for it.
use gradwerk::{Config, Error, EvalOptions, Policy, Pool, Runtime, Trainer, env, evaluate};

fn main() -> Result<(), Error> {
    let config = Config::preset("CartPole-v1", "ppo")?;
    let mut trainer = Trainer::new(&config, Runtime::default())?;
    while !trainer.finished() {
        let report = trainer.update()?;
        if report.counters.updates.is_multiple_of(20) {
            let mean = report.mean_return.unwrap_or(f64::NAN);
            println!("{:>7} steps: mean return {mean:.1}", report.counters.steps);
        }
    }
    // All that acting needs goes into one file: weights, normaliser, spaces.
    let file = std::env::temp_dir().join("gradwerk-cartpole.safetensors");
    trainer.policy().save(&file)?;
    let mut policy = Policy::load(&file)?;

    let cart_pole = env::find("CartPole-v1")?;
    let result = evaluate(&policy, cart_pole, EvalOptions::default(), &Pool::new(2))?;
    println!(
        "{} episodes: mean return {:.1} +- {:.1}",
        result.episodes, result.mean_return, result.ci95
    );

    // A pole that leans to the right (positive angle, moving right) is caught by a push right.
    let action = policy.predict(&[0.0, 0.0, 0.1, 0.5]).discrete[0];
    println!("a pole falling to the right: push {}", ["left", "right"][action as usize]);
    Ok(())
}
