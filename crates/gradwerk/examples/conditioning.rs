//! The lecture's poor conditioning: `r = -s^2 - a^2`, `pi = N(k s, sigma^2)`, and what the natural
//! gradient does to it. Everything is exact: objective, gradient and Fisher matrix in closed form.
//!
//!     cargo run --release -p gradwerk --example conditioning -- -o conditioning.svg
//!
//! draws both gradient fields with paths of ascent, the regret and the deviation; without `-o` the
//! paths are printed.

use gradwerk::env::exact_gaussian::CONDITIONING;
use gradwerk::run::plot::{Axis, Line, Panel, Scale, Style, draw, sheet};
use gradwerk_math::Real;
use std::path::PathBuf;

/// A policy: the gain k and the deviation sigma.
type Point = (f64, f64);

const STEPS: usize = 200;
/// Largest step along the gradient that does not diverge from the first start, to one digit.
const STEP_SIZE: f64 = 1e-3;
/// Divergence of each natural step, in nats per trajectory.
const DIVERGENCE: f64 = 0.05;
const STARTS: [Point; 4] = [(-0.05, 2.7), (-1.5, 2.7), (-0.2, 0.37), (-1.2, 0.14)];
/// What the fields show.
const GAINS: [f64; 2] = [-1.6, 0.0];
const SIGMAS: [f64; 2] = [0.02, 3.0];
/// Size of a field on paper, about: arrows of one length must look so.
const PAPER: [f64; 2] = [390.0, 200.0];

/// The gradient in `(k, ln sigma)`.
fn plain((gain, sigma): Point) -> [f64; 2] {
    CONDITIONING.gradient(gain, sigma)
}

/// `F^-1 grad J`; the Fisher matrix is diagonal.
fn natural((gain, sigma): Point) -> [f64; 2] {
    let [by_gain, by_log_sigma] = CONDITIONING.gradient(gain, sigma);
    let [f_gain, f_log_sigma] = CONDITIONING.fisher(gain, sigma);
    [by_gain / f_gain, by_log_sigma / f_log_sigma]
}

fn moved((gain, sigma): Point, alpha: f64, [by_gain, by_log_sigma]: [f64; 2]) -> Point {
    (gain + alpha * by_gain, sigma * Real::exp(alpha * by_log_sigma))
}

fn plain_step(at: Point) -> Point {
    moved(at, STEP_SIZE, plain(at))
}

/// The step of npg with a target divergence: `alpha = sqrt(2 eps / g^T F^-1 g)`.
fn natural_step(at: Point) -> Point {
    let (g, d) = (plain(at), natural(at));
    let square = g[0] * d[0] + g[1] * d[1];
    moved(at, (2.0 * DIVERGENCE / square).sqrt(), d)
}

fn path(start: Point, step: fn(Point) -> Point) -> Vec<Point> {
    std::iter::successors(Some(start), |&at| Some(step(at))).take(STEPS + 1).collect()
}

/// The best gain without exploration, where the derivative by the gain changes its sign.
fn best_gain() -> f64 {
    let (mut low, mut high) = (GAINS[0], GAINS[1]);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        let rising = CONDITIONING.gradient(middle, 0.0)[0] > 0.0;
        (low, high) = if rising { (middle, high) } else { (low, middle) };
    }
    low
}

/// `J* - J`, where J* is the limit of the best policies as sigma goes to 0.
fn regret((gain, sigma): Point) -> f64 {
    CONDITIONING.objective(best_gain(), 0.0) - CONDITIONING.objective(gain, sigma)
}

/// A field and the paths through it.
fn field(title: &str, direction: fn(Point) -> [f64; 2], step: fn(Point) -> Point) -> Panel {
    let shown = |p: &&Point| p.1 >= SIGMAS[0];
    let paths = STARTS.iter().map(|&start| {
        let points: Vec<Point> = path(start, step).iter().take_while(shown).copied().collect();
        Line::through(None, &points, Style::nth(1).dotted())
    });
    Panel {
        title: title.to_owned(),
        axis_titles: ["gain k".into(), "deviation (sigma)".into()],
        scales: Some([gains(), sigmas()]),
        lines: arrows(direction).into_iter().chain(paths).collect(),
        goal: None,
        empty: String::new(),
    }
}

fn gains() -> Scale {
    Scale::Linear(Axis::exact(GAINS[0], GAINS[1], 5))
}

fn sigmas() -> Scale {
    Scale::log(SIGMAS[0], SIGMAS[1], 10.0)
}

/// Arrows of one length on paper.
fn arrows(direction: fn(Point) -> [f64; 2]) -> Vec<Line> {
    let at = |i: usize, n: usize| (i as f64 + 0.5) / n as f64;
    let places = (0..16).flat_map(|i| (0..9).map(move |j| [at(i, 16), at(j, 9)]));
    places.map(|place| arrow(place, direction)).collect()
}

/// The arrow whose middle lies at a place (each coordinate from 0 to 1).
fn arrow(place: [f64; 2], direction: fn(Point) -> [f64; 2]) -> Line {
    let spans = [GAINS[1] - GAINS[0], Real::ln(SIGMAS[1] / SIGMAS[0])];
    let d = direction(point(place));
    let paper = [d[0] / spans[0] * PAPER[0], d[1] / spans[1] * PAPER[1]];
    let length = (paper[0] * paper[0] + paper[1] * paper[1]).sqrt();
    let [x, y] = paper.map(|p| p / length);
    // Along and across the arrow, in units of the paper: tail, tip, and the barbs of its head.
    let corners = [(-8.0, 0.0), (8.0, 0.0), (4.0, 2.5), (8.0, 0.0), (4.0, -2.5)];
    let corner = |(along, across): (f64, f64)| {
        let shift = [along * x - across * y, along * y + across * x];
        point([place[0] + shift[0] / PAPER[0], place[1] + shift[1] / PAPER[1]])
    };
    Line::through(None, &corners.map(corner), Style::faint())
}

/// The policy at a place of the field.
fn point([x, y]: [f64; 2]) -> Point {
    let gain = GAINS[0] + x * (GAINS[1] - GAINS[0]);
    (gain, SIGMAS[0] * Real::exp(y * Real::ln(SIGMAS[1] / SIGMAS[0])))
}

/// A quantity along the paths from the first start.
fn course(title: &str, axis: &str, quantity: fn(Point) -> f64) -> Panel {
    let line = |i: usize, name: &str, step: fn(Point) -> Point| {
        let values = path(STARTS[0], step).into_iter().map(quantity).enumerate();
        // Rounding hides what is smaller.
        let points: Vec<_> = values.map(|(t, y)| (t as f64, y.max(1e-12))).collect();
        Line::through(Some(name.to_owned()), &points, Style::nth(i))
    };
    let lines = vec![line(0, "gradient", plain_step), line(1, "natural gradient", natural_step)];
    let values = || lines.iter().flat_map(|l| &l.stretches[0]).map(|s| s.mean);
    let (low, high) = (values().fold(f64::MAX, f64::min), values().fold(0.0, f64::max));
    Panel {
        title: title.to_owned(),
        axis_titles: ["steps".into(), axis.into()],
        scales: Some([
            Scale::Linear(Axis::exact(0.0, STEPS as f64, 5)),
            Scale::log(low, high, 10.0),
        ]),
        lines,
        goal: None,
        empty: String::new(),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [] => {
            println!("best gain {:.6}", best_gain());
            for t in [0, 10, 50, 100, 200] {
                let [p, n] = [plain_step, natural_step].map(|step| path(STARTS[0], step)[t]);
                println!(
                    "step {t:>3}  gradient: k {:.3} sigma {:.4} regret {:.2e}   \
                     natural: k {:.3} sigma {:.2e} regret {:.2e}",
                    p.0,
                    p.1,
                    regret(p),
                    n.0,
                    n.1,
                    regret(n)
                );
            }
        }
        [flag, file] if flag == "-o" => {
            let panels = [
                field("gradient, fixed step", plain, plain_step),
                field("natural gradient, fixed divergence", natural, natural_step),
                course("regret J* - J", "regret", regret),
                course("deviation of the policy", "deviation (sigma)", |p| p.1),
            ];
            let note =
                "Exact gradients. Arrows: direction of ascent. Dots: one step each, 200 steps.";
            draw(&sheet(&panels, Some(note)), &PathBuf::from(file))?;
        }
        other => return Err(format!("{other:?}: expected nothing, or -o FILE.svg|png").into()),
    }
    Ok(())
}
