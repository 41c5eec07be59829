"""A small HTTP server for exported ONNX files: `keras-gan serve serving/`.

It stands alone: it imports neither TensorFlow nor Keras, and so neither `keras_gan` nor
`export`. docs/server.md says what it offers and what it is measured to do.
"""
