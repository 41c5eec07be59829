"""What a mistake in the description of a cluster gets."""

import json

import pytest

from keras_gan import InputError, distribution, recipes

TWO = ["host-a:12345", "10.0.0.2:12345"]


def tf_config(index=0, role="worker", **cluster):
    cluster = cluster or {"worker": TWO}
    return json.dumps({"cluster": cluster, "task": {"type": role, "index": index}})


BAD = {
    "not set": ("", "not set"),
    "no json": ("{cluster", "not JSON"),
    "a number": ("7", "must be objects"),
    "a list": ("[]", "must be objects"),
    "no task": (json.dumps({"cluster": {"worker": TWO}}), "'task' is missing"),
    "no cluster": (json.dumps({"task": {"type": "worker", "index": 0}}), "'cluster'"),
    "no port": (tf_config(worker=["host-a", "host-b"]), "'host-a' is not HOST:PORT"),
    "addresses": (tf_config(worker=3), "a list"),
    "the same address": (tf_config(worker=TWO[:1] * 2), "same address"),
    "index": (tf_config(2), "no worker 2"),
    "negative index": (tf_config(-1), "no worker -1"),
    "index as text": (tf_config("0"), "no worker '0'"),
    "role": (tf_config(role="chief"), "no 'chief'"),
    "parameter server": (tf_config(worker=TWO, ps=["host-c:1"]), "at most one chief"),
    "two chiefs": (tf_config(chief=TWO, worker=["host-c:1"]), "at most one chief"),
    "nobody": (tf_config(worker=[]), "no worker 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_wrong_tf_config_is_one_sentence(name):
    text, reason = BAD[name]
    with pytest.raises(InputError) as error:
        distribution.check_tf_config(text)
    message = str(error.value)
    assert reason in message
    assert repr(text) in message
    assert '"task": {"type": "worker", "index": 0}' in message  # what is accepted


@pytest.mark.parametrize(
    "text",
    [tf_config(1), tf_config(0, "chief", chief=TWO[:1], worker=TWO[1:])],
)
def test_right_tf_config(text):
    distribution.check_tf_config(text)


def test_strategies_of_a_recipe():
    digits = recipes.get("digits")
    with pytest.raises(InputError, match=r"'tpu'.*one-device or mirrored or multi"):
        digits.override({"strategy": "tpu"})
    for strategy in ("mirrored", "multi-worker"):
        with pytest.raises(InputError, match=f"jit is on and strategy is {strategy}"):
            digits.override({"strategy": strategy, "jit": "on"})
        recipe = digits.override({"strategy": strategy, "steps_per_execution": 8})
        assert recipe.steps_per_execution_for(8) == 1


def test_a_process_alone_is_the_chief_and_asks_nobody():
    workers = distribution.Workers(distribution.create("one-device"))
    assert (workers.chief, workers.count) == (True, 1)
    assert workers.gather(3, 4).tolist() == [[3, 4]]
    workers.check_same("it", 5)
    with pytest.raises(InputError, match="bad"), workers.all_or_none():
        raise InputError("bad")
