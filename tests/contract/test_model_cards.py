"""What a model card says of every family."""

import families
import pytest
import yaml

from keras_gan import model_card

TASKS = {
    "dcgan": "unconditional-image-generation",
    "cyclegan": "image-to-image",
    "autoencoder": "image-to-image",
    "gan": None,  # with classes, for which the Hub has no task
    "vae": None,
    "points": None,  # they are no images
}


@pytest.mark.parametrize("family", TASKS)
def test_task_functions_and_call_are_those_of_the_model(family):
    model = families.FAMILIES[family]()
    text = model_card.card(model, family, model_card.usage(model, family))
    front = yaml.safe_load(text.split("---\n")[1])
    assert front.get("pipeline_tag") == TASKS[family]
    functions = model.signatures(model.networks())
    named = [name for name, each in functions.items() if each.kind]
    assert all(f"| `{name}` | " in text for name in named)
    call = text.split("images = model.")[1].split("(")[0]
    assert callable(getattr(model, call))
    assert f'```python\nimport keras_gan\n\nmodel = keras_gan.load("{family}")' in text
