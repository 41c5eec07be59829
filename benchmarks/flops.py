"""Arithmetic of a training step against its minimum: python -m benchmarks.flops

TensorFlow's profiler counts the floating-point operations of the traced step. The
minimum is counted from the layers' shapes. It has one pass of the generator, which both
updates share; one pass of the discriminator over real images and two over generated
images, the second with updated weights; and the gradients of weights and inputs that
the updates need.
"""

import collections
import math

import tensorflow as tf

from benchmarks import timing
from keras_gan import recipes

PRODUCTS = ("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter", "MatMul")
CASES = {
    "gan-mnist": (28, 28, 1),
    "dcgan-mnist": (28, 28, 1),
    "dcgan-cifar10": (32, 32, 3),
    "dcgan-64": (64, 64, 3),
    "dcgan-64-paper": (64, 64, 3),
}


def names_of_live_operations(graph) -> set[str]:
    """Returns the operations that a result or a variable depends on.

    Others never run. The graph has some, because the gradient of a convolution creates
    the operations for both inputs even if only one is needed.
    """
    found = set()
    waiting = [*(tensor.op for tensor in graph.outputs), *graph.control_outputs]
    while waiting:
        operation = waiting.pop()
        if operation.name not in found:
            found.add(operation.name)
            waiting.extend(tensor.op for tensor in operation.inputs)
            waiting.extend(operation.control_inputs)
    return found


def count(function, *arguments) -> collections.Counter:
    """Returns the floating-point operations of a function by type of operation.

    Args:
        function: of tensors.
        arguments: `tf.TensorSpec` of each, without unknown dimensions.
    """
    graph = tf.function(function).get_concrete_function(*arguments).graph
    live = names_of_live_operations(graph)
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    operations = collections.Counter()
    with graph.as_default():
        profile = tf.compat.v1.profiler.profile(graph, options=options)
    nodes = [profile]
    while nodes:
        node = nodes.pop()
        nodes.extend(node.children)
        if not node.children and node.name in live:
            operations[graph.get_operation_by_name(node.name).type] += (
                node.total_float_ops
            )
    return operations


def products_of(network, batch_size) -> list[int]:
    """Returns the operations of each layer with a kernel, in order."""
    found = []
    for layer in network.layers:
        if hasattr(layer, "kernel"):
            # Each input value of a transposed convolution, or each output value of a
            # plain one, meets the whole kernel of its channel.
            transposed = "Transpose" in type(layer).__name__
            side = layer.input if transposed else layer.output
            pixels = math.prod(side.shape[1:-1])
            found.append(2 * batch_size * pixels * math.prod(layer.kernel.shape))
    return found


def least(gan, batch_size) -> int:
    """Returns the fewest operations of products that a step with k = 1 can have."""
    generator = products_of(gan.generator, batch_size)
    discriminator = products_of(gan.discriminator, batch_size)
    g, d = sum(generator), sum(discriminator)
    passes = g + 3 * d
    of_weights = g + 2 * d
    # The inputs of the first layers are data and need no gradient. Only the generated
    # image needs one, in the generator's update.
    of_inputs = (g - generator[0]) + 2 * (d - discriminator[0]) + d
    return passes + of_weights + of_inputs


def main():
    print(timing.describe_machine())
    for name, shape in CASES.items():
        recipe = recipes.get(name).override({"penalty": None})
        gan = recipe.build({"image_shape": shape})
        images = tf.TensorSpec((recipe.batch_size, *shape))
        operations = count(gan.train_step, images)
        products = sum(operations[kind] for kind in PRODUCTS)
        total = sum(operations.values())
        minimum = least(gan, recipe.batch_size)
        line = f"{name:<16} {products / minimum:.3f} of the least {minimum / 1e9:.2f} G"
        print(f"{line}; with all other operations {total / minimum:.3f}")
        for penalty in ("r1", "r1r2", "gradient_penalty"):
            gan = recipe.override({"penalty": penalty}).build({"image_shape": shape})
            operations = count(gan.train_step, images)
            extra = sum(operations[kind] for kind in PRODUCTS) / minimum
            print(f"  with {penalty:<18} {extra:.3f}")


if __name__ == "__main__":
    main()
