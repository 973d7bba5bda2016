//! A game as an environment: sticky actions, views, pictures, snapshots.

use super::{Channel, Game, SIZE};
use crate::picture::{Color, Scene};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::Stream;

/// Pixels per side of [`View::Pixels`]: eight per cell and a margin of two.
const PIXELS: usize = 84;
const PIXELS_PER_CELL: usize = 8;
const MARGIN: usize = 2;
const GROUND: Color = Color(18, 20, 30);

/// What an observation shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// 10 x 10 cells, one channel per kind of object.
    Channels,
    /// 84 x 84 grey pixels.
    Pixels,
}

/// What may differ between two copies of a game.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// What an observation shows.
    pub view: View,
    /// Probability that the action before is repeated instead of the one asked for.
    pub sticky: f32,
    /// Whether the game gets harder as it is won.
    pub ramping: bool,
}

/// A [`Game`] that is played.
#[derive(Clone, Debug)]
pub struct Arcade<G> {
    game: G,
    rules: Rules,
    /// The action that was carried out last.
    last: u32,
}

impl<G: Game> Arcade<G> {
    /// One copy, to be reset before use.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { game: G::default(), rules, last: 0 }
    }

    fn observe(&self, obs: &mut [f32]) {
        match self.rules.view {
            View::Channels => show_channels(&self.game, obs),
            View::Pixels => show_pixels(&self.game, obs),
        }
    }
}

/// Call `put(channel, x, y)` for the objects within the grid.
fn visible<G: Game>(game: &G, mut put: impl FnMut(usize, usize, usize)) {
    game.draw(|channel, x, y| {
        if super::on_grid(x, y) {
            put(channel, x as usize, y as usize);
        }
    });
}

fn show_channels<G: Game>(game: &G, obs: &mut [f32]) {
    obs.fill(0.0);
    visible(game, |channel, x, y| obs[(channel * SIZE + y) * SIZE + x] = 255.0);
}

fn show_pixels<G: Game>(game: &G, obs: &mut [f32]) {
    obs.fill(f32::from(GROUND.grey()));
    visible(game, |channel, x, y| {
        let Some(color) = G::CHANNELS[channel].color else { return };
        let (left, top) = (MARGIN + x * PIXELS_PER_CELL, MARGIN + y * PIXELS_PER_CELL);
        for row in top..top + PIXELS_PER_CELL {
            let start = row * PIXELS + left;
            obs[start..start + PIXELS_PER_CELL].fill(f32::from(color.grey()));
        }
    });
}

fn paint(scene: &mut Scene, channel: &Channel, x: usize, y: usize) {
    const GAP: f64 = 0.06;
    let (x, y) = (x as f64, y as f64);
    match channel.color {
        None => {}
        Some(color) if channel.round => scene.dot((x + 0.5, y + 0.5), 0.5 - GAP, color),
        Some(color) => scene.block((x + GAP, y + GAP), (1.0 - 2.0 * GAP, 1.0 - 2.0 * GAP), color),
    }
}

impl<G: Game> Env for Arcade<G> {
    fn observation_space(&self) -> Space {
        match self.rules.view {
            View::Channels => {
                Space::Image { channels: G::CHANNELS.len(), height: SIZE, width: SIZE }
            }
            View::Pixels => Space::Image { channels: 1, height: PIXELS, width: PIXELS },
        }
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: G::ACTIONS.len() }
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.game.start(rng);
        self.last = 0;
        self.observe(obs);
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        let repeats = self.rules.sticky > 0.0 && rng.uniform() < self.rules.sticky;
        if !repeats {
            self.last = action.discrete[0];
        }
        let outcome = self.game.step(self.last, self.rules.ramping, rng);
        self.observe(obs);
        let end = if outcome.over { End::Terminated } else { End::Continue };
        Step { reward: f64::from(outcome.points), end }
    }

    fn render(&self) -> Option<Scene> {
        let mut scene = Scene::new(SIZE as f64, SIZE as f64, GROUND);
        visible(&self.game, |channel, x, y| paint(&mut scene, &G::CHANNELS[channel], x, y));
        Some(scene)
    }

    fn action_names(&self) -> &'static [&'static str] {
        G::ACTIONS
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode_json(&(&self.game, self.last)))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        let known = |action: u32| (action as usize) < G::ACTIONS.len();
        let valid = |(game, last): &(G, u32)| game.is_valid() && known(*last);
        (self.game, self.last) = snapshot::decode_json(snapshot, valid)?;
        Ok(())
    }
}
