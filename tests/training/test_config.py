"""Settings as options: a sentence each, what a preset says, what is refused."""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import fields

import pytest

from prnet.cli import main
from prnet.commands.training.train import SHIPPED_COMMAND
from prnet.errors import PrnetError
from prnet.training.config import (
    PRESETS,
    TrainConfig,
    add_config_arguments,
    config_from,
    loaders,
    option,
    settings,
)
from prnet.training.schedule import peak


def parsed(*options: str) -> TrainConfig:
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    return config_from(parser.parse_args(options))


def test_options_replace_what_the_preset_says() -> None:
    assert parsed() == TrainConfig()
    config = parsed("--preset", "paper", "--batch", "8", "--samples", "100", "--warmup", "0")
    assert (config.batch, config.samples, config.warmup) == (8, 100, 0.0)
    assert config.halve_every == PRESETS["paper"].halve_every


def test_the_shipped_commands_begin_where_one_before_ended() -> None:
    prepared, trained = "", None
    for line in SHIPPED_COMMAND.replace("\\\n", "").splitlines():
        _, command, *options = line.split()
        if command == "prepare":
            prepared = options[options.index("--out") + 1]
            continue
        config = parsed(*options)
        assert (str(config.data), config.init) == (prepared, trained)
        trained = str(config.out)
    assert trained == "runs/fourth"


def test_batches_are_made_where_the_network_is() -> None:
    for options, number in (
        ("", 1), ("--device cpu", 1), ("--device cuda", 0), ("--device cuda:1", 0),
        ("--device cuda --loaders 3", 3), ("--loaders 0", 0), ("--device cuda --preset paper", 1),
    ):  # fmt: skip
        assert loaders(parsed(*options.split())) == number, options


def test_trained_weights_learn_gently_unless_told() -> None:
    def peaks(*options: str) -> list[float]:
        config = parsed(*options)
        return [peak(config, steps) for steps in (25, 2_000, 5_000)]

    assert peaks() == [2e-3] * 3
    assert peaks("--init", "shipped") == pytest.approx([1.25e-6, 1e-4, 2e-4])
    assert peaks("--init", "shipped", "--learning-rate", "0.001") == [0.001] * 3
    assert peaks("--init", "x.onnx", "--preset", "paper") == [1e-4] * 3


@pytest.mark.parametrize("flags", [[], ["-OO"]])
def test_every_setting_has_its_sentence_in_help_with_and_without_docstrings(
    flags: list[str],
) -> None:
    command = [sys.executable, *flags, "-m", "prnet", "train", "--help"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    help_text = "".join(run.stdout.split())
    assert settings(TrainConfig).keys() == {each.name for each in fields(TrainConfig)}
    for name, (_, told) in settings(TrainConfig).items():
        assert told.sentence.endswith("."), name
        assert f"{told.sentence}(default:".replace(" ", "") in help_text, name


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--warmup -1", "expected --warmup of 0 or more, got -1"),
        ("--decay 1.5", "expected --decay of 0 to 1, got 1.5"),
        ("--batch 0", "expected --batch of 1 or more, got 0"),
        ("--learning-rate nan", "expected --learning-rate of 0 or more, got nan"),
        ("--samples 63", "expected --samples for a batch of 64 at least, got 63"),
        (
            "--turned 0.8",
            "expected --turned, --heads and --profiles of 1 at most together, got 1.05",
        ),
        ("--device nowhere", "expected a torch device that is here, got nowhere"),
        ("--device meta", "expected a torch device that is here, got meta"),
        ("--validate-every 0", "expected --validate-every of 1 or more, got 0"),
    ],
)
def test_numbers_beyond_their_bounds_are_refused(
    options: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    assert main(["train", *options.split()]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["steps", "batch", "threads", "save-every"])
def test_the_detectors_settings_have_bounds_too(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    assert main(["train-detector", f"--{name}", "0"]) == 2
    assert f"expected --{name} of 1 or more, got 0" in capsys.readouterr().err


def test_bounds_hold_from_python_too() -> None:
    with pytest.raises(PrnetError, match="expected --turned of 0 to 1, got 2"):
        TrainConfig(turned=2)
    TrainConfig(turned=0.33, heads=0.56, profiles=0.11)  # 1 in decimals, not in floats
    assert option("weight_decay") == "--weight-decay"
