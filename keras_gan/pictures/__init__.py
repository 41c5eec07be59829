"""Pictures of what a model makes: grids, charts, sheets with words, and files."""

from keras_gan.pictures.charts import rendered
from keras_gan.pictures.drawings import Drawing, captions, drawing_of
from keras_gan.pictures.files import encoded, endless, save, save_animation, save_out
from keras_gan.pictures.grids import grid
from keras_gan.pictures.sheets import hstack, sheet, vstack

__all__ = [
    "Drawing",
    "captions",
    "drawing_of",
    "encoded",
    "endless",
    "grid",
    "hstack",
    "rendered",
    "save",
    "save_animation",
    "save_out",
    "sheet",
    "vstack",
]
