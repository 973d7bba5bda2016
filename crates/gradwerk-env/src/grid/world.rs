//! Cells, the walker, and the environment of both.

use super::Map;
use crate::picture::{Color, Scene};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::Stream;
use serde::{Deserialize, Serialize};

/// Cells per side of what the walker sees.
const VIEW: usize = 7;
/// Channels: walls, locked doors, open doors, keys, goals, and the key in one's own hands (at the
/// walker's own cell).
const CHANNELS: usize = 6;
const IN_HAND: usize = 5;
/// East, south, west, north; y counts downwards.
const DIRECTIONS: [(i32, i32); 4] = [(1, 0), (0, 1), (-1, 0), (0, -1)];

/// What is in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cell {
    /// Nothing.
    Floor,
    /// Blocks the way, and so does all that lies outside the map.
    Wall,
    /// Blocks the way until it is opened with the key.
    LockedDoor,
    /// A door that was opened.
    OpenDoor,
    /// Blocks the way until it is picked up.
    Key,
    /// Ends the walk.
    Goal,
}

impl Cell {
    fn channel(self) -> Option<usize> {
        match self {
            Self::Floor => None,
            Self::Wall => Some(0),
            Self::LockedDoor => Some(1),
            Self::OpenDoor => Some(2),
            Self::Key => Some(3),
            Self::Goal => Some(4),
        }
    }

    fn is_free(self) -> bool {
        matches!(self, Self::Floor | Self::OpenDoor | Self::Goal)
    }
}

/// Where the walker stands and looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walker {
    /// Column.
    pub x: usize,
    /// Row, from the top.
    pub y: usize,
    /// 0 east, 1 south, 2 west, 3 north.
    pub facing: u8,
}

impl Walker {
    /// The place `ahead` cells in front of and `aside` cells to the right of the walker.
    fn place(self, ahead: i32, aside: i32) -> (i32, i32) {
        let (dx, dy) = DIRECTIONS[usize::from(self.facing)];
        let (x, y) = (self.x as i32, self.y as i32);
        (x + ahead * dx - aside * dy, y + ahead * dy + aside * dx)
    }
}

/// A map with the walker on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct World {
    pub size: usize,
    cells: Vec<Cell>,
    pub walker: Walker,
    /// Whether the walker has the key.
    has_key: bool,
    time: u32,
}

impl World {
    /// Floor with walls around it.
    pub fn walled(size: usize) -> Self {
        let edge = |k: usize| k == 0 || k == size - 1;
        let cell = |k: usize| {
            if edge(k % size) || edge(k / size) { Cell::Wall } else { Cell::Floor }
        };
        Self { size, cells: (0..size * size).map(cell).collect(), ..Self::default() }
    }

    pub fn cell(&self, x: usize, y: usize) -> Cell {
        self.cells[y * self.size + x]
    }

    pub fn put(&mut self, x: usize, y: usize, cell: Cell) {
        self.cells[y * self.size + x] = cell;
    }

    /// The cell at a place, wherever that is.
    fn look(&self, (x, y): (i32, i32)) -> Cell {
        let inside = |k: i32| (0..self.size as i32).contains(&k);
        if inside(x) && inside(y) { self.cell(x as usize, y as usize) } else { Cell::Wall }
    }

    /// Whether the walker has arrived.
    fn act(&mut self, action: u32) -> bool {
        let walker = &mut self.walker;
        match action {
            0 => walker.facing = (walker.facing + 3) % 4,
            1 => walker.facing = (walker.facing + 1) % 4,
            _ => return self.act_ahead(action),
        }
        false
    }

    fn act_ahead(&mut self, action: u32) -> bool {
        let place = self.walker.place(1, 0);
        let ahead = self.look(place);
        let (x, y) = (place.0 as usize, place.1 as usize); // In the map unless it is a wall.
        match (action, ahead) {
            (2, cell) if cell.is_free() => {
                (self.walker.x, self.walker.y) = (x, y);
                return cell == Cell::Goal;
            }
            (3, Cell::Key) => {
                self.put(x, y, Cell::Floor);
                self.has_key = true;
            }
            (4, Cell::LockedDoor) if self.has_key => self.put(x, y, Cell::OpenDoor),
            _ => {}
        }
        false
    }

    fn observe(&self, obs: &mut [f32]) {
        obs.fill(0.0);
        let mut mark = |channel: usize, row: usize, column: usize| {
            obs[(channel * VIEW + row) * VIEW + column] = 255.0;
        };
        for row in 0..VIEW {
            for column in 0..VIEW {
                let (ahead, aside) = (VIEW - 1 - row, column as i32 - (VIEW / 2) as i32);
                let cell = self.look(self.walker.place(ahead as i32, aside));
                if let Some(channel) = cell.channel() {
                    mark(channel, row, column);
                }
            }
        }
        if self.has_key {
            mark(IN_HAND, VIEW - 1, VIEW / 2);
        }
    }

    fn is_seen(&self, x: usize, y: usize) -> bool {
        let side = (VIEW / 2) as i32;
        let mut seen = (0..VIEW as i32).flat_map(|f| (-side..=side).map(move |s| (f, s)));
        seen.any(|(ahead, aside)| self.walker.place(ahead, aside) == (x as i32, y as i32))
    }

    fn is_valid(&self, size: usize) -> bool {
        let Walker { x, y, facing } = self.walker;
        let sized = self.size == size && self.cells.len() == size * size;
        sized && x < size && y < size && facing < 4
    }
}

/// The environment.
#[derive(Clone, Debug)]
pub struct Grid {
    map: Map,
    size: usize,
    world: World,
}

impl Grid {
    /// A copy of `size` x `size` cells, to be reset before use.
    #[must_use]
    pub fn new(map: Map, size: usize) -> Self {
        Self { map, size, world: World::walled(size) }
    }
}

impl Env for Grid {
    fn observation_space(&self) -> Space {
        Space::Image { channels: CHANNELS, height: VIEW, width: VIEW }
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: self.action_names().len() }
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.world = self.map.draw(self.size, rng);
        self.world.observe(obs);
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        let world = &mut self.world;
        world.time = world.time.saturating_add(1);
        let arrived = world.act(action.discrete[0]);
        world.observe(obs);
        if !arrived {
            return Step { reward: 0.0, end: End::Continue };
        }
        let used = f64::from(world.time) / f64::from(self.map.limit(self.size));
        // Beyond the usual limit, if the settings allow it, nothing is lost any more.
        Step { reward: 1.0 - 0.9 * used.min(1.0), end: End::Terminated }
    }

    fn render(&self) -> Option<Scene> {
        let (world, size) = (&self.world, self.size as f64);
        let mut scene = Scene::new(size, size, Color(18, 20, 30));
        for k in 0..self.size * self.size {
            let (x, y) = (k % self.size, k / self.size);
            paint(&mut scene, world.cell(x, y), (x as f64, y as f64), world.is_seen(x, y));
        }
        let (x, y) = (world.walker.x as f64 + 0.5, world.walker.y as f64 + 0.5);
        let (dx, dy) = DIRECTIONS[usize::from(world.walker.facing)];
        let (dx, dy) = (0.4 * f64::from(dx), 0.4 * f64::from(dy));
        let corners = [(x + dx, y + dy), (x - dx - dy, y - dy + dx), (x - dx + dy, y - dy - dx)];
        scene.area(&corners, Color(86, 180, 233));
        if world.has_key {
            scene.dot((x, y), 0.15, Color(240, 228, 66));
        }
        Some(scene)
    }

    fn action_names(&self) -> &'static [&'static str] {
        &["turn left", "turn right", "forward", "pick up", "open"]
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode_json(&self.world))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        let valid = |world: &World| world.is_valid(self.size);
        self.world = snapshot::decode_json(snapshot, valid)?;
        Ok(())
    }
}

/// Paint a cell; what the walker sees is lighter.
fn paint(scene: &mut Scene, cell: Cell, (x, y): (f64, f64), seen: bool) {
    let color = match cell {
        Cell::Wall => Color(110, 114, 130),
        Cell::Goal => Color(0, 158, 115),
        Cell::LockedDoor => Color(213, 94, 0),
        _ if seen => Color(58, 62, 80),
        _ => Color(34, 37, 50),
    };
    scene.block((x + 0.02, y + 0.02), (0.96, 0.96), color);
    match cell {
        Cell::Key => scene.dot((x + 0.5, y + 0.5), 0.25, Color(240, 228, 66)),
        Cell::OpenDoor => scene.block((x + 0.02, y + 0.02), (0.15, 0.96), Color(213, 94, 0)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_math::Purpose;

    fn rng(seed: u64) -> Stream {
        Stream::new(seed, Purpose::Test, 0, 0)
    }

    fn blank() -> Vec<f32> {
        vec![0.0; CHANNELS * VIEW * VIEW]
    }

    fn act(grid: &mut Grid, actions: &[u32]) -> Step {
        let mut obs = blank();
        let mut last = Step { reward: 0.0, end: End::Continue };
        for action in actions {
            let action = Action { discrete: &[*action], continuous: &[] };
            last = grid.step(action, &mut rng(0), &mut obs);
        }
        last
    }

    /// In a room of 5 x 5 the goal is two cells east and two south: forward twice, turn right,
    /// forward twice. The limit is 4 * 25 = 100, so five steps leave 1 - 0.9 * 0.05 = 0.955.
    #[test]
    fn the_goal_is_worth_more_the_sooner() {
        let mut grid = Grid::new(Map::Empty, 5);
        grid.reset(&mut rng(0), &mut blank());
        assert_eq!(act(&mut grid, &[2, 2, 2, 1]).end, End::Continue, "a wall stops the third step");
        grid.reset(&mut rng(0), &mut blank());
        let last = act(&mut grid, &[2, 2, 1, 2, 2]);
        assert!((last.reward - 0.955).abs() < 1e-12 && last.end == End::Terminated, "{last:?}");
    }

    /// A world of 5 x 5: the walker at (1, 2) looks east at a key at (2, 2) and a door behind it.
    fn locked() -> Grid {
        let mut grid = Grid::new(Map::DoorKey, 5);
        grid.world.put(2, 2, Cell::Key);
        grid.world.put(3, 2, Cell::LockedDoor);
        grid.world.walker = Walker { x: 1, y: 2, facing: 0 };
        grid
    }

    #[test]
    fn a_door_opens_with_the_key_only() {
        let mut grid = locked();
        act(&mut grid, &[2]);
        assert_eq!(grid.world.walker.x, 1, "the key lies in the way");
        act(&mut grid, &[3, 2, 2]);
        assert!(grid.world.has_key && grid.world.walker.x == 2, "the door is locked");
        act(&mut grid, &[4, 2]);
        assert_eq!((grid.world.cell(3, 2), grid.world.walker.x), (Cell::OpenDoor, 3));
        let mut without = locked();
        without.world.put(2, 2, Cell::Floor);
        act(&mut without, &[2, 4, 2]);
        assert_eq!(without.world.walker.x, 2, "no key, no way");
    }

    /// Looking east from (1, 2): the key is one cell ahead (row 5, column 3), the door two. After
    /// a turn to the right (south), east is on the left: the key is beside it (row 6, column 2).
    #[test]
    fn the_view_turns_with_the_walker() {
        let mut grid = locked();
        let mut obs = blank();
        grid.world.observe(&mut obs);
        let at = |obs: &[f32], channel: usize, row: usize, column: usize| {
            obs[(channel * VIEW + row) * VIEW + column]
        };
        assert_eq!((at(&obs, 3, 5, 3), at(&obs, 1, 4, 3), at(&obs, 0, 6, 3)), (255.0, 255.0, 0.0));
        // North of (1, 2) are floor and wall; the view's left side, two and more cells away, is
        // wall or outside the map.
        assert_eq!((at(&obs, 0, 6, 2), at(&obs, 0, 6, 1), at(&obs, 0, 6, 0)), (0.0, 255.0, 255.0));
        act(&mut grid, &[1]);
        grid.world.observe(&mut obs);
        assert_eq!((at(&obs, 3, 6, 2), at(&obs, 3, 5, 3)), (255.0, 0.0));
    }

    /// From the walker, every cell that is not wall can be reached once doors count as open.
    #[test]
    fn every_map_can_be_solved() {
        for map in Map::ALL {
            for (size, seed) in [(map.smallest(), 1), (8, 2), (11, 3), (16, 4)] {
                let world = map.draw(size.max(map.smallest()), &mut rng(seed));
                let mut reached = vec![(world.walker.x as i32, world.walker.y as i32)];
                let mut next = 0;
                while next < reached.len() {
                    let (x, y) = reached[next];
                    for (dx, dy) in DIRECTIONS {
                        let place = (x + dx, y + dy);
                        if world.look(place) != Cell::Wall && !reached.contains(&place) {
                            reached.push(place);
                        }
                    }
                    next += 1;
                }
                let goals = reached.iter().filter(|place| world.look(**place) == Cell::Goal);
                assert_eq!(goals.count(), 1, "{map:?} {size}");
            }
        }
    }

    #[test]
    fn the_key_and_the_walker_are_on_the_same_side_of_the_door() {
        for seed in 0..30 {
            let world = Map::DoorKey.draw(6, &mut rng(seed));
            let column = |cell| world.cells.iter().position(|c| *c == cell).unwrap() % 6;
            let door = column(Cell::LockedDoor);
            assert!(column(Cell::Key) < door && world.walker.x < door);
        }
    }
}
