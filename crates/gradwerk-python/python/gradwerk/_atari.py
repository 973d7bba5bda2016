"""Atari games of ``ale-py``, in the vector environment that comes with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

#: A game without a preset of its own has the one of this.
PRESET = "ALE/Breakout-v5"

#: How the names of games begin.
PREFIX = "ALE/"

#: The options of a game. The first four are what its name (``-v5``) stands for; the rest is how
#: screens become observations, as Mnih et al. (2015) do it. ``episodic_life`` (a lost life ends the
#: episode) and ``reward_clipping`` (rewards become their signs) are for learning only: evaluations
#: play whole games for their score.
DEFAULTS: dict[str, Any] = {
    "frameskip": 4,
    "repeat_action_probability": 0.25,
    "full_action_space": False,
    "max_num_frames_per_episode": 108_000,
    "maxpool": True,
    "grayscale": True,
    "img_height": 84,
    "img_width": 84,
    "stack_num": 4,
    "noop_max": 30,
    "use_fire_reset": True,
    "episodic_life": False,
    "reward_clipping": True,
}

#: Of the console, before frames are skipped.
FRAMES_PER_SECOND = 60.0

#: What an evaluation changes.
EVALUATION = {"episodic_life": False, "reward_clipping": False}

#: Options that are not the user's: gradwerk knows them.
OURS = {"game", "num_envs", "batch_size", "autoreset_mode"}

Maker = Callable[[int], Any]


def release() -> str:
    """The emulator with its release, for the manifest."""
    from importlib import metadata

    return f"ale-py {metadata.version('ale-py')}"


def makers(id: str, options: Mapping[str, Any]) -> tuple[Maker, Maker]:
    """Functions that make so many copies of a game, for training and for evaluations.

    Raises:
        ImportError: without ``ale-py``.
        ValueError: if there is no such game or option.
    """
    import inspect

    game = _game(id)
    from ale_py.vector_env import AtariVectorEnv

    valid = set(inspect.signature(AtariVectorEnv).parameters) - OURS
    for name, value in options.items():
        if name not in valid:
            expected = ", ".join(sorted(valid))
            raise ValueError(f"env.options.{name} = {value!r}: expected one of {expected}")

    def maker(options: Mapping[str, Any]) -> Maker:
        return lambda n: AtariVectorEnv(game, n, **options)

    return maker(options), maker({**options, **EVALUATION})


def pictures(id: str, options: Mapping[str, Any]) -> Maker:
    """A function that makes copies of a game as an evaluation plays it, which show their whole
    screen, ``[1, height, width, 3]``.

    With the same seed and actions they play what the copies of :func:`makers` play.
    """
    from ale_py import ALEInterface, LoggerMode, roms

    ale = ALEInterface()
    ale.setLoggerMode(LoggerMode.Error)
    path = roms.get_rom_path(_game(id))
    if path is None:
        raise FileNotFoundError(f"{id}: {release()} came without this game")
    ale.loadROM(path)
    height, width = ale.getScreenDims()
    screen = {"grayscale": False, "stack_num": 1, "img_height": height, "img_width": width}
    return makers(id, {**options, **screen})[1]


def _game(id: str) -> str:
    """What ``ale-py`` calls the game of this name."""
    try:
        import ale_py
        import ale_py.vector_env
        import gymnasium
    except ImportError as error:
        raise ImportError(
            f"{id} needs ale-py and its vector environment: pip install gradwerk[atari] ({error})"
        ) from error
    gymnasium.register_envs(ale_py)
    try:
        game: str = gymnasium.spec(id).kwargs["game"]
    except gymnasium.error.Error as error:
        raise ValueError(f"{id}: no game of {release()}: {error}") from error
    return game


def human_normalized(id: str, score: float) -> dict[str, float]:
    """The score on the scale on which random play is 0 and people's is 1, if there is one."""
    game = id.removeprefix(PREFIX).rpartition("-")[0]
    if not id.startswith(PREFIX) or game not in SCORES:
        return {}
    random, human = SCORES[game]
    return {"human_normalized_score": (score - random) / (human - random)}


#: Scores of random play and of people: Wang et al. (2016), Dueling Network Architectures,
#: table 2, after Mnih et al. (2015).
SCORES = {
    "Alien": (227.8, 7127.7),
    "Amidar": (5.8, 1719.5),
    "Assault": (222.4, 742.0),
    "Asterix": (210.0, 8503.3),
    "Asteroids": (719.1, 47388.7),
    "Atlantis": (12850.0, 29028.1),
    "BankHeist": (14.2, 753.1),
    "BattleZone": (2360.0, 37187.5),
    "BeamRider": (363.9, 16926.5),
    "Berzerk": (123.7, 2630.4),
    "Bowling": (23.1, 160.7),
    "Boxing": (0.1, 12.1),
    "Breakout": (1.7, 30.5),
    "Centipede": (2090.9, 12017.0),
    "ChopperCommand": (811.0, 7387.8),
    "CrazyClimber": (10780.5, 35829.4),
    "Defender": (2874.5, 18688.9),
    "DemonAttack": (152.1, 1971.0),
    "DoubleDunk": (-18.6, -16.4),
    "Enduro": (0.0, 860.5),
    "FishingDerby": (-91.7, -38.7),
    "Freeway": (0.0, 29.6),
    "Frostbite": (65.2, 4334.7),
    "Gopher": (257.6, 2412.5),
    "Gravitar": (173.0, 3351.4),
    "Hero": (1027.0, 30826.4),
    "IceHockey": (-11.2, 0.9),
    "Jamesbond": (29.0, 302.8),
    "Kangaroo": (52.0, 3035.0),
    "Krull": (1598.0, 2665.5),
    "KungFuMaster": (258.5, 22736.3),
    "MontezumaRevenge": (0.0, 4753.3),
    "MsPacman": (307.3, 6951.6),
    "NameThisGame": (2292.3, 8049.0),
    "Phoenix": (761.4, 7242.6),
    "Pitfall": (-229.4, 6463.7),
    "Pong": (-20.7, 14.6),
    "PrivateEye": (24.9, 69571.3),
    "Qbert": (163.9, 13455.0),
    "Riverraid": (1338.5, 17118.0),
    "RoadRunner": (11.5, 7845.0),
    "Robotank": (2.2, 11.9),
    "Seaquest": (68.4, 42054.7),
    "Skiing": (-17098.1, -4336.9),
    "Solaris": (1236.3, 12326.7),
    "SpaceInvaders": (148.0, 1668.7),
    "StarGunner": (664.0, 10250.0),
    "Surround": (-10.0, 6.5),
    "Tennis": (-23.8, -8.3),
    "TimePilot": (3568.0, 5229.2),
    "Tutankham": (11.4, 167.6),
    "UpNDown": (533.4, 11693.2),
    "Venture": (0.0, 1187.5),
    "VideoPinball": (16256.9, 17667.9),
    "WizardOfWor": (563.5, 4756.5),
    "YarsRevenge": (3092.9, 54576.9),
    "Zaxxon": (32.5, 9173.3),
}
