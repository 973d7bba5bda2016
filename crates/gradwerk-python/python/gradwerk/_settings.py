"""The settings as typed keywords. Written by scripts/settings.py; do not edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypedDict


class Settings(TypedDict, total=False):
    """Every setting of ``config.toml``, a dot written as two underscores."""

    algo__entropy_coef: dict[str, Any] | float
    """Weight of the entropy bonus; a number or a schedule."""

    algo__kind: Literal["a2c", "bc", "npg", "off_policy_pg", "ppo", "reinforce", "trpo"]

    algo__value_coef: float
    """Weight of the value loss where a value function is learned."""

    algo__adaptive_kl: float
    """Adapt the learning rate so that the approximate KL divergence of an update stays near this:
    divided by 1.5 above twice, multiplied by 1.5 below half of it; 0 turns it off."""

    algo__clip: dict[str, Any] | float
    """Clip range eps of the probability ratio; a number or a schedule."""

    algo__epochs: int
    """Passes over each batch."""

    algo__max_kl: dict[str, Any] | float
    """Stop the epochs of an update once the approximate KL divergence between the policy that
    acted and the new one exceeds this; 0 turns it off."""

    algo__minibatch: int
    """Rows per gradient step; at most the batch."""

    algo__value_clip: float
    """Clip range of the value around the value at collection; 0 turns it off."""

    algo__cg_iterations: int
    """Most iterations of the conjugate gradients."""

    algo__cg_tolerance: float
    """Relative residual at which the conjugate gradients end before that."""

    algo__damping: float
    """Added to the diagonal of the Fisher matrix."""

    algo__step_size: dict[str, Any] | float
    """Step size alpha along F^-1 g; a number or a schedule. Not read where `target_kl` is set."""

    algo__target_kl: float
    """Choose alpha in every update such that the KL divergence of the step is this to second order
    (the normalised step); 0 keeps `step_size`."""

    algo__value_epochs: int
    """Passes over each batch to fit the value function."""

    algo__value_minibatch: int
    """Rows per gradient step of the value function."""

    algo__backtrack_factor: float
    """Factor by which it shortens the step."""

    algo__backtracks: int
    """Times the line search may shorten the step; after them the policy stays as it was."""

    algo__batches: int
    """Batches that are kept, the newest included. Ignored with `data`."""

    algo__data: str
    """A recording to learn from instead of collecting (`gradwerk record --stochastic` makes one)."""

    algo__form: Literal["first-order", "per-decision", "trajectory"]
    """Which ratios weigh a step."""

    algo__gradient_steps: int
    """Gradient steps per update, each over all rows that are kept."""

    algo__low_ess: Literal["drop", "refuse", "warn"]
    """What happens to a stored batch below `min_ess`."""

    algo__min_ess: float
    """Smallest effective sample size of a stored batch, as a share of its samples."""

    algo__weights: Literal["clipped", "ordinary", "self-normalised"]
    """What is done to the weights."""

    algo__held_out: float
    """Share of the episodes that is held out: their log-likelihood is measured after every pass,
    and nothing is learned from them."""

    checkpoint: dict[str, Any]
    """When checkpoints are written."""

    checkpoint__every_s: float
    """Seconds between checkpoints; 0 writes one after every update."""

    diagnose: dict[str, Any]
    """When the quality of the gradient is measured."""

    diagnose__every: int
    """Updates from one measurement of the gradient's quality to the next; 0 turns it off."""

    env__frame_skip: int
    """Times an action is repeated in the environment; the rewards are summed."""

    env__frame_stack: int
    """Observations that the networks see at once: the last ones of the episode, the oldest first
    (images channel by channel). Before there are so many, the first one is repeated."""

    env__options: dict[str, Any]
    """What the maker of the environment is told besides its name: the keyword arguments of
    Gymnasium's `make`. Native environments take none."""

    env__previous_action: bool
    """Let the observation tell the previous action; zeros at the start of an episode."""

    env__previous_reward: bool
    """Let the observation tell the previous reward; 0 at the start of an episode."""

    env__time_limit: int
    """Steps of the environment after which an episode is truncated; the environment's own limit if
    absent, no limit if 0."""

    estimator: dict[str, Any]
    """Returns, advantages and baselines."""

    estimator__baseline: Literal["batch-mean", "constant", "leave-one-out", "none", "optimal", "optimal-per-parameter", "time-step", "value"]
    """What is subtracted from the return; `gae` and `v-trace` need `value`."""

    estimator__baseline_constant: float
    """The baseline `constant`, in units of the return."""

    estimator__c_bar: float
    """Bound of the ratio in the trace of `v-trace`, above 0."""

    estimator__discounting: Literal["from-now", "from-start"]
    """From where the discount counts."""

    estimator__kind: Literal["gae", "n-step", "reward-to-go", "total-return", "v-trace"]
    """Which return or advantage is estimated."""

    estimator__lambda: float
    """Trade-off of `gae` and `v-trace`, in [0, 1]: 0 has the least variance, 1 the least bias."""

    estimator__n: int
    """Number of rewards in `n-step`, at least 1."""

    estimator__normalize: Literal["batch", "minibatch", "none"]
    """Over which rows the advantages are normalised."""

    estimator__rho_bar: float
    """Bound of the ratio in the one-step advantages of `v-trace`, above 0."""

    eval: dict[str, Any]
    """Periodic evaluation during training."""

    eval__episodes: int
    """Episodes per evaluation."""

    eval__every: int
    """Environment steps between evaluations; 0 turns them off. The best policy is kept."""

    eval__longest: int
    """Steps after which an evaluation episode is cut where the environment has no time limit, so
    that a policy that never ends an episode can be evaluated too."""

    gamma: float
    """Discount factor gamma, in (0, 1]."""

    lr: dict[str, Any] | float
    """Learning rate: a number, or { start, end, schedule = "linear" | "cosine" }."""

    lr__end: float

    lr__schedule: Literal["constant", "cosine", "linear"]
    """How a scheduled value moves from `start` to `end`."""

    lr__start: float

    max_grad_norm: float
    """Largest global norm of a gradient; longer ones are scaled down. 0 turns clipping off."""

    memory: dict[str, Any]
    """What the networks remember from step to step."""

    memory__kind: Literal["gru", "lstm", "none"]

    memory__layers: int
    """Layers, one on the other."""

    memory__rebuild: bool
    """Whether every pass over a batch but the first begins its segments from what the present
    parameters would remember, instead of from what was remembered while acting."""

    memory__segment: int
    """Steps of a segment in training: gradients reach back to its beginning, not further."""

    memory__units: int
    """Numbers that each layer puts out."""

    mujoco: dict[str, Any]
    """Where MuJoCo is, for the environments that stand on it."""

    mujoco__library: str
    """The library (libmujoco), or the folder that it lies in; "" looks for it."""

    mujoco__models: str
    """The folder with the models of the tasks (half_cheetah.xml, ...); "" looks for it."""

    network: dict[str, Any]
    """The function that policy and value are made of."""

    network__activation: Literal["gelu", "relu", "silu", "tanh"]
    """Nonlinearity after every hidden layer."""

    network__embedding: int
    """Numbers that each choice of the observation (`Discrete`, `MultiDiscrete`) is embedded in: a
    learned vector per value. 0 shows choices one-hot."""

    network__hidden: Sequence[int]
    """Widths of the policy's hidden layers (of the common ones if `shared`)."""

    network__hidden_gain: float
    """Gain of the first weights of hidden layers; left out, the square root of 2."""

    network__init: Literal["fan-in", "orthogonal"]
    """How weights get their first values."""

    network__kind: Literal["fourier", "impala", "linear", "mlp", "nature-cnn", "polynomial", "rbf", "small-cnn", "tabular", "tile-coding"]

    network__policy_gain: float
    """Gain of the first weights of the policy's last layer; small ones start near the uniform or
    zero-mean policy."""

    network__shared: bool
    """Whether policy and value function have their hidden layers and memory in common."""

    network__value_gain: float
    """Gain of the first weights of the value function's last layer."""

    network__value_hidden: Sequence[int]
    """Widths of the value function's hidden layers; as `hidden` if left out."""

    network__degree: int
    """Largest sum of the exponents of a product."""

    network__high: Sequence[float]
    """Upper bounds of the observation's entries; left empty, those of its space."""

    network__interactions: int
    """Most entries of the observation in one product; 1 leaves powers of single entries."""

    network__low: Sequence[float]
    """Lower bounds of the observation's entries; left empty, those of its space."""

    network__order: int
    """Highest frequency of each entry, in half periods over its bounds."""

    network__scale_features: bool
    """Scale each cosine by `|c|^(-1/2)`: under plain gradient descent that is the paper's learning
    rate `alpha / |c|` per feature."""

    network__centre_seed: int
    """Seed of random centres, apart from the seed of the run."""

    network__count: int
    """Number of random centres."""

    network__per_entry: int
    """Number of centres of the grid along each entry of the observation."""

    network__placement: Literal["grid", "random"]
    """Where the centres lie."""

    network__width: float
    """Standard deviation of the bumps, in units of the distance between the bounds."""

    network__tiles: Sequence[int]
    """Tiles between the bounds of each entry; one number stands for all entries."""

    network__tilings: int
    """Number of shifted grids, each with one tile for an observation. A power of two, at least
    four times the entries of the observation, spreads the shifts best."""

    network__layer_norm: bool
    """Whether the features that the convolutions find are normalised, image by image, to mean 0
    and deviation 1 (layer normalisation) before the dense layers."""

    network__blocks: int
    """Residual blocks per stage."""

    network__channels: Sequence[int]
    """Channels of each stage; a stage halves height and width."""

    network__kernel: int
    """Height and width of the windows."""

    network__padding: int
    """Zeros around the image before each convolution."""

    network__stride: int
    """Distance between two windows."""

    normalize: dict[str, Any]
    """Running normalisation, stored in the policy."""

    normalize__clip: float
    """Largest absolute value of a normalised observation entry."""

    normalize__observations: bool
    """Shift and scale each observation entry by its running mean and standard deviation."""

    normalize__rewards: bool
    """Divide rewards by the running standard deviation of the discounted return."""

    normalize__value_targets: bool
    """Let the value network predict returns shifted and scaled by their running moments."""

    optimizer: dict[str, Any]
    """The optimizer."""

    optimizer__beta1: float
    """Decay of the running mean of the gradient, in [0, 1)."""

    optimizer__beta2: float
    """Decay of the running mean of the squared gradient, in [0, 1)."""

    optimizer__eps: float
    """Added to the root mean square before it divides; 1e-5 is usual in policy gradients."""

    optimizer__kind: Literal["adam", "rmsprop", "sgd"]

    optimizer__decay: float
    """Decay of the running mean of the squared gradient, in [0, 1)."""

    optimizer__momentum: float
    """Share of the last change's direction that is kept, in [0, 1); 0 is plain descent."""

    policy: dict[str, Any]
    """The distribution of actions."""

    policy__kind: Literal["auto", "bernoulli", "beta", "categorical", "composite", "full-gaussian", "gaussian", "gsde", "multi-bernoulli", "multi-categorical", "squashed-gaussian", "truncated-normal"]

    policy__log_std_init: float
    """Initial logarithm of the standard deviation, in units of the action: 0 starts at standard
    deviation 1, -1 at 0.37."""

    policy__state_dependent_std: bool
    """Whether the network computes the log standard deviation from the observation. If not, it is
    one free parameter per action component, the same in every state."""

    policy__continuous: Literal["beta", "full-gaussian", "gaussian", "squashed-gaussian", "truncated-normal"]
    """The distribution over all continuous components."""

    policy__learn_features: bool
    """Whether the features learn from the deviation that they make, or from the mean alone."""

    policy__redraw_every: int
    """Steps of an environment with the same noise matrix."""

    rollout: dict[str, Any]
    """How much is collected before each update."""

    rollout__episodes: int
    """Whole episodes per update, a multiple of `env.num_envs`; 0 collects `steps` instead."""

    rollout__steps: int
    """Steps of each environment per update. Ignored if `episodes` is set."""

    preset: str
    """``auto``, ``none`` or the name of the preset below the settings."""
