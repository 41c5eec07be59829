const $ = (id) => document.getElementById(id);
let ort;

async function loadRuntime() {
  const runtime = new URL(config.runtime, location.href).href;
  ort = await import(`${runtime}ort.wasm.min.mjs`);
  ort.env.wasm.wasmPaths = runtime;
  ort.env.wasm.numThreads = 1; // more would need a server that isolates the page
}

function withLabels(feeds, labels) {
  if (!config.classes) return feeds;
  return { ...feeds, label: new ort.Tensor("int64", BigInt64Array.from(labels, BigInt), [labels.length]) };
}

// A picture at most twice as large as a size. A browser that makes it much smaller at once leaves pixels out.
function halved(picture, width, height) {
  let [source, wide, tall] = [picture, picture.width, picture.height];
  while (wide > 2 * width || tall > 2 * height) {
    [wide, tall] = [Math.max(width, Math.ceil(wide / 2)), Math.max(height, Math.ceil(tall / 2))];
    source = drawn(source, wide, tall, 0, 0, wide, tall);
  }
  return source;
}

function drawn(source, width, height, ...place) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(source, ...place);
  return canvas;
}

// The pixels of a canvas as the values that a model takes: grey or colours, with or without transparency.
function valuesOf(canvas, channels, [low, high]) {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const values = new Float32Array(height * width * channels);
  const opaque = channels % 2 === 1;
  let next = 0;
  const put = (level) => (values[next++] = low + (Math.round(level) * (high - low)) / 255);
  for (let i = 0; i < data.length; i += 4) {
    const alpha = data[i + 3];
    // Over white if the model knows no transparency.
    const colour = (c) => (opaque ? 255 + ((data[i + c] - 255) * alpha) / 255 : data[i + c]);
    if (channels < 3) put(0.299 * colour(0) + 0.587 * colour(1) + 0.114 * colour(2));
    else for (let c = 0; c < 3; c++) put(colour(c));
    if (!opaque) put(alpha);
  }
  return values;
}

function pixels(values, [height, width, channels], [low, high]) {
  const data = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 4; c++) {
      const from = channels < 3 && c < 3 ? 0 : c;
      const alpha = channels % 2 === 0 ? channels - 1 : null;
      const at = c === 3 ? alpha : from;
      // A clamped array rounds half to even, as NumPy does.
      data.data[4 * i + c] = at === null ? 255 : ((values[i * channels + at] - low) * 255) / (high - low);
    }
  }
  return data;
}

function show(canvas, data) {
  canvas.width = data.width;
  canvas.height = data.height;
  canvas.getContext("2d").putImageData(data, 0, 0);
}

function save(canvas, name) {
  const link = document.createElement("a");
  link.download = `${name}.png`;
  link.href = canvas.toDataURL("image/png");
  link.click();
}

// Gives `take` each file that a visitor chooses, or drops on the area for that.
function takeFiles(take) {
  $("file").onchange = () => $("file").files[0] && take($("file").files[0]);
  // A page without this opens what is dropped beside the area.
  for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
  $("drop").ondragover = () => $("drop").classList.add("over");
  $("drop").ondragleave = () => $("drop").classList.remove("over");
  $("drop").ondrop = (event) => {
    $("drop").classList.remove("over");
    const [file] = event.dataTransfer.files;
    if (file) take(file);
  };
}
