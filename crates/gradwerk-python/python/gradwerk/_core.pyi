"""The extension module: what gradwerk's Python modules are made of."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Config",
    "Distribution",
    "Environment",
    "Flag",
    "NativeEnvs",
    "Policy",
    "Rewarded",
    "Slots",
    "Trainer",
    "Transitions",
    "VERSION",
    "check_native",
    "env_id",
    "env_options",
    "episode_seed",
    "evaluate",
    "gae",
    "gif",
    "load",
    "metrics",
    "n_step_return",
    "native_ids",
    "png_strip",
    "resolve",
    "resume",
    "reward_to_go",
    "setting_keys",
    "spread",
    "total_return",
    "train",
    "verify",
    "vtrace",
]

VERSION: Final[str]

@final
class Flag:
    """A flag that asks a run to stop at the next update."""

    def __new__(cls) -> Flag: ...
    def set(self) -> None:
        """Ask."""

    def is_set(self) -> bool:
        """Whether somebody asked."""

@final
class Config:
    """A complete, valid configuration."""

    def toml(self) -> str:
        """All settings as TOML, as ``config.toml`` of a run has them."""

    def json(self) -> str:
        """All settings as JSON."""

    @property
    def options(self) -> dict[str, Any]:
        """What the maker of the environment is told besides its name."""

    @property
    def num_envs(self) -> int: ...
    @property
    def eval_every(self) -> int:
        """Steps between periodic evaluations, 0 if there are none."""

    @property
    def eval_episodes(self) -> int:
        """Episodes of a periodic evaluation."""

@final
class Distribution:
    """A distribution over the actions of a space, given by rows ``y`` of numbers (head outputs).

    The same functions that the losses use, in double precision (actions of a ``Box`` are single).

    >>> Distribution(gymnasium.spaces.Discrete(3)).entropy([[0.0, 0.0, 0.0]])   # doctest: +SKIP
    array([1.09861229])
    """

    def __new__(
        cls,
        space: Any,
        kind: str = "auto",
        *,
        features: int | None = None,
        **settings: float | bool,
    ) -> Distribution:
        """
        Args:
            space: a Gymnasium space of actions.
            kind: the distribution (``gradwerk list dists``); ``auto`` is what training takes.
            features: how many hidden features a row ends in; needed by ``gsde``, whose rows are
                means, log deviations ``[features, actions]`` and features, refused by others.
            settings: its settings, as ``[policy]`` of a configuration has them.
        """

    @property
    def kind(self) -> str:
        """The distribution."""

    @property
    def params(self) -> int:
        """Numbers per row."""

    def log_prob(
        self, y: ArrayLike, action: Any, mask: Any = None
    ) -> NDArray[np.float64]:
        """``log pi(a|y)`` of an action per row (as :meth:`sample` returns it), in nats."""

    def entropy(self, y: ArrayLike, mask: Any = None) -> NDArray[np.float64]:
        """The entropy of each row, in nats."""

    def kl(self, y: ArrayLike, other: ArrayLike, mask: Any = None) -> NDArray[np.float64]:
        """``KL(pi(.|y) || pi(.|other))`` of each row, in nats."""

    def sample(self, y: ArrayLike, seed: int = 0, mask: Any = None) -> Any:
        """An action drawn from each row, as it is drawn: not clipped to the space."""

    def mode(self, y: ArrayLike, mask: Any = None) -> Any:
        """The most probable action of each row."""

@final
class Environment:
    """A Python environment that gradwerk can train on and evaluate in."""

    def __new__(
        cls,
        id: str,
        training: tuple[str, Any, Any],
        evaluation: tuple[str, Any] | None,
        manner: dict[str, Any],
    ) -> Environment: ...
    @property
    def id(self) -> str:
        """Name, as configurations have it."""

    @property
    def num_envs(self) -> int | None:
        """Number of its environments, None if as many can be made as are wanted."""

    @property
    def num_agents(self) -> int:
        """Agents of each of its environments, which share the policy."""

    @property
    def has_evaluation(self) -> bool:
        """Whether it can be evaluated while it is trained on."""

    @property
    def has_masks(self) -> bool:
        """Whether actions are masked."""

    def close(self) -> None:
        """Close the environments that the factory made and that are not in use."""

@final
class Rewarded:
    """A native environment whose rewards a function gives."""

    def __new__(cls, id: str, function: Callable[[Transitions], Any], name: str) -> Rewarded: ...
    @property
    def id(self) -> str:
        """Name of the environment."""

    @property
    def num_envs(self) -> int | None:
        """Number of its environments: None, as many are made as are wanted."""

    @property
    def num_agents(self) -> int:
        """Agents of each of its environments."""

    @property
    def has_evaluation(self) -> bool:
        """Whether it can be evaluated while it is trained on."""

    def close(self) -> None:
        """Nothing is open."""

@final
class Transitions:
    """What a reward function is called with: the last step of several copies of an environment,
    a row each. ``len(t)`` is the number of rows, n below; arrays are copies."""

    @property
    def obs(self) -> NDArray[np.float32]:
        """Observations that were acted on, ``(n, d)``: rows of numbers, whatever the space."""

    @property
    def action(self) -> Any:
        """Actions as the environment received them, as its space has them; of a ``Box``
        ``(n, k)``."""

    @property
    def next_obs(self) -> NDArray[np.float32]:
        """Observations that followed, ``(n, d)``; where an episode ended, its last ones."""

    @property
    def reward(self) -> NDArray[np.float64]:
        """The environment's own rewards, ``(n,)``; 0 where a description says none."""

    @property
    def terminated(self) -> NDArray[np.bool_]:
        """Where nothing follows, ``(n,)``."""

    @property
    def truncated(self) -> NDArray[np.bool_]:
        """Where an episode was cut, ``(n,)``."""

    @property
    def facts(self) -> dict[str, NDArray[np.float64]]:
        """The ``facts`` of a description before the step, by name: ``(n,)`` where a fact is one
        number, else ``(n, k)``."""

    @property
    def next_facts(self) -> dict[str, NDArray[np.float64]]:
        """The same after the step."""

    def __len__(self) -> int: ...

@final
class Slots:
    """Some slots of a run that another process leads, played on shared columns."""

    def __new__(cls, environment: Environment, share: dict[str, Any], shared: Any) -> Slots:
        """
        Args:
            environment: made by a factory.
            share: ``seed``, ``first`` (global index of the first slot), ``stride`` (distance
                between the episodes of a slot, None in training), ``count``, ``time_limit``,
                ``frame_skip``.
            shared: has the columns as attributes, with a row per slot.
        """

    def begin(self) -> None:
        """Begin the episodes whose numbers are in the columns."""

    def step(self) -> None:
        """Step the slots that are active."""

@final
class Policy:
    """A trained policy: ``gradwerk.load(path)``, ``run.policy`` or ``trainer.policy``.

    It takes observations and returns actions as the environment that it was trained on gives and
    takes them.
    """

    def predict(
        self,
        obs: Any,
        deterministic: bool = True,
        mask: Any = None,
        state: ArrayLike | None = None,
        seed: int | None = None,
    ) -> Any:
        """Actions for an observation, or for a batch with a leading axis.

        Args:
            obs: an observation, or a batch of them (a dictionary or tuple of arrays where the
                space is one).
            deterministic: the most probable action; else a sample.
            mask: which values of the discrete components are valid, an entry per value; a row per
                observation of a batch.
            state: what a policy with memory (``state_width > 0``) returned with the action before;
                None at the start of an episode.
            seed: sample with these random numbers instead of going on with the policy's own.

        Returns:
            The action, or the batch of them; of a policy with memory, a pair of that and the state
            for the next call.

        Raises:
            ValueError: an observation that is not one of the space, or a mask that does not fit.
        """

    def value(self, obs: Any, state: ArrayLike | None = None) -> Any:
        """The critic's estimate of the return from an observation on (an array for a batch), in
        units of the raw reward; None without a critic."""

    def log_prob(
        self, obs: Any, action: Any, mask: Any = None, state: ArrayLike | None = None
    ) -> NDArray[np.float32]:
        """``log pi(a|s)`` of a batch of actions, in nats."""

    @property
    def state_width(self) -> int:
        """Numbers that it remembers from step to step; 0 if it acts on what it sees alone."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all that acting needs to one safetensors file."""

    @property
    def env_id(self) -> str:
        """Name of the environment that it was trained on."""

    @property
    def env_options(self) -> dict[str, Any]:
        """The options of the environment that it was trained on."""

    @property
    def config(self) -> str:
        """The settings that it was trained with, as TOML."""

    def env_settings(self, usual: int | None = None) -> tuple[int | None, int]:
        """The time limit and the frame skip of its environment, whose own limit is ``usual``."""

    @property
    def longest(self) -> int:
        """Steps after which an evaluation cuts an episode that nothing else cuts."""

    @property
    def sees_previous(self) -> bool:
        """Whether it sees more than the environment shows: the previous action or reward."""

@final
class Trainer:
    """A training run in memory, made by :func:`gradwerk.make`."""

    def __new__(
        cls,
        config: Config,
        env: Environment | Rewarded | None = None,
        threads: int | None = None,
        kernel: str | None = None,
    ) -> Trainer: ...
    def update(self) -> dict[str, Any]:
        """One rollout and one update.

        Returns:
            ``steps``, ``updates``, ``episodes``, ``mean_return_100`` (None before the first
            episode has ended), ``policy_loss``, ``entropy``, ``approx_kl``, ... under the keys of
            ``metrics.jsonl``.

        Raises:
            FloatingPointError: a NaN or infinity; environment and step, or layer and update, are
                named. The trainer cannot be used after.
        """

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the whole state to a file."""

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Go on from a state that a trainer with the same settings wrote."""

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""

    @property
    def steps(self) -> int:
        """Transitions so far, over all environments."""

    @property
    def updates(self) -> int:
        """Updates so far."""

    @property
    def episodes(self) -> int:
        """Finished episodes so far."""

    @property
    def exact_resume(self) -> bool:
        """Whether a restored trainer goes on bit for bit."""

    @property
    def params_sha256(self) -> str:
        """SHA-256 of the parameters."""

    @property
    def config(self) -> str:
        """The settings as TOML."""

    @property
    def policy(self) -> Policy:
        """The policy as it is now."""

@final
class NativeEnvs:
    """Copies of a native environment; an episode that ends is followed at once by the next one."""

    def __new__(
        cls,
        id: str,
        num_envs: int,
        seed: int = 0,
        time_limit: int | None = None,
        frame_skip: int = 1,
        episode: int | None = None,
        reward: Rewarded | None = None,
    ) -> NativeEnvs:
        """With ``episode`` the first episodes are that one of an evaluation, and those after it,
        and are filmed. ``reward`` is the same environment, with rewards of a function."""

    @property
    def time_limit(self) -> int | None:
        """Steps after which episodes are truncated."""

    def reset(self, seed: int | None = None) -> NDArray[np.float32]:
        """Begin all episodes; with another seed if one is given."""

    def step(
        self, action: Any
    ) -> tuple[
        NDArray[np.float32],
        NDArray[np.float64],
        NDArray[np.bool_],
        NDArray[np.bool_],
        NDArray[np.float32],
    ]:
        """One step of all: observations, rewards, terminated, truncated, final observations."""

    def masks(self) -> NDArray[np.bool_] | None:
        """Which values of the discrete components are valid; None if nothing is masked."""

    def picture(self, copy: int, side: float) -> NDArray[np.uint8] | None:
        """What a copy looks like after its last reset or step, ``[height, width, 3]`` with a longer
        side of at most ``side`` pixels; None if it has no pictures or is not filmed."""

    @property
    def observation_space(self) -> dict[str, Any]:
        """The space of observations: a description for Python."""

    @property
    def action_space(self) -> dict[str, Any]:
        """The space of actions: a description for Python."""

def check_native(id: str) -> None:
    """Nothing if there is a native environment of this name; else a ``ValueError``."""

def native_ids() -> list[str]:
    """Names of the native environments."""

def setting_keys() -> list[tuple[str, str, str]]:
    """Every setting: its key (dots as two underscores), its type as Python writes it, its help."""

def episode_seed(seed: int, episode: int) -> int:
    """The seed with which an episode of an evaluation begins."""

def gif(frames: Iterable[NDArray[np.uint8]], fps: float) -> bytes:
    """An endless GIF of pictures, each an array ``[height, width, 3]`` of bytes."""

def png_strip(frames: Iterable[NDArray[np.uint8]]) -> bytes:
    """A PNG of pictures side by side."""

def spread(n: int, most: int) -> list[int]:
    """Indices of at most ``most`` of ``n`` pictures, evenly spaced, the first and last among them."""

def resolve(
    env_id: str,
    algo: str | None,
    file: str | None,
    settings: dict[str, Any],
    preset_of: str | None = None,
    num_envs: int | None = None,
    options: dict[str, Any] | None = None,
) -> Config:
    """The configuration that the arguments stand for."""

def train(
    config: Config,
    env: Environment | Rewarded | None,
    options: dict[str, Any],
    hooks: Any,
    flag: Flag,
) -> tuple[str, str]:
    """Train in a new run directory; returns the summary as JSON, and how the run ended."""

def resume(
    run_dir: str | os.PathLike[str],
    env: Environment | Rewarded | None,
    steps: int | None,
    options: dict[str, Any],
    hooks: Any,
    flag: Flag,
) -> tuple[str, str]:
    """Go on with a run; returns what ``train`` returns."""

def evaluate(
    policy: Policy,
    env_id: str,
    env: Environment | Rewarded | None,
    episodes: dict[str, Any],
    flag: Flag,
) -> dict[str, Any]:
    """Play keyed episodes with a policy."""

def env_options(run_dir: str | os.PathLike[str]) -> dict[str, Any]:
    """The options of the environment that a run directory names."""

def env_id(run_dir: str | os.PathLike[str]) -> str:
    """The environment that a run directory names."""

def metrics(run_dir: str | os.PathLike[str]) -> dict[str, NDArray[np.float64]]:
    """The columns of a run's ``metrics.jsonl``: NaN where a row has no value."""

def load(path: str | os.PathLike[str]) -> Policy:
    """The policy of a run directory, or of a policy file."""

def gae(
    reward: ArrayLike,
    value: ArrayLike,
    next_value: ArrayLike,
    terminated: ArrayLike,
    truncated: ArrayLike | None = None,
    *,
    gamma: float = 0.99,
    lam: float = 0.95,
    valid: ArrayLike | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Generalised advantage estimation (Schulman et al. 2016).

    All arrays have the shape ``[T]`` or ``[T, N]``, time first.

    Args:
        reward: reward of each step.
        value: ``V(s_t)``.
        next_value: ``V(s_{t+1})``: where the episode was truncated, the value of its final
            observation, not of the one after the reset.
        terminated: whether the task ended with the step: nothing follows.
        truncated: whether the step was cut off: what follows is worth ``next_value``.
        gamma: discount factor.
        lam: 0 is the one-step advantage, 1 the discounted return less the value.
        valid: rows that are transitions; by default all are.

    Returns:
        The advantages, and the targets of the value function (advantage plus value).
    """

def vtrace(
    reward: ArrayLike,
    value: ArrayLike,
    next_value: ArrayLike,
    terminated: ArrayLike,
    truncated: ArrayLike | None = None,
    *,
    log_ratio: ArrayLike | None = None,
    gamma: float = 0.99,
    rho_bar: float = 1.0,
    c_bar: float = 1.0,
    lam: float = 1.0,
    valid: ArrayLike | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """V-trace (Espeholt et al. 2018).

    Args:
        log_ratio: ``log pi(a_t|s_t) - log mu(a_t|s_t)``; by default 0, ``mu`` being ``pi``.
        rho_bar: largest factor of a one-step advantage.
        c_bar: largest factor of what later steps add.
        lam: shortens the trace.

    The other arguments are those of :func:`gae`.

    Returns:
        The advantages (ratios included), and the value targets ``vs``.
    """

def reward_to_go(
    reward: ArrayLike,
    terminated: ArrayLike,
    truncated: ArrayLike | None = None,
    *,
    next_value: ArrayLike | None = None,
    gamma: float = 0.99,
    valid: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """The discounted sum of the rewards from each step on.

    Where the trajectory is cut (truncated, or at the end of the arrays), ``next_value`` follows;
    0 by default. The other arguments are those of :func:`gae`.
    """

def total_return(
    reward: ArrayLike,
    terminated: ArrayLike,
    truncated: ArrayLike | None = None,
    *,
    next_value: ArrayLike | None = None,
    gamma: float = 0.99,
    valid: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """The return of the whole trajectory, discounted from its first row, in each of its rows.

    The arguments are those of :func:`reward_to_go`.
    """

def n_step_return(
    reward: ArrayLike,
    next_value: ArrayLike,
    terminated: ArrayLike,
    truncated: ArrayLike | None = None,
    *,
    n: int,
    gamma: float = 0.99,
    valid: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """The next ``n`` rewards, then the value that follows them; fewer where the trajectory ends.

    The other arguments are those of :func:`gae`.
    """

def verify(
    filter: str, samples: int, batches: Sequence[int] | None, threads: int | None
) -> str:
    """Every estimator against the exact gradient; the report as JSON."""
