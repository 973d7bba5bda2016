"""The line that shows how far a run is."""

import io
import sys

import pytest

import gradwerk as gw
from gradwerk import _progress

SMALL = {"steps": 4096, "seed": 5, "num_envs": 4, "rollout__steps": 64}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A terminal in the place of standard error. pytest puts its own there between the fixtures
    and the test, so that the test calls this."""

    def put():
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        return terminal

    return put


def test_the_plain_line(terminal, run_dir):
    terminal = terminal()
    run = gw.train("CartPole-v1", run_dir=run_dir, progress="plain", **SMALL)
    text = terminal.getvalue()
    last = text.rstrip().split("\r")[-1]
    assert last.startswith("[" + 24 * "#" + "] 100 %  return ") and "steps/s" in last
    assert f"return {run.summary['mean_return_100']:.2f}" in last
    assert text.endswith("\n")


@pytest.mark.parametrize("kind", ["tqdm", "rich"])
def test_the_lines_of_packages(kind, terminal, run_dir):
    terminal = terminal()
    pytest.importorskip(kind)
    gw.train("CartPole-v1", run_dir=run_dir, stop_at=2048, progress=kind, **SMALL)
    assert "steps/s" in terminal.getvalue() and "50" in terminal.getvalue()
    # A run that goes on shows the whole way.
    terminal.truncate(0)
    gw.resume(run_dir, progress=kind)
    assert "100" in terminal.getvalue()


def test_who_gets_a_line(terminal, monkeypatch, run_dir):
    terminal = terminal()
    gw.train("CartPole-v1", run_dir=run_dir / "a", progress=False, **SMALL)
    assert terminal.getvalue() == ""
    gw.train("CartPole-v1", run_dir=run_dir / "b", **SMALL)
    assert "steps/s" in terminal.getvalue()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    gw.train("CartPole-v1", run_dir=run_dir / "c", **SMALL)
    assert sys.stderr.getvalue() == ""


def test_a_notebook_gets_one(monkeypatch):
    class Shell:
        kernel = None

    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert _progress.choose(None) is None
    python = type(sys)("IPython")
    python.get_ipython = Shell
    monkeypatch.setitem(sys.modules, "IPython", python)
    assert _progress.choose(None) in _progress.KINDS


def test_what_is_installed_is_taken(monkeypatch):
    there = {"tqdm", "rich"}
    monkeypatch.setattr(_progress, "_installed", lambda package: package in there)
    assert _progress.choose(True) == "tqdm"
    there.remove("tqdm")
    assert _progress.choose(True) == "rich"
    there.clear()
    assert _progress.choose(True) == "plain"
    with pytest.raises(ImportError, match="pip install tqdm"):
        gw.train("CartPole-v1", progress="tqdm")
    with pytest.raises(ValueError, match="progress='bar', expected True, False, None, 'tqdm'"):
        gw.train("CartPole-v1", progress="bar")


def test_an_exception_closes_the_line(terminal, run_dir):
    terminal = terminal()
    def callback(progress):
        raise KeyError

    with pytest.raises(KeyError):
        gw.train("CartPole-v1", run_dir=run_dir, callback=callback, progress="plain", **SMALL)
    assert terminal.getvalue().endswith("\n")
