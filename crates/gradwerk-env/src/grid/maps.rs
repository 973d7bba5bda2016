//! The maps.

use super::world::{Cell, Walker, World};
use gradwerk_math::Stream;

/// A kind of map; its size is a number apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Map {
    /// One room, from one corner to the other.
    Empty,
    /// Two rooms; the key to the door between them lies in the first.
    DoorKey,
    /// Four rooms with open passages, start and goal anywhere.
    FourRooms,
}

impl Map {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Empty, Self::DoorKey, Self::FourRooms];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::DoorKey => "door-key",
            Self::FourRooms => "four-rooms",
        }
    }

    pub(super) fn summary(self) -> &'static str {
        match self {
            Self::Empty => "walk to the goal in an empty room, seeing 7 x 7 cells",
            Self::DoorKey => "find the key, open the door, walk to the goal, seeing 7 x 7 cells",
            Self::FourRooms => "find the goal in one of four rooms, seeing 7 x 7 cells",
        }
    }

    pub(super) fn smallest(self) -> usize {
        match self {
            Self::Empty | Self::DoorKey => 5,
            Self::FourRooms => 7,
        }
    }

    /// Steps until time is up.
    pub(super) fn limit(self, size: usize) -> u32 {
        let cells = (size * size) as u32;
        match self {
            Self::Empty | Self::FourRooms => 4 * cells,
            Self::DoorKey => 10 * cells,
        }
    }

    /// A new world of this kind.
    pub(super) fn draw(self, size: usize, rng: &mut Stream) -> World {
        let mut world = World::walled(size);
        match self {
            Self::Empty => {
                world.put(size - 2, size - 2, Cell::Goal);
                world.walker = Walker { x: 1, y: 1, facing: 0 };
            }
            Self::DoorKey => door_key(&mut world, size, rng),
            Self::FourRooms => four_rooms(&mut world, size, rng),
        }
        world
    }
}

/// A whole number from `low` to `high`, both included.
fn between(low: usize, high: usize, rng: &mut Stream) -> usize {
    low + rng.below((high - low + 1) as u32) as usize
}

/// A floor cell in the columns up to `right`.
fn free(world: &World, right: usize, rng: &mut Stream) -> (usize, usize) {
    loop {
        let at = (between(1, right, rng), between(1, world.size - 2, rng));
        if world.cell(at.0, at.1) == Cell::Floor {
            return at;
        }
    }
}

fn door_key(world: &mut World, size: usize, rng: &mut Stream) {
    let wall = between(2, size - 3, rng);
    (1..size - 1).for_each(|y| world.put(wall, y, Cell::Wall));
    world.put(wall, between(1, size - 2, rng), Cell::LockedDoor);
    world.put(size - 2, size - 2, Cell::Goal);
    let key = free(world, wall - 1, rng);
    world.put(key.0, key.1, Cell::Key);
    let (x, y) = free(world, wall - 1, rng);
    world.walker = Walker { x, y, facing: rng.below(4) as u8 };
}

fn four_rooms(world: &mut World, size: usize, rng: &mut Stream) {
    let middle = size / 2;
    for k in 1..size - 1 {
        world.put(middle, k, Cell::Wall);
        world.put(k, middle, Cell::Wall);
    }
    for (low, high) in [(1, middle - 1), (middle + 1, size - 2)] {
        world.put(middle, between(low, high, rng), Cell::Floor);
        world.put(between(low, high, rng), middle, Cell::Floor);
    }
    let goal = free(world, size - 2, rng);
    world.put(goal.0, goal.1, Cell::Goal);
    let (x, y) = free(world, size - 2, rng);
    world.walker = Walker { x, y, facing: rng.below(4) as u8 };
}
