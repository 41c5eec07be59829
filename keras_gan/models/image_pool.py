"""Generated images that a discriminator sees again."""

from typing import Any

import keras
import tensorflow as tf

from keras_gan import seeding


class ImagePool:
    """The last images that were not yet replaced, in variables of a model.

    Until it is full, it keeps all images and gives them back. Then each image is given
    back as it is with probability 1/2; else it takes the place of a random one of the
    pool, which is given in its stead. Images of one batch never replace each other, and
    those of the batch that fills the pool that find no room are not kept.

    All replicas of a strategy have the same pool, of the images of all of them, so that
    the result does not depend on their number.

    Args:
        model: layer or model whose variables hold the pool, so that checkpoints save
            it.
        name: of the variables.
        size: images; at least as many as a batch of all replicas.
        shape: (height, width, channels) of an image.

    Example:

    ```python
    import keras
    import tensorflow as tf
    from keras_gan.models.image_pool import ImagePool

    pool = ImagePool(keras.layers.Layer(), "pool", size=2, shape=(8, 8, 1))
    first = tf.ones([2, 8, 8, 1])
    assert (pool.exchange(first, tf.constant([0, 1])) == first).numpy().all()
    ```

    Source: Shrivastava et al. 2016, arXiv 1612.07828, section 2.3; Zhu et al. 2017,
    arXiv 1703.10593, section 4.
    """

    def __init__(
        self, model: keras.layers.Layer, name: str, size: int, shape: tuple[int, ...]
    ):
        self.size = size
        common: dict[str, Any] = {
            "trainable": False,
            "initializer": "zeros",
            "aggregation": "only_first_replica",
        }
        # Half precision is finer than the 256 levels of a picture.
        self._images = model.add_weight(
            (size, *shape), dtype="float16", name=f"{name}_images", **common
        )
        self._count = model.add_weight(
            (), dtype="int64", name=f"{name}_count", **common
        )

    def exchange(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns what the discriminator is to see, and keeps images.

        Args:
            images: float32 [batch, height, width, channels], of this replica.
            seed: integers [2], of this step.

        Returns:
            The same shape.
        """
        context = tf.distribute.get_replica_context()
        replicas = context.num_replicas_in_sync
        if replicas == 1:
            return self._exchange(images, seed)
        rows = tf.shape(images)[0]
        first = context.replica_id_in_sync_group * rows
        # Each replica fills its own rows with zeros around, so the sum has all rows.
        others = [[first, (replicas - 1) * rows - first], [0, 0], [0, 0], [0, 0]]
        everyones = context.all_reduce("SUM", tf.pad(images, others))
        return self._exchange(everyones, seed)[first : first + rows]

    def _exchange(self, images, seed):
        rows = tf.shape(images, "int64")[0]
        drawn = seeding.shared_uniform(self.size + rows, seed)
        order = tf.argsort(drawn[: self.size])[:rows]
        replaced = drawn[self.size :] < 0.5
        count, places = self._count.value, self._count + tf.range(rows)
        full = count >= self.size
        slots = tf.where(full, tf.cast(order, "int64"), places % self.size)
        # GPUs have no kernel that puts rows in half precision in their places.
        pool = tf.cast(self._images.value, "float32")
        old = tf.gather(pool, slots)

        def each(condition):
            return tf.reshape(condition, [-1, 1, 1, 1])

        kept = tf.where(full, replaced, places < self.size)
        pool = tf.tensor_scatter_nd_update(
            pool, slots[:, tf.newaxis], tf.where(each(kept), images, old)
        )
        self._images.assign(tf.cast(pool, "float16"))
        self._count.assign(tf.minimum(count + rows, self.size))
        return tf.where(each(full & replaced), old, images)
