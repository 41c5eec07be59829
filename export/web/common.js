// What the pages share: the model and its runtime, pictures as values, and files of visitors.

export const $ = (id) => document.getElementById(id);
export let ort;

async function json(file) {
  try {
    return await (await fetch(file)).json();
  } catch (error) {
    $("status").textContent = `This page could not start: ${file} cannot be read (${error.message}).`;
    throw error;
  }
}

export const config = await json("config.json");

// Runs what starts a page; if it fails, the visitor reads why.
export async function start(begin) {
  try {
    ort = await runtime("wasm");
    // A browser shares memory between threads if the server isolates the page.
    ort.env.wasm.numThreads = crossOriginIsolated ? Math.min(4, Math.ceil(navigator.hardwareConcurrency / 2)) : 1;
    await begin();
    document.querySelector("main").hidden = false;
  } catch (error) {
    $("status").textContent = `This page could not start: ${error.message ?? error}`;
    $("progress").hidden = true;
    throw error;
  }
}

// ONNX Runtime: "wasm" computes on the processor, "webgpu" on a graphics processor.
export async function runtime(kind) {
  const address = new URL(config.runtime, location.href).href;
  const found = await import(`${address}ort.${kind}.min.mjs`);
  found.env.wasm.wasmPaths = address;
  return found;
}

// Loads a file of the model, says how far it is, and compares its hash with that of the export.
export async function sessionOf(file) {
  $("progress").hidden = false;
  try {
    const bytes = await download(file);
    const known = config.files[file].sha256;
    const found = await sha256(bytes);
    if (found !== null && found !== known) throw new Error(`${file} is not the file that was exported with this page`);
    const session = await ort.InferenceSession.create(bytes);
    fact(`SHA-256 of ${file}`, found === null ? `${known} (not checked: browsers do that over https alone)` : `${known} (checked)`);
    $("status").textContent = "The model runs in your browser; nothing is sent anywhere.";
    return session;
  } catch (error) {
    $("status").textContent = `The model could not be loaded: ${error.message ?? error}`;
    throw error;
  } finally {
    $("progress").hidden = true;
  }
}

async function download(file) {
  const answer = await fetch(file);
  if (!answer.ok) throw new Error(`${file} is not there (${answer.status})`);
  const size = config.files[file].bytes;
  const megabytes = (count) => (count / 1e6).toFixed(1);
  const parts = [];
  let done = 0;
  for (const reader = answer.body.getReader(); ; ) {
    const { done: end, value } = await reader.read();
    if (end) break;
    parts.push(value);
    done += value.length;
    $("progress").value = done / size;
    $("status").textContent = `Loading the model: ${megabytes(done)} of ${megabytes(size)} MB`;
  }
  $("progress").removeAttribute("value");
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

// Null where the browser does not offer it: on pages that come neither over https nor from this machine.
async function sha256(bytes) {
  if (!crypto.subtle) return null;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fact(name, value) {
  const [term, description] = ["dt", "dd"].map((tag) => document.createElement(tag));
  [term.textContent, description.textContent] = [name, value];
  $("facts").append(term, description);
}

for (const [name, value] of await json("facts.json")) fact(name, value);

export function withLabels(feeds, labels) {
  if (!config.classes) return feeds;
  return { ...feeds, label: new ort.Tensor("int64", BigInt64Array.from(labels, BigInt), [labels.length]) };
}

// A picture at most twice as large as a size. A browser that makes it much smaller at once leaves pixels out.
export function halved(picture, width, height) {
  let [source, wide, tall] = [picture, picture.width, picture.height];
  while (wide > 2 * width || tall > 2 * height) {
    [wide, tall] = [Math.max(width, Math.ceil(wide / 2)), Math.max(height, Math.ceil(tall / 2))];
    source = drawn(source, wide, tall, 0, 0, wide, tall);
  }
  return source;
}

export function drawn(source, width, height, ...place) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(source, ...place);
  return canvas;
}

// The pixels of a canvas as the values that a model takes: grey or colours, with or without transparency.
export function valuesOf(canvas, channels, [low, high]) {
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

export function pixels(values, [height, width, channels], [low, high]) {
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

export function show(canvas, data) {
  canvas.width = data.width;
  canvas.height = data.height;
  canvas.getContext("2d").putImageData(data, 0, 0);
}

export function save(canvas, name) {
  const link = document.createElement("a");
  link.download = `${name}.png`;
  link.href = canvas.toDataURL("image/png");
  link.click();
}

// Gives `take` each file that a visitor chooses, or drops on the area for that.
export function takeFiles(take) {
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
