//! A rule for the platforms: look a second ahead, and go as far as is safe.

use super::Rule;

const RUN: u32 = 0;
const HOP: u32 = 1;
const LEAP: u32 = 2;

pub fn rule(id: &str) -> Option<Rule> {
    (id == "hybrid/platform").then(|| -> Rule {
        Box::new(|obs, _| {
            let (choice, strength) = act(&Seen::of(obs));
            (vec![choice], vec![strength; 3])
        })
    })
}

/// The observation; the walker is at 0.
struct Seen {
    run_up: f32,
    /// Where this platform and the next one begin and end; the last one is followed by itself.
    here: [f32; 2],
    next: [f32; 2],
    /// Place and speed of their guards.
    guards: [[f32; 2]; 2],
    last: bool,
}

impl Seen {
    fn of(obs: &[f32]) -> Self {
        let (here, last) = ([-obs[0], obs[1]], obs[5] == 0.0);
        let start = obs[1] + obs[3];
        let (next, other) = match last {
            true => (here, [obs[6], obs[7]]),
            false => ([start, start + obs[4]], [obs[8], obs[9]]),
        };
        Self { run_up: obs[2], here, next, guards: [[obs[6], obs[7]], other], last }
    }

    /// Whether nobody is met on this way within a second, nor where it ends a moment later.
    fn is_free(&self, way: f32, in_air: bool) -> bool {
        let first = if in_air { 8 } else { 1 };
        (first..=10).all(|tick| {
            let time = tick as f32 / 8.0;
            let at = way * time.min(1.0);
            let far = |[place, speed]: [f32; 2], [start, end]: [f32; 2]| {
                (place_after(place, speed, time, [start + 1.0, end - 1.0]) - at).abs() > 0.6
            };
            far(self.guards[0], self.here) && far(self.guards[1], self.next)
        })
    }

    /// Whether a way ends on a platform.
    fn lands(&self, way: f32) -> bool {
        let on = |[start, end]: [f32; 2]| start + 0.05 < way && way < end - 0.05;
        on(self.here) || on(self.next) || (self.last && way > 0.0)
    }

    /// Whether a leap of full strength from there, after that run, reaches the next platform.
    fn prepares(&self, way: f32) -> bool {
        self.last
            || self.here[1] - way > 5.0
            || (way >= 1.0 && 3.0 + way / 2.0 > self.next[0] - way + 0.2)
    }
}

/// Where a guard is later, who turns at two places.
fn place_after(place: f32, speed: f32, time: f32, [low, high]: [f32; 2]) -> f32 {
    match place + speed * time {
        below if below < low => 2.0 * low - below,
        above if above > high => 2.0 * high - above,
        between => between,
    }
}

/// The farthest leap; else the farthest run from which one goes on, or the farthest hop; else the
/// safest step there is.
fn act(seen: &Seen) -> (u32, f32) {
    let strengths = || (0..=40).map(|k| 1.0 - k as f32 / 20.0);
    let leap = |s: &f32| {
        let way = 2.0 + s + seen.run_up / 2.0;
        seen.run_up >= 1.0
            && seen.lands(way)
            && (way > seen.next[0] || seen.last)
            && seen.is_free(way, true)
    };
    if let Some(strength) = strengths().find(leap) {
        return (LEAP, strength);
    }
    let safe = |way: f32, in_air: bool| seen.lands(way) && seen.is_free(way, in_air);
    let run = |s: &f32| safe(3.0 * s, false) && seen.prepares(3.0 * s);
    let hop = |s: &f32| safe(2.5 * s, true) && seen.here[1] - 2.5 * s > 3.0;
    let runs = strengths().find(run).filter(|s| *s > 0.1).map(|s| (RUN, s));
    let hops = || strengths().find(hop).filter(|s| *s > 0.1).map(|s| (HOP, s));
    let back = || strengths().rev().find(|s| safe(3.0 * s, false)).map(|s| (RUN, s));
    runs.or_else(hops).or_else(back).unwrap_or((HOP, 0.0))
}
