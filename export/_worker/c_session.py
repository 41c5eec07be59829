"""A SavedModel in TensorFlow's C++ loader, the one inside TensorFlow Serving.

Python takes no part in what is computed: arrays go in and come out through the C API
of the library that every TensorFlow wheel contains.
"""

import ctypes
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_void_p
from pathlib import Path

import numpy as np
import tensorflow as tf

_STRING_BYTES = 24  # of a TF_TString, the element of a string tensor


class _Buffer(ctypes.Structure):
    _fields_ = (
        ("data", c_void_p),
        ("length", c_size_t),
        ("data_deallocator", c_void_p),
    )


class _Output(ctypes.Structure):
    _fields_ = (("operation", c_void_p), ("index", c_int))


_PROTOTYPES = {
    "TF_NewStatus": (c_void_p,),
    "TF_GetCode": (c_int, c_void_p),
    "TF_Message": (c_char_p, c_void_p),
    "TF_NewGraph": (c_void_p,),
    "TF_NewSessionOptions": (c_void_p,),
    "TF_NewBuffer": (POINTER(_Buffer),),
    "TF_LoadSessionFromSavedModel": (
        *(c_void_p, c_void_p, c_void_p, c_char_p, POINTER(c_char_p), c_int),
        *(c_void_p, POINTER(_Buffer), c_void_p),
    ),
    "TF_GraphOperationByName": (c_void_p, c_void_p, c_char_p),
    "TF_AllocateTensor": (c_void_p, c_int, POINTER(c_int64), c_int, c_size_t),
    "TF_TensorData": (c_void_p, c_void_p),
    "TF_TensorByteSize": (c_size_t, c_void_p),
    "TF_TensorType": (c_int, c_void_p),
    "TF_NumDims": (c_int, c_void_p),
    "TF_Dim": (c_int64, c_void_p, c_int),
    "TF_DeleteTensor": (None, c_void_p),
    "TF_StringInit": (None, c_void_p),
    "TF_StringCopy": (None, c_void_p, c_char_p, c_size_t),
    "TF_StringGetDataPointer": (c_void_p, c_void_p),
    "TF_StringGetSize": (c_size_t, c_void_p),
    "TF_SessionRun": (
        *(None, c_void_p, c_void_p),
        *(POINTER(_Output), POINTER(c_void_p), c_int),
        *(POINTER(_Output), POINTER(c_void_p), c_int),
        *(c_void_p, c_int, c_void_p, c_void_p),
    ),
}


class CSession:
    """A SavedModel with the tag "serve", loaded for the life of the process.

    Args:
        path: folder of the SavedModel.

    Attributes:
        meta_graph: `MetaGraphDef` that the loader chose, with the signatures.
    """

    def __init__(self, path: str):
        self._c = ctypes.CDLL(str(Path(tf.__file__).with_name("libtensorflow_cc.so.2")))
        for name, (result, *arguments) in _PROTOTYPES.items():
            function = getattr(self._c, name)
            function.restype, function.argtypes = result, arguments
        self._status = self._c.TF_NewStatus()
        self._graph = self._c.TF_NewGraph()
        meta_graph = self._c.TF_NewBuffer()
        self._session = self._c.TF_LoadSessionFromSavedModel(
            *(self._c.TF_NewSessionOptions(), None, path.encode()),
            *((c_char_p * 1)(b"serve"), 1, self._graph, meta_graph, self._status),
        )
        self._check()
        content = meta_graph.contents
        self.meta_graph = tf.compat.v1.MetaGraphDef.FromString(
            ctypes.string_at(content.data, content.length)
        )

    def run(self, signature: str, inputs: dict[str, np.ndarray]) -> dict:
        """Returns the outputs of a signature; an array of bytes objects for strings."""
        definition = self.meta_graph.signature_def[signature]
        names = list(definition.outputs)
        sources = [definition.inputs[name].name for name in inputs]
        targets = [definition.outputs[name].name for name in names]
        given = [self._tensor(array) for array in inputs.values()]
        tensors = (c_void_p * len(names))()
        self._c.TF_SessionRun(
            *(self._session, None),
            *(self._places(sources), (c_void_p * len(given))(*given), len(given)),
            *(self._places(targets), tensors, len(names)),
            *(None, 0, None, self._status),
        )
        for tensor in given:
            self._c.TF_DeleteTensor(tensor)
        self._check()
        return dict(zip(names, map(self._array, tensors), strict=True))

    def _check(self):
        if self._c.TF_GetCode(self._status) != 0:
            raise RuntimeError(self._c.TF_Message(self._status).decode())

    def _places(self, names):
        places = [name.split(":") for name in names]
        return (_Output * len(names))(
            *(
                _Output(
                    self._c.TF_GraphOperationByName(self._graph, name.encode()),
                    int(index),
                )
                for name, index in places
            )
        )

    def _tensor(self, array):
        array = np.ascontiguousarray(array)
        if array.dtype.kind in "OS":
            return self._tensor_of_strings(array)
        kind = tf.as_dtype(array.dtype).as_datatype_enum
        shape = (c_int64 * array.ndim)(*array.shape)
        tensor = self._c.TF_AllocateTensor(kind, shape, array.ndim, array.nbytes)
        ctypes.memmove(
            self._c.TF_TensorData(tensor), array.ctypes.data_as(c_void_p), array.nbytes
        )
        return tensor

    def _tensor_of_strings(self, array):
        shape = (c_int64 * array.ndim)(*array.shape)
        kind, size = tf.string.as_datatype_enum, array.size * _STRING_BYTES
        tensor = self._c.TF_AllocateTensor(kind, shape, array.ndim, size)
        data = self._c.TF_TensorData(tensor)
        for i, text in enumerate(array.flat):
            place = data + i * _STRING_BYTES
            self._c.TF_StringInit(place)
            self._c.TF_StringCopy(place, bytes(text), len(text))
        return tensor

    def _array(self, tensor):
        kind = tf.as_dtype(self._c.TF_TensorType(tensor))
        dimensions = range(self._c.TF_NumDims(tensor))
        shape = [self._c.TF_Dim(tensor, i) for i in dimensions]
        data = self._c.TF_TensorData(tensor)
        if kind == tf.string:
            places = [data + i * _STRING_BYTES for i in range(int(np.prod(shape)))]
            array = np.empty(shape, object)
            array.flat = [self._string(place) for place in places]
        else:
            content = ctypes.string_at(data, self._c.TF_TensorByteSize(tensor))
            array = np.frombuffer(content, kind.as_numpy_dtype).reshape(shape)
        self._c.TF_DeleteTensor(tensor)
        return array

    def _string(self, place):
        start = self._c.TF_StringGetDataPointer(place)
        return ctypes.string_at(start, self._c.TF_StringGetSize(place))
