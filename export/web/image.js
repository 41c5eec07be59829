import { $, config, drawn, halved, ort, pixels, runtime, save, sessionOf, show, start, takeFiles, valuesOf, withLabels } from "./common.js";

const SIZES = [128, 256, 512, 768, 1024]; // pixels; at 1024 a large model fills the memory of a page
const USUAL_SIZE = 256;
const SMALL = 160; // pixels; of smaller pictures each pixel is shown as a square
const CAMERA_FAULTS = {
  NotAllowedError: "The browser does not let this page use the camera. Allow it in the settings of this page, or choose a file.",
  NotFoundError: "No camera was found. Choose a file.",
  NotReadableError: "Another program is using the camera. Close it, or choose a file.",
};
const SLOW = 1; // seconds of a translation from which a graphics processor is worth its download of 27 MB
const SAME = 2 / 255; // of the range: how far its pictures may be from the processor's
const state = { picture: null, way: 0, done: 0, slow: SLOW, graphics: [] };
window.state = state; // for tests, and for the curious
const sessions = [];
let stream = null;

// Each direction is loaded when it is first needed.
function loaded(way) {
  sessions[way] ??= sessionOf(config.directions[way].file).catch((error) => {
    sessions[way] = undefined; // so that the next try asks again
    throw error;
  });
  return sessions[way];
}

async function take(file) {
  let picture;
  try {
    picture = await createImageBitmap(file); // upright, as its EXIF data say
  } catch {
    $("said").textContent = `${file.name} is not a picture that this browser can read.`;
    return;
  }
  give(picture);
}

function give(picture) {
  closeCamera();
  state.picture = picture;
  return translate();
}

// The size of a picture that the model sees: the visitor's choice, or the model's only size, at most.
function sizeOf(picture, direction) {
  const most = direction.sides.map((side) => side ?? Number($("size").value));
  const scale = Math.min(1, most[0] / picture.height, most[1] / picture.width);
  return [picture.height, picture.width].map((side) => Math.max(1, Math.round(side * scale)));
}

let busy = false, again = false;
async function translate() {
  if (state.picture === null) return;
  // Choices change faster than pictures are made; the ones in between are left out.
  if (busy) { again = true; return; }
  busy = true;
  do {
    again = false;
    try {
      await translateOnce();
    } catch (error) {
      $("said").textContent = `The picture could not be translated (${error.message ?? error}). Try a smaller size.`;
    }
  } while (again);
  busy = false;
  state.done += 1;
}

async function translateOnce() {
  const { picture, way } = state;
  const direction = config.directions[way];
  const [given, made] = direction.channels;
  const size = sizeOf(picture, direction);
  const canvas = drawn(halved(picture, size[1], size[0]), size[1], size[0], 0, 0, size[1], size[0]);
  const values = valuesOf(canvas, given, direction.ranges[0]);
  const seen = pixels(values, [...size, given], direction.ranges[0]);
  display("original", seen);
  display("result", seen); // pale, until the result is there
  const smaller = size[0] < picture.height || size[1] < picture.width;
  const from = smaller ? `, made smaller from ${picture.width} × ${picture.height}` : "";
  $("of-original").textContent = `Your picture, ${size[1]} × ${size[0]} pixels${from}`;
  $("of-result").textContent = "";
  $("result").classList.add("waiting");
  $("pair").hidden = false;
  $("save").disabled = true;
  $("said").textContent = "";
  const session = state.graphics[way]?.faster ?? (await loaded(way));
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  const tell = () => ($("said").textContent = `Translating ... ${Math.floor(seconds())} s`);
  tell();
  const clock = setInterval(tell, 500);
  $("progress").hidden = false;
  try {
    const [tensor, window] = extended(values, size, direction);
    const feeds = withLabels({ [direction.input]: tensor }, [Number($("class").value)]);
    const kept = copied(feeds, ort); // the worker that computes takes the arrays away
    const result = (await session.run(feeds))[direction.output];
    if (seconds() > state.slow) tryGraphics(way, kept, result, seconds());
    display("result", pixels(cut(result, window, size), [...size, made], direction.ranges[1]));
  } finally {
    clearInterval(clock);
    $("progress").hidden = true;
  }
  $("of-result").textContent = direction.name ? `Translation, ${direction.name}` : "Result";
  $("result").classList.remove("waiting");
  $("save").disabled = false;
  const where = state.graphics[way]?.faster === session ? ", on the graphics processor" : "";
  $("said").textContent = `Done in ${seconds().toFixed(1)} s${where}.`;
}

function copied(feeds, { Tensor }) {
  const copies = Object.entries(feeds).map(([name, { type, data, dims }]) => [name, new Tensor(type, data.slice(), dims)]);
  return Object.fromEntries(copies);
}

// Computes a picture once more on a graphics processor, which gets all others if it made the same one in less time.
async function tryGraphics(way, feeds, result, seconds) {
  if (state.graphics[way] || !navigator.gpu) return;
  const outcome = (state.graphics[way] = { problem: null });
  try {
    if (!(await navigator.gpu.requestAdapter())) throw new Error("no adapter");
    const { file, output, ranges: [, [low, high]] } = config.directions[way];
    const gpu = await runtime("webgpu");
    const session = await gpu.InferenceSession.create(file, { executionProviders: ["webgpu"] });
    const run = (given) => session.run(copied(given, gpu));
    await run(feeds); // compiles
    const start = performance.now();
    const { data } = (await run(feeds))[output];
    outcome.seconds = (performance.now() - start) / 1000;
    outcome.apart = data.reduce((most, x, i) => Math.max(most, Math.abs(x - result.data[i])), 0) / (high - low);
    if (outcome.seconds < seconds && outcome.apart <= SAME) outcome.faster = { run };
  } catch (error) {
    outcome.problem = String(error); // the processor goes on
  }
}

function display(id, data) {
  show($(id), data);
  $(id).classList.toggle("smooth", Math.max(data.width, data.height) > SMALL);
}

// Reflection fills a picture up on all sides to what the model takes; also where the picture is in the result.
function extended(values, [height, width], { sides, multiple, channels: [channels] }) {
  const lengths = [height, width].map((side, i) => sides[i] ?? Math.ceil(side / multiple) * multiple);
  const before = [Math.floor((lengths[0] - height) / 2), Math.floor((lengths[1] - width) / 2)];
  const rows = places(lengths[0], before[0], height), columns = places(lengths[1], before[1], width);
  const filled = new Float32Array(lengths[0] * lengths[1] * channels);
  let next = 0;
  for (const row of rows) {
    for (const column of columns) {
      for (let c = 0; c < channels; c++) filled[next++] = values[(row * width + column) * channels + c];
    }
  }
  return [new ort.Tensor("float32", filled, [1, ...lengths, channels]), before];
}

function places(length, before, side) {
  const period = Math.max(1, 2 * (side - 1));
  return Array.from({ length }, (_, i) => {
    const place = (((i - before) % period) + period) % period;
    return place < side ? place : period - place;
  });
}

function cut({ data, dims: [, , wide, channels] }, [top, left], [height, width]) {
  const values = new Float32Array(height * width * channels);
  for (let row = 0; row < height; row++) {
    const start = ((top + row) * wide + left) * channels;
    values.set(data.subarray(start, start + width * channels), row * width * channels);
  }
  return values;
}

async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) {
    $("said").textContent = "The browser gives its camera to pages from https or localhost alone. Choose a file.";
    return;
  }
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch (error) {
    $("said").textContent = CAMERA_FAULTS[error.name] ?? `The camera cannot be used (${error.name}). Choose a file.`;
    return;
  }
  $("said").textContent = "";
  $("video").srcObject = stream;
  $("live").hidden = false;
  $("camera").hidden = true;
}

function closeCamera() {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  $("live").hidden = true;
  $("camera").hidden = false;
}

async function shoot() {
  if ($("video").videoWidth) give(await createImageBitmap($("video")));
}

function choose(way) {
  state.way = way;
  [...$("directions").children].forEach((button, i) => button.setAttribute("aria-pressed", i === way));
  return translate();
}

function build() {
  config.directions.forEach(({ name }, way) => {
    const button = document.createElement("button");
    button.textContent = name;
    button.onclick = () => choose(way);
    $("directions").append(button);
  });
  $("directions").hidden = config.directions.length < 2;
  choose(0);
  $("sizes").hidden = config.directions.every(({ sides }) => !sides.includes(null));
  for (const size of SIZES) $("size").add(new Option(`${size} pixels`, size, false, size === USUAL_SIZE));
  config.classes?.forEach((name, label) => $("class").add(new Option(name, label)));
  $("classes").hidden = !config.classes;
  $("size").onchange = translate;
  $("class").onchange = translate;
  $("camera").onclick = openCamera;
  $("shoot").onclick = shoot;
  $("stop").onclick = closeCamera;
  const part = () => config.directions[state.way].name.replaceAll(" ", "-");
  $("save").onclick = () => save($("result"), [config.name, part()].filter(Boolean).join("-"));
  takeFiles(take);
}

await start(async () => {
  ort.env.wasm.proxy = true; // computes beside the page, which stays alive
  build();
  await loaded(0);
});
