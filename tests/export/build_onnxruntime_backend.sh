#!/usr/bin/env bash
# Builds Triton's ONNX Runtime backend, which nvidia-pytriton lacks and test_triton.py
# needs: build_onnxruntime_backend.sh .serving/triton
# It needs git, curl and g++, and takes a minute or a few. NVIDIA's image has the backend.
set -euo pipefail
environment=$(realpath "$1")
release=r24.10 # of the server in nvidia-pytriton 0.7.0
onnxruntime=1.19.2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for part in core common backend onnxruntime_backend; do
  git clone -q --depth 1 -b $release https://github.com/triton-inference-server/$part
done
git clone -q --depth 1 https://github.com/Tencent/rapidjson
archive=onnxruntime-linux-x64-$onnxruntime.tgz
curl -fsSL https://github.com/microsoft/onnxruntime/releases/download/v$onnxruntime/$archive |
  tar xz --strip-components 1 --one-top-level=onnxruntime

target=$(echo "$environment"/lib/python3.*/site-packages/pytriton/tritonserver/backends)/onnxruntime
mkdir -p "$target"
cp -L onnxruntime/lib/libonnxruntime.so.1 "$target"
g++ -std=c++17 -O1 -fPIC -shared -o "$target/libtriton_onnxruntime.so" \
  -DTRITON_ENABLE_STATS -DTRITON_MIN_COMPUTE_CAPABILITY=6.0 \
  -Icore/include -Icommon/include -Ibackend/include -Irapidjson/include \
  -Ionnxruntime/include \
  onnxruntime_backend/src/*.cc backend/src/backend_*.cc \
  common/src/{async_work_queue,thread_pool,error}.cc \
  "$target/libonnxruntime.so.1" -Wl,-rpath,'$ORIGIN' -lpthread -ldl
